/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_poison_end.c - a function follows a poisoned pointer: the stack holds a pointer to the freed
 * element that it was read from, and the end of another freed element, which counts as no pointer to that one
 *
 * flags: -O2
 * expect: slab-use-after-free in=follow object=48 alloc=make free=main
 */
#include <stdlib.h>

struct node {
	long v[2];
	struct node *next;
	long rest[3];
};

__attribute__((noinline)) static struct node *make(void)
{
	return calloc(1, sizeof(struct node)); /* ALLOC */
}
__attribute__((noinline)) static struct node *make_other(void)
{
	return calloc(1, sizeof(struct node));
}
__attribute__((noipa)) static long follow(const struct node *next)
{
	return next->v[1]; /* BAD */
}
/* Overwrites the pointers that earlier calls have left on the stack. */
__attribute__((noinline)) static void wipe(void)
{
	volatile char below[4096];
	for (unsigned i = 0; i < sizeof(below); i++)
		below[i] = 0;
}
__attribute__((noinline)) static struct node *end_of_another(void)
{
	struct node *other = make_other();

	free(other);
	return other + 1;
}
int main(void)
{
	struct node *volatile end = end_of_another(), *volatile p = make();
	struct node *next;

	free(p); /* FREE */
	wipe();
	next = p->next;
	return follow(next) == 1000 || !end || !p;
}
