# shellcheck shell=bash
# A full Debian with systemd.

lab_case debian_reaches_login limit=300
case_debian_reaches_login() {
	root_copy "$LAB_DEBIAN"
	start_stock --memory 512 --rootfs "$disk"
	await "login:" 200
	kill -TERM "$vmm_pid"
	vmm_wait
	expect_end 0 poweroff
	e2fsck -fn "$disk" || fail "the guest left an unclean file system"
}
