# shellcheck shell=bash
# What this host can do.

vmm=${VMM:-$top/build/vmm/vmm}

# host_fit: 0 if ordinary kernels run on this host's /dev/kvm, 77 if not; the last line of `host_report`
# says why.
# shellcheck disable=SC2034
host_fit() {
	local status=0
	if [[ ! -x $vmm ]]; then
		host_report="no $vmm to ask whether this host fits; build it with: meson setup build && ninja -C build"
		return 77
	fi
	host_report=$("$vmm" --check-host 2>&1) || status=$?
	case $status in
	0 | 77) return "$status" ;;
	*) die "'$vmm --check-host' ended with $status: ${host_report##*$'\n'}" 125 ;;
	esac
}
