/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/class.c - malloc's size classes: every 16 bytes to 128, then four a doubling to 1 KiB and eight to 32 KiB. */
#include "slab/class.h"
#include "slab/slab.h"

/* Numbered from 1:
 *
 *     class   1  2 …   8 |   9   10   11   12 |  13   14   15   16 | …   20 |   21   22 … | …   60
 *     size   16 32 … 128 | 160  192  224  256 | 320  384  448  512 | … 1024 | 1152 1280 … | … 32768
 *
 * Above 128, with s = size - 1 and e its highest bit, the two bits below e (three beyond 1 KiB) select the part of the
 * doubling. Four classes a doubling waste at most 1/5 of an object, and a tenth on average (the spacing that jemalloc
 * uses); eight waste half of that. More classes mean more slabs that are not full. Beyond 1 KiB few objects fill a slab
 * and each wastes more, so eight classes a doubling cost less there (bench/cache: 3 % of the peak). Up to 1 KiB the
 * inline path reads a table with an entry for each 16 bytes, which fills two cache lines.
 *
 * A request for 0 bytes has class 0, whose bin is always empty, and so it leaves the inline path (cache.h). */

/* clang-format off */
const uint8_t slab_class_table[SLAB_FAST_SIZE / 16 + 1] = {
	0,
	1, 2, 3, 4, 5, 6, 7, 8,
	9, 9, 10, 10, 11, 11, 12, 12,
	13, 13, 13, 13, 14, 14, 14, 14, 15, 15, 15, 15, 16, 16, 16, 16,
	17, 17, 17, 17, 17, 17, 17, 17, 18, 18, 18, 18, 18, 18, 18, 18,
	19, 19, 19, 19, 19, 19, 19, 19, 20, 20, 20, 20, 20, 20, 20, 20,
};
/* clang-format on */

size_t class_size(unsigned class)
{
	unsigned top, part;

	if (class <= 8)
		return (size_t) class * 16;
	if (class < SLAB_CLASS_COARSE) {
		top = 7 + (class - 9) / 4;
		part = (class - 9) % 4;
		return ((size_t)1 << top) + ((size_t)(part + 1) << (top - 2));
	}
	top = COARSE_SHIFT + (class - SLAB_CLASS_COARSE) / 8;
	part = (class - SLAB_CLASS_COARSE) % 8;
	return ((size_t)1 << top) + ((size_t)(part + 1) << (top - 3));
}
