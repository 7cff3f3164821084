/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/lend.c - free pages of the heap become metadata when the kernel gives memsan no more memory. */
#include "slab/buddy.h"
#include "slab/lend.h"

/* Under RLIMIT_DATA a heap that took all that it may keeps its pages. So metadata for another size of objects would
 * have no memory for ever, although every object is free.
 *
 * Nobody owns these pages: no pointer into them is an object's, a leak scan does not read them, and their shadow stays
 * poisoned. They are never given back. */
#define LEND_PAGES 16u

static size_t lent; /* pages; atomic */

size_t slab_lent_pages(void)
{
	return __atomic_load_n(&lent, __ATOMIC_RELAXED);
}

void *slab_meta_alloc(size_t size, enum cost_centre centre)
{
	void *p = meta_alloc(size, centre);
	size_t need = (size + PAGE_SIZE - 1) >> PAGE_SHIFT, n = MAX(LEND_PAGES, need);
	uint32_t page;
	bool clean;

	if (likely(p))
		return p;
	page = buddy_alloc(n, &clean);
	if (page == NO_PAGE && n > need)
		page = buddy_alloc(n = need, &clean);
	if (page == NO_PAGE)
		return NULL;
	if (!clean)
		mem_set((void *)page_address(page), 0, n << PAGE_SHIFT);
	__atomic_fetch_add(&lent, n, __ATOMIC_RELAXED);
	meta_lend((void *)page_address(page), n << PAGE_SHIFT);
	return meta_alloc(size, centre);
}
