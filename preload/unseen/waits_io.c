/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/waits_io.c - reads and writes go on after a scan for leaks has interrupted them.
 *
 * With SA_RESTART the kernel makes them go on, with two exceptions. A socket with a timeout (SO_RCVTIMEO, SO_SNDTIMEO)
 * returns EINTR. A write to a pipe or socket that has moved a part returns the size of that part, which never happens
 * without a signal. These functions stand between the interceptors (intercept/libc_io.c) and libc's own: they take the
 * place of libc's in the table libc_real. */
#include "preload/unseen/unseen.h"

#include <dlfcn.h>
#include <errno.h>

/* libc's own. */
static struct {
	ssize_t (*read)(int fd, void *dst, size_t n);
	ssize_t (*recv)(int fd, void *dst, size_t n, int flags);
	ssize_t (*recvfrom)(int fd, void *dst, size_t n, int flags, struct sockaddr *address, socklen_t *len);
	ssize_t (*recvmsg)(int fd, struct msghdr *m, int flags);
	int (*recvmmsg)(int fd, struct mmsghdr *m, unsigned n, int flags, struct timespec *timeout);
	ssize_t (*write)(int fd, const void *src, size_t n);
	ssize_t (*writev)(int fd, const struct iovec *v, int n);
	ssize_t (*send)(int fd, const void *src, size_t n, int flags);
	ssize_t (*sendto)(int fd, const void *src, size_t n, int flags, const struct sockaddr *address, socklen_t len);
	ssize_t (*sendmsg)(int fd, const struct msghdr *m, int flags);
} own;

/* Repeats the call while only memsan interrupts it. */
#define REPEAT(r, mark, call)         \
	do {                          \
		(mark) = wait_mark(); \
		(r) = (call);         \
	} while (interrupted_by_us((long)(r), &(mark)))

/* Did the call move only a part because memsan interrupted it? */
static bool cut_short(ssize_t r, size_t n, const struct wait_mark *before)
{
	return unlikely(r > 0 && (size_t)r < n) && wait_interrupts() != before->interrupts;
}

/* ---- reading --------------------------------------------------------------------------------- */

static ssize_t again_read(int fd, void *dst, size_t n)
{
	struct wait_mark before;
	ssize_t r;

	REPEAT(r, before, own.read(fd, dst, n));
	return r;
}

static ssize_t again_recv(int fd, void *dst, size_t n, int flags)
{
	struct wait_mark before;
	ssize_t r, more;

	REPEAT(r, before, own.recv(fd, dst, n, flags));
	while ((flags & MSG_WAITALL) && cut_short(r, n, &before)) {
		REPEAT(more, before, own.recv(fd, (char *)dst + r, n - (size_t)r, flags));
		if (more <= 0) {
			errno = before.error;
			break;
		}
		r += more;
	}
	return r;
}

static ssize_t again_recvfrom(int fd, void *dst, size_t n, int flags, struct sockaddr *address, socklen_t *len)
{
	struct wait_mark before;
	ssize_t r;

	REPEAT(r, before, own.recvfrom(fd, dst, n, flags, address, len));
	return r;
}

static ssize_t again_recvmsg(int fd, struct msghdr *m, int flags)
{
	struct wait_mark before;
	ssize_t r;

	REPEAT(r, before, own.recvmsg(fd, m, flags));
	return r;
}

static int again_recvmmsg(int fd, struct mmsghdr *m, unsigned n, int flags, struct timespec *timeout)
{
	struct wait_mark before;
	int r;

	REPEAT(r, before, own.recvmmsg(fd, m, n, flags, timeout));
	return r;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Writes the rest after `done` bytes; returns the bytes moved in all. */
static ssize_t send_rest(int fd, const char *src, size_t n, ssize_t done, int flags, bool is_socket)
{
	struct wait_mark before = wait_mark();
	ssize_t more;

	do {
		size_t left = n - (size_t)done;
		REPEAT(more, before,
		       is_socket ? own.send(fd, src + done, left, flags) : own.write(fd, src + done, left));
		if (more <= 0) {
			errno = before.error;
			return done;
		}
		done += more;
	} while (cut_short(done, n, &before));
	return done;
}

static ssize_t again_write(int fd, const void *src, size_t n)
{
	struct wait_mark before;
	ssize_t r;

	REPEAT(r, before, own.write(fd, src, n));
	return cut_short(r, n, &before) ? send_rest(fd, src, n, r, 0, false) : r;
}

static ssize_t again_send(int fd, const void *src, size_t n, int flags)
{
	struct wait_mark before;
	ssize_t r;

	REPEAT(r, before, own.send(fd, src, n, flags));
	return cut_short(r, n, &before) ? send_rest(fd, src, n, r, flags, true) : r;
}

/* Only streams move a part, and on a stream the address has no meaning. */
static ssize_t again_sendto(int fd, const void *src, size_t n, int flags, const struct sockaddr *address, socklen_t len)
{
	struct wait_mark before;
	ssize_t r;

	REPEAT(r, before, own.sendto(fd, src, n, flags, address, len));
	return cut_short(r, n, &before) ? send_rest(fd, src, n, r, flags, true) : r;
}

static size_t vector_size(const struct iovec *v, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += v[i].iov_len;
	return n;
}

/* Writes piece by piece: another writer's data may come between, as between two writes. */
static ssize_t send_rest_of_vector(int fd, const struct iovec *v, size_t count, ssize_t done, int flags, bool is_socket)
{
	size_t skip = (size_t)done;

	for (size_t i = 0; i < count; i++) {
		size_t len = v[i].iov_len;
		ssize_t before = (ssize_t)MIN(skip, len), now;
		skip -= (size_t)before;
		if ((size_t)before == len)
			continue;
		now = send_rest(fd, v[i].iov_base, len, before, flags, is_socket);
		done += now - before;
		if ((size_t)now < len)
			break;
	}
	return done;
}

static ssize_t again_writev(int fd, const struct iovec *v, int count)
{
	struct wait_mark before;
	ssize_t r;

	REPEAT(r, before, own.writev(fd, v, count));
	if (unlikely(r > 0 && wait_interrupts() != before.interrupts) && (size_t)r < vector_size(v, (size_t)count))
		r = send_rest_of_vector(fd, v, (size_t)count, r, 0, false);
	return r;
}

static ssize_t again_sendmsg(int fd, const struct msghdr *m, int flags)
{
	struct wait_mark before;
	ssize_t r;

	REPEAT(r, before, own.sendmsg(fd, m, flags));
	if (unlikely(r > 0 && wait_interrupts() != before.interrupts) &&
	    (size_t)r < vector_size(m->msg_iov, m->msg_iovlen))
		r = send_rest_of_vector(fd, m->msg_iov, m->msg_iovlen, r, flags, true);
	return r;
}

/* ---- the table ------------------------------------------------------------------------------- */

void wait_wrap_io(void **real)
{
	static const struct {
		enum libc_index index;
		void **own;
		void *again;
	} table[] = {
		{ LIBC_read, (void **)&own.read, (void *)again_read },
		{ LIBC_recv, (void **)&own.recv, (void *)again_recv },
		{ LIBC_recvfrom, (void **)&own.recvfrom, (void *)again_recvfrom },
		{ LIBC_recvmsg, (void **)&own.recvmsg, (void *)again_recvmsg },
		{ LIBC_recvmmsg, (void **)&own.recvmmsg, (void *)again_recvmmsg },
		{ LIBC_write, (void **)&own.write, (void *)again_write },
		{ LIBC_writev, (void **)&own.writev, (void *)again_writev },
		{ LIBC_send, (void **)&own.send, (void *)again_send },
		{ LIBC_sendto, (void **)&own.sendto, (void *)again_sendto },
		{ LIBC_sendmsg, (void **)&own.sendmsg, (void *)again_sendmsg },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
		if (!real[table[i].index])
			continue;
		*table[i].own = real[table[i].index];
		real[table[i].index] = table[i].again;
	}
}
