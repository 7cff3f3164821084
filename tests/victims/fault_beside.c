/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_beside.c - a loop walks down from a heap object until no page is mapped, right before the first
 * object of the heap
 *
 * ways: preload linked
 * modes: check production
 * options: fence=off
 * expect: slab-out-of-bounds in=down type=read access=1 object=16
 * status: 99
 * status-linked: -11
 */
#include <stdlib.h>
#include <string.h>

static int down(volatile char *p)
{
	int sum = 0;
	for (long i = 0;; i--)
		sum += p[i]; /* BAD */
	return sum;
}
int main(int argc, char **argv)
{
	return down(malloc(16));
}
