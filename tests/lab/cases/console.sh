# shellcheck shell=bash
# The serial console on standard input and output, and elsewhere.

lab_case console_output_exact
case_console_output_exact() {
	boot_stock --append "$(run_word 'echo BEGIN; seq 1 2000; echo END')"
	expect_end 0 exit
	console | sed -n '/^BEGIN$/,/^END$/p' >"$work/seen"
	{ echo BEGIN; seq 1 2000; echo END; } | cmp - "$work/seen" || fail "bytes were lost or changed"
}

lab_case console_input
case_console_input() {
	input=$work/in
	mkfifo "$input"
	exec 5<>"$input"
	start_stock --append "$(run_word 'echo READY; read -r line </dev/console; echo "got:$line"')"
	await READY 100
	echo "words for the guest" >&5
	vmm_wait
	exec 5>&-
	expect_end 0 exit
	expect_line "got:words for the guest"
}

# Input that has ended ends nothing: in every other case it has, and here there never was any.
lab_case console_without_input
case_console_without_input() {
	"$vmm" --kernel "$LAB_KERNEL" --initrd "$LAB_INITRD" --append quiet --result "$work/result" \
		<&- >"$work/out" 2>"$work/err" &
	vmm_pid=$!
	vmm_wait
	expect_end 0 poweroff
	expect_text '^Linux '
}

lab_case console_to_file
case_console_to_file() {
	boot_stock --serial "file=$work/serial"
	expect_end 0 poweroff
	[[ ! -s $work/out ]] || fail "bytes on standard output"
	cp "$work/serial" "$work/out"
	expect_text '^Linux '
}

lab_case console_none
case_console_none() {
	boot_stock --serial none --append guest.run=exit:9
	expect_end 9 exit
	[[ ! -s $work/out ]] || fail "bytes on standard output"
}
