# shellcheck shell=bash
# A full Debian with systemd.

lab_case debian_reaches_login limit=300
case_debian_reaches_login() {
	root_copy "$LAB_DEBIAN"
	input=$work/in
	mkfifo "$input"
	exec 5<>"$input"
	start_stock --memory 512 --rootfs "$disk" --port "org.vmm.test=file=$work/port"
	await "login:" 200
	# udev has made the name of the port.
	echo root >&5
	await "root@guest" 60
	echo "echo words >/dev/virtio-ports/org.vmm.test && echo sa''id" >&5
	await said 60
	exec 5>&-
	grep -Fxq words "$work/port" || fail "the port's file does not hold what the guest wrote"
	kill -TERM "$vmm_pid"
	vmm_wait
	expect_end 0 poweroff
	e2fsck -fn "$disk" || fail "the guest left an unclean file system"
}
