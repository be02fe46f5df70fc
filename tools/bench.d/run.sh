# shellcheck shell=bash
# The part `run` of tools/bench.

run_memory=256 run_files=20000 run_mb=32
run_names=(directory image qemu)

# The directory, its image, and QEMU's initrd: the same programs, and for QEMU the modules that vmm finds itself.
make_run_roots() {
	local dir=$work/run-root modules path
	modules=$("$here/guest" modules amd64)
	mkdir -p "$dir/bin" "$dir/proc"
	cp "$(command -v busybox)" "$dir/bin/busybox"
	for path in true dd; do ln -s busybox "$dir/bin/$path"; done
	install -m 755 "$parts/run-own" "$dir/bin/own"
	PATH=$PATH:/sbin mke2fs -q -t ext4 -d "$dir" "$work/run.ext4" 16M >/dev/null
	cp -a "$dir" "$work/run-tree"
	mkdir "$work/run-tree/modules"
	for path in virtio/virtio_ring virtio/virtio virtio/virtio_mmio char/virtio_console; do
		cp "$modules/kernel/drivers/$path.ko" "$work/run-tree/modules/"
	done
	install -m 755 "$parts/run-init" "$work/run-tree/init"
	(cd "$work/run-tree" && find . | cpio --quiet -o -H newc -R 0:0) >"$work/run.cpio"
}

# run_qemu NAME WHAT: what its guest does is a word for run-init.
run_qemu() {
	local machine=microvm,accel=kvm,acpi=on,isa-serial=on,rtc=on,pit=off,pic=off,ioapic2=off,auto-kernel-cmdline=off
	plan "$1" qemu-system-x86_64 -M "$machine" -cpu host -m "$run_memory" -nodefaults -no-user-config -no-reboot \
		-display none -serial file:/dev/stderr -chardev file,id=out,path=/dev/stdout -device virtio-serial-device \
		-device virtserialport,nr=1,chardev=out,name=out -kernel "$kernel" -initrd "$work/run.cpio" \
		-append "console=ttyS0 quiet loglevel=3 reboot=panic_warm,a panic=-1 pci=off run=$2 blocks=$((16 * run_mb))"
}

# run_vmm NAME ROOT COMMAND...
run_vmm() {
	plan "$1" "$vmm" --kernel "$kernel" --memory "$run_memory" --rootfs "$2" --result "$work/result.$1" -- "${@:3}"
}

# run_times NAME: where the time of the last run went. Ours is what is before the guest, what the first process does itself, and
# all from the command on. The rest of the first process's time it waits for the kernel, which loads modules and mounts.
run_times() {
	local at own
	own=$(figure "$1-own" 3 %.0f 0.000001)
	at=$(sed 's/[^a-z_0-9]\+/ /g' "$work/result.$1" | awk '{
		for (i = 1; i < NF; i++) t[$i] = $(i + 1)
		print t["guest_start_us"], t["init_us"], t["command_start_us"], t["command_end_us"], t["end_us"] }')
	awk -v name="$1" -v own="$own" '{ printf "  %-16s %9.1f %9.1f %9.1f %9.1f %9.1f %9.1f\n", name, $1 / 1000, ($2 - $1) / 1000,
		($3 - $2 - own) / 1000, own / 1000, ($4 - $3) / 1000, ($5 - $4) / 1000 }' <<<"$at"
	target "run, $1: not the kernel's, %" "$(awk -v own="$own" '{ printf "%.1f", 100 * ($1 + own + $5 - $3) / $5 }' <<<"$at")" 10
}

# Packing needs no guest that runs: the one that ends at once will do, on any KVM. The files are in memory, so that its wall
# time is more than its CPU time only by what else the host has to do.
measure_packing() {
	mkdir "$work/many"
	(cd "$work/many" && seq "$run_files" | split -l 1 -a 4 -)
	compile_guest "$work/end"
	choose_place kvm_answers
	plan packing -s 42 "$vmm" --kernel "$work/end" --memory "$run_memory" --rootfs "$work/many" -- true >"$work/plan"
	measure_rounds 1 5
	summarize packing packing
	printf 'run: packing (%s; medians of %d rounds)\n' "$where" "$(figure packing 2 %d)"
	printf '  %-34s %9s %9s\n  %-34s %9s %9s\n' "" "CPU s" "wall s" "directory of $run_files files" \
		"$(figure packing 3 %.2f 1000000)" "$(figure packing 4 %.2f 1000000)"
	target "run: packing, CPU seconds" "$(figure packing 3 %.3f 1000000)" 0.3 "${place:+not judged in the lab}"
	target "run: packing, wall seconds" "$(figure packing 4 %.3f 1000000)" 0.3 "${place:+not judged in the lab}"
}

bench_run() {
	packages_need guest
	kernel=$("$here/guest" kernel amd64)
	make_run_roots
	measure_packing
	choose_place host_fit --count
	{
		run_vmm directory "$work/run-root" true
		run_vmm image "$work/run.ext4,ro" true
		run_qemu qemu true
	} >"$work/plan"
	{
		run_vmm vmm-output "$work/run-root" busybox time dd if=/dev/zero bs=64k count=$((16 * run_mb))
		run_qemu qemu-output pipe
		run_vmm directory-own "$work/run-root" own
		run_vmm image-own "$work/run.ext4,ro" own
	} >"$work/pipes"
	out=$work/samples
	in_place "$parts/run-lab" "${pairs:-1}" "$work/measure" "$work/plan" "$work/pipes" || die "the measurement failed" 125
	[[ -z $keep ]] || cp "$out" "$keep/$part"
	print_run
}

print_run() {
	local name
	summarize qemu "${run_names[@]}"
	printf '\nrun: -- true (%s, 1 vCPU, %d MiB, %s; medians of %d rounds)\n' "$where" "$run_memory" \
		"$(basename "$(readlink -f "$kernel")")" "$(figure qemu 2 %d)"
	# The wall time of one that waits for a file is none: that clock jumps.
	printf '  %-16s %9s %9s\n' "" "CPU s" "of qemu"
	for name in "${run_names[@]}"; do
		printf '  %-16s %9s %9s\n' "$name" "$(figure "$name" 3 %.2f 1000000)" "$(figure "$name" 5 %.2f)"
	done
	summarize directory-own image-own
	printf '\nof one run, ms\n  %-16s %9s %9s %9s %9s %9s %9s\n' "" before kernel init own command after
	run_times directory
	run_times image
	summarize qemu-output vmm-output
	printf '\noutput of a command through a pipe, %d MiB, seconds\n  %-16s %9s\n  %-16s %9s\n' "$run_mb" \
		vmm "$(figure vmm-output 3 %.2f)" qemu "$(figure qemu-output 3 %.2f)"
	target "run: output, time of QEMU's" "$(figure vmm-output 4 %.2f)" 1.25
}
