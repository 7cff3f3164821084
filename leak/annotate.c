/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/annotate.c - what the program says of its own objects: kmemleak's annotations, LeakSanitizer's names for some of them. */
#include "leak/leak_internal.h"

/* A table of notes by address.  An object has no room for a note, and free() knows nothing of this table.  So a note remembers who the
 * object was: the stack that allocated it and when; at the next scan a note whose object is gone, or another one by now, says nothing.
 *
 * Accepted: in production mode objects have neither, and a note stays with the address until it is used for another note. */

#define BUCKETS 4096u
#define NOTES_AT_ONCE 64u

enum note_kind { NOTE_NOT_LEAK = LEAK_NOTE_NOT_LEAK, NOTE_IGNORE = LEAK_NOTE_IGNORE, NOTE_NO_SCAN = LEAK_NOTE_NO_SCAN,
	         NOTE_AREA, NOTE_ROOT };
struct note {
	struct note *next;
	uint64_t object;           /* its start; ROOT: the region's */
	uint64_t addr, size;       /* AREA, ROOT */
	stack_handle stack;
	uint32_t when;
	uint32_t kind;
};

/* Guards everything below.  The child of a snapshot reads without it: a note is linked when it is whole, and never unlinked but for a
 * root region, whose node stays what it was. */
static struct ranked_lock notes_lock = RANKED_LOCK_INIT(LOCK_RANK_LEAK);
static struct note *buckets[BUCKETS];
static struct note *spare;
static uint32_t nr_notes;

TLS_IE uint32_t leak_disabled;

static struct note **bucket_of(uint64_t object)
{
	return &buckets[(object >> 4) * 0x9e3779b97f4a7c15u >> 52];
}
_Static_assert(BUCKETS == 1u << 12, "bucket_of takes 12 bits");

/* Under notes_lock. */
static struct note *note_new(void)
{
	struct note *n = spare;

	if (!n) {
		n = meta_alloc(NOTES_AT_ONCE * sizeof(*n), COST_LEAK);
		for (uint32_t i = 1; n && i < NOTES_AT_ONCE; i++) {
			n[i].next = spare;
			spare = &n[i];
		}
	} else {
		spare = n->next;
	}
	return n;
}

/* An older note of the same kind (areas: and place) is said anew. */
static struct note *note_find(uint64_t object, uint32_t kind, uint64_t addr)
{
	for (struct note *n = *bucket_of(object); n; n = n->next)
		if (n->object == object && n->kind == kind && n->addr == addr)
			return n;
	return NULL;
}

static void note_put(uint64_t object, uint32_t kind, uint64_t addr, uint64_t size, const struct slab_object *o)
{
	static bool registered;
	struct note *n;

	if (!__atomic_load_n(&registered, __ATOMIC_RELAXED)) {
		lock_register_for_fork(&notes_lock);
		__atomic_store_n(&registered, true, __ATOMIC_RELAXED);
	}
	if (lock_mine(&notes_lock))
		return; /* a signal handler in the middle of this very function */
	lock_acquire(&notes_lock);
	n = note_find(object, kind, addr);
	bool fresh = !n;
	if (fresh)
		n = note_new();
	if (n) {
		n->object = object;
		n->kind = kind;
		n->addr = addr;
		n->size = size;
		n->stack = o && o->tracked ? o->alloc_stack : 0;
		n->when = o && o->tracked ? o->when : 0;
	}
	if (n && fresh) {
		n->next = *bucket_of(object);
		__atomic_store_n(bucket_of(object), n, __ATOMIC_RELEASE);
		nr_notes++;
	}
	lock_release(&notes_lock);
}

/* ---- what the program calls ---------------------------------------------------------------------------------------------------- */

bool leak_annotate(const void *p, enum leak_note kind)
{
	struct slab_object o;

	if ((!leak_pool_find((uintptr_t)p, &o) && !slab_find_object((uintptr_t)p, &o)) || o.state != SLAB_OBJ_LIVE || (uintptr_t)p - o.addr >= MAX(o.size, 1))
		return false;
	note_put(o.addr, kind, 0, 0, &o);
	return true;
}

bool leak_annotate_area(const void *p, size_t size)
{
	struct slab_object o;

	if ((!leak_pool_find((uintptr_t)p, &o) && !slab_find_object((uintptr_t)p, &o)) || o.state != SLAB_OBJ_LIVE || (uintptr_t)p - o.addr >= MAX(o.size, 1))
		return false;
	note_put(o.addr, NOTE_AREA, (uintptr_t)p, size, &o);
	return true;
}

void leak_root_region(const void *p, size_t size)
{
	note_put((uintptr_t)p, NOTE_ROOT, (uintptr_t)p, size, NULL);
}

bool leak_root_region_remove(const void *p, size_t size)
{
	struct note *n;
	bool found;

	lock_acquire(&notes_lock);
	n = note_find((uintptr_t)p, NOTE_ROOT, (uintptr_t)p);
	found = n && n->size == size;
	if (found)
		n->size = 0;
	lock_release(&notes_lock);
	return found;
}

/* ---- in a scan -------------------------------------------------------------------------------------------------------------------- */

static bool note_holds(const struct leak_scan *s, const struct note *n)
{
	struct slab_object o;

	if ((!(leak_find_elsewhere && leak_find_elsewhere(n->object, &o)) && !slab_view_object(&s->heap, n->object, &o)) || o.state != SLAB_OBJ_LIVE || o.addr != n->object)
		return false;
	return !o.tracked || (o.alloc_stack == n->stack && o.when == n->when);
}

static void each_note(struct leak_scan *s, bool limits)
{
	for (uint32_t i = 0; i < BUCKETS; i++)
		for (const struct note *n = __atomic_load_n(&buckets[i], __ATOMIC_ACQUIRE); n; n = n->next) {
			bool limit = n->kind == NOTE_AREA || n->kind == NOTE_NO_SCAN;
			if (n->kind == NOTE_ROOT || limit != limits || !note_holds(s, n))
				continue;
			if (n->kind == NOTE_AREA)
				leak_scan_area(s, n->object, n->addr, n->size);
			else
				leak_scan_note(s, n->object, (enum leak_note)n->kind);
		}
}

/* What limits the scanning of objects comes before anything is scanned. */
void annotations_apply(struct leak_scan *s)
{
	if (!nr_notes)
		return;
	each_note(s, true);
	each_note(s, false);
	for (uint32_t i = 0; i < BUCKETS; i++)
		for (const struct note *n = buckets[i]; n; n = n->next)
			if (n->kind == NOTE_ROOT && n->size)
				leak_scan_root(s, n->addr, n->size);
}
