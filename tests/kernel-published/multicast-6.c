/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/kernel-published/multicast-6.c - CVE-2017-9077
 * fix: ipv6/dccp: do not inherit ipv6_mc_list from parent
 * expected: KASAN: use-after-free in __ipv6_sock_mc_close
 * The same as multicast-4.c with IPv6. */
#include <arpa/inet.h>

#include "loopback.h"

int main(void)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in6 group = { .sin6_family = AF_INET6 };

	inet_pton(AF_INET6, "ff01::101", &group.sin6_addr);
	return loopback_leave_twice(IPPROTO_IPV6, (struct sockaddr *)&address, (struct sockaddr *)&group,
	                            sizeof(group));
}
