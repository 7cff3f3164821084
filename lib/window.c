/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/window.c - which words of a stack may be read without a fault.
 *
 * A stack can be smashed, a frame pointer can have any value, and a coroutine's stack can be unmapped between two
 * walks. So the unwinder reads every word through a view of two windows:
 *
 *   home    the stack that the thread was born with, from the lowest sp seen up to its beginning. It stays mapped
 *           while the thread lives, so a page that was once readable is remembered, and a check costs one compare. Its
 *           beginning is known: glibc puts a thread's control block on top of its stack, and ld.so keeps the main
 *           thread's first sp.
 *   other   a signal stack, a coroutine, or garbage. Its memory may go away at any time, so it is forgotten when the
 *           walk ends, and each page costs one system call a walk.
 *
 * Weaknesses accepted: a stack that the program supplied (pthread_attr_setstack) has no guard page, and a walk that
 * reaches the memory below takes it as part of the stack. Another thread may unmap a page of `other` between the check
 * and the read.
 */
#include "lib/lib_internal.h"

/* sp at the start of the process. ld.so defines it; in static programs, libc. */
extern void *__libc_stack_end;

#define WINDOW_GROWTH_MAX 4096 /* pages at once */

static uintptr_t window_end(const struct window *w)
{
	return w->lo + w->words * sizeof(uintptr_t);
}

/* The page of this function's own frame is readable, so the kernel is not asked. */
static void window_open(struct window *w, uintptr_t page)
{
	bool ok = page == ALIGN_DOWN((uintptr_t)__builtin_frame_address(0), PAGE_SIZE) ||
	          os_page_readable((void *)page);

	w->lo = page;
	w->words = ok ? PAGE_SIZE / sizeof(uintptr_t) : 0;
}

static bool window_grow_up(struct window *w, uintptr_t addr)
{
	uintptr_t end = window_end(w);

	if (addr < end || (addr - end) / PAGE_SIZE >= WINDOW_GROWTH_MAX)
		return false;
	while (addr - w->lo >= end - w->lo && os_page_readable((void *)end))
		end += PAGE_SIZE;
	w->words = (end - w->lo) / sizeof(uintptr_t);
	return addr < end;
}

/* False: addr is not in home. An unreadable page below home is the guard page: home ends there for good. */
static bool home_grow_down(struct stack_view *v, uintptr_t addr)
{
	uintptr_t lo = v->home.lo, end = window_end(&v->home), page = ALIGN_DOWN(addr, PAGE_SIZE);

	if (v->home_ends_here || addr >= lo || (lo - page) / PAGE_SIZE > WINDOW_GROWTH_MAX)
		return false;
	while (lo > page && !v->home_ends_here) {
		if (os_page_readable((void *)(lo - PAGE_SIZE)))
			lo -= PAGE_SIZE;
		else
			v->home_ends_here = true;
	}
	v->home.lo = lo;
	v->home.words = (end - lo) / sizeof(uintptr_t);
	return page >= lo;
}

/* The guess is wrong in a process that was forked by a thread other than its parent's first. Then home is never found:
 * walks are slower, but still correct. */
static void home_anchor(struct stack_view *v)
{
	bool first = os_gettid() == os_getpid();

	window_open(&v->home, ALIGN_DOWN(first ? (uintptr_t)__libc_stack_end : arch_thread_pointer(), PAGE_SIZE));
	v->anchored = true;
}

__cold_path bool stack_view_reach(struct stack_view *v, uintptr_t addr)
{
	if (addr % sizeof(uintptr_t) || addr < PAGE_SIZE || addr > UINTPTR_MAX - WINDOW_GROWTH_MAX * PAGE_SIZE)
		return false;
	if (window_holds(&v->other, addr))
		return true;
	if (!v->anchored)
		home_anchor(v);
	if (window_holds(&v->home, addr) || home_grow_down(v, addr))
		return true;
	v->foreign = true;
	if (v->other.words && window_grow_up(&v->other, addr))
		return true;
	window_open(&v->other, ALIGN_DOWN(addr, PAGE_SIZE));
	return v->other.words != 0;
}
