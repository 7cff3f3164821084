/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/races.c - threads that do random work on the whole memory stack, built with ThreadSanitizer. The script
 * tests/races runs this program. */
#include "slab_test.h"
#include "slab/area.h"
#include "slab/arena.h"
#include "slab/buddy.h"
#include "slab/cache.h"
#include "slab/mempool.h"
#include "slab/quarantine.h"
#include "slab/tcache.h"

#include <pthread.h>

/* The program links lib/ and slab/, built anew with -fsanitize=thread. It leaves out the code that interposes on libc,
 * because ThreadSanitizer brings a malloc of its own. Every thread picks its work at random:
 *
 *     malloc family      objects change hands through mailboxes
 *     pages, vmalloc     likewise
 *     caches             one that all threads share; others that a thread creates and destroys
 *     pools              one block of memory, in which each slot belongs to one thread
 *     depot              equal stacks must get equal handles
 *     shrinkers          a thread registers one, has it called, and unregisters it
 *     views              slab_find_object at any address, statistics, trim
 *
 * No thread calls slab_check_all beside the others: it reads objects optimistically between two memory fences, and
 * reads them again before it believes a finding. ThreadSanitizer does not understand such fences. test_slab_malloc.c
 * runs slab_check_all beside other threads.
 *
 * With --plant the threads write one variable without a lock, so that the script sees that races are found. */

#define THREADS 3
#define STEPS 4000
#define MAILBOXES 32
#define SLOTS 64

static uint64_t the_seed = 7193; /* the second argument replaces it */

/* A destroyed cache's place in slab_caches is given to another cache. A thread that looks up an address without a lock
 * may still hold a descriptor of the old cache, and then reads fields that cache_init is writing for the new one.
 * arena.c accepts that. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "race:cache_init\n";
}

enum family { FAMILY_MALLOC, FAMILY_PAGES, FAMILY_VMALLOC, FAMILY_SHARED, FAMILY_NR };
struct gift {
	void *p;
	size_t size;
	unsigned order;
	enum family family;
};

static struct gift *mailboxes[MAILBOXES]; /* exchanged atomically */
static struct slab_cache *shared;
static struct slab_mempool *pool;
static char pool_block[THREADS * SLOTS * 96] __attribute__((aligned(16)));
static unsigned long spare_objects = 1000; /* what the shrinkers can free; atomic */

struct worker {
	pthread_t thread;
	unsigned number;
	uint64_t seed;
	struct slab_cache *own;
	void *own_objects[16];
	bool slots[SLOTS];
};

static size_t random_size(uint64_t *seed)
{
	return random_below(seed, 8) ? random_below(seed, 500) : random_below(seed, 100000);
}

/* ---- objects that change hands --------------------------------------------------------------- */

static void gift_make(struct gift *g, uint64_t *seed)
{
	g->family = (enum family)random_below(seed, FAMILY_NR);
	g->order = (unsigned)random_below(seed, 4);
	g->size = 1 + random_size(seed);
	switch (g->family) {
	case FAMILY_MALLOC:
		g->p = heap_malloc(g->size);
		break;
	case FAMILY_PAGES:
		g->p = slab_pages_alloc(g->order, random_below(seed, 2), &no_regs);
		g->size = PAGE_SIZE << g->order;
		break;
	case FAMILY_VMALLOC:
		g->p = slab_vmalloc(g->size, false, &no_regs);
		break;
	default:
		g->p = slab_custom_alloc(shared, false, &no_regs);
		g->size = slab_custom_size(shared);
		break;
	}
	CHECK(g->p);
	memset(g->p, (int)g->size, MIN(g->size, 200));
}

static void gift_take(struct gift *g)
{
	CHECK(*(unsigned char *)g->p == (unsigned char)g->size);
	switch (g->family) {
	case FAMILY_MALLOC:
		heap_free(g->p);
		break;
	case FAMILY_PAGES:
		slab_pages_free(g->p, g->order, &no_regs);
		break;
	case FAMILY_VMALLOC:
		slab_release(g->p, SLAB_API_VMALLOC, &no_regs);
		break;
	default:
		slab_custom_free(shared, g->p, &no_regs);
		break;
	}
	heap_free(g);
}

static void give_and_take(struct worker *w)
{
	struct gift *g = heap_malloc(sizeof(*g));

	gift_make(g, &w->seed);
	g = __atomic_exchange_n(&mailboxes[random_below(&w->seed, MAILBOXES)], g, __ATOMIC_ACQ_REL);
	if (g)
		gift_take(g);
}

/* ---- other work ------------------------------------------------------------------------------ */

static void grow(struct worker *w)
{
	size_t size = 1 + random_size(&w->seed);
	char *p = heap_malloc(size);
	bool bad;

	p[size - 1] = 1;
	for (unsigned i = 0; i < 4; i++) {
		size = 1 + random_size(&w->seed);
		p = slab_realloc(p, size, &no_regs, &bad);
		CHECK(p && !bad);
		p[size - 1] = 1;
	}
	heap_free(p);
}

static void construct(void *p)
{
	*(uint64_t *)p = 0x5a5a;
}

static void own_cache(struct worker *w)
{
	unsigned n = (unsigned)random_below(&w->seed, ARRAY_SIZE(w->own_objects)) + 1;

	w->own = slab_custom_create("own", 16 + random_below(&w->seed, 600), 0, 0,
	                            random_below(&w->seed, 2) ? construct : NULL);
	CHECK(w->own);
	for (unsigned i = 0; i < n; i++)
		CHECK((w->own_objects[i] = slab_custom_alloc(w->own, false, &no_regs)) != NULL);
	for (unsigned i = 0; i < n; i++)
		slab_custom_free(w->own, w->own_objects[i], &no_regs);
	slab_custom_shrink(w->own, &no_regs);
	CHECK(slab_custom_destroy(w->own, 0, &no_regs) == 0);
}

static void pool_slot(struct worker *w)
{
	size_t k = random_below(&w->seed, SLOTS);
	char *p = pool_block + (w->number * SLOTS + k) * 96 + 16;

	if (w->slots[k])
		slab_mempool_free(pool, p, &no_regs);
	else
		CHECK(slab_mempool_alloc(pool, p, 64, &no_regs));
	w->slots[k] = !w->slots[k];
}

static void depot_stack(struct worker *w)
{
	uintptr_t pcs[12], back[12];
	size_t n = 1 + random_below(&w->seed, ARRAY_SIZE(pcs));
	stack_handle h;

	for (size_t i = 0; i < n; i++)
		pcs[i] = 0x555500000000 + random_below(&w->seed, 3) * 16;
	h = depot_save(pcs, n);
	CHECK(h == depot_save(pcs, n));
	CHECK(depot_fetch(h, back, ARRAY_SIZE(back)) == n && memcmp(pcs, back, n * sizeof(pcs[0])) == 0);
}

static unsigned long spare_count(void *data)
{
	return __atomic_load_n((unsigned long *)data, __ATOMIC_RELAXED);
}

static unsigned long spare_scan(void *data, struct slab_shrink *control)
{
	heap_free(heap_malloc(50));
	return __atomic_exchange_n((unsigned long *)data, 0, __ATOMIC_RELAXED) ? control->nr_to_scan : SLAB_SHRINK_STOP;
}

static void shrinker(struct worker *w)
{
	struct slab_shrinker *s = slab_shrinker_register("spare", spare_count, spare_scan, &spare_objects);

	CHECK(s);
	slab_shrink_all();
	__atomic_store_n(&spare_objects, random_below(&w->seed, 1000), __ATOMIC_RELAXED);
	CHECK(slab_shrinker_unregister(s));
}

static void look_around(struct worker *w)
{
	struct slab_object obj;
	struct slab_stats s;
	char *mine = heap_malloc(40);

	for (unsigned i = 0; i < 50; i++)
		slab_find_object(
			arena_base + random_below(&w->seed, (uint64_t)LOAD_ACQUIRE(arena_ready_blocks) * BLOCK_SIZE),
			&obj);
	CHECK(slab_find_object((uintptr_t)mine + 39, &obj) && obj.addr == (uintptr_t)mine &&
	      obj.state == SLAB_OBJ_LIVE);
	slab_get_stats(&s);
	heap_free(mine);
	if (random_below(&w->seed, 8) == 0)
		slab_trim(0);
}

static void *work(void *arg)
{
	static void (*const kinds[])(struct worker *) = { grow,        own_cache, pool_slot,  pool_slot,
		                                          depot_stack, shrinker,  look_around };
	struct worker *w = arg;

	for (unsigned i = 0; i < STEPS; i++) {
		if (random_below(&w->seed, 3))
			give_and_take(w);
		else
			kinds[random_below(&w->seed, ARRAY_SIZE(kinds))](w);
	}
	slab_thread_exit();
	return NULL;
}

/* ---- a run ----------------------------------------------------------------------------------- */

static unsigned long planted;

static void *plant(void *arg)
{
	for (unsigned i = 0; i < 1000; i++)
		planted++;
	return arg;
}

static void run_threads(void *(*body)(void *))
{
	static struct worker workers[THREADS];

	memset(workers, 0, sizeof(workers));
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i].number = i;
		workers[i].seed = the_seed + i;
		CHECK(pthread_create(&workers[i].thread, NULL, body, &workers[i]) == 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		CHECK(pthread_join(workers[i].thread, NULL) == 0);
}

static void verify_cache(struct slab_cache *c, void *ctx)
{
	(void)ctx;
	CHECK_NULL_TEXT(cache_verify(c));
}

/* Starts the threads twice, so that the second ones take over what the first ones left behind. At the end every page
 * must be free again. */
static void run(void)
{
	struct buddy_stats pages;
	struct tcache_block *b;

	shared = slab_custom_create("shared", 72, 0, 0, NULL);
	pool = slab_mempool_create("pool", 16, SLAB_MEMPOOL_POISON);
	run_threads(work);
	slab_mempool_destroy(pool, &no_regs);
	pool = slab_mempool_create("pool", 16, 0);
	run_threads(work);
	for (unsigned i = 0; i < MAILBOXES; i++)
		if (mailboxes[i])
			gift_take(mailboxes[i]);
	slab_mempool_destroy(pool, &no_regs);
	CHECK(slab_custom_destroy(shared, 0, &no_regs) == 0);
	CHECK(slab_check_all(SLAB_AT_CHECK_ALL, &no_regs) == 0 && nr_findings == 0);
	quarantine_drain(&no_regs);
	for (b = tcache_first_block(); b; b = b->next)
		tcache_flush_all(b);
	cache_for_each(verify_cache, NULL);
	area_drain();
	slab_trim(0);
	CHECK_NULL_TEXT(buddy_verify());
	buddy_get_stats(&pages);
	CHECK(pages.free_pages == pages.mapped_pages);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "Usage: races OPTIONS [SEED] | --plant\n");
		return 2;
	}
	if (strcmp(argv[1], "--plant") == 0) {
		run_threads(plant);
		return 0;
	}
	if (argc > 2)
		the_seed = strtoul(argv[2], NULL, 0);
	options_set_defaults(&options);
	CHECK(options_parse(&options, argv[1], NULL, NULL) == 0);
	CHECK(slab_init());
	slab_set_report_hook(record_finding);
	run();
	return 0;
}
