# shellcheck shell=bash
# Check suites, one program for each module.

tier_unit() {
	build_asan || { cannot_run "build-asan does not build"; return 0; }
	# What a program allocates and loses is a failure too; a report ends the program.
	ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
		meson test -C build-asan --no-rebuild --suite unit --print-errorlogs >"$work/unit.log" 2>&1 ||
		grep -v '^ *[0-9]*/[0-9]* .* OK ' "$work/unit.log"
	run_tap "$here/test.d/unit-results" build-asan/meson-logs/testlog.json
	run_tap tests/smoke/run
}
