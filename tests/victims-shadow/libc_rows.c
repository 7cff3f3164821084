/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/libc_rows.c - calls that rows of libc.def check, with variables of frames and globals that are
 * too small; the same calls with variables that are large enough, NULL where libc allows it, and addresses that the
 * kernel refuses
 *
 * expect: below
 * options: multi_shot=on:max_reports=0
 * needs: compiler
 * ways: linked
 * stderr: any
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char small_global[20], path_without_end[4] = { '/', 't', 'm', 'p' };
static struct stat right_global;

static void right(void)
{
	struct sockaddr_storage address;
	socklen_t n = sizeof(address);
	struct timespec t;
	struct statfs fs;
	struct tm tm;
	int status, fd = socket(AF_INET, SOCK_STREAM, 0), pair[2];
	time_t now = time(NULL);
	char text[26], *locked = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	stat("/", &right_global);
	statfs("/", &fs);
	clock_gettime(CLOCK_REALTIME, &t);
	clock_getres(CLOCK_REALTIME, NULL);
	localtime_r(&now, &tm);
	asctime_r(&tm, text);
	gettimeofday(&(struct timeval){ 0 }, NULL);
	getsockname(fd, (struct sockaddr *)&address, &n);
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	poll(NULL, 0, 0);
	waitpid(-1, NULL, WNOHANG);
	waitpid(-1, &status, WNOHANG);
	getgroups(0, NULL);
	if (stat(locked, &right_global) != -1 || errno != EFAULT || stat("/", (void *)locked) != -1 ||
	    errno != EFAULT || stat((char *)-1, &right_global) != -1 || stat("/", (void *)1) != -1 ||
	    stat(NULL, NULL) != -1 || accept(-1, (void *)1, (void *)1) != -1)
		puts("not refused");
	snprintf(text, sizeof(text), "%.4s", path_without_end);
}

__attribute__((noinline)) static void wrong(void)
{
	int one[1];
	char five[5];

	stat("/", (struct stat *)small_global); /* expect: global-out-of-bounds entry=stat */
	access(path_without_end, 0);            /* expect: global-out-of-bounds entry=access type=read */
	stat(path_without_end, &right_global);  /* expect: global-out-of-bounds entry=stat type=read */
	pipe(one);                              /* expect: stack-out-of-bounds entry=pipe access=8 */
	clock_gettime(CLOCK_REALTIME, (struct timespec *)five); /* expect: stack-out-of-bounds entry=clock_gettime */
	gmtime_r(&(time_t){ 1 }, (struct tm *)small_global);    /* expect: global-out-of-bounds entry=gmtime_r */
	inet_ntop(AF_INET, "\1\2\3\4", five, 8);                /* expect: stack-out-of-bounds entry=inet_ntop */
	inet_pton(AF_INET6, "::1", small_global + 5);           /* expect: global-out-of-bounds entry=inet_pton */
	printf("%s\n", path_without_end);     /* expect: global-out-of-bounds entry=printf type=read */
	sscanf("3 4", "%d %d", one, one + 1); /* expect: stack-out-of-bounds type=write */
}

int main(void)
{
	freopen("/dev/null", "w", stdout);
	right();
	wrong();
	return 0;
}
