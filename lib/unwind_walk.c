/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/unwind_walk.c - walks that give the caller the frames themselves, and save nothing in the depot. They use this
 * thread's view of its stack (unwind_save.c). In a signal handler that interrupted a walk, they use a new view. */
#include "lib/lib_internal.h"

size_t unwind_walk(const struct unwind_regs *regs, uintptr_t *pcs, size_t max)
{
	struct stack_view *view = unwind_enter_view();
	size_t n;

	if (unlikely(!view))
		return unwind_walk_alone(regs, pcs, max);
	n = unwind_walk_in(view, regs, pcs, max);
	unwind_leave();
	return n;
}

/* For a frame that a signal interrupted, the walk gives its pc plus one. */
static bool walk_passes(struct stack_view *view, const struct unwind_regs *regs, uintptr_t from_sp, uintptr_t pc,
                        uintptr_t sp)
{
	struct walk w;
	struct frame f = frame_first(regs);
	struct origin from;
	uintptr_t before = 0;

	walk_begin(&w, view, &f);
	for (unsigned i = 0; i < STACK_FRAMES_MAX; i++) {
		if (before == from_sp && f.pc == pc + 1 && f.sp == sp)
			return true;
		before = f.sp;
		if (!walk_step(&w, &f, row_of(f.pc - 1), &from))
			return false;
	}
	return false;
}

bool unwind_passes(const struct unwind_regs *regs, uintptr_t from_sp, uintptr_t pc, uintptr_t sp)
{
	struct stack_view *known = unwind_enter_view(), view;
	bool passes;

	if (likely(known)) {
		passes = walk_passes(known, regs, from_sp, pc, sp);
		unwind_leave();
		return passes;
	}
	mem_set(&view, 0, sizeof(view));
	return walk_passes(&view, regs, from_sp, pc, sp);
}

/* A stack that overflowed has up to half a million frames. */
#define ENDS_MAX ((size_t)4 << 20)

static bool walk_to_frame(struct stack_view *view, const struct unwind_regs *regs, uintptr_t addr,
                          struct unwind_frame *frame)
{
	struct walk w;
	struct frame f = frame_first(regs);
	struct origin from;

	walk_begin(&w, view, &f);
	for (size_t i = 0; i < ENDS_MAX && f.sp <= addr; i++) {
		frame->pc = f.pc - 1;
		frame->lo = f.sp;
		if (!walk_step(&w, &f, row_of(f.pc - 1), &from))
			return false;
		frame->hi = f.sp;
		if (addr < frame->hi)
			return true;
	}
	return false;
}

bool unwind_frame_of(const struct unwind_regs *regs, uintptr_t addr, struct unwind_frame *frame)
{
	struct stack_view *known, view;
	bool found;

	if (addr < regs->sp)
		return false;
	known = unwind_enter_view();
	if (likely(known)) {
		found = walk_to_frame(known, regs, addr, frame);
		unwind_leave();
		return found;
	}
	mem_set(&view, 0, sizeof(view));
	return walk_to_frame(&view, regs, addr, frame);
}

/* The part of pcs behind the head is a ring: frames beyond `max` overwrite its oldest ones, so the outermost frames
 * stay. Returns the number of frames. */
static size_t walk_ends(struct stack_view *view, const struct unwind_regs *regs, uintptr_t *pcs, size_t max,
                        size_t head)
{
	struct walk w;
	struct frame f = frame_first(regs);
	struct origin from;
	uintptr_t first = 1;
	size_t n = 0;
	uint64_t row;

	walk_begin(&w, view, &f);
	do {
		row = row_of(f.pc - 1);
		if (likely(!(row & ROW_HIDDEN))) {
			pcs[n < max ? n : head + (n - head) % (max - head)] = f.pc - first;
			n++;
		}
		first = 0;
	} while (n < ENDS_MAX && walk_step(&w, &f, row, &from));
	return n;
}

static void reverse(uintptr_t *pcs, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		uintptr_t pc = pcs[i];

		pcs[i] = pcs[n - 1 - i];
		pcs[n - 1 - i] = pc;
	}
}

size_t unwind_walk_ends(const struct unwind_regs *regs, uintptr_t *pcs, size_t max, size_t head, size_t *skipped)
{
	struct stack_view *known = unwind_enter_view();
	size_t n, turn, room = max - head;

	if (likely(known)) {
		n = walk_ends(known, regs, pcs, max, head);
		unwind_leave();
	} else {
		struct stack_view view;

		mem_set(&view, 0, sizeof(view));
		n = walk_ends(&view, regs, pcs, max, head);
	}
	*skipped = n > max ? n - max : 0;
	if (!*skipped)
		return n;
	/* Rotates the ring, so its oldest entry comes first. */
	turn = (n - head) % room;
	reverse(pcs + head, turn);
	reverse(pcs + head + turn, room - turn);
	reverse(pcs + head, room);
	return max;
}
