# shellcheck shell=bash
# virtio-net under the driver of the stock kernel.

# make_tap NAME NET [WORD...]: a tap with the address 10.NET.0.1; the guest gets 10.NET.0.2.
taps=() servers=()
make_tap() {
	ip tuntap add dev "$1" mode tap "${@:3}"
	ip addr add "10.$2.0.1/24" dev "$1"
	# Room for a burst: what waits for the guest waits there.
	ip link set "$1" txqueuelen 2000 up
	taps+=("$1")
	trap 'clean_net; clean_case' EXIT
}

# A tap for each way in which frames go: lab0 by vmm, lab1 by the kernel.
make_both_taps() {
	make_tap lab0 7 "$@"
	make_tap lab1 8 "$@"
}

clean_net() {
	local tap
	((${#servers[@]} == 0)) || kill "${servers[@]}" 2>/dev/null || true
	for tap in "${taps[@]}"; do
		ip link del "$tap" 2>/dev/null || true
	done
}

# serve COMMAND...: in the background, until the end of the case.
serve() {
	"$@" >/dev/null 2>&1 &
	servers+=($!)
}

# The guest's side: both cards up, a function for each that is asked for, and a way to wait for the host.
guest_net='
up() { ip addr add 10.$1.0.2/24 dev eth$(($1 - 7)); ip link set eth$(($1 - 7)) up; }
pings() { ping -c 3 -i 0.2 "$@" | grep -q " 3 packets received"; }
iperf() { to=10.$1.0.1; shift; /mnt/run-iperf3 -c $to "$@" >/dev/null; }
step() { echo "STEP $1"; read -r _ </dev/console; }
[ ! -b /dev/vda ] || mount -t ext4 -o ro /dev/vda /mnt
up 7; up 8
'

# start_steps ARG...: a guest whose standard input is ours, by `go`.
start_steps() {
	mkfifo "$work/in"
	exec {to_guest}<>"$work/in"
	input=$work/in
	start_stock --append no-root "$@"
}

# go STEP: let the guest go on from this step, which it has reached.
go() {
	await "STEP $1" 60
	echo >&"$to_guest"
}

# datagrams NET COUNT: set `datagrams` to what sends as many as fast as they go, to a guest that need not answer.
datagrams() {
	ip neigh replace "10.$1.0.2" lladdr "52:54:00:00:00:0$1" dev "lab$(($1 - 7))" nud permanent
	datagrams=(socat -u -b 64 "OPEN:/dev/zero,readbytes=$((64 * $2))" "UDP-SENDTO:10.$1.0.2:9")
}

# counter TAP NAME
counter() { cat "/sys/class/net/$1/statistics/$2"; }

# Ticks of processor time that vmm has used, and bytes of data that it has.
vmm_ticks() { awk '{ print $14 + $15 }' "/proc/$vmm_pid/task/$vmm_pid/stat"; }
vmm_data() { awk '$1 == "VmData:" { print $2 }' "/proc/$vmm_pid/status"; }

both=(--net "tap=lab0,mac=52:54:00:00:00:07" --net "tap=lab1,vhost,mac=52:54:00:00:00:08")

# What the guest fetches and sends arrives as it was; offloads make no difference to that.
lab_case net_tap_and_vhost_carry_everything
case_net_tap_and_vhost_carry_everything() {
	local sum net
	make_both_taps
	head -c 3000000 /dev/urandom >"$work/data"
	sum=$(sha256sum <"$work/data")
	serve iperf3 -s
	for net in 7 8; do
		serve socat -u "FILE:$work/data" "TCP-LISTEN:9001,bind=10.$net.0.1,reuseaddr"
		serve socat -u "TCP-LISTEN:9002,bind=10.$net.0.1,reuseaddr" "CREATE:$work/back$net"
	done
	boot_stock "${both[@]}" --disk "$LAB_IPERF3,ro" --append no-root --append "$(run_word "$guest_net"'
		for n in 7 8; do
			pings 10.$n.0.1 && pings -s 20000 10.$n.0.1 && echo "ping $n"
			nc 10.$n.0.1 9001 >/tmp/data
			echo "sum $n $(sha256sum </tmp/data)"
			nc 10.$n.0.1 9002 </tmp/data
			for offload in on off; do
				/mnt/run-ethtool -K eth$((n - 7)) tx $offload sg $offload tso $offload gso $offload gro $offload
				iperf $n -n 8M && iperf $n -n 8M -R && iperf $n -u -b 0 -l 64 -n 100K && echo "iperf $n $offload"
			done
		done')"
	expect_end 0 exit
	expect_silence
	for net in 7 8; do
		expect_line "ping $net"
		expect_line "sum $net $sum"
		cmp "$work/data" "$work/back$net" || fail "what the guest sent arrived changed"
		expect_line "iperf $net on"
		expect_line "iperf $net off"
	done
}

# set_links true|false: what a control client says of the cables.
set_links() {
	local net answer
	for net in net0 net1; do
		answer=$(qmp '{"execute":"set_link","arguments":{"name":"'$net'","up":'"$1"'}}')
		# That of qmp_capabilities, and its own.
		(($(grep -Fc '"return": {}' <<<"$answer") == 2)) || fail "$net: set_link answers $answer"
	done
}

# A burst that is longer than any ring; a driver that goes and comes back while the host goes on sending; nobody
# spins or grows when there is no driver at all; and a link that goes and comes back.
lab_case net_bursts_and_driver_reload
case_net_bursts_and_driver_reload() {
	local net sent ticks data
	make_both_taps
	start_steps "${both[@]}" --control "$work/qmp" --append "$(run_word "$guest_net"'
		step burst
		echoes() { set -- $(grep "^Icmp: [0-9]" /proc/net/snmp); echo ${10}; }
		for i in $(seq 300); do [ $(echoes) -lt 3002 ] || break; sleep 0.1; done
		echo "echoes $(echoes)"
		for n in 7 8; do echo "sent $n $(cat /sys/class/net/eth$((n - 7))/statistics/tx_packets)"; done
		rmmod virtio_net
		step gone
		for i in 1 2 3; do
			insmod /modules/virtio_net.ko; up 7; up 8
			sleep 0.3
			rmmod virtio_net
		done
		insmod /modules/virtio_net.ko; up 7; up 8
		step back
		carriers() { until [ "$(cat /sys/class/net/eth[01]/carrier | tr -d "\n")" = $1 ]; do sleep 0.1; done; }
		carriers 00
		step cut
		carriers 11
		for n in 7 8; do pings 10.$n.0.1 && echo "ping $n"; done')"
	await "STEP burst" 140
	for net in 7 8; do
		# Both sides know the other's address before: few frames may wait for that. How many are answered is
		# the guest's kernel's business, which keeps no more than 300 answers on their way.
		ping -q -c 1 -W 20 "10.$net.0.2" >/dev/null || fail "no answer by lab$((net - 7))"
		ping -q -c 1500 -l 1500 -s 16 "10.$net.0.2" >/dev/null || true
	done
	go burst
	await "STEP gone" 60
	expect_line "echoes 3002"
	for net in 7 8; do
		sent=$(console | sed -n "s/^sent $net //p")
		(($(counter "lab$((net - 7))" rx_packets) >= sent)) || fail "of $sent frames by card $net some are lost"
	done
	ticks=$(vmm_ticks) data=$(vmm_data)
	for net in 7 8; do
		datagrams "$net" 20000
		"${datagrams[@]}"
	done
	(($(vmm_ticks) - ticks <= 5)) || fail "frames without a driver cost $(($(vmm_ticks) - ticks)) ticks"
	(($(vmm_data) == data)) || fail "frames without a driver cost memory"
	for net in 7 8; do
		datagrams "$net" 1000000
		serve "${datagrams[@]}"
	done
	go gone
	await "STEP back" 60
	kill "${servers[@]}"
	servers=()
	set_links false
	echo >&"$to_guest"
	await "STEP cut" 60
	set_links true
	echo >&"$to_guest"
	vmm_wait
	expect_end 0 exit
	expect_line "ping 7"
	expect_line "ping 8"
	expect_silence
}

# tap_of INTERFACE: the device of a macvtap.
tap_of() {
	local tap
	tap=/dev/tap$(<"/sys/class/net/$1/ifindex")
	[[ -c $tap ]] || fail "no $tap for the macvtap"
	echo "$tap"
}

# Frames in one piece larger than a page, of a tap, of a tap by the kernel; macvtaps by descriptor, with vhost and without.
lab_case net_jumbo_mtu_and_macvtap
case_net_jumbo_mtu_and_macvtap() {
	local tap
	make_both_taps
	ip link set lab0 mtu 9000
	ip link set lab1 mtu 9000
	ip link add lab2 type veth peer name lab3
	ip addr add 10.9.0.1/24 dev lab3
	ip addr add 10.10.0.1/24 dev lab3
	ip link add link lab2 name lab4 address 52:54:00:00:00:09 type macvtap mode bridge
	ip link add link lab2 name lab5 address 52:54:00:00:00:0a type macvtap mode bridge
	for tap in lab2 lab3 lab4 lab5; do ip link set "$tap" up; done
	ip link set lab4 mtu 1400
	ip link set lab5 mtu 1300
	taps+=(lab4 lab5 lab2)
	tap=$(tap_of lab4)
	exec 8<>"$tap"
	tap=$(tap_of lab5)
	exec 9<>"$tap"
	serve iperf3 -s
	boot_stock "${both[@]}" --net fd=8,vhost,mac=52:54:00:00:00:09 --net fd=9,mac=52:54:00:00:00:0a \
		--disk "$LAB_IPERF3,ro" --append no-root --append "$(run_word "$guest_net"'
		up 9; up 10
		for n in 7 8 9 10; do echo "mtu $n $(cat /sys/class/net/eth$((n - 7))/mtu)"; done
		for n in 7 8; do pings -s 8900 10.$n.0.1 && iperf $n -n 8M && iperf $n -n 8M -R && echo "jumbo $n"; done
		for n in 9 10; do pings 10.$n.0.1 && iperf $n -n 2M && iperf $n -n 2M -R && echo "macvtap $n"; done')"
	exec 8>&- 9>&-
	expect_end 0 exit
	expect_line "mtu 7 9000"
	expect_line "mtu 8 9000"
	expect_line "jumbo 7"
	expect_line "jumbo 8"
	expect_line "mtu 9 1400"
	expect_line "mtu 10 1300"
	expect_line "macvtap 9"
	expect_line "macvtap 10"
	expect_silence
}

lab_case net_two_queues_and_control
case_net_two_queues_and_control() {
	local net
	make_both_taps multi_queue
	serve iperf3 -s
	boot_stock --cpus 2 --net tap=lab0,queues=2 --net tap=lab1,queues=2,vhost --disk "$LAB_IPERF3,ro" \
		--append no-root --append "$(run_word "$guest_net"'
		for n in 7 8; do
			dev=eth$((n - 7))
			echo "queues $n $(ls -d /sys/class/net/$dev/queues/rx-* | wc -l)"
			ip link set $dev promisc on
			ip link set $dev address 02:00:00:00:00:7$n && cat /sys/class/net/$dev/address
			/mnt/run-ethtool -L $dev combined 1 && pings 10.$n.0.1 && /mnt/run-ethtool -L $dev combined 2 &&
				pings 10.$n.0.1 && iperf $n -n 8M -P 2 && iperf $n -n 8M -P 2 -R && echo "queued $n"
		done')"
	expect_end 0 exit
	for net in 7 8; do
		expect_line "queues $net 2"
		expect_line "02:00:00:00:00:7$net"
		expect_line "queued $net"
	done
	expect_silence
}

# by_user: from now on vmm is run so.
by_user() {
	chmod 777 "$work"
	printf '#!/bin/bash\nexec setpriv --reuid=65534 --regid=%q --clear-groups -- %q "$@"\n' \
		"$(stat -c %g /dev/kvm)" "$vmm" >"$work/by-user"
	chmod 755 "$work/by-user"
	vmm=$work/by-user
}

# Without any privilege: passt wants an interface with a route; a server of the host is reached by the gateway's address.
# First the one that vmm starts, with a port of the guest's, then one that runs already.
lab_case net_passt_dhcp_and_tcp
case_net_passt_dhcp_and_tcp() {
	local sum dev
	make_tap lab0 7
	by_user
	ip route add default via 10.7.0.254 dev lab0
	head -c 1000000 /dev/urandom >"$work/data"
	sum=$(sha256sum <"$work/data")
	serve socat -U TCP-LISTEN:9001,bind=127.0.0.1,reuseaddr,fork "FILE:$work/data"
	serve setpriv --reuid=65534 --regid=65534 --clear-groups passt --foreground --one-off --socket "$work/passt"
	until [[ -S $work/passt ]]; do sleep 0.1; done
	start_stock --net passt,tcp=9002:9003,ip=dhcp --net "passt=$work/passt" --append no-root --append "$(run_word '
		grep -o "ip=[a-z]*" /proc/cmdline
		cat >/tmp/dhcp <<-"END"
		#!/bin/sh
		[ "$1" != bound ] || {
			ip addr add $ip/$mask dev $interface; ip route add default via $router; echo "lease $interface $ip"; }
		END
		chmod +x /tmp/dhcp
		use() {
			ip link set $1 up
			udhcpc -i $1 -n -q -t 5 -s /tmp/dhcp
			sleep 15 | nc 10.7.0.254 9001 >/tmp/data
			echo "sum $1 $(sha256sum </tmp/data)"
		}
		use eth0
		nc -l -p 9003 </dev/null >/tmp/heard
		echo "heard $(cat /tmp/heard)"
		ip addr flush dev eth0
		ip link set eth0 down
		use eth1')"
	await "sum eth0" 120
	until grep -q heard "$work/out"; do
		echo "words of the host" | socat -t 5 - TCP:127.0.0.1:9002 || fail "nobody listens at the forwarded port"
	done
	vmm_wait
	expect_end 0 exit
	expect_line "ip=dhcp"
	expect_line "heard words of the host"
	for dev in eth0 eth1; do
		expect_line "lease $dev 10.7.0.1"
		expect_line "sum $dev $sum"
	done
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

# away FILE COMMAND..., closed FILE COMMAND...: while the file is not there, or is not to be opened by others.
away() {
	mv "$1" "$1.away"
	"${@:2}"
	mv "$1.away" "$1"
}
closed() {
	local mode
	mode=$(stat -c %a "$1")
	chmod 600 "$1"
	"${@:2}"
	chmod "$mode" "$1"
}

# tap_without_header FD: have vmm inherit a tap that was opened without IFF_VNET_HDR.
tap_without_header() {
	cat >"$work/bare" <<-END
		#!/usr/bin/python3
		import fcntl, os, struct, sys
		fd = os.open("/dev/net/tun", os.O_RDWR)
		fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", b"labbare", 0x1002))  # TUNSETIFF, IFF_TAP | IFF_NO_PI
		os.dup2(fd, $1)
		os.execv("$vmm", ["vmm"] + sys.argv[1:])
	END
	chmod 755 "$work/bare"
}

lab_case net_mistakes_are_named fast=1
case_net_mistakes_are_named() {
	make_tap lab0 7
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
	tap_without_header 8
	vmm=$work/bare refused "opened without IFF_VNET_HDR" fd=8
	refused "two network cards have the address" tap=a,mac=52:54:00:12:34:56 tap=b,mac=52:54:00:12:34:56
	refused "mac=01:00:5e:00:00:01 is a multicast address" tap=a,mac=01:00:5e:00:00:01
	refused "mtu= is a number from 68 to 65535" tap=a,mtu=65536
	refused "socket path '" "passt=/$(printf '%0200d' 0)"
	refused "vhost goes with tap=NAME and fd=N only" passt,vhost
	away /dev/net/tun refused "/dev/net/tun is missing" tap=lab0
	away /dev/vhost-net refused "/dev/vhost-net is missing" tap=lab0,vhost
	ip tuntap add dev labuser mode tap user 1
	taps+=(labuser)
	by_user
	refused "tap 'labuser' is not permitted" tap=labuser
	closed /dev/net/tun refused "/dev/net/tun is not permitted" tap=lab0
	closed /dev/vhost-net refused "/dev/vhost-net is not permitted" tap=lab0,vhost
}

# A driver that breaks the rules, against rings that the kernel serves. What is sent comes back by the same tap.
lab_case vhost_and_a_hostile_driver limit=300
case_vhost_and_a_hostile_driver() {
	make_tap lab1 8
	tc qdisc add dev lab1 ingress
	tc filter add dev lab1 ingress matchall action mirred egress redirect dev lab1
	truncate -s 64K "$work/disk"
	input=$work/in
	echo >"$input" # it waits for a byte after the round
	vmm_start --kernel "$top/build/tests/kvm/hostile" --memory 64 --cpus 2 --append "kind=net rounds=1 vhost=1" \
		--disk "$work/disk" --net tap=lab1,vhost
	vmm_wait
	expect_end 0 exit
	expect_line "net-rx: loop: fine"
	expect_line "net-tx: loop: fine"
	expect_line "net-tx: address outside RAM: fine"
	grep -q "warning: net0: stopped until its driver resets it" "$work/err" || fail "not a word in the log"
	(($(wc -l <"$work/err") <= 60)) || fail "$(wc -l <"$work/err") lines in the log"
}
