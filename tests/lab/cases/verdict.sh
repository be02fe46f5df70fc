# shellcheck shell=bash
# What the console of a stock kernel is taken for: --expect, --fail-on, --console-log.

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
