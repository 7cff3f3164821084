/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/lock.c - ranked futex locks, and all of them together over a fork.
 *
 * The futex word is Drepper's third mutex ("Futexes Are Tricky"):
 *
 *                  acquire                    a second thread comes
 *        0 free ------------> 1 held ----------------------------> 2 held, somebody sleeps
 *          ^                    |                                     |
 *          +------- release ----+------------- release, wake one -----+
 *
 * A thread that has slept takes the lock as 2, since it cannot know whether others still sleep. At worst that costs one
 * needless wake. Before a thread sleeps it spins a little, since our critical sections are short. It does not spin when
 * another thread already sleeps.
 *
 * Accepted: no fairness, no priority inheritance.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/time_types.h>
#include <signal.h>
#include <sys/syscall.h>

#include "lib/lib.h"
#include "lib/lib_internal.h"

#define SPIN_ROUNDS 40

/* ---- complaints ------------------------------------------------------------------------------ */

#define RANK_BITS 8

static inline unsigned lock_rank_of(const struct ranked_lock *l)
{
	return __atomic_load_n(&l->rank_holder, __ATOMIC_RELAXED) & ((1u << RANK_BITS) - 1);
}

static const char *lock_name(const struct ranked_lock *l)
{
	/* No default: the compiler warns of a rank without a name. */
	switch ((enum lock_rank)lock_rank_of(l)) {
	case LOCK_RANK_INIT:
		return "init";
	case LOCK_RANK_SHRINK:
		return "shrink";
	case LOCK_RANK_FENCE:
		return "fence";
	case LOCK_RANK_QUARANTINE:
		return "quarantine";
	case LOCK_RANK_CACHE_LIST:
		return "cache list";
	case LOCK_RANK_CACHE:
		return "cache";
	case LOCK_RANK_VMALLOC:
		return "vmalloc";
	case LOCK_RANK_BUDDY:
		return "buddy";
	case LOCK_RANK_ARENA:
		return "arena";
	case LOCK_RANK_WATCH:
		return "watch";
	case LOCK_RANK_REPORT:
		return "report";
	case LOCK_RANK_MODULES:
		return "modules";
	case LOCK_RANK_LEAK:
		return "leak";
	case LOCK_RANK_DEPOT:
		return "depot";
	case LOCK_RANK_META:
		return "meta";
	case LOCK_RANK_THREADS:
		return "threads";
	case LOCK_RANK_LEAF:
		return "leaf";
	case LOCK_RANK_NR:
		break;
	}
	return "?";
}

static _Noreturn __cold_path void lock_complain(const char *what, const struct ranked_lock *l,
                                                const struct ranked_lock *other)
{
	char text[160];
	struct fmt_buf b;

	fmt_init(&b, text, sizeof(text) - 1);
	fmt_printf(&b, "memsan: lock error: %s %s", what, lock_name(l));
	if (other)
		fmt_printf(&b, " while holding %s", lock_name(other));
	text[b.len++] = '\n';
	os_write_all(2, text, b.len);
	os_abort();
}

/* ---- debug builds: the locks that each thread holds ------------------------------------------ */

#ifdef MEMSAN_DEBUG

#define HELD_MAX 32

/* The locks that this thread holds, oldest first, without those that it holds over a fork. */
static TLS_IE const struct ranked_lock *held[HELD_MAX];
static TLS_IE unsigned held_count;

static void lock_debug_check(const struct ranked_lock *l)
{
	for (unsigned i = 0; i < held_count; i++) {
		if (held[i] == l)
			lock_complain("recursion on", l, NULL);
		if (lock_rank_of(held[i]) >= lock_rank_of(l))
			lock_complain("inversion, taking", l, held[i]);
	}
}

static void lock_debug_taken(const struct ranked_lock *l)
{
	if (held_count == HELD_MAX)
		lock_complain("too many locks held, taking", l, NULL);
	held[held_count++] = l;
}

/* Removes l from the list; false: it was not there. */
static bool lock_debug_forget(const struct ranked_lock *l)
{
	unsigned i = held_count;

	while (i > 0 && held[i - 1] != l)
		i--;
	if (i == 0)
		return false;
	for (; i < held_count; i++)
		held[i - 1] = held[i];
	held_count--;
	return true;
}

static void lock_debug_release(const struct ranked_lock *l)
{
	if (!lock_debug_forget(l))
		lock_complain("release by a thread that does not hold", l, NULL);
}

#else

static inline void lock_debug_check(const struct ranked_lock *l)
{
	(void)l;
}
static inline void lock_debug_taken(const struct ranked_lock *l)
{
	(void)l;
}
static inline void lock_debug_release(const struct ranked_lock *l)
{
	(void)l;
}
static inline bool lock_debug_forget(const struct ranked_lock *l)
{
	(void)l;
	return true;
}

#endif

/* ---- the futex ------------------------------------------------------------------------------- */

/* The low bits hold the rank, which never changes; the bits above hold the holder's tid, or 0. */
__inline_hot void lock_set_holder(struct ranked_lock *l, pid_t tid)
{
	uint32_t v = lock_rank_of(l) | (uint32_t)tid << RANK_BITS;

	__atomic_store_n(&l->rank_holder, v, __ATOMIC_RELAXED);
}

/* A race with a thread that takes or releases the lock does no harm: that thread has another tid. */
bool lock_mine(const struct ranked_lock *l)
{
	return __atomic_load_n(&l->rank_holder, __ATOMIC_RELAXED) >> RANK_BITS == (uint32_t)thread_tid();
}

__inline_hot bool lock_take_free(struct ranked_lock *l)
{
	uint32_t expected = 0;

	if (!__atomic_compare_exchange_n(&l->state, &expected, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return false;
	lock_set_holder(l, thread_tid());
	return true;
}

/* The thread that ends the process (thread_ends_process) waits in this way: see "locks that are never given". */
static void lock_wait_last(struct ranked_lock *l);

static __cold_path void lock_take_slow(struct ranked_lock *l)
{
	for (int i = 0; i < SPIN_ROUNDS; i++) {
		uint32_t state = __atomic_load_n(&l->state, __ATOMIC_RELAXED);
		if (state == 0 && lock_take_free(l))
			return;
		if (state == 2)
			break;
		arch_relax();
	}
	if (lock_mine(l))
		lock_complain("recursion on", l, NULL);
	/* In a copy, the thread that holds the lock may be one of the parent's. */
	process_settle();
	if (unlikely(thread_ends_process))
		lock_wait_last(l);
	else
		while (__atomic_exchange_n(&l->state, 2, __ATOMIC_ACQUIRE) != 0)
			os_syscall4(SYS_futex, (long)&l->state, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 2, 0);
	lock_set_holder(l, thread_tid());
}

__inline_hot void lock_take(struct ranked_lock *l)
{
	if (unlikely(!lock_take_free(l)))
		lock_take_slow(l);
}

__inline_hot void lock_give(struct ranked_lock *l)
{
	lock_set_holder(l, 0);
	if (unlikely(__atomic_exchange_n(&l->state, 0, __ATOMIC_RELEASE) == 2))
		os_syscall4(SYS_futex, (long)&l->state, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0);
}

TLS_IE uint32_t locks_held;

/* Counted before the lock is taken, and until it is given: a signal in between finds the count too high, never too
 * low. */
__inline_hot void held_count_add(const struct ranked_lock *l, uint32_t n)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (likely(lock_rank_of(l) > LOCK_RANK_SHRINK))
		locks_held += n;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static pid_t lock_holder(const struct ranked_lock *l)
{
	return (pid_t)(__atomic_load_n(&l->rank_holder, __ATOMIC_RELAXED) >> RANK_BITS);
}

void lock_init(struct ranked_lock *l, enum lock_rank rank)
{
	__atomic_store_n(&l->rank_holder, (uint32_t)rank, __ATOMIC_RELAXED);
	__atomic_store_n(&l->state, 0, __ATOMIC_RELEASE);
}

void lock_acquire(struct ranked_lock *l)
{
	lock_debug_check(l);
	held_count_add(l, 1);
	lock_take(l);
	lock_debug_taken(l);
}

/* Trying cannot deadlock, so any rank may be tried. */
bool lock_try(struct ranked_lock *l)
{
	held_count_add(l, 1);
	if (!lock_take_free(l)) {
		held_count_add(l, -1u);
		return false;
	}
	lock_debug_taken(l);
	return true;
}

void lock_release(struct ranked_lock *l)
{
	lock_debug_release(l);
	lock_give(l);
	held_count_add(l, -1u);
}

/* The waiting threads do not exist in the child, and no other thread runs there yet. */
void lock_release_in_child(struct ranked_lock *l)
{
	lock_debug_forget(l);
	lock_set_holder(l, 0);
	__atomic_store_n(&l->state, 0, __ATOMIC_RELEASE);
}

/* ---- all locks together over a fork ---------------------------------------------------------- */

/* The registry is an array sorted by rank, equal ranks in order of registration. locks_fork_prepare walks it from the
 * front and takes each lock. The registry's own lock is a leaf, so it is held only while one entry is read, and stays
 * held after the last entry. If a lock is registered meanwhile, positions may have shifted: all locks are released and
 * the walk begins again.
 *
 *   fork_lock | init … modules … quarantine … cache, cache, cache … buddy … threads … | registry_lock
 *
 * A program may fork in a signal handler that interrupted a critical section of memsan. The interrupted code goes on in
 * both processes, and releases its lock in both. So the walk skips such a lock, and the child writes its thread's new
 * tid into it as the holder. Accepted: if another thread holds a lower lock and waits for the lock of the interrupted
 * code, both threads wait for ever (as with libc's own heap).
 *
 * From prepare on, all signals are blocked except those that the thread's own instructions raise. So no fork starts in
 * the middle of another. */
#define REGISTRY_MAX 4096

/* Held from prepare to parent or child: one fork at a time. Guards the variables below. */
static struct ranked_lock fork_lock = RANKED_LOCK_INIT(LOCK_RANK_INIT);
/* NULL: the caller already held that lock of registry[]. */
static __large_bss struct ranked_lock *fork_held[REGISTRY_MAX];
static unsigned fork_held_count;
static uint64_t fork_saved_mask;

/* Guards registry, registry_count, registry_generation. */
static struct ranked_lock registry_lock = RANKED_LOCK_INIT(LOCK_RANK_LEAF);
static __large_bss struct ranked_lock *registry[REGISTRY_MAX];
static unsigned registry_count;
static unsigned registry_generation;

bool lock_register_for_fork(struct ranked_lock *l)
{
	unsigned rank = lock_rank_of(l), at, i;
	bool known = false, room;

	lock_acquire(&registry_lock);
	for (at = registry_count; at > 0 && lock_rank_of(registry[at - 1]) > rank; at--)
		;
	for (i = at; i > 0 && lock_rank_of(registry[i - 1]) == rank; i--)
		known |= registry[i - 1] == l;
	room = registry_count < REGISTRY_MAX;
	if (!known && room) {
		for (i = registry_count++; i > at; i--)
			registry[i] = registry[i - 1];
		registry[at] = l;
		registry_generation++;
	}
	lock_release(&registry_lock);
	return known || room;
}

void lock_unregister_for_fork(struct ranked_lock *l)
{
	unsigned i = 0;

	lock_acquire(&registry_lock);
	while (i < registry_count && registry[i] != l)
		i++;
	if (i < registry_count) {
		for (registry_count--; i < registry_count; i++)
			registry[i] = registry[i + 1];
		registry_generation++;
	}
	lock_release(&registry_lock);
}

static void fork_give_all(void (*give)(struct ranked_lock *l))
{
	while (fork_held_count > 0)
		if (fork_held[--fork_held_count])
			give(fork_held[fork_held_count]);
}

static void fork_give_one(struct ranked_lock *l)
{
	lock_give(l);
}

/* Under fork_lock. True: all registered locks and registry_lock are held. False: the registry changed, and none of
 * these locks is held. */
static bool fork_take_all(void)
{
	unsigned generation;

	lock_take(&registry_lock);
	generation = registry_generation;
	lock_give(&registry_lock);
	for (fork_held_count = 0;; fork_held_count++) {
		struct ranked_lock *next;
		lock_take(&registry_lock);
		if (registry_generation != generation) {
			lock_give(&registry_lock);
			fork_give_all(fork_give_one);
			return false;
		}
		if (fork_held_count == registry_count)
			return true;
		next = registry[fork_held_count];
		lock_give(&registry_lock);
		if (lock_mine(next))
			next = NULL;
		else
			lock_take(next);
		fork_held[fork_held_count] = next;
	}
}

/* clang-format would take "(a) - 1" for a cast. */
/* clang-format off */
#define BIT(sig) (1ULL << ((sig) - 1))
/* clang-format on */
#define SYNCHRONOUS (BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGILL) | BIT(SIGFPE) | BIT(SIGTRAP) | BIT(SIGABRT) | BIT(SIGSYS))

void locks_fork_prepare(void)
{
	uint64_t block = ~SYNCHRONOUS, saved = 0;

	if (os_free_to(OS_CALL_SIGPROCMASK))
		os_syscall4(SYS_rt_sigprocmask, SIG_BLOCK, (long)&block, (long)&saved, sizeof(saved));
	lock_take(&fork_lock);
	fork_saved_mask = saved;
	while (!fork_take_all())
		arch_relax();
}

void locks_fork_parent(void)
{
	uint64_t saved = fork_saved_mask;

	lock_give(&registry_lock);
	fork_give_all(fork_give_one);
	lock_give(&fork_lock);
	os_mask_set(saved);
}

void locks_fork_child(void)
{
	uint64_t saved = fork_saved_mask;
	pid_t tid = os_gettid();

	for (unsigned i = 0; i < fork_held_count; i++)
		if (!fork_held[i])
			lock_set_holder(registry[i], tid);
	lock_release_in_child(&registry_lock);
	fork_give_all(lock_release_in_child);
	lock_release_in_child(&fork_lock);
	os_mask_set(saved);
}

/* Held by a thread that this process does not have? */
static bool lock_is_orphan(const struct ranked_lock *l, pid_t pid)
{
	pid_t holder = lock_holder(l);

	/* Without a holder: the thread had just taken it, or was about to give it. */
	return __atomic_load_n(&l->state, __ATOMIC_ACQUIRE) && holder != thread_tid() &&
	       (!holder || os_filter_set() || os_syscall4(SYS_tgkill, pid, holder, 0, 0) == -ESRCH);
}

bool locks_settle_copy(void)
{
	pid_t pid = os_getpid(), before = thread_tid();
	bool orphans = false;

	if (lock_is_orphan(&fork_lock, pid))
		lock_release_in_child(&fork_lock);
	if (lock_is_orphan(&registry_lock, pid))
		lock_release_in_child(&registry_lock);
	for (unsigned i = 0; i < registry_count; i++) {
		if (lock_holder(registry[i]) == before)
			lock_set_holder(registry[i], os_gettid()); /* this thread's new tid */
		if (!lock_is_orphan(registry[i], pid) || lock_holder(registry[i]) == os_gettid())
			continue;
		lock_release_in_child(registry[i]);
		orphans = true;
	}
	return orphans;
}

/* ---- locks that are never given -------------------------------------------------------------- */

/* A signal handler of the program's that interrupted a critical section may wait for ever (a world that is stopped for
 * a garbage collection, a thread that is parked), or may end its thread. The lock is then never given. A program that
 * only ends meanwhile takes no lock of its own malloc, so the checks at its exit must not wait for that lock either.
 *
 *     the holder (or the thread whose lock the holder waits for) ...       the lock is given up
 *       has ended                                                          at once
 *       sleeps, and not in memsan                                          when it has slept LOOKS_ASLEEP looks long
 *       runs                                                               when it has used CPU_MAX of processor time
 *       is ready to run, waits for a page or a disk                        never: it will give the lock
 *       is not known, and all other threads sleep or have ended            when that was so LOOKS_ASLEEP looks long
 *       is not known, or cannot be seen (no /proc, a filter of calls)      after LOOKS_UNKNOWN looks
 *
 * No critical section sleeps by itself, except for a report that waits for its helper. So how loaded the machine is
 * makes no difference, apart from the last row. A look is a wait of LOOK_NS that nobody has ended. Every wake, and
 * every other holder, begins the count anew.
 *
 * The ending thread takes a lock that is given up, and goes on. What the lock guards may be half changed, so the checks
 * leave it out (lock_is_given_up), and there is no scan for leaks. */
#define LOOK_NS 10000000l
#define LOOKS_ASLEEP 50u
#define LOOKS_UNKNOWN 1000u
#define CPU_MAX 5000000000ull
#define CHAIN_MAX 16 /* locks, each of whose holders waits for the next */

TLS_IE bool thread_ends_process;
/* Written by the ending thread alone. */
#define GIVEN_UP_MAX 8u
static const struct ranked_lock *given_up[GIVEN_UP_MAX];
static uint32_t nr_given_up; /* counts on beyond GIVEN_UP_MAX; atomic */
static pid_t given_up_by;    /* the thread that did not give the first of them; -1: not known */

struct watched {
	pid_t tid;
	uint32_t asleep, unknown;
	uint64_t cpu; /* when it was first seen */
};

static uint64_t thread_cpu_ns(pid_t tid)
{
	struct __kernel_timespec t = { 0, 0 };

	/* the kernel's number for the processor time of one thread */
	os_syscall4(SYS_clock_gettime, (long)(((uint32_t)~tid << 3) | 6), (long)&t, 0, 0);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static size_t thread_file(pid_t tid, const char *name, char *text, size_t size)
{
	char path[64];
	struct fmt_buf b;

	fmt_init(&b, path, sizeof(path));
	fmt_printf(&b, "/proc/self/task/%d/%s", tid, name);
	return os_read_text(path, text, size);
}

/* The letter of the thread's state; 0: it cannot be seen. Names of threads may contain anything. */
static char thread_state(pid_t tid)
{
	char text[256];
	size_t n = thread_file(tid, "stat", text, sizeof(text));

	while (n > 2 && text[n - 1] != ')')
		n--;
	return n > 2 ? text[n + 1] : '\0';
}

/* The same for all other threads together: 'S' if all of them sleep, or there are none. Threads that come and go
 * meanwhile are seen in the next look. */
static char others_state(void)
{
	char buf[1024] __attribute__((aligned(8)));
	int fd = os_open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	char state = '\0', one;
	uint64_t tid;
	long n;

	while (fd >= 0 && (n = os_syscall4(SYS_getdents64, fd, (long)buf, sizeof(buf), 0)) > 0)
		for (long at = 0; at < n;) {
			const struct os_dirent *d = (const struct os_dirent *)(buf + at);

			at += d->reclen;
			if (!number_decimal(d->name, &tid))
				continue;
			one = (pid_t)tid == thread_tid() ? 'S' : thread_state((pid_t)tid);
			if (one && state != 'R')
				state = one == 'S' ? 'S' : 'R';
		}
	if (fd >= 0)
		os_close(fd);
	return state;
}

/* The registered lock that a sleeping thread waits for, or NULL. */
static const struct ranked_lock *lock_awaited(pid_t tid)
{
	char text[256];
	const char *p;
	uint64_t nr, word;

	if (!thread_file(tid, "syscall", text, sizeof(text)))
		return NULL;
	p = number_decimal(text, &nr);
	if (!p || nr != SYS_futex || !str_starts(p, " 0x") || !number_hex(p + 3, &word))
		return NULL;
	for (unsigned i = 0; i < registry_count; i++)
		if ((uint64_t)(uintptr_t)&registry[i]->state == word)
			return registry[i];
	return NULL;
}

/* A report may take long, and others wait for its end. */
static bool report_is_made(void)
{
	for (unsigned i = 0; i < registry_count; i++)
		if (lock_rank_of(registry[i]) == LOCK_RANK_REPORT && LOAD_ACQUIRE(registry[i]->state) &&
		    !lock_mine(registry[i]))
			return true;
	return false;
}

/* One look at the lock's holder. True: it will not give the lock. */
static bool lock_is_kept(const struct ranked_lock *l, struct watched *w)
{
	bool blind = os_filter_set();
	pid_t tid = 0, next = lock_holder(l);
	char state = '\0';

	for (int i = 0; i < CHAIN_MAX && next && !blind; i++) {
		tid = next;
		if (os_syscall4(SYS_tgkill, os_getpid(), tid, 0, 0) == -ESRCH)
			return true;
		state = thread_state(tid);
		l = state == 'S' ? lock_awaited(tid) : NULL;
		next = l ? lock_holder(l) : 0;
	}
	/* Without a holder: that thread was interrupted between two steps of lock_take or lock_give. */
	if (!tid && !blind)
		state = others_state();
	if (w->tid != tid)
		*w = (struct watched){ .tid = tid, .cpu = tid ? thread_cpu_ns(tid) : 0 };
	if (report_is_made())
		w->asleep = 0;
	else if (!state || (!tid && state != 'S'))
		return ++w->unknown >= LOOKS_UNKNOWN;
	else if (state == 'S')
		return ++w->asleep >= LOOKS_ASLEEP;
	else
		w->asleep = 0;
	return tid && thread_cpu_ns(tid) - w->cpu >= CPU_MAX;
}

static void lock_note_given_up(const struct ranked_lock *l, pid_t holder)
{
	uint32_t i = __atomic_fetch_add(&nr_given_up, 1, __ATOMIC_RELAXED);

	if (i == 0)
		__atomic_store_n(&given_up_by, holder, __ATOMIC_RELAXED);
	if (i < GIVEN_UP_MAX)
		__atomic_store_n(&given_up[i], l, __ATOMIC_RELAXED);
}

static void lock_wait_last(struct ranked_lock *l)
{
	struct __kernel_timespec moment = { 0, LOOK_NS };
	struct watched w = { .tid = 0 };

	while (__atomic_exchange_n(&l->state, 2, __ATOMIC_ACQUIRE) != 0) {
		pid_t holder = lock_holder(l);
		long r = os_syscall4(SYS_futex, (long)&l->state, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 2, (long)&moment);

		if (r != -ETIMEDOUT || holder != lock_holder(l)) {
			w = (struct watched){ .tid = 0 };
		} else if (lock_is_kept(l, &w)) {
			lock_note_given_up(l, w.tid ? w.tid : holder ? holder : -1);
			return;
		}
	}
}

__cold_path bool lock_in_given_up(const struct ranked_lock *l)
{
	uint32_t i, nr = __atomic_load_n(&nr_given_up, __ATOMIC_RELAXED);

	if (nr > GIVEN_UP_MAX)
		return true;
	for (i = 0; i < nr; i++)
		if (__atomic_load_n(&given_up[i], __ATOMIC_RELAXED) == l)
			return true;
	return false;
}

pid_t locks_given_up(void)
{
	return __atomic_load_n(&given_up_by, __ATOMIC_RELAXED);
}
