/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_libc_input_output.c - reads whose size is larger than the buffer while the data fits, formats
 * that are cut off, and errno
 *
 * expect: none
 * libs: -lm
 * ways: preload linked
 * modes: check production
 * output: ok
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

static void must(int ok, const char *what, int line)
{
	if (ok)
		return;
	printf("%d: %s\n", line, what);
	exit(1);
}
#define MUST(x) must(x, #x, __LINE__)

static char *room(size_t n)
{
	return malloc(n);
}

static void formats(void)
{
	char *p = room(6);
	MUST(sprintf(p, "%d", 12345) == 5 && !strcmp(p, "12345"));
	MUST(snprintf(p, 6, "%s", "a longer text") == 13 && !strcmp(p, "a lon"));
	MUST(snprintf(p, 100, "%d", 12345) == 5); /* the size is more than there is, but not used */
	MUST(snprintf(p, 0, "%d", 123456789) == 9);
	MUST(snprintf(NULL, 0, "%d", 123456789) == 9);
	MUST(snprintf(p, 6, "%1$d %1$d", 5) == 3 && !strcmp(p, "5 5"));
	MUST(snprintf(p, 6, "%.1f%c%ld", 0.5, 'x', 7L) == 5 && !strcmp(p, "0.5x7"));
	free(p);
	wchar_t *w = malloc(6 * sizeof(wchar_t));
	MUST(swprintf(w, 6, L"%d", 12345) == 5 && !wcscmp(w, L"12345"));
	MUST(swprintf(w, 6, L"%d", 123456) == -1); /* does not fit */
	MUST(swprintf(w, 100, L"%d", 12345) == 5);
	free(w);
	char *out = NULL;
	MUST(asprintf(&out, "%d-%s", 7, "x") == 3 && !strcmp(out, "7-x"));
	free(out);
	time_t zero = 0;
	p = room(5);
	MUST(strftime(p, 5, "%Y", gmtime(&zero)) == 4);
	MUST(strftime(p, 4, "%Y", gmtime(&zero)) == 0);
	free(p);
}

static void streams(void)
{
	FILE *f = tmpfile();
	MUST(fputs("123456789\nx\n", f) >= 0);
	MUST(fwrite("last", 1, 4, f) == 4);
	rewind(f);
	char *p = room(11);
	MUST(fgets(p, 1000, f) == p && !strcmp(p, "123456789\n"));
	MUST(fgets(p, 3, f) == p && !strcmp(p, "x\n"));
	MUST(fread(p, 1, 1000, f) == 4); /* the stream holds no more */
	MUST(fgets(p, 1000, f) == NULL && feof(f));
	free(p);
	rewind(f);
	size_t n = 0;
	p = NULL;
	MUST(getline(&p, &n, f) == 10 && getline(&p, &n, f) == 2 && getdelim(&p, &n, 't', f) == 4);
	MUST(getline(&p, &n, f) == -1);
	free(p);
	fclose(f);
}

static void descriptors(void)
{
	int s[2], fd = fileno(tmpfile());
	char *p = room(7), *q = room(3);
	MUST(write(fd, "0123456789", 10) == 10);
	MUST(pread(fd, p, 7, 0) == 7 && pread(fd, p, 1000, 6) == 4 && pread(fd, p, 1000, 10) == 0);
	struct iovec *v = malloc(2 * sizeof(*v));
	v[0] = (struct iovec){ p, 7 };
	v[1] = (struct iovec){ q, 1000 };
	MUST(preadv(fd, v, 2, 0) == 10 && !memcmp(q, "789", 3));
	v[1].iov_len = 3;
	MUST(pwritev(fd, v, 2, 0) == 10 && writev(fd, v, 0) == 0);
	MUST(lseek(fd, 0, SEEK_SET) == 0 && read(fd, p, 7) == 7);
	errno = 0;
	MUST(read(-1, p, 1000) == -1 && errno == EBADF);
	MUST(writev(fd, v, -1) == -1 && errno == EINVAL);
	MUST(readv(fd, v, IOV_MAX + 1) == -1 && errno == EINVAL);
	/* A datagram is longer than its buffer; with MSG_TRUNC the call returns the whole length. */
	socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
	MUST(send(s[0], "0123456789", 10, 0) == 10);
	MUST(recv(s[1], p, 7, MSG_TRUNC) == 10 && !memcmp(p, "0123456", 7));
	MUST(sendto(s[0], p, 7, 0, NULL, 0) == 7);
	socklen_t len = 1;
	struct sockaddr *from = malloc(1);
	MUST(recvfrom(s[1], p, 1000, 0, from, &len) == 7 && len == 0);
	struct msghdr *m = calloc(1, sizeof(*m));
	m->msg_iov = v;
	m->msg_iovlen = 2;
	MUST(sendmsg(s[0], m, 0) == 10);
	v[1].iov_len = 1000;
	m->msg_name = from;
	m->msg_namelen = 1;
	MUST(recvmsg(s[1], m, 0) == 10 && m->msg_namelen == 0);
	errno = 0;
	MUST(recv(s[1], p, 1000, MSG_DONTWAIT) == -1 && errno == EAGAIN);
	free(from);
	free(m);
	free(v);
	free(p);
	free(q);
}

static void names(void)
{
	MUST(chdir("/usr/bin") == 0);
	char *p = room(9), *full = realpath("/usr/bin/../bin", NULL);
	MUST(!strcmp(full, "/usr/bin"));
	MUST(getcwd(p, 1000) == p && !strcmp(p, full));
	MUST(realpath("/usr/./bin", p) == p && !strcmp(p, full));
	MUST(readlink("/proc/self/cwd", p, 1000) == 8);
	MUST(readlink("/proc/self/cwd", p, 9) == 8 && readlink("/proc/self/cwd", p, 3) == 3);
	errno = 0;
	MUST(getwd(p) == p && !strcmp(p, full));
	MUST(getcwd(p, 3) == NULL && errno == ERANGE);
	free(full);
	full = getcwd(NULL, 0);
	MUST(!strcmp(full, "/usr/bin"));
	free(full);
	free(p);
	char host[HOST_NAME_MAX + 1];
	MUST(gethostname(host, sizeof(host)) == 0);
	p = room(strlen(host) + 1);
	MUST(gethostname(p, sizeof(host)) == 0 && !strcmp(p, host));
	free(p);
	MUST(getdomainname(host, sizeof(host)) == 0);
	p = room(strlen(host) + 1);
	MUST(getdomainname(p, strlen(host) + 1) == 0 && !strcmp(p, host));
	free(p);
	int main_side = posix_openpt(O_RDWR | O_NOCTTY);
	MUST(main_side >= 0 && unlockpt(main_side) == 0);
	int tty = open(ptsname(main_side), O_RDWR | O_NOCTTY);
	p = room(strlen(ptsname(main_side)) + 1);
	MUST(ttyname_r(tty, p, 99) == 0 && !strcmp(p, ptsname(main_side)));
	MUST(ttyname_r(tty, p, 3) == ERANGE);
	free(p);
	close(tty);
	close(main_side);
}

/* read is a cancellation point: the cleanup handlers of its callers run. */
static int cleaned;
static void cleanup(void *arg)
{
	cleaned = 1;
	free(arg);
}
static void *reader(void *arg)
{
	char *p = room(10);
	pthread_cleanup_push(cleanup, p);
	read(*(int *)arg, p, 10);
	pthread_cleanup_pop(1);
	return NULL;
}

static void cancellation(void)
{
	int fds[2];
	pthread_t t;
	void *result;
	MUST(pipe(fds) == 0 && pthread_create(&t, NULL, reader, &fds[0]) == 0);
	usleep(20000);
	MUST(pthread_cancel(t) == 0 && pthread_join(t, &result) == 0);
	MUST(result == PTHREAD_CANCELED && cleaned);
}

/* A signal interrupts the read, and its handler calls intercepted functions too. */
static char *shared;
static void handler(int sig)
{
	char copy[20];
	strcpy(copy, shared);
	snprintf(copy, sizeof(copy), "%d", sig);
}

static void signals(void)
{
	int fds[2];
	char *p = room(4);
	struct sigaction a = { .sa_handler = handler };
	shared = strdup("shared");
	sigaction(SIGALRM, &a, NULL);
	MUST(pipe(fds) == 0);
	ualarm(20000, 0);
	errno = 0;
	MUST(read(fds[0], p, 4) == -1 && errno == EINTR);
	free(shared);
	free(p);
}

static void children(void)
{
	int fds[2], status;
	char *text = strdup("from vfork\n");
	MUST(pipe(fds) == 0);
	if (vfork() == 0) {
		write(fds[1], text, strlen(text));
		_exit(3);
	}
	MUST(wait(&status) > 0 && WEXITSTATUS(status) == 3);
	char *p = room(11);
	MUST(read(fds[0], p, 1000) == 11 && !memcmp(p, text, 11));
	free(p);
	free(text);
}

int main(void)
{
	formats();
	streams();
	descriptors();
	names();
	cancellation();
	signals();
	children();
	puts("ok");
	return 0;
}
