# shellcheck shell=bash
# Debian packages: installed when missing, and files out of packages that are not installed.

# Names of the packages of the groups given.
packages_of() {
	local group name wanted
	while read -r group name _; do
		for wanted in "$@"; do
			[[ $group == "$wanted" ]] && printf '%s\n' "$name"
		done
	done < <(grep -v '^#' "$top/tools/packages") | sort -u
}

# Those of the packages given that are not installed.
packages_missing() {
	local installed name
	# dpkg-query fails for a package that it has never heard of, which is missing as well.
	installed=" $({ dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true; } |
		awk '$2 == "installed" { print $1 }' | tr '\n' ' ')"
	for name in "$@"; do
		[[ $installed == *" $name "* ]] || printf '%s\n' "$name"
	done
}

# As root, or through sudo if it asks nothing; on a terminal it may ask.
as_root() {
	local ask=(-n)
	[[ -t 0 && -t 2 ]] && ask=()
	if ((EUID == 0)); then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "${ask[@]}" -- "$@"
	else
		return 1
	fi
}

# True if apt knows no package, or what it knows is older than a day.
apt_lists_stale() {
	local lists=/var/lib/apt/lists
	[[ -z $(find "$lists" -maxdepth 1 -name '*_Packages*' -print -quit 2>/dev/null) ]] ||
		[[ -z $(find "$lists" -maxdepth 1 \( -name '*Release' -o -name partial \) -mtime -1 -print -quit) ]]
}

apt_install() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 \
		-o DPkg::Lock::Timeout=300 install --no-install-recommends "$@" >&2
}

# packages_need GROUP...: every package of these groups is installed when this returns.
packages_need() {
	local wanted missing
	command -v dpkg-query >/dev/null ||
		die "this is no Debian system (no dpkg-query): use Debian 12, or install by hand what tools/packages lists" 125
	mapfile -t wanted < <(packages_of "$@")
	mapfile -t missing < <(packages_missing "${wanted[@]}")
	((${#missing[@]})) || return 0

	say "installing ${missing[*]}"
	if apt_lists_stale; then
		as_root apt-get -q update >&2 || true # an old list may still do
	fi
	apt_install "${missing[@]}" ||
		# A list can point at versions that the archive no longer has.
		{ as_root apt-get -q update >&2 && apt_install "${missing[@]}"; } ||
		die "cannot install packages; as root run: apt-get update && apt-get install --no-install-recommends ${missing[*]}" 125
}

# Options that give apt a state of its own in the cache, so that an ordinary user can refresh the lists.
apt_private_options() {
	local state=$cache/apt
	mkdir -p "$state/lists/partial" "$state/archives/partial"
	printf '%s\n' -o "Dir::State::lists=$state/lists" -o "Dir::Cache=$state" -o Debug::NoLocking=1
}

# package_download NAME DIR: fetch the .deb of NAME, or of the package that a metapackage NAME
# depends on, into DIR. Nothing is installed, no right is needed.
package_download() {
	local name=$1 dir=$2 options=(-o APT::Sandbox::User=root)
	package_fetch "$name" "$dir" "${options[@]}" 2>/dev/null && return
	mapfile -t -O ${#options[@]} options < <(apt_private_options)
	say "refreshing the package lists in the cache"
	apt-get -qq "${options[@]}" update >&2
	package_fetch "$name" "$dir" "${options[@]}"
}

package_fetch() {
	local name=$1 dir=$2 real
	shift 2
	real=$(apt-cache "$@" depends --important "$name" |
		awk -v own="$name" '$1 == "Depends:" && index($2, "linux-image-") == 1 { print $2; exit }')
	(cd "$dir" && apt-get -qq "$@" download "${real:-$name}" >&2)
}
