/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/stack/program.c - what a call needs of its caller's stack.
 *
 *     program CASE          runs the case on a painted stack and prints how much of the paint is gone
 *     program CASE BYTES    runs it on a stack of that size above an inaccessible page
 *
 * Without arguments it prints the names of the cases.  tests/stack/run compares runs with memsan and without. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <ucontext.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wuse-after-free"
#pragma GCC diagnostic ignored "-Wfree-nonheap-object"

#define PAINT 0xa5
#define BIG ((size_t)1 << 20)

/* libstdc++'s names; C code calls them as C++ code does. */
void *op_new(size_t size) __asm__("_Znwm");
void op_delete(void *p) __asm__("_ZdlPv");
void op_delete_sized(void *p, size_t size) __asm__("_ZdlPvm");

static void *volatile kept[4096];
static volatile size_t sink;
static char *volatile text;

/* No warning and no clever compiler: the calls happen as they are written. */
static void *(*volatile do_malloc)(size_t) = malloc;
static void (*volatile do_free)(void *) = free;
static void *(*volatile do_calloc)(size_t, size_t) = calloc;
static void *(*volatile do_realloc)(void *, size_t) = realloc;
static void *(*volatile do_aligned)(size_t, size_t) = aligned_alloc;
static void *(*volatile do_memcpy)(void *, const void *, size_t) = memcpy;
static void *(*volatile do_new)(size_t) = op_new;
static void (*volatile do_delete)(void *) = op_delete;
static void (*volatile do_delete_sized)(void *, size_t) = op_delete_sized;

static size_t class_size(unsigned i)
{
	return ((size_t)16 << i % 12) + i % 7 * 8;
}

/* ---- what runs before, on the ordinary stack ------------------------------------------------- */

static void warm_up(void)
{
	for (int round = 0; round < 300; round++) {
		for (unsigned i = 0; i < 24; i++)
			kept[i] = do_malloc(class_size(i));
		for (unsigned i = 0; i < 24; i++)
			do_free(kept[i]);
	}
}

static void one_object(void)
{
	warm_up();
	kept[0] = do_malloc(100);
	kept[1] = do_malloc(100);
}

static void large_object(void)
{
	warm_up();
	kept[0] = do_malloc(BIG);
}

static void freed_object(void)
{
	one_object();
	do_free(kept[0]);
}

static void overrun_object(void)
{
	one_object();
	((volatile char *)kept[0])[101] = 1;
}

static void underrun_object(void)
{
	one_object();
	((volatile char *)kept[0])[-2] = 1;
}

/* Every other one stays: a slab without a live object would be guarded, and the writes would fault. */
static void stale_objects(void)
{
	warm_up();
	for (unsigned i = 0; i < 500; i++)
		kept[i] = do_malloc(100);
	for (unsigned i = 0; i < 500; i += 2)
		do_free(kept[i]);
	for (unsigned i = 0; i < 500; i += 2)
		((volatile char *)kept[i])[50] = 1;
}

static void little_memory(void)
{
	struct rlimit limit = { (size_t)1 << 30, RLIM_INFINITY };

	warm_up();
	setrlimit(RLIMIT_DATA, &limit);
}

/* ---- the cases ------------------------------------------------------------------------------- */

static void nothing(void)
{
}

static void do_malloc_small(void)
{
	kept[0] = do_malloc(100);
}

static void do_free_small(void)
{
	do_free(kept[0]);
}

static void do_calloc_small(void)
{
	kept[0] = do_calloc(10, 10);
}

static void do_realloc_same(void)
{
	kept[0] = do_realloc(kept[0], 90);
}

static void do_realloc_moving(void)
{
	for (size_t size = 100; size < 100000; size += size / 3)
		kept[0] = do_realloc(kept[0], size);
}

static void do_realloc_large(void)
{
	for (unsigned i = 2; i < 20; i++)
		kept[0] = do_realloc(kept[0], i * BIG);
}

static void do_aligned_small(void)
{
	kept[0] = do_aligned(64, 128);
	kept[1] = do_aligned(4096, 4096);
	kept[2] = do_aligned(65536, 65536);
	for (unsigned i = 0; i < 3; i++)
		do_free(kept[i]);
}

static void do_operators(void)
{
	kept[0] = do_new(40);
	kept[1] = do_new(40);
	do_delete(kept[0]);
	do_delete_sized(kept[1], 40);
}

static void do_usable(void)
{
	sink = malloc_usable_size(kept[0]);
}

static void do_strdup(void)
{
	text = strdup("a string of some length");
}

static void do_refill(void)
{
	for (unsigned i = 0; i < 4096; i++)
		kept[i] = do_malloc(class_size(i) % 3000);
}

static void do_many(void)
{
	for (unsigned round = 0; round < 40; round++) {
		for (unsigned i = 0; i < 4096; i++)
			kept[i] = do_malloc(class_size(i + round) % 3000);
		for (unsigned i = 0; i < 4096; i++)
			do_free(kept[i * 5 % 4096]);
	}
}

/* Enough for the quarantine's limit, guarded slabs, and pages that go back to the system. */
static void do_flood(void)
{
	for (unsigned round = 0; round < 60; round++) {
		for (unsigned i = 0; i < 400; i++)
			kept[i] = do_malloc(class_size(i + round));
		for (unsigned i = 0; i < 400; i++)
			do_free(kept[i]);
	}
}

static void do_large(void)
{
	for (unsigned i = 0; i < 40; i++) {
		kept[0] = do_malloc(BIG * (1 + i % 9) + i * 5000);
		kept[1] = do_calloc(1, 300000 + i * 5000);
		do_free(kept[0]);
		do_free(kept[1]);
	}
}

static void do_trim(void)
{
	malloc_trim(0);
}

static void do_exhaust(void)
{
	unsigned i;

	for (i = 0; i < 4096 && (kept[i] = do_malloc(BIG)); i++)
		;
	kept[i] = do_malloc(100);
	kept[i + 1] = do_malloc((size_t)1 << 62);
	kept[i + 2] = do_malloc((size_t)1 << 40);
}

/* The frames are the same in every run; only the last one's need differs. */
static __attribute__((noinline)) void descend(unsigned depth)
{
	if (depth)
		descend(depth - 1);
	else
		kept[0] = do_malloc(100);
	__asm__ volatile("" ::: "memory");
}

static void do_deep(void)
{
	descend(300);
	do_free(kept[0]);
}

static void do_overlong_copy(void)
{
	do_memcpy(kept[0], (void *)kept[1], 110);
}

static void do_free_text(void)
{
	do_free((char *)kept[0] + 8);
}

static void do_realloc_freed(void)
{
	kept[2] = do_realloc(kept[0], 200);
}

static void do_mismatch(void)
{
	do_delete(kept[0]);
}

static void do_read_freed(void)
{
	sink = *(volatile char *)kept[0];
}

static void do_write_behind(void)
{
	((volatile char *)kept[0])[112] = 1;
}

static void do_flush_stale(void)
{
	malloc_trim(0);
	do_flood();
}

enum { THREAD = 1, REPORTS = 2, FENCE_ONLY = 4, ENDS = 8 };
static const struct test_case {
	const char *name;
	void (*before)(void);
	void (*run)(void);
	unsigned flags;
} cases[] = {
	{ "nothing", warm_up, nothing, 0 },
	{ "malloc_first", NULL, do_malloc_small, 0 },
	{ "malloc", warm_up, do_malloc_small, 0 },
	{ "free", one_object, do_free_small, 0 },
	{ "calloc", warm_up, do_calloc_small, 0 },
	{ "realloc_same", one_object, do_realloc_same, 0 },
	{ "realloc_moving", one_object, do_realloc_moving, 0 },
	{ "realloc_large", large_object, do_realloc_large, 0 },
	{ "aligned_alloc", warm_up, do_aligned_small, 0 },
	{ "operators", warm_up, do_operators, 0 },
	{ "usable_size", one_object, do_usable, 0 },
	{ "strdup", warm_up, do_strdup, 0 },
	{ "thread_malloc", warm_up, do_malloc_small, THREAD },
	{ "thread_free", one_object, do_free_small, THREAD },
	{ "thread_many", warm_up, do_many, THREAD },
	{ "refill", warm_up, do_refill, 0 },
	{ "many", warm_up, do_many, 0 },
	{ "flood", warm_up, do_flood, 0 },
	{ "large", warm_up, do_large, 0 },
	{ "trim", stale_objects, do_trim, 0 },
	{ "exhaust", little_memory, do_exhaust, 0 },
	{ "deep", warm_up, do_deep, 0 },
	{ "double_free", freed_object, do_free_small, REPORTS },
	{ "invalid_free", one_object, do_free_text, REPORTS },
	{ "realloc_freed", freed_object, do_realloc_freed, REPORTS },
	{ "mismatch", one_object, do_mismatch, REPORTS },
	{ "overlong_copy", one_object, do_overlong_copy, REPORTS },
	{ "redzone_right", overrun_object, do_free_small, REPORTS },
	{ "redzone_left", underrun_object, do_free_small, REPORTS },
	{ "stale_write", stale_objects, do_flush_stale, REPORTS },
	{ "fault_freed", freed_object, do_read_freed, REPORTS | FENCE_ONLY },
	{ "fault_behind", one_object, do_write_behind, REPORTS | FENCE_ONLY },
};
#define NR_CASES (sizeof(cases) / sizeof(cases[0]))

/* ---- the stack ------------------------------------------------------------------------------- */

static const struct test_case *now;
static unsigned char *stack_lo;
static size_t stack_size;
static ucontext_t outside, inside;

static void entry(void)
{
	now->run();
}

static void *run_inside(void *unused)
{
	memset(stack_lo, PAINT, stack_size);
	getcontext(&inside);
	inside.uc_stack.ss_sp = stack_lo;
	inside.uc_stack.ss_size = stack_size;
	inside.uc_link = &outside;
	makecontext(&inside, entry, 0);
	swapcontext(&outside, &inside);
	return unused;
}

static size_t used(void)
{
	size_t i = 0;

	while (i < stack_size && stack_lo[i] == PAINT)
		i++;
	return stack_size - i;
}

static void say(size_t n)
{
	char line[32];
	int len = snprintf(line, sizeof(line), "%zu\n", n);

	if (write(1, line, (size_t)len) != len)
		_exit(99);
}

int main(int argc, char **argv)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), pages;
	pthread_t thread;
	char *memory;

	for (now = cases; argc > 1 && now < cases + NR_CASES && strcmp(now->name, argv[1]) != 0; now++)
		;
	if (argc < 2 || now == cases + NR_CASES) {
		for (now = cases; now < cases + NR_CASES; now++)
			printf("%s %s\n", now->name,
			       now->flags & FENCE_ONLY ? "fault"
			       : now->flags & REPORTS  ? "report"
			                               : "plain");
		return argc > 1;
	}
	stack_size = argc > 2 ? strtoul(argv[2], NULL, 10) : BIG;
	pages = (stack_size + page - 1) / page * page;
	memory = mmap(NULL, pages + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED || mprotect(memory, page, PROT_NONE) != 0)
		return 98;
	stack_lo = (unsigned char *)memory + page; /* a stack of less than a page begins right above the guard */
	if (now->before)
		now->before();
	if (!(now->flags & THREAD))
		run_inside(NULL);
	else if (pthread_create(&thread, NULL, run_inside, NULL) != 0 || pthread_join(thread, NULL) != 0)
		return 97;
	say(used());
	_exit(0);
}
