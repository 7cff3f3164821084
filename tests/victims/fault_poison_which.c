/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_poison_which.c - each of two freed elements may have held the pointer that is followed, so the
 * report names neither
 *
 * flags: -O2
 * expect: wild-memory-access in=walk
 * status: 99
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
	struct node *n = malloc(sizeof(*n));
	n->v = 1;
	n->next = next;
	return n;
}
int main(void)
{
	struct node *a = make(make(NULL)), *b = make(make(NULL));
	free(a->next);
	free(b->next);
	return walk(a) + walk(b) == 1000;
}
