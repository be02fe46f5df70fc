#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Usage: check_completion.sh COMPLETION VMM VMMCTL
# What the completion offers for some beginnings of a command line.
set -u

# shellcheck source=/dev/null
. "$1"
vmm=$2 vmmctl=$3
failed=0

# offers FUNCTION WANT WORD...: the last word is the one being completed.
offers() {
	local function=$1 want=$2 got
	shift 2
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	COMPREPLY=()
	"$function"
	got="${COMPREPLY[*]-}"
	if [[ $got != "$want" ]]; then
		echo "after '${COMP_WORDS[*]}': offers '$got', not '$want'"
		failed=1
	fi
}

offers _vmm '--kernel' "$vmm" --ker
offers _vmm '--daemonize' "$vmm" --kernel x --dae
offers _vmm '' "$vmm" --kernel x
offers _vmmctl '--json' "$vmmctl" --j
offers _vmmctl '' "$vmmctl" --fd 3 some.sock
offers _vmmctl 'console' "$vmmctl" --json --fd 3 no.sock cons
offers _vmmctl '' "$vmmctl" no.sock stop x
exit "$failed"
