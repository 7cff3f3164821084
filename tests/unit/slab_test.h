/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/slab_test.h - shared by the tests of slab/: a child process for each set of options, recorded findings,
 * random numbers. */
#ifndef MEMSAN_TESTS_SLAB_TEST_H
#define MEMSAN_TESTS_SLAB_TEST_H

#include <string.h>

#include "slab/slab.h"
#include "tests/unit/unit.h"

/* A process has one heap, which is set up once. So a test with options of its own runs in a child. A failed CHECK
 * there ends the child, and the test with it. */
#define CHECK(x)                                                                \
	do {                                                                    \
		if (!(x)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			print_findings();                                       \
			_exit(1);                                               \
		}                                                               \
	} while (0)
#define CHECK_NULL_TEXT(x)                                                         \
	do {                                                                       \
		const char *text_ = (x);                                           \
		if (text_) {                                                       \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, text_); \
			_exit(1);                                                  \
		}                                                                  \
	} while (0)

static inline void print_findings(void);
#define FINDINGS_MAX 64
static struct slab_finding findings[FINDINGS_MAX];
static unsigned nr_findings; /* atomic */

static inline void record_finding(const struct slab_finding *f)
{
	unsigned i = __atomic_fetch_add(&nr_findings, 1, __ATOMIC_RELAXED);

	if (i < FINDINGS_MAX)
		findings[i] = *f;
}

static inline void print_findings(void)
{
	for (unsigned i = 0; i < nr_findings && i < FINDINGS_MAX; i++) {
		const struct slab_finding *f = &findings[i];

		fprintf(stderr,
		        "  finding: kind %d at %d addr %#lx size %zu %02x/%02x, object %#lx size %zu state %d cache "
		        "%s\n",
		        f->kind, f->at, (unsigned long)f->addr, f->size, f->expected, f->found,
		        (unsigned long)f->object.addr, f->object.size, f->object.state, f->object.cache);
	}
}

/* xorshift64*: the same numbers everywhere. */
static inline uint64_t random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}
static inline uint64_t random_below(uint64_t *state, uint64_t n)
{
	return random_next(state) % n;
}

/* Registers of no particular function: these tests do not look at stacks. */
static const struct unwind_regs no_regs __attribute__((unused)) = { .pc = 0x1000 };

/* A child that cannot test anything on this machine ends with this status, and its test counts as skipped. */
#define CHILD_SKIPPED 77

static inline void run_child(const char *opts, void (*fn)(void))
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL); /* cmocka's handler would go on with the other tests here */
		signal(SIGABRT, SIG_DFL);
		options_set_defaults(&options);
		CHECK(options_parse(&options, opts, NULL, NULL) == 0);
		CHECK(slab_init());
		slab_set_report_hook(record_finding);
		fn();
		fflush(NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status))
		fail_msg("killed by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) == CHILD_SKIPPED)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static inline void *heap_malloc(size_t size)
{
	void *p = slab_malloc_fast(size);

	return p ? p : slab_malloc(size, 16, SLAB_API_MALLOC, false, &no_regs);
}
static inline void heap_free(void *p)
{
	if (!slab_free_fast(p) && !(harden_full && slab_free_full(p, SIZE_MAX)))
		slab_free(p, SLAB_API_MALLOC, SIZE_MAX, &no_regs);
}

#endif
