/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/stepped_reserve.c - address space that is reserved as a whole and made usable in steps. */
#include "lib/lib.h"

/* Rounds up to a multiple of step, which need not be a power of two. */
static size_t stepped_round(size_t bytes, size_t step)
{
	return (bytes + step - 1) / step * step;
}

bool stepped_reserve_init(struct stepped_reserve *s, size_t reserve, size_t step)
{
	step = ALIGN_UP(step ? step : 1, PAGE_SIZE);
	reserve = stepped_round(reserve, step);
	s->base = os_reserve(reserve, PAGE_SIZE);
	s->reserved = s->base ? reserve : 0;
	s->committed = 0;
	s->step = step;
	return s->base != NULL;
}

void stepped_reserve_part(struct stepped_reserve *s, void *base, size_t reserved, size_t step)
{
	*s = (struct stepped_reserve){ .base = base, .reserved = reserved, .step = step };
}

bool stepped_reserve_reach(struct stepped_reserve *s, size_t bytes)
{
	size_t have = __atomic_load_n(&s->committed, __ATOMIC_ACQUIRE), want;

	if (likely(bytes <= have))
		return true;
	if (bytes > s->reserved)
		return false;
	want = stepped_round(bytes, s->step);
	os_step_does_not_count(s->base, have, want);
	if (!os_commit(s->base + have, want - have, false))
		return false;
	/* Pairs with the load above: a thread that sees the size may use the memory. */
	__atomic_store_n(&s->committed, want, __ATOMIC_RELEASE);
	return true;
}

void stepped_reserve_shrink(struct stepped_reserve *s, size_t bytes)
{
	size_t keep = MAX(ALIGN_UP(bytes, PAGE_SIZE), s->committed);

	if (keep >= s->reserved)
		return;
	os_release_part(s->base + keep, s->reserved - keep);
	s->reserved = keep;
}
