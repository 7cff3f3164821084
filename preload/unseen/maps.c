/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/maps.c - threads start on a clean stack.
 *
 * Frames that never returned leave poison behind, for example those of an abandoned coroutine or a cancelled thread.
 * The poison must be gone when another thread's stack lies there. (munmap, in remap.c, clears the shadow of what the
 * program unmaps.) Only with instrumented code, and only in the shared library. */
#include "preload/unseen/unseen.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>

/* glibc 2.32. */
extern __typeof__(pthread_attr_getsigmask_np) pthread_attr_getsigmask_np __attribute__((weak));

/* ---- threads --------------------------------------------------------------------------------- */

struct thread_start {
	void *(*fn)(void *);
	void *arg;
	uint64_t believed_mask;
	uintptr_t stack_lo, stack_hi; /* a stack that the program supplied; 0: none */
};

static void *thread_body(void *p)
{
	struct thread_start start;
	mem_copy(&start, p, sizeof(start));
	slab_free(p, SLAB_API_MALLOC, SIZE_MAX, NULL);
	/* Registers the thread, so that memsan sees its end, and clears what the stack's last user left. */
	signals_believe_mask(start.believed_mask);
	if (start.stack_lo)
		fault_thread_stack(start.stack_lo, start.stack_hi);
	thread_ensure();
	shadow_thread_start();
	return start.fn(start.arg);
}

/* The mask that the new thread starts with: its attributes' or its creator's. */
static uint64_t start_mask(const pthread_attr_t *attr)
{
	uint64_t mask;
	sigset_t set;

	if (!attr || !pthread_attr_getsigmask_np || pthread_attr_getsigmask_np(attr, &set) != 0)
		return signals_believed_mask();
	mem_copy(&mask, &set, sizeof(mask));
	return signals_mask_to_believe(mask);
}

/* Without pthread_attr_setstack the attributes' stack ends at 0. */
static void start_stack(const pthread_attr_t *attr, struct thread_start *start)
{
	void *lo = NULL;
	size_t n = 0;

	if (attr && pthread_attr_getstack(attr, &lo, &n) == 0 && lo && (uintptr_t)lo + n > (uintptr_t)lo) {
		start->stack_lo = (uintptr_t)lo;
		start->stack_hi = (uintptr_t)lo + n;
	}
}

static int (*real_pthread_create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

MEMSAN_EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	struct thread_start *start;
	int ret;

	if (!real_pthread_create)
		real_pthread_create = (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))dlsym(
			RTLD_NEXT, "pthread_create");
	runtime_ensure();
	signals_are_used(); /* libc sets a handler for its first thread */
	start = shadow_everywhere || fault_installed ? slab_malloc(sizeof(*start), 16, SLAB_API_MALLOC, false, NULL)
	                                             : NULL;
	if (!start)
		return real_pthread_create(thread, attr, fn, arg);
	start->fn = fn;
	start->arg = arg;
	start->believed_mask = start_mask(attr);
	start->stack_lo = 0;
	start_stack(attr, start);
	ret = real_pthread_create(thread, attr, thread_body, start);
	if (ret != 0)
		slab_free(start, SLAB_API_MALLOC, SIZE_MAX, NULL);
	return ret;
}
