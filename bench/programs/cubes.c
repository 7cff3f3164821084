/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/programs/cubes.c - minimizes Boolean functions, with covers of small bit sets that come and go.
 *
 * The pattern is that of espresso (R. Brayton and others, "Logic Minimization Algorithms for VLSI Synthesis", 1984),
 * which studies of allocators use since B. Zorn and D. Grunwald: arrays of cubes grow by realloc, each cube is a small
 * block of its own, and most live for a moment only. Here: prime implicants by merging (Quine and McCluskey), then a
 * greedy cover.
 * Usage: cubes [FUNCTIONS [VARIABLES]] */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cube {
	uint32_t value, mask; /* a set bit in the mask: the variable does not matter */
	int merged;
	char text[]; /* a character for each variable, as espresso prints it */
};

struct cover {
	struct cube **cubes;
	size_t nr, room;
};

static int variables = 9;
static uint64_t seed = 1;

static uint32_t chance(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % n);
}

static struct cube *cube_new(uint32_t value, uint32_t mask)
{
	struct cube *c = malloc(sizeof(*c) + (size_t)variables + 1);

	if (!c)
		abort();
	c->value = value;
	c->mask = mask;
	c->merged = 0;
	for (int i = 0; i < variables; i++)
		c->text[i] = mask >> i & 1 ? '-' : (char)('0' + (value >> i & 1));
	c->text[variables] = 0;
	return c;
}

static void cover_add(struct cover *v, struct cube *c)
{
	if (v->nr == v->room) {
		v->room = v->room ? v->room + v->room / 2 + 1 : 4;
		v->cubes = realloc(v->cubes, v->room * sizeof(struct cube *));
	}
	v->cubes[v->nr++] = c;
}

static void cover_free(struct cover *v)
{
	for (size_t i = 0; i < v->nr; i++)
		free(v->cubes[i]);
	free(v->cubes);
	*v = (struct cover){ NULL, 0, 0 };
}

static int cover_has(const struct cover *v, uint32_t value, uint32_t mask)
{
	for (size_t i = v->nr; i-- > 0;)
		if (v->cubes[i]->value == value && v->cubes[i]->mask == mask)
			return 1;
	return 0;
}

/* Cubes of the next size: two that differ in one variable. What merges with nothing is prime. */
static struct cover merge_once(struct cover *v, struct cover *primes)
{
	struct cover next = { NULL, 0, 0 };

	for (size_t i = 0; i < v->nr; i++)
		for (size_t k = i + 1; k < v->nr; k++) {
			struct cube *a = v->cubes[i], *b = v->cubes[k];
			uint32_t differ = a->value ^ b->value;

			if (a->mask != b->mask || !differ || (differ & (differ - 1)))
				continue;
			a->merged = b->merged = 1;
			if (!cover_has(&next, a->value & ~differ, a->mask | differ))
				cover_add(&next, cube_new(a->value & ~differ, a->mask | differ));
		}
	for (size_t i = 0; i < v->nr; i++)
		if (!v->cubes[i]->merged)
			cover_add(primes, cube_new(v->cubes[i]->value, v->cubes[i]->mask));
	cover_free(v);
	return next;
}

/* The rows that a cube covers, as a short-lived set. */
static unsigned char *rows_of(const struct cube *c, const unsigned char *on, size_t rows, size_t *nr)
{
	unsigned char *set = calloc(rows / 8 + 1, 1);

	*nr = 0;
	for (uint32_t r = 0; r < rows; r++)
		if (on[r] && (r & ~c->mask) == c->value) {
			set[r / 8] |= (unsigned char)(1 << r % 8);
			++*nr;
		}
	return set;
}

static size_t cover_greedily(const struct cover *primes, unsigned char *on, size_t rows)
{
	size_t chosen = 0;

	for (;;) {
		unsigned char *best = NULL;
		size_t most = 0;

		for (size_t i = 0; i < primes->nr; i++) {
			size_t nr;
			unsigned char *set = rows_of(primes->cubes[i], on, rows, &nr);

			if (nr > most) {
				free(best);
				best = set;
				most = nr;
			} else {
				free(set);
			}
		}
		if (!best)
			return chosen;
		for (size_t r = 0; r < rows; r++)
			if (best[r / 8] >> r % 8 & 1)
				on[r] = 0;
		free(best);
		chosen++;
	}
}

int main(int argc, char **argv)
{
	long functions = argc > 1 ? atol(argv[1]) : 300;
	size_t rows, primes_found = 0, cubes = 0;

	variables = argc > 2 ? atoi(argv[2]) : 6;
	rows = (size_t)1 << variables;
	for (long f = 0; f < functions; f++) {
		struct cover v = { NULL, 0, 0 }, primes = { NULL, 0, 0 };
		unsigned char *on = calloc(rows, 1);

		for (uint32_t r = 0; r < rows; r++) {
			on[r] = chance(2) != 0;
			if (on[r])
				cover_add(&v, cube_new(r, 0));
		}
		while (v.nr)
			v = merge_once(&v, &primes);
		cover_free(&v);
		primes_found += primes.nr;
		cubes += cover_greedily(&primes, on, rows);
		cover_free(&primes);
		free(on);
	}
	printf("%zu primes, %zu cubes\n", primes_found, cubes);
	return 0;
}
