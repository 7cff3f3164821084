/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/map.c - the shadow's address space.
 *
 * One shadow byte for eight bytes of memory at the offset that compilers write into the code:
 *
 *     0x10007fff8000 ┌────────────────────┐
 *                    │ high shadow        │  of libraries, stacks, the arena, PIE programs
 *     0x02008fff7000 ├────────────────────┤
 *                    │ gap, PROT_NONE     │  the shadow's own shadow: an access to the shadow itself faults
 *     0x00008fff7000 ├────────────────────┤
 *                    │ low shadow         │  of programs linked at a fixed address, and of the null page
 *     0x00007fff8000 └────────────────────┘
 *
 * Three states.  MAP_FULL: all of it, read-write, without reserve: one mapping that costs nothing until it is touched.  MAP_ARENA: nothing is
 * instrumented, so only the part that belongs to the arena exists, and is made usable in steps as the arena grows.  MAP_NONE: production
 * mode, or the range is taken.
 *
 * The first 64 KiB of the address space, which nobody can map, are poisoned in the full shadow, so that a null dereference in
 * instrumented code is reported before it faults.
 */
#include "shadow/shadow_internal.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#define GAP_START ((SHADOW_START >> SHADOW_SCALE) + SHADOW_OFFSET)
#define GAP_END ((SHADOW_END >> SHADOW_SCALE) + SHADOW_OFFSET)
#define NULL_PAGES (64ul << 10)
#define ARENA_STEP (8ul << 20) /* of shadow: 64 MiB of heap */

bool shadow_on;
bool shadow_everywhere;
uintptr_t shadow_quick_base;
size_t shadow_quick_span;
void (*shadow_changed_hook)(void);
enum map_state map_state;
bool map_other_runtime;
bool map_instrumented;
static bool map_started; /* options and arena are known; written once */
static bool map_gave_up; /* grows only */

/* Guards arena_ready and the change of map_state. */
static struct ranked_lock map_lock = RANKED_LOCK_INIT(LOCK_RANK_LEAF);
static uintptr_t arena_shadow;      /* page-aligned start of the arena's shadow, 0: not set up; written once */
static size_t arena_shadow_size;
static size_t arena_ready;          /* bytes of it that are usable: grows only; written under map_lock, read without */

/* What shadow_good_ahead may look at: its load goes up to 64 bytes of memory further. */
static void quick_span_update(void)
{
	uintptr_t base = map_state == MAP_FULL ? SHADOW_END : arena_base;
	uintptr_t end = map_state == MAP_FULL ? USER_END : map_arena_limit();
	/* Nothing while the base changes. */
	if (shadow_quick_base != base)
		__atomic_store_n(&shadow_quick_span, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&shadow_quick_base, base, __ATOMIC_RELEASE);
	__atomic_store_n(&shadow_quick_span, end - base > 64 ? end - base - 64 : 0, __ATOMIC_RELEASE);
}

/* ---- raw steps: these run before relocation ------------------------------------------------------------------------ */

static long map_piece(uintptr_t start, uintptr_t end, int prot)
{
	if (start >= end)
		return 0;
	long r = arch_syscall6(SYS_mmap, (long)start, (long)(end - start), prot,
	                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	if (r < 0)
		return r;
	if ((uintptr_t)r != start) {
		/* A kernel before 4.17 takes the address for a hint. */
		arch_syscall6(SYS_munmap, r, (long)(end - start), 0, 0, 0, 0);
		return -EEXIST;
	}
	return 0;
}

/* Neither in core files, nor in huge pages, of which a few touches would take gigabytes. */
static void map_advise(uintptr_t start, uintptr_t end)
{
	arch_syscall6(SYS_madvise, (long)start, (long)(end - start), MADV_DONTDUMP, 0, 0, 0);
	arch_syscall6(SYS_madvise, (long)start, (long)(end - start), MADV_NOHUGEPAGE, 0, 0, 0);
}

static void map_undo(uintptr_t start, uintptr_t end)
{
	if (start < end)
		arch_syscall6(SYS_munmap, (long)start, (long)(end - start), 0, 0, 0, 0);
}

/* Everything around what the arena already has; all or nothing. */
int map_full(void)
{
	if (map_state == MAP_FULL)
		return 0;
	uintptr_t have = arena_shadow ? arena_shadow : SHADOW_END, have_end = arena_shadow ? have + arena_shadow_size : SHADOW_END;
	long r = map_piece(SHADOW_START, have, PROT_READ | PROT_WRITE);
	if (r < 0)
		return (int)r;
	r = map_piece(have_end, SHADOW_END, PROT_READ | PROT_WRITE);
	if (r == 0 && arena_shadow)
		r = arch_syscall6(SYS_mprotect, (long)have, (long)arena_shadow_size, PROT_READ | PROT_WRITE, 0, 0, 0);
	if (r < 0) {
		map_undo(SHADOW_START, have);
		map_undo(have_end, SHADOW_END);
		return (int)r;
	}
	map_advise(SHADOW_START, SHADOW_END);
	arch_syscall6(SYS_mprotect, (long)GAP_START, (long)(GAP_END - GAP_START), PROT_NONE, 0, 0, 0);
	mem_set(shadow_of(0), SHADOW_NULL_PAGE, NULL_PAGES >> SHADOW_SCALE);
	arena_ready = arena_shadow_size;
	__atomic_store_n(&map_state, MAP_FULL, __ATOMIC_RELEASE);
	quick_span_update();
	return 0;
}

/* ---- the arena's part ------------------------------------------------------------------------------------------------ */

static bool map_arena(void)
{
	uintptr_t start = ALIGN_DOWN((uintptr_t)shadow_of(arena_base), PAGE_SIZE);
	uintptr_t end = ALIGN_UP((uintptr_t)shadow_of(arena_base + arena_size), PAGE_SIZE);
	if (map_state == MAP_NONE) {
		if (map_piece(start, end, PROT_NONE) < 0)
			return false;
		map_advise(start, end);
	}
	arena_shadow_size = end - start;
	arena_shadow = start;
	if (map_state == MAP_FULL)
		arena_ready = arena_shadow_size;
	else
		map_state = MAP_ARENA;
	quick_span_update();
	return true;
}

static bool map_arena_grow(size_t want)
{
	bool ok = true;
	lock_acquire(&map_lock);
	if (want > arena_ready) {
		size_t upto = MIN(ALIGN_UP(want, ARENA_STEP), arena_shadow_size);
		ok = upto >= want && os_unprotect((void *)(arena_shadow + arena_ready), upto - arena_ready);
		if (ok) {
			__atomic_store_n(&arena_ready, upto, __ATOMIC_RELEASE);
			quick_span_update();
		}
	}
	lock_release(&map_lock);
	if (!ok)
		shadow_give_up("no memory for the heap's shadow");
	return ok;
}

bool map_arena_reach(size_t bytes)
{
	size_t want = (size_t)((uintptr_t)shadow_of(arena_base + bytes + GRANULE_MASK) - arena_shadow);
	return likely(want <= __atomic_load_n(&arena_ready, __ATOMIC_ACQUIRE)) || map_arena_grow(want);
}

uintptr_t map_arena_limit(void)
{
	if (map_state == MAP_FULL)
		return arena_base + arena_size;
	size_t lead = (uintptr_t)shadow_of(arena_base) - arena_shadow, ready = __atomic_load_n(&arena_ready, __ATOMIC_ACQUIRE);
	return ready > lead ? MIN(arena_base + ((ready - lead) << SHADOW_SCALE), arena_base + arena_size) : arena_base;
}

bool map_has_shadow(uintptr_t addr)
{
	if (addr >= USER_END)
		return false;
	if (map_state == MAP_FULL)
		return addr < SHADOW_START || addr >= SHADOW_END;
	return map_state == MAP_ARENA && arena_contains((void *)addr) && addr < map_arena_limit();
}

bool shadow_owns(uintptr_t addr)
{
	if (map_state == MAP_FULL)
		return addr >= SHADOW_START && addr < SHADOW_END;
	return map_state == MAP_ARENA && addr - arena_shadow < arena_shadow_size;
}

/* ---- start ----------------------------------------------------------------------------------------------------------- */

static void tell_change(void)
{
	if (shadow_changed_hook)
		shadow_changed_hook();
}

void shadow_give_up(const char *why)
{
	map_gave_up = true;
	if (!__atomic_exchange_n(&shadow_on, false, __ATOMIC_RELAXED))
		return;
	tell_change();
	report_line("shadow off: %s", why);
}

void map_require_full(void)
{
	map_instrumented = true;
	if (map_other_runtime)
		return;
	lock_acquire(&map_lock);
	int r = map_full();
	lock_release(&map_lock);
	if (r < 0) {
		report_line("the program is instrumented, but its shadow at 0x%lx cannot be mapped (error %d; see ulimit -v)",
		            SHADOW_OFFSET, -r);
		os_exit_group(1);
	}
	/* Before shadow_init: it will come to this. */
	if (!map_started)
		return;
	if (!map_gave_up)
		shadow_on = true;
	__atomic_store_n(&shadow_everywhere, shadow_on, __ATOMIC_RELEASE);
	tell_change();
}

void shadow_init(void)
{
	shadow_early();
	map_started = true;
	if (map_other_runtime) {
		report_line("AddressSanitizer's runtime is loaded too: shadow off");
		return;
	}
	/* Instrumented code is checked in every mode: it cannot be told not to look. */
	if ((options.mode == MODE_PRODUCTION || !options.shadow) && !map_instrumented)
		return;
	if (!map_arena())
		return;
	shadow_on = true;
	heap_ops_install();
	if (map_instrumented)
		map_require_full();
}

void shadow_limit_space(void)
{
	lock_acquire(&map_lock);
	uintptr_t end = ALIGN_UP((uintptr_t)shadow_of(arena_base + arena_size), PAGE_SIZE);
	if (map_state == MAP_ARENA && end < arena_shadow + arena_shadow_size) {
		end = MAX(end, arena_shadow + arena_ready);
		map_undo(end, arena_shadow + arena_shadow_size);
		arena_shadow_size = end - arena_shadow;
	}
	lock_release(&map_lock);
}

/* Map first and ask later: whether the module is instrumented is known only when its own code has already run. */
void shadow_before_dlopen(void)
{
	if (map_other_runtime || map_state == MAP_FULL)
		return;
	lock_acquire(&map_lock);
	map_full();
	lock_release(&map_lock);
}

/* ---- for leak/ --------------------------------------------------------------------------------------------------------- */

void shadow_extent(uintptr_t *start, uintptr_t *end)
{
	*start = map_state == MAP_FULL ? SHADOW_START : arena_shadow;
	*end = map_state == MAP_FULL ? SHADOW_END : arena_shadow + arena_shadow_size;
}

void shadow_copying(bool begins)
{
	uintptr_t start, end;

	shadow_extent(&start, &end);
	if (start < end)
		arch_syscall6(SYS_madvise, (long)start, (long)(end - start), begins ? MADV_DONTFORK : MADV_DOFORK, 0, 0, 0);
}
