/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/programs/trees.c - binary trees, built and freed by recursion.
 *
 * The pattern is that of the "binary-trees" of the Computer Language Benchmarks Game, after H. Boehm's GCBench: one
 * tree lives long, while many short-lived ones of each depth are built, counted and freed.
 * Usage: trees [DEPTH] */
#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MIN 4

struct node {
	struct node *left, *right;
};

static struct node *tree_new(int depth)
{
	struct node *n = malloc(sizeof(*n));

	if (!n)
		abort();
	n->left = depth ? tree_new(depth - 1) : NULL;
	n->right = depth ? tree_new(depth - 1) : NULL;
	return n;
}

static long tree_count(const struct node *n)
{
	return n->left ? 1 + tree_count(n->left) + tree_count(n->right) : 1;
}

static void tree_free(struct node *n)
{
	if (n->left) {
		tree_free(n->left);
		tree_free(n->right);
	}
	free(n);
}

int main(int argc, char **argv)
{
	int depth_max = argc > 1 ? atoi(argv[1]) : 17;
	struct node *stays = tree_new(depth_max);

	for (int depth = DEPTH_MIN; depth <= depth_max; depth += 2) {
		long n = 1L << (depth_max - depth + DEPTH_MIN), count = 0;

		for (long i = 0; i < n; i++) {
			struct node *t = tree_new(depth);

			count += tree_count(t);
			tree_free(t);
		}
		printf("%ld trees of depth %d: %ld nodes\n", n, depth, count);
	}
	printf("the tree that stays: %ld nodes\n", tree_count(stays));
	tree_free(stays);
	return 0;
}
