/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/qemu/kernel_ddmin.c - memsan kernel minimize: delta debugging.
 *
 * The algorithm is ddmin of Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (IEEE
 * Transactions on Software Engineering 28(2), 2002).  Pieces are cut into n chunks, and each candidate leaves one chunk
 * out:
 *
 *     n = 1      [.......................]     all at once
 *     n = 2      [...........|...........]     none of the candidates shows the bug: n doubles
 *     n = 4      [.....|.....|.....|.....]     one of them does: its chunk is gone, and n becomes n - 1
 *     ...
 *     n = size   [.|.|.|.|.|.|.|.|.|.|.|.]     none of them does: every piece that is left is needed
 *
 * The paper also tries each chunk alone.  That is left out: at n = 2 these are the same candidates, and later a chunk
 * alone would show a bug only if a larger part that has failed to show it did.
 *
 * Chunks are left out from the end on, because later calls of a reproducer more often only clean up. */
#include "config.h"

#include "tools/qemu/kernel.h"

#include <stdlib.h>
#include <string.h>

/* How many candidates are still to come, if none of them shows the bug. */
static size_t candidates_left(size_t n, size_t len)
{
	size_t sum = n;

	while (n < len) {
		n = 2 * n < len ? 2 * n : len;
		sum += n;
	}
	return sum;
}

/* The candidate that leaves out chunk `i` of n. */
static bool *leave_out(const struct ddmin *d, const size_t *in, size_t len, size_t n, size_t i)
{
	bool *candidate = tool_alloc(d->nr);

	memcpy(candidate, d->kept, d->nr);
	for (size_t at = len * i / n; at < len * (i + 1) / n; at++)
		candidate[in[at]] = false;
	return candidate;
}

/* Removes chunk `i` of n; returns how many pieces are left. */
static size_t drop_chunk(size_t *in, size_t len, size_t n, size_t i)
{
	size_t begin = len * i / n, end = len * (i + 1) / n;

	memmove(in + begin, in + end, (len - end) * sizeof(*in));
	return len - (end - begin);
}

bool kernel_ddmin(struct ddmin *d, const size_t *pieces, size_t nr)
{
	size_t *in = tool_alloc((nr + 1) * sizeof(*in)), len = 0, n = 1, found = 0;
	bool **candidates;

	for (size_t i = 0; i < nr; i++)
		if (d->kept[pieces[i]])
			in[len++] = pieces[i];
	if (d->singles)
		n = len;
	candidates = tool_alloc((len + 1) * sizeof(*candidates));
	while (len && found != DDMIN_STOP) {
		for (size_t i = 0; i < n; i++)
			candidates[i] = leave_out(d, in, len, n, n - 1 - i);
		d->left = candidates_left(n, len);
		found = d->first(d, candidates, n);
		if (found < n)
			memcpy(d->kept, candidates[found], d->nr);
		for (size_t i = 0; i < n; i++)
			free(candidates[i]);
		if (found < n) {
			len = drop_chunk(in, len, n, n - 1 - found);
			n = n > 3 ? n - 1 : 2;
		} else if (n == len) {
			break;
		} else {
			n *= 2;
		}
		n = n < len ? n : len;
	}
	d->left = 0;
	free(candidates);
	free(in);
	return found != DDMIN_STOP;
}
