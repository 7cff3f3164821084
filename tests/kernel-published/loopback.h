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
