/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_string.c - libc reads through a bad pointer; the report shows libc's caller
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
}
