/* SPDX-License-Identifier: BSD-2-Clause */
/* fence/covered.c - which allocation stacks have an object in the pool: a counting Bloom filter, as KFENCE's
 * alloc_covered.
 *
 * When most of the pool is in use, one more object from a loop that already has ten objects there finds nothing new.
 * It would only take a slot from another place in the program.  Each stack counts in two cells; it is covered when both
 * are above zero.  Two cells of 2n for n objects give (1 - e^(-1))^2 = 40 % wrong answers in a full pool at worst; a
 * wrong one only skips a sample.
 */
#include "config.h"

#include "fence/fence_internal.h"

#define CELLS_PER_STACK 2

static uint32_t *cells; /* atomic counters */
static uint32_t cells_mask;

bool covered_init(size_t objects)
{
	size_t n = 64;

	while (n < 2 * objects)
		n *= 2;
	cells = meta_alloc(n * sizeof(*cells), COST_FENCE);
	cells_mask = cells ? (uint32_t)n - 1 : 0;
	return cells != NULL;
}

static uint32_t cell_of(uint32_t hash, unsigned i)
{
	uint64_t h = (uint64_t)hash * 0x9e3779b97f4a7c15u;

	return (uint32_t)(h >> (i ? 40 : 16)) & cells_mask;
}

void covered_add(uint32_t hash, int n)
{
	for (unsigned i = 0; cells && i < CELLS_PER_STACK; i++)
		__atomic_fetch_add(&cells[cell_of(hash, i)], (uint32_t)n, __ATOMIC_RELAXED);
}

bool covered_has(uint32_t hash)
{
	if (!cells)
		return false;
	for (unsigned i = 0; i < CELLS_PER_STACK; i++)
		if (!__atomic_load_n(&cells[cell_of(hash, i)], __ATOMIC_RELAXED))
			return false;
	return true;
}
