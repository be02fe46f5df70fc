# shellcheck shell=bash
# What a stock kernel finds, and what it does not waste its time on.

lab_case devices_by_acpi_alone
case_devices_by_acpi_alone() {
	root_copy
	boot_amd64 --rootfs "$disk" --append "$(run_word '
		cd /sys/bus/acpi/devices
		echo "windows $(ls -d LNRO0005:* | wc -l)"
		echo "driver $(basename $(readlink /sys/bus/platform/devices/LNRO0005:00/driver))"
		echo "cpus $(nproc)"
		cat /proc/cmdline')"
	expect_end 0 exit
	expect_line "windows 2" # the disk, and entropy
	expect_line "driver virtio-mmio"
	expect_line "cpus 1"
	expect_no_text 'virtio_mmio.device='
}

# The tables say that these are not there, so that nothing is probed by trial and time-out.
lab_case no_legacy_probing
case_no_legacy_probing() {
	boot_amd64 --append "$(run_word '
		dmesg
		echo "rtc $(ls /sys/class/rtc | wc -l)"
		echo "legacy $(grep -c -e timer$ -e cascade -e i8042 -e rtc /proc/interrupts)"')"
	expect_end 0 exit
	expect_no_text 'Probing ports directly'
	expect_no_text 'i8042: (No controller found|Can.t read CTR)'
	expect_no_text 'VGA\+'
	expect_no_text 'rtc_cmos'
	expect_text 'preallocated irqs: 0$'
	expect_line "rtc 0"
	expect_line "legacy 0"
	expect_no_text 'ACPI (BIOS )?Error|ACPI Warning|\[Firmware Bug\]'
}

# Set `status`; the report is in $work/out.
check_host() {
	status=0
	"$vmm" --check-host >"$work/out" 2>"$work/err" || status=$?
}

lab_case check_host fast=1
case_check_host() {
	check_host
	[[ $status == 0 ]] || fail "--check-host ended with $status where stock kernels run"
	[[ $(grep -cE '^jail +yes ' "$work/out") == 16 ]] || fail "it does not give each layer of the jail"
	expect_text '^optional +yes +/dev/net/tun +--net tap=NAME$'
	expect_text '^optional +yes +/dev/vhost-net +--net ...,vhost$'
	away /dev/vhost-net check_host
	[[ $status == 0 ]] || fail "--check-host ended with $status for want of what is optional"
	expect_text '^optional +NO +/dev/vhost-net +missing; lost: --net ...,vhost$'
	by_user
	closed /dev/net/tun check_host
	expect_text '^optional +NO +/dev/net/tun +not permitted; lost: --net tap=NAME$'
}

# no_kvm REPORT WHY TEXT: a line of --check-host about the node, the reason in its last line, and the
# beginning of what a start says.
no_kvm() {
	check_host
	[[ $status == 77 ]] || fail "--check-host ended with $status, wanted 77"
	expect_text "^/dev/kvm +$1"
	expect_line "ordinary kernels cannot run here: /dev/kvm $2"
	boot_stock
	expect_end 125 error
	grep -Eq -- "^vmm: /dev/kvm $3" "$work/err" || fail "stderr does not say: $3"
	(($(wc -l <"$work/err") == 1)) || fail "stderr has not just one line"
}

# In a /dev of the case's own, so that no other case finds it so.
lab_case kvm_node_is_missing_or_closed fast=1
case_kvm_node_is_missing_or_closed() {
	mount -t tmpfs none /dev
	mknod -m 666 /dev/null c 1 3
	ln -s /proc/self/fd /dev/fd
	no_kvm 'missing; .*/dev/kvm' 'is missing' 'is missing: enable virtualization .* load kvm_intel or kvm_amd'
	echo >/dev/kvm
	no_kvm 'is no KVM device; remove it' 'is no KVM device' "is no KVM device; 'vmm --check-host'"
	rm /dev/kvm
	mknod -m 660 /dev/kvm c 10 232
	by_user # of another group
	chgrp daemon /dev/kvm
	no_kvm "not permitted; group 'daemon' may: sudo usermod -aG daemon" 'is not permitted' \
		"is not permitted: join its group \('usermod -aG daemon USER'"
	chmod 600 /dev/kvm
	no_kvm 'not permitted, and no group may use it: sudo chown root:kvm' 'is not permitted' \
		"is not permitted: run as root, or 'chmod g\+rw'"
}

lab_case own_kernel_words
case_own_kernel_words() {
	boot_amd64 --no-default-cmdline --append "console=ttyS0 reboot=t panic=-1" --append "$(run_word 'cat /proc/cmdline')"
	expect_end 0 exit
	expect_text "^quiet $quick_words console=ttyS0 reboot=t panic=-1 guest.run="
}
