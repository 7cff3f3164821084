/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/waits_rare.c - as waits.c, for calls that few programs make; and waits for children, which must not
 * see the scan's child.
 *
 * A scan runs in a copy of the process, a child with exit signal 0. wait and waitpid pass over such a child by
 * themselves. Only a wait for any clone child (__WALL, __WCLONE) can meet it, and passes over it here. */
#include "preload/unseen/unseen.h"

#include <aio.h>
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <threads.h>

/* ---- calls without a limit: they begin anew -------------------------------------------------- */

#define AGAIN(type, name, params, args)                       \
	static void *real_##name;                             \
	static type unseen_##name params                      \
	{                                                     \
		struct wait_mark before = wait_mark();        \
		type r = WAIT_REAL(name) args;                \
		while (interrupted_by_us((long)r, &before)) { \
			before = wait_mark();                 \
			r = WAIT_REAL(name) args;             \
		}                                             \
		return r;                                     \
	}
AGAIN(ssize_t, msgrcv, (int id, void *m, size_t n, long type, int flags), (id, m, n, type, flags))
AGAIN(int, msgsnd, (int id, const void *m, size_t n, int flags), (id, m, n, flags))
AGAIN(int, semop, (int id, struct sembuf *ops, size_t n), (id, ops, n))
/* The kernel does not restart these on a socket with a timeout (SO_RCVTIMEO, SO_SNDTIMEO). */
AGAIN(int, accept, (int fd, __SOCKADDR_ARG address, socklen_t *len), (fd, address, len))
AGAIN(int, accept4, (int fd, __SOCKADDR_ARG address, socklen_t *len, int flags), (fd, address, len, flags))
AGAIN(int, connect, (int fd, __CONST_SOCKADDR_ARG address, socklen_t len), (fd, address, len))

/* ---- other names of what waits.c has --------------------------------------------------------- */

MEMSAN_EXPORT int __poll(struct pollfd *fds, nfds_t n, int timeout);
MEMSAN_EXPORT int __select(int n, fd_set *in, fd_set *out, fd_set *except, struct timeval *timeout);
MEMSAN_EXPORT int __nanosleep(const struct timespec *wanted, struct timespec *rest);
MEMSAN_EXPORT int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size);
MEMSAN_EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask,
                              size_t size);
MEMSAN_EXPORT int __sigsuspend(const sigset_t *mask);
MEMSAN_EXPORT int __sigpause(int sig_or_mask, int is_sig);
MEMSAN_EXPORT int __xpg_sigpause(int sig);

MEMSAN_EXPORT int __sigsuspend(const sigset_t *mask)
{
	return sigsuspend(mask);
}

/* Waits with the thread's mask without this signal (is_sig), or with a mask of the signals up to 32. */
MEMSAN_EXPORT int __sigpause(int sig_or_mask, int is_sig)
{
	sigset_t set;

	if (sigprocmask(SIG_BLOCK, NULL, &set) != 0)
		return -1;
	if (is_sig && sigdelset(&set, sig_or_mask) != 0)
		return -1;
	if (!is_sig) {
		sigemptyset(&set);
		set.__val[0] = (unsigned)sig_or_mask;
	}
	return sigsuspend(&set);
}

MEMSAN_EXPORT int __xpg_sigpause(int sig)
{
	return __sigpause(sig, 1);
}

MEMSAN_EXPORT int __poll(struct pollfd *fds, nfds_t n, int timeout)
{
	return poll(fds, n, timeout);
}

MEMSAN_EXPORT int __select(int n, fd_set *in, fd_set *out, fd_set *except, struct timeval *timeout)
{
	return select(n, in, out, except, timeout);
}

MEMSAN_EXPORT int __nanosleep(const struct timespec *wanted, struct timespec *rest)
{
	return nanosleep(wanted, rest);
}

/* libc's own function ends the program if the array is too small for n. */
static bool poll_has_room(const struct pollfd *fds, nfds_t n, size_t size, const char *entry)
{
	if (size / sizeof(*fds) >= n)
		return true;
	if (n < 1 << 20 && libc_covers(fds))
		kernel_reads(fds, n * sizeof(*fds), entry);
	return false;
}

MEMSAN_EXPORT int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size)
{
	static void *real___poll_chk;

	return poll_has_room(fds, n, size, __func__) ? poll(fds, n, timeout)
	                                             : WAIT_REAL(__poll_chk)(fds, n, timeout, size);
}

MEMSAN_EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask,
                              size_t size)
{
	static void *real___ppoll_chk;

	return poll_has_room(fds, n, size, __func__) ? ppoll(fds, n, timeout, mask)
	                                             : WAIT_REAL(__ppoll_chk)(fds, n, timeout, mask, size);
}

/* ---- with a limit ---------------------------------------------------------------------------- */

MEMSAN_EXPORT int epoll_pwait2(int fd, struct epoll_event *events, int n, const struct timespec *timeout,
                               const sigset_t *mask)
{
	static void *real_epoll_pwait2;
	uint64_t deadline = wait_deadline_of(timeout);
	struct signals_wait wait;
	struct wait_mark before = wait_mark();
	struct timespec left;
	int r;

	signals_wait_begin(&wait);
	r = WAIT_REAL(epoll_pwait2)(fd, events, n, timeout, signals_wait_mask(&wait, mask));
	while (interrupted_by_us(r, &before)) {
		before = wait_mark();
		r = WAIT_REAL(epoll_pwait2)(fd, events, n, wait_time_left(deadline, &left),
		                            signals_wait_mask(&wait, mask));
	}
	wait_is_over(&wait);
	return r;
}

MEMSAN_EXPORT int semtimedop(int id, struct sembuf *ops, size_t n, const struct timespec *timeout)
{
	static void *real_semtimedop;
	uint64_t deadline = wait_deadline_of(timeout);
	struct wait_mark before = wait_mark();
	struct timespec left;
	int r = WAIT_REAL(semtimedop)(id, ops, n, timeout);

	while (interrupted_by_us(r, &before)) {
		before = wait_mark();
		r = WAIT_REAL(semtimedop)(id, ops, n, wait_time_left(deadline, &left));
	}
	return r;
}

MEMSAN_EXPORT int aio_suspend(const struct aiocb *const list[], int n, const struct timespec *timeout)
{
	static void *real_aio_suspend;
	uint64_t deadline = wait_deadline_of(timeout);
	struct wait_mark before = wait_mark();
	struct timespec left;
	int r = WAIT_REAL(aio_suspend)(list, n, timeout);

	while (interrupted_by_us(r, &before)) {
		before = wait_mark();
		r = WAIT_REAL(aio_suspend)(list, n, wait_time_left(deadline, &left));
	}
	return r;
}

/* Of libaio: returns the error. */
struct io_event;
MEMSAN_EXPORT int io_getevents(void *context, long min, long n, struct io_event *events, struct timespec *timeout);
MEMSAN_EXPORT int io_getevents(void *context, long min, long n, struct io_event *events, struct timespec *timeout)
{
	static void *real_io_getevents;
	uint64_t deadline = wait_deadline_of(timeout);
	uint32_t before;
	struct timespec left;
	int r;

	leak_waits_itself++;
	do {
		before = wait_interrupts();
		r = WAIT_REAL(io_getevents) ? WAIT_REAL(io_getevents)(context, min, n, events, timeout) : -ENOSYS;
		timeout = timeout ? wait_time_left(deadline, &left) : NULL;
	} while (r == -EINTR && wait_interrupts() != before);
	leak_waits_itself--;
	return r;
}

/* Returns 0, -1 when a handler ran, another negative number on errors. */
MEMSAN_EXPORT int thrd_sleep(const struct timespec *wanted, struct timespec *rest)
{
	int r = clock_nanosleep(CLOCK_REALTIME, 0, wanted, rest);

	return r == 0 ? 0 : r == EINTR ? -1 : -2;
}

/* ---- signals that are pending ---------------------------------------------------------------- */

static void *real_sigpending;

static int unseen_sigpending(sigset_t *set)
{
	int r = WAIT_REAL(sigpending)(set);

	if (r == 0)
		set->__val[0] &= ~leak_signals_left_out(~(uint64_t)0);
	return r;
}

/* ---- children -------------------------------------------------------------------------------- */

#define CLONE_CHILDREN (__WALL | __WCLONE)

/* r: the result of a wait for any clone child. True: the wait must be repeated, since it met the scan's child, or (r is
 * 0) no child has ended and the scan's may be the only one. */
static bool met_scan_child(pid_t r, int flags, bool any)
{
	int32_t scanning;

	if (likely(!(flags & CLONE_CHILDREN)) || !any || r < 0)
		return false;
	if (r > 0 && !leak_snapshot_was(r))
		return false;
	scanning = leak_snapshot_child();
	if (scanning)
		leak_snapshot_wait(scanning);
	return r > 0 || scanning;
}

static void *real_wait4, *real_waitpid, *real_waitid;

static pid_t unseen_wait4(pid_t pid, int *status, int options_of_wait, struct rusage *usage)
{
	pid_t r;

	do
		r = WAIT_REAL(wait4)(pid, status, options_of_wait, usage);
	while (met_scan_child(r, options_of_wait, pid <= 0));
	return r;
}

static pid_t unseen_waitpid(pid_t pid, int *status, int options_of_wait)
{
	pid_t r;

	do
		r = WAIT_REAL(waitpid)(pid, status, options_of_wait);
	while (met_scan_child(r, options_of_wait, pid <= 0));
	return r;
}

static int unseen_waitid(idtype_t type, id_t id, siginfo_t *info, int options_of_wait)
{
	int r;

	do
		r = WAIT_REAL(waitid)(type, id, info, options_of_wait);
	while (r == 0 && info && met_scan_child(info->si_pid, options_of_wait, type != P_PID));
	return r;
}

/* ---- behind the interceptors ----------------------------------------------------------------- */

void wait_wrap_rare(void **real)
{
	WAIT_WRAP(msgrcv);
	WAIT_WRAP(msgsnd);
	WAIT_WRAP(semop);
	WAIT_WRAP(accept);
	WAIT_WRAP(connect);
	WAIT_WRAP(accept4);
	WAIT_WRAP(sigpending);
	WAIT_WRAP(wait4);
	WAIT_WRAP(waitpid);
	WAIT_WRAP(waitid);
}
