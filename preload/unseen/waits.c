/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/waits.c - calls that wait and that return EINTR after any handler. When only memsan's handler ran (a
 * scan for leaks stopped the thread), the call is made again for the rest of its time, and the program sees nothing.
 *
 * Calls that SA_RESTART covers (read, accept, futex and calls built on it) do not need this: signal(7) lists both
 * kinds. The sigwait family would receive memsan's signal as if it were the program's, so memsan takes the signal out
 * of the set that they wait for.
 *
 * memsan's handler knows whether a handler of the program's ran as well (leak/snapshot.c); then the call returns as it
 * would without memsan. waits_rare.c has the less frequent calls, waits_io.c those that move data.
 *
 * The same holds for SIGSEGV and SIGBUS that a process sends while the program blocks or ignores them. fault/signals.c
 * also has to know the masks that some of these calls set.
 *
 * Accepted: timeouts that belong to a socket (SO_RCVTIMEO) begin anew. Only in the shared library: a static program's
 * calls go to the kernel, and leak/calls.c makes them go on. */
#include "preload/unseen/unseen.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

void *wait_real(void **cache, const char *name)
{
	void *p = __atomic_load_n(cache, __ATOMIC_RELAXED);

	if (unlikely(!p)) {
		p = dlsym(RTLD_NEXT, name);
		/* memsan comes behind libc where only a plain program's library is linked with it. */
		p = p ? p : dlsym(RTLD_DEFAULT, name);
		__atomic_store_n(cache, p, __ATOMIC_RELAXED);
	}
	return p;
}

/* ---- time that is left ----------------------------------------------------------------------- */

uint64_t wait_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t wait_deadline_of(const struct timespec *t)
{
	if (!t || t->tv_sec < 0 || t->tv_nsec < 0)
		return UINT64_MAX;
	return (uint64_t)t->tv_sec > UINT64_MAX / 4000000000u
	               ? UINT64_MAX
	               : wait_now_ns() + (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_nsec;
}

struct timespec *wait_time_left(uint64_t deadline, struct timespec *t)
{
	uint64_t now = wait_now_ns(), left = deadline > now ? deadline - now : 0;

	if (deadline == UINT64_MAX)
		return NULL;
	t->tv_sec = (time_t)(left / 1000000000u);
	t->tv_nsec = (long)(left % 1000000000u);
	return t;
}

int wait_ms_left(uint64_t deadline)
{
	uint64_t now = wait_now_ns();

	return deadline == UINT64_MAX ? -1 : deadline > now ? (int)((deadline - now + 999999) / 1000000) : 0;
}

uint64_t wait_deadline_of_ms(int ms)
{
	return ms < 0 ? UINT64_MAX : wait_now_ns() + (uint64_t)ms * 1000000u;
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static void *real_poll, *real_ppoll, *real_epoll_wait, *real_epoll_pwait, *real_select, *real_pselect;

static int unseen_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	uint64_t deadline = timeout > 0 ? wait_deadline_of_ms(timeout) : UINT64_MAX;
	struct wait_mark before = wait_mark();
	int r = WAIT_REAL(poll)(fds, n, timeout);

	while (interrupted_by_us(r, &before)) {
		before = wait_mark();
		r = WAIT_REAL(poll)(fds, n, wait_ms_left(deadline));
	}
	return r;
}

static int unseen_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	uint64_t deadline = wait_deadline_of(timeout);
	struct signals_wait wait;
	struct wait_mark before = wait_mark();
	struct timespec left;
	int r;

	signals_wait_begin(&wait);
	r = WAIT_REAL(ppoll)(fds, n, timeout, signals_wait_mask(&wait, mask));
	while (interrupted_by_us(r, &before)) {
		before = wait_mark();
		r = WAIT_REAL(ppoll)(fds, n, wait_time_left(deadline, &left), signals_wait_mask(&wait, mask));
	}
	wait_is_over(&wait);
	return r;
}

static int unseen_epoll_wait(int fd, struct epoll_event *events, int n, int timeout)
{
	uint64_t deadline = timeout > 0 ? wait_deadline_of_ms(timeout) : UINT64_MAX;
	struct wait_mark before = wait_mark();
	int r = WAIT_REAL(epoll_wait)(fd, events, n, timeout);

	while (interrupted_by_us(r, &before)) {
		before = wait_mark();
		r = WAIT_REAL(epoll_wait)(fd, events, n, wait_ms_left(deadline));
	}
	return r;
}

static int unseen_epoll_pwait(int fd, struct epoll_event *events, int n, int timeout, const sigset_t *mask)
{
	uint64_t deadline = timeout > 0 ? wait_deadline_of_ms(timeout) : UINT64_MAX;
	struct signals_wait wait;
	struct wait_mark before = wait_mark();
	int r;

	signals_wait_begin(&wait);
	r = WAIT_REAL(epoll_pwait)(fd, events, n, timeout, signals_wait_mask(&wait, mask));
	while (interrupted_by_us(r, &before)) {
		before = wait_mark();
		r = WAIT_REAL(epoll_pwait)(fd, events, n, wait_ms_left(deadline), signals_wait_mask(&wait, mask));
	}
	wait_is_over(&wait);
	return r;
}

/* An interrupted select leaves the sets unchanged and writes the time that is left. */
static int unseen_select(int n, fd_set *in, fd_set *out, fd_set *except, struct timeval *timeout)
{
	struct wait_mark before = wait_mark();
	int r = WAIT_REAL(select)(n, in, out, except, timeout);

	while (interrupted_by_us(r, &before)) {
		before = wait_mark();
		r = WAIT_REAL(select)(n, in, out, except, timeout);
	}
	return r;
}

static int unseen_pselect(int n, fd_set *in, fd_set *out, fd_set *except, const struct timespec *timeout,
                          const sigset_t *mask)
{
	uint64_t deadline = wait_deadline_of(timeout);
	struct signals_wait wait;
	struct wait_mark before = wait_mark();
	struct timespec left;
	int r;

	signals_wait_begin(&wait);
	r = WAIT_REAL(pselect)(n, in, out, except, timeout, signals_wait_mask(&wait, mask));
	while (interrupted_by_us(r, &before)) {
		before = wait_mark();
		r = WAIT_REAL(pselect)(n, in, out, except, wait_time_left(deadline, &left),
		                       signals_wait_mask(&wait, mask));
	}
	wait_is_over(&wait);
	return r;
}

/* ---- sleep ----------------------------------------------------------------------------------- */

static void *real_nanosleep, *real_clock_nanosleep, *real_pause;

static int unseen_nanosleep(const struct timespec *wanted, struct timespec *rest)
{
	struct wait_mark before = wait_mark();
	struct timespec left = { 0, 0 }, again;
	int r = WAIT_REAL(nanosleep)(wanted, &left);

	while (interrupted_by_us(r, &before)) {
		before = wait_mark();
		again = left;
		r = WAIT_REAL(nanosleep)(&again, &left);
	}
	if (r < 0 && errno == EINTR && rest)
		*rest = left;
	return r;
}

/* Returns the error instead of setting it. */
static int unseen_clock_nanosleep(clockid_t clock, int flags, const struct timespec *wanted, struct timespec *rest)
{
	struct wait_mark before = wait_mark();
	struct timespec left = { 0, 0 }, again;
	int r = WAIT_REAL(clock_nanosleep)(clock, flags, wanted, flags & TIMER_ABSTIME ? NULL : &left);

	while (r == EINTR && wait_interrupts() != before.interrupts) {
		before = wait_mark();
		again = left;
		r = WAIT_REAL(clock_nanosleep)(clock, flags, flags & TIMER_ABSTIME ? wanted : &again,
		                               flags & TIMER_ABSTIME ? NULL : &left);
	}
	if (r == EINTR && rest && !(flags & TIMER_ABSTIME))
		*rest = left;
	return r;
}

MEMSAN_EXPORT int usleep(useconds_t us)
{
	struct timespec wanted = { (time_t)(us / 1000000), (long)(us % 1000000 * 1000) };

	return nanosleep(&wanted, NULL);
}

/* Returns the whole seconds that are left; errno stays as it was when none are. */
MEMSAN_EXPORT unsigned sleep(unsigned seconds)
{
	struct timespec wanted = { (time_t)seconds, 0 }, left = { 0, 0 };
	int saved = errno;

	if (nanosleep(&wanted, &left) < 0)
		return (unsigned)left.tv_sec;
	errno = saved;
	return 0;
}

MEMSAN_EXPORT int pause(void)
{
	struct wait_mark before = wait_mark();
	int r = WAIT_REAL(pause)();

	while (interrupted_by_us(r, &before)) {
		before = wait_mark();
		r = WAIT_REAL(pause)();
	}
	return r;
}

/* ---- semaphores: with a limit they are not restarted ----------------------------------------- */

static void *real_sem_timedwait, *real_sem_clockwait;

MEMSAN_EXPORT int sem_timedwait(sem_t *s, const struct timespec *end)
{
	struct wait_mark before = wait_mark();
	int r = WAIT_REAL(sem_timedwait)(s, end);

	while (interrupted_by_us(r, &before)) {
		before = wait_mark();
		r = WAIT_REAL(sem_timedwait)(s, end);
	}
	return r;
}

MEMSAN_EXPORT int sem_clockwait(sem_t *s, clockid_t clock, const struct timespec *end)
{
	struct wait_mark before = wait_mark();
	int r = WAIT_REAL(sem_clockwait)(s, clock, end);

	while (interrupted_by_us(r, &before)) {
		before = wait_mark();
		r = WAIT_REAL(sem_clockwait)(s, clock, end);
	}
	return r;
}

/* ---- signals that are waited for ------------------------------------------------------------- */

static void *real_sigwait, *real_sigwaitinfo, *real_sigtimedwait, *real_sigsuspend;

/* The set without the signals by which memsan stops threads. */
static const sigset_t *without_ours(const sigset_t *set, sigset_t *copy)
{
	uint64_t ours = set ? leak_signals_left_out(set->__val[0]) : 0;

	if (!ours)
		return set;
	*copy = *set;
	copy->__val[0] &= ~ours;
	return copy;
}

static int unseen_sigwait(const sigset_t *set, int *sig)
{
	sigset_t copy;

	return WAIT_REAL(sigwait)(without_ours(set, &copy), sig);
}

static int unseen_sigwaitinfo(const sigset_t *set, siginfo_t *info)
{
	struct wait_mark before = wait_mark();
	sigset_t copy;
	int r = WAIT_REAL(sigwaitinfo)(without_ours(set, &copy), info);

	while (interrupted_by_us(r, &before)) {
		before = wait_mark();
		r = WAIT_REAL(sigwaitinfo)(without_ours(set, &copy), info);
	}
	return r;
}

static int unseen_sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
	uint64_t deadline = wait_deadline_of(timeout);
	struct wait_mark before = wait_mark();
	struct timespec left;
	sigset_t copy;
	int r = WAIT_REAL(sigtimedwait)(without_ours(set, &copy), info, timeout);

	while (interrupted_by_us(r, &before)) {
		before = wait_mark();
		r = WAIT_REAL(sigtimedwait)(without_ours(set, &copy), info, wait_time_left(deadline, &left));
	}
	return r;
}

static void *real_signalfd;

MEMSAN_EXPORT int signalfd(int fd, const sigset_t *set, int flags)
{
	sigset_t copy;

	return WAIT_REAL(signalfd)(fd, without_ours(set, &copy), flags);
}

MEMSAN_EXPORT int sigsuspend(const sigset_t *mask)
{
	struct signals_wait wait;
	struct wait_mark before = wait_mark();
	int r;

	signals_wait_begin(&wait);
	r = WAIT_REAL(sigsuspend)(signals_wait_mask(&wait, mask));
	while (interrupted_by_us(r, &before)) {
		before = wait_mark();
		r = WAIT_REAL(sigsuspend)(signals_wait_mask(&wait, mask));
	}
	wait_is_over(&wait);
	return r;
}

/* ---- behind the interceptors ----------------------------------------------------------------- */

void wait_wrap(void **real)
{
	WAIT_WRAP(nanosleep);
	WAIT_WRAP(clock_nanosleep);
	WAIT_WRAP(poll);
	WAIT_WRAP(ppoll);
	WAIT_WRAP(epoll_wait);
	WAIT_WRAP(epoll_pwait);
	WAIT_WRAP(select);
	WAIT_WRAP(pselect);
	WAIT_WRAP(sigwait);
	WAIT_WRAP(sigwaitinfo);
	WAIT_WRAP(sigtimedwait);
}
