# shellcheck shell=bash
# What every tool needs: where the project is, messages, and work that is done on each way out.

# shellcheck disable=SC2034  # read by the tools that source this file
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
tool=${0##*/}

# One line on stderr: stdout belongs to the product or to the guest.
say() { printf '%s: %s\n' "$tool" "$*" >&2; }

# die MESSAGE [STATUS]
die() {
	say "$1"
	exit "${2:-1}"
}

# A word of the command line that an option needs.
# need_value OPTION COUNT-OF-WORDS-LEFT
need_value() { (($2 >= 2)) || die "$1 needs a value; see --help" 125; }

# The comment block at the top of a tool is its help text.
show_help() { sed -n '2{/^#!/d};2,/^[^#]/s/^# \{0,1\}//p' "$0"; }

exit_actions=()

# at_exit COMMAND...: run it, last one first, however the tool ends.
at_exit() {
	local quoted
	printf -v quoted '%q ' "$@"
	exit_actions=("$quoted" "${exit_actions[@]}")
}

run_exit_actions() {
	local status=$? action
	# A second signal must not cut the cleaning short.
	trap '' INT TERM HUP
	for action in "${exit_actions[@]}"; do
		eval "$action" || true
	done
	exit "$status"
}

# Actions of the parent are not a subshell's to run: call this in the tool itself, once.
trap_exits() {
	trap run_exit_actions EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	trap 'exit 129' HUP
}

# A private folder, removed on exit; its path goes to the variable named.
# temp_dir VARIABLE
temp_dir() {
	local base=${TMPDIR:-/tmp} old pid
	# The path travels on kernel command lines and in QEMU options, which split at these.
	[[ $base == *[[:space:],]* ]] && base=/tmp
	# What runs that were killed outright have left: their name holds the process that owned them.
	for old in "$base/vmm-$tool."*.??????; do
		pid=${old%.*} pid=${pid##*.}
		[[ ! -O $old || -e /proc/$pid ]] || rm -rf "$old"
	done
	printf -v "$1" %s "$(mktemp -d "$base/vmm-$tool.$$.XXXXXX")"
	at_exit rm -rf "${!1}"
}
