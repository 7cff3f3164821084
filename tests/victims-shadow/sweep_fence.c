/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/sweep_fence.c - each aligned access of 1, 2, 4 and 8 bytes around a fenced object of every size
 * from 1 to 130 and several alignments, as far as its page goes: a report outside the object, none inside
 *
 * options: fence=all:fence.side=random:multi_shot=on:symbolize=off:max_reports=0
 * not-form: gcc-asan clang-asan
 * stderr: any
 * reports: any
 * output: ok
 * expect: slab-out-of-bounds
 * needs: compiler
 * ways: linked
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "../victims/told.h"

static volatile long sum;

static void look(volatile char *p, int width)
{
	switch (width) {
	case 1:
		sum += *p;
		break;
	case 2:
		sum += *(volatile uint16_t *)p;
		break;
	case 4:
		sum += *(volatile uint32_t *)p;
		break;
	default:
		sum += *(volatile long *)p;
	}
}

/* Past the page lies a guard page, which needs no shadow. */
static int on_its_page(const char *p, int at)
{
	return (uintptr_t)(p + at) >> 12 == (uintptr_t)p >> 12;
}

static int wrong(char *p, int size, int at, int width)
{
	int before = told(), want = at < 0 || at + width > size;
	if (!on_its_page(p, at))
		return 0;
	look(p + at, width);
	if (told() - before == want)
		return 0;
	printf("object of %d at %p: access of %d at %d: %d reports, expected %d\n", size, (void *)p, width, at,
	       told() - before, want);
	return 1;
}

int main(void)
{
	int bad = 0;
	for (int align = 16; align <= 256 && bad < 20; align *= 4)
		for (int size = 1; size <= 130 && bad < 20; size++) {
			char *p = aligned_alloc((size_t)align, (size_t)size);
			for (int width = 1; width <= 8; width *= 2)
				for (int at = -8; at <= size + 7; at += width)
					bad += wrong(p, size, at, width);
			free(p);
		}
	puts(bad ? "wrong" : "ok");
	return 0;
}
