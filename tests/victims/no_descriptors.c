/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/no_descriptors.c - memsan reports although no descriptor can be opened
 *
 * expect: none
 * options: exitcode=55
 * status: 55
 * stderr: any
 */
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include <fcntl.h>

int main(void)
{
	struct rlimit r = { 16, 16 };
	setrlimit(RLIMIT_NOFILE, &r);
	while (open("/dev/null", O_RDONLY) >= 0)
		;
	char *p = malloc(8);
	free(p);
	free(p);
	return 0;
}
