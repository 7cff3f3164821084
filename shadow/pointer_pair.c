/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/pointer_pair.c - two pointers that are compared by <, <=, >, >= or subtracted must point to one object, or
 * behind its end.
 *
 * -fsanitize=pointer-compare and pointer-subtract call these functions before each such operation.  In turn:
 *
 *     heap       each pointer has a slot; the slots must be the same
 *     global     each variable has its red zone; the variables must be the same
 *     stack      between two variables lies a red zone; between two places of one variable lies none
 *     elsewhere  nothing is known of other memory, but it is none of the above
 *
 * Weakness accepted: variables that are not instrumented count as one object, and so do objects in one block of the
 * program's own allocator.  A pointer that leaves its slot counts as the neighbor's.
 */
#include "shadow/abi.h"

/* The heap object of a pointer into it or behind its end, also of one that is freed: realloc's caller subtracts the old
 * address.  0: none. */
static uintptr_t heap_object(uintptr_t at)
{
	struct slab_object o;

	return slab_find_object(at, &o) && at - o.slot < MAX(o.slot_size, o.addr - o.slot + o.size + 1) ? o.slot : 0;
}

static uintptr_t global_variable(uintptr_t at)
{
	struct asan_global g;

	return globals_find(at, &g) ? g.beg : 0;
}

static bool in_own_stack(uintptr_t at, uintptr_t sp)
{
	return at >= sp && at < stack_own_end();
}

/* Between variables of frames lie only these. */
static bool separates(uint8_t value)
{
	return shadow_value_is_stack(value) && value != SHADOW_AFTER_SCOPE && value != SHADOW_AFTER_RETURN;
}

static bool red_zone_between(uintptr_t left, uintptr_t right, const struct unwind_regs *regs)
{
	uintptr_t at = left;

	while (at < right && (at = shadow_find_bad((const void *)at, right - at)) != 0) {
		if (separates(shadow_deciding_value(shadow_byte(at), shadow_byte(at + SHADOW_GRANULE))) &&
		    !stale_removed(at, regs))
			return true;
		at = ALIGN_DOWN(at, SHADOW_GRANULE) + SHADOW_GRANULE;
	}
	return false;
}

static bool pair_is_bad(uintptr_t left, uintptr_t right, const struct unwind_regs *regs)
{
	uintptr_t a = heap_object(left), b = heap_object(right);
	bool on_stack;

	if (a || b)
		return a != b;
	a = global_variable(left);
	b = global_variable(right);
	if (a || b)
		return a != b;
	on_stack = in_own_stack(left, regs->sp);
	if (on_stack != in_own_stack(right, regs->sp))
		return true;
	return on_stack && red_zone_between(left, right, regs);
}

static void report_pair(uintptr_t a, uintptr_t b, const char *verb, const struct unwind_regs *regs)
{
	char text[2 * LOCATED_TEXT + 100];
	struct slab_object object;
	struct fmt_buf buf;
	const struct finding f = {
		.kind = REPORT_POINTER_PAIR,
		.component = "shadow",
		.addr = a,
		.access = ACCESS_UNKNOWN,
		.detail = text,
		.regs = regs,
		.fill = abi_describe,
		.object = heap_object(a) && slab_find_object(a, &object) ? &object : NULL,
	};

	fmt_init(&buf, text, sizeof(text));
	fmt_printf(&buf, "The pointers that are %s: ", verb);
	located_put(&buf, a);
	fmt_printf(&buf, "; ");
	located_put(&buf, b);
	report_finding(&f);
}

static __cold_path void check_pair(uintptr_t a, uintptr_t b, const char *verb, const struct unwind_regs *regs)
{
	bool both = a && b;

	if (map_state != MAP_FULL || slab_is_inside() || (!both && options.pointer_pairs != POINTER_PAIRS_STRICT))
		return;
	if (!both || pair_is_bad(MIN(a, b), MAX(a, b), regs))
		report_pair(a, b, verb, regs);
}

void __sanitizer_ptr_cmp(const void *a, const void *b)
{
	struct unwind_regs regs;

	if (likely(options.pointer_pairs == POINTER_PAIRS_OFF || a == b))
		return;
	UNWIND_HERE(&regs);
	check_pair((uintptr_t)a, (uintptr_t)b, "compared", &regs);
}

void __sanitizer_ptr_sub(const void *a, const void *b)
{
	struct unwind_regs regs;

	if (likely(options.pointer_pairs == POINTER_PAIRS_OFF || a == b))
		return;
	UNWIND_HERE(&regs);
	check_pair((uintptr_t)a, (uintptr_t)b, "subtracted", &regs);
}
