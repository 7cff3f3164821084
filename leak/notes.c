/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/notes.c - what the program said of its objects, read through a view: of a copy, another process, a core file. */
#include "leak/leak_internal.h"

/* The lists are annotate.c's.  In a damaged process they may form a ring, so reading stops after more notes than any
 * program makes. */
#define NOTES_MAX (1u << 20)

struct noting {
	struct leak_scan *s;
	struct leak_finder outside;
	leak_said_fn said;
	void *ctx;
};

static bool note_holds(const struct noting *x, const struct note *n)
{
	struct slab_object o;
	bool found = (x->outside.find && x->outside.find(x->outside.ctx, n->object, &o)) ||
	             slab_view_object(&x->s->heap, n->object, &o);

	if (!found || o.state != SLAB_OBJ_LIVE || o.addr != n->object)
		return false;
	return !o.tracked || (o.alloc_stack == n->stack && o.when == n->when);
}

static void apply_limit(const struct noting *x, const struct note *n)
{
	bool blind = n->kind == LEAK_NOTE_NO_SCAN || (x->said && n->kind == LEAK_NOTE_IGNORE);

	if (n->kind == LEAK_NOTE_AREA && note_holds(x, n))
		leak_scan_area(x->s, n->object, n->addr, n->size);
	if (blind && note_holds(x, n))
		leak_scan_note(x->s, n->object, LEAK_NOTE_NO_SCAN);
}

static void apply_root(const struct noting *x, const struct note *n)
{
	if (n->kind == LEAK_NOTE_ROOT && n->size)
		leak_scan_root(x->s, n->addr, n->size);
	if ((n->kind == LEAK_NOTE_NOT_LEAK || n->kind == LEAK_NOTE_IGNORE) && note_holds(x, n))
		leak_scan_note(x->s, n->object, (enum leak_note)n->kind);
}

static void tell(const struct noting *x, const struct note *n)
{
	if (n->kind == LEAK_NOTE_ROOT && n->size)
		x->said(x->ctx, LEAK_NOTE_ROOT, n->addr, n->size);
	if ((n->kind == LEAK_NOTE_NOT_LEAK || n->kind == LEAK_NOTE_IGNORE) && note_holds(x, n))
		x->said(x->ctx, (enum leak_note)n->kind, n->object, 0);
}

static void each_note(const struct noting *x, const struct leak_directory *r,
                      void (*apply)(const struct noting *x, const struct note *n))
{
	uint32_t seen = 0;

	for (uint32_t i = 0; i < r->nr_buckets; i++) {
		struct note n;
		uint64_t at = 0;
		view_read(x->s->mem, &at, r->notes + i * sizeof(at), sizeof(at));
		for (; at && seen < NOTES_MAX && view_read(x->s->mem, &n, at, sizeof(n));
		     at = (uint64_t)(uintptr_t)n.next, seen++)
			apply(x, &n);
	}
}

bool leak_directory_read(const struct mem_view *mem, uint64_t root, struct leak_directory *r)
{
	return view_read(mem, r, root, sizeof(*r)) &&
	       mem_compare(r->magic, LEAK_DIRECTORY_MAGIC, sizeof(r->magic)) == 0 &&
	       r->version == LEAK_DIRECTORY_VERSION;
}

/* Notes that limit the words read of an object come before any object is read. */
static void read_notes(const struct noting *x, uint64_t root)
{
	struct leak_directory r;

	if (!leak_directory_read(x->s->mem, root, &r) || r.note_size != sizeof(struct note) ||
	    r.nr_buckets != NOTE_BUCKETS)
		return;
	each_note(x, &r, apply_limit);
	each_note(x, &r, x->said ? tell : apply_root);
}

void leak_scan_notes(struct leak_scan *s, uint64_t root, struct leak_finder outside)
{
	read_notes(&(struct noting){ .s = s, .outside = outside }, root);
}

void leak_scan_notes_told(struct leak_scan *s, uint64_t root, struct leak_finder outside, leak_said_fn said, void *ctx)
{
	read_notes(&(struct noting){ s, outside, said, ctx }, root);
}
