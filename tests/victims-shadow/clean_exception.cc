/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/clean_exception.cc - an exception passes through frames with poison
 *
 * expect: none
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

static int deep(int n)
{
	char a[37], b[129];
	memset(a, n, sizeof(a));
	memset(b, n, sizeof(b));
	if (n == 0)
		throw n;
	return deep(n - 1) + a[3] + b[100];
}
__attribute__((no_sanitize_address, noinline)) static char *fill(char *to, int n)
{
	char area[8192];
	for (int i = 0; i < 8192; i++)
		((volatile char *)area)[i] = (char)n;
	memcpy(to, area, 8192);
	return to;
}
int main()
{
	static char to[8192];
	for (int i = 0; i < 50; i++) {
		try {
			deep(20);
		} catch (int) {
		}
		fill(to, i);
		if (to[777] != i)
			return 2;
	}
	return 0;
}
