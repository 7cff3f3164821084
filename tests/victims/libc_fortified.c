/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/libc_fortified.c - fortified calls with too little room: memsan reports each before glibc aborts
 *
 * expect: below
 * options: multi_shot=on:max_reports=0
 * ways: preload linked
 * stderr: any
 * status-linked: 0
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wchar.h>

int __sprintf_chk(char *dst, int flag, size_t room, const char *format, ...);
int __snprintf_chk(char *dst, size_t n, int flag, size_t room, const char *format, ...);
int __swprintf_chk(wchar_t *dst, size_t n, int flag, size_t room, const wchar_t *format, ...);
size_t __mbstowcs_chk(wchar_t *dst, const char *src, size_t n, size_t room);
size_t __wcstombs_chk(char *dst, const wchar_t *src, size_t n, size_t room);
int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size);
ssize_t __read_chk(int fd, void *dst, size_t n, size_t room);
ssize_t __pread_chk(int fd, void *dst, size_t n, off_t at, size_t room);
ssize_t __recv_chk(int fd, void *dst, size_t n, size_t room, int flags);
size_t __fread_chk(void *dst, size_t room, size_t size, size_t n, FILE *f);
char *__fgets_chk(char *dst, size_t room, int n, FILE *f);
char *__getcwd_chk(char *dst, size_t n, size_t room);
ssize_t __readlink_chk(const char *path, char *dst, size_t n, size_t room);
int __gethostname_chk(char *dst, size_t n, size_t room);
size_t __confstr_chk(int name, char *dst, size_t n, size_t room);

#define ABORTS(call)                                         \
	do {                                                 \
		int status;                                  \
                                                             \
		if (fork() == 0) {                           \
			signal(SIGABRT, SIG_DFL);            \
			call;                                \
			_exit(0);                            \
		}                                            \
		wait(&status);                               \
		if (!WIFSIGNALED(status))                    \
			printf("%s did not abort\n", #call); \
	} while (0)

int main(void)
{
	char *p = malloc(8);
	wchar_t *w = malloc(8);
	FILE *f = fopen("/dev/zero", "r");
	int fd = open("/dev/zero", O_RDONLY);

	ABORTS(__sprintf_chk(p, 1, 8, "%s", "12345678")); /* expect: slab-out-of-bounds entry=__sprintf_chk access=9 */
	ABORTS(__snprintf_chk(p, 9, 1, 8, "%s", "1"));    /* expect: slab-out-of-bounds entry=__snprintf_chk access=9 */
	ABORTS(__swprintf_chk(w, 3, 1, 2, L"a"));     /* expect: slab-out-of-bounds entry=__swprintf_chk access=12 */
	ABORTS(__mbstowcs_chk(w, "a", 3, 2));         /* expect: slab-out-of-bounds entry=__mbstowcs_chk access=12 */
	ABORTS(__wcstombs_chk(p, L"a", 9, 8));        /* expect: slab-out-of-bounds entry=__wcstombs_chk access=9 */
	ABORTS(__poll_chk((void *)p, 2, 0, 8));       /* expect: slab-out-of-bounds entry=__poll_chk access=16 */
	ABORTS(__read_chk(fd, p, 9, 8));              /* expect: slab-out-of-bounds entry=__read_chk access=9 */
	ABORTS(__pread_chk(fd, p, 9, 0, 8));          /* expect: slab-out-of-bounds entry=__pread_chk access=9 */
	ABORTS(__recv_chk(-1, p, 9, 8, 0));           /* expect: slab-out-of-bounds entry=__recv_chk access=9 */
	ABORTS(__fread_chk(p, 8, 3, 3, f));           /* expect: slab-out-of-bounds entry=__fread_chk access=9 */
	ABORTS(__fgets_chk(p, 8, 9, f));              /* expect: slab-out-of-bounds entry=__fgets_chk access=9 */
	ABORTS(__getcwd_chk(p, 9, 8));                /* expect: slab-out-of-bounds entry=__getcwd_chk access=9 */
	ABORTS(__readlink_chk("/etc/mtab", p, 9, 8)); /* expect: slab-out-of-bounds entry=__readlink_chk access=9 */
	ABORTS(__gethostname_chk(p, 9, 8));           /* expect: slab-out-of-bounds entry=__gethostname_chk access=9 */
	ABORTS(__confstr_chk(_CS_PATH, p, 9, 8));     /* expect: slab-out-of-bounds entry=__confstr_chk access=9 */
	return 0;
}
