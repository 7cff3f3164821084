/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_fail_half.h - the program of clean_fail_half.c and clean_fail_half_full.c */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	unsigned failed = 0, i;

	for (i = 0; i < 2000; i++) {
		void *volatile p = malloc(40);

		failed += !p;
		free(p);
	}
	setvbuf(stdout, NULL, _IONBF, 0);
	printf("%u of 2000 failed\n", failed);
	return 0;
}
