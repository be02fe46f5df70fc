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
	"$vmm" --kernel "$LAB_KERNEL" --result "$work/result" "$@" <"$input" >"$work/out" 2>"$work/err" || status=$?
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
	"$vmm" --kernel "$LAB_KERNEL" --result "$work/result" --rootfs "$root" -- \
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

# 20 MB each way, and then many small writes behind one another.
lab_case run_loses_no_byte
case_run_loses_no_byte() {
	command_root
	input=$work/in
	head -c 20000000 /dev/urandom >"$input"
	run_command --rootfs "$root" -- sh -c 'cat; dd if=/dev/zero bs=1 count=50000 2>/dev/null'
	expect_end 0 exit
	{ cat "$input"; head -c 50000 /dev/zero; } | cmp - "$work/out" || fail "bytes were lost or changed"
	expect_silence
}

lab_case run_in_a_pipe_of_vms memory=2000
case_run_in_a_pipe_of_vms() {
	local vm
	command_root
	seq 1 500 | sort -R >"$root/numbers"
	vm=("$vmm" --kernel "$LAB_KERNEL" --memory 192M --rootfs "$root")
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
	"$vmm" --kernel "$LAB_KERNEL" --rootfs "$root" -- yes </dev/null 2>"$work/err" | head -n 2 >"$work/out" ||
		statuses="${PIPESTATUS[*]}"
	[[ $statuses == "141 0" ]] || fail "statuses of the pipe: $statuses"
	expect_output $'y\ny'
}

lab_case run_passes_signals_on
case_run_passes_signals_on() {
	command_root
	vmm_start --kernel "$LAB_KERNEL" --rootfs "$root" -- \
		sh -c 'trap "echo asked; exit 9" TERM; echo ready; while :; do sleep 1; done'
	await ready 100
	kill -TERM "$vmm_pid"
	vmm_wait
	expect_end 9 exit
	expect_line asked
}

lab_case run_and_panic
case_run_and_panic() {
	command_root
	run_command --rootfs "$root" -- sh -c 'echo c >/proc/sysrq-trigger; sleep 100'
	expect_end 255 panic
	[[ ! -s $work/out ]] || fail "the kernel's messages are on standard output"
	grep -q 'Kernel panic - not syncing' "$work/err" || fail "no panic on standard error"
}

lab_case run_and_hang
case_run_and_hang() {
	command_root
	run_command --rootfs "$root" --timeout 45 -- sh -c 'echo begun; sleep 1000'
	expect_end 124 timeout
	expect_output begun
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
	python3 "$top/tests/pty/command.py" "$vmm" --kernel "$LAB_KERNEL" --rootfs "$root" ||
		fail "see above"
}
