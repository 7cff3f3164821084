# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# about: MariaDB's own tests (the suite "main" of mariadb-test)
# packages: mariadb-server mariadb-client mariadb-test
# user: yes
# batch: 25
# cpu: 3000

items() {
	find /usr/share/mysql/mysql-test/main -name '*.test' -printf '%f\n' | sed 's/\.test$//' | sort
}

run() {
	local status
	export MTR_START_TIMEOUT=900
	(cd /usr/share/mysql/mysql-test && perl ./mysql-test-run.pl --vardir="$OLDPWD/v" --force --max-test-fail=0 \
		--retry=0 --port-base="$PORT" --port-group-size=10 --parallel=1 --testcase-timeout=120 \
		--suite-timeout=600 --nowarnings --shutdown-timeout=300 --skip-rpl "${@/#/main.}") >log 2>&1
	status=$?
	cat log >&2
	sed -nE 's/^main\.([a-z0-9_]+( .[^ ]*)?) +w?[0-9]* *\[ (pass|fail|skipped) .*/\3 \1/p' log |
		sed 's/^pass/ok/; s/^fail/not ok/'
	return $status
}
