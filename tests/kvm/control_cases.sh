# shellcheck shell=bash disable=SC2154  # vmm, guests, work and the verdicts are those of tests/kvm/run
# What is handed to vmm at its start, and what a user has at the other end: descriptors, a console.

# hand_over PROGRAM WORD...: run it with a listening socket at $work/qmp as descriptor 3, as systemd does.
hand_over() {
	python3 -c '
import fcntl, os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
os.chmod(sys.argv[1], int(os.environ.get("SOCKET_MODE", "600"), 8))
listener.listen()
handed = listener.fileno(), os.open("/dev/kvm", os.O_RDWR)
handed = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in handed]
for number, fd in enumerate(handed, 3):
    os.dup2(fd, number)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="2", LISTEN_FDNAMES="control:kvm")
os.execv(sys.argv[2], sys.argv[2:])' "$work/qmp" "$@"
}

handed_cases() {
	expect 'kvm, by descriptor' 0 '^hello' hello --kvm fd=9 9<>/dev/kvm
	expect_error 'kvm, another descriptor' 125 'fd=9 is no KVM device' hello --kvm fd=9 9</dev/null
	expect_error 'kvm, no descriptor' 125 'fd=9 .*Bad file descriptor' hello --kvm fd=9 9<&-
	rm -f "$work/qmp"
	problem=
	SOCKET_MODE=666 hand_over "$vmm" --kernel "$guests/hello" --control fd=control >"$work/out" 2>"$work/err"
	[ $? -eq 125 ] && grep -q 'SocketMode=0600' "$work/err" || problem='it was taken'
	verdict 'control, a socket that lets everybody in is refused' "$problem"
	rm -f "$work/qmp"
	hand_over "$vmm" --kernel "$guests/end" --append by=halt --grace 0 --serial none --kvm fd=kvm \
		--control fd=control 2>"$work/err" &
	appears -S "$work/qmp"
	ctl_says 'control, a socket that systemd made' 0 '^status: running' query-status
	ctl_says 'control, quit by that socket' 0 '' quit
	wait $!
	rm -f "$work/qmp"
	refusal_case
}

# pty_cases NAME COMMAND...: one verdict for each of what tests/pty knows, or of those in `only`.
pty_cases() {
	local name=$1 line case status shown
	shift
	for case in "${only[@]}"; do
		python3 "$(dirname "$0")/../pty/console_cases.py" --ready ready ${case:+--only "$case"} \
			"${pty_options[@]}" -- "$@" >"$work/pty" 2>"$work/err"
		status=$?
		shown=0
		while read -r line; do
			problem=
			[[ $line == ok* ]] || problem=$line
			[[ $line == ok* ]] || status=$((status == 1 ? 0 : status))
			shown=$((shown + 1))
			read -r _ line <<<"$line"
			verdict "$name: $line" "$problem"
		done < <(grep -v '^ ' "$work/pty")
		[ "$status" -eq 0 ] && [ "$shown" -gt 0 ] || verdict "$name: $case" "status $status after $shown cases"
	done
}

# Hand one end of a pair of sockets over, have it made the console, and talk to the guest by the other.
give_console() {
	timeout 20 python3 -c '
import socket, subprocess, sys
ours, theirs = socket.socketpair()
number = theirs.fileno()
backend = f"""{{"type": "socket", "data": {{"addr": {{"type": "fd", "data": {{"str": "con"}}}}}}}}"""
for words in (["--fd", str(number), sys.argv[2], "getfd", "fdname=con"],
              [sys.argv[2], "chardev-change", "id=serial0", "backend=" + backend]):
    subprocess.run([sys.argv[1], *words], pass_fds=[number], check=True)
theirs.close()
ours.sendall(b"given\n")
text = b""
while b"given" not in text:
    text += ours.recv(4096)' "${vmm}ctl" "$work/qmp"
}

# What a VM with no room, or one that is another user's, says to whoever connects.
refusal_case() {
	python3 -c '
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
client, _ = listener.accept()
client.sendall(b"""{"error": {"class": "GenericError", "desc": "no room for you"}}\r\n""")' "$work/qmp" &
	until [ -S "$work/qmp" ]; do sleep 0.02; done
	ctl_says 'vmmctl, the reason why a VM takes no client' 125 '^vmmctl: no room for you$' query-status
	wait $!
	rm -f "$work/qmp"
}

# vmmctl at a console that is a socket, and what it leaves of its own terminal.
attach_cases() {
	local pty_options=() only=(keys_reach_the_guest escape_x_ends_and_restores term_restores hangup_restores
		interrupt_restores stop_restores_and_continue_is_raw_again closed_stdin_is_no_input)
	local absolute images
	absolute=$(realpath "$vmm") images=$(realpath "$guests")
	(
		cd "$work" || exit
		exec "$absolute" --kernel "$images/serial" --append do=echo --grace 0 --serial unix=console \
			--control qmp </dev/null 2>err
	) &
	controlled=$!
	appears -S "$work/qmp"
	pty_cases 'vmmctl console' "${vmm}ctl" "$work/qmp" console
	ctl_says 'vmmctl console, none of this name' 125 "has no console 'no'" console no
	problem=
	give_console >"$work/out" 2>"$work/err" || problem="status $?"
	verdict 'chardev-change, a socket that was handed over is the console' "$problem"
	ctl_says 'vmmctl console, quit' 0 '' quit
	wait "$controlled"
}

terminal_cases() {
	local only=('') pty_options=(--leaves-empty "$work/life"
		--flood "'$vmm' --kernel '$guests/serial' --append 'do=out bytes=270000'")
	mkdir "$work/life"
	pty_cases 'terminal' "$vmm" --kernel "$guests/serial" --append do=echo --pidfile "$work/life/pid" \
		--control "$work/life/qmp" --vsock "cid=3,socket=$work/life/vsock"
}

# What examples/ shows, as far as a guest without a kernel goes: this one is deaf to its power button.
example_cases() {
	local example
	example=$(dirname "$0")/../../examples/ganeti.py
	problem=
	timeout 30 env VMM="$vmm" "$example" "$work" start --name web --kernel "$guests/end" --append by=halt \
		>"$work/out" 2>"$work/err" || problem="status $?"
	verdict 'example, started paused in the background, and let go' "$problem"
	problem=
	timeout 30 "$example" "$work" status >"$work/out" 2>"$work/err" || problem="status $?"
	grep -qx running "$work/out" || problem='it does not run'
	grep -qa 'name.web' "/proc/$(cat "$work/pid")/cmdline" || problem='its name is not in the command line'
	grep -qx vcpu0 "/proc/$(cat "$work/pid")"/task/*/comm || problem='its threads have no names'
	verdict 'example, status' "$problem"
	problem=
	timeout 30 "$example" "$work" stop 1 >"$work/out" 2>"$work/err" || problem="status $?"
	verdict 'example, stop ends a guest that does not listen' "$problem"
	gone 'example, nothing is left' "$work/pid" "$work/qmp" "$work/console"
}
