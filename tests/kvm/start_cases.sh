# shellcheck shell=bash disable=SC2154  # vmm, guests, work and the verdicts are those of tests/kvm/run
# Starts that fail, and guests that KVM cannot run on: what is said, and what is left.

# refused NAME PATTERN WORD...: vmm with these words ends with 125 and one line, and leaves nothing. `as`
# goes before it.
refused() {
	local name=$1 pattern=$2 got
	shift 2
	(cd "$work/left" && timeout -k 5 "$time_limit" "${as[@]}" "$work/bin" "$@") </dev/null >"$work/out" 2>"$work/err"
	got=$?
	problem=
	[ "$got" -eq 125 ] || problem="status $got, expected 125: $*"
	grep -qE -e "^vmm: .*($pattern)" "$work/err" || problem="$problem nothing on standard error matches '$pattern'"
	[ "$(wc -l <"$work/err")" -eq 1 ] || problem="$problem more or less than one line on standard error"
	[ ! -s "$work/out" ] || problem="$problem something on standard output"
	[ -z "$(ls -A "$work/left")" ] || problem="$problem left behind: $(ls -A "$work/left")"
	find "$work/left" -mindepth 1 -delete
	verdict "$name" "$problem"
}

# Everything of which something could be left.
outputs=(--serial file=serial --console file=console --port port=file=port --console-log log
	--pidfile pid --control control --vsock "cid=3,socket=vsock")

refused_start() { refused "$@" "${outputs[@]}"; }

refused_kernels() {
	refused 'no kernel is refused' "no kernel given: '--kernel FILE'"
	refused_start 'a missing kernel is refused' "cannot open kernel 'none': No such file.*; check the name" -k none
	refused_start 'an empty kernel is refused' 'empty: copy it again' -k "$bad/empty"
	refused_start 'a truncated bzImage is refused' 'truncated: .*copy it again' -k "$bad/bz-cut"
	refused_start 'a truncated ELF kernel is refused' 'truncated: .*copy it again' -k "$bad/elf-cut"
	refused_start 'random bytes are refused' 'neither a bzImage nor an ELF vmlinux: give' -k "$bad/random"
	refused_start 'an old boot protocol is refused' '2\.11, and 2\.12 is needed: give' -k "$bad/bz-old"
	refused_start 'a bzImage without 64-bit entry is refused' '32-bit kernel: give' -k "$bad/bz-32"
	refused_start 'a 32-bit ELF kernel is refused' '32-bit ELF image: give' -k "$bad/elf-32"
	refused_start 'a kernel of another machine is refused' 'for aarch64: give' -k "$bad/elf-arm"
	refused_start 'a segment outside RAM is refused' 'too small.*give --memory more' -k "$bad/elf-beyond"
	refused_start 'a segment in the gap is refused' 'no RAM can be: link it' -k "$bad/elf-gap"
	refused_start 'overlapping segments are refused' 'overlap in memory; copy it again' -k "$bad/elf-overlap"
	refused_start 'a folder as kernel is refused' 'is a directory: give a file' -k "$bad/folder"
	refused_start 'RAM too small for the kernel is refused' '64 MiB .*too small.*give --memory more' -k "$bad/bz-big" -m 64
	refused_start 'an initrd too big for the RAM is refused' 'raise --memory' -k "$bad/bz" -i "$bad/initrd-big" -m 64
	refused_start 'a missing initrd is refused' "cannot open initrd 'none'.*; check the name" -k "$bad/bz" -i none
	refused_start 'a command line too long is refused' 'command line.*(at most|longer|long)' -k "$bad/bz" \
		-a "$(head -c 3000 /dev/zero | tr '\0' x)"
}

refused_words() {
	local value
	for value in 0 -1 65 99999999999999999999 x; do
		refused "$value processors are refused" "option '-c'.*(1 to 64|number)" -k "$bad/bz" -c "$value"
	done
	for value in 0 -1 31 17T 99999999999999999999 x; do
		refused "$value of memory is refused" "option '-m'.*(32M to 16T|size|number)" -k "$bad/bz" -m "$value"
	done
	refused 'an unknown option is refused' "'--kernal': did you mean '--kernel'" --kernal "$bad/bz"
	refused 'an option given twice is refused' "'-k' is given twice: leave one out" -k "$bad/bz" -k "$bad/bz"
	refused 'an option without its value is refused' "'--memory' needs a value: SIZE" -k "$bad/bz" --memory
	refused 'two roots are refused' "'-r' is given twice: use '--disk'" -k "$bad/bz" -r a -r b
}

refused_disks() {
	local disks=() i
	refused_start 'a missing disk is refused' "'none'.*No such file" -k "$bad/bz" -d none
	refused_start 'a folder as disk is refused' 'folder.*director' -k "$bad/bz" -d "$bad/folder"
	refused_start 'a disk of part of a sector is refused' '1000 bytes.*512' -k "$bad/bz" -d "$bad/disk-odd"
	for i in $(seq 19); do disks+=(-d "$bad/disk$i"); done
	refused 'more disks than windows are refused' 'at most 18 disks' -k "$bad/bz" "${disks[@]}"
	refused_start 'more devices than windows are refused' "more than this machine's 19 windows: leave" \
		-k "$bad/bz" "${disks[@]:2}"
}

# Root may read everything, and hands /dev/kvm over.
refused_unreadable() {
	local as=()
	[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	refused_start 'an unreadable kernel is refused' 'Permission denied; copy it, or let' --kvm fd=9 -k "$bad/closed"
	refused_start 'an unreadable disk is refused' "disk-closed.*Permission denied" --kvm fd=9 -k "$bad/bz" \
		-d "$bad/disk-closed"
} 9<>/dev/kvm

refused_cases() {
	local as=() bad=$work/bad
	mkdir "$work/left" "$bad"
	chmod 777 "$work/left"
	chmod 711 "$work"
	cp "$vmm" "$work/bin"
	"$tests/kvm/bad_inputs.py" "$bad" "$guests/hello"
	refused_kernels
	refused_words
	refused_disks
	refused_unreadable
	expect_error 'a result that does not fit is told' 125 "cannot write the result to '/dev/full', give" hello \
		--result /dev/full
	problem=
	[ "$(wc -l <"$work/err")" -eq 1 ] || problem='more than one line'
	verdict 'a result that does not fit is told in one line' "$problem"
	echo precious >"$work/kept"
	expect_error 'a start that fails' 125 'cannot open kernel' nothing --serial "file=$work/kept" \
		--console-log "$work/new"
	problem=
	grep -qx precious "$work/kept" || problem='it emptied a file'
	[ ! -e "$work/new" ] || problem="$problem it left a file"
	verdict 'a start that fails leaves files as they were' "$problem"
	expect 'a start replaces files' 0 '' hello --serial "file=$work/kept"
	problem=
	grep -q precious "$work/kept" && problem='what was in the file is still there'
	verdict 'a start replaces what was in files' "$problem"
}

# What --check-host says last is what its status says.
check_host_case() {
	local got want='ordinary kernels can run here'
	"$vmm" --check-host >"$work/out" 2>"$work/err"
	got=$?
	problem=
	case $got in
	0) ;;
	77) want='ordinary kernels cannot run here: ' ;;
	*) problem="status $got" ;;
	esac
	tail -n 1 "$work/out" | grep -q "^$want" || problem="$problem status $got, and the last line is not '$want'"
	grep -qE '^/dev/kvm +usable' "$work/out" || problem="$problem no word of /dev/kvm"
	verdict 'check-host, status and verdict' "$problem"
}

# reported NAME PATTERN WAY LINE...: guest and vCPU end, and each of these is in the report.
reported() {
	local name=$1 pattern=$2 way=$3 line
	shift 3
	expect_error "$name" 255 "$pattern" end --append "by=$way"
	problem=
	for line in 'exit reason [0-9]+' '64-bit mode, ring 0' 'rsp 0x[0-9a-f]{16} ss 0x10' 'cr0 0x8[0-9a-f]{7} cr3 0x' \
		'rax 0x' "$@"; do
		grep -qE "^vmm: vCPU 0: .*$line" "$work/err" || problem="$problem no line '$line'"
	done
	[ "$(wc -l <"$work/err")" -le 10 ] || problem="$problem more than ten lines"
	verdict "$name, with numbers and advice" "$problem"
}

cannot_run_cases() {
	reported 'a jump to where nothing is' 'KVM could not emulate an instruction' jump 'rip 0x00000000d0000000' \
		'code not readable at rip' 'suberror 1' 'jumped or mapped wrongly'
	reported 'an instruction that KVM does not know' 'KVM could not emulate an instruction' store \
		'rip 0x0000000000200[0-9a-f]{3} cs' 'code df 33' 'suberror 1' "see 'vmm --check-host'"
}
