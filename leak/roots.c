/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/roots.c - which memory of this process is a root: all private memory that was written, and shared memory that
 * it writes to, except memory that is known to be dead or memsan's. */
#include "config.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/syscall.h>

#include "leak/leak_internal.h"

/* No library can hide from the list of mappings.  It has data and bss of every module (also of modules that dlopen
 * loaded, or that are half unloaded), thread-local storage, stacks, and memory that the program mapped for itself.
 *
 *     /proc/self/maps      every private mapping, and shared ones that the program may write, minus:
 *        ─ the arena and all that memsan has reserved or keeps in its own data
 *        ─ below the stack pointer of each stopped thread, where its stack's bounds are known
 *        ─ stacks of ended threads, which libc keeps
 *     /proc/self/pagemap   of that, the pages that were written: an unchanged page of a file holds no pointer of ours;
 *                          of shared memory, the pages that this process has used, or that exist
 *     /proc/self/mem       reads what may not be read now (PROT_NONE, write-only, execute-only, a protection key),
 *                          and shared memory, where a file may be cut off at any time
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
 * Shared memory.  The copy of the process shares it, and its page tables are not copied.  So the copy reads it through
 * files of the program's own that were opened before, while the program stands still, and keeps the words that look
 * like addresses.  Of a file on a disk or elsewhere, a page that this process has not used is not read: no file is read
 * in, and no page is filled in by another process.  Of memory without a disk (MAP_ANONYMOUS, memfd, shm), the page
 * tables may forget a page (MADV_PAGEOUT, MADV_DONTNEED, a new mapping), so that all pages are read that exist.
 * Devices are never read: a register may change when it is looked at.  The rings of io_uring are memory.
 *
 * Memory that the copy lacks.  A copied process does not have the mappings that the program marked MADV_DONTFORK (V8
 * marks its whole heap, ibv_fork_init the buffers of a network card), and has zeros where the program said
 * MADV_WIPEONFORK.  The copy finds them beside the program's list of mappings, and reads them as it reads shared
 * memory. All of their words are roots, also in objects.
 *
 * Accepted weakness: pointers that only another process, a device, the kernel (but see held.c) or a swapped-out page of
 * shared memory holds are not seen, nor those behind minor faults of a userfaultfd; a scan from outside sees only pages
 * that the program has mapped.  (The program can register such areas.) */

#define PTHREAD_WORDS 320 /* struct pthread has 2304 bytes in glibc 2.36 */
#define HOLES_MAX 4096
#define SIGNAL_STACK_MAX (256u << 10)
#define PAGEMAP_AT_ONCE 512u
#define PAGEMAP_PRESENT ((uint64_t)3 << 62) /* in memory or swapped */
#define PAGEMAP_FILE ((uint64_t)1 << 61)
#define PAGEMAP_GUARD ((uint64_t)1 << 58)
#define CLOSED_MAX ((uint64_t)4 << 30) /* larger closed mappings are asked about only by PAGEMAP_SCAN */
#define SHARED_MAX 16384
#define WIPED_MAX ((uint64_t)4 << 20) /* larger mappings are not looked at: are they empty in the copy? */
#define CHUNK SCAN_CHUNK

struct range {
	uint64_t start, end;
};

bool roots_scan_stacks = true;

void (*leak_hook_holes)(void (*hole)(uint64_t start, uint64_t end));
void (*leak_hook_roots)(void (*root)(void *ctx, uint64_t addr, uint64_t size), void *ctx);

/* All used by one scan at a time, in the copy of the process. */
size_t leak_static_tls;
static __large_bss struct range holes[HOLES_MAX];
static uint32_t nr_holes;
static bool holes_lost;
/* Descriptors, -1: none.  Of the process that scans; and of the program, while there is shared memory to be read. */
static int own_pagemap = -1, own_mem = -1, program_pagemap = -1, program_mem = -1, program_maps = -1;
/* Memory that is read as the program has it. */
static __large_bss struct range shared[SHARED_MAX];
static enum {
	SHARED_PAGES,  /* those that this process has mapped */
	SHARED_IN_RAM, /* the pages exist only in memory, whether this process has mapped them or not */
	NOT_COPIED,    /* private memory that the copy lacks */
} shared_kind[SHARED_MAX] __large_bss;
static uint32_t nr_shared;
static struct {
	uint64_t *words; /* of shared memory, that may be pointers */
	size_t nr, max;
} kept;

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

static bool in_hole(uint64_t addr)
{
	for (uint32_t i = 0; i < nr_holes; i++)
		if (addr - holes[i].start < holes[i].end - holes[i].start)
			return true;
	return false;
}

/* In a static program memsan's variables lie among the program's, and are roots too: no copy of memory may stay in
 * them. */
static void forget(void *copy, size_t size)
{
	mem_set(copy, 0, size);
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

/* libc keeps the stacks of ended threads for new ones.  Their dead words would keep objects alive.  So a thread that is
 * about to end leaves its thread pointer here.  Its stack up to its struct pthread, thread-local variables included, is
 * dead as long as that struct still names the same stack and says that the thread has ended.  Memory that is used for
 * something else by then does not look like that.  The struct itself stays a root: it holds the thread's result until
 * the thread is joined, and memory that libc keeps for the next thread.
 *
 * A thread that memsan never saw leaves nothing here: one that thrd_create or a static program started, and that
 * allocated nothing. Its struct is found where stacks of libc's lie, in the mapping behind a guard: the struct begins
 * with two pointers to itself, and the stack that it names begins with this guard.
 *
 * A stack that the program gave the thread has no guard of libc's.  It is the program's again when the thread has been
 * joined, and may hold anything. */
#define ENDED_TRIES 8u
__large_bss struct leak_ended leak_ended[LEAK_ENDED_MAX];

void leak_roots_thread_exit(void)
{
	const uint32_t *self = (const uint32_t *)arch_thread_pointer();
	uint32_t tid = (uint32_t)thread_tid(), i;
	uint64_t tp = (uint64_t)(uintptr_t)self, first = (tp >> 6) * 0x9e3779b97f4a7c15u >> 54;
	struct leak_ended *e = &leak_ended[first];

	/* The tid is one of the first words behind the header. */
	for (i = 16; i < PTHREAD_WORDS * 2; i++)
		if (self[i] == tid)
			break;
	if (i == PTHREAD_WORDS * 2)
		return;
	/* Stacks are used again and again, so each has one entry.  When all its places are taken, one is given up. */
	for (uint32_t k = 0; k < ENDED_TRIES; k++) {
		struct leak_ended *try = &leak_ended[(first + k) % LEAK_ENDED_MAX];
		uint64_t free = 0;

		if (__atomic_load_n(&try->tp, __ATOMIC_RELAXED) == tp ||
		    __atomic_compare_exchange_n(&try->tp, &free, tp, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
			e = try;
			break;
		}
	}
	e->tid_at = i;
	__atomic_store_n(&e->tp, tp, __ATOMIC_RELEASE);
}
_Static_assert(LEAK_ENDED_MAX == 1u << 10, "the hash has 10 bits");

/* `behind`: where the guard of the thread's stack ends; 0: anywhere. */
static void hole_ended(const struct stack_search *x, uint64_t tp, uint32_t tid_at, uint64_t behind)
{
	struct stack_bounds b;
	uint32_t tid = 1;
	bool used = false;

	if (os_safe_read(&tid, (void *)(uintptr_t)(tp + tid_at * 4), 4) != 4 || !leak_tid_ended(tid) ||
	    !stack_find_bounds(tp, &b) || !b.guard || (behind && b.start + b.guard != behind))
		return;
	/* A coroutine of a living thread may run on it. */
	for (uint32_t k = 0; k < x->nr; k++)
		used |= x->threads[k].sp - b.start < b.end - b.start || x->threads[k].tp - b.start < b.end - b.start;
	if (!used)
		hole_add(b.start, tp);
}

static void holes_ended(const struct stack_search *x)
{
	for (uint32_t i = 0; i < LEAK_ENDED_MAX; i++) {
		uint64_t tp = __atomic_load_n(&leak_ended[i].tp, __ATOMIC_ACQUIRE);

		if (tp)
			hole_ended(x, tp, leak_ended[i].tid_at, 0);
	}
}

/* ---- pages ----------------------------------------------------------------------------------- */

typedef void (*pages_fn)(void *ctx, uint64_t start, uint64_t end);

/* The kernel's struct pm_scan_arg and struct page_region (Linux 6.7). */
struct pagemap_scan {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t inverted, all_of, any_of, returned;
};
struct page_region {
	uint64_t start, end, categories;
};
#define PAGEMAP_SCAN 0xc0606610ul
#define PAGE_IS_FILE 4u
#define PAGE_IS_PRESENT 8u
#define PAGE_IS_SWAPPED 16u

/* What to ask for: private pages that were written. */
static struct pagemap_scan scan_for_written(uint64_t start, uint64_t end, struct page_region *found, size_t nr)
{
	return (struct pagemap_scan){
		.size = sizeof(struct pagemap_scan),
		.start = ALIGN_DOWN(start, PAGE_SIZE),
		.end = ALIGN_UP(end, PAGE_SIZE),
		.vec = (uint64_t)(uintptr_t)found,
		.vec_len = nr,
		.inverted = PAGE_IS_FILE,
		.all_of = PAGE_IS_FILE,
		.any_of = PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
		.returned = PAGE_IS_PRESENT,
	};
}

/* Private pages that were written, asked for in one call for each few regions, so page tables that do not exist take no
 * time.  False: the kernel cannot do this. */
static bool written_regions(uint64_t start, uint64_t end, pages_fn fn, void *ctx)
{
	struct page_region found[64];
	struct pagemap_scan scan = scan_for_written(start, end, found, ARRAY_SIZE(found));

	if (os_under_seccomp())
		return false;
	while (scan.start < scan.end) {
		long n = arch_syscall6(SYS_ioctl, own_pagemap, (long)PAGEMAP_SCAN, (long)&scan, 0, 0, 0);
		if (n < 0)
			return false;
		for (long i = 0; i < n; i++)
			fn(ctx, MAX(found[i].start, start), MIN(found[i].end, end));
		if (scan.walk_end <= scan.start)
			return true;
		scan.start = scan.walk_end;
	}
	return true;
}

/* Calls fn for the pages whose entries have any bit of `any` and no bit of `none`. Returns the address from which on
 * the entries could not be read; `end`, if all were. */
static uint64_t pages_each(int pagemap, uint64_t start, uint64_t end, uint64_t any, uint64_t none, pages_fn fn,
                           void *ctx)
{
	uint64_t entries[PAGEMAP_AT_ONCE], page = ALIGN_DOWN(start, PAGE_SIZE);

	while (page < end) {
		size_t n = (size_t)MIN((uint64_t)PAGEMAP_AT_ONCE, (end - page + PAGE_SIZE - 1) / PAGE_SIZE);
		ssize_t got = os_pread(pagemap, entries, n * sizeof(entries[0]), page / PAGE_SIZE * sizeof(entries[0]));
		if (got < (ssize_t)sizeof(entries[0]))
			return MAX(page, start);
		n = (size_t)got / sizeof(entries[0]);
		for (size_t i = 0, k; i < n; i = k) {
			uint64_t from, to;

			for (k = i; k < n && (entries[k] & any) && !(entries[k] & none); k++)
				;
			from = MAX(page + i * PAGE_SIZE, start);
			to = MIN(page + k * PAGE_SIZE, end);
			if (from < to)
				fn(ctx, from, to);
			k += k == i;
		}
		page += n * PAGE_SIZE;
	}
	return end;
}

/* ---- threads that have ended and that memsan never saw --------------------------------------- */

#define SEEK_MAX ((uint64_t)32 << 20) /* written bytes of one mapping; a stack has few, its struct at the end */
#define STRUCT_ALIGN 64u

struct seek {
	struct stack_search search;
	uint32_t tid_at;    /* which word of a struct pthread holds the tid */
	uint64_t guard_end; /* of the mapping before, when nothing may access that one */
	uint64_t left;      /* of SEEK_MAX */
};

/* Read by the kernel: a protection key may forbid this thread to read there. */
static void seek_pages(void *ctx, uint64_t start, uint64_t end)
{
	static __large_bss uint64_t words[4 * PAGE_SIZE / sizeof(uint64_t)];
	struct seek *x = ctx;
	ssize_t n;

	end = MIN(end, start + x->left);
	x->left -= end - start;
	for (; start < end && (n = os_pread(own_mem, words, MIN(sizeof(words), end - start), start)) > 0;
	     start += (uint64_t)n) {
		for (size_t i = 0; i + 2 < (size_t)n / sizeof(uint64_t); i += STRUCT_ALIGN / sizeof(uint64_t)) {
			uint64_t at = start + i * sizeof(uint64_t);

			if (words[i] == at && words[i + 2] == at)
				hole_ended(&x->search, at, x->tid_at, x->guard_end);
		}
		forget(words, (size_t)n);
	}
}

static void seek_mapping(void *ctx, const struct maps_line *m)
{
	struct seek *x = ctx;
	bool own = m->private && !m->path[0];

	x->left = SEEK_MAX;
	if (own && m->readable && m->writable && x->guard_end == m->start &&
	    !os_is_reserve((void *)(uintptr_t)m->start) && !written_regions(m->start, m->end, seek_pages, x) &&
	    m->end - m->start <= CLOSED_MAX)
		pages_each(own_pagemap, m->start, m->end, PAGEMAP_PRESENT, PAGEMAP_FILE | PAGEMAP_GUARD, seek_pages, x);
	x->guard_end = own && !m->readable && !m->writable && !m->executable ? m->end : 0;
}

/* A living thread's struct tells where the tid stands. */
static uint32_t seek_tid(const struct stack_search *x)
{
	static uint32_t words[PTHREAD_WORDS * 2];

	for (uint32_t k = 0; k < x->nr; k++) {
		uint64_t tp = x->threads[k].answered ? x->threads[k].tp : 0;
		size_t n = tp ? os_safe_read(words, (void *)(uintptr_t)tp, sizeof(words)) / sizeof(words[0]) : 0;

		for (uint32_t i = 16; i < n; i++)
			if (words[i] == (uint32_t)x->threads[k].tid)
				return i;
	}
	return 0;
}

/* ---- reading by the kernel ------------------------------------------------------------------- */

size_t leak_roots_read_forced(const struct mem_view *v, void *dst, uint64_t addr, size_t n)
{
	ssize_t got = own_mem < 0 ? 0 : os_pread(own_mem, dst, n, addr);

	(void)v;
	return got > 0 ? (size_t)got : 0;
}

typedef void (*words_fn)(void *ctx, const uint64_t *words, size_t n);

static void read_words(int mem, uint64_t start, uint64_t end, words_fn fn, void *ctx)
{
	static __large_bss uint64_t buffer[CHUNK / sizeof(uint64_t)];

	start = ALIGN_UP(start, sizeof(uint64_t));
	while (start < end) {
		ssize_t n = os_pread(mem, buffer, (size_t)MIN(CHUNK, end - start), start);

		if (n >= (ssize_t)sizeof(uint64_t))
			fn(ctx, buffer, (size_t)n / sizeof(uint64_t));
		if (n > 0)
			forget(buffer, (size_t)n);
		/* Behind a page that cannot be read it goes on. */
		start = n >= (ssize_t)sizeof(uint64_t) ? start + ALIGN_DOWN((uint64_t)n, sizeof(uint64_t))
		                                       : ALIGN_DOWN(start, PAGE_SIZE) + PAGE_SIZE;
	}
}

/* ---- shared memory, and memory that is not copied -------------------------------------------- */

static void shared_add(uint64_t start, uint64_t end, int kind)
{
	if (nr_shared && shared[nr_shared - 1].end == start && shared_kind[nr_shared - 1] == (unsigned)kind) {
		shared[nr_shared - 1].end = end;
		return;
	}
	if (nr_shared == SHARED_MAX)
		return;
	shared_kind[nr_shared] = (unsigned)kind;
	shared[nr_shared++] = (struct range){ start, end };
}

static void keep_words(void *ctx, const uint64_t *words, size_t n)
{
	(void)ctx;
	for (size_t i = 0; i < n && kept.nr < kept.max; i++)
		if (words[i] - PAGE_SIZE < ((uint64_t)1 << 47) - PAGE_SIZE)
			kept.words[kept.nr++] = words[i];
}

static void keep_pages(void *ctx, uint64_t start, uint64_t end)
{
	read_words(program_mem, start, end, keep_words, ctx);
}

/* By the copy's own mapping: the program's page tables stay as they are. */
static void keep_pages_of_ram(void *ctx, uint64_t start, uint64_t end)
{
	read_words(own_mem, start, end, keep_words, ctx);
}

static void count_pages(void *ctx, uint64_t start, uint64_t end)
{
	*(uint64_t *)ctx += end - start;
}

/* Pages of a file that lies in memory. One that was never written is not there, and is not made. */
static bool pages_in_ram(uint64_t start, uint64_t end, pages_fn fn, void *ctx)
{
	static __large_bss uint8_t there[16 * PAGEMAP_AT_ONCE];

	while (start < end) {
		size_t n = (size_t)MIN(sizeof(there), (end - start) / PAGE_SIZE);

		if (arch_syscall6(SYS_mincore, (long)start, (long)(n * PAGE_SIZE), (long)there, 0, 0, 0) != 0)
			return false;
		for (size_t i = 0, k; i < n; i = k) {
			for (k = i; k < n && (there[k] & 1); k++)
				;
			if (k > i)
				fn(ctx, start + i * PAGE_SIZE, start + k * PAGE_SIZE);
			k += k == i;
		}
		start += n * PAGE_SIZE;
	}
	return true;
}

static void each_shared_page(pages_fn fn, pages_fn fn_of_ram, void *ctx)
{
	for (uint32_t i = 0; i < nr_shared; i++)
		if (shared_kind[i] == NOT_COPIED)
			pages_each(program_pagemap, shared[i].start, shared[i].end, PAGEMAP_PRESENT,
			           PAGEMAP_FILE | PAGEMAP_GUARD, fn, ctx);
		else if (shared_kind[i] != SHARED_IN_RAM ||
		         !pages_in_ram(shared[i].start, shared[i].end, fn_of_ram, ctx))
			pages_each(program_pagemap, shared[i].start, shared[i].end, (uint64_t)1 << 63, 0, fn, ctx);
}

/* Pages that are new since they were counted find no room. */
static void keep_shared(void)
{
	uint64_t bytes = 0;

	each_shared_page(count_pages, count_pages, &bytes);
	bytes += CHUNK;
	kept.words = os_reserve(bytes, PAGE_SIZE);
	if (!kept.words || !os_commit(kept.words, bytes, false))
		return;
	kept.max = bytes / sizeof(uint64_t);
	each_shared_page(keep_pages, keep_pages_of_ram, NULL);
}

static bool is_in_ram(const char *path)
{
	return str_starts(path, "/dev/zero") || str_starts(path, "/memfd:") || str_starts(path, "/SYSV") ||
	       str_starts(path, "/dev/shm/");
}

static void note_shared(void *ctx, const struct maps_line *m)
{
	(void)ctx;
	if (m->private || !leak_mapping_is_root(m) || os_is_reserve((void *)(uintptr_t)m->start))
		return;
	shared_add(m->start, m->end,
	           is_in_ram(m->path) && m->end - m->start <= CLOSED_MAX && !os_under_seccomp() ? SHARED_IN_RAM
	                                                                                        : SHARED_PAGES);
}

static void stop_at_page(void *ctx, uint64_t start, uint64_t end)
{
	(void)start;
	(void)end;
	*(bool *)ctx = true;
}

/* Has the process written to any of these pages? */
static bool any_written(int pagemap, uint64_t start, uint64_t end)
{
	struct page_region found;
	struct pagemap_scan scan = scan_for_written(start, end, &found, 1);
	bool any = false;
	long n;

	scan.max_pages = 1;
	n = os_under_seccomp() ? -1 : arch_syscall6(SYS_ioctl, pagemap, (long)PAGEMAP_SCAN, (long)&scan, 0, 0, 0);
	if (n >= 0)
		return n > 0;
	for (; start < end && !any; start += PAGEMAP_AT_ONCE * PAGE_SIZE)
		pages_each(pagemap, start, MIN(end, start + PAGEMAP_AT_ONCE * PAGE_SIZE), PAGEMAP_PRESENT,
		           PAGEMAP_FILE | PAGEMAP_GUARD, stop_at_page, &any);
	return any;
}

/* Notes the private mappings of the program that this copy does not have, or has without their pages. */
static void note_not_copied(void)
{
	static __large_bss char own_buffer[4096], buffer[4096];
	struct maps_reader own, program = { .fd = program_maps, .buffer = buffer, .size = sizeof(buffer) };
	struct maps_line here = { .start = 0, .end = 0 }, m;
	bool more = true;

	if (maps_open(&own, "/proc/self/maps", own_buffer, sizeof(own_buffer)) != 0)
		return;
	nr_holes = 0;
	holes_memsan();
	while (maps_next(&program, &m)) {
		while (more && here.end <= m.start)
			more = maps_next(&own, &here);
		if (!m.private || !leak_mapping_is_root(&m) ||
		    (in_hole(m.start) && !arena_contains((void *)(uintptr_t)m.start)))
			continue;
		if (!more || here.start >= m.end)
			shared_add(m.start, m.end, NOT_COPIED);
		else if (m.readable && !m.path[0] && m.end - m.start <= WIPED_MAX && own_pagemap >= 0 &&
		         !any_written(own_pagemap, m.start, m.end) && any_written(program_pagemap, m.start, m.end))
			shared_add(m.start, m.end, NOT_COPIED);
	}
	maps_close(&own);
}

void leak_roots_begin(uint32_t *copied)
{
	own_pagemap = os_open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC, 0);
	own_mem = os_open("/proc/self/mem", O_RDONLY | O_CLOEXEC, 0);
	kept.words = NULL;
	kept.nr = kept.max = 0;
	if (copied && program_maps >= 0)
		note_not_copied();
	if (nr_shared)
		keep_shared();
	if (copied) {
		__atomic_store_n(copied, 1, __ATOMIC_RELEASE);
		arch_syscall6(SYS_futex, (long)copied, FUTEX_WAKE, 1, 0, 0, 0);
	}
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		os_close(*fd);
	*fd = -1;
}

void leak_roots_end(void)
{
	close_one(&own_pagemap);
	close_one(&own_mem);
	close_one(&program_pagemap);
	close_one(&program_mem);
	close_one(&program_maps);
	leak_held_end();
	if (kept.words)
		os_release(kept.words, ALIGN_UP(kept.max * sizeof(uint64_t), PAGE_SIZE));
	kept.words = NULL;
	nr_shared = 0;
}

/* ---- ranges become roots --------------------------------------------------------------------- */

struct root_ctx {
	struct leak_scan *s;
	const struct maps_line *m;
};

static void root_words(void *ctx, const uint64_t *words, size_t n)
{
	leak_scan_words(ctx, words, n);
}

static void root_pages(void *ctx, uint64_t start, uint64_t end)
{
	const struct root_ctx *x = ctx;

	if (x->m->readable)
		leak_scan_root(x->s, start, end - start);
	else if (own_mem >= 0)
		read_words(own_mem, start, end, root_words, x->s);
}

static void scan_written(struct root_ctx *x, uint64_t start, uint64_t end)
{
	uint64_t unknown = start;

	if (own_pagemap >= 0) {
		if (written_regions(start, end, root_pages, x) || (!x->m->readable && end - start > CLOSED_MAX))
			return;
		unknown = pages_each(own_pagemap, start, end, PAGEMAP_PRESENT, PAGEMAP_FILE | PAGEMAP_GUARD, root_pages,
		                     x);
	}
	/* A root that is left out would make live objects lost. */
	if (unknown < end && x->m->readable && x->m->writable)
		root_pages(x, unknown, end);
}

static void scan_around_holes(struct root_ctx *x, uint64_t start, uint64_t end)
{
	for (uint32_t i = 0; i < nr_holes && start < end; i++) {
		if (holes[i].end <= start)
			continue;
		if (holes[i].start >= end)
			break;
		if (holes[i].start > start)
			scan_written(x, start, holes[i].start);
		start = MAX(start, holes[i].end);
	}
	if (start < end)
		scan_written(x, start, end);
}

/* ---- /proc/self/maps ------------------------------------------------------------------------- */

static void hole_main_stack(void *ctx, const struct maps_line *m)
{
	if (str_equal(m->path, "[stack]"))
		hole_stack(ctx, m->start, m->end);
}

static void scan_mapping(void *ctx, const struct maps_line *m)
{
	struct root_ctx x = { ctx, m };

	if (m->private && leak_mapping_is_root(m))
		scan_around_holes(&x, m->start, m->end);
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
	static __large_bss char buffer[8192];
	struct maps_reader reader;
	struct maps_line m;

	if (maps_open(&reader, "/proc/self/maps", buffer, sizeof(buffer)) != 0)
		return false;
	while (maps_next(&reader, &m))
		fn(ctx, &m);
	return maps_close(&reader) == 0;
}

bool leak_roots_prepare(void)
{
	nr_shared = 0;
	leak_held_prepare();
	if (!each_mapping(note_shared, NULL))
		return false;
	program_pagemap = os_open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC, 0);
	program_mem = os_open("/proc/self/mem", O_RDONLY | O_CLOEXEC, 0);
	program_maps = os_open("/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
	if (program_pagemap < 0 || program_mem < 0) {
		nr_shared = 0;
		return false;
	}
	return nr_shared || program_maps >= 0;
}

const char *leak_roots_scan_self(struct leak_scan *s, const struct leak_thread *threads, uint32_t nr_threads)
{
	struct stack_search search = { threads, nr_threads };
	struct seek seek = { .search = search };
	bool ok;

	nr_holes = 0;
	holes_memsan();
	for (uint32_t i = 0; i < nr_threads; i++)
		hole_thread(&search, &threads[i]);
	holes_ended(&search);
	seek.tid_at = seek_tid(&search);
	if (seek.tid_at && own_pagemap >= 0 && own_mem >= 0)
		each_mapping(seek_mapping, &seek);
	if (!each_mapping(hole_main_stack, &search))
		return "/proc/self/maps cannot be read";
	holes_sort();
	for (uint32_t i = 0; roots_scan_stacks && i < nr_threads; i++)
		for (int k = 0; k < ARCH_SAVED_PARTS; k++)
			if (threads[i].saved_size[k])
				leak_scan_root(s, threads[i].saved[k], threads[i].saved_size[k]);
	for (uint32_t i = 0; roots_scan_stacks && i < nr_threads; i++)
		scan_signal_stack(s, &threads[i]);
	if (leak_hook_roots)
		leak_hook_roots(root_add, s);
	leak_scan_words(s, kept.words, kept.nr);
	leak_held_scan(s);
	ok = each_mapping(scan_mapping, s);
	return ok ? NULL : "/proc/self/maps cannot be read";
}
