/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/flags.h - which checks a cache gets. */
#ifndef MEMSAN_SLAB_FLAGS_H
#define MEMSAN_SLAB_FLAGS_H

#include "slab/slab.h"

/* The flags that options.slab_debug gives to a cache of that name. */
unsigned flags_for_cache(const char *name);
/* Does the name match one of "pattern,pattern"? */
bool flags_name_in_list(const char *list, const char *name);

#endif
