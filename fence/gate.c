/* SPDX-License-Identifier: BSD-2-Clause */
/* fence/gate.c - the sampling gate: which allocations are fenced.
 *
 * In KFENCE a timer opens a gate, and the next allocation goes through it.  A process has no timer that the program
 * would not notice: a signal interrupts system calls, and a thread is visible.  So malloc itself looks at the clock,
 * rarely:
 *
 *     malloc's fast path     --ticks < 0 ?  ──no──►  as usual                    one decrement and one branch
 *                                 │ yes
 *     gate                   the interval is over?  ──no──►  ticks = step        one vDSO call, some 5 ns
 *                                 │ yes: one thread wins
 *                            this allocation is fenced, and `burst` more
 *
 * Each thread has its own step.  It follows the thread's pace, and the thread looks at the clock some 16 times in an
 * interval: the step doubles while looks come faster than that, and halves while there are fewer than four in an
 * interval.  A thread that allocates once a second looks each time.
 *
 * So an allocation is fenced with probability 1 / (R * interval), where R is the rate of allocations of all threads
 * together.  The distance to the next look is drawn at random from [step/2, 3*step/2), so a program with a repeating
 * pattern of allocations does not always show the same place.  A place in the program that allocates n times in a run
 * of t seconds is sampled at least once with probability
 *
 *     1 - (1 - n/A)^(t/interval)         A: allocations of the whole run
 *
 * With fence.sample_rate=N each thread draws the distance to its next sample uniformly from 1 … 2N-1, whose mean is N.
 *
 * A thread makes its first allocations before it has a thread cache.  Their ticks are counted here, and the thread
 * cache takes over the count.
 */
#include "config.h"

#include "fence/fence_internal.h"

bool fence_sampling;

#define STEP_MAX 8192u
#define LOOKS_MIN 4u
#define LOOKS_MAX 16u

static uint64_t next_sample_ms; /* atomic */

static TLS_IE uint64_t random_state, last_look_ms;
static TLS_IE uint32_t step, burst_left;
static TLS_IE int32_t ticks_after_burst, ticks_early;
static TLS_IE bool rate_drawn;

uint32_t gate_random(void)
{
	uint64_t x = random_state;

	if (unlikely(!x))
		x = ((uint64_t)thread_tid() << 32 ^ (uintptr_t)&random_state ^ clock_coarse_ms()) *
		            0x9e3779b97f4a7c15u |
		    1;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	random_state = x;
	return (uint32_t)(x >> 32);
}

void gate_init(void)
{
	__atomic_store_n(&next_sample_ms, clock_coarse_ms() + options.fence_sample_interval, __ATOMIC_RELAXED);
}

/* Adapts the step to the thread's pace.  Returns the ticks until the next look. */
static int32_t gate_pace(uint64_t now)
{
	uint64_t passed = now - last_look_ms, interval = options.fence_sample_interval;

	if (!step || !last_look_ms)
		step = 64;
	else if (passed > interval)
		step = 1;
	else if (passed * LOOKS_MIN > interval)
		step = MAX(1u, step / 2);
	else if (passed * LOOKS_MAX < interval)
		step = MIN(STEP_MAX, step * 2);
	last_look_ms = now;
	return step == 1 ? 0 : (int32_t)(step / 2 + gate_random() % step);
}

static bool gate_by_time(int32_t *ticks)
{
	uint64_t now = clock_coarse_ms(), due = __atomic_load_n(&next_sample_ms, __ATOMIC_RELAXED),
		 next = due + options.fence_sample_interval;

	*ticks = gate_pace(now);
	/* The next interval starts when the sample was due, so a late look does not make all later samples late.
	 * Samples that were missed during a sleep are not made up for. */
	if (next <= now)
		next = now + options.fence_sample_interval;
	return now >= due &&
	       __atomic_compare_exchange_n(&next_sample_ms, &due, next, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static int32_t rate_draw(void)
{
	return (int32_t)(gate_random() % (2 * (uint32_t)options.fence_sample_rate - 1));
}

/* The first distance is drawn only now, so it counts this allocation too. */
static bool gate_by_rate(int32_t *ticks)
{
	bool first = !rate_drawn;

	*ticks = rate_draw();
	rate_drawn = true;
	if (!first)
		return true;
	if (*ticks == 0) {
		*ticks = rate_draw();
		return true;
	}
	--*ticks;
	return false;
}

/* The samples of a burst follow each other directly.  After the burst the distance that was drawn before it counts. */
static bool gate_burst(int32_t *ticks)
{
	burst_left--;
	*ticks = burst_left ? 0 : ticks_after_burst;
	return true;
}

/* The ticks have run out only because this allocation had to take the slow path (slab_slow_next). */
static bool gate_too_early(int32_t *ticks)
{
	struct tcache *tc = tcache_own;

	if (!tc || ticks != &tc->ticks || !tc->ticks_put_off)
		return false;
	*ticks = tc->ticks_put_off - 1;
	tc->ticks_put_off = 0;
	return true;
}

/* `ticks` has run out. */
bool fence_gate(int32_t *ticks)
{
	bool open;

	if (!fence_sampling) {
		*ticks = INT32_MAX;
		return false;
	}
	if (fence_all) {
		*ticks = 0;
		return true;
	}
	if (ticks_early > 0 && ticks != &ticks_early) {
		*ticks = ticks_early - 1;
		ticks_early = 0;
		return false;
	}
	if (gate_too_early(ticks))
		return false;
	if (burst_left)
		return gate_burst(ticks);
	if (options.fence_sample_rate)
		open = gate_by_rate(ticks);
	else
		open = options.fence_sample_interval && gate_by_time(ticks);
	if (!options.fence_sample_rate && !options.fence_sample_interval)
		*ticks = INT32_MAX;
	if (open && options.fence_burst) {
		burst_left = (uint32_t)options.fence_burst;
		ticks_after_burst = *ticks;
		*ticks = 0;
	}
	return open;
}

bool fence_gate_early(void)
{
	return fence_sampling && --ticks_early < 0 && fence_gate(&ticks_early);
}
