/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/uaf_write.c - a write after free, found at exit in the quarantine
 *
 * expect: poison-overwritten object=48 offset=8 access=8
 */
#include <stdlib.h>

struct node {
	long a, b, c[4];
};

int main(void)
{
	struct node *n = malloc(sizeof(*n)); /* ALLOC */
	n->b = 1;
	free(n);                                             /* FREE */
	((volatile struct node *)n)->b = 0x1122334455667788; /* WRITE */
	return 0;
}
