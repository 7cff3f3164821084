/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/raise.c - abort, assert, raise, kill and pthread_kill: when the program ends itself by one of these,
 * the heap is verified first. Inside its handler of a fault, that fault is reported (fault/pending.c). SIGSEGV and
 * SIGBUS that it raises come through fault/fault.c. Only in the shared library: in a static program the program's
 * handler replaces memsan's. */
#include "preload/unseen/unseen.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

static void *real_abort, *real_assert, *real_raise, *real_kill, *real_pthread_kill;

/* Does its default action end the process? */
static bool is_fatal(int sig)
{
	switch (sig) {
	case 0:
	case SIGCHLD:
	case SIGCONT:
	case SIGURG:
	case SIGWINCH:
	case SIGSTOP:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
		return false;
	default:
		return true;
	}
}

static bool ends_program(int sig)
{
	struct sigaction now;

	if (!os_filter_allows(OS_CALL_SIGACTION))
		return sig == SIGABRT;
	return is_fatal(sig) && (sig == SIGKILL || (sigaction(sig, NULL, &now) == 0 && now.sa_handler == SIG_DFL));
}

static void raising(int sig)
{
	if (!ends_program(sig))
		return;
	if (pending_any())
		exits_tell(128 + sig);
	exits_verify();
}

MEMSAN_EXPORT _Noreturn void abort(void)
{
	void (*libcs)(void) = (void (*)(void))wait_real(&real_abort, "abort");

	raising(SIGABRT);
	if (libcs)
		libcs();
	os_abort();
}

/* What is wrong in the heap may be why the assertion fails. libc's function calls libc's own abort. */
MEMSAN_EXPORT _Noreturn void __assert_fail(const char *assertion, const char *file, unsigned line, const char *function)
{
	__typeof__(&__assert_fail) libcs = (__typeof__(&__assert_fail))wait_real(&real_assert, "__assert_fail");

	raising(SIGABRT);
	if (libcs)
		libcs(assertion, file, line, function);
	os_abort();
}

MEMSAN_EXPORT int raise(int sig)
{
	raising(sig);
	return WAIT_REAL(raise)(sig);
}

MEMSAN_EXPORT int kill(pid_t pid, int sig)
{
	if (pid == os_getpid() || (pid == 0 && pending_any()))
		raising(sig);
	return WAIT_REAL(kill)(pid, sig);
}

MEMSAN_EXPORT int pthread_kill(pthread_t thread, int sig)
{
	if (pthread_equal(thread, pthread_self()))
		raising(sig);
	return WAIT_REAL(pthread_kill)(thread, sig);
}
