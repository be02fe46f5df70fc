# shellcheck shell=bash
# Products that take long to make: kept in one folder, made once, never half.

cache=${VMM_CACHE:-$top/.cache}
mkdir -p "$cache" || die "cannot make the cache folder $cache; set VMM_CACHE to a writable one" 125
cache=$(cd "$cache" && pwd -P)

# cache_key FILE...: short name for what these files hold.
cache_key() { sha256sum -- "$@" | awk '{ print $1 }' | sha256sum | cut -c1-12; }

# cache_make NAME MAKER [ARG...]: unless NAME is in the cache, run `MAKER PRODUCT [ARG...]`, which
# leaves a file or folder at PRODUCT. Two processes do not make it twice; a killed one leaves no
# half product. The path goes to the variable `product`.
cache_make() {
	local name=$1 maker=$2 lock
	shift 2
	product=$cache/$name
	[[ -e $product ]] && return

	mkdir -p "$(dirname "$product")"
	exec {lock}>"$product.lock"
	flock -n "$lock" || { say "another process makes $name, waiting for it"; flock "$lock"; }
	if [[ ! -e $product ]]; then
		# With the lock held, work folders here are those of killed runs.
		rm -rf "$product".work.*
		cache_work=$(mktemp -d "$product.work.XXXXXX")
		at_exit rm -rf "$cache_work"
		"$maker" "$cache_work/product" "$@" {lock}>&-
		mv -T "$cache_work/product" "$product"
		rm -rf "$cache_work"
		forget_predecessors "$name"
	fi
	exec {lock}>&-
}

# Products of the same kind whose key (12 hex digits in the name) is another, a week old: nobody asks
# for them any more.
forget_predecessors() {
	[[ $1 =~ ^(.*-)[0-9a-f]{12}(\.ext4)?$ ]] || return 0
	find "$cache" -maxdepth 1 -name "${BASH_REMATCH[1]}????????????*" ! -name "$1*" -mtime +7 -exec rm -rf {} +
}

# progress TEXT COMMAND...: run it with its output kept; say how long it takes; show the end of the
# output only if it fails.
progress() {
	local text=$1 log=$cache_work/log ticker status=0 start=$SECONDS
	shift
	say "$text"
	progress_tick "$start" &
	ticker=$!
	"$@" >"$log" 2>&1 || status=$?
	kill "$ticker" 2>/dev/null || true
	wait "$ticker" 2>/dev/null || true
	if ((status)); then
		tail -n 20 "$log" >&2
		die "failed after $((SECONDS - start)) s: $text" 125
	fi
}

# A line every ten seconds for as long as the tool lives.
progress_tick() {
	# The tool's exit actions are not this subshell's.
	trap - EXIT INT TERM HUP
	while sleep 10 && kill -0 $$ 2>/dev/null; do
		say "  $((SECONDS - $1)) s"
	done
}
