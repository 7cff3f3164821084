# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# about: PostgreSQL: initdb, its regression tests, pgbench, a crash and the recovery from it
# packages: postgresql-15 postgresql-server-dev-15 dpkg-dev gcc
# user: yes
# batch: 3
# cpu: 1200

prepare() {
	local bin=/usr/lib/postgresql/15
	source_package postgresql-15 || return 1
	mkdir -p lib
	gcc -O1 -shared -fPIC -I/usr/include/postgresql/15/server -o lib/regress.so \
		postgresql-15/src/test/regress/regress.c
	ln -sf $bin/lib/refint.so $bin/lib/autoinc.so lib/
	chmod -R a+rX .
}

# Each line of the schedule is an item, named by its first test.
items() {
	sed -nE 's/^test: ([a-z0-9_]+).*/\1/p' "$CACHE/postgresql-15/src/test/regress/parallel_schedule" |
		grep -Evx 'test_setup|copy|create_function_c|create_index'
}

# lines_with FILE ITEM… prints these lines, and before them those whose tables and functions they need.
lines_with() {
	local file=$1 needed=' test_setup ' item
	shift
	for item; do
		case $item in
		tablespace | boolean | strings | geometry) ;;
		*) needed=' test_setup copy create_function_c create_index ' ;;
		esac
	done
	awk -v wanted="$needed $* " '$1 == "test:" && index(wanted, " " $2 " ")' "$file"
}

run() {
	local pg=/usr/lib/postgresql/15 bin=/usr/lib/postgresql/15/bin from=$CACHE/postgresql-15/src/test/regress
	export PGHOST=$PWD/tmp PGPORT=$PORT PGUSER=nobody PGDATABASE=postgres
	$bin/initdb -D data -U nobody --no-locale -E UTF8 -N >initdb.log 2>&1
	echo "initdb status $?"
	cat >>data/postgresql.conf <<-END
		port = $PORT
		listen_addresses = ''
		unix_socket_directories = '$PGHOST'
		fsync = off
		max_connections = 60
	END
	$bin/pg_ctl -D data -w -t 600 -l server.log start >&2
	mkdir out
	lines_with "$from/parallel_schedule" "$@" >chosen
	cp -r "$from/expected" "$from/sql" "$from/data" "$from/resultmap" out/
	$pg/lib/pgxs/src/test/regress/pg_regress --bindir=$bin --dlpath="$CACHE/lib" --inputdir="$PWD/out" \
		--outputdir="$PWD/out" --max-connections=8 --schedule=chosen --host="$PGHOST" \
		--port="$PORT" --user=nobody --dbname=regression >regress.log 2>&1
	sed -nE 's/^(test)? +([a-z0-9_]+) +\.\.\. (ok|FAILED) .*/\3 \2/p' regress.log | sed 's/^FAILED/not ok/'
	cat regress.log out/regression.diffs >&2
	$bin/pgbench -i -s 2 -q >&2
	for mode in simple extended prepared; do
		$bin/pgbench -n -c 6 -j 2 -t 150 -M $mode 2>&1 | grep -E '^number of (transactions actually|failed)'
	done
	$bin/psql -Atc 'select sum(abalance) = sum(delta) from pgbench_accounts,
		(select sum(delta) as delta from pgbench_history) h where false'
	$bin/psql -Atc 'select (select sum(bbalance) from pgbench_branches) = (select sum(delta) from pgbench_history)'
	$bin/pg_ctl -D data -w -t 600 -m immediate stop >&2
	$bin/pg_ctl -D data -w -t 600 -l server.log start >&2
	$bin/psql -Atc 'select (select sum(bbalance) from pgbench_branches) = (select sum(delta) from pgbench_history)'
	$bin/pg_dump -Fc -f dump postgres
	$bin/pg_restore -l dump | grep -c TABLE
	$bin/vacuumdb -q -z postgres
	$bin/pg_ctl -D data -w -t 600 stop >&2
	echo "status $?"
	grep -c 'terminated by signal\|PANIC' server.log
	grep 'terminated by signal\|PANIC' server.log >&2
}
