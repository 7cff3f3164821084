/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/image/roots.c - which memory of a process or a core file is a root: the rules of leak/roots.c, seen from
 * outside. */
#include "config.h"

#include "tools/image/image.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHADOW_OFFSET 0x7fff8000u /* shadow/: it holds no pointers */
#define SHADOW_END (((uint64_t)1 << 47 >> 3) + SHADOW_OFFSET)
#define SHADOW_LARGE ((uint64_t)1 << 40)
#define RED_ZONE 128
#define PTHREAD_WORDS 320
#define THREAD_HEAD 112u /* words of struct pthread up to the tid and some more */
#define PAGEMAP_AT_ONCE 4096u
#define CLOSED_MAX ((uint64_t)4 << 30)
#define PAGEMAP_PRESENT ((uint64_t)1 << 63)
#define PAGEMAP_SWAPPED ((uint64_t)1 << 62)
#define PAGEMAP_FILE ((uint64_t)1 << 61)

struct hole {
	uint64_t start, end;
};
struct holes {
	struct hole *all;
	size_t nr;
};

/* ---- memory that is no root ------------------------------------------------------------------ */

static void add_hole(struct holes *h, uint64_t start, uint64_t end)
{
	struct hole *grown = start < end ? realloc(h->all, (h->nr + 1) * sizeof(*grown)) : NULL;

	if (!grown)
		return;
	h->all = grown;
	grown[h->nr++] = (struct hole){ start, end };
}

static int compare_hole(const void *a, const void *b)
{
	const struct hole *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static void holes_reserves(const struct image *im, struct holes *h)
{
	const struct lib_directory *r = &im->heap.directory.lib;

	for (uint64_t i = 0; i < r->nr_reserves && i < 4096; i++) {
		uint64_t pair[2];
		if (!view_read(&im->view, pair, r->reserves + i * sizeof(pair), sizeof(pair)) || !pair[1] ||
		    pair[1] == UINT64_MAX)
			continue;
		add_hole(h, pair[0], pair[0] + pair[1]);
		if (pair[0] == im->heap.base)
			add_hole(h, (pair[0] >> 3) + SHADOW_OFFSET, ((pair[0] + pair[1]) >> 3) + SHADOW_OFFSET);
	}
}

/* Instrumented code has shadow for all of the address space: terabytes.  Only asking which pages were written would
 * take minutes. */
static void holes_shadow(const struct image *im, struct holes *h)
{
	for (size_t i = 0; i < im->nr_mappings; i++)
		if (im->mappings[i].end == SHADOW_END && im->mappings[i].end - im->mappings[i].start >= SHADOW_LARGE)
			add_hole(h, SHADOW_OFFSET, SHADOW_END);
}

/* The mappings of libmemsan.so and its bss behind them; in a static program nothing. */
static void holes_library(const struct image *im, struct holes *h)
{
	for (size_t i = 0; i < im->nr_mappings; i++) {
		const struct image_mapping *m = &im->mappings[i];
		const char *base = m->path ? strrchr(m->path, '/') : NULL;
		if (!base || strncmp(base, "/libmemsan.so", 13) != 0)
			continue;
		add_hole(h, m->start, m->end);
		if (i + 1 < im->nr_mappings && !m[1].path && m[1].start == m->end &&
		    im->directory - m[1].start < m[1].end - m[1].start)
			add_hole(h, m[1].start, m[1].end);
	}
}

/* As in leak/roots.c: the stack's address, size and guard size are neighbouring words of struct pthread. */
static bool pthread_find(const struct image *im, uint64_t tp, uint64_t *start, uint64_t *end, uint64_t *guard)
{
	uint64_t w[PTHREAD_WORDS];
	size_t n = tp ? im->view.read(&im->view, w, tp, sizeof(w)) / 8 : 0;

	for (size_t i = 0; i + 2 < n; i++)
		if (w[i] && (w[i] | w[i + 1]) % PAGE_SIZE == 0 && w[i + 1] < (uint64_t)1 << 40 && w[i] < tp &&
		    w[i] + w[i + 1] > tp && w[i] + w[i + 1] - tp < (uint64_t)64 << 20 && w[i + 2] < tp - w[i]) {
			*start = w[i];
			*end = w[i] + w[i + 1];
			*guard = w[i + 2];
			return true;
		}
	return false;
}

static bool pthread_stack(const struct image *im, const struct image_thread *t, uint64_t *start, uint64_t *end)
{
	uint64_t guard;

	return pthread_find(im, t->tp, start, end, &guard) && (!t->sp || (t->sp > *start && t->sp < *end));
}

/* Stacks that libc keeps of threads that have ended. */
static void holes_ended(const struct image *im, struct holes *h)
{
	static struct leak_ended ended[LEAK_ENDED_MAX];
	struct leak_directory d;
	uint64_t start, end, guard;
	uint32_t tid;

	if (!im->leak_directory || !leak_directory_read(&im->view, im->leak_directory, &d) ||
	    !view_read(&im->view, ended, d.ended, sizeof(ended)))
		return;
	for (size_t i = 0; i < LEAK_ENDED_MAX; i++) {
		bool used = !ended[i].tp || !view_read(&im->view, &tid, ended[i].tp + ended[i].tid_at * 4, 4) ||
		            !leak_tid_ended(tid) || !pthread_find(im, ended[i].tp, &start, &end, &guard) || !guard;

		for (size_t k = 0; k < im->nr_threads && !used; k++)
			used = im->threads[k].sp - start < end - start || im->threads[k].tp - start < end - start;
		if (!used)
			add_hole(h, start, ended[i].tp);
	}
}

bool image_stack_bounds(const struct image *im, const struct image_thread *t, uint64_t *start, uint64_t *end)
{
	for (size_t k = 0; k < im->nr_mappings; k++) {
		const struct image_mapping *m = &im->mappings[k];
		if (m->main_stack && (t->sp ? t->sp - m->start < m->end - m->start : t->tid == im->pid)) {
			*start = m->start;
			*end = m->end;
			return true;
		}
	}
	return pthread_stack(im, t, start, end);
}

static void find_holes(const struct image *im, struct holes *h)
{
	uint64_t start, end;

	holes_reserves(im, h);
	holes_shadow(im, h);
	holes_library(im, h);
	holes_ended(im, h);
	for (size_t i = 0; i < im->nr_threads; i++)
		if (im->threads[i].sp && image_stack_bounds(im, &im->threads[i], &start, &end))
			add_hole(h, start, im->threads[i].sp - RED_ZONE);
	if (h->nr)
		qsort(h->all, h->nr, sizeof(h->all[0]), compare_hole);
}

/* ---- roots ----------------------------------------------------------------------------------- */

struct visit {
	const struct image *im;
	void (*fn)(void *ctx, uint64_t start, uint64_t end);
	void *ctx;
};

/* Of a process, only pages that were written, or that it has used of shared memory. */
static void visit_present(const struct visit *v, const struct image_mapping *m, uint64_t start, uint64_t end)
{
	uint64_t any = m->shared ? PAGEMAP_PRESENT : PAGEMAP_PRESENT | PAGEMAP_SWAPPED;
	uint64_t none = m->shared ? 0 : PAGEMAP_FILE;
	static uint64_t entries[PAGEMAP_AT_ONCE];
	uint64_t page = ALIGN_DOWN(start, PAGE_SIZE);

	if (!v->im->file && !m->readable && end - start > CLOSED_MAX)
		return; /* a reserve of address space: asking for each page would take too long */
	if (v->im->pagemap_fd < 0) {
		v->fn(v->ctx, start, end);
		return;
	}
	while (page < end) {
		size_t n = MIN((size_t)PAGEMAP_AT_ONCE, (size_t)((end - page + PAGE_SIZE - 1) / PAGE_SIZE)), k;
		ssize_t got = pread(v->im->pagemap_fd, entries, n * 8, (off_t)(page / PAGE_SIZE * 8));
		if (got < 8)
			return;
		n = (size_t)got / 8;
		for (size_t i = 0; i < n; i = k) {
			uint64_t from, to;

			for (k = i; k < n && (entries[k] & any) && !(entries[k] & none); k++)
				;
			from = MAX(page + i * PAGE_SIZE, start);
			to = MIN(page + k * PAGE_SIZE, end);
			if (from < to)
				v->fn(v->ctx, from, to);
			k += k == i;
		}
		page += n * PAGE_SIZE;
	}
}

static void visit_mapping(const struct visit *v, const struct holes *holes, const struct image_mapping *m,
                          uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < holes->nr && start < end; i++) {
		const struct hole *h = &holes->all[i];
		if (h->end <= start)
			continue;
		if (h->start >= end)
			break;
		if (h->start > start)
			visit_present(v, m, start, h->start);
		start = MAX(start, h->end);
	}
	if (start < end)
		visit_present(v, m, start, end);
}

void image_each_root(const struct image *im, void (*fn)(void *ctx, uint64_t start, uint64_t end), void *ctx)
{
	struct visit v = { im, fn, ctx };
	struct holes holes = { NULL, 0 };

	find_holes(im, &holes);
	for (size_t i = 0; i < im->nr_mappings; i++) {
		const struct image_mapping *m = &im->mappings[i];
		if (m->root)
			visit_mapping(&v, &holes, m, m->start, im->file ? m->start + m->in_file : m->end);
	}
	free(holes.all);
}

static void add_size(void *ctx, uint64_t start, uint64_t end)
{
	*(uint64_t *)ctx += end - start;
}

uint64_t image_unseen(const struct image *im)
{
	uint64_t unseen = 0, base = im->heap.base;
	uint8_t byte;
	struct visit v = { im, add_size, &unseen };
	struct holes holes = { NULL, 0 };

	holes_reserves(im, &holes);
	holes_library(im, &holes);
	if (holes.nr)
		qsort(holes.all, holes.nr, sizeof(holes.all[0]), compare_hole);
	for (size_t i = 0; i < im->nr_mappings; i++) {
		const struct image_mapping *m = &im->mappings[i];
		uint64_t start = m->start + m->in_file, end = start + m->cut_off;
		if (m->readable && !m->code)
			visit_mapping(&v, &holes, m, start, end);
		if (m->readable && MAX(start, base) < MIN(end, base + im->heap.used))
			unseen += MIN(end, base + im->heap.used) - MAX(start, base);
	}
	free(holes.all);
	for (size_t i = 0; i < im->nr_outside; i++)
		if (im->missing && !view_read(&im->view, &byte, im->outside[i].object.addr, 1))
			unseen += im->outside[i].object.size;
	return unseen;
}

static void scan_range(void *ctx, uint64_t start, uint64_t end)
{
	leak_scan_root(ctx, start, end - start);
}

/* ---- objects that slab knows nothing of ------------------------------------------------------ */

static void outside_add(void *ctx, const struct slab_object *o, bool registered)
{
	struct image *im = ctx;

	if ((im->nr_outside & (im->nr_outside - 1)) == 0) {
		struct image_outside *grown = realloc(im->outside, (im->nr_outside ? im->nr_outside * 2 : 1) *
		                                                           sizeof(im->outside[0]));
		if (!grown) {
			tool_say("out of memory");
			exit(EXIT_USAGE);
		}
		im->outside = grown;
	}
	im->outside[im->nr_outside++] = (struct image_outside){ *o, registered, 0 };
}

static int compare_outside(const void *a, const void *b)
{
	const struct image_outside *x = a, *y = b;

	return x->object.addr != y->object.addr ? (x->object.addr < y->object.addr ? -1 : 1)
	                                        : x->registered - y->registered;
}

static bool outside_holds(const struct image_outside *e, uint64_t addr)
{
	return addr - e->object.addr < e->object.size + !e->registered;
}

/* As in a scan (leak/outside.c): of two that overlap (the table changed while it was read) the lower one counts, but a
 * registered object may lie in a fenced one. */
static void keep_apart(struct image *im)
{
	size_t kept = 0, fenced = 0;

	for (size_t i = 0; i < im->nr_outside; i++) {
		struct image_outside e = im->outside[i];
		bool inside = e.registered && fenced && outside_holds(&im->outside[fenced - 1], e.object.addr);
		if (kept && outside_holds(&im->outside[kept - 1], e.object.addr) && !(inside && fenced == kept))
			continue;
		e.outer = inside ? fenced : 0;
		im->outside[kept++] = e;
		if (!e.registered)
			fenced = kept;
	}
	im->nr_outside = kept;
}

void image_find_outside(struct image *im)
{
	free(im->outside);
	im->outside = NULL;
	im->nr_outside = 0;
	if (!im->leak_directory || !leak_sources_open(&im->sources, &im->view, &im->heap, im->leak_directory))
		return;
	leak_sources_each(&im->sources, outside_add, im);
	if (!im->nr_outside)
		return;
	qsort(im->outside, im->nr_outside, sizeof(im->outside[0]), compare_outside);
	keep_apart(im);
}

const struct image_outside *image_outside_at(const struct image *im, uint64_t addr)
{
	size_t lo = 0, hi = im->nr_outside, outer;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (im->outside[mid].object.addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || outside_holds(&im->outside[lo - 1], addr))
		return lo ? &im->outside[lo - 1] : NULL;
	outer = im->outside[lo - 1].outer;
	return outer && outside_holds(&im->outside[outer - 1], addr) ? &im->outside[outer - 1] : NULL;
}

bool image_outside_object(const struct image *im, uint64_t addr, struct slab_object *o)
{
	const struct image_outside *found = image_outside_at(im, addr);

	if (!found || found->object.addr != addr)
		return false;
	*o = found->object;
	return true;
}

static bool find_outside(void *ctx, uint64_t addr, struct slab_object *o)
{
	return image_outside_object(ctx, addr, o);
}

struct leak_finder image_outside_finder(struct image *im)
{
	return (struct leak_finder){ find_outside, im };
}

struct leak_scan *image_scan_create(struct image *im, const char **why)
{
	struct leak_scan *s;

	image_find_outside(im);
	s = leak_scan_create_with(&im->view, im->directory, (uint32_t)im->nr_outside, why);
	for (size_t i = 0; s && i < im->nr_outside; i++)
		leak_scan_add(s, im->outside[i].object.addr, im->outside[i].object.size, im->outside[i].registered);
	if (s)
		leak_scan_added(s);
	return s;
}

/* ---- a scan's roots -------------------------------------------------------------------------- */

void image_scan_roots(struct image *im, struct leak_scan *s)
{
	if (im->leak_directory)
		leak_scan_notes(s, im->leak_directory, image_outside_finder(im));
	for (size_t i = 0; i < im->nr_threads; i++)
		leak_scan_words(s, im->threads[i].regs, im->threads[i].nr_regs);
	image_each_root(im, scan_range, s);
}

void image_scan_notes_told(struct image *im, struct leak_scan *s, leak_said_fn said, void *ctx)
{
	if (im->leak_directory)
		leak_scan_notes_told(s, im->leak_directory, image_outside_finder(im), said, ctx);
}

/* ---- thread pointers ------------------------------------------------------------------------- */

/* struct pthread begins with its own address, has it again in the third word, and holds the tid in its first few
 * hundred bytes. */
static void look_for_threads(struct image *im, uint64_t start, const uint64_t *w, size_t n)
{
	for (size_t i = 0; i + THREAD_HEAD <= n; i += 2) {
		uint64_t at = start + i * 8;
		const int32_t *tids = (const int32_t *)(w + i);
		if (w[i] != at || w[i + 2] != at)
			continue;
		for (size_t t = 0; t < im->nr_threads; t++)
			for (size_t k = 16; !im->threads[t].tp && k < 2 * THREAD_HEAD; k++)
				if (tids[k] == im->threads[t].tid)
					im->threads[t].tp = at;
	}
}

static void search_threads(void *ctx, uint64_t start, uint64_t end)
{
	static uint64_t words[(1u << 20) / 8];
	struct image *im = ctx;

	for (uint64_t at = ALIGN_UP(start, 16); at < end; at += sizeof(words) - THREAD_HEAD * 8) {
		size_t n = im->view.read(&im->view, words, at, MIN((uint64_t)sizeof(words), end - at)) / 8;
		look_for_threads(im, at, words, n);
	}
}

void image_find_thread_pointers(struct image *im)
{
	bool all = true;

	for (size_t i = 0; i < im->nr_threads; i++)
		all &= im->threads[i].tp != 0;
	if (!all)
		image_each_root(im, search_threads, im);
}
