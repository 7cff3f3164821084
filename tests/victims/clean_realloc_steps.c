/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_realloc_steps.c - buffers that grow and shrink by a byte at a time: the first step moves a large
 * buffer (in check mode), later ones seldom do, and the contents stay
 *
 * expect: none
 * modes: check production
 * output: ok
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FROM 40000
#define TO (2 << 20)

static unsigned moves;

static char *resize(char *p, size_t size)
{
	char *q = realloc(p, size);

	if (!q)
		exit(2);
	moves += q != p;
	return q;
}

static void few_moves(const char *what, unsigned most)
{
	if (moves > most) {
		printf("%s: moved %u times\n", what, moves);
		exit(1);
	}
	moves = 0;
}

static void check(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != (char)(i / 7)) {
			printf("byte %zu of %zu is wrong\n", i, n);
			exit(1);
		}
}

int main(void)
{
	char *p = malloc(FROM), *many[4];
	size_t n;

	for (n = 0; n < FROM; n++)
		p[n] = (char)(n / 7);
	for (; n < TO; n++) {
		p = resize(p, n + 1);
		p[n] = (char)(n / 7);
	}
	few_moves("growing", 100);
	check(p, TO);
	for (; n > FROM; n--)
		p = resize(p, n);
	few_moves("shrinking", 100);
	check(p, FROM);
	free(p);

	for (int k = 0; k < 4; k++)
		memset(many[k] = malloc(FROM), k, FROM);
	for (n = FROM; n < TO / 2; n += 16)
		for (int k = 0; k < 4; k++) {
			many[k] = resize(many[k], n + 16);
			memset(many[k] + n, k, 16);
		}
	few_moves("growing in turns", 200);
	for (int k = 0; k < 4; k++) {
		for (size_t i = 0; i < n; i++)
			if (many[k][i] != k)
				return 3;
		free(many[k]);
	}
	puts("ok");
	return 0;
}
