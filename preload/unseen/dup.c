/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/dup.c - dup2, dup3 and dup: the program decides which file is its standard error.
 *
 * A file that the program puts at descriptor 2 by name gets reports, as it gets the program's own messages. A file that
 * merely has the number 2, because the program closed its standard error, gets none (reports/sink.c). dup after
 * close(2) is the old way of saying dup2; a socket or a database that dup puts there is taken for chance.
 *
 * Calls by way of syscall() are seen in the shared library only (sandbox.c), freopen as well (stderr.c). Weakness
 * accepted: fcntl(F_DUPFD), and system calls that the program makes by instructions of its own, are not seen. */
#include "preload/preload.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

static int result(long r)
{
	if (r >= 0)
		return (int)r;
	errno = (int)-r;
	return -1;
}

MEMSAN_EXPORT int dup2(int fd, int at)
{
	if (at == STDERR_FILENO)
		report_stderr_becomes(fd);
	return result(arch_syscall6(SYS_dup2, fd, at, 0, 0, 0, 0));
}

MEMSAN_EXPORT int dup3(int fd, int at, int flags)
{
	if (at == STDERR_FILENO)
		report_stderr_becomes(fd);
	return result(arch_syscall6(SYS_dup3, fd, at, flags, 0, 0, 0));
}

MEMSAN_EXPORT int dup(int fd)
{
	int r = result(arch_syscall6(SYS_dup, fd, 0, 0, 0, 0, 0));

	if (r == STDERR_FILENO)
		report_stderr_duplicated();
	return r;
}
