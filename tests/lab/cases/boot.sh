# shellcheck shell=bash
# Kernels, and ways to give them a root.

lab_case initrd_alone fast=1
case_initrd_alone() {
	boot_amd64
	expect_end 0 poweroff
	expect_text '^Linux .*x86_64 GNU/Linux$'
	expect_silence
}

lab_case disk_root fast=1
case_disk_root() {
	root_copy
	boot_amd64 --rootfs "$disk"
	expect_end 0 poweroff
	expect_text '^/dev/vda / ext4 rw'
	expect_silence
	e2fsck -fn "$disk" || fail "the guest left an unclean file system"
}

lab_case cloud_kernel_initrd_alone
case_cloud_kernel_initrd_alone() {
	boot --kernel "$LAB_CLOUD_KERNEL" --initrd "$LAB_CLOUD_INITRD"
	expect_end 0 poweroff
	expect_text '^Linux .*cloud-amd64'
}

lab_case cloud_kernel_disk_root
case_cloud_kernel_disk_root() {
	root_copy
	boot --kernel "$LAB_CLOUD_KERNEL" --initrd "$LAB_CLOUD_INITRD" --rootfs "$disk"
	expect_end 0 poweroff
	expect_text '^/dev/vda / ext4 rw'
}

lab_case elf_kernel_by_pvh
case_elf_kernel_by_pvh() {
	root_copy
	boot --kernel "$LAB_VMLINUX" --initrd "$LAB_INITRD" --rootfs "$disk"
	expect_end 0 poweroff
	expect_text '^/dev/vda / ext4 rw'
}

lab_case eight_cpus
case_eight_cpus() {
	root_copy
	boot_amd64 --rootfs "$disk" --cpus 8 --append "$(run_word '
		echo "cpus $(nproc)"
		cd /sys/devices/system/cpu
		echo "packages $(cat cpu*/topology/physical_package_id | sort -u | wc -l)"
		echo "cores $(cat cpu*/topology/core_id | sort -u | wc -l)"')"
	expect_end 0 exit
	expect_line "cpus 8"
	expect_line "packages 1"
	expect_line "cores 8"
}

lab_case four_cpus_elf_kernel
case_four_cpus_elf_kernel() {
	boot --kernel "$LAB_VMLINUX" --initrd "$LAB_INITRD" --cpus 4 --append "$(run_word 'echo "cpus $(nproc)"')"
	expect_end 0 exit
	expect_line "cpus 4"
}

# A stock kernel unpacks itself from 16 MiB on and takes some 52 MiB there: 64 MiB cannot hold it.
lab_case memory_80_mib
case_memory_80_mib() {
	root_copy
	boot --kernel "$LAB_CLOUD_KERNEL" --initrd "$LAB_CLOUD_INITRD" --rootfs "$disk" --memory 80
	expect_end 0 poweroff
	expect_text '^/dev/vda / ext4 rw'
}

lab_case memory_64_mib_refused
case_memory_64_mib_refused() {
	boot --kernel "$LAB_CLOUD_KERNEL" --initrd "$LAB_CLOUD_INITRD" --memory 64
	expect_end 125 error
	grep -q '^vmm: .*64 MiB.*--memory' "$work/err" || fail "no line that names the size and the remedy"
}

# RAM on both sides of the gap below 4 GiB.
lab_case memory_6_gib memory=8000
case_memory_6_gib() {
	boot_amd64 --memory 6G --append "$(run_word '
		awk "/MemTotal/ { print \"mib\", int(\$2 / 1024) }" /proc/meminfo
		grep "System RAM" /proc/iomem')"
	expect_end 0 exit
	expect_text '^100000000-[0-9a-f]+ : System RAM'
	(($(console | sed -n 's/^mib //p') > 5800)) || fail "the guest does not see its 6 GiB"
}

lab_case two_initrds
case_two_initrds() {
	mkdir "$work/tree"
	echo "from the second archive" >"$work/tree/second"
	(cd "$work/tree" && echo second | cpio --quiet -o -H newc) >"$work/second.cpio"
	boot_amd64 --initrd "$work/second.cpio" --append "$(run_word 'cat /second')"
	expect_end 0 exit
	expect_line "from the second archive"
}

lab_case kernel_words
case_kernel_words() {
	root_copy
	boot_amd64 --rootfs "$disk" --append mark=first --append mark=last --append "$(run_word 'cat /proc/cmdline')"
	expect_end 0 exit
	expect_text '^console=ttyS0 .*root=/dev/vda rw .*quiet .* mark=first mark=last guest.run=sh:'
}
