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
		grep -c -e timer -e cascade /proc/interrupts')"
	expect_end 0 exit
	expect_no_text 'Probing ports directly'
	expect_no_text 'i8042: (No controller found|Can.t read CTR)'
	expect_no_text 'VGA\+'
	expect_no_text 'rtc_cmos'
	expect_text 'preallocated irqs: 0$'
	expect_line "rtc 0"
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
	[[ $(grep -cE '^jail +yes ' "$work/out") == 15 ]] || fail "it does not give each layer of the jail"
	expect_text '^optional +yes +/dev/net/tun +--net tap=NAME$'
	expect_text '^optional +yes +/dev/vhost-net +--net ...,vhost$'
	away /dev/vhost-net check_host
	[[ $status == 0 ]] || fail "--check-host ended with $status for want of what is optional"
	expect_text '^optional +NO +/dev/vhost-net +missing; lost: --net ...,vhost$'
	by_user
	closed /dev/net/tun check_host
	expect_text '^optional +NO +/dev/net/tun +not permitted; lost: --net tap=NAME$'
}

lab_case own_kernel_words
case_own_kernel_words() {
	boot_amd64 --no-default-cmdline --append "console=ttyS0 reboot=t panic=-1" --append "$(run_word 'cat /proc/cmdline')"
	expect_end 0 exit
	expect_text "^quiet $quick_words console=ttyS0 reboot=t panic=-1 guest.run="
}
