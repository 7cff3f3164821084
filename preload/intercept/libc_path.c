/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/intercept/libc_path.c - interceptors of the functions that fill a buffer with a path or a name. The stored
 * bytes are checked after the call. Some of these functions allocate a buffer when they get none. */
#include "preload/intercept/intercept.h"

/* Checks a result with its terminator. n: the size that the caller gave for the buffer. */
static void check_name(const char *dst, size_t n, const char *entry)
{
	if (dst && libc_covers(dst))
		check_write(dst, MIN(REAL(strnlen)(dst, n) + 1, n), entry);
}

/* Functions that return their buffer or NULL. */
#define NAME_POINTER(name, params, args, n, room)                \
	INTERCEPT(char *, name, params, args, libc_foreign(dst)) \
	{                                                        \
		char *ret;                                       \
		check_room(dst, n, room, ENTRY);                 \
		ret = REAL(name) args;                           \
		if (!ret && dst && kernel_refused(dst, n))       \
			ret = REAL(name) args;                   \
		if (dst)                                         \
			check_name(ret, n, ENTRY);               \
		return ret;                                      \
	}
NAME_POINTER(getcwd, (char *dst, size_t n), (dst, n), n, SIZE_MAX)
NAME_POINTER(__getcwd_chk, (char *dst, size_t n, size_t room), (dst, n, room), n, room)
/* By its contract the buffer has PATH_MAX bytes. */
NAME_POINTER(getwd, (char *dst), (dst), PATH_MAX, SIZE_MAX)
NAME_POINTER(__getwd_chk, (char *dst, size_t room), (dst, room), PATH_MAX, SIZE_MAX)

#define REALPATH(name, params, args)                                                   \
	INTERCEPT(char *, name, params, args, libc_foreign(path) && libc_foreign(dst)) \
	{                                                                              \
		size_t len;                                                            \
		char *ret;                                                             \
                                                                                       \
		if (path)                                                              \
			check_string(path, SIZE_MAX, &len, ENTRY);                     \
		ret = REAL(name) args;                                                 \
		if (dst)                                                               \
			check_name(ret, PATH_MAX, ENTRY);                              \
		return ret;                                                            \
	}
REALPATH(realpath, (const char *path, char *dst), (path, dst))
REALPATH(__realpath_chk, (const char *path, char *dst, size_t room), (path, dst, room))

/* readlink stores no terminator. */
#define READLINK(name, params, args, room)                                              \
	INTERCEPT(ssize_t, name, params, args, libc_foreign(path) && libc_foreign(dst)) \
	{                                                                               \
		size_t len;                                                             \
		ssize_t ret;                                                            \
                                                                                        \
		check_string(path, SIZE_MAX, &len, ENTRY);                              \
		check_room(dst, n, room, ENTRY);                                        \
		ret = REAL(name) args;                                                  \
		if (ret < 0 && kernel_refused(dst, n))                                  \
			ret = REAL(name) args;                                          \
		if (ret > 0)                                                            \
			check_write(dst, (size_t)ret, ENTRY);                           \
		return ret;                                                             \
	}
READLINK(readlink, (const char *path, char *dst, size_t n), (path, dst, n), SIZE_MAX)
READLINK(readlinkat, (int fd, const char *path, char *dst, size_t n), (fd, path, dst, n), SIZE_MAX)
READLINK(__readlink_chk, (const char *path, char *dst, size_t n, size_t room), (path, dst, n, room), room)
READLINK(__readlinkat_chk, (int fd, const char *path, char *dst, size_t n, size_t room), (fd, path, dst, n, room), room)

/* Functions that return 0 when the name is there. */
#define NAME_STATUS(name, params, args, room)                 \
	INTERCEPT(int, name, params, args, libc_foreign(dst)) \
	{                                                     \
		int ret;                                      \
		check_room(dst, n, room, ENTRY);              \
		ret = REAL(name) args;                        \
		if (ret && kernel_refused(dst, n))            \
			ret = REAL(name) args;                \
		if (ret == 0)                                 \
			check_name(dst, n, ENTRY);            \
		return ret;                                   \
	}
NAME_STATUS(gethostname, (char *dst, size_t n), (dst, n), SIZE_MAX)
NAME_STATUS(getdomainname, (char *dst, size_t n), (dst, n), SIZE_MAX)
NAME_STATUS(getlogin_r, (char *dst, size_t n), (dst, n), SIZE_MAX)
NAME_STATUS(ttyname_r, (int fd, char *dst, size_t n), (fd, dst, n), SIZE_MAX)
NAME_STATUS(__gethostname_chk, (char *dst, size_t n, size_t room), (dst, n, room), room)
NAME_STATUS(__getdomainname_chk, (char *dst, size_t n, size_t room), (dst, n, room), room)
NAME_STATUS(__getlogin_r_chk, (char *dst, size_t n, size_t room), (dst, n, room), room)
NAME_STATUS(__ttyname_r_chk, (int fd, char *dst, size_t n, size_t room), (fd, dst, n, room), room)

/* confstr returns the size of the whole value, and 0 when there is no value. */
#define CONFSTR(function, params, args, room)                        \
	INTERCEPT(size_t, function, params, args, libc_foreign(dst)) \
	{                                                            \
		size_t ret;                                          \
		check_room(dst, n, room, ENTRY);                     \
		ret = REAL(function) args;                           \
		if (dst && ret)                                      \
			check_write(dst, MIN(ret, n), ENTRY);        \
		return ret;                                          \
	}
CONFSTR(confstr, (int name, char *dst, size_t n), (name, dst, n), SIZE_MAX)
CONFSTR(__confstr_chk, (int name, char *dst, size_t n, size_t room), (name, dst, n, room), room)
