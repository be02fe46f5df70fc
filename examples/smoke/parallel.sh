#!/bin/sh
# Usage: parallel.sh FILE [PARALLEL-OPTION...]
# Hands the cases of vmm-smoke to GNU parallel, which can use other machines too (--sshlogin). The status is
# the number of cases that did not pass, at most 101; 125 if there is something wrong with the list.
set -eu
file=$1
shift
smoke=${SMOKE:-vmm-smoke}
cases=$("$smoke" "$file" --list)
printf '%s\n' "$cases" |
	parallel --will-cite "$@" "$smoke" "$file" --only '{}' --quiet --out 'smoke-results/{}' \
		--junit 'smoke-results/{}/junit.xml'
