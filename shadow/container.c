/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/container.c - the container annotations of sanitizer/common_interface_defs.h.  The header describes the
 * functions; comments here say what memsan does.
 *
 *     storage                used                                    storage_end
 *     │ reserve, 0xfc        │ elements               │ reserve, 0xfc │
 *
 * A granule says how many bytes from its first on are good.  So the bytes in front of the first element, in its
 * granule, stay good, and an empty container has no good granule.
 */
#include "shadow/abi.h"

/* What a container uses of its storage.  All of it: there are no annotations. */
struct container {
	uintptr_t beg, end;           /* the storage */
	uintptr_t used_beg, used_end; /* equal: nothing is used */
};

static bool container_valid(const struct container *c)
{
	return c->beg < c->end && c->beg <= c->used_beg && c->used_beg <= c->used_end && c->used_end <= c->end;
}

/* The first granule may begin with bytes in front of the storage, which are not the container's. */
static void mark_shared_granule(const struct container *c, uintptr_t first)
{
	uint8_t value = shadow_byte(first), head = (uint8_t)(c->beg - first), good = head;

	/* The bytes in front are bad themselves, or not all of them are good. */
	if (value >= 0x80 || (value != 0 && value < head))
		return;
	if (c->used_end > c->used_beg && c->used_beg < first + SHADOW_GRANULE)
		good = c->used_end >= first + SHADOW_GRANULE ? 0 : (uint8_t)(c->used_end - first);
	shadow_set(first, good);
}

/* Only granules that belong to the container alone are changed behind the first: the last may be shared with the bytes
 * behind the storage. */
static void container_mark(const struct container *c)
{
	uintptr_t first = ALIGN_DOWN(c->beg, SHADOW_GRANULE), last = ALIGN_DOWN(c->end, SHADOW_GRANULE);
	uintptr_t from = ALIGN_DOWN(c->used_beg, SHADOW_GRANULE), upto = ALIGN_DOWN(c->used_end, SHADOW_GRANULE);

	/* If all bytes of the last granule behind the end are bad, that granule belongs to the container too. */
	if (last < c->end && shadow_find_bad((void *)c->end, 1) == c->end)
		last += SHADOW_GRANULE;
	if (first < c->beg) {
		if (first < last)
			mark_shared_granule(c, first);
		first += SHADOW_GRANULE;
	}
	if (first >= last)
		return;
	if (c->used_beg == c->used_end)
		from = upto = first;
	from = MIN(MAX(from, first), last);
	upto = MIN(MAX(upto, from), last);
	if (from > first)
		shadow_poison(first, from - first, SHADOW_CONTAINER);
	if (upto > from)
		shadow_unpoison(from, upto - from);
	if (upto < last && c->used_end > upto && c->used_beg < c->used_end) {
		shadow_set(upto, (uint8_t)(c->used_end - upto));
		upto += SHADOW_GRANULE;
	}
	if (last > upto)
		shadow_poison(upto, last - upto, SHADOW_CONTAINER);
}

/* Makes the whole container good again, in its last granule up to the end, as the allocator left it. */
static void container_clear(const struct container *c)
{
	uintptr_t first = ALIGN_DOWN(c->beg, SHADOW_GRANULE);

	__asan_unpoison_memory_region((void *)first, c->end - first);
}

static void container_annotate(const struct container *c)
{
	if (!container_valid(c) || !shadow_on || !map_has_shadow(c->beg) || !map_has_shadow(c->end))
		return;
	if (c->used_beg == c->beg && c->used_end == c->end)
		container_clear(c);
	else
		container_mark(c);
}

void __sanitizer_annotate_contiguous_container(const void *beg, const void *end, const void *old_mid,
                                               const void *new_mid)
{
	const struct container c = { (uintptr_t)beg, (uintptr_t)end, (uintptr_t)beg, (uintptr_t)new_mid };

	(void)old_mid;
	container_annotate(&c);
}

void __sanitizer_annotate_double_ended_contiguous_container(const void *beg, const void *end, const void *old_beg,
                                                            const void *old_end, const void *new_beg,
                                                            const void *new_end)
{
	const struct container c = { (uintptr_t)beg, (uintptr_t)end, (uintptr_t)new_beg, (uintptr_t)new_end };

	(void)old_beg, (void)old_end;
	container_annotate(&c);
}

/* The elements went to other storage of the same alignment: so do the annotations. */
void __sanitizer_copy_contiguous_container_annotations(const void *src_beg, const void *src_end, const void *dst_beg,
                                                       const void *dst_end)
{
	uintptr_t src = (uintptr_t)src_beg, dst = (uintptr_t)dst_beg, n = (uintptr_t)src_end - src;
	struct container c = { dst, dst + n, dst, dst };
	uintptr_t at = 0;

	if ((uintptr_t)dst_end - dst != n || n == 0 || src == dst || !shadow_on || !map_has_shadow(src) ||
	    !map_has_shadow(src + n) || !map_has_shadow(dst) || !map_has_shadow(dst + n))
		return;
	/* The first good byte and the first bad one behind it: a container has no more than one such range. */
	while (at < n && shadow_find_bad((void *)(src + at), 1))
		at++;
	c.used_beg = dst + at;
	if (at < n) {
		uintptr_t bad = shadow_find_bad((void *)(src + at), n - at);

		c.used_end = bad ? dst + (bad - src) : c.end;
	} else {
		c.used_beg = dst;
	}
	container_annotate(&c);
}

/* ---- questions ------------------------------------------------------------------------------- */

/* The first byte of [beg, end) that is good, or 0. */
static uintptr_t find_good(uintptr_t beg, uintptr_t end)
{
	for (; beg < end; beg++)
		if (!shadow_find_bad((const void *)beg, 1))
			return beg;
	return 0;
}

static const void *container_find_wrong(const struct container *c)
{
	uintptr_t first = ALIGN_UP(c->beg, SHADOW_GRANULE), last = ALIGN_DOWN(c->end, SHADOW_GRANULE), wrong = 0;
	bool empty = c->used_beg == c->used_end;

	if (!container_valid(c))
		return NULL;
	if (!empty)
		wrong = shadow_find_bad((const void *)c->used_beg, c->used_end - c->used_beg);
	/* Bytes of the first element's granule cannot be bad. */
	if (!wrong)
		wrong = find_good(first, empty ? last : MIN(ALIGN_DOWN(c->used_beg, SHADOW_GRANULE), last));
	if (!wrong && !empty)
		wrong = find_good(MAX(c->used_end, first), last);
	return (const void *)wrong;
}

const void *__sanitizer_contiguous_container_find_bad_address(const void *beg, const void *mid, const void *end)
{
	const struct container c = { (uintptr_t)beg, (uintptr_t)end, (uintptr_t)beg, (uintptr_t)mid };

	return container_find_wrong(&c);
}

const void *__sanitizer_double_ended_contiguous_container_find_bad_address(const void *beg, const void *used_beg,
                                                                           const void *used_end, const void *end)
{
	const struct container c = { (uintptr_t)beg, (uintptr_t)end, (uintptr_t)used_beg, (uintptr_t)used_end };

	return container_find_wrong(&c);
}

int __sanitizer_verify_contiguous_container(const void *beg, const void *mid, const void *end)
{
	return !__sanitizer_contiguous_container_find_bad_address(beg, mid, end);
}

int __sanitizer_verify_double_ended_contiguous_container(const void *beg, const void *used_beg, const void *used_end,
                                                         const void *end)
{
	return !__sanitizer_double_ended_contiguous_container_find_bad_address(beg, used_beg, used_end, end);
}
