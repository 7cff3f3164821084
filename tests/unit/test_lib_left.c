/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_lib_left.c - what lib/ leaves behind: reserves that shrank, memory that was counted, slots of dead
 * threads, locks that are gone, errors of readers. */
#include "config.h"

#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "lib/lib.h"

#define REQUIRE(condition)                                                 \
	do {                                                               \
		if (!(condition)) {                                        \
			dprintf(2, "line %d: %s\n", __LINE__, #condition); \
			_exit(1);                                          \
		}                                                          \
	} while (0)

static void in_child(void (*fn)(void *))
{
	char err[500];
	int status = unit_child(fn, NULL, err, sizeof(err));

	if (status != 0)
		fail_msg("the child's status is %#x: %s", status, err);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void reserves_shrink_to_what_is_used(void **state)
{
	struct stepped_reserve s;
	char *base;

	(void)state;
	assert_true(stepped_reserve_init(&s, 64 * PAGE_SIZE, 4 * PAGE_SIZE));
	base = s.base;
	assert_true(stepped_reserve_reach(&s, 10 * PAGE_SIZE));
	assert_int_equal(s.committed, 12 * PAGE_SIZE);
	memset(base, 1, 12 * PAGE_SIZE);
	stepped_reserve_shrink(&s, 5 * PAGE_SIZE);
	assert_int_equal(s.reserved, 12 * PAGE_SIZE);
	assert_null(mem_find_not(base, 1, 12 * PAGE_SIZE));
	assert_false(stepped_reserve_reach(&s, 12 * PAGE_SIZE + 1));
	assert_true(stepped_reserve_reach(&s, 12 * PAGE_SIZE));
	/* What was released is the program's. */
	assert_ptr_equal(mmap(base + 12 * PAGE_SIZE, PAGE_SIZE, PROT_NONE,
	                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
	                 base + 12 * PAGE_SIZE);
	assert_true(stepped_reserve_init(&s, 64 * PAGE_SIZE, 4 * PAGE_SIZE));
	stepped_reserve_shrink(&s, 20 * PAGE_SIZE);
	assert_int_equal(s.reserved, 20 * PAGE_SIZE);
	assert_true(stepped_reserve_reach(&s, 20 * PAGE_SIZE) && !stepped_reserve_reach(&s, 20 * PAGE_SIZE + 1));
}

static void own_memory_is_aligned_and_counted(void **state)
{
	uint64_t before = meta_bytes(COST_LEAK), counted = 0;

	(void)state;
	for (size_t size = 1; size < 100; size++) {
		char *p = meta_alloc(size, COST_LEAK);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % 16, 0);
		assert_null(mem_find_not(p, 0, size));
		memset(p, 0xff, size);
		counted += ALIGN_UP(size, (size_t)16);
	}
	assert_int_equal(meta_bytes(COST_LEAK) - before, counted);
}

/* ---- threads --------------------------------------------------------------------------------- */

static volatile uint32_t other_index;
static pthread_barrier_t both;

static void *sleeper(void *arg)
{
	other_index = thread_index();
	pthread_barrier_wait(&both);
	pause();
	return arg;
}

/* In the child of a fork its only thread has a slot of its own, and its parent's other threads are dead. */
static void fork_leaves_no_threads(void *arg)
{
	struct thread_info info;
	uint32_t parent;
	int status = -1;
	pthread_t t;
	pid_t pid;

	(void)arg;
	thread_fork_child();
	parent = thread_index();
	pthread_barrier_init(&both, NULL, 2);
	REQUIRE(pthread_create(&t, NULL, sleeper, NULL) == 0);
	pthread_barrier_wait(&both);
	REQUIRE(thread_lookup(other_index, &info) && info.alive);
	lib_fork_prepare();
	process_guests = 1; /* as in a child of vfork that forks */
	pid = fork();
	if (pid == 0) {
		lib_fork_child();
		REQUIRE(process_guests == 0 && process_is_this());
		REQUIRE(thread_lookup(other_index, &info) && !info.alive);
		REQUIRE(thread_index() != parent && thread_index() != 0);
		REQUIRE(thread_lookup(thread_index(), &info) && info.alive && info.tid == (pid_t)syscall(SYS_gettid));
		REQUIRE(thread_lookup(parent, &info) && !info.alive && info.tid == getppid());
		_exit(0);
	}
	process_guests = 0;
	lib_fork_parent();
	REQUIRE(waitpid(pid, &status, 0) == pid && status == 0);
	REQUIRE(thread_lookup(other_index, &info) && info.alive);
}

static void test_fork_leaves_no_threads(void **state)
{
	(void)state;
	in_child(fork_leaves_no_threads);
}

/* A thread is remembered by its last name, and by its own tid. */
static void *renamed(void *arg)
{
	pthread_setname_np(pthread_self(), "first");
	*(uint32_t *)arg = thread_index();
	pthread_setname_np(pthread_self(), "second");
	thread_exit_notify();
	return NULL;
}

static void dead_threads_keep_their_last_name(void *arg)
{
	struct thread_info info;
	uint32_t index = 0;
	pthread_t t;

	(void)arg;
	thread_fork_child();
	REQUIRE(pthread_create(&t, NULL, renamed, &index) == 0 && pthread_join(t, NULL) == 0);
	REQUIRE(index && thread_lookup(index, &info) && !info.alive && strcmp(info.name, "second") == 0);
}

static void test_dead_threads_keep_their_last_name(void **state)
{
	(void)state;
	in_child(dead_threads_keep_their_last_name);
}

/* Registers this thread as if it were another one. */
static uint32_t register_again(void)
{
	thread_self_index = 0;
	return thread_index();
}

static void leave(uint32_t index)
{
	thread_self_index = index;
	thread_exit_notify();
	thread_self_index = 0;
}

/* When all slots are taken, those of dead threads are used again, the longest dead first: one by one, several, and
 * again after none was left. A slot that was given back twice is one slot. */
static void slots_of_the_dead_are_used_again(void *arg)
{
	static uint32_t all[1u << THREAD_INDEX_BITS];
	uint32_t n = 0, i;

	(void)arg;
	thread_self_tid = 0; /* the parent's: a sweep would take all slots for those of dead threads */
	while ((i = register_again()) != 0)
		all[n++] = i;
	REQUIRE(n > (1u << THREAD_INDEX_BITS) / 2);
	for (uint32_t dead = 1; dead < 6; dead++) {
		for (uint32_t k = 0; k < dead; k++)
			leave(all[n - 1 - k * 3]);
		leave(all[n - 1]);
		for (uint32_t k = 0; k < dead; k++)
			REQUIRE(register_again() == all[n - 1 - k * 3]);
		REQUIRE(register_again() == 0);
	}
}

static void test_slots_of_the_dead_are_used_again(void **state)
{
	(void)state;
	in_child(slots_of_the_dead_are_used_again);
}

/* ---- locks over a fork ----------------------------------------------------------------------- */

/* A lock that is registered twice is taken once; of several locks the one that is unregistered is left out, and no
 * other. */
static void registered_locks_are_taken(void *arg)
{
	static struct ranked_lock locks[5] = {
		RANKED_LOCK_INIT(LOCK_RANK_CACHE), RANKED_LOCK_INIT(LOCK_RANK_CACHE), RANKED_LOCK_INIT(LOCK_RANK_CACHE),
		RANKED_LOCK_INIT(LOCK_RANK_BUDDY), RANKED_LOCK_INIT(LOCK_RANK_LEAF),
	};

	(void)arg;
	thread_fork_child();
	alarm(20);
	for (int i = 0; i < 5; i++)
		REQUIRE(lock_register_for_fork(&locks[i]) && lock_register_for_fork(&locks[i]));
	lock_unregister_for_fork(&locks[1]);
	lib_fork_prepare();
	for (int i = 0; i < 5; i++)
		REQUIRE(lock_mine(&locks[i]) == (i != 1));
	lib_fork_parent();
	for (int i = 0; i < 5; i++)
		REQUIRE(!lock_mine(&locks[i]));
	lock_unregister_for_fork(&locks[4]);
	lock_unregister_for_fork(&locks[0]);
	lib_fork_prepare();
	for (int i = 0; i < 5; i++)
		REQUIRE(lock_mine(&locks[i]) == (i == 2 || i == 3));
	lib_fork_parent();
	lock_acquire(&locks[0]);
	lock_release_in_child(&locks[0]);
	REQUIRE(!lock_mine(&locks[0]));
	REQUIRE(lock_try(&locks[0]));
	lock_release(&locks[0]);
}

static void test_registered_locks_are_taken(void **state)
{
	(void)state;
	in_child(registered_locks_are_taken);
}

/* ---- readers and writers --------------------------------------------------------------------- */

/* A line that is longer than the buffer gives one mapping. The rest of it, which may look like one, gives
 * none. */
static void rest_of_a_long_line_is_no_line(void **state)
{
	char name[] = "/tmp/memsan-maps-XXXXXX", buffer[128], path[150];
	int fd = mkstemp(name);
	struct maps_reader r;
	struct maps_line m;
	unsigned n = 0;

	(void)state;
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = 0;
	for (size_t pad = 20; pad < 100; pad++) {
		assert_int_equal(ftruncate(fd, 0) + lseek(fd, 0, SEEK_SET), 0);
		dprintf(fd, "00400000-00401000 r-xp 00000000 08:01 1 /%.*s70000000-70001000 rw-p 00000000 00:00 0 \n",
		        (int)pad, path);
		dprintf(fd, "00500000-00501000 rw-p 00000000 00:00 0 \n");
		assert_int_equal(maps_open(&r, name, buffer, sizeof(buffer)), 0);
		for (n = 0; maps_next(&r, &m); n++)
			assert_int_equal(m.start, n ? 0x500000 : 0x400000);
		assert_int_equal(n, 2);
		assert_int_equal(maps_close(&r), 0);
	}
	close(fd);
	unlink(name);
	/* A folder can be opened, but not read. */
	assert_int_equal(maps_open(&r, "/tmp", buffer, sizeof(buffer)), 0);
	assert_false(maps_next(&r, &m));
	assert_int_equal(maps_close(&r), -EISDIR);
}

static void numbers_of_64_bits(void **state)
{
	uint64_t v;

	(void)state;
	assert_null(number_hex("11111111111111111", &v));
	assert_null(number_hex("8000000000000000f", &v));
	assert_null(number_hex("f000000000000000f", &v));
	for (unsigned digit = 0; digit < 10; digit++) {
		char text[40];

		snprintf(text, sizeof(text), "1844674407370955161%u", digit);
		assert_int_equal(number_decimal(text, &v) != NULL, digit <= 5);
		assert_int_equal(number_parse(text, strlen(text), &v), digit <= 5);
	}
	assert_false(number_parse("0x", 2, &v) || number_parse("0X", 2, &v) || number_parse("0x1", 2, &v));
	assert_true(number_parse("0", 1, &v) && v == 0);
}

/* A write to a pipe without a reader: SIGPIPE is neither left pending nor left blocked. One of the program's own that
 * was pending before stays. */
static void pipes_without_readers(void *arg)
{
	sigset_t set, seen;
	int ends[2];

	(void)arg;
	signal(SIGPIPE, SIG_DFL);
	REQUIRE(pipe(ends) == 0 && close(ends[0]) == 0);
	REQUIRE(os_write_all(ends[1], "x", 1) == -EPIPE);
	sigprocmask(SIG_BLOCK, NULL, &seen);
	REQUIRE(!sigismember(&seen, SIGPIPE));
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
	REQUIRE(os_write_all(ends[1], "x", 1) == -EPIPE);
	REQUIRE(sigpending(&seen) == 0 && !sigismember(&seen, SIGPIPE));
	raise(SIGPIPE);
	REQUIRE(os_write_all(ends[1], "x", 1) == -EPIPE);
	REQUIRE(sigpending(&seen) == 0 && sigismember(&seen, SIGPIPE));
	sigprocmask(SIG_BLOCK, NULL, &seen);
	REQUIRE(sigismember(&seen, SIGPIPE));
}

static void test_pipes_without_readers(void **state)
{
	(void)state;
	in_child(pipes_without_readers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reserves_shrink_to_what_is_used),
		cmocka_unit_test(own_memory_is_aligned_and_counted),
		cmocka_unit_test(test_fork_leaves_no_threads),
		cmocka_unit_test(test_registered_locks_are_taken),
		cmocka_unit_test(test_dead_threads_keep_their_last_name),
		cmocka_unit_test(test_slots_of_the_dead_are_used_again),
		cmocka_unit_test(rest_of_a_long_line_is_no_line),
		cmocka_unit_test(numbers_of_64_bits),
		cmocka_unit_test(test_pipes_without_readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
