/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/failslab.c - allocations that fail on purpose, so that a program's own out-of-memory paths can be tested. */
#include "slab/cache.h"
#include "slab/class.h"
#include "slab/flags.h"
#include "slab/slab.h"

/* The kernel's failslab with the parameters of its fault injection (lib/fault-inject.c, should_fail_ex), in its
 * order:
 *
 *     probability 0?  times used up?  cache and stack filters  space left?  interval  probability
 *
 * Each of these may let the allocation pass. fail_nth fails exactly one allocation. Only allocations that the filters
 * select are counted, in each process anew. The thread caches are not used meanwhile (tcache.c), so every allocation
 * passes through here. */

bool failslab_on;

static failslab_stack_fn stack_hook; /* both set once, before the program's first allocation */
static failslab_told_fn told_hook;
static int64_t times;                       /* left; -1: no limit; atomic */
static uint64_t space, count, random_state; /* atomic */

/* Parses -1, or a number of decimal digits. False: it is neither. */
static bool parse_times(const char *s, int64_t *n)
{
	uint64_t value;
	const char *end;

	*n = -1;
	if (str_equal(s, "-1"))
		return true;
	end = number_decimal(s, &value);
	if (!end || *end || value > INT64_MAX)
		return false;
	*n = (int64_t)value;
	return true;
}

bool failslab_init(failslab_stack_fn stack, failslab_told_fn told)
{
	bool good = parse_times(options.fail_times, &times);

	if (!good)
		times = 1;
	stack_hook = stack;
	told_hook = told;
	space = options.fail_space;
	count = 0;
	random_state = (clock_coarse_ms() * 0x9e3779b97f4a7c15u ^ (uint64_t)os_getpid() << 32) | 1;
	failslab_on = options.fail_nth || options.fail_probability;
	return good;
}

/* Racing threads may draw the same number. */
static uint32_t random_percent(void)
{
	uint64_t x = __atomic_load_n(&random_state, __ATOMIC_RELAXED);

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	__atomic_store_n(&random_state, x, __ATOMIC_RELAXED);
	return (uint32_t)(x * 0x2545f4914f6cdd1dULL >> 32) % 100;
}

static bool filters_let_through(const char *cache, const struct unwind_regs *regs)
{
	if (options.fail_cache[0] && !flags_name_in_list(options.fail_cache, cache))
		return false;
	return !options.fail_stack[0] || (regs && stack_hook && stack_hook(unwind_save(regs)));
}

static bool nth_comes(void)
{
	return __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED) == options.fail_nth;
}

static bool space_is_left(size_t size)
{
	uint64_t left = __atomic_load_n(&space, __ATOMIC_RELAXED);

	while (left > size)
		if (__atomic_compare_exchange_n(&space, &left, left - size, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return true;
	return false;
}

static bool chance_comes(size_t size)
{
	if (space_is_left(size))
		return false;
	if (options.fail_interval > 1 && __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED) % options.fail_interval)
		return false;
	return random_percent() < options.fail_probability;
}

/* Takes one of `times`. False: another thread took the last. */
static bool times_take(void)
{
	int64_t left = __atomic_load_n(&times, __ATOMIC_RELAXED);

	while (left > 0)
		if (__atomic_compare_exchange_n(&times, &left, left - 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return true;
	return left < 0;
}

bool failslab_should(const char *cache, size_t size, const struct unwind_regs *regs)
{
	if (!cache)
		cache = slab_name_for(size, 16);
	if (__atomic_load_n(&times, __ATOMIC_RELAXED) == 0 || !filters_let_through(cache, regs))
		return false;
	if (options.fail_nth ? !nth_comes() : !chance_comes(size))
		return false;
	if (!times_take())
		return false;
	if (told_hook)
		told_hook(cache, size, __atomic_load_n(&count, __ATOMIC_RELAXED), regs);
	return true;
}
