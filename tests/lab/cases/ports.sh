# shellcheck shell=bash
# virtio-console under the driver of the stock kernel: hvc0 and named ports; and virtio-rng.

# port NAME: the device of a port, when the driver has got so far. The small guest has no udev to make
# /dev/virtio-ports/NAME. One process at a time may have a port open.
guest_port='
port() {
	while sleep 0.05; do
		for p in /sys/class/virtio-ports/*; do
			[ "$(cat $p/name 2>/dev/null)" != $1 ] || [ ! -c /dev/${p##*/} ] || { echo /dev/${p##*/}; return; }
		done
	done
}'

# A user at a terminal, which is hvc0; the serial port goes elsewhere.
lab_case hvc0_login_and_resize limit=200
case_hvc0_login_and_resize() {
	python3 "$top/tests/pty/login.py" "$vmm" --kernel "$LAB_KERNEL" --initrd "$LAB_INITRD" --console stdio \
		--serial "file=$work/out" --log "$work/err" --result "$work/result" --append quiet --append "$(run_word '
		while [ ! -c /dev/hvc0 ]; do sleep 0.1; done
		setsid sh -c "exec login -f root <>/dev/hvc0 >&0 2>&1"')" || fail "see above"
	expect_silence
}

# Each client is shown the end of what was written before it came.
lab_case hvc0_shows_a_late_client_the_last_64_kib
case_hvc0_shows_a_late_client_the_last_64_kib() {
	local client
	seq 30000 | tail -c 65536 >"$work/end"
	start_stock --console "unix=$work/hvc0" --append "$(run_word '
		while [ ! -c /dev/hvc0 ]; do sleep 0.1; done
		exec 3<>/dev/hvc0
		stty raw -echo <&3
		seq 30000 >/tmp/d
		cat /tmp/d >&3 # in large pieces
		stty raw -echo <&3 # returns when the last byte is out
		echo WRITTEN
		read -r word <&3
		echo "word $word"')"
	await WRITTEN 100
	for client in 1 2; do
		timeout 60 socat -u "UNIX-CONNECT:$work/hvc0,readbytes=65536" "CREATE:$work/seen" ||
			fail "client $client was not shown 64 KiB"
		cmp "$work/end" "$work/seen" || fail "client $client was shown something else"
	done
	echo answer | socat -u - "UNIX-CONNECT:$work/hvc0"
	vmm_wait
	expect_end 0 exit
	expect_silence
	expect_line "word answer"
}

# One megabyte each way; the port `late` holds 64 KiB of it until somebody comes.
lab_case ports_carry_streams_and_their_ends
case_ports_carry_streams_and_their_ends() {
	local data sum
	head -c 1000000 /dev/urandom >"$work/data"
	sum=$(sha256sum <"$work/data")
	mkfifo "$work/pipe"
	sha256sum <"$work/pipe" >"$work/piped" &
	data=$!
	exec 7>"$work/pipe"
	start_stock --port "in=unix=$work/in" --port "out=unix=$work/up" --port "late=unix=$work/late" \
		--port org.pipe-0=fd=7 --append "$(run_word "$guest_port"'
		head -c 1000000 /dev/urandom >/tmp/d
		echo "mine $(sha256sum </tmp/d)"
		exec 3<>$(port late)
		cat /tmp/d >&3 &
		cat /tmp/d >$(port org.pipe-0)
		cat /tmp/d >$(port out)
		echo READY
		echo "in $(sha256sum <$(port in))"
		read -r word <&3
		echo "word $word"
		wait')"
	exec 7>&-
	until [[ -S $work/late ]]; do sleep 0.1; done
	# There before the guest is; gone by itself when the guest has closed the port.
	timeout 100 socat -u "UNIX-CONNECT:$work/up" "CREATE:$work/back" || fail "the guest did not close the port"
	await READY 100
	timeout 10 tail -f --pid="$data" /dev/null || fail "the reader of the pipe saw no end"
	timeout 60 socat -u "FILE:$work/data" "UNIX-CONNECT:$work/in" || fail "the guest does not read"
	echo answer | timeout 60 socat -t 60 - "UNIX-CONNECT:$work/late" >"$work/lately" ||
		fail "the late client saw no end"
	vmm_wait
	expect_end 0 exit
	expect_silence
	expect_line "mine $(cat "$work/piped")"
	expect_line "mine $(sha256sum <"$work/back")"
	expect_line "mine $(sha256sum <"$work/lately")"
	expect_line "in $sum"
	expect_line "word answer"
}

# again COMMAND...: as often as it ends, until vmm has gone.
again() {
	while kill -0 "$vmm_pid" 2>/dev/null; do
		"$@" >/dev/null 2>&1 || true
		sleep 0.2
	done
}

# Both drivers go while both sides are busy, come back, and do their work. Who is connected to hvc0 has to read: Linux
# waits for it with a lock held. And has to say nothing: Linux 6.1 frees the terminal with its input still queued as
# work, and stumbles over that when the driver is back.
lab_case console_and_rng_reload_under_load
case_console_and_rng_reload_under_load() {
	start_stock --console "unix=$work/hvc0" --port "noise=unix=$work/noise" --port "rain=unix=$work/rain" \
		--port "echo=unix=$work/echo" --append "$(run_word "$guest_port"'
		cat /sys/class/misc/hw_random/rng_current
		dd if=/dev/hwrng bs=4096 count=16 of=/tmp/a 2>/dev/null
		dd if=/dev/hwrng bs=4096 count=16 of=/tmp/b 2>/dev/null
		echo "random $(wc -c </tmp/a) $(cmp -s /tmp/a /tmp/b || echo differs)"
		again() { cd /sys/bus/virtio/drivers/$1; dev=$(ls -d virtio[0-9]*); echo $dev >unbind; sleep 0.1; echo $dev >bind; }
		for i in 1 2; do
			cat /dev/zero >$(port noise) 2>/dev/null &
			cat $(port rain) >/dev/null 2>&1 &
			cat /dev/zero >/dev/hvc0 2>/dev/null &
			dd if=/dev/hwrng of=/dev/null 2>/dev/null &
			sleep 0.3
			again virtio_rng
			again virtio_console
			kill $(jobs -p) 2>/dev/null
			wait $(jobs -p)
			echo "round $i"
		done
		cd /
		rmmod virtio_console && insmod /modules/virtio_console.ko && echo "console reloaded"
		rmmod virtio_rng && insmod /modules/virtio-rng.ko && echo "rng reloaded"
		exec 3<>$(port echo)
		echo "random $(dd if=/dev/hwrng bs=4096 count=16 2>/dev/null | wc -c)"
		read -r line <&3
		echo "$line" >&3')"
	until [[ -S $work/echo ]]; do sleep 0.1; done
	again socat -u "UNIX-CONNECT:$work/noise" OPEN:/dev/null &
	again socat -u OPEN:/dev/zero "UNIX-CONNECT:$work/rain" &
	again socat -u "UNIX-CONNECT:$work/hvc0" OPEN:/dev/null &
	await "random 65536"$'\r' 120
	[[ $(echo 'still there' | socat -t 60 - "UNIX-CONNECT:$work/echo") == "still there" ]] ||
		fail "the port does not work any more"
	vmm_wait
	wait
	expect_end 0 exit
	expect_silence
	expect_text '^virtio_rng'
	expect_line "random 65536 differs"
	expect_line "console reloaded"
	expect_line "rng reloaded"
}
