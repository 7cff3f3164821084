/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/api.c - the public functions of memsan.h. */
#include "preload/preload.h"

#include "preload/memsan.h"

MEMSAN_EXPORT size_t memsan_check_all(void)
{
	struct unwind_regs regs;
	size_t found = 0;

	UNWIND_HERE(&regs);
	if (!runtime_enter())
		return 0;
	report_batch_begin();
	if (runtime_state_now == RUNTIME_READY)
		found = slab_check_all(SLAB_AT_CHECK_ALL, &regs) + fence_check_all("by memsan_check_all", &regs);
	report_batch_end();
	runtime_leave();
	return found;
}

MEMSAN_EXPORT unsigned memsan_report_count(void)
{
	return report_count();
}

MEMSAN_EXPORT int memsan_stat(struct memsan_stats *stats)
{
	struct memsan_stats all;
	struct slab_stats slab;
	struct fence_stats fence;
	size_t size = stats->size;

	if (size < 2 * sizeof(size_t))
		return -1;
	runtime_ensure();
	malloc_get_stats(&slab);
	fence_get_stats(&fence);
	all.reports = report_count();
	all.allocs = slab.allocs + fence.allocs;
	all.frees = slab.frees + fence.frees;
	all.live_objects = slab.live_objects;
	all.live_bytes = slab.live_bytes;
	all.quarantine_objects = slab.quarantine_objects;
	all.quarantine_bytes = slab.quarantine_bytes;
	all.fence_slots = fence.slots;
	all.fence_live = fence.live;
	all.fence_allocs = fence.allocs;
	all.fence_frees = fence.frees;
	all.fence_bugs = fence.bugs;
	all.fence_skipped_covered = fence.skipped_covered;
	all.fence_skipped_capacity = fence.skipped_capacity;
	all.reports_repeated = report_repeated_count();
	all.reports_suppressed = report_suppressed_count();
	mem_copy((char *)stats + sizeof(size_t), (char *)&all + sizeof(size_t),
	         MIN(size, sizeof(all)) - sizeof(size_t));
	return 0;
}

MEMSAN_EXPORT const char *memsan_version(void)
{
	return PACKAGE_VERSION;
}
