/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/libc_formats.c - printf reads a string that has no end, or its format; scanf writes behind an object
 *
 * expect: below
 * options: multi_shot=on:max_reports=0
 * ways: preload linked
 * stderr: any
 */
#define _GNU_SOURCE
#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>
#include <wchar.h>

/* The header's are functions in line, whose calls would be at the header's lines. */
void error(int status, int number, const char *format, ...);
void error_at_line(int status, int number, const char *file, unsigned line, const char *format, ...);
int __printf_chk(int flag, const char *format, ...);
int __fprintf_chk(FILE *f, int flag, const char *format, ...);
int __vasprintf_chk(char **dst, int flag, const char *format, va_list args);

static char *no_end(void)
{
	return memcpy(malloc(4), "abcd", 4);
}

static wchar_t *no_wide_end(void)
{
	return wmemcpy(malloc(8), L"ab", 2);
}

static void list(const char *format, ...)
{
	va_list args;
	char *p;

	va_start(args, format);
	vprintf(format, args); /* expect: slab-out-of-bounds entry=vprintf access=5 */
	va_end(args);
	va_start(args, format);
	__vasprintf_chk(&p, 1, format, args); /* expect: slab-out-of-bounds entry=__vasprintf_chk access=5 */
	va_end(args);
}

int main(void)
{
	char text[100], *s = no_end();
	wchar_t wide[100], *w = no_wide_end();
	int i;

	freopen("/dev/null", "w", stdout);
	printf("%d %s\n", 3, s);                            /* expect: slab-out-of-bounds entry=printf access=5 bad=4 */
	printf("%2$s %1$d\n", 3, s);                        /* expect: slab-out-of-bounds entry=printf access=5 */
	printf("%.5s\n", s);                                /* expect: slab-out-of-bounds entry=printf access=5 */
	printf("%.*s\n", 5, s);                             /* expect: slab-out-of-bounds entry=printf access=5 */
	printf("%*d %f %Lf %-*s\n", 3, 3, 1.0, 2.0L, 9, s); /* expect: slab-out-of-bounds entry=printf */
	printf("%ls\n", w);                                 /* expect: slab-out-of-bounds entry=printf access=12 */
	printf("%S\n", w);                                  /* expect: slab-out-of-bounds entry=printf access=12 */
	printf("%n", (int *)malloc(3));          /* expect: slab-out-of-bounds entry=printf access=4 type=write */
	printf("%hhn%hn", malloc(1), malloc(1)); /* expect: slab-out-of-bounds entry=printf access=2 */
	fprintf(stdout, s);                      /* expect: slab-out-of-bounds entry=fprintf access=5 */
	warnx("%s", s);                          /* expect: slab-out-of-bounds entry=warnx access=5 */
	warn(s);                                 /* expect: slab-out-of-bounds entry=warn access=5 */
	error(0, 0, "%d %.5s", 1, s);            /* expect: slab-out-of-bounds entry=error access=5 */
	error_at_line(0, 0, "file", 1, "%s", s); /* expect: slab-out-of-bounds entry=error_at_line access=5 */
	if (fork() == 0)
		errx(0, "%s", s); /* expect: slab-out-of-bounds entry=errx access=5 */
	wait(NULL);
	__printf_chk(1, "%s", s);          /* expect: slab-out-of-bounds entry=__printf_chk access=5 */
	__fprintf_chk(stdout, 1, "%s", s); /* expect: slab-out-of-bounds entry=__fprintf_chk access=5 */
	dprintf(-1, "%s", s);              /* expect: slab-out-of-bounds entry=dprintf access=5 */
	asprintf(&(char *){ 0 }, "%s", s); /* expect: slab-out-of-bounds entry=asprintf access=5 */
	asprintf(malloc(7), "x");          /* expect: slab-out-of-bounds entry=asprintf access=8 type=write */
	snprintf(text, 3, "%s", s);        /* expect: slab-out-of-bounds entry=snprintf access=5 */
	sprintf(text, "%c%s", 'c', s);     /* expect: slab-out-of-bounds entry=sprintf access=5 */
	syslog(LOG_DEBUG, "%m %s", s);     /* expect: slab-out-of-bounds entry=syslog access=5 */
	swprintf(wide, 100, L"%s", s);     /* expect: slab-out-of-bounds entry=swprintf access=5 */
	swprintf(wide, 100, L"%ls", w);    /* expect: slab-out-of-bounds entry=swprintf access=12 */
	list("%s", s);
	sscanf("5", "%d", malloc(3));                /* expect: slab-out-of-bounds access=4 type=write */
	sscanf("5", "%ld", malloc(7));               /* expect: slab-out-of-bounds access=8 */
	sscanf("5", "%hhd%n", malloc(1), malloc(3)); /* expect: slab-out-of-bounds access=4 */
	sscanf("5.5", "%f", malloc(3));              /* expect: slab-out-of-bounds access=4 */
	sscanf("5.5", "%lf", malloc(7));             /* expect: slab-out-of-bounds access=8 */
	sscanf("5.5", "%Lf", malloc(9));             /* expect: slab-out-of-bounds access=10 */
	sscanf("hello", "%s", malloc(5));            /* expect: slab-out-of-bounds access=6 */
	sscanf("hello", "%4s", malloc(4));           /* expect: slab-out-of-bounds access=5 */
	sscanf("hello", "%*2c%[a-l]", malloc(2));    /* expect: slab-out-of-bounds access=3 */
	sscanf("hello", "%3c", malloc(2));           /* expect: slab-out-of-bounds access=3 */
	sscanf("hello", "%ms", malloc(7));           /* expect: slab-out-of-bounds access=8 */
	sscanf("3 4", "%d %n%d", &i, malloc(3), &i); /* expect: slab-out-of-bounds access=4 */
	sscanf(s, "%1c", text);                      /* expect: slab-out-of-bounds access=5 type=read */
	swscanf(L"ab", L"%ls", malloc(11));          /* expect: slab-out-of-bounds access=12 */
	swscanf(w, L"%lc", wide);                    /* expect: slab-out-of-bounds access=12 type=read */
	return 0;
}
