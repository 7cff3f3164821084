/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/underflow_taken.c - a write in front of an object, while its neighbor there is free; the neighbor is
 * allocated again, and hardened production finds the damage when it is freed
 *
 * expect: left-redzone-overwritten in=main object=200 found=free
 * modes: production
 * options: fence=off
 */
#include <stdlib.h>

int main(void)
{
	char *object[8];
	volatile char *bad;

	for (int i = 0; i < 8; i++)
		object[i] = malloc(200);
	free(object[4]);
	bad = object[5];
	bad[-1] = (char)~bad[-1];
	object[4] = malloc(200);
	free(object[4]); /* BAD */
	for (int i = 0; i < 8; i++)
		if (i != 4)
			free(object[i]);
	return 0;
}
