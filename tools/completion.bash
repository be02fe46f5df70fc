# shellcheck shell=bash
# Completion for vmm and vmmctl in bash: options as --help lists them, commands as the VM does.

_vmm() {
	local word=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]}
	COMPREPLY=()
	[[ $word == -* ]] || return 0
	mapfile -t COMPREPLY < <(compgen -W "$("$program" --help 2>/dev/null | grep -Eo -- '^ +(-., )? *--[a-z-]+' |
		grep -o -- '--.*')" -- "$word")
}

_vmmctl() {
	local word=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]} socket='' words='' i
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--fd) ((++i)) ;;
		-*) ;;
		*)
			[[ ! $socket ]] || return 0
			socket=${COMP_WORDS[i]}
			;;
		esac
	done
	if [[ $socket ]]; then
		words="events console $("$program" "$socket" query-commands 2>/dev/null || :)"
	elif [[ $word == -* ]]; then
		words='--json --fd --help --version'
	fi
	[[ ! $words ]] || mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -o default -F _vmm vmm
complete -o default -F _vmmctl vmmctl
