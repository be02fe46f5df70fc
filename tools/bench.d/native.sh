# shellcheck shell=bash
# What a device costs by itself, on this host: any KVM will do, with a driver of a few instructions (ring.c).

# native_guest ENTRIES: the driver, with queues of so many.
native_guest() {
	local guest=$top/tests/kvm/guest
	cc -std=gnu17 -I"$top" -O2 -ffreestanding -fno-stack-protector -fno-pic -fno-asynchronous-unwind-tables \
		-mno-red-zone -mgeneral-regs-only -nostdlib -static -no-pie -Wl,-Ttext=0x200000 -Wl,--build-id=none \
		-Wl,-z,noexecstack -DQUEUE_SIZE="$1" -o "$work/ring" "$guest/start.S" "$guest/runtime.c" \
		"$guest/virtio.c" "$parts/ring.c" || die "cannot compile ring.c" 125
}

native_head() {
	printf '\n%s\n' "$1"
	printf '  %-24s %9s %9s %9s %9s\n' "" "per s" calls interrupts notified
}

# native_run COMMAND...: sets `took` (ns), `calls` (all system calls), `irqs` (eight bytes to an eventfd are how one is
# raised), `kicks` (notifications, each an exit that the kernel serves), `batches` (of requests) and `exits` (that the
# process serves).
native_run() {
	local begin
	begin=$(date +%s%N)
	perf stat -x, -o "$work/perf" -e syscalls:sys_enter_write --filter 'count == 8' -e raw_syscalls:sys_enter \
		"$@" --result "$work/exits" >"$work/kicks" || die "cannot count the system calls of $1" 125
	took=$(($(date +%s%N) - begin))
	kicks=$(sed -n 's/^kicks \([0-9]*\).*/\1/p' "$work/kicks")
	batches=$(sed -n 's/.* batches \([0-9]*\).*/\1/p' "$work/kicks")
	exits=$(sed -n 's/.*"mmio": \([0-9]*\).*/\1/p' "$work/exits")
	calls=$(awk -F, '$3 == "raw_syscalls:sys_enter" { print $1 }' "$work/perf")
	irqs=$(awk -F, '$3 == "syscalls:sys_enter_write" { print $1 }' "$work/perf")
}

per_request() { awk -v n="$1" -v all="$2" 'BEGIN { printf "%.3f", n / all }'; }

# native_row BACKEND DO DEPTH REQUESTS COMMAND...: the median of 3 runs by time. What a run without requests takes is
# taken off. Leaves `calls`, `irqs` and `kicks` for each request, and `exits` for each batch of them.
native_row() {
	local backend=$1 op=$2 depth=$3 requests=$4 i runs='' none_took none_calls none_irqs none_exits
	shift 4
	native_run "$@" --append "do=$op depth=$depth requests=0"
	none_took=$took none_calls=$calls none_irqs=$irqs none_exits=$exits
	for i in 1 2 3; do
		native_run "$@" --append "do=$op depth=$depth requests=$requests"
		runs+="$((took - none_took)) $((calls - none_calls)) $((irqs - none_irqs)) $kicks"
		runs+=" $((kicks + exits - none_exits)) $batches"$'\n'
	done
	read -r took calls irqs kicks exits batches < <(printf '%s' "$runs" | sort -n | sed -n 2p)
	calls=$(per_request "$calls" "$requests") irqs=$(per_request "$irqs" "$requests")
	kicks=$(per_request "$kicks" "$requests") exits=$(per_request "$exits" "$batches")
	printf '  %-24s %9d %9s %9s %9s\n' "$backend, $op, depth $depth" \
		$((requests * 1000000000 / took)) "$calls" "$irqs" "$kicks"
}
