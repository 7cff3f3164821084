/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_no_memory.c - every function of memsan.h that allocates, with the N-th allocation inside of memsan
 * failing, for every N. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/memsan.h"
#include "slab/area.h"
#include "slab/arena.h"
#include "slab/buddy.h"
#include "slab/cache.h"
#include "slab/lend.h"
#include "slab/quarantine.h"
#include "slab/slab.h"
#include "slab/tcache.h"

/* The program links all of memsan, as from libmemsan.a.  The linker wraps (--wrap) the functions that get memory for
 * memsan itself: its own memory (meta_alloc), pages (buddy_alloc, buddy_extend), address space (os_reserve, os_commit).
 * A child process runs a scenario with the N-th of these calls failing, another child with the N-th and all later calls
 * failing.  N grows until the scenario makes fewer than N calls.
 *
 * A scenario checks for itself that each function succeeds or fails with ENOMEM and that its memory keeps its contents,
 * and frees everything.  Afterwards run_once checks that as many objects are live and as many pages used as before,
 * that no report was made, that every invariant holds, and that the scenario works when it runs again. */

static size_t calls, fail_from, fail_to; /* atomic; [fail_from, fail_to) fail, counted from 1 */

static bool fails(void)
{
	size_t n = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);

	return n >= READ_ONCE(fail_from) && n < READ_ONCE(fail_to);
}

#define WRAP(type, none, name, params, args)                \
	type __real_##name params;                          \
	type __wrap_##name params;                          \
	type __wrap_##name params                           \
	{                                                   \
		return fails() ? none : __real_##name args; \
	}
WRAP(void *, NULL, meta_alloc, (size_t size, enum cost_centre centre), (size, centre))
WRAP(uint32_t, NO_PAGE, buddy_alloc, (size_t n, bool *clean), (n, clean))
WRAP(bool, false, buddy_extend, (uint32_t page, size_t n, bool *clean), (page, n, clean))
WRAP(void *, NULL, os_reserve, (size_t size, size_t align), (size, align))
WRAP(bool, false, os_commit, (void *p, size_t size, bool huge), (p, size, huge))

#define CHECK(x)                                                                \
	do {                                                                    \
		if (!(x)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			_exit(1);                                               \
		}                                                               \
	} while (0)

/* ---- scenarios: false when an allocation failed; all memory is freed either way -------------- */

#define SOME 300
#define FEW 6

/* The result of a scenario in which an allocation failed. */
static bool refused(void)
{
	CHECK(errno == ENOMEM);
	return false;
}

static void fill(void *p, size_t size)
{
	memset(p, 0x11, size);
}

static bool filled(const void *p, size_t size)
{
	return size == 0 || (((const char *)p)[0] == 0x11 && ((const char *)p)[size / 2] == 0x11 &&
	                     ((const char *)p)[size - 1] == 0x11);
}

static bool cache_of(size_t size, unsigned flags, void (*ctor)(void *))
{
	struct memsan_cache *c = memsan_cache_create("scenario", size, 0, flags, ctor);
	void *p[SOME];
	size_t n;
	int error;

	if (!c)
		return refused();
	for (n = 0; n < SOME && (p[n] = memsan_cache_alloc(c)) != NULL; n++) {
		CHECK(!ctor || *(int *)p[n] == 42);
		if (!ctor)
			fill(p[n], size);
	}
	error = errno;
	for (size_t i = 0; i < n; i++) {
		CHECK(ctor || filled(p[i], size));
		memsan_cache_free(c, p[i]);
	}
	memsan_cache_shrink(c);
	CHECK(memsan_cache_destroy(c) == 0);
	errno = error;
	return n == SOME || refused();
}

static void construct(void *p)
{
	*(int *)p = 42;
}

static bool caches(void)
{
	return cache_of(100, 0, NULL);
}

static bool caches_large(void)
{
	return cache_of(20000, MEMSAN_CACHE_HWCACHE_ALIGN, NULL);
}

static bool caches_constructed(void)
{
	return cache_of(300, MEMSAN_CACHE_RED_ZONE | MEMSAN_CACHE_STORE_USER, construct);
}

static bool caches_bulk(void)
{
	struct memsan_cache *c = memsan_cache_create("bulk", 700, 64, MEMSAN_CACHE_TYPESAFE, NULL);
	void *p[SOME];
	size_t n;

	if (!c)
		return refused();
	n = memsan_cache_alloc_bulk(c, SOME, p);
	CHECK(n == SOME || (n == 0 && errno == ENOMEM));
	memsan_cache_free_bulk(c, n, p);
	CHECK(memsan_cache_destroy(c) == 0);
	return n == SOME;
}

static struct memsan_cache *long_lived;

/* The cache exists already: the scenario allocates only objects. */
static bool caches_used(void)
{
	static void *p[SOME];
	bool good;
	size_t n;

	for (n = 0;
	     n < SOME && (p[n] = n % 2 ? memsan_cache_alloc(long_lived) : memsan_cache_zalloc(long_lived)) != NULL; n++)
		fill(p[n], 1000);
	good = n == SOME || refused();
	while (n > 0)
		memsan_cache_free(long_lived, p[--n]);
	memsan_cache_shrink(long_lived);
	return good;
}

/* Sizes up to those of large areas, with any of the functions that take a size. */
static bool sizes(void *(*allocate)(size_t size), void (*release)(void *p))
{
	size_t size, n = 0, i;
	void *p[8];
	bool good;

	for (size = 10; n < 8 && (p[n] = allocate(size)) != NULL; size *= 6) {
		fill(p[n], size);
		n++;
	}
	good = n == 8 || refused();
	for (size = 10, i = 0; i < n; i++, size *= 6) {
		CHECK(filled(p[i], size));
		release(p[i]);
	}
	return good;
}

static void *array(size_t size)
{
	return memsan_kvmalloc_array(size / 5 + 1, 5);
}

static bool kmalloc(void)
{
	return sizes(memsan_kmalloc, memsan_kfree);
}

static bool kzalloc(void)
{
	return sizes(memsan_kzalloc, free);
}

static bool kvmalloc(void)
{
	return sizes(memsan_kvmalloc, memsan_kvfree);
}

static bool kvmalloc_array(void)
{
	return sizes(array, memsan_kvfree);
}

static bool vmalloc(void)
{
	return sizes(memsan_vmalloc, memsan_vfree);
}

static bool vzalloc(void)
{
	return sizes(memsan_vzalloc, memsan_vfree);
}

static bool reallocation(void)
{
	size_t size, had = 0;
	char *p = NULL, *q = NULL;
	bool good;

	for (size = 10; size < 5000000; size *= 5) {
		q = memsan_krealloc(p, size);
		if (!q)
			break;
		CHECK(filled(q, had));
		p = q;
		had = size;
		fill(p, size);
	}
	good = q || refused();
	CHECK(filled(p, had));
	free(p);
	return good;
}

static bool aligned(void)
{
	void *p[7];
	bool good;
	size_t n;

	for (n = 0; n < 7 && (p[n] = aligned_alloc((size_t)16 << 2 * n, 5000)) != NULL; n++)
		CHECK((uintptr_t)p[n] % ((size_t)16 << 2 * n) == 0);
	good = n == 7 || refused();
	while (n > 0)
		free(p[--n]);
	return good;
}

static bool pages(void)
{
	void *p[MEMSAN_MAX_ORDER + 2];
	unsigned n, order;
	bool good;

	for (n = 0; n < ARRAY_SIZE(p); n++) {
		order = n ? n - 1 : 0;
		p[n] = n ? memsan_alloc_pages(order) : memsan_get_zeroed_page();
		if (!p[n])
			break;
		CHECK((uintptr_t)p[n] % (PAGE_SIZE << order) == 0);
		fill(p[n], PAGE_SIZE << order);
	}
	good = n == ARRAY_SIZE(p) || refused();
	while (n-- > 0) {
		order = n ? n - 1 : 0;
		CHECK(filled(p[n], PAGE_SIZE << order));
		memsan_free_pages(p[n], order);
	}
	return good;
}

static bool pools(void)
{
	static char block[FEW * 64] __attribute__((aligned(16)));
	struct memsan_pool *pool = memsan_pool_create("pool", 8, MEMSAN_POOL_LEAKS);
	size_t n = 0;
	bool good;

	if (!pool)
		return refused();
	good = memsan_pool_add(pool, block, sizeof(block)) == 0 || refused();
	while (n < FEW && memsan_pool_alloc(pool, block + n * 64 + 8, 40) == 0)
		n++;
	good &= n == FEW || refused();
	while (n > 0)
		memsan_pool_free(pool, block + --n * 64 + 8);
	CHECK(memsan_pool_destroy(pool) == 0);
	return good;
}

static unsigned long spare = 10;

static unsigned long count(void *data)
{
	return *(unsigned long *)data;
}

static unsigned long scan(void *data, struct memsan_shrink_control *control)
{
	*(unsigned long *)data = 0;
	return control->nr_to_scan;
}

static bool shrinkers(void)
{
	struct memsan_shrinker *s[FEW];
	bool good;
	size_t n;

	for (n = 0; n < FEW && (s[n] = memsan_shrinker_register("spare", count, scan, &spare)) != NULL; n++)
		;
	good = n == FEW || refused();
	memsan_shrink_all();
	while (n > 0)
		memsan_shrinker_unregister(s[--n]);
	return good;
}

static bool views(void)
{
	static int (*const views[])(int fd) = { memsan_slabinfo, memsan_buddyinfo, memsan_vmallocinfo };
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(views); i++)
		good &= views[i](fd) == 0 || refused();
	good &= memsan_alloc_traces(fd, NULL) == 0 || refused();
	good &= memsan_free_traces(fd, "malloc-64") == 0 || refused();
	close(fd);
	return good;
}

/* A new thread first has to make its thread caches. */
static void *in_thread(void *arg)
{
	bool *good = arg;

	*good = kmalloc();
	*good &= caches_used();
	*good &= vmalloc();
	return NULL;
}

static void *no_work(void *arg)
{
	return arg;
}

static bool threads(void)
{
	bool good;
	pthread_t t;

	CHECK(pthread_create(&t, NULL, in_thread, &good) == 0 && pthread_join(t, NULL) == 0);
	return good;
}

static const struct scenario {
	const char *name;
	bool (*run)(void);
} scenarios[] = {
	{ "caches", caches },
	{ "large objects", caches_large },
	{ "constructed objects", caches_constructed },
	{ "bulk", caches_bulk },
	{ "a cache that is there", caches_used },
	{ "kmalloc", kmalloc },
	{ "kzalloc", kzalloc },
	{ "kvmalloc", kvmalloc },
	{ "kvmalloc_array", kvmalloc_array },
	{ "vmalloc", vmalloc },
	{ "vzalloc", vzalloc },
	{ "krealloc", reallocation },
	{ "aligned_alloc", aligned },
	{ "pages", pages },
	{ "pools", pools },
	{ "shrinkers", shrinkers },
	{ "views", views },
	{ "threads", threads },
};

/* ---- one run --------------------------------------------------------------------------------- */

static void verify_cache(struct slab_cache *c, void *ctx)
{
	const char *wrong = cache_verify(c);

	(void)ctx;
	if (wrong)
		fprintf(stderr, "cache %s: %s\n", c->name, wrong);
	CHECK(!wrong);
}

/* Counts live objects, and pages that are neither free nor only kept for later. */
static void count_used(uint64_t *objects, size_t *used)
{
	struct slab_stats s;
	struct buddy_stats b;

	memsan_shrink_all();
	quarantine_drain(NULL);
	tcache_flush_all(tcache_block());
	area_drain();
	slab_trim(0);
	slab_get_stats(&s);
	buddy_get_stats(&b);
	*objects = s.live_objects;
	*used = b.mapped_pages - b.free_pages - slab_lent_pages();
}

/* Exit status of the child: did the scenario get as far as the N-th allocation? */
enum { NONE_FAILED = 10, SOME_FAILED = 11 };

static void run_once(const struct scenario *s, size_t n, bool all_later)
{
	uint64_t objects, objects_after;
	size_t used, used_after, happened;
	bool good;

	count_used(&objects, &used);
	fail_to = all_later ? SIZE_MAX : n + 1;
	calls = 0;
	WRITE_ONCE(fail_from, n);
	good = s->run();
	WRITE_ONCE(fail_from, SIZE_MAX);
	happened = calls;
	CHECK(memsan_report_count() == 0);
	CHECK(good || happened >= n);
	cache_for_each(verify_cache, NULL);
	CHECK(!buddy_verify());
	CHECK(memsan_check_all() == 0);
	count_used(&objects_after, &used_after);
	if (objects_after != objects || used_after != used)
		fprintf(stderr, "objects %lu, now %lu; pages %zu, now %zu\n", objects, objects_after, used, used_after);
	CHECK(objects_after == objects && used_after == used);
	CHECK(s->run());
	CHECK(memsan_report_count() == 0);
	_exit(happened >= n ? SOME_FAILED : NONE_FAILED);
}

/* Returns how many allocations the scenario makes, or -1 when a child failed. */
static int run_all(const struct scenario *s, bool all_later)
{
	int n, status;

	for (n = 1; n < 2000; n++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			alarm(20);
			run_once(s, (size_t)n, all_later);
		}
		CHECK(waitpid(pid, &status, 0) == pid);
		if (!WIFEXITED(status) || (WEXITSTATUS(status) != SOME_FAILED && WEXITSTATUS(status) != NONE_FAILED)) {
			printf("FAIL: %s, allocation %d%s: %s %d\n", s->name, n, all_later ? " and all later ones" : "",
			       WIFEXITED(status) ? "status" : "signal",
			       WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
			return -1;
		}
		if (WEXITSTATUS(status) == NONE_FAILED)
			return n - 1;
	}
	return -1;
}

static int run_mode(void)
{
	bool failed = false;
	pthread_t t;

	/* libc keeps memory that it allocated for the first thread: that happens here, before anything is counted. */
	CHECK(pthread_create(&t, NULL, no_work, NULL) == 0 && pthread_join(t, NULL) == 0);
	long_lived = memsan_cache_create("long-lived", 1000, 0, 0, NULL);
	CHECK(long_lived);
	printf("%s\n", getenv("MEMSAN_OPTIONS"));
	for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++) {
		int alone = run_all(&scenarios[i], false), later = alone < 0 ? -1 : run_all(&scenarios[i], true);

		/* A scenario without any allocation would test nothing. */
		if (later < 1)
			failed = true;
		else
			printf("PASS: %s, %d and %d allocations\n", scenarios[i].name, alone, later);
		fflush(stdout);
	}
	return failed;
}

int main(int argc, char **argv)
{
	static const char *const modes[] = { "mode=production:fence=off", "mode=check:fence=off",
		                             "mode=check:fence=all" };
	int status = 0;

	(void)argc;
	if (getenv("NO_MEMORY_CHILD"))
		return run_mode();
	setenv("NO_MEMORY_CHILD", "1", 1);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		int s;
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			setenv("MEMSAN_OPTIONS", modes[i], 1);
			execv("/proc/self/exe", argv);
			_exit(1);
		}
		CHECK(waitpid(pid, &s, 0) == pid);
		status |= s != 0;
	}
	return status;
}
