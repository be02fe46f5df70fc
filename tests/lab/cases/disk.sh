# shellcheck shell=bash
# virtio-blk under the driver of the stock kernel.

lab_case disks_with_serials
case_disks_with_serials() {
	root_copy
	truncate -s 3M "$work/b"
	truncate -s 5M "$work/c"
	boot_stock --rootfs "$disk" --disk "$work/b,serial=BRAVO" --disk "$work/c,ro,serial=twenty-bytes-of-name" \
		--append "$(run_word '
		for d in vdb vdc; do
			cd /sys/block/$d
			echo "$d $(cat serial) $(cat size) $(cat ro)"
		done')"
	expect_end 0 exit
	expect_line "vdb BRAVO 6144 0"
	expect_line "vdc twenty-bytes-of-name 10240 1"
}

lab_case disk_data_reaches_image
case_disk_data_reaches_image() {
	truncate -s 16M "$work/b"
	boot_stock --disk "$work/b" --append no-root --append "$(run_word '
		yes "a line of the guest" | head -c 1048576 | dd of=/dev/vda bs=64k seek=16 conv=fsync && echo WRITTEN')"
	expect_end 0 exit
	expect_line WRITTEN
	cmp <(yes "a line of the guest" | head -c 1048576) <(dd if="$work/b" bs=64k skip=16 count=16 status=none) ||
		fail "the image does not hold what the guest wrote"
	[[ $(stat -c %s "$work/b") == 16777216 ]] || fail "the image changed its size"
}

lab_case file_survives_dropped_cache
case_file_survives_dropped_cache() {
	root_copy
	boot_stock --rootfs "$disk" --append "$(run_word '
		dd if=/dev/urandom of=/data bs=1M count=32 2>/dev/null
		sha256sum /data >/sum
		sync
		echo 3 >/proc/sys/vm/drop_caches
		sha256sum -c /sum')"
	expect_end 0 exit
	expect_line "/data: OK"
	e2fsck -fn "$disk" || fail "the guest left an unclean file system"
}

lab_case readonly_root
case_readonly_root() {
	local before
	root_copy
	before=$(sha256sum <"$disk")
	boot_stock --rootfs "$disk,ro" --append "$(run_word '
		cat /proc/mounts
		touch /new || echo "touch refused"
		dd if=/dev/zero of=/dev/vda bs=512 count=1 conv=fsync || echo "dd refused"')"
	expect_end 0 exit
	expect_text '^/dev/vda / ext4 ro'
	expect_line "touch refused"
	expect_line "dd refused"
	[[ $(sha256sum <"$disk") == "$before" ]] || fail "a read-only image was changed"
}

lab_case synced_file_survives_sigkill
case_synced_file_survives_sigkill() {
	root_copy
	start_stock --rootfs "$disk" --append "$(run_word 'echo precious >/kept; sync; echo SYNCED; sleep 1000')"
	await SYNCED 100
	kill -KILL "$vmm_pid"
	vmm_wait
	[[ $status == 137 ]] || fail "exit status $status after SIGKILL, wanted 137"
	boot_stock --rootfs "$disk" --append "$(run_word 'cat /kept')"
	expect_end 0 exit
	expect_line precious
	e2fsck -fn "$disk" || fail "the file system did not recover"
}

# More windows than the old interrupts of a PC have numbers: each device, and the power button beside
# them, has to be heard.
lab_case twelve_disks
case_twelve_disks() {
	local i disks=()
	for ((i = 0; i < 12; i++)); do
		truncate -s 1M "$work/disk$i"
		disks+=(--disk "$work/disk$i,serial=number$i")
	done
	start_stock "${disks[@]}" --append "$(run_word '
		for d in /sys/block/vd?; do
			dd if=/dev/${d##*/} of=/dev/null bs=1M 2>/dev/null && echo "$(cat $d/serial) read"
		done
		echo READY
		sleep 1000')"
	await READY 100
	kill -TERM "$vmm_pid"
	vmm_wait
	expect_end 0 poweroff
	for ((i = 0; i < 12; i++)); do
		expect_line "number$i read"
	done
}
