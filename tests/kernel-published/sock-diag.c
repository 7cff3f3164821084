/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/kernel-published/sock-diag.c - CVE-2013-1763
 * fix: sock_diag: Fix out-of-bounds access to sock_diag_handlers[]
 * expected: KASAN: global-out-of-bounds in sock_diag_rcv_msg
 * A question about sockets of the first family that does not exist. */
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

int main(void)
{
	struct {
		struct nlmsghdr head;
		struct sock_diag_req request;
	} message = {
		.head = {
			.nlmsg_len = sizeof(message), .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST,
		},
		.request = { .sdiag_family = AF_MAX },
	};
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG);

	return send(fd, &message, sizeof(message), 0) < 0;
}
