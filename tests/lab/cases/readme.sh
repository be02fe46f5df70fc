# shellcheck shell=bash
# What README shows of vmm, word for word: every line of it that begins with one of our commands.

# as_shown TEXT [WORDS]: run the one line of README that begins with it, in a folder that has what its words name.
as_shown() {
	local line
	line=$(awk -v text="$1" 'index($0, text) == 1' "$top/README.md")
	[[ $line && $line != *$'\n'* ]] || fail "README does not have one line with: $1"
	# A comment would hide the words behind it.
	(cd "$work/place" && HOME=${home:-$HOME} PATH=$work/bin:$PATH bash -c "${line%% #*} ${2:-}") </dev/null \
		>"$work/out" 2>"$work/err" || fail "status $? of: $line"
	echo "as shown: $line"
	ran+=("$line")
}
ran=()

# all_shown SECTION...: fail unless as_shown ran every command of ours in the blocks of these sections; what schedulers
# are given is run by tests/smoke/run.
all_shown() {
	local line section
	for section in "$@"; do
		while IFS= read -r line; do
			[[ " ${ran[*]}" == *" $line"* ]] || fail "README shows what no case ran: $line"
		done < <(awk -v title="## $section" '
			/^## / { inside = $0 == title }
			/^```/ { block = !block }
			inside && block && /^(vmm|vmmctl|vmm-smoke|vmm-run-bundle) /' "$top/README.md")
	done
}

# The initial RAM disk of a test that prints what README waits for.
make_tests_cpio() {
	mkdir -p "$work/tests/bin"
	cp "$(command -v busybox)" "$work/tests/bin/"
	printf '%s\n' '#!/bin/busybox sh' 'echo tests: all 3 passed' 'busybox poweroff -f' 'busybox sleep 100' >"$work/tests/init"
	chmod +x "$work/tests/init"
	(cd "$work/tests" && find . | cpio --quiet -o -H newc) >"$work/place/tests.cpio"
}

make_place() {
	local applet
	command_root
	mkdir -p "$work/bin" "$work/place" "$root"/{src,tests}
	ln -s "$vmm" "$vmmctl" "$top"/tools/vmm-{smoke,run-bundle} "$work/bin"
	ln -s "$LAB_CLOUD_KERNEL" "$work/place/vmlinuz"
	ln -s "${LAB_CLOUD_KERNEL%/boot/*}/lib" "$work/place/lib"
	ln -s vmlinuz "$work/place/bzImage"
	for applet in uname pwd; do ln -s busybox "$root/bin/$applet"; done
	# shellcheck disable=SC2016  # the guest's shell expands
	printf '%s\n' '#!/bin/sh' 'echo "$1 with V=$V in $(pwd)"; exit 5' >"$root/bin/make"
	printf '%s\n' '#!/bin/sh' 'echo all is well' >"$root/tests/run"
	chmod +x "$root"/bin/make "$root"/tests/run
	printf '%s\n' c b a >"$root/words"
	mke2fs -q -t ext4 -d "$root" "$work/place/disk.img" 16M
	mv "$root" "$work/place/rootdir"
	make_tests_cpio
}

lab_case readme_commands limit=500 memory=2000
case_readme_commands() {
	make_place
	as_shown 'vmm -k vmlinuz -r disk.img,cow --cwd /src'
	expect_line 'check with V=1 in /src'
	expect_line 5
	as_shown 'vmm -k vmlinuz -r rootdir -- cat words |'
	expect_output $'a\nb\nc'
	as_shown 'vmm -k bzImage -r rootdir --timeout 120'
	expect_output 'all is well'
	grep -q '"reason": "exit", "status": 0' "$work/place/result.json" || fail "the result is not as it should be"
	as_shown 'vmm -k bzImage -i tests.cpio --timeout 120'
	grep -q '^tests: all 3 passed' "$work/place/console.log" || fail "console.log is not as it should be"
	grep -q '"reason": "poweroff", "status": 0' "$work/place/result.json" || fail "the result is not as it should be"
	# The kernel warns of the lab's own processor.
	as_shown 'vmm -k bzImage -i tests.cpio --expect' '--append quiet'
	expect_text '^tests: all 3 passed'
	rm "$work/place/console.log"
	as_shown 'vmm -k bzImage -i tests.cpio --serial pty'
	grep -q '^tests: all 3 passed' "$work/place/console.log" || fail "console.log is not as it should be"
	smoke_as_shown
	bundle_as_shown
	all_shown 'In CI'
	control_as_shown
	all_shown 'In a program'
}

# Four cases, so that the second of four machines has one.
smoke_as_shown() {
	local n
	printf '[defaults]\nkernel = "bzImage"\ninitrd = ["tests.cpio"]\nexpect = "tests: all 3 passed"\n' >"$work/place/smoke.toml"
	for n in 1 2 3 4; do printf '[[case]]\nname = "c%d"\n' $n; done >>"$work/place/smoke.toml"
	as_shown 'vmm-smoke smoke.toml -j 4'
	[[ $(grep -c '^ok ' "$work/out") == 4 ]] || fail "not four cases passed"
	[[ $(grep -c '<testcase ' "$work/place/junit.xml") == 4 ]] || fail "not four cases are reported"
	as_shown 'vmm-smoke smoke.toml --shard'
	expect_line '1 passed, 0 failed, 0 errors, 0 skipped'
}

bundle_as_shown() {
	mkdir "$work/place/bundle"
	cat >"$work/place/bundle/config.json" <<-'END'
		{ "ociVersion": "1.0.2", "root": { "path": "../rootdir" }, "process": { "args": ["/bin/sh", "/tests/run"] } }
	END
	as_shown 'vmm-run-bundle bundle'
	expect_output 'all is well'
}

# A VM in the background, and its three questions.
control_as_shown() {
	local deadline=$((SECONDS + 100))
	shell_place
	as_shown 'vmm -k vmlinuz -i initrd.img -r disk.img --serial none' '--append guest.run=wait --console file=hvc'
	as_shown 'vmmctl vm.sock query-status'
	expect_text '^status: running'
	as_shown 'vmmctl vm.sock x-vmm-metrics'
	expect_text '^vcpus\[0\]\.exits\.mmio: [0-9]'
	# The guest hears of its power button once it listens.
	until [[ ! -S $work/place/vm.sock ]]; do
		as_shown 'vmmctl vm.sock system_powerdown'
		((SECONDS < deadline)) || fail "the power button has no effect"
		sleep 2
	done
}

# What the examples for a shell name, beside what is there. O_DIRECT wants a file system that has it.
shell_place() {
	[[ ! -v shell_place ]] || return 0
	shell_place=made
	small_fs place-of-disks 64M
	ln -s "$LAB_CLOUD_INITRD" "$work/place/initrd.img"
	cp --sparse=always "$LAB_ROOTFS" "$work/place-of-disks/disk.img"
	truncate -s 1M "$work/place-of-disks/data.img"
	ln -sf "$work"/place-of-disks/{disk,data}.img "$work/place"
}

# shown_boot TEXT SCRIPT: as_shown with the guest's shell to run the script.
shown_boot() { as_shown "$1" "--append '$quick_words $(run_word "$2")'"; }

# This host's kernel may not be installed on it, as in a lab: then there is a /boot of this case's own that has it.
host_kernel() {
	local version
	version=$(uname -r)
	[[ ! -e /boot/vmlinuz-$version || ! -d /lib/modules/$version ]] || return 0
	(($$ == 1)) || fail "there is no kernel of this host, and no right to put one there"
	[[ $LAB_KERNEL == *-$version ]] || fail "$LAB_KERNEL is not this host's kernel, $version"
	mount -t tmpfs boot /boot
	cp "$LAB_KERNEL" /boot
	[[ -d /lib/modules/$version ]] || {
		mkdir -p "/lib/modules/$version"
		mount --bind "${LAB_KERNEL%/boot/*}/lib/modules/$version" "/lib/modules/$version"
	}
}

# A package in a home that the guest sees too: over the host's /tmp it has one of its own.
make_deb() {
	home=$(mktemp -d /var/tmp/vmm-lab-home.XXXXXX)
	trap 'rm -rf "$home"; clean_case' EXIT
	mkdir -p "$work/deb/DEBIAN" "$work/deb/opt"
	echo 'it is installed' >"$work/deb/opt/vmm-new"
	printf '%s: %s\n' Package vmm-new Version 1 Architecture all Maintainer 'A Test <test@example.org>' \
		Description 'made by a test' >"$work/deb/DEBIAN/control"
	dpkg-deb --build "$work/deb" "$home/new.deb" >/dev/null
}

lab_case readme_in_a_shell limit=700 memory=2500
case_readme_in_a_shell() {
	local sum daemon
	make_place
	shell_place
	mkdir "$work/place/src" "$work/place/rootdir/sbin"
	echo 'of the host' >"$work/place/src/file"
	# shellcheck disable=SC2016  # the guest's shell expands
	printf '%s\n' '#!/bin/busybox sh' 'echo "own init, $(busybox uname -r)"' 'busybox poweroff -f' 'busybox sleep 100' \
		>"$work/place/rootdir/sbin/init"
	chmod +x "$work/place/rootdir/sbin/init"

	as_shown 'vmm --kernel vmlinuz --initrd initrd.img --rootfs disk.img'
	expect_text '^/dev/vda / ext4 rw'
	shown_boot 'vmm -k vmlinuz -i initrd.img -r disk.img -d data.img' \
		'cat /sys/block/vdb/serial; echo; nproc; awk "/MemTotal/ { print (\$2 > 1900000) }" /proc/meminfo'
	expect_line DATA
	expect_line 4
	expect_line 1
	as_shown 'vmm -k vmlinuz -i initrd.img -r disk.img,ro'
	expect_text '^/dev/vda / ext4 ro'
	sum=$(sha256sum <"$work/place/disk.img")
	shown_boot 'vmm -k vmlinuz -i initrd.img -r disk.img,cow' 'echo new >/new; sync; cat /new'
	expect_line new
	[[ $(sha256sum <"$work/place/disk.img") == "$sum" ]] || fail "the image was written to"
	shown_boot 'vmm -k vmlinuz -i initrd.img -r disk.img,direct' 'echo to fd 7 >/dev/vdb; sync; echo new >/new'
	[[ $(head -n 1 "$work/place/data.img") == 'to fd 7' ]] || fail "the descriptor was not written to"
	shown_boot 'vmm -k vmlinuz -r disk.img  ' 'cat /new'
	expect_line new
	shown_boot 'vmm -k vmlinuz -r disk.img --share' 'mount -t virtiofs src /mnt && cat /mnt/file; >/mnt/no || echo REFUSED'
	expect_line 'of the host'
	expect_line REFUSED

	as_shown 'vmm -k vmlinuz -r rootdir -- uname -a'
	expect_text "^Linux .* x86_64 "

	host_kernel
	make_deb
	as_shown 'vmm -k host -r /,share'
	expect_text '^Setting up vmm-new'
	[[ ! -e /opt/vmm-new ]] || fail "this host was changed"
	as_shown 'vmm --kernel --rootfs rootdir'
	expect_output 42
	as_shown 'vmm -k host -r rootdir,owner=root'
	expect_line "own init, $(uname -r)"

	truncate -s 3M "$work/disk"
	qemu-storage-daemon --blockdev driver=file,node-name=d,filename="$work/disk" \
		--export "type=vhost-user-blk,id=e,node-name=d,addr.type=unix,addr.path=$work/place/disk.sock,writable=on" &
	daemon=$!
	await_back_end "$work/place/disk.sock"
	shown_boot 'vmm -k vmlinuz -r disk.img --vhost-user' 'blockdev --getsize64 /dev/vdb'
	expect_line 3145728
	kill "$daemon"

	# passt is for a host that is on some network.
	make_tap lab0 7
	ip route add default via 10.7.0.254 dev lab0
	shown_boot 'vmm -k vmlinuz -i initrd.img -r disk.img --net passt' 'ls -1 /sys/class/net'
	expect_line eth0
	shown_boot 'vmm -k vmlinuz -i initrd.img -r disk.img --net tap' 'ls -1 /sys/class/net'
	expect_line eth0
	all_shown 'In a shell'
}
