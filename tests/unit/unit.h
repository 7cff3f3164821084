/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/unit.h - cmocka, a seeded random generator, and children that are expected to end in a certain way. */
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
 * Automake sees the exit status only, and cmocka's says nothing of tests that called skip().  So a program whose tests
 * did not fail ends with 77 ("skipped") if one of them did.  UNIT_TEST=NAME in the environment runs that test alone.
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

/* splitmix64: any seed will do, 0 too. */
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

/* Runs fn in a child that ends with 0 when it returns; its wait status, and what it wrote to standard error. */
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
		/* cmocka would jump out of the child and go on with the other tests. */
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
