// SPDX-License-Identifier: GPL-2.0-only
/* kernel/module/demos.c - demonstrations of how kernel memory behaves; none of them is a bug. */
#include "memsan_bugs.h"

#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/shrinker.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>

#define PAGES 4

int demo_contiguity(void)
{
	char *k = kmalloc(PAGES * PAGE_SIZE, GFP_KERNEL), *v = vmalloc(PAGES * PAGE_SIZE);
	phys_addr_t k_before = 0, v_before = 0;
	int i, k_jumps = 0, v_jumps = 0;

	for (i = 0; k && v && i < PAGES; i++) {
		phys_addr_t k_at = virt_to_phys(k + i * PAGE_SIZE);
		phys_addr_t v_at = page_to_phys(vmalloc_to_page(v + i * PAGE_SIZE));

		pr_info("page %d: kmalloc %px is at physical %pa, vmalloc %px at %pa\n", i, k + i * PAGE_SIZE, &k_at,
		        v + i * PAGE_SIZE, &v_at);
		k_jumps += i && k_at != k_before + PAGE_SIZE;
		v_jumps += i && v_at != v_before + PAGE_SIZE;
		k_before = k_at;
		v_before = v_at;
	}
	pr_info("physical jumps: kmalloc %d, vmalloc %d of %d\n", k_jumps, v_jumps, PAGES - 1);
	kfree(k);
	vfree(v);
	return k && v ? 0 : -ENOMEM;
}

/* ---- a cache that fills ---------------------------------------------------------------------- */

static struct kmem_cache *demo_cache;
static LIST_HEAD(demo_objects);
static unsigned int nr_demo_objects;
static DEFINE_MUTEX(demo_lock); /* guards the three variables above */

int demo_cache_fill(unsigned int objects)
{
	struct list_head *object;

	mutex_lock(&demo_lock);
	if (!demo_cache)
		demo_cache = kmem_cache_create("memsan_demo", 128, 0, 0, NULL);
	while (demo_cache && nr_demo_objects < objects && (object = kmem_cache_alloc(demo_cache, GFP_KERNEL))) {
		list_add(object, &demo_objects);
		nr_demo_objects++;
	}
	while (nr_demo_objects > objects) {
		object = demo_objects.next;
		list_del(object);
		kmem_cache_free(demo_cache, object);
		nr_demo_objects--;
	}
	if (demo_cache && !objects)
		kmem_cache_shrink(demo_cache);
	mutex_unlock(&demo_lock);
	return nr_demo_objects == objects ? 0 : -ENOMEM;
}

void demo_cache_drop(void)
{
	demo_cache_fill(0);
	kmem_cache_destroy(demo_cache);
}

/* The effect shows in /proc/slabinfo: user space writes N to cache_fill and reads slabinfo after each step. */
int demo_slabinfo(void)
{
	return demo_cache_fill(500);
}

/* ---- a shrinker under pressure --------------------------------------------------------------- */

/* Pages; under hoard_lock while the shrinker is registered.  The shrinker runs in this task or in kswapd. */
static LIST_HEAD(hoard);
static DEFINE_SPINLOCK(hoard_lock);
static unsigned long nr_hoard, nr_counted, nr_scanned, nr_given; /* under hoard_lock */

static unsigned long hoard_count(struct shrinker *shrinker, struct shrink_control *control)
{
	unsigned long nr;

	spin_lock(&hoard_lock);
	nr_counted++;
	nr = nr_hoard;
	spin_unlock(&hoard_lock);
	return nr;
}

static unsigned long hoard_scan(struct shrinker *shrinker, struct shrink_control *control)
{
	unsigned long nr;

	spin_lock(&hoard_lock);
	nr_scanned++;
	for (nr = 0; nr < control->nr_to_scan && !list_empty(&hoard); nr++) {
		struct page *page = list_first_entry(&hoard, struct page, lru);

		list_del(&page->lru);
		__free_page(page);
	}
	nr_hoard -= nr;
	nr_given += nr;
	spin_unlock(&hoard_lock);
	return nr ? nr : SHRINK_STOP;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
static struct shrinker *shrinker_make(void)
{
	struct shrinker *s = shrinker_alloc(0, "memsan-demo");

	if (s) {
		s->count_objects = hoard_count;
		s->scan_objects = hoard_scan;
		shrinker_register(s);
	}
	return s;
}
#else
static struct shrinker *shrinker_make(void)
{
	static struct shrinker s;

	s = (struct shrinker){ .count_objects = hoard_count, .scan_objects = hoard_scan, .seeks = DEFAULT_SEEKS };
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 0, 0)
	return register_shrinker(&s, "memsan-demo") ? NULL : &s;
#else
	return register_shrinker(&s) ? NULL : &s;
#endif
}
#define shrinker_free unregister_shrinker
#endif

/* Allocates blocks until an allocation fails or the shrinker has given `stop_after` pages, then frees them all. */
static unsigned long press(unsigned int order, gfp_t flags, unsigned long stop_after)
{
	LIST_HEAD(taken);
	unsigned long nr = 0;
	struct page *page;

	while (READ_ONCE(nr_given) < stop_after &&
	       (page = alloc_pages(flags | __GFP_NOWARN | __GFP_NORETRY, order)) != NULL) {
		list_add(&page->lru, &taken);
		nr++;
		cond_resched();
	}
	while (!list_empty(&taken)) {
		page = list_first_entry(&taken, struct page, lru);
		list_del(&page->lru);
		__free_pages(page, order);
	}
	return nr;
}

int demo_shrinker(void)
{
	struct shrinker *s = shrinker_make();
	unsigned long blocks, kept;
	struct page *page;
	int i;

	if (!s)
		return -ENOMEM;
	nr_counted = nr_scanned = nr_given = 0;
	for (i = 0; i < 4096 && (page = alloc_page(GFP_KERNEL | __GFP_NOWARN)); i++) {
		spin_lock(&hoard_lock);
		list_add(&page->lru, &hoard);
		nr_hoard++;
		spin_unlock(&hoard_lock);
	}
	pr_info("the shrinker's owner hoards %d pages; now memory is taken until it is short\n", i);
	blocks = press(4, GFP_KERNEL, 1024);
	kept = nr_hoard;
	pr_info("%lu blocks of 64 KiB later: asked %lu times how much could go, %lu times to let go; "
	        "gave %lu pages, kept %lu\n",
	        blocks, nr_counted, nr_scanned, nr_given, kept);
	shrinker_free(s);
	while (!list_empty(&hoard)) {
		page = list_first_entry(&hoard, struct page, lru);
		list_del(&page->lru);
		__free_page(page);
	}
	nr_hoard = 0;
	return nr_scanned ? 0 : -EAGAIN;
}

/* ---- counters -------------------------------------------------------------------------------- */

#define ROUNDS 200000

static DEFINE_PER_CPU(u64, private_count);
static u64 shared_count;
static DEFINE_SPINLOCK(shared_lock); /* guards shared_count */

static void count_privately(void *unused)
{
	int i;

	for (i = 0; i < ROUNDS; i++)
		this_cpu_inc(private_count);
}

static void count_together(void *unused)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		spin_lock(&shared_lock);
		shared_count++;
		spin_unlock(&shared_lock);
	}
}

int demo_percpu(void)
{
	u64 sum = 0, began = ktime_get_ns(), middle, end;
	int cpu;

	on_each_cpu(count_privately, NULL, 1);
	middle = ktime_get_ns();
	on_each_cpu(count_together, NULL, 1);
	end = ktime_get_ns();
	for_each_possible_cpu(cpu)
		sum += per_cpu(private_count, cpu);
	pr_info("%u CPUs, %d increments each: per-CPU %llu us (sum %llu), under one spinlock %llu us (%llu)\n",
	        num_online_cpus(), ROUNDS, (middle - began) / 1000, sum, (end - middle) / 1000, shared_count);
	if (num_online_cpus() == 1)
		pr_info("with one CPU nobody waits for the lock: try --smp 2\n");
	return 0;
}

/* ---- blocks of pages ------------------------------------------------------------------------- */

int demo_page_orders(void)
{
	static const struct {
		const char *name;
		gfp_t flags;
	} kinds[] = {
		{ "GFP_KERNEL", GFP_KERNEL },
		{ "GFP_ATOMIC", GFP_ATOMIC },
		{ "GFP_NOWAIT", GFP_NOWAIT },
		{ "GFP_DMA32", GFP_KERNEL | GFP_DMA32 },
	};
	unsigned int order;
	size_t k;

	for (order = 0; order <= 10; order++)
		for (k = 0; k < ARRAY_SIZE(kinds); k++) {
			unsigned long nr = press(order, kinds[k].flags, ULONG_MAX);

			pr_info("order %2u (%5lu KiB) %-10s %7lu blocks, %5lu MiB\n", order, PAGE_SIZE << order >> 10,
			        kinds[k].name, nr, nr << order >> (20 - PAGE_SHIFT));
		}
	return 0;
}
