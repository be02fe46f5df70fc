# shellcheck shell=bash
# virtio-net under the driver of the stock kernel.

# A tap with an address, for one case; the guest gets 10.7.0.2.
make_tap() {
	ip tuntap add dev "$1" mode tap "${@:2}"
	ip addr add 10.7.0.1/24 dev "$1"
	ip link set "$1" up
	taps=("$1")
	trap 'clean_case; drop_taps' EXIT
}

drop_taps() {
	local tap
	for tap in "${taps[@]}"; do
		ip link del "$tap" 2>/dev/null || true
	done
}

guest_up='
ip addr add 10.7.0.2/24 dev eth0
ip link set eth0 up'

lab_case net_tap_ping_and_tcp_both_ways
case_net_tap_ping_and_tcp_both_ways() {
	local sum server
	make_tap lab0
	head -c 3000000 /dev/urandom >"$work/data"
	sum=$(sha256sum <"$work/data")
	# First what the guest fetches, then what it sends.
	socat -u "FILE:$work/data" TCP-LISTEN:9001,reuseaddr &
	socat -u TCP-LISTEN:9002,reuseaddr "CREATE:$work/back" &
	server=$!
	boot_stock --net "tap=lab0,mac=52:54:00:12:34:56" --append no-root --append "$(run_word "$guest_up"'
		cat /sys/class/net/eth0/address
		ping -c 3 -i 0.2 10.7.0.1 | grep "packets received"
		ping -c 2 -s 20000 10.7.0.1 | grep "packets received"
		nc 10.7.0.1 9001 >/tmp/data
		echo "sum $(sha256sum </tmp/data)"
		nc 10.7.0.1 9002 </tmp/data
		echo SENT')"
	expect_end 0 exit
	expect_line "52:54:00:12:34:56"
	expect_text '3 packets transmitted, 3 packets received'
	expect_text '2 packets transmitted, 2 packets received'
	expect_line "sum $sum"
	wait "$server"
	cmp "$work/data" "$work/back" || fail "what the guest sent arrived changed"
}

# Fragments, and a frame in one piece larger than a page.
lab_case net_jumbo_mtu_follows_the_tap
case_net_jumbo_mtu_follows_the_tap() {
	make_tap lab0
	ip link set lab0 mtu 9000
	boot_stock --net tap=lab0 --append no-root --append "$(run_word "$guest_up"'
		echo "mtu $(cat /sys/class/net/eth0/mtu)"
		ping -c 2 -s 8900 10.7.0.1 | grep "packets received"')"
	expect_end 0 exit
	expect_line "mtu 9000"
	expect_text '2 packets transmitted, 2 packets received'
}

# The driver goes, the host goes on sending, and the driver comes back.
lab_case net_driver_reload_under_load
case_net_driver_reload_under_load() {
	make_tap lab0
	ping -f -q -b 10.7.0.255 >/dev/null 2>&1 &
	boot_stock --net tap=lab0 --append no-root --append "$(run_word "$guest_up"'
		cd /sys/bus/virtio/drivers/virtio_net
		for i in 1 2 3; do
			dev=$(ls -d virtio*)
			echo $dev >unbind
			sleep 0.2
			echo $dev >bind
			sleep 0.2
		done
		'"$guest_up"'
		ping -c 3 -i 0.2 10.7.0.1 | grep "packets received"')"
	expect_end 0 exit
	expect_text '3 packets transmitted, 3 packets received'
	kill %ping 2>/dev/null || true
}

lab_case net_two_queues_and_control
case_net_two_queues_and_control() {
	make_tap lab0 multi_queue
	boot_stock --cpus 2 --net tap=lab0,queues=2 --append no-root --append "$(run_word "$guest_up"'
		echo "queues $(ls -d /sys/class/net/eth0/queues/rx-* | wc -l)"
		ip link set eth0 promisc on
		ip link set eth0 address 02:00:00:00:00:77 && cat /sys/class/net/eth0/address
		ping -c 5 -i 0.2 10.7.0.1 | grep "packets received"')"
	expect_end 0 exit
	expect_line "queues 2"
	expect_line "02:00:00:00:00:77"
	expect_text '5 packets transmitted, 5 packets received'
}

# passt wants an interface with a route; a server of the host is reached by the gateway's address.
lab_case net_passt_dhcp_and_tcp
case_net_passt_dhcp_and_tcp() {
	local sum
	make_tap lab0
	ip route add default via 10.7.0.254 dev lab0
	head -c 1000000 /dev/urandom >"$work/data"
	sum=$(sha256sum <"$work/data")
	socat -u "FILE:$work/data" TCP-LISTEN:9001,bind=127.0.0.1,reuseaddr &
	boot_stock --net passt --append no-root --append "$(run_word '
		ip link set eth0 up
		cat >/tmp/dhcp <<-"END"
		#!/bin/sh
		[ "$1" != bound ] || { ip addr add $ip/$mask dev eth0; ip route add default via $router; echo "lease $ip"; }
		END
		chmod +x /tmp/dhcp
		udhcpc -i eth0 -n -q -t 5 -s /tmp/dhcp
		sleep 15 | nc 10.7.0.254 9001 >/tmp/data
		echo "sum $(sha256sum </tmp/data)"')"
	expect_end 0 exit
	expect_line "lease 10.7.0.1"
	expect_line "sum $sum"
	! pgrep -x passt >/dev/null || sleep 1
	! pgrep -x passt >/dev/null || fail "passt is still there"
}

# refused TEXT VALUE...: a value of --net that ends with status 125 and a line that says why.
refused() {
	local text=$1
	shift
	boot_stock "${@/#/--net=}"
	[[ $status == 125 ]] || fail "exit status $status for '$*', wanted 125"
	grep -Fq -- "$text" "$work/err" || fail "stderr does not say: $text"
	(($(wc -l <"$work/err") == 1)) || fail "stderr has more than one line"
}

lab_case net_mistakes_are_named fast=1
case_net_mistakes_are_named() {
	make_tap lab0
	ip tuntap add dev labtun mode tun
	taps+=(labtun)
	exec 8<>/dev/net/tun
	refused "is not a tap but a tun" tap=labtun
	refused "does not have several queues" tap=lab0,queues=2
	refused "is not a tap" tap=lo
	refused "descriptor 99 is not open" fd=99
	refused "descriptor 8 is not a tap" fd=8
	refused "cannot connect to socket '/none'" passt=/none
	printf '#!/bin/bash\nPATH=/none exec %q "$@"\n' "$vmm" >"$work/poor"
	chmod +x "$work/poor"
	vmm=$work/poor refused "passt is not on PATH" passt
	start_stock --net tap=lab0 --append no-root --append "$(run_word 'echo READY; sleep 1000')"
	local first=$vmm_pid
	sleep 1
	vmm_pid=''
	refused "tap 'lab0' is in use by another process" tap=lab0
	kill -KILL "$first"
	mv /dev/net/tun /dev/net/away
	refused "/dev/net/tun is missing" tap=lab0
	mv /dev/net/away /dev/net/tun
}
