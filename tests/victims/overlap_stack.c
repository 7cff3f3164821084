/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/overlap_stack.c - source and destination overlap on the stack or in a global; the report says which
 * frame or module that is
 *
 * flags: -fno-builtin -U_FORTIFY_SOURCE
 * modes: check production
 * ways: preload linked
 * expect: below
 */
#define _XOPEN_SOURCE 700
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

void *mempcpy(void *dst, const void *src, size_t n);
static char global[100] = "a global string";

int main(void)
{
	char local[100] = "a local string";
	wchar_t wide[50] = L"wide";
	char *volatile p = local, *volatile g = global;
	wchar_t *volatile w = wide;

	memcpy(p + 1, p, 10);  /* expect: param-overlap entry=memcpy access=10 frame=main */
	mempcpy(p, p + 3, 10); /* expect: param-overlap entry=mempcpy access=10 frame=main */
	strcpy(p, "a local string");
	strcpy(p, p + 2); /* expect: param-overlap entry=strcpy access=13 frame=main */
	stpcpy(p, p + 2); /* expect: param-overlap entry=stpcpy access=11 frame=main */
	strcpy(p, "a local string");
	strncpy(p + 3, p, 10); /* expect: param-overlap entry=strncpy access=10 frame=main */
	strcpy(p, "a local string");
	strcat(p, p + 4);     /* expect: param-overlap entry=strcat frame=main */
	wmemcpy(w + 1, w, 3); /* expect: param-overlap entry=wmemcpy access=12 frame=main */
	wcscpy(w, w + 1);     /* expect: param-overlap entry=wcscpy frame=main */
	memcpy(g + 1, g, 50); /* expect: param-overlap entry=memcpy access=50 place=overlap_stack */
	strcpy(g, "a global string");
	strcpy(g, g + 1); /* expect: param-overlap entry=strcpy access=15 */
	strcpy(p, "a local string");
	strxfrm(p, p + 2, 50); /* expect: param-overlap entry=strxfrm access=13 frame=main */
	strxfrm(p, p + 2, 0);
	strxfrm(g, p, 50);
	swab(p, p + 1, 10); /* expect: param-overlap entry=swab access=10 frame=main */
	swab(p, p, 10);
	return 0;
}
