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

void *near_reserve(const struct watch_module *m, size_t size)
{
	uintptr_t lo = ALIGN_DOWN(m->start, PAGE_SIZE), hi = ALIGN_UP(m->end, PAGE_SIZE);
	void *p = NULL;

	size = ALIGN_UP(size, PAGE_SIZE);
	if (hi - lo + size > REACH)
		return NULL;
	for (size_t off = 0; !p && hi - lo + off + size < REACH; off += STEP)
		if (lo > off + size + LOWEST)
			p = os_reserve_at(lo - off - size, size);
	for (size_t off = FAR_ABOVE; !p && off < REACH - size && hi - lo + off + size < REACH; off += STEP)
		p = os_reserve_at(hi + off, size);
	for (size_t off = 0; !p && off < FAR_ABOVE && hi - lo + off + size < REACH; off += STEP)
		p = os_reserve_at(hi + off, size);
	return p;
}
