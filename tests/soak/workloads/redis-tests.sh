# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# about: redis' own tests (runtest of its source package, against the installed server)
# packages: redis-server redis-tools tcl dpkg-dev
# user: yes
# batch: 4

prepare() {
	local p
	source_package redis || return 1
	for p in redis-server redis-cli redis-benchmark redis-check-rdb redis-check-aof redis-sentinel; do
		ln -sf "/usr/bin/$p" redis/src/$p
	done
	rm -rf redis/tests/tmp
	ln -s tmp redis/tests/tmp
	chmod -R a+rX .
}

# Tests with modules need those built; the others' time limits are meant for a plain server.
items() {
	sed -n '/^set ::all_tests {/,/^}/s/^ *\(unit\/[a-z0-9/_-]*\|integration\/[a-z0-9/_-]*\)$/\1/p' \
		"$CACHE/redis/tests/test_helper.tcl" | grep -Ev 'moduleapi|redis-benchmark|violations'
}

run() {
	local single=() t
	cp -r "$CACHE/redis" r
	cd r || return
	rm tests/tmp
	mkdir tests/tmp
	for t; do
		single+=(--single "$t")
	done
	tclsh tests/test_helper.tcl --baseport "$PORT" --portcount 10 --clients 1 --timeout 3600 \
		--tags '-needs:debug -slow' "${single[@]}" >../log 2>&1
	echo "status $?"
	cd .. && sed 's/\x1b\[[0-9;]*m//g' log >&2
	sed 's/\x1b\[[0-9;]*m//g' log |
		sed -nE 's/^\[ok\]: (.*) \([0-9]+ ms\)$/ok \1/p; s/^\[(err|exception)\]: (.*)/not ok \2/p'
}
