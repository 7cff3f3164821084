/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/class.c - malloc's size classes: every 16 bytes to 128, then four a doubling to 32 KiB. */
#include "slab/slab_internal.h"

/* Numbered from 1:
 *
 *     class   1  2 …   8 |   9   10   11   12 |  13   14   15   16 | …   40
 *     size   16 32 … 128 | 160  192  224  256 | 320  384  448  512 | … 32768
 *
 * Above 128, with s = size - 1 and e its highest bit, the two bits below e pick the quarter of the doubling: four classes a
 * doubling waste at most 1/5 of an object, on average a tenth (the spacing jemalloc uses).  Up to 1 KiB the inline path reads a table
 * instead, one entry per 16 bytes, which fills two cache lines. */

/* clang-format off */
const uint8_t slab_class_table[SLAB_FAST_SIZE / 16 + 1] = {
	1,
	1, 2, 3, 4, 5, 6, 7, 8,
	9, 9, 10, 10, 11, 11, 12, 12,
	13, 13, 13, 13, 14, 14, 14, 14, 15, 15, 15, 15, 16, 16, 16, 16,
	17, 17, 17, 17, 17, 17, 17, 17, 18, 18, 18, 18, 18, 18, 18, 18,
	19, 19, 19, 19, 19, 19, 19, 19, 20, 20, 20, 20, 20, 20, 20, 20,
};
/* clang-format on */

size_t class_size(unsigned class)
{
	unsigned top, quarter;

	if (class <= 8)
		return (size_t)class * 16;
	top = 7 + (class - 9) / 4;
	quarter = (class - 9) % 4;
	return ((size_t)1 << top) + ((size_t)(quarter + 1) << (top - 2));
}
