/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/libc_sweep.c - libc calls over ranges and scans around objects of many sizes and alignments, in steps
 * of a byte: a report outside the object, none inside, and each at the first bad byte
 *
 * expect: slab-out-of-bounds entry=memmove
 * expect: slab-out-of-bounds entry=memchr
 * expect: slab-out-of-bounds entry=memcmp
 * expect: slab-out-of-bounds entry=strlen
 * options: multi_shot=on:symbolize=off:max_reports=0:quarantine.size=0
 * ways: linked
 * stderr: any
 * output: ok
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "told.h"

static volatile long used;
static int wrong;

static void expect(const char *what, int size, int at, int n, int before, int want)
{
	int now = told();

	if (now - before == want || wrong++ > 20)
		return;
	printf("%s: object of %d, %d bytes at %d: %d reports, expected %d\n", what, size, n, at, now - before, want);
}

static void ranges(char *p, const char *same, int size, int at)
{
	int lengths[] = { 0, 1, 7, 8, size - at - 1, size - at, size - at + 1, size - at + 9 };
	for (unsigned i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		int n = lengths[i], bad = n > 0 && (at < 0 || at + n > size), before = told();
		if (n < 0)
			continue;
		memmove(p + at, p + at, n);
		expect("memmove", size, at, n, before, bad);
		before = told();
		used = (long)memchr(p + at, 1, n);
		expect("memchr", size, at, n, before, bad);
		before = told();
		used = memcmp(p + at, same, n);
		expect("memcmp", size, at, n, before, bad);
	}
}

static void strings(char *p, int size)
{
	for (int at = 0; at < size; at++) {
		int before = told();
		used = strlen(p + at);
		expect("strlen of no string", size, at, 0, before, 1);
		p[size - 1] = 0;
		before = told();
		if (strlen(p + at) != size - 1 - at)
			wrong++;
		expect("strlen", size, at, 0, before, 0);
		p[size - 1] = 'x';
	}
}

static void sweep(int align, int size)
{
	char *p = aligned_alloc(align, size), *same = malloc(size + 64);
	memset(p, 'x', size);
	memset(same, 'x', size + 64);
	for (int at = -8; at <= size + 7; at++)
		if (size <= 130 || at < 9 || at > size - 9)
			ranges(p, same, size, at);
	if (size <= 130)
		strings(p, size);
	free(same);
	free(p);
}

int main(void)
{
	static const int larger[] = { 255,  256,  257,  511,  512,  513,  1023, 1024, 1025,
		                      2047, 2048, 2049, 2055, 4095, 4096, 4097, 6000 };
	for (int i = 0; i < 3 * 130 + (int)(sizeof(larger) / sizeof(*larger)); i++)
		sweep(i < 390 ? 16 << i / 130 : 16, i < 390 ? i % 130 + 1 : larger[i - 390]);
	puts(wrong ? "wrong" : "ok");
	return 0;
}
