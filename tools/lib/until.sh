#!/bin/bash
# until.sh SECONDS PATTERN COMMAND [ARG...]: run COMMAND with its output shown until PATTERN (grep -E) is
# in it, then end it in an orderly way: SIGTERM is its power button, a second one its end. Status 0 if
# PATTERN was seen, 124 if not within SECONDS, else COMMAND's own.

set -uo pipefail
limit=$1 pattern=$2
shift 2

log=$(mktemp "${TMPDIR:-/tmp}/until.XXXXXX")
trap 'rm -f "$log"' EXIT
trap 'kill -TERM "$child" 2>/dev/null; exit 143' INT TERM HUP

# A file to look into rather than lines to read: a prompt has no end of line.
exec {out}> >(tee "$log")
tee=$!
"$@" </dev/null >&"$out" {out}>&- &
child=$!
exec {out}>&-

# shellcheck disable=SC2317  # called by wait_for
alive() { kill -0 "$child" 2>/dev/null; }

# wait_for SECONDS CONDITION...: poll five times a second.
wait_for() {
	local tries=$(($1 * 5))
	shift
	until "$@"; do
		((tries-- > 0)) || return 1
		sleep 0.2
	done
}

# shellcheck disable=SC2317
seen() { grep -qaE -- "$pattern" "$log"; }
# shellcheck disable=SC2317
gone() { ! alive; }
# shellcheck disable=SC2317
seen_or_gone() { seen || gone; }

wait_for "$limit" seen_or_gone
if seen; then
	status=0
elif alive; then
	status=124
else
	wait "$child"
	status=$?
	# A good end without the prompt is no success.
	((status)) || status=1
fi

for signal in TERM TERM KILL; do
	alive || break
	kill -"$signal" "$child"
	wait_for 100 gone
done
# All of the output is shown before this ends.
wait "$tee"
exit "$status"
