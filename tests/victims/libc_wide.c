/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/libc_wide.c - each wide character function with a range that is not valid as a whole
 *
 * expect: below
 * options: multi_shot=on:max_reports=0:quarantine.size=64M:check_at_exit=off
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <wchar.h>

wchar_t *__wmemcpy_chk(wchar_t *, const wchar_t *, size_t, size_t);
wchar_t *__wmemmove_chk(wchar_t *, const wchar_t *, size_t, size_t);
wchar_t *__wmempcpy_chk(wchar_t *, const wchar_t *, size_t, size_t);
wchar_t *__wmemset_chk(wchar_t *, wchar_t, size_t, size_t);
wchar_t *__wcscpy_chk(wchar_t *, const wchar_t *, size_t);
wchar_t *__wcpcpy_chk(wchar_t *, const wchar_t *, size_t);
wchar_t *__wcsncpy_chk(wchar_t *, const wchar_t *, size_t, size_t);
wchar_t *__wcpncpy_chk(wchar_t *, const wchar_t *, size_t, size_t);
wchar_t *__wcscat_chk(wchar_t *, const wchar_t *, size_t);
wchar_t *__wcsncat_chk(wchar_t *, const wchar_t *, size_t, size_t);
size_t __mbstowcs_chk(wchar_t *, const char *, size_t, size_t);
size_t __wcstombs_chk(char *, const wchar_t *, size_t, size_t);
size_t __mbsrtowcs_chk(wchar_t *, const char **, size_t, mbstate_t *, size_t);
size_t __wcsrtombs_chk(char *, const wchar_t **, size_t, mbstate_t *, size_t);
size_t __mbsnrtowcs_chk(wchar_t *, const char **, size_t, size_t, mbstate_t *, size_t);
size_t __wcsnrtombs_chk(char *, const wchar_t **, size_t, size_t, mbstate_t *, size_t);

static wchar_t other[1024];
static volatile long used; /* the compiler drops a call whose result is not used */

/* n characters without a terminator. */
static wchar_t *open_end(size_t n)
{
	wchar_t *p = malloc(n * sizeof(wchar_t));
	for (size_t i = 0; i < n; i++)
		p[i] = L'x';
	return p;
}

static wchar_t *string(size_t n)
{
	wchar_t *p = open_end(n);
	p[n - 1] = 0;
	return p;
}

static char *bytes(size_t n)
{
	return malloc(n);
}

int main(void)
{
	wchar_t *p;
	const wchar_t *wide;
	const char *narrow;
	mbstate_t state = { 0 };
	wmemcpy(open_end(3), other, 4);  /* expect: slab-out-of-bounds entry=wmemcpy object=12 access=16 bad=12 */
	wmemmove(other, open_end(3), 4); /* expect: slab-out-of-bounds entry=wmemmove object=12 access=16 bad=12 */
	wmempcpy(open_end(3), other, 4); /* expect: slab-out-of-bounds entry=wmempcpy object=12 access=16 bad=12 */
	wmemset(open_end(3), L'a', 4);   /* expect: slab-out-of-bounds entry=wmemset object=12 access=16 bad=12 */
	used = wmemcmp(open_end(3),      /* expect: slab-out-of-bounds entry=wmemcmp object=12 access=16 bad=12 */
	               open_end(4), 4);
	used = (long)wmemchr(open_end(3), /* expect: slab-out-of-bounds entry=wmemchr object=12 access=16 bad=12 */
	                     L'y', 4);
	wcscpy(string(3), L"abc");           /* expect: slab-out-of-bounds entry=wcscpy object=12 access=16 bad=12 */
	wcpcpy(string(3), L"abc");           /* expect: slab-out-of-bounds entry=wcpcpy object=12 access=16 bad=12 */
	wcsncpy(string(3), L"a", 4);         /* expect: slab-out-of-bounds entry=wcsncpy object=12 access=16 bad=12 */
	wcpncpy(string(3), L"a", 4);         /* expect: slab-out-of-bounds entry=wcpncpy object=12 access=16 bad=12 */
	wcscat(string(3), L"a");             /* expect: slab-out-of-bounds entry=wcscat object=12 access=8 bad=12 */
	wcsncat(string(3), L"aa", 1);        /* expect: slab-out-of-bounds entry=wcsncat object=12 access=8 bad=12 */
	wcsdup(open_end(3));                 /* expect: slab-out-of-bounds entry=wcsdup object=12 access=16 bad=12 */
	used = wcslen(open_end(3));          /* expect: slab-out-of-bounds entry=wcslen object=12 access=16 bad=12 */
	used = wcsnlen(open_end(3), 4);      /* expect: slab-out-of-bounds entry=wcsnlen object=12 access=16 bad=12 */
	used = wcscmp(open_end(3), L"xxxx"); /* expect: slab-out-of-bounds entry=wcscmp object=12 access=16 bad=12 */
	used = wcsncmp(open_end(3), L"xxxx", /* expect: slab-out-of-bounds entry=wcsncmp object=12 access=16 bad=12 */
	               4);
	used = wcscasecmp(open_end(3), /* expect: slab-out-of-bounds entry=wcscasecmp object=12 access=16 bad=12 */
	                  L"XXXX");
	used = wcsncasecmp(open_end(3), /* expect: slab-out-of-bounds entry=wcsncasecmp object=12 access=16 bad=12 */
	                   L"XXXX", 4);
	used = (long)wcschr(open_end(3), L'y'); /* expect: slab-out-of-bounds entry=wcschr object=12 access=16 bad=12 */
	used = (long)wcschrnul(open_end(3), /* expect: slab-out-of-bounds entry=wcschrnul object=12 access=16 bad=12 */
	                       L'y');
	used = (long)wcsrchr(open_end(3), /* expect: slab-out-of-bounds entry=wcsrchr object=12 access=16 bad=12 */
	                     L'x');
	used = (long)wcsstr(open_end(3), /* expect: slab-out-of-bounds entry=wcsstr object=12 access=16 bad=12 */
	                    L"xy");
	used = wcsspn(open_end(3), L"x");  /* expect: slab-out-of-bounds entry=wcsspn object=12 access=16 bad=12 */
	used = wcscspn(open_end(3), L"y"); /* expect: slab-out-of-bounds entry=wcscspn object=12 access=16 bad=12 */
	used = (long)wcspbrk(open_end(3),  /* expect: slab-out-of-bounds entry=wcspbrk object=12 access=16 bad=12 */
	                     L"y");
	__wmemcpy_chk(open_end(3), /* expect: slab-out-of-bounds entry=__wmemcpy_chk object=12 access=16 bad=12 */
	              other, 4, 99);
	__wmemmove_chk(open_end(3), /* expect: slab-out-of-bounds entry=__wmemmove_chk object=12 access=16 bad=12 */
	               other, 4, 99);
	__wmempcpy_chk(open_end(3), /* expect: slab-out-of-bounds entry=__wmempcpy_chk object=12 access=16 bad=12 */
	               other, 4, 99);
	__wmemset_chk(open_end(3), L'a', /* expect: slab-out-of-bounds entry=__wmemset_chk object=12 access=16 bad=12 */
	              4, 99);
	__wcscpy_chk(string(3), L"abc", /* expect: slab-out-of-bounds entry=__wcscpy_chk object=12 access=16 bad=12 */
	             99);
	__wcpcpy_chk(string(3), L"abc", /* expect: slab-out-of-bounds entry=__wcpcpy_chk object=12 access=16 bad=12 */
	             99);
	__wcsncpy_chk(string(3), L"a", /* expect: slab-out-of-bounds entry=__wcsncpy_chk object=12 access=16 bad=12 */
	              4, 99);
	__wcpncpy_chk(string(3), L"a", /* expect: slab-out-of-bounds entry=__wcpncpy_chk object=12 access=16 bad=12 */
	              4, 99);
	__wcscat_chk(string(3), L"a", 99); /* expect: slab-out-of-bounds entry=__wcscat_chk object=12 access=8 bad=12 */
	__wcsncat_chk(string(3), L"aa", /* expect: slab-out-of-bounds entry=__wcsncat_chk object=12 access=8 bad=12 */
	              1, 99);
	mbstowcs(open_end(3), "abc", 4); /* expect: slab-out-of-bounds entry=mbstowcs object=12 access=16 bad=12 */
	wcstombs(bytes(3), L"abc", 4);   /* expect: slab-out-of-bounds entry=wcstombs object=3 access=4 bad=3 */
	narrow = "abc";
	mbsrtowcs(open_end(3), &narrow, 4, /* expect: slab-out-of-bounds entry=mbsrtowcs object=12 access=16 bad=12 */
	          &state);
	wide = L"abc";
	wcsrtombs(bytes(3), &wide, 4, &state); /* expect: slab-out-of-bounds entry=wcsrtombs object=3 access=4 bad=3 */
	narrow = "abc";
	mbsnrtowcs(open_end(3), &narrow, 9, /* expect: slab-out-of-bounds entry=mbsnrtowcs object=12 access=16 bad=12 */
	           4, &state);
	wide = L"abc";
	wcsnrtombs(bytes(3), &wide, 9, 4, /* expect: slab-out-of-bounds entry=wcsnrtombs object=3 access=4 bad=3 */
	           &state);
	narrow = "abc";
	mbsrtowcs(NULL, &narrow, 9, /* expect: slab-out-of-bounds entry=mbsrtowcs object=7 access=8 bad=7 */
	          calloc(1, 7));
	wide = L"abc";
	wcsnrtombs(NULL, &wide, 9, 4, calloc(1, 7)); /* expect: slab-out-of-bounds entry=wcsnrtombs object=7 access=8 */
	narrow = "abc";
	__mbsrtowcs_chk(NULL, &narrow, 9, /* expect: slab-out-of-bounds entry=__mbsrtowcs_chk object=7 access=8 bad=7 */
	                calloc(1, 7), 99);
	__mbstowcs_chk(open_end(3), /* expect: slab-out-of-bounds entry=__mbstowcs_chk object=12 access=16 bad=12 */
	               "abc", 4, 99);
	__wcstombs_chk(bytes(3), L"abc", /* expect: slab-out-of-bounds entry=__wcstombs_chk object=3 access=4 bad=3 */
	               4, 99);
	narrow = "abc";
	__mbsrtowcs_chk(open_end(3), /* expect: slab-out-of-bounds entry=__mbsrtowcs_chk object=12 access=16 bad=12 */
	                &narrow, 4, &state, 99);
	wide = L"abc";
	__wcsrtombs_chk(bytes(3), &wide, /* expect: slab-out-of-bounds entry=__wcsrtombs_chk object=3 access=4 bad=3 */
	                4, &state, 99);
	narrow = "abc";
	__mbsnrtowcs_chk(open_end(3), /* expect: slab-out-of-bounds entry=__mbsnrtowcs_chk object=12 access=16 bad=12 */
	                 &narrow, 9, 4, &state, 99);
	wide = L"abc";
	__wcsnrtombs_chk(bytes(3), /* expect: slab-out-of-bounds entry=__wcsnrtombs_chk object=3 access=4 bad=3 */
	                 &wide, 9, 4, &state, 99);
	p = string(20);
	wmemcpy(p, p + 1, 9); /* expect: param-overlap entry=wmemcpy object=80 access=36 */
	p = string(20);
	wcscpy(p, p + 1); /* expect: param-overlap entry=wcscpy object=80 access=76 */
	p = string(20);
	wmemset(p, 0, -1); /* expect: negative-size-param entry=wmemset object=80 */
	return 0;
}
