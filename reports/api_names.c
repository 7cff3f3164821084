/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/api_names.c - the functions that allocate and free, by family. */
#include "config.h"

#include "reports/reports_internal.h"

const struct report_api_names report_api_names[SLAB_API_NR] = {
	[SLAB_API_MALLOC] = { "malloc", "free" },
	[SLAB_API_NEW] = { "operator new", "operator delete" },
	[SLAB_API_NEW_ARRAY] = { "operator new[]", "operator delete[]" },
	[SLAB_API_MEMALIGN] = { "aligned_alloc", "free" },
	[SLAB_API_CACHE] = { "memsan_cache_alloc", "memsan_cache_free" },
	[SLAB_API_VMALLOC] = { "memsan_vmalloc", "memsan_vfree" },
	[SLAB_API_PAGES] = { "memsan_alloc_pages", "memsan_free_pages" },
	[SLAB_API_POOL] = { "memsan_pool_alloc", "memsan_pool_free" },
	[SLAB_API_CHECKED] = { "malloc", "free" },
};
