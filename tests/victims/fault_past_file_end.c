/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_past_file_end.c - a write to a mapping that is longer than its file
 *
 * expect: past-end-of-file in=main type=write access=1
 * modes: check production
 * status: 99
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int fd = memfd_create("short", 0);
	ftruncate(fd, 100);
	char *volatile p = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	p[5000] = 1; /* BAD */
	return argc > 5;
}
