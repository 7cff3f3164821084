/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_system_calls.c - system calls with correct buffers, although their sizes, or contents that
 * change during the call, look wrong
 *
 * ways: preload linked
 * modes: check production
 * options: fence=all
 * expect: none
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define MUST(what)                                                    \
	do {                                                          \
		if (!(what)) {                                        \
			dprintf(2, "line %d: %s\n", __LINE__, #what); \
			_exit(3);                                     \
		}                                                     \
	} while (0)

static void connect_tcp(int *ends)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	MUST(bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 1) == 0);
	MUST(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	MUST(connect(ends[0], (struct sockaddr *)&address, size) == 0);
	ends[1] = accept(listener, NULL, NULL);
	MUST(ends[1] >= 0);
}

/* With MSG_TRUNC, TCP throws the data away and leaves the buffer alone, whatever its size. */
static void throw_away(void)
{
	static char data[5000];
	char *p = memset(malloc(8), 'x', 8);
	struct iovec v = { p, 1000 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	struct mmsghdr many = { .msg_hdr = m };
	int tcp[2];

	connect_tcp(tcp);
	MUST(write(tcp[0], data, sizeof(data)) == sizeof(data));
	MUST(recv(tcp[1], data, sizeof(data), MSG_PEEK | MSG_WAITALL) == sizeof(data));
	MUST(recv(tcp[1], NULL, 1000, MSG_TRUNC) == 1000);
	MUST(recv(tcp[1], p, 1000, MSG_TRUNC) == 1000);
	MUST(recvfrom(tcp[1], p, 1000, MSG_TRUNC, NULL, NULL) == 1000);
	MUST(recvmsg(tcp[1], &m, MSG_TRUNC) == 1000);
	MUST(recvmmsg(tcp[1], &many, 1, MSG_TRUNC, NULL) == 1 && many.msg_len == 1000);
	MUST(memcmp(p, "xxxxxxxx", 8) == 0);
}

/* The kernel copies the vector before it fills any buffer, so a buffer may be the vector itself. */
static void fill_the_vector(void)
{
	struct iovec *v = malloc(2 * sizeof(*v));
	char *p = malloc(1), data[33];
	int pipes[2];

	memset(data, 'x', sizeof(data));
	MUST(pipe(pipes) == 0 && write(pipes[1], data, sizeof(data)) == sizeof(data));
	v[0] = (struct iovec){ p, 1 };
	v[1] = (struct iovec){ v, 2 * sizeof(*v) };
	MUST(readv(pipes[0], v, 2) == sizeof(data));
	MUST(*p == 'x' && memcmp(v, data, 2 * sizeof(*v)) == 0);
}

static int input;

static void *read_a_word(void *p)
{
	return (void *)read(input, p, 4096); /* never more than four bytes come */
}

/* Another thread may write the part of a buffer that the call does not fill. */
static void write_behind(void)
{
	char *p = memset(malloc(64), 'x', 64);
	pthread_t reader;
	void *came;
	int pipes[2];

	MUST(pipe(pipes) == 0);
	input = pipes[0];
	MUST(pthread_create(&reader, NULL, read_a_word, p) == 0);
	usleep(20000); /* the reader waits by now; otherwise this run shows nothing */
	memcpy(p + 8, "mine", 4);
	MUST(write(pipes[1], "word", 4) == 4);
	pthread_join(reader, &came);
	MUST((long)came == 4 && memcmp(p, "wordxxxxminexxxx", 16) == 0);
}

int main(void)
{
	throw_away();
	fill_the_vector();
	write_behind();
	return 0;
}
