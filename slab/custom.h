/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/custom.h - the program's caches, as the files of slab/ use them. */
#ifndef MEMSAN_SLAB_CUSTOM_H
#define MEMSAN_SLAB_CUSTOM_H

#include "slab/cache.h"

/* slab_custom_free. False: p is in no cache of the program's, and nothing was done. */
bool custom_free(struct slab_cache *c, void *p, const struct unwind_regs *regs);
/* A live object of the program's caches, freed by another family's function: it goes back all the same. */
void custom_put(struct slab *s, void *p, enum slab_api api, const struct unwind_regs *regs);

#endif
