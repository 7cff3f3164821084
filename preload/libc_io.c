/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/libc_io.c - interceptors of the system calls that fill a buffer or empty one.
 *
 * A read is checked afterwards and for the bytes that came, for POSIX lets a program pass a size that its data will never reach.  A
 * write is checked before and whole: the size is what the program claims to have, and afterwards would be too late in another way: the
 * other side may have answered by then, and another thread freed the buffer.  libc's own function is called in both cases, so
 * cancellation, errno and restarts are as ever.
 */
#include "preload/preload_internal.h"

#include <errno.h>

/* ---- one buffer -------------------------------------------------------------------------------------------------------------- */

/* A datagram's true length (MSG_TRUNC) may be more than was stored. */
static void check_received(void *dst, size_t n, ssize_t ret, const char *entry)
{
	if (ret > 0)
		check_write(dst, MIN((size_t)ret, n), entry);
	else if (ret < 0 && errno == EFAULT)
		check_guarded(dst, n, LIBC_WRITE, entry);
}

#define FILL(name, params, args)                                                                                       \
	INTERCEPT(ssize_t, name, params, args, libc_foreign(dst))                                                      \
	{                                                                                                              \
		ssize_t ret = REAL(name) args;                                                                         \
		check_received(dst, n, ret, ENTRY);                                                                    \
		return ret;                                                                                            \
	}
FILL(read, (int fd, void *dst, size_t n), (fd, dst, n))
FILL(pread, (int fd, void *dst, size_t n, off_t offset), (fd, dst, n, offset))
FILL(pread64, (int fd, void *dst, size_t n, off64_t offset), (fd, dst, n, offset))
FILL(recv, (int fd, void *dst, size_t n, int flags), (fd, dst, n, flags))
FILL(__read_chk, (int fd, void *dst, size_t n, size_t room), (fd, dst, n, room))
FILL(__pread_chk, (int fd, void *dst, size_t n, off_t offset, size_t room), (fd, dst, n, offset, room))
FILL(__pread64_chk, (int fd, void *dst, size_t n, off64_t offset, size_t room), (fd, dst, n, offset, room))
FILL(__recv_chk, (int fd, void *dst, size_t n, size_t room, int flags), (fd, dst, n, room, flags))

/* The kernel stores as much of the address as fits and the length of all of it. */
#define FILL_FROM(name, params, args)                                                                                  \
	INTERCEPT(ssize_t, name, params, args, libc_foreign(dst) && libc_foreign(address.__sockaddr__))                \
	{                                                                                                              \
		bool wanted = address.__sockaddr__ && address_len;                                                     \
		socklen_t room_for_address = wanted ? *address_len : 0;                                                \
		ssize_t ret = REAL(name) args;                                                                         \
		check_received(dst, n, ret, ENTRY);                                                                    \
		if (ret >= 0 && wanted)                                                                                \
			check_write(address.__sockaddr__, MIN(room_for_address, *address_len), ENTRY);                 \
		return ret;                                                                                            \
	}
FILL_FROM(recvfrom, (int fd, void *dst, size_t n, int flags, __SOCKADDR_ARG address, socklen_t *address_len),
          (fd, dst, n, flags, address, address_len))
FILL_FROM(__recvfrom_chk, (int fd, void *dst, size_t n, size_t room, int flags, __SOCKADDR_ARG address, socklen_t *address_len),
          (fd, dst, n, room, flags, address, address_len))

/* A negative size makes the kernel fail the call; that it came to this is the error. */
static void check_source(const void *src, size_t n, const char *entry)
{
	if (shadow_covers(src) && !check_negative(src, n, LIBC_READ, entry) && check_guarded(src, n, LIBC_READ, entry))
		check_read(src, n, entry);
}

#define EMPTY(name, params, args)                                                                                      \
	INTERCEPT(ssize_t, name, params, args, libc_foreign(src))                                                      \
	{                                                                                                              \
		check_source(src, n, ENTRY);                                                                           \
		return REAL(name) args;                                                                                \
	}
EMPTY(write, (int fd, const void *src, size_t n), (fd, src, n))
EMPTY(pwrite, (int fd, const void *src, size_t n, off_t offset), (fd, src, n, offset))
EMPTY(pwrite64, (int fd, const void *src, size_t n, off64_t offset), (fd, src, n, offset))
EMPTY(send, (int fd, const void *src, size_t n, int flags), (fd, src, n, flags))

INTERCEPT(ssize_t, sendto, (int fd, const void *src, size_t n, int flags, __CONST_SOCKADDR_ARG address, socklen_t address_len),
          (fd, src, n, flags, address, address_len), libc_foreign(src) && libc_foreign(address.__sockaddr__))
{
	check_source(src, n, ENTRY);
	if (address.__sockaddr__)
		check_read(address.__sockaddr__, address_len, ENTRY);
	return REAL(sendto)(fd, src, n, flags, address, address_len);
}

/* ---- vectors: the buffers are what matters, wherever the array of them is --------------------------------------------------------- */

/* More than the kernel takes (IOV_MAX) makes the call fail before anything is looked at. */
static bool vector_readable(const struct iovec *v, long count, const char *entry)
{
	return v && count > 0 && count <= IOV_MAX && check_read(v, (size_t)count * sizeof(*v), entry);
}

/* `ret` bytes were stored, in order; or none, because of one of the buffers. */
static void check_scattered(const struct iovec *v, long count, ssize_t ret, const char *entry)
{
	size_t left = ret > 0 ? (size_t)ret : 0;
	if (ret < 0 && errno == EFAULT)
		for (long i = 0; i < count; i++)
			if (!check_guarded(v[i].iov_base, v[i].iov_len, LIBC_WRITE, entry))
				return;
	for (long i = 0; i < count && left; i++) {
		size_t here = MIN(left, v[i].iov_len);
		if (!check_write(v[i].iov_base, here, entry))
			return;
		left -= here;
	}
}

static void check_gathered(const struct iovec *v, long count, const char *entry)
{
	for (long i = 0; i < count; i++) {
		if ((ptrdiff_t)v[i].iov_len <= 0)
			continue;
		if (!check_guarded(v[i].iov_base, v[i].iov_len, LIBC_READ, entry) || !check_read(v[i].iov_base, v[i].iov_len, entry))
			return;
	}
}

#define SCATTER(name, params, args)                                                                                    \
	INTERCEPT(ssize_t, name, params, args, false)                                                                  \
	{                                                                                                              \
		bool readable = vector_readable(v, count, ENTRY);                                                      \
		ssize_t ret = REAL(name) args;                                                                         \
		if (readable && ret != 0)                                                                              \
			check_scattered(v, count, ret, ENTRY);                                                         \
		return ret;                                                                                            \
	}
SCATTER(readv, (int fd, const struct iovec *v, int count), (fd, v, count))
SCATTER(preadv, (int fd, const struct iovec *v, int count, off_t offset), (fd, v, count, offset))
SCATTER(preadv64, (int fd, const struct iovec *v, int count, off64_t offset), (fd, v, count, offset))
SCATTER(preadv2, (int fd, const struct iovec *v, int count, off_t offset, int flags), (fd, v, count, offset, flags))
SCATTER(preadv64v2, (int fd, const struct iovec *v, int count, off64_t offset, int flags), (fd, v, count, offset, flags))

#define GATHER(name, params, args)                                                                                     \
	INTERCEPT(ssize_t, name, params, args, false)                                                                  \
	{                                                                                                              \
		if (vector_readable(v, count, ENTRY))                                                                  \
			check_gathered(v, count, ENTRY);                                                               \
		return REAL(name) args;                                                                                \
	}
GATHER(writev, (int fd, const struct iovec *v, int count), (fd, v, count))
GATHER(pwritev, (int fd, const struct iovec *v, int count, off_t offset), (fd, v, count, offset))
GATHER(pwritev64, (int fd, const struct iovec *v, int count, off64_t offset), (fd, v, count, offset))
GATHER(pwritev2, (int fd, const struct iovec *v, int count, off_t offset, int flags), (fd, v, count, offset, flags))
GATHER(pwritev64v2, (int fd, const struct iovec *v, int count, off64_t offset, int flags), (fd, v, count, offset, flags))

/* ---- messages ------------------------------------------------------------------------------------------------------------------------- */

static void check_sent(const struct msghdr *m, const char *entry)
{
	if (!m || !check_read(m, sizeof(*m), entry))
		return;
	if (m->msg_name && !check_read(m->msg_name, m->msg_namelen, entry))
		return;
	if (m->msg_control && !check_read(m->msg_control, m->msg_controllen, entry))
		return;
	if (vector_readable(m->msg_iov, (long)m->msg_iovlen, entry))
		check_gathered(m->msg_iov, (long)m->msg_iovlen, entry);
}

/* `before`: the header as it was passed in; the kernel has stored the lengths it used in `m` since.  Ancillary data is cut off at
 * msg_controllen, a name may be longer than its room. */
static void check_message(const struct msghdr *before, const struct msghdr *m, ssize_t ret, const char *entry)
{
	if (!check_write(m, sizeof(*m), entry))
		return;
	if (before->msg_name && !check_write(before->msg_name, MIN(before->msg_namelen, m->msg_namelen), entry))
		return;
	if (before->msg_control && !check_write(before->msg_control, MIN(before->msg_controllen, m->msg_controllen), entry))
		return;
	if (vector_readable(m->msg_iov, (long)m->msg_iovlen, entry))
		check_scattered(m->msg_iov, (long)m->msg_iovlen, ret, entry);
}

INTERCEPT(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags), false)
{
	check_sent(m, ENTRY);
	return REAL(sendmsg)(fd, m, flags);
}

INTERCEPT(int, sendmmsg, (int fd, struct mmsghdr *m, unsigned count, int flags), (fd, m, count, flags), false)
{
	if (m && count <= IOV_MAX && check_read(m, count * sizeof(*m), ENTRY))
		for (unsigned i = 0; i < count; i++)
			check_sent(&m[i].msg_hdr, ENTRY);
	return REAL(sendmmsg)(fd, m, count, flags);
}

INTERCEPT(ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags), false)
{
	if (!m || !check_read(m, sizeof(*m), ENTRY))
		return REAL(recvmsg)(fd, m, flags);
	struct msghdr before = *m;
	ssize_t ret = REAL(recvmsg)(fd, m, flags);
	if (ret >= 0)
		check_message(&before, m, ret, ENTRY);
	return ret;
}

/* Only the data: keeping the headers as they were would need memory of unknown size. */
INTERCEPT(int, recvmmsg, (int fd, struct mmsghdr *m, unsigned count, int flags, struct timespec *timeout),
          (fd, m, count, flags, timeout), false)
{
	int ret = REAL(recvmmsg)(fd, m, count, flags, timeout);
	for (int i = 0; i < ret; i++) {
		struct msghdr *h = &m[i].msg_hdr;
		if (!check_write(&m[i], sizeof(m[i]), ENTRY))
			break;
		if (vector_readable(h->msg_iov, (long)h->msg_iovlen, ENTRY))
			check_scattered(h->msg_iov, (long)h->msg_iovlen, m[i].msg_len, ENTRY);
	}
	return ret;
}
