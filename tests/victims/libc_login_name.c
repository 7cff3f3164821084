/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/libc_login_name.c - getlogin_r with a buffer that is too small, and with a freed one
 *
 * expect: below
 * options: multi_shot=on:max_reports=0
 * output: known
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

int __getlogin_r_chk(char *, size_t, size_t);

static void put(const char *path, int flags, const char *text)
{
	int fd = open(path, flags | O_WRONLY, 0600);

	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		perror(path);
	close(fd);
}

/* Where nobody has logged in (a container, a build machine) the process sets the login itself: in the kernel's file, or
 * in a file that it mounts over the kernel's. */
static int login_known(void)
{
	char name[256], file[] = "/tmp/login.XXXXXX";

	if (getlogin_r(name, sizeof(name)) == 0)
		return 1;
	if (geteuid() == 0)
		put("/proc/self/loginuid", 0, "0");
	if (getlogin_r(name, sizeof(name)) == 0)
		return 1;
	close(mkstemp(file));
	put(file, 0, "0");
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) || mount(file, "/proc/self/loginuid", NULL, MS_BIND, NULL))
		perror("a file in loginuid's place");
	unlink(file);
	return getlogin_r(name, sizeof(name)) == 0;
}

int main(void)
{
	char *gone = malloc(99);

	puts(login_known() ? "known" : "nobody can be logged in here");
	free(gone);
	getlogin_r(malloc(1), 99);           /* expect: slab-out-of-bounds entry=getlogin_r object=1 bad=1 */
	__getlogin_r_chk(malloc(1), 99, 99); /* expect: slab-out-of-bounds entry=__getlogin_r_chk object=1 bad=1 */
	getlogin_r(gone, 99);                /* expect: slab-use-after-free entry=getlogin_r object=99 bad=0 */
	return 0;
}
