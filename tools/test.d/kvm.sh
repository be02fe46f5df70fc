# shellcheck shell=bash
# Micro-guests. They need KVM's system calls, not a KVM that ordinary kernels could use.

tier_kvm() {
	build_release || { cannot_run "build does not build"; return 0; }
	local runner=(tests/kvm/run build/vmm/vmm build/tests/kvm)
	if [[ -r /dev/kvm && -w /dev/kvm ]]; then
		run_tap "${runner[@]}"
		run_tap tests/smoke/run build/vmm/vmm build/tests/kvm
	else
		say "kvm: /dev/kvm cannot be opened here, so this runs in the lab"
		run_tap tools/lab -- "${runner[@]}"
		run_tap tools/lab -- tests/smoke/run build/vmm/vmm build/tests/kvm
	fi
}
