/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/unit.h - cmocka, a seeded random generator, and child processes whose end and messages are tested. */
#ifndef MEMSAN_TESTS_UNIT_H
#define MEMSAN_TESTS_UNIT_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/*
 * Automake sees only the exit status, and cmocka's does not show that a test called skip(). So a test program in which
 * no test failed, and at least one was skipped, ends with 77, which Automake counts as skipped. With UNIT_TEST=NAME in
 * the environment only the test NAME runs.
 */
static int unit_skipped;

static inline int unit_status(int failed)
{
	return failed ? 1 : unit_skipped ? 77 : 0;
}

static inline void unit_choose(void)
{
	const char *name = getenv("UNIT_TEST");

	if (name && *name)
		cmocka_set_test_filter(name);
}

#undef skip
#define skip() (unit_skipped = 1, _skip(__FILE__, __LINE__))
#undef cmocka_run_group_tests
#define cmocka_run_group_tests(tests, setup, teardown) \
	(unit_choose(),                                \
	 unit_status(_cmocka_run_group_tests(#tests, tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)))

/* splitmix64; every seed is good, even 0. */
static inline uint64_t unit_random(uint64_t *seed)
{
	uint64_t z = (*seed += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static inline uint64_t unit_below(uint64_t *seed, uint64_t limit)
{
	return unit_random(seed) % limit;
}

/* Runs fn(arg) in a child process, which exits with 0 when fn returns. Returns the child's wait status; err gets what
 * the child wrote to standard error. */
static inline int unit_child(void (*fn)(void *), void *arg, char *err, size_t err_size)
{
	int ends[2], status = -1;
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/* cmocka's handlers would jump out of fn and run the other tests in the child. */
		for (int sig = 1; sig < 32; sig++)
			signal(sig, SIG_DFL);
		dup2(ends[1], 2);
		close(ends[0]);
		close(ends[1]);
		fn(arg);
		_exit(0);
	}
	close(ends[1]);
	while (n + 1 < err_size && (got = read(ends[0], err + n, err_size - 1 - n)) > 0)
		n += (size_t)got;
	if (err_size)
		err[n] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

#endif
