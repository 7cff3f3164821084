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
#include <linux/futex.h>
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
static struct ranked_lock *fork_held[REGISTRY_MAX]; /* NULL: the caller already held that lock of registry[] */
static unsigned fork_held_count;
static uint64_t fork_saved_mask;

/* Guards registry, registry_count, registry_generation. */
static struct ranked_lock registry_lock = RANKED_LOCK_INIT(LOCK_RANK_LEAF);
static struct ranked_lock *registry[REGISTRY_MAX];
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

	if (!os_filter_set())
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

static pid_t lock_holder(const struct ranked_lock *l)
{
	return (pid_t)(__atomic_load_n(&l->rank_holder, __ATOMIC_RELAXED) >> RANK_BITS);
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
