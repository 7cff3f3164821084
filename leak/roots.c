/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/roots.c - which memory of this process is a root: all private memory that was written, except memory that
 * is known to be dead or memsan's. */
#include "config.h"

#include <fcntl.h>

#include "leak/leak_internal.h"

/* No library can hide from the list of mappings.  It has data and bss of every module (also of modules that dlopen
 * loaded, or that are half unloaded), thread-local storage, stacks, and memory that the program mapped for itself.
 *
 *     /proc/self/maps      every readable private mapping, minus:
 *        ─ the arena and all that memsan has reserved or keeps in its own data
 *        ─ below the stack pointer of each stopped thread, where its stack's bounds are known
 *        ─ stacks of ended threads, which libc keeps
 *     /proc/self/pagemap   of that, the pages that were written: an unchanged page of a file holds no pointer of ours
 *
 * So a relocation section that was made read-only is scanned, and a sparse reserve of gigabytes costs only as much as
 * its pages in use.
 *
 * Bounds of a stack.  The main stack is the mapping called [stack].  Only libc knows the others: struct pthread, which
 * the thread pointer points to, holds the stack's address, size and guard size as neighbouring words.  Their place in
 * it differs between versions of libc.  So they are searched for, and believed when they fit: they enclose both the
 * thread pointer and the stack pointer.  When nothing fits (a coroutine, a stack that begins in the middle of a page),
 * all of the mapping that the thread is in is scanned.
 *
 * Accepted weakness: pointers that only shared memory or another process holds are not seen.  (The program can register
 * such areas.) */

#define PTHREAD_WORDS 320 /* struct pthread has 2304 bytes in glibc 2.36 */
#define HOLES_MAX 4096
#define SIGNAL_STACK_MAX (256u << 10)
#define PAGEMAP_AT_ONCE 512u
#define PAGEMAP_PRESENT ((uint64_t)3 << 62) /* in memory or swapped */
#define PAGEMAP_FILE ((uint64_t)1 << 61)

struct range {
	uint64_t start, end;
};

bool roots_scan_stacks = true;

void (*leak_hook_holes)(void (*hole)(uint64_t start, uint64_t end));
void (*leak_hook_roots)(void (*root)(void *ctx, uint64_t addr, uint64_t size), void *ctx);

/* All used by one scan at a time, in the copy of the process. */
size_t leak_static_tls;
static struct range holes[HOLES_MAX];
static uint32_t nr_holes;
static bool holes_lost;
static int pagemap_fd;

static void hole_add(uint64_t start, uint64_t end)
{
	if (start >= end)
		return;
	if (nr_holes == HOLES_MAX) {
		holes_lost = true; /* more memory is scanned than needed */
		return;
	}
	holes[nr_holes++] = (struct range){ start, end };
}

static void holes_sort(void)
{
	/* Shell sort: few, nearly sorted, no recursion. */
	for (uint32_t gap = nr_holes / 2; gap; gap /= 2)
		for (uint32_t i = gap; i < nr_holes; i++) {
			struct range r = holes[i];
			uint32_t k = i;
			for (; k >= gap && holes[k - gap].start > r.start; k -= gap)
				holes[k] = holes[k - gap];
			holes[k] = r;
		}
}

/* ---- memsan's own ---------------------------------------------------------------------------- */

static void holes_memsan(void)
{
	uintptr_t at = 0, start, end;

	while (os_next_reserve(at, &start, &end)) {
		hole_add(start, end);
		at = end;
	}
	if (module_self_range(&start, &end))
		hole_add(start, end);
	if (leak_hook_holes)
		leak_hook_holes(hole_add);
}

/* ---- stacks ---------------------------------------------------------------------------------- */

struct stack_bounds {
	uint64_t start, end, guard;
};

/* stackblock, stackblock_size, guardsize in the struct pthread at `tp`. */
static bool stack_find_bounds(uint64_t tp, struct stack_bounds *b)
{
	static uint64_t words[PTHREAD_WORDS];
	size_t n = os_safe_read(words, (void *)(uintptr_t)tp, sizeof(words)) / sizeof(words[0]);

	for (size_t i = 0; i + 2 < n; i++) {
		b->start = words[i];
		b->end = words[i] + words[i + 1];
		b->guard = words[i + 2];
		if (b->start && (words[i] | words[i + 1]) % PAGE_SIZE == 0 && words[i + 1] < (uint64_t)1 << 40 &&
		    b->start < tp && b->end > tp && b->end - tp < (uint64_t)64 << 20 && b->guard < tp - b->start)
			return true;
	}
	return false;
}

struct stack_search {
	const struct leak_thread *threads;
	uint32_t nr;
};

/* The dead part of the stack [start, end) lies below the stack pointer of the thread on it.  When several threads are
 * on it (a coroutine's stack may lie in another thread's frame), below the lowest one's.  When none is, or its stack
 * pointer is not known, nothing is dead.  Without roots on stacks (stack=off) all of it is left out, up to what lies
 * above the first frame. */
static void hole_stack(const struct stack_search *x, uint64_t start, uint64_t end)
{
	uint64_t lowest = UINT64_MAX;

	if (!roots_scan_stacks) {
		hole_add(start, end);
		return;
	}
	for (uint32_t i = 0; i < x->nr; i++)
		if (x->threads[i].answered && x->threads[i].sp - start < end - start)
			lowest = MIN(lowest, x->threads[i].sp);
	if (lowest != UINT64_MAX)
		hole_add(start, lowest);
}

/* The thread-local variables of the modules that were loaded first lie between the stack and the thread pointer. */
static void hole_thread(const struct stack_search *x, const struct leak_thread *t)
{
	struct stack_bounds b;

	if (t->answered && t->tp && stack_find_bounds(t->tp, &b))
		hole_stack(x, b.start,
		           leak_static_tls && leak_static_tls < b.end - b.start ? b.end - leak_static_tls
		                                                                : t->tp - PAGE_SIZE);
}

/* ---- threads that have ended ----------------------------------------------------------------- */

/* libc keeps the stacks of ended threads for new ones.  Their dead words would keep objects alive.  So a
 * thread that is about to end leaves its thread pointer here.  Its stack up to its struct pthread is dead as long as
 * that struct still names the same stack and the kernel has cleared the tid in it.  Memory that is used for something
 * else by then does not look like that.  The struct itself stays a root: it holds the thread's result until the
 * thread is joined, and memory that libc keeps for the next thread. */
#define ENDED_MAX 1024
/* a slot is claimed by counting */
static struct {
	uint64_t tp;
	uint32_t tid_at, pad;
} ended[ENDED_MAX];
static uint32_t nr_ended; /* atomic; a ring */

void leak_roots_thread_exit(void)
{
	const uint32_t *self = (const uint32_t *)arch_thread_pointer();
	uint32_t tid = (uint32_t)os_gettid(), i, slot;

	/* The tid is one of the first words behind the header. */
	for (i = 16; i < PTHREAD_WORDS * 2; i++)
		if (self[i] == tid)
			break;
	if (i == PTHREAD_WORDS * 2)
		return;
	slot = __atomic_fetch_add(&nr_ended, 1, __ATOMIC_RELAXED) % ENDED_MAX;
	ended[slot].tid_at = i;
	__atomic_store_n(&ended[slot].tp, (uint64_t)(uintptr_t)self, __ATOMIC_RELEASE);
}

static void holes_ended(const struct leak_thread *threads, uint32_t nr_threads)
{
	for (uint32_t i = 0; i < ENDED_MAX && i < nr_ended; i++) {
		uint64_t tp = __atomic_load_n(&ended[i].tp, __ATOMIC_ACQUIRE);
		struct stack_bounds b;
		uint32_t tid = 1;
		bool used = false;

		if (!tp || os_safe_read(&tid, (void *)(uintptr_t)(tp + ended[i].tid_at * 4), 4) != 4 || tid != 0 ||
		    !stack_find_bounds(tp, &b))
			continue;
		/* A coroutine of a living thread may run on it. */
		for (uint32_t k = 0; k < nr_threads; k++)
			used |= threads[k].sp - b.start < b.end - b.start || threads[k].tp - b.start < b.end - b.start;
		if (!used)
			hole_add(b.start, tp);
	}
}

/* ---- ranges become roots --------------------------------------------------------------------- */

static void scan_present(struct leak_scan *s, uint64_t start, uint64_t end, bool writable)
{
	uint64_t entries[PAGEMAP_AT_ONCE], page = ALIGN_DOWN(start, PAGE_SIZE);

	if (pagemap_fd < 0) {
		if (writable)
			leak_scan_root(s, start, end - start);
		return;
	}
	while (page < end) {
		size_t n = (size_t)MIN((uint64_t)PAGEMAP_AT_ONCE, (end - page + PAGE_SIZE - 1) / PAGE_SIZE);
		ssize_t got = os_pread(pagemap_fd, entries, n * sizeof(entries[0]),
		                       page / PAGE_SIZE * sizeof(entries[0]));
		if (got < (ssize_t)sizeof(entries[0]))
			return;
		n = (size_t)got / sizeof(entries[0]);
		for (size_t i = 0, k; i < n; i = k) {
			uint64_t from, to;

			for (k = i; k < n && (entries[k] & PAGEMAP_PRESENT) && !(entries[k] & PAGEMAP_FILE); k++)
				;
			from = MAX(page + i * PAGE_SIZE, start);
			to = MIN(page + k * PAGE_SIZE, end);
			if (from < to)
				leak_scan_root(s, from, to - from);
			k += k == i;
		}
		page += n * PAGE_SIZE;
	}
}

static void scan_around_holes(struct leak_scan *s, uint64_t start, uint64_t end, bool writable)
{
	for (uint32_t i = 0; i < nr_holes && start < end; i++) {
		if (holes[i].end <= start)
			continue;
		if (holes[i].start >= end)
			break;
		if (holes[i].start > start)
			scan_present(s, start, holes[i].start, writable);
		start = MAX(start, holes[i].end);
	}
	if (start < end)
		scan_present(s, start, end, writable);
}

/* ---- /proc/self/maps ------------------------------------------------------------------------- */

static void hole_main_stack(void *ctx, const struct maps_line *m)
{
	if (str_equal(m->path, "[stack]"))
		hole_stack(ctx, m->start, m->end);
}

static void scan_mapping(void *ctx, const struct maps_line *m)
{
	if (leak_mapping_is_root(m))
		scan_around_holes(ctx, m->start, m->end, m->writable);
}

static void root_add(void *ctx, uint64_t addr, uint64_t size)
{
	leak_scan_root(ctx, addr, size);
}

/* For a thread that runs a handler on a signal stack that memsan gave it. */
static void scan_signal_stack(struct leak_scan *s, const struct leak_thread *t)
{
	uintptr_t start, end;

	if (t->answered && os_next_reserve(t->sp, &start, &end) && t->sp - start < end - start)
		leak_scan_root(s, t->sp, MIN(end - t->sp, (uint64_t)SIGNAL_STACK_MAX));
}

static bool each_mapping(void (*fn)(void *ctx, const struct maps_line *m), void *ctx)
{
	static char buffer[8192];
	struct maps_reader reader;
	struct maps_line m;

	if (maps_open(&reader, "/proc/self/maps", buffer, sizeof(buffer)) != 0)
		return false;
	while (maps_next(&reader, &m))
		fn(ctx, &m);
	return maps_close(&reader) == 0;
}

const char *leak_roots_scan_self(struct leak_scan *s, const struct leak_thread *threads, uint32_t nr_threads)
{
	struct stack_search search = { threads, nr_threads };
	bool ok;

	nr_holes = 0;
	holes_memsan();
	for (uint32_t i = 0; i < nr_threads; i++)
		hole_thread(&search, &threads[i]);
	holes_ended(threads, nr_threads);
	if (!each_mapping(hole_main_stack, &search))
		return "/proc/self/maps cannot be read";
	holes_sort();
	for (uint32_t i = 0; roots_scan_stacks && i < nr_threads; i++)
		for (int k = 0; k < 2; k++)
			if (threads[i].saved_size[k])
				leak_scan_root(s, threads[i].saved[k], threads[i].saved_size[k]);
	for (uint32_t i = 0; roots_scan_stacks && i < nr_threads; i++)
		scan_signal_stack(s, &threads[i]);
	if (leak_hook_roots)
		leak_hook_roots(root_add, s);
	pagemap_fd = os_open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC, 0);
	ok = each_mapping(scan_mapping, s);
	if (pagemap_fd >= 0)
		os_close(pagemap_fd);
	return ok ? NULL : "/proc/self/maps cannot be read";
}
