/* SPDX-License-Identifier: BSD-2-Clause */
/* free_of_freed_pointer: a list is freed node by node, and the next node is read from the freed one.
 * expect: invalid-free in=drop
 */
#include <stdlib.h>

struct node {
	struct node *next;
};

__attribute__((noinline)) static void drop(struct node *head)
{
	struct node *next;

	free(head);
	next = *(struct node *volatile *)&head->next;
	free(next); /* BAD */
}

int main(void)
{
	struct node *n = malloc(sizeof(*n));

	n->next = NULL;
	drop(n);
	return 0;
}
