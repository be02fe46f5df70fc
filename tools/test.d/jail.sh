# shellcheck shell=bash
# The jail, from inside and outside. Natively by root, who sees most of it, or in the lab.

tier_jail() {
	build_release || { cannot_run "build does not build"; return 0; }
	local runner=(tests/jail/run build/vmm/vmm build/tests/kvm)
	if ((EUID == 0)) && [[ -r /dev/kvm && -w /dev/kvm ]]; then
		run_tap "${runner[@]}"
	else
		say "jail: without root or /dev/kvm this runs in the lab"
		run_tap tools/lab -- "${runner[@]}"
	fi
}
