/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/intercept/libc_calls.c - the interceptors that are made from the rows of libc.def. */
#include "preload/intercept/calls.h"

#include <argp.h>
#include <arpa/inet.h>
#include <asm/ioctls.h>
#include <asm/ptrace-abi.h>
#include <ctype.h>
#include <dirent.h>
#include <execinfo.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <ftw.h>
#include <glob.h>
#include <grp.h>
#include <ifaddrs.h>
#include <libintl.h>
#include <libgen.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/ptrace.h>
#include <locale.h>
#include <math.h>
#include <mntent.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/ether.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <regex.h>
#include <resolv.h>
#include <sched.h>
/* Declared with variable arguments. */
#define sem_open sem_open_of_header
#include <semaphore.h>
#undef sem_open
#include <shadow.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/user.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <uchar.h>
#include <utime.h>
#include <utmp.h>
#include <utmpx.h>
#include <wctype.h>
#include <wordexp.h>

/* Headers declare some of these with arrays. */
#ifndef __clang__
#pragma GCC diagnostic ignored "-Warray-parameter"
#pragma GCC diagnostic ignored "-Wvla-parameter"
#endif

/* ---- declared with variable arguments, under other names, or not at all ----------------------- */

#undef strerror_r
#undef gettext
#undef dgettext
#undef ngettext
#undef dngettext
#undef dcgettext
/* <search.h> has a type ENTRY. */
void *tsearch(const void *key, void **root, int (*compare)(const void *, const void *));
void *lfind(const void *key, const void *p, size_t *n, size_t size, int (*compare)(const void *, const void *));
void *lsearch(const void *key, void *p, size_t *n, size_t size, int (*compare)(const void *, const void *));
int capget(void *head, void *to);
int mount(const char *from, const char *to, const char *type, unsigned long flags, const void *data);
int umount(const char *path);
int umount2(const char *path, int flags);
int capset(void *head, const void *from);
int dn_expand(const unsigned char *message, const unsigned char *end, const unsigned char *from, char *to, int n);
int dn_comp(const char *name, unsigned char *to, int n, unsigned char **known, unsigned char **last);
int __wctomb_chk(char *to, wchar_t c, size_t size);
int __ptsname_r_chk(int fd, char *to, size_t n, size_t size);
int __getgroups_chk(int n, gid_t *to, size_t size);
int __strcoll_l(const char *a, const char *b, locale_t l);
size_t __strxfrm_l(char *to, const char *from, size_t n, locale_t l);
int __wcscoll_l(const wchar_t *a, const wchar_t *b, locale_t l);
size_t __wcsxfrm_l(wchar_t *to, const wchar_t *from, size_t n, locale_t l);
size_t __strftime_l(char *to, size_t n, const char *format, const struct tm *tm, locale_t l);
size_t __wcsftime_l(wchar_t *to, size_t n, const wchar_t *format, const struct tm *tm, locale_t l);
char *__xpg_basename(char *path);
sem_t *sem_open(const char *name, int flags, mode_t mode, unsigned value);
long ptrace(int request, pid_t pid, void *address, void *data);
int prctl(int option, void *a, unsigned long b, unsigned long c, unsigned long d);
int ioctl(int fd, unsigned long request, void *data);
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

static size_t call_handle_size(const struct file_handle *handle)
{
	size_t head = sizeof(struct file_handle);

	return call_has(handle) && handle->handle_bytes <= MAX_HANDLE_SZ ? head + handle->handle_bytes : head;
}

/* The name of an entry is looked at if its kind is one that has a process. */
static size_t call_utmp_id(const struct utmp *wanted)
{
	short type = call_has(wanted) ? wanted->ut_type : EMPTY;

	return type >= INIT_PROCESS && type <= DEAD_PROCESS ? offsetof(struct utmp, ut_id) + sizeof(wanted->ut_id)
	                                                    : sizeof(wanted->ut_type);
}

static size_t call_capabilities(const void *head)
{
	const struct __user_cap_header_struct *h = head;

	if (!call_has(h))
		return 0;
	switch (h->version) {
	case _LINUX_CAPABILITY_VERSION_1:
		return _LINUX_CAPABILITY_U32S_1 * sizeof(struct __user_cap_data_struct);
	case _LINUX_CAPABILITY_VERSION_2:
	case _LINUX_CAPABILITY_VERSION_3:
		return _LINUX_CAPABILITY_U32S_3 * sizeof(struct __user_cap_data_struct);
	default:
		return 0;
	}
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

/* ---- how far an entry points into the buffer that it came with -------------------------------- */

struct call_buffer {
	const char *start;
	size_t size, reach;
};

/* n bytes at p; elsewhere than in the buffer they are libc's own. */
static void reach_to(struct call_buffer *b, const void *p, size_t n)
{
	size_t at = (size_t)((const char *)p - b->start);

	if (at < b->size && n <= b->size - at)
		b->reach = MAX(b->reach, at + n);
}

static void reach_to_text(struct call_buffer *b, const char *s)
{
	size_t at = (size_t)(s - b->start);

	if (at < b->size)
		reach_to(b, s, MIN(REAL(strnlen)(s, b->size - at) + 1, b->size - at));
}

/* A list of strings, or of addresses that have `size` bytes each, and NULL behind them. */
static void reach_to_list(struct call_buffer *b, char **list, size_t size)
{
	size_t n = 0;

	if (!list)
		return;
	for (; list[n]; n++)
		if (size)
			reach_to(b, list[n], size);
		else
			reach_to_text(b, list[n]);
	reach_to(b, list, (n + 1) * sizeof(*list));
}

static size_t call_passwd_reach(const struct passwd *entry, const char *buffer, size_t n)
{
	struct call_buffer b = { buffer, n, 0 };

	reach_to_text(&b, entry->pw_name);
	reach_to_text(&b, entry->pw_passwd);
	reach_to_text(&b, entry->pw_gecos);
	reach_to_text(&b, entry->pw_dir);
	reach_to_text(&b, entry->pw_shell);
	return b.reach;
}

static size_t call_shadow_reach(const struct spwd *entry, const char *buffer, size_t n)
{
	struct call_buffer b = { buffer, n, 0 };

	reach_to_text(&b, entry->sp_namp);
	reach_to_text(&b, entry->sp_pwdp);
	return b.reach;
}

static size_t call_group_reach(const struct group *entry, const char *buffer, size_t n)
{
	struct call_buffer b = { buffer, n, 0 };

	reach_to_text(&b, entry->gr_name);
	reach_to_text(&b, entry->gr_passwd);
	reach_to_list(&b, entry->gr_mem, 0);
	return b.reach;
}

static size_t call_host_reach(const struct hostent *entry, const char *buffer, size_t n)
{
	struct call_buffer b = { buffer, n, 0 };

	reach_to_text(&b, entry->h_name);
	reach_to_list(&b, entry->h_aliases, 0);
	reach_to_list(&b, entry->h_addr_list, (size_t)entry->h_length);
	return b.reach;
}

static size_t call_service_reach(const struct servent *entry, const char *buffer, size_t n)
{
	struct call_buffer b = { buffer, n, 0 };

	reach_to_text(&b, entry->s_name);
	reach_to_list(&b, entry->s_aliases, 0);
	reach_to_text(&b, entry->s_proto);
	return b.reach;
}

static size_t call_protocol_reach(const struct protoent *entry, const char *buffer, size_t n)
{
	struct call_buffer b = { buffer, n, 0 };

	reach_to_text(&b, entry->p_name);
	reach_to_list(&b, entry->p_aliases, 0);
	return b.reach;
}

/* ---- requests: how much memory each reads or fills ------------------------------------------- */

#define PTRACE_MAX 512

static size_t call_ptrace_fills(int request)
{
	switch (request) {
	case PTRACE_GETREGS:
		return sizeof(struct user_regs_struct);
	case PTRACE_GETFPREGS:
		return sizeof(struct user_fpregs_struct);
	case PTRACE_GETSIGINFO:
		return sizeof(siginfo_t);
	case PTRACE_GETEVENTMSG:
		return sizeof(long);
	default:
		return 0;
	}
}

static size_t call_ptrace_reads(int request)
{
	switch (request) {
	case PTRACE_SETREGS:
		return sizeof(struct user_regs_struct);
	case PTRACE_SETFPREGS:
		return sizeof(struct user_fpregs_struct);
	case PTRACE_SETSIGINFO:
		return sizeof(siginfo_t);
	case PTRACE_GETREGSET:
	case PTRACE_SETREGSET:
		return sizeof(struct iovec);
	default:
		return 0;
	}
}

static size_t call_prctl_fills(int option)
{
	switch (option) {
	case PR_GET_NAME:
		return 16;
	case PR_GET_PDEATHSIG:
	case PR_GET_CHILD_SUBREAPER:
	case PR_GET_TSC:
		return sizeof(int);
	default:
		return 0;
	}
}

/* A name is cut off after 15 bytes. */
static size_t call_prctl_reads(int option, const char *name)
{
	return option == PR_SET_NAME && libc_covers(name) ? MIN(libc_scan_byte(name, 0, 15).len + 1, (size_t)15) : 0;
}

/* Only requests of which the kernel's size is certain. */
static size_t call_ioctl_fills(unsigned long request)
{
	switch (request) {
	case TCGETS:
		return 36; /* the kernel's struct termios is smaller than libc's */
	case TIOCGWINSZ:
		return 4 * sizeof(short);
	case FIONREAD:
	case TIOCOUTQ:
	case TIOCGPGRP:
	case TIOCGSID:
	case TIOCGPTN:
		return sizeof(int);
	default:
		return 0;
	}
}

static size_t call_ioctl_reads(unsigned long request)
{
	switch (request) {
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return 36;
	case TIOCSWINSZ:
		return 4 * sizeof(short);
	case FIONBIO:
	case FIOASYNC:
	case TIOCSPGRP:
	case TIOCSPTLCK:
		return sizeof(int);
	default:
		return 0;
	}
}

/* ---- the functions --------------------------------------------------------------------------- */

#define LIBC(name)
#include "preload/intercept/libc.def"
