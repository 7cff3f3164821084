/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_poison_call.c - a function pointer in a freed object is called, straight from there
 *
 * expect: slab-use-after-free in=notify type=execute object=64 alloc=make free=main
 * status: 99
 */
#include <stdlib.h>

struct listener {
	long id[3];
	void (*called)(struct listener *);
	long rest[4];
};

__attribute__((noinline)) static struct listener *make(void)
{
	struct listener *volatile l = calloc(1, sizeof(*l)); /* ALLOC */
	return l;
}

__attribute__((noinline)) static int notify(struct listener *l)
{
	l->called(l); /* BAD */
	return 1;
}

int main(int argc, char **argv)
{
	struct listener *volatile l = make();
	free(l); /* FREE */
	return notify(l) + argc > 5;
}
