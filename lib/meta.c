/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/meta.c - memsan's own memory: stepped reserves, a bump allocator, and who has how much of it.
 *
 *   chunk (reserved)  |#### handed out ####|.... committed ....|        PROT_NONE        |
 *                     start              used            committed                       end
 *
 * Nothing is ever given back, so nothing needs a header, and a corrupted heap has no way in.  A request that does not fit the current
 * chunk opens a new one; what is left of the old is address space only, but for less than one step.
 */
#include "lib/lib.h"

struct live_counters live_counters;

/* At run time, so that the file on disk, or in a page cache that is looked at, holds no magic. */
void live_counters_start(void)
{
	live_counters.version = LIVE_COUNTERS_VERSION;
	live_counters.size = sizeof(live_counters);
	mem_copy(live_counters.magic, LIVE_COUNTERS_MAGIC, sizeof(live_counters.magic));
	__atomic_store_n(&live_counters.self, (uint64_t)(uintptr_t)&live_counters, __ATOMIC_RELEASE);
}

#define META_CHUNK ((size_t)16 << 20)
#define META_STEP ((size_t)256 << 10)
#define META_ALIGN ((size_t)16)

/* Guards meta_chunk and meta_used.  Nothing is called under it but the kernel. */
static struct ranked_lock meta_lock = RANKED_LOCK_INIT(LOCK_RANK_META);
static struct os_stepped meta_chunk;
static size_t meta_used;
static bool meta_lock_registered; /* atomic */
static int64_t meta_cost[COST_NR]; /* atomic */

/* ---- stepped reserves ----------------------------------------------------------------------------------------- */

/* Up to a multiple of step, which need not be a power of two. */
static size_t stepped_round(size_t bytes, size_t step)
{
	return (bytes + step - 1) / step * step;
}

bool os_stepped_init(struct os_stepped *s, size_t reserve, size_t step)
{
	step = ALIGN_UP(step ? step : 1, PAGE_SIZE);
	reserve = stepped_round(reserve, step);
	s->base = os_reserve(reserve, PAGE_SIZE);
	s->reserved = s->base ? reserve : 0;
	s->committed = 0;
	s->step = step;
	return s->base != NULL;
}

bool os_stepped_reach(struct os_stepped *s, size_t bytes)
{
	size_t have = __atomic_load_n(&s->committed, __ATOMIC_ACQUIRE), want;

	if (likely(bytes <= have))
		return true;
	if (bytes > s->reserved)
		return false;
	want = stepped_round(bytes, s->step);
	if (!os_commit(s->base + have, want - have, false))
		return false;
	/* Pairs with the load above: who sees the size may touch the memory. */
	__atomic_store_n(&s->committed, want, __ATOMIC_RELEASE);
	return true;
}

void os_stepped_shrink(struct os_stepped *s, size_t bytes)
{
	size_t keep = MAX(ALIGN_UP(bytes, PAGE_SIZE), s->committed);

	if (keep >= s->reserved)
		return;
	os_release_part(s->base + keep, s->reserved - keep);
	s->reserved = keep;
}

/* ---- the bump allocator --------------------------------------------------------------------------------------- */

/* Under meta_lock.  Under a tight RLIMIT_AS a smaller chunk has to do. */
static bool meta_open_chunk(size_t need)
{
	struct os_stepped chunk;
	size_t size = MAX(META_CHUNK, need);

	for (;;) {
		if (os_stepped_init(&chunk, size, META_STEP))
			break;
		if (size <= ALIGN_UP(need, META_STEP))
			return false;
		size = MAX(size / 2, need);
	}
	meta_chunk = chunk;
	meta_used = 0;
	return true;
}

void *meta_alloc(size_t size, enum cost_centre centre)
{
	char *p = NULL;

	if (!size || size > SIZE_MAX / 4)
		return NULL;
	size = ALIGN_UP(size, META_ALIGN);
	if (unlikely(!__atomic_load_n(&meta_lock_registered, __ATOMIC_RELAXED))) {
		lock_register_for_fork(&meta_lock);
		__atomic_store_n(&meta_lock_registered, true, __ATOMIC_RELAXED);
	}
	lock_acquire(&meta_lock);
	if ((size <= meta_chunk.reserved - meta_used || meta_open_chunk(size)) && os_stepped_reach(&meta_chunk, meta_used + size)) {
		p = meta_chunk.base + meta_used;
		meta_used += size;
	}
	lock_release(&meta_lock);
	if (p)
		meta_account(centre, (int64_t)size);
	return p;
}

/* ---- cost centres --------------------------------------------------------------------------------------------- */

static const char *const meta_names[] = {
	[COST_MEMMAP] = "memmap", [COST_STATE_MAP] = "state map", [COST_SLAB] = "slab", [COST_TRACKS] = "tracks",
	[COST_DEPOT] = "stack depot", [COST_UNWIND] = "unwinder", [COST_THREADS] = "threads",
	[COST_QUARANTINE] = "quarantine", [COST_REPORTS] = "reports", [COST_OPTIONS] = "options",
	[COST_SHADOW] = "shadow", [COST_FENCE] = "fence", [COST_LEAK] = "leak",
};
_Static_assert(ARRAY_SIZE(meta_names) == COST_NR, "every cost centre has a name");

void meta_account(enum cost_centre centre, int64_t bytes)
{
	__atomic_fetch_add(&meta_cost[centre], bytes, __ATOMIC_RELAXED);
}

uint64_t meta_bytes(enum cost_centre centre)
{
	int64_t bytes = __atomic_load_n(&meta_cost[centre], __ATOMIC_RELAXED);

	return bytes > 0 ? (uint64_t)bytes : 0;
}

const char *meta_name(enum cost_centre centre)
{
	return (unsigned)centre < COST_NR ? meta_names[centre] : "?";
}
