#compdef memsan
# SPDX-License-Identifier: BSD-2-Clause
# zsh completion for memsan(1).  The command itself knows the words (tools/words.c).

local line word files= nospace=()
local -a plain described

for line in "${(@f)$(_call_program words ${(q)words[1]} __complete ${(q)words[2,CURRENT]})}"; do
	case $line in
	:files) files=1 ;;
	:nospace) nospace=(-S '') ;;
	:command\ *)
		shift ${line#:command } words
		(( CURRENT -= ${line#:command } ))
		shift words
		(( CURRENT -= 1 ))
		_normal
		return
		;;
	?*)
		word=${line%%$'\t'*}
		plain+=("$word")
		described+=("${word//:/\\:}${${line#$word}:+:${line#*$'\t'}}")
		;;
	esac
done
(( $#plain )) && _describe -V memsan described plain "${nospace[@]}"
[[ -z $files ]] || { compset -P '*='; _files }
