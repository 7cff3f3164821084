/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/early/hidden_program.c - the program around the library_value() of hidden.c or asan.c */
#include <stdio.h>

int library_value(int i);

int main(void)
{
	printf("%d\n", library_value(1));
	return 0;
}
