/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/signals.c - sigaction, signal, sigaltstack and sigprocmask, as the program sees them while memsan
 * handles faults (fault/signals.c). Only in the shared library: in a static program the calls go to the kernel, and the
 * program's handlers replace memsan's. */
#include "preload/unseen/unseen.h"
#include "shadow/shadow.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>

static signals_sigaction_fn real_sigaction;
static sighandler_t (*real_signal)(int, sighandler_t);
static sighandler_t (*real_sysv_signal)(int, sighandler_t);
static int (*real_siginterrupt)(int, int);

MEMSAN_EXPORT int __sigaction(int sig, const struct sigaction *act, struct sigaction *old);
MEMSAN_EXPORT sighandler_t bsd_signal(int sig, sighandler_t handler);
MEMSAN_EXPORT sighandler_t sysv_signal(int sig, sighandler_t handler);
MEMSAN_EXPORT sighandler_t __sysv_signal(int sig, sighandler_t handler);

/* May run before the constructor, in another library's constructor; there is one thread then. */
static void signals_lookup(void)
{
	if (real_siginterrupt)
		return;
	real_sigaction = (signals_sigaction_fn)dlsym(RTLD_NEXT, "sigaction");
	real_signal = (sighandler_t(*)(int, sighandler_t))dlsym(RTLD_NEXT, "signal");
	real_sysv_signal = (sighandler_t(*)(int, sighandler_t))dlsym(RTLD_NEXT, "sysv_signal");
	real_siginterrupt = (int (*)(int, int))dlsym(RTLD_NEXT, "siginterrupt");
}

static void install(void)
{
	fault_init(real_sigaction);
	relay_start();
}

/* An inherited filter may kill for rt_sigaction. So memsan's handler waits until the program makes that call itself.
 * There is one thread then, for pthread_create counts as such a call. */
void signals_are_used(void)
{
	if (likely(!os_calls_are_unknown()) || os_filter_allows(OS_CALL_SIGACTION) || runtime_is_off() ||
	    !process_is_this())
		return;
	signals_lookup();
	os_calls_seen(1u << OS_CALL_SIGACTION);
	install();
}

__attribute__((constructor)) static void signals_constructor(void)
{
	signals_lookup();
	install();
	/* No handler answers the first fault of instrumented frames when the option is off, or when only a library
	 * needs libmemsan: libc comes before it then, and memsan's sigaction is not the program's. */
	if (!fault_installed && !runtime_is_off())
		shadow_without_faults();
	if (fault_installed) /* a static program may replace the handler */
		os_probe_by_load();
}

/* The signal that stops threads for a scan, and fatal signals that scan first, look unused to the program until it sets
 * a handler. */
static bool is_hidden(const void *handler)
{
	return leak_is_handler(handler) || exits_is_handler(handler) || relay_is_default(handler);
}

static void stop_signal_set(int sig, const void *handler)
{
	if (!process_is_this()) /* what a child of vfork sets is its own */
		return;
	if (handler == (const void *)SIG_DFL) {
		leak_signal_keep(sig);
		exits_keep(sig);
		relay_keep(sig);
	} else {
		leak_signal_lost(sig);
	}
}

static sighandler_t stop_signal_hide(int sig, sighandler_t set, sighandler_t old)
{
	if (old == SIG_ERR)
		return old;
	stop_signal_set(sig, (const void *)set);
	return is_hidden((const void *)old) ? SIG_DFL : old;
}

/* 0, or -1 with errno. */
static int result(int r)
{
	if (r >= 0)
		return r;
	errno = -r;
	return -1;
}

static int set_action(int sig, const struct sigaction *act, struct sigaction *old, const void *caller)
{
	int r;

	signals_are_used();
	if (unlikely(!fault_installed)) {
		signals_lookup();
		r = real_sigaction(sig, act, old);
	} else {
		r = result(signals_sigaction(sig, act, old, (uintptr_t)caller));
	}
	if (r == 0 && act)
		stop_signal_set(sig, (const void *)act->sa_sigaction);
	if (r == 0 && old && unlikely(is_hidden((const void *)old->sa_sigaction)))
		mem_set(old, 0, sizeof(*old));
	return r;
}

MEMSAN_EXPORT int sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	return set_action(sig, act, old, __builtin_return_address(0));
}

MEMSAN_EXPORT int __sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	return set_action(sig, act, old, __builtin_return_address(0));
}

/* ---- signal and its dialects ----------------------------------------------------------------- */

/* libc's signal calls a sigaction of its own, which memsan does not see. */
static bool is_ours(int sig)
{
	signals_are_used();
	return fault_installed && (sig == SIGSEGV || sig == SIGBUS || (relay_works() && sig > 0 && sig < NSIG));
}

/* siginterrupt also applies to handlers that signal sets later. */
static bool interrupting[NSIG];

static bool *interrupts(int sig)
{
	return &interrupting[sig];
}

static sighandler_t set_handler(int sig, sighandler_t handler, int flags)
{
	struct sigaction act, old;

	if (handler == SIG_ERR) {
		errno = EINVAL;
		return SIG_ERR;
	}
	mem_set(&act, 0, sizeof(act));
	act.sa_handler = handler;
	act.sa_flags = flags;
	if (!(flags & SA_NODEFER))
		sigaddset(&act.sa_mask, sig);
	return sigaction(sig, &act, &old) == 0 ? old.sa_handler : SIG_ERR;
}

MEMSAN_EXPORT sighandler_t signal(int sig, sighandler_t handler)
{
	if (is_ours(sig))
		return set_handler(sig, handler, *interrupts(sig) ? 0 : SA_RESTART);
	signals_lookup();
	return stop_signal_hide(sig, handler, real_signal(sig, handler));
}

MEMSAN_EXPORT sighandler_t bsd_signal(int sig, sighandler_t handler)
{
	return signal(sig, handler);
}

MEMSAN_EXPORT sighandler_t ssignal(int sig, sighandler_t handler)
{
	return signal(sig, handler);
}

MEMSAN_EXPORT sighandler_t sysv_signal(int sig, sighandler_t handler)
{
	if (is_ours(sig))
		return set_handler(sig, handler, (int)(SA_RESETHAND | SA_NODEFER));
	signals_lookup();
	return stop_signal_hide(sig, handler, real_sysv_signal(sig, handler));
}

MEMSAN_EXPORT sighandler_t __sysv_signal(int sig, sighandler_t handler)
{
	return sysv_signal(sig, handler);
}

MEMSAN_EXPORT int siginterrupt(int sig, int interrupt)
{
	struct sigaction act;

	if (!is_ours(sig)) {
		signals_lookup();
		return real_siginterrupt(sig, interrupt);
	}
	*interrupts(sig) = interrupt != 0; /* also in a child of vfork: libc's own record is shared too */
	sigaction(sig, NULL, &act);
	if (interrupt)
		act.sa_flags &= ~SA_RESTART;
	else
		act.sa_flags |= SA_RESTART;
	return sigaction(sig, &act, NULL);
}

/* ---- System V's ------------------------------------------------------------------------------ */

static bool mask_one(int how, int sig, int *ret)
{
	sigset_t set, old;

	sigemptyset(&set);
	*ret = sigaddset(&set, sig) != 0 ? -1 : sigprocmask(how, &set, &old);
	return *ret == 0 && sigismember(&old, sig) == 1;
}

MEMSAN_EXPORT int sighold(int sig)
{
	int ret;

	mask_one(SIG_BLOCK, sig, &ret);
	return ret;
}

MEMSAN_EXPORT int sigrelse(int sig)
{
	int ret;

	mask_one(SIG_UNBLOCK, sig, &ret);
	return ret;
}

MEMSAN_EXPORT int sigignore(int sig)
{
	struct sigaction act;

	mem_set(&act, 0, sizeof(act));
	act.sa_handler = SIG_IGN;
	return sigaction(sig, &act, NULL);
}

MEMSAN_EXPORT sighandler_t sigset(int sig, sighandler_t handler)
{
	struct sigaction act, old;
	bool hold = handler == SIG_HOLD, held;
	int ret;

	if (handler == SIG_ERR) {
		errno = EINVAL;
		return SIG_ERR;
	}
	mem_set(&act, 0, sizeof(act));
	act.sa_handler = handler;
	if (hold) {
		held = mask_one(SIG_BLOCK, sig, &ret);
		return ret != 0                          ? SIG_ERR
		       : held                            ? SIG_HOLD
		       : sigaction(sig, NULL, &old) == 0 ? old.sa_handler
		                                         : SIG_ERR;
	}
	if (sigaction(sig, &act, &old) != 0)
		return SIG_ERR;
	held = mask_one(SIG_UNBLOCK, sig, &ret);
	return ret != 0 ? SIG_ERR : held ? SIG_HOLD : old.sa_handler;
}

/* ---- stacks and masks ------------------------------------------------------------------------ */

/* Without memsan's handler these are the bare system calls, as in libc. */

static int unseen_sigaltstack(const stack_t *ss, stack_t *old)
{
	os_calls_seen(1u << OS_CALL_SIGALTSTACK);
	return result(signals_sigaltstack(ss, old));
}

static int unseen_pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	return -signals_sigmask(how, set, old);
}

static int unseen_sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	return result(signals_sigmask(how, set, old));
}

/* ---- behind the interceptors ----------------------------------------------------------------- */

void signals_wrap(void **real)
{
	real[LIBC_sigaltstack] = (void *)unseen_sigaltstack;
	real[LIBC_pthread_sigmask] = (void *)unseen_pthread_sigmask;
	real[LIBC_sigprocmask] = (void *)unseen_sigprocmask;
}
