/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_stack_frame.c - one frame is larger than the whole stack
 *
 * ways: preload
 * expect: stack-overflow in=large type=write
 * modes: check production
 * status: 99
 */
#include <alloca.h>
#include <stdlib.h>
#include <sys/resource.h>

static volatile char *volatile kept;

static __attribute__((noinline)) int large(size_t n)
{
	volatile char *p = alloca(n);
	kept = p;
	p[0] = 1; /* BAD */
	return p[n - 1];
}

int main(int argc, char **argv)
{
	struct rlimit limit;
	(void)argv;
	getrlimit(RLIMIT_STACK, &limit);
	/* The kernel leaves a larger gap than this between the stack and the mapping below. */
	return large((limit.rlim_cur == RLIM_INFINITY ? 8 << 20 : limit.rlim_cur) + (size_t)argc * (1 << 20));
}
