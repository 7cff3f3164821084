/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/lib.h - memsan's base services: everything that the other folders build on.
 *
 * The runtime half of memsan (everything in libmemsan.so) may not call a libc function that allocates, locks, buffers
 * or depends on a locale. The replacements are declared here, one section for each file:
 *
 *   lib.h             macros, static assertions; memory seen from elsewhere (struct mem_view)
 *   mem.c             memory and strings
 *   name_match.c      names and patterns of names
 *   fmt.c             formatting into a buffer
 *   number.c          numbers out of text
 *   json.c            strings of JSON
 *   clean.c           UTF-8, text that a terminal may show
 *   os.c              system calls: address space, files, processes
 *   bpf.c             which calls does a filter of system calls let pass?
 *   quiet.c           writes that raise no SIGPIPE in the program
 *   maps.c            the mappings of a process, line by line
 *   loader.c          which dynamic loader starts a program, and can it load memsan?
 *   clock.c           jiffies
 *   stepped_reserve.c  address space that is made usable in steps
 *   meta.c            memsan's own memory, by cost centre
 *   deep.c            deep work on a stack of memsan's own
 *   process.c         is this process the owner of this memory? (vfork, raw clone)
 *   lock.c            ranked futex locks, and all of them over a fork
 *   options.c         the parser of options
 *   options.def       the option table
 *   thread.c          the table of threads: which index, tid and name
 *   fork.c            what lib does around a fork
 *   modules.c         modules that are loaded and that were unloaded, build ids
 *   cfi.c             call frame information (.eh_frame) read for one pc
 *   cfi_static.c      the same in static programs, which have no table to search
 *   window.c          which words of a stack may be read
 *   unwind.c          the stack unwinder: rows cached for each pc, one step
 *   unwind_save.c     stacks saved in the depot, at less than a walk
 *   unwind_walk.c     walks that only list frames
 *   unwind_abort.c    ends the process so that its core file begins in the program's own frame
 *   depot.c           each stack once, named by a 32-bit handle
 *   arch/             registers, system calls, assembly
 *   lib_internal.h    shared between the files of lib/
 *
 * Every function is async-signal-safe and thread-safe, never allocates through malloc and never changes errno, unless
 * its comment says otherwise.
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
/* For variables of 4 KiB and more that are zero at first. The linker sorts sections by name (preload/local.mk), so
 * these lie behind all small ones, which then share a few pages: a process that starts touches those only. */
#define __large_bss __attribute__((section(".bss.large")))
/* Is memsan itself built with AddressSanitizer (scripts/sanitize)? */
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define UNDER_ASAN true
#else
#define UNDER_ASAN false
#endif
/* A small function that reads memory which is not its own, on purpose: AddressSanitizer does not check it. Inlined, it
 * would be checked in its caller. */
#if UNDER_ASAN
#define __unsanitized static __attribute__((noinline, unused, no_sanitize("address")))
#else
#define __unsanitized __inline_hot
#endif
#define __printf_like(f, a) __attribute__((format(printf, f, a)))
/* Initial-exec TLS: one load from the thread pointer, no call into ld.so. */
#define TLS_IE __thread __attribute__((tls_model("initial-exec")))
/* Marks a symbol that libmemsan.so exports; all others have hidden visibility. */
#define MEMSAN_EXPORT __attribute__((visibility("default")))

/* Loads and stores of words that threads share without a lock. The compiler neither tears nor invents them. */
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
/* The first byte in [p, p+n) that differs from `byte`, or NULL when all are equal to it. Reads whole words where it
 * can. */
const void *mem_find_not(const void *p, int byte, size_t n);

size_t str_length(const char *s);
bool str_equal(const char *a, const char *b);
bool str_starts(const char *s, const char *prefix);
bool str_starts_any(const char *s, const char *const *prefixes, size_t n);
const char *str_char(const char *s, int c); /* first occurrence or NULL */
const char *str_last(const char *s, int c); /* last occurrence or NULL */
const char *path_base(const char *path);    /* what is behind the last slash */
/* FNV-1a, 64 bits (Fowler, Noll, Vo): goes on from `h`, which is HASH_START at first. */
#define HASH_START 0xcbf29ce484222325u
uint64_t hash_bytes(uint64_t h, const void *p, size_t n);
/* name_match.c. Does a shell pattern of '*' and '?' match all of `text`? */
bool name_glob(const char *pattern, const char *text);
bool name_is_glob(const char *s);
/* The length of a symbol's name without a compiler's suffix for a copy or a part: 5 for "parse.constprop.0.isra.0". */
size_t name_without_clones(const char *name);
/* Copies at most size-1 bytes and always terminates dst; returns the number of bytes copied. */
size_t str_copy(char *dst, const char *src, size_t size);

/* ---- fmt.c: formatting into a caller's buffer ------------------------------------------------ */

struct fmt_buf {
	char *data;
	size_t len; /* bytes written, always < size; data[len] is NUL */
	size_t size;
	bool truncated; /* some text did not fit */
};

void fmt_init(struct fmt_buf *b, char *data, size_t size);
/* %d %i %u %o %x %X with hh, h, l, ll, z, t, j; %c %s %p %%; flags '#', '0', '-', '+', ' '; width and precision
 * (numbers or '*'). At an unknown conversion the rest of the format is copied as it is. %p of NULL prints 0x0, %s of
 * NULL (null). */
void fmt_printf(struct fmt_buf *b, const char *format, ...) __printf_like(2, 3);
void fmt_vprintf(struct fmt_buf *b, const char *format, va_list args) __printf_like(2, 0);

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
/* Read the digits at p, without a sign, blanks or "0x". Return the text behind the digits; NULL: there is no digit, or
 * the number needs more than 64 bits. */
const char *number_hex(const char *p, uint64_t *value);
const char *number_decimal(const char *p, uint64_t *value);
/* Reads pairs of hexadecimal digits at p, at most `max`; returns how many. */
size_t number_hex_bytes(const char *p, uint8_t *bytes, size_t max);
/* Reads a number that fills all of s[0..len): decimal digits, or "0x" and hexadecimal digits. False: it is no such
 * number. */
bool number_parse(const char *s, size_t len, uint64_t *value);

/* ---- json.c: strings of JSON ----------------------------------------------------------------- */

/* Passes s to `put` in pieces, as a JSON string with its quotes. Valid UTF-8 stays as it is, every other byte becomes
 * \ufffd; quotes, backslashes, control characters and DEL are escaped. Ends at a NUL, or behind the sequence that
 * reaches s + max. */
typedef void (*json_put_fn)(void *ctx, const char *text, size_t len);
void json_quote(json_put_fn put, void *ctx, const char *s, size_t max);
void fmt_json_string(struct fmt_buf *b, const char *s, size_t max);

/* ---- clean.c: UTF-8, text that a terminal may show ------------------------------------------- */

/* Length of the UTF-8 sequence at s, 1 for a NUL; 0: there is none (overlong, a surrogate, past U+10FFFF, cut). */
size_t utf8_length(const char *s);
struct clean_shown {
	size_t len; /* 0: the character may be shown as it is */
	char text[12];
};
/* How the first character of s[0..len) is shown; with UTF8_MAX, of a string that is not empty.  s[len] can be read.
 * Returns its bytes, at least 1. */
#define UTF8_MAX 4
size_t clean_char(const char *s, size_t len, struct clean_shown *shown);
/* Replaces what must not be shown in the text from `start` on, line ends too. */
void fmt_clean(struct fmt_buf *b, size_t start);

/* ---- os.c: raw system calls ------------------------------------------------------------------ */

/* All return -errno on failure where an int or ssize_t is returned, and none touches errno. */
int os_open(const char *path, int flags, int mode);
int os_close(int fd);
ssize_t os_read(int fd, void *buf, size_t n); /* restarts on EINTR */
ssize_t os_pread(int fd, void *buf, size_t n, uint64_t offset);
/* The first bytes of a small file as text, fewer than `size`. Returns their number; 0: there are none. */
size_t os_read_text(const char *path, char *text, size_t size);
/* What getdents64 writes. */
struct os_dirent {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};
/* Restarts, waits a little for a non-blocking descriptor, never raises SIGPIPE. Returns the bytes written, fewer than n
 * if an error came later; or -errno if nothing was written. */
ssize_t os_write_all(int fd, const void *buf, size_t n);
/* The same. Returns 0 or -errno; *done: the bytes written. */
long os_write_whole(int fd, const void *buf, size_t n, size_t *done);
/* Around writes of memsan's own, which must raise no SIGPIPE and no SIGXFSZ. False: nobody reads fd, so do not write.
 * `error` is that of the last write, or 0. */
struct os_quiet {
	uint64_t old, pending;
	bool blocked;
};
bool os_quiet_begin(struct os_quiet *q, int fd);
void os_quiet_end(const struct os_quiet *q, long error);
/* Such a signal, raised by this thread while it is blocked, goes; but not if it was pending before. */
void os_take_back(int sig, uint64_t pending_before);
/* The program's file, without a NUL at its end. Returns the length, or -errno. */
long os_exe_path(char *path, size_t size);
/* An entry of the kernel's auxiliary vector; 0: there is none. Works before memsan is relocated. */
uint64_t os_auxiliary(uint64_t type);
/* Under a filter that the program set (os_filter_set) both are answered without a system call. */
pid_t os_gettid(void);
pid_t os_getpid(void);
extern TLS_IE pid_t thread_self_tid __attribute__((visibility("hidden"))); /* 0: not known yet */
pid_t thread_tid_first(void);
void thread_tid_own(void); /* for a thread that is known to be this process's (process_is_this) */
/* os_gettid, remembered. Correct in the child of a fork too (lib_fork_child). In a child of vfork it is the parent's
 * tid, unless the parent's was not known yet. */
__inline_hot pid_t thread_tid(void)
{
	pid_t tid = thread_self_tid;

	return likely(tid) ? tid : thread_tid_first();
}
_Noreturn void os_exit_group(int status);
_Noreturn void os_abort(void); /* SIGABRT with the default action, whatever handlers are installed */
/* The first call of a process that starts: was it started under a filter of system calls? Then memsan does without
 * those calls that it can do without, and asks files in /proc instead. */
void os_start(void);
/* Did a debugger trace the process when os_start looked? */
bool os_was_traced(void);
/* The process was started under filters, and so many filters are known to refuse calls, not to kill: if these are all,
 * memsan makes the calls that it makes elsewhere. */
void os_filters_refuse(unsigned nr);
/* Is this process the guest of qemu-user? Its address space is costly: before QEMU 8, each page of a mapping takes time
 * and memory, used or not. Known after os_start. */
bool os_is_emulated(void);
/* This thread is about to enter strict mode, in which only read, write, exit and the return from a signal handler are
 * allowed: it changes no mapping any more. */
void os_note_strict(void);
/* The signals that are pending for this thread; all of them where that cannot be asked. */
uint64_t os_signals_pending(void);
bool os_pid_is_known(void);  /* under a filter: os_getpid is not asked of the kernel */
bool os_under_seccomp(void); /* a system call filter is active: unusual calls may kill */
/* The program is about to set a filter (struct sock_fprog; NULL: strict mode, or not known). From now on memsan makes
 * only those calls that every filter must allow for libc's own malloc (mmap, munmap, futex, write),
 * and does without the others, but for those that os_filter_allows. */
void os_note_seccomp(const void *program);
/* What is known of the filters: taken before the program sets one, put back when the kernel has refused it. */
struct os_filters {
	uint32_t calls; /* bits of enum os_call */
	bool set;
	unsigned nr; /* those of the program's */
};
struct os_filters os_filters_now(void);
void os_filters_back(struct os_filters before);
/* Calls about which the program's filters are asked. Under a filter that was inherited, those are allowed that ld.so
 * and libc's start make, and those of os_calls_seen. */
enum os_call {
	OS_CALL_SIGPROCMASK,
	OS_CALL_SIGTIMEDWAIT,
	OS_CALL_SIGACTION,
	OS_CALL_SIGPENDING,
	OS_CALL_PPOLL,
	OS_CALL_POLL,
	OS_CALL_FSTAT,
	OS_CALL_NEWFSTATAT,
	OS_CALL_SIGRETURN,
	OS_CALL_SIGALTSTACK,
	OS_CALL_MMAP,
	OS_CALL_MPROTECT, /* without PROT_EXEC */
	OS_CALL_MPROTECT_CODE,
	OS_CALL_DONTNEED,
	OS_CALL_GUARD, /* guard regions */
	OS_CALL_ADVISE /* all other advice on memory */
};
bool os_filter_allows(enum os_call call);
/* The program makes these calls by itself (bits of enum os_call). So a filter that was inherited, and of which nothing
 * was known, lets them pass. */
void os_calls_seen(uint32_t calls);
bool os_calls_are_unknown(void);
/* What a program that this one starts must know of the filters that it inherits, as text for its environment. Returns
 * the length; 0: nothing. */
#define OS_FILTERS_VARIABLE "MEMSAN_FILTERS"
size_t os_filters_tell(char *text, size_t size);
/* The other side: what stands behind the name. */
void os_filters_told(const char *text);
bool os_filter_would_allow(const void *program, enum os_call call);
extern bool os_filtered __attribute__((visibility("hidden")));
/* The same of a child that shares this memory (process.c), in whose parent no filter is set. */
extern TLS_IE bool os_guest_filtered __attribute__((visibility("hidden")));
__inline_hot bool os_filter_set(void)
{
	return unlikely(READ_ONCE(os_filtered)) || unlikely(os_guest_filtered);
}
/* There is no filter of the program's, and no inherited one that may kill for this call. */
__inline_hot bool os_free_to(enum os_call call)
{
	return !os_filter_set() && os_filter_allows(call);
}
/* rt_sigprocmask of a whole mask; returns the mask before. Does nothing under such a filter, and returns 0. */
uint64_t os_mask_set(uint64_t mask);
/* A mask of signals (<signal.h>) that an instruction raises: blocked, they kill the process without a word. SIGTRAP
 * comes after each instruction of a program that steps through itself. */
#define SIGNALS_SYNCHRONOUS (1ull << (SIGSEGV - 1) | 1ull << (SIGBUS - 1) | 1ull << (SIGTRAP - 1))

/* Jiffies, the kernel's name for the ticks of a coarse clock: 100 a second since the first call, which is at start-up.
 * At most one tick late, never 0, goes on in children, wraps after 497 days. */
#define JIFFIES_HZ 100
uint32_t jiffies_now(void);
/* Where libc says that the vDSO is; called before the clock is first read, or not at all. */
void clock_note_image(uintptr_t image);
uint64_t clock_coarse_ms(void); /* CLOCK_MONOTONIC_COARSE in milliseconds */

/* Reserves address space: PROT_NONE, MAP_NORESERVE, left out of core files. NULL: refused. */
void *os_reserve(size_t size, size_t align);
/* The same for memory that holds the program's data: it counts against the limit of data (ulimit -d). */
void *os_reserve_data(size_t size, size_t align);
/* Maps memory of memsan's own anew, without access, so that it does not count when it is made usable. False: there is
 * no such limit. */
bool os_do_not_count(void *p, size_t size);
void os_limit_data(void); /* the program sets such a limit */
/* Address space that os_open_empty and os_commit make usable in steps. `data`: as os_reserve_data. Where
 * os_places_only, nothing is mapped there before its step, nothing of it may be protected, and os_release_part gives a
 * step back that os_open_empty may make again. */
void *os_reserve_steps(size_t size, size_t align, bool data);
/* The same for data, at an address that nothing but `random` tells. NULL unless os_places_only. */
void *os_reserve_random_steps(uint64_t random, size_t size, size_t align);
/* Did the process start under so small a limit of address space that reserves of steps are not mapped? */
bool os_places_only(void);
#define OS_PLACES_LIMIT ((uint64_t)8 << 30)
bool os_keeps_place(uintptr_t addr, size_t size); /* is any of it such a reserve's? */
void os_release_unused(void *p, size_t size);     /* os_release_part of what no step has reached */
/* The same for [base + have, base + want) of a reserve, which is about to be made usable, and holds nothing. */
void os_step_does_not_count(void *base, size_t have, size_t want);
/* The same at this address. NULL: something is there. Both are multiples of the page size. */
void *os_reserve_at(uintptr_t addr, size_t size);
/* Usable memory that a copy of this process shares with it. Counts as a reserve; os_release gives it back. */
void *os_reserve_shared(size_t size);
void os_release(void *p, size_t size);
void os_release_part(void *p, size_t size); /* releases the end of a reserve; the rest stays */
bool os_is_reserve(const void *p);          /* is p inside a reserve of os_reserve that was not released? */
/* The bounds of the lowest reserve that ends above `from`. False: there is none. */
bool os_next_reserve(uintptr_t from, uintptr_t *start, uintptr_t *end);
/* Makes part of a reserve readable and writable, and part of core files. `huge` false asks for MADV_NOHUGEPAGE, as
 * nearly all metadata does. */
bool os_commit(void *p, size_t size, bool huge);
void os_want_huge(void *p, size_t size); /* asks for huge pages (MADV_HUGEPAGE) */
/* how many bytes of these whole pages are in memory; 0: not known */
size_t os_resident(const void *p, size_t size);
void os_decommit(void *p, size_t size); /* gives the memory back; reads as zero afterwards */
/* Would the system grant an ordinary mapping of this size? */
bool os_may_commit(size_t size);
bool os_protect_none(void *p, size_t size); /* mprotect PROT_NONE */
bool os_unprotect(void *p, size_t size);    /* back to read-write */
/* The same for pages that hold nothing which anybody needs: they may be mapped anew. */
bool os_open_empty(void *p, size_t size);
/* Puts fresh pages in place of whatever is mapped there: private, zero, readable and writable, without advice, locks,
 * keys or policies. `huge` as in os_commit. False: the kernel refused, and nothing changed. */
bool os_renew(void *p, size_t size, bool huge);
/* Puts inaccessible pages there, so that no other mapping can take the place. `only_holes`: leaves alone what is
 * mapped by now. Returns 0 or -errno. */
int os_withdraw(void *p, size_t size, bool only_holes);
/* Puts an inaccessible mapping without page tables there, as os_reserve makes it. False: the kernel refused, and
 * nothing changed. */
bool os_retire(void *p, size_t size);
bool os_reopen(void *p, size_t size);       /* os_commit for what os_retire closed */
bool os_protect_read(void *p, size_t size); /* read-only, as a file's constants are */
/* Makes code that can be run and changed. False: the system forbids memory that is both (SELinux, systemd). */
bool os_protect_code(void *p, size_t size);
bool os_protect_plain_code(void *p, size_t size); /* back to readable and executable, as a file's code is */
/* Guard regions (MADV_GUARD_INSTALL, Linux 6.13+), probed once; false means "use os_protect_none". */
bool os_guard_install(void *p, size_t size);
bool os_guard_remove(void *p, size_t size);
bool os_guard_supported(void);
/* Makes guarded ranges accessible and populates them, with as few system calls as the kernel allows. Works from the
 * first range on; returns the number of ranges done. */
struct os_range {
	void *start;
	size_t size;
};
size_t os_guard_open_many(const struct os_range *ranges, size_t n);
/* Before this no code of the program has run, so nothing is locked. */
void os_program_runs(void);
/* mlockall asked for memory that is mapped later, too. */
void os_lock_future(bool locked);
/* mlockall locked the memory that was mapped then, or is mapped later, and nothing has unlocked it since. */
void os_lock_memory(bool locked);
bool os_memory_is_locked(void);
/* The name of this thread; size is 16 at least. Empty: not known. */
void os_thread_name(char *name, size_t size);
size_t os_memory_size(void); /* bytes of RAM and swap; SIZE_MAX: not known */
/* The bytes of writable memory that the process may map without touching them: limited by RLIMIT_DATA or by
 * vm.overcommit_memory=2. UINT64_MAX: no limit. */
uint64_t os_charge_limit(void);
uint64_t os_mappings_limit(void); /* vm.max_map_count: how many mappings a process may have */
/* The bytes of address space that the process may still map (RLIMIT_AS), or UINT64_MAX.
 * Without a descriptor for /proc/self/statm it is the limit itself, and a reserve of this size may be refused. */
uint64_t os_address_space_limit(void);
/* Copies from memory that may be unreadable. Returns the bytes copied, up to the first unreadable one. Needs no
 * descriptor. Under a seccomp filter it can fault when another thread unmaps the range meanwhile. */
size_t os_safe_read(void *dst, const void *src, size_t n);
/* The same for many places, in one system call. Returns how many were copied whole, from the first on; the next one may
 * be unreadable, or the call is not to be had. */
struct os_copy {
	void *dst;
	const void *src;
	size_t n;
};
#define OS_COPIES_MAX 32u
size_t os_safe_read_many(const struct os_copy *copies, size_t n);
/* The same without a system call for what is readable, where the handler of SIGSEGV and SIGBUS calls
 * arch_probe_recover: in a scan for leaks. */
size_t os_probe_read(void *dst, const void *src, size_t n);
/* Is the page that holds p readable now? One cheap system call; under a filter (os_filter_set) a load. */
bool os_page_readable(const void *p);
/* From now on the handler of SIGSEGV and SIGBUS goes on behind such a load when it faults (arch_probe_recover). */
void os_probe_by_load(void);

/* A reserve that is made usable in steps: metadata arrays indexed by page, object or handle. */
struct stepped_reserve {
	char *base;
	size_t reserved;
	size_t committed; /* multiple of step; grows only; under the owner's lock, may be read without it */
	size_t step;
};
bool stepped_reserve_init(struct stepped_reserve *s, size_t reserve, size_t step);
/* A part of a reserve that the caller has made. */
void stepped_reserve_part(struct stepped_reserve *s, void *base, size_t reserved, size_t step);
/* [0, bytes) usable afterwards; false: no memory */
bool stepped_reserve_reach(struct stepped_reserve *s, size_t bytes);
/* Gives back the address space above `bytes`, but never a usable part. Called under the same lock as
 * stepped_reserve_reach. */
void stepped_reserve_shrink(struct stepped_reserve *s, size_t bytes);

/* memsan's own memory, counted by cost centre and apart from the user's (printed by malloc_stats and memsan stat). */
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
	COST_WATCH,
	COST_NR,
};
/* Never freed; zeroed; 16-byte aligned; NULL when the system has no more. */
void *meta_alloc(size_t size, enum cost_centre centre);
/* For allocations that the system has no memory for. The memory is zeroed and 16-byte aligned, and never given back.
 * What was left of an earlier loan is lost. */
void meta_lend(void *p, size_t size);
void meta_account(enum cost_centre centre, int64_t bytes); /* for stepped reserves */
uint64_t meta_bytes(enum cost_centre centre);
const char *meta_name(enum cost_centre centre);

/* Counters that memsan stat reads out of a live process. It finds them by their magic in libmemsan's data. A copy of
 * the magic may lie elsewhere: in the real counters, `self` is their own address. */
#define LIVE_COUNTERS_MAGIC "memsan counters" /* 16 bytes with its NUL */
#define LIVE_COUNTERS_VERSION 3
struct live_counters {
	char magic[16];
	uint64_t self; /* 0 until live_counters_start */
	uint32_t version, size;
	uint64_t reports, suppressed;
	uint64_t fence_slots, fence_live, fence_allocs, fence_frees, fence_bugs, fence_skipped_covered,
		fence_skipped_capacity;
	/* Each thread counts its own allocations, in a block: the address of the first block, and the offsets of the
	 * next block's address, the allocations and the frees. */
	uint64_t blocks;
	uint32_t block_next, block_allocs, block_frees, unused;
};
extern struct live_counters live_counters; /* defined in the runtime; each word is atomic */
void live_counters_start(void);

/* ---- maps.c: the mappings of a process ------------------------------------------------------- */

struct maps_line {
	uint64_t start, end, offset; /* offset: of `start` in the file */
	bool readable, writable, executable, private;
	/* as the kernel writes it: a file, "[stack]", …, or ""; valid until the next line is read */
	const char *path;
};
struct maps_reader {
	int fd, error;
	char *buffer;
	size_t size, have, at; /* bytes of the buffer: all, filled, handed out */
	bool in_rest;          /* the next bytes are the rest of a line that was too long */
};
/* Reads /proc/PID/maps, or a file like it, through a buffer of the caller's (at least 128 bytes; longer paths are cut).
 * 0, or -errno: it cannot be opened. */
int maps_open(struct maps_reader *r, const char *path, char *buffer, size_t size);
/* The next mapping, in order of address. False: there are no more, or the file cannot be read any further. */
bool maps_next(struct maps_reader *r, struct maps_line *m);
/* 0, or -errno: a read failed. */
int maps_close(struct maps_reader *r);
/* This process's mapping that holds the address. 1: *m has it, with its path in the buffer; 0: there is none;
 * -errno: the file cannot be opened. */
int maps_find(uintptr_t addr, struct maps_line *m, char *buffer, size_t size);

/* ---- loader.c: a program's dynamic loader ---------------------------------------------------- */

enum loader_verdict {
	LOADER_UNKNOWN, /* no ELF file, a broken one, or its loader is missing */
	LOADER_NONE,    /* statically linked: LD_PRELOAD has no effect on it, only on what it starts */
	LOADER_LOADS,   /* glibc's, and new enough */
	LOADER_OLD,     /* glibc's, older than memsan needs: it would end the program */
	LOADER_OTHER,   /* another libc's: it would end the program */
	LOADER_MACHINE, /* of another processor or word size: it would complain */
};
struct loader_answer {
	enum loader_verdict verdict;
	bool is_loader;   /* the file is a loader itself: it runs the program that its arguments name */
	char loader[256]; /* its path; "": none, or not known */
	/* another sanitizer's library that the program is linked with, or its function in the program; or NULL */
	const char *sanitizer;
	unsigned has, needs; /* LOADER_OLD: the N of glibc 2.N */
};
/* Reads the program that is open here.  `library` is the path of libmemsan.so. */
void loader_ask(int fd, const char *library, struct loader_answer *a);
/* Before the library's path in LD_PRELOAD: only glibc's loader finds it then. The folder exists; above "/" is "/". */
#define LOADER_GLIBC_ONLY "/$LIB/../../../../../../../.."
/* Copies the interpreter of a #! line to `out`.  False: the file does not begin with such a line. */
bool loader_script(int fd, char *out, size_t size);

/* ---- deep.c: stacks of memsan's own ---------------------------------------------------------- */

/* Runs fn(arg) and returns, on a stack of memsan's own with all signals blocked except SIGSEGV and SIGBUS. In place, if
 * the thread is on such a stack already or none is to be had. fn must not call the program. */
void deep_run(void (*fn)(void *arg), void *arg);
bool deep_running(void);    /* is this thread on such a stack? */
void deep_start(void);      /* before the first use, once */
void deep_fork_child(void); /* called by lib_fork_child */

/* ---- process.c: the owner of this memory ----------------------------------------------------- */

/* Once, at start-up. `copied` is called in a copy of the process that was made without the handlers of fork, when
 * memsan notices it; it tells whether the copy is torn (process_is_torn). */
void process_start(bool (*copied)(void));
void process_fork_child(void);
/* Does this process own this memory? False: a child of vfork, or of clone with CLONE_VM, which must not change what
 * memsan keeps of the process. Costs one system call. */
bool process_is_this(void);
/* Is this a copy that has not settled yet? process_settle makes it a process like a child of fork. */
bool process_is_copy(void);
void process_settle(void);
bool process_is_torn(void); /* a copy in which some lock was held by a thread that was not copied */
/* In a child of vfork: how many such children deep. Only the vfork function writes it. */
extern TLS_IE uint32_t process_guests __attribute__((visibility("hidden")));

/* ---- lock.c: ranked locks -------------------------------------------------------------------- */

/* A thread may take a lock only if its rank is higher than the rank of every lock that the thread holds; debug builds
 * abort otherwise. No lock is taken under a lock of LOCK_RANK_LEAF, which guards a few loads and stores. HACKING.md
 * tells what each lock guards. Locks do not recurse: in any build, a thread that takes a lock twice would hang, so it
 * ends the program with one line. */
enum lock_rank {
	LOCK_RANK_INIT,       /* start-up, once */
	LOCK_RANK_SHRINK,     /* the program's shrinkers; held while they run */
	LOCK_RANK_FENCE,      /* fence.only: functions and modules looked up */
	LOCK_RANK_QUARANTINE, /* the global quarantine queue */
	LOCK_RANK_CACHE_LIST, /* the list of slab caches */
	LOCK_RANK_CACHE,      /* one slab cache: its slab lists and bitmaps */
	LOCK_RANK_VMALLOC,    /* vmalloc areas */
	LOCK_RANK_BUDDY,      /* page allocator free lists */
	LOCK_RANK_ARENA,      /* arena growth */
	LOCK_RANK_WATCH,      /* copies of functions, the modules that they belong to */
	LOCK_RANK_REPORT,     /* one report at a time; never waits on an allocator lock */
	LOCK_RANK_MODULES,    /* the history of unloaded modules; reports read it */
	LOCK_RANK_LEAK,       /* annotations of objects */
	LOCK_RANK_DEPOT,      /* depot growth */
	LOCK_RANK_META,       /* meta_alloc */
	/* the thread table; ranks this high, so thread_index() may be called under any lock but a leaf */
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

/* How many locks this thread holds or is about to take, without those under which the program's functions run (INIT,
 * SHRINK) and those of a fork. In a signal handler: not 0 if the signal interrupted the runtime there. */
extern TLS_IE uint32_t locks_held;
void lock_init(struct ranked_lock *l, enum lock_rank rank);
void lock_acquire(struct ranked_lock *l);
bool lock_try(struct ranked_lock *l);
void lock_release(struct ranked_lock *l);
/* Does this thread hold the lock? In a signal handler: did the signal interrupt the critical section? */
bool lock_mine(const struct ranked_lock *l);
/* In the child of a fork: frees a lock that the forking thread took before the fork, and forgets its waiters. */
void lock_release_in_child(struct ranked_lock *l);

/* Registers a lock that must be free in the child of a fork. Called before the lock is first taken; a second call does
 * nothing. False: the table (4096 locks) is full. May be called under any lock but a leaf. A lock may be unregistered
 * while it is not held; its memory must stay mapped, since a fork may be waiting for that lock. */
bool lock_register_for_fork(struct ranked_lock *l);
void lock_unregister_for_fork(struct ranked_lock *l);
/* Before a fork: takes every registered lock in rank order, equal ranks in order of registration, and blocks signals.
 * If the caller already holds a lock (fork in a signal handler), it keeps that lock in both processes. Until one of the
 * other two functions is called, this thread may not allocate, save a stack or register anything. */
void locks_fork_prepare(void);
void locks_fork_parent(void);
void locks_fork_child(void);
/* In a copy of the process that was made without these functions: frees the locks that threads of the parent held.
 * True: there were such locks. */
bool locks_settle_copy(void);

/* Set by the thread that ends the process. It waits for no lock whose holder will never give it: a signal handler of
 * the program's has interrupted the holder and does not return, or has ended it. */
extern TLS_IE bool thread_ends_process;
/* 0, or the tid of such a holder, -1 if it is not known. The ending thread has then taken a lock as if it had been
 * given (lock_is_given_up), and what that lock guards may be half changed. */
pid_t locks_given_up(void);
bool lock_in_given_up(const struct ranked_lock *l);
__inline_hot bool lock_is_given_up(const struct ranked_lock *l)
{
	return unlikely(thread_ends_process) && lock_in_given_up(l);
}

/* ---- options.c: the option table ------------------------------------------------------------- */

enum option_mode { MODE_CHECK, MODE_PRODUCTION };
enum option_fault { FAULT_REPORT, FAULT_PANIC, FAULT_ABORT, FAULT_STOP };
enum option_init_order { INIT_ORDER_OFF, INIT_ORDER_ON, INIT_ORDER_STRICT };
enum option_odr_violation { ODR_VIOLATION_OFF, ODR_VIOLATION_SIZE, ODR_VIOLATION_ANY };
enum option_pointer_pairs { POINTER_PAIRS_OFF, POINTER_PAIRS_ON, POINTER_PAIRS_STRICT };
enum option_harden { HARDEN_OFF, HARDEN_BASIC, HARDEN_FULL };
enum option_format { FORMAT_TEXT, FORMAT_JSON };
#define OPTION_STRING_MAX 1024

/* The strings lie last: most are empty, and the pages of those are not touched. */
struct memsan_options {
#define OPTION_BOOL(field, name, def, help) bool field;
#define OPTION_UINT(field, name, def, min, max, unit, help) uint64_t field;
#define OPTION_ENUM(field, name, def, choices, help) unsigned field;
#define OPTION_STRING(field, name, def, help)
#define OPTION_INTERNAL(field, name, help)
#include "lib/options.def"
#undef OPTION_BOOL
#undef OPTION_UINT
#undef OPTION_ENUM
#undef OPTION_STRING
#undef OPTION_INTERNAL
#define OPTION_BOOL(field, name, def, help)
#define OPTION_UINT(field, name, def, min, max, unit, help)
#define OPTION_ENUM(field, name, def, choices, help)
#define OPTION_STRING(field, name, def, help) char field[OPTION_STRING_MAX];
#define OPTION_INTERNAL(field, name, help) char field[OPTION_STRING_MAX];
#include "lib/options.def"
#undef OPTION_BOOL
#undef OPTION_UINT
#undef OPTION_ENUM
#undef OPTION_STRING
#undef OPTION_INTERNAL
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
	bool internal; /* set by the memsan command, of no use to people */
};
extern const struct option_desc option_table[];
extern const size_t option_table_size;

/* The running process's options. Written before the first allocation returns, read-only after. */
extern struct memsan_options options;

/* Called for each mistake with one line, without a newline, that names the item and the nearest valid one,
 * if one is near. */
typedef void (*option_complain_fn)(void *ctx, const char *line);
void options_set_defaults(struct memsan_options *o);
/* Parses "name=value:name=value". A value may be quoted with ' or " to hold a colon ("::" needs no quotes). Bytes take
 * the suffixes k, M, G, T; a bool takes 0/1, on/off, yes/no, true/false. Blanks around an item and empty items are
 * ignored. When a name is given twice, the last value wins. Mistakes are reported (20 of them, then how many more) and
 * skipped; the other items are applied. Returns the number of mistakes. */
unsigned options_parse(struct memsan_options *o, const char *text, option_complain_fn complain, void *ctx);
/* The length of the first "name=value" in such a text, including the blanks around it. */
size_t options_item_length(const char *text);
/* One name and one value, as in `memsan run -o name=value`. */
bool options_set_one(struct memsan_options *o, const char *name, size_t name_len, const char *value, size_t value_len,
                     option_complain_fn complain, void *ctx);

/* The number of edits (insert, delete, replace, swap two neighbours) from a to b. Compares at most 40 letters of each;
 * upper and lower case are the same, and so are - and _. For "did you mean". */
unsigned options_word_distance(const char *a, const char *b);

/* The value of an option, as a user would write it: "64M", "on", "check", "'a:b'". */
void options_format_value(const struct memsan_options *o, const struct option_desc *d, struct fmt_buf *b);
/* The values that the option accepts: "milliseconds, 1 to 600000". */
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
/* Threads of this process have this index or a higher one; lower ones belong to its parent and earlier ancestors. 0:
 * this process was not forked. Once the table is full, threads of this process may have lower ones too. */
extern uint32_t thread_first_own __attribute__((visibility("hidden")));
uint32_t thread_index_first(void);

/* This thread's index in the table. The first call registers the thread, later calls are one TLS load. In the child of
 * a fork the thread gets a new index, so older tracks keep the parent's tid. The index stays valid after
 * thread_exit_notify. */
__inline_hot uint32_t thread_index(void)
{
	uint32_t index = thread_self_index;

	return likely(index) ? index : thread_index_first();
}
/* Finds ended threads too, until their slot is reused. Takes no lock. */
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
	bool unloaded; /* no longer mapped; the fields describe the module as it was */
	char path[MODULE_PATH_MAX];
};
/* The module that held `pc` when a stack was taken at jiffies `when` (0: not known). Takes no lock of the loader
 * (_dl_find_object). False: no module held it (JIT code, garbage). */
bool module_find(uintptr_t pc, uint32_t when, struct module_info *info);
/* Called by the constructor: from now on libc knows what is loaded. A static libc does not know that earlier. */
void modules_start(void);
/* Is pc inside libmemsan's own code? */
bool module_is_self(uintptr_t pc);
/* Was the module that holds `pc` made by Go's linker? Go's runtime calls the kernel without libc. */
bool module_is_go(uintptr_t pc);
/* The bounds of libmemsan.so, code and data. False in a static program, where both are inside the program's own. */
bool module_self_range(uintptr_t *start, uintptr_t *end);
/* The path of libmemsan.so, or of the static program. */
const char *module_self_path(void);
/* Called around the real dlclose, to remember the modules that go away. May take the loader's lock. */
void *modules_before_dlclose(void);         /* NULL: no memory, so nothing will be remembered */
bool modules_after_dlclose(void *snapshot); /* frees it; true: code may have gone away (unwind_flush) */

/* ---- unwind.c, unwind_save.c and depot.c: stacks --------------------------------------------- */

struct unwind_regs {
	uintptr_t pc, sp, fp; /* enough on x86_64: rip, rsp, rbp */
	/* the function's return address, or 0; used only to recognize a stack that was saved before */
	uintptr_t ret;
};
/* The registers of the function that uses this macro: a pc in its body, its sp and fp, its return address. */
#define UNWIND_HERE(r) unwind_here_arch(r)
#include "lib/arch/arch.h"

/* mem_set, inline, for ranges that are nearly always a few words. */
__inline_hot void mem_set_short(void *dst, uint8_t byte, size_t n)
{
	typedef uint64_t word8 __attribute__((aligned(1), may_alias));
	typedef uint32_t word4 __attribute__((aligned(1), may_alias));
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
	} else if (n >= 4) {
		*(word4 *)d = (uint32_t)w;
		*(word4 *)(d + n - 4) = (uint32_t)w;
	} else if (n) {
		d[0] = d[n / 2] = d[n - 1] = (char)byte;
	}
}

typedef uint32_t stack_handle; /* 0: no stack */
#define STACK_HANDLE_BITS 28
#define STACK_FRAMES_MAX 1024

/* Walks outwards from `regs`, innermost frame first. Leaves out frames inside libmemsan. Every pc but regs->pc itself
 * is a return address: pc - 1 lies inside the call. (For a frame that a signal interrupted, the walk gives its pc plus
 * one.) Reads only memory that is known to be readable. Ends where call frame information says so; without that
 * information it follows frame pointers while they make sense. */
size_t unwind_walk(const struct unwind_regs *regs, uintptr_t *pcs, size_t max);
/* The same without the thread's view. *signal: the walk passed the frame of a signal handler. */
size_t unwind_walk_signal(const struct unwind_regs *regs, uintptr_t *pcs, size_t max, bool *signal);
/* The same for a stack that may be deeper than `max`: the innermost `head` frames, then the outermost ones. *skipped is
 * the number of frames between them. */
size_t unwind_walk_ends(const struct unwind_regs *regs, uintptr_t *pcs, size_t max, size_t head, size_t *skipped);
/* Does the walk from regs pass a signal frame whose handler returns at stack pointer `from_sp`, and whose interrupted
 * code is at pc with stack pointer sp? */
bool unwind_passes(const struct unwind_regs *regs, uintptr_t from_sp, uintptr_t pc, uintptr_t sp);
/* The code range of the function that pc lies in, as its call frame information tells; a part that the compiler moved
 * elsewhere is a function of its own here. False: not known. */
bool unwind_function_at(uintptr_t pc, uintptr_t *start, size_t *size);
/* Visits the code ranges of the functions in the table at `hdr` (.eh_frame_hdr), in order of address, until `each`
 * returns false. Reads only inside [lo, hi), which is readable. False: there is no such table, or it is malformed. */
bool cfi_each_function(const void *hdr, uintptr_t lo, uintptr_t hi,
                       bool (*each)(void *ctx, uintptr_t start, size_t size), void *ctx);
/* Functions may run as copies (watch/). Only the innermost frame of a thread, or of code that a signal interrupted, can
 * be in a copy. All functions are signal-safe and do nothing when the pc is in no copy. */
struct code_copies {
	/* Gives the registers that the original would have. */
	void (*unwind)(struct unwind_regs *regs);
	/* The same for the registers of a signal's context. Returns the pc at which the copy can go on with these
	 * registers, or 0. `check`: with the check of the instruction there, else behind that check. */
	uint64_t (*origin)(uint64_t *gregs, bool check);
	/* A handler returns to this pc in an original: the pc to return to instead, or 0. */
	uint64_t (*resume)(uint64_t pc);
	/* Are these places in one function that has a copy? */
	bool (*same_function)(uint64_t a, uint64_t b);
	/* The context of a fault at addr: if only a copy needs what is not there, the registers become the original's.
	 * False: the fault is another one. */
	bool (*leave)(uint64_t *gregs, uintptr_t addr);
	/* Somebody may run the original from this pc on, which a handler has seen: the function gets its own bytes. */
	void (*run_original)(uint64_t pc);
	/* Puts the function's own bytes in place of jumps in these bytes, which were read at pc in an original. */
	void (*original_code)(uint64_t pc, uint8_t *bytes, size_t n);
	/* The process is about to die at this pc of an original: puts the function's own bytes back. */
	void (*show_original)(uint64_t pc);
};
/* The program may step through itself by the trap flag: it has had a handler of SIGTRAP, or that is not known. */
extern bool code_may_step __attribute__((visibility("hidden")));
extern const struct code_copies *code_copies __attribute__((visibility("hidden"))); /* NULL: none; written once */
/* The frame of the walk from regs that holds addr. Its function is at pc (for a caller: pc lies inside its call), its
 * bytes are [lo, hi), where hi is its CFA. False: addr is below regs->sp, or the walk ends before it comes to addr. */
struct unwind_frame {
	uintptr_t pc, lo, hi;
};
bool unwind_frame_of(const struct unwind_regs *regs, uintptr_t addr, struct unwind_frame *frame);
/* Saves the walk's stack in the depot: about options.stack_depth frames, or up to twice as many if an unchanged outer
 * part of this thread's last trace is reused. When the depot is full, saves only the outer frames that the depot
 * already has, or returns 0. */
stack_handle unwind_save(const struct unwind_regs *regs);
/* Makes what the first stack needs: this thread's block and the depot. */
void unwind_prepare(void);
void unwind_thread_exit(void); /* drops this thread's last trace */
/* The handle of `pc` called from `parent` (0: from nowhere); `parent` itself when the depot is full. */
stack_handle depot_child(stack_handle parent, uintptr_t pc);
bool depot_is_full(void);
/* Gives unused address space back: from now on the process is limited to `limit` bytes. */
void depot_limit_space(uint64_t limit);
/* Saves a ready-made stack, innermost first. */
stack_handle depot_save(const uintptr_t *pcs, size_t n);
/* Writes at most `max` frames of a handle, innermost first. Returns the number of frames in all. */
size_t depot_fetch(stack_handle handle, uintptr_t *pcs, size_t max);
/* The innermost frame's pc. */
uintptr_t depot_top(stack_handle handle);
uint64_t depot_bytes(void);
/* Ends the process by SIGABRT, whatever handlers are installed. A core file shows this thread at pc, in a frame of its
 * stack; if there is no such frame (or pc is 0), where it is. */
struct abort_place {
	uintptr_t pc;
	bool exact;              /* else pc is a return address */
	const uint64_t *machine; /* the walk begins there: registers numbered as in instructions, then pc; NULL: here */
};
_Noreturn void unwind_abort(const struct abort_place *place);
void unwind_flush(void); /* makes the cached rows of all threads stale (see modules_after_dlclose) */

/* ---- memory seen from elsewhere -------------------------------------------------------------- */

/* An address space to read: this process or a snapshot of it, another process, a core file. Code that reads memsan's
 * state through a view works on all of them. Addresses are those of the viewed process. */
struct mem_view {
	/* Copies up to the first unreadable byte; returns the bytes copied. Never faults. */
	size_t (*read)(const struct mem_view *v, void *dst, uint64_t addr, size_t n);
	/* A pointer to the bytes of [addr, addr + n); NULL: use read. If `faults` is set, an access to them may still
	 * fault. */
	const void *(*at)(const struct mem_view *v, uint64_t addr, size_t n);
	/* Copies also what may not be read now, because of its protection. NULL: there is no such way. */
	size_t (*read_forced)(const struct mem_view *v, void *dst, uint64_t addr, size_t n);
	void *ctx;
	bool faults;
	bool here; /* a view of this very process: addresses can be loaded from directly */
};
/* Where another process, or a reader of a core file, finds lib's state. All addresses are those of the viewed
 * process. */
struct lib_directory {
	uint64_t reserves; /* pairs of start and size; size 0 or all ones: none */
	uint64_t nr_reserves;
	uint64_t depot_base; /* address of the pointer to the depot's nodes */
	uint64_t depot_used; /* address of the number of nodes (uint32_t) */
	/* size of a node; offsets in it of the pc and of the caller's handle (32 bits) */
	uint32_t depot_size, depot_pc, depot_parent, pad;
	uint64_t threads;                              /* the table of threads */
	uint32_t thread_size, thread_tid, thread_name; /* size of an entry, offsets in it */
	uint32_t nr_threads;
	uint64_t jiffies_start; /* address of clock_epoch (clock.c), in milliseconds; its value 0: not known */
};
_Static_assert(sizeof(struct lib_directory) == 80, "read by other processes");
void lib_directory_fill(struct lib_directory *r);
static inline bool view_read(const struct mem_view *v, void *dst, uint64_t addr, size_t n)
{
	return v->read(v, dst, addr, n) == n;
}

/* ---- fork.c ---------------------------------------------------------------------------------- */

/* Around a fork: takes every registered lock of the runtime in rank order, and releases them in both processes. The
 * child's thread also learns its new tid. */
void lib_fork_prepare(void);
void lib_fork_parent(void);
void lib_fork_child(void);

#endif
