/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/leak_internal.h - shared between the files of leak/ only. */
#ifndef MEMSAN_LEAK_INTERNAL_H
#define MEMSAN_LEAK_INTERNAL_H

#include "leak/leak.h"
#include "leak/arch/x86_64/filter.h"

/* ---- the scan: mark.c ------------------------------------------------------------------------ */

/* What a page of the arena is, in 32 bits: 0 nothing, else a page of a slab or of a large area. */
#define PAGE_AREA (1u << 31) /* the rest: index into areas */
#define PAGE_CACHE(info) ((info)&0x3ffu)
#define PAGE_IN_SLAB_SHIFT 10
#define PAGE_IN_SLAB(info) ((info) >> PAGE_IN_SLAB_SHIFT & 0xffu)
#define PAGE_DISPLACED (1u << 18) /* objects may start behind their slot's start */
#define PAGE_NOTED (1u << 19)     /* an annotated object is in this slab (areas: see the table) */
#define PAGE_CUT (1u << 20)       /* the program cuts objects of its own out of one here (areas: see the table) */
#define PAGE_SPECIAL (PAGE_AREA | PAGE_DISPLACED | PAGE_NOTED | PAGE_CUT)

_Static_assert(SLAB_VIEW_CACHES <= 0x400, "a page names its cache");
struct scan_cache {
	uint64_t reciprocal;
	uint32_t slot_size, offset, object_size, nr_objects;
};
/* offset in the arena, or behind it */
struct scan_area {
	uint64_t start, size;
	bool noted, cut;
};
struct scan_span {
	uint64_t addr, size;
};
#define SPAN_WHOLE ((uint64_t)1 << 63) /* in a span's size: the object is one that the program cut out of another */
#define SPAN_CUT ((uint64_t)1 << 62)   /* such objects lie in it, and are no part of it */
#define SPAN_FLAGS (SPAN_WHOLE | SPAN_CUT)
/* An object that slab knows nothing of: fenced, or cut out of a pool by the program.  It is an area too, at a made-up
 * offset behind the arena: a page for each. */
/* outer: index + 1 of the fenced one that it was cut out of */
struct scan_outside {
	uint64_t addr, size;
	bool registered;
	uint32_t outer;
};

/* Annotations of the scan: sorted by nothing, few. */
#define SCAN_NOTES_MAX 4096
struct scan_note {
	uint64_t start;
	struct scan_span part;
	bool no_scan;
};

enum scan_mode {
	SCAN_MARK,     /* pointers to starts: white becomes black; interior ones are remembered */
	SCAN_POSSIBLE, /* any pointer: white becomes possible */
	SCAN_LEAD,     /* among the lost: who is reached by an earlier one */
	SCAN_HOLD,     /* among the lost: what a leader holds */
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
	/* it was pointed into; then: it is possible.  Among the lost both mean something else (mark.c) */
	uint64_t *inner;
	/* which pages of inner were written: looking at the others would bring them into memory */
	uint8_t *inner_pages;
	struct scan_area *areas;
	uint32_t nr_areas, max_areas;
	struct scan_outside *outside; /* sorted by address before the first root */
	uint32_t nr_outside, max_outside, nr_registered;
	uint64_t outside_from, outside_span; /* addresses: of the first, and up to the end of the last */
	uint64_t outside_off, end;           /* their first offset; the end of all offsets */
	struct arch_filter filter;           /* upper halves of their and the arena's addresses */
	struct scan_cache caches[SLAB_VIEW_CACHES];
	struct scan_note *notes;
	uint32_t nr_notes, nr_ignored; /* the ignored ones from the end on */

	enum scan_mode mode;
	struct scan_span root; /* what is left of the root that is being read */
	bool final;            /* all roots have been read */
	bool overflowed;       /* objects were dropped: reached, and not read */
	uint64_t dropped_first, dropped_last;
	bool tried;       /* speculate_walk was called */
	uint32_t lean;    /* steps far away with little choice, less the near ones */
	uint64_t last[4]; /* the addresses of the steps before */
	uint32_t steps;
	uint32_t lean_limit; /* when speculate_walk is worth its price; what is far (tests want it sooner) */
	uint64_t far;
	struct speculation *speculation, *counting; /* see speculate.c; NULL: there is none (now) */
	size_t speculate_size;
	uint64_t found[FOUND]; /* words that may be pointers, to be looked at */
	uint32_t nr_found;
	uint32_t batch_at, nr_batch;
	struct scan_span batch[BATCH]; /* taken off the stack, on their way into the processor's cache */
	struct scan_span *stack;
	size_t top, max_stack;
	struct scan_span current; /* being read: where a fault happened */
	void *volatile fault_env[5];
	char *buffer; /* for views that must be read */

	unsigned wanted;
	leak_visit_fn visit;
	bool visiting_outside;
	void *visit_ctx;
	struct leak_scan_stats stats;
	void *memory;
	size_t memory_size;
};

/* ---- from a word to an object ---------------------------------------------------------------- */

/* A candidate: the offset of an object's start, a multiple of 16, and these. */
#define SCAN_INTERIOR 1u
#define SCAN_FOUND 2u
#define SCAN_TWICE 4u /* alone: cache and slot do not tell, scan_locate_whole does */
/* Where the object at this offset is. */
static inline uint64_t scan_address(const struct leak_scan *s, uint64_t off)
{
	return likely(off < s->used) ? s->base + off : s->outside[(off - s->outside_off) >> PAGE_SHIFT].addr;
}
/* As a candidate: the extra object that holds the address; 0: none; SCAN_TWICE: one that was cut out of another, and
 * that other one. */
uint64_t scan_outside(const struct leak_scan *s, uint64_t addr);
/* The outer one of both, and the *inside one (0: there are no two). */
uint64_t scan_outside_both(const struct leak_scan *s, uint64_t addr, uint64_t *inside);
/* How much of [addr, addr + n) is the pool's own, from addr on; 0: *skip bytes belong to an object that was cut out of
 * it. */
uint64_t scan_registered_part(const struct leak_scan *s, uint64_t addr, uint64_t n, uint64_t *skip);
/* What scan_locate does not tell: pools, and slots where objects may start behind the slot's start. */
uint64_t scan_locate_whole(const struct leak_scan *s, uint64_t off);
/* May the word be a pointer at all? */
static inline bool scan_may_point(const struct leak_scan *s, uint64_t word)
{
	return word - s->base < s->used || word - s->outside_from < s->outside_span;
}
/* The start of the object that holds the offset, as a candidate: SCAN_FOUND, and SCAN_INTERIOR when the offset lies
 * behind it; 0: none. */
static inline __attribute__((always_inline)) uint64_t scan_locate(const struct leak_scan *s, uint64_t off)
{
	uint32_t info = s->pages[off >> PAGE_SHIFT], slot;
	const struct scan_cache *c;
	uint64_t in_slab, start;

	if (unlikely(!info))
		return 0;
	if (unlikely(info & PAGE_AREA)) {
		const struct scan_area *a = &s->areas[info & ~PAGE_AREA];
		if (off - a->start >= MAX(a->size, 1))
			return 0;
		if (unlikely(a->cut))
			return SCAN_TWICE;
		return a->start | SCAN_FOUND | (off != a->start);
	}
	c = &s->caches[PAGE_CACHE(info)];
	in_slab = (uint64_t)PAGE_IN_SLAB(info) << PAGE_SHIFT | (off & (PAGE_SIZE - 1));
	slot = (uint32_t)((in_slab * c->reciprocal) >> 40);
	start = (uint64_t)slot * c->slot_size + c->offset;
	if (unlikely(in_slab - start >= c->object_size || slot >= c->nr_objects))
		return 0;
	start += off - in_slab;
	if (unlikely(info & (PAGE_CUT | PAGE_DISPLACED)))
		return SCAN_TWICE;
	if (likely(off == start)) {
		/* The same number, but the processor need not wait for the division: it follows a list as fast as it
		 * guesses. */
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

/* A pointer into a pool leads to the pool and to what was cut out there (*inside; else 0). */
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
/* Of an object with annotations: the next part that may be scanned, from note *i on.  False: there is none (any more).
 * *noted: there were annotations; without any it is scanned whole. */
bool scan_next_part(const struct leak_scan *s, uint64_t off, uint32_t *i, struct scan_span *part, bool *noted);

/* ---- drain.c --------------------------------------------------------------------------------- */

/* Follows every pointer from what is on the stack. */
void scan_drain(struct leak_scan *s);
/* Marks what these point to; it is followed later. */
void scan_root_words(struct leak_scan *s, const uint64_t *words, size_t n);
/* Memory that the tables take now; may they take so much more? */
uint64_t scan_resident(const struct leak_scan *s);
bool scan_can_afford(const struct leak_scan *s, uint64_t bytes);
/* When all objects are known. */
void scan_filter_set(struct leak_scan *s);
/* The object that starts at this offset, or 0 bytes. */
uint64_t scan_object_size(const struct leak_scan *s, uint64_t off);
void scan_push_object(struct leak_scan *s, uint64_t off);
/* Marks it, if it is white. */
void scan_reach(struct leak_scan *s, uint64_t off);
/* mark.c: what is known of it is told; are there annotations for objects near it? */
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

#define INNER_PAGE_SHIFT 19 /* so much of the heap has its bits in a page */
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

/* ---- speculate.c ----------------------------------------------------------------------------- */

/* With all roots read, and nothing but stack and batch left to be followed: walks ahead on what is white. */
void speculate_walk(struct leak_scan *s);
/* A fault while s->counting: as if it had not been called. */
void speculate_give_up(struct leak_scan *s);
/* off was white until now. */
void speculate_reached(struct leak_scan *s, uint64_t off);
/* Reaches the ends of one more segment; false: there is none. */
bool speculate_next(struct leak_scan *s, void (*reach)(struct leak_scan *s, uint64_t off));
/* Marking is over: what was claimed and not reached is white again. */
void speculate_undo(struct leak_scan *s);

/* ---- roots.c --------------------------------------------------------------------------------- */

/* Are stacks and registers roots? */
extern bool roots_scan_stacks;

/* ---- annotate.c, notes.c --------------------------------------------------------------------- */

#define NOTE_BUCKETS 4096u
struct note {
	struct note *next;
	uint64_t object;     /* its start; ROOT: the region's */
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
/* Once: registered objects are an object source. */
void registered_init(void);

/* ---- snapshot.c ------------------------------------------------------------------------------ */

struct snapshot_info {
	uint32_t nr_threads, nr_silent;
	uint64_t pause_us; /* the program stood still */
	const char *why;   /* what went wrong, or NULL */
};
/* One scan at a time: waits for another one to end, with signals as they are.  All are blocked afterwards; returns the
 * mask that was. */
uint64_t snapshot_lock(void);
void snapshot_unlock(uint64_t mask);
enum snapshot_mode {
	SNAPSHOT_COPY,
	SNAPSHOT_IN_PLACE,   /* the program is over: when this thread is the only one, no copy is needed */
	SNAPSHOT_BY_SCANNER, /* this thread is not the program's: it holds nothing */
};
/* sp: what this thread of the program holds lies there and above (arch_call_stored); of no use by the scanner. */
struct snapshot_how {
	enum snapshot_mode mode;
	uintptr_t sp;
};
/* Runs fn in a copy of this process with what is known of its threads.  In the copy fn may use what it likes of this
 * process, but write only to shared memory.  Between snapshot_lock and snapshot_unlock.  False: it did not run to its
 * end. */
bool snapshot_run(struct snapshot_how how, void (*fn)(void *ctx, const struct leak_thread *threads, uint32_t nr),
                  void *ctx, struct snapshot_info *info);
/* A clock that only goes forward. */
uint64_t snapshot_now_us(void);
/* The signal that is to stop threads: the option's, or what suits. */
int snapshot_signal(void);
/* Our handler for it, if the program has none. */
bool stop_handler_install(int sig);
/* control.c is reached by the same signal, and told what becomes of it. */
struct stop_signal_user {
	/* In the handler: somebody wants something of this process, or it is time for a scan.  may_go_on: the context
	 * of a call that the signal may have interrupted, or NULL; does that call go on? */
	bool (*poked)(bool by_timer, void *may_go_on);
	void (*lost)(int sig); /* the program uses it itself now */
	void (*kept)(int sig); /* it has our handler again */
};
void stop_signal_share(const struct stop_signal_user *with);
void snapshot_fork_child(void);

/* ---- calls.c --------------------------------------------------------------------------------- */

/* Room for what is known of so many threads' calls. */
size_t calls_size(uint32_t threads);
/* For a scan: calls_begin; for each thread before it is stopped calls_note (what /proc calls it, and what we do); when
 * no handler runs calls_end. */
void calls_begin(void *memory, uint32_t threads);
void calls_note(int32_t name, int32_t tid);
void calls_end(void);
/* In the handler, which interrupted nothing of the program's: a call that was noted, or (asked) that who sent the
 * signal has seen, will be made again when it returns.  False: it was none, or one that preload/ makes again. */
bool calls_go_on(void *context);
bool calls_go_on_asked(const struct leak_call *asked, void *context);

/* ---- suspects.c ------------------------------------------------------------------------------ */

enum suspects_rule {
	SUSPECTS_ALL,       /* everything lost, but what was cleared */
	SUSPECTS_CONFIRMED, /* kmemleak's: twice lost, unchanged, old enough, not reported before */
	SUSPECTS_CLEAR,     /* nothing; what is lost now is never reported */
};
/* Have there been any? */
bool suspects_known(void);
/* All between snapshot_lock and snapshot_unlock.  Before the copy is made.  False: no memory. */
bool suspects_begin(void);
/* In the copy: a lost object (`known`: what it is).  Is it to be reported by this rule? */
bool suspects_meet(const struct mem_view *mem, const struct slab_object *known, enum suspects_rule rule);
/* In the copy, at the end of a scan that went well. */
void suspects_sort(void);
/* Afterwards: this scan's suspects are those that the next one compares with.  !ok: those from before stay. */
void suspects_end(bool ok);
/* How many objects there was no room for in the last scan. */
uint64_t suspects_left_out(void);
void suspects_fork_child(void);

/* ---- scan.c ---------------------------------------------------------------------------------- */

struct scan_answer {
	uint64_t objects, printed, suppressed; /* of what was wanted */
	struct snapshot_info info;
};
/* A scan whose result stays in *kept (until the next scan) when kept is not NULL, and is reported here otherwise.
 * classes 0: the option's.  False: none was possible (info.why). */
bool scan_run(struct snapshot_how how, enum suspects_rule rule, unsigned classes, struct leak_groups **kept,
              struct scan_answer *answer);
void scan_fork_child(void);
/* By the thread that a signal interrupted, before the scanner's thread starts: what only a thread of the program may
 * call. */
void scan_prepare(void);

#endif
