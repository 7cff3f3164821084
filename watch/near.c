/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/near.c - address space within 2 GB of a module, for stubs and copies: their jumps reach that far.
 *
 * Below the module first: the loader maps libraries from the top down, and the heap of brk grows upwards. A program at
 * a fixed low address has room above only. There the search begins at a gigabyte, so that brk keeps room to grow. */
#include "watch/watch_internal.h"

#define REACH (2047ul << 20)
#define STEP (16ul << 20)
#define FAR_ABOVE (1024ul << 20)
#define LOWEST (1ul << 20)

/* Tries a place every STEP bytes. No file is opened, which the program's sandbox may forbid. */
static void *reserve_in_steps(uintptr_t lo, uintptr_t hi, size_t size)
{
	void *p = NULL;

	for (size_t off = 0; !p && hi - lo + off + size < REACH; off += STEP)
		if (lo > off + size + LOWEST)
			p = os_reserve_at(lo - off - size, size);
	for (size_t off = FAR_ABOVE; !p && off < REACH - size && hi - lo + off + size < REACH; off += STEP)
		p = os_reserve_at(hi + off, size);
	for (size_t off = 0; !p && off < FAR_ABOVE && hi - lo + off + size < REACH; off += STEP)
		p = os_reserve_at(hi + off, size);
	return p;
}

/* Looks for a gap between mappings. The kernel puts a new library into the first gap that it fits, which may be a small
 * one between large reserves; the next gap may be at any distance. */
static void *reserve_in_gap(uintptr_t lo, uintptr_t hi, size_t size)
{
	uintptr_t least = hi > REACH + LOWEST ? hi - REACH : LOWEST, most = lo + REACH, end = least;
	char buffer[1024];
	struct maps_reader maps;
	struct maps_line m;
	void *p = NULL;

	if (maps_open(&maps, "/proc/self/maps", buffer, sizeof(buffer)) != 0)
		return NULL;
	while (!p && end < most && maps_next(&maps, &m)) {
		uintptr_t start = MIN(m.start, most);

		if (start > end && start - end >= size)
			p = os_reserve_at(start - size, size);
		end = MAX(end, m.end);
	}
	maps_close(&maps);
	return p;
}

void *near_reserve(const struct watch_module *m, size_t size)
{
	uintptr_t lo = ALIGN_DOWN(m->start, PAGE_SIZE), hi = ALIGN_UP(m->end, PAGE_SIZE);
	void *p;

	size = ALIGN_UP(size, PAGE_SIZE);
	if (hi - lo + size > REACH)
		return NULL;
	p = reserve_in_steps(lo, hi, size);
	return p ? p : reserve_in_gap(lo, hi, size);
}
