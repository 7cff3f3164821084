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
#include <wchar.h>

int __swprintf_chk(wchar_t *dst, size_t n, int flag, size_t room, const wchar_t *format, ...);

static void format(char *dst, const char *text, ...)
{
	va_list args;

	va_start(args, text);
	vsnprintf(dst, 50, text, args); /* expect: param-overlap entry=vsnprintf frame=main */
	va_end(args);
}

static void format_wide(wchar_t *dst, const wchar_t *text, ...)
{
	va_list args;

	va_start(args, text);
	vswprintf(dst, 50, text, args); /* expect: param-overlap entry=vswprintf frame=main */
	va_end(args);
}

static void wide(wchar_t *w)
{
	char *p = (char *)w;

	wcscpy(w, L"text");
	swprintf(w, 50, L"%d %ls", 1, w); /* expect: param-overlap entry=swprintf frame=main */
	strcpy(p + 12, "text");
	swprintf(w, 50, L"%4d %s", 1, p + 12); /* expect: param-overlap entry=swprintf frame=main */
	wcscpy(w, L"text");
	__swprintf_chk(w, 50, 1, 50, L"%.2S|", w + 1); /* expect: param-overlap entry=__swprintf_chk frame=main */
	wcscpy(w + 2, L"text");
	format_wide(w, L"%s%ls", "x", w + 2);
	wcscpy(w + 1, L"text");
	sprintf(p, "%d %ls", 12, w + 1); /* expect: param-overlap entry=sprintf frame=main */
}

int main(void)
{
	wchar_t local_wide[60] = L"a local string";
	char local[100] = "a local string";
	char *volatile p = local;

	strcpy(p, "text");
	sprintf(p, "%d %s", 1, p); /* expect: param-overlap entry=sprintf frame=main */
	strcpy(p, "text");
	snprintf(p, 60, "%-5.1f|%*d|%.3s", 1.5, 3, 7, p + 2); /* expect: param-overlap entry=snprintf frame=main */
	strcpy(p, "text");
	format(p, "%s%s", "x", p);
	strcpy(p + 20, "%d%%");
	sprintf(p, p + 20, 1);
	snprintf(p + 18, 60, p + 20, 5); /* expect: param-overlap entry=snprintf frame=main */
	wide(local_wide);
	return 0;
}
