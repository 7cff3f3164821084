/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/clean_frames_only.c - the program has instrumented frames and no checked access, so the module
 * asks for no symbol of the shadow's
 *
 * expect: none
 * needs: compiler
 * ways: linked
 * modes: check production
 */
#include <strings.h>

int main(void)
{
	char b[100];

	(*&bzero)(b, sizeof(b));
	return 0;
}
