/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/os.c - the runtime's raw system calls: files, processes, address space.
 *
 * libc's wrappers change errno, are cancellation points, can be interposed, and are reached through a PLT that is not
 * yet relocated at the first malloc of a process.
 */
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <limits.h>
#include <linux/filter.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>

#include "lib/lib.h"
#include "lib/lib_internal.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* The kernel's sigset_t is one word on every 64-bit architecture. */
typedef uint64_t kernel_sigset;
/* clang-format would take "(a) - 1" for a cast. */
/* clang-format off */
#define SIGNAL_BIT(sig) (1ULL << ((sig) - 1))
/* clang-format on */

/* ---- files ----------------------------------------------------------------------------------- */

int os_open(const char *path, int flags, int mode)
{
	long r;

	do
		r = os_syscall4(SYS_openat, AT_FDCWD, (long)path, flags, mode);
	while (r == -EINTR);
	return (int)r;
}

/* Not repeated on EINTR: Linux has already closed the descriptor. */
int os_close(int fd)
{
	return (int)os_syscall4(SYS_close, fd, 0, 0, 0);
}

ssize_t os_read(int fd, void *buf, size_t n)
{
	long r;

	do
		r = os_syscall4(SYS_read, fd, (long)buf, (long)n, 0);
	while (r == -EINTR);
	return r;
}

ssize_t os_pread(int fd, void *buf, size_t n, uint64_t offset)
{
	long r;

	do
		r = os_syscall4(SYS_pread64, fd, (long)buf, (long)n, (long)offset);
	while (r == -EINTR);
	return r;
}

/* ---- processes ------------------------------------------------------------------------------- */

/* A filter may kill for gettid and getpid too. libc's thread control block holds the tid, also in a child of fork; its
 * place is found before the filter is set. */
#define TCB_WORDS_MAX 512
bool os_filtered; /* cleared only when the kernel refuses the filter */
TLS_IE bool os_guest_filtered;
static uint32_t tcb_tid_at; /* a word of the control block; 0: not found */
static pid_t filtered_pid;  /* the process under the filter */
static bool inherited;      /* the process was started under a filter that may kill; written at start-up */
static bool refusing;       /* it was started under filters that only refuse; written at start-up */
static unsigned nr_inherited, nr_own;
static bool calls_told;    /* by the program that started this one; written at start-up */
static bool calls_unknown; /* of the filters that were inherited; written at start-up */
static bool emulated;      /* written at start-up */
static bool traced;        /* the same */
static bool future_locked; /* by mlockall */
static bool program_runs;  /* it may have locked memory by a system call of its own */
static TLS_IE bool strict_self;
/* Bits of enum os_call that no filter forbids, as far as the filters are known. */
static uint32_t calls_allowed = ~0u;
/* What ld.so and libc's start call. */
#define CALLS_UNDER_INHERITED                                                                            \
	(1u << OS_CALL_FSTAT | 1u << OS_CALL_NEWFSTATAT | 1u << OS_CALL_SIGRETURN | 1u << OS_CALL_MMAP | \
	 1u << OS_CALL_MPROTECT | 1u << OS_CALL_MPROTECT_CODE)
/* What else may be known to pass. */
#define CALLS_EVIDENT                                                                                               \
	(1u << OS_CALL_SIGPROCMASK | 1u << OS_CALL_SIGACTION | 1u << OS_CALL_SIGALTSTACK | 1u << OS_CALL_DONTNEED | \
	 1u << OS_CALL_GUARD | 1u << OS_CALL_ADVISE)
TLS_IE uint32_t process_guests; /* process.c; here, since the tools link only this file */

void os_note_strict(void)
{
	strict_self = true;
}

bool os_is_strict(void)
{
	return strict_self;
}

static bool os_avoids_calls(void)
{
	return os_filter_set() || READ_ONCE(inherited);
}

static void tcb_find_tid(uint32_t tid)
{
	const uint32_t *words = (const uint32_t *)arch_thread_pointer();

	/* The tid is one of the first words behind the header. */
	for (uint32_t i = 16; i < TCB_WORDS_MAX && !tcb_tid_at; i++)
		if (words[i] == tid)
			tcb_tid_at = i;
}

pid_t os_gettid(void)
{
	uint32_t tid = os_avoids_calls() && tcb_tid_at ? ((const uint32_t *)arch_thread_pointer())[tcb_tid_at] : 0;

	return tid ? (pid_t)tid : (pid_t)os_syscall4(SYS_gettid, 0, 0, 0, 0);
}

/* Without a filter never cached, so it is right in children of fork, vfork and raw clone. Under a filter that was
 * inherited, a child of vfork asks. */
pid_t os_getpid(void)
{
	bool known = READ_ONCE(os_filtered) || (READ_ONCE(inherited) && !process_guests);
	pid_t pid = known ? READ_ONCE(filtered_pid) : 0;

	return pid ? pid : (pid_t)os_syscall4(SYS_getpid, 0, 0, 0, 0);
}

bool os_pid_is_known(void)
{
	return os_filter_set() || (READ_ONCE(inherited) && READ_ONCE(filtered_pid));
}

/* In a child of a raw clone libc's control block still holds the parent's tid. */
void os_copied(void)
{
	if (os_filter_set())
		return;
	filtered_pid = 0;
	tcb_tid_at = 0;
}

/* A child of fork has one thread, whose tid is the pid. */
void os_fork_child(void)
{
	if (os_avoids_calls() && tcb_tid_at)
		WRITE_ONCE(filtered_pid, os_gettid());
}

size_t os_read_text(const char *path, char *text, size_t size)
{
	int fd = os_open(path, O_RDONLY | O_CLOEXEC, 0);
	ssize_t n = fd >= 0 ? os_read(fd, text, size - 1) : 0;

	if (fd >= 0)
		os_close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

/* What stands behind `key` in the line that begins with it; "": there is no such line. */
static const char *proc_line(const char *text, const char *key)
{
	while (text && !str_starts(text, key)) {
		text = str_char(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return text ? text + str_length(key) : "";
}

/* The last number of that line; 0: there is none. */
static uint64_t proc_number(const char *text, const char *key)
{
	uint64_t value = 0;

	for (text = proc_line(text, key); *text && *text != '\n';) {
		const char *end = number_decimal(text, &value);

		text = end ? end : text + 1;
	}
	return value;
}

void os_thread_name(char *name, size_t size)
{
	char *end;

	mem_set(name, 0, size);
	if (os_filter_set())
		return;
	if (READ_ONCE(inherited)) {
		os_read_text("/proc/thread-self/comm", name, size);
		end = (char *)str_char(name, '\n');
		if (end)
			*end = '\0';
		return;
	}
	os_syscall4(SYS_prctl, PR_GET_NAME, (long)name, 0, 0);
	name[size - 1] = '\0';
}

/* Of a hexadecimal number behind `key`. */
static uint64_t proc_set(const char *text, const char *key)
{
	uint64_t set = 0;

	for (text = proc_line(text, key); *text == ' ' || *text == '\t'; text++)
		;
	number_hex(text, &set);
	return set;
}

bool os_filter_allows(enum os_call call)
{
	return !os_guest_filtered && !strict_self && (READ_ONCE(calls_allowed) >> call & 1);
}

uint64_t os_signals_pending(void)
{
	uint64_t set = ~0ull;
	char text[2048];

	if (os_filter_allows(OS_CALL_SIGPENDING))
		os_syscall4(SYS_rt_sigpending, (long)&set, sizeof(set), 0, 0);
	else if (!os_filter_set() && os_read_text("/proc/thread-self/status", text, sizeof(text)))
		set = proc_set(text, "SigPnd:") | proc_set(text, "ShdPnd:");
	return set;
}

static bool memory_locked; /* atomic */

void os_lock_memory(bool locked)
{
	__atomic_store_n(&memory_locked, locked, __ATOMIC_RELAXED);
}

bool os_memory_is_locked(void)
{
	return __atomic_load_n(&memory_locked, __ATOMIC_RELAXED);
}

void os_lock_future(bool locked)
{
	WRITE_ONCE(future_locked, locked);
}

uint64_t os_mask_set(uint64_t mask)
{
	uint64_t old = 0;

	if (os_free_to(OS_CALL_SIGPROCMASK))
		os_syscall4(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, (long)&old, sizeof(mask));
	return old;
}

_Noreturn void os_exit_group(int status)
{
	for (;;)
		os_syscall4(SYS_exit_group, status, 0, 0, 0);
}

_Noreturn void os_abort(void)
{
	struct {
		long handler;
		unsigned long flags;
		long restorer;
		kernel_sigset mask;
	} action = { 0, 0, 0, 0 };
	kernel_sigset set = SIGNAL_BIT(SIGABRT);

	if (os_filter_allows(OS_CALL_SIGACTION))
		os_syscall4(SYS_rt_sigaction, SIGABRT, (long)&action, 0, sizeof(set));
	if (os_filter_allows(OS_CALL_SIGPROCMASK))
		os_syscall4(SYS_rt_sigprocmask, SIG_UNBLOCK, (long)&set, 0, sizeof(set));
	os_syscall4(SYS_tgkill, os_getpid(), os_gettid(), SIGABRT, 0);
	/* Still here: process 1 of a name space ignores its own signals. */
	os_exit_group(128 + SIGABRT);
}

static __large_bss char filtered_exe[PATH_MAX]; /* a filter may kill for readlink */

#ifndef PR_GET_AUXV
#define PR_GET_AUXV 0x41555856
#endif
#define AUXILIARY_MAX 64

static uint64_t auxiliary[AUXILIARY_MAX][2]; /* read once; racing threads store the same words */
static size_t nr_auxiliary;

/* A filter of system calls that was inherited may kill for prctl, but lets ld.so open files. */
static size_t auxiliary_read(void)
{
	long fd = arch_syscall6(SYS_openat, AT_FDCWD, (long)"/proc/self/auxv", O_RDONLY | O_CLOEXEC, 0, 0, 0), n = 0;

	if (fd >= 0) {
		n = arch_syscall6(SYS_read, fd, (long)auxiliary, sizeof(auxiliary), 0, 0, 0);
		arch_syscall6(SYS_close, fd, 0, 0, 0, 0, 0);
	}
	if (n <= 0)
		n = arch_syscall6(SYS_prctl, PR_GET_AUXV, (long)auxiliary, sizeof(auxiliary), 0, 0, 0);
	return n > 0 ? MIN((size_t)n / sizeof(auxiliary[0]), AUXILIARY_MAX) : 0;
}

uint64_t os_auxiliary(uint64_t type)
{
	size_t n = LOAD_ACQUIRE(nr_auxiliary);

	if (!n) {
		n = auxiliary_read();
		STORE_RELEASE(nr_auxiliary, n);
	}
	for (size_t i = 0; i < n; i++)
		if (auxiliary[i][0] == type)
			return auxiliary[i][1];
	return 0;
}

long os_exe_path(char *path, size_t size)
{
	if (os_filter_set() || (READ_ONCE(inherited) && filtered_exe[0]))
		return (long)str_copy(path, filtered_exe, size);
	return os_syscall4(SYS_readlink, (long)"/proc/self/exe", (long)path, (long)size - 1, 0);
}

/* The first file that is mapped is the program, before memsan has mapped anything. */
static void exe_from_maps(void)
{
	char text[2048];
	size_t n = 0;
	const char *p;

	os_read_text("/proc/self/maps", text, sizeof(text));
	p = str_char(text, '/');
	while (p && p[n] && p[n] != '\n')
		n++;
	if (n && p[n])
		mem_copy(filtered_exe, p, n);
}

/* A filter may allow only what libc calls: its fstat is newfstatat from 2.33 to 2.38, else fstat. */
static uint32_t calls_unlike_libc(void)
{
	uint64_t minor;

	if (!number_decimal(gnu_get_libc_version() + 2, &minor))
		return 0;
	return 1u << (minor >= 33 && minor < 39 ? OS_CALL_FSTAT : OS_CALL_NEWFSTATAT);
}

/* The filter of a container is that of its first process too. It is made for all programs, so it knows signals. */
static bool of_first_process(unsigned filters)
{
	char text[2048];

	return filters && os_read_text("/proc/1/status", text, sizeof(text)) &&
	       proc_number(text, "Seccomp_filters:") == filters;
}

static void calls_pass(uint32_t calls)
{
	__atomic_fetch_or(&calls_allowed, calls & CALLS_EVIDENT, __ATOMIC_RELAXED);
	if (!(CALLS_EVIDENT & ~calls))
		calls_unknown = false;
}

/* A filter that was inherited lets ld.so read files, but may kill for prctl(PR_GET_SECCOMP), getpid or gettid. So a
 * file tells. Its process number counts only if libc has the same for this thread: /proc may belong to another name
 * space. */
void os_start(void)
{
	static bool started;
	char text[2048];
	pid_t pid;

	if (__atomic_exchange_n(&started, true, __ATOMIC_RELAXED) ||
	    !os_read_text("/proc/self/status", text, sizeof(text)))
		return;
	emulated = str_starts(proc_line(text, "Name:\t"), "qemu-") && arch_is_emulated();
	traced = proc_number(text, "TracerPid:") != 0;
	if (!proc_number(text, "Seccomp:"))
		return;
	pid = (pid_t)proc_number(text, "NSpid:");
	if (pid)
		tcb_find_tid((uint32_t)pid);
	filtered_pid = tcb_tid_at ? pid : 0;
	exe_from_maps();
	inherited = true;
	nr_inherited = (unsigned)proc_number(text, "Seccomp_filters:");
	calls_allowed = CALLS_UNDER_INHERITED & ~calls_unlike_libc();
	calls_unknown = !of_first_process(nr_inherited);
	if (!calls_unknown)
		calls_pass(CALLS_EVIDENT);
}

bool os_calls_are_unknown(void)
{
	return calls_unknown;
}

size_t os_filters_tell(char *text, size_t size)
{
	struct fmt_buf b;

	if (os_guest_filtered || calls_unknown || !(READ_ONCE(nr_own) || calls_told))
		return 0;
	fmt_init(&b, text, size);
	fmt_printf(&b, OS_FILTERS_VARIABLE "=%u:%u", nr_inherited + READ_ONCE(nr_own), READ_ONCE(calls_allowed));
	return b.truncated ? 0 : str_length(text);
}

/* Filters are never taken away, so as many filters are the same ones. */
void os_filters_told(const char *text)
{
	uint64_t filters, calls;

	text = number_decimal(text, &filters);
	if (!calls_unknown || !text || *text != ':' || !number_decimal(text + 1, &calls) || !filters ||
	    filters != nr_inherited)
		return;
	calls_pass((uint32_t)calls);
	calls_unknown = false;
	calls_told = true;
}

void os_calls_seen(uint32_t calls)
{
	if (unlikely(calls_unknown) && !os_filter_set())
		calls_pass(calls);
}

bool os_was_traced(void)
{
	return traced;
}

bool os_is_emulated(void)
{
	return emulated;
}

void os_filters_refuse(unsigned nr)
{
	if (!inherited || !nr || nr != nr_inherited)
		return;
	inherited = calls_unknown = false;
	refusing = true;
	calls_allowed = ~0u;
}

/* The calls that this filter of the program's allows. The kernel refuses a filter that it cannot read. */
static uint32_t filter_allowed(const struct sock_fprog *program)
{
	struct sock_fprog copy;
	size_t n;

	if (!program || os_safe_read(&copy, program, sizeof(copy)) != sizeof(copy))
		return 0;
	n = copy.len * sizeof(*copy.filter);
	for (size_t at = 0; at < n; at += PAGE_SIZE)
		if (!os_page_readable((const char *)copy.filter + at))
			return 0;
	return n && os_page_readable((const char *)copy.filter + n - 1) ? bpf_calls_allowed(copy.filter, copy.len) : 0;
}

bool os_filter_would_allow(const void *program, enum os_call call)
{
	return filter_allowed(program) >> call & 1;
}

struct os_filters os_filters_now(void)
{
	return (struct os_filters){ READ_ONCE(calls_allowed), READ_ONCE(os_filtered), READ_ONCE(nr_own) };
}

void os_filters_back(struct os_filters before)
{
	WRITE_ONCE(calls_allowed, before.calls);
	WRITE_ONCE(os_filtered, before.set);
	WRITE_ONCE(nr_own, before.nr);
}

void os_note_seccomp(const void *program)
{
	WRITE_ONCE(calls_allowed, calls_allowed & filter_allowed(program));
	WRITE_ONCE(nr_own, nr_own + 1);
	if (os_filter_set())
		return;
	filtered_pid = os_getpid();
	if (!filtered_exe[0])
		os_exe_path(filtered_exe, sizeof(filtered_exe));
	tcb_find_tid((uint32_t)os_gettid());
	WRITE_ONCE(os_filtered, true);
}

bool os_under_seccomp(void)
{
	long r;

	if (os_avoids_calls())
		return true;
	if (refusing)
		return false;
	r = os_syscall4(SYS_prctl, PR_GET_SECCOMP, 0, 0, 0);

	return r != 0 && r != -EINVAL;
}

/* ---- address space --------------------------------------------------------------------------- */

/* libc's malloc seldom calls mprotect and madvise, so a filter of the program's may kill for them; and for mmap, when
 * the program has the memory that it needs. */
static bool os_may(enum os_call call)
{
	return os_filter_allows(call);
}

static void *os_map(size_t size, int prot, int flags)
{
	long r = !os_may(OS_CALL_MMAP)
	                 ? -ENOMEM
	                 : arch_syscall6(SYS_mmap, 0, (long)size, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	return r < 0 && r > -(long)PAGE_SIZE ? NULL : (void *)r;
}

/* The reserves, for code that must leave them alone (mlockall, scans for leaks). To take a slot, a thread first sets
 * its size to RESERVE_BUSY. A watched module takes four. */
#define RESERVES_MAX 4096u /* tools/image/roots.c reads so many */
#define RESERVE_BUSY SIZE_MAX
static struct {
	uintptr_t start;
	size_t size;
} reserves[RESERVES_MAX];
static unsigned reserves_used; /* the slots behind these were never taken; grows only */

static void reserves_grow(unsigned used)
{
	unsigned before = READ_ONCE(reserves_used);

	while (before < used &&
	       !__atomic_compare_exchange_n(&reserves_used, &before, used, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

/* False: there is no slot. Memory that cannot be noted is given back, for a scan would take it for the program's. */
static bool reserve_note(uintptr_t start, size_t size)
{
	for (unsigned i = 0; i < RESERVES_MAX; i++) {
		size_t unused = 0;
		if (!__atomic_compare_exchange_n(&reserves[i].size, &unused, RESERVE_BUSY, false, __ATOMIC_ACQUIRE,
		                                 __ATOMIC_RELAXED))
			continue;
		__atomic_thread_fence(__ATOMIC_RELEASE); /* pairs with reserve_read */
		WRITE_ONCE(reserves[i].start, start);
		__atomic_store_n(&reserves[i].size, size, __ATOMIC_RELEASE);
		reserves_grow(i + 1);
		return true;
	}
	os_release_part((void *)start, size);
	return false;
}

/* The reserve in a slot: start and size of the same one. False: there is none, or it changes at the moment. */
static bool reserve_read(unsigned i, uintptr_t *start, size_t *size)
{
	*size = LOAD_ACQUIRE(reserves[i].size);
	*start = READ_ONCE(reserves[i].start);
	__atomic_thread_fence(__ATOMIC_ACQUIRE); /* pairs with reserve_note */
	return *size && *size != RESERVE_BUSY && READ_ONCE(reserves[i].size) == *size;
}

static void reserve_forget(uintptr_t start)
{
	uintptr_t at;
	size_t size;

	for (unsigned i = 0; i < LOAD_ACQUIRE(reserves_used); i++)
		if (reserve_read(i, &at, &size) && at == start)
			__atomic_store_n(&reserves[i].size, 0, __ATOMIC_RELEASE);
}

bool os_is_reserve(const void *p)
{
	uintptr_t start;
	size_t size;

	for (unsigned i = 0; i < LOAD_ACQUIRE(reserves_used); i++)
		if (reserve_read(i, &start, &size) && (uintptr_t)p - start < size)
			return true;
	return false;
}

void os_directory_fill(struct lib_directory *r)
{
	r->reserves = (uint64_t)(uintptr_t)reserves;
	r->nr_reserves = RESERVES_MAX;
}

bool os_next_reserve(uintptr_t from, uintptr_t *start, uintptr_t *end)
{
	bool found = false;
	uintptr_t at;
	size_t size;

	for (unsigned i = 0; i < LOAD_ACQUIRE(reserves_used); i++) {
		if (!reserve_read(i, &at, &size) || at + size <= from || (found && at >= *start))
			continue;
		*start = at;
		*end = at + size;
		found = true;
	}
	return found;
}

void os_release_part(void *p, size_t size)
{
	if (!strict_self)
		os_syscall4(SYS_munmap, (long)p, (long)size, 0, 0);
}

void os_release(void *p, size_t size)
{
	reserve_forget((uintptr_t)p);
	os_release_part(p, size);
}

void *os_reserve_shared(size_t size)
{
	long r = arch_syscall6(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE,
	                       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (r < 0 && r > -(long)PAGE_SIZE)
		return NULL;
	return reserve_note((uintptr_t)r, size) ? (void *)r : NULL;
}

static bool os_advise(void *p, size_t size, int advice)
{
	enum os_call call = advice == MADV_DONTNEED                                       ? OS_CALL_DONTNEED
	                    : advice == MADV_GUARD_INSTALL || advice == MADV_GUARD_REMOVE ? OS_CALL_GUARD
	                                                                                  : OS_CALL_ADVISE;

	return os_may(call) && os_syscall4(SYS_madvise, (long)p, (long)size, advice, 0) == 0;
}

void os_program_runs(void)
{
	WRITE_ONCE(program_runs, true);
}

static void reserve_prepare(void *p, size_t size)
{
	bool may_be_locked = READ_ONCE(future_locked) || (READ_ONCE(program_runs) && !READ_ONCE(inherited));

	/* After mlockall(MCL_FUTURE) the whole reserve would count as locked. A new program has nothing locked. */
	if (may_be_locked && !os_filter_set())
		os_syscall4(SYS_munlock, (long)p, (long)size, 0, 0);
	/* The kernel leaves untouched pages out of core files, but gdb's gcore would write a terabyte of zeros. */
	os_advise(p, size, MADV_DONTDUMP);
}

static uint64_t soft_limit(int resource)
{
	struct {
		uint64_t soft, hard;
	} limit;

	return os_syscall4(SYS_prlimit64, 0, resource, 0, (long)&limit) == 0 ? limit.soft : UINT64_MAX;
}

/* Is there a limit of data (ulimit -d)? Asked once, at start-up; later the program may set one. */
enum { DATA_UNKNOWN, DATA_UNLIMITED, DATA_LIMITED, DATA_LIMITED_LATER };
static int data_limited; /* atomic */

static bool data_is_limited(void)
{
	if (!READ_ONCE(data_limited))
		WRITE_ONCE(data_limited,
		           !os_filter_set() && soft_limit(RLIMIT_DATA) != UINT64_MAX ? DATA_LIMITED : DATA_UNLIMITED);
	return READ_ONCE(data_limited) >= DATA_LIMITED;
}

void os_limit_data(void)
{
	if (!data_is_limited())
		WRITE_ONCE(data_limited, DATA_LIMITED_LATER);
}

/* Linux counts a private mapping as data when it may be written, unless the mapping grows downwards as a stack does
 * (is_data_mapping in mm/internal.h). Such a mapping grows when an access misses it by little, so its first page has
 * not got the flag: it stops that. */
bool os_do_not_count(void *p, size_t size)
{
	long start = (long)p + (long)PAGE_SIZE;

	return size > PAGE_SIZE && data_is_limited() &&
	       arch_syscall6(SYS_mmap, start, (long)(size - PAGE_SIZE), PROT_NONE,
	                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED | MAP_GROWSDOWN, -1, 0) == start;
}

/* A reserve from before the limit counts, step by step. A step lies above one that is usable, so it cannot grow: the
 * page below stands for os_do_not_count's first one, and is not mapped anew. At the limit not one page may count. */
void os_step_does_not_count(void *base, size_t have, size_t want)
{
	size_t from = have ? have - PAGE_SIZE : 0;

	if (unlikely(READ_ONCE(data_limited) == DATA_LIMITED_LATER) && !os_filter_set())
		os_do_not_count((char *)base + from, want - from);
}

void *os_reserve_data(size_t size, size_t align)
{
	size_t extra = align > PAGE_SIZE ? align - PAGE_SIZE : 0, total;
	uintptr_t raw, start, end;

	if (!size || size > SIZE_MAX / 2 || extra > SIZE_MAX / 4)
		return NULL;
	size = ALIGN_UP(size, PAGE_SIZE);
	total = size + extra;
	raw = (uintptr_t)os_map(total, PROT_NONE, MAP_NORESERVE);
	if (!raw)
		return NULL;
	start = extra ? ALIGN_UP(raw, align) : raw;
	end = start + size;
	if (start > raw)
		os_release((void *)raw, start - raw);
	if (raw + total > end)
		os_release((void *)end, raw + total - end);
	reserve_prepare((void *)start, size);
	return reserve_note(start, size) ? (void *)start : NULL;
}

void *os_reserve(size_t size, size_t align)
{
	void *p = os_reserve_data(size, align);

	size = ALIGN_UP(size, PAGE_SIZE);
	if (p && os_do_not_count(p, size))
		reserve_prepare(p, size);
	return p;
}

void *os_reserve_at(uintptr_t addr, size_t size)
{
	long r = arch_syscall6(SYS_mmap, (long)addr, (long)size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
	                       -1, 0);

	if (r < 0 && r > -(long)PAGE_SIZE)
		return NULL;
	if ((uintptr_t)r != addr) {
		os_release_part((void *)r, size);
		return NULL;
	}
	reserve_prepare((void *)r, size);
	return reserve_note((uintptr_t)r, size) ? (void *)r : NULL;
}

static bool os_protect(void *p, size_t size, int prot)
{
	return os_may(prot & PROT_EXEC ? OS_CALL_MPROTECT_CODE : OS_CALL_MPROTECT) &&
	       os_syscall4(SYS_mprotect, (long)p, (long)size, prot, 0) == 0;
}

/* A filter may look at the flags too. So under one they are those of libc's malloc. */
static long os_map_at(void *p, size_t size, int prot, int flags)
{
	if (prot == PROT_NONE || !os_filter_set())
		flags |= MAP_NORESERVE;
	return os_may(OS_CALL_MMAP)
	               ? arch_syscall6(SYS_mmap, (long)p, (long)size, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0)
	               : -ENOMEM;
}

/* RLIMIT_AS counts what is mapped. Under a small limit, inherited from the parent, the address space of memory that
 * grows in steps is kept by its place alone: nothing is mapped there before its step (os_open_empty). These places are
 * far below the part that the kernel fills from above, and below where it begins in its old layout (ulimit -s
 * unlimited). The program is not given such an address (preload/unseen/remap.c), unless it asks the kernel by itself;
 * then that step fails, as at the limit. A limit that the program sets later changes nothing: by then the reserves lie
 * among its other mappings. */
#define PLACES_FROM ((uintptr_t)0x14 << 40)
#define PLACES_SIZE ((uintptr_t)7 << 40)
#define RANDOM_PLACES_FROM ((uintptr_t)0x1c << 40)
#define RANDOM_PLACES_SIZE ((uintptr_t)3 << 40)
#define PLACES_END ((uintptr_t)0x20 << 40)
#define PLACES_APART ((size_t)1 << 20)

/* Without guard regions pages are protected, which must be mapped for that. What a limit of data must not count is
 * mapped in its own way. */
bool os_places_only(void)
{
	enum { UNKNOWN, MAPPED, PLACES };
	static int how; /* atomic; the answer is that of the process's start */

	if (unlikely(!READ_ONCE(how)))
		WRITE_ONCE(how, !os_filter_set() && soft_limit(RLIMIT_AS) <= OS_PLACES_LIMIT && !emulated &&
		                                !data_is_limited() && os_guard_supported()
		                        ? PLACES
		                        : MAPPED);
	return READ_ONCE(how) == PLACES;
}

static bool is_place(const void *p)
{
	return (uintptr_t)p - PLACES_FROM < PLACES_END - PLACES_FROM && os_places_only();
}

bool os_keeps_place(uintptr_t addr, size_t size)
{
	uintptr_t start, end;

	if (addr >= PLACES_END || PLACES_END - addr < size)
		size = addr >= PLACES_END ? 0 : PLACES_END - addr;
	return addr + size > PLACES_FROM && size && os_places_only() && os_next_reserve(addr, &start, &end) &&
	       start < addr + size;
}

static long map_if_free(void *p, size_t size, int prot)
{
	long r = os_map_at(p, size, prot, MAP_FIXED_NOREPLACE);

	/* Before Linux 4.17 the flag is not known. */
	if (r > 0 && (void *)r != p)
		os_release_part((void *)r, size);
	return r;
}

/* Where the kernel places a page is as hard to guess as the first of these places. */
static uintptr_t place_first(void)
{
	uintptr_t page = (uintptr_t)os_map(PAGE_SIZE, PROT_NONE, 0);

	if (page)
		os_release_part((void *)page, PAGE_SIZE);
	return PLACES_FROM + page % PLACES_SIZE;
}

static void *place_take(uintptr_t at, size_t size)
{
	/* Has the processor such addresses? */
	if (size > PLACES_END - at || map_if_free((void *)at, PAGE_SIZE, PROT_NONE) != (long)at)
		return NULL;
	os_release_part((void *)at, PAGE_SIZE);
	return reserve_note(at, size) ? (void *)at : NULL;
}

void *os_reserve_random_steps(uint64_t random, size_t size, size_t align)
{
	return os_places_only() && size <= OS_PLACES_LIMIT
	               ? place_take(RANDOM_PLACES_FROM + ALIGN_DOWN(random % RANDOM_PLACES_SIZE, align),
	                            ALIGN_UP(size, PAGE_SIZE))
	               : NULL;
}

static void *place_reserve(size_t size, size_t align)
{
	static uintptr_t next; /* atomic; 0: none was chosen */
	uintptr_t none = 0, at;

	size = ALIGN_UP(size, PAGE_SIZE);
	if (!READ_ONCE(next))
		__atomic_compare_exchange_n(&next, &none, place_first(), false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	at = ALIGN_UP(__atomic_fetch_add(&next, size + align + PLACES_APART, __ATOMIC_RELAXED), align);
	return at < RANDOM_PLACES_FROM ? place_take(at, size) : NULL;
}

void *os_reserve_steps(size_t size, size_t align, bool data)
{
	void *p = size && size <= OS_PLACES_LIMIT && os_places_only() ? place_reserve(size, align) : NULL;

	if (p)
		return p;
	return data ? os_reserve_data(size, align) : os_reserve(size, align);
}

void os_release_unused(void *p, size_t size)
{
	if (!is_place(p))
		os_release_part(p, size);
}

bool os_open_empty(void *p, size_t size)
{
	if (unlikely(is_place(p)))
		return map_if_free(p, size, PROT_READ | PROT_WRITE) == (long)p;
	if (!os_may(OS_CALL_MPROTECT))
		return os_map_at(p, size, PROT_READ | PROT_WRITE, MAP_FIXED) == (long)p;
	return os_protect(p, size, PROT_READ | PROT_WRITE);
}

static void os_advise_usable(void *p, size_t size, bool huge)
{
	os_advise(p, size, MADV_DODUMP); /* undoes MADV_DONTDUMP of os_reserve */
	if (!huge)
		os_advise(p, size, MADV_NOHUGEPAGE); /* EINVAL: a kernel without huge pages */
}

bool os_commit(void *p, size_t size, bool huge)
{
	if (!os_open_empty(p, size))
		return false;
	os_advise_usable(p, size, huge);
	return true;
}

bool os_reopen(void *p, size_t size)
{
	if (!os_protect(p, size, PROT_READ | PROT_WRITE))
		return false;
	os_advise_usable(p, size, false);
	return true;
}

void os_want_huge(void *p, size_t size)
{
	os_advise(p, size, MADV_HUGEPAGE);
}

size_t os_resident(const void *p, size_t size)
{
	uint8_t pages[1024];
	size_t resident = 0;

	for (size_t at = 0; at < size && !os_filter_set(); at += sizeof(pages) * PAGE_SIZE) {
		size_t n = MIN(size - at, sizeof(pages) * PAGE_SIZE);
		if (os_syscall4(SYS_mincore, (long)p + (long)at, (long)n, (long)pages, 0) != 0)
			return 0;
		for (size_t i = 0; i < (n + PAGE_SIZE - 1) / PAGE_SIZE; i++)
			resident += (pages[i] & 1) * PAGE_SIZE;
	}
	return resident;
}

/* MADV_DONTNEED refuses locked pages. The pages are no longer in use, so they are unlocked for a second try, and zeroed
 * if that fails too. */
void os_decommit(void *p, size_t size)
{
	if (os_advise(p, size, MADV_DONTNEED))
		return;
	if (!os_may(OS_CALL_DONTNEED) && os_map_at(p, size, PROT_READ | PROT_WRITE, MAP_FIXED) == (long)p)
		return;
	if (!os_filter_set())
		os_syscall4(SYS_munlock, (long)p, (long)size, 0, 0);
	if (!os_advise(p, size, MADV_DONTNEED))
		mem_set(p, 0, size);
}

bool os_protect_none(void *p, size_t size)
{
	return os_protect(p, size, PROT_NONE);
}

bool os_unprotect(void *p, size_t size)
{
	return os_protect(p, size, PROT_READ | PROT_WRITE);
}

bool os_renew(void *p, size_t size, bool huge)
{
	if (os_map_at(p, size, PROT_READ | PROT_WRITE, MAP_FIXED) != (long)p)
		return false;
	if (!huge)
		os_advise(p, size, MADV_NOHUGEPAGE);
	return true;
}

/* An access to a guard region is a fault of the same kind (SEGV_MAPERR) as one to an address where nothing is
 * mapped. */
int os_withdraw(void *p, size_t size, bool only_holes)
{
	int prot = os_guard_supported() ? PROT_READ | PROT_WRITE : PROT_NONE;
	long r = os_map_at(p, size, PROT_NONE, only_holes ? MAP_FIXED_NOREPLACE : MAP_FIXED);

	if (r < 0)
		return (int)r;
	os_advise(p, size, MADV_NOHUGEPAGE);
	if (prot != PROT_NONE && os_guard_install(p, size))
		os_protect(p, size, prot);
	return 0;
}

bool os_retire(void *p, size_t size)
{
	if (os_map_at(p, size, PROT_NONE, MAP_FIXED) != (long)p)
		return false;
	reserve_prepare(p, size);
	return true;
}

bool os_protect_read(void *p, size_t size)
{
	return os_protect(p, size, PROT_READ);
}

bool os_protect_code(void *p, size_t size)
{
	return os_protect(p, size, PROT_READ | PROT_WRITE | PROT_EXEC);
}

bool os_protect_plain_code(void *p, size_t size)
{
	return os_protect(p, size, PROT_READ | PROT_EXEC);
}

size_t os_memory_size(void)
{
	struct sysinfo info;
	char text[2048];

	if (READ_ONCE(inherited)) {
		size_t kib = os_read_text("/proc/meminfo", text, sizeof(text)) ? proc_number(text, "MemTotal:") : 0;

		return kib ? (kib + proc_number(text, "SwapTotal:")) << 10 : SIZE_MAX;
	}
	return os_syscall4(SYS_sysinfo, (long)&info, 0, 0, 0) == 0
	               ? ((size_t)info.totalram + info.totalswap) * info.mem_unit
	               : SIZE_MAX;
}

/* Reserves are MAP_NORESERVE, which no overcommit policy refuses. But malloc must fail where it would without memsan: a
 * program that asks for 100 GB expects NULL, and would be killed for using that memory. So a size above the machine's
 * memory is first tried as an ordinary mapping. */
bool os_may_commit(size_t size)
{
	static size_t known; /* racing threads store the same value */
	size_t memory = READ_ONCE(known);
	void *p;

	if (!memory) {
		memory = os_memory_size();
		WRITE_ONCE(known, memory);
	}
	if (size <= memory)
		return true;
	p = os_map(size, PROT_READ | PROT_WRITE, 0);
	if (p)
		os_release_part(p, size);
	return p != NULL;
}

/* ---- guard regions --------------------------------------------------------------------------- */

enum { GUARD_UNKNOWN, GUARD_NO, GUARD_YES };
static int guard_support; /* atomic; racing threads store the same value */

static int os_guard_probe(void)
{
	void *page = os_map(PAGE_SIZE, PROT_READ | PROT_WRITE, 0);
	int found;

	if (!page)
		return GUARD_UNKNOWN;
	found = os_advise(page, PAGE_SIZE, MADV_GUARD_INSTALL) ? GUARD_YES : GUARD_NO;
	os_release(page, PAGE_SIZE);
	return found;
}

bool os_guard_supported(void)
{
	int known = __atomic_load_n(&guard_support, __ATOMIC_RELAXED);

	if (unlikely(known == GUARD_UNKNOWN)) {
		known = os_guard_probe();
		__atomic_store_n(&guard_support, known, __ATOMIC_RELAXED);
	}
	return known == GUARD_YES;
}

bool os_guard_install(void *p, size_t size)
{
	return os_guard_supported() && os_advise(p, size, MADV_GUARD_INSTALL);
}

bool os_guard_remove(void *p, size_t size)
{
	return os_guard_supported() && os_advise(p, size, MADV_GUARD_REMOVE);
}

/* Since Linux 6.14 process_madvise accepts every advice for the calling process, and needs no descriptor. */
#define PIDFD_SELF_PROCESS (-10001)
static int batch_support; /* atomic; GUARD_* */

static long os_advise_many(const struct os_range *ranges, size_t n, int advice)
{
	return arch_syscall6(SYS_process_madvise, PIDFD_SELF_PROCESS, (long)ranges, (long)n, advice, 0, 0);
}

static size_t os_guard_open_batch(const struct os_range *ranges, size_t n)
{
	size_t done = 0;
	long r;

	if (__atomic_load_n(&batch_support, __ATOMIC_RELAXED) == GUARD_NO || n < 2 || os_under_seccomp())
		return 0;
	r = os_advise_many(ranges, n, MADV_GUARD_REMOVE);
	if (r <= 0) {
		__atomic_store_n(&batch_support, GUARD_NO, __ATOMIC_RELAXED);
		return 0;
	}
	/* r counts bytes: the call stops at the first range that it cannot advise. */
	while (done < n && (size_t)r >= ranges[done].size)
		r -= (long)ranges[done++].size;
	/* Populated pages cause no faults later. A page that cannot be populated now faults at its first use. */
	os_advise_many(ranges, done, MADV_POPULATE_WRITE);
	return done;
}

size_t os_guard_open_many(const struct os_range *ranges, size_t n)
{
	size_t done = os_guard_open_batch(ranges, n);

	while (done < n && os_guard_remove(ranges[done].start, ranges[done].size))
		done++;
	return done;
}

/* ---- limits ---------------------------------------------------------------------------------- */

/* The number at the beginning of a file in /proc; 0: the file cannot be read (no descriptor left, no /proc). */
static uint64_t os_read_number(const char *path)
{
	char text[64];
	uint64_t value = 0;

	if (!os_filter_set() && os_read_text(path, text, sizeof(text)))
		number_decimal(text, &value);
	return value;
}

static uint64_t os_mapped_bytes(void)
{
	return os_read_number("/proc/self/statm") * PAGE_SIZE;
}

#define MAPPINGS_DEFAULT 65530 /* DEFAULT_MAX_MAP_COUNT */

uint64_t os_mappings_limit(void)
{
	uint64_t limit = os_read_number("/proc/sys/vm/max_map_count");

	return limit ? limit : MAPPINGS_DEFAULT;
}

uint64_t os_charge_limit(void)
{
	static uint64_t strict; /* half of memory under strict overcommitment, asked once; 0: not known */
	uint64_t most = READ_ONCE(strict), limit;

	if (os_filter_set())
		return UINT64_MAX;
	if (!most) {
		most = os_read_number("/proc/sys/vm/overcommit_memory") == 2 ? os_memory_size() / 2 : UINT64_MAX;
		WRITE_ONCE(strict, most);
	}
	limit = soft_limit(RLIMIT_DATA);
	return MIN(limit, most);
}

uint64_t os_address_space_limit(void)
{
	uint64_t limit = os_filter_set() ? UINT64_MAX : soft_limit(RLIMIT_AS), used;

	if (limit == UINT64_MAX)
		return UINT64_MAX;
	used = os_mapped_bytes();
	return limit > used ? limit - used : 0;
}

/* ---- reading memory that may not be there ---------------------------------------------------- */

/* process_vm_readv on the calling process copies up to the first unreadable page and returns the bytes copied. It needs
 * no descriptor and loses no race with another thread's munmap. But it can be forbidden, and a seccomp filter may kill
 * the process for it. Then each page is probed by a call that filters which are inherited allow. rt_sigprocmask reads
 * its new mask before it refuses an invalid operation, so EFAULT means unreadable and EINVAL readable. After the
 * program has set a filter, no call is safe: then the probe is a load, behind which memsan's handler of SIGSEGV goes on
 * if the load faults. One weakness is accepted: if a page goes away between probe and copy, the copy faults. */
static size_t os_read_by_kernel(char *dst, uintptr_t src, size_t n, bool *refused)
{
	size_t done = 0;
	pid_t self = os_getpid();

	while (done < n) {
		struct {
			void *base;
			size_t len;
		} to = { dst + done, n - done }, from = { (void *)(src + done), n - done };
		long r = arch_syscall6(SYS_process_vm_readv, self, (long)&to, 1, (long)&from, 1, 0);
		if (r <= 0) {
			*refused = r != -EFAULT && done == 0;
			return done;
		}
		done += (size_t)r;
	}
	*refused = false;
	return done;
}

ARCH_PROBE_DEFINE;

static bool probe_by_load; /* written once: memsan's handler knows the load */

void os_probe_by_load(void)
{
	probe_by_load = true;
}

/* A null pointer means "no new mask": the call returns 0, so page 0 counts as unreadable. */
bool os_page_readable(const void *p)
{
	uintptr_t page = ALIGN_DOWN((uintptr_t)p, PAGE_SIZE);

	if (os_filter_set())
		return probe_by_load && page && page >> 47 == 0 && arch_probe(p);
	/* No such limit: EINVAL, after the new value was read. */
	if (!os_filter_allows(OS_CALL_SIGPROCMASK))
		return page && os_syscall4(SYS_prlimit64, 0, ~0L, (long)page, 0) == -EINVAL;
	return os_syscall4(SYS_rt_sigprocmask, ~0L, (long)page, 0, sizeof(kernel_sigset)) == -EINVAL;
}

static size_t os_read_by_probe(char *dst, uintptr_t src, size_t n)
{
	size_t done = 0;

	while (done < n) {
		size_t piece = MIN(n - done, PAGE_SIZE - (src + done) % PAGE_SIZE);
		if (!os_page_readable((const void *)(src + done)))
			break;
		mem_copy(dst + done, (const void *)(src + done), piece);
		done += piece;
	}
	return done;
}

size_t os_safe_read(void *dst, const void *src, size_t n)
{
	bool refused = true;
	size_t done = 0;

	/* No range wraps around the end of the address space. */
	if ((uintptr_t)src + n < (uintptr_t)src)
		n = (size_t)0 - (uintptr_t)src;
	if (!os_under_seccomp())
		done = os_read_by_kernel(dst, (uintptr_t)src, n, &refused);
	return refused ? os_read_by_probe(dst, (uintptr_t)src, n) : done;
}

size_t os_safe_read_many(const struct os_copy *copies, size_t n)
{
	struct os_range to[OS_COPIES_MAX], from[OS_COPIES_MAX];
	size_t done = 0;
	long r;

	n = MIN(n, (size_t)OS_COPIES_MAX);
	if (os_under_seccomp())
		return 0;
	for (size_t i = 0; i < n; i++) {
		to[i] = (struct os_range){ copies[i].dst, copies[i].n };
		from[i] = (struct os_range){ (void *)(uintptr_t)copies[i].src, copies[i].n };
	}
	r = arch_syscall6(SYS_process_vm_readv, os_getpid(), (long)to, (long)n, (long)from, (long)n, 0);
	while (done < n && r > 0 && (size_t)r >= copies[done].n)
		r -= (long)copies[done++].n;
	return done;
}

size_t os_probe_read(void *dst, const void *src, size_t n)
{
	size_t done;

	if ((uintptr_t)src + n < (uintptr_t)src)
		return os_safe_read(dst, src, n);
	done = n - arch_probe_copy(dst, src, n);
	/* A key of the program may forbid this thread what the kernel may read. */
	return done < n ? done + os_safe_read((char *)dst + done, (const void *)((uintptr_t)src + done), n - done) : n;
}
