/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_thread.c - the thread table: identity, names that outlive their threads, reuse of the slots of the
 * longest dead, fork. */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "lib/lib.h"

#define REQUIRE(condition)                                                 \
	do {                                                               \
		if (!(condition)) {                                        \
			dprintf(2, "line %d: %s\n", __LINE__, #condition); \
			_exit(1);                                          \
		}                                                          \
	} while (0)
#define SLOTS ((1 << THREAD_INDEX_BITS) - 1) /* without slot 0, which no thread gets */

typedef void (*body_fn)(void *);

/* unit_child does not announce its fork to the library, which would take the child's first thread for its parent's. */
static void announce_and_run(void *body)
{
	thread_fork_child();
	(*(body_fn *)body)(NULL);
}

static void child_succeeds(body_fn fn)
{
	char err[500];
	int status = unit_child(announce_and_run, &fn, err, sizeof(err));

	if (status != 0)
		fail_msg("child ended with status %#x: %s", status, err);
}

static pid_t real_tid(void)
{
	return (pid_t)syscall(SYS_gettid);
}

/* A thread that registers, stores its index and tid here, and ends. */
struct life {
	char name[THREAD_NAME_MAX];
	uint32_t index;
	pid_t tid;
	bool quiet;
};

static void *live(void *arg)
{
	struct life *l = arg;

	prctl(PR_SET_NAME, l->name);
	l->index = thread_index();
	l->tid = real_tid();
	if (!l->quiet) {
		thread_exit_notify();
		REQUIRE(thread_index() == l->index);
		thread_exit_notify();
	}
	return NULL;
}

static void run(struct life *l)
{
	pthread_t t;

	REQUIRE(pthread_create(&t, NULL, live, l) == 0 && pthread_join(t, NULL) == 0);
}

static void self_is_known(void **state)
{
	struct thread_info info;
	uint32_t me = thread_index();

	(void)state;
	assert_int_not_equal(me, 0);
	assert_int_equal(me, thread_index());
	assert_int_equal(thread_tid(), real_tid());
	prctl(PR_SET_NAME, "named later");
	assert_true(thread_lookup(me, &info));
	assert_int_equal(info.tid, real_tid());
	assert_true(info.alive);
	assert_string_equal(info.name, "named later");
	assert_false(thread_lookup(0, &info));
	assert_false(thread_lookup(SLOTS, &info));
	assert_false(thread_lookup(SLOTS + 1, &info));
	assert_false(thread_lookup(UINT32_MAX, &info));
}

static void the_dead_keep_their_names(void **state)
{
	struct life a = { .name = "first" }, b = { .name = "second-fifteen" };
	struct thread_info info;

	(void)state;
	run(&a);
	run(&b);
	assert_int_not_equal(a.index, b.index);
	assert_true(thread_lookup(a.index, &info));
	assert_false(info.alive);
	assert_int_equal(info.tid, a.tid);
	assert_string_equal(info.name, "first");
	assert_true(thread_lookup(b.index, &info));
	assert_int_equal(info.tid, b.tid);
	assert_string_equal(info.name, "second-fifteen");
}

/* More threads than slots: each dead thread keeps its slot until 8190 others have come. */
static void longest_dead_goes_first(void *arg)
{
	static uint32_t index[SLOTS + 200];
	struct thread_info info;
	uint32_t me = thread_index(), others = SLOTS - 1;

	(void)arg;
	for (uint32_t i = 0; i < others + 200; i++) {
		struct life l = { .index = 0 };
		snprintf(l.name, sizeof(l.name), "t%u", i);
		run(&l);
		REQUIRE(l.index != 0 && l.index != me);
		index[i] = l.index;
		if (i < 200 || i % 100)
			continue;
		for (uint32_t k = i - MIN(i, others - 1); k <= i; k += 97) {
			char name[THREAD_NAME_MAX];
			snprintf(name, sizeof(name), "t%u", k);
			REQUIRE(thread_lookup(index[k], &info) && strcmp(info.name, name) == 0 && !info.alive);
		}
	}
	for (uint32_t i = others; i < others + 200; i++)
		REQUIRE(index[i] == index[i - others]);
}

static pthread_barrier_t all_here;

static void *stay(void *arg)
{
	*(uint32_t *)arg = thread_index();
	pthread_barrier_wait(&all_here);
	pthread_barrier_wait(&all_here);
	return NULL;
}

/* When the table is full, threads that ended without thread_exit_notify are found, and threads alive keep their
 * slots. */
static void full_table_is_swept(void *arg)
{
	struct life l = { .name = "quiet", .quiet = true }, late = { .name = "late" };
	uint32_t resident = 0;
	pthread_t t;

	(void)arg;
	pthread_barrier_init(&all_here, NULL, 2);
	REQUIRE(pthread_create(&t, NULL, stay, &resident) == 0);
	pthread_barrier_wait(&all_here);
	for (uint32_t i = 0; i < SLOTS + 100; i++) {
		run(&l);
		REQUIRE(l.index != 0 && l.index != resident && l.index != thread_index());
	}
	run(&late);
	REQUIRE(late.index != 0 && late.index != resident && late.index != thread_index());
	pthread_barrier_wait(&all_here);
	pthread_join(t, NULL);
}

static void slots_run_out_gracefully(void **state)
{
	(void)state;
	child_succeeds(longest_dead_goes_first);
	child_succeeds(full_table_is_swept);
}

#define CROWD 64

static void *one_of_a_crowd(void *arg)
{
	pthread_barrier_wait(&all_here);
	*(uint32_t *)arg = thread_index();
	pthread_barrier_wait(&all_here);
	return NULL;
}

static void indices_of_the_living_differ(void **state)
{
	uint32_t index[CROWD];
	pthread_t t[CROWD];

	(void)state;
	pthread_barrier_init(&all_here, NULL, CROWD);
	for (int i = 0; i < CROWD; i++)
		assert_int_equal(pthread_create(&t[i], NULL, one_of_a_crowd, &index[i]), 0);
	for (int i = 0; i < CROWD; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < CROWD; i++)
		for (int j = 0; j <= i; j++)
			assert_int_not_equal(index[i], i == j ? 0 : index[j]);
	pthread_barrier_destroy(&all_here);
}

static bool stop;

static void *come_and_go(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
	return arg;
}

static void *register_named(void *arg)
{
	char name[THREAD_NAME_MAX];

	snprintf(name, sizeof(name), "%d", (int)real_tid());
	prctl(PR_SET_NAME, name);
	thread_index();
	thread_exit_notify();
	return arg;
}

/* Lookups while slots are rewritten: a name and a tid always belong together.  register_named names each thread after
 * its tid. */
static void *look_up(void *arg)
{
	uint64_t seed = 41, seen = 0;
	struct thread_info info;

	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		if (thread_lookup((uint32_t)unit_below(&seed, SLOTS), &info) && info.name[0] >= '1' &&
		    info.name[0] <= '9') {
			REQUIRE(atoi(info.name) == info.tid);
			seen++;
		}
	return (void *)(uintptr_t)seen;
}

static void lookups_are_consistent(void *arg)
{
	pthread_t reader, forker, t;
	void *seen;

	(void)arg;
	stop = false;
	REQUIRE(pthread_create(&reader, NULL, look_up, NULL) == 0);
	REQUIRE(pthread_create(&forker, NULL, come_and_go, NULL) == 0);
	for (int i = 0; i < SLOTS + 2000; i++)
		REQUIRE(pthread_create(&t, NULL, register_named, NULL) == 0 && pthread_join(t, NULL) == 0);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(reader, &seen);
	pthread_join(forker, NULL);
	REQUIRE(seen != NULL);
}

static void lookup_races_with_registration(void **state)
{
	(void)state;
	child_succeeds(lookups_are_consistent);
}

/* After a fork the child has a new tid and a new index; there the parent's threads are dead, but keep their names. */
static void forked(void *arg)
{
	uint32_t before = thread_index(), resident = 0, after;
	pid_t tid = thread_tid(), pid;
	struct thread_info info;
	pthread_t t;
	int status;

	(void)arg;
	prctl(PR_SET_NAME, "parent");
	pthread_barrier_init(&all_here, NULL, 2);
	REQUIRE(pthread_create(&t, NULL, stay, &resident) == 0);
	pthread_barrier_wait(&all_here);
	REQUIRE(thread_lookup(resident, &info) && info.alive);
	lib_fork_prepare();
	pid = fork();
	if (pid == 0) {
		alarm(20);
		thread_fork_child();
		lib_fork_child();
		prctl(PR_SET_NAME, "child");
		after = thread_index();
		REQUIRE(thread_tid() == real_tid() && thread_tid() != tid);
		REQUIRE(after != before && after != 0);
		REQUIRE(thread_lookup(after, &info) && info.alive && info.tid == real_tid() &&
		        strcmp(info.name, "child") == 0);
		REQUIRE(thread_lookup(before, &info) && !info.alive && info.tid == tid);
		REQUIRE(thread_lookup(resident, &info) && !info.alive);
		_exit(0);
	}
	lib_fork_parent();
	REQUIRE(waitpid(pid, &status, 0) == pid && status == 0);
	REQUIRE(thread_index() == before && thread_tid() == tid);
	REQUIRE(thread_lookup(resident, &info) && info.alive);
	pthread_barrier_wait(&all_here);
	pthread_join(t, NULL);
}

static void fork_gives_a_new_identity(void **state)
{
	(void)state;
	child_succeeds(forked);
}

/* A signal handler that interrupts a registration, and registers itself, must not hang. */
static void on_signal(int sig)
{
	(void)sig;
	thread_index();
	thread_tid();
}

static void *register_under_fire(void *arg)
{
	thread_index();
	thread_exit_notify();
	return arg;
}

static void *fire(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		kill(getpid(), SIGUSR1);
		usleep(20);
	}
	return arg;
}

static void under_fire(void *arg)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	pthread_t gun, t;
	sigset_t usr1;

	(void)arg;
	alarm(30);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigaction(SIGUSR1, &sa, NULL);
	stop = false;
	/* Only the short-lived threads take the signal. */
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	REQUIRE(pthread_create(&gun, NULL, fire, NULL) == 0);
	sigprocmask(SIG_UNBLOCK, &usr1, NULL);
	for (int i = 0; i < 1000; i++) {
		REQUIRE(pthread_create(&t, NULL, register_under_fire, NULL) == 0);
		sigprocmask(SIG_BLOCK, &usr1, NULL);
		pthread_join(t, NULL);
		sigprocmask(SIG_UNBLOCK, &usr1, NULL);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(gun, NULL);
}

static void registration_survives_signals(void **state)
{
	(void)state;
	child_succeeds(under_fire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(self_is_known),
		cmocka_unit_test(the_dead_keep_their_names),
		cmocka_unit_test(slots_run_out_gracefully),
		cmocka_unit_test(indices_of_the_living_differ),
		cmocka_unit_test(lookup_races_with_registration),
		cmocka_unit_test(fork_gives_a_new_identity),
		cmocka_unit_test(registration_survives_signals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
