# shellcheck shell=bash
# A command in the guest: its streams, its status, its terminal, its end.

# command_root: set `root` to a folder with busybox in it, which is the guest's root.
command_root() {
	local applet
	root=$work/root
	mkdir -p "$root"/{bin,etc}
	cp "$(command -v busybox)" "$root/bin/busybox"
	for applet in sh cat id stty tty sort head yes sleep dd insmod grep; do ln -s busybox "$root/bin/$applet"; done
	printf 'root:x:0:0::/root:/bin/sh\njoe:x:1000:100::/home/joe:/bin/sh\n' >"$root/etc/passwd"
}

# run_command ARG...: vmm with standard output in $work/out and standard error in $work/err; sets `status`.
run_command() {
	rm -f "$work"/{out,err,result}
	status=0
	"$vmm" --kernel "$LAB_CLOUD_KERNEL" --append "$quick_words" --result "$work/result" "$@" <"$input" >"$work/out" 2>"$work/err" || status=$?
}

# quick_vm: set `vm` to a vmm with the kernel that is up soonest, and its modules, which its file does not lead to.
quick_vm() {
	vm=("$vmm" --kernel "$LAB_CLOUD_VMLINUX" --modules "$(echo "${LAB_CLOUD_KERNEL%/boot/*}"/lib/modules/*)" --append "$quick_words"
		--rootfs "$root" --result "$work/result")
}

# quick_command ARG...: as run_command, with that one.
quick_command() {
	quick_vm
	rm -f "$work"/{out,err,result}
	status=0
	"${vm[@]}" "$@" <"$input" >"$work/out" 2>"$work/err" || status=$?
}

# start_command ARG...: the same in the background; vmm_wait waits for it. With job control, as a shell without it has its
# background jobs ignore SIGINT and SIGQUIT.
start_command() {
	quick_vm
	rm -f "$work"/{out,err,result}
	: >"$work/out"
	set -m
	"${vm[@]}" "$@" <"$input" >"$work/out" 2>"$work/err" &
	vmm_pid=$!
	set +m
}

# expect_error TEXT: a whole line of standard error.
expect_error() { grep -Fxq -- "$1" "$work/err" || fail "no line on standard error: $1"; }

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
	expect_times start guest_start_us init_us command_start_us command_end_us end_us
}

# expect_times NAME...: the result has these, each later than the one before, and the first is the text of a date.
expect_times() {
	python3 - "$work/result" "$@" <<-'PY' || fail "the times of the result are not as they should be"
		import json, sys
		times = json.load(open(sys.argv[1]))["times"]
		print(times)
		values = [times[name] for name in sys.argv[3:]]
		sys.exit(not (times[sys.argv[2]].startswith("20") and 0 < values[0] and values == sorted(set(values))))
	PY
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

# What the command closes ends for its reader at once, and so the reader can let it go on.
lab_case run_ends_a_stream_that_is_closed
case_run_ends_a_stream_that_is_closed() {
	local statuses=''
	command_root
	quick_vm
	mkfifo "$work/in"
	exec 7<>"$work/in"
	# shellcheck disable=SC2016  # the guest's shell expands
	"${vm[@]}" -- sh -c 'echo text; exec >&-; read -r line; echo "$line" >&2; exit 5' <&7 2>"$work/err" | {
		cat >"$work/out"
		echo 'go on' >&7
	} || statuses="${PIPESTATUS[*]}"
	[[ $statuses == "5 0" ]] || fail "statuses of the pipe: $statuses"
	expect_output text
	expect_error 'go on'
}

# Each one by itself, as standard signals do not queue up. Only SIGTERM has a time limit, which the others would run into.
lab_case run_passes_signals_on
case_run_passes_signals_on() {
	local name
	command_root
	# shellcheck disable=SC2016  # the guest's shell expands
	start_command --grace 5 -- sh -c 'for name in HUP INT QUIT USR1 USR2 WINCH; do trap "echo got $name" $name; done
		trap "echo asked; exit 9" TERM; echo ready; while :; do sleep 1; done'
	await ready 100
	for name in HUP INT QUIT USR1 USR2 WINCH INT INT HUP; do
		: >"$work/out"
		kill -"$name" "$vmm_pid"
		await "got $name" 50
	done
	kill -TERM "$vmm_pid"
	vmm_wait
	expect_end 9 exit
	expect_line asked
}

# SIGINT is for the whole job, SIGUSR1 for the command alone: it would end its child.
lab_case run_signals_the_job_or_the_command
case_run_signals_the_job_or_the_command() {
	command_root
	# shellcheck disable=SC2016  # the guest's shell expands
	start_command -- sh -c 'trap heard=USR1 USR1; trap : INT
		sh -c "trap \"echo child: INT; exit\" INT; echo ready; while :; do sleep 1; done"
		until [ "$heard" ]; do sleep 1; done; echo command: $heard; exit 6'
	await ready 100
	kill -USR1 "$vmm_pid"
	kill -INT "$vmm_pid"
	vmm_wait
	expect_end 6 exit
	expect_line 'child: INT'
	expect_line 'command: USR1'
}

# A command that does not hear is left by SIGTERM twice, or by SIGINT three times.
lab_case run_ends_a_command_that_is_deaf
case_run_ends_a_command_that_is_deaf() {
	local name wanted
	command_root
	for wanted in TERM=143 INT=130; do
		name=${wanted%=*}
		# shellcheck disable=SC2016  # the guest's shell expands
		start_command --grace 1000 -- sh -c 'trap "" TERM INT; echo ready; sleep 1000'
		await ready 100
		kill -"$name" "$vmm_pid"
		sleep 1
		kill -0 "$vmm_pid" || fail "the first SIG$name ended it"
		while kill -"$name" "$vmm_pid" 2>/dev/null; do sleep 0.5; done
		vmm_wait
		expect_end "${wanted#*=}" signal
	done
}

# Without a command the others end the VM, by themselves, and not by its button.
lab_case run_no_command_for_a_signal
case_run_no_command_for_a_signal() {
	start_stock --append guest.run=wait
	await 'guest: ready' 100
	kill -USR1 "$vmm_pid"
	vmm_wait
	expect_end 138 signal
}

lab_case run_without_modules
case_run_without_modules() {
	command_root
	run_command --rootfs "$root" --modules none -- sh
	expect_end 255 panic
	expect_error "vmm: the command was not started, and the guest's kernel was given no modules: '--modules DIR' names where they are"
}

# The first process cannot mount the root, or there is none that the kernel can start: what the kernel said is shown.
lab_case run_shows_why_it_does_not_begin
case_run_shows_why_it_does_not_begin() {
	command_root
	truncate -s 16M "$work/blank"
	run_command --rootfs "$work/blank" -- sh
	expect_end 125 error
	expect_error "vmm: the guest's first process cannot mount /dev/vda: Invalid argument"
	grep -Eq '^<[0-9]>\[ *[0-9.]+\] virtio_blk virtio[0-9]+: \[vda\] 32768 512-byte' "$work/err" ||
		fail "the kernel's log is not on standard error"
	quick_command --append rdinit=/nowhere -- sh
	expect_end 255 panic
	grep -q 'Kernel panic - not syncing: VFS' "$work/err" || fail "no panic on standard error"
}

# What can end a command or its guest: STATUS REASON, and words for vmm. `end` is in the guest, and made below.
endings=(
	"0 exit -- end with 0"
	"1 exit -- end with 1"
	"42 exit -- end with 42"
	"255 exit -- end with 255"
	"137 exit -- end by signal"
	"137 exit -- end by memory"
	"127 error -- no-such-program"
	"126 error -- /etc/passwd"
	"125 error --memory=32M -- end with 0"
	"255 panic -- end by panic"
	"255 panic -- end by init"
	"255 panic --append=reboot=t -- end by reset"
	"1 fail-on --fail-on=oops -- end by oops"
)
hang="124 timeout --timeout=60 -- end never"

# ending_root: the root, with the program `end`. A first process whose code is gone dies of a fault, which is the only
# way for it to die. Memory is taken piece by piece, as more than there is would be refused at once.
ending_root() {
	command_root
	oops_module "$root/oops.ko"
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
"by memory") exec busybox awk 'BEGIN { s = sprintf("%65536s", ""); for (;;) a[n++] = s }' ;;
"by panic") echo c >/proc/sysrq-trigger ;;
"by init") code_of_init; dd if=/dev/zero of=/proc/1/mem bs=4096 seek=$first count=$((after - first)) conv=notrunc ;;
"by reset") busybox reboot -f ;;
"by oops") insmod /oops.ko ;;
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

# one_ending KIND ENDING: with standard input of this kind.
one_ending() {
	local wanted reason words vm
	read -r wanted reason words <<<"$2"
	quick_vm
	[[ $words == --memory=* ]] || vm+=(--memory 128M)
	status=0
	: >"$work/err"
	# shellcheck disable=SC2086  # words without spaces
	"input_$1" "${vm[@]}" $words 2>>"$work/err" || status=$?
	echo "input from $1: $words"
	expect_end "$wanted" "$reason"
	[[ $words != *"-- end "* || $wanted == 125 ]] || expect_text 'begun$'
	case $words in
	*panic | *init) expect_said 'Kernel panic - not syncing' ;;
	*oops) expect_said 'BUG: kernel NULL pointer dereference' ;;
	--memory=*) expect_said '^vmm: .*--memory' ;;
	esac
}

expect_said() { grep -Eq -- "$1" "$work/err" || fail "nothing on standard error matches: $1"; }

# each_ending KIND: every one of them with an input of this kind. What never ends waits beside the others.
each_ending() {
	local ending hanging
	ending_root
	mkdir "$work/hang"
	(
		work=$work/hang
		one_ending "$1" "$hang"
	) &
	hanging=$!
	for ending in "${endings[@]}"; do one_ending "$1" "$ending"; done
	wait "$hanging" || fail "the one that hangs did not end as it should: see above"
}

lab_case run_each_end_with_a_file limit=400
case_run_each_end_with_a_file() { each_ending file; }

lab_case run_each_end_with_a_pipe limit=400
case_run_each_end_with_a_pipe() { each_ending pipe; }

lab_case run_each_end_with_null limit=400
case_run_each_end_with_null() { each_ending null; }

lab_case run_each_end_without_input limit=400
case_run_each_end_without_input() { each_ending closed; }

lab_case run_each_end_on_a_terminal limit=400
case_run_each_end_on_a_terminal() {
	each_ending t
	one_ending T "${endings[0]}"
}

# A terminal has no end of its own: that of the input is typed there.
lab_case run_ends_the_input_of_a_terminal
case_run_ends_the_input_of_a_terminal() {
	local kind
	command_root
	quick_vm
	for kind in file pipe null closed; do
		status=0
		"input_$kind" "${vm[@]}" --terminal -- sh -c 'tty; cat; echo over; exit 5' 2>"$work/err" || status=$?
		echo "input from $kind"
		expect_end 5 exit
		expect_line /dev/pts/0
		expect_line over
	done
}

# What a first process owes to programs: file systems, the loopback device, a place for descriptors, and an end to what others
# left behind. And nodes of the root's own.
lab_case run_in_an_ordinary_place
case_run_in_an_ordinary_place() {
	command_root
	mkdir -p "$root/nodes"
	mknod "$root/nodes/zero" c 1 5
	mknod "$root/nodes/fifo" p
	cat >"$root/bin/look" <<'LOOK'
#!/bin/sh
while read -r type place; do
	grep -q " $place $type " /proc/mounts || echo "no $type on $place"
done <<END
devtmpfs /dev
proc /proc
sysfs /sys
devpts /dev/pts
tmpfs /dev/shm
tmpfs /run
cgroup2 /sys/fs/cgroup
END
for link in fd stdin stdout stderr; do [ -e /dev/$link ] || echo "no /dev/$link"; done
[ "$(echo through | cat /dev/fd/0)" = through ] || echo "/dev/fd/0 is not standard input"
for place in /dev/shm /run; do >$place/file || echo "$place is read-only"; done
read -r flags </sys/class/net/lo/flags
[ $((flags & 1)) = 1 ] || echo "lo is down"
sh -c 'sleep 0 & echo $! >/run/orphan'
read -r orphan </run/orphan
while [ -d "/proc/$orphan" ]; do sleep 0.1; done
[ -c /nodes/zero ] && [ -p /nodes/fifo ] || echo "nodes of the root are not there"
[ "$(head -c 3 /nodes/zero | busybox od -An -tx1)" = " 00 00 00" ] || echo "/nodes/zero is another device"
echo looked
LOOK
	chmod +x "$root/bin/look"
	quick_command -- look
	expect_end 0 exit
	expect_output looked
}

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
