# shellcheck shell=bash
# The disk under load, by both engines, on the image itself and on an overlay.

# fio in the guest: /mnt/run-fio, from a disk with the serial number FIO; $disk is the one with the number TEST.
# shellcheck disable=SC2016  # for the shell of the guest
fio_prelude='
for d in /sys/block/vd?; do
	case $(cat $d/serial) in
	FIO) mkdir -p /mnt; mount -t ext4 -o ro /dev/${d##*/} /mnt || exit 1 ;;
	TEST) disk=/dev/${d##*/} ;;
	esac
done
'

# Writes of every size from a sector to 64 KiB at once and out of order, then all of it read back and compared.
# shellcheck disable=SC2016  # for the shell of the guest
fio_verify='
/mnt/run-fio --name=verify --filename=$disk --direct=1 --ioengine=libaio --iodepth=16 --rw=randwrite \
	--bsrange=512-65536 --bs_unaligned=0 --blockalign=512 --size=12M --verify=crc32c --verify_fatal=1 --do_verify=1 \
	>/run/fio.log 2>&1 && echo VERIFIED || cat /run/fio.log
dd if=$disk bs=1M 2>/dev/null | sha256sum
'

# An ordinary user of what is refused: io_uring_setup gives EPERM.
without_io_uring() {
	local real=$vmm
	vmm=$work/vmm-without-io-uring
	cat >"$vmm" <<-END
		#!/bin/sh
		exec python3 "$here/without-io-uring" "$real" "\$@"
	END
	chmod +x "$vmm"
}

# boot_fio SCRIPT ARG...
boot_fio() {
	boot_stock --append "$(run_word "$fio_prelude$1")" --disk "$LAB_FIO,ro,serial=FIO" "${@:2}"
}

# verify_on KEYS: set `before` and `after` to the image's sum.
verify_on() {
	truncate -s 16M "$work/b"
	before=$(sha256sum <"$work/b")
	boot_fio "$fio_verify" --log-level info --disk "$work/b,serial=TEST$1"
	after=$(sha256sum <"$work/b")
	expect_end 0 exit
	expect_line VERIFIED
}

lab_case fio_verify_by_io_uring limit=300
case_fio_verify_by_io_uring() {
	verify_on ""
	! grep -q 'no io_uring' "$work/err" || fail "io_uring was not used"
	expect_line "$after" # the guest's sum of its disk is that of the image
}

lab_case fio_verify_without_io_uring limit=300
case_fio_verify_without_io_uring() {
	without_io_uring
	verify_on ""
	grep -q 'blk1: no io_uring (Operation not permitted)' "$work/err" || fail "nothing was said of io_uring"
	expect_line "$after"
}

lab_case fio_verify_on_overlay limit=300
case_fio_verify_on_overlay() {
	verify_on ,cow
	[[ $before == "$after" ]] || fail "the base of an overlay was changed"
}

lab_case fio_verify_on_overlay_without_io_uring limit=300
case_fio_verify_on_overlay_without_io_uring() {
	without_io_uring
	verify_on ,cow
	[[ $before == "$after" ]] || fail "the base of an overlay was changed"
}

# Two VMs on one image; what either writes ends with it, and SIGKILL leaves no file.
lab_case overlays_share_a_base
case_overlays_share_a_base() {
	root_copy
	local before
	before=$(sha256sum <"$disk")
	mkdir "$work/tmp"
	TMPDIR=$work/tmp start_stock --rootfs "$disk,cow" \
		--append "$(run_word 'echo mine >/kept; sync; cat /kept; echo SYNCED; sleep 1000')"
	await SYNCED 60
	local first=$vmm_pid
	boot_stock --rootfs "$disk,cow" --append "$(run_word 'cat /kept || echo nothing kept; touch /other && echo writable')"
	expect_end 0 exit
	expect_line "nothing kept"
	expect_line writable
	kill -KILL "$first"
	wait "$first" || true
	[[ -z $(ls -A "$work/tmp") ]] || fail "an overlay has left a file"
	[[ $(sha256sum <"$disk") == "$before" ]] || fail "the base of an overlay was changed"
}

lab_case sigkill_under_load_leaves_a_file_system limit=180
case_sigkill_under_load_leaves_a_file_system() {
	root_copy
	start_stock --rootfs "$disk" --append "$(run_word '
		i=0
		echo kept >/first; sync; echo LOADED
		while :; do i=$((i + 1)); dd if=/dev/zero of=/f$((i % 7)) bs=64k count=16 conv=fsync 2>/dev/null; done')"
	await LOADED 60
	sleep 3
	kill -KILL "$vmm_pid"
	vmm_wait
	e2fsck -fy "$disk" >"$work/fsck" || [[ $? == 1 ]] || fail "the file system cannot be mended: $(cat "$work/fsck")"
	e2fsck -fn "$disk" || fail "the file system is not clean after its journal"
	[[ $(debugfs -R 'cat /first' "$disk" 2>/dev/null) == kept ]] || fail "a synced file is gone"
}

# What the guest trims is given back to the host.
lab_case fstrim_shrinks_the_image
case_fstrim_shrinks_the_image() {
	local full trimmed
	root_copy
	boot_stock --rootfs "$disk" --append "$(run_word '
		dd if=/dev/urandom of=/big bs=1M count=64 2>/dev/null && sync && echo FULL')"
	expect_line FULL
	full=$(du -k "$disk" | cut -f1)
	boot_stock --rootfs "$disk" --append "$(run_word 'rm /big; sync; fstrim / && echo TRIMMED')"
	expect_end 0 exit
	expect_line TRIMMED
	trimmed=$(du -k "$disk" | cut -f1)
	((full - trimmed > 60000)) || fail "the image had $full KiB and has $trimmed after fstrim"
	e2fsck -fn "$disk" || fail "fstrim has hurt the file system"
}

lab_case blkdiscard_empties_the_disk
case_blkdiscard_empties_the_disk() {
	dd if=/dev/urandom of="$work/b" bs=1M count=8 status=none
	boot_stock --disk "$work/b" --append "$(run_word '
		blkdiscard -o 1048576 -l 4194304 /dev/vda && dd if=/dev/vda bs=1M skip=1 count=4 2>/dev/null | tr -d "\0" | wc -c
		cat /sys/block/vda/queue/write_cache')"
	expect_end 0 exit
	expect_line 0
	expect_line "write back"
	[[ $(du -k "$work/b" | cut -f1) -le 4200 ]] || fail "the image still takes $(du -k "$work/b" | cut -f1) KiB"
	[[ $(stat -c %s "$work/b") == 8388608 ]] || fail "the image changed its size"
}
