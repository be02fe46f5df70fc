# shellcheck shell=bash
# --on-reboot reset and --on-panic pause, with a stock kernel: one process, several lives.

# Three boots from a disk, the second ended by the guest's reset, the third by a panic.
lab_case reset_boots_again_from_disk limit=300
case_reset_boots_again_from_disk() {
	local before after
	root_copy
	start_stock --rootfs "$disk" --cpus 2 --on-reboot reset --on-panic pause --control "$work/qmp" --append "$(
		run_word '
		n=$(($(cat /boots 2>/dev/null || echo 0) + 1))
		echo $n >/boots
		cd /sys/devices/system
		echo "boot $n: $(nproc) processors, $(cat clocksource/clocksource0/current_clocksource)"
		dmesg | grep -iE "lockup|stall|I/O error|unchecked MSR" | head -n 5
		dd if=/dev/hwrng of=/dev/null bs=16 count=1 2>/dev/null && echo "entropy $n"
		sync
		if [ $n -lt 3 ]; then
			reboot
			sleep 100
		fi
		echo 1 >/proc/sys/kernel/sysrq
		echo c >/proc/sysrq-trigger')"
	await 'boot 1:' 120
	before=$(ls -l "/proc/$vmm_pid/fd" | wc -l)
	await 'boot 3:' 150
	after=$(ls -l "/proc/$vmm_pid/fd" | wc -l)
	[[ $before == "$after" ]] || fail "there were $before descriptors, now there are $after"
	await 'Kernel panic - not syncing' 60
	until "$vmmctl" "$work/qmp" query-status | grep -q '^status: guest-panicked'; do sleep 0.5; done
	"$vmmctl" "$work/qmp" quit
	vmm_wait
	expect_end 0 quit
	expect_text '^boot 2: 2 processors, (kvm-clock|tsc)'
	expect_text '^boot 3: 2 processors, (kvm-clock|tsc)'
	expect_line 'entropy 3'
	expect_no_text 'lockup|stall|I/O error|unchecked MSR'
	e2fsck -fn "$disk" || fail "the file system did not recover"
}
