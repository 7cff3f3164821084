/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/kernel-repros/call.c - call COMMAND ARGUMENT: one ioctl of /dev/published. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>

int main(int argc, char **argv)
{
	int fd = open("/dev/published", O_RDWR);

	return argc < 3 || fd < 0 || ioctl(fd, strtoul(argv[1], NULL, 0), strtoul(argv[2], NULL, 0)) < 0;
}
