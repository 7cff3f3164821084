/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/stale.c - poison of frames that are gone, recognized when an access meets it.
 *
 * stack.c removes the poison of frames that are left by a jump that memsan sees.  Some jumps go unseen: hand-written
 * coroutines, unwinders that are linked statically, a child of vfork that ends by a system call.  So before a report
 * about a stack, the stack is asked.  Each frame of the thread that makes the access owns a range of the stack:
 *
 *     sp │ frame of f │ frame of g │ frame of main │
 *                           ▲ the bad byte: does g put poison there?
 *
 * g does when an instrumented frame of g starts in g's range, or when g's code uses the shadow's offset.  (gcc leaves
 * the words that describe a frame out of -fsanitize=kernel-address code from -O1 on.)  Where the frame's variables are
 * known, the inside of a variable is bad only after the variable's scope.  Poison that fails this test was left behind,
 * and goes.
 *
 * A part of g may be a function of its own for the unwinder (.cold).  Then the call that made the frame tells what g
 * is, if it is a direct one.  After an indirect call, a frame of g's module counts as g's.
 *
 * A byte of another thread's stack is judged by its shadow alone.  All other memory with such poison is the stack of a
 * coroutine that does not run.  Nobody can tell whether it will run again or was given up and its stack is memory for
 * other data, so the poison goes.  (ASan removes it at each swapcontext.)
 *
 * Weakness accepted: so an overflow into a red zone of a coroutine that waits is not reported.  Code that is built to
 * end after a report cannot go on without one, so there stale poison is reported.
 */
#include "shadow/shadow_internal.h"

#include "shadow/arch/x86_64/code.h"

#include <dlfcn.h>

/* The value that explains a bad byte. */
static uint8_t poison_at(uintptr_t bad)
{
	return shadow_deciding_value(shadow_byte(bad), shadow_byte(bad + SHADOW_GRANULE));
}

/* 0xf8 and partial granules mean something else in the heap. */
static bool poison_is_stack(uintptr_t bad)
{
	uint8_t value = poison_at(bad);
	struct slab_object o;
	uintptr_t beg, end;

	if (value == SHADOW_AFTER_RETURN || !shadow_value_is_stack(value) || fake_stack_find(bad, &beg, &end))
		return false;
	return value != SHADOW_AFTER_SCOPE || !arena_contains((void *)bad) ||
	       (slab_find_object(bad, &o) && o.state == SLAB_OBJ_LIVE && bad - o.addr < o.size);
}

static bool same_module(uintptr_t a, uintptr_t b)
{
	struct dl_find_object in_a, in_b;

	return _dl_find_object((void *)a, &in_a) == 0 && _dl_find_object((void *)b, &in_b) == 0 &&
	       in_a.dlfo_link_map == in_b.dlfo_link_map;
}

/* The function that was called to make the frame, or 0. */
static uintptr_t frame_function(const struct unwind_frame *frame)
{
	uintptr_t ret, target, start;
	uint8_t call[ARCH_CALL_SIZE];
	size_t size;

	if (os_safe_read(&ret, (const void *)(frame->hi + (uintptr_t)ARCH_RA_OFFSET), sizeof(ret)) != sizeof(ret) ||
	    os_safe_read(call, (const void *)(ret - ARCH_CALL_SIZE), sizeof(call)) != sizeof(call))
		return 0;
	target = arch_call_target(call, ret);
	/* A stub of the procedure linkage table is not the start of what describes it. */
	return target && unwind_function_at(target, &start, &size) && start == target ? target : 0;
}

/* The instrumented frame of `function` that starts in [lo, hi), else, if that function is not known, one of its module.
 * Copies the description to `text`. */
static bool find_instrumented(const struct unwind_frame *frame, uintptr_t function, struct frame_found *f, char *text)
{
	uintptr_t other = 0, start = 0;
	size_t size;

	unwind_function_at(frame->pc, &start, &size);
	for (uintptr_t at = ALIGN_UP(frame->lo, SHADOW_GRANULE); at + 4 * SHADOW_GRANULE <= frame->hi;
	     at += SHADOW_GRANULE) {
		if (*shadow_of(at) != SHADOW_STACK_LEFT || !frame_at(at, f, text))
			continue;
		if (f->pc == start || f->pc == function)
			return true;
		if (!other && !function && same_module(f->pc, frame->pc))
			other = at;
	}
	return other && frame_at(other, f, text);
}

/* The variable in scope that the byte lies in; false: none. */
static bool find_live_variable(const struct frame_found *f, uintptr_t bad, uintptr_t *start, uintptr_t *end)
{
	const char *at = f->text;
	size_t n = frame_count(&at), offset = bad - f->base;
	struct frame_variable v;

	if (poison_at(bad) == SHADOW_AFTER_SCOPE)
		return false;
	for (size_t i = 0; bad >= f->base && i < n && frame_next_variable(&at, &v); i++)
		if (offset - v.offset < v.size) {
			*start = f->base + v.offset;
			*end = *start + v.size;
			return true;
		}
	return false;
}

static bool alloca_poison(uintptr_t bad)
{
	uint8_t value = poison_at(bad);

	return value == SHADOW_ALLOCA_LEFT || value == SHADOW_ALLOCA_RIGHT;
}

static bool module_poisons(uintptr_t pc)
{
	struct dl_find_object found;

	return _dl_find_object((void *)pc, &found) == 0 && scan_module(found.dlfo_link_map).result == SCAN_INSTRUMENTED;
}

/* Gives the granules from `from` to the end of its variable the values that they have while it is in scope. */
static void restore_variable(uintptr_t from, uintptr_t end)
{
	uintptr_t last = ALIGN_DOWN(end, SHADOW_GRANULE);

	if (from < last)
		shadow_unpoison(from, last - from);
	if (last < end)
		shadow_set(last, (uint8_t)(end - last));
}

/* Is the stack pointer near by, so that bad may be of the frames around it? */
static bool on_this_stack(uintptr_t bad, uintptr_t sp)
{
	if (stack_of_a_thread(sp)) /* one that is known from end to end */
		return stack_of_a_thread(bad);
	return bad < sp ? stack_same_foreign(bad, sp) : stack_same_foreign(sp, bad);
}

/* The bad bytes around `bad` begin here.  What says that only a part of a variable's last granule is good must go with
 * the red zone behind that granule: nothing explains that value alone. */
static uintptr_t run_start(uintptr_t bad)
{
	uintptr_t at = ALIGN_DOWN(bad, SHADOW_GRANULE);

	while (map_has_shadow(at - SHADOW_GRANULE) && *shadow_of(at - SHADOW_GRANULE))
		at -= SHADOW_GRANULE;
	return at;
}

/* The first byte behind `bad` whose granule is good. */
static uintptr_t run_end(uintptr_t bad)
{
	uintptr_t at = ALIGN_DOWN(bad, SHADOW_GRANULE);

	while (map_has_shadow(at) && *shadow_of(at))
		at += SHADOW_GRANULE;
	return at;
}

static bool remove_stale(uintptr_t bad, const struct unwind_regs *regs)
{
	uintptr_t own_end = stack_own_end(), start, end;
	char text[FRAME_TEXT_MAX];
	struct unwind_frame frame;
	struct frame_found f;
	uintptr_t function;

	if (!stack_of_a_thread(bad) && !on_this_stack(bad, regs->sp)) {
		stack_clear_range(run_start(bad), run_end(bad));
		return shadow_find_bad((void *)bad, 1) == 0;
	}
	if (bad < regs->sp) {
		/* No frame is below the stack pointer. */
		if (!own_end || regs->sp >= own_end ? !stack_same_foreign(bad, regs->sp)
		                                    : own_end - bad >= OWN_STACK_MAX)
			return false;
		stack_clear_range(run_start(bad), regs->sp);
		return shadow_find_bad((void *)bad, 1) == 0;
	}
	if (!unwind_frame_of(regs, bad, &frame))
		return false;
	function = frame_function(&frame);
	if (find_instrumented(&frame, function, &f, text)) {
		if (!find_live_variable(&f, bad, &start, &end))
			return false;
		restore_variable(MAX(run_start(bad), ALIGN_DOWN(start, SHADOW_GRANULE)), end);
	} else {
		if (map_code_uses_shadow(frame.pc) || (function && map_code_uses_shadow(function)) ||
		    (alloca_poison(bad) && module_poisons(frame.pc)))
			return false;
		stack_clear_range(frame.lo, frame.hi);
	}
	return shadow_find_bad((void *)bad, 1) == 0;
}

struct stale_job {
	uintptr_t bad;
	const struct unwind_regs *regs;
	bool removed;
};

static void stale_deep(void *arg)
{
	struct stale_job *job = arg;

	job->removed = remove_stale(job->bad, job->regs);
}

/* Not inlined: the caller may be on a small stack. */
static __attribute__((noinline)) bool remove_stale_deep(uintptr_t bad, const struct unwind_regs *regs)
{
	struct stale_job job = { bad, regs, false };

	deep_run(stale_deep, &job);
	return job.removed;
}

bool stale_removed(uintptr_t bad, const struct unwind_regs *regs)
{
	return map_state == MAP_FULL && map_has_shadow(bad) && poison_is_stack(bad) && remove_stale_deep(bad, regs);
}
