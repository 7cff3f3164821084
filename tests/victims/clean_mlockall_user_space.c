/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_mlockall_user_space.c - in a user name space of its own a program has every right there, but may
 * lock no more memory than before: mlockall fails and changes nothing. Where such name spaces are forbidden, only the
 * limit refuses the call.
 *
 * expect: none
 * modes: check production
 * ways: preload linked
 * flags: -D_GNU_SOURCE
 * output: refused 1, then mapping 1
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

int main(void)
{
	struct rlimit limit = { 65536, 65536 };
	int error;
	void *p;

	setrlimit(RLIMIT_MEMLOCK, &limit);
	if (getuid() == 0 && setresuid(65534, 65534, 65534) != 0)
		return 3;
	unshare(CLONE_NEWUSER);
	error = mlockall(MCL_CURRENT | MCL_FUTURE) == 0 ? 0 : errno;
	p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	printf("refused %d, then mapping %d\n", error == ENOMEM || error == EPERM, p != MAP_FAILED);
	return 0;
}
