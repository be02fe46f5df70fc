# shellcheck shell=bash
# A driver that breaks the rules, against what the kvm tier cannot have.

# A plain tap, of which every frame comes back, and a driver without room for long ones: with mergeable buffers and with a
# buffer for each frame.
lab_case tap_and_a_hostile_driver limit=400
case_tap_and_a_hostile_driver() {
	local without long=$((1 << 7 | 1 << 8 | 1 << 9 | 1 << 10)) mergeable=$((1 << 15)) role
	make_tap lab1 8
	tc qdisc add dev lab1 ingress
	tc filter add dev lab1 ingress matchall action mirred egress redirect dev lab1
	truncate -s 64K "$work/disk"
	input=$work/in
	echo >"$input" # it waits for a byte after the round
	for without in $long $((long | mergeable)); do
		vmm_start --kernel "$top/build/tests/kvm/hostile" --memory 64 --cpus 2 \
			--append "kind=net rounds=1 without=$without" --disk "$work/disk" --net tap=lab1
		vmm_wait
		expect_end 0 exit
		for role in rx tx ctrl; do expect_line "net-$role: loop: fine"; done
		expect_line "net-rx: one buffer often: fine"
		grep -q "warning: net0: stopped until its driver resets it" "$work/err" || fail "not a word in the log"
		(($(wc -l <"$work/err") <= 60)) || fail "$(wc -l <"$work/err") lines in the log"
	done
}
