/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/sweep_heap.c - each aligned access of 1, 2, 4 and 8 bytes around an object of every size from 1
 * to 130 and every alignment: a report outside the object, none inside
 *
 * options: multi_shot=on:symbolize=off:max_reports=0:quarantine.size=0
 * not-form: gcc-asan clang-asan
 * stderr: any
 * reports: any
 * output: ok
 * expect: slab-out-of-bounds
 * ways: linked
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "../victims/told.h"

static volatile long sum;

#define ACCESS(bits)                                                        \
	__attribute__((noinline)) static int access##bits(volatile char *p) \
	{                                                                   \
		int before = told();                                        \
		sum += *(volatile uint##bits##_t *)p;                       \
		return told() - before;                                     \
	}
ACCESS(8)
ACCESS(16)
ACCESS(32)
ACCESS(64)

static int wrong(const char *p, int size, int at, int width, int got)
{
	int want = at < 0 || at + width > size;
	if (got == want)
		return 0;
	printf("object of %d at %p: access of %d at %d: %d reports, expected %d\n", size, (void *)p, width, at, got,
	       want);
	return 1;
}

int main(void)
{
	int bad = 0;
	for (int align = 8; align <= 256 && bad < 20; align *= 2)
		for (int size = 1; size <= 130 && bad < 20; size++) {
			char *p = align == 8 ? malloc(size) : aligned_alloc(align, size);
			for (int at = -8; at <= size + 7; at++)
				bad += wrong(p, size, at, 1, access8(p + at));
			/* Wider accesses only where they are aligned: inline checks look at one granule, as in KASAN
			 * and ASan. */
			for (int at = -8; at <= size + 7; at += 2)
				bad += wrong(p, size, at, 2, access16(p + at));
			for (int at = -8; at <= size + 7; at += 4)
				bad += wrong(p, size, at, 4, access32(p + at));
			for (int at = -8; at <= size + 7; at += 8)
				bad += wrong(p, size, at, 8, access64(p + at));
			free(p);
		}
	puts(bad ? "wrong" : "ok");
	return 0;
}
