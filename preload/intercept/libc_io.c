/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/intercept/libc_io.c - interceptors of the system calls that fill a buffer or read from one.
 *
 * A read is checked after the call, and only for the bytes that came: POSIX lets a program pass a size that its data
 * will never reach. A write is checked before the call and as a whole, because its size is what the program claims to
 * have. After the call it would be too late: the other side may have answered already, and another thread may have
 * freed the buffer. libc's own function makes both calls, so cancellation, errno and restarts stay as they are.
 * libc_kernel.c handles buffers with guard pages. */
#include "preload/intercept/intercept.h"

#include <errno.h>
#include <sys/syscall.h>

/* ---- one buffer ------------------------------------------------------------------------------ */

/* With MSG_TRUNC, a datagram socket returns the true length, which may exceed what was stored. TCP discards the data
 * that it counts: it does not touch the buffer, which may be NULL. */
static ssize_t stored_by_socket(int fd, int flags, ssize_t ret)
{
	int type = 0, domain = 0;
	socklen_t type_size = sizeof(type), domain_size = sizeof(domain);

	if (likely(!(flags & MSG_TRUNC) || ret <= 0))
		return ret;
	arch_syscall6(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, (long)&type, (long)&type_size, 0);
	arch_syscall6(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, (long)&domain, (long)&domain_size, 0);
	return type == SOCK_STREAM && (domain == AF_INET || domain == AF_INET6) ? 0 : ret;
}

#define FILL_CALL(name, params, args, stored, room)               \
	INTERCEPT(ssize_t, name, params, args, libc_foreign(dst)) \
	{                                                         \
		struct kernel_fill fill;                          \
		ssize_t ret;                                      \
                                                                  \
		check_room(dst, n, room, ENTRY);                  \
		dst = kernel_fill_begin(&fill, dst, n);           \
		ret = REAL(name) args;                            \
		kernel_fill_end(&fill, stored, ENTRY);            \
		return ret;                                       \
	}
#define FILL(name, params, args, room) FILL_CALL(name, params, args, ret, room)
#define FILL_SOCKET(name, params, args, room) FILL_CALL(name, params, args, stored_by_socket(fd, flags, ret), room)
FILL(read, (int fd, void *dst, size_t n), (fd, dst, n), SIZE_MAX)
FILL(pread, (int fd, void *dst, size_t n, off_t offset), (fd, dst, n, offset), SIZE_MAX)
FILL(pread64, (int fd, void *dst, size_t n, off64_t offset), (fd, dst, n, offset), SIZE_MAX)
FILL_SOCKET(recv, (int fd, void *dst, size_t n, int flags), (fd, dst, n, flags), SIZE_MAX)
FILL(__read_chk, (int fd, void *dst, size_t n, size_t room), (fd, dst, n, room), room)
FILL(__pread_chk, (int fd, void *dst, size_t n, off_t offset, size_t room), (fd, dst, n, offset, room), room)
FILL(__pread64_chk, (int fd, void *dst, size_t n, off64_t offset, size_t room), (fd, dst, n, offset, room), room)
FILL_SOCKET(__recv_chk, (int fd, void *dst, size_t n, size_t room, int flags), (fd, dst, n, room, flags), room)

/* The kernel stores as much of the address as fits, and the length of the whole address. */
#define FILL_FROM(name, params, args, room)                                                                       \
	INTERCEPT(ssize_t, name, params, args, libc_foreign(dst) && libc_foreign(address.__sockaddr__))           \
	{                                                                                                         \
		bool wanted = address.__sockaddr__ && address_len;                                                \
		struct kernel_fill data, from;                                                                    \
		ssize_t ret;                                                                                      \
                                                                                                                  \
		check_room(dst, n, room, ENTRY);                                                                  \
		dst = kernel_fill_begin(&data, dst, n);                                                           \
		address.__sockaddr__ = kernel_fill_begin(&from, address.__sockaddr__, wanted ? *address_len : 0); \
		ret = REAL(name) args;                                                                            \
		kernel_fill_end(&data, stored_by_socket(fd, flags, ret), ENTRY);                                  \
		kernel_fill_end(&from, ret >= 0 && wanted ? (ssize_t)*address_len : 0, ENTRY);                    \
		return ret;                                                                                       \
	}
FILL_FROM(recvfrom, (int fd, void *dst, size_t n, int flags, __SOCKADDR_ARG address, socklen_t *address_len),
          (fd, dst, n, flags, address, address_len), SIZE_MAX)
FILL_FROM(__recvfrom_chk,
          (int fd, void *dst, size_t n, size_t room, int flags, __SOCKADDR_ARG address, socklen_t *address_len),
          (fd, dst, n, room, flags, address, address_len), room)

/* The kernel refuses a negative size, but a program that computed one has a bug. */
static void check_source(const void *src, size_t n, const char *entry)
{
	if (libc_covers(src) && !check_negative(src, n, ACCESS_READ, entry) && kernel_reads(src, n, entry))
		check_written(src, n, entry);
}

#define EMPTY(name, params, args)                                 \
	INTERCEPT(ssize_t, name, params, args, libc_foreign(src)) \
	{                                                         \
		check_source(src, n, ENTRY);                      \
		return REAL(name) args;                           \
	}
EMPTY(write, (int fd, const void *src, size_t n), (fd, src, n))
EMPTY(pwrite, (int fd, const void *src, size_t n, off_t offset), (fd, src, n, offset))
EMPTY(pwrite64, (int fd, const void *src, size_t n, off64_t offset), (fd, src, n, offset))
EMPTY(send, (int fd, const void *src, size_t n, int flags), (fd, src, n, flags))

INTERCEPT(ssize_t, sendto,
          (int fd, const void *src, size_t n, int flags, __CONST_SOCKADDR_ARG address, socklen_t address_len),
          (fd, src, n, flags, address, address_len), libc_foreign(src) && libc_foreign(address.__sockaddr__))
{
	check_source(src, n, ENTRY);
	if (address.__sockaddr__)
		kernel_reads(address.__sockaddr__, address_len, ENTRY);
	return REAL(sendto)(fd, src, n, flags, address, address_len);
}

/* ---- vectors: the buffers are what matters, wherever the array of them is -------------------- */

/* With more than IOV_MAX entries the kernel refuses the call before it reads any. */
static bool vector_readable(const struct iovec *v, long count, const char *entry)
{
	return v && count > 0 && count <= IOV_MAX && check_read(v, (size_t)count * sizeof(*v), entry);
}

static void check_gathered(const struct iovec *v, long count, const char *entry)
{
	for (long i = 0; i < count; i++) {
		if ((ptrdiff_t)v[i].iov_len <= 0)
			continue;
		if (!kernel_reads(v[i].iov_base, v[i].iov_len, entry))
			return;
		check_written(v[i].iov_base, v[i].iov_len, entry);
	}
}

#define SCATTER(name, params, args)                                                                  \
	INTERCEPT(ssize_t, name, params, args, false)                                                \
	{                                                                                            \
		struct kernel_scatter scatter;                                                       \
		ssize_t ret;                                                                         \
                                                                                                     \
		v = kernel_scatter_begin(&scatter, v, vector_readable(v, count, ENTRY) ? count : 0); \
		ret = REAL(name) args;                                                               \
		kernel_scatter_end(&scatter, ret, ENTRY);                                            \
		return ret;                                                                          \
	}
SCATTER(readv, (int fd, const struct iovec *v, int count), (fd, v, count))
SCATTER(preadv, (int fd, const struct iovec *v, int count, off_t offset), (fd, v, count, offset))
SCATTER(preadv64, (int fd, const struct iovec *v, int count, off64_t offset), (fd, v, count, offset))
SCATTER(preadv2, (int fd, const struct iovec *v, int count, off_t offset, int flags), (fd, v, count, offset, flags))
SCATTER(preadv64v2, (int fd, const struct iovec *v, int count, off64_t offset, int flags),
        (fd, v, count, offset, flags))

#define GATHER(name, params, args)                       \
	INTERCEPT(ssize_t, name, params, args, false)    \
	{                                                \
		if (vector_readable(v, count, ENTRY))    \
			check_gathered(v, count, ENTRY); \
		return REAL(name) args;                  \
	}
GATHER(writev, (int fd, const struct iovec *v, int count), (fd, v, count))
GATHER(pwritev, (int fd, const struct iovec *v, int count, off_t offset), (fd, v, count, offset))
GATHER(pwritev64, (int fd, const struct iovec *v, int count, off64_t offset), (fd, v, count, offset))
GATHER(pwritev2, (int fd, const struct iovec *v, int count, off_t offset, int flags), (fd, v, count, offset, flags))
GATHER(pwritev64v2, (int fd, const struct iovec *v, int count, off64_t offset, int flags),
       (fd, v, count, offset, flags))

#define REMOTE_PARAMS                                                                       \
	(pid_t pid, const struct iovec *v, unsigned long count, const struct iovec *remote, \
	 unsigned long remote_count, unsigned long flags)
INTERCEPT(ssize_t, process_vm_readv, REMOTE_PARAMS, (pid, v, count, remote, remote_count, flags), false)
{
	bool readable = vector_readable(v, (long)count, ENTRY);
	struct kernel_scatter scatter;
	ssize_t ret;

	vector_readable(remote, (long)remote_count, ENTRY);
	v = kernel_scatter_begin(&scatter, v, readable ? (long)count : 0);
	ret = REAL(process_vm_readv)(pid, v, count, remote, remote_count, flags);
	kernel_scatter_end(&scatter, ret, ENTRY);
	return ret;
}

INTERCEPT(ssize_t, process_vm_writev, REMOTE_PARAMS, (pid, v, count, remote, remote_count, flags), false)
{
	vector_readable(remote, (long)remote_count, ENTRY);
	if (vector_readable(v, (long)count, ENTRY))
		check_gathered(v, (long)count, ENTRY);
	return REAL(process_vm_writev)(pid, v, count, remote, remote_count, flags);
}

/* ---- messages -------------------------------------------------------------------------------- */

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

/* The kernel gets memsan's own message header, whose buffers it can fill. The kernel cuts ancillary data off at
 * msg_controllen, but the length of a name that it returns may be larger than the name's buffer. */
struct message_fill {
	struct kernel_fill name, control;
	struct kernel_scatter data;
};

static void message_begin(struct message_fill *fill, const struct msghdr *m, struct msghdr *use, const char *entry)
{
	bool readable = vector_readable(m->msg_iov, (long)m->msg_iovlen, entry);

	*use = *m;
	use->msg_name = kernel_fill_begin(&fill->name, m->msg_name, m->msg_namelen);
	use->msg_control = kernel_fill_begin(&fill->control, m->msg_control, m->msg_controllen);
	use->msg_iov = (struct iovec *)kernel_scatter_begin(&fill->data, m->msg_iov,
	                                                    readable ? (long)m->msg_iovlen : 0);
}

/* `stored` bytes of data; -1: the call failed. */
static void message_end(struct message_fill *fill, struct msghdr *m, const struct msghdr *use, ssize_t stored,
                        const char *entry)
{
	if (stored >= 0 && check_write(m, sizeof(*m), entry)) {
		m->msg_namelen = use->msg_namelen;
		m->msg_controllen = use->msg_controllen;
		m->msg_flags = use->msg_flags;
	}
	kernel_fill_end(&fill->name, stored >= 0 && fill->name.dst ? (ssize_t)use->msg_namelen : 0, entry);
	kernel_fill_end(&fill->control, stored >= 0 && fill->control.dst ? (ssize_t)use->msg_controllen : 0, entry);
	kernel_scatter_end(&fill->data, stored, entry);
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
	struct message_fill fill;
	struct msghdr use;
	ssize_t ret;

	if (!m || !check_read(m, sizeof(*m), ENTRY))
		return REAL(recvmsg)(fd, m, flags);
	message_begin(&fill, m, &use, ENTRY);
	ret = REAL(recvmsg)(fd, &use, flags);
	message_end(&fill, m, &use, stored_by_socket(fd, flags, ret), ENTRY);
	return ret;
}

static bool message_data(const struct mmsghdr *m, const char *entry)
{
	return vector_readable(m->msg_hdr.msg_iov, (long)m->msg_hdr.msg_iovlen, entry);
}

/* Of many messages only the data is checked: a copy of all headers would need memory of unknown size. */
static int receive_in_place(int fd, struct mmsghdr *m, unsigned count, int flags, struct timespec *timeout,
                            const char *entry)
{
	int ret = REAL(recvmmsg)(fd, m, count, flags, timeout);

	for (int i = 0; i < ret && check_write(&m[i], sizeof(m[i]), entry); i++) {
		struct kernel_scatter data = { .asked = m[i].msg_hdr.msg_iov };

		data.count = message_data(&m[i], entry) ? (long)m[i].msg_hdr.msg_iovlen : 0;
		kernel_scatter_end(&data, stored_by_socket(fd, flags, m[i].msg_len), entry);
	}
	return ret;
}

static int receive_lent(int fd, struct mmsghdr *m, unsigned count, int flags, struct timespec *timeout,
                        const char *entry)
{
	size_t size = count * (sizeof(struct mmsghdr) + sizeof(struct message_fill));
	struct mmsghdr *use = kernel_lend(size);
	struct message_fill *fills = (struct message_fill *)(use + count);
	int ret;

	if (!use)
		return receive_in_place(fd, m, count, flags, timeout, entry);
	for (unsigned i = 0; i < count; i++)
		message_begin(&fills[i], &m[i].msg_hdr, &use[i].msg_hdr, entry);
	ret = REAL(recvmmsg)(fd, use, count, flags, timeout);
	for (int i = 0; i < (int)count; i++) {
		if (i < ret)
			m[i].msg_len = use[i].msg_len;
		message_end(&fills[i], &m[i].msg_hdr, &use[i].msg_hdr,
		            i < ret ? stored_by_socket(fd, flags, use[i].msg_len) : -1, entry);
	}
	kernel_take_back(use, size);
	return ret;
}

INTERCEPT(int, recvmmsg, (int fd, struct mmsghdr *m, unsigned count, int flags, struct timespec *timeout),
          (fd, m, count, flags, timeout), false)
{
	if (!m || count > IOV_MAX || !check_read(m, count * sizeof(*m), ENTRY))
		return REAL(recvmmsg)(fd, m, count, flags, timeout);
	for (unsigned i = 0; i < count; i++)
		if (message_data(&m[i], ENTRY) &&
		    kernel_meets_guard(m[i].msg_hdr.msg_iov, (long)m[i].msg_hdr.msg_iovlen))
			return receive_lent(fd, m, count, flags, timeout, ENTRY);
	return receive_in_place(fd, m, count, flags, timeout, ENTRY);
}
