/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/preload.h - shared between the files of preload/, the layer that sees all of memsan and exports it.
 *
 *   init.c       options from the environment, start-up order, this thread's registration
 *   allocate.c   the one ladder of all allocations, and of all frees
 *   interrupted.c  allocations and frees of a signal handler that interrupted one
 *   malloc.c     the malloc family: what C and POSIX say, then slab/
 *   new.c        the C++ operators
 *   caches.c     memsan_cache_*, memsan_kmalloc ..., pages, shrinkers
 *   views.c      memsan_slabinfo and the other views
 *   api.c        the rest of memsan_*
 *   sanitizer.c  sanitizer/allocator_interface.h, and where a sanitizer's reports go
 *   hooks.c      what is called after each report
 *   malloc_hooks.c    what is called after each allocation and before each free
 *   dispatch.c   slab's findings become findings of reports
 *   leak.c       what a leak scan must know of the other detectors
 *   trace.c      slab_debug=T
 *   fail.c       fail.log
 *   process.c    fork, thread exit, program exit
 *   operators.def  every form of operator new and delete
 *   memsan.h     the public header; memsan.map: the versions of exported symbols
 *   intercept/   libc calls, checked (shared library only; intercept/intercept.h)
 *   unseen/      what the program must not notice (most of it in the shared library only; unseen/unseen.h)
 */
#ifndef MEMSAN_PRELOAD_H
#define MEMSAN_PRELOAD_H

#include "fault/fault.h"
#include "fence/fence.h"
#include "leak/leak.h"
#include "lib/lib.h"
#include "reports/reports.h"
#include "shadow/abi.h"
#include "shadow/shadow.h"
#include "slab/slab.h"
#include "watch/watch.h"

/* ---- init.c ---------------------------------------------------------------------------------- */
enum runtime_state { RUNTIME_NEW, RUNTIME_STARTING, RUNTIME_READY, RUNTIME_BROKEN, RUNTIME_OFF };
extern uint32_t runtime_state_now
	__attribute__((visibility("hidden"))); /* written once in each direction, with release */

/* Sets up options, arena and hooks: on the first allocation, or in the constructor when there was none before. */
void runtime_start(void);
__inline_hot void runtime_ensure(void)
{
	if (unlikely(__atomic_load_n(&runtime_state_now, __ATOMIC_ACQUIRE) < RUNTIME_READY))
		runtime_start();
}

/* Defined in the shared library only. */
extern const char runtime_is_shared __attribute__((weak));

/* ---- allocate.c ------------------------------------------------------------------------------ */
/* What glibc aligns to. */
#define MIN_ALIGN 16
/* Allocations, called by the function of regs.  NULL with errno ENOMEM: none.  align is a power of two, at least
 * MIN_ALIGN. */
/* Report a request that nothing can serve, if the options say so; the result is NULL. The second sets errno. */
void *allocate_impossible(size_t size, size_t align, const struct unwind_regs *regs);
/* Reports an alignment that the function does not accept, by the option bad_alignment: a correct program may ask for
 * one to see EINVAL. `undefined`: it may not, and impossible_size reports it. */
void allocate_misaligned(size_t align, bool undefined, const struct unwind_regs *regs);
void *allocate_overflow(size_t n, size_t size, const struct unwind_regs *regs);
void *allocate_object(size_t size, size_t align, enum slab_api api, bool zero, const struct unwind_regs *regs);
/* As realloc. */
void *reallocate_object(void *p, size_t size, const struct unwind_regs *regs);
/* errno EINVAL: c is no cache */
void *allocate_cached(struct slab_cache *c, bool zero, const struct unwind_regs *regs);
void *allocate_vmalloc(size_t size, bool zero, const struct unwind_regs *regs);
void *allocate_pages(unsigned order, bool zero, const struct unwind_regs *regs);
/* The counterparts.  p is not NULL; a pointer or family that is wrong is reported.  size_given: as in slab_free. */
void release_object(void *p, enum slab_api api, size_t size_given, const struct unwind_regs *regs);
/* A free that tells more of the object: delete with an alignment, free_sized, free_aligned_sized.  In check mode all of
 * that is compared. */
struct free_told {
	enum slab_api api;
	const char *entry; /* NULL: the family's */
	size_t size;       /* SIZE_MAX: not told */
	size_t align;      /* 0: not told */
};
void release_told(void *p, const struct free_told *told, const struct unwind_regs *regs);
void release_cached(struct slab_cache *c, void *p, const struct unwind_regs *regs);
void release_vmalloc(void *p, const struct unwind_regs *regs);
void release_pages(void *p, unsigned order, const struct unwind_regs *regs);

/* ---- malloc.c -------------------------------------------------------------------------------- */
/* realloc of a program that has a malloc of its own, or NULL (unseen/replaced.c). */
extern void *(*malloc_programs_realloc)(void *p, size_t size);
void malloc_get_stats(struct slab_stats *s); /* with the fenced objects */

/* ---- interrupted.c --------------------------------------------------------------------------- */
/* For a signal handler that interrupted the runtime. */
void *interrupted_alloc(size_t size, size_t align, bool zero, const struct unwind_regs *regs);
void *interrupted_realloc(void *p, size_t size, const struct unwind_regs *regs);
void interrupted_free(void *p, enum slab_api api, size_t size_given, unsigned order, const struct unwind_regs *regs);
size_t interrupted_size(void *p);
bool interrupted_took_back(void *p); /* p was allocated by such a handler, and is free now */
void interrupted_exit(void);
void interrupted_finish(void);

/* ---- process.c ------------------------------------------------------------------------------- */
void process_init(void);           /* constructor: fork handlers, the thread-exit key */
extern TLS_IE bool thread_watched; /* this thread's exit will be noticed */
void process_watch_thread(void);
/* Gives the key that tells of a thread's end to the program. False: it has it already. */
bool process_give_key(void);
extern uint32_t process_key_is_gone __attribute__((visibility("hidden")));
/* Called for free(NULL) once the key is gone: is this libc's last step in a thread? */
void process_freed_nothing(const struct unwind_regs *regs);
__inline_hot void thread_ensure(void)
{
	if (unlikely(!thread_watched))
		process_watch_thread();
}
/* The first step of every allocation and free: runtime_ensure and thread_ensure.  A thread is watched only after the
 * start, so one test covers both. */
bool process_enter(void); /* false: memsan is off, and watches no thread */
__inline_hot void runtime_attach(void)
{
	if (unlikely(!thread_watched))
		process_enter();
}
/* False: a signal handler interrupted the runtime, and calls it; or memsan is off. */
__inline_hot bool runtime_enter(void)
{
	if (unlikely(!thread_watched) && unlikely(!process_enter()))
		return false;
	return slab_enter();
}
/* The last step. */
__inline_hot void runtime_leave(void)
{
	slab_leave();
	if (unlikely(tcache_thread.finish))
		interrupted_finish();
}

/* ---- new.c ----------------------------------------------------------------------------------- */
enum operator_index {
#define OPERATOR(name, base) OPERATOR_##name,
#define OPERATOR_NOTHROW(name, base) OPERATOR_##name,
#include "preload/operators.def"
#undef OPERATOR
#undef OPERATOR_NOTHROW
	OPERATOR_NR,
};
/* The program's own operator, which is called instead of ours; NULL: none.  Only the shared library's constructor
 * writes this (unseen/replaced.c). */
extern void *operator_forward[OPERATOR_NR];
extern void *(*new_find_in_libstdcxx)(const char *name);

/* ---- trace.c --------------------------------------------------------------------------------- */
void trace_event(const struct slab_trace_event *event);

/* ---- fail.c ---------------------------------------------------------------------------------- */
void fail_connect(void);

/* ---- leak.c ---------------------------------------------------------------------------------- */
void leak_connect(void);
/* hooks.c: the program's functions that are called after each report. */
void hooks_connect(void);
/* malloc_hooks.c: the program's functions that are called after each allocation and before each free. */
struct allocate_hooks {
	void (*allocated)(const void *p, size_t size);
	void (*freed)(const void *p);
};
void malloc_hooks_connect(void);
/* The number of pairs, or 0: there is no room, one of the two is NULL, or this is production. */
int malloc_hooks_add(void (*allocated)(const volatile void *p, size_t size), void (*freed)(const volatile void *p));
/* allocate.c: asks failslab_on and harden_full.  NULL: there are no hooks. */
void allocate_choose_ways(const struct allocate_hooks *hooks);
void leak_find_libc(void *function);       /* libc's syscall(), or NULL */
void leak_find_static_tls(void *function); /* libc's _dl_get_tls_static_info, or NULL */

/* ---- unseen/skipped.c, in the shared library only -------------------------------------------- */
/* Finds the allocator behind memsan.  False: the program needs memsan, and nothing may be passed on. */
__attribute__((weak)) bool skipped_stand_aside(void);
__attribute__((weak)) void *skipped_alloc(size_t size, size_t align, bool zero);
struct mallinfo;
struct mallinfo2;
struct _IO_FILE;
struct skipped_next {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void *(*memalign)(size_t, size_t);
	void (*free)(void *);
	/* NULL: that allocator has none */
	size_t (*malloc_usable_size)(void *);
	int (*malloc_trim)(size_t);
	int (*mallopt)(int, int);
	struct mallinfo (*mallinfo)(void);
	struct mallinfo2 (*mallinfo2)(void);
	void (*malloc_stats)(void);
	int (*malloc_info)(int, struct _IO_FILE *);
};
__attribute__((weak)) extern const struct skipped_next *const skipped_next;
static inline bool runtime_is_off(void)
{
	return __atomic_load_n(&runtime_state_now, __ATOMIC_ACQUIRE) == RUNTIME_OFF;
}

/* ---- unseen/remap.c -------------------------------------------------------------------------- */
/* The program makes this system call by its number.  Returns the function that makes the call in syscall's place; NULL:
 * syscall itself. */
void *remap_note_syscall(unsigned long nr, unsigned long a, unsigned long b, unsigned long c, unsigned long d);

/* ---- unseen/exits.c -------------------------------------------------------------------------- */
void exits_init(void); /* constructor */
/* before the program ends with `status`: reports faults whose handler ends it (fault/pending.c) */
void exits_tell(int status);
void exits_verify_all(void *unused); /* every red zone, poison, canary */
void exits_verify(void);             /* before the program ends without exit handlers */
void exits_leak_check(void);         /* leak_check_at_exit, unless a lock was not given (locks_given_up) */
void exits_tell_given_up(void);      /* says so, once */
void exits_fork_child(void);
void exits_are_done(void);  /* exit has verified all; in a static program it calls memsan's _exit */
int exits_scan(int status); /* before _exit(status): returns the status to exit with */
bool exits_is_handler(const void *handler);
void exits_keep(int sig); /* the program has set the default action */

/* ---- dispatch.c ------------------------------------------------------------------------------ */
void dispatch_finding(const struct slab_finding *f);

#endif
