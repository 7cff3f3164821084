# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# about: git's own tests (t/ of its source package, against the installed git)
# packages: git perl make gcc zlib1g-dev dpkg-dev
# user: yes
# batch: 10
# cpu: 1200

# The tests need helpers that no package brings.
prepare() {
	source_package git || return 1
	cd git && make -j2 NO_TCLTK=1 NO_GETTEXT=1 NO_CURL=1 NO_OPENSSL=1 NO_EXPAT=1 CFLAGS=-O1 all && chmod -R a+rX ..
}

# Not: servers, other version control systems, performance.
items() {
	cd "$CACHE/git/t" && printf '%s\n' t[0-9]*.sh | sed 's/\.sh$//' | grep -Ev '^t(55[4-9]|56|9[1-9])'
}

run() {
	local t
	export GIT_TEST_INSTALLED=/usr/bin TEST_OUTPUT_DIRECTORY=$PWD TEST_NO_MALLOC_CHECK=1 GIT_TEST_HTTPD=false
	for t; do
		(cd "$CACHE/git/t" && sh "./$t.sh" --root="$OLDPWD/trash") >log 2>&1
		echo "$t status $?"
		cat log >&2
		sed -nE "s/^(not )?ok [0-9]+ - (.*)/\1ok $t \2/p; s/^ok ([0-9]+) # skip.*/skipped $t \1/p" log
		rm -rf trash
	done
}
