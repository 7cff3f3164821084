/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/class.h - malloc's size classes. */
#ifndef MEMSAN_SLAB_CLASS_H
#define MEMSAN_SLAB_CLASS_H

#include "slab/slab.h"

__inline_hot unsigned class_of(size_t size) /* size: at most SLAB_CLASS_MAX; 0 for size 0 */
{
	return likely(size <= SLAB_FAST_SIZE) ? slab_class_table[(size + 15) / 16] : slab_class_large(size);
}
size_t class_size(unsigned class);
/* Are objects of this class of malloc's in the coarse map, not in the state map? */
static inline bool class_is_coarse(unsigned class)
{
	return class >= SLAB_CLASS_COARSE && class <= SLAB_NR_CLASSES;
}

#endif
