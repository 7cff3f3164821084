/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/kernel-published/multicast-6.c - CVE-2017-9077
 * fix: ipv6/dccp: do not inherit ipv6_mc_list from parent
 * expected: KASAN: use-after-free in __ipv6_sock_mc_close
 * The same as multicast-4.c with IPv6. */
#include <arpa/inet.h>
#include <unistd.h>

#include "loopback.h"

int main(void)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in6 group = { .sin6_family = AF_INET6 };
	struct group_req request = { .gr_interface = 1 };
	int server = socket(AF_INET6, SOCK_STREAM, 0), client = socket(AF_INET6, SOCK_STREAM, 0), accepted;

	loopback_up();
	inet_pton(AF_INET6, "ff01::101", &group.sin6_addr);
	memcpy(&request.gr_group, &group, sizeof(group));
	if (setsockopt(server, IPPROTO_IPV6, MCAST_JOIN_GROUP, &request, sizeof(request)) < 0)
		return 1;
	accepted = loopback_connect(server, client, (struct sockaddr *)&address, sizeof(address));
	close(accepted);
	sleep(8); /* kfree_rcu() waits five seconds for more */
	close(server);
	sleep(1);
	return accepted < 0;
}
