// SPDX-License-Identifier: GPL-2.0-only
/* kernel/module/leaks.c - leaks, and the annotations that change what kmemleak reports or scans. */
#include "memsan_bugs.h"

#include <linux/gfp.h>
#include <linux/kmemleak.h>
#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/vmalloc.h>

static struct kmem_cache *leaky;

/* Each leak happens a few times.  A copy of the last pointer may remain in a stack or register that kmemleak scans, and
 * would hide a single leak. */
#define TIMES 4

int bug_leak_kmalloc(void)
{
	int i, nr = 0;

	for (i = 0; i < TIMES; i++)
		nr += kmalloc(200, GFP_KERNEL) != NULL;
	return nr == TIMES ? 0 : -ENOMEM;
}

int bug_leak_vmalloc(void)
{
	int i, nr = 0;

	for (i = 0; i < TIMES; i++)
		nr += vmalloc(10000) != NULL;
	return nr == TIMES ? 0 : -ENOMEM;
}

int bug_leak_cache(void)
{
	int i, nr = 0;

	if (!leaky)
		leaky = kmem_cache_create("memsan_leaky", 72, 0, 0, NULL);
	for (i = 0; leaky && i < TIMES; i++)
		nr += kmem_cache_alloc(leaky, GFP_KERNEL) != NULL;
	return nr == TIMES ? 0 : -ENOMEM;
}

int bug_leak_percpu(void)
{
	return __alloc_percpu(40, 8) ? 0 : -ENOMEM;
}

struct link {
	struct link *next;
	char payload[100];
};

int bug_leak_chain(void)
{
	struct link *first;
	int i;

	for (i = 0; i < TIMES; i++) {
		first = kzalloc(sizeof(*first), GFP_KERNEL);
		if (!first)
			return -ENOMEM;
		first->next = kzalloc(sizeof(*first), GFP_KERNEL);
	}
	return 0;
}

int bug_leak_pages(void)
{
	return alloc_pages(GFP_KERNEL, 1) ? 0 : -ENOMEM;
}

int bug_leak_not_leak(void)
{
	void *p = kmalloc(208, GFP_KERNEL);

	kmemleak_not_leak(p);
	return p ? 0 : -ENOMEM;
}

int bug_leak_ignore(void)
{
	void *p = kmalloc(216, GFP_KERNEL);

	kmemleak_ignore(p);
	return p ? 0 : -ENOMEM;
}

/* A holder contains the only pointers to other objects.  The static variables below point to the holders. */
struct holder {
	void *scanned[TIMES];
	void *other[TIMES];
};
static struct holder *holder_area, *holder_no_scan;

int bug_leak_scan_area(void)
{
	int i;

	holder_area = kzalloc(sizeof(*holder_area), GFP_KERNEL);
	if (!holder_area)
		return -ENOMEM;
	kmemleak_scan_area(holder_area, sizeof(holder_area->scanned), GFP_KERNEL);
	for (i = 0; i < TIMES; i++)
		holder_area->other[i] = kmalloc(224, GFP_KERNEL);
	return 0;
}

int bug_leak_no_scan(void)
{
	int i;

	holder_no_scan = kzalloc(sizeof(*holder_no_scan), GFP_KERNEL);
	if (!holder_no_scan)
		return -ENOMEM;
	kmemleak_no_scan(holder_no_scan);
	for (i = 0; i < TIMES; i++)
		holder_no_scan->scanned[i] = kmalloc(232, GFP_KERNEL);
	return 0;
}

void leak_forget(void)
{
	int i;

	for (i = 0; holder_area && i < TIMES; i++)
		kfree(holder_area->other[i]);
	for (i = 0; holder_no_scan && i < TIMES; i++)
		kfree(holder_no_scan->scanned[i]);
	kfree(holder_area);
	kfree(holder_no_scan);
}
