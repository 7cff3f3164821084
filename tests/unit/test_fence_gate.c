/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_fence_gate.c - which allocations the gate lets through: one in N, counted from a thread's first one,
 * and the bursts after them. */
#include "config.h"

#include <string.h>

#include "tests/unit/unit.h"

#include <pthread.h>

#include "fence/fence_internal.h"

static int32_t ticks;

/* Counts down as malloc does in a thread that has a thread cache. */
static bool wanted(void)
{
	return --ticks < 0 && fence_gate(&ticks);
}

static void sample(uint64_t rate, uint64_t burst)
{
	fence_sampling = true;
	options.fence_sample_rate = rate;
	options.fence_burst = burst;
}

struct outcome {
	bool early;
	unsigned long rate, burst, allocations, fenced, longest;
};

/* Runs in a new thread, because the gate keeps its state per thread. */
static void *count(void *arg)
{
	struct outcome *o = arg;
	unsigned long row = 0;

	sample(o->rate, o->burst);
	ticks = 0;
	for (unsigned long i = 0; i < o->allocations; i++) {
		bool open = o->early && i < 5 ? fence_gate_early() : wanted();

		o->fenced += open;
		row = open ? row + 1 : 0;
		o->longest = MAX(o->longest, row);
	}
	return NULL;
}

static void run(struct outcome *o)
{
	pthread_t t;

	o->fenced = o->longest = 0;
	assert_int_equal(pthread_create(&t, NULL, count, o), 0);
	assert_int_equal(pthread_join(t, NULL), 0);
}

static void one_in_one_is_every_allocation(void **state)
{
	struct outcome o = { .rate = 1, .allocations = 1000 };

	(void)state;
	run(&o);
	assert_int_equal(o.fenced, 1000);
	o.early = true;
	run(&o);
	assert_int_equal(o.fenced, 1000);
}

/* The distance to a thread's first sample is drawn from 1 … 2N-1 too. So on average it is as long as later ones. */
static void first_sample_comes_when_it_should(void **state)
{
	unsigned long at_first = 0;

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		struct outcome o = { .early = i & 1, .rate = 4, .allocations = 1 };

		run(&o);
		at_first += o.fenced;
	}
	/* One thread in seven of 500, that is 71; six standard deviations are 47. */
	assert_in_range(at_first, 24, 118);
}

static void rate_is_kept(void **state)
{
	struct outcome o = { .rate = 100, .allocations = 200000 };

	(void)state;
	run(&o);
	assert_in_range(o.fenced, 1800, 2200);
}

static void *idle_then_busy(void *arg)
{
	uint64_t began = clock_coarse_ms(), idle = 300, interval = 20;
	unsigned long *fenced = arg;

	sample(0, 0);
	options.fence_sample_interval = interval;
	gate_init();
	while (clock_coarse_ms() - began < idle)
		usleep(1000);
	began = clock_coarse_ms();
	for (unsigned long i = 0; i < 5000; i++)
		fenced[0] += fence_gate(&ticks);
	fenced[1] = (clock_coarse_ms() - began) / interval;
	options_set_defaults(&options);
	return NULL;
}

/* A program that slept for many intervals gets one sample, not all that it missed. */
static void missed_samples_are_gone(void **state)
{
	unsigned long fenced[2] = { 0 };
	pthread_t t;

	(void)state;
	assert_int_equal(pthread_create(&t, NULL, idle_then_busy, fenced), 0);
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_in_range(fenced[0], 1, fenced[1] + 2);
}

static void burst_ends(void **state)
{
	struct outcome o = { .rate = 100, .burst = 3, .allocations = 200000 };

	(void)state;
	run(&o);
	/* Of each 103 allocations four in a row are fenced. */
	assert_in_range(o.fenced, 7767 * 9 / 10, 7767 * 11 / 10);
	assert_true(o.longest >= 4 && o.longest < 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_in_one_is_every_allocation),
		cmocka_unit_test(first_sample_comes_when_it_should),
		cmocka_unit_test(rate_is_kept),
		cmocka_unit_test(burst_ends),
		cmocka_unit_test(missed_samples_are_gone),
	};

	options_set_defaults(&options);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
