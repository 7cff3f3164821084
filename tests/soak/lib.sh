# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# tests/soak/lib.sh - what workloads share.  `bash lib.sh WORKLOAD FUNCTION ARGUMENT…` calls a function of a workload.
#
# A workload begins with comment lines "# KEY: VALUE":
#   about      what is run, in a few words, for the table
#   packages   Debian's packages that it needs
#   user       yes: it is run as an unprivileged user
#   batch      how many items are run at once
#   short      the items for scripts/soak --short, or yes; without it the workload has no short form
#   cpu        seconds of processor time that the plain run may take
#   slack      seconds of processor time that a run under memsan may take beside a multiple of the plain run's (120)
#   linger     seconds in which processes that are left at the end may end by themselves (20)
#   without    modes that it cannot be run in; the reason stands beside it
# and defines these functions:
#   prepare    fetches and builds what is needed into $CACHE, the current folder; without memsan, once
#   items      prints the names of its items (tests, say), if it has any
#   run ITEM…  does the work in an empty folder, the current one.  Each line of its standard output is compared with the
#              plain run's, so time and chance must not show in it; "ok NAME" and "not ok NAME" are tests.  Standard
#              error is only kept.
# Ten ports from $PORT on are free.  All processes that are left are ended afterwards, and count as a fault.
set -u
# A tool that was called with -o /dev/null by root may have changed its mode.
(: >/dev/null) 2>&- || { echo "$(id -un) may not write to /dev/null; as root: chmod 666 /dev/null" >&2; exit 1; }
# shellcheck disable=SC2317
prepare() { :; }
# shellcheck disable=SC2317
items() { :; }

# waits_for SECONDS COMMAND… waits until the command succeeds.  Seconds are generous: memsan makes programs slower.
waits_for() {
	local n=$(($1 * 10))
	shift
	while ! "$@" >/dev/null 2>&1; do
		n=$((n - 1))
		[ $n -gt 0 ] || { echo "never: $*"; return 1; }
		sleep .1
	done
}

# answers PORT says whether something listens there.
answers() {
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# source_package NAME unpacks Debian's source package of the installed release in the current folder, as NAME/.
# apt gets source lists of its own, so that the system's lists need no deb-src.
source_package() {
	local release key=/usr/share/keyrings/debian-archive-keyring.gpg lists=$PWD/apt
	local mirror=http://deb.debian.org/debian
	[ ! -d "$1" ] || return 0
	# shellcheck source=/dev/null
	release=$(. /etc/os-release && echo "$VERSION_CODENAME")
	mkdir -p "$lists/lists/partial"
	{
		echo "deb-src [signed-by=$key] $mirror $release main"
		echo "deb-src [signed-by=$key] $mirror-security $release-security main"
	} >"$lists/sources.list"
	set -- "$1" -qq -o Dir::Etc::sourcelist="$lists/sources.list" -o Dir::Etc::sourceparts=- \
		-o Dir::State::lists="$lists/lists" -o APT::Sandbox::User=
	apt-get "${@:2}" update
	# A mirror may lack the newest security update's files.
	apt-get "${@:2}" source --only-source "$1" || apt-get "${@:2}" source --only-source "$1/$release" || return 1
	mv "$(find . -maxdepth 1 -type d -name "$1-[0-9]*" | head -n 1)" "$1"
}

# shellcheck source=/dev/null
. "$1"
shift
"$@"
