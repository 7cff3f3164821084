/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/kernel-repros/drop.c - CVE-2016-4558, expected: KASAN: use-after-free Read in published_get */
#include <fcntl.h>
#include <sys/ioctl.h>

#include "module/published.h"

int main(void)
{
	int fd = open("/dev/published", O_RDWR);

	ioctl(fd, PUBLISHED_GET, 0);
	ioctl(fd, PUBLISHED_DROP, 0);
	ioctl(fd, PUBLISHED_GET, 0);
	return fd < 0;
}
