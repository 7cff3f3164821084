/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/filter_and_file_limit.c - a program whose standard error is a file sets a filter and lets no file grow,
 * as OpenSSH's sandbox does: a report has no place, and must not end the program by SIGXFSZ
 *
 * expect: none
 * ways: preload linked
 * status: 99
 * output: ok
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define FILTER_CALLS CALLS_OF_LIBC
#include "filter.h"

int main(void)
{
	struct rlimit none = { 0, 0 };
	volatile int past = 10;
	char *p = malloc(10);
	int fd = memfd_create("log", 0);

	if (fd < 0 || fcntl(fd, F_SETFL, O_APPEND) != 0 || dup2(fd, 2) != 2 || setrlimit(RLIMIT_FSIZE, &none) != 0)
		return 3;
	enter_sandbox();
	p[past] = 1;
	free(p);
	puts("ok");
	return 0;
}
