/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/intercept/libc_calls.c - the interceptors that are made from the rows of libc.def. */
#include "preload/intercept/calls.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <execinfo.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <ifaddrs.h>
#include <locale.h>
#include <math.h>
#include <mntent.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/ether.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <regex.h>
#include <sched.h>
#include <semaphore.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <wctype.h>
#include <wordexp.h>

/* Headers declare some of these with arrays. */
#ifndef __clang__
#pragma GCC diagnostic ignored "-Warray-parameter"
#pragma GCC diagnostic ignored "-Wvla-parameter"
#endif

/* ---- not declared under the names that libc exports, or not at all --------------------------- */

#undef strerror_r
int __xpg_strerror_r(int error, char *to, size_t n);
size_t __wcrtomb_chk(char *to, wchar_t c, mbstate_t *state, size_t size);
int __xstat(int version, const char *path, struct stat *to);
int __lxstat(int version, const char *path, struct stat *to);
int __fxstat(int version, int fd, struct stat *to);
int __fxstatat(int version, int fd, const char *path, struct stat *to, int flags);
int __xstat64(int version, const char *path, struct stat64 *to);
int __lxstat64(int version, const char *path, struct stat64 *to);
int __fxstat64(int version, int fd, struct stat64 *to);
int __fxstatat64(int version, int fd, const char *path, struct stat64 *to, int flags);

/* ---- how much ------------------------------------------------------------------------------- */

static size_t call_product(size_t n, size_t size)
{
	size_t all;

	return __builtin_mul_overflow(n, size, &all) ? 0 : all;
}

/* An address as text ends at the first character that no address contains. */
static size_t call_word(const char *s)
{
	size_t n = 0;

	if (!libc_covers(s))
		return 0;
	while (libc_extent(s + n, 1).len == 1 && (isalnum((unsigned char)s[n]) || s[n] == '.' || s[n] == ':'))
		n++;
	return n + 1;
}

/* How far two strings are read that are the same but for their case: to the first difference or the end. */
static size_t call_common(const char *a, const char *b, size_t max, locale_t l)
{
	size_t n = 0;

	while (n < max && libc_extent(a + n, 1).len && libc_extent(b + n, 1).len && a[n] &&
	       tolower_l((unsigned char)a[n], l) == tolower_l((unsigned char)b[n], l))
		n++;
	return MIN(n + 1, max);
}

static size_t call_wide_common(const wchar_t *a, const wchar_t *b, size_t max, locale_t l)
{
	size_t n = 0, one = sizeof(wchar_t);

	while (n < max && libc_extent(a + n, one).len == one && libc_extent(b + n, one).len == one && a[n] &&
	       towlower_l((wint_t)a[n], l) == towlower_l((wint_t)b[n], l))
		n++;
	return MIN(n + 1, max) * one;
}

static size_t call_address_size(int family)
{
	return family == AF_INET ? sizeof(struct in_addr) : family == AF_INET6 ? sizeof(struct in6_addr) : 0;
}

/* With REG_STARTEND the string has no terminator: it begins and ends where the first match says. */
static size_t call_subject(const char *s, const regmatch_t *match, int flags)
{
	if (!libc_covers(s))
		return 0;
	if (flags & REG_STARTEND)
		return match->rm_so == 0 && match->rm_eo > 0 ? (size_t)match->rm_eo : 0;
	return libc_scan_byte(s, 0, SIZE_MAX).len + 1;
}

/* The buffer holds the line, in which the options come last. They are elsewhere when the line has none. */
static size_t call_mount_size(const struct mntent *entry, const char *buffer, int n)
{
	size_t at = (size_t)(entry->mnt_opts - buffer);

	return at < (size_t)n ? at + REAL(strnlen)(entry->mnt_opts, (size_t)n - at) + 1 : 0;
}

/* ---- the functions --------------------------------------------------------------------------- */

#define LIBC(name)
#include "preload/intercept/libc.def"
