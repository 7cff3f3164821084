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
 * A thread that has slept takes the lock as 2, since it cannot know whether others still sleep: at worst one wake too many.
 * Before sleeping it spins a little, as our critical sections are short, but not behind somebody who already sleeps.
 *
 * Accepted: no fairness, no priority inheritance.
 */
#include <sys/syscall.h>
#include <linux/futex.h>

#include "lib/lib.h"
#include "lib/lib_internal.h"

#define SPIN_ROUNDS 40

/* ---- debug builds: who holds what ----------------------------------------------------------------------------- */

#ifdef MEMSAN_DEBUG

#define HELD_MAX 32

static const char *const rank_names[] = {
	[LOCK_RANK_INIT] = "init", [LOCK_RANK_MODULES] = "modules", [LOCK_RANK_QUARANTINE] = "quarantine",
	[LOCK_RANK_CACHE_LIST] = "cache list", [LOCK_RANK_CACHE] = "cache", [LOCK_RANK_VMALLOC] = "vmalloc",
	[LOCK_RANK_BUDDY] = "buddy", [LOCK_RANK_ARENA] = "arena", [LOCK_RANK_REPORT] = "report", [LOCK_RANK_DEPOT] = "depot",
	[LOCK_RANK_META] = "meta", [LOCK_RANK_THREADS] = "threads", [LOCK_RANK_LEAF] = "leaf",
};
_Static_assert(ARRAY_SIZE(rank_names) == LOCK_RANK_NR, "every rank has a name");

/* This thread's locks, oldest first.  Locks that a fork holds are not in it. */
static TLS_IE const struct ranked_lock *held[HELD_MAX];
static TLS_IE unsigned held_count;

static _Noreturn __cold_path void lock_complain(const char *what, const struct ranked_lock *l, const struct ranked_lock *other)
{
	char text[160];
	struct fmt_buf b;

	fmt_init(&b, text, sizeof(text) - 1);
	fmt_printf(&b, "memsan: lock error: %s %s", what, l->rank < LOCK_RANK_NR ? rank_names[l->rank] : "?");
	if (other)
		fmt_printf(&b, " while holding %s", rank_names[other->rank]);
	text[b.len++] = '\n';
	os_write_all(2, text, b.len);
	os_abort();
}

static void lock_debug_check(const struct ranked_lock *l)
{
	for (unsigned i = 0; i < held_count; i++) {
		if (held[i] == l)
			lock_complain("recursion on", l, NULL);
		if (held[i]->rank >= l->rank)
			lock_complain("inversion, taking", l, held[i]);
	}
}

static void lock_debug_taken(struct ranked_lock *l)
{
	if (held_count == HELD_MAX)
		lock_complain("too many locks held, taking", l, NULL);
	held[held_count++] = l;
	l->holder_debug = (uint16_t)(thread_self_index + 1);
}

static void lock_debug_release(struct ranked_lock *l)
{
	unsigned i = held_count;

	while (i > 0 && held[i - 1] != l)
		i--;
	if (i == 0)
		lock_complain("release by a thread that does not hold", l, NULL);
	for (; i < held_count; i++)
		held[i - 1] = held[i];
	held_count--;
	l->holder_debug = 0;
}

static void lock_debug_none_held(void)
{
	if (held_count)
		lock_complain("fork with a lock held:", held[0], NULL);
}

#else

static inline void lock_debug_check(const struct ranked_lock *l) { (void)l; }
static inline void lock_debug_taken(struct ranked_lock *l) { (void)l; }
static inline void lock_debug_release(struct ranked_lock *l) { (void)l; }
static inline void lock_debug_none_held(void) { }

#endif

/* ---- the futex ------------------------------------------------------------------------------------------------ */

__inline_hot bool lock_take_free(struct ranked_lock *l)
{
	uint32_t expected = 0;

	return __atomic_compare_exchange_n(&l->state, &expected, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
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
	while (__atomic_exchange_n(&l->state, 2, __ATOMIC_ACQUIRE) != 0)
		os_syscall4(SYS_futex, (long)&l->state, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 2, 0);
}

__inline_hot void lock_take(struct ranked_lock *l)
{
	if (unlikely(!lock_take_free(l)))
		lock_take_slow(l);
}

__inline_hot void lock_give(struct ranked_lock *l)
{
	if (unlikely(__atomic_exchange_n(&l->state, 0, __ATOMIC_RELEASE) == 2))
		os_syscall4(SYS_futex, (long)&l->state, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0);
}

void lock_init(struct ranked_lock *l, enum lock_rank rank)
{
	l->rank = (uint16_t)rank;
	l->holder_debug = 0;
	__atomic_store_n(&l->state, 0, __ATOMIC_RELEASE);
}

void lock_acquire(struct ranked_lock *l)
{
	lock_debug_check(l);
	lock_take(l);
	lock_debug_taken(l);
}

/* Trying cannot deadlock, so any rank may be tried. */
bool lock_try(struct ranked_lock *l)
{
	if (!lock_take_free(l))
		return false;
	lock_debug_taken(l);
	return true;
}

void lock_release(struct ranked_lock *l)
{
	lock_debug_release(l);
	lock_give(l);
}

/* Those who waited do not exist in the child, and nobody else runs there yet. */
void lock_release_in_child(struct ranked_lock *l)
{
	l->holder_debug = 0;
	__atomic_store_n(&l->state, 0, __ATOMIC_RELEASE);
}

/* ---- all locks together over a fork --------------------------------------------------------------------------- */

/* The registry is an array sorted by rank, equal ranks in order of registration.  Preparing walks it from the front and takes
 * each lock; the registry's own lock is a leaf, so it is held only to read one entry, and kept after the last.  When somebody
 * registered meanwhile, positions may have shifted: everything taken is given back and the walk begins again.
 *
 *   fork_lock | init … modules … quarantine … cache, cache, cache … buddy … threads … | registry_lock
 *
 * A lock may leave the registry (a destroyed cache) while a fork waits for it only if its memory stays memory; ours is never unmapped. */
#define REGISTRY_MAX 4096

/* Held from prepare to parent or child: one fork at a time.  Guards fork_held, fork_held_count. */
static struct ranked_lock fork_lock = RANKED_LOCK_INIT(LOCK_RANK_INIT);
static struct ranked_lock *fork_held[REGISTRY_MAX];
static unsigned fork_held_count;

/* Guards registry, registry_count, registry_generation. */
static struct ranked_lock registry_lock = RANKED_LOCK_INIT(LOCK_RANK_LEAF);
static struct ranked_lock *registry[REGISTRY_MAX];
static unsigned registry_count;
static unsigned registry_generation;

bool lock_register_for_fork(struct ranked_lock *l)
{
	bool room;

	lock_acquire(&registry_lock);
	room = registry_count < REGISTRY_MAX;
	if (room) {
		unsigned i = registry_count++;
		for (; i > 0 && registry[i - 1]->rank > l->rank; i--)
			registry[i] = registry[i - 1];
		registry[i] = l;
		registry_generation++;
	}
	lock_release(&registry_lock);
	return room;
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

/* Under fork_lock.  True with every registered lock and registry_lock held; false, with none of them, when the registry changed. */
static bool fork_take_all(void)
{
	unsigned generation = __atomic_load_n(&registry_generation, __ATOMIC_RELAXED);

	for (fork_held_count = 0;; fork_held_count++) {
		struct ranked_lock *next;
		lock_take(&registry_lock);
		if (registry_generation != generation) {
			lock_give(&registry_lock);
			break;
		}
		if (fork_held_count == registry_count)
			return true;
		next = registry[fork_held_count];
		lock_give(&registry_lock);
		lock_take(next);
		fork_held[fork_held_count] = next;
	}
	while (fork_held_count > 0)
		lock_give(fork_held[--fork_held_count]);
	return false;
}

void locks_fork_prepare(void)
{
	lock_debug_none_held();
	lock_take(&fork_lock);
	while (!fork_take_all())
		arch_relax();
}

void locks_fork_parent(void)
{
	lock_give(&registry_lock);
	while (fork_held_count > 0)
		lock_give(fork_held[--fork_held_count]);
	lock_give(&fork_lock);
}

void locks_fork_child(void)
{
	lock_release_in_child(&registry_lock);
	while (fork_held_count > 0)
		lock_release_in_child(fork_held[--fork_held_count]);
	lock_release_in_child(&fork_lock);
}

void lib_fork_prepare(void)
{
	locks_fork_prepare();
}

void lib_fork_parent(void)
{
	locks_fork_parent();
}

void lib_fork_child(void)
{
	locks_fork_child();
	thread_fork_child();
}
