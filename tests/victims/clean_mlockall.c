/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_mlockall.c - mlockall() locks what the heap uses, not the reserve of a terabyte behind it
 *
 * expect: none
 * modes: check production
 * output: ok
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int main(void)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
		perror("mlockall");
		return 1;
	}
	for (int i = 0; i < 20; i++) {
		size_t n = 1000 << i;
		char *p = malloc(n > 30000000 ? 30000000 : n);
		memset(p, 1, 1000);
		free(p);
	}
	char line[256];
	long locked = 0;
	FILE *f = fopen("/proc/self/status", "r");
	while (fgets(line, sizeof(line), f))
		sscanf(line, "VmLck: %ld", &locked);
	fclose(f);
	if (locked > 1000000 || locked < 1000)
		printf("%ld kB locked\n", locked);
	if (munlockall() != 0)
		return 2;
	if (mlockall(0) != -1 || mlockall(64) != -1)
		return 3;
	puts("ok");
	return 0;
}
