/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/kernel-published/clone-cache.c - CVE-2018-9568
 * fix: net: Set sk_prot_creator when cloning sockets to the right proto
 * expected: Wrong slab cache
 * An IPv6 socket becomes one of IPv4, listens, and accepts a connection. */
#include <arpa/inet.h>
#include <unistd.h>

#include "loopback.h"

/* A connected socket of IPv6 whose address is one of IPv4. */
static int connected(int server)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr_in6 mapped = { .sin6_family = AF_INET6 };
	int client = socket(AF_INET6, SOCK_STREAM, 0);
	socklen_t size = sizeof(address);

	bind(server, (struct sockaddr *)&address, sizeof(address));
	listen(server, 1);
	getsockname(server, (struct sockaddr *)&address, &size);
	mapped.sin6_port = address.sin_port;
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr);
	connect(client, (struct sockaddr *)&mapped, sizeof(mapped));
	return client;
}

int main(void)
{
	struct sockaddr unspecified = { .sa_family = AF_UNSPEC };
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int family = AF_INET, converted, accepted;

	loopback_up();
	converted = connected(socket(AF_INET, SOCK_STREAM, 0));
	if (setsockopt(converted, IPPROTO_IPV6, IPV6_ADDRFORM, &family, sizeof(family)) < 0)
		return 1;
	connect(converted, &unspecified, sizeof(unspecified));
	accepted = loopback_connect(converted, socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&address,
	                            sizeof(address));
	close(accepted);
	sleep(1);
	return accepted < 0;
}
