#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Usage: check_man.sh MANFILE [SECTIONS [PROGRAM]]
# The man page has no fault that mandoc knows, all its sections, in order, and each key that --help has.
set -eu

man=${1:?usage: check_man.sh MANFILE [SECTIONS [PROGRAM]]}

if ! command -v mandoc >/dev/null; then
	echo "mandoc is not installed: the man page was not checked"
	exit 77
fi

mandoc -Tlint -W warning "$man"

want=${2:-NAME SYNOPSIS DESCRIPTION OPTIONS KEYS SIGNALS FILES EXIT STATUS EXAMPLES SEE ALSO}
have=$(sed -n 's/^\.Sh //p' "$man" | tr '\n' ' ')
if [ "${have% }" != "$want" ]; then
	echo "$man: sections are '${have% }', not '$want'"
	exit 1
fi

# Nothing of the roff source may show on the page.
if mandoc -Tascii "$man" | col -b | grep -n '\\[-(e]\|^ *\.[A-Z][a-z] '; then
	echo "$man: roff shows in the text"
	exit 1
fi

[ $# -gt 2 ] || exit 0
keys=$("$3" --help | awk '/^Keys of /, /^$/ { print /^Keys of / ? $0 : $1 }' | sed '/^$/d; s/:$//')
listed=$(sed -n '/^\.Ss Keys of /,/^\.El/s/^\.\(Ss\|It\) //p' "$man" | sed 's/\\-/-/g')
if [ -z "$keys" ] || [ "$keys" != "$listed" ]; then
	echo "$man: the keys are not those of --help:"
	printf '%s\n' "$listed"
	exit 1
fi
