/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/container_ends.c - containers that grow at both ends: every used range of small storage at every
 * alignment is compared byte by byte with the annotations' meaning; then a read in front of the first element
 *
 * expect: container-out-of-bounds type=read access=1
 * ways: linked
 */
#include <sanitizer/asan_interface.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Newer headers declare these. */
void __sanitizer_annotate_double_ended_contiguous_container(const void *beg, const void *end, const void *old_beg,
                                                            const void *old_end, const void *new_beg,
                                                            const void *new_end);
int __sanitizer_verify_double_ended_contiguous_container(const void *beg, const void *used_beg, const void *used_end,
                                                         const void *end);
void __sanitizer_copy_contiguous_container_annotations(const void *src_beg, const void *src_end, const void *dst_beg,
                                                       const void *dst_end);

#define ROOM 72

static uintptr_t granule(const char *p)
{
	return (uintptr_t)p / 8;
}

/* Must the byte at p be bad?  1: yes; 0: no; -1: its granule is shared with good bytes behind it. */
static int must_be_bad(const char *p, const char *beg, const char *end, const char *a, const char *b)
{
	if (p < beg || p >= end || (p >= a && p < b))
		return 0;
	if (granule(p) == granule(end) && (uintptr_t)end % 8)
		return -1;
	return a < b && p < a && granule(p) == granule(a) ? -1 : 1;
}

static int differs(const char *m, const char *beg, const char *end, const char *a, const char *b)
{
	for (const char *p = m; p < m + ROOM; p++) {
		int bad = must_be_bad(p, beg, end, a, b);

		if (bad >= 0 && bad != !!__asan_address_is_poisoned(p))
			return 1;
	}
	return !__sanitizer_verify_double_ended_contiguous_container(beg, a, b, end);
}

static int try_storage(size_t shift, size_t size)
{
	char *m = malloc(ROOM), *copy = malloc(ROOM), *beg = m + shift, *end = beg + size, *to = copy + shift;
	int wrong = 0;

	for (size_t from = 0; from <= size; from++)
		for (size_t upto = from; upto <= size; upto++) {
			__sanitizer_annotate_double_ended_contiguous_container(beg, end, beg, end, beg + from,
			                                                       beg + upto);
			wrong |= differs(m, beg, end, beg + from, beg + upto);
			if (shift % 8 == 0 && size % 8 == 0) {
				__sanitizer_copy_contiguous_container_annotations(beg, end, to, to + size);
				wrong |= differs(copy, to, to + size, to + from / 8 * 8 * (from < upto),
				                 to + upto * (from < upto));
			}
		}
	/* The whole storage is used again: nothing of it is bad. */
	__sanitizer_annotate_double_ended_contiguous_container(beg, end, beg, end, beg, end);
	__sanitizer_annotate_double_ended_contiguous_container(to, to + size, to, to + size, to, to + size);
	wrong |= __asan_region_is_poisoned(m, ROOM) != NULL || __asan_region_is_poisoned(copy, ROOM) != NULL;
	free(m);
	free(copy);
	return wrong;
}

static int look(volatile char *p, int i)
{
	return p[i]; /* BAD */
}

int main(void)
{
	char *p;
	int r;

	for (size_t shift = 0; shift < 8; shift++)
		for (size_t size = 1; size < 32; size++)
			if (try_storage(shift, size))
				return 3;
	p = calloc(1, 64);
	__sanitizer_annotate_double_ended_contiguous_container(p, p + 64, p, p + 64, p + 19, p + 40);
	r = look(p, 19);
	r += look(p, 15);
	__sanitizer_annotate_double_ended_contiguous_container(p, p + 64, p + 19, p + 40, p, p + 64);
	r += look(p, 0);
	free(p);
	return r == 1000;
}
