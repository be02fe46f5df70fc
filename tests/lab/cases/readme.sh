# shellcheck shell=bash
# What README shows for commands and for CI, word for word.

# as_shown TEXT [WORDS]: run the one line of README that begins with it, in a folder that has what its words name.
as_shown() {
	local line
	line=$(awk -v text="$1" 'index($0, text) == 1' "$top/README.md")
	[[ $line && $line != *$'\n'* ]] || fail "README does not have one line with: $1"
	(cd "$work/place" && PATH=$work/bin:$PATH bash -c "$line ${2:-}") </dev/null >"$work/out" 2>"$work/err" ||
		fail "status $? of: $line"
	echo "as shown: $line"
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
	ln -s "$vmm" "$work/bin/vmm"
	ln -s "$LAB_KERNEL" "$work/place/vmlinuz"
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
	as_shown 'vmm -k vmlinuz -r rootdir -- uname -a'
	expect_text "^Linux .* x86_64 "
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
}
