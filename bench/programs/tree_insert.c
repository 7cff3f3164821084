/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/programs/tree_insert.c - builds search trees by recursion, so that each allocation has a different stack.
 *
 * tree_insert N: inserts N keys into an unbalanced tree and deletes them, by functions that call themselves with either
 * child.  A tool that keeps the stack of each allocation sees a different stack for each node, some thirty frames
 * deep. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct node {
	struct node *left, *right;
	uint64_t key;
	char *name;
};

static uint64_t seed = 88172645463325252u;

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static struct node *node_new(uint64_t key)
{
	struct node *n = malloc(sizeof(*n));

	n->left = n->right = NULL;
	n->key = key;
	n->name = malloc(8 + key % 24);
	sprintf(n->name, "%llu", (unsigned long long)(key % 1000000));
	return n;
}

/* The code after the two calls keeps the compiler from turning them into jumps.  It differs, so that the compiler does
 * not merge them. */
static struct node *insert(struct node *n, uint64_t key, unsigned *depth)
{
	if (!n)
		return node_new(key);
	if (key < n->key) {
		n->left = insert(n->left, key, depth);
		*depth += 1;
	} else {
		n->right = insert(n->right, key, depth);
		*depth += 2;
	}
	return n;
}

static uint64_t fold(const struct node *n)
{
	return n ? fold(n->left) * 31 + (uint64_t)n->name[0] + fold(n->right) * 7 : 1;
}

static void drop(struct node *n)
{
	if (!n)
		return;
	drop(n->left);
	drop(n->right);
	free(n->name);
	free(n);
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 200000;
	uint64_t sum = 0;

	for (int round = 0; round < 2; round++) {
		struct node *root = NULL;
		unsigned depth = 0;

		for (unsigned long i = 0; i < n; i++)
			root = insert(root, next_random(), &depth);
		sum += fold(root) + depth;
		drop(root);
	}
	printf("%llu\n", (unsigned long long)sum);
	return 0;
}
