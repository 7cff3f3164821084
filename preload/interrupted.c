/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/interrupted.c - allocations and frees of a signal handler that interrupted an allocation or a free.
 *
 * POSIX forbids them; many programs make them all the same, and mostly survive. The interrupted code may hold locks,
 * and its thread cache, or an object's state, may be half changed. slab_enter (slab/fast.h) notices that. Then
 *
 *     an allocation   is served by slab/spare.c
 *     a free          waits in a list of this thread's, until the interrupted call, or the next one, is done
 *     once            a report tells of it, with the handler's stack, at that time
 *
 * A handler that leaves by longjmp leaves the thread inside for ever: the thread then goes on in this way. */
#include "preload/preload.h"
#include "slab/spare.h"

#include <errno.h>

#define NOTICE_FRAMES 32

struct waiting_free {
	struct waiting_free *next;
	void *p;
	enum slab_api api;
	unsigned order;
	size_t size_given;
	uintptr_t caller;
};

static TLS_IE struct waiting_free *waiting;

/* The one notice: 0 none yet, 1 its stack is being saved, 2 to be told, 3 told. */
enum { NOTICE_NONE, NOTICE_SAVING, NOTICE_DUE, NOTICE_TOLD };
static uint32_t notice;
#define TRIES_MAX 100
static uint32_t tries;
static uintptr_t notice_pcs[NOTICE_FRAMES];
static size_t notice_nr;
static uintptr_t notice_addr;
static enum report_access notice_access;

struct saved_stack {
	const struct unwind_regs *regs;
	size_t nr;
	bool signal;
};

static void save_deep(void *arg)
{
	struct saved_stack *s = arg;

	s->nr = unwind_walk_signal(s->regs, notice_pcs, NOTICE_FRAMES, &s->signal);
}

/* A report takes locks that the interrupted code may hold, so only the stack is taken now. */
static void notice_note(const void *p, enum report_access access, const struct unwind_regs *regs)
{
	uint32_t none = NOTICE_NONE;
	struct saved_stack s = { regs, 0, false };

	/* At the start it may be memsan_default_options that allocates, in a report memsan_on_report. */
	if (likely(READ_ONCE(notice) != NOTICE_NONE) || report_is_mine() ||
	    READ_ONCE(runtime_state_now) < RUNTIME_READY ||
	    !__atomic_compare_exchange_n(&notice, &none, NOTICE_SAVING, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return;
	if (regs)
		deep_run(save_deep, &s);
	/* A function that memsan calls has allocated, or the thread has left its handler by longjmp. */
	if (!s.signal) {
		STORE_RELEASE(notice,
		              __atomic_add_fetch(&tries, 1, __ATOMIC_RELAXED) < TRIES_MAX ? NOTICE_NONE : NOTICE_TOLD);
		return;
	}
	notice_addr = (uintptr_t)p;
	notice_access = access;
	notice_nr = s.nr;
	STORE_RELEASE(notice, NOTICE_DUE);
	tcache_thread.finish = true;
	slab_slow_next();
}

static void notice_tell(void *unused)
{
	uint32_t due = NOTICE_DUE;
	struct report_record *r;

	(void)unused;
	if (READ_ONCE(notice) != NOTICE_DUE ||
	    !__atomic_compare_exchange_n(&notice, &due, NOTICE_TOLD, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	r = report_begin(REPORT_SIGNAL_UNSAFE, "slab");
	if (!r)
		return;
	report_set_access(r, notice_addr, 0, notice_access);
	report_add_handle(r, STACK_ACCESS, depot_save(notice_pcs, notice_nr), 0, 0);
	report_end(r);
}

/* ---- in the handler -------------------------------------------------------------------------- */

__cold_path void *interrupted_alloc(size_t size, size_t align, bool zero, const struct unwind_regs *regs)
{
	void *p;

	if (runtime_is_off())
		return skipped_alloc(size, align, zero);
	p = size <= PTRDIFF_MAX ? spare_alloc(size, align, zero) : NULL;
	notice_note(p, ACCESS_UNKNOWN, regs);
	if (!p)
		errno = ENOMEM;
	return p;
}

__cold_path void interrupted_free(void *p, enum slab_api api, size_t size_given, unsigned order,
                                  const struct unwind_regs *regs)
{
	struct waiting_free *w;

	if (runtime_is_off()) {
		skipped_next->free(p);
		return;
	}
	notice_note(p, ACCESS_FREE, regs);
	if (spare_free(p))
		return;
	w = spare_alloc(sizeof(*w), 16, false);
	if (!w)
		return; /* it stays allocated */
	w->p = p;
	w->api = api;
	w->order = order;
	w->size_given = size_given;
	w->caller = regs ? regs->ret : 0;
	w->next = READ_ONCE(waiting);
	while (!__atomic_compare_exchange_n(&waiting, &w->next, w, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	tcache_thread.finish = true;
	slab_slow_next();
}

__cold_path void *interrupted_realloc(void *p, size_t size, const struct unwind_regs *regs)
{
	size_t old;
	void *q;

	if (runtime_is_off())
		return skipped_next->realloc(p, size);
	old = interrupted_size(p);
	q = interrupted_alloc(size, MIN_ALIGN, false, regs);
	if (!q)
		return NULL;
	mem_copy(q, p, MIN(old, size));
	interrupted_free(p, SLAB_API_MALLOC, SIZE_MAX, 0, regs);
	return q;
}

bool interrupted_took_back(void *p)
{
	return spare_free(p);
}

/* Lookups take no lock. What the handler knows of is either whole or not its business. */
size_t interrupted_size(void *p)
{
	struct slab_object o;

	if (runtime_is_off())
		return skipped_next->malloc_usable_size ? skipped_next->malloc_usable_size(p) : 0;
	if (spare_holds(p))
		return spare_size(p);
	if (fence_contains(p)) {
		size_t size = fence_usable_size(p, NULL);

		return size == SIZE_MAX ? 0 : size;
	}
	return slab_find_object((uintptr_t)p, &o) && o.addr == (uintptr_t)p ? slab_usable_size_of(p) : 0;
}

/* ---- afterwards ------------------------------------------------------------------------------ */

static void free_now(const struct waiting_free *w)
{
	/* One frame: the rest of the handler's stack is gone. */
	struct unwind_regs regs = { .pc = w->caller - 1, .sp = 0, .fp = 0, .ret = 0 };
	const struct unwind_regs *known = w->caller ? &regs : NULL;

	if (w->api == SLAB_API_PAGES)
		release_pages(w->p, w->order, known);
	else if (w->api == SLAB_API_VMALLOC)
		release_vmalloc(w->p, known);
	else
		release_object(w->p, w->api, w->size_given, known);
}

/* The thread is outside, so this may do all that a call of the program's may do. */
__cold_path void interrupted_finish(void)
{
	struct waiting_free *w, *next, *in_order = NULL;

	tcache_thread.finish = false;
	w = __atomic_exchange_n(&waiting, NULL, __ATOMIC_RELAXED);
	for (; w; w = next) {
		next = w->next;
		w->next = in_order;
		in_order = w;
	}
	for (w = in_order; w; w = next) {
		next = w->next;
		free_now(w);
		spare_free(w);
	}
	deep_run(notice_tell, NULL);
}

/* The program ends inside: the handler calls exit, or has left by longjmp. */
void interrupted_exit(void)
{
	report_line("no checks at exit: a signal handler interrupted malloc or free, and has not returned%s",
	            READ_ONCE(notice) == NOTICE_DUE ? "; malloc or free was called meanwhile" : "");
}
