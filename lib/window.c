/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/window.c - which words of a stack may be read without a fault.
 *
 * A stack can be smashed, a frame pointer can be anything, a coroutine's stack can be unmapped between two walks.  So
 * every word is read through a view of two windows:
 *
 *   home    the stack that the thread was born with, from the lowest sp seen up to where it begins.  It stays mapped as long as the
 *           thread lives, so what was seen to be readable once is remembered, and a check costs one compare.  Its beginning is known:
 *           glibc puts a thread's control block on top of its stack, and ld.so keeps the main thread's first sp.
 *   other   a signal stack, a coroutine, or what garbage points to.  It may go away at any time, so it is forgotten when the walk ends; each page
 *           costs one system call a walk.
 *
 * The weaknesses accepted: a stack given by the program (pthread_attr_setstack) has no guard page, and what lies below
 * it counts as its part, if it is walked on; and another thread may unmap a page of `other` between the question and
 * the reading.
 */
#include "lib/lib_internal.h"

/* ld.so's, in static programs libc's: sp when the process began. */
extern void *__libc_stack_end;

#define WINDOW_GROWTH_MAX 4096 /* pages in one go */

static uintptr_t window_end(const struct window *w)
{
	return w->lo + w->words * sizeof(uintptr_t);
}

/* The page that we are standing on needs no question. */
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

/* False where a page is not there, which then says so for good: a guard page. */
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

/* In a child of fork made by another thread than the first this is mistaken, and home is never found: slower, not
 * wrong. */
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
