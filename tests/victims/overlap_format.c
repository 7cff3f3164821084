/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/overlap_format.c - a string argument overlaps the output, on the stack: the report says which frame
 *
 * flags: -fno-builtin -U_FORTIFY_SOURCE
 * modes: check
 * ways: preload linked
 * expect: below
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void format(char *dst, const char *text, ...)
{
	va_list args;

	va_start(args, text);
	vsnprintf(dst, 50, text, args); /* expect: param-overlap entry=vsnprintf frame=main */
	va_end(args);
}

int main(void)
{
	char local[100] = "a local string";
	char *volatile p = local;

	strcpy(p, "text");
	sprintf(p, "%d %s", 1, p); /* expect: param-overlap entry=sprintf frame=main */
	strcpy(p, "text");
	snprintf(p, 60, "%-5.1f|%*d|%.3s", 1.5, 3, 7, p + 2); /* expect: param-overlap entry=snprintf frame=main */
	strcpy(p, "text");
	format(p, "%s%s", "x", p);
	return 0;
}
