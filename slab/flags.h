/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/flags.h - which checks a cache gets. */
#ifndef MEMSAN_SLAB_FLAGS_H
#define MEMSAN_SLAB_FLAGS_H

#include "slab/slab.h"

/* What options.slab_debug says for a cache of that name. */
unsigned flags_for_cache(const char *name);
/* Is the name one of "pattern,pattern"? */
bool flags_name_in_list(const char *list, const char *name);

#endif
