/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/unwritten.h - bytes of objects that the program never wrote, known again by their value (option unwritten). */
#ifndef MEMSAN_SLAB_UNWRITTEN_H
#define MEMSAN_SLAB_UNWRITTEN_H

#include "lib/lib.h"

/* A flag beside SLAB_F_*: new objects are filled, unless they are zeroed. */
#define SLAB_F_UNWRITTEN 0x200u

/* Once, before the first cache is made. */
void unwritten_start(void);
void unwritten_fill(uintptr_t at, size_t size);

#endif
