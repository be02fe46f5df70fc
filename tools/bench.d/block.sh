# shellcheck shell=bash
# The part `block` of tools/bench.

# What is asked of a disk: RW SIZE DEPTH, and what it is called.
block_jobs=(
	"randread 4k 1|4 KiB read, depth 1|3"
	"randread 4k 32|4 KiB read, depth 32|2"
	"randwrite 4k 1|4 KiB write, depth 1|3"
	"randwrite 4k 32|4 KiB write, depth 32|2"
	"read 128k 4|128 KiB read, depth 4|3"
	"write 128k 4|128 KiB write, depth 4|3"
)
block_seconds=1

# Both with the same kernel, initrd and disks in memory, so that it is the monitors that are measured.
plan_block() {
	local kernel initrd script words image
	local machine=microvm,accel=kvm,acpi=on,isa-serial=on,pit=off,pic=off,ioapic2=off,auto-kernel-cmdline=off
	kernel=$("$here/guest" kernel amd64)
	initrd=$("$here/guest" initrd amd64)
	image=$("$here/guest" fio)
	script=$(sed '/^#/d' "$parts/block-guest" | base64 -w0) # the kernel takes 2047 bytes
	words="console=ttyS0 quiet reboot=panic_warm,a panic=-1 guest.run=sh:$script"
	plan qemu qemu-system-x86_64 -M "$machine" -cpu host -m 256 -nodefaults -no-user-config -no-reboot \
		-display none -serial stdio -kernel "$kernel" -initrd "$initrd" -append "$words" \
		-object iothread,id=io -blockdev "file,node-name=fio,filename=$image,read-only=on" \
		-device virtio-blk-device,drive=fio,serial=fio \
		-blockdev file,node-name=test,filename=/tmp/bench-qemu,aio=io_uring \
		-device virtio-blk-device,drive=test,serial=test,iothread=io
	plan vmm "$vmm" --kernel "$kernel" --initrd "$initrd" --memory 256 --no-default-cmdline --append "$words" \
		--disk "$image,ro,serial=fio" --disk /tmp/bench-vmm,serial=test
}

# block_row N TITLE FACTOR: of what stats.awk prints, with two figures for each job.
block_row() {
	local rate=$((2 * $1 + 3)) columns=$((2 * ${#block_jobs[@]})) ratio
	ratio=$(figure vmm $((rate + columns)) %.2f)
	printf '  %-24s %9s %9s %9s %9s %9s\n' "$2" "$(figure vmm $rate %d)" "$(figure qemu $rate %d)" "$ratio" \
		"$(figure vmm $((rate + 1)) %d)" "$(figure qemu $((rate + 1)) %d)"
	target_least "block, $2: of QEMU's" "$ratio" "$3"
}

bench_block() {
	local i job title factor
	packages_need guest fio
	choose_place host_fit
	plan_block >"$work/plan"
	printf '%s\n' "${block_jobs[@]%%|*}" >"$work/jobs"
	out=$work/samples
	# shellcheck disable=SC2016  # for the shell in there
	in_place sh -c 'for i in qemu vmm; do dd if=/dev/urandom of=/tmp/bench-$i bs=1M count=128 2>/dev/null; done
		trap "rm -f /tmp/bench-qemu /tmp/bench-vmm" EXIT
		"$@"' sh "$parts/block-lab" "${pairs:-3}" "$block_seconds" "$work/plan" "$work/jobs" ||
		die "the measurement failed" 125
	[[ -z $keep ]] || cp "$out" "$keep/$part"
	summarize qemu vmm
	printf 'block (%s, 1 vCPU, images in memory; medians of %d rounds of %d s)\n' "$where" "$(figure vmm 2 %d)" \
		"$block_seconds"
	printf '  %-24s %9s %9s %9s %9s %9s\n' "requests per second" vmm qemu "of qemu" "vmm irq/k" "qemu irq/k"
	for i in "${!block_jobs[@]}"; do
		IFS='|' read -r job title factor <<<"${block_jobs[i]}"
		block_row "$i" "$title" "$factor"
	done
	bench_block_native
}

# native_judge ENGINE OP CALLS: at depth 32. Without io_uring each request is a system call of its own.
native_judge() {
	target "native, $1, $2: calls, depth 32" "$calls" "$3"
	target "native, $1, $2: interrupts" "$irqs" 0.2
	target "native, $1, $2: exits a batch" "$exits" 1
}

bench_block_native() {
	local op depth n vm
	if ! kvm_answers; then
		printf '\nno /dev/kvm on this host: engines not measured by themselves\n'
		return
	fi
	native_guest 128
	dd if=/dev/urandom of="$work/image" bs=1M count=64 2>/dev/null
	vm=("$vmm" --kernel "$work/ring" --disk "$work/image")
	native_head 'engines (on this host, driver in ring 3, 4 KiB, image in the page cache, but for direct)'
	for op in read write; do
		for depth in 1 32; do
			n=$((20000 + 5000 * depth))
			native_row io_uring "$op" "$depth" "$n" "${vm[@]}"
			((depth == 1)) || native_judge io_uring "$op" 0.2
			native_row plain "$op" "$depth" "$n" python3 "$top/tests/without" io_uring "${vm[@]}"
			((depth == 1)) || native_judge plain "$op" 1.2
			native_row cow "$op" "$depth" "$n" "$vmm" --kernel "$work/ring" --disk "$work/image,cow"
			((depth == 1)) || native_judge cow "$op" 0.2
		done
		# A temporary folder may be in memory, which has no O_DIRECT.
		if dd if="$work/image" of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null; then
			native_row direct "$op" 32 "$n" "$vmm" --kernel "$work/ring" --disk "$work/image,direct"
			native_judge direct "$op" 0.2
		fi
	done
}
