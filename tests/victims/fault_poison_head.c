/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_poison_head.c - the first element of a list is freed, and only a variable still points to it
 *
 * flags: -O2
 * expect: slab-use-after-free in=walk object=48 alloc=make free=main bad=16
 */
#include <stdlib.h>
#include <string.h>

struct node {
	long v[2];
	struct node *next;
	long rest[3];
};
static struct node *list;

__attribute__((noinline)) static struct node *make(void)
{
	return calloc(1, sizeof(struct node)); /* ALLOC */
}
__attribute__((noinline)) static long walk(void)
{
	long sum = 0;
	for (struct node *p = list; p; p = p->next)
		sum += p->v[1];
	return sum;
}
/* Overwrites the pointers that earlier calls have left on the stack. */
__attribute__((noinline)) static void wipe(void)
{
	volatile char below[4096];
	for (unsigned i = 0; i < sizeof(below); i++)
		below[i] = 0;
}
int main(void)
{
	list = make();
	free(list); /* FREE */
	wipe();
	return walk() == 1000;
}
