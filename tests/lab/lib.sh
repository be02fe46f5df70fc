# shellcheck shell=bash
# What the cases of the lab are written with.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
top=$(cd "$here/../.." && pwd -P)
vmm=${VMM:-$top/build/vmm/vmm}
vmmctl=${vmm}ctl

cases=()
declare -A case_limit=() case_memory=() case_fast=()

# lab_case NAME [limit=SECONDS] [memory=MiB] [fast=1]: a case is a function case_NAME. Its limit counts
# for the case as a whole; a nested boot takes about 10 s on an idle host, so the default is for a hang.
lab_case() {
	local name=$1 limit=180 memory=0 fast=''
	shift
	((!$#)) || local "$@"
	cases+=("$name")
	case_limit[$name]=$limit case_memory[$name]=$memory case_fast[$name]=$fast
}

load_cases() {
	local file
	for file in "$here"/cases/*.sh; do
		# shellcheck source=/dev/null
		. "$file"
	done
}

# The images, from the environment, or made now.
need_images() {
	local line lines
	[[ ! -v LAB_DEBIAN ]] || return 0
	lines=$("$here/images")
	while read -r line; do
		export "${line?}"
	done <<<"$lines"
}

# --- running vmm ---

# For the guest's kernel: what costs an emulated machine a fifth of its boot, and is not ours to test.
quick_words='mitigations=off init_on_alloc=0 cryptomgr.notests'

# vmm_start ARG...: vmm in the background, its kernel quiet and quick. Its console goes to $work/out byte for byte, its messages
# to $work/err, its result to $work/result. Its standard input is the file that `input` names.
input=/dev/null
vmm_start() {
	rm -f "$work"/{out,err,result}
	: >"$work/out"
	"$vmm" --append "quiet $quick_words" --result "$work/result" "$@" <"$input" >"$work/out" 2>"$work/err" &
	vmm_pid=$!
}

# Until it has ended; sets `status`. `wait` says 128+n of a process that signal n ended.
vmm_wait() {
	status=0
	wait "$vmm_pid" || status=$?
	vmm_pid=''
}

# boot ARG...: run vmm to its end.
boot() {
	vmm_start "$@"
	vmm_wait
}

# boot_stock ARG...: the stock kernel that is up soonest, with its initrd.
boot_stock() { boot --kernel "$LAB_CLOUD_VMLINUX" --initrd "$LAB_CLOUD_INITRD" "$@"; }

start_stock() { vmm_start --kernel "$LAB_CLOUD_VMLINUX" --initrd "$LAB_CLOUD_INITRD" "$@"; }

# boot_amd64 ARG...: the one that most machines have, as it is installed.
boot_amd64() { boot --kernel "$LAB_KERNEL" --initrd "$LAB_INITRD" "$@"; }

vmm_pid=''
clean_case() {
	if [[ $vmm_pid ]]; then
		kill -KILL "$vmm_pid"
		wait "$vmm_pid" || true # it says that it was killed
	fi 2>/dev/null
	awk -v below="$work/" 'index($2, below) == 1 { print $2 }' /proc/mounts | xargs -r umount
	rm -rf --one-file-system "$work"
}

# run_word SCRIPT: the kernel word that makes the guest run this text with sh.
run_word() { printf 'guest.run=sh:%s' "$(base64 -w0 <<<"$1")"; }

# A root file system that the case may write to: set `disk` to its path.
root_copy() {
	disk=$work/root.ext4
	cp --sparse=always "${1:-$LAB_ROOTFS}" "$disk"
}

# --- what is expected ---

# The console without the carriage returns of the serial line.
console() { tr -d '\r' <"$work/out"; }

# fail TEXT: end the case, showing what there is to see.
fail() {
	echo "$1"
	echo "--- result:"
	cat "$work/result" 2>/dev/null || echo none
	echo "--- stderr, last lines:"
	tail -n 10 "$work/err"
	echo "--- console, last lines:"
	console | tail -n 25
	exit 1
}

# expect_end STATUS REASON: how vmm ended, by its status and by --result.
expect_end() {
	[[ $status == "$1" ]] || fail "exit status $status, wanted $1"
	grep -Eq "\"reason\": *\"$2\"" "$work/result" || fail "--result does not say reason $2"
	grep -Eq "\"status\": *$1\\b" "$work/result" || fail "--result does not say status $1"
}

# expect_line TEXT: a whole line of the console. No pipe: grep ends at the first match, and who still writes to it
# would fail then.
expect_line() { grep -Fxq -- "$1" < <(console) || fail "no line on the console: $1"; }

# expect_text REGEX, expect_no_text REGEX: anywhere on the console.
expect_text() { grep -Eq -- "$1" < <(console) || fail "nothing on the console matches: $1"; }
expect_no_text() { ! console | grep -E -- "$1" || fail "the line above should not be on the console"; }

# Nothing of ours was said: a good run is a silent one.
expect_silence() { [[ ! -s $work/err ]] || fail "stderr is not empty"; }

# await TEXT SECONDS: until the console holds this text.
await() {
	local deadline=$((SECONDS + $2))
	until grep -Fq -- "$1" "$work/out"; do
		kill -0 "$vmm_pid" 2>/dev/null || fail "vmm ended before the console said: $1"
		((SECONDS < deadline)) || fail "the console did not say within $2 s: $1"
		sleep 0.2
	done
}
