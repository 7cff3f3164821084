# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# about: redis-server with redis-benchmark, scripts, snapshots, a rewritten log and a replica
# packages: redis-server redis-tools
# user: yes
# short: yes

run() {
	local cli="redis-cli -p $PORT" n=2000
	mkdir a b
	redis-server --port "$PORT" --dir "$PWD/a" --appendonly yes --save '' --io-threads 2 >a.log 2>&1 &
	redis-server --port $((PORT + 1)) --dir "$PWD/b" --save '' --replicaof 127.0.0.1 "$PORT" >b.log 2>&1 &
	waits_for 120 answers "$PORT"
	waits_for 120 answers $((PORT + 1))
	for test in ping_inline ping_mbulk set get incr lpush rpush lpop rpop sadd hset spop zadd \
		zpopmin lrange_100 mset; do
		redis-benchmark -p "$PORT" -n $n -c 20 -t $test -q >&2 && echo "ok $test"
	done
	redis-benchmark -p "$PORT" -n $n -c 10 -P 16 -r 1000 -d 3000 -t set,get -q >&2 && echo ok pipeline
	# The replica may have begun one.
	waits_for 60 eval "$cli info persistence | grep -q rdb_bgsave_in_progress:0"
	$cli bgsave
	$cli eval 'for i = 1, 5000 do redis.call("hset", "h" .. i % 50, i, string.rep("x", i % 300)) end
		return redis.call("hlen", "h7")' 0
	$cli eval 'local t = {} for i = 1, 3000 do t[i] = cjson.encode({i, tostring(i)}) end return #table.concat(t)' 0
	waits_for 60 eval "$cli info persistence | grep -q rdb_bgsave_in_progress:0"
	$cli bgrewriteaof
	$cli xadd stream '1-1' field value
	$cli setrange long 5000000 x
	$cli object encoding long
	$cli memory doctor >&2
	$cli info memory | tr -d '\r' | grep -o '^mem_allocator:[a-z]*'
	waits_for 60 eval "$cli info persistence | grep -q aof_rewrite_in_progress:0"
	$cli save
	waits_for 60 eval "[ \"\$($cli dbsize)\" = \"\$(redis-cli -p $((PORT + 1)) dbsize)\" ]" && echo ok replica
	$cli debug reload nosave
	$cli flushall async
	$cli dbsize
	redis-cli -p $((PORT + 1)) shutdown nosave
	$cli shutdown nosave
	wait
	grep -c 'Redis is now ready to exit' a.log b.log
}
