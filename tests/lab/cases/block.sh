# shellcheck shell=bash
# The disk under load, by both engines, on the image itself and on an overlay.

# fio in the guest: /mnt/run-fio, from a disk with the serial number FIO; any other is $NAME by its own number.
# shellcheck disable=SC2016  # for the shell of the guest
fio_prelude='
for d in /sys/block/vd?; do
	name=$(cat $d/serial)
	case $name in
	FIO) mkdir -p /mnt; mount -t ext4 -o ro /dev/${d##*/} /mnt || exit 1 ;;
	[A-Z]*) eval $name=/dev/${d##*/} ;;
	esac
done
# verify NAME [OPTION...]: writes of every size from a block to 64 KiB at once and out of order, then all of it
# read back and compared.
verify() {
	eval disk=\$$1
	block=$(blockdev --getss $disk)
	name=$1
	shift
	/mnt/run-fio --name=verify --filename=$disk --direct=1 --ioengine=libaio --iodepth=16 --rw=randwrite \
		--bsrange=$block-65536 --bs_unaligned=0 --blockalign=$block --size=6M --verify=crc32c --verify_fatal=1 \
		--do_verify=1 "$@" >/run/fio.log 2>&1 && echo "$name verified" || cat /run/fio.log
	echo "$name $(dd if=$disk bs=1M 2>/dev/null | sha256sum)"
}
'

# An ordinary user of what is refused: io_uring_setup gives EPERM.
without_io_uring() {
	local real=$vmm
	vmm=$work/vmm-without-io-uring
	cat >"$vmm" <<-END
		#!/bin/sh
		exec python3 "$top/tests/without" io_uring "$real" "\$@"
	END
	chmod +x "$vmm"
}

# start_fio SCRIPT ARG...: the script is on a disk, as there is no room for it among the kernel words.
# shellcheck disable=SC2016  # for the shell of the guest
start_fio() {
	printf '%s%s\n%511s\n' "$fio_prelude" "$1" '' | tr -d '\t' >"$work/script"
	truncate -s $(($(stat -c %s "$work/script") / 512 * 512)) "$work/script"
	start_stock --append "$(run_word '
		for d in /sys/block/vd?; do
			[ "$(cat $d/serial)" != SCRIPT ] || { cat /dev/${d##*/} >/run/fio.sh; exec sh /run/fio.sh; }
		done')" \
		--disk "$LAB_FIO,ro,serial=FIO" "${@:2}" --disk "$work/script,ro,serial=SCRIPT"
}

boot_fio() {
	start_fio "$@"
	vmm_wait
}

# A file system of its own at $work/NAME, on a loop device: one that knows O_DIRECT, and that can be filled.
small_fs() {
	truncate -s "$2" "$work/$1.fs"
	mkfs.ext4 -q -F -m 0 "$work/$1.fs"
	mkdir "$work/$1"
	mount -o loop "$work/$1.fs" "$work/$1"
}

# On the image, on an overlay, and past the page cache, one after the other in one guest.
verify_kinds() {
	local base name
	small_fs ext4 32M
	truncate -s 8M "$work/raw" "$work/cow" "$work/ext4/direct"
	base=$(sha256sum <"$work/cow")
	boot_fio 'verify RAW; verify COW; verify DIRECT' --log-level info --disk "$work/raw,serial=RAW" \
		--disk "$work/cow,cow,serial=COW" --disk "$work/ext4/direct,direct,serial=DIRECT"
	expect_end 0 exit
	for name in RAW COW DIRECT; do expect_line "$name verified"; done
	# The guest's sum of its disk is that of the image.
	expect_line "RAW $(sha256sum <"$work/raw")"
	expect_line "DIRECT $(sha256sum <"$work/ext4/direct")"
	[[ $(sha256sum <"$work/cow") == "$base" ]] || fail "the base of an overlay was changed"
	expect_no_text "^COW ${base%% *}"
}

lab_case fio_verify_by_io_uring limit=300
case_fio_verify_by_io_uring() {
	verify_kinds
	! grep -q 'no io_uring' "$work/err" || fail "io_uring was not used"
}

lab_case fio_verify_without_io_uring limit=300
case_fio_verify_without_io_uring() {
	without_io_uring
	verify_kinds
	grep -q 'blk1: no io_uring (Operation not permitted)' "$work/err" || fail "nothing was said of io_uring"
}

# Four vCPUs with a queue each, on an inherited descriptor; while it is busy all vCPUs but one go and come back, with
# their interrupts, and then the driver.
# shellcheck disable=SC2016  # for the shell of the guest
lab_case four_queues_and_a_driver_that_goes limit=200
case_four_queues_and_a_driver_that_goes() {
	truncate -s 8M "$work/b"
	boot_fio '
		echo "queues $(ls /sys/block/${TEST#/dev/}/mq | wc -l)"
		verify TEST --numjobs=4 --offset_increment=2M --size=1M
		dd if=/dev/urandom of=/run/kept bs=64k count=16 2>/dev/null
		dd if=/run/kept of=$TEST bs=64k conv=fsync 2>/dev/null
		dd if=$TEST of=/dev/null bs=4k iflag=direct count=100000 2>/dev/null &
		for i in 1 2 3; do dd if=/dev/zero of=$TEST bs=4k seek=$((512 * i)) count=256 oflag=direct 2>/dev/null & done
		umount /mnt
		cd /sys/devices/system/cpu
		for i in 1 2 3; do echo 0 >cpu$i/online; done
		for i in 1 2 3; do echo 1 >cpu$i/online; done
		echo "processors $(nproc)"
		cd /sys/bus/virtio/drivers/virtio_blk
		for v in virtio*; do echo $v >unbind; done
		wait
		cd /
		rmmod virtio_blk || exit
		echo "no disks: $(ls /sys/block | grep -c vd)"
		insmod /modules/virtio_blk.ko*
		until [ -b $TEST ]; do sleep 0.1; done
		dd if=$TEST bs=64k count=16 2>/dev/null | cmp - /run/kept && echo "driver is back"' \
		--cpus 4 --disk fd=7,serial=TEST 7<>"$work/b"
	expect_end 0 exit
	expect_line "queues 4"
	expect_line "TEST verified"
	expect_line "processors 4"
	expect_line "no disks: 0"
	expect_line "driver is back"
	expect_silence
}

# The host has no room: the guest waits at `cont` and loses nothing, or gets an error where that was asked for.
lab_case full_host_pauses_or_reports limit=300
case_full_host_pauses_or_reports() {
	local answer
	mkdir "$work/full"
	mount -t tmpfs -o size=4m full "$work/full"
	small_fs small 4M
	truncate -s 16M "$work/full/stop" "$work/small/report"
	start_fio '
		dd if=/dev/zero of=$REPORT bs=1M conv=fsync 2>/dev/null || echo "an error is reported"
		yes "nothing is lost" | head -c 8388608 | dd of=$STOP bs=64k conv=fsync 2>/dev/null && echo WRITTEN' \
		--control "$work/qmp" --disk "$work/full/stop,serial=STOP" \
		--disk "$work/small/report,serial=REPORT,werror=report"
	await "an error is reported" 100
	until answer=$(qmp '{"execute":"query-status"}') && [[ $answer == *io-error* ]]; do
		kill -0 "$vmm_pid" || fail "vmm has ended"
		sleep 0.5
	done
	expect_no_text WRITTEN
	answer=$(qmp '{"execute":"query-block"}')
	expect_answer '"io-status": "nospace"'
	# Still no room: it is tried, and stops again.
	qmp '{"execute":"cont"}' >/dev/null
	until [[ $(qmp '{"execute":"query-status"}') == *io-error* ]]; do sleep 0.5; done
	mount -o remount,size=64m "$work/full"
	answer=$(qmp '{"execute":"cont"}' '{"execute":"query-status"}')
	expect_answer '"event": "RESUME"'
	vmm_wait
	expect_end 0 exit
	expect_line WRITTEN
	cmp <(yes "nothing is lost" | head -c 8388608) <(head -c 8388608 "$work/full/stop") ||
		fail "the image does not hold what the guest wrote"
}

# refused_disk DISK TEXT: no VM, status 125, one line.
refused_disk() {
	boot_stock --disk "$1"
	expect_end 125 error
	[[ $(wc -l <"$work/err") == 1 ]] || fail "not one line for $1"
	grep -Fq -- "$2" "$work/err" || fail "nothing is said of: $2"
}

lab_case unfit_disks_are_refused fast=1
case_unfit_disks_are_refused() {
	truncate -s 1M "$work/b"
	mkdir "$work/ram"
	mount -t ramfs ram "$work/ram"
	truncate -s 1M "$work/ram/b"
	refused_disk "$work/ram/b,direct" "has no O_DIRECT; leave out 'direct'"
	ln "$work/b" "$work/c"
	boot_stock --disk "$work/b" --disk "$work/c"
	expect_end 125 error
	grep -q "is given twice" "$work/err" || fail "one image by two names"
	boot_stock --disk fd=7 --disk fd=8 7<>"$work/b" 8<&7
	expect_end 125 error
	grep -q "'fd=7' and 'fd=8' are one image" "$work/err" || fail "one image by two descriptors"
	boot_stock --disk fd=7,cow 7<>"$work/b"
	expect_end 125 error
	grep -q "'fd=7' is open for writing; with 'cow' open it read-only" "$work/err" || fail "cow on a writable descriptor"
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
