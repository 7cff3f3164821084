/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fence_jump.c - a call into a freed fenced object: opening its page does not make it code, so the same
 * instruction faults again; it is reported once, and the program ends
 *
 * expect: use-after-free-read object=64 type=execute
 * modes: check production
 * options: fence=all
 * status: 99
 */
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	void *volatile p = malloc(64); /* ALLOC */
	memset(p, 0xc3, 64);
	free(p); /* FREE */
	((void (*)(void))p)();
	return argc > 5;
}
