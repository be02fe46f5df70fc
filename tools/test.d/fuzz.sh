# shellcheck shell=bash
# Each parser of hostile bytes, fed by libFuzzer. What it learns is kept in build-fuzz/corpus.

tier_fuzz() {
	local limit=10 targets
	[[ -z $fast ]] || limit=2
	build_fuzz || { cannot_run "build-fuzz does not build"; return 0; }
	shopt -s nullglob
	targets=(build-fuzz/tests/fuzz/fuzz_*)
	shopt -u nullglob
	run_tap fuzz_all "$limit" "${targets[@]}"
}

# fuzz_all SECONDS TARGET...: as many at a time as there are processors.
fuzz_all() {
	local limit=$1 target
	shift
	for target in "$@"; do
		[[ ! -x $target || -d $target ]] || printf '%s\0' "$target"
	done | xargs -0 -r -n 1 -P "$(nproc)" "$here/test.d/fuzz-one" "$limit"
}
