/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/pages.c - pages by order and vmalloc for the program; the checks when they are freed. */
#include "slab/area.h"
#include "slab/finding.h"
#include "slab/lookup.h"
#include "slab/object.h"
#include "slab/reclaim.h"
#include "slab/slab.h"
#include "slab/vmalloc.h"

/* Both are areas (vmalloc.c), each with its own family. So quarantine, guards, shadow, scans for leaks and views work
 * for them:
 *
 *     memsan_alloc_pages(order)    2^order pages aligned to their size; guards in check mode only, so that
 *                                  production's buddies lie side by side and merge; never retained
 *     memsan_vmalloc(size)         whole pages between guards, in both modes
 *
 * The kernel's page allocator trusts the order that it is given. Here the area records the true order. */

static struct area *live_area(const void *p)
{
	struct lookup to = lookup_live(p);

	return to.place == PLACE_AREA ? to.area : NULL;
}

static unsigned order_of(const struct area *a)
{
	return (unsigned)__builtin_ctzl(a->size >> PAGE_SHIFT);
}

static void *alloc(size_t size, size_t align, enum slab_api api, bool zero, const struct unwind_regs *regs)
{
	void *p = area_alloc(size, align, api, zero, regs);

	if (likely(p) || size > arena_size)
		return p;
	reclaim_all(regs);
	return area_alloc(size, align, api, zero, regs);
}

void *slab_pages_alloc(unsigned order, bool zero, const struct unwind_regs *regs)
{
	return order <= SLAB_ORDER_MAX ? alloc(PAGE_SIZE << order, PAGE_SIZE << order, SLAB_API_PAGES, zero, regs)
	                               : NULL;
}

void *slab_vmalloc(size_t size, bool zero, const struct unwind_regs *regs)
{
	return alloc(size, PAGE_SIZE, SLAB_API_VMALLOC, zero, regs);
}

bool slab_is_vmalloc(const void *p)
{
	const struct area *a = live_area(p);

	return a && a->addr == (uintptr_t)p && a->api == SLAB_API_VMALLOC;
}

static void report_pages(enum slab_finding_kind kind, uintptr_t addr, const struct slab_object *obj, uint64_t nr,
                         const struct unwind_regs *regs)
{
	struct slab_finding f;

	finding_init(&f, kind, SLAB_AT_FREE, addr, regs);
	f.api_used = SLAB_API_PAGES;
	mem_copy(&f.object, obj, sizeof(*obj));
	f.have_object = true;
	f.nr = nr;
	f.nr_allocated = (uint64_t)__builtin_ctzl(obj->size >> PAGE_SHIFT);
	finding_report(&f);
}

/* No live object starts at addr. Reports addr if it is a page in the middle of a live allocation. */
static bool report_tail_page(uintptr_t addr, const struct unwind_regs *regs)
{
	struct slab_object obj;

	if (addr & (PAGE_SIZE - 1) || !slab_find_object(addr, &obj) || !obj.large || obj.state != SLAB_OBJ_LIVE ||
	    obj.api != SLAB_API_PAGES || addr - obj.addr >= obj.size || addr == obj.addr)
		return false;
	report_pages(SLAB_TAIL_PAGE, addr, &obj, (addr - obj.addr) >> PAGE_SHIFT, regs);
	return true;
}

void slab_pages_free(void *p, unsigned order, const struct unwind_regs *regs)
{
	struct area *a = live_area(p);
	struct slab_object obj;

	if (!a && report_tail_page((uintptr_t)p, regs))
		return;
	if (a && a->addr == (uintptr_t)p && a->api == SLAB_API_PAGES && unlikely(order_of(a) != order)) {
		object_describe_area(a, &obj);
		report_pages(SLAB_WRONG_ORDER, (uintptr_t)p, &obj, order, regs);
	}
	slab_release(p, SLAB_API_PAGES, regs);
}
