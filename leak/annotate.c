/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/annotate.c - what the program says of its own objects: kmemleak's annotations, and LeakSanitizer's names for
 * some of them. */
#include "leak/leak_internal.h"

/* A hash table of notes by address.  An object has no room for a note, and free() knows nothing of this table.  So a
 * note remembers which object it is about: the stack that allocated it, and when.  At the next scan a note is ignored
 * if that object is gone, or if another one is at its address.
 *
 * Accepted: in production mode objects have neither stack nor time, so a note stays with the address until a new note
 * replaces it. */

#define NOTES_AT_ONCE 64u

/* Guards everything below.  The copy of the process reads without it: a note is linked only when it is complete, and no
 * note is ever unlinked; a root region that is removed becomes empty. */
static struct ranked_lock notes_lock = RANKED_LOCK_INIT(LOCK_RANK_LEAK);
static __large_bss struct note *buckets[NOTE_BUCKETS];
static struct note *spare;

TLS_IE uint32_t leak_disabled;

struct leak_directory leak_directory;

void leak_directory_init(void)
{
	struct leak_directory *r = &leak_directory;

	registered_init();
	r->version = LEAK_DIRECTORY_VERSION;
	r->size = sizeof(*r);
	r->notes = (uint64_t)(uintptr_t)buckets;
	r->nr_buckets = NOTE_BUCKETS;
	r->note_size = sizeof(struct note);
	r->layouts = (uint64_t)(uintptr_t)object_layouts;
	r->ended = (uint64_t)(uintptr_t)leak_ended;
	r->self = (uint64_t)(uintptr_t)r;
	mem_copy(r->magic, LEAK_DIRECTORY_MAGIC, sizeof(r->magic));
}

static struct note **bucket_of(uint64_t object)
{
	return &buckets[(object >> 4) * 0x9e3779b97f4a7c15u >> 52];
}
_Static_assert(NOTE_BUCKETS == 1u << 12, "bucket_of takes 12 bits");

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

/* A note of the same kind (for areas: and of the same place) is written again. */
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
	bool fresh;

	if (!__atomic_load_n(&registered, __ATOMIC_RELAXED)) {
		lock_register_for_fork(&notes_lock);
		__atomic_store_n(&registered, true, __ATOMIC_RELAXED);
	}
	if (lock_mine(&notes_lock))
		return; /* a signal handler that interrupted this function */
	lock_acquire(&notes_lock);
	n = note_find(object, kind, addr);
	fresh = !n;
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
	}
	lock_release(&notes_lock);
}

/* ---- the functions that the program calls ---------------------------------------------------- */

/* The innermost object: a registered object before the one that it was cut out of.  Where an object of the heap starts,
 * only a registered object with the same start comes first. */
static bool object_around(uintptr_t p, struct slab_object *o)
{
	bool found;

	if (leak_registered_find(p, o))
		return true;
	found = slab_find_object(p, o) && o->state == SLAB_OBJ_LIVE && p - o->addr < MAX(o->size, 1);
	return (found && p == o->addr) || leak_registered_around(p, o) || found;
}

bool leak_annotate(const void *p, enum leak_note kind)
{
	struct slab_object o;

	if (!object_around((uintptr_t)p, &o))
		return false;
	note_put(o.addr, kind, 0, 0, &o);
	return true;
}

bool leak_annotate_area(const void *p, size_t size)
{
	struct slab_object o;

	if (!object_around((uintptr_t)p, &o))
		return false;
	note_put(o.addr, LEAK_NOTE_AREA, (uintptr_t)p, size, &o);
	return true;
}

void leak_root_region(const void *p, size_t size)
{
	note_put((uintptr_t)p, LEAK_NOTE_ROOT, (uintptr_t)p, size, NULL);
}

bool leak_root_region_remove(const void *p, size_t size)
{
	struct note *n;
	bool found;

	lock_acquire(&notes_lock);
	n = note_find((uintptr_t)p, LEAK_NOTE_ROOT, (uintptr_t)p);
	found = n && n->size == size;
	if (found)
		n->size = 0;
	lock_release(&notes_lock);
	return found;
}
