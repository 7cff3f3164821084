/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/class.h - malloc's size classes. */
#ifndef MEMSAN_SLAB_CLASS_H
#define MEMSAN_SLAB_CLASS_H

#include "slab/slab.h"

__inline_hot unsigned class_of(size_t size) /* size: at most SLAB_CLASS_MAX; 0 for size 0 */
{
	return likely(size <= SLAB_FAST_SIZE) ? slab_class_table[(size + 7) / 8] : slab_class_large(size);
}
size_t class_size(unsigned class);
/* In hardened production: the slots of malloc's classes, with their canaries, and of the caches for larger alignments,
 * SLAB_NR_CLASSES + 1 …. class_harden makes class_of give classes whose slots have room for the canary. */
size_t class_slot_hardened(unsigned class);
size_t class_slot_aligned(unsigned class);
void class_harden(void);
/* Are objects of this class of malloc's in the coarse map, not in the state map? */
static inline bool class_is_coarse(unsigned class)
{
	return class >= SLAB_CLASS_COARSE && class <= SLAB_NR_CLASSES;
}

#endif
