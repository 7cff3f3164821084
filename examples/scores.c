/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/scores.c - three bugs that only instrumentation finds: on the stack, in a global, after a block's end.
 *
 * Run ./scores stack, ./scores global or ./scores scope.  The makefiles in the folders beside show three ways to build
 * the program. */
#include <stdio.h>
#include <string.h>

static int best[4] = { 90, 80, 70, 60 };

static int sum(const int *scores, int n)
{
	int total = 0;
	for (int i = 0; i <= n; i++) /* one too many */
		total += scores[i];
	return total;
}

static int on_stack(void)
{
	int scores[3] = { 10, 20, 30 };
	return sum(scores, 3);
}

static int after_scope(void)
{
	const char *name;
	{
		char first[8] = "Ada";
		name = first;
	}
	return (int)strlen(name);
}

int main(int argc, char **argv)
{
	const char *which = argc > 1 ? argv[1] : "stack";
	int result = strcmp(which, "global") == 0  ? sum(best, 4)
	             : strcmp(which, "scope") == 0 ? after_scope()
	                                           : on_stack();
	printf("%d\n", result);
	return 0;
}
