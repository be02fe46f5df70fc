# shellcheck shell=bash
# --on-reboot reset and --on-panic pause, with a stock kernel: one process, several lives.

# What vmm has of them.
resources() {
	local fds=("/proc/$vmm_pid/fd"/*) tasks=("/proc/$vmm_pid/task"/*)
	echo "${#fds[@]} descriptors, ${#tasks[@]} threads"
}

# Three boots from a disk, the first ended from outside while every device is busy, the second by the guest's reset, the
# third by a panic.
lab_case reset_boots_again_from_disk limit=300
case_reset_boots_again_from_disk() {
	local n before now
	make_tap lab0 7
	socat_tree "$work/tree"
	mke2fs -q -t ext4 -d "$work/tree" "$work/tools" 16M >/dev/null
	serve socat -u "UNIX-LISTEN:$work/vsock_6000,fork" "OPEN:$work/heard,creat,append"
	serve socat -u "UNIX-LISTEN:$work/vsock_6001,fork" OPEN:/dev/null
	serve socat -u TCP-LISTEN:9000,bind=10.7.0.1,fork OPEN:/dev/null
	root_copy
	start_stock --rootfs "$disk" --disk "$work/tools,ro" --cpus 2 --net tap=lab0 --console "file=$work/hvc" \
		--port "talk=unix=$work/talk" --port noise=file=/dev/null --vsock "cid=7,socket=$work/vsock" \
		--on-reboot reset --on-panic pause --control "$work/qmp" --append "$(run_word "$guest_port"'
		n=$(($(cat /boots 2>/dev/null || echo 0) + 1))
		echo $n >/boots
		cd /sys/devices/system
		echo "boot $n: $(nproc) processors, $(cat clocksource/clocksource0/current_clocksource)"
		dmesg | grep -iE "lockup|stall|I/O error|unchecked MSR" | head -n 5
		dd if=/dev/hwrng of=/dev/null bs=16 count=1 2>/dev/null && echo "entropy $n"
		exec 3<>$(port talk)
		until read -r words <&3; do sleep 0.1; done # once it has had a client, a port without one is at its end
		echo "$words, answered by boot $n" >&3
		exec 3<&-
		echo "hvc0 of boot $n" >/dev/hvc0
		ip addr add 10.7.0.2/24 dev eth0
		ip link set eth0 up
		ping -c 3 -i 0.2 10.7.0.1 | grep -q " 3 packets received" && echo "ping $n"
		mount -t ext4 -o ro /dev/vdb /mnt
		echo "vsock of boot $n" | /mnt/socat -u - VSOCK-CONNECT:2:6000
		sync
		case $n in
		1)
			/mnt/socat -u OPEN:/dev/zero VSOCK-CONNECT:2:6001 &
			cat /dev/zero >$(port noise) &
			nc 10.7.0.1 9000 </dev/zero &
			cat /dev/vdb /dev/hwrng >/dev/null &
			sleep 1
			echo busy
			sleep 100
			;;
		2)
			reboot
			sleep 100
			;;
		esac
		echo 1 >/proc/sys/kernel/sysrq
		echo c >/proc/sysrq-trigger')"
	for n in 1 2 3; do
		await "boot $n:" 120
		[[ $n != 1 ]] || before=$(resources)
		# A client that has gone is let go of when the guest opens its port again, and sees that it has.
		for _ in {1..50}; do
			now=$(resources)
			[[ $before != "$now" ]] || break
			sleep 0.2
		done
		[[ $before == "$now" ]] || fail "there were $before, now there are $now"
		echo "question $n" | timeout 60 socat -t 60 - "UNIX-CONNECT:$work/talk" >"$work/talk.$n" ||
			fail "the port of boot $n has no end"
		[[ $n == 1 ]] || continue
		await busy 60
		"$vmmctl" "$work/qmp" system_reset
	done
	await 'Kernel panic - not syncing' 60
	until "$vmmctl" "$work/qmp" query-status | grep -q '^status: guest-panicked'; do sleep 0.5; done
	"$vmmctl" "$work/qmp" quit
	vmm_wait
	expect_end 0 quit
	expect_text '^boot 2: 2 processors, (kvm-clock|tsc)'
	expect_text '^boot 3: 2 processors, (kvm-clock|tsc)'
	expect_line 'entropy 3'
	for n in 1 2 3; do
		expect_line "ping $n"
		[[ $(<"$work/talk.$n") == "question $n, answered by boot $n" ]] ||
			fail "by its port boot $n answers: $(<"$work/talk.$n")"
		grep -Fq "hvc0 of boot $n" "$work/hvc" || fail "boot $n did not reach hvc0"
		grep -Fxq "vsock of boot $n" "$work/heard" || fail "boot $n did not reach the host by vsock"
	done
	expect_no_text 'lockup|stall|I/O error|unchecked MSR'
	e2fsck -fn "$disk" || fail "the file system did not recover"
}
