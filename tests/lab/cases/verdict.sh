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

# oops_module FILE: a module of the stock kernel whose first instruction behind the tracer's writes to address 0. Without its
# signature, as one that is wrong would be refused.
oops_module() {
	python3 - "$(echo "${LAB_CLOUD_KERNEL%/boot/*}"/lib/modules/*/kernel/drivers/net/dummy.ko)" "$1" <<-'PY'
		import sys
		begin = bytes.fromhex("e8 00000000 4154 48c7c7")  # call __fentry__; push; mov
		crash = bytes.fromhex("e8 00000000 31c0 8800 90")  # call __fentry__; xor eax, eax; mov [rax], al
		module = open(sys.argv[1], "rb").read().removesuffix(b"~Module signature appended~\n")
		assert module.count(begin) == 1, "init_module() is another one"
		open(sys.argv[2], "wb").write(module.replace(begin, crash))
	PY
}

# An oops of the kernel's own, and what comes of it within a few seconds. The console is a socket that nobody reads.
lab_case verdict_oops
case_verdict_oops() {
	mkdir "$work/more"
	oops_module "$work/more/oops.ko"
	(cd "$work/more" && echo oops.ko | cpio --quiet -o -H newc >"$work/more.cpio")
	boot_stock --initrd "$work/more.cpio" --fail-on oops --serial "unix=$work/serial" --console-log "$work/log,max=1M" \
		--append "$(run_word '/bin/busybox insmod /oops.ko; sleep 1; echo "<0>still here" >/dev/kmsg; sleep 1000')"
	expect_end 1 fail-on
	grep -Eq '"line": "\[ *[0-9.]+\] BUG: kernel NULL pointer dereference, address: 0' "$work/result" ||
		fail "the result does not have the line"
	grep -Eq 'Oops: 0002 \[#1\]' "$work/log" || fail "the oops is not in the console log"
	grep -q 'RIP: 0010:.*dummy' "$work/log" || fail "the trace is not in the console log"
	grep -q 'still here' "$work/log" || fail "what came later is not in the console log"
	grep -q '^vmm: console: .*still here' "$work/err" || fail "the last lines are not on standard error"
}
