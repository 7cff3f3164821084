/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/stack.c - no stale poison on stacks.
 *
 * An instrumented function poisons the red zones of its frame when it starts and cleans them when it returns.  A frame
 * that is left in another way (longjmp, an exception, exit of a thread, a switch away from a stack that is then
 * abandoned) does not clean up, and the next function that used this memory would be reported.  So before a call that
 * does not return, the compiler calls us, and everything from here to the outermost frame is cleaned.  Weakness
 * accepted: frames that live on lose their red zones too.
 *
 * The end is known for the thread's own stack and for its signal stack.  (ld.so knows the end of the main thread's
 * stack; on top of any other thread's stack lies the thread control block.)  On another stack (makecontext, a hand-made
 * coroutine) cleaning goes up to the end of the heap object that the stack lies in.  Where there is no such object,
 * only shadow values of stacks are cleaned, for a limited distance.
 *
 * Code that is not instrumented leaves frames of instrumented code too (longjmp in a library over a callback's frames,
 * an exception that a library throws).  Where memsan sees such a jump it knows the stack pointer at which the thread
 * goes on, and exactly the frames below lose their poison (shadow_stack_resume).  What nobody saw is left to stale.c.
 *
 * A coroutine that is switched away from may never run again, and its stack may become memory for other data.  Code
 * that can go on after a report asks stale.c when it meets the poison.  Objects compiled for ASan cannot, so where
 * there are some, a coroutine's frames lose their poison when swapcontext leaves them (shadow_stack_switch); ASan
 * does the same.
 */
#include "shadow/shadow_internal.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

#define FOREIGN_STACK (1ul << 20)
#define THREAD_STACKS 1024
#define VFORK_GAP (128ul << 10) /* no frame of a child is larger */

extern void *__libc_stack_end __attribute__((weak));

/* The stacks of threads other than the main one, from their start to their end.  Atomic words; lo is set last, and 0
 * while the entry is free. */
static struct {
	uintptr_t lo, hi;
} thread_stacks[THREAD_STACKS];
static bool thread_stacks_full; /* some thread's stack is missing */
bool stack_codes_abort;

uintptr_t stack_own_end(void)
{
	if (thread_tid() != os_getpid())
		return ALIGN_DOWN((uintptr_t)__builtin_thread_pointer(), SHADOW_GRANULE);
	return &__libc_stack_end && __libc_stack_end ? ALIGN_DOWN((uintptr_t)__libc_stack_end, SHADOW_GRANULE) : 0;
}

static void clear_all(uintptr_t from, uintptr_t to)
{
	from = ALIGN_DOWN(from, SHADOW_GRANULE);
	if (from < to && map_has_shadow(from) && map_has_shadow(to))
		shadow_unpoison(from, ALIGN_UP(to - from, SHADOW_GRANULE));
}

/* A scope that starts in a frame without red zones leaves a partial granule that nothing follows. */
enum clear {
	CLEAR_FRAMES,
	CLEAR_SCOPES, /* and such granules */
	CLEAR_USER,   /* and what the program poisoned by hand */
};

static bool value_goes(uint8_t value, enum clear what)
{
	return shadow_value_is_stack(value) || (what == CLEAR_USER && value == SHADOW_USER);
}

static void clear_values(uintptr_t from, uintptr_t to, enum clear what)
{
	uint8_t *end;

	from = ALIGN_DOWN(from, SHADOW_GRANULE);
	if (from >= to || !map_has_shadow(from) || !map_has_shadow(to))
		return;
	end = shadow_of(to);
	for (uint8_t *s = shadow_of(from); s < end; s++) {
		s = (uint8_t *)mem_find_not(s, 0, (size_t)(end - s));
		if (!s)
			break;
		if (value_goes(*s, what) ||
		    (*s < SHADOW_GRANULE && s + 1 < end && (value_goes(s[1], what) || (what != CLEAR_FRAMES && !s[1]))))
			*s = 0;
	}
}

void stack_clear_range(uintptr_t from, uintptr_t to)
{
	clear_values(from, to, CLEAR_FRAMES);
}

static bool signal_stack(uintptr_t *lo, uintptr_t *hi)
{
	stack_t ss;
	if (!os_free_to(OS_CALL_SIGALTSTACK) || arch_syscall6(SYS_sigaltstack, 0, (long)&ss, 0, 0, 0, 0) < 0 ||
	    ss.ss_flags & SS_DISABLE)
		return false;
	*lo = (uintptr_t)ss.ss_sp;
	*hi = *lo + ss.ss_size;
	return true;
}

bool stack_bounds(uintptr_t *lo, uintptr_t *hi)
{
	pthread_attr_t attr;
	void *base;
	size_t size;
	bool ok, inside;

	/* libc calls sched_getaffinity, and for the first thread it reads a file. */
	if (os_filter_set() || os_calls_are_unknown())
		return false;
	inside = slab_outside(); /* glibc allocates and frees in these functions */
	ok = pthread_getattr_np(pthread_self(), &attr) == 0;
	if (ok) {
		ok = pthread_attr_getstack(&attr, &base, &size) == 0;
		pthread_attr_destroy(&attr);
	}
	slab_again(inside);
	if (!ok)
		return false;
	*lo = (uintptr_t)base;
	*hi = *lo + size;
	return ok;
}

void stack_clear_from(uintptr_t sp)
{
	uintptr_t end, lo, hi;
	struct slab_object o;

	if (map_state != MAP_FULL)
		return;
	end = stack_own_end();
	if (signal_stack(&lo, &hi) && sp >= lo && sp < hi) {
		/* From a signal stack the program jumps to the thread's own stack, and frames that the signal
		 * interrupted there are left too.  How far down those frames reach is not known, so all stack values in
		 * the upper 8 MiB of that stack are cleaned. */
		clear_all(lo, hi);
		if (end)
			stack_clear_range(end - MIN(end, 8ul << 20), end);
		return;
	}
	if (end && sp < end && end - sp < OWN_STACK_MAX) {
		clear_all(sp, end);
		return;
	}
	if (arena_contains((void *)sp) && slab_find_object(sp, &o) && o.state == SLAB_OBJ_LIVE && sp - o.addr <= o.size)
		clear_all(sp, o.addr + ALIGN_DOWN(o.size, SHADOW_GRANULE));
	else
		stack_clear_range(sp, sp + FOREIGN_STACK);
}

/* Are both on one stack that is not the thread's own?  Only a heap object says how far such a stack goes; elsewhere,
 * only nearness does. */
bool stack_same_foreign(uintptr_t sp, uintptr_t target)
{
	struct slab_object o;

	if (arena_contains((void *)sp))
		return slab_find_object(sp, &o) && o.state == SLAB_OBJ_LIVE && sp - o.addr <= o.size &&
		       target - o.addr <= o.size;
	return !arena_contains((void *)target) && target - sp <= FOREIGN_STACK;
}

void shadow_stack_resume(uintptr_t target)
{
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0), end, lo, hi;

	if (map_state != MAP_FULL)
		return;
	end = stack_own_end();
	if (end && sp < end && end - sp < OWN_STACK_MAX) {
		/* A jump to another stack leaves this one's frames: a coroutine comes back to them. */
		if (target > sp && target <= end)
			clear_all(sp, target);
		return;
	}
	if (target > sp && stack_same_foreign(sp, target)) {
		stack_clear_range(sp, target);
		return;
	}
	if (!end || target > end || end - target >= OWN_STACK_MAX || !signal_stack(&lo, &hi) || sp < lo || sp >= hi)
		return;
	/* Out of a handler, over the frames that its signal interrupted.  How far down those reach is not known. */
	clear_all(lo, hi);
	stack_clear_range(end - OWN_STACK_MAX, target);
}

void shadow_stack_switch(uintptr_t target, uintptr_t stack, size_t size)
{
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0);

	/* The stack is the one that makecontext got; the context may hold others' words instead. */
	if (stack_codes_abort && map_state == MAP_FULL && sp - stack < size && target - stack >= size)
		clear_values(sp, stack + ALIGN_DOWN(size, SHADOW_GRANULE), CLEAR_SCOPES);
}

void shadow_stack_new(uintptr_t stack, size_t size)
{
	if (map_state == MAP_FULL && size <= USER_END && stack <= USER_END - size)
		clear_values(stack, stack + ALIGN_DOWN(size, SHADOW_GRANULE), CLEAR_SCOPES);
}

void shadow_after_vfork(uintptr_t sp)
{
	uintptr_t end = stack_own_end(), at, limit;

	if (map_state != MAP_FULL || !end || sp >= end || end - sp >= OWN_STACK_MAX)
		return;
	limit = end - OWN_STACK_MAX;
	/* How far down the child's frames went is not known: as far as there are some. */
	for (at = sp; at > limit; at = MAX(at - VFORK_GAP, limit)) {
		const uint8_t *from = shadow_of(MAX(at - VFORK_GAP, limit));

		if (!mem_find_not(from, 0, (size_t)((uint8_t *)shadow_of(at) - from)))
			break;
	}
	stack_clear_range(at, sp);
}

void shadow_before_exec(void)
{
	stack_clear_from((uintptr_t)__builtin_frame_address(0));
}

static void thread_stack_add(uintptr_t lo, uintptr_t hi)
{
	for (size_t i = 0; i < THREAD_STACKS; i++) {
		uintptr_t none = 0;

		/* 1: taken, of no size. */
		if (READ_ONCE(thread_stacks[i].lo) ||
		    !__atomic_compare_exchange_n(&thread_stacks[i].lo, &none, 1, false, __ATOMIC_RELAXED,
		                                 __ATOMIC_RELAXED))
			continue;
		__atomic_store_n(&thread_stacks[i].hi, hi, __ATOMIC_RELAXED);
		__atomic_store_n(&thread_stacks[i].lo, lo, __ATOMIC_RELEASE);
		return;
	}
	WRITE_ONCE(thread_stacks_full, true);
}

static void thread_stack_remove(uintptr_t lo)
{
	for (size_t i = 0; i < THREAD_STACKS; i++)
		if (READ_ONCE(thread_stacks[i].lo) == lo) {
			__atomic_store_n(&thread_stacks[i].lo, 0, __ATOMIC_RELEASE);
			return;
		}
}

bool stack_of_a_thread(uintptr_t addr)
{
	uintptr_t main_end = &__libc_stack_end ? (uintptr_t)__libc_stack_end : 0;

	if (!main_end || READ_ONCE(thread_stacks_full) || (addr < main_end && main_end - addr < OWN_STACK_MAX))
		return true;
	for (size_t i = 0; i < THREAD_STACKS; i++) {
		uintptr_t lo = __atomic_load_n(&thread_stacks[i].lo, __ATOMIC_ACQUIRE);

		if (lo > 1 && addr >= lo && addr < __atomic_load_n(&thread_stacks[i].hi, __ATOMIC_RELAXED))
			return true;
	}
	return false;
}

void shadow_thread_start(void)
{
	uintptr_t lo, hi, sp = (uintptr_t)__builtin_frame_address(0);
	if (map_state != MAP_FULL)
		return;
	if (!stack_bounds(&lo, &hi)) {
		WRITE_ONCE(thread_stacks_full, true);
		return;
	}
	if (sp <= lo || sp >= hi)
		return;
	thread_stack_add(lo, hi);
	map_writable(lo, hi - lo);
	stack_clear_range(lo, sp);
}

void shadow_thread_exit(void)
{
	uintptr_t lo = 0, hi = 0;
	if (map_state != MAP_FULL)
		return;
	stack_bounds(&lo, &hi);
	fake_stack_thread_exit(lo, hi);
	if (!hi)
		return;
	thread_stack_remove(lo);
	/* Variables of the thread's own (__thread) lie there too. */
	clear_values(lo, hi, CLEAR_USER);
}
