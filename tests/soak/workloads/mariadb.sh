# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# about: MariaDB: the system tables, mysqlslap, stored procedures, a crash and the recovery from it, dumps
# packages: mariadb-server mariadb-client
# user: yes
# cpu: 900

run() {
	local socket=$PWD/tmp/s pid
	sql() { mariadb --no-defaults --force -S "$socket" -u root -N "$@"; }
	start() {
		mariadbd --no-defaults --datadir="$PWD/data" --socket="$socket" --skip-networking \
			--pid-file="$PWD/pid" --innodb-buffer-pool-size=32M --tmpdir="$PWD/tmp" \
			--skip-log-bin >>log 2>&1 &
		pid=$!
		waits_for 600 sql -e 'select 1'
	}
	mariadb-install-db --no-defaults --datadir="$PWD/data" --auth-root-authentication-method=normal --skip-test-db \
		>install.log 2>&1
	echo "install status $?"
	start
	for engine in innodb aria myisam memory; do
		mariadb-slap --no-defaults -S "$socket" -u root -a --auto-generate-sql-load-type=mixed \
			--engine=$engine --concurrency=4 --number-of-queries=800 --number-int-cols=3 \
			--number-char-cols=3 >&2
		echo "slap $engine status $?"
	done
	sql -e "create database d; use d; create table t (a int primary key auto_increment, b varchar(200), c blob,
		key(b), fulltext(b)) engine=innodb; insert into t (b, c)
		select concat('row ', seq, ' ', seq * 7919 % 10007),
		repeat(char(65 + seq % 26), seq % 3000) from seq_1_to_5000; select count(*), sum(length(c)) from t;
		select substr(b, 1, 6) x, count(*), max(a) from t group by x order by 2 desc, 1 limit 5;
		select count(*) from t where match(b) against ('77');
		alter table t add d json default '{}', algorithm=copy;
		delete from t where a % 3 = 0; optimize table t; checksum table t;
		select json_extract('{\"a\": [1, 2, {\"b\": 3}]}', '\$.a[2].b'),
		  regexp_replace('abcabc', '(b)(c)', '\\\\2\\\\1');
		with recursive f as (select 1 n, 1 x union all
		  select n + 1, x * (n + 1) from f where n < 10) select max(x) from f"
	sql d -e "delimiter //
		create procedure p(n int) begin declare i int default 0; while i < n do insert into t (b) values (i);
		set i = i + 1; end while; end//
		delimiter ;
		call p(500); select count(*) from t"
	mariadb-dump --no-defaults -S "$socket" -u root --skip-dump-date d | grep -v '^/\*\|^--' | md5sum
	kill -9 "$pid"
	wait "$pid" 2>&-
	start
	sql d -e 'select count(*) from t; check table t'
	mariadb-admin --no-defaults -S "$socket" -u root shutdown
	wait "$pid"
	echo "status $?"
	grep -c 'got signal\|Assertion' log
	cat log >&2
}
