# shellcheck shell=bash
# What block-lab, net-lab and console-lab have in common: VMs side by side that do their jobs in turn, A B A B within
# seconds, so that whatever else the machine does meets them alike. A VM that has nothing to do sleeps.
#
# A guest says "ready" on its standard output, takes jobs from its standard input, one a line, and prints a line
# "figures: FIGURE..." for each. Whoever reads this file may define his own of the three functions at its end.

limit=3000 # seconds for one answer; a clock that counts instructions runs ahead while the host reads a file
work=$(mktemp -d)
names=() pids=()
declare -A to=() from=()

# shellcheck disable=SC2317  # an exit action
finish() {
	kill -KILL "${pids[@]}"
	wait "${pids[@]}"
	release
	rm -rf "$work"
}
trap 'finish 2>/dev/null || true' EXIT

# start NAME COMMAND...
start() {
	local name=$1 in out
	shift
	prepare "${#names[@]}"
	mkfifo "$work/$name.in" "$work/$name.out"
	"$@" <"$work/$name.in" >"$work/$name.out" 2>"$work/$name.err" &
	pids+=($!)
	names+=("$name")
	exec {in}>"$work/$name.in" {out}<"$work/$name.out"
	to[$name]=$in from[$name]=$out
}

# answer NAME WORD: the rest of the next line that begins so.
answer() {
	local line
	while IFS= read -r -t "$limit" -u "${from[$1]}" line; do
		line=${line%$'\r'}
		[[ $line != "$2"* ]] || { echo "${line#"$2"}"; return; }
	done
	echo "${0##*/}: $1 did not answer" >&2
	cat "$work/$1.err" >&2
	return 1
}

# turns ROUNDS PLAN JOBS [WORD]: start the VMs of the file PLAN, whose lines are NAME, a tab, and a command quoted for
# the shell; have them do the jobs of the file JOBS in turn, ROUNDS times. WORD goes to the end of each job. Prints
# for each round and VM: ROUND NAME FIGURE...
turns() {
	local rounds=$1 plan=$2 jobs=$3 word=${4:-} name words command round job
	while IFS=$'\t' read -r name words; do
		eval "command=($words)"
		start "$name" "${command[@]}"
		answer "$name" ready >/dev/null
	done <"$plan"
	for ((round = 1; round <= rounds; round++)); do
		local -A figures=()
		while read -r job; do
			for name in "${names[@]}"; do figures[$name]+=$(measure "$name" "$job $word"); done
		done <"$jobs"
		for name in "${names[@]}"; do echo "$round $name${figures[$name]}"; done
	done
}

# prepare INDEX: before a VM starts, counted from 0.
prepare() { :; }

# release: when all of them have ended.
release() { :; }

# measure NAME JOB: have it done; prints a blank and its figures.
measure() {
	echo "$2" >&"${to[$1]}"
	answer "$1" figures:
}
