# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# about: the sqlite3 shell: queries, indexes, full text, JSON, dumps, damaged files
# packages: sqlite3
# user: yes
# short: yes

run() {
	local i
	sqlite3 t.db "create table t(a integer primary key, b, c);
		with recursive n(i) as (select 1 union all select i+1 from n where i<40000)
			insert into t select i, 'v'||(i*7919%10007), zeroblob(i%50) from n;
		create index x on t(b); select count(*), min(b), max(b) from t;
		select b, count(*) from t group by substr(b,1,2) order by 2 desc limit 3;
		create virtual table f using fts5(x); insert into f select b||' '||a from t;
		select count(*) from f('v77');
		create virtual table r using rtree(id, x0, x1); insert into r select a, a, a + 5 from t limit 9000;
		select count(*) from r where x0 between 500 and 900;
		select sum(json_extract(json_array(a,b),'\$[0]')) from t;
		select sum(x) from (select row_number() over (partition by b order by a) x from t);
		delete from t where a%3; vacuum; pragma integrity_check;"
	sqlite3 t.db .dump | sha256sum
	for i in $(seq 20); do
		cp t.db damaged.db
		printf 'damage%d' "$i" | dd of=damaged.db bs=1 seek=$((i * 4099 + i)) conv=notrunc 2>&-
		sqlite3 damaged.db 'pragma integrity_check(3); select count(*) from f;
			select sum(length(b)) from t; reindex;' 2>&1
		sqlite3 damaged.db .recover 2>&1 | sha256sum
	done
	# Once, before others are there: while another connection writes, this fails at once, whatever the timeout.
	sqlite3 t.db 'pragma journal_mode=wal'
	for i in 1 2 3 4; do
		(for j in $(seq 20); do
			sqlite3 -cmd '.timeout 60000' t.db "insert into t(b) values ('$i $j')" >&2
		done) &
	done
	wait
	sqlite3 t.db 'select count(*) from t; pragma integrity_check'
}
