/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/budget.c - how much memory may be held back for reuse or in quarantine. */
#include "slab/budget.h"
#include "slab/slab.h"

#define RETAIN_SLACK ((size_t)256 << 10)
#define PEAK_JIFFIES (JIFFIES_HZ / 4)
#define QUARANTINE_FLOOR ((uint64_t)1 << 20)
#define ADDRESS_SPACE_MAX ((size_t)64 << 30)
/* Guard regions cost page tables only; without them each is a VMA of its own (vm.max_map_count is 65530). */
#define HELD_AREAS_GUARDED 16384
#define HELD_AREAS_MPROTECT 2048
#define HELD_AREAS_MIN 64

int64_t budget_checked_bytes;
uint64_t budget_queued_bytes;
size_t budget_area_bytes, budget_area_peak, budget_area_retained;
bool budget_lean;

static size_t peak_before;      /* the peak of the interval before; under area_lock */
static uint32_t interval_start; /* jiffies; under area_lock */

#define LEAN_BELOW ((uint64_t)1 << 30)

void budget_init(void)
{
	budget_limit(os_charge_limit());
}

bool budget_limit(uint64_t limit)
{
	if (limit < LEAN_BELOW)
		WRITE_ONCE(budget_lean, true);
	return READ_ONCE(budget_lean);
}

/* Live and retained areas together take no more bytes than the live areas took at their recent peak. So a program that
 * takes and frees the same areas again and again gets them all back, and a program whose sizes vary does not pile up
 * areas that it no longer asks for. */
size_t budget_retained_bytes(size_t most)
{
	uint32_t now = jiffies_now();
	size_t peak;

	if (now - interval_start >= PEAK_JIFFIES) {
		peak_before = now - interval_start < 2 * PEAK_JIFFIES ? budget_area_peak : budget_area_bytes;
		budget_area_peak = budget_area_bytes;
		interval_start = now;
	}
	peak = MAX(budget_area_peak, peak_before) + RETAIN_SLACK;
	return MIN(peak - MIN(peak, budget_area_bytes), most);
}

/* quarantine.size, but never more than quarantine.percent of the live heap, so a program with a small heap stays small;
 * up to 1 MiB always. */
uint64_t budget_quarantine(void)
{
	int64_t live = __atomic_load_n(&budget_checked_bytes, __ATOMIC_RELAXED) -
	               (int64_t)READ_ONCE(budget_queued_bytes);
	uint64_t share = ((uint64_t)MAX(live, 0) + READ_ONCE(budget_area_bytes)) / 100 * options.quarantine_percent;

	return MIN(options.quarantine_size, MAX(share, QUARANTINE_FLOOR));
}

/* A guarded slab costs its descriptor, with the tracks. */
bool budget_guarded_exceeded(uint64_t descriptor_bytes, uint64_t address_bytes)
{
	return descriptor_bytes > budget_quarantine() / 2 || address_bytes > MIN(ADDRESS_SPACE_MAX, arena_size / 4);
}

/* An area in quarantine costs no data, but its descriptor, its memmap entries and often a page of page tables. */
bool budget_held_areas_exceeded(size_t nr, size_t address_bytes)
{
	uint64_t most = os_guard_supported() ? HELD_AREAS_GUARDED : HELD_AREAS_MPROTECT;
	uint64_t fit = MAX(budget_quarantine() / 2 / PAGE_SIZE, HELD_AREAS_MIN);

	return nr > MIN(most, fit) || address_bytes > MIN(ADDRESS_SPACE_MAX, arena_size / 4);
}
