/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/waits.c - calls that wait, and that return EINTR after any handler: when it was memsan's own (a scan for leaks stopped the thread),
 * they are called again for the rest of their time, and the program sees nothing.
 *
 * Calls that SA_RESTART covers (read, accept, futex and all that is made of it) need none of this: signal(7) lists both kinds.  The sigwait
 * family would take our signal as if it were the program's, so it is taken out of the set that they wait for.
 *
 * Accepted: a signal of the program's that comes in the same moment makes the call go on as well; its handler has run.
 * Only in the shared library: a static program's own calls go to the kernel. */
#include "preload/preload.h"

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

static void *real_named(void **cache, const char *name)
{
	void *p = __atomic_load_n(cache, __ATOMIC_RELAXED);

	if (unlikely(!p)) {
		p = dlsym(RTLD_NEXT, name);
		__atomic_store_n(cache, p, __ATOMIC_RELAXED);
	}
	return p;
}
#define REAL(name) ((__typeof__(&name))real_named(&real_##name, #name))

/* Was it us, and nobody else, who interrupted? */
static inline bool interrupted_by_us(long r, uint32_t stops_before)
{
	return unlikely(r < 0) && errno == EINTR && leak_stops != stops_before;
}

/* ---- time that is left ---------------------------------------------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* When it ends; UINT64_MAX: never. */
static uint64_t deadline_of(const struct timespec *t)
{
	if (!t || t->tv_sec < 0 || t->tv_nsec < 0)
		return UINT64_MAX;
	return (uint64_t)t->tv_sec > UINT64_MAX / 4000000000u ? UINT64_MAX
	                                                     : now_ns() + (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_nsec;
}

static struct timespec *time_left(uint64_t deadline, struct timespec *t)
{
	uint64_t now = now_ns(), left = deadline > now ? deadline - now : 0;

	if (deadline == UINT64_MAX)
		return NULL;
	t->tv_sec = (time_t)(left / 1000000000u);
	t->tv_nsec = (long)(left % 1000000000u);
	return t;
}

static int ms_left(uint64_t deadline)
{
	uint64_t now = now_ns();

	return deadline == UINT64_MAX ? -1 : deadline > now ? (int)((deadline - now + 999999) / 1000000) : 0;
}

static uint64_t deadline_of_ms(int ms)
{
	return ms < 0 ? UINT64_MAX : now_ns() + (uint64_t)ms * 1000000u;
}

/* ---- descriptors ------------------------------------------------------------------------------------------------------------------ */

static void *real_poll, *real_ppoll, *real_epoll_wait, *real_epoll_pwait, *real_select, *real_pselect;

MEMSAN_EXPORT int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	uint64_t deadline = timeout > 0 ? deadline_of_ms(timeout) : UINT64_MAX;
	uint32_t stops = leak_stops;
	int r = REAL(poll)(fds, n, timeout);

	while (interrupted_by_us(r, stops)) {
		stops = leak_stops;
		r = REAL(poll)(fds, n, ms_left(deadline));
	}
	return r;
}

MEMSAN_EXPORT int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	uint64_t deadline = deadline_of(timeout);
	uint32_t stops = leak_stops;
	struct timespec left;
	int r = REAL(ppoll)(fds, n, timeout, mask);

	while (interrupted_by_us(r, stops)) {
		stops = leak_stops;
		r = REAL(ppoll)(fds, n, time_left(deadline, &left), mask);
	}
	return r;
}

MEMSAN_EXPORT int epoll_wait(int fd, struct epoll_event *events, int n, int timeout)
{
	uint64_t deadline = timeout > 0 ? deadline_of_ms(timeout) : UINT64_MAX;
	uint32_t stops = leak_stops;
	int r = REAL(epoll_wait)(fd, events, n, timeout);

	while (interrupted_by_us(r, stops)) {
		stops = leak_stops;
		r = REAL(epoll_wait)(fd, events, n, ms_left(deadline));
	}
	return r;
}

MEMSAN_EXPORT int epoll_pwait(int fd, struct epoll_event *events, int n, int timeout, const sigset_t *mask)
{
	uint64_t deadline = timeout > 0 ? deadline_of_ms(timeout) : UINT64_MAX;
	uint32_t stops = leak_stops;
	int r = REAL(epoll_pwait)(fd, events, n, timeout, mask);

	while (interrupted_by_us(r, stops)) {
		stops = leak_stops;
		r = REAL(epoll_pwait)(fd, events, n, ms_left(deadline), mask);
	}
	return r;
}

/* The kernel leaves the sets as they were when it was interrupted, and writes the time that is left. */
MEMSAN_EXPORT int select(int n, fd_set *in, fd_set *out, fd_set *except, struct timeval *timeout)
{
	uint32_t stops = leak_stops;
	int r = REAL(select)(n, in, out, except, timeout);

	while (interrupted_by_us(r, stops)) {
		stops = leak_stops;
		r = REAL(select)(n, in, out, except, timeout);
	}
	return r;
}

MEMSAN_EXPORT int pselect(int n, fd_set *in, fd_set *out, fd_set *except, const struct timespec *timeout, const sigset_t *mask)
{
	uint64_t deadline = deadline_of(timeout);
	uint32_t stops = leak_stops;
	struct timespec left;
	int r = REAL(pselect)(n, in, out, except, timeout, mask);

	while (interrupted_by_us(r, stops)) {
		stops = leak_stops;
		r = REAL(pselect)(n, in, out, except, time_left(deadline, &left), mask);
	}
	return r;
}

/* ---- sleep ------------------------------------------------------------------------------------------------------------------------ */

static void *real_nanosleep, *real_clock_nanosleep, *real_pause;

MEMSAN_EXPORT int nanosleep(const struct timespec *wanted, struct timespec *rest)
{
	uint32_t stops = leak_stops;
	struct timespec left = { 0, 0 }, again;
	int r = REAL(nanosleep)(wanted, &left);

	while (interrupted_by_us(r, stops)) {
		stops = leak_stops;
		again = left;
		r = REAL(nanosleep)(&again, &left);
	}
	if (r < 0 && errno == EINTR && rest)
		*rest = left;
	return r;
}

/* Returns the error instead of setting it. */
MEMSAN_EXPORT int clock_nanosleep(clockid_t clock, int flags, const struct timespec *wanted, struct timespec *rest)
{
	uint32_t stops = leak_stops;
	struct timespec left = { 0, 0 }, again;
	int r = REAL(clock_nanosleep)(clock, flags, wanted, flags & TIMER_ABSTIME ? NULL : &left);

	while (r == EINTR && leak_stops != stops) {
		stops = leak_stops;
		again = left;
		r = REAL(clock_nanosleep)(clock, flags, flags & TIMER_ABSTIME ? wanted : &again, flags & TIMER_ABSTIME ? NULL : &left);
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

/* Whole seconds that are left, and errno as it was when there are none. */
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
	uint32_t stops = leak_stops;
	int r = REAL(pause)();

	while (interrupted_by_us(r, stops)) {
		stops = leak_stops;
		r = REAL(pause)();
	}
	return r;
}

/* ---- semaphores: with a limit they are not restarted ----------------------------------------------------------------------------------- */

static void *real_sem_timedwait, *real_sem_clockwait;

MEMSAN_EXPORT int sem_timedwait(sem_t *s, const struct timespec *end)
{
	uint32_t stops = leak_stops;
	int r = REAL(sem_timedwait)(s, end);

	while (interrupted_by_us(r, stops)) {
		stops = leak_stops;
		r = REAL(sem_timedwait)(s, end);
	}
	return r;
}

MEMSAN_EXPORT int sem_clockwait(sem_t *s, clockid_t clock, const struct timespec *end)
{
	uint32_t stops = leak_stops;
	int r = REAL(sem_clockwait)(s, clock, end);

	while (interrupted_by_us(r, stops)) {
		stops = leak_stops;
		r = REAL(sem_clockwait)(s, clock, end);
	}
	return r;
}

/* ---- signals that are waited for ------------------------------------------------------------------------------------------------------ */

static void *real_sigwait, *real_sigwaitinfo, *real_sigtimedwait, *real_sigsuspend;

/* The set without the signal that stops threads, whether it has been used yet or not: who waits now still waits when a scan comes. */
static const sigset_t *without_ours(const sigset_t *set, sigset_t *copy)
{
	int sig = set ? leak_signal_left_out(set->__val[0]) : 0;

	if (!sig)
		return set;
	*copy = *set;
	sigdelset(copy, sig);
	return copy;
}

MEMSAN_EXPORT int sigwait(const sigset_t *set, int *sig)
{
	sigset_t copy;

	return REAL(sigwait)(without_ours(set, &copy), sig);
}

MEMSAN_EXPORT int sigwaitinfo(const sigset_t *set, siginfo_t *info)
{
	uint32_t stops = leak_stops;
	sigset_t copy;
	int r = REAL(sigwaitinfo)(without_ours(set, &copy), info);

	while (interrupted_by_us(r, stops)) {
		stops = leak_stops;
		r = REAL(sigwaitinfo)(without_ours(set, &copy), info);
	}
	return r;
}

MEMSAN_EXPORT int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
	uint64_t deadline = deadline_of(timeout);
	uint32_t stops = leak_stops;
	struct timespec left;
	sigset_t copy;
	int r = REAL(sigtimedwait)(without_ours(set, &copy), info, timeout);

	while (interrupted_by_us(r, stops)) {
		stops = leak_stops;
		r = REAL(sigtimedwait)(without_ours(set, &copy), info, time_left(deadline, &left));
	}
	return r;
}

static void *real_signalfd;

MEMSAN_EXPORT int signalfd(int fd, const sigset_t *set, int flags)
{
	sigset_t copy;

	return REAL(signalfd)(fd, without_ours(set, &copy), flags);
}

MEMSAN_EXPORT int sigsuspend(const sigset_t *mask)
{
	uint32_t stops = leak_stops;
	int r = REAL(sigsuspend)(mask);

	while (interrupted_by_us(r, stops)) {
		stops = leak_stops;
		r = REAL(sigsuspend)(mask);
	}
	return r;
}
