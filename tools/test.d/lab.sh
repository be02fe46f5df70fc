# shellcheck shell=bash
# Stock kernels: directly where this host runs them, else in labs side by side, one for each processor up
# to two.

tier_lab() {
	local runner=(tests/lab/run) labs
	[[ -z $fast ]] || runner+=(--fast)
	build_release || { cannot_run "build does not build"; return 0; }
	packages_need guest debian
	lab_images || { cannot_run "tests/lab/images failed"; return 0; }
	if host_fit; then
		say "lab: ordinary kernels run on this host, so no lab is needed"
		run_tap env "VMM=$vmm" "${images[@]}" "${runner[@]}"
		[[ $fast ]] || quickstart_cases
		return 0
	fi
	packages_need lab
	labs=$(($(nproc) > 1 && $(memory_mib) > 8000 ? 2 : 1))
	say "lab: running in $labs of tools/lab"
	run_labs $labs
}

# What a newcomer runs first. It builds nothing new.
quickstart_cases() {
	run_case 'quickstart without a terminal' quickstart
	run_case 'quickstart on a terminal' quickstart_on_terminal
	run_case 'quickstart --debian to the login prompt' quickstart_debian
}

quickstart() {
	local shown
	shown=$(tools/quickstart </dev/null | tr -d '\r') || return 1
	printf '%s\n' "$shown"
	grep -q '^Linux .* x86_64 GNU/Linux' <<<"$shown" && grep -q '^/dev/vda / ext4 rw' <<<"$shown"
}

# The images of the cache, but not the disk that the user keeps there.
quickstart_on_terminal() {
	local dir
	dir=$(mktemp -d "$work/cache.XXXXXX")
	ln -s "$cache"/* "$dir"
	rm -f "$dir/quickstart"
	VMM_CACHE=$dir python3 tests/pty/quickstart.py tools/quickstart
}

quickstart_debian() { tools/quickstart --debian </dev/null | tr -d '\r' | tee /dev/stderr | grep '^guest login: ' >/dev/null; }

# Set `images` to NAME=PATH of all that the cases boot.
lab_images() {
	local list
	list=$(tests/lab/images) || return 1
	mapfile -t images <<<"$list"
}

# Memory that this host could give now.
memory_mib() { awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo; }

# run_labs COUNT: as many parts of the cases at the same time; their lines come as the cases end.
run_labs() {
	local count=$1 i lab_arguments=(--time 3000 --env "VMM=$vmm") image
	for image in "${images[@]}"; do lab_arguments+=(--env "$image"); done
	# A guest of 6 GiB uses little of it, but the lab has to have as much to lend.
	if (($(memory_mib) > 11000)); then lab_arguments+=(--memory 9000); else lab_arguments+=(--memory 3072); fi
	labs_running=()
	at_exit end_labs
	for ((i = 1; i <= count; i++)); do
		# With job control each has a process group, by which it can be ended as a whole.
		set -m
		lab_part "$i" "$count" &
		set +m
		labs_running+=($!)
	done
	wait "${labs_running[@]}" || true
	labs_running=()
}

# lab_part I N: the last one goes on with what makes labs of its own, as no processor is to wait for the others.
lab_part() {
	# The tool's exit actions are not this subshell's.
	trap - EXIT INT TERM HUP
	run_tap lab_cases "$1" "$2"
	if [[ -z $fast ]] && (($1 == $2)); then
		run_tap tests/lab/tool
		quickstart_cases
	fi
}

lab_silence=120 # seconds without a sign of life, of which there is one every 5
lab_tries=3

# lab_cases I N: every N-th case from the I-th on. An emulated machine that stands still is ended, and the cases
# that it has not reported run in a new one.
lab_cases() {
	local log try name left
	log=$(mktemp "$work/lab.XXXXXX")
	mkdir "$log.alive"
	mapfile -t left < <("${runner[@]}" --part "$1/$2" --list)
	((${#left[@]} > 0)) || { echo "not ok - part $1 of $2: no case was found"; return 1; }
	for ((try = 1; try <= lab_tries && ${#left[@]} > 0; try++)); do
		((try == 1)) || echo "# the lab stood still: ${#left[@]} cases go on in a new one"
		: >"$log"
		watched_lab "$log" "${left[@]}" || true
		mapfile -t left < <(printf '%s\n' "${left[@]}" | grep -vxFf <(reported "$log") || true)
	done
	for name in "${left[@]}"; do echo "not ok - $name: no lab got so far"; done
	! grep -q '^not ok' "$log" && ((${#left[@]} == 0))
}

# reported LOG: names of the cases that have a verdict.
reported() { sed -n -E 's/^(not )?ok [0-9]+ - ([a-z0-9_]+).*/\2/p' "$1"; }

# watched_lab LOG CASE...: run these, with the output also in LOG, as long as the lab shows that it lives.
watched_lab() {
	local log=$1 alive=$1.alive/beat lab
	shift
	touch "$alive"
	tools/lab "${lab_arguments[@]}" --dir "${alive%/*}" -- "${runner[@]}" --alive "$alive" "$@" > >(tee -a "$log") &
	lab=$!
	while kill -0 "$lab" 2>/dev/null; do
		sleep 2
		(($(date +%s) - $(stat -c %Y "$alive") < lab_silence)) || kill -TERM "$lab" 2>/dev/null || true
	done
	wait "$lab"
	sleep 1 # for the last lines to pass tee
}

# Only those that still run: a number that is free again may be somebody else's.
end_labs() {
	local group
	for group in "${labs_running[@]}"; do
		kill -TERM -- "-$group" 2>/dev/null || true
	done
}
