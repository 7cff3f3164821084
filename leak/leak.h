/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/leak.h - kmemleak for user programs: which allocated objects can nothing reach any more?
 *
 * The files, lowest first: a file uses only files above it in this list.
 *
 *   Both halves: they read through a mem_view, so they serve a copy of this process, another process and a core file.
 *   tables.c      a scan's tables: which object is at an address
 *   outside.c     in these tables: objects that slab's maps do not show
 *   edges.c       which words of an object are read, and where a word leads to; also for memsan leak --why
 *   speculate.c   long lists, walked from many places at once
 *   drain.c       the inner loops of marking
 *   mark.c        the marking engine: from the roots to what nothing reaches
 *   group.c       lost objects by allocation stack
 *   notes.c       what the program said of its objects, read for a scan
 *   sources.c     objects of other object sources than slab (slab/source.h), read for a scan
 *
 *   The runtime:
 *   registered.c  objects that the program cuts out of its own memory
 *   annotate.c    what the program says of its objects
 *   calls.c       system calls that a scan interrupted go on
 *   snapshot.c    threads are stopped, and the process is copied
 *   roots.c       which memory of this process is a root
 *   held.c        words that only the kernel holds: epoll's data, timers' values
 *   suspects.c    objects that the last scan found lost
 *   scan.c        one scan of this process: copy, marking, groups, reports
 *   at_exit.c     the scan at the end of the program, and advice where nobody asked for one
 *   control.c     scans that another process or a timer asks for
 *
 *   leak_internal.h   shared by the files of leak/
 *   arch/         the filter of words that may be pointers, in the processor's instructions
 */
#ifndef MEMSAN_LEAK_H
#define MEMSAN_LEAK_H

#include "lib/lib.h"
#include "slab/slab.h"
#include "slab/source.h"

/* ---- the engine: tables.c to mark.c; no malloc, no state of its own -------------------------- */

enum leak_class {
	LEAK_REACHABLE, /* from a root, by pointers to starts of objects */
	LEAK_POSSIBLE,  /* only through a pointer into the middle of an object */
	LEAK_DIRECT,    /* no pointer to it but from itself, or from the ring that it stands for */
	LEAK_INDIRECT,  /* only lost objects point to it */
	LEAK_CLASS_NR,
};

/* What the program says of an object, of a part of it (AREA), or of any memory (ROOT). */
enum leak_note {
	LEAK_NOTE_NONE,
	LEAK_NOTE_NOT_LEAK,
	LEAK_NOTE_IGNORE,
	LEAK_NOTE_NO_SCAN,
	LEAK_NOTE_AREA,
	LEAK_NOTE_ROOT
};

struct leak_scan;
/* Reads the heap's maps through `mem`, which must outlive the scan.  The tables take about 1 % of the heap's size; most
 * of that becomes memory only when it is written.  NULL: *why is the reason. */
struct leak_scan *leak_scan_create(const struct mem_view *mem, uint64_t root, const char **why);
/* The same, with room for nr_outside objects of other sources than slab. */
struct leak_scan *leak_scan_create_with(const struct mem_view *mem, uint64_t root, uint32_t nr_outside,
                                        const char **why);
/* Before anything else: adds an object of another source than slab; registered: the program cut it out of another
 * object or of a root. */
void leak_scan_add(struct leak_scan *s, uint64_t addr, uint64_t size, bool registered);
void leak_scan_added(struct leak_scan *s); /* once, after the last object */
void leak_scan_destroy(struct leak_scan *s);
const struct slab_view *leak_scan_heap(const struct leak_scan *s);
/* Notes come before the first root. addr: the object's start.  False: no live object starts there. */
bool leak_scan_note(struct leak_scan *s, uint64_t addr, enum leak_note note);
/* Of this object only [addr, addr + size) is scanned, and other areas given in the same way. */
bool leak_scan_area(struct leak_scan *s, uint64_t object, uint64_t addr, uint64_t size);
/* Marks what the aligned words of [addr, addr + size) point to. */
void leak_scan_root(struct leak_scan *s, uint64_t addr, uint64_t size);
/* The same for an array of words: registers out of a core file. */
void leak_scan_words(struct leak_scan *s, const uint64_t *words, size_t n);
/* After the last root.  Visits each object of the classes in `wanted` (bits 1 << class): possible ones, then reachable
 * ones, then lost ones, where each direct one is followed by the indirect ones that it holds. */
typedef void (*leak_visit_fn)(void *ctx, uint64_t addr, enum leak_class class);
void leak_scan_finish(struct leak_scan *s, unsigned wanted, leak_visit_fn visit, void *ctx);
/* While an object is visited: did leak_scan_add add it? */
bool leak_scan_visits_outside(const struct leak_scan *s);
/* In a handler of SIGSEGV or SIGBUS.  When the scan that runs in this process read memory that is not there, the scan
 * goes on behind that page, and the function does not return. */
void leak_scan_faulted(uint64_t addr);

/* For a search along pointers by the rules of marking, before anything is marked: the live objects that a word leads
 * to.  There may be none, one, or one and another that was cut out of it; returns how many. */
struct leak_target {
	uint64_t addr, size;
	/* the scan's number for the object: unique, a multiple of 16, below leak_scan_places() */
	uint64_t place;
	bool outside;  /* added with leak_scan_add */
	bool interior; /* the word points behind its start */
};
uint64_t leak_scan_places(const struct leak_scan *s);
unsigned leak_scan_leads_to(const struct leak_scan *s, uint64_t word, struct leak_target to[2]);
/* The ranges that a scan reads of an object that leak_scan_leads_to gave, or of a root. */
typedef void (*leak_range_fn)(void *ctx, uint64_t start, uint64_t end);
void leak_scan_reads(const struct leak_scan *s, const struct leak_target *object, leak_range_fn fn, void *ctx);
void leak_scan_reads_root(const struct leak_scan *s, uint64_t start, uint64_t end, leak_range_fn fn, void *ctx);
/* Visits each live object, before anything is marked (as LEAK_REACHABLE). */
void leak_scan_each(struct leak_scan *s, leak_visit_fn visit, void *ctx);
/* heap_bytes: address space that objects may lie in; table_bytes: memory that the tables took. */
struct leak_scan_stats {
	uint64_t live, scanned_bytes, root_bytes, heap_bytes, table_bytes;
};
void leak_scan_get_stats(const struct leak_scan *s, struct leak_scan_stats *stats);

/* ---- what the program said of its objects: notes.c ------------------------------------------- */

#define LEAK_DIRECTORY_MAGIC "MEMSAN-LEAKROOT" /* with its NUL 16 bytes */
#define LEAK_DIRECTORY_VERSION 5
/* Other processes find it by its magic, like struct slab_directory. */
struct leak_directory {
	char magic[16];
	uint64_t self;
	uint32_t version, size;
	uint64_t notes; /* the table of annotations */
	uint32_t nr_buckets, note_size;
	uint64_t layouts; /* object_layouts of slab/source.h: OBJECT_SOURCES_MAX of struct object_layout */
	uint64_t ended;   /* leak_ended: LEAK_ENDED_MAX of struct leak_ended */
};
_Static_assert(sizeof(struct leak_directory) == 64, "read by other processes");
extern struct leak_directory leak_directory;
/* Once, before the program runs. */
void leak_directory_init(void);
/* False: there is none at `root`, or another version's. */
bool leak_directory_read(const struct mem_view *mem, uint64_t root, struct leak_directory *r);
/* Finds the live object of another source than slab that starts at addr. */
typedef bool (*leak_find_fn)(void *ctx, uint64_t addr, struct slab_object *o);
struct leak_finder {
	leak_find_fn find;
	void *ctx;
};
/* Reads all notes of the process into a scan that has no roots yet.  `outside` finds objects of other sources. */
void leak_scan_notes(struct leak_scan *s, uint64_t root, struct leak_finder outside);
/* The same for a search along pointers: only notes that limit the words read of an object enter the scan (of an ignored
 * object no word is read).  All other notes go to `said`: root regions [addr, addr + size), and objects at addr that
 * are no leaks or are ignored. */
typedef void (*leak_said_fn)(void *ctx, enum leak_note note, uint64_t addr, uint64_t size);
void leak_scan_notes_told(struct leak_scan *s, uint64_t root, struct leak_finder outside, leak_said_fn said, void *ctx);

/* ---- objects of other sources than slab, through a view: sources.c --------------------------- */

#define LEAK_SOURCES 2
struct leak_sources {
	const struct mem_view *mem;
	const struct slab_view *heap;               /* NULL: not open yet, so no object can be checked against it */
	struct object_layout layouts[LEAK_SOURCES]; /* without a name: the process has no such source */
};
/* root: the address of struct leak_directory.  False: nothing is known of the sources. */
bool leak_sources_open(struct leak_sources *x, const struct mem_view *mem, const struct slab_view *heap, uint64_t root);
/* Calls fn for each live object; registered: the program cut it out of another object, or of memory that it mapped. */
typedef void (*leak_source_fn)(void *ctx, const struct slab_object *o, bool registered);
void leak_sources_each(const struct leak_sources *x, leak_source_fn fn, void *ctx);
/* The live object that starts at addr.  A leak_find_fn whose ctx is a struct leak_sources. */
bool leak_sources_at(void *sources, uint64_t addr, struct slab_object *o);
/* The fenced object, live or freed, in whose pages addr lies; in a guard page (*guard) the object beside it. */
bool leak_sources_near(const struct leak_sources *x, uint64_t addr, struct slab_object *o, bool *guard);

/* ---- lost objects by where they came from: group.c ------------------------------------------- */

#define LEAK_DUMP 32
/* Objects of one class that one stack allocated; without stacks, objects of one class in one cache. */
struct leak_group {
	uint32_t class; /* enum leak_class */
	stack_handle stack;
	uint64_t count, bytes;
	uint64_t held_count, held_bytes; /* direct: the indirect objects that these hold */
	/* of the largest object */
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
/* A plain block of memory, all zero at first.  The copy of the process fills it for its parent. */
struct leak_groups {
	uint64_t counts[LEAK_CLASS_NR], bytes[LEAK_CLASS_NR];
	uint32_t nr, more;                   /* more: objects that found no free group */
	uint32_t order[LEAK_GROUPS_MAX];     /* after leak_groups_sort: indices, largest first */
	uint32_t table[2 * LEAK_GROUPS_MAX]; /* index + 1 */
	struct leak_group groups[LEAK_GROUPS_MAX];
};
struct leak_grouper {
	struct leak_groups *groups;
	const struct slab_view *heap;
	const struct mem_view *bytes; /* of objects, which the program may have protected; NULL: heap's view */
	uint32_t leader;              /* index + 1 of the last direct object's group */
	/* for the object that is visited; find NULL: slab has it */
	struct leak_finder outside;
};
void leak_group_visit(void *grouper, uint64_t addr, enum leak_class class); /* a leak_visit_fn */
/* The same for an object that is described already. */
void leak_group_add(struct leak_grouper *w, const struct slab_object *o, enum leak_class class);
void leak_groups_sort(struct leak_groups *g);
/* "56 bytes in 1 object lost, holding 7656 bytes in 102 objects; 1 place reported".  unseen: some memory was not read,
 * so what is not reached is not lost for certain. */
void leak_put_totals(struct fmt_buf *b, const struct leak_groups *g, bool unseen, uint64_t places, uint64_t suppressed);
/* Parses option leak.show into bits 1 << class.  False: a word is no class (*bad). */
bool leak_parse_classes(const char *text, unsigned *classes, const char **bad);
const char *leak_class_name(enum leak_class class);

/* ---- roots of this process: roots.c ---------------------------------------------------------- */

/* Is a mapping of this name memory?  Memory of a device, or of the kernel ("[vvar]"), must not be touched.  A ring of
 * io_uring's is memory: a request that waits or is done may hold the only pointer to what belongs to it. */
static inline bool leak_path_is_memory(const char *path)
{
	if (str_starts(path, "/dev/"))
		return str_starts(path, "/dev/zero") || str_starts(path, "/dev/shm/") ||
		       str_starts(path, "/dev/hugepages/");
	if (str_equal(path, "anon_inode:[io_uring]"))
		return true;
	return !str_starts(path, "[v") && !str_starts(path, "/proc/") && !str_starts(path, "/sys/") &&
	       !str_starts(path, "anon_inode:") && !str_starts(path, "socket:");
}
/* Is this mapping a root?  Its protection may be anything at the moment: a garbage collector takes away the right to
 * read for a while.  But a shared mapping that may be read and not written (a database) holds no pointer of ours. */
static inline bool leak_mapping_is_root(const struct maps_line *m)
{
	return leak_path_is_memory(m->path) && (m->private || m->writable || !m->readable);
}
/* A thread that was stopped. */
struct leak_thread {
	int32_t tid;
	uint32_t answered; /* 0: its registers are not known, so its whole stack is scanned */
	/* where it was stopped: the lowest word of its stack that is in use; its thread pointer */
	uint64_t sp, tp;
	uint64_t saved[ARCH_SAVED_PARTS], saved_size[ARCH_SAVED_PARTS]; /* where its registers are */
};
/* Marks from every root of this very process (in a copy): registers, each page of private memory that was written, and
 * each page of writable shared memory that the process has used, without memsan's memory and the dead parts of stacks.
 * NULL, or what could not be read. */
const char *leak_roots_scan_self(struct leak_scan *s, const struct leak_thread *threads, uint32_t nr_threads);
/* A thread that was about to end: its thread pointer, and which 32-bit word from there on held its tid. libc keeps its
 * stack.  It has ended when that word is 0 (the kernel's) or -1 (pthread_join's). */
struct leak_ended {
	uint64_t tp;
	uint32_t tid_at, pad;
};
_Static_assert(sizeof(struct leak_ended) == 16, "read by other processes");
#define LEAK_ENDED_MAX 1024u
extern struct leak_ended leak_ended[LEAK_ENDED_MAX];
static inline bool leak_tid_ended(uint32_t tid)
{
	return tid == 0 || tid == UINT32_MAX;
}
/* This thread is about to end. libc keeps its stack for the next thread; until then the stack is no root. */
void leak_roots_thread_exit(void);

/* Bytes at the upper end of a thread's stack block that hold its control block and thread-local variables; 0: not
 * known. */
extern size_t leak_static_tls;

/* Set by preload/, which knows the other detectors: memory that is no root; memory that is one; the copy is about to be
 * made (begins) or has been made. */
extern void (*leak_hook_holes)(void (*hole)(uint64_t start, uint64_t end));
extern void (*leak_hook_roots)(void (*root)(void *ctx, uint64_t addr, uint64_t size), void *ctx);
extern void (*leak_hook_copying)(bool begins);
extern const char *(*leak_own_rules)(void); /* suppressions that the program brings along, or NULL */
/* At the end of the program: does it want no scan?  NULL: it wants one. */
extern bool (*leak_turned_off)(void);

/* ---- annotations: annotate.c ----------------------------------------------------------------- */

/* Notes something of the live object that p points into.  False: there is none.  Thread-safe. */
bool leak_annotate(const void *p, enum leak_note kind);
/* Of that object only [p, p + size) holds pointers, and other areas given in the same way. */
bool leak_annotate_area(const void *p, size_t size);
/* Memory that no scan finds by itself (a device's, or shared and read-only) is scanned as a root. */
void leak_root_region(const void *p, size_t size);
bool leak_root_region_remove(const void *p, size_t size);
/* Above 0: what this thread allocates is not to be reported.  The allocation functions ask, and call
 * leak_annotate(NOT_LEAK). */
extern TLS_IE uint32_t leak_disabled __attribute__((visibility("hidden")));

/* ---- objects in the program's own memory: registered.c --------------------------------------- */

/* [p, p + size), a part of another object or of memory that the program mapped, becomes an object that is reached,
 * scanned and lost by itself.  Thread-safe, but not in a signal handler that interrupted one of these functions. regs:
 * the caller. */
void leak_registered_alloc(const void *p, size_t size, const struct unwind_regs *regs);
void leak_registered_free(const void *p); /* pointers to no such object are ignored */
/* The registered object that starts at addr. */
bool leak_registered_find(uint64_t addr, struct slab_object *o);
/* The registered object that addr lies in.  Looks at all of them.  Leaves *o alone when there is none. */
bool leak_registered_around(uint64_t addr, struct slab_object *o);

/* ---- in this process: snapshot.c, scan.c ----------------------------------------------------- */

/* How often a scan's signal interrupted a system call of this thread while no handler of the program ran: the call
 * returned EINTR, or moved less than it was given. */
extern TLS_IE uint32_t leak_interrupts __attribute__((visibility("hidden")));
/* The code of libc, and of its function syscall() there (0: not known, a static program). preload/ repeats the calls
 * that libc's other functions make.  Set once at start-up. */
extern uintptr_t leak_libc_start, leak_libc_end, leak_libc_syscall;
/* Above 0: preload/ repeats the call that this thread is making, although libc does not make it. */
extern TLS_IE uint32_t leak_waits_itself __attribute__((visibility("hidden")));
/* The program is about to wait for the signals of this set (bit N-1 for signal N).  Returns those to leave out, because
 * they stop threads for scans.  A set of all real-time signals does not mean ours; a set that has one of ours and not
 * all real-time signals does, and then no scan uses that signal any more.  For any thread, also in signal handlers. */
uint64_t leak_signals_left_out(uint64_t waited);
/* Is this the handler that stops threads?  The program is told that there is none. */
bool leak_is_handler(const void *handler);
/* The program has set the default action for a signal.  When the signal was ours, our handler is installed again. */
void leak_signal_keep(int sig);
/* The program has set a handler of its own for this signal, or ignores it. */
void leak_signal_lost(int sig);
/* The process that is the copy in which a scan runs, or 0; waits until that process has ended. */
int32_t leak_snapshot_child(void);
void leak_snapshot_wait(int32_t pid);
/* Was the child that a wait has just returned a copy for a scan? */
bool leak_snapshot_was(int32_t pid);
/* One scan of this process, in a copy; lost objects are reported. at_exit: the program is over.  Returns the number of
 * objects found (of the classes in leak.show, not suppressed); 0 also when no scan was possible, which one line says.
 * Takes no allocator lock. */
uint64_t leak_check(bool at_exit);
/* At the end of the program, unless leak_check_done was called: scans, if option leak says so; else it may say that
 * much was lost. */
void leak_check_at_exit(void);
/* The calling thread runs a handler that ends the process. Until the next call, with NULL, its scans see what the
 * signal interrupted (a ucontext_t), not the handler's frames. Signal-safe. */
void leak_thread_dies(void *context);
/* There will be no scan at the end of the program. */
void leak_check_done(void);
/* In the child of fork, which has one thread: drops all scans that the parent had under way.  The child does not report
 * the parent's objects. */
void leak_fork_child(void);

/* ---- scans that somebody asks for: control.c ------------------------------------------------- */

enum leak_command {
	LEAK_COMMAND_NONE,
	LEAK_COMMAND_LOOK,  /* scan; the asking process reads the result */
	LEAK_COMMAND_SCAN,  /* a scan by kmemleak's rules, reported by the process itself */
	LEAK_COMMAND_EVERY, /* such a scan every `argument` seconds; 0: no more */
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
#define LEAK_POKE_VALUE 0x6c65616bu /* goes with the signal, to tell ours from others */
/* A process that may write to this one's memory (/proc/PID/mem) may ask for a scan: it fills in command, argument and
 * classes, counts `request` up, and sends one of the signals, with the value above, to a thread that does not block it.
 * Without a signal the process notices the request when it allocates memory. */
struct leak_control {
	uint32_t version, size;
	uint64_t signals; /* bits 1 << signal - 1: those that have our handler, as far as is known */
	/* written by the one that asks */
	uint32_t command, classes;
	uint64_t argument;
	struct leak_call call; /* the call that the signal interrupts; pc 0: none, or not known */
	uint32_t request;
	/* written by this process */
	uint32_t taken, answered; /* numbers of requests */
	uint32_t failed;
	char message[160]; /* failed: why; else what there is to say, or "" */
	uint64_t result;   /* LOOK: address of a struct leak_groups */
	uint64_t interval; /* seconds between scans now */
	uint64_t objects, printed, suppressed;
	uint32_t nr_threads, nr_silent;
	uint64_t pause_us;
};
extern struct leak_control leak_control __attribute__((visibility("hidden")));
/* Once, when libc can be called and options are known. */
void leak_control_start(void);
/* Is there a request?  For the slow path of an allocation, where no lock is held. */
static inline bool leak_control_pending(void)
{
	return __atomic_load_n(&leak_control.request, __ATOMIC_RELAXED) !=
	       __atomic_load_n(&leak_control.taken, __ATOMIC_RELAXED);
}
void leak_control_serve(void);

#endif
