# shellcheck shell=bash
# The builds that the tiers use: each in a folder of its own, kept from run to run.

# build DIR OPTION...: set up the folder with these meson options and compile. Shows the output only if
# that fails, and returns 1 then.
build() {
	local dir=$1 log=$work/build.log start=$SECONDS
	shift
	say "building $dir"
	if ! build_quietly "$dir" "$@" >"$log" 2>&1; then
		tail -n 60 "$log"
		return 1
	fi
	say "built $dir in $((SECONDS - start)) s"
}

build_quietly() {
	local dir=$1 kept=$1/test-options
	shift
	if [[ ! -f $dir/build.ninja ]]; then
		meson setup "$dir" "$@" && printf '%s\n' "$*" >"$kept"
	elif [[ -f $kept && $(cat "$kept") != "$*" ]]; then
		meson setup --wipe "$dir" "$@" && printf '%s\n' "$*" >"$kept"
	fi && ninja -C "$dir"
}

# The program as it is used, without a warning.
build_release() { build build -Dwerror=true; }

# Unit tests that stop at the first bad access or undefined result.
build_asan() {
	build build-asan -Dtests=true -Dbuildtype=debug -Doptimization=1 -Dwerror=true \
		-Db_sanitize=address,undefined
}

# Fuzz targets; libFuzzer is clang's.
build_fuzz() {
	CC=clang build build-fuzz -Dbuildtype=debug -Doptimization=1 -Dfuzz=true -Dwerror=true \
		-Db_sanitize=address,undefined -Db_lundef=false
}

# Compiled by clang, which checks the roles of threads; not run.
build_roles() { CC=clang build build-roles -Dthread_safety=true -Dwerror=true; }
