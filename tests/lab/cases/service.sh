# shellcheck shell=bash
# The unit that is shipped, by a systemd that is the first process of a Debian system: here in a container.

# debian_tree: the Debian root, writable until the case ends, at $work/tree.
debian_tree() {
	mkdir "$work"/{debian,over,tree}
	mount -o loop,ro "$LAB_DEBIAN" "$work/debian"
	mount -t tmpfs tmpfs "$work/over"
	mkdir "$work"/over/{upper,work}
	mount -t overlay -o "lowerdir=$work/debian,upperdir=$work/over/upper,workdir=$work/over/work" overlay "$work/tree"
}

# install_service: vmm with what it loads, the unit, and a service that runs the script of standard input, whose
# output and status come back in /report.
install_service() {
	local tree=$work/tree library
	install -D -t "$tree/usr/local/bin" "$vmm" "$vmmctl"
	install -D -m 644 -t "$tree/etc/systemd/system" "$top/tools/vmm@.service"
	for library in $(ldd "$vmm" | awk '$3 ~ /^\// { print $3 }'); do
		[[ -e $tree/lib/x86_64-linux-gnu/${library##*/} ]] ||
			install -D -m 644 -t "$tree/lib/x86_64-linux-gnu" "$library"
	done
	cat >"$tree/try"
	cat >"$tree/etc/systemd/system/try.service" <<-END
		[Unit]
		After=basic.target
		[Service]
		Type=oneshot
		StandardOutput=file:/report
		StandardError=inherit
		ExecStart=/bin/bash -ex /try
		ExecStopPost=/bin/systemctl --no-block exit
	END
}

lab_case systemd_unit limit=300
case_systemd_unit() {
	local tree=$work/tree
	debian_tree
	install_service <<-'END'
		trap 'echo "failed: $BASH_COMMAND"; journalctl -n 60 --no-pager' ERR
		systemctl start vmm@web
		[[ $(systemctl is-active vmm@web) == active ]]
		until journalctl --no-pager -u vmm@web | grep -q 'guest: ready'; do sleep 0.5; done
		systemctl --no-pager --lines 20 status vmm@web | grep 'guest: ready'
		vmmctl /run/vmm/web/control query-status | grep running
		[[ $(stat -c %a /run/vmm/web) == 700 ]]
		systemctl stop vmm@web
		[[ $(systemctl show -P Result vmm@web) == success ]]
		journalctl --no-pager -u vmm@web | grep -i 'power'
		[[ ! -e /run/vmm/web ]]
		echo 'VMM_OPTIONS=--kernel /none' >/etc/vmm/web.conf
		! systemctl start vmm@web
		[[ $(systemctl show -P ExecMainStatus vmm@web) == 125 ]]
		echo "all is well"
	END
	install -D -m 644 -t "$tree/var/lib/images" "$LAB_KERNEL" "$LAB_INITRD"
	mkdir -p "$tree/etc/vmm"
	cat >"$tree/etc/vmm/web.conf" <<-END
		VMM_OPTIONS=--kernel /var/lib/images/${LAB_KERNEL##*/} --initrd /var/lib/images/${LAB_INITRD##*/} --append guest.run=wait
	END
	[[ -e /sys/fs/cgroup/cgroup.procs ]] || mount -t cgroup2 cgroup2 /sys/fs/cgroup
	systemd-nspawn --quiet --register=no --keep-unit --boot --directory "$tree" --bind /dev/kvm \
		--console pipe systemd.unit=try.service >"$work/out" 2>"$work/err" || true
	grep -qx "all is well" "$tree/report" || fail "$(cat "$tree/report" 2>&1)"
}
