/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_poison.c - a pointer is read out of freed memory and followed
 *
 * expect: slab-use-after-free in=follow object=24 alloc=main free=main
 * modes: check
 * status: 99
 */
#include <stdlib.h>

struct s {
	struct s *next;
	long v[2];
};
static struct s *volatile p;
static long follow(struct s *q)
{
	volatile long v = q->next->v[1]; /* BAD */
	return v + q->v[0];
}

int main(int argc, char **argv)
{
	p = malloc(sizeof(struct s)); /* ALLOC */
	p->next = p;
	free(p); /* FREE */
	argc = (int)follow(p);
	return argc > 5;
}
