/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_mlockall_limit.c - a small program may lock all of its memory within the usual limit of 8 MiB,
 * again and again
 *
 * expect: none
 * modes: check production
 * ways: preload linked
 * output: ok
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

int main(void)
{
	struct rlimit limit = { 8 << 20, 8 << 20 };

	if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0)
		return 3;
	if (getuid() == 0 && setresuid(65534, 65534, 65534) != 0) /* drops CAP_IPC_LOCK */
		return 4;
	for (int i = 0; i < 4; i++) {
		char *p = malloc(30000);

		memset(p, 1, 30000);
		if (mlockall(i % 2 ? MCL_CURRENT : MCL_CURRENT | MCL_FUTURE) != 0) {
			perror("mlockall");
			return 1;
		}
		free(p);
		munlockall();
	}
	puts("ok");
	return 0;
}
