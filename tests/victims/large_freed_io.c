/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/large_freed_io.c - the kernel gets a freed large allocation, far from its beginning: no fault shows
 * that, only EFAULT
 *
 * expect: below
 * options: multi_shot=on:max_reports=0
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* A new area for each line, because a report opens the page of its access. */
static char *gone(void)
{
	char *p = malloc(300000);
	memset(p, 1, 300000);
	free(p);
	return p + 200000;
}
int main(void)
{
	struct iovec v = { .iov_len = 5 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	char good[5] = "1234";
	int zero = open("/dev/zero", O_RDWR), s[2];
	FILE *f = fopen("/dev/zero", "r");
	setvbuf(f, NULL, _IONBF, 0);
	socketpair(AF_UNIX, SOCK_DGRAM, 0, s);

	write(zero, gone(), 5);   /* expect: use-after-free entry=write object=300000 access=5 bad=200000 */
	read(zero, gone(), 5);    /* expect: use-after-free entry=read object=300000 access=5 bad=200000 */
	send(s[0], gone(), 5, 0); /* expect: use-after-free entry=send object=300000 access=5 bad=200000 */
	send(s[0], good, 5, 0);
	recv(s[1], gone(), 5, 0); /* expect: use-after-free entry=recv object=300000 access=5 bad=200000 */
	v.iov_base = gone();
	writev(zero, &v, 1); /* expect: use-after-free entry=writev object=300000 access=5 bad=200000 */
	v.iov_base = gone();
	readv(zero, &v, 1); /* expect: use-after-free entry=readv object=300000 access=5 bad=200000 */
	v.iov_base = gone();
	sendmsg(s[0], &m, 0);      /* expect: use-after-free entry=sendmsg object=300000 access=5 bad=200000 */
	fread(gone(), 5000, 2, f); /* expect: use-after-free entry=fread object=300000 access=10000 bad=200000 */
	/* No error: the size is larger than the object, but no data comes. */
	char *small = malloc(8);
	f = fopen("/dev/null", "r");
	fread(small, 4096, 1, f);
	free(small);
	fclose(f);
	return 0;
}
