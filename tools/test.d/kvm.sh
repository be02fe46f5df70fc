# shellcheck shell=bash
# Micro-guests. They need KVM's system calls, not a KVM that ordinary kernels could use.

tier_kvm() {
	build_release || { cannot_run "build does not build"; return 0; }
	# Leaks show under sanitizers only.
	build_asan || { cannot_run "build-asan does not build"; return 0; }
	# What hangs is a failure, too.
	local place=(timeout -k 10 900)
	if [[ ! -r /dev/kvm || ! -w /dev/kvm ]]; then
		say "kvm: /dev/kvm cannot be opened here, so this runs in the lab"
		place=(tools/lab --time 1800 --)
	fi
	run_tap "${place[@]}" tests/kvm/run build/vmm/vmm build/tests/kvm
	run_tap "${place[@]}" tests/smoke/run build/vmm/vmm build/tests/kvm
	run_tap "${place[@]}" build-asan/tests/faults/faults build/tests/kvm/hello
}
