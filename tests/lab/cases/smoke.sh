# shellcheck shell=bash
# Programs that run others: vmm-smoke with lists of cases, vmm-run-bundle with a container's bundle.

# run_smoke STATUS ARG...: vmm-smoke with the list $work/smoke.toml, and what it says in $work/err.
run_smoke() {
	local wanted=$1 status=0
	: >"$work/out"
	VMM=$vmm "$top/tools/vmm-smoke" "$work/smoke.toml" --out "$work/smoke" "${@:2}" >"$work/err" 2>&1 || status=$?
	[[ $status == "$wanted" ]] || fail "vmm-smoke ended with status $status: $(tail -n 20 "$work"/smoke/*.log)"
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

# What commands give, told apart: good, bad, never run.
lab_case smoke_of_commands limit=300
case_smoke_of_commands() {
	command_root
	cat >"$work/smoke.toml" <<-END
		[defaults]
		kernel = "$LAB_CLOUD_KERNEL"
		root = "$root"
		memory = "128M"
		append = "$quick_words"
		[[case]]
		name = "text"
		command = "cd /etc && cat passwd | head -n 1; test \$\$A = b"
		env = { A = "b" }
		[[case]]
		name = "words"
		command = ["sh", "-c", "exit 77"]
		status = [0, 77]
		[[case]]
		name = "bad"
		command = "echo wrong; exit 3"
		[[case]]
		name = "missing"
		command = ["no-such-program"]
	END
	run_smoke 1 -j 2 --tap "$work/tap"
	grep -q '^2 passed, 1 failed, 1 errors, 0 skipped$' "$work/err" || fail "not so many passed"
	grep -q '^fail *bad .*exit, status 3' "$work/err" || fail "the status of the bad one is not shown"
	grep -Fxq wrong "$work/smoke/bad.log" || fail "what the bad one printed is not kept"
	grep -q "^error *missing .*cannot execute 'no-such-program'" "$work/err" || fail "an error is not explained"
	grep -Fxq 'ok 2 - words' "$work/tap" || fail "the report is not in order"
}

# They share one processor, so that each takes as long as all of them.
lab_case smoke_16_at_once limit=600 memory=2500
case_smoke_16_at_once() {
	local i
	command_root
	{
		printf '[defaults]\nkernel = "%s"\nroot = "%s"\nmemory = "96M"\ntimeout = 550\nappend = "%s"\n' \
			"$LAB_CLOUD_KERNEL" "$root" "$quick_words"
		for i in {1..16}; do printf '[[case]]\nname = "c%d"\ncommand = "exit %d"\nstatus = %d\n' "$i" "$i" "$i"; done
	} >"$work/smoke.toml"
	run_smoke 0 -j 16
	grep -q '^16 passed, 0 failed, 0 errors, 0 skipped$' "$work/err" || fail "not all passed"
}

# make_bundle ARGS [TERMINAL]: a bundle as a runtime gets it in $work/bundle, its process with these args in JSON.
make_bundle() {
	command_root
	mkdir "$work/bundle" "$root/tmp"
	mv "$root" "$work/bundle/rootfs"
	cat >"$work/bundle/config.json" <<-END
		{
		  "ociVersion": "1.0.2", "hostname": "box", "root": { "path": "rootfs", "readonly": true },
		  "process": {
		    "args": $1, "env": ["PATH=/bin", "A=b c"], "cwd": "/etc", "user": { "uid": 1000, "gid": 100 },
		    "terminal": ${2:-false}
		  },
		  "mounts": [
		    { "destination": "/proc", "type": "proc", "source": "proc" },
		    { "destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue" }
		  ],
		  "linux": { "namespaces": [{ "type": "pid" }, { "type": "mount" }] }
		}
	END
}

# With the kernel of this host, as without words behind the bundle, and a root that its process could write to.
lab_case bundle_in_a_vm
case_bundle_in_a_vm() {
	# shellcheck disable=SC2016  # the guest's shell expands
	make_bundle '["sh", "-c", "cat; pwd; id -u; id -g; echo $A; cat /proc/sys/kernel/hostname; echo of tmp >/tmp/x; cat /tmp/x; echo >/etc/new || exit 3"]'
	chmod 777 "$work/bundle/rootfs/etc"
	host_kernel
	status=0
	echo input | VMM=$vmm "$top/tools/vmm-run-bundle" "$work/bundle" --result "$work/result" >"$work/out" 2>"$work/err" ||
		status=$?
	expect_end 3 exit
	expect_output $'input\n/etc\n1000\n100\nb c\nbox\nof tmp'
	[[ $(<"$work/err") == $'vmm-run-bundle: not applied: mqueue at /dev/mqueue\nsh: can\'t create /etc/new: Read-only file system' ]] ||
		fail "standard error is not as it should be"
}

lab_case bundle_on_a_terminal
case_bundle_on_a_terminal() {
	make_bundle '["sh", "-c", "tty; exit 7"]' true
	status=0
	on_terminal env VMM="$vmm" VMM_KERNEL="$LAB_CLOUD_KERNEL" "$top/tools/vmm-run-bundle" "$work/bundle" \
		--append "$quick_words" --result "$work/result" || status=$?
	expect_end 7 exit
	expect_text "/dev/pts/0$" # behind what the guest echoes of the end of our input
}
