# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# bash completion for memsan(1).  The command itself knows the words (tools/words.c).

_memsan() {
	local words=() word line join='' typed keep breaks
	# Readline splits words at = and : signs: -o mode=pro comes as -o, mode, =, pro.
	for word in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
		if [[ ${#words[@]} -gt 0 && ($word == [=:]* || -n $join) ]]; then
			words[-1]+=$word
		else
			words+=("$word")
		fi
		join=${word##*[!=:]}
	done
	typed=${words[-1]} keep=''
	breaks=${COMP_WORDBREAKS//[!=:]/}
	[[ -n $breaks && $typed == *["$breaks"]* ]] && keep=${typed%"${typed##*["$breaks"]}"}
	COMPREPLY=()
	while IFS= read -r line; do
		case $line in
		:files) mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "${typed#"$keep"}") ;;
		:nospace) compopt -o nospace 2>/dev/null ;;
		:command\ *)
			if declare -F _command_offset >/dev/null; then
				_command_offset $((COMP_CWORD - ${#words[@]} + 1 + ${line#:command }))
			else
				mapfile -t COMPREPLY < <(compgen -c -- "$typed"; compgen -f -- "$typed")
			fi
			;;
		*)
			line=${line%%$'\t'*}
			COMPREPLY+=("${line#"$keep"}")
			;;
		esac
	done < <("${COMP_WORDS[0]}" __complete "${words[@]}" 2>/dev/null)
}
complete -F _memsan memsan
