/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/clean_no_frame_needed.c - shadow.use_after_return=on, but no function with a frame on the heap
 * runs; memsan must not say that the option has no effect
 *
 * expect: none
 * only-form: gcc-kernel-inline gcc-kernel-calls gcc-asan gcc-asan-recover
 * options: shadow.use_after_return=on
 * ways: linked static
 * output: 3
 */
#include <stdio.h>
#include <stdlib.h>

__attribute__((noinline)) void never_called(int *p);

void never_called(int *p)
{
	char frame[40];

	snprintf(frame, sizeof(frame), "%d", *p);
	puts(frame);
}

int main(int argc, char **argv)
{
	int *p = malloc(sizeof(*p));

	(void)argv;
	*p = 3;
	if (argc > 1)
		never_called(p);
	printf("%d\n", *p);
	free(p);
	return 0;
}
