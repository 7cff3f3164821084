/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/programs/trees.c - binary trees, made and freed by recursion: the stack of nearly every allocation differs from
 * the one before in its innermost frames.  Argument: the depth of the largest tree. */
#include <stdio.h>
#include <stdlib.h>

struct tree {
	struct tree *left, *right;
};

static __attribute__((noinline)) struct tree *make(int depth)
{
	struct tree *t = malloc(sizeof(*t));
	if (!t)
		exit(1);
	t->left = depth > 0 ? make(depth - 1) : NULL;
	t->right = depth > 0 ? make(depth - 1) : NULL;
	return t;
}

static __attribute__((noinline)) long count(const struct tree *t)
{
	return 1 + (t->left ? count(t->left) : 0) + (t->right ? count(t->right) : 0);
}

static __attribute__((noinline)) void drop(struct tree *t)
{
	if (t->left)
		drop(t->left);
	if (t->right)
		drop(t->right);
	free(t);
}

int main(int argc, char **argv)
{
	int most = argc > 1 ? atoi(argv[1]) : 16;
	struct tree *kept = make(most);
	for (int depth = 4; depth <= most; depth += 4) {
		long nodes = 0;
		for (long i = 1L << (most - depth + 4); i > 0; i--) {
			struct tree *t = make(depth);
			nodes += count(t);
			drop(t);
		}
		printf("trees of depth %d: %ld nodes\n", depth, nodes);
	}
	printf("kept: %ld nodes\n", count(kept));
	drop(kept);
	return 0;
}
