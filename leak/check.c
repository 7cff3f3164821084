/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/check.c - one scan of this process from beginning to end: snapshot, marking, groups, reports. */
#include "config.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include "leak/leak_internal.h"
#include "reports/reports.h"

const char *(*leak_own_rules)(void);

/* What the child tells its parent. */
struct result {
	const char *why;           /* a string constant: it is at the same address in both */
	bool done;
	struct leak_scan_stats stats;
	struct leak_groups groups;
};

/* ---- in the child: a process that nobody else changes -------------------------------------------------------------------------- */

static size_t self_read(const struct mem_view *v, void *dst, uint64_t addr, size_t n)
{
	(void)v;
	mem_copy(dst, (const void *)(uintptr_t)addr, n);
	return n;
}

static const void *self_at(const struct mem_view *v, uint64_t addr, size_t n)
{
	(void)v, (void)n;
	return (const void *)(uintptr_t)addr;
}

/* Hex dumps may meet what cannot be read (the program protected it). */
static size_t self_read_safe(const struct mem_view *v, void *dst, uint64_t addr, size_t n)
{
	(void)v;
	return os_safe_read(dst, (const void *)(uintptr_t)addr, n);
}

static const struct mem_view self_view = { .read = self_read, .at = self_at, .ctx = NULL, .faults = true, .here = true };
static const struct mem_view safe_view = { .read = self_read_safe, .at = self_at, .ctx = NULL, .faults = true, .here = true };

struct job { struct result *result; unsigned classes; };

static void scan_self(void *ctx, const struct leak_thread *threads, uint32_t nr)
{
	const struct job *job = ctx;
	struct result *r = job->result;
	struct leak_scan *s = leak_scan_create(&self_view, (uintptr_t)&slab_root, &r->why);
	static struct slab_view heap; /* too large for any stack; in the copy there is one thread */

	if (!s)
		return;
	annotations_apply(s);
	r->why = leak_roots_scan_self(s, threads, nr);
	if (!r->why) {
		mem_copy(&heap, leak_scan_heap(s), sizeof(heap));
		heap.mem = &safe_view;
		struct leak_grouper w = { .groups = &r->groups, .heap = &heap, .leader = 0 };
		leak_scan_finish(s, job->classes | 1u << LEAK_DIRECT | 1u << LEAK_INDIRECT, leak_group_visit, &w);
		leak_groups_sort(&r->groups);
		leak_scan_get_stats(s, &r->stats);
		r->done = true;
	}
	leak_scan_destroy(s);
}

/* ---- reports --------------------------------------------------------------------------------------------------------------------- */

static enum report_outcome report_group(const struct leak_group *g)
{
	struct report_record *r = report_begin(REPORT_UNREFERENCED, "leak");
	struct report_leak leak = {
		.class = leak_class_name(g->class), .count = g->count, .bytes = g->bytes,
		.held_count = g->held_count, .held_bytes = g->held_bytes,
	};

	if (!r)
		return REPORT_REPEATED; /* exhausted: counted there */
	report_set_leak(r, &leak, g->addr, g->size, g->dump, g->dump_len);
	r->obj_cache = report_string(r, g->cache);
	report_add_handle(r, STACK_ALLOC, g->stack, g->thread, g->when);
	return report_end(r);
}

static unsigned classes_wanted(void)
{
	static bool told;
	unsigned classes;
	const char *bad;

	if (leak_parse_classes(options.leak_show, &classes, &bad))
		return classes;
	if (!told)
		report_line("leak.show: '%s' is none of direct, indirect, possible, reachable, all; direct is shown", bad);
	told = true;
	return 1u << LEAK_DIRECT;
}

struct told { uint32_t printed, suppressed; uint64_t objects, bytes; };

static void report_groups(const struct leak_groups *g, unsigned classes, struct told *t)
{
	for (uint32_t i = 0; i < g->nr; i++) {
		const struct leak_group *group = &g->groups[g->order[i]];
		if (!(classes >> group->class & 1))
			continue;
		if (report_group(group) == REPORT_SUPPRESSED) {
			t->suppressed++;
		} else {
			t->printed++;
			t->objects += group->count;
			t->bytes += group->bytes;
		}
	}
}

static bool any_wanted(const struct leak_groups *g, unsigned classes)
{
	for (unsigned class = 0; class < LEAK_CLASS_NR; class++)
		if (classes >> class & 1 && g->counts[class])
			return true;
	return false;
}

static uint64_t report_result(const struct result *r, unsigned classes)
{
	const struct leak_groups *g = &r->groups;
	struct told t = { 0, 0, 0, 0 };

	if (!any_wanted(g, classes))
		return 0;
	report_session_begin(leak_own_rules ? leak_own_rules() : NULL);
	report_groups(g, classes, &t);
	report_session_end();
	report_line("leak: %llu bytes in %llu objects lost, %llu in %llu held by them, %llu in %llu possibly; %u places reported, %u suppressed",
	            (unsigned long long)g->bytes[LEAK_DIRECT], (unsigned long long)g->counts[LEAK_DIRECT],
	            (unsigned long long)g->bytes[LEAK_INDIRECT], (unsigned long long)g->counts[LEAK_INDIRECT],
	            (unsigned long long)g->bytes[LEAK_POSSIBLE], (unsigned long long)g->counts[LEAK_POSSIBLE], t.printed, t.suppressed);
	return t.objects;
}

/* ---- the scan ---------------------------------------------------------------------------------------------------------------------- */

static void *shared_map(size_t size)
{
	long p = arch_syscall6(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p < 0 && p > -4096 ? NULL : (void *)p;
}

uint64_t leak_check(bool at_exit)
{
	static uint32_t told_silent; /* more than before is news */
	size_t size = ALIGN_UP(sizeof(struct result), PAGE_SIZE);
	struct result *result = shared_map(size);
	struct job job = { result, classes_wanted() | 1u << LEAK_POSSIBLE };
	struct snapshot_info info;
	uint64_t found = 0;

	if (!result) {
		report_line("leak: no memory for a scan");
		return 0;
	}
	bool ok = snapshot_run(at_exit, scan_self, &job, &info);
	if (info.nr_silent > told_silent) {
		told_silent = info.nr_silent;
		report_line("leak: %u of %u threads did not stop; their stacks are scanned as a whole", info.nr_silent, info.nr_threads);
	}
	if (!ok || !result->done)
		report_line("leak: no scan: %s", info.why ? info.why : result->why ? result->why : "it crashed");
	else
		found = report_result(result, classes_wanted());
	arch_syscall6(SYS_munmap, (long)result, (long)size, 0, 0, 0, 0);
	return found;
}

static bool check_done; /* atomic */

void leak_check_done(void)
{
	__atomic_store_n(&check_done, true, __ATOMIC_RELAXED);
}

void leak_check_at_exit(void)
{
	if (options.leak && !__atomic_exchange_n(&check_done, true, __ATOMIC_RELAXED))
		leak_check(true);
}
