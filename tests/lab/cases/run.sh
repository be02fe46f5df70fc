# shellcheck shell=bash
# A command in the guest: its streams, its status, its terminal, its end.

# command_root: set `root` to a folder with busybox in it, which is the guest's root.
command_root() {
	local applet
	root=$work/root
	mkdir -p "$root"/{bin,etc}
	cp "$(command -v busybox)" "$root/bin/busybox"
	for applet in sh cat id stty tty sort head yes sleep dd; do ln -s busybox "$root/bin/$applet"; done
	printf 'root:x:0:0::/root:/bin/sh\njoe:x:1000:100::/home/joe:/bin/sh\n' >"$root/etc/passwd"
}

# run_command ARG...: vmm with standard output in $work/out and standard error in $work/err; sets `status`.
run_command() {
	rm -f "$work"/{out,err,result}
	status=0
	"$vmm" --kernel "$LAB_CLOUD_KERNEL" --append "$quick_words" --result "$work/result" "$@" <"$input" >"$work/out" 2>"$work/err" || status=$?
}

# expect_output TEXT: all that is on standard output.
expect_output() { [[ $(<"$work/out") == "$1" ]] || fail "standard output is not: $1"; }

lab_case run_streams_and_status
case_run_streams_and_status() {
	command_root
	input=$work/in
	printf 'first\nlast' >"$input"
	# shellcheck disable=SC2016  # the guest's shell expands
	run_command --rootfs "$root" --env A=b --env A=c --cwd /etc --guest-user joe --name guest-7 -- \
		sh -c 'cat; echo; pwd; id -u; id -g; echo $A $HOME; cat /proc/sys/kernel/hostname
			echo problem >/dev/stderr; (sleep 1000 &); exit 42'
	expect_end 42 exit
	expect_output $'first\nlast\n/etc\n1000\n100\nc /home/joe\nguest-7'
	[[ $(<"$work/err") == problem ]] || fail "standard error is not: problem"
}

lab_case run_without_input
case_run_without_input() {
	status=0
	command_root
	"$vmm" --kernel "$LAB_CLOUD_KERNEL" --result "$work/result" --rootfs "$root" -- \
		sh -c 'cat; echo seen; kill -KILL $$' <&- >"$work/out" 2>"$work/err" || status=$?
	expect_end 137 exit
	expect_output seen
}

lab_case run_what_is_not_there
case_run_what_is_not_there() {
	command_root
	run_command --rootfs "$root" -- no-such-program
	expect_end 127 error
	grep -Fxq "vmm: cannot execute 'no-such-program' in the guest: No such file or directory" "$work/err" ||
		fail "no such line on standard error"
	run_command --rootfs "$root" -- /etc/passwd
	expect_end 126 error
	run_command --rootfs "$root" --cwd /nowhere -- sh
	expect_end 125 error
	grep -Fxq "vmm: the guest's first process cannot change to /nowhere: No such file or directory" \
		"$work/err" || fail "no such line on standard error"
}

# 100 MB each way, and then many small writes behind one another.
lab_case run_loses_no_byte limit=400
case_run_loses_no_byte() {
	command_root
	input=$work/in
	head -c 100000000 /dev/urandom >"$input"
	run_command --rootfs "$root" -- sh -c 'cat; dd if=/dev/zero bs=1 count=1000000 2>/dev/null'
	expect_end 0 exit
	{ cat "$input"; head -c 1000000 /dev/zero; } | cmp - "$work/out" || fail "bytes were lost or changed"
	expect_silence
}

lab_case run_in_a_pipe_of_vms memory=2000
case_run_in_a_pipe_of_vms() {
	local vm
	command_root
	seq 1 500 | sort -R >"$root/numbers"
	vm=("$vmm" --kernel "$LAB_CLOUD_KERNEL" --append "$quick_words" --memory 192M --rootfs "$root")
	: >"$work/err"
	"${vm[@]}" -- cat /numbers | "${vm[@]}" -- sort -n | "${vm[@]}" -- head -n 7 >"$work/out"
	[[ "${PIPESTATUS[*]}" == "0 0 0" ]] || fail "statuses of the pipe: ${PIPESTATUS[*]}"
	expect_output "$(seq 1 7)"
}

# The reader goes away: the command hears of it as it would here.
lab_case run_without_a_reader
case_run_without_a_reader() {
	local statuses='0 0'
	command_root
	"$vmm" --kernel "$LAB_CLOUD_KERNEL" --rootfs "$root" -- yes </dev/null 2>"$work/err" | head -n 2 >"$work/out" ||
		statuses="${PIPESTATUS[*]}"
	[[ $statuses == "141 0" ]] || fail "statuses of the pipe: $statuses"
	expect_output $'y\ny'
}

lab_case run_passes_signals_on
case_run_passes_signals_on() {
	command_root
	vmm_start --kernel "$LAB_CLOUD_KERNEL" --rootfs "$root" -- \
		sh -c 'trap "echo asked; exit 9" TERM; echo ready; while :; do sleep 1; done'
	await ready 100
	kill -TERM "$vmm_pid"
	vmm_wait
	expect_end 9 exit
	expect_line asked
}

# What can end a command or its guest: STATUS REASON, and words for vmm. `end` is in the guest, and made below.
endings=(
	"0 exit -- end with 0"
	"1 exit -- end with 1"
	"42 exit -- end with 42"
	"255 exit -- end with 255"
	"137 exit -- end by signal"
	"127 error -- no-such-program"
	"126 error -- /etc/passwd"
	"255 panic -- end by panic"
	"255 panic -- end by init"
	"255 panic --append=reboot=t -- end by reset"
	"1 fail-on --fail-on=oops -- end by oops"
	"124 timeout --timeout=45 -- end never"
)

# ending_root: the root, with the program `end`. A first process whose code is gone dies of a fault, which is the only
# way for it to die.
ending_root() {
	command_root
	cat >"$root/bin/end" <<'END'
#!/bin/sh
echo begun
code_of_init() {
	while read -r range rights _; do
		case $rights in r-x*) first=$((0x${range%-*} / 4096)) after=$((0x${range#*-} / 4096)); return ;; esac
	done </proc/1/maps
}
case "$*" in
"with "*) exit $2 ;;
"by signal") kill -KILL $$ ;;
"by panic") echo c >/proc/sysrq-trigger ;;
"by init") code_of_init; dd if=/dev/zero of=/proc/1/mem bs=4096 seek=$first count=$((after - first)) conv=notrunc ;;
"by reset") busybox reboot -f ;;
"by oops") echo '<0>BUG: injected by a test' >/dev/kmsg ;;
esac
[ "$*" = "by init" ] || sleep 1000
END
	chmod +x "$root/bin/end"
}

# Standard input of each kind. These run vmm, whose words come with them.
input_file() { "$@" <"$root/etc/passwd" >"$work/out"; }
input_pipe() { cat "$root/etc/passwd" | "$@" >"$work/out"; }
input_null() { "$@" </dev/null >"$work/out"; }
input_closed() { "$@" <&- >"$work/out"; }
# A terminal, which the command is not given, or is.
input_T() { on_terminal "$1" --no-terminal "${@:2}"; }
input_t() { on_terminal "$1" --terminal "${@:2}"; }
on_terminal() { script -qec "$(printf '%q ' "$@")2>$work/err" /dev/null </dev/null >"$work/out"; }

# each_ending INPUT...: every one of them, with one of these kinds in turn.
each_ending() {
	local ending wanted reason words kinds=("$@") i=0 kind vm
	ending_root
	vm=("$vmm" --kernel "$LAB_CLOUD_KERNEL" --append "$quick_words" --memory 128M --rootfs "$root" --result "$work/result")
	for ending in "${endings[@]}"; do
		read -r wanted reason words <<<"$ending"
		kind=${kinds[i++ % ${#kinds[@]}]}
		status=0
		: >"$work/err"
		# shellcheck disable=SC2086  # words without spaces
		"input_$kind" "${vm[@]}" $words 2>>"$work/err" || status=$?
		echo "input from $kind: $words"
		expect_end "$wanted" "$reason"
		[[ $words != *"-- end "* ]] || expect_text 'begun$'
		[[ $reason != panic || $words == *reset ]] || grep -q 'Kernel panic - not syncing' "$work/err" ||
			fail "no panic on standard error"
	done
}

lab_case run_each_end limit=400
case_run_each_end() { each_ending file pipe null closed T; }

lab_case run_each_end_on_a_terminal limit=400
case_run_each_end_on_a_terminal() { each_ending t; }

# A root disk that is written to is clean afterwards, without the command having done anything for it.
lab_case run_on_a_disk
case_run_on_a_disk() {
	root_copy
	run_command --rootfs "$disk" -- sh -c 'echo kept >/root/file; mount | grep -c " / type ext4 (rw"'
	expect_end 0 exit
	expect_output 1
	e2fsck -fn "$disk" || fail "the file system is not clean"
	[[ $(debugfs -R 'cat /root/file' "$disk" 2>/dev/null) == kept ]] || fail "what was written is not there"
}

lab_case run_on_a_terminal
case_run_on_a_terminal() {
	command_root
	python3 "$top/tests/pty/command.py" "$vmm" --kernel "$LAB_CLOUD_KERNEL" --rootfs "$root" ||
		fail "see above"
}
