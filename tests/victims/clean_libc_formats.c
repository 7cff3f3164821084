/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_libc_formats.c - printf and scanf touch no more than they must: strings that end with their
 * precision, pointers that no conversion uses, arguments in registers and on the stack, conversions of the program's
 * own
 *
 * expect: none
 * ways: preload linked
 * modes: check production
 * output: abcd abcd|abcd 3|ab|xyz|null (null)|123456789 1234567 end|2 1|1 12|1 abc|2 7 x|1 hello|abcd|abcd|<12> abcd|
 */
#define _GNU_SOURCE
#include <printf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

int __sprintf_chk(char *dst, int flag, size_t room, const char *format, ...);
int __snprintf_chk(char *dst, size_t n, int flag, size_t room, const char *format, ...);

static int print_own(FILE *f, const struct printf_info *info, const void *const *args)
{
	return fprintf(f, "<%d>", *(const int *)args[0]);
}

static int count_own(const struct printf_info *info, size_t n, int *types, int *sizes)
{
	if (n)
		types[0] = PA_INT;
	return 1;
}

int main(void)
{
	char *s = memcpy(malloc(4), "abcd", 4), *p = NULL, *five = malloc(5);
	wchar_t *w = wmemcpy(malloc(8), L"ab", 2);
	int i = 0, n;
	char x[2];

	printf("%.4s %.*s|", s, 4, s);
	printf("%2$.4s %1$d|", 3, s);
	printf("%.2ls|%.1s%ls|", w, "xx", L"yz");
	printf("null %s|", (char *)NULL);
	printf("%.0f%.0f%.0f%.0f%.0f%.0f%.0f%.0f%.0Lf %d%d%d%ld%lld%zu%hhd %s|", 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0,
	       9.0L, 1, 2, 3, 4L, 5LL, (size_t)6, 7, "end");
	printf("%d %d|", sscanf("1", "%d%n", &i, &n) + 1, 1);
	n = sscanf("12 word", "%d %d", &i, (int *)malloc(1));
	printf("%d %d|", n, i);
	n = sscanf("abc", "%4s x%n", five, (int *)malloc(1)) == 2;
	printf("%d %s|", 1, "abc");
	n = sscanf("7 x", "%d %1s %*d", &i, x);
	printf("%d %d %s|", n, i, x);
	n = sscanf("hello", "%ms", &p);
	printf("%d %s|", n, p);
	__sprintf_chk(five, 1, 5, "%.4s", s);
	printf("%s|", five);
	/* A size beyond the buffer is no error while nobody knows the buffer's size. */
	snprintf(five, 100, "%.4s", s);
	printf("%s|", five);
	register_printf_specifier('s', print_own, count_own);
	printf("%s ", 12);
	fwrite(s, 1, 4, stdout);
	puts("|");
	return 0;
}
