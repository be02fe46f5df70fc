# shellcheck shell=bash
# What can be said of the code without running it.

c_folders=(vmm devices boot arch)

tier_lint() {
	run_tap tests/checks/run
	run_case check_layers tools/check_layers.py
	run_case check_size tools/check_size.py
	run_case check_docs tools/check_docs.py
	run_case clang-format check_format
	run_case shellcheck check_shell
	run_case "lab, names of functions" check_lab_names
	run_case python check_python
	run_case codespell check_spelling
	run_case cppcheck check_cppcheck
	if build_release; then
		run_case check_globals tools/check_globals.sh build
		run_case check_symbols tools/check_symbols.py build
		run_case "binary, 300 KiB and 6 libraries" check_binary
	else
		cannot_run "build does not build"
	fi
	run_case "clang, thread roles" build_roles
	run_case clang-tidy check_tidy
}

# What the README promises; it grows by 4 KiB at a time.
check_binary() {
	local size libraries
	size=$(stripped_bytes build/vmm/vmm)
	libraries=$(library_count build/vmm/vmm)
	((size <= 300 * 1024)) || { echo "build/vmm/vmm: $size bytes without its symbols, 307200 at most"; return 1; }
	((libraries <= 6)) || { echo "build/vmm/vmm: loads $libraries libraries, 6 at most"; return 1; }
}

# project_files FIND-TEST...: files of the project, without what was built.
project_files() {
	find . \( -name .git -o -name .cache -o -path './build*' -o -name __pycache__ \) -prune \
		-o -type f "$@" -print
}

# scripts PATTERN: files whose first line matches, as the shell tools have no suffix.
scripts() {
	project_files | while read -r file; do
		LC_ALL=C read -r -n 80 first <"$file" 2>/dev/null || true
		[[ ! $first =~ $1 ]] || printf '%s\n' "$file"
	done
}

check_format() {
	project_files -name '*.[ch]' | xargs clang-format --dry-run --Werror
}

check_shell() {
	scripts '^#!.*[/ ](ba)?sh$|^# shellcheck shell=' | xargs shellcheck --severity=warning
}

# One shell reads all cases, so that a second function of a name takes the place of the first; and it is by
# lower-case names that the lab tier knows what has run.
check_lab_names() {
	local names wrong
	names=$(grep -hoE '^[A-Za-z_0-9]+\(\)' tests/lab/lib.sh tests/lab/cases/*.sh)
	wrong=$(sort <<<"$names" | uniq -d; grep '^case_.*[A-Z]' <<<"$names" || true)
	[[ -z $wrong ]] || { echo "tests/lab: defined more than once, or a case with capitals: $wrong"; return 1; }
}

check_python() {
	scripts '^#!.*python3$' | xargs pyflakes3
}

# codespell reads words, not meaning:
#   inout      direction of an argument
#   conectix   magic of a VHD image
#   nd, thre   operand constraint of an assembler line; transmitter bit of the 16550
#   kernal     an option mistyped on purpose
#   hel, ect, contro  pieces of words in tests
#   passt      a program
check_spelling() {
	project_files ! -name LICENSE ! -path '*/corpus/*' | xargs codespell --ignore-words-list=inout,conectix,nd,thre,kernal,hel,ect,contro,passt
}

check_cppcheck() {
	cppcheck --quiet --std=c11 --enable=warning,style,performance,portability --inline-suppr \
		--suppressions-list=tools/test.d/cppcheck.txt --error-exitcode=1 -j "$(nproc)" \
		-D_GNU_SOURCE -D__BYTE_ORDER__=1234 -D__ORDER_LITTLE_ENDIAN__=1234 -D__x86_64__ -I . \
		--template='{file}:{line}: {severity}: {message} [{id}]' "${c_folders[@]}"
}

# The longest check, so one file per processor at a time. A file that the build does not know would be
# skipped in silence.
check_tidy() {
	local file unknown=0
	while read -r file; do
		grep -q "\"file\": \".*/$file\"" build-roles/compile_commands.json ||
			{ echo "$file:1: is in no meson.build, so it is not checked"; unknown=1; }
	done < <(find "${c_folders[@]}" -name '*.c')
	((unknown == 0)) &&
		find "${c_folders[@]}" -name '*.c' -print0 |
		xargs -0 -n 1 -P "$(nproc)" clang-tidy --quiet -p build-roles 2>/dev/null
}
