/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_seccomp_asked.c - a program asks whether seccomp(2) is there, with arguments that the kernel
 * refuses, as libseccomp does in man and file: it is under no filter then, and gets memory of all sizes
 *
 * expect: none
 * modes: check production
 * output: ok
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	int refused = 0, sizes = 0;

	refused += syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL) == -1 && errno == EINVAL;
	refused += syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, &refused) == -1 && errno == EINVAL;
	refused += syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, NULL) == -1 &&
	           errno == EFAULT;
	refused += prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) == -1;
	for (size_t size = 16; size <= (size_t)64 << 20; size *= 2) {
		void *volatile p = malloc(size);

		if (!p)
			break;
		memset(p, 1, size);
		free(p);
		sizes++;
	}
	if (refused == 4 && sizes == 23)
		puts("ok");
	else
		printf("%d refused, memory of %d sizes\n", refused, sizes);
	return 0;
}
