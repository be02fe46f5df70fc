# shellcheck shell=bash
# Directories of the host in the guest, by virtiofsd.

# The virtiofsds that serve what is below a directory: each has a child that does the work.
virtiofsds() { pgrep -f "virtiofsd .*(source=|--shared-dir )$1/"; }

# Until none of them is there.
await_no_virtiofsd() {
	local deadline=$((SECONDS + 20))
	while virtiofsds "$work" >"$work/left"; do
		((SECONDS < deadline)) || fail "virtiofsd is still there"
		sleep 0.2
	done
}

lab_case shared_folder limit=300
case_shared_folder() {
	root_directory
	mkdir -p "$work/rw" "$work/fixed/inner"
	echo "from the host" >"$work/rw/given"
	echo "as it was" >"$work/fixed/file"
	mount -t tmpfs inner "$work/fixed/inner"
	boot_command '
		mkdir /rw /fixed
		mount -t virtiofs rw /rw && mount -t virtiofs fixed /fixed || exit 3
		read line </rw/given && echo "$line"
		read line </fixed/file && echo "$line"
		echo "from the guest" >/rw/made
		mv /rw/made /rw/moved
		echo no 2>/dev/null >/fixed/file || echo REFUSED
		echo no 2>/dev/null >/fixed/inner/file || echo "REFUSED BELOW"
		mount -o remount,rw /fixed
		rm /fixed/file 2>/dev/null || echo KEPT
		dd if=/dev/zero bs=1M count=8 of=/rw/big 2>/dev/null; sync
		exit 7' --rootfs "$root" --share "$work/rw:rw" --share "$work/fixed:fixed,ro" --cpus 2
	expect_end 7 exit
	expect_line "from the host"
	expect_line "as it was"
	expect_line REFUSED
	expect_line "REFUSED BELOW"
	expect_line KEPT
	! grep '^vmm:' "$work/err" || fail "vmm said the above"
	[[ $(<"$work/rw/moved") == "from the guest" ]] || fail "what the guest wrote is not there"
	[[ $(<"$work/fixed/file") == "as it was" ]] || fail "a read-only folder was changed"
	[[ $(stat -c %s "$work/rw/big") == 8388608 ]] || fail "the large file is not whole"
	await_no_virtiofsd
}

# The guest goes on, with errors, and vmm with it.
lab_case shared_folder_dies limit=240
case_shared_folder_dies() {
	root_directory
	mkdir "$work/rw"
	vmm_start --kernel "$LAB_CLOUD_KERNEL" --rootfs "$root" --share "$work/rw:rw" -- /bin/busybox sh -c '
		busybox --install -s /bin
		mkdir /rw && mount -t virtiofs rw /rw || exit 3
		for job in 1 2 3 4 5 6 7 8; do
			(while echo $job 2>/dev/null >/rw/$job && read line </rw/$job; do :; done; echo "ended $job") &
		done
		echo WORKING
		wait
		ls /rw
		echo "status $?"
		exit 9'
	await WORKING 120
	sleep 2
	# shellcheck disable=SC2046 # one word each
	kill -KILL $(virtiofsds "$work")
	vmm_wait
	expect_end 9 exit
	for job in 1 2 3 4 5 6 7 8; do expect_line "ended $job"; done
	expect_line "status 1"
	[[ $(<"$work/err") == *"vmm: warning: fs0: its back-end has gone"* ]] || fail "vmm says nothing of virtiofsd's end"
}

# Stopped, let go on, and killed: what it started ends with it.
lab_case shared_folder_ends_with_vmm limit=240
case_shared_folder_ends_with_vmm() {
	local stopped pid
	root_directory
	mkdir "$work/rw"
	vmm_start --kernel "$LAB_CLOUD_KERNEL" --rootfs "$root" --share "$work/rw:rw" --control "$work/qmp" -- \
		/bin/busybox sh -c '
		busybox mkdir /rw && busybox mount -t virtiofs rw /rw || exit 3
		n=0
		while n=$((n + 1)) && echo $n >/rw/n; do [ $n -ne 20 ] || echo WORKING; done'
	await WORKING 120
	"$vmmctl" "$work/qmp" stop
	stopped=$(<"$work/rw/n")
	sleep 2
	[[ $(<"$work/rw/n") == "$stopped" ]] || fail "the guest wrote while it was stopped"
	"$vmmctl" "$work/qmp" cont
	until (($(<"$work/rw/n") > stopped + 20)); do sleep 0.2; done
	virtiofsds "$work" >"$work/left" || fail "there is no virtiofsd"
	while read -r pid; do
		[[ $(ps -o pgid= "$pid") -ne $(ps -o pgid= "$vmm_pid") ]] || fail "virtiofsd gets the signals of a terminal"
	done <"$work/left"
	kill -KILL "$vmm_pid"
	vmm_wait
	await_no_virtiofsd
}

lab_case shared_folder_after_reset limit=300
case_shared_folder_after_reset() {
	root_directory
	mkdir "$work/rw"
	cat >"$root/sbin/init" <<-'EOF'
		#!/bin/sh
		busybox --install -s /bin
		mkdir /rw && mount -t virtiofs rw /rw
		echo "life $(($(wc -l </rw/lives) + 1))"
		echo lived >>/rw/lives
		[ "$(wc -l </rw/lives)" -lt 3 ] || poweroff -f
		for job in 1 2 3; do (while :; do echo $job >/rw/$job; done) & done
		sleep 1
		reboot -f
	EOF
	chmod 755 "$root/sbin/init"
	: >"$work/rw/lives"
	boot --kernel "$LAB_CLOUD_KERNEL" --rootfs "$root" --share "$work/rw:rw" --on-reboot reset
	expect_end 0 poweroff
	expect_line "life 3"
	expect_no_text 'panic|fuse: bad|virtiofs.*err'
	[[ $(wc -l <"$work/rw/lives") == 3 ]] || fail "not three lives"
}

# A root of a thousand files, and what uses busybox of it from the guest's memory.
many_files() {
	root_directory
	(cd "$root/many" && seq 1000 | split -l 1 -a 3 -d -)
}

lab_case shared_root limit=300
case_shared_root() {
	root_directory
	echo kept >"$root/etc/file"
	: >"$root/etc/old"
	boot_command '
		grep -c "^overlay / overlay" /proc/mounts
		read line </etc/file && echo "$line"
		echo changed >/etc/file && read line </etc/file && echo "$line"
		rm /etc/old && rm -r /many || exit 3
		mkdir /back && mount -t virtiofs vmm.root /back && mount -o remount,rw /back
		echo no 2>/dev/null >/back/etc/file || echo REFUSED
		exit 5' --rootfs "$root,share"
	expect_end 5 exit
	expect_line 1
	expect_line kept
	expect_line changed
	expect_line REFUSED
	[[ $(<"$root/etc/file") == kept && -d $root/many && -e $root/etc/old ]] || fail "the host's files were changed"
	await_no_virtiofsd
	printf '#!/bin/sh\necho "init of $0"; touch /made; busybox poweroff -f\n' >"$root/sbin/init"
	chmod 755 "$root/sbin/init"
	boot --kernel "$LAB_CLOUD_KERNEL" --rootfs "$root,share"
	expect_end 0 poweroff
	expect_line "init of /sbin/init"
	[[ ! -e $root/made ]] || fail "the host's files were changed"
}

lab_case shared_root_of_this_host limit=300
case_shared_root_of_this_host() {
	boot --kernel "$LAB_CLOUD_KERNEL" --rootfs /,share --memory 512M -- /bin/sh -c '
		cat /etc/debian_version
		echo no >/etc/vmm-was-here && ls /etc/vmm-was-here
		rm /bin/true && ! /bin/true 2>/dev/null && exit 6'
	expect_end 6 exit
	expect_line "$(cat /etc/debian_version)"
	expect_line /etc/vmm-was-here
	[[ ! -e /etc/vmm-was-here && -x /bin/true ]] || fail "this host was changed"
}

# A thousand files are read by ten at a time, when there is nobody to read them from any more.
lab_case shared_root_dies limit=240
case_shared_root_dies() {
	many_files
	vmm_start --kernel "$LAB_CLOUD_KERNEL" --rootfs "$root,share" -- /bin/busybox sh -c '
		busybox cp /bin/busybox /tmp/busybox
		exec /tmp/busybox sh -c "
			for job in 0 1 2 3 4 5 6 7 8 9; do
				(n=0
				for file in /many/x\$job??; do
					[ \$file != /many/x010 ] || echo WORKING
					read line 2>/dev/null <\$file && n=\$((n + 1))
				done
				echo \"ended \$job\"
				[ \$n -eq 100 ] || echo BROKEN) &
			done
			wait
			exit 9"'
	await WORKING 120
	# shellcheck disable=SC2046 # one word each
	kill -KILL $(virtiofsds "$work")
	vmm_wait
	expect_end 9 exit
	for job in 0 1 2 3 4 5 6 7 8 9; do expect_line "ended $job"; done
	expect_line BROKEN
	[[ $(<"$work/err") == *"vmm: warning: fs0: its back-end has gone"* ]] || fail "vmm says nothing of virtiofsd's end"
}

# await_back_end PATH
await_back_end() {
	local deadline=$((SECONDS + 20))
	until [[ -S $1 ]]; do
		((SECONDS < deadline)) || fail "nobody listens at $1"
		sleep 0.2
	done
}

# A disk and a folder that others serve; then the disk's process dies.
lab_case vhost_user_devices limit=300
case_vhost_user_devices() {
	local daemon
	root_directory
	mkdir "$work/folder"
	truncate -s 16M "$work/disk"
	printf 'first block' | dd of="$work/disk" conv=notrunc status=none
	qemu-storage-daemon --blockdev driver=file,node-name=d,filename="$work/disk" \
		--export type=vhost-user-blk,id=e,node-name=d,addr.type=unix,addr.path="$work/blk",writable=on &
	daemon=$!
	/usr/lib/qemu/virtiofsd --socket-path="$work/fs" -o source="$work/folder" -o log_level=err &
	await_back_end "$work/blk"
	await_back_end "$work/fs"
	vmm_start --kernel "$LAB_CLOUD_KERNEL" --rootfs "$root" --control "$work/qmp" --vhost-user "blk,socket=$work/blk" \
		--vhost-user "fs,socket=$work/fs,tag=folder" -- /bin/busybox sh -c '
		busybox --install -s /bin
		head -c 11 /dev/vda; echo
		blockdev --getsize64 /dev/vda
		dd if=/dev/zero bs=1M count=4 2>/dev/null | tr "\000" z | dd of=/dev/vda bs=1M seek=4 2>/dev/null
		sync
		echo virtio0 >/sys/bus/virtio/drivers/virtio_blk/unbind
		echo virtio0 >/sys/bus/virtio/drivers/virtio_blk/bind
		head -c 11 /dev/vda | md5sum
		mkdir /folder && mount -t virtiofs folder /folder && echo written >/folder/file
		echo READY
		read line </dev/ttyS0
		dd if=/dev/vda of=/dev/null bs=1M 2>/dev/null; echo never'
	await READY 120
	expect_line "first block"
	expect_line 16777216
	expect_line "$(printf 'first block' | md5sum)"
	[[ $(<"$work/folder/file") == written ]] || fail "the folder was not written to"
	[[ $(dd if="$work/disk" bs=1M skip=4 count=4 status=none | tr -d z | wc -c) == 0 ]] || fail "the disk was not written to"
	kill -KILL "$daemon"
	until grep -Fq 'ublk0: its back-end has gone' "$work/err"; do sleep 0.2; done
	"$vmmctl" "$work/qmp" query-status | grep -q '^status: running' || fail "the VM does not run"
	"$vmmctl" "$work/qmp" quit
	vmm_wait
	expect_end 0 quit
	expect_no_text never
}

lab_case vhost_user_network_card
case_vhost_user_network_card() {
	root_directory
	python3 "$here/vhost_user_net.py" "$work/net" &
	await_back_end "$work/net"
	boot_command '
		ifconfig eth0 10.0.0.1 up
		ping -c 3 -W 20 10.0.0.2
		ifconfig eth0 down
		dev=$(cd /sys/bus/virtio/drivers/virtio_net && echo virtio*)
		echo $dev >/sys/bus/virtio/drivers/virtio_net/unbind
		echo $dev >/sys/bus/virtio/drivers/virtio_net/bind
		ifconfig eth0 10.0.0.1 up
		ping -c 2 -W 20 10.0.0.2
		exit 4' --rootfs "$root" --vhost-user "net,socket=$work/net"
	expect_end 4 exit
	expect_text '3 packets transmitted, 3 packets received'
	expect_text '2 packets transmitted, 2 packets received'
	! grep '^vmm:' "$work/err" || fail "vmm said the above"
}
