# shellcheck shell=bash
# The part `net` of tools/bench.

# What is asked of a network card: PROTOCOL WAY, what it is called, and how much of QEMU's it should be.
net_jobs=(
	"tcp out|TCP to the host, kbit/s|1.2"
	"tcp in|TCP from the host, kbit/s|1.2"
	"udp out|64-byte datagrams to the host|1.2"
	"udp in|64-byte datagrams to the guest|1.2"
)
net_seconds=2
net_names=(qemu vmm qemu-vhost vmm-vhost)

# net_command N NAME: the VM behind tap benchN.
net_command() {
	local script words vhost=off key=
	local machine=microvm,accel=kvm,acpi=on,isa-serial=on,pit=off,pic=off,ioapic2=off,auto-kernel-cmdline=off
	script=$({ echo "n=$1"; sed '/^#/d' "$parts/net-guest"; } | base64 -w0) # the kernel takes 2047 bytes
	words="console=ttyS0 quiet reboot=panic_warm,a panic=-1 guest.run=sh:$script"
	[[ $2 != *-vhost ]] || vhost=on key=,vhost
	case $2 in
	qemu*)
		plan "$2" qemu-system-x86_64 -M "$machine" -cpu host -m 256 -nodefaults -no-user-config -no-reboot \
			-display none -serial stdio -kernel "$kernel" -initrd "$initrd" -append "$words" \
			-blockdev "file,node-name=disk,filename=$image,read-only=on,locking=off" -device virtio-blk-device,drive=disk \
			-netdev "tap,id=net,ifname=bench$1,script=no,downscript=no,vhost=$vhost" \
			-device virtio-net-device,netdev=net
		;;
	*)
		plan "$2" "$vmm" --kernel "$kernel" --initrd "$initrd" --memory 256 --no-default-cmdline \
			--append "$words" --disk "$image,ro" --net "tap=bench$1$key"
		;;
	esac
}

plan_net() {
	local i kernel initrd image
	kernel=$("$here/guest" kernel amd64)
	initrd=$("$here/guest" initrd amd64)
	image=$("$here/guest" iperf3)
	for i in "${!net_names[@]}"; do net_command "$i" "${net_names[i]}"; done
}

# net_row N TITLE FACTOR: of what stats.awk prints, with two figures for each job.
net_row() {
	local rate=$((2 * $1 + 3)) columns=$((2 * ${#net_jobs[@]})) name ratio
	printf '  %-30s' "$2"
	for name in "${net_names[@]}"; do printf ' %9s' "$(figure "$name" "$rate" %d)"; done
	for name in vmm vmm-vhost; do printf ' %9s' "$(figure "$name" $((rate + columns)) %.2f)"; done
	printf ' %9s %9s\n' "$(figure vmm $((rate + 1)) %d)" "$(figure qemu $((rate + 1)) %d)"
	ratio=$(figure vmm $((rate + columns)) %.2f)
	target_least "net, ${2%, *}: of QEMU's" "$ratio" "$3"
}

bench_net() {
	local i job title factor
	packages_need guest iperf3
	choose_place host_fit
	plan_net >"$work/plan"
	printf '%s\n' "${net_jobs[@]%%|*}" >"$work/jobs"
	out=$work/samples
	in_place "$parts/net-lab" "${pairs:-5}" "$net_seconds" "$work/plan" "$work/jobs" ||
		die "the measurement failed" 125
	[[ -z $keep ]] || cp "$out" "$keep/$part"
	summarize qemu "${net_names[@]}"
	printf 'net (%s, 1 vCPU, one tap each; medians of %d rounds of %d s)\n' "$where" "$(figure vmm 2 %d)" \
		"$net_seconds"
	printf '  %-30s' "what arrives each second"
	printf ' %9s' qemu vmm qemu,vhost vmm,vhost "vmm/qemu" "+vhost" "vmm irq/k" "qemu irq/k"
	echo
	for i in "${!net_jobs[@]}"; do
		IFS='|' read -r job title factor <<<"${net_jobs[i]}"
		net_row "$i" "$title" "$factor"
	done
	bench_net_native
}

# A tap that is made for it, in a network namespace of its own; and passt's socket, with a reader who does nothing else.
bench_net_native() {
	local depth n
	if ! kvm_answers; then
		printf '\nno /dev/kvm on this host: backends not measured by themselves\n'
		return
	fi
	native_guest 128
	native_head 'backends (on this host, driver in ring 3, frames of 1514 bytes to the host)'
	socat -u "UNIX-LISTEN:$work/frames,fork" OPEN:/dev/null &
	child=$!
	until [[ -S $work/frames ]]; do sleep 0.1; done
	for depth in 1 32; do
		n=$((depth == 1 ? 20000 : 500000))
		if unshare --net true 2>/dev/null && [[ -w /dev/net/tun ]]; then
			native_row tap frame "$depth" "$n" unshare --net "$vmm" --kernel "$work/ring" --net tap=bench0
		fi
		native_row socket frame "$depth" "$n" "$vmm" --kernel "$work/ring" --net "passt=$work/frames"
	done
	kill "$child"
	wait "$child" 2>/dev/null || true
	child=''
}
