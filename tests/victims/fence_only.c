/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fence_only.c - of two equal bugs, only the one in the object of fence.only's function is found; the
 * compiler has made a clone of that function
 *
 * ways: preload linked static
 * expect: out-of-bounds-read in=look type=read object=16
 * modes: check production
 * flags: -O2
 * options: fence=all:fence.only=parse
 * output: went on
 */
#include <stdio.h>
#include <stdlib.h>

static volatile char *volatile kept;

static __attribute__((noinline)) int parse(size_t size, int unused)
{
	kept = malloc(size);
	return unused & 0;
}

static __attribute__((noinline)) void look(void)
{
	(void)kept[16]; /* BAD */
}

int main(void)
{
	volatile char *other = malloc(16);
	(void)other[16];
	parse(16, 1);
	look();
	puts("went on");
	return 0;
}
