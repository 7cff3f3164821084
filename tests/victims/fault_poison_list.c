/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_poison_list.c - a list is walked over a freed element; in optimised code its next pointer
 * replaces the only register that pointed to the element
 *
 * flags: -O2
 * expect: slab-use-after-free in=walk object=96 alloc=make free=drop bad=8
 */
#include <stdlib.h>

struct node {
	long v;
	struct node *next;
	long rest[10];
};

__attribute__((noinline)) static long walk(struct node *p)
{
	long sum = 0;
	while (p) {
		sum += p->v;
		p = p->next;
	}
	return sum;
}
__attribute__((noinline)) static struct node *make(struct node *next)
{
	struct node *n = malloc(sizeof(*n)); /* ALLOC */
	n->v = 1;
	n->next = next;
	return n;
}
__attribute__((noinline)) static void drop(struct node *n)
{
	free(n); /* FREE */
}
int main(void)
{
	struct node *list = NULL;
	for (int i = 0; i < 10; i++)
		list = make(list);
	drop(list->next->next->next);
	return walk(list) == 1000;
}
