# shellcheck shell=bash
# Drivers that break the rules: hostile.c against one device of each kind. Part of tests/kvm/run.

# anonymous_kib PID: memory of the process that is nobody else's, the guest's RAM included.
anonymous_kib() { awk '$1 == "RssAnon:" { print $2 }' "/proc/$1/status"; }

# await_rounds N: until hostile.c has said so often that a round is over, or vmm has ended.
await_rounds() {
	local try
	for try in $(seq $((time_limit * 10))); do
		[ "$(grep -c '^round over' "$work/out")" -lt "$1" ] || return 0
		kill -0 "$attacked" 2>/dev/null || return 0
		sleep 0.1
	done
}

# await_sockets PATH...
await_sockets() {
	local path try
	for path in "$@"; do
		for try in $(seq 100); do [ ! -S "$path" ] || break; sleep 0.05; done
	done
}

# start_attacked OPTIONS WORDS: a VM with one device of each kind, the disk with these options, for hostile.c with these
# words in two rounds. Frames come back by the cable, and there is always something to read on the console and the port.
start_attacked() {
	local end
	new_disk h/disk
	mkfifo "$work/h/in"
	exec 9<>"$work/h/in"
	"$tests/kvm/cable.py" "$work/h/net" &
	attack_helpers=$!
	await_sockets "$work/h/net"
	"$vmm" --kernel "$guests/hostile" --memory 64 --cpus 2 --append "$2 rounds=2" \
		--disk "$work/h/disk$1" --net "passt=$work/h/net" --console "unix=$work/h/hvc" \
		--port "port=unix=$work/h/port" --vsock "cid=5,socket=$work/h/vsock" \
		<"$work/h/in" >"$work/out" 2>"$work/err" &
	attacked=$!
	await_sockets "$work/h/hvc" "$work/h/port"
	for end in hvc port; do
		socat 'OPEN:/dev/zero!!OPEN:/dev/null' "UNIX-CONNECT:$work/h/$end" 2>/dev/null &
		attack_helpers="$attack_helpers $!"
	done
}

# hostile_kind NAME KIND [OPTIONS [WORDS]]: every attack on it is a case. What the process needs for itself it has after
# the first round.
hostile_kind() {
	local name=$1 kind=$2 before after status attack
	rm -rf "$work/h"
	mkdir "$work/h"
	start_attacked "${3:-}" "kind=$kind ${4:-}"
	await_rounds 1
	before=$(anonymous_kib "$attacked")
	echo >&9
	await_rounds 2
	after=$(anonymous_kib "$attacked")
	echo >&9
	kill -0 "$attacked" 2>/dev/null && [ "$(grep -c '^round over' "$work/out")" -lt 2 ] && kill "$attacked"
	wait "$attacked"
	status=$?
	exec 9>&-
	# shellcheck disable=SC2086  # several
	kill $attack_helpers 2>/dev/null
	# shellcheck disable=SC2086
	wait $attack_helpers 2>/dev/null
	while read -r attack; do
		verdict "hostile $name, $attack" ''
	done < <(sed -n 's/: fine$//p' "$work/out" | awk '!seen[$0]++')
	problem=
	[ "$status" -eq 0 ] || problem="status $status: $(tail -n 1 "$work/out"; tail -n 5 "$work/err")"
	verdict "hostile $name, the VM lives and its devices work" "$problem"
	problem=
	[ "${after:-0}" -gt 0 ] && [ "$after" -le $((before + 32)) ] || problem="RssAnon $before KiB, later $after KiB"
	verdict "hostile $name, memory stays as it is" "$problem"
	problem=
	grep -qE "warning: ${kind}[0-9]*: stopped until its driver resets it" "$work/err" || problem='not a word'
	# Five lines in 10 s, from each of the two places that know.
	[ "$(wc -l <"$work/err")" -le 60 ] || problem="$(wc -l <"$work/err") lines"
	! LC_ALL=C grep -q '[^ -~]' "$work/err" || problem='control characters'
	verdict "hostile $name, a few words in the log" "$problem"
}

# Each way in which a disk is served.
hostile_disks() {
	local vmm=$vmm
	hostile_kind blk blk
	hostile_kind 'blk cow' blk ,cow
	hostile_kind 'blk ro' blk ,ro
	new_disk direct
	if dd if="$work/direct" of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null; then
		hostile_kind 'blk direct' blk ,direct
	else
		verdict "hostile blk direct # SKIP no O_DIRECT in $work" ''
	fi
	vmm_without io_uring
	hostile_kind 'blk without io_uring' blk
}

# attacked_alone WORDS: hostile.c without anything that would say a word of its own; sets `problem`.
attacked_alone() {
	run_guest 0 '' hostile --memory 64 --append "$1" --disk "$work/h/disk" --net "passt=$work/h/net" \
		--console "file=/dev/null" --port "port=file=/dev/null" --vsock "cid=5,socket=$work/h/vsock$n" </dev/null
}

# Each attack as the first, so that no limit hides its line.
hostile_words() {
	local kind number lines attack cable
	rm -rf "$work/h"
	mkdir "$work/h"
	new_disk h/disk
	"$tests/kvm/cable.py" "$work/h/net" &
	cable=$!
	await_sockets "$work/h/net"
	for kind in blk net console rng vsock; do
		attacked_alone "kind=$kind list=1"
		cp "$work/out" "$work/h/list"
		[ -s "$work/h/list" ] || problem="no attack is listed $problem"
		verdict "hostile $kind, attacks are listed" "$problem"
		while read -r number lines attack; do
			attacked_alone "role=${attack%%:*} attack=$number"
			[ -n "$problem" ] || [ "$(wc -l <"$work/err")" -eq "$lines" ] ||
				problem="$(wc -l <"$work/err") lines, expected $lines"
			verdict "hostile $attack, lines in the log: $lines" "$problem"
		done <"$work/h/list"
	done
	kill "$cable"
	wait "$cable" 2>/dev/null
}

hostile_cases() {
	hostile_disks
	hostile_kind net net
	# A buffer for each frame, as for a plain tap.
	hostile_kind 'net without mergeable buffers' net '' "without=$((1 << 15))"
	hostile_kind console console
	hostile_kind rng rng
	hostile_kind vsock vsock
	hostile_words
}
