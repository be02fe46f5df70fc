# shellcheck shell=bash
# The control socket, its commands, and what they do to a stock kernel.

# qmp COMMAND...: each as an object, on a connection of its own; prints what comes back.
qmp() {
	{
		echo '{"execute":"qmp_capabilities"}'
		printf '%s\n' "$@"
	} | socat -t 20 - "UNIX-CONNECT:$work/qmp"
}

# await_socket SECONDS
await_socket() {
	local deadline=$((SECONDS + $1))
	until [[ -S $work/qmp ]]; do
		((SECONDS < deadline)) || fail "no control socket within $1 s"
		sleep 0.1
	done
}

# expect_answer REGEX, of the qmp output in `answer`
expect_answer() { grep -Eq -- "$1" <<<"$answer" || fail "no answer matches $1: $answer"; }

lab_case control_life
case_control_life() {
	local answer
	start_stock --control "$work/qmp" --paused --append "$(run_word 'echo READY; read -r _ </dev/console')"
	await_socket 20
	sleep 2
	[[ ! -s $work/out ]] || fail "the guest ran before cont"
	answer=$(qmp '{"execute":"query-status"}' '{"execute":"cont"}' '{"execute":"query-status"}')
	expect_answer '"status": "prelaunch"'
	expect_answer '"event": "RESUME"'
	expect_answer '"status": "running"'
	await READY 100
	answer=$(qmp '{"execute":"stop"}' '{"execute":"query-status"}')
	expect_answer '"event": "STOP"'
	expect_answer '"status": "paused"'
	qmp '{"execute":"cont"}' >/dev/null
	answer=$(qmp '{"execute":"quit"}')
	expect_answer '"reason": "host-qmp-quit"'
	vmm_wait
	expect_end 0 quit
	[[ ! -e $work/qmp ]] || fail "the socket is still there"
}

lab_case control_powerdown
case_control_powerdown() {
	local answer
	start_stock --control "$work/qmp" --append guest.run=wait
	await "guest: ready" 100
	answer=$(qmp '{"execute":"system_powerdown"}')
	expect_answer '"event": "POWERDOWN"'
	vmm_wait
	expect_end 0 poweroff
	[[ ! -e $work/qmp ]] || fail "the socket is still there"
}

# A guest that was held for longer than its watchdogs wait does not complain, no timer is lost, and neither is a
# byte of its disk or its connections, however often it is held while it works with both.
lab_case control_stop_and_cont_under_load limit=600
case_control_stop_and_cont_under_load() {
	local begin took to_guest
	truncate -s 16M "$work/b"
	make_tap lab0 7
	mkfifo "$work/in"
	exec {to_guest}<>"$work/in"
	input=$work/in
	# shellcheck disable=SC2016  # for the shell of the guest
	start_fio 'ip addr add 10.7.0.2/24 dev eth0; ip link set eth0 up
		mkdir /net; mount -t ext4 -o ro $IPERF3 /net
		up() { read -r up _ </proc/uptime; echo ${up%.*}; }
		echo "READY $(up)"
		read -r _ </dev/console
		(read -r _ </dev/console; touch /run/over) &
		while [ ! -e /run/over ] && /net/run-iperf3 -c 10.7.0.1 -t 3 >/run/net.log 2>&1 &&
			/net/run-iperf3 -c 10.7.0.1 -t 3 -R >/run/net.log 2>&1; do
			echo again >>/run/net
		done &
		net=$!
		while verify TEST >/run/verified && grep -q verified /run/verified && [ ! -e /run/over ]; do
			echo again >>/run/rounds
		done
		cat /run/verified
		echo "rounds $(wc -l </run/rounds)"
		wait $net
		[ -e /run/net ] && grep -q receiver /run/net.log && echo "network worked" || cat /run/net.log
		dmesg | grep -iE "lockup|stall|I/O error" | head -n 3
		echo "UP $(up)"' \
		--cpus 2 --disk "$work/b,serial=TEST" --disk "$LAB_IPERF3,ro,serial=IPERF3" --net tap=lab0 \
		--control "$work/qmp"
	serve iperf3 -s
	await READY 120
	begin=$SECONDS
	"$vmmctl" "$work/qmp" stop
	sleep 25 # its watchdogs wait for 20 s, and its clock goes on
	"$vmmctl" "$work/qmp" cont
	ping -q -c 1 -W 20 10.7.0.2 >/dev/null || fail "no answer by the network"
	echo >&"$to_guest"
	python3 "$here/stop_cont.py" "$work/qmp" 1000 || fail "stop and cont did not go on"
	echo >&"$to_guest"
	await UP 180
	took=$((SECONDS - begin))
	vmm_wait
	expect_end 0 exit
	expect_line "TEST verified"
	expect_line "network worked"
	expect_no_text 'lockup|stall|I/O error'
	[[ $(console | awk '$1 == "READY" { begin = $2 } $1 == "UP" { print $2 - begin }') -ge $((took - 3)) ]] ||
		fail "the guest's clock stood still"
}

# Whatever ends it, no socket stays behind.
lab_case control_socket_is_removed_after_a_kill
case_control_socket_is_removed_after_a_kill() {
	start_stock --control "$work/qmp" --append guest.run=wait
	await_socket 20
	kill -KILL "$vmm_pid"
	vmm_wait
	[[ $status == 137 ]] || fail "status $status"
	sleep 1
	[[ ! -e $work/qmp ]] || fail "the socket is still there"
}

# What examples/ shows works as it stands.
lab_case control_example_supervisor
case_control_example_supervisor() {
	VMM=$vmm python3 "$top/examples/supervise.py" 45 --kernel "$LAB_KERNEL" --initrd "$LAB_INITRD" \
		--append quiet --append guest.run=wait --result "$work/result" \
		</dev/null >"$work/out" 2>"$work/err" &
	vmm_pid=$!
	vmm_wait
	expect_end 0 poweroff
	grep -q '^POWERDOWN' "$work/err" || fail "no POWERDOWN event"
}

# The other one hands SIGTERM on, so that the guest shuts down, and starts none again.
lab_case control_example_supervisor_in_shell
case_control_example_supervisor_in_shell() {
	: >"$work/out"
	VMM=$vmm "$top/examples/supervise.sh" --kernel "$LAB_KERNEL" --initrd "$LAB_INITRD" \
		--append quiet --append guest.run=wait </dev/null >"$work/out" 2>"$work/err" &
	vmm_pid=$!
	await "guest: ready" 100
	kill -TERM "$vmm_pid"
	vmm_wait
	[[ $status == 0 ]] || fail "status $status"
	[[ $(console | grep -Fc "guest: ready") == 1 ]] || fail "the guest was started again"
	expect_text 'reboot: Power down'
}

# Paused in the background, then driven by two clients.
lab_case control_daemonized
case_control_daemonized() {
	boot_stock --serial "file=$work/serial" --append guest.run=wait --daemonize --paused \
		--pidfile "$work/pid" --control "$work/qmp"
	[[ $status == 0 ]] || fail "status $status of the start"
	"$vmmctl" "$work/qmp" events >"$work/events" &
	"$vmmctl" "$work/qmp" cont
	until grep -q 'guest: ready' "$work/serial"; do sleep 0.5; done
	"$vmmctl" "$work/qmp" system_powerdown
	wait
	grep -q 'SHUTDOWN guest=true reason="guest-shutdown"' "$work/events" || fail "$(cat "$work/events")"
	sleep 1
	[[ ! -e $work/pid && ! -e $work/qmp ]] || fail "files are left"
	grep -Eq '"reason": *"poweroff"' "$work/result" || fail "--result does not say poweroff"
}

# clean_daemon: the VM that the case has left in the background, and its tap.
clean_daemon() {
	local pid
	pid=$(cat "$work/pid" 2>/dev/null) && kill -KILL "$pid"
	ip link del lab0 2>/dev/null
	clean_case
}

# ctl WORD...: vmmctl, as a second client beside the one that watches.
ctl() { "$vmmctl" "$work/qmp" "$@" || fail "vmmctl $*"; }

# await_file REGEX SECONDS FILE
await_file() {
	local deadline=$((SECONDS + $2))
	until grep -Eq -- "$1" "$3"; do
		((SECONDS < deadline)) || fail "$3 did not say within $2 s: $1: $(cat "$3")"
		sleep 0.2
	done
}

# A life as Ganeti gives it, while a second client watches and changes the machine under the guest's feet.
lab_case control_ganeti limit=300
case_control_ganeti() {
	local script='
		echo READY
		until [ "$(cat /sys/block/vda/size)" = 32768 ]; do sleep 0.2; done; echo RESIZED
		until [ "$(cat /sys/class/net/eth0/carrier 2>/dev/null)" = 1 ]; do sleep 0.2; done; echo UP
		until [ "$(cat /sys/class/net/eth0/carrier)" = 0 ]; do sleep 0.2; done; echo DOWN
		until [ "$(cat /sys/class/net/eth0/carrier)" = 1 ]; do sleep 0.2; done; echo AGAIN
		sleep 1000'
	trap clean_daemon EXIT
	touch "$work/out" "$work/err"
	ip tuntap add dev lab0 mode tap
	ip link set lab0 up
	truncate -s 8M "$work/disk"
	VMM=$vmm "$top/examples/ganeti.py" "$work" start --tap lab0 --name web --cpus 2 --kernel "$LAB_KERNEL" \
		--initrd "$LAB_INITRD" --disk "$work/disk" --append "quiet no-root" --result "$work/result" \
		--append "$(run_word "ip link set eth0 up; $script")" || fail "status $? of the start"
	tr '\0' ' ' <"/proc/$(cat "$work/pid")/cmdline" | grep -q -- '--name web' || fail "no name in the command line"
	[[ $(sort -u "/proc/$(cat "$work/pid")"/task/*/comm | tr '\n' ' ') == *vcpu0*vcpu1* ]] || fail "no thread names"
	"$vmmctl" "$work/qmp" events >"$work/events" &
	"$vmmctl" "$work/qmp" console </dev/null >"$work/out" 2>"$work/err" &
	await_file READY 120 "$work/out"
	VMM=$vmm "$top/examples/ganeti.py" "$work" status | grep -q running || fail "it does not run"
	ctl block_resize device=vd0 size=16777216
	await_file RESIZED 20 "$work/out"
	await_file UP 20 "$work/out"
	ctl set_link name=net0 up=false
	await_file DOWN 20 "$work/out"
	ctl set_link name=net0 up=true
	await_file AGAIN 20 "$work/out"
	ctl inject-nmi
	await_file 'NMI: .* on CPU 1' 30 "$work/out" # nothing in this machine could have sent it
	ctl x-vmm-metrics >"$work/metrics"
	grep -Eq '^vcpus\[1\]\.exits\.(io|mmio): [1-9]' "$work/metrics" || fail "no exits: $(cat "$work/metrics")"
	grep -Eq '^devices\[1\]\.queues\[1\]\.requests: [1-9]' "$work/metrics" || fail "no frames were sent"
	ctl query-blockstats >"$work/stats"
	grep -Eq '^stats.rd_operations: [1-9]' "$work/stats" || fail "no reads: $(cat "$work/stats")"
	VMM=$vmm "$top/examples/ganeti.py" "$work" stop
	wait
	await_file '"reason": *"poweroff"' 10 "$work/result"
	grep -q 'NIC_RX_FILTER_CHANGED name="net0"' "$work/events" || fail "$(cat "$work/events")"
	grep -q '^[0-9.]* POWERDOWN' "$work/events" || fail "$(cat "$work/events")"
	grep -q 'SHUTDOWN guest=true reason="guest-shutdown"' "$work/events" || fail "$(cat "$work/events")"
	sleep 1
	[[ ! -e $work/pid && ! -e $work/qmp && ! -e $work/console ]] || fail "files are left"
}
