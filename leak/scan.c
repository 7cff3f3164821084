/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/scan.c - one scan of this process from beginning to end: copy, marking, groups, reports. */
#include "config.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include "leak/leak_internal.h"
#include "reports/reports.h"

const char *(*leak_own_rules)(void);
bool (*leak_turned_off)(void);

/* The copy's answer to its parent. */
struct leak_result {
	const char *why; /* a string constant, so its address is the same in both processes */
	bool done;
	uint32_t shared_copied; /* snapshot_how.copied */
	struct leak_scan_stats stats;
	struct leak_groups groups;
};
#define RESULT_SIZE ALIGN_UP(sizeof(struct leak_result), PAGE_SIZE)

/* ---- in the child: a process that nobody else changes ---------------------------------------- */

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

/* For bytes that the program may have protected: hex dumps, sums. A system call for each lost object would take most
 * of a scan's time, so only memory that cannot be read costs one. */
static size_t self_read_safe(const struct mem_view *v, void *dst, uint64_t addr, size_t n)
{
	(void)v;
	return os_probe_read(dst, (const void *)(uintptr_t)addr, n);
}

static const struct mem_view self_view = { .read = self_read,
	                                   .at = self_at,
	                                   .read_forced = leak_roots_read_forced,
	                                   .ctx = NULL,
	                                   .faults = true,
	                                   .here = true };
static const struct mem_view safe_view = {
	.read = self_read_safe, .at = self_at, .ctx = NULL, .faults = true, .here = true
};

struct met_object {
	uint64_t addr;
	enum leak_class class;
	bool outside; /* slab's maps do not show it */
};

struct job {
	struct leak_result *result;
	unsigned classes;
	enum suspects_rule rule;
	bool remember; /* the tables of suspects exist */
	const struct leak_scan *scan;
	struct leak_sources sources;
	const struct slab_view *heap;
	struct leak_grouper grouper;
	bool leader_left_out;
	unsigned nr_met;
	struct met_object met[32]; /* in the order in which the scan found them */
};

/* A child of fork has its parent's objects on its heap, which the parent lost or uses.  A tracked object says which
 * thread allocated it; without tracks no object counts as the child's. */
static bool is_own(const struct slab_object *o)
{
	return !thread_first_own || (o->tracked && o->alloc_thread >= thread_first_own);
}

static bool wanted(struct job *job, const struct slab_object *o, enum leak_class class)
{
	if (!is_own(o))
		return false;
	return (class != LEAK_DIRECT && class != LEAK_INDIRECT) || !job->remember ||
	       suspects_meet(&safe_view, o, job->rule);
}

/* An object that is held only by one that is not reported (the parent's, or reported before) counts as direct. */
static void visit(struct job *job, const struct met_object *m)
{
	struct slab_object o;
	bool is_wanted;

	if (m->outside ? !leak_sources_at(&job->sources, m->addr, &o) : !slab_view_object(job->heap, m->addr, &o))
		return;
	is_wanted = wanted(job, &o, m->class);
	if (m->class == LEAK_DIRECT)
		job->leader_left_out = !is_wanted;
	if (is_wanted)
		leak_group_add(&job->grouper, &o,
		               m->class == LEAK_INDIRECT && job->leader_left_out ? LEAK_DIRECT : m->class);
}

/* Lost objects are met in the order of their links, so each of the words that describe one would be waited for. A batch
 * waits for one word of all its objects at once. */
static void visit_batch(struct job *job)
{
	for (unsigned step = 0; step < SLAB_VIEW_STEPS; step++)
		for (unsigned i = 0; i < job->nr_met; i++)
			slab_view_expect(job->heap, job->met[i].addr, step);
	for (unsigned i = 0; i < job->nr_met; i++)
		visit(job, &job->met[i]);
	job->nr_met = 0;
}

static void meet(void *ctx, uint64_t addr, enum leak_class class)
{
	struct job *job = ctx;

	job->met[job->nr_met++] = (struct met_object){ addr, class, leak_scan_visits_outside(job->scan) };
	if (job->nr_met == ARRAY_SIZE(job->met))
		visit_batch(job);
}

static void count_object(void *ctx, const struct slab_object *o, bool registered)
{
	(void)o, (void)registered;
	++*(uint32_t *)ctx;
}

static void add_object(void *ctx, const struct slab_object *o, bool registered)
{
	leak_scan_add(ctx, o->addr, o->size, registered);
}

/* A scan with all objects.  The sources are asked twice, for their number and for their objects. */
static struct leak_scan *scan_create(struct leak_sources *sources, const char **why)
{
	uint32_t nr = 0;
	struct leak_scan *s;

	leak_sources_open(sources, &self_view, NULL, (uintptr_t)&leak_directory);
	leak_sources_each(sources, count_object, &nr);
	s = leak_scan_create_with(&self_view, (uintptr_t)&slab_directory, nr, why);
	if (!s)
		return NULL;
	sources->heap = leak_scan_heap(s);
	leak_sources_each(sources, add_object, s);
	leak_scan_added(s);
	return s;
}

static void scan_self(void *ctx, const struct leak_thread *threads, uint32_t nr)
{
	struct job *job = ctx;
	struct leak_result *r = job->result;
	struct leak_scan *s = scan_create(&job->sources, &r->why);

	if (!s)
		return;
	leak_scan_notes(s, (uintptr_t)&leak_directory, (struct leak_finder){ leak_sources_at, &job->sources });
	r->why = leak_roots_scan_self(s, threads, nr);
	if (!r->why) {
		job->heap = leak_scan_heap(s);
		job->scan = s;
		job->grouper = (struct leak_grouper){ .groups = &r->groups, .heap = job->heap, .bytes = &safe_view };
		leak_scan_finish(s, job->classes | 1u << LEAK_DIRECT | 1u << LEAK_INDIRECT, meet, job);
		visit_batch(job);
		leak_groups_sort(&r->groups);
		if (job->remember)
			suspects_index();
		leak_scan_get_stats(s, &r->stats);
		r->done = true;
	}
	leak_scan_destroy(s);
}

/* ---- reports --------------------------------------------------------------------------------- */

static enum report_outcome report_group(const struct leak_group *g)
{
	struct report_record *r = report_begin(g->class == LEAK_REACHABLE ? REPORT_REACHABLE : REPORT_UNREFERENCED,
	                                       "leak");
	struct report_leak leak = {
		.class = leak_class_name(g->class),
		.count = g->count,
		.bytes = g->bytes,
		.held_count = g->held_count,
		.held_bytes = g->held_bytes,
	};

	if (!r)
		return REPORT_NONE; /* there is no room for reports: counted there */
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
		report_line("leak.show: '%s' is none of direct, indirect, possible, reachable, all; direct is shown",
		            bad);
	told = true;
	return 1u << LEAK_DIRECT;
}

static void report_groups(const struct leak_groups *g, unsigned classes, struct scan_answer *a)
{
	for (uint32_t i = 0; i < g->nr; i++) {
		const struct leak_group *group = &g->groups[g->order[i]];
		if (!(classes >> group->class & 1))
			continue;
		if (report_group(group) == REPORT_SUPPRESSED) {
			a->suppressed++;
		} else {
			a->printed++;
			a->objects += group->count;
		}
	}
}

static bool any_wanted(const struct leak_groups *g, unsigned classes)
{
	for (unsigned class = 0; class < LEAK_CLASS_NR; class ++)
		if (classes >> class & 1 && g->counts[class])
			return true;
	return false;
}

static const char *own_rules;

void scan_prepare(void)
{
	own_rules = leak_own_rules ? leak_own_rules() : NULL;
}

static void report_result(const struct leak_result *r, unsigned classes, struct snapshot_how how, struct scan_answer *a)
{
	const struct leak_groups *g = &r->groups;
	char text[256];
	struct fmt_buf b;

	if (!any_wanted(g, classes))
		return;
	if (how.mode != SNAPSHOT_BY_SCANNER)
		scan_prepare();
	report_batch_begin();
	report_session_begin(own_rules);
	report_groups(g, classes, a);
	report_session_end();
	fmt_init(&b, text, sizeof(text));
	leak_put_totals(&b, g, false, a->printed, a->suppressed);
	report_line("leak: %s", text);
	report_batch_end();
}

/* ---- the scan -------------------------------------------------------------------------------- */

/* Used between snapshot_lock and snapshot_unlock.  Made once; a result is valid until the next scan begins. */
static struct leak_result *result_memory;

static struct leak_result *result_new(void)
{
	if (result_memory) /* the memory is shared: this empties it for the copy as well */
		arch_syscall6(SYS_madvise, (long)result_memory, RESULT_SIZE, MADV_REMOVE, 0, 0, 0);
	else
		result_memory = os_reserve_shared(RESULT_SIZE);
	return result_memory;
}

void scan_fork_child(void)
{
	if (result_memory)
		os_release(result_memory, RESULT_SIZE);
	result_memory = NULL;
}

/* Says how many threads did not stop, when they are more than ever before. Of a thread that slept only the registers
 * are not known, which matters where something is called lost. */
static void tell_silent(const struct snapshot_info *info, bool lost)
{
	static uint32_t told;
	uint32_t nr = info->nr_silent - (lost ? 0 : MIN(info->nr_slept, info->nr_silent));

	if (nr > told)
		report_line("leak: %u of %u threads did not stop; their stacks are scanned as a whole", nr,
		            info->nr_threads);
	told = MAX(told, nr);
}

/* took: the time until the copy was gone. */
static void tell_stats(const struct leak_scan_stats *s, uint64_t took, uint64_t pause)
{
	unsigned long long share = s->heap_bytes ? s->table_bytes * 10000 / s->heap_bytes : 0;

	report_line("leak: %llu objects; %llu KiB read in %llu.%u ms, standing still for %llu.%u ms; tables of %llu "
	            "KiB for a heap of %llu KiB (%llu.%u%u %%)",
	            (unsigned long long)s->live, (unsigned long long)s->scanned_bytes >> 10,
	            (unsigned long long)took / 1000, (unsigned)(took / 100 % 10), (unsigned long long)pause / 1000,
	            (unsigned)(pause / 100 % 10), (unsigned long long)s->table_bytes >> 10,
	            (unsigned long long)s->heap_bytes >> 10, share / 100, (unsigned)(share / 10 % 10),
	            (unsigned)(share % 10));
}

static bool run_locked(struct snapshot_how how, enum suspects_rule rule, unsigned classes, struct scan_answer *a)
{
	struct leak_result *r = result_new();
	bool remember = (how.mode != SNAPSHOT_IN_PLACE || suspects_known()) && suspects_begin();
	struct job job = { .result = r, .classes = classes, .rule = rule, .remember = remember };
	uint64_t began, took;
	bool ok;

	a->info.why = "no memory for a scan";
	if (!r || (!remember && rule != SUSPECTS_ALL))
		return false;
	how.begin = leak_roots_begin;
	if (leak_roots_prepare())
		how.copied = &r->shared_copied;
	began = snapshot_now_us();
	ok = snapshot_run(how, scan_self, &job, &a->info) && r->done;
	took = snapshot_now_us() - began;
	leak_roots_end();
	if (!ok && !a->info.why)
		a->info.why = r->why ? r->why : "it crashed";
	if (remember)
		suspects_end(ok);
	if (ok && options.leak_stats)
		tell_stats(&r->stats, took, a->info.pause_us);
	return ok;
}

bool scan_run(struct snapshot_how how, enum suspects_rule rule, unsigned classes, struct leak_groups **kept,
              struct scan_answer *a)
{
	uint64_t mask = snapshot_lock();
	unsigned all = classes ? classes : classes_wanted();
	bool ok;

	mem_set(a, 0, sizeof(*a));
	ok = run_locked(how, rule, all | 1u << LEAK_POSSIBLE, a);
	if (ok && kept) {
		*kept = &result_memory->groups;
	} else if (ok && rule != SUSPECTS_CLEAR) {
		/* snapshot_lock keeps the result ours, even while a report waits for its helper. */
		tell_silent(&a->info, any_wanted(&result_memory->groups, all));
		report_result(result_memory, all, how, a);
	}
	if (ok && rule == SUSPECTS_CONFIRMED && suspects_left_out())
		report_line("leak: %llu more lost objects are not remembered from scan to scan",
		            (unsigned long long)suspects_left_out());
	snapshot_unlock(mask);
	return ok;
}

struct call {
	enum snapshot_mode mode;
	uint64_t objects;
};

static void scan_stored(void *ctx, uintptr_t sp)
{
	struct call *c = ctx;
	struct scan_answer answer;

	if (!scan_run((struct snapshot_how){ .mode = c->mode, .sp = sp }, SUSPECTS_ALL, 0, NULL, &answer))
		report_line("leak: no scan: %s", answer.info.why);
	c->objects = answer.objects;
}

uint64_t leak_check(bool at_exit)
{
	struct call c = { at_exit ? SNAPSHOT_IN_PLACE : SNAPSHOT_COPY, 0 };

	arch_call_stored(scan_stored, &c);
	return c.objects;
}
