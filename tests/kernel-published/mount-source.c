/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/kernel-published/mount-source.c - CVE-2021-4154
 * fix: cgroup: verify that source is a string
 * expected: KASAN: use-after-free in filp_close
 * The source of a mount is an open file, which is freed as if it were a string. */
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const unsigned set_fd = 5; /* FSCONFIG_SET_FD */

int main(void)
{
	int fs = syscall(SYS_fsopen, "cgroup", 0), file = open("/proc/version", O_RDONLY);

	if (syscall(SYS_fsconfig, fs, set_fd, "source", NULL, file) < 0)
		return 1;
	close(fs);
	close(file);
	return 0;
}
