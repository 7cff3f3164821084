/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_vfork_child.c - the child of a vfork faults
 *
 * expect: null-ptr-deref in=main type=write
 * modes: check production
 * status: 99
 */
#include <sys/wait.h>
#include <unistd.h>

static int *volatile p;

int main(int argc, char **argv)
{
	int status;
	if (vfork() == 0)
		*p = 1; /* BAD */
	wait(&status);
	return WIFSIGNALED(status) ? 0 : 1;
}
