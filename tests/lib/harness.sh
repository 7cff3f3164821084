# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh disable=SC2034,SC3043 # $build is for the runner; dash and bash have "local"
# tests/lib/harness.sh - functions that the shell runners share (harness.py is for Python).  Sourced, from sh:
#
#	. "$(dirname "$0")/lib/harness.sh"
#	harness_start "$@"              sets $top, $build and the new folder $work; --list and names of cases
#	listing || make …               makes the targets that cases need, but not for --list
#	expect NAME STATUS TEXT COMMAND…    one case; or, where that does not fit:
#	if wanted NAME; then … pass NAME … or … fail NAME "why" …; fi
#	harness_end                     the last line, "N passed, N failed", and the exit status

: "${passed:=0}" "${failed:=0}" "${skipped:=0}"

# harness_find_build: $BUILD, the current folder if memsan was configured there, else the folder that scripts/test or
# scripts/quickstart made.
harness_find_build() {
	local folder
	for folder in "${BUILD:-.}" "$top/build-test" "$top/build"; do
		if [ -n "${BUILD-}" ] || [ -e "$folder/config.status" ]; then
			(cd "$folder" && pwd)
			return
		fi
	done
	pwd
}

harness_start() {
	top=${harness_top:-$(cd "$(dirname "$0")/.." && pwd)}
	build=$(harness_find_build)
	harness_listing='' harness_names='' harness_known='

'
	case ${1-} in
	--list) harness_listing=1 ;;
	-h | --help)
		sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0"
		exit 0
		;;
	*)
		# One name a line, because names hold blanks.
		for harness_name; do
			harness_names="$harness_names
$harness_name
"
		done
		;;
	esac
	work=$(mktemp -d "${TMPDIR:-/tmp}/memsan-${0##*/}.XXXXXX") || exit 1
	trap 'rm -rf "$work"' EXIT
}

listing() {
	[ -n "$harness_listing" ]
}

# wanted NAME: shall this case run?  With --list, prints the name and answers no.
wanted() {
	if listing; then
		printf '%s\n' "$1"
		return 1
	fi
	harness_known="$harness_known
$1
"
	case $harness_names in
	'' | *"
$1
"*) return 0 ;;
	esac
	return 1
}

pass() {
	echo "PASS: $1"
	passed=$((passed + 1))
}

fail() {
	echo "FAIL: $1${2:+: $2}"
	failed=$((failed + 1))
}

# skip NAME WHY
skip() {
	echo "SKIP: $1: $2"
	skipped=$((skipped + 1))
}

# judge NAME WANTED-STATUS WANTED-TEXT STATUS OUTPUT: passes when the status is equal and the output holds the text.
judge() {
	if [ "$2" = "$4" ] && case $5 in *"$3"*) true ;; *) false ;; esac then
		pass "$1"
	else
		fail "$1" "status $4, expected $2 and '$3' in: $5"
	fi
}

# expect NAME WANTED-STATUS WANTED-TEXT COMMAND…
expect() {
	local name="$1" wanted_status="$2" wanted_text="$3" output status
	shift 3
	wanted "$name" || return 0
	output=$("$@" 2>&1 </dev/null)
	status=$?
	judge "$name" "$wanted_status" "$wanted_text" "$status" "$output"
}

# harness_end prints the last line and exits: 0 when all passed, 1 when a case failed, 77 (automake's "skipped") when
# none failed but some were skipped.
harness_end() {
	local name
	listing && exit 0
	while read -r name; do
		case $harness_known in
		*"
$name
"*) ;;
		*) fail "$name" "there is no such case (--list prints all)" ;;
		esac
	done <<-END
		$(printf '%s\n' "$harness_names" | sed '/^$/d')
	END
	echo "$passed passed, $failed failed$([ "$skipped" = 0 ] || echo ", $skipped skipped")"
	[ "$failed" = 0 ] && [ $((passed + skipped)) != 0 ] || exit 1
	[ "$skipped" = 0 ] || exit 77
	exit 0
}
