/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/located.c - what lies at an address: the object, the variable, or the kind of memory, in ASan's words. */
#include "shadow/shadow_internal.h"

static void locate_variable(uintptr_t at, struct located *l)
{
	struct asan_global g;
	struct frame_found f;
	struct frame_variable v;
	char text[FRAME_TEXT_MAX];

	if (globals_find(at, &g)) {
		l->where = "global";
		l->base = g.beg;
		l->size = g.size;
		str_copy(l->name, g.name ? g.name : "", sizeof(l->name));
	} else if (describe_find_variable(at, &f, &v, text)) {
		l->where = "stack";
		l->base = f.base + v.offset;
		l->size = v.size;
		str_copy(l->name, v.name, MIN(frame_name_length(&v) + 1, sizeof(l->name)));
	} else if (stack_bounds(&f.base, &f.pc) && at >= f.base && at < f.pc) {
		l->where = "stack";
	}
}

void locate(uintptr_t at, struct located *l)
{
	struct slab_object o;

	mem_set(l, 0, sizeof(*l));
	l->where = "unknown";
	if (shadow_owns(at)) {
		l->where = at >= SHADOW_OFFSET + (SHADOW_END >> SHADOW_SCALE) ? "high shadow" : "low shadow";
	} else if (slab_find_object(at, &o) && (!arena_contains((void *)at) || at - o.slot < o.slot_size)) {
		l->where = o.state == SLAB_OBJ_LIVE || o.state == SLAB_OBJ_QUARANTINED ? "heap" : "heap-invalid";
		l->base = o.addr;
		l->size = o.size;
	} else if (arena_contains((void *)at)) {
		l->where = "heap-invalid";
	} else if (map_state == MAP_FULL) {
		locate_variable(at, l);
	}
}

void located_put(struct fmt_buf *b, uintptr_t at)
{
	struct located l;
	size_t distance;
	const char *side;

	locate(at, &l);
	if (!l.size) {
		fmt_printf(b, "%p is in %s memory", (void *)at, l.where);
		return;
	}
	if (at < l.base) {
		distance = l.base - at;
		side = "to the left of";
	} else if (at - l.base < l.size) {
		distance = at - l.base;
		side = "inside of";
	} else {
		distance = at - l.base - l.size;
		side = "to the right of";
	}
	fmt_printf(b, "%p is %zu bytes %s the %s %s%s%s of %zu bytes at 0x%lx", (void *)at, distance, side, l.where,
	           l.name[0] ? "variable '" : "object", l.name, l.name[0] ? "'" : "", l.size, (unsigned long)l.base);
}
