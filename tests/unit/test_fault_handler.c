/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_fault_handler.c - the fault handler: its own faults, which no program can cause; a null pointer; a
 * sent signal. */
#include "config.h"

#include <string.h>

#include "tests/unit/unit.h"

#include "fault/fault_internal.h"

static int *volatile null_member = (int *)8;

static void start(void)
{
	options_set_defaults(&options);
	options.symbolize = false;
	reports_init(false);
	if (!slab_init())
		_exit(1);
	fault_init(sigaction);
	if (!fault_installed || !fault_stack_self)
		_exit(2);
}

/* The handler's own stack is gone: the switch to that stack faults, and this fault comes to the handler again. */
static void lost_stack(void *arg)
{
	(void)arg;
	start();
	fault_stack_self->lo = 0x1000;
	fault_stack_self->hi = 0x2000;
	*null_member = 1;
}

static void plain(void *arg)
{
	(void)arg;
	start();
	*null_member = 1;
}

/* The program has set no handler for SIGBUS. A SIGBUS that is sent, not caused by a fault, takes its default action
 * without a report. */
static void sent(void *arg)
{
	(void)arg;
	start();
	raise(SIGBUS);
	_exit(3);
}

static void ends(void (*fn)(void *), int sig, const char *says, unsigned lines)
{
	static char err[20000];
	int status = unit_child(fn, NULL, err, sizeof(err));
	unsigned n = 0;

	for (const char *p = err; (p = strchr(p, '\n')) != NULL; p++)
		n++;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), sig);
	if (!strstr(err, says) || (lines && n != lines))
		fail_msg("%u lines: %s", n, err);
}

static void test_fault_in_handler(void **state)
{
	(void)state;
	ends(lost_stack, SIGSEGV, "a fault inside memsan's fault handler", 1);
}

static void test_plain(void **state)
{
	(void)state;
	ends(plain, SIGSEGV, "null-ptr-deref", 0);
}

static void test_sent(void **state)
{
	static char err[1000];
	int status;

	(void)state;
	status = unit_child(sent, NULL, err, sizeof(err));
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	assert_string_equal(err, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fault_in_handler),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_sent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
