/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/deep.c - work that needs much stack runs on a stack of memsan's own: a program may call malloc on a coroutine's
 * stack of 2 KiB.
 *
 *     the caller's stack                 one of STACKS stacks, each above an inaccessible page
 *     malloc ─ … ─ deep_run ──signals blocked, a free stack taken──►  fn(arg)
 *                           ◄──stack given back, signals as before──
 *
 * No handler of the program's may run on such a stack: it may be too small, and a garbage collector's handler takes its
 * own sp for the end of the thread's stack. So all signals are blocked meanwhile, except those that the thread's own
 * instructions raise; fault/ handles these on stacks of its own. Blocking costs two system calls, so deep_run is for
 * reports and the like, and not for what a thread does all the time.
 *
 * When no stack is to be had, and under a seccomp filter that may kill for these system calls, fn runs where the caller
 * is. Many threads share a few stacks, since few work deeply at the same time. */
#include <signal.h>
#include <sys/syscall.h>

#include "lib/lib.h"
#include "lib/lib_internal.h"

#define STACKS 64u
#define STACK_BYTES ((size_t)128 << 10)

static uintptr_t stacks_lo; /* of the reserve; 0: none; atomic */
static uint64_t stacks_busy, stacks_ready;
static TLS_IE bool deep_now; /* this thread is on such a stack */

/* Blocks more signals and unblocks none: one of SIGNALS_SYNCHRONOUS may be pending, held back for the program. */
static uint64_t signals_block(void)
{
	uint64_t mask = ~SIGNALS_SYNCHRONOUS, old = 0;

	arch_syscall6(SYS_rt_sigprocmask, SIG_BLOCK, (long)&mask, (long)&old, sizeof(mask), 0, 0);
	return old;
}

static void signals_restore(uint64_t mask)
{
	arch_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, 0, sizeof(mask), 0, 0);
}

/* The first page stays inaccessible. Memory that was once made usable stays so. */
static bool stack_prepare(uintptr_t lo, unsigned i)
{
	uint64_t bit = 1ull << i;

	if (__atomic_load_n(&stacks_ready, __ATOMIC_ACQUIRE) & bit)
		return true;
	if (!os_commit((void *)(lo + i * STACK_BYTES + PAGE_SIZE), STACK_BYTES - PAGE_SIZE, false))
		return false;
	__atomic_fetch_or(&stacks_ready, bit, __ATOMIC_RELEASE);
	return true;
}

/* The first stack is usable from now on: it is needed when there is no memory. */
void deep_start(void)
{
	uintptr_t lo;

	if (READ_ONCE(stacks_lo))
		return;
	lo = (uintptr_t)os_reserve(STACKS * STACK_BYTES, PAGE_SIZE);
	if (lo)
		stack_prepare(lo, 0);
	STORE_RELEASE(stacks_lo, lo);
}

/* The number of a stack that is this thread's now, or -1. The lowest one is taken, because its pages are warm. */
static int stack_take(uintptr_t lo)
{
	uint64_t busy = READ_ONCE(stacks_busy);
	unsigned i;

	do {
		if (busy == UINT64_MAX)
			return -1;
		i = (unsigned)__builtin_ctzll(~busy);
	} while (!__atomic_compare_exchange_n(&stacks_busy, &busy, busy | 1ull << i, true, __ATOMIC_ACQUIRE,
	                                      __ATOMIC_RELAXED));
	if (stack_prepare(lo, i))
		return (int)i;
	__atomic_fetch_and(&stacks_busy, ~(1ull << i), __ATOMIC_RELEASE);
	return -1;
}

/* Not inlined, so deep_run's caller pays for these variables only here. */
void deep_run(void (*fn)(void *arg), void *arg)
{
	uintptr_t lo = LOAD_ACQUIRE(stacks_lo);
	uint64_t mask;
	int i;

	if (deep_now || !lo || !os_free_to(OS_CALL_SIGPROCMASK)) {
		fn(arg);
		return;
	}
	mask = signals_block();
	i = stack_take(lo);
	if (i < 0) {
		signals_restore(mask);
		fn(arg);
		return;
	}
	deep_now = true;
	arch_call_on(lo + (unsigned)(i + 1) * STACK_BYTES, fn, arg);
	deep_now = false;
	__atomic_fetch_and(&stacks_busy, ~(1ull << i), __ATOMIC_RELEASE);
	signals_restore(mask);
}

bool deep_running(void)
{
	return deep_now;
}

/* The other threads do not exist in the child. */
void deep_fork_child(void)
{
	if (!deep_now)
		stacks_busy = 0;
}
