/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_libc_discarded.c - recv with MSG_TRUNC: TCP discards the bytes and touches no buffer; a
 * datagram's true length may be more than what was stored
 *
 * expect: none
 * modes: check production
 * output: tcp 100 100 50, datagram 300 7 300
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static int tcp_pair(int ends[2])
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(at);

	if (bind(listener, (void *)&at, len) || listen(listener, 1) || getsockname(listener, (void *)&at, &len))
		return -1;
	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(ends[0], (void *)&at, len))
		return -1;
	ends[1] = accept(listener, NULL, NULL);
	close(listener);
	return ends[1] < 0 ? -1 : 0;
}

static long receive(int fd, char *to, size_t n)
{
	struct iovec part = { to, n };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };

	return recvmsg(fd, &m, MSG_TRUNC);
}

int main(void)
{
	static char text[300];
	char *one = malloc(1), *seven = malloc(7);
	int ends[2];
	long a, b, c;

	memset(text, 'x', sizeof(text));
	if (tcp_pair(ends) || send(ends[0], text, 250, 0) != 250 ||
	    recv(ends[1], text, 250, MSG_PEEK | MSG_WAITALL) != 250)
		return 1;
	*one = 'o';
	a = recv(ends[1], one, 100, MSG_TRUNC);
	b = recvfrom(ends[1], one, 100, MSG_TRUNC, NULL, NULL);
	c = receive(ends[1], one, 100);
	if (*one != 'o' || socketpair(AF_UNIX, SOCK_DGRAM, 0, ends))
		return 2;
	printf("tcp %ld %ld %ld, ", a, b, c);
	send(ends[0], text, 300, 0);
	send(ends[0], text, 300, 0);
	send(ends[0], text, 300, 0);
	a = recv(ends[1], seven, 7, MSG_TRUNC);
	b = recv(ends[1], seven, 7, 0);
	c = receive(ends[1], seven, 7);
	printf("datagram %ld %ld %ld\n", a, b, c);
	return 0;
}
