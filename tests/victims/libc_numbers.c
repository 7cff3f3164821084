/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/libc_numbers.c - a number, or what stands in its place, runs to the end of an object: libc looks at one
 * character more
 *
 * expect: below
 * options: multi_shot=on:max_reports=0
 * ways: preload linked
 * stderr: any
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

static volatile long used;

static char *no_end(const char *s)
{
	return memcpy(malloc(strlen(s)), s, strlen(s));
}

static wchar_t *no_wide_end(const wchar_t *s)
{
	return wmemcpy(malloc(wcslen(s) * sizeof(*s)), s, wcslen(s));
}

int main(void)
{
	locale_t l = newlocale(LC_ALL_MASK, "C", NULL);
	char *end;

	used = atoi(no_end("12"));                     /* expect: slab-out-of-bounds entry=atoi access=3 */
	used = atoi(no_end(" \n "));                   /* expect: slab-out-of-bounds entry=atoi access=4 */
	used = atol(no_end("  -"));                    /* expect: slab-out-of-bounds entry=atol access=4 */
	used = atof(no_end(" +"));                     /* expect: slab-out-of-bounds entry=atof access=3 */
	used = strtol(no_end("\t"), NULL, 0);          /* expect: slab-out-of-bounds access=2 */
	used = strtoull(no_end("  +"), NULL, 16);      /* expect: slab-out-of-bounds access=4 */
	used = strtod(no_end(" 1.5"), NULL);           /* expect: slab-out-of-bounds entry=strtod access=5 */
	used = strtoimax(no_end("7"), NULL, 10);       /* expect: slab-out-of-bounds access=2 */
	used = strtoumax(no_end("7"), NULL, 10);       /* expect: slab-out-of-bounds access=2 */
	used = strtol_l(no_end("7"), NULL, 10, l);     /* expect: slab-out-of-bounds access=2 */
	used = strtod_l(no_end("7"), NULL, l);         /* expect: slab-out-of-bounds entry=strtod_l access=2 */
	used = wcstol(no_wide_end(L"7"), NULL, 10);    /* expect: slab-out-of-bounds access=8 */
	used = wcstoull(no_wide_end(L" -"), NULL, 10); /* expect: slab-out-of-bounds access=12 */
	used = wcstod(no_wide_end(L"1.5"), NULL);      /* expect: slab-out-of-bounds entry=wcstod access=16 */
	used = strtol("12", malloc(7), 10);            /* expect: slab-out-of-bounds entry=strtol access=8 */
	used = strtod("1.5 ", malloc(1));              /* expect: slab-out-of-bounds entry=strtod access=8 */
	used = wcstoul(L"12", malloc(4), 0);           /* expect: slab-out-of-bounds entry=wcstoul access=8 */
	used = strtol(no_end("0x"), NULL, 0);          /* expect: slab-out-of-bounds access=3 */
	used = strtol(no_end(" -0X"), NULL, 16);       /* expect: slab-out-of-bounds access=5 */
	used = strtod(no_end("0x"), NULL);             /* expect: slab-out-of-bounds entry=strtod access=3 */
	used = atof(no_end("1e"));                     /* expect: slab-out-of-bounds entry=atof access=3 */
	used = strtof(no_end("1E-"), NULL);            /* expect: slab-out-of-bounds entry=strtof access=4 */
	used = wcstol(no_wide_end(L"0x"), NULL, 0);    /* expect: slab-out-of-bounds access=12 */
	used = strtoq(no_end("7"), NULL, 10);          /* expect: slab-out-of-bounds entry=strtoq access=2 */
	used = wcstod_l(no_wide_end(L"7"), NULL, l);   /* expect: slab-out-of-bounds entry=wcstod_l access=8 */
	/* These stop inside. */
	used = strtol(no_end("0x"), NULL, 10) + strtol(no_end("10x"), NULL, 16) + strtod(no_end("1x"), NULL);
	used = strtol(no_end("0xg"), NULL, 16) + strtod(no_end("1e+x"), NULL) + strtol(no_end("1e"), NULL, 10);
	used = atoi(no_end("abc")) + atoi(no_end(" x")) + strtol(no_end("12 "), NULL, 10) + atof(no_end("1.5x"));
	used = wcstol(no_wide_end(L"12 "), NULL, 10) + wcstod(no_wide_end(L"-x"), NULL);
	/* A base that does not exist: libc reads nothing, and says nothing of an end. */
	end = (char *)&used;
	used = strtol("12", malloc(7), 99); /* writes nothing */
	if (strtol(no_end("7"), &end, 99) != 0 || end != (char *)&used)
		return 1;
	return 0;
}
