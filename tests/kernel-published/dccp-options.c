/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/kernel-published/dccp-options.c - CVE-2017-6074
 * fix: dccp: fix freeing skb too early for IPV6_RECVPKTINFO
 * expected: KASAN: use-after-free in skb_clone
 * A server that wants to see packets' information keeps the request, which is freed. */
#include <netinet/in.h>
#include <unistd.h>

#include "loopback.h"

#ifndef SOCK_DCCP
#define SOCK_DCCP 6
#endif

int main(void)
{
	struct sockaddr_in6 address = {
		.sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
		.sin6_port = htons(2000),
	};
	int server = socket(AF_INET6, SOCK_DCCP, 33), client = socket(AF_INET6, SOCK_DCCP, 33), on = 1;

	loopback_up();
	setsockopt(server, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
	return loopback_connect(server, client, (struct sockaddr *)&address, sizeof(address)) < 0;
}
