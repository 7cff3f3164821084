/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/class.c - malloc's size classes: every 16 bytes to 144, then four a doubling to 1 KiB and eight to 32 KiB. */
#include "slab/class.h"
#include "slab/slab.h"

/* Numbered from 1:
 *
 *     class   1  2 …   9 |  10   11   12   13 |  14   15   16   17 | …   21 |   22   23 … | …   61
 *     size   16 32 … 144 | 160  192  224  256 | 320  384  448  512 | … 1024 | 1152 1280 … | … 32768
 *
 * Above 128, with s = size - 1 and e its highest bit, the two bits below e (three beyond 1 KiB) select the part of the
 * doubling. Four classes a doubling waste at most 1/5 of an object, and a tenth on average (the spacing that jemalloc
 * uses); eight waste half of that. More classes mean more slabs that are not full. Beyond 1 KiB few objects fill a slab
 * and each wastes more, so eight classes a doubling cost less there (bench/cache: 3 % of the peak). Up to 1 KiB the
 * inline path reads a table with an entry for each 8 bytes, which fills two cache lines.
 *
 * A request for 0 bytes has class 0, whose bin is always empty, and so it leaves the inline path (cache.h). */

#define UP_TO(from, to, class) [(from) / 8 + 1 ...(to) / 8] = (class)
uint8_t slab_class_table[SLAB_FAST_SIZE / 8 + 1] = {
	UP_TO(0, 16, 1),      UP_TO(16, 32, 2),    UP_TO(32, 48, 3),    UP_TO(48, 64, 4),    UP_TO(64, 80, 5),
	UP_TO(80, 96, 6),     UP_TO(96, 112, 7),   UP_TO(112, 128, 8),  UP_TO(128, 144, 9),  UP_TO(144, 160, 10),
	UP_TO(160, 192, 11),  UP_TO(192, 224, 12), UP_TO(224, 256, 13), UP_TO(256, 320, 14), UP_TO(320, 384, 15),
	UP_TO(384, 448, 16),  UP_TO(448, 512, 17), UP_TO(512, 640, 18), UP_TO(640, 768, 19), UP_TO(768, 896, 20),
	UP_TO(896, 1024, 21),
};

size_t class_size(unsigned class)
{
	unsigned top, part;

	if (class <= 9)
		return (size_t) class * 16;
	if (class < SLAB_CLASS_COARSE) {
		top = 7 + (class - 10) / 4;
		part = (class - 10) % 4;
		return ((size_t)1 << top) + ((size_t)(part + 1) << (top - 2));
	}
	top = COARSE_SHIFT + (class - SLAB_CLASS_COARSE) / 8;
	part = (class - SLAB_CLASS_COARSE) % 8;
	return ((size_t)1 << top) + ((size_t)(part + 1) << (top - 3));
}

/* ---- hardened production --------------------------------------------------------------------- */

/* Eight bytes of each slot are the canary's (harden.h), as eight bytes of each chunk are glibc's:
 *
 *     class    1   2 …   9 |  10 …   13 |  14 … |   22 … |    61
 *     slot    16  32 … 144 | 176 …  272 | 336 … | 1168 … | 32784
 *     object   8  24 … 136 | 168 …  264 | 328 … | 1160 … | 32776
 *
 * From class 10 on a slot is 16 bytes larger than without canaries. So a request for a power of two of bytes from 128
 * on stays in its class. Below that it takes the next slot, as it takes the next chunk in glibc. */
size_t class_slot_hardened(unsigned class)
{
	return class < 10 ? class_size(class) : class_size(class) + 16;
}

/* Most of the slots above are multiples of 16, no more. Larger alignments have caches of their own. The slots that are
 * 64 bytes larger than a power of two are for objects of that size on lines of the processor's cache. */
static const uint16_t aligned_slots[SLAB_NR_ALIGNED] = {
	32,   64,   96,   128,  192,  256,  320,  384,   512,   576,   768,   1024,  1088,  1536,
	2048, 2112, 3072, 4096, 4160, 8192, 8256, 12288, 16384, 16448, 20480, 24576, 28672, 32768,
};

size_t class_slot_aligned(unsigned class)
{
	return aligned_slots[class - SLAB_NR_CLASSES - 1];
}

void class_harden(void)
{
	unsigned class = 1;
	size_t size;

	for (size = 8; size <= SLAB_FAST_SIZE; size += 8) {
		while (class_slot_hardened(class) - HARDEN_TAIL < size)
			class ++;
		slab_class_table[size / 8] = (uint8_t) class;
	}
}
