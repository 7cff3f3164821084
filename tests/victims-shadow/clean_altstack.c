/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/clean_altstack.c - a longjmp out of a signal handler on its own stack
 *
 * expect: none
 * ways: linked
 */
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static sigjmp_buf env;
static int deep(int n)
{
	char a[37], b[129];
	memset(a, n, sizeof(a));
	memset(b, n, sizeof(b));
	if (n == 0)
		raise(SIGUSR1);
	return deep(n - 1) + a[3] + b[100];
}
static void handler(int sig)
{
	char a[99];
	memset(a, sig, sizeof(a));
	siglongjmp(env, a[5]);
}
__attribute__((no_sanitize_address, noinline)) static char *fill(char *to, int n)
{
	char area[8192];
	for (int i = 0; i < 8192; i++)
		((volatile char *)area)[i] = (char)n;
	memcpy(to, area, 8192);
	return to;
}
int main(void)
{
	static char to[8192];
	stack_t ss = { .ss_sp = malloc(65536), .ss_size = 65536 };
	struct sigaction sa = { .sa_handler = handler, .sa_flags = SA_ONSTACK };
	sigaltstack(&ss, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	for (int i = 0; i < 20; i++) {
		if (sigsetjmp(env, 1) == 0)
			deep(20);
		fill(to, i);
		if (to[777] != i)
			return 2;
		memset(ss.ss_sp, 0, 1000);
	}
	return 0;
}
