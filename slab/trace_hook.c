/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/trace_hook.c - the hook that is called for each allocation and free of a traced cache (slab_debug=T). */
#include "slab/slab.h"
#include "slab/trace_hook.h"

static slab_trace_fn trace_hook; /* written once at start-up */

void slab_set_trace_hook(slab_trace_fn fn)
{
	trace_hook = fn;
}

void trace_tell(const char *cache, bool free, uintptr_t user, size_t size, stack_handle stack)
{
	struct slab_trace_event event = { .free = free, .cache = cache, .addr = user, .size = size, .stack = stack };

	if (trace_hook)
		trace_hook(&event);
}
