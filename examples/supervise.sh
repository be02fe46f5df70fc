#!/bin/bash
# Usage: supervise.sh VMM-ARGUMENT...
# Keeps a VM running: starts it again after a reboot or a crash, up to 5 times, and hands SIGTERM on so
# that the guest shuts down cleanly. Ends with the VM's last status. VMM names the program.

set -u
result=$(mktemp)
trap 'rm -f "$result"' EXIT
pid='' ending=''
trap 'ending=1; [ -z "$pid" ] || kill -TERM "$pid"' TERM INT

for ((start = 0; start < 5; start++)); do
	"${VMM:-vmm}" --exit-with-parent --result "$result" "$@" &
	pid=$!
	# A signal interrupts the wait, and then the VM still has to end.
	while wait "$pid"; status=$?; kill -0 "$pid" 2>/dev/null; do :; done
	grep -Eq '"reason": "(reboot|panic)"' "$result" || break
	[ -z "$ending" ] || break
done
exit "$status"
