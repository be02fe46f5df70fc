# shellcheck shell=bash
# A kernel that starts another one in its place: nobody resets the machine, nor tells vmm.

lab_case kexec_finds_every_device_again limit=300
case_kexec_finds_every_device_again() {
	local n
	make_tap lab0 7
	socat_tree "$work/tree"
	serve socat -u "UNIX-LISTEN:$work/vsock_6000,fork" "OPEN:$work/heard,creat,append"
	serve socat -u "UNIX-LISTEN:$work/vsock_6001,fork" OPEN:/dev/null
	cc -O2 -static -o "$work/tree/kexec" "$here/kexec.c" || fail "cannot compile kexec.c"
	cp "$LAB_CLOUD_KERNEL" "$work/tree/vmlinuz"
	cp "$LAB_CLOUD_INITRD" "$work/tree/initrd"
	mke2fs -q -t ext4 -d "$work/tree" "$work/next" 64M >/dev/null
	root_copy
	boot_stock --rootfs "$disk" --disk "$work/next,ro" --net tap=lab0 --console "file=$work/hvc" --cpus 2 \
		--vsock "cid=7,socket=$work/vsock" \
		--append "$(run_word '
		n=$(($(cat /boots 2>/dev/null || echo 0) + 1))
		echo $n >/boots
		echo "kernel $n: $(nproc) processors"
		dd if=/dev/hwrng bs=64 count=1 2>/dev/null | wc -c
		while [ ! -c /dev/hvc0 ]; do sleep 0.1; done
		echo "hvc0 of kernel $n" >/dev/hvc0
		ip addr add 10.7.0.2/24 dev eth0
		ip link set eth0 up
		ping -c 3 -i 0.2 10.7.0.1 | grep -q " 3 packets received" && echo "ping $n"
		mount -t ext4 -o ro /dev/vdb /mnt
		echo "vsock of kernel $n" | /mnt/socat -u - VSOCK-CONNECT:2:6000
		! dmesg | grep -iE "lockup|stall|I/O error" || echo "kernel $n complains"
		[ $n -lt 3 ] || exit 0
		/mnt/socat -u OPEN:/dev/zero VSOCK-CONNECT:2:6001 & # still busy when the kernel goes
		read -r words </proc/cmdline
		mount -o remount,ro /
		/mnt/kexec /mnt/vmlinuz /mnt/initrd "$words"')"
	expect_end 0 exit
	expect_silence
	for n in 1 2 3; do
		expect_line "kernel $n: 2 processors"
		expect_line "ping $n"
		grep -Fq "hvc0 of kernel $n" "$work/hvc" || fail "kernel $n did not reach hvc0"
		grep -Fxq "vsock of kernel $n" "$work/heard" || fail "kernel $n did not reach the host by vsock"
	done
	[[ $(console | grep -cFx 64) == 3 ]] || fail "not every kernel got entropy"
	# On its way out a kernel takes its devices away from under whoever still reads ahead, and says so.
	expect_no_text 'complains'
	e2fsck -fn "$disk" || fail "the file system is not clean"
}
