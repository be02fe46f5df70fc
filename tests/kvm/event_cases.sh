# shellcheck shell=bash disable=SC2154  # vmm, guests, work and the verdicts are those of tests/kvm/run
# What a control client hears of a VM's life, and reads of what it has done.

# start_heard GUEST OPTION...: a VM whose events are in $work/events, from before its first instruction. Of the
# button, which presses itself until it is heard, the guest knows nothing yet.
start_heard() {
	"${under[@]}" "$vmm" --kernel "$guests/$1" --grace 0 --paused --control "$work/qmp" "${@:2}" <"$input" \
		2>"$work/err" > >(cat >"$work/out") &
	controlled=$!
	wait_for_status prelaunch
	"${vmm}ctl" "$work/qmp" events >"$work/events" 2>&1 &
	listener=$!
	for _ in $(seq 200); do
		"${vmm}ctl" "$work/qmp" system_powerdown >/dev/null 2>&1
		! grep -q POWERDOWN "$work/events" || break
		sleep 0.05
	done
	"${vmm}ctl" "$work/qmp" cont >/dev/null 2>&1
}

# heard NAME REGEX...: the VM ends, and events like these have come since it runs, and in this order; no other.
heard() {
	local name=$1 told wanted
	shift
	problem=
	wait "$controlled" "$listener" 2>/dev/null
	told=$(sed -n 's/^[0-9.]* //p' "$work/events" | grep -v POWERDOWN | uniq)
	wanted=$(printf '%s\n' RESUME "$@")
	[[ $told =~ ^$wanted$ ]] || problem="it heard: $told"
	verdict "events, $name" "$problem"
}

# await_event PATTERN
await_event() {
	for _ in $(seq 400); do
		! grep -q "$1" "$work/events" || return
		sleep 0.05
	done
}

event_cases() {
	local input=/dev/null under=() listener
	start_heard end --append by=poweroff
	heard 'poweroff' 'SHUTDOWN guest=true reason="guest-shutdown"'
	start_heard end --append by=reset
	heard 'reboot' 'SHUTDOWN guest=true reason="guest-reset"'
	start_heard end --append by=panic
	# Whether it ends already when this is told is a race.
	heard 'panic, by its reset' 'GUEST_PANICKED action="(run|poweroff)"' 'SHUTDOWN guest=true reason="guest-panic"'
	start_heard end --append by=triple
	heard 'crash' 'GUEST_PANICKED action="poweroff"' 'SHUTDOWN guest=true reason="guest-panic"'
	start_heard end --append by=pvpanic
	heard 'panic, by its device' 'GUEST_PANICKED action="(run|poweroff)"' 'SHUTDOWN guest=true reason="guest-panic"'
	start_heard end --append by=halt
	kill -TERM "$controlled"
	heard 'signal' 'SHUTDOWN guest=false reason="host-signal"'
	start_heard end --append by=reset --on-reboot reset
	await_event RESET
	"${vmm}ctl" "$work/qmp" quit
	heard 'reset by the guest' 'RESET guest=true reason="guest-reset"' 'SHUTDOWN guest=false reason="host-qmp-quit"'
	start_heard end --append by=halt --on-reboot reset
	"${vmm}ctl" "$work/qmp" system_reset
	"${vmm}ctl" "$work/qmp" quit
	heard 'reset by a client' 'RESET guest=false reason="host-qmp-system-reset"' \
		'SHUTDOWN guest=false reason="host-qmp-quit"'
	start_heard end --append by=pvpanic --on-panic pause
	await_event STOP
	"${vmm}ctl" "$work/qmp" quit
	heard 'panic that pauses' 'GUEST_PANICKED action="pause"' STOP 'SHUTDOWN guest=false reason="host-qmp-quit"'
	device_event_cases
}

# A disk that cannot be written, and a ring that no driver would make.
device_event_cases() {
	new_disk limited
	under=(prlimit --fsize=0) # no byte of a file can be written
	start_heard blk --append do=io --disk "$work/limited,werror=stop"
	under=()
	wait_for_status io-error
	ctl_says 'events, a disk cannot be written: it stands still' 0 '^status: io-error' query-status
	ctl_says 'events, a disk cannot be written: which' 0 '^io-status: failed' query-block
	"${vmm}ctl" "$work/qmp" quit
	heard 'a disk cannot be written' \
		'BLOCK_IO_ERROR device="" node-name="d0" operation="write" action="stop" nospace=false reason="File too large"' \
		STOP 'SHUTDOWN guest=false reason="host-qmp-quit"'
	new_disk attacked
	printf 'xx' >"$work/keys"
	input=$work/keys
	start_heard hostile --memory 64 --cpus 2 --append 'kind=rng rounds=1' --disk "$work/attacked"
	heard 'a broken ring' 'X_VMM_DEVICE_NEEDS_RESET device="rng"' 'SHUTDOWN guest=true reason="guest-shutdown"'
}

# The numbers of a guest that works with its disk, and what else a VM tells of itself.
report_cases() {
	local words
	truncate -s 0 "$work/load"
	new_disk load
	words=(--kernel "$guests/blk" --append do=load --disk "$work/load,cache=unsafe" --cpus 2 --name web
		--grace 0)
	"$vmm" --control "$work/qmp" "${words[@]}" --dry-run >"$work/dry"
	start_with_output '^loads' "${words[@]}"
	problem=
	timeout 60 python3 "$(dirname "$0")/reports.py" "$work/qmp" "$work/dry" "$work/load" >"$work/ctl" 2>&1 ||
		problem="status $?: $(cat "$work/ctl")"
	verdict 'reports, of disks, processors, jail and configuration' "$problem"
	ctl_says 'reports, quit' 0 '' quit
	wait "$controlled"
}
