# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# about: erlang: processes, ets, binaries, a port, distribution off
# packages: erlang-base

run() {
	cat >a.erl <<-'END'
		-module(a).
		-export([main/0]).
		loop(0, Parent) -> Parent ! done;
		loop(N, Parent) -> receive {From, X} -> From ! {reply, X * 2}, loop(N - 1, Parent) end.
		main() ->
		  Me = self(),
		  Pids = [spawn(fun() -> loop(20, Me) end) || _ <- lists:seq(1, 3000)],
		  [[begin P ! {Me, N}, receive {reply, Y} -> Y end end || N <- lists:seq(1, 20)] || P <- Pids],
		  [receive done -> ok end || _ <- Pids],
		  T = ets:new(t, [ordered_set, public]),
		  [ets:insert(T, {N * 7919 rem 100003, integer_to_binary(N), lists:seq(1, N rem 20)})
		    || N <- lists:seq(1, 60000)],
		  io:format("~p ~p~n", [ets:info(T, size), ets:first(T)]),
		  B = list_to_binary([binary:copy(<<N>>, N * 100 rem 70000) || N <- lists:seq(1, 255)]),
		  io:format("~p ~p~n", [byte_size(B), erlang:md5(zlib:gunzip(zlib:gzip(B)))]),
		  L = lists:sort([erlang:phash2(N) || N <- lists:seq(1, 100000)]),
		  io:format("~p ~p~n", [hd(L), length(lists:usort(L))]),
		  io:format("~p~n", [re:run("the quick brown fox", "(\\\\w+) (?<x>b\\\\w+)", [{capture, all, list}])]),
		  io:format("~p~n", [string:trim(os:cmd("seq 100 | wc -l"))]),
		  io:format("~p~n", [catch lists:foldl(fun(X, A) -> X / A end, 0, [1, 2])]),
		  P = spawn_monitor(fun() -> exit(crash) end),
		  receive {'DOWN', _, _, _, Why} -> io:format("~p ~p~n", [Why, is_tuple(P)]) end,
		  erlang:garbage_collect(),
		  io:format("~p~n", [length(integer_to_list(lists:foldl(fun(X, A) -> X * A end, 1,
		    lists:seq(1, 3000))))]),
		  halt(4).
	END
	erlc a.erl
	echo "erlc status $?"
	for flags in '' '+S 4:4' '+MIscs 64 +Mea min' '+Ums true'; do
		# shellcheck disable=SC2086 # words
		erl $flags -noshell -s a main
		echo "status $?"
	done
}
