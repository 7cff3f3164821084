/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_depot.c - equal stacks get equal handles in every thread, and stacks come back unchanged; a full
 * depot shortens them. */
#define _GNU_SOURCE
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "lib/lib.h"
#include "lib/lib_internal.h"
#include "tests/unit/unit.h"

#define DEPTH_MAX 40
#define STACKS 3000
#define THREADS 3

struct model_stack {
	uintptr_t pcs[DEPTH_MAX];
	size_t n;
	stack_handle handle[THREADS];
};
static struct model_stack stacks[STACKS];

/* The stacks share outer parts; some pcs differ in one bit only. */
static void invent_stacks(uint64_t seed)
{
	for (size_t i = 0; i < STACKS; i++) {
		struct model_stack *s = &stacks[i];
		const struct model_stack *like = &stacks[i ? unit_below(&seed, i) : 0];
		size_t shared = i ? unit_below(&seed, like->n + 1) : 0;

		s->n = MIN(shared + 1 + unit_below(&seed, 10), (size_t)DEPTH_MAX);
		shared = MIN(shared, s->n - 1);
		for (size_t k = 0; k < s->n; k++) /* innermost first */
			s->pcs[k] = k >= s->n - shared ? like->pcs[like->n - (s->n - k)]
			                               : 0x555500000000 + ((uintptr_t)1 << unit_below(&seed, 40)) +
			                                         unit_below(&seed, 4);
	}
}

static void *save_all(void *arg)
{
	static const size_t strides[THREADS] = { 1, 7, 1009 }; /* each thread saves in its own order */
	size_t thread = *(size_t *)arg;

	for (size_t i = 0; i < STACKS; i++) {
		struct model_stack *s = &stacks[(i * strides[thread] + thread) % STACKS];

		s->handle[thread] = depot_save(s->pcs, s->n);
	}
	return NULL;
}

static void expect_stack(stack_handle handle, const uintptr_t *pcs, size_t n)
{
	uintptr_t back[DEPTH_MAX + 8];

	assert_int_equal(depot_fetch(handle, back, ARRAY_SIZE(back)), n);
	assert_memory_equal(back, pcs, n * sizeof(uintptr_t));
	assert_true(depot_top(handle) == pcs[0]);
}

static void test_threads_agree(void **state)
{
	size_t numbers[THREADS];
	pthread_t threads[THREADS];

	(void)state;
	for (uint64_t seed = 1; seed < 8; seed++) {
		invent_stacks(seed);
		for (size_t i = 0; i < THREADS; i++) {
			numbers[i] = i;
			assert_int_equal(pthread_create(&threads[i], NULL, save_all, &numbers[i]), 0);
		}
		for (size_t i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		for (size_t i = 0; i < STACKS; i++) {
			for (size_t t = 1; t < THREADS; t++)
				assert_int_equal(stacks[i].handle[t], stacks[i].handle[0]);
			expect_stack(stacks[i].handle[0], stacks[i].pcs, stacks[i].n);
		}
		for (size_t i = 1; i < STACKS; i++) {
			bool equal = stacks[i].n == stacks[i - 1].n &&
			             memcmp(stacks[i].pcs, stacks[i - 1].pcs, stacks[i].n * sizeof(uintptr_t)) == 0;

			assert_int_equal(stacks[i].handle[0] == stacks[i - 1].handle[0], equal);
		}
	}
}

static void test_growth(void **state)
{
	stack_handle first = 0, last;
	uintptr_t back[4];

	(void)state;
	for (uintptr_t i = 1; i <= 300000; i++) {
		last = depot_child(first, 0x7f0000000000 + i);
		if (i == 1)
			first = last;
	}
	for (uintptr_t i = 2; i <= 300000; i += 997) {
		stack_handle h = depot_child(first, 0x7f0000000000 + i);

		assert_int_equal(depot_fetch(h, back, 4), 2);
		assert_int_equal(back[0], 0x7f0000000000 + i);
		assert_int_equal(back[1], 0x7f0000000001);
	}
	assert_false(depot_is_full());
	assert_true(depot_bytes() > 300000 * 16);
}

/* A node's first children are found by steps, the others by their hash; no step finds another stack's frame. */
static void test_steps(void **state)
{
	const uintptr_t base = 0x7e0000000000;
	stack_handle parent = depot_child(0, base), other = depot_child(0, base + 1), child[40];
	unsigned found = 0;

	(void)state;
	assert_int_equal(depot_step(parent, base + 2), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(child); i++)
		child[i] = depot_child(parent, base + 2 + i);
	for (unsigned i = 0; i < ARRAY_SIZE(child); i++) {
		stack_handle h = depot_step(parent, base + 2 + i);

		assert_true(h == 0 || h == child[i]);
		found += h != 0;
		assert_int_equal(depot_parent(child[i]), parent);
		assert_int_equal(depot_child(parent, base + 2 + i), child[i]);
		assert_int_equal(depot_step(other, base + 2 + i), 0);
	}
	assert_int_equal(depot_step(parent, base + 2), child[0]);
	assert_true(found >= 30 && found < ARRAY_SIZE(child));
	assert_int_equal(depot_step(child[0], base + 2), 0);
}

static void test_bad_handles(void **state)
{
	uintptr_t back[2] = { 1, 1 }, three[] = { 11, 12, 13 }, one = 0;

	(void)state;
	assert_int_equal(depot_fetch(0, back, 2), 0);
	assert_int_equal(depot_fetch(UINT32_MAX, back, 2), 0);
	assert_int_equal(depot_fetch(1u << 28, back, 2), 0);
	assert_int_equal(depot_top(0), 0);
	assert_int_equal(depot_top(UINT32_MAX), 0);
	assert_int_equal(depot_save(back, 0), 0);
	/* depot_fetch returns the number of all frames, but writes no more than the caller has room for. */
	assert_int_equal(depot_fetch(depot_save(three, 3), &one, 1), 3);
	assert_int_equal(one, 11);
}

/* ---- a full depot ---------------------------------------------------------------------------- */

static void fill(void *arg)
{
	struct rlimit limit = { 96u << 20, 96u << 20 };
	uintptr_t pcs[6], back[8];

	(void)arg;
	if (setrlimit(RLIMIT_AS, &limit) != 0)
		_exit(40);
	for (uintptr_t i = 1; !depot_is_full(); i++) {
		stack_handle h;
		size_t n;

		for (uintptr_t k = 0; k < 6; k++)
			pcs[5 - k] = i * 8 + k;
		h = depot_save(pcs, 6);
		/* The depot keeps the outer frames that fit. */
		n = depot_fetch(h, back, 8);
		if (n > 6 || memcmp(back, pcs + 6 - n, n * sizeof(uintptr_t)) != 0)
			_exit(41);
		if (n < 6 && !depot_is_full())
			_exit(42);
		if (i > 3000000)
			_exit(43);
	}
	/* A full depot still finds the stacks that it has. Of a new stack it keeps the outer part that it knows, or
	 * nothing. */
	for (uintptr_t k = 0; k < 6; k++)
		pcs[5 - k] = 8 + k;
	if (depot_fetch(depot_save(pcs, 6), back, 8) != 6 || depot_child(0, 0x123456789) != 0)
		_exit(44);
	pcs[1] = 99;
	if (depot_fetch(depot_save(pcs, 6), back, 8) != 4 && depot_fetch(depot_save(pcs, 6), back, 8) != 5)
		_exit(45);
}

static void test_full(void **state)
{
	char err[200];

	(void)state;
	assert_int_equal(unit_child(fill, NULL, err, sizeof(err)), 0);
}

/* ---- a signal in the middle ------------------------------------------------------------------ */

static volatile uintptr_t signal_pc = 0x600000000000;

static void insert_in_handler(int sig)
{
	(void)sig;
	for (int i = 0; i < 20; i++)
		depot_child(0, signal_pc++);
}

static void test_signals(void **state)
{
	struct itimerval often = { { 0, 150 }, { 0, 150 } }, never = { { 0, 0 }, { 0, 0 } };
	uintptr_t back[2];

	(void)state;
	signal(SIGALRM, insert_in_handler);
	setitimer(ITIMER_REAL, &often, NULL);
	for (uintptr_t i = 0; i < 300000; i++) {
		stack_handle h = depot_child(0, 0x700000000000 + i);

		assert_int_equal(depot_fetch(h, back, 2), 1);
		assert_int_equal(back[0], 0x700000000000 + i);
	}
	setitimer(ITIMER_REAL, &never, NULL);
	signal(SIGALRM, SIG_DFL);
	assert_true(signal_pc > 0x600000000000 + 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* The first test: its child must start with an empty depot. */
		cmocka_unit_test(test_full),        cmocka_unit_test(test_threads_agree), cmocka_unit_test(test_growth),
		cmocka_unit_test(test_bad_handles), cmocka_unit_test(test_signals),       cmocka_unit_test(test_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
