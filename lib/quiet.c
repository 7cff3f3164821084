/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/quiet.c - writes of memsan's own that raise no signal in the program. A write to a pipe without a reader, or past
 * the limit of a file's size, sends SIGPIPE or SIGXFSZ to this very thread. The signal is blocked during the write, and
 * taken back afterwards. A signal that was pending before is the program's, and stays.
 *
 * A filter of system calls may forbid these calls (os_filter_allows). Then poll tells that a pipe is broken; only
 * where that is forbidden too, the write is made without protection. */
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

#include "lib/lib.h"
#include "lib/lib_internal.h"

#define BIT(sig) (1ull << ((sig)-1))
#define SIGNALS (BIT(SIGPIPE) | BIT(SIGXFSZ))

/* Another process may have made the descriptor non-blocking (a terminal shared with node, a pipe). A write waits until
 * the descriptor takes more, but not for ever. */
#define PATIENCE_SECONDS 2
#define NAP_MS 20

/* Where rt_sigtimedwait is forbidden: an action that ignores the signal discards it. */
static void discard(int sig)
{
	struct {
		uintptr_t handler;
		uint64_t flags, restorer, mask;
	} ignore = { (uintptr_t)SIG_IGN, 0, 0, 0 }, old;

	if (arch_syscall6(SYS_rt_sigaction, sig, (long)&ignore, (long)&old, sizeof(old.mask), 0, 0) == 0)
		arch_syscall6(SYS_rt_sigaction, sig, (long)&old, 0, sizeof(old.mask), 0, 0);
}

void os_take_back(int sig, uint64_t pending_before)
{
	struct timespec zero = { 0, 0 };
	uint64_t set = BIT(sig);

	if (pending_before & set)
		return;
	if (os_filter_allows(OS_CALL_SIGTIMEDWAIT))
		arch_syscall6(SYS_rt_sigtimedwait, (long)&set, 0, (long)&zero, sizeof(set), 0, 0);
	else if (os_filter_allows(OS_CALL_SIGACTION))
		discard(sig);
}

static long poll_now(int fd, short events, long seconds)
{
	struct pollfd p = { .fd = fd, .events = events, .revents = 0 };
	struct timespec timeout = { seconds, 0 };
	long r = os_filter_allows(OS_CALL_PPOLL)
	                 ? arch_syscall6(SYS_ppoll, (long)&p, 1, (long)&timeout, 0, sizeof(uint64_t), 0)
	         : os_filter_allows(OS_CALL_POLL) ? arch_syscall6(SYS_poll, (long)&p, 1, seconds * 1000, 0, 0, 0)
	                                          : 0;

	return r > 0 ? p.revents : r;
}

/* Where poll is forbidden, a futex is a clock. */
static bool wait_writable(int fd, unsigned *naps)
{
	struct timespec nap = { 0, NAP_MS * 1000000L };
	uint32_t word = 0;
	long r;

	if (os_filter_allows(OS_CALL_PPOLL) || os_filter_allows(OS_CALL_POLL)) {
		r = poll_now(fd, POLLOUT, PATIENCE_SECONDS);
		return r > 0 || r == -EINTR;
	}
	if (os_is_strict() || ++*naps > PATIENCE_SECONDS * 1000 / NAP_MS)
		return false;
	arch_syscall6(SYS_futex, (long)&word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, (long)&nap, 0, 0);
	return true;
}

bool os_quiet_begin(struct os_quiet *q, int fd)
{
	uint64_t set = SIGNALS;

	q->pending = 0;
	q->blocked = os_filter_allows(OS_CALL_SIGPROCMASK) &&
	             (os_filter_allows(OS_CALL_SIGTIMEDWAIT) || os_filter_allows(OS_CALL_SIGACTION)) &&
	             arch_syscall6(SYS_rt_sigprocmask, SIG_BLOCK, (long)&set, (long)&q->old, sizeof(set), 0, 0) == 0;
	if (!q->blocked) {
		long r = poll_now(fd, POLLOUT, 0);

		return r <= 0 || !(r & (POLLERR | POLLHUP));
	}
	if (q->old & SIGNALS)
		q->pending = os_signals_pending();
	return true;
}

void os_quiet_end(const struct os_quiet *q, long error)
{
	if (!q->blocked)
		return;
	if (error == -EPIPE)
		os_take_back(SIGPIPE, q->pending);
	if (error == -EFBIG)
		os_take_back(SIGXFSZ, q->pending);
	if ((q->old & SIGNALS) != SIGNALS)
		arch_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&q->old, 0, sizeof(q->old), 0, 0);
}

static long write_loop(int fd, const char *p, size_t n, size_t *done)
{
	unsigned naps = 0;

	while (*done < n) {
		long r = arch_syscall6(SYS_write, fd, (long)(p + *done), (long)(n - *done), 0, 0, 0);

		if (r > 0) {
			*done += (size_t)r;
			naps = 0;
		} else if (r == 0 || (r != -EINTR && (r != -EAGAIN || !wait_writable(fd, &naps)))) {
			return r ? r : -EIO;
		}
	}
	return 0;
}

long os_write_whole(int fd, const void *buf, size_t n, size_t *done)
{
	struct os_quiet q;
	long error = -EPIPE;

	*done = 0;
	if (os_quiet_begin(&q, fd))
		error = write_loop(fd, buf, n, done);
	os_quiet_end(&q, error);
	return error;
}

ssize_t os_write_all(int fd, const void *buf, size_t n)
{
	size_t done;
	long error = os_write_whole(fd, buf, n, &done);

	return done || !error ? (ssize_t)done : error;
}
