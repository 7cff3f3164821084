/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/custom.h - the program's caches, for other files of slab/. */
#ifndef MEMSAN_SLAB_CUSTOM_H
#define MEMSAN_SLAB_CUSTOM_H

#include "slab/cache.h"

/* As slab_custom_free. False: p is in no cache of the program's, and nothing was done. */
bool custom_free(struct slab_cache *c, void *p, const struct unwind_regs *regs);
/* A live object of the program's caches is freed by a function of another family. This is reported, and the object
 * goes back to its cache. */
void custom_put(struct slab *s, void *p, enum slab_api api, const struct unwind_regs *regs);

#endif
