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
 * A program without instrumented code may dlopen some.  That code's first read of shadow faults, and the fault handler
 * maps all of the shadow then (shadow_fault).  The shadow is not mapped earlier because many programs call dlopen, and
 * some of them need an address down there themselves (Wine, 0x140000000).
 *
 * There are three states.  MAP_FULL: all of the shadow is mapped read-write with MAP_NORESERVE, as one mapping that
 * costs nothing until it is touched.  MAP_ARENA: no code is instrumented, so only the arena's part of the shadow
 * exists; it becomes usable in steps as the arena grows.  MAP_NONE: production mode, or another mapping is in the way.
 *
 * Where the kernel does not allow so many bytes of writable memory (vm.overcommit_memory=2, which ignores
 * MAP_NORESERVE; RLIMIT_DATA), MAP_FULL is "strict".  All of the shadow is mapped read-only: such pages count for no
 * limit and read as zero.  Shadow becomes writable in steps of WRITE_STEP bytes, each before its first write.  Our own
 * writes make their steps writable first.  Instrumented code poisons stacks by itself, so a stack's shadow becomes
 * writable when the stack becomes known.  For the rest (a coroutine's stack) the fault handler makes the step writable.
 *
 * The first 64 KiB of the address space cannot be mapped, and the full shadow poisons them.  So a null dereference in
 * instrumented code is reported before it faults.
 */
#include "shadow/shadow_internal.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "shadow/arch/x86_64/code.h"

#define WRITE_STEP (64ul << 10)  /* of shadow: 512 KiB of memory */
#define EARLY_STACK (64ul << 20) /* more than that of a stack without limit is left to the fault handler */
#define ABOVE_STACK (1ul << 20)  /* arguments and environment lie above the first frame */
#define ARENA_STEP (64ul << 10)  /* of shadow: 512 KiB of heap, as arena.c's step */

bool shadow_on;
bool shadow_everywhere;
uintptr_t shadow_quick_base;
size_t shadow_quick_span;
void (*shadow_changed_hook)(void);
enum map_state map_state;
bool map_other_runtime;
bool map_instrumented;
bool map_strict;
static bool map_started; /* options and arena are known; written once */
static bool map_gave_up; /* grows only */

/* Guards arena_ready and the change of map_state. */
static struct ranked_lock map_lock = RANKED_LOCK_INIT(LOCK_RANK_LEAF);
static uintptr_t arena_shadow; /* page-aligned start of the arena's shadow, 0: not set up; written once */
static size_t arena_shadow_size;
static size_t arena_ready; /* bytes of it that are usable; written under map_lock, read without */

size_t map_arena_bytes;

static void arena_ready_set(size_t ready)
{
	size_t lead = (uintptr_t)shadow_of(arena_base) - arena_shadow;

	__atomic_store_n(&arena_ready, ready, __ATOMIC_RELEASE);
	if (ready > lead)
		__atomic_store_n(&map_arena_bytes, MIN((ready - lead) << SHADOW_SCALE, arena_size), __ATOMIC_RELEASE);
}

/* Sets the range that shadow_good_ahead may ask about.  Its load reads shadow for up to 64 bytes of memory further. */
static void quick_span_update(void)
{
	uintptr_t base = map_state == MAP_FULL ? SHADOW_END : arena_base;
	uintptr_t end = map_state == MAP_FULL ? USER_END : map_arena_limit();
	/* The span is empty while the base changes. */
	if (shadow_quick_base != base)
		__atomic_store_n(&shadow_quick_span, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&shadow_quick_base, base, __ATOMIC_RELEASE);
	/* With strict_strings no call of a string function is decided by its first bytes. */
	__atomic_store_n(&shadow_quick_span, end - base > 64 && !options.strict_strings ? end - base - 64 : 0,
	                 __ATOMIC_RELEASE);
}

/* ---- strict: made writable before each write; before relocation too -------------------------- */

/* The numbers of some steps that are known to be writable, among the latest ones.  Atomic words; a lost entry costs a
 * system call. */
static uintptr_t steps_known[64];

static bool step_known(uintptr_t step)
{
	return __atomic_load_n(&steps_known[step % ARRAY_SIZE(steps_known)], __ATOMIC_RELAXED) == step;
}

/* The part of [from, to) that belongs to the same side of the gap as `from`, in whole steps as far as that side
 * goes. */
static bool steps_open(uintptr_t from, uintptr_t to)
{
	uintptr_t side = from < GAP_START ? SHADOW_START : GAP_END,
		  side_end = from < GAP_START ? GAP_START : SHADOW_END;
	if (from < side)
		return false;
	from = MAX(ALIGN_DOWN(from, WRITE_STEP), side);
	to = MIN(ALIGN_UP(to, WRITE_STEP), side_end);
	if (arch_syscall6(SYS_mprotect, (long)from, (long)(to - from), PROT_READ | PROT_WRITE, 0, 0, 0) < 0)
		return false;
	if (to - from <= WRITE_STEP * ARRAY_SIZE(steps_known))
		for (uintptr_t step = from / WRITE_STEP; step * WRITE_STEP < to; step++)
			__atomic_store_n(&steps_known[step % ARRAY_SIZE(steps_known)], step, __ATOMIC_RELAXED);
	return true;
}

bool map_writable(uintptr_t addr, size_t n)
{
	uintptr_t from = (uintptr_t)shadow_of(addr), to = (uintptr_t)shadow_of(addr + n - 1) + 1;
	if (!map_strict || n == 0)
		return true;
	if (from / WRITE_STEP == (to - 1) / WRITE_STEP && step_known(from / WRITE_STEP))
		return true;
	return steps_open(from, to);
}

/* Makes the shadow of the current stack writable.  The first thread's stack may grow to RLIMIT_STACK. */
static void map_writable_stack(void)
{
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0), room = 0;
	struct {
		uint64_t now, most;
	} limit;
	if (arch_syscall6(SYS_prlimit64, 0, RLIMIT_STACK, 0, (long)&limit, 0, 0) == 0)
		room = MIN(limit.now, EARLY_STACK);
	map_writable(ALIGN_DOWN(sp - MIN(room, sp / 2), SHADOW_GRANULE), room + ABOVE_STACK);
}

/* Maps all of the shadow around the part that the arena already has, or nothing. */
static long map_around_arena(int prot)
{
	uintptr_t have = arena_shadow ? arena_shadow : SHADOW_END,
		  have_end = arena_shadow ? have + arena_shadow_size : SHADOW_END;
	uintptr_t rest = prot & PROT_WRITE ? have : have + arena_ready;
	long r = reserve_map(SHADOW_START, have, prot);
	if (r < 0)
		return r;
	r = reserve_map(have_end, SHADOW_END, prot);
	if (r == 0 && rest < have_end)
		r = arch_syscall6(SYS_mprotect, (long)rest, (long)(have_end - rest), prot, 0, 0, 0);
	if (r < 0) {
		reserve_undo(SHADOW_START, have);
		reserve_undo(have_end, SHADOW_END);
	}
	return r;
}

int map_full(void)
{
	long r;

	if (map_state == MAP_FULL)
		return 0;
	r = map_around_arena(PROT_READ | PROT_WRITE);
	/* audit.c has mapped the shadow already. */
	if (r == -EEXIST && !arena_shadow && reserve_is_ours())
		r = 0;
	if (r == -ENOMEM) {
		r = map_around_arena(PROT_READ);
		map_strict = r == 0;
	}
	if (r < 0)
		return (int)r;
	if (map_strict) {
		steps_open((uintptr_t)shadow_of(0), (uintptr_t)shadow_of(NULL_PAGES));
		map_writable_stack();
	} else {
		arena_ready_set(arena_shadow_size);
	}
	reserve_finish();
	__atomic_store_n(&map_state, MAP_FULL, __ATOMIC_RELEASE);
	quick_span_update();
	return 0;
}

/* ---- the arena's part ------------------------------------------------------------------------ */

static bool map_arena(void)
{
	uintptr_t start = ALIGN_DOWN((uintptr_t)shadow_of(arena_base), PAGE_SIZE);
	uintptr_t end = ALIGN_UP((uintptr_t)shadow_of(arena_base + arena_size), PAGE_SIZE);
	if (map_state == MAP_NONE) {
		if (reserve_map(start, end, PROT_NONE) < 0)
			return false;
		os_do_not_count((void *)start, end - start);
		reserve_advise(start, end);
	}
	arena_shadow_size = end - start;
	arena_shadow = start;
	if (map_state == MAP_FULL)
		arena_ready_set(map_strict ? 0 : arena_shadow_size);
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
		if (upto >= want)
			os_step_does_not_count((void *)arena_shadow, arena_ready, upto);
		ok = upto >= want && os_open_empty((void *)(arena_shadow + arena_ready), upto - arena_ready);
		if (ok) {
			arena_ready_set(upto);
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
	size_t lead, ready;

	if (map_state == MAP_FULL)
		return arena_base + arena_size;
	lead = (uintptr_t)shadow_of(arena_base) - arena_shadow;
	ready = __atomic_load_n(&arena_ready, __ATOMIC_ACQUIRE);
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

/* ---- start ----------------------------------------------------------------------------------- */

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

static void everywhere(void)
{
	__atomic_store_n(&shadow_everywhere, shadow_on, __ATOMIC_RELEASE);
	slab_accesses_checked = shadow_on && options.quarantine_size;
	tell_change();
}

/* The full shadow is mapped, because there is instrumented code.  shadow_init does the rest if it has not run yet. */
static void full_in_use(void)
{
	map_instrumented = true;
	if (!map_started)
		return;
	if (!map_gave_up)
		shadow_on = true;
	everywhere();
}

void map_require_full(void)
{
	int r;

	map_instrumented = true;
	if (map_other_runtime)
		return;
	lock_acquire(&map_lock);
	r = map_full();
	lock_release(&map_lock);
	if (r < 0) {
		report_line("the program is instrumented, but its shadow at 0x%lx cannot be mapped (error %d; see "
		            "ulimit -v)",
		            SHADOW_OFFSET, -r);
		os_exit_group(1);
	}
	full_in_use();
}

void shadow_init(void)
{
	bool late;

	shadow_early();
	late = !reserve_may_advise;
	reserve_may_advise = os_filter_allows(OS_CALL_ADVISE);
	if (late && map_state == MAP_FULL)
		reserve_advise(SHADOW_START, SHADOW_END);
	map_started = true;
	if (map_other_runtime) {
		report_line("AddressSanitizer's runtime is loaded too: shadow off");
		return;
	}
	/* Instrumented code is checked in every mode, because its checks cannot be switched off. */
	if ((options.mode == MODE_PRODUCTION || !options.shadow) && !map_instrumented)
		return;
	if (!map_arena())
		return;
	shadow_on = true;
	heap_ops_install();
	quick_span_update(); /* the options are known now */
	if (map_instrumented)
		map_require_full();
}

void shadow_limit_space(void)
{
	uintptr_t end;

	lock_acquire(&map_lock);
	end = ALIGN_UP((uintptr_t)shadow_of(arena_base + arena_size), PAGE_SIZE);
	if (map_state == MAP_ARENA && end < arena_shadow + arena_shadow_size) {
		end = MAX(end, arena_shadow + arena_ready);
		reserve_undo(end, arena_shadow + arena_shadow_size);
		arena_shadow_size = end - arena_shadow;
	}
	lock_release(&map_lock);
}

bool shadow_want_all(void)
{
	int r;

	if (map_other_runtime || !shadow_on)
		return false;
	lock_acquire(&map_lock);
	r = map_full();
	lock_release(&map_lock);
	if (r < 0)
		return false;
	everywhere();
	return true;
}

/* The arena's part as it would be now if it had grown alone. */
static void shrink_to_arena(void)
{
	uintptr_t end = arena_shadow + arena_shadow_size;
	size_t want = (uintptr_t)shadow_of(arena_base + arena_usable_size + GRANULE_MASK) - arena_shadow;

	arena_ready_set(MIN(ALIGN_UP(want, ARENA_STEP), arena_shadow_size));
	map_state = MAP_ARENA;
	quick_span_update();
	os_protect_none((void *)(arena_shadow + arena_ready), arena_shadow_size - arena_ready);
	reserve_undo(SHADOW_START, arena_shadow);
	reserve_undo(end, SHADOW_END);
}

bool shadow_can_shrink(void)
{
	return map_state == MAP_FULL && arena_shadow && !map_instrumented && !map_strict;
}

void shadow_want_less(void)
{
	lock_acquire(&map_lock);
	if (shadow_can_shrink()) {
		__atomic_store_n(&shadow_everywhere, false, __ATOMIC_RELEASE);
		shrink_to_arena();
	}
	lock_release(&map_lock);
	tell_change();
}

bool shadow_spans(uintptr_t addr)
{
	return addr >= SHADOW_START && addr < SHADOW_END;
}

/* ---- instrumented code that the scan did not see, or that dlopen brings to a program without --- */

void shadow_without_faults(void)
{
	if (map_other_runtime || map_state == MAP_FULL)
		return;
	lock_acquire(&map_lock);
	map_full();
	lock_release(&map_lock);
}

bool map_code_uses_shadow(uintptr_t pc)
{
	uintptr_t start;
	size_t size;

	return unwind_function_at(pc, &start, &size) && arch_code_uses_shadow((const uint8_t *)start, size);
}

/* May the code at pc read the shadow?  Instrumented modules may, and so may our code on their behalf. */
static bool looks_at_shadow(uintptr_t pc)
{
	struct dl_find_object found, self;

	if (_dl_find_object((void *)pc, &found) != 0)
		return false;
	/* In a static program all code is in one module, which was examined at the start. */
	if (_dl_find_object((void *)(uintptr_t)map_full, &self) == 0 && self.dlfo_link_map == found.dlfo_link_map)
		return self.dlfo_link_map->l_name && self.dlfo_link_map->l_name[0];
	return scan_module(found.dlfo_link_map).result == SCAN_INSTRUMENTED || map_code_uses_shadow(pc);
}

/* The code at pc accessed shadow that is not mapped.  It may be a signal handler of the program that interrupted this
 * thread while it was growing the arena's part under map_lock.  Making memory usable twice does no harm. */
static bool map_on_demand(uintptr_t pc)
{
	bool mine = lock_mine(&map_lock), ok;

	if (map_other_runtime || !looks_at_shadow(pc))
		return false;
	if (!mine)
		lock_acquire(&map_lock);
	ok = map_full() == 0;
	if (!mine)
		lock_release(&map_lock);
	if (ok)
		full_in_use();
	return ok;
}

bool shadow_fault(uintptr_t addr, uintptr_t pc)
{
	if (addr < SHADOW_START || addr >= SHADOW_END || (addr >= GAP_START && addr < GAP_END))
		return false;
	if (map_state != MAP_FULL)
		return map_on_demand(pc);
	return map_strict && steps_open(addr, addr + 1);
}

/* ---- for leak/ ------------------------------------------------------------------------------- */

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
		arch_syscall6(SYS_madvise, (long)start, (long)(end - start), begins ? MADV_DONTFORK : MADV_DOFORK, 0, 0,
		              0);
}
