/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/kernel-published/multicast-4.c - CVE-2017-8890
 * fix: dccp/tcp: do not inherit mc_list from parent
 * expected: KASAN: use-after-free in ip_mc_drop_socket
 * A listening socket in a multicast group; it and the accepted one leave the group. */
#include <arpa/inet.h>
#include <unistd.h>

#include "loopback.h"

int main(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr_in group = { .sin_family = AF_INET, .sin_addr = { htonl(0xe0010101) } };
	struct group_req request = { .gr_interface = 1 };
	int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0), accepted;

	loopback_up();
	memcpy(&request.gr_group, &group, sizeof(group));
	if (setsockopt(server, IPPROTO_IP, MCAST_JOIN_GROUP, &request, sizeof(request)) < 0)
		return 1;
	accepted = loopback_connect(server, client, (struct sockaddr *)&address, sizeof(address));
	close(accepted);
	sleep(8); /* kfree_rcu() waits five seconds for more */
	close(server);
	sleep(1);
	return accepted < 0;
}
