/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_slab_malloc.c - the engine as a whole: random programs against a model, threads, fork, no memory. */
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "slab_test.h"
#include "slab/area.h"
#include "slab/buddy.h"
#include "slab/cache.h"
#include "slab/class.h"
#include "slab/quarantine.h"
#include "slab/reclaim.h"
#include "slab/tcache.h"

#define OBJECTS 400
#define SEED 424242

/* An object's bytes are a function of its stamp and the position, so that any mix-up shows. */
struct object {
	uint8_t *p;
	size_t size;
	uint8_t stamp;
};

static size_t next_position(size_t i)
{
	return i < 64 ? i + 1 : i + 253;
}

static void fill(struct object *o)
{
	size_t i;

	for (i = 0; i < o->size; i = next_position(i))
		o->p[i] = (uint8_t)(o->stamp + i * 7);
	if (o->size)
		o->p[o->size - 1] = o->stamp;
}

static void verify(const struct object *o, size_t size)
{
	size_t i;

	for (i = 0; i < size && i + 1 < o->size; i = next_position(i))
		CHECK(o->p[i] == (uint8_t)(o->stamp + i * 7));
	CHECK(!o->size || size < o->size || o->p[o->size - 1] == o->stamp);
}

static size_t random_size(uint64_t *seed)
{
	switch (random_below(seed, 10)) {
	case 0:
		return random_below(seed, 40000);
	case 1:
		return random_below(seed, 300000);
	case 2:
		return random_below(seed, 100) ? random_below(seed, 3000) : random_below(seed, 10000000);
	default:
		return random_below(seed, 400);
	}
}

static void op_alloc(struct object *o, uint64_t *seed)
{
	size_t align = (size_t)16 << (random_below(seed, 4) ? 0 : random_below(seed, 14));
	bool zero = random_below(seed, 4) == 0;
	size_t i;

	o->size = random_size(seed);
	o->p = align == 16 && !zero ? heap_malloc(o->size)
	                            : slab_malloc(o->size, align, SLAB_API_MALLOC, zero, &no_regs);
	o->stamp = (uint8_t)random_next(seed);
	CHECK(o->p && (uintptr_t)o->p % align == 0);
	CHECK(slab_usable_size(o->p, &no_regs) >= o->size);
	for (i = 0; zero && i < o->size; i++)
		CHECK(o->p[i] == 0);
	fill(o);
}

static void op_realloc(struct object *o, uint64_t *seed)
{
	size_t size = random_below(seed, 3) ? random_size(seed) : o->size + random_below(seed, 5000), old = o->size;
	bool bad;

	if (!size)
		size = 1;
	o->p = slab_realloc(o->p, size, &no_regs, &bad);
	CHECK(o->p && !bad);
	/* The stamp of the last byte moves with the size: what was copied is compared without it. */
	if (old && size >= old)
		CHECK(o->p[old - 1] == o->stamp);
	o->size = size;
	verify(o, (old < size ? old : size) ? (old < size ? old : size) - 1 : 0);
	fill(o);
}

static void op_free(struct object *o)
{
	verify(o, o->size);
	heap_free(o->p);
	o->p = NULL;
}

static void random_program(struct object *objects, unsigned ops, uint64_t seed)
{
	unsigned i;

	for (i = 0; i < ops; i++) {
		struct object *o = &objects[random_below(&seed, OBJECTS)];

		if (!o->p)
			op_alloc(o, &seed);
		else if (random_below(&seed, 3) == 0)
			op_realloc(o, &seed);
		else
			op_free(o);
	}
	for (i = 0; i < OBJECTS; i++)
		if (objects[i].p)
			op_free(&objects[i]);
}

static void verify_cache(struct slab_cache *c, void *ctx)
{
	(void)ctx;
	CHECK_NULL_TEXT(cache_verify(c));
}

/* No object is live and no page is lost: all pages come back. */
static void all_comes_back(void)
{
	struct tcache_block *b;
	struct slab_stats s;
	struct buddy_stats pages;

	quarantine_drain(&no_regs);
	slab_get_stats(&s);
	CHECK(s.live_objects == 0 && s.live_bytes == 0 && s.quarantine_objects == 0 && s.large_areas == 0);
	for (b = tcache_first_block(); b; b = b->next)
		tcache_flush_all(b);
	cache_for_each(verify_cache, NULL);
	area_drain();
	slab_trim(0);
	CHECK_NULL_TEXT(buddy_verify());
	buddy_get_stats(&pages);
	CHECK(pages.free_pages == pages.mapped_pages && pages.dirty_pages == 0);
	CHECK(nr_findings == 0);
}

static void one_thread(void)
{
	static struct object objects[OBJECTS];

	fprintf(stderr, "seed %d\n", SEED);
	random_program(objects, options.mode == MODE_CHECK ? 20000 : 40000, SEED);
	all_comes_back();
}

/* ---- threads --------------------------------------------------------------------------------- */

#define THREADS 4
#define MAILBOXES 64

static struct object *mailboxes[MAILBOXES]; /* exchanged atomically: objects that another thread frees */

static void *thread_body(void *arg)
{
	static __thread struct object objects[OBJECTS];
	uint64_t seed = SEED + (uintptr_t)arg;
	unsigned i;

	for (i = 0; i < 3000; i++) {
		struct object *o = heap_malloc(sizeof(*o));

		CHECK(o);
		op_alloc(o, &seed);
		o = __atomic_exchange_n(&mailboxes[random_below(&seed, MAILBOXES)], o, __ATOMIC_ACQ_REL);
		if (o) {
			op_free(o);
			heap_free(o);
		}
		if (i % 30 == 0)
			CHECK(slab_check_all(SLAB_AT_CHECK_ALL, &no_regs) == 0);
	}
	random_program(objects, 3000, seed);
	slab_thread_exit();
	/* Destructors of other libraries may come later. */
	heap_free(heap_malloc(100));
	heap_free(heap_malloc(100000));
	return NULL;
}

static void many_threads(void)
{
	pthread_t threads[THREADS];
	uintptr_t i, round;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < THREADS; i++)
			CHECK(pthread_create(&threads[i], NULL, thread_body, (void *)(round * 100 + i)) == 0);
		for (i = 0; i < THREADS; i++)
			CHECK(pthread_join(threads[i], NULL) == 0);
	}
	for (i = 0; i < MAILBOXES; i++) {
		if (mailboxes[i]) {
			op_free(mailboxes[i]);
			heap_free(mailboxes[i]);
		}
	}
	all_comes_back();
}

/* Blocks of threads that ended serve new ones. */
static void *touch_and_end(void *arg)
{
	heap_free(heap_malloc(32));
	slab_thread_exit();
	return arg;
}

static void blocks_are_used_again(void)
{
	struct tcache_block *b;
	unsigned i, n = 0;

	for (i = 0; i < 100; i++) {
		pthread_t t;

		CHECK(pthread_create(&t, NULL, touch_and_end, NULL) == 0 && pthread_join(t, NULL) == 0);
	}
	for (b = tcache_first_block(); b; b = b->next)
		n++;
	CHECK(n <= 2);
}

/* Such blocks keep a few objects of each bin, all of them together not many. slab_trim takes those too. */
static void *fill_and_end(void *arg)
{
	static __thread void *p[300];
	pthread_barrier_t *all = arg;
	unsigned i;

	for (i = 0; i < 300; i++)
		p[i] = heap_malloc(16 + i % 40 * 100);
	if (all)
		pthread_barrier_wait(all);
	for (i = 0; i < 300; i++)
		heap_free(p[i]);
	slab_thread_exit();
	return NULL;
}

static size_t cached_bytes(void)
{
	uint64_t cached[SLAB_FIRST_CUSTOM];
	size_t bytes = 0;
	unsigned i;

	tcache_count(cached);
	for (i = 1; i < SLAB_FIRST_CUSTOM; i++)
		bytes += cached[i] * slab_caches[i].slot_size;
	return bytes;
}

static void ended_threads_keep_little(void)
{
	pthread_t t[40];
	pthread_barrier_t all;
	size_t one, some;
	unsigned i;

	CHECK(pthread_create(&t[0], NULL, fill_and_end, NULL) == 0 && pthread_join(t[0], NULL) == 0);
	one = cached_bytes();
	CHECK(one > 0 && one <= 64 << 10);
	CHECK(pthread_barrier_init(&all, NULL, 40) == 0);
	for (i = 0; i < 40; i++)
		CHECK(pthread_create(&t[i], NULL, fill_and_end, &all) == 0);
	for (i = 0; i < 40; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	some = cached_bytes();
	CHECK(some > one && some <= 8 * (64 << 10));
	slab_trim(0);
	CHECK(cached_bytes() == 0);
	for (i = 0; i < 40; i++) {
		CHECK(pthread_create(&t[i], NULL, fill_and_end, NULL) == 0 && pthread_join(t[i], NULL) == 0);
		CHECK(cached_bytes() <= 64 << 10);
	}
	all_comes_back();
}

/* ---- fork ------------------------------------------------------------------------------------ */

static bool stop; /* atomic */

static void *churn(void *arg)
{
	uint64_t seed = (uintptr_t)arg + 1;
	struct object o[16];
	unsigned i;

	memset(o, 0, sizeof(o));
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		struct object *x = &o[random_below(&seed, 16)];

		if (x->p)
			op_free(x);
		else
			op_alloc(x, &seed);
	}
	for (i = 0; i < 16; i++)
		if (o[i].p)
			op_free(&o[i]);
	slab_thread_exit();
	return NULL;
}

static void in_child_of_fork(void)
{
	static struct object objects[OBJECTS];

	random_program(objects, 2000, SEED);
	quarantine_drain(&no_regs);
	cache_for_each(verify_cache, NULL);
	CHECK_NULL_TEXT(buddy_verify());
	CHECK(slab_check_all(SLAB_AT_EXIT, &no_regs) == 0);
	CHECK(nr_findings == 0);
}

static void fork_while_threads_run(void)
{
	pthread_t threads[3];
	uintptr_t i;
	int status;

	for (i = 0; i < 3; i++)
		CHECK(pthread_create(&threads[i], NULL, churn, (void *)i) == 0);
	for (i = 0; i < 15; i++) {
		pid_t pid;

		lib_fork_prepare();
		pid = fork();
		if (pid == 0) {
			lib_fork_child();
			slab_fork_child();
			in_child_of_fork();
			_exit(0);
		}
		lib_fork_parent();
		CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < 3; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	all_comes_back();
}

/* ---- limits ---------------------------------------------------------------------------------- */

/* Fills the arena with one size, checks every object, frees all, and does it again: no memory is lost. */
static void fill_up(size_t size)
{
	static void *all[1 << 20];
	size_t n[2], i, round;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < ARRAY_SIZE(all) && (all[i] = heap_malloc(size)) != NULL; i++)
			*(size_t *)all[i] = i;
		n[round] = i;
		CHECK(i * size > arena_size / 4 || i == ARRAY_SIZE(all));
		while (i-- > 0) {
			CHECK(*(size_t *)all[i] == i);
			heap_free(all[i]);
		}
	}
	CHECK(n[1] >= n[0] - n[0] / 8);
}

static void arena_full(void)
{
	static const size_t sizes[] = { 100, 5000, 32768, 40000, 1000000, 20000000, 64 };
	size_t i;

	CHECK(arena_size <= 64 << 20);
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		fill_up(sizes[i]);
	all_comes_back();
}

static void impossible_sizes(void)
{
	static const size_t sizes[] = { PTRDIFF_MAX, PTRDIFF_MAX - 1, PTRDIFF_MAX - 4096, SIZE_MAX / 4,
		                        (size_t)1 << 46 };
	size_t i, align;
	void *p = heap_malloc(100);
	bool bad;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (align = 16; align <= (size_t)1 << 62; align *= 2)
			CHECK(slab_malloc(sizes[i], align, SLAB_API_MALLOC, i % 2, &no_regs) == NULL);
		CHECK(slab_realloc(p, sizes[i], &no_regs, &bad) == NULL && !bad);
	}
	for (align = (size_t)1 << 50; align <= (size_t)1 << 62; align *= 2)
		CHECK(slab_malloc(1, align, SLAB_API_MALLOC, false, &no_regs) == NULL);
	heap_free(p);
	p = heap_malloc(100000);
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		CHECK(slab_realloc(p, sizes[i], &no_regs, &bad) == NULL && !bad);
	heap_free(p);
	CHECK(nr_findings == 0);
}

/* Gigabytes cost address space only until they are touched. */
static void gigabytes(void)
{
	size_t size = (size_t)5 << 30;
	char *p = slab_malloc(size, 16, SLAB_API_MALLOC, true, &no_regs), *q;
	struct slab_object obj;
	bool bad;

	CHECK(p);
	p[size - 1] = p[size / 2] = 7;
	CHECK(slab_find_object((uintptr_t)p + size / 3, &obj) && obj.addr == (uintptr_t)p && obj.size == size);
	CHECK(slab_find_object((uintptr_t)p + size - 1, &obj) && obj.addr == (uintptr_t)p);
	if (options.mode == MODE_PRODUCTION) {
		q = slab_realloc(p, 2 * size, &no_regs, &bad);
		CHECK(q && q[size - 1] == 7 && q[size / 2] == 7);
		CHECK(slab_find_object((uintptr_t)q + size + size / 3, &obj) && obj.addr == (uintptr_t)q);
		p = slab_realloc(q, size / 2 + 1, &no_regs, &bad);
		CHECK(p && p[size / 2] == 7);
		CHECK(slab_find_object((uintptr_t)p + size / 2, &obj) && obj.addr == (uintptr_t)p);
		CHECK(!slab_find_object((uintptr_t)p + size, &obj) || obj.addr != (uintptr_t)p);
	}
	heap_free(p);
	all_comes_back();
}

static void map_own(size_t size)
{
	void *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(!os_places_only() || p != MAP_FAILED);
	if (p != MAP_FAILED)
		munmap(p, size);
}

static void under_rlimit_as(void)
{
	struct rlimit rl = { (rlim_t)300 << 20, (rlim_t)300 << 20 };

	CHECK(setrlimit(RLIMIT_AS, &rl) == 0);
	options_set_defaults(&options);
	CHECK(slab_init());
	/* Where only the place is kept, nearly all of the limit is left. */
	if (os_places_only())
		CHECK(arena_size >= 150 << 20 && arena_size <= 225 << 20 && os_address_space_limit() >= 200 << 20);
	else
		CHECK(arena_size >= 32 << 20 && arena_size <= 150 << 20);
	fill_up(1000);
	fill_up(100000);
	/* What is freed goes back, and comes again. */
	reclaim_all(&no_regs);
	map_own((size_t)150 << 20);
	fill_up(1000);
}

static void test_rlimit_as(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		under_rlimit_as();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- quarantine ------------------------------------------------------------------------------ */

/* First in, first out, and never more than the budget, for all sizes. */
static void budget_holds(void)
{
	uint64_t seed = SEED;
	struct slab_stats s;
	unsigned i;

	for (i = 0; i < 40000; i++) {
		heap_free(heap_malloc(random_below(&seed, i % 2 ? 200 : 20000)));
		if (i % 100 == 0) {
			slab_get_stats(&s);
			CHECK(s.quarantine_bytes <= (1 << 20) + (64 << 10) + 40000);
		}
	}
	CHECK(s.quarantine_objects > 64);
}

static void quarantine_order(void)
{
	static uint8_t *first[64];
	struct slab_object obj;
	size_t i, held, n;

	for (i = 0; i < 64; i++)
		first[i] = heap_malloc(1000);
	for (i = 0; i < 64; i++)
		heap_free(first[i]);
	/* Those that are still held are always the ones freed last. */
	for (n = 0; n < 100; n++) {
		for (i = 0; i < 64; i++)
			heap_free(heap_malloc(1001));
		for (i = held = 0; i < 64; i++) {
			CHECK(slab_find_object((uintptr_t)first[i], &obj));
			if (obj.state == SLAB_OBJ_QUARANTINED && obj.size == 1000)
				held++;
			else
				CHECK(held == 0);
		}
		if (n < 10)
			CHECK(held == 64);
	}
}

/* A freed object is not handed out again soon. */
static void quarantine_delays_reuse(void)
{
	void *p = heap_malloc(64);
	unsigned i;

	heap_free(p);
	for (i = 0; i < 8000; i++) {
		void *q = heap_malloc(64);

		CHECK(q != p);
		heap_free(q);
	}
}

/* A slab whose objects are all freed faults when it is used, holds no memory, and is still known. */
static void guarded_slabs(void)
{
	static uint8_t *p[4000];
	struct slab_object obj;
	struct slab_stats s;
	size_t i, sealed = 0;
	uint8_t byte;

	if (!os_guard_supported())
		_exit(CHILD_SKIPPED);
	for (i = 0; i < 4000; i++)
		p[i] = heap_malloc(100);
	for (i = 0; i < 4000; i++)
		heap_free(p[i]);
	for (i = 0; i < 4000; i++) {
		CHECK(slab_find_object((uintptr_t)p[i] + 50, &obj));
		if (os_safe_read(&byte, p[i], 1) == 0) {
			CHECK(obj.state == SLAB_OBJ_QUARANTINED && obj.addr == (uintptr_t)p[i] && obj.size == 100);
			CHECK(obj.alloc_stack && obj.free_stack);
			sealed++;
		}
	}
	slab_get_stats(&s);
	CHECK(sealed > 3000 && s.quarantine_objects == 4000 && s.quarantine_bytes <= (4000 - sealed) * 128);
	CHECK(slab_check_all(SLAB_AT_CHECK_ALL, &no_regs) == 0 && nr_findings == 0);
	heap_free(p[100]);
	CHECK(nr_findings == 1 && findings[0].kind == SLAB_DOUBLE_FREE && findings[0].object.free_stack);
	nr_findings = 0;
	all_comes_back();
	for (i = 0; i < 4000; i++) {
		p[i] = heap_malloc(100);
		memset(p[i], 1, 100);
	}
	for (i = 0; i < 4000; i++)
		heap_free(p[i]);
	all_comes_back();
}

/* Damage is found before its bytes go away. */
static void guarding_verifies(void)
{
	static uint8_t *p[400];
	size_t i;

	if (!os_guard_supported())
		_exit(CHILD_SKIPPED);
	for (i = 0; i < 400; i++)
		p[i] = heap_malloc(100);
	/* 63 frees stay in the thread's buffer, so that this one can be written to before its slab is full. */
	for (i = 0; i < 40; i++)
		heap_free(p[i]);
	p[3][10] = 0;
	for (; i < 400; i++)
		heap_free(p[i]);
	quarantine_flush_block(tcache_block(), &no_regs);
	CHECK(nr_findings == 1 && findings[0].kind == SLAB_POISON_OVERWRITTEN &&
	      findings[0].addr == (uintptr_t)p[3] + 10);
	nr_findings = 0;
	all_comes_back();
}

/* Slabs are filled and emptied again and again, a million frees: the queue does not grow by eight bytes for each. */
static void stale_entries_go(void)
{
	static void *p[1000];
	unsigned round, i;

	for (round = 0; round < 1000; round++) {
		for (i = 0; i < 1000; i++)
			p[i] = heap_malloc(24);
		for (i = 0; i < 1000; i++)
			heap_free(p[i]);
		CHECK(meta_bytes(COST_QUARANTINE) <= 1 << 20);
	}
	all_comes_back();
}

/* Without checks, for each class: pointers beside a live object's start are no objects, and a second free is
 * reported. */
static void bad_pointers(void)
{
	static const unsigned beside[] = { 1, 8, 16, 48, 512, 1024, 1040, 2048, 4096 };
	struct slab_object obj;
	unsigned class, i;

	for (class = 1; class <= SLAB_NR_CLASSES; class ++) {
		size_t size = class_size(class);
		uint8_t *before = heap_malloc(size), *p = heap_malloc(size), *behind = heap_malloc(size);

		for (i = 0; i < ARRAY_SIZE(beside) && beside[i] < size; i++) {
			nr_findings = 0;
			heap_free(p + beside[i]);
			CHECK(nr_findings == 1 && findings[0].kind == SLAB_INVALID_FREE &&
			      findings[0].object.addr == (uintptr_t)p);
			CHECK(slab_find_object((uintptr_t)p + beside[i], &obj) && obj.state == SLAB_OBJ_LIVE &&
			      obj.addr == (uintptr_t)p);
		}
		nr_findings = 0;
		heap_free(p);
		CHECK(nr_findings == 0 && slab_find_object((uintptr_t)p, &obj) && obj.state == SLAB_OBJ_FREE);
		heap_free(p);
		CHECK(nr_findings == 1 && findings[0].kind == SLAB_DOUBLE_FREE &&
		      findings[0].object.addr == (uintptr_t)p);
		nr_findings = 0;
		heap_free(before);
		heap_free(behind);
		CHECK(nr_findings == 0);
	}
	all_comes_back();
}

static uint64_t cached_of(unsigned class)
{
	uint64_t cached[SLAB_FIRST_CUSTOM];

	tcache_count(cached);
	return cached[class];
}

/* Objects of a class that a thread no longer asks for leave its bins while it uses others, and their slabs go back. */
static void idle_bins_are_emptied(void)
{
	static void *p[4000];
	unsigned class = class_of(64), i, round;

	for (i = 0; i < 4000; i++)
		p[i] = heap_malloc(64);
	for (i = 0; i < 4000; i++)
		heap_free(p[i]);
	CHECK(cached_of(class) > 64);
	for (round = 0; round < 3000; round++) {
		for (i = 0; i < 200; i++)
			p[i] = heap_malloc(8000);
		for (i = 0; i < 200; i++)
			heap_free(p[i]);
	}
	CHECK(cached_of(class) == 0 && malloc_caches[class].nr_out == 0);
	CHECK(malloc_caches[class].nr_slabs <= 1);
	all_comes_back();
}

/* ---- memory that grows ----------------------------------------------------------------------- */

/* Small objects are allocated meanwhile, as an array of strings has them, and may take what lies behind the array. */
static void growing_array_moves_seldom(void)
{
	static void *small[100000];
	size_t n, moves = 0;
	char **array = NULL;

	for (n = 0; n < ARRAY_SIZE(small); n++) {
		bool bad = false;
		char **at = array ? slab_realloc(array, (n + 1) * sizeof(char *), &no_regs, &bad)
		                  : heap_malloc(sizeof(char *));

		CHECK(at && !bad);
		moves += at != array && n * sizeof(char *) > SLAB_CLASS_MAX;
		array = at;
		small[n] = heap_malloc(40);
	}
	CHECK(moves <= 10);
	for (n = 0; n < ARRAY_SIZE(small); n++)
		heap_free(small[n]);
	heap_free(array);
	all_comes_back();
}

/* Freed areas are retained as long as there was a peak of live ones a moment ago. */
static void make_peak(void)
{
	void *p[8];

	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		CHECK((p[i] = heap_malloc(1000000)));
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		heap_free(p[i]);
}

/* What grew before and was freed lies behind it. */
static void growing_buffer_stays(void)
{
	size_t moves = 0;

	make_peak();
	for (int round = 0; round < 20; round++) {
		char *p = heap_malloc(1000), *q;

		for (size_t size = 1000; size < 3 * 1000000; size = size * 3 / 2, p = q) {
			bool bad = false;

			q = slab_realloc(p, size * 3 / 2, &no_regs, &bad);
			CHECK(q && !bad);
			memset(q + size, round, size / 2);
			moves += round >= 4 && q != p && size > SLAB_CLASS_MAX;
		}
		heap_free(p);
	}
	CHECK(moves == 0);
	all_comes_back();
}

/* What an area leaves when it moves to grow is not resident. */
static void outgrown_memory_goes_back(void)
{
	size_t size = 200000, moves = 0, i;
	char *p[8], *q;

	make_peak();
	for (i = 0; i < ARRAY_SIZE(p); i++)
		memset((p[i] = heap_malloc(size)), (int)i, size);
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		unsigned char resident = 1;
		bool bad = false;

		q = slab_realloc(p[i], 4 * size, &no_regs, &bad);
		CHECK(q && !bad && q[0] == (char)i && q[size - 1] == (char)i);
		if (q != p[i]) {
			void *middle = (void *)ALIGN_DOWN((uintptr_t)p[i] + size / 2, PAGE_SIZE);

			CHECK(mincore(middle, PAGE_SIZE, &resident) == 0 && !(resident & 1));
			moves++;
		}
		p[i] = q;
		for (size_t k = 0; k <= i; k++)
			CHECK(p[k][0] == (char)k && p[k][size - 1] == (char)k);
	}
	CHECK(moves > 0);
	for (i = 0; i < ARRAY_SIZE(p); i++)
		heap_free(p[i]);
	all_comes_back();
}

#define CHILD_TEST(name, function, opts)      \
	static void test_##name(void **state) \
	{                                     \
		(void)state;                  \
		run_child(opts, function);    \
	}
CHILD_TEST(production, one_thread, "mode=production")
CHILD_TEST(full, one_thread, "mode=production:harden=full")
CHILD_TEST(check, one_thread, "mode=check")
CHILD_TEST(mixed, one_thread, "mode=check:slab_debug=FZPU;-,malloc-1*;P,malloc-48,malloc-64;ZU,vmalloc")
CHILD_TEST(threads_production, many_threads, "mode=production")
CHILD_TEST(threads_full, many_threads, "mode=production:harden=full")
CHILD_TEST(threads_check, many_threads, "mode=check")
CHILD_TEST(blocks, blocks_are_used_again, "mode=production")
CHILD_TEST(ended, ended_threads_keep_little, "mode=production")
CHILD_TEST(fork_production, fork_while_threads_run, "mode=production")
CHILD_TEST(fork_check, fork_while_threads_run, "mode=check")
CHILD_TEST(full_production, arena_full, "mode=production:arena.size=64M")
CHILD_TEST(full_check, arena_full, "mode=check:arena.size=64M")
CHILD_TEST(impossible_production, impossible_sizes, "mode=production")
CHILD_TEST(impossible_check, impossible_sizes, "mode=check")
CHILD_TEST(gigabytes_production, gigabytes, "mode=production")
CHILD_TEST(gigabytes_check, gigabytes, "mode=check")
CHILD_TEST(bad_pointers, bad_pointers, "mode=production")
CHILD_TEST(idle_bins, idle_bins_are_emptied, "mode=production")
CHILD_TEST(growing, growing_array_moves_seldom, "mode=production")
CHILD_TEST(growing_buffer, growing_buffer_stays, "mode=production")
CHILD_TEST(outgrown, outgrown_memory_goes_back, "mode=production")
CHILD_TEST(budget, budget_holds, "mode=check")
CHILD_TEST(order, quarantine_order, "mode=check")
CHILD_TEST(sealed, guarded_slabs, "mode=check")
CHILD_TEST(sealing, guarding_verifies, "mode=check")
CHILD_TEST(stale, stale_entries_go, "mode=check")
CHILD_TEST(reuse, quarantine_delays_reuse, "mode=check")

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_production),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_threads_production),
		cmocka_unit_test(test_threads_full),
		cmocka_unit_test(test_threads_check),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_ended),
		cmocka_unit_test(test_fork_production),
		cmocka_unit_test(test_fork_check),
		cmocka_unit_test(test_full_production),
		cmocka_unit_test(test_full_check),
		cmocka_unit_test(test_impossible_production),
		cmocka_unit_test(test_impossible_check),
		cmocka_unit_test(test_gigabytes_production),
		cmocka_unit_test(test_gigabytes_check),
		cmocka_unit_test(test_rlimit_as),
		cmocka_unit_test(test_bad_pointers),
		cmocka_unit_test(test_idle_bins),
		cmocka_unit_test(test_growing),
		cmocka_unit_test(test_growing_buffer),
		cmocka_unit_test(test_outgrown),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_sealed),
		cmocka_unit_test(test_sealing),
		cmocka_unit_test(test_stale),
		cmocka_unit_test(test_reuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
