/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_lock.c - ranked locks: exclusion; ranks, which a debug build enforces by aborting; all locks over a
 * fork. */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "lib/lib.h"

#define THREADS 4
#define ROUNDS 20000

static struct ranked_lock counter_lock = RANKED_LOCK_INIT(LOCK_RANK_CACHE);
static unsigned long counter;

static void *count(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		bool slow = i % 1000 == 0;
		unsigned long seen;

		if (i % 7 || !lock_try(&counter_lock))
			lock_acquire(&counter_lock);
		seen = *(volatile unsigned long *)&counter;
		if (slow)
			sched_yield();
		*(volatile unsigned long *)&counter = seen + 1;
		lock_release(&counter_lock);
	}
	return arg;
}

static void threads_exclude_each_other(void **state)
{
	pthread_t t[THREADS];

	(void)state;
	counter = 0;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, count, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(counter, THREADS * ROUNDS);
	assert_int_equal(counter_lock.state, 0);
}

static void *sleep_on_lock(void *arg)
{
	lock_acquire(arg);
	lock_release(arg);
	return NULL;
}

static unsigned rank_of(struct ranked_lock *l)
{
	return __atomic_load_n(&l->rank_holder, __ATOMIC_RELAXED) & 0xff;
}

/* All threads that sleep on the lock are woken, one after another. */
static void sleepers_wake(void **state)
{
	struct ranked_lock l = RANKED_LOCK_INIT(LOCK_RANK_CACHE);
	pthread_t t[THREADS];

	(void)state;
	lock_acquire(&l);
	assert_true(lock_mine(&l));
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, sleep_on_lock, &l), 0);
	for (int i = 0; i < 5000 && __atomic_load_n(&l.state, __ATOMIC_RELAXED) != 2; i++)
		usleep(1000);
	assert_int_equal(__atomic_load_n(&l.state, __ATOMIC_RELAXED), 2);
	usleep(20000);
	lock_release(&l);
	assert_false(lock_mine(&l));
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(l.state, 0);
}

static void *try_it(void *arg)
{
	bool got = lock_try(arg), mine = lock_mine(arg);

	if (got)
		lock_release(arg);
	return (void *)(uintptr_t)(got | mine << 1);
}

static unsigned try_elsewhere(struct ranked_lock *l)
{
	pthread_t t;
	void *result;

	assert_int_equal(pthread_create(&t, NULL, try_it, l), 0);
	pthread_join(t, &result);
	return (unsigned)(uintptr_t)result;
}

static void trying(void **state)
{
	struct ranked_lock l;

	(void)state;
	lock_init(&l, LOCK_RANK_META);
	assert_true(lock_try(&l));
	assert_false(lock_try(&l));
	assert_int_equal(try_elsewhere(&l), 0);
	lock_release(&l);
	assert_int_equal(try_elsewhere(&l), 3);
}

/* ---- what must abort ------------------------------------------------------------------------- */

static struct ranked_lock low = RANKED_LOCK_INIT(LOCK_RANK_CACHE), high = RANKED_LOCK_INIT(LOCK_RANK_BUDDY),
			  leaf = RANKED_LOCK_INIT(LOCK_RANK_LEAF);

static void in_order(void *arg)
{
	(void)arg;
	lock_acquire(&low);
	lock_acquire(&high);
	lock_acquire(&leaf);
	lock_release(&low);
	lock_release(&leaf);
	lock_acquire(&leaf);
	lock_release(&high);
	lock_release(&leaf);
	lock_acquire(&low);
	lock_release(&low);
}

static void recursion(void *arg)
{
	(void)arg;
	lock_acquire(&low);
	lock_acquire(&low);
}

static void expect_abort(void (*fn)(void *), const char *words)
{
	char err[300];
	int status = unit_child(fn, NULL, err, sizeof(err));

	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT || !strstr(err, words) ||
	    strchr(err, '\n') != err + strlen(err) - 1)
		fail_msg("status %#x, said \"%s\", expected SIGABRT and \"%s\"", status, err, words);
}

static void order_is_fine(void **state)
{
	char err[300];

	(void)state;
	assert_int_equal(unit_child(in_order, NULL, err, sizeof(err)), 0);
	assert_string_equal(err, "");
}

static void recursion_aborts_in_any_build(void **state)
{
	(void)state;
	expect_abort(recursion, "memsan: lock error: recursion on cache");
}

static void recursion_of_rank(void *rank)
{
	struct ranked_lock l;

	lock_init(&l, *(enum lock_rank *)rank);
	lock_acquire(&l);
	lock_acquire(&l);
}

static void every_rank_has_a_name(void **state)
{
	char said[LOCK_RANK_NR][300];
	const char *name;

	(void)state;
	for (unsigned rank = 0; rank < LOCK_RANK_NR; rank++) {
		unit_child(recursion_of_rank, &rank, said[rank], sizeof(said[rank]));
		name = strstr(said[rank], "recursion on ");
		assert_non_null(name);
		name += strlen("recursion on ");
		if (*name < 'a' || *name > 'z')
			fail_msg("rank %u: \"%s\"", rank, said[rank]);
		for (unsigned other = 0; other < rank; other++)
			assert_string_not_equal(said[other], said[rank]);
	}
}

/* Only a debug build sees locks in a wrong order, and releases by others. */
#ifdef MEMSAN_DEBUG
static struct ranked_lock low2 = RANKED_LOCK_INIT(LOCK_RANK_CACHE), leaf2 = RANKED_LOCK_INIT(LOCK_RANK_LEAF);

static void inversion(void *arg)
{
	(void)arg;
	lock_acquire(&high);
	lock_acquire(&low);
}

static void same_rank(void *arg)
{
	(void)arg;
	lock_acquire(&low);
	lock_acquire(&low2);
}

static void leaf_in_leaf(void *arg)
{
	(void)arg;
	lock_acquire(&leaf);
	lock_acquire(&leaf2);
}

/* The thread still holds high after it released low, which it took before high. */
static void inversion_after_release(void *arg)
{
	(void)arg;
	lock_acquire(&low);
	lock_acquire(&high);
	lock_release(&low);
	lock_acquire(&low2);
}

/* lock_try may go against the ranks, but the locks that it takes count as held all the same. */
static void inversion_after_try(void *arg)
{
	(void)arg;
	if (!lock_try(&high) || !lock_try(&low))
		_exit(3);
	lock_release(&low);
	lock_acquire(&low2);
}

static void release_unheld(void *arg)
{
	(void)arg;
	lock_release(&low);
}

static void *take_and_keep(void *arg)
{
	lock_acquire(arg);
	return NULL;
}

static void release_of_another_thread(void *arg)
{
	pthread_t t;

	(void)arg;
	pthread_create(&t, NULL, take_and_keep, &low);
	pthread_join(t, NULL);
	lock_release(&low);
}

static void misuse_aborts(void **state)
{
	(void)state;
	expect_abort(inversion, "inversion, taking cache while holding buddy");
	expect_abort(same_rank, "inversion, taking cache while holding cache");
	expect_abort(leaf_in_leaf, "inversion, taking leaf while holding leaf");
	expect_abort(inversion_after_release, "inversion, taking cache while holding buddy");
	expect_abort(inversion_after_try, "inversion, taking cache while holding buddy");
	expect_abort(release_unheld, "release by a thread that does not hold cache");
	expect_abort(release_of_another_thread, "release by a thread that does not hold cache");
}
#endif

/* ---- fork ------------------------------------------------------------------------------------ */

#define MANY 300

static struct ranked_lock many[MANY];
static bool stop;

static void *churn(void *arg)
{
	uint64_t seed = (uintptr_t)arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		size_t i = unit_below(&seed, MANY), j = unit_below(&seed, MANY);

		lock_acquire(&many[i]);
		if (rank_of(&many[j]) > rank_of(&many[i])) {
			lock_acquire(&many[j]);
			lock_release(&many[j]);
		}
		lock_release(&many[i]);
	}
	return NULL;
}

/* Registers and unregisters locks while other threads prepare forks. */
static void *churn_registry(void *arg)
{
	static struct ranked_lock extra[8];
	uint64_t seed = (uintptr_t)arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		struct ranked_lock *l = &extra[unit_below(&seed, 8)];

		lock_init(l, LOCK_RANK_INIT + unit_below(&seed, LOCK_RANK_LEAF));
		lock_register_for_fork(l);
		sched_yield();
		lock_unregister_for_fork(l);
		usleep(500);
	}
	return NULL;
}

/* In the child every lock is free and works; in the parent the other threads go on. */
static void fork_once(void)
{
	int status;
	pid_t pid;

	locks_fork_prepare();
	pid = fork();
	if (pid == 0) {
		locks_fork_child();
		alarm(20);
		for (size_t i = 0; i < MANY; i++) {
			if (many[i].state != 0)
				_exit(1);
			lock_acquire(&many[i]);
			lock_release(&many[i]);
		}
		locks_fork_prepare();
		locks_fork_parent();
		_exit(0);
	}
	locks_fork_parent();
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void fork_leaves_all_locks_free(void **state)
{
	pthread_t t[THREADS], registrar;

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		lock_init(&many[i], (enum lock_rank)(i * 7 % LOCK_RANK_LEAF));
		assert_true(lock_register_for_fork(&many[i]));
		assert_true(lock_register_for_fork(&many[i]));
	}
	stop = false;
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, churn, (void *)i), 0);
	assert_int_equal(pthread_create(&registrar, NULL, churn_registry, (void *)99), 0);
	for (int i = 0; i < 100; i++)
		fork_once();
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	pthread_join(registrar, NULL);
	for (size_t i = 0; i < MANY; i++)
		lock_unregister_for_fork(&many[i]);
}

static void *fork_repeatedly(void *arg)
{
	for (int i = 0; i < 30; i++)
		fork_once();
	return arg;
}

static void threads_fork_at_once(void **state)
{
	pthread_t t[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[i], NULL, fork_repeatedly, NULL), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
}

static void prepare_takes_and_blocks(void **state)
{
	sigset_t set;

	(void)state;
	assert_true(lock_register_for_fork(&low));
	locks_fork_prepare();
	assert_int_equal(low.state, 1);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &set), 0);
	assert_true(sigismember(&set, SIGUSR1));
	assert_false(sigismember(&set, SIGSEGV));
	locks_fork_parent();
	assert_int_equal(low.state, 0);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &set), 0);
	assert_false(sigismember(&set, SIGUSR1));
	lock_unregister_for_fork(&low);
	locks_fork_prepare();
	assert_int_equal(low.state, 0);
	locks_fork_parent();
}

static void free_in_child(void *arg)
{
	(void)arg;
	lock_release_in_child(&high);
	lock_acquire(&low);
	lock_acquire(&high);
	lock_release(&high);
	lock_release(&low);
}

/* The thread takes a lock before fork. After lock_release_in_child the lock does not count as held in the child. */
static void release_in_child(void **state)
{
	char err[300];

	(void)state;
	lock_acquire(&high);
	assert_int_equal(unit_child(free_in_child, NULL, err, sizeof(err)), 0);
	lock_release(&high);
	assert_string_equal(err, "");
}

static int handler_status;

static void fork_in_handler(int sig)
{
	pid_t pid;

	(void)sig;
	lib_fork_prepare();
	pid = fork();
	if (pid == 0) {
		alarm(20);
		lib_fork_child();
		handler_status = 0;
		return;
	}
	lib_fork_parent();
	waitpid(pid, &handler_status, 0);
}

/* A signal handler forks in the middle of a critical section, which then ends in both processes. */
static void interrupted(void *arg)
{
	struct sigaction sa = { .sa_handler = fork_in_handler };
	pid_t self = getpid();

	(void)arg;
	handler_status = -1;
	sigaction(SIGUSR1, &sa, NULL);
	lock_register_for_fork(&low);
	lock_register_for_fork(&high);
	lock_acquire(&low);
	raise(SIGUSR1);
	if (!lock_mine(&low) || low.state == 0 || high.state != 0)
		_exit(4);
	lock_acquire(&high);
	lock_release(&high);
	lock_release(&low);
	if (low.state != 0)
		_exit(5);
	lib_fork_prepare();
	lib_fork_parent();
	_exit(getpid() == self ? handler_status != 0 : 0);
}

static void fork_in_a_signal_handler(void **state)
{
	char err[300];

	(void)state;
	assert_int_equal(unit_child(interrupted, NULL, err, sizeof(err)), 0);
}

/* The table of registered locks is finite: a full table refuses a lock, and an unregistered lock makes room. */
static void registry_fills_and_empties(void **state)
{
	static struct ranked_lock l[5000];
	size_t n = 0;

	(void)state;
	while (n < ARRAY_SIZE(l)) {
		lock_init(&l[n], (enum lock_rank)(n % LOCK_RANK_NR));
		if (!lock_register_for_fork(&l[n]))
			break;
		n++;
	}
	assert_in_range(n, 4000, 4096);
	locks_fork_prepare();
	for (size_t i = 0; i < n; i++)
		assert_int_equal(l[i].state, 1);
	locks_fork_parent();
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(l[i].state, 0);
		lock_unregister_for_fork(&l[i]);
	}
	assert_true(lock_register_for_fork(&l[n]));
	lock_unregister_for_fork(&l[n]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_exclude_each_other),
		cmocka_unit_test(sleepers_wake),
		cmocka_unit_test(trying),
		cmocka_unit_test(order_is_fine),
		cmocka_unit_test(recursion_aborts_in_any_build),
		cmocka_unit_test(every_rank_has_a_name),
#ifdef MEMSAN_DEBUG
		cmocka_unit_test(misuse_aborts),
#endif
		cmocka_unit_test(release_in_child),
		cmocka_unit_test(prepare_takes_and_blocks),
		cmocka_unit_test(fork_leaves_all_locks_free),
		cmocka_unit_test(threads_fork_at_once),
		cmocka_unit_test(fork_in_a_signal_handler),
		cmocka_unit_test(registry_fills_and_empties),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
