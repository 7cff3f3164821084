/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/sweep_stack.cc - each one-byte access around a local array, an alloca and a global of every size
 * from 1 to 130
 *
 * options: multi_shot=on:symbolize=off:max_reports=0
 * not-form: gcc-asan clang-asan
 * stderr: any
 * reports: any
 * output: ok
 * expect: stack-out-of-bounds
 * needs: compiler
 * ways: linked
 */
#include <alloca.h>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "../victims/told.h"

static int bad;
static volatile long sum;

__attribute__((noinline)) static int look(volatile char *p)
{
	int before = told();
	sum += *p;
	return told() - before;
}

__attribute__((noinline)) static void sweep(const char *what, char *p, int size)
{
	for (int at = -8; at <= size + 7; at++) {
		int want = at < 0 || at >= size, got = look(p + at);
		if (got != want && bad++ < 20)
			printf("%s of %d at %p: access at %d: %d reports, expected %d\n", what, size, (void *)p, at,
			       got, want);
	}
}

template <int N> __attribute__((noinline)) static void local()
{
	char letters[N];
	sweep("local", letters, N);
}

template <int N> __attribute__((noinline)) static void aligned()
{
	alignas(64) char letters[N];
	char other[3];
	sweep("aligned local", letters, N);
	sweep("its neighbour", other, 3);
}

__attribute__((noinline)) static void dynamic(int n)
{
	sweep("alloca", (char *)alloca(n), n);
}

template <int... N> static void all(std::integer_sequence<int, N...>)
{
	(local<N + 1>(), ...);
	(aligned<N + 1>(), ...);
}

int main()
{
	all(std::make_integer_sequence<int, 130>());
	for (volatile int n = 1; n <= 130; n = n + 1)
		dynamic(n);
	puts(bad ? "wrong" : "ok");
	return 0;
}
