/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/shadow.h - KASAN for user programs: one shadow byte for eight bytes of memory, checks of ranges, the
 * compilers' ABI, and what a bad shadow byte means.
 *
 *   early.c        the resolver that maps the shadow before anything instrumented can run
 *   scan.c         is anything that is loaded instrumented? is libasan there?
 *   map.c          the mapping: full, or the arena's part in steps
 *   poison.c        poison, unpoison, first bad byte of a range
 *   heap.c         what slab/ does to memory, told to the shadow
 *   classify.c     shadow bytes and object state -> kind
 *   bad_access.c       a bad access becomes a report record
 *   describe.c     which frame's variable, which global
 *   globals.c      the registry of instrumented globals
 *   stack.c        stale stack poison: no-return calls, threads that end, other stacks
 *   fake_stack.c   frames on the heap, for use after return
 *   abi_access.c   __asan_load*, __asan_store*, __asan_report_*
 *   abi_kernel.c   the rest of what -fsanitize=kernel-address emits
 *   abi_asan.c     what -fsanitize=address emits beyond that
 *   interface.c    sanitizer/asan_interface.h and the container annotations
 */
#ifndef MEMSAN_SHADOW_H
#define MEMSAN_SHADOW_H

#include "lib/lib.h"
#include "reports/reports.h"
#include "slab/slab.h"

#define SHADOW_OFFSET 0x7fff8000ul
#define SHADOW_SCALE 3
#define SHADOW_GRANULE ((uintptr_t)1 << SHADOW_SCALE)

/* What a shadow byte says of its eight bytes of memory.  0: all may be accessed; 1 to 7: the first so many may; else
 * none may, and why.  The values are the kernel's (mm/kasan/kasan.h) where it has one, else ASan's, which compilers
 * write inline. */
enum shadow_value {
	SHADOW_VMALLOC_INVALID = 0xf8, /* arena: behind a large area, its guards (elsewhere: see SHADOW_AFTER_SCOPE) */
	SHADOW_SLAB_FREED = 0xfa,      /* object that was freed; alloc and free stacks are kept */
	/* arena, fenced pages: red zones and slack (elsewhere, and in a live object: container) */
	SHADOW_SLAB_REDZONE = 0xfc,
	SHADOW_PAGE_FREE = 0xff, /* arena: a large area that was freed, pages that belong to nobody */
	SHADOW_GLOBAL_REDZONE = 0xf9,
	SHADOW_STACK_LEFT = 0xf1, /* before the first variable of a frame */
	SHADOW_STACK_MID = 0xf2,
	SHADOW_STACK_RIGHT = 0xf3,
	SHADOW_STACK_PARTIAL = 0xf4,
	SHADOW_AFTER_RETURN = 0xf5, /* frame of a function that has returned */
	SHADOW_INIT_ORDER = 0xf6,   /* global that is not constructed yet */
	SHADOW_USER = 0xf7,         /* the program's own __asan_poison_memory_region */
	SHADOW_AFTER_SCOPE = 0xf8,
	SHADOW_CONTAINER = 0xfc, /* behind the end of an annotated container */
	SHADOW_INTRA_OBJECT = 0xbb,
	SHADOW_ARRAY_COOKIE = 0xac,
	SHADOW_ALLOCA_LEFT = 0xca,
	SHADOW_ALLOCA_RIGHT = 0xcb,
	SHADOW_NULL_PAGE = 0xf0, /* the first 64 KiB of the address space (memsan's own) */
};

/* Shadow of the heap is kept: true in check mode once the arena's shadow is mapped.  Read-only after start-up, except
 * that a detector that finds itself broken turns it off. */
extern bool shadow_on;
/* Shadow of the whole address space is mapped (an instrumented module is present): pointers outside the arena are
 * checked too. */
extern bool shadow_everywhere;
/* Called, when set, each time one of the two has changed after start-up.  Set once, by preload/. */
extern void (*shadow_changed_hook)(void);

/* Is a range starting at p checked at all?  The one compare that a libc call on foreign memory pays. */
__inline_hot bool shadow_covers(const void *p)
{
	return shadow_on && (arena_contains(p) || shadow_everywhere);
}

/* Addresses p with p - base < span have a readable shadow, and so have the 64 bytes behind p: the arena, or with full
 * shadow all that lies above the shadow.  Grows only. */
extern uintptr_t shadow_quick_base;
extern size_t shadow_quick_span;

/* How many bytes from p on may surely be accessed, as far as one load of shadow tells: up to 64.  0 says nothing. */
__inline_hot size_t shadow_good_ahead(const void *p)
{
	struct __attribute__((packed)) unaligned {
		uint64_t word;
	};
	size_t before = (uintptr_t)p & (SHADOW_GRANULE - 1), good;
	uint64_t word;
	unsigned first;
	uint8_t value;

	if ((uintptr_t)p - shadow_quick_base >= shadow_quick_span)
		return 0;
	word = ((const struct unaligned *)(((uintptr_t)p >> SHADOW_SCALE) + SHADOW_OFFSET))->word;
	if (word == 0)
		return 64 - before;
	/* The first granule that is not good as a whole. */
	first = (unsigned)__builtin_ctzll(word) & ~7u;
	value = (uint8_t)(word >> first);
	good = first + (value < SHADOW_GRANULE ? value : 0);
	return good > before ? good - before : 0;
}

/* May the eight bytes at p be accessed for sure, as far as one load of shadow tells? */
__inline_hot bool shadow_eight_good(const void *p)
{
	struct __attribute__((packed)) unaligned {
		uint16_t pair;
	};
	uint16_t pair;

	if ((uintptr_t)p - shadow_quick_base >= shadow_quick_span)
		return false;
	pair = ((const struct unaligned *)(((uintptr_t)p >> SHADOW_SCALE) + SHADOW_OFFSET))->pair;
	/* The upper byte speaks for the second granule. */
	return (uint16_t)(pair << ((uintptr_t)p & (SHADOW_GRANULE - 1) ? 0 : 8)) == 0;
}

/* The first byte in [p, p+n) that may not be accessed, or 0 when all may.  n may be 0 (nothing is bad).  Never
 * faults. */
uintptr_t shadow_find_bad(const void *p, size_t n);

/* A libc function (or other interposed call) is about to access [p, p+n) and shadow_find_bad gave `bad`: reports it
 * with `entry` ("memcpy", …) as the first word of the access and the caller's stack from `regs`. */
void shadow_report_range(const void *p, size_t n, uintptr_t bad, enum report_access access, const char *entry,
                         const struct unwind_regs *regs);

/* ---- life cycle, called by preload/ ---------------------------------------------------------- */
/* After options are parsed and slab_init, before the first allocation: keeps the arena's shadow from now on in check
 * mode.  One line when an instrumented module is there and its shadow is not (then the process ends), or when libasan
 * is. */
void shadow_init(void);
/* The program limits its address space, and slab/ has shortened the arena: what belongs to the arena that is gone goes
 * back too.  The full shadow stays: instrumented code cannot do without. */
void shadow_limit_space(void);
/* The real dlopen is about to run, and no fault will tell when instrumented code that it loads looks at the shadow. */
void shadow_before_dlopen(void);
/* This thread is about to run its first function. */
void shadow_thread_start(void);
/* This thread is about to end: its stack must leave no poison behind for whoever is mapped there next. */
void shadow_thread_exit(void);
/* [p, p+n) was or will be mapped anew: forget what its shadow said. */
void shadow_forget(const void *p, size_t n);
/* Was damage in [slot, slot+size) reported already at the access that did it?  What slab/ finds there later is no
 * news. */
bool shadow_was_reported(uintptr_t slot, size_t size);
/* What shadow/ has mapped for itself; empty when nothing. */
void shadow_extent(uintptr_t *start, uintptr_t *end);
/* A copy of the process is about to be made, or has been: it needs no shadow.  All other threads stand still. */
void shadow_copying(bool begins);
/* Every frame of a function that runs (or was left by a jump) and has its variables here instead of on its stack.
 * Takes no lock. */
void shadow_each_frame(void (*frame)(void *ctx, uint64_t addr, uint64_t size), void *ctx);
/* The instruction at pc faulted at addr: at a part of the shadow that waits until it is needed?  Then it is there now.
 * Signal-safe. */
bool shadow_fault(uintptr_t addr, uintptr_t pc);
/* Is addr in memory that shadow/ mapped? */
bool shadow_owns(uintptr_t addr);

#endif
