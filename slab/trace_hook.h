/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/trace_hook.h - the hook that is called for each allocation and free of a traced cache. */
#ifndef MEMSAN_SLAB_TRACE_HOOK_H
#define MEMSAN_SLAB_TRACE_HOOK_H

#include "slab/slab.h"

/* Calls the trace hook, if there is one (flag T). */
void trace_tell(const char *cache, bool free, uintptr_t user, size_t size, stack_handle stack);

#endif
