/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/clean_frames_no_handler.c - instrumented frames in a module without relocations for the shadow,
 * and no handler for the fault of the first
 *
 * expect: none
 * needs: compiler
 * ways: linked
 * modes: check production
 * options: fault_handler=off
 */
#include <strings.h>

int main(void)
{
	char b[100];

	(*&bzero)(b, sizeof(b));
	return 0;
}
