/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/sweep_global.c - each one-byte access around a global of every size from 1 to 130
 *
 * options: multi_shot=on:symbolize=off:max_reports=0
 * not-form: gcc-asan clang-asan
 * stderr: any
 * reports: any
 * output: ok
 * expect: global-out-of-bounds
 * needs: compiler
 * ways: linked
 */
#include <stdio.h>
#include <stdlib.h>

#include "../victims/told.h"

static int bad;
static volatile long sum;

__attribute__((noinline)) static int look(volatile char *p)
{
	int before = told();
	sum += *p;
	return told() - before;
}

/* Only the right side is defined: on the left lies another global's red zone, or nothing for the first global. */
static void sweep(char *p, int size)
{
	for (int at = 0; at <= size + 7; at++) {
		int want = at >= size, got = look(p + at);
		if (got != want && bad++ < 20)
			printf("global of %d at %p: access at %d: %d reports, expected %d\n", size, (void *)p, at, got,
			       want);
	}
}

/* clang-format takes a macro without a semicolon for a part of the next declaration. */
/* clang-format off */
#define ONE(n) static char global##n[n];
#define TEN(t) ONE(t##0) ONE(t##1) ONE(t##2) ONE(t##3) ONE(t##4) ONE(t##5) ONE(t##6) ONE(t##7) ONE(t##8) ONE(t##9)
#define ALL TEN(1) TEN(2) TEN(3) TEN(4) TEN(5) TEN(6) TEN(7) TEN(8) TEN(9) TEN(10) TEN(11) TEN(12) \
	ONE(1) ONE(2) ONE(3) ONE(4) ONE(5) ONE(6) ONE(7) ONE(8) ONE(9) ONE(130)
ALL
#undef ONE

int main(void)
{
#define ONE(n) sweep(global##n, n);
	ALL
	puts(bad ? "wrong" : "ok");
	return 0;
}
