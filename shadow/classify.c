/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/classify.c - what kind of bug a bad byte is: a pure function of its shadow and of the object around it.
 *
 * As in mm/kasan/report_generic.c, a table leads from shadow value to kind.  One step comes first: when a granule is
 * good in part, the granule behind it explains its bad tail.  0xf8 and 0xfc mean different things inside and outside of
 * the heap.  The heap's own record of an object overrides the red zone of a neighbor.
 */
#include "shadow/shadow_internal.h"

#define NULL_LIMIT (64ul << 10)

static const struct {
	uint8_t value;
	enum report_kind heap, elsewhere;
} kinds[] = {
	{ SHADOW_SLAB_REDZONE, REPORT_SLAB_OUT_OF_BOUNDS, REPORT_CONTAINER_OUT_OF_BOUNDS },
	{ SHADOW_SLAB_FREED, REPORT_SLAB_USE_AFTER_FREE, REPORT_UNKNOWN_CRASH },
	{ SHADOW_PAGE_FREE, REPORT_USE_AFTER_FREE, REPORT_UNKNOWN_CRASH },
	{ SHADOW_PAGE_UNUSED, REPORT_SLAB_OUT_OF_BOUNDS, REPORT_UNKNOWN_CRASH },
	{ SHADOW_VMALLOC_INVALID, REPORT_VMALLOC_OUT_OF_BOUNDS, REPORT_USE_AFTER_SCOPE },
	{ SHADOW_GLOBAL_REDZONE, REPORT_GLOBAL_OUT_OF_BOUNDS, REPORT_GLOBAL_OUT_OF_BOUNDS },
	{ SHADOW_STACK_LEFT, REPORT_STACK_OUT_OF_BOUNDS, REPORT_STACK_OUT_OF_BOUNDS },
	{ SHADOW_STACK_MID, REPORT_STACK_OUT_OF_BOUNDS, REPORT_STACK_OUT_OF_BOUNDS },
	{ SHADOW_STACK_RIGHT, REPORT_STACK_OUT_OF_BOUNDS, REPORT_STACK_OUT_OF_BOUNDS },
	{ SHADOW_STACK_PARTIAL, REPORT_STACK_OUT_OF_BOUNDS, REPORT_STACK_OUT_OF_BOUNDS },
	{ SHADOW_AFTER_RETURN, REPORT_USE_AFTER_RETURN, REPORT_USE_AFTER_RETURN },
	{ SHADOW_INIT_ORDER, REPORT_INIT_ORDER, REPORT_INIT_ORDER },
	{ SHADOW_USER, REPORT_USE_AFTER_POISON, REPORT_USE_AFTER_POISON },
	{ SHADOW_INTRA_OBJECT, REPORT_INTRA_OBJECT, REPORT_INTRA_OBJECT },
	{ SHADOW_ARRAY_COOKIE, REPORT_SLAB_OUT_OF_BOUNDS, REPORT_SLAB_OUT_OF_BOUNDS },
	{ SHADOW_ALLOCA_LEFT, REPORT_ALLOCA_OUT_OF_BOUNDS, REPORT_ALLOCA_OUT_OF_BOUNDS },
	{ SHADOW_ALLOCA_RIGHT, REPORT_ALLOCA_OUT_OF_BOUNDS, REPORT_ALLOCA_OUT_OF_BOUNDS },
	{ SHADOW_NULL_PAGE, REPORT_NULL_PTR_DEREF, REPORT_NULL_PTR_DEREF },
};

static bool value_is_partial(uint8_t value)
{
	return value > 0 && value < SHADOW_GRANULE;
}

uint8_t shadow_deciding_value(uint8_t value, uint8_t next)
{
	return value_is_partial(value) ? next : value;
}

bool shadow_value_is_stack(uint8_t value)
{
	switch (value) {
	case SHADOW_STACK_LEFT:
	case SHADOW_STACK_MID:
	case SHADOW_STACK_RIGHT:
	case SHADOW_STACK_PARTIAL:
	case SHADOW_AFTER_RETURN:
	case SHADOW_AFTER_SCOPE:
	case SHADOW_ALLOCA_LEFT:
	case SHADOW_ALLOCA_RIGHT:
		return true;
	}
	return false;
}

/* Classifies a bad tail whose next granule explains nothing, because it is good or the end of another object.  Also
 * classifies bytes far into a freed area, where only the heap's record says that the area is freed. */
static enum report_kind classify_tail(const struct shadow_facts *f)
{
	if (!f->in_heap)
		return REPORT_UNKNOWN_CRASH;
	if (f->have_object && f->large && (f->state == SLAB_OBJ_QUARANTINED || f->state == SLAB_OBJ_FREE))
		return REPORT_USE_AFTER_FREE;
	if (!f->have_object)
		return REPORT_WILD_MEMORY_ACCESS;
	return f->large ? REPORT_VMALLOC_OUT_OF_BOUNDS : REPORT_SLAB_OUT_OF_BOUNDS;
}

/* The object beside a red zone may be of another kind than the owner of the red zone. */
static enum report_kind classify_heap(const struct shadow_facts *f, enum report_kind kind)
{
	if (kind != REPORT_SLAB_OUT_OF_BOUNDS && kind != REPORT_VMALLOC_OUT_OF_BOUNDS)
		return kind;
	return f->have_object && f->large ? REPORT_VMALLOC_OUT_OF_BOUNDS
	       : f->have_object           ? REPORT_SLAB_OUT_OF_BOUNDS
	                                  : kind;
}

enum report_kind shadow_classify(const struct shadow_facts *f)
{
	bool inside_live;
	uint8_t value;

	if (f->bad < NULL_LIMIT)
		return REPORT_NULL_PTR_DEREF;
	if (!f->has_shadow)
		return f->in_heap && f->have_object ? classify_heap(f, REPORT_SLAB_OUT_OF_BOUNDS)
		                                    : REPORT_WILD_MEMORY_ACCESS;
	inside_live = f->in_heap && f->have_object && f->state == SLAB_OBJ_LIVE && f->bad >= f->obj_addr &&
	              f->bad - f->obj_addr < f->obj_size;
	value = shadow_deciding_value(f->value, f->next);
	if (value == SHADOW_CONTAINER && inside_live)
		return REPORT_CONTAINER_OUT_OF_BOUNDS;
	/* The object is a stack in the heap (makecontext), so the value means use after scope. */
	if (value == SHADOW_AFTER_SCOPE && inside_live)
		return REPORT_USE_AFTER_SCOPE;
	if (value == 0 || value_is_partial(value))
		return classify_tail(f);
	/* A red zone belongs to an object. */
	if (value == SHADOW_SLAB_REDZONE && f->in_heap && !f->have_object)
		return REPORT_WILD_MEMORY_ACCESS;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].value == value)
			return f->in_heap ? classify_heap(f, kinds[i].heap) : kinds[i].elsewhere;
	return REPORT_UNKNOWN_CRASH;
}
