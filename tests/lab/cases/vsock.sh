# shellcheck shell=bash
# virtio-vsock under the driver of the stock kernel, with socat in the guest.

# socat_tree DIR: have socat in it, and what it needs; the guest runs DIR/socat, wherever it has DIR.
socat_tree() {
	local tree=$1 library
	mkdir -p "$tree/lib"
	cp -L "$(command -v socat)" "$tree/lib/socat"
	ldd "$tree/lib/socat" | awk '/=> \// { print $3 } /ld-linux/ { print $1 }' | while read -r library; do
		cp -L "$library" "$tree/lib/"
	done
	cat >"$tree/socat" <<-'END'
		#!/bin/sh
		lib=${0%/*}/lib
		exec "$lib/ld-linux-x86-64.so.2" --library-path "$lib" "$lib/socat" "$@"
	END
	chmod 755 "$tree/socat"
}

# An initrd with it, behind the guest's own.
socat_initrd() {
	local tree=$work/tree
	socat_tree "$tree"
	(cd "$tree" && find . -mindepth 1 | cpio --quiet -o -H newc -R 0:0) >"$work/socat.cpio"
}

# What the guest begins, streams of the host's of all kinds, and the driver that goes while they run, and is unloaded.
lab_case vsock_streams limit=200
case_vsock_streams() {
	local sum helpers=()
	socat_initrd
	head -c 1000000 /dev/urandom >"$work/data"
	sum=$(sha256sum <"$work/data")
	socat -u "FILE:$work/data" "UNIX-LISTEN:$work/vsock_6000" &
	helpers+=($!)
	socat -u "UNIX-LISTEN:$work/vsock_6001" "CREATE:$work/back" &
	helpers+=($!)
	start_stock --vsock "cid=7,socket=$work/vsock" --initrd "$work/socat.cpio" --append "$(run_word '
		/socat -u VSOCK-CONNECT:2:6000 - >/tmp/data
		echo "fetched $(sha256sum </tmp/data)"
		/socat -u FILE:/tmp/data VSOCK-CONNECT:2:6001
		/socat -u FILE:/tmp/data VSOCK-CONNECT:2:6002 2>/dev/null || echo REFUSED
		/socat VSOCK-LISTEN:5001,fork SYSTEM:"head -c 1 >/dev/null" 2>/dev/null &
		/socat -t 20 VSOCK-LISTEN:5000,fork,backlog=300 PIPE 2>/dev/null &
		/socat -t 20 VSOCK-LISTEN:5002,fork EXEC:cat 2>/dev/null &
		sleep 1
		echo READY
		/socat -u VSOCK-LISTEN:5004 - >/tmp/go
		cd /sys/bus/virtio/drivers/vmw_vsock_virtio_transport
		dev=$(ls -d virtio[0-9]*)
		for i in 1 2 3; do
			echo $dev >unbind
			sleep 0.2
			echo $dev >bind
		done
		cd /
		until rmmod vmw_vsock_virtio_transport; do sleep 0.2; done # a stream that has ended holds it for a while
		insmod /modules/vmw_vsock_virtio_transport.ko && echo RELOADED
		echo AGAIN
		/socat -u VSOCK-LISTEN:5005 -')"
	await READY 100
	wait "${helpers[@]}"
	helpers=()
	python3 "$here/vsock_talk.py" "$work/vsock" 5000 200 || fail "streams of the host's went wrong"
	# Streams that are busy when the driver goes end; nobody waits for ever.
	for _ in 1 2 3; do
		(echo "CONNECT 5000"; cat /dev/zero) | socat - "UNIX-CONNECT:$work/vsock" >/dev/null 2>&1 &
		helpers+=($!)
	done
	echo "CONNECT 5004" | socat - "UNIX-CONNECT:$work/vsock" >/dev/null
	await AGAIN 60
	wait "${helpers[@]}" || true
	until (echo "CONNECT 5005"; echo "words after all") | socat - "UNIX-CONNECT:$work/vsock" | grep -q OK; do
		sleep 0.2
	done
	vmm_wait
	expect_end 0 exit
	expect_line "fetched $sum"
	expect_line REFUSED
	expect_line RELOADED
	cmp "$work/data" "$work/back" || fail "what the guest sent arrived changed"
	expect_line "words after all"
}
