/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/kernel-published/multicast-4.c - CVE-2017-8890
 * fix: dccp/tcp: do not inherit mc_list from parent
 * expected: KASAN: use-after-free in ip_mc_drop_socket
 * A listening socket in a multicast group; it and the accepted one leave the group. */
#include <arpa/inet.h>

#include "loopback.h"

int main(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr_in group = { .sin_family = AF_INET, .sin_addr = { htonl(0xe0010101) } };

	return loopback_leave_twice(IPPROTO_IP, (struct sockaddr *)&address, (struct sockaddr *)&group, sizeof(group));
}
