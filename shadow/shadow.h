/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/shadow.h - KASAN for user programs: one shadow byte for eight bytes of memory, checks of ranges, the
 * compilers' ABI, and the meaning of a bad shadow byte.
 *
 *   early.c        the resolver that maps the shadow before anything instrumented can run
 *   arch/          the same in static programs: their entry point
 *   audit.c        libmemsan-early.so, which ld.so calls before it relocates any library
 *   reserve.c      the raw steps of mapping, for both of these
 *   scan.c         which loaded modules are instrumented, and whether libasan is loaded
 *   map.c          the mapping: full, or the arena's part in steps
 *   poison.c       poison, unpoison, the first bad byte of a range
 *   heap.c         tells the shadow what slab and fence do to memory
 *   classify.c     from shadow bytes and object state to a report kind
 *   bad_access.c   a bad access becomes a finding
 *   describe.c     the variable of a frame, or the global, that a bad byte belongs to
 *   globals.c      the registry of instrumented globals
 *   odr.c          a global that two modules define
 *   globals_ahead.c    registers globals before the constructors that would do it
 *   stack.c        stale poison on stacks: no-return calls, jumps, threads that end, other stacks
 *   stale.c        the same for frames that went unseen: recognized when their poison is met
 *   fake_stack.c   frames on the heap, for use after return
 *   abi_access.c   __asan_load*, __asan_store*, __asan_report_*
 *   abi_kernel.c   the other calls that -fsanitize=kernel-address emits
 *   abi_asan.c     the calls that only -fsanitize=address emits
 *   interface.c    sanitizer/asan_interface.h
 *   located.c      what lies at an address: the object, the variable, or the kind of memory
 *   symbolize.c    addresses as text, in a format of the caller's
 *   pointer_pair.c    pointers that are compared or subtracted: do they point to one object?
 *   container.c    annotations of containers: which part of their storage is in use
 *   abi.h, shadow_internal.h    every entry point of instrumented code; what the files of shadow/ share
 */
#ifndef MEMSAN_SHADOW_H
#define MEMSAN_SHADOW_H

#include "lib/lib.h"
#include "reports/reports.h"
#include "slab/slab.h"

#define SHADOW_OFFSET 0x7fff8000ul
#define SHADOW_SCALE 3
#define SHADOW_GRANULE ((uintptr_t)1 << SHADOW_SCALE)

/* What a shadow byte says about its eight bytes of memory.  0: all eight may be accessed.  1 to 7: only so many bytes
 * from the first on.  Other values: none, and the value says why.  The values are the kernel's (mm/kasan/kasan.h) where
 * the kernel has one, else ASan's, which compilers write inline. */
enum shadow_value {
	SHADOW_VMALLOC_INVALID = 0xf8, /* arena: behind a large area, its guards (elsewhere: see SHADOW_AFTER_SCOPE) */
	SHADOW_SLAB_FREED = 0xfa,      /* object that was freed; alloc and free stacks are kept */
	/* arena, fenced pages: red zones and slack (elsewhere, and in a live object: container) */
	SHADOW_SLAB_REDZONE = 0xfc,
	SHADOW_PAGE_FREE = 0xff,   /* arena: a large area that was freed, free pages */
	SHADOW_PAGE_UNUSED = 0xfe, /* arena: pages that nobody has owned yet */
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

/* The heap has shadow: true in check mode once the arena's shadow is mapped.  After start-up only shadow_give_up
 * changes this: it turns the shadow off. */
extern bool shadow_on;
/* Shadow of the whole address space is mapped (an instrumented module is present): pointers outside of the arena are
 * checked too. */
extern bool shadow_everywhere;
/* Called each time that shadow_on or shadow_everywhere has changed after start-up.  preload/ sets it once; NULL: not
 * called. */
extern void (*shadow_changed_hook)(void);
/* Does the program handle an access to the null page by itself?  Then it faults without a report before.  preload/ sets
 * it once; NULL: no. */
extern bool (*shadow_null_hook)(void);
/* What this thread poisons goes when it ends, so its end must be noticed. */
extern void (*shadow_thread_hook)(void);

/* Is a range that starts at p checked at all? */
__inline_hot bool shadow_covers(const void *p)
{
	return shadow_on && (arena_contains(p) || shadow_everywhere);
}

/* Addresses p with p - base < span have a readable shadow, and so have the 64 bytes behind p.  The range is the arena,
 * or with full shadow all memory above the shadow.  It only grows. */
extern uintptr_t shadow_quick_base;
extern size_t shadow_quick_span;

/* How many bytes from p on may certainly be accessed: at most 64, since only one word of shadow is read.  0: not
 * known. */
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

/* May the eight bytes at p certainly be accessed?  One load of shadow; false: not known. */
__inline_hot bool shadow_eight_good(const void *p)
{
	struct __attribute__((packed)) unaligned {
		uint16_t pair;
	};
	uint16_t pair;

	if ((uintptr_t)p - shadow_quick_base >= shadow_quick_span)
		return false;
	pair = ((const struct unaligned *)(((uintptr_t)p >> SHADOW_SCALE) + SHADOW_OFFSET))->pair;
	/* The upper byte stands for the second granule. */
	return (uint16_t)(pair << ((uintptr_t)p & (SHADOW_GRANULE - 1) ? 0 : 8)) == 0;
}

/* The first byte in [p, p+n) that may not be accessed, or 0: all may be.  n may be 0, and then nothing is bad.  Never
 * faults. */
uintptr_t shadow_find_bad(const void *p, size_t n);

/* Reports that a libc function, or another interposed call, is about to access [p, p+n).  `bad` is the result of
 * shadow_find_bad for that range.  `entry` ("memcpy", …) is the function's name.  `regs` give the caller's stack. */
void shadow_report_range(const void *p, size_t n, uintptr_t bad, enum report_access access, const char *entry,
                         const struct unwind_regs *regs);
/* May a bad access still be told? Only the first one is, unless multi_shot is set. */
bool shadow_tells(void);
/* The same for an instruction of watched code; the machine is as it was in front of it, or NULL. */
void shadow_report_insn(const void *p, size_t n, uintptr_t bad, enum report_access access,
                        const struct unwind_regs *regs, const struct report_fault *machine);
/* Says in a report to which variable or frame an address outside of the heap belongs, as far as that is known.  regs:
 * this thread's, or NULL. */
void shadow_describe(struct report_record *r, uintptr_t addr, const struct unwind_regs *regs);

/* ---- life cycle, called by preload/ ---------------------------------------------------------- */
/* Called after options are parsed and after slab_init, before the first allocation.  From now on the arena has shadow
 * in check mode.  If an instrumented module is loaded but its shadow cannot be mapped, prints one line and ends the
 * process.  If libasan is loaded, prints one line. */
void shadow_init(void);
/* Before any constructor of an instrumented module runs: the globals of all loaded ones are registered. */
void shadow_globals_ahead(void);
/* Plain code is going to be checked, and its pointers may lead anywhere: maps the shadow of all memory.  False: that
 * cannot be done. */
bool shadow_want_all(void);
/* The opposite, when no plain code is checked any more: all but the heap's part is unmapped again. */
void shadow_want_less(void);
/* Can that be done?  Not if there is instrumented code. */
bool shadow_can_shrink(void);
/* Is addr in the place where all of the shadow lies? */
bool shadow_spans(uintptr_t addr);
/* Was the module with this load address and dynamic section compiled with the checks of a sanitizer? */
bool shadow_is_instrumented(uintptr_t bias, const void *dynamic);
/* The program limits its address space, and slab has shortened the arena: unmaps the shadow of the part that is gone.
 * The full shadow stays, since instrumented code needs it. */
void shadow_limit_space(void);
/* The fault handler is not installed, so no fault will tell us that instrumented code without relocations, or code that
 * dlopen is about to load, uses the shadow. */
void shadow_without_faults(void);
/* This thread is about to run its first function. */
void shadow_thread_start(void);
/* This thread is about to end: removes the poison of its stack, because something else may be mapped there next. */
void shadow_thread_exit(void);
/* This thread goes on at stack pointer `sp`, by a jump or an exception: removes the poison of the frames below that are
 * gone.  Signal-safe. */
void shadow_stack_resume(uintptr_t sp);
/* This thread goes on at stack pointer `sp`, and the frames that it leaves may be needed again.  [stack, stack + size):
 * the stack that the coroutine was made with, if this is one. */
void shadow_stack_switch(uintptr_t sp, uintptr_t stack, size_t size);
/* [stack, stack + size) becomes the stack of a new coroutine: removes the poison that an earlier one has left. */
void shadow_stack_new(uintptr_t stack, size_t size);
/* This thread's child of vfork has used the stack below sp, and is gone. */
void shadow_after_vfork(uintptr_t sp);
/* This process image is about to be replaced, perhaps in a child of vfork that runs on its parent's stack. */
void shadow_before_exec(void);
/* [p, p+n) was or will be mapped anew: clears its shadow. */
void shadow_forget(const void *p, size_t n);
/* Was damage in [slot, slot+size) already reported, at the access that did it?  If so, slab's later finding is
 * dropped. */
bool shadow_was_reported(uintptr_t slot, size_t size);
/* Did a reported write go to some of these bytes? */
bool shadow_write_was_reported(uintptr_t addr, size_t size);
/* At exit: says so if shadow.use_after_return has had no effect on an instrumented program. */
void shadow_summary(void);
/* The range that shadow has mapped for itself; empty: none. */
void shadow_extent(uintptr_t *start, uintptr_t *end);
/* A copy of the process is about to be made (`begins`), or has been made.  The copy needs no shadow.  All other threads
 * are stopped. */
void shadow_copying(bool begins);
/* Visits every frame on the fake stacks that is in use: its function runs, or was left by a jump.  Takes no lock. */
void shadow_each_frame(void (*frame)(void *ctx, uint64_t addr, uint64_t size), void *ctx);
/* The instruction at pc faulted at addr.  If addr is in shadow that is still to be mapped or made writable, does that
 * and returns true.  Signal-safe. */
bool shadow_fault(uintptr_t addr, uintptr_t pc);
/* Is addr in memory that shadow/ mapped? */
bool shadow_owns(uintptr_t addr);

#endif
