/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/leak.h - kmemleak for user programs: which allocated objects can nothing reach any more?
 *
 *   mark.c       the tables, the marking engine (both halves: it reads through a mem_view)
 *   drain.c      its inner loops
 *   speculate.c     long lists, walked from many places at once
 *   group.c      lost objects by allocation stack
 *   elsewhere.c  objects that slab knows nothing of, read for a scan (both halves)
 *   notes.c      what the program said of its objects, read for a scan (both halves)
 *   edges.c     the same rules for who follows pointers by himself (both halves)
 *   roots.c      what memory is a root (runtime)
 *   annotate.c   what the program says of its objects (runtime)
 *   calls.c      system calls that a scan interrupted go on (runtime)
 *   snapshot.c   threads stopped, a copy of the process made in which to scan (runtime)
 *   scan.c      a scan becomes reports (runtime)
 */
#ifndef MEMSAN_LEAK_H
#define MEMSAN_LEAK_H

#include "lib/lib.h"
#include "slab/slab.h"
#include "slab/source.h"

/* ---- the engine: mark.c; no malloc, no state of its own -------------------------------------- */

enum leak_class {
	LEAK_REACHABLE, /* from a root, by pointers to starts of objects */
	LEAK_POSSIBLE,  /* only through a pointer into the middle of an object */
	LEAK_DIRECT,    /* no pointer anywhere but in itself, or in a ring that it stands for */
	LEAK_INDIRECT,  /* only from lost objects */
	LEAK_CLASS_NR,
};

/* What an annotation says of one object; of which part of it (AREA); of any memory (ROOT). */
enum leak_note {
	LEAK_NOTE_NONE,
	LEAK_NOTE_NOT_LEAK,
	LEAK_NOTE_IGNORE,
	LEAK_NOTE_NO_SCAN,
	LEAK_NOTE_AREA,
	LEAK_NOTE_ROOT
};

struct leak_scan;
/* Reads the heap's maps through `mem`, which must outlive the scan.  Takes about 1 % of the heap's size of memory, most
 * of it when it is touched.  NULL with *why: what is wrong. */
struct leak_scan *leak_scan_create(const struct mem_view *mem, uint64_t root, const char **why);
/* The same with room for so many objects that are none of slab's. */
struct leak_scan *leak_scan_create_with(const struct mem_view *mem, uint64_t root, uint32_t nr_outside,
                                        const char **why);
/* Before everything else: an object that slab knows nothing of, or (registered) that the program cuts out of another
 * object or of a root. */
void leak_scan_add(struct leak_scan *s, uint64_t addr, uint64_t size, bool registered);
void leak_scan_added(struct leak_scan *s); /* once, after the last */
void leak_scan_destroy(struct leak_scan *s);
const struct slab_view *leak_scan_heap(const struct leak_scan *s);
/* All before the first root.  addr: the object's start; false when no live object starts there. */
bool leak_scan_note(struct leak_scan *s, uint64_t addr, enum leak_note note);
/* Of the object at addr only this part is scanned (and others given so). */
bool leak_scan_area(struct leak_scan *s, uint64_t object, uint64_t addr, uint64_t size);
/* Every aligned word of [addr, addr + size) may be a pointer: marks what it leads to. */
void leak_scan_root(struct leak_scan *s, uint64_t addr, uint64_t size);
/* The same for words that are at hand: registers out of a core file. */
void leak_scan_words(struct leak_scan *s, const uint64_t *words, size_t n);
/* After the last root: visits each object of the classes in `wanted` (bits 1 << class): first possible, then reachable,
 * then lost ones, each direct one followed by the indirect ones that it holds. */
typedef void (*leak_visit_fn)(void *ctx, uint64_t addr, enum leak_class class);
void leak_scan_finish(struct leak_scan *s, unsigned wanted, leak_visit_fn visit, void *ctx);
/* While an object is visited: is it one that was added? */
bool leak_scan_visits_outside(const struct leak_scan *s);
/* In a handler of SIGSEGV or SIGBUS: when the scan that is running here touched what is not there, goes on behind it
 * and does not return. */
void leak_scan_faulted(uint64_t addr);

/* For who follows pointers by himself, by the rules of marking and before anything is marked.  Where a word leads to:
 * to no live object, to one, or to one and another that was cut out of it.  Returns how many. */
struct leak_target {
	uint64_t addr, size;
	/* the scan's own number for it, which no other object has: a multiple of 16 below leak_scan_places() */
	uint64_t place;
	bool outside;  /* it was added */
	bool interior; /* the word points behind its start */
};
uint64_t leak_scan_places(const struct leak_scan *s);
unsigned leak_scan_leads_to(const struct leak_scan *s, uint64_t word, struct leak_target to[2]);
/* What a scan reads of an object that leak_scan_leads_to told of; of memory that is a root. */
typedef void (*leak_range_fn)(void *ctx, uint64_t start, uint64_t end);
void leak_scan_reads(const struct leak_scan *s, const struct leak_target *object, leak_range_fn fn, void *ctx);
void leak_scan_reads_root(const struct leak_scan *s, uint64_t start, uint64_t end, leak_range_fn fn, void *ctx);
/* Visits each live object, before anything is marked (as LEAK_REACHABLE). */
void leak_scan_each(struct leak_scan *s, leak_visit_fn visit, void *ctx);
/* heap_bytes: of address space that objects may lie in; table_bytes: what the scan's tables took of memory. */
struct leak_scan_stats {
	uint64_t live, scanned_bytes, root_bytes, heap_bytes, table_bytes;
};
void leak_scan_get_stats(const struct leak_scan *s, struct leak_scan_stats *stats);

/* ---- what the program said of its objects: notes.c ------------------------------------------- */

#define LEAK_DIRECTORY_MAGIC "MEMSAN-LEAKROOT" /* with its NUL 16 bytes */
#define LEAK_DIRECTORY_VERSION 4
/* Found by its magic, like struct slab_directory. */
struct leak_directory {
	char magic[16];
	uint64_t self;
	uint32_t version, size;
	uint64_t notes; /* the table of annotations */
	uint32_t nr_buckets, note_size;
	uint64_t layouts; /* the other object sources' struct object_layout, OBJECT_SOURCES_MAX of them */
};
_Static_assert(sizeof(struct leak_directory) == 56, "read by other processes");
extern struct leak_directory leak_directory;
/* Once, before the program runs. */
void leak_directory_init(void);
/* False: there is none at `root`, or another version's. */
bool leak_directory_read(const struct mem_view *mem, uint64_t root, struct leak_directory *r);
/* Finds the live object that starts at addr, of another source than slab. */
typedef bool (*leak_find_fn)(void *ctx, uint64_t addr, struct slab_object *o);
struct leak_finder {
	leak_find_fn find;
	void *ctx;
};
/* All annotations of the process that the scan reads, into a scan that has no roots yet. */
void leak_scan_notes(struct leak_scan *s, uint64_t root, struct leak_finder outside);
/* The same for who follows pointers by himself: only what is read of objects changes (of ignored ones nothing is), and
 * what else was said is told: roots [addr, addr + size), and the objects at addr of which the program says that they
 * are no leaks, or to be ignored. */
typedef void (*leak_said_fn)(void *ctx, enum leak_note note, uint64_t addr, uint64_t size);
void leak_scan_notes_told(struct leak_scan *s, uint64_t root, struct leak_finder outside, leak_said_fn said, void *ctx);

/* ---- objects of other sources than slab, through a view: sources.c --------------------------- */

#define LEAK_SOURCES 2
struct leak_sources {
	const struct mem_view *mem;
	const struct slab_view *heap;               /* NULL: not open yet */
	struct object_layout layouts[LEAK_SOURCES]; /* without a name: the process has no such source */
};
/* root: of struct leak_directory.  False: nothing is known of the sources. */
bool leak_sources_open(struct leak_sources *x, const struct mem_view *mem, const struct slab_view *heap, uint64_t root);
/* Calls fn for each live object (registered: the program cut it out of another object, or of memory that it mapped). */
typedef void (*leak_source_fn)(void *ctx, const struct slab_object *o, bool registered);
void leak_sources_each(const struct leak_sources *x, leak_source_fn fn, void *ctx);
/* The live object that starts at addr; a leak_find_fn with struct leak_sources as its ctx. */
bool leak_sources_at(void *sources, uint64_t addr, struct slab_object *o);
/* The fenced object, live or freed, whose pages addr lies in; in a guard page (*guard) the one beside it. */
bool leak_sources_near(const struct leak_sources *x, uint64_t addr, struct slab_object *o, bool *guard);

/* ---- lost objects by where they came from: group.c ------------------------------------------- */

#define LEAK_DUMP 32
/* Objects of one class that were allocated by one stack (without stacks: that are in one cache). */
struct leak_group {
	uint32_t class; /* enum leak_class */
	stack_handle stack;
	uint64_t count, bytes;
	uint64_t held_count, held_bytes; /* direct: the indirect objects that hang on these */
	/* the largest of them */
	uint64_t addr, size;
	uint32_t thread, when; /* 0: not known */
	uint32_t tracked, api;
	char cache[32];
	uint32_t dump_len;
	uint8_t dump[LEAK_DUMP];
	uint32_t pad;
};
_Static_assert(sizeof(struct leak_group) == 144, "goes from one process to another");

#define LEAK_GROUPS_MAX 8192u
/* A plain block of memory, zero at first; the child of a snapshot fills it for its parent. */
struct leak_groups {
	uint64_t counts[LEAK_CLASS_NR], bytes[LEAK_CLASS_NR];
	uint32_t nr, more;                   /* more: objects for which there was no group left */
	uint32_t order[LEAK_GROUPS_MAX];     /* after leak_groups_sort: indices, largest first */
	uint32_t table[2 * LEAK_GROUPS_MAX]; /* index + 1 */
	struct leak_group groups[LEAK_GROUPS_MAX];
};
struct leak_grouper {
	struct leak_groups *groups;
	const struct slab_view *heap;
	uint32_t leader; /* index + 1 of the last direct object's group */
	/* find: of the object that is visited, when another source than slab has it; else NULL */
	struct leak_finder outside;
};
void leak_group_visit(void *grouper, uint64_t addr, enum leak_class class); /* a leak_visit_fn */
void leak_groups_sort(struct leak_groups *g);
/* leak.show: bits 1 << class.  False: a word is none (*bad). */
bool leak_parse_classes(const char *text, unsigned *classes, const char **bad);
const char *leak_class_name(enum leak_class class);

/* ---- what a process has for roots: roots.c --------------------------------------------------- */

/* Is this mapping a root as a whole?  Memory of a device, or of the kernel ("[vvar]"), must not be touched. */
static inline bool leak_mapping_is_root(const struct maps_line *m)
{
	return m->readable && m->private && !(str_starts(m->path, "/dev/") && !str_starts(m->path, "/dev/zero")) &&
	       !str_starts(m->path, "[v");
}
/* A thread that stands still. */
struct leak_thread {
	int32_t tid;
	uint32_t answered; /* 0: its registers are not known and its stack is scanned whole */
	/* the lowest word of its stack that is in use, and its thread pointer, where it was stopped */
	uint64_t sp, tp;
	uint64_t saved[2], saved_size[2]; /* where its registers are */
};
/* Marks from every root of this very process (a snapshot): each page of readable private memory that is not the file's
 * own, without memsan's and without the dead parts of stacks; registers.  NULL, or what could not be read. */
const char *leak_roots_scan_self(struct leak_scan *s, const struct leak_thread *threads, uint32_t nr_threads);
/* This thread is about to end: its stack, which libc keeps for the next thread, is no root any more. */
void leak_roots_thread_exit(void);

/* Bytes at the upper end of a thread's stack block that are no stack but its control block and variables; 0: not
 * known. */
extern size_t leak_static_tls;

/* Set by preload/, which sees the other detectors: what else is no root, or is one; the copy begins or has been
 * made. */
extern void (*leak_hook_holes)(void (*hole)(uint64_t start, uint64_t end));
extern void (*leak_hook_roots)(void (*root)(void *ctx, uint64_t addr, uint64_t size), void *ctx);
extern void (*leak_hook_copying)(bool begins);
extern const char *(*leak_own_rules)(void); /* suppressions that the program brings along, or NULL */

/* ---- annotations: annotate.c ----------------------------------------------------------------- */

/* The live object that p points into; false: there is none.  Thread-safe. */
bool leak_annotate(const void *p, enum leak_note kind);
/* Of that object only [p, p+size), and other areas given so, holds pointers. */
bool leak_annotate_area(const void *p, size_t size);
/* Memory that is scanned although a scan would not find it by itself (shared, a device's). */
void leak_root_region(const void *p, size_t size);
bool leak_root_region_remove(const void *p, size_t size);
/* ---- the program's own pools: registered.c --------------------------------------------------- */

/* [p, p+size), a part of another object or of memory that the program mapped, is an object: to be reached, scanned and
 * lost by itself.  Thread-safe, not in a signal handler that interrupted one of these.  regs: who says so. */
void leak_registered_alloc(const void *p, size_t size, const struct unwind_regs *regs);
void leak_registered_free(const void *p); /* it is none any more; false pointers are ignored */
/* The pool object that starts at addr. */
bool leak_registered_find(uint64_t addr, struct slab_object *o);
/* The pool object that addr lies in; looks at all of them.  *o is not touched when there is none. */
bool leak_registered_around(uint64_t addr, struct slab_object *o);

/* Above 0: what this thread allocates is not to be reported.  Whoever allocates looks at it and calls
 * leak_annotate(NOT_LEAK). */
extern TLS_IE uint32_t leak_disabled __attribute__((visibility("hidden")));

/* ---- in this process: snapshot.c, scan.c ----------------------------------------------------- */

/* How often a system call of this thread was interrupted by its being stopped, with no handler of the program's beside:
 * it returned EINTR, or moved less than it was given. */
extern TLS_IE uint32_t leak_interrupts __attribute__((visibility("hidden")));
/* Code of libc, whose calls preload/ makes again by itself, and its syscall() (0: not known, a static program).  Set
 * once at start-up. */
extern uintptr_t leak_libc_start, leak_libc_end, leak_libc_syscall;
/* Above 0: this thread's call from outside of libc is made again by its caller in preload/. */
extern TLS_IE uint32_t leak_waits_itself __attribute__((visibility("hidden")));
/* The program is about to wait for the signals of this set (bit N-1 for signal N): those to leave out, because they
 * stop threads for scans. A set of every real-time signal does not mean them; a set that has one and not all of those
 * does, and then no scan uses it any more. Any thread, in signal handlers too. */
uint64_t leak_signals_left_out(uint64_t waited);
/* Is this the handler that stops threads?  The program is told that there is none. */
bool leak_is_handler(const void *handler);
/* The program has set the default action for a signal: if it was ours it is ours again, and looks as it should. */
void leak_signal_keep(int sig);
/* The program has set a handler of its own for this signal, or ignores it. */
void leak_signal_lost(int sig);
/* The process in which a scan is going on, or 0; wait until it is no more. */
int32_t leak_snapshot_child(void);
void leak_snapshot_wait(int32_t pid);
/* Was the child that a wait just returned a scan's? */
bool leak_snapshot_was(int32_t pid);
/* One scan of this process, in a snapshot; what was found is reported.  `at_exit`: the program is over.  Returns the
 * objects found (of the classes in leak.show, not suppressed), 0 when the scan was not possible (told in a line).
 * Takes no allocator lock. */
uint64_t leak_check(bool at_exit);
/* At the end of the program, if that is wanted, and not done already. */
void leak_check_at_exit(void);
/* No scan at the end any more. */
void leak_check_done(void);
/* In the child of fork, with one thread: nothing that the parent had under way goes on, what it allocated is none of
 * ours. */
void leak_fork_child(void);

/* ---- asked from outside: control.c ----------------------------------------------------------- */

enum leak_command {
	LEAK_COMMAND_NONE,
	LEAK_COMMAND_LOOK,  /* scan; the result is left for who asked */
	LEAK_COMMAND_SCAN,  /* a scan by kmemleak's rules, reported by the process itself */
	LEAK_COMMAND_EVERY, /* such scans every so many seconds; 0: no more */
	LEAK_COMMAND_CLEAR,
	LEAK_COMMAND_STACK, /* 1: stacks and registers are roots, 0: they are not */
};
/* A system call, as /proc/PID/task/TID/syscall tells it. */
struct leak_call {
	int32_t tid;
	uint32_t nr;
	uint64_t pc, sp, args[6];
};
#define LEAK_CONTROL_VERSION 2
#define LEAK_POKE_VALUE 0x6c65616bu /* goes with the signal, so that it is not taken for somebody else's */
/* Who may write to this process's memory (/proc/PID/mem) may ask: fills in command, argument and classes, counts
 * `request` up, sends one of the signals, with the value above, to a thread that does not block it.  Without a signal
 * it is noticed at an allocation. */
struct leak_control {
	uint32_t version, size;
	uint64_t signals; /* bits 1 << signal - 1: those that have our handler, as far as is known */
	/* by who asks */
	uint32_t command, classes;
	uint64_t argument;
	struct leak_call call; /* in which the thread was that gets the signal; pc 0: in none, or it is not known */
	uint32_t request;
	/* by the process */
	uint32_t taken, answered; /* the number of the request */
	uint32_t failed;
	char message[160]; /* failed: why; else what there is to say, or "" */
	uint64_t result;   /* LOOK: address of a struct leak_groups */
	uint64_t interval; /* seconds between scans now */
	uint64_t objects, printed, suppressed;
	uint32_t nr_threads, nr_silent;
	uint64_t pause_us;
};
extern struct leak_control leak_control;
/* Once, when libc can be called and options are known. */
void leak_control_start(void);
/* Does somebody wait?  For the slow path of an allocation, where no lock is held. */
static inline bool leak_control_pending(void)
{
	return __atomic_load_n(&leak_control.request, __ATOMIC_RELAXED) !=
	       __atomic_load_n(&leak_control.taken, __ATOMIC_RELAXED);
}
void leak_control_serve(void);

#endif
