/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_slab_wrapped.c - moments that only a wrapped function shows: a fork while memory is given back, and a
 * stack depot that gets no more memory. The linker wraps os_decommit, meta_alloc and os_reserve. */
#include "slab_test.h"
#include "slab/buddy.h"

static bool fork_now, refuse;
static pid_t forked;

void __real_os_decommit(void *p, size_t size);
void __wrap_os_decommit(void *p, size_t size);
void *__real_meta_alloc(size_t size, enum cost_centre centre);
void *__wrap_meta_alloc(size_t size, enum cost_centre centre);
void *__real_os_reserve(size_t size, size_t align);
void *__wrap_os_reserve(size_t size, size_t align);

static void in_child(void)
{
	void *p;

	/* Nothing gives memory back here: the thread that did so is the parent's. */
	lib_fork_child();
	slab_fork_child();
	p = slab_malloc(1 << 20, 16, SLAB_API_MALLOC, false, &no_regs);
	CHECK(p);
	memset(p, 1, 1 << 20);
	slab_free(p, SLAB_API_MALLOC, SIZE_MAX, &no_regs);
	slab_trim(0);
	_exit(buddy_dirty_pages() == 0 ? 0 : 2);
}

void __wrap_os_decommit(void *p, size_t size)
{
	if (fork_now) {
		fork_now = false;
		lib_fork_prepare();
		forked = fork();
		if (forked == 0)
			in_child();
		lib_fork_parent();
	}
	__real_os_decommit(p, size);
}

void *__wrap_meta_alloc(size_t size, enum cost_centre centre)
{
	return refuse ? NULL : __real_meta_alloc(size, centre);
}

void *__wrap_os_reserve(size_t size, size_t align)
{
	return refuse ? NULL : __real_os_reserve(size, align);
}

/* ---- a child that is made while memory is given back ------------------------------------------ */

static void child_gives_memory_back(void)
{
	int status = -1;
	void *p = slab_malloc(10 << 20, 16, SLAB_API_MALLOC, false, &no_regs);

	CHECK(p);
	memset(p, 1, 10 << 20);
	fork_now = true;
	slab_free(p, SLAB_API_MALLOC, SIZE_MAX, &no_regs);
	CHECK(!fork_now && forked > 0 && waitpid(forked, &status, 0) == forked);
	CHECK(status == 0);
}

static void test_child_gives_memory_back(void **state)
{
	(void)state;
	run_child("mode=production:quarantine.size=0", child_gives_memory_back);
}

/* ---- a depot whose table cannot grow --------------------------------------------------------- */

/* The table fills up, but never to its last slot, at which searches end. Then the depot is full: it knows the stacks
 * that it has, and takes no more. */
static void full_table_ends_searches(void)
{
	stack_handle known = depot_child(0, 0x777), h;
	uintptr_t pc = 0x10000;
	unsigned n = 0;

	CHECK(known);
	refuse = true;
	alarm(60); /* a search without an end */
	for (; !depot_is_full() && n < 200000; n++) {
		h = depot_child(0, pc + n);
		CHECK(depot_is_full() || (h && depot_top(h) == pc + n));
	}
	CHECK(depot_is_full() && n > 500);
	CHECK(depot_child(0, 0x777) == known);
	CHECK(depot_child(0, 0x778) == 0);
	for (unsigned i = 0; i + 1 < n; i++)
		CHECK(depot_top(depot_child(0, pc + i)) == pc + i);
	CHECK(depot_child(0, 0x779) == 0);
}

static void test_full_table_ends_searches(void **state)
{
	(void)state;
	run_child("mode=production", full_table_ends_searches);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_child_gives_memory_back),
		cmocka_unit_test(test_full_table_ends_searches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
