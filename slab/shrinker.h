/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/shrinker.h - the registered shrinkers. */
#ifndef MEMSAN_SLAB_SHRINKER_H
#define MEMSAN_SLAB_SHRINKER_H

#include "slab/slab.h"

#pragma GCC visibility push(hidden)
extern struct slab_shrinker *shrinker_list; /* linked by next; written under shrink_lock, read without */
#pragma GCC visibility pop

#endif
