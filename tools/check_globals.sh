#!/bin/bash
# Usage: tools/check_globals.sh [BUILD]
# Checks that the program has no mutable state at file scope: reads the symbol tables of the objects
# in the folder BUILD (default: build), made from vmm/, devices/, boot/ and arch/, for anything in
# .data, .bss, .tdata, .tbss or common storage. Constant tables are left alone, also those that
# hold pointers (.data.rel.ro). Prints FILE: FINDING for each; status 0: none; 1: some; 2: the check
# cannot run.

set -euo pipefail

# SOURCE SYMBOL: what may be mutable, and why it has to be.
#   log.c log_state   every layer logs; handing a logger through each call would bury the code
allowed='log.c log_state'

show_help() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; }

case ${1:-} in
-h | --help) show_help; exit 0 ;;
esac
build=${1:-build}

mapfile -t objects < <(find "$build" \( -path "$build/tests" -o -path "$build/tools" \) -prune \
	-o -name '*.o' -print 2>/dev/null | sort)
if ((${#objects[@]} == 0)); then
	echo "check_globals: no objects under $build; build first: ninja -C build" >&2
	exit 2
fi

# A table lists the name of the source (df *ABS*) before its local symbols; sections (d) and the
# names of files have no storage.
objdump -t "${objects[@]}" | awk -v allowed="$allowed" '
	BEGIN {
		n = split(allowed, lines, "\n")
		for (i = 1; i <= n; i++)
			ok[lines[i]] = 1
	}
	/ df \*ABS\*/ { source = $NF; next }
	match($0, /(\.t?(data|bss)|\*COM\*)[^ \t]*\t/) {
		section = substr($0, RSTART, RLENGTH - 1)
		flags = substr($0, 18, 7)
		if (section ~ /^\.data\.rel\.ro/ || flags ~ /d/ || source " " $NF in ok)
			next
		printf "%s: %s is mutable and lives for ever (%s): keep it in a structure that is passed down\n",
			source, $NF, section
		found = 1
	}
	END { exit found }'
