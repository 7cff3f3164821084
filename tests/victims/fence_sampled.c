/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fence_sampled.c - a use after free in a loop: sampling finds it in production mode, without any check
 *
 * ways: preload linked static
 * expect: use-after-free-read in=use type=read access=1 object=33 offset=5
 * modes: check production
 * options: fence.sample_rate=10:symbolizer.timeout=60000:quarantine.size=0
 * stderr: any
 */
#include <stdlib.h>

static int use(volatile char *p)
{
	return p[5];
}

int main(void)
{
	int sum = 0;
	for (int i = 0; i < 1000; i++) {
		char *p = malloc(33);
		p[5] = 1;
		free(p);
		sum += use(p);
	}
	return sum == -1;
}
