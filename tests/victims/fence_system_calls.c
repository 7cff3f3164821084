/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fence_system_calls.c - the kernel gets fenced memory past a guard page or after its free, where EFAULT
 * would be the only sign
 *
 * Each call does what it would do if the page were open.
 *
 * ways: preload linked
 * modes: check production
 * options: fence=all:max_reports=0
 * expect: below
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static int wrong;

static char *make(void)
{
	return memset(malloc(16), 'x', 16);
}
static char *gone(void)
{
	char *p = make();
	free(p);
	return p;
}
static void is(long got, long want, int line)
{
	if (got != want) {
		dprintf(2, "line %d: %ld instead of %ld\n", line, got, want);
		wrong = 1;
	}
}
#define IS(got, want) is(got, want, __LINE__)

int main(void)
{
	char good[64] = "1234", name[PATH_MAX], link[64];
	struct iovec v[2] = { { good, 4 }, { NULL, 40 } };
	struct msghdr m = { .msg_iov = v, .msg_iovlen = 2 };
	struct iovec enough = { good, sizeof(good) };
	struct mmsghdr many[2] = { { .msg_hdr = m }, { .msg_hdr = { .msg_iov = &enough, .msg_iovlen = 1 } } };
	int zero = open("/dev/zero", O_RDWR), s[2], pipes[2];
	long n;
	char *p;
	FILE *f = fopen("/dev/zero", "r");

	socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
	pipe(pipes);
	n = read(zero, p = make(), /* expect: out-of-bounds-write entry=read object=16 access=64 bad=16 type=write */
	         64);
	IS(n, 64);
	IS(p[0] | p[15] | p[63], 0);
	n = read(zero, gone(), 8); /* expect: use-after-free-write entry=read object=16 access=8 bad=0 */
	IS(n, 8);
	n = pread(zero, make(), 9000, 0); /* expect: out-of-bounds-write entry=pread object=16 access=9000 bad=16 */
	IS(n, 9000);
	n = write(pipes[1], make(), /* expect: out-of-bounds-read entry=write object=16 access=64 bad=16 type=read */
	          64);
	IS(n, 64);
	n = write(pipes[1], gone(), 8); /* expect: use-after-free-read entry=write object=16 access=8 bad=0 */
	IS(n, 8);
	n = pwrite(zero, make(), 17, 0); /* expect: out-of-bounds-read entry=pwrite object=16 access=17 bad=16 */
	IS(n, 17);
	n = send(s[0], make(), 40, 0); /* expect: out-of-bounds-read entry=send object=16 access=40 bad=16 */
	IS(n, 40);
	n = recv(s[1], p = make(), 64, 0); /* expect: out-of-bounds-write entry=recv object=16 access=40 bad=16 */
	IS(n, 40);
	IS(p[0] == 'x' && p[15] == 'x' && p[16] == 0, 1);
	send(s[0], good, 20, 0);
	n = recvfrom(s[1], gone(), 64, 0, /* expect: use-after-free-write entry=recvfrom object=16 access=20 bad=0 */
	             NULL, NULL);
	IS(n, 20);
	v[1].iov_base = make();
	n = writev(zero, v, 2); /* expect: out-of-bounds-read entry=writev object=16 access=40 bad=16 */
	IS(n, 44);
	v[1].iov_base = make();
	n = readv(zero, v, 2); /* expect: out-of-bounds-write entry=readv object=16 access=40 bad=16 */
	IS(n, 44);
	v[1].iov_base = gone();
	n = preadv(zero, v, 2, 0); /* expect: use-after-free-write entry=preadv object=16 access=40 bad=0 */
	IS(n, 44);
	v[1].iov_base = make();
	n = sendmsg(s[0], &m, 0); /* expect: out-of-bounds-read entry=sendmsg object=16 access=40 bad=16 */
	IS(n, 44);
	v[1].iov_base = p = make();
	n = recvmsg(s[1], &m, 0); /* expect: out-of-bounds-write entry=recvmsg object=16 access=40 bad=16 */
	IS(n, 44);
	IS(p[15], 'x');
	send(s[0], good, 30, 0);
	send(s[0], good, 30, 0);
	v[1].iov_base = make();
	n = recvmmsg(s[1], many, 2, 0, /* expect: out-of-bounds-write entry=recvmmsg object=16 access=26 bad=16 */
	             NULL);
	IS(n, 2);
	IS(many[0].msg_len + many[1].msg_len, 60);
	n = fread(p = make(), 1, 8192, f); /* expect: out-of-bounds-write entry=fread object=16 access=8192 bad=16 */
	IS(n, 8192);
	IS(p[8191], 0);
	IS(chdir("/proc/sys/kernel/random"), 0); /* a name longer than the object */
	/* fread also stores an incomplete element, which its result does not count. */
	f = fmemopen(good, sizeof(good), "w+");
	fprintf(f, "%040d", 1);
	rewind(f);
	n = fread(p = make(), 100, 1, f); /* expect: out-of-bounds-write entry=fread object=16 access=40 bad=16 */
	IS(n, 0);
	IS(p[39], '1');
	p = getcwd(make(), sizeof(name)); /* expect: out-of-bounds-write entry=getcwd object=16 bad=16 */
	IS(memcmp(p, getcwd(name, sizeof(name)), 16), 0);
	strcpy(link, "/proc/self/exe");
	n = readlink(link, p = make(), 4096); /* expect: out-of-bounds-write entry=readlink object=16 bad=16 */
	IS(n, readlink(link, name, sizeof(name)));
	IS(memcmp(p, name, 16), 0);
	n = readlink(link, gone(), 8); /* expect: use-after-free-write entry=readlink object=16 bad=0 */
	IS(n, 8);

	/* A size that the data never reaches is no error, and neither is any call with a large enough object. */
	n = open("/dev/null", O_RDWR);
	IS(read(n, make(), 64), 0);
	send(s[0], good, 16, 0);
	IS(recv(s[1], make(), 4096, 0), 16);
	IS(read(zero, make(), 16), 16);
	IS(write(pipes[1], make(), 16), 16);
	IS(read(-1, make(), 64), -1);
	return wrong ? 3 : 0;
}
