/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/clean_longjmp.c - a longjmp leaves frames with poison, and other frames use their memory again
 *
 * expect: none
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
static jmp_buf env;
static int deep(int n)
{
	char a[37], b[129];
	memset(a, n, sizeof(a));
	memset(b, n, sizeof(b));
	if (n == 0)
		longjmp(env, 1);
	return deep(n - 1) + a[3] + b[100];
}
/* Not instrumented: its frame lies in the place of deep's frames. */
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
	for (int i = 0; i < 50; i++) {
		if (setjmp(env) == 0)
			deep(20);
		fill(to, i);
		if (to[777] != i)
			return 2;
	}
	return 0;
}
