# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# about: sqlite's own tests (testfixture of its source package)
# packages: gcc make tcl-dev tcl dpkg-dev
# batch: 20
# cpu: 3000
# user: yes

prepare() {
	source_package sqlite3 || return 1
	cd sqlite3 || return 1
	./configure && make testfixture && chmod -R a+rX ..
}

# Tests that take minutes plain, and the lists of other tests, are left out.
items() {
	local left='all|full|quick|extraquick|veryquick|permutations|soak|memleak|misuse|speed.*'
	left+='|sort4|thread.*|.*slow.*|.*big.*|fuzz.*|rbu.*|crash.*|.*fault.*|.*malloc.*|fts3rnd|savepoint6'
	left+='|trans3|vtab_err|rowallock|walthread|e_walauto'
	cd "$CACHE/sqlite3/test" && printf '%s\n' [a-z]*.test | sed 's/\.test$//' | grep -Exv "$left"
}

run() {
	local t
	for t; do
		mkdir d
		(cd d && "$CACHE/sqlite3/testfixture" "$CACHE/sqlite3/test/$t.test") >log 2>&1
		echo "$t status $?"
		cat log >&2
		sed -nE "s/^([^ ]+)\.\.\. Ok$/ok \1/p; s/^! ([^ ]+) expected.*/not ok \1/p" log
		grep -E 'errors out of' log | sed 's/on .*//'
		rm -rf d
	done
}
