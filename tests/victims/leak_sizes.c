/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/leak_sizes.c - a lost object has the size that the program asked for, not its slot's, in production
 * too; malloc, calloc and an object that realloc left in its place, and one with an alignment
 *
 * options: leak=on
 * expect: unreferenced-object leak=direct count=1 object=50
 * expect: unreferenced-object leak=direct count=1 object=1234
 * expect: unreferenced-object leak=direct count=1 object=5000
 * expect: unreferenced-object leak=direct count=1 object=333
 * modes: check production
 * ways: preload linked static
 * stderr: any
 */
#include <stdlib.h>
#include <string.h>

static void *volatile lost;

__attribute__((noinline)) static void lose(void)
{
	void *aligned;

	lost = malloc(50);
	lost = calloc(617, 2);
	lost = malloc(5100);
	lost = realloc(lost, 5000);
	if (posix_memalign(&aligned, 64, 333))
		abort();
	lost = aligned;
	lost = NULL;
}

/* Overwrites what these calls left below. */
__attribute__((noinline)) static void clear_stack(void)
{
	volatile char dead[20000];

	memset((void *)dead, 0, sizeof(dead));
}

int main(void)
{
	lose();
	clear_stack();
	return 0;
}
