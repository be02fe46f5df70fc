# shellcheck shell=bash
# What a program weighs. The folder $work is the caller's.

# stripped_bytes FILE: its size without symbols.
stripped_bytes() {
	strip -o "$work/stripped" "$1"
	wc -c <"$work/stripped"
}

# library_count FILE: shared libraries beside the loader, with those that it only names, to load them later.
library_count() {
	{
		ldd "$1" | sed -n 's|^\s*\(\S*\) => /.*|\1|p'
		strings -n 8 "$1" | grep -xE 'lib[a-z0-9-]+\.so\.[0-9]+'
	} | sort -u | wc -l
}
