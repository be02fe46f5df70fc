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

# kill_under_load: file systems on the image and past the page cache, both under load when vmm is killed. What was
# synced before is there, and their journals do the rest.
kill_under_load() {
	local name image
	small_fs ext4 80M
	truncate -s 32M "$work/raw" "$work/ext4/direct"
	mkfs.ext4 -q -F "$work/raw"
	mkfs.ext4 -q -F "$work/ext4/direct"
	# shellcheck disable=SC2016  # for the shell of the guest
	start_fio '
		for name in RAW DIRECT; do
			eval disk=\$$name
			mkdir /run/$name
			mount -t ext4 $disk /run/$name
			dd if=/dev/urandom of=/run/$name/kept bs=64k count=16 2>/dev/null
			sync
			echo "$name $(sha256sum </run/$name/kept)"
			/mnt/run-fio --name=load --directory=/run/$name --ioengine=libaio --direct=1 --iodepth=16 \
				--rw=randwrite --bsrange=4k-64k --size=16M --fsync=16 --verify=crc32c --verify_fatal=1 \
				--verify_backlog=32 --time_based --runtime=1000 >/run/$name.log 2>&1 || cat /run/$name.log &
		done
		# Each time that its file has been written, fio begins anew.
		for name in RAW DIRECT; do
			eval disk=\$$name
			until read -r _ _ _ _ writes _ </sys/block/${disk#/dev/}/stat && [ $writes -gt 1000 ]; do sleep 0.2; done
		done
		echo "both are under load"
		wait' --log-level info --disk "$work/raw,serial=RAW" --disk "$work/ext4/direct,direct,serial=DIRECT"
	await "both are under load" 100
	sleep 3
	kill -KILL "$vmm_pid" || fail "the load has ended"
	vmm_wait
	for name in RAW DIRECT; do
		image=$work/raw
		[[ $name == RAW ]] || image=$work/ext4/direct
		e2fsck -fy "$image" >"$work/fsck" 2>&1 || [[ $? == 1 ]] ||
			fail "the file system of $name cannot be mended: $(cat "$work/fsck")"
		e2fsck -fn "$image" || fail "the file system of $name is not clean after its journal"
		expect_line "$name $(debugfs -R 'cat /kept' "$image" 2>/dev/null | sha256sum)"
	done
}

lab_case sigkill_under_load_by_io_uring limit=240
case_sigkill_under_load_by_io_uring() {
	kill_under_load
	! grep -q 'no io_uring' "$work/err" || fail "io_uring was not used"
}

lab_case sigkill_under_load_without_io_uring limit=240
case_sigkill_under_load_without_io_uring() {
	without_io_uring
	kill_under_load
	grep -q 'no io_uring' "$work/err" || fail "nothing was said of io_uring"
}

# A file system that the guest makes, with the tools of Debian; what it trims is given back to the host.
lab_case fstrim_shrinks_the_image
case_fstrim_shrinks_the_image() {
	local full trimmed
	truncate -s 128M "$work/b"
	start_stock --disk "$LAB_DEBIAN,ro" --disk "$work/b" --append "$(run_word '
		mount -t ext4 -o ro /dev/vda /mnt
		mount -t devtmpfs dev /mnt/dev
		chroot /mnt mkfs.ext4 -q /dev/vdb && mount -t ext4 /dev/vdb /run || exit
		dd if=/dev/urandom of=/run/big bs=1M count=64 2>/dev/null
		sync
		echo FULL
		read -r _ </dev/console
		rm /run/big
		sync
		fstrim /run && umount /run && echo TRIMMED')" --serial unix="$work/tty" --console-log "$work/out"
	await FULL 100
	full=$(du -k "$work/b" | cut -f1)
	echo | socat -t 1 - "UNIX-CONNECT:$work/tty" >/dev/null
	vmm_wait
	expect_end 0 exit
	expect_line TRIMMED
	trimmed=$(du -k "$work/b" | cut -f1)
	((full - trimmed > 60000)) || fail "the image had $full KiB and has $trimmed after fstrim"
	e2fsck -fn "$work/b" || fail "the file system is not clean"
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

# loop_device FILE [OPTION...]: set `loop` to a block device over a file. It is let go of already, and stays while this
# shell has it open.
loop_device() {
	local file=$1 held
	shift
	loop=$(losetup --find --show "$@" "$file")
	exec {held}<"$loop"
	losetup --detach "$loop"
}

lab_case block_devices_as_disks
case_block_devices_as_disks() {
	local plain large fixed
	truncate -s 8M "$work/plain" "$work/large"
	head -c 2097152 < <(yes "what was there before") >"$work/fixed"
	dd of="$work/plain" bs=1M seek=4 conv=notrunc status=none < <(yes "to be discarded" | head -c 4194304)
	loop_device "$work/plain"
	plain=$loop
	loop_device "$work/large" --sector-size 4096
	large=$loop
	loop_device "$work/fixed" --read-only
	fixed=$loop
	boot_stock --disk "$plain,serial=PLAIN" --disk "$large,direct,serial=LARGE" --disk "$fixed,ro" --append "$(run_word '
		for d in a b; do
			cd /sys/block/vd$d
			echo "$(cat serial) $(cat size) $(cat queue/logical_block_size) $(cat queue/physical_block_size)"
			yes "written to $(cat serial)" | head -c 1048576 >/run/$d
			dd if=/run/$d of=/dev/vd$d bs=64k seek=16 conv=fsync 2>/dev/null
			dd if=/dev/vd$d bs=64k skip=16 count=16 iflag=direct 2>/dev/null | cmp - /run/$d && echo "$(cat serial) read"
		done
		blkdiscard -o 4194304 -l 2097152 /dev/vda && dd if=/dev/vda bs=1M skip=4 count=4 2>/dev/null | tr -d "\0" | wc -c
		echo "FIXED $(cat /sys/block/vdc/ro) $(sha256sum </dev/vdc)"')"
	expect_end 0 exit
	expect_silence
	expect_line "PLAIN 16384 512 512"
	expect_line "LARGE 16384 4096 4096"
	expect_line "PLAIN read"
	expect_line "LARGE read"
	expect_line 2097152
	expect_line "FIXED 1 $(sha256sum <"$work/fixed")"
	# By the files below, of which the devices have kept nothing back.
	cmp <(yes "written to PLAIN" | head -c 1048576) <(dd if="$work/plain" bs=64k skip=16 count=16 status=none) ||
		fail "the device does not hold what the guest wrote"
	cmp <(yes "written to LARGE" | head -c 1048576) <(dd if="$work/large" bs=64k skip=16 count=16 status=none) ||
		fail "the device of 4 KiB blocks does not hold what the guest wrote"
	[[ $(dd if="$work/plain" bs=1M skip=4 count=2 status=none | tr -d '\0' | wc -c) == 0 ]] ||
		fail "the host still has what was discarded"
}

lab_case unfit_block_devices_are_refused
case_unfit_block_devices_are_refused() {
	truncate -s 16M "$work/fs" "$work/fixed"
	mkfs.ext4 -q -F "$work/fs"
	mkdir "$work/mnt"
	loop_device "$work/fs"
	mount "$loop" "$work/mnt"
	refused_disk "$loop" "'$loop' is in use: mounted, part of a volume, or another VM's"
	umount "$work/mnt"
	loop_device "$work/fixed" --read-only
	refused_disk "$loop" "add ',ro' to only read"
	[[ $(<"$work/err") == *"'$loop'"* ]] || fail "the device is not named"
	boot_stock --disk "$work/fixed,ro" --disk "$loop,cow" --append "$(run_word '
		echo words | dd of=/dev/vdb conv=fsync 2>/dev/null; head -c 5 /dev/vdb')"
	expect_end 0 exit
	expect_line words
}

# The device becomes larger on the host, and only then in the guest.
lab_case block_device_grows
case_block_device_grows() {
	local answer
	truncate -s 8M "$work/b"
	loop_device "$work/b"
	start_stock --control "$work/qmp" --disk "$loop" --append "$(run_word '
		echo READY
		until [ "$(cat /sys/block/vda/size)" = 32768 ]; do sleep 0.2; done
		echo words | dd of=/dev/vda bs=1M seek=15 conv=fsync 2>/dev/null && echo GROWN')"
	await READY 100
	answer=$(qmp '{"execute":"block_resize","arguments":{"device":"vd0","size":16777216}}')
	expect_answer "device '$loop' has only 8388608 bytes"
	truncate -s 16M "$work/b"
	losetup --set-capacity "$loop"
	answer=$(qmp '{"execute":"block_resize","arguments":{"device":"vd0","size":16777216}}')
	expect_answer '"return": \{\}'
	vmm_wait
	expect_end 0 exit
	expect_line GROWN
	[[ $(dd if="$work/b" bs=1M skip=15 status=none | head -c 5) == words ]] || fail "the end was not written"
}
