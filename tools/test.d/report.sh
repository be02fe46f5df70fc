# shellcheck shell=bash
# What became of each case: a line in a file for each tier, and the table at the end.

said_most=30 # lines of a failed case that are shown once more at the end

# result pass|fail|skip NAME [LINE...]: of a case of the running tier, and what it said.
result() {
	local said=("${@:3:said_most}")
	printf '%s\n' "$1 $2" "${said[@]/#/said }" >>"$work/results-$tier"
}

# The tier is not green, and says why in one line.
cannot_run() {
	say "$tier: cannot run: $1"
	result fail "cannot run: $1"
}

has_results() { [[ -s $work/results-$tier ]]; }

# count pass|fail|skip [TIER]: cases, of all tiers without TIER.
count() {
	local tier=${2:-*}
	# shellcheck disable=SC2086  # the pattern is meant
	cat "$work"/results-$tier 2>/dev/null | grep -c "^$1 " || true
}

# Read the lines of a test program ("ok N - NAME", "not ok N - NAME", "# SKIP WHY" behind either, "1..N"
# for how many there are, or how many are left when it comes again; "# TEXT" behind a failed case says why); show
# them, and keep the results.
read_tap() {
	local line plan='' seen=0 failed='' said=()
	while IFS= read -r line; do
		printf '%s\n' "$line"
		if [[ $failed && $line == "#"* ]]; then
			said+=("$line")
			continue
		fi
		[[ -z $failed ]] || result fail "$failed" "${said[@]}"
		failed='' said=()
		case $line in
		# The plan stands before the cases or behind them; a new one takes its place.
		1..*) if [[ ${line#1..} == "$seen" ]]; then plan=''; else plan=${line#1..}; fi; seen=0 ;;
		"not ok "*) failed=${line#not ok } ;;
		"ok "*"# SKIP"*) result skip "${line#ok }" ;;
		"ok "*) result pass "${line#ok }" ;;
		esac
		[[ $line != "ok "* && $line != "not ok "* ]] || seen=$((seen + 1))
	done
	[[ -z $failed ]] || result fail "$failed" "${said[@]}"
	if [[ $plan && $plan != "$seen" ]]; then
		result fail "$((plan - seen)) of $plan cases did not report"
		say "$tier: $((plan - seen)) of $plan cases did not report"
	fi
}

# run_tap COMMAND...: a test program whose output read_tap understands.
run_tap() {
	local failed_before all_before status
	failed_before=$(count fail "$tier") all_before=$(count '.*' "$tier")
	set +e
	"$@" </dev/null | read_tap
	status=${PIPESTATUS[0]}
	set -e
	if ((status)) && [[ $(count fail "$tier") == "$failed_before" ]]; then
		cannot_run "'$*' ended with status $status, and no case says why"
	elif [[ $(count '.*' "$tier") == "$all_before" ]]; then
		cannot_run "'$*' ran no case"
	fi
}

# run_case NAME COMMAND...: one case, passed if the command's status is 0. Its output is shown if it
# fails, and warnings in it always.
run_case() {
	local name=$1 start=$SECONDS log=$work/case.log said
	shift
	if "$@" </dev/null >"$log" 2>&1; then
		result pass "$name"
		printf 'ok - %s (%d s)\n' "$name" $((SECONDS - start))
		grep -F 'warning:' "$log" | sed 's/^/# /' || true
	else
		printf 'not ok - %s (%d s)\n' "$name" $((SECONDS - start))
		awk '{ print "# " $0 }' "$log"
		mapfile -t said < <(tail -n "$said_most" "$log" | sed 's/^/# /')
		result fail "$name" "${said[@]}"
	fi
}

# What failed and why, and what could not run, once more, the table, the closing line; ends the run.
print_table() {
	local passed failed skip
	sed -n -e 's/^fail /failed: /p' -e 's/^said //p' -e 's/^skip /skipped: /p' "$work"/results-* 2>/dev/null || true
	printf '\n%-6s %6s %7s %7s %8s %8s\n' tier cases passed failed skipped seconds
	for tier in "${tiers[@]}"; do
		has_results || continue
		passed=$(count pass "$tier") failed=$(count fail "$tier") skip=$(count skip "$tier")
		printf '%-6s %6d %7d %7d %8d %8d\n' "$tier" $((passed + failed + skip)) "$passed" "$failed" \
			"$skip" "${seconds[$tier]}"
	done
	passed=$(count pass) failed=$(count fail) skip=$(count skip)
	printf '\n%d passed, %d failed' "$passed" "$failed"
	((skip == 0)) || printf ', %d skipped' "$skip"
	printf '\n'
	exit $((failed > 0))
}
