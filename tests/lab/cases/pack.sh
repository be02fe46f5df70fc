# shellcheck shell=bash
# Roots without an initrd: a directory, and an image, each with the stock kernel's own modules.

# A directory with busybox in it: sets `root`.
root_directory() {
	root=$work/root
	mkdir -p "$root"/{bin,sbin,etc,tmp,mnt,many}
	cp "$(command -v busybox)" "$root/bin/busybox"
	ln -s busybox "$root/bin/sh"
}

# boot_command SCRIPT ARG...: run it in the guest with busybox's shell and commands.
boot_command() {
	boot --kernel "$LAB_CLOUD_KERNEL" "${@:2}" -- /bin/busybox sh -c "busybox --install -s /bin; $1"
}

lab_case directory_root_with_20000_files
case_directory_root_with_20000_files() {
	root_directory
	(cd "$root/many" && seq 20000 | split -l 1 -a 4 -)
	ln "$root/many/xaaaa" "$root/etc/linked"
	chmod 4711 "$root/many/xaaab"
	boot_command '
		find /many -type f | wc -l
		cat /many/* | md5sum
		[ /many/xaaaa -ef /etc/linked ] && echo LINKED
		stat -c "%a %u" /many/xaaab
		touch /many/new && echo WRITABLE
		exit 42' --rootfs "$root,owner=root" --memory 1G
	expect_end 42 exit
	expect_line 20000
	expect_line "$(seq 20000 | md5sum)"
	expect_line LINKED
	expect_line "4711 0"
	expect_line WRITABLE
	[[ ! -e $root/many/new ]] || fail "the guest wrote to the host's directory"
}

lab_case directory_root_starts_its_own_init
case_directory_root_starts_its_own_init() {
	root_directory
	printf '%s\n' '#!/bin/sh' 'busybox grep -c "^virtio_blk " /proc/modules' 'busybox poweroff -f' >"$root/sbin/init"
	chmod 755 "$root/sbin/init"
	truncate -s 1M "$work/disk"
	boot --kernel "$LAB_KERNEL" --rootfs "$root" --disk "$work/disk"
	expect_end 0 poweroff
	expect_line 1
}

# Packed or shared, with a command or with an init of its own; /tmp is there for a command.
lab_case directory_root_is_read_only limit=300
case_directory_root_is_read_only() {
	local key applet
	root_directory
	for applet in touch cat; do ln -s busybox "$root/bin/$applet"; done
	for key in ro share,ro; do
		boot --kernel "$LAB_CLOUD_KERNEL" --rootfs "$root,$key" -- /bin/sh -c \
			'touch /etc/new || echo REFUSED; echo of tmp >/tmp/file && cat /tmp/file; [ -d /run ] && exit 5'
		expect_end 5 exit
		expect_line REFUSED
		expect_line 'of tmp'
	done
	printf '%s\n' '#!/bin/sh' '/bin/touch /etc/new || echo REFUSED' 'busybox poweroff -f' >"$root/sbin/init"
	chmod 755 "$root/sbin/init"
	boot --kernel "$LAB_CLOUD_KERNEL" --rootfs "$root,ro"
	expect_end 0 poweroff
	expect_line REFUSED
}

lab_case image_root_needs_no_initrd
case_image_root_needs_no_initrd() {
	root_copy
	boot --kernel "$LAB_KERNEL" --rootfs "$disk" --append "$(run_word 'grep " / " /proc/mounts; cut -d" " -f1 /proc/modules')"
	expect_end 0 exit
	expect_text '^/dev/vda / ext4 rw'
	expect_line crc32c_generic
	expect_silence
}
