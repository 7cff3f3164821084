/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/leak_internal.h - shared between the files of leak/ only. */
#ifndef MEMSAN_LEAK_INTERNAL_H
#define MEMSAN_LEAK_INTERNAL_H

#include "leak/leak.h"
#include "leak/arch/x86_64/filter.h"

/* ---- a scan: tables.c ------------------------------------------------------------------------ */

/* A page of the arena in 32 bits.  0: no objects; otherwise a page of a slab or of a large area. */
#define PAGE_AREA (1u << 31) /* the rest: index into areas */
#define PAGE_CACHE(info) ((info)&0x3ffu)
#define PAGE_IN_SLAB_SHIFT 10
#define PAGE_IN_SLAB(info) ((info) >> PAGE_IN_SLAB_SHIFT & 0xffu)
#define PAGE_DISPLACED (1u << 18) /* objects may start behind their slot's start */
#define PAGE_NOTED (1u << 19)     /* an annotated object is in this slab (areas: see the table) */
#define PAGE_CUT (1u << 20)       /* registered objects were cut out of an object here (areas: see the table) */
#define PAGE_SPECIAL (PAGE_AREA | PAGE_DISPLACED | PAGE_NOTED | PAGE_CUT)

_Static_assert(SLAB_VIEW_CACHES <= 0x400, "a page names its cache");
struct scan_cache {
	uint64_t reciprocal;
	uint32_t slot_size, offset, object_size, nr_objects;
	uint32_t lead; /* bytes in front of a slab's first slot */
	bool empty;    /* objects of 0 bytes; their pages are PAGE_DISPLACED, so only the slow paths read this */
};
/* start: an offset in the arena, or behind it for objects of other sources. */
struct scan_area {
	uint64_t start, size;
	bool noted, cut;
};
struct scan_span {
	uint64_t addr, size;
};
#define SPAN_WHOLE ((uint64_t)1 << 63) /* in a span's size: all of it is a registered object's */
#define SPAN_CUT ((uint64_t)1 << 62)   /* in a span's size: registered objects lie in the span, and are no part of it */
#define SPAN_FLAGS (SPAN_WHOLE | SPAN_CUT)
/* An object of another source than slab: fenced, or registered.  It is an area too, at a made-up offset behind the
 * arena, with one page for each. outer: index + 1 of the fenced object that it was cut out of. */
struct outside_object {
	uint64_t addr, size;
	bool registered;
	uint32_t outer;
};

/* Notes on objects: few, and not sorted.  `start` is the object's offset. */
#define SCAN_NOTES_MAX 4096
#define SCAN_CLOSED_MAX 65536u
struct scan_note {
	uint64_t start;
	struct scan_span part;
	bool no_scan;
};

enum scan_mode {
	SCAN_MARK,     /* a pointer to a start: white becomes black; one into the middle is remembered */
	SCAN_POSSIBLE, /* any pointer: white becomes possible */
	SCAN_LEAD,     /* among lost objects: which are reached by an earlier one */
	SCAN_HOLD,     /* among lost objects: what a leader holds */
};

#define SCAN_CHUNK ((size_t)16 << 10) /* scanned at once; the rest of a large object goes back to the stack */
#define BATCH 32u
#define FOUND 512u

struct leak_scan {
	const struct mem_view *mem;
	struct slab_view heap;
	uint64_t base, used;
	uint32_t *pages; /* by page of the arena */
	uint64_t *white; /* a bit per 16 bytes: a live object starts here and was not reached */
	/* a bit per 16 bytes: something points into the object; then: it is possible.  Among lost objects both maps
	 * mean something else (mark.c). */
	uint64_t *inner;
	/* a byte for each page of `inner` that was written; looking at the others would make them memory */
	uint8_t *inner_pages;
	struct scan_area *areas;
	uint32_t nr_areas, max_areas;
	struct outside_object *outside; /* sorted by address before the first root */
	uint32_t nr_outside, max_outside, nr_registered;
	/* the address of the first, and the bytes from there to the end of the last */
	uint64_t outside_from, outside_span;
	uint64_t outside_off, end; /* the first one's offset; the end of all offsets */
	struct arch_filter filter; /* upper halves of the addresses that objects may have */
	struct scan_cache caches[SLAB_VIEW_CACHES];
	struct scan_note *notes;
	uint32_t nr_notes, nr_ignored; /* ignored objects are noted from the end of the table on */

	enum scan_mode mode;
	struct scan_span root; /* what is left of the root that is being read */
	bool final;            /* all roots have been read */
	bool overflowed;       /* objects were dropped: reached, and not read */
	uint64_t dropped_first, dropped_last;
	/* among lost objects, when all that the last leader led to has been followed: pushes the next one */
	bool (*next)(struct leak_scan *s);
	uint64_t leader_at, left_at; /* words of the map: how far next has come */
	bool tried;                  /* speculate_walk was called */
	uint32_t lean;               /* steps to a far object while there were few to choose from, less the near ones */
	uint64_t last[4];            /* the addresses of the steps before */
	uint32_t steps;
	/* from how many lean steps on speculate_walk is worth its price; how many bytes are far (tests lower both) */
	uint32_t lean_limit;
	uint64_t far;
	struct speculation *speculation, *counting; /* of speculate.c; NULL: not now */
	size_t speculate_size;
	uint64_t found[FOUND]; /* words that may be pointers, to be looked at */
	uint32_t nr_found;
	uint32_t batch_at, nr_batch;
	struct scan_span batch[BATCH]; /* taken off the stack, on their way into the processor's cache */
	struct scan_span *stack;
	size_t top, max_stack;
	struct scan_span current; /* what is being read; a fault there is expected */
	struct scan_span *closed; /* faulted: to be read by mem->read_forced */
	uint32_t nr_closed;
	void *volatile fault_env[5];
	char *buffer;    /* for views that can only copy */
	uint64_t unread; /* bytes that such a view did not have */

	unsigned wanted;
	leak_visit_fn visit;
	bool visiting_outside;
	void *visit_ctx;
	struct leak_scan_stats stats;
	void *memory;
	size_t memory_size;
};

/* ---- from a word to an object: tables.c, outside.c ------------------------------------------- */

/* A candidate: the offset of an object's start, a multiple of 16, and these. */
#define SCAN_INTERIOR 1u
#define SCAN_FOUND 2u
#define SCAN_TWICE 4u /* no offset: the page alone does not tell; ask scan_locate_whole */
/* The address of the object at this offset. */
static inline uint64_t scan_address(const struct leak_scan *s, uint64_t off)
{
	return likely(off < s->used) ? s->base + off : s->outside[(off - s->outside_off) >> PAGE_SHIFT].addr;
}
/* The object of another source that holds the address, as a candidate; 0: none.  SCAN_TWICE: two hold it, a registered
 * object and the fenced one that it was cut out of. */
uint64_t scan_outside(const struct leak_scan *s, uint64_t addr);
/* Of two such objects the outer one, and *inside the inner one; otherwise the one, and *inside is 0. */
uint64_t scan_outside_both(const struct leak_scan *s, uint64_t addr, uint64_t *inside);
/* How many bytes from addr on, of [addr, addr + n), belong to no registered object.  0: the first *skip bytes belong to
 * one. */
uint64_t scan_registered_part(const struct leak_scan *s, uint64_t addr, uint64_t n, uint64_t *skip);
/* What scan_locate does not tell: objects that others were cut out of, and objects that may start behind their slot's
 * start. */
uint64_t scan_locate_whole(const struct leak_scan *s, uint64_t off);
/* May the word be a pointer at all? */
static inline bool scan_may_point(const struct leak_scan *s, uint64_t word)
{
	return word - s->base < s->used || word - s->outside_from < s->outside_span;
}
/* How far behind its slab's first slot an offset lies. info: of its page. */
static inline uint64_t scan_in_slab(const struct scan_cache *c, uint32_t info, uint64_t off)
{
	return ((uint64_t)PAGE_IN_SLAB(info) << PAGE_SHIFT | (off & (PAGE_SIZE - 1))) - c->lead;
}
/* The start of the object that holds the offset, as a candidate: SCAN_FOUND, and SCAN_INTERIOR when the offset lies
 * behind it; 0: none. A pointer one past the end is the object's, unless the next one starts there. */
static inline __attribute__((always_inline)) uint64_t scan_locate(const struct leak_scan *s, uint64_t off)
{
	uint32_t info = s->pages[off >> PAGE_SHIFT], slot;
	const struct scan_cache *c;
	uint64_t in_slab, start;

	if (unlikely(!info))
		return 0;
	if (unlikely(info & PAGE_AREA)) {
		const struct scan_area *a = &s->areas[info & ~PAGE_AREA];
		if (off - a->start > a->size)
			return 0;
		if (unlikely(a->cut))
			return SCAN_TWICE;
		return a->start | SCAN_FOUND | (off != a->start);
	}
	c = &s->caches[PAGE_CACHE(info)];
	in_slab = scan_in_slab(c, info, off);
	slot = (uint32_t)((in_slab * c->reciprocal) >> 40);
	start = (uint64_t)slot * c->slot_size + c->offset;
	if (unlikely(in_slab - start > c->object_size || slot >= c->nr_objects)) {
		/* In check mode the slot behind begins with this one's red zone. */
		if (in_slab + c->offset != start || c->offset + c->object_size != c->slot_size || !c->offset ||
		    slot - 1 >= c->nr_objects)
			return 0;
		start -= c->slot_size;
	}
	start += off - in_slab;
	if (unlikely(info & (PAGE_CUT | PAGE_DISPLACED)))
		return SCAN_TWICE;
	if (likely(off == start)) {
		/* The value is `start`.  But it does not depend on the division, so the processor follows a list as
		 * fast as it can guess. */
		__asm__("" : "+r"(off));
		return off | SCAN_FOUND;
	}
	return start | SCAN_FOUND | SCAN_INTERIOR;
}
/* The same for any word of memory. */
static inline __attribute__((always_inline)) uint64_t scan_candidate(const struct leak_scan *s, uint64_t word)
{
	uint64_t off = word - s->base;

	if (likely(off < s->used))
		return scan_locate(s, off);
	return unlikely(word - s->outside_from < s->outside_span) ? scan_outside(s, word) : 0;
}

/* The object that a word leads to, and *inside the registered one that was cut out of it there (0: none). */
static inline uint64_t scan_candidates(const struct leak_scan *s, uint64_t word, uint64_t *inside)
{
	uint64_t candidate = scan_candidate(s, word);

	*inside = 0;
	if (likely(candidate != SCAN_TWICE))
		return candidate;
	if (word - s->base >= s->used)
		return scan_outside_both(s, word, inside);
	if (s->nr_registered)
		*inside = scan_outside(s, word);
	return scan_locate_whole(s, word - s->base);
}
/* The memory that the tables take now; whether they may take `bytes` more. */
uint64_t scan_resident(const struct leak_scan *s);
bool scan_can_afford(const struct leak_scan *s, uint64_t bytes);
/* Once all objects are known. */
void scan_filter_set(struct leak_scan *s);
/* The size of the object that starts at this offset. */
uint64_t scan_object_size(const struct leak_scan *s, uint64_t off);
/* Tells the visitor of the object. */
void scan_visit(struct leak_scan *s, uint64_t off, enum leak_class class);

static inline bool scan_is_noted(const struct leak_scan *s, uint64_t off)
{
	uint32_t info = s->pages[off >> PAGE_SHIFT];

	return info & PAGE_AREA ? s->areas[info & ~PAGE_AREA].noted : (info & PAGE_NOTED) != 0;
}
static inline bool scan_bit(const uint64_t *map, uint64_t off)
{
	return map[off >> 10] >> (off >> 4 & 63) & 1;
}
static inline void scan_bit_set(uint64_t *map, uint64_t off)
{
	map[off >> 10] |= (uint64_t)1 << (off >> 4 & 63);
}
static inline void scan_bit_clear(uint64_t *map, uint64_t off)
{
	map[off >> 10] &= ~((uint64_t)1 << (off >> 4 & 63));
}

#define INNER_PAGE_SHIFT 19 /* 1 << 19 bytes of the heap have their bits in a page */
#define INNER_PAGE_WORDS 512u
static inline bool scan_inner(const struct leak_scan *s, uint64_t off)
{
	return s->inner_pages[off >> INNER_PAGE_SHIFT] && scan_bit(s->inner, off);
}
static inline void scan_inner_set(struct leak_scan *s, uint64_t off)
{
	s->inner_pages[off >> INNER_PAGE_SHIFT] = 1;
	scan_bit_set(s->inner, off);
}

/* ---- edges.c --------------------------------------------------------------------------------- */

/* For an object with notes: the next part to be scanned, from note *i on.  False: there is none left.  *noted: the
 * object has notes; without any all of it is scanned. */
bool scan_next_part(const struct leak_scan *s, uint64_t off, uint32_t *i, struct scan_span *part, bool *noted);

/* ---- drain.c --------------------------------------------------------------------------------- */

/* Follows every pointer from what is on the stack. */
void scan_drain(struct leak_scan *s);
/* Marks what these words point to; that is followed later. */
void scan_root_words(struct leak_scan *s, const uint64_t *words, size_t n);
void scan_push_object(struct leak_scan *s, uint64_t off);
/* Marks the object, if it is white. */
void scan_reach(struct leak_scan *s, uint64_t off);
/* ---- speculate.c ----------------------------------------------------------------------------- */

/* Once all roots have been read, and only the stack and the batch are left to follow: walks ahead from white
 * objects. */
void speculate_walk(struct leak_scan *s);
/* After a fault while s->counting is set: as if speculate_walk had not been called. */
void speculate_give_up(struct leak_scan *s);
/* The object at off was white until now. */
void speculate_reached(struct leak_scan *s, uint64_t off);
/* Calls `reach` for the ends of one more segment that is proven.  False: there is none. */
bool speculate_next(struct leak_scan *s, void (*reach)(struct leak_scan *s, uint64_t off));
/* When marking is over: objects that were claimed and not reached become white again. */
void speculate_undo(struct leak_scan *s);

/* ---- roots.c --------------------------------------------------------------------------------- */

/* In the program, before a scan: must the copy read memory while the program stands still? */
bool leak_roots_prepare(void);
/* In the copy, before all else: opens what only this process may open, and copies shared memory and what it lacks. */
void leak_roots_begin(uint32_t *copied);
void leak_roots_end(void); /* in the program, after the scan */
/* mem_view.read_forced of the process that scans. */
size_t leak_roots_read_forced(const struct mem_view *v, void *dst, uint64_t addr, size_t n);
/* Are stacks and registers roots?  (memsan leak stack=off) */
extern bool roots_scan_stacks;

/* ---- held.c ---------------------------------------------------------------------------------- */

void leak_held_prepare(void);             /* in the program, before a scan */
void leak_held_scan(struct leak_scan *s); /* in the copy: what the kernel holds are roots */
void leak_held_end(void);                 /* in the program, after the scan */

/* ---- annotate.c, notes.c --------------------------------------------------------------------- */

#define NOTE_BUCKETS 4096u
struct note {
	struct note *next;
	uint64_t object;     /* its start; ROOT: the region's start */
	uint64_t addr, size; /* AREA, ROOT */
	stack_handle stack;
	uint32_t when;
	uint32_t kind; /* enum leak_note */
};

/* ---- registered.c ---------------------------------------------------------------------------- */

#define REGISTERED_BUCKETS 16384u
struct leak_registered_object {
	struct leak_registered_object *next;
	uint64_t addr, size; /* addr 0: taken out */
	stack_handle stack;
	uint32_t thread, when, pad;
};
/* Both halves. */
static inline void registered_describe(const struct leak_registered_object *e, struct slab_object *o)
{
	*o = (struct slab_object){
		.state = SLAB_OBJ_LIVE,
		.addr = e->addr,
		.size = e->size,
		.object_size = e->size,
		.slot = e->addr,
		.slot_size = e->size,
		.tracked = true,
		.api = SLAB_API_CACHE,
		.alloc_stack = e->stack,
		.alloc_thread = e->thread,
		.when = e->when,
	};
	str_copy(o->cache, "pool", sizeof(o->cache));
}
static inline uint64_t registered_bucket(uint64_t addr)
{
	return addr * 0x9e3779b97f4a7c15u >> 50;
}
_Static_assert(REGISTERED_BUCKETS == 1u << 14, "registered_bucket takes 14 bits");
#define REGISTERED_LAYOUT "registered" /* object_layout.name */
/* Once: registers the object source. */
void registered_init(void);

/* ---- snapshot.c ------------------------------------------------------------------------------ */

struct snapshot_info {
	uint32_t nr_threads, nr_silent;
	uint32_t nr_slept; /* of the silent ones: stood still by themselves, in a system call */
	uint64_t pause_us; /* how long the program stood still */
	const char *why;   /* what went wrong, or NULL */
};
/* One scan at a time: waits for another one to end, with the signal mask as it is.  Blocks all signals but faults;
 * returns the mask to restore. */
uint64_t snapshot_lock(void);
void snapshot_unlock(uint64_t mask);
enum snapshot_mode {
	SNAPSHOT_COPY,
	SNAPSHOT_IN_PLACE,   /* the program is over; without other threads no copy is needed */
	SNAPSHOT_BY_SCANNER, /* this thread is the scanner (control.c): it holds no pointers of the program */
};
/* sp: this thread's pointers lie at this address of its stack and above (arch_call_stored).  The scanner has none. */
struct snapshot_how {
	enum snapshot_mode mode;
	uintptr_t sp;
	void (*begin)(uint32_t *copied); /* called before fn, by the thread that calls fn */
	/* in shared memory; the program stands still until begin has set it; NULL: only until the copy is made */
	uint32_t *copied;
};
/* Runs fn in a copy of this process, and tells it of the threads. fn may read all memory, but only what it writes to
 * shared memory outlives the copy.  Between snapshot_lock and snapshot_unlock.  False: fn did not run to its end. */
bool snapshot_run(struct snapshot_how how, void (*fn)(void *ctx, const struct leak_thread *threads, uint32_t nr),
                  void *ctx, struct snapshot_info *info);
/* A clock that only goes forward. */
uint64_t snapshot_now_us(void);
/* The signal that stops threads: option leak.signal, or one that suits. */
int snapshot_signal(void);
/* The same at the start of the process, which has just been looked at. */
int snapshot_signal_at_start(void);
/* Installs our handler for it.  False: the program uses the signal itself. */
bool stop_handler_install(int sig);
/* The same signal asks control.c for a scan. */
struct stop_signal_user {
	/* In the handler: there is a request, or it is time for a scan. may_go_on: the context of a system call that
	 * the signal may have interrupted, or NULL.  Will that call go on? */
	bool (*poked)(bool by_timer, void *may_go_on);
	void (*lost)(int sig); /* the program uses the signal itself now */
	void (*kept)(int sig); /* the signal has our handler again */
};
void stop_signal_share(const struct stop_signal_user *with);
void snapshot_fork_child(void);

/* ---- calls.c --------------------------------------------------------------------------------- */

/* The size of the memory that calls_begin wants for so many threads. */
size_t calls_size(uint32_t threads);
/* A scan calls calls_begin, then calls_note for each thread that it is about to stop (its name in /proc, its tid), and
 * calls_end when no handler runs any more. */
void calls_begin(void *memory, uint32_t threads);
void calls_note(int32_t name, int32_t tid);
void calls_end(void);
/* In the handler, when it interrupted no other handler: a call that was noted, or that the sender of the signal saw
 * (asked), will be made again when the handler returns.  False: there is no such call, or preload/ makes it again. */
bool calls_go_on(void *context);
bool calls_go_on_asked(const struct leak_call *asked, void *context);

/* ---- suspects.c ------------------------------------------------------------------------------ */

enum suspects_rule {
	SUSPECTS_ALL,       /* everything lost, except what was cleared */
	SUSPECTS_CONFIRMED, /* kmemleak's: twice lost, unchanged, old enough, not reported before */
	SUSPECTS_CLEAR,     /* nothing; objects that are lost now will never be reported */
};
/* Are there any from the last scan? */
bool suspects_known(void);
/* Before the copy is made.  False: no memory.  All these are called between snapshot_lock and snapshot_unlock. */
bool suspects_begin(void);
/* In the copy, for a lost object: is it to be reported by this rule? */
bool suspects_meet(const struct mem_view *mem, const struct slab_object *known, enum suspects_rule rule);
/* In the copy, at the end of a scan that went well. */
void suspects_index(void);
/* After the scan. ok: the next scan compares with this scan's suspects; otherwise with those from before. */
void suspects_end(bool ok);
/* How many lost objects the last scan had no room to remember. */
uint64_t suspects_left_out(void);
void suspects_fork_child(void);

/* ---- scan.c ---------------------------------------------------------------------------------- */

struct scan_answer {
	uint64_t objects, printed, suppressed; /* of the classes that were wanted */
	struct snapshot_info info;
};
/* One scan.  With `kept` its result stays in *kept until the next scan; without, it is reported. classes 0: those of
 * option leak.show.  False: no scan was possible (info.why). */
bool scan_run(struct snapshot_how how, enum suspects_rule rule, unsigned classes, struct leak_groups **kept,
              struct scan_answer *answer);
void scan_fork_child(void);
/* Before the scanner starts, by the thread that starts it: calls what only a thread of the program may call. */
void scan_prepare(void);

#endif
