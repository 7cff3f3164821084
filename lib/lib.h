/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/lib.h - memsan's base services: everything that the other folders stand on.
 *
 * The runtime half of memsan (all that ends up in libmemsan.so) may call nothing of libc that allocates, locks,
 * buffers or depends on a locale.  What it needs instead is here, one section for each file:
 *
 *   lib.h             macros, static assertions; memory seen from elsewhere (struct mem_view)
 *   mem.c             memory and strings
 *   name_match.c      names and patterns of names
 *   fmt.c             formatting into a buffer
 *   number.c          numbers out of text
 *   json.c            UTF-8, strings of JSON
 *   os.c              system calls: address space, files, processes
 *   maps.c            the mappings of a process, line by line
 *   clock.c           jiffies
 *   stepped_reserve.c address space that is made usable in steps
 *   meta.c            memsan's own memory, by cost centre
 *   lock.c            ranked futex locks, and all of them over a fork
 *   options.c         the option table (options.def) and its parser
 *   thread.c          the table of threads: which index, tid and name
 *   fork.c            what lib does around a fork
 *   modules.c         modules that are loaded and that were unloaded, build ids
 *   cfi.c             call frame information (.eh_frame) read for one pc
 *   cfi_static.c      the same in static programs, which have no table to search
 *   window.c          which words of a stack may be read
 *   unwind.c          the stack unwinder: rows cached for each pc, one step
 *   unwind_save.c     stacks saved in the depot, at less than a walk
 *   unwind_walk.c     walks that only list frames
 *   depot.c           each stack once, named by a 32-bit handle
 *   arch/             registers, system calls, assembly
 *   lib_internal.h    shared between the files of lib/
 *
 * Unless a function says otherwise it is async-signal-safe, thread-safe, never allocates through malloc and never
 * changes errno.
 */
#ifndef MEMSAN_LIB_H
#define MEMSAN_LIB_H

#ifdef HAVE_CONFIG_H
#include "config.h" /* MEMSAN_DEBUG */
#endif
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- compiler -------------------------------------------------------------------------------- */

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
/* clang-format would take "(a) - 1" for a cast. */
/* clang-format off */
#define ALIGN_UP(x, a) (((x) + ((a) - 1)) & ~((__typeof__(x))(a) - 1))
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a) - 1))
#define IS_POW2(x) ((x) != 0 && ((x) & ((x) - 1)) == 0)
/* clang-format on */
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#define __cold_path __attribute__((cold, noinline))
#define __inline_hot static inline __attribute__((always_inline))
#define __printf_like(f, a) __attribute__((format(printf, f, a)))
/* Initial-exec TLS: one load from the thread pointer, no call into ld.so. */
#define TLS_IE __thread __attribute__((tls_model("initial-exec")))
/* What leaves libmemsan.so; everything else is built with hidden visibility. */
#define MEMSAN_EXPORT __attribute__((visibility("default")))

/* Loads and stores of words that other threads look at, or change, without a lock in common: never torn, never made up
 * by the compiler. */
#define READ_ONCE(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELAXED)
#define LOAD_ACQUIRE(x) __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define STORE_RELEASE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELEASE)

#define PAGE_SHIFT 12
#define PAGE_SIZE ((size_t)1 << PAGE_SHIFT)

/* ---- mem.c: memory and strings, never an interposed libc function ---------------------------- */

void *mem_copy(void *dst, const void *src, size_t n); /* no overlap */
void *mem_move(void *dst, const void *src, size_t n); /* overlap allowed */
void *mem_set(void *dst, int byte, size_t n);
int mem_compare(const void *a, const void *b, size_t n);
/* First byte in [p, p+n) that differs from `byte`, or NULL when all agree.  Reads whole words where it can. */
const void *mem_find_not(const void *p, int byte, size_t n);

size_t str_length(const char *s);
bool str_equal(const char *a, const char *b);
bool str_starts(const char *s, const char *prefix);
const char *str_char(const char *s, int c); /* first occurrence or NULL */
const char *str_last(const char *s, int c); /* last occurrence or NULL */
/* name_match.c.  All of `text` by a shell pattern of '*' and '?'. */
bool name_glob(const char *pattern, const char *text);
bool name_is_glob(const char *s);
/* The length of a symbol's name without what a compiler appended for a copy or a part ("parse.constprop.0.isra.0": that
 * of "parse"). */
size_t name_without_clones(const char *name);
/* Copies at most size-1 bytes and always terminates; returns the length of what was copied. */
size_t str_copy(char *dst, const char *src, size_t size);

/* ---- fmt.c: formatting into a caller's buffer ------------------------------------------------ */

struct fmt_buf {
	char *data;
	size_t len; /* bytes written, always < size; data[len] is NUL */
	size_t size;
	bool truncated; /* something did not fit */
};

void fmt_init(struct fmt_buf *b, char *data, size_t size);
/* %d %i %u %x %c %s %p %%, with l, ll, z; flags '#', '0', '-', width and precision (numbers or '*').  Nothing else:
 * from a conversion that is not known on, the format is copied as it stands.  %p of NULL prints 0x0, %s of NULL
 * (null). */
void fmt_printf(struct fmt_buf *b, const char *format, ...) __printf_like(2, 3);
void fmt_vprintf(struct fmt_buf *b, const char *format, va_list args);

/* ---- number.c: numbers out of text ----------------------------------------------------------- */

/* A hexadecimal digit's value, or -1. */
static inline int number_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}
/* The digits at p, without a sign, blanks or "0x".  They return what follows the digits; NULL when there is no digit, or when
 * the number needs more than 64 bits. */
const char *number_hex(const char *p, uint64_t *value);
const char *number_decimal(const char *p, uint64_t *value);
/* Pairs of hexadecimal digits at p, at most `max`; returns how many. */
size_t number_hex_bytes(const char *p, uint8_t *bytes, size_t max);
/* All of s[0..len) is the number: decimal digits, or "0x" and hexadecimal ones.  False: it is something else. */
bool number_parse(const char *s, size_t len, uint64_t *value);

/* ---- json.c: UTF-8, strings of JSON ---------------------------------------------------------- */

/* Length of the UTF-8 sequence at s, 1 for a NUL; 0: there is none (overlong, a surrogate, past U+10FFFF, cut). */
size_t utf8_length(const char *s);
/* s as a JSON string with its quotes, handed to `put` in pieces.  Valid UTF-8 stays as it is, every other byte becomes \ufffd;
 * quotes, backslashes, control characters and DEL are escaped.  Ends at a NUL, or behind the sequence that reaches s + max. */
typedef void (*json_put_fn)(void *ctx, const char *text, size_t len);
void json_quote(json_put_fn put, void *ctx, const char *s, size_t max);
void fmt_json_string(struct fmt_buf *b, const char *s, size_t max);

/* ---- os.c: raw system calls ------------------------------------------------------------------ */

/* All return -errno on failure where an int or ssize_t is returned, and none touches errno. */
int os_open(const char *path, int flags, int mode);
int os_close(int fd);
ssize_t os_read(int fd, void *buf, size_t n); /* restarts on EINTR */
ssize_t os_pread(int fd, void *buf, size_t n, uint64_t offset);
/* Restarts, waits a little for a non-blocking descriptor, never raises SIGPIPE.  Bytes written; fewer than n when an
 * error came after them; -errno when nothing could be written. */
ssize_t os_write_all(int fd, const void *buf, size_t n);
pid_t os_gettid(void);
pid_t os_getpid(void);
extern TLS_IE pid_t thread_self_tid __attribute__((visibility("hidden"))); /* 0: not asked for yet */
pid_t thread_tid_first(void);
/* os_gettid, remembered.  Right after fork too (lib_fork_child), but in a child of vfork it is the parent's. */
__inline_hot pid_t thread_tid(void)
{
	pid_t tid = thread_self_tid;

	return likely(tid) ? tid : thread_tid_first();
}
_Noreturn void os_exit_group(int status);
_Noreturn void os_abort(void); /* SIGABRT with the default action, whatever handlers are installed */
bool os_under_seccomp(void);   /* a system call filter is active: unusual calls may kill */
void os_note_seccomp(void);    /* one is about to be: from now on that is known without asking, which may kill too */

/* The kernel's word for a coarse clock: 100 a second, since the first call (start-up); at most one tick behind.  Never
 * 0, goes on in children, wraps after 497 days. */
#define JIFFIES_HZ 100
uint32_t jiffies_now(void);
uint64_t clock_coarse_ms(void); /* CLOCK_MONOTONIC_COARSE in milliseconds */

/* Reserve address space: PROT_NONE, MAP_NORESERVE, left out of core files.  NULL when refused. */
void *os_reserve(size_t size, size_t align);
void os_release(void *p, size_t size);
void os_release_part(void *p, size_t size); /* the end of a reserve that otherwise stays */
bool os_is_reserve(const void *p);          /* inside a reserve made by os_reserve and not released */
/* The first part of a reserve at or above `from`: its bounds.  False: there is none. */
bool os_next_reserve(uintptr_t from, uintptr_t *start, uintptr_t *end);
/* Make part of a reserve readable, writable and part of core files.  `huge` false asks for MADV_NOHUGEPAGE (all
 * metadata does). */
bool os_commit(void *p, size_t size, bool huge);
void os_want_huge(void *p, size_t size); /* huge pages there, if the system gives them to who asks */
/* how many bytes of these whole pages are in memory; 0: not known */
size_t os_resident(const void *p, size_t size);
void os_decommit(void *p, size_t size); /* gives the memory back; reads as zero afterwards */
/* would the system grant an ordinary mapping of so many bytes? */
bool os_may_commit(size_t size);
bool os_protect_none(void *p, size_t size); /* mprotect PROT_NONE */
bool os_unprotect(void *p, size_t size);    /* back to read-write */
bool os_protect_read(void *p, size_t size); /* back to what a file's constants are */
/* Guard regions (MADV_GUARD_INSTALL, Linux 6.13+), probed once; false means "use os_protect_none". */
bool os_guard_install(void *p, size_t size);
bool os_guard_remove(void *p, size_t size);
bool os_guard_supported(void);
/* Guarded ranges become memory that is there, with as few system calls as the kernel lets us.  How many, from the first
 * on. */
struct os_range {
	void *start;
	size_t size;
};
size_t os_guard_open_many(const struct os_range *ranges, size_t n);
/* Bytes of address space the process may still map (RLIMIT_AS), or UINT64_MAX.  Without a descriptor to read
 * /proc/self/statm the limit itself: what is mapped already is not known then, and a reserve of this size may be
 * refused. */
size_t os_memory_size(void); /* bytes of RAM and swap; SIZE_MAX: not known */
/* Bytes that may be writable but not there: a limit of data (RLIMIT_DATA) or a kernel that promises nothing
 * (vm.overcommit_memory=2).  UINT64_MAX: any. */
uint64_t os_charge_limit(void);
uint64_t os_mappings_limit(void); /* vm.max_map_count: how many mappings a process may have */
uint64_t os_address_space_limit(void);
/* Copy from memory that may not be readable: bytes copied before the first unreadable one.  Needs no descriptor.  Under
 * a seccomp filter it can fault when another thread unmaps the range at that very moment. */
size_t os_safe_read(void *dst, const void *src, size_t n);
/* Is the page that holds p readable right now?  One cheap system call, which no filter forbids. */
bool os_page_readable(const void *p);

/* A reserve that is made usable in steps: metadata arrays indexed by page, object or handle. */
struct stepped_reserve {
	char *base;
	size_t reserved;
	size_t committed; /* multiple of step; grows only; under the owner's lock, may be read without it */
	size_t step;
};
bool stepped_reserve_init(struct stepped_reserve *s, size_t reserve, size_t step);
/* [0, bytes) usable afterwards; false: no memory */
bool stepped_reserve_reach(struct stepped_reserve *s, size_t bytes);
/* Gives back the address space above `bytes` (but never what is usable); under the lock that stepped_reserve_reach is
 * called under. */
void stepped_reserve_shrink(struct stepped_reserve *s, size_t bytes);

/* memsan's own memory, told apart from the user's by cost centre (printed by malloc_stats and memsan stat). */
enum cost_centre {
	COST_MEMMAP,
	COST_STATE_MAP,
	COST_SLAB,
	COST_TRACKS,
	COST_DEPOT,
	COST_UNWIND,
	COST_THREADS,
	COST_QUARANTINE,
	COST_REPORTS,
	COST_OPTIONS,
	COST_SHADOW,
	COST_FENCE,
	COST_LEAK,
	COST_NR,
};
/* Never freed; zeroed; 16-byte aligned; NULL when the system has no more. */
void *meta_alloc(size_t size, enum cost_centre centre);
void meta_account(enum cost_centre centre, int64_t bytes); /* for stepped reserves */
uint64_t meta_bytes(enum cost_centre centre);
const char *meta_name(enum cost_centre centre);

/* Counters that memsan stat reads out of a live process, which it finds by their magic in libmemsan's data; the real
 * ones are those whose `self` is their address. */
#define LIVE_COUNTERS_MAGIC "memsan counters" /* 16 bytes with its NUL */
#define LIVE_COUNTERS_VERSION 2
struct live_counters {
	char magic[16];
	uint64_t self; /* 0 until live_counters_start */
	uint32_t version, size;
	uint64_t reports;
	uint64_t fence_slots, fence_live, fence_allocs, fence_frees, fence_bugs, fence_skipped_covered,
		fence_skipped_capacity;
	/* Threads count allocations each for itself: the address of the first one's block, and where in a block the
	 * next one's address, its allocations and its frees are. */
	uint64_t blocks;
	uint32_t block_next, block_allocs, block_frees, unused;
};
extern struct live_counters live_counters; /* each word atomic; in the runtime */
void live_counters_start(void);

/* ---- maps.c: the mappings of a process ------------------------------------------------------- */

struct maps_line {
	uint64_t start, end, offset; /* offset: of `start` in the file */
	bool readable, writable, executable, private;
	const char *path;            /* as the kernel writes it: a file, "[stack]", …, or ""; until the next line is read */
};
struct maps_reader {
	int fd, error;
	char *buffer;
	size_t size, have, at;       /* bytes of the buffer: all, filled, handed out */
	bool in_rest;                /* the next bytes are the rest of a line that was too long */
};
/* Reads /proc/PID/maps, or a file like it, through a buffer of the caller's (at least 128 bytes; longer paths are cut).
 * 0, or -errno: it cannot be opened. */
int maps_open(struct maps_reader *r, const char *path, char *buffer, size_t size);
/* The next mapping, in order of address.  False: there are no more, or the file cannot be read any further. */
bool maps_next(struct maps_reader *r, struct maps_line *m);
/* 0, or -errno: a read failed. */
int maps_close(struct maps_reader *r);

/* ---- lock.c: ranked locks -------------------------------------------------------------------- */

/* A thread may take a lock only when its rank is higher than that of every lock it holds (debug builds abort on
 * inversion; LOCK_RANK_LEAF locks guard a few loads and stores and nest in nothing).  HACKING.md draws the order and
 * says what each guards.  Locks do not recurse: a thread that takes one twice is ended with one line in any build,
 * since it would hang. */
enum lock_rank {
	LOCK_RANK_INIT,       /* start-up, once */
	LOCK_RANK_SHRINK,     /* the program's shrinkers: held while they run */
	LOCK_RANK_FENCE,      /* fence.only: functions and modules looked up */
	LOCK_RANK_QUARANTINE, /* the global quarantine queue */
	LOCK_RANK_CACHE_LIST, /* the list of slab caches */
	LOCK_RANK_CACHE,      /* one slab cache: its slab lists and bitmaps */
	LOCK_RANK_VMALLOC,    /* vmalloc areas */
	LOCK_RANK_BUDDY,      /* page allocator free lists */
	LOCK_RANK_ARENA,      /* arena growth */
	LOCK_RANK_REPORT,     /* one report at a time; never waits on an allocator lock */
	LOCK_RANK_MODULES,    /* the history of unloaded modules; reports read it */
	LOCK_RANK_LEAK,       /* annotations of objects */
	LOCK_RANK_DEPOT,      /* depot growth */
	LOCK_RANK_META,       /* meta_alloc */
	/* the thread table; late, so that thread_index() may be called under any lock but a leaf */
	LOCK_RANK_THREADS,
	LOCK_RANK_LEAF,
	LOCK_RANK_NR,
};

struct ranked_lock {
	uint32_t state; /* futex word: 0 free, 1 held, 2 held with waiters */
	/* rank | tid of the holder << 8 (Linux gives tids up to 2^22); written by the holder only */
	uint32_t rank_holder;
};
#define RANKED_LOCK_INIT(r)                    \
	{                                      \
		.state = 0, .rank_holder = (r) \
	}

void lock_init(struct ranked_lock *l, enum lock_rank rank);
void lock_acquire(struct ranked_lock *l);
bool lock_try(struct ranked_lock *l);
void lock_release(struct ranked_lock *l);
/* Does this thread hold it?  In a signal handler: did the signal interrupt the critical section? */
bool lock_mine(const struct ranked_lock *l);
/* In the child of fork: the lock was taken by the forking thread before; make it free whatever waiters there were. */
void lock_release_in_child(struct ranked_lock *l);

/* Locks that must be free in the child of a fork are registered before they are first taken (again does nothing); the
 * registry serves the whole runtime.  False: the table (4096 locks) is full.  May be called under any lock but a leaf.
 * A lock may be unregistered when it is not held and its memory stays mapped (a fork may be waiting for it). */
bool lock_register_for_fork(struct ranked_lock *l);
void lock_unregister_for_fork(struct ranked_lock *l);
/* Before fork: takes every registered lock in rank order, equal ranks in order of registration, and blocks signals.  A
 * lock that the caller holds already (fork in a signal handler) stays the caller's in both processes.  Until one of the
 * other two has been called, nothing may be allocated, saved or registered by this thread. */
void locks_fork_prepare(void);
void locks_fork_parent(void);
void locks_fork_child(void);

/* ---- options.c: the option table ------------------------------------------------------------- */

enum option_mode { MODE_CHECK, MODE_PRODUCTION };
enum option_fault { FAULT_REPORT, FAULT_PANIC };
enum option_format { FORMAT_TEXT, FORMAT_JSON };
#define OPTION_STRING_MAX 1024

struct memsan_options {
#define OPTION_BOOL(field, name, def, help) bool field;
#define OPTION_UINT(field, name, def, min, max, unit, help) uint64_t field;
#define OPTION_ENUM(field, name, def, choices, help) unsigned field;
#define OPTION_STRING(field, name, def, help) char field[OPTION_STRING_MAX];
#include "lib/options.def"
#undef OPTION_BOOL
#undef OPTION_UINT
#undef OPTION_ENUM
#undef OPTION_STRING
};

enum option_type { OPTION_TYPE_BOOL, OPTION_TYPE_UINT, OPTION_TYPE_ENUM, OPTION_TYPE_STRING };
struct option_desc {
	const char *name;
	enum option_type type;
	size_t offset;            /* into struct memsan_options */
	uint64_t min, max;        /* UINT */
	const char *unit;         /* UINT: "bytes", "milliseconds", "frames", … */
	const char *default_text; /* as the user would write it */
	const char *choices;      /* ENUM: "check|production"; the index is the value */
	const char *help;
};
extern const struct option_desc option_table[];
extern const size_t option_table_size;

/* The running process's options.  Written before the first allocation returns, read-only after. */
extern struct memsan_options options;

/* Told about each mistake: one whole line without newline, naming the item and the nearest valid one. */
typedef void (*option_complain_fn)(void *ctx, const char *line);
void options_set_defaults(struct memsan_options *o);
/* "name=value:name=value"; a value may be quoted with ' or " to hold a colon ("::" in a text needs no quotes); bytes
 * take k, M, G, T suffixes; a bool takes 0/1, on/off, yes/no, true/false.  Blanks around an item do not count, empty
 * items are nothing, of a name given twice the last wins.  Mistakes are told (20 of them, then how many more) and
 * skipped, the rest is applied.  Returns the number of mistakes. */
unsigned options_parse(struct memsan_options *o, const char *text, option_complain_fn complain, void *ctx);
/* The length of the first "name=value" in such a text, with blanks around it. */
size_t options_item_length(const char *text);
/* One name and one value, as in `memsan run -o name=value`. */
bool options_set_one(struct memsan_options *o, const char *name, size_t name_len, const char *value, size_t value_len,
                     option_complain_fn complain, void *ctx);

/* Edits (insert, delete, replace, swap two neighbours) from a to b, at most 40 letters of each; case does not count,
 * nor - against _. For "did you mean". */
unsigned options_word_distance(const char *a, const char *b);

/* The value an option has, as one would write it: "64M", "on", "check", "'a:b'". */
void options_format_value(const struct memsan_options *o, const struct option_desc *d, struct fmt_buf *b);
/* What it takes: "milliseconds, 1 to 600000". */
void options_format_accepted(const struct option_desc *d, struct fmt_buf *b);

/* ---- thread.c: per-thread state -------------------------------------------------------------- */

#define THREAD_NAME_MAX 16
#define THREAD_INDEX_BITS 13 /* index 0 means "not known" (table full, or in a signal handler during registration) */
struct thread_info {
	pid_t tid;
	char name[THREAD_NAME_MAX];
	bool alive;
};

extern TLS_IE uint32_t thread_self_index __attribute__((visibility("hidden"))); /* 0: not registered */
/* Threads of this process have this index or a higher one (those that were forked from with lower ones); 0: no fork has
 * made it.  When the table is full a lower one may be ours as well. */
extern uint32_t thread_first_own __attribute__((visibility("hidden")));
uint32_t thread_index_first(void);

/* This thread's index in the table, registering it on first use: one TLS load otherwise.  In the child of fork the
 * thread gets a new index, so that what its parent's thread did keeps that thread's tid.  Stays valid after
 * thread_exit_notify. */
__inline_hot uint32_t thread_index(void)
{
	uint32_t index = thread_self_index;

	return likely(index) ? index : thread_index_first();
}
/* Also threads that are gone, until the slot is reused.  Takes no lock. */
bool thread_lookup(uint32_t index, struct thread_info *info);
void thread_exit_notify(void); /* this thread is about to end; a second call does nothing */
void thread_fork_child(void);  /* called by lib_fork_child; a second call does nothing */

/* ---- modules.c: what code is where ----------------------------------------------------------- */

#define BUILD_ID_MAX 20
#define MODULE_PATH_MAX 512
struct module_info {
	uintptr_t start, end; /* mapped range */
	uintptr_t bias;       /* pc - bias is the address in the ELF file (0-based for PIE and .so) */
	uint8_t build_id[BUILD_ID_MAX];
	uint8_t build_id_len;
	bool unloaded; /* no longer mapped; as it was when it was */
	char path[MODULE_PATH_MAX];
};
/* The module that held `pc` when a stack was taken at jiffies `when` (0: not known).  No loader lock is taken
 * (_dl_find_object).  False when there is none (JIT code, garbage). */
bool module_find(uintptr_t pc, uint32_t when, struct module_info *info);
/* In the constructor: from here on libc can be asked for what is loaded (a static one cannot be before). */
void modules_start(void);
/* Is pc inside libmemsan's own code? */
bool module_is_self(uintptr_t pc);
/* Was the module that holds `pc` made by Go's linker?  Its runtime calls the kernel past libc. */
bool module_is_go(uintptr_t pc);
/* All of libmemsan.so, code and data.  False in a static program, where both lie among the program's. */
bool module_self_range(uintptr_t *start, uintptr_t *end);
/* Where libmemsan itself (or the static program) was loaded from. */
const char *module_self_path(void);
/* Called around the real dlclose: remember what goes away, make cached unwind rows stale.  May take the loader's
 * lock. */
void *modules_before_dlclose(void);         /* NULL when there is no memory: then nothing is remembered */
bool modules_after_dlclose(void *snapshot); /* frees it; true: code may have gone away (unwind_flush) */

/* ---- unwind.c, unwind_save.c and depot.c: stacks --------------------------------------------- */

struct unwind_regs {
	uintptr_t pc, sp, fp; /* enough on x86_64: rip, rsp, rbp */
	/* where the function returns to, or 0: only to know a stack again that was saved before */
	uintptr_t ret;
};
/* The registers of the function that says this: pc in its body, its sp and fp, its caller. */
#define UNWIND_HERE(r) unwind_here_arch(r)
#include "lib/arch/arch.h"

/* As mem_set, in line: for what is nearly always a few words. */
__inline_hot void mem_set_short(void *dst, uint8_t byte, size_t n)
{
	typedef uint64_t word8 __attribute__((aligned(1), may_alias));
	typedef uint16_t word2 __attribute__((aligned(1), may_alias));
	uint64_t w = byte * 0x0101010101010101ULL;
	char *d = (char *)dst;

	if (n > 64) {
		mem_set(dst, byte, n);
	} else if (n >= 16) {
		arch_vec16 v = arch_vec16_fill(w);
		char *last = d + n - 16;
		for (; d < last; d += 16)
			*(arch_vec16 *)d = v;
		*(arch_vec16 *)last = v;
	} else if (n >= 8) {
		*(word8 *)d = w;
		*(word8 *)(d + n - 8) = w;
	} else {
		for (; n >= 2; n -= 2, d += 2)
			*(word2 *)d = (uint16_t)w;
		if (n)
			*d = (char)byte;
	}
}

typedef uint32_t stack_handle; /* 0: no stack */
#define STACK_HANDLE_BITS 28
#define STACK_FRAMES_MAX 1024

/* Walks outwards from `regs`, innermost first.  Frames inside libmemsan are left out.  Every pc but regs->pc itself is
 * as a return address is: one less lies inside the call.  (A frame that a signal interrupted is given as its pc plus
 * one.)  Reads no memory that has not been seen to be readable; ends where call frame information ends, without it
 * follows frame pointers while they make sense. */
size_t unwind_walk(const struct unwind_regs *regs, uintptr_t *pcs, size_t max);
/* The same for a stack that may be deeper than `max`: the innermost `head` frames, then the outermost; *skipped counts
 * those between. */
size_t unwind_walk_ends(const struct unwind_regs *regs, uintptr_t *pcs, size_t max, size_t head, size_t *skipped);
/* Does that walk come from a signal frame whose handler returns at stack pointer `from_sp` to what it interrupted, at
 * pc with stack pointer sp? */
bool unwind_passes(const struct unwind_regs *regs, uintptr_t from_sp, uintptr_t pc, uintptr_t sp);
/* The same, saved in the depot: about options.stack_depth frames, up to twice as many where an unchanged outer part is
 * reused from this thread's last trace.  When the depot is full what fits of it (the outer frames, or 0). */
stack_handle unwind_save(const struct unwind_regs *regs);
void unwind_thread_exit(void); /* this thread's last trace is given up */
/* The handle of `pc` called from `parent` (0: from nowhere); `parent` itself when the depot is full. */
stack_handle depot_child(stack_handle parent, uintptr_t pc);
bool depot_is_full(void);
/* The process may map no more than `limit` bytes from now on: gives unused address space back. */
void depot_limit_space(uint64_t limit);
/* Saves a ready-made stack, innermost first. */
stack_handle depot_save(const uintptr_t *pcs, size_t n);
/* Frames of a handle, innermost first; returns how many there are, at most `max` written. */
size_t depot_fetch(stack_handle handle, uintptr_t *pcs, size_t max);
/* The innermost frame's pc. */
uintptr_t depot_top(stack_handle handle);
uint64_t depot_bytes(void);
void unwind_flush(void); /* cached rows of every thread become stale (modules_after_dlclose) */

/* ---- memory seen from elsewhere -------------------------------------------------------------- */

/* Where an address space is read: our own (a snapshot of it), another process, a core file.  What reads memsan's state
 * through one of these works on all of them.  Addresses are those of the process that is looked at. */
struct mem_view {
	/* Copies; the bytes before the first that cannot be had.  Never faults. */
	size_t (*read)(const struct mem_view *v, void *dst, uint64_t addr, size_t n);
	/* Where all of [addr, addr + n) can be loaded from, or NULL: use read.  What it gives may still fault when
	 * `faults` is set. */
	const void *(*at)(const struct mem_view *v, uint64_t addr, size_t n);
	void *ctx;
	bool faults;
	bool here; /* it is this very process: every address may be loaded from */
};
/* Where lib/ keeps what a reader from outside needs.  All are addresses in the process that is looked at. */
struct lib_directory {
	uint64_t reserves; /* pairs of start and size; size 0 or all ones: none */
	uint64_t nr_reserves;
	uint64_t depot_base; /* where the address of the depot's nodes is */
	uint64_t depot_used; /* where the uint32_t number of nodes is */
	/* size of a node; offsets in it of the pc and of the caller's handle (32 bits) */
	uint32_t depot_size, depot_pc, depot_parent, pad;
	uint64_t threads;                              /* the table of threads */
	uint32_t thread_size, thread_tid, thread_name; /* size of an entry, offsets in it */
	uint32_t nr_threads;
	uint64_t jiffies_start; /* where the boot time in ms of jiffies 0 is, 0: not known */
};
_Static_assert(sizeof(struct lib_directory) == 80, "read by other processes");
void lib_directory_fill(struct lib_directory *r);
static inline bool view_read(const struct mem_view *v, void *dst, uint64_t addr, size_t n)
{
	return v->read(v, dst, addr, n) == n;
}

/* ---- fork.c ---------------------------------------------------------------------------------- */

/* fork: every registered lock of the runtime, in rank order, before; released in both processes after.  The child also
 * learns its new tid. */
void lib_fork_prepare(void);
void lib_fork_parent(void);
void lib_fork_child(void);

#endif
