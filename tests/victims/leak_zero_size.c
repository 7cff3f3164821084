/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/leak_zero_size.c - objects of 0 bytes in a scan: held ones are in use, lost ones are reported, and
 * their pages, which are guards, are not read
 *
 * expect: unreferenced-object object=0 leak=direct count=20 alloc=lose
 * expect: unreferenced-object object=0 leak=direct count=1 alloc=main
 * modes: check production
 * options: leak=on
 * stderr: any
 */
#include <stdlib.h>

static void *volatile held[5000];

__attribute__((noinline)) static void lose(void)
{
	for (int i = 0; i < 20; i++) {
		void *volatile p = malloc(0);
		p = NULL;
	}
}

__attribute__((noinline)) static void clear(void)
{
	volatile char stack[4096];

	for (unsigned i = 0; i < sizeof(stack); i++)
		stack[i] = 0;
}

int main(void)
{
	void *volatile *more = malloc(2 * sizeof(void *));

	for (unsigned i = 0; i < sizeof(held) / sizeof(held[0]); i++)
		held[i] = malloc(0);
	lose();
	clear();
	more[0] = aligned_alloc(4096, 0);
	more[1] = aligned_alloc(65536, 0);
	held[0] = (void *)more;
	return 0;
}
