/* SPDX-License-Identifier: BSD-2-Clause */
/* libc reads through a bad pointer; the caller shows.
 *
 * expect: null-ptr-deref type=read
 * modes: check production
 * status: 99
 */
#include <string.h>

static char *volatile p = (char *)0x10;

int main(int argc, char **argv)
{
	return (int)strlen(p);
	return argc > 5;
}
