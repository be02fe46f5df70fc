# shellcheck shell=bash
# Ways to end, and what the exit status and --result say of them.

lab_case end_poweroff
case_end_poweroff() {
	boot_stock --append guest.run=poweroff
	expect_end 0 poweroff
}

lab_case end_reboot
case_end_reboot() {
	boot_stock --append guest.run=reboot
	expect_end 0 reboot
}

lab_case end_panic
case_end_panic() {
	boot_stock --append guest.run=panic
	expect_end 255 panic
	expect_text 'Kernel panic - not syncing'
}

# No root, no init: the panic of a system that is put together wrongly.
lab_case end_panic_without_init
case_end_panic_without_init() {
	boot --kernel "$LAB_CLOUD_KERNEL"
	expect_end 255 panic
	expect_text 'Kernel panic - not syncing'
}

lab_case end_exit_port
case_end_exit_port() {
	boot_stock --append guest.run=exit:42
	expect_end 42 exit
	# As README shows it, for kernels that have /dev/port.
	boot_amd64 --append "$(run_word "$(grep -F 'of=/dev/port' "$top/README.md")")"
	expect_end 3 exit
}

lab_case end_timeout
case_end_timeout() {
	boot_stock --append guest.run=hang --timeout 20
	expect_end 124 timeout
}

lab_case sigterm_presses_power_button
case_sigterm_presses_power_button() {
	root_copy
	start_stock --rootfs "$disk" --append guest.run=wait
	await "guest: ready" 100
	kill -TERM "$vmm_pid"
	vmm_wait
	expect_end 0 poweroff
	e2fsck -fn "$disk" || fail "the guest left an unclean file system"
}

# A guest that does not listen for its power button.
deaf='killall acpid; echo DEAF; sleep 1000'

lab_case second_sigterm_ends
case_second_sigterm_ends() {
	start_stock --append "$(run_word "$deaf")"
	await DEAF 100
	kill -TERM "$vmm_pid"
	sleep 2
	kill -0 "$vmm_pid" || fail "the first SIGTERM ended vmm"
	kill -TERM "$vmm_pid"
	vmm_wait
	expect_end 143 signal
}

lab_case grace_ends_deaf_guest
case_grace_ends_deaf_guest() {
	start_stock --grace 3 --append "$(run_word "$deaf")"
	await DEAF 100
	kill -TERM "$vmm_pid"
	vmm_wait
	expect_end 143 signal
}
