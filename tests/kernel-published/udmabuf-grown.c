/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/kernel-published/udmabuf-grown.c - CVE-2023-2008
 * fix: udmabuf: add back sanity check
 * expected: KASAN: slab-out-of-bounds in udmabuf_vm_fault
 * A mapping of one page that mremap makes larger. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
	int file = memfd_create("page", MFD_ALLOW_SEALING), device = open("/dev/udmabuf", O_RDWR), buffer;
	struct udmabuf_create create = { .size = 4096 };
	volatile char *map;

	ftruncate(file, 4096);
	fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK);
	create.memfd = file;
	buffer = ioctl(device, UDMABUF_CREATE, &create);
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, buffer, 0);
	if (map == MAP_FAILED)
		return 1;
	map = mremap((void *)map, 4096, 8192, MREMAP_MAYMOVE);
	if (map == MAP_FAILED)
		return 1;
	return map[4096];
}
