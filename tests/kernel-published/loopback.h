/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/kernel-published/loopback.h - a connection of this machine with itself. */
#pragma once

#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static inline void loopback_up(void)
{
	struct ifreq request = { .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	strcpy(request.ifr_name, "lo");
	ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
	usleep(300000);
}

/* Returns the server's end. */
static inline int loopback_connect(int server, int client, struct sockaddr *address, socklen_t size)
{
	bind(server, address, size);
	listen(server, 1);
	getsockname(server, address, &size);
	if (connect(client, address, size) < 0)
		return -1;
	return accept(server, NULL, NULL);
}

/* A listening socket joins the group and gets a connection; the server's end of it is closed first. Returns 0, or 1. */
static inline int loopback_leave_twice(int level, struct sockaddr *address, struct sockaddr *group, socklen_t size)
{
	struct group_req request = { .gr_interface = 1 };
	int server = socket(address->sa_family, SOCK_STREAM, 0), client = socket(address->sa_family, SOCK_STREAM, 0);
	int accepted;

	loopback_up();
	memcpy(&request.gr_group, group, size);
	if (setsockopt(server, level, MCAST_JOIN_GROUP, &request, sizeof(request)) < 0)
		return 1;
	accepted = loopback_connect(server, client, address, size);
	close(accepted);
	sleep(8); /* kfree_rcu() waits five seconds for more */
	close(server);
	sleep(1);
	return accepted < 0;
}
