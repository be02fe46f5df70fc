# shellcheck shell=bash
# What the console of a stock kernel is taken for: --expect, --fail-on, --console-log, vmm-smoke.

# A healthy kernel complains of nothing.
lab_case verdict_expect
case_verdict_expect() {
	boot_stock --append guest.run=wait --expect '^guest: rea[d]y$' --fail-on oops
	expect_end 0 expect
	grep -q '"line": "guest: ready"' "$work/result" || fail "the result does not have the line"
	expect_silence
}

# What a kernel has to say after its first line is waited for. The console is a socket that nobody reads.
lab_case verdict_oops
case_verdict_oops() {
	boot_stock --fail-on oops --serial "unix=$work/serial" --console-log "$work/log,max=1M" --append "$(run_word '
		echo "<0>BUG: injected by a test" >/dev/kmsg; sleep 1; echo "<0>RIP: the rest" >/dev/kmsg; sleep 1000')"
	expect_end 1 fail-on
	grep -Eq '"line": "\[ *[0-9.]+\] BUG: injected by a test"' "$work/result" || fail "the result does not have the line"
	grep -q 'RIP: the rest' "$work/log" || fail "the trace is not in the console log"
	grep -q '^vmm: console: .*RIP: the rest' "$work/err" || fail "the last lines are not on standard error"
}

# The example, with a panic among its cases.
lab_case smoke_example limit=300
case_smoke_example() {
	export KERNEL=$LAB_KERNEL INITRD=$LAB_INITRD ROOT=$LAB_ROOTFS VMM=$vmm
	: >"$work/out"
	"$top/tools/vmm-smoke" "$top/examples/smoke/smoke.toml" -j 2 --out "$work/smoke" --junit "$work/junit.xml" \
		>"$work/err" 2>&1 || fail "vmm-smoke ended with status $?: $(tail -n 20 "$work"/smoke/*.log)"
	grep -q '^3 passed, 0 failed, 0 errors, 0 skipped$' "$work/err" || fail "not all passed"
	[[ $(grep -c '<testcase ' "$work/junit.xml") == 3 ]] || fail "not three cases are reported"
}
