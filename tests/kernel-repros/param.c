/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/kernel-repros/param.c - CVE-2022-0185, expected: KASAN: slab-out-of-bounds Write in published_param
 * As the public reproducers do: options until one byte is left, where the count wraps. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "module/published.h"

int main(void)
{
	int fd = open("/dev/published", O_RDWR);

	for (int i = 0; i < 4096 / 32 - 1; i++)
		ioctl(fd, PUBLISHED_PARAM, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
	ioctl(fd, PUBLISHED_PARAM, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
	ioctl(fd, PUBLISHED_PARAM, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
	puts("param: ends");
	return fd < 0;
}
