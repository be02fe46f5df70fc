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

# A guest that was held for longer than its watchdogs wait does not complain, and no timer is lost.
lab_case control_stop_and_cont_under_load limit=300
case_control_stop_and_cont_under_load() {
	truncate -s 16M "$work/b"
	start_stock --cpus 2 --disk "$LAB_FIO,ro,serial=FIO" --disk "$work/b,serial=TEST" \
		--control "$work/qmp" --append "$(run_word "$fio_prelude
		echo READY
		$fio_verify
		sleep 1; dmesg | grep -iE 'lockup|stall|I/O error' | head -n 3
		set -- \$(cat /proc/uptime); echo UP \${1%.*}")"
	await READY 120
	local begin=$SECONDS
	"$vmmctl" "$work/qmp" stop
	sleep 25 # its watchdogs wait for 20 s, and its clock goes on
	"$vmmctl" "$work/qmp" cont
	python3 "$here/stop_cont.py" "$work/qmp" 300 || fail "stop and cont did not go on"
	await UP 180
	vmm_wait
	expect_end 0 exit
	expect_line VERIFIED
	expect_no_text 'lockup|stall|I/O error'
	[[ $(console | sed -n 's/^UP //p') -ge $((SECONDS - begin - 3)) ]] || fail "the guest's clock stood still"
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
