/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/meta.c - memsan's own memory: a bump allocator, and how much each cost centre uses.
 *
 *   chunk (reserved)  |#### handed out ####|.... committed ....|        PROT_NONE        |
 *                     start              used            committed                       end
 *
 * Nothing is ever given back, so no block has a header that a corrupted heap could damage. A request that does not fit
 * the current chunk opens a new one. The rest of the old chunk is lost, but that is only address space and less than
 * one step of memory. When the kernel gives no more, there is what was lent (meta_lend).
 */
#include "lib/lib.h"

struct live_counters live_counters;

/* The magic is written at run time: so it is not in libmemsan's file, nor in a mapping of that file. */
void live_counters_start(void)
{
	live_counters.version = LIVE_COUNTERS_VERSION;
	live_counters.size = sizeof(live_counters);
	mem_copy(live_counters.magic, LIVE_COUNTERS_MAGIC, sizeof(live_counters.magic));
	__atomic_store_n(&live_counters.self, (uint64_t)(uintptr_t)&live_counters, __ATOMIC_RELEASE);
}

#define META_CHUNK ((size_t)16 << 20)
#define META_STEP ((size_t)256 << 10)
#define META_AHEAD ((size_t)64 << 10)
#define META_ALIGN ((size_t)16)

/* Guards meta_chunk, meta_used and meta_lent. Only the kernel is called under this lock. */
static struct ranked_lock meta_lock = RANKED_LOCK_INIT(LOCK_RANK_META);
static struct stepped_reserve meta_chunk;
static size_t meta_used;
static struct {
	char *next, *end;
} meta_lent;                       /* under meta_lock */
static bool meta_lock_registered;  /* atomic */
static int64_t meta_cost[COST_NR]; /* atomic */

/* ---- the bump allocator ---------------------------------------------------------------------- */

/* Under meta_lock. With a tight RLIMIT_AS the chunk is smaller. */
static bool meta_open_chunk(size_t need)
{
	struct stepped_reserve chunk;
	size_t size = MAX(META_CHUNK, need);

	for (;;) {
		if (stepped_reserve_init(&chunk, size, META_STEP))
			break;
		if (size <= ALIGN_UP(need, META_STEP))
			return false;
		size = MAX(size / 2, need);
	}
	meta_chunk = chunk;
	meta_used = 0;
	return true;
}

void meta_lend(void *p, size_t size)
{
	lock_acquire(&meta_lock);
	meta_lent.next = p;
	meta_lent.end = (char *)p + size;
	lock_release(&meta_lock);
}

static char *meta_from_lent(size_t size)
{
	char *p = meta_lent.next;

	if (size > (size_t)(meta_lent.end - p))
		return NULL;
	meta_lent.next += size;
	return p;
}

void *meta_alloc(size_t size, enum cost_centre centre)
{
	char *p;

	if (!size || size > SIZE_MAX / 4)
		return NULL;
	size = ALIGN_UP(size, META_ALIGN);
	if (unlikely(!__atomic_load_n(&meta_lock_registered, __ATOMIC_RELAXED))) {
		lock_register_for_fork(&meta_lock);
		__atomic_store_n(&meta_lock_registered, true, __ATOMIC_RELAXED);
	}
	lock_acquire(&meta_lock);
	if ((size <= meta_chunk.reserved - meta_used || meta_open_chunk(size)) &&
	    stepped_reserve_reach(&meta_chunk, meta_used + size)) {
		p = meta_chunk.base + meta_used;
		meta_used += size;
		/* Should the next allocations not be allowed to ask the kernel (seccomp), some room is there. */
		stepped_reserve_reach(&meta_chunk, MIN(meta_used + META_AHEAD, meta_chunk.reserved));
	} else {
		p = meta_from_lent(size);
	}
	lock_release(&meta_lock);
	if (p)
		meta_account(centre, (int64_t)size);
	return p;
}

/* ---- cost centres ---------------------------------------------------------------------------- */

static const char *const meta_names[] = {
	[COST_MEMMAP] = "memmap",   [COST_STATE_MAP] = "state map",   [COST_SLAB] = "slab",
	[COST_TRACKS] = "tracks",   [COST_DEPOT] = "stack depot",     [COST_UNWIND] = "unwinder",
	[COST_THREADS] = "threads", [COST_QUARANTINE] = "quarantine", [COST_REPORTS] = "reports",
	[COST_OPTIONS] = "options", [COST_SHADOW] = "shadow",         [COST_FENCE] = "fence",
	[COST_LEAK] = "leak",       [COST_WATCH] = "watch",
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
