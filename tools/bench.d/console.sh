# shellcheck shell=bash
# The part `console` of tools/bench.

# What is written to a terminal: DEVICE SETTING BLOCK COUNT, what it is called, and how many exits a byte may take. A
# program that writes line by line has the driver asked twice for each: for the text, and for the end of the
# line, which the terminal makes two bytes of. Ticks of the guest's clock count, too.
console_jobs=(
	"ttyS0 opost 80 50|serial port, lines|"
	"hvc0 opost 80 1000|hvc0, lines|0.2"
	"hvc0 -opost 4000 256|hvc0, 4 kB|0.01"
)

# Both with the same kernel, initrd and consoles; hvc0 goes to a file in memory.
plan_console() {
	local kernel initrd words
	local machine=microvm,accel=kvm,acpi=on,isa-serial=on,pit=off,pic=off,ioapic2=off,auto-kernel-cmdline=off
	kernel=$("$here/guest" kernel amd64)
	initrd=$("$here/guest" initrd amd64)
	words="console=ttyS0 quiet reboot=panic_warm,a panic=-1"
	words+=" guest.run=sh:$(sed '/^#/d' "$parts/console-guest" | base64 -w0)" # the kernel takes 2047 bytes
	plan qemu qemu-system-x86_64 -M "$machine" -cpu host -m 256 -nodefaults -no-user-config -no-reboot \
		-display none -serial stdio -kernel "$kernel" -initrd "$initrd" -append "$words" \
		-chardev file,id=hvc,path=/tmp/bench-qemu -device virtio-serial-device -device virtconsole,chardev=hvc
	plan vmm "$vmm" --kernel "$kernel" --initrd "$initrd" --memory 256 --no-default-cmdline --append "$words" \
		--console file=/tmp/bench-vmm
}

# console_row N TITLE [LIMIT]: of what stats.awk prints, with two figures for each job: time and exits.
console_row() {
	local time=$((2 * $1 + 3)) columns=$((2 * ${#console_jobs[@]})) ratio
	ratio=$(figure vmm $((time + columns)) %.2f)
	printf '  %-26s %9s %9s %9s %9s %9s\n' "$2" "$(figure vmm $time %.1f)" "$(figure qemu $time %.1f)" "$ratio" \
		"$(figure vmm $((time + 1)) %.4f)" "$(figure qemu $((time + 1)) %.4f)"
	[[ $3 ]] || return 0
	target "console, $2: exits a byte" "$(figure vmm $((time + 1)) %.4f)" "$3"
	target "console, $2: of QEMU's" "$ratio" 1
}

bench_console() {
	local i job title limit
	packages_need guest
	choose_place host_fit
	plan_console >"$work/plan"
	printf '%s\n' "${console_jobs[@]%%|*}" >"$work/jobs"
	out=$work/samples
	# shellcheck disable=SC2016  # for the shell in there
	in_place sh -c 'trap "rm -f /tmp/bench-qemu /tmp/bench-vmm" EXIT
		"$@"' sh "$parts/console-lab" "${pairs:-3}" "$work/plan" "$work/jobs" || die "the measurement failed" 125
	[[ -z $keep ]] || cp "$out" "$keep/$part"
	summarize qemu vmm
	printf 'console (%s, 1 vCPU; medians of %d rounds)\n' "$where" "$(figure vmm 2 %d)"
	printf '  %-26s %9s %9s %9s %9s %9s\n' "microseconds, exits a byte" "vmm us" "qemu us" "of qemu" "vmm exits" "qemu exits"
	for i in "${!console_jobs[@]}"; do
		IFS='|' read -r job title limit <<<"${console_jobs[i]}"
		console_row "$i" "$title" "$limit"
	done
	bench_console_native
}

bench_console_native() {
	local depth n
	if ! kvm_answers; then
		printf '\nno /dev/kvm on this host: backends not measured by themselves\n'
		return
	fi
	native_guest 64
	native_head 'hvc0 (on this host, driver in ring 3, 80 bytes at a time)'
	for depth in 1 32; do
		n=$((depth == 1 ? 20000 : 1000000))
		native_row file line "$depth" "$n" "$vmm" --kernel "$work/ring" --console "file=$work/text"
		# shellcheck disable=SC2016  # for the shell in there
		native_row pipe line "$depth" "$n" bash -c 'exec 9> >(exec cat >/dev/null) && exec "$@"' - \
			"$vmm" --kernel "$work/ring" --console fd=9
	done
}
