/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/libc_strings.c - each str* function with a destination that is too small, or a string that does not
 * end
 *
 * expect: below
 * options: multi_shot=on:max_reports=0:quarantine.size=64M:check_at_exit=off
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <strings.h>

char *__stpcpy(char *, const char *);
char *__stpncpy(char *, const char *, size_t);
char *__strdup(const char *);
char *__strndup(const char *, size_t);
int __strcasecmp(const char *, const char *);
char *__strcasestr(const char *, const char *);
char *__strtok_r(char *, const char *, char **);
char *__strcpy_chk(char *, const char *, size_t);
char *__stpcpy_chk(char *, const char *, size_t);
char *__strncpy_chk(char *, const char *, size_t, size_t);
char *__stpncpy_chk(char *, const char *, size_t, size_t);
char *__strcat_chk(char *, const char *, size_t);
char *__strncat_chk(char *, const char *, size_t, size_t);

static char other[4096];
static volatile long used; /* the compiler drops a call whose result is not used */

/* n bytes without a terminator. */
static char *open_end(size_t n)
{
	char *p = malloc(n);
	for (size_t i = 0; i < n; i++)
		p[i] = 'x';
	return p;
}

/* A string of n - 1 characters in n bytes. */
static char *string(size_t n)
{
	char *p = open_end(n);
	p[n - 1] = 0;
	return p;
}

static char *gone(size_t n)
{
	char *p = string(n);
	free(p);
	return p;
}

int main(void)
{
	char *p, *save, **place;
	strcpy(string(5), "hello");      /* expect: slab-out-of-bounds entry=strcpy object=5 access=6 bad=5 */
	strcpy(other, open_end(5));      /* expect: slab-out-of-bounds entry=strcpy object=5 access=6 bad=5 */
	strcpy(gone(9), "hello");        /* expect: slab-use-after-free entry=strcpy object=9 access=6 bad=0 */
	stpcpy(string(5), "hello");      /* expect: slab-out-of-bounds entry=stpcpy object=5 access=6 bad=5 */
	__stpcpy(string(5), "hello");    /* expect: slab-out-of-bounds entry=__stpcpy object=5 access=6 bad=5 */
	strncpy(string(5), "hi", 6);     /* expect: slab-out-of-bounds entry=strncpy object=5 access=6 bad=5 */
	strncpy(other, open_end(5), 6);  /* expect: slab-out-of-bounds entry=strncpy object=5 access=6 bad=5 */
	stpncpy(string(5), "hi", 6);     /* expect: slab-out-of-bounds entry=stpncpy object=5 access=6 bad=5 */
	__stpncpy(string(5), "hi", 6);   /* expect: slab-out-of-bounds entry=__stpncpy object=5 access=6 bad=5 */
	strcat(string(5), "y");          /* expect: slab-out-of-bounds entry=strcat object=5 access=2 bad=5 */
	strcat(open_end(5), "y");        /* expect: slab-out-of-bounds entry=strcat object=5 access=6 bad=5 */
	strncat(string(5), "yyyy", 1);   /* expect: slab-out-of-bounds entry=strncat object=5 access=2 bad=5 */
	__strcpy_chk(string(5), "hello", /* expect: slab-out-of-bounds entry=__strcpy_chk object=5 access=6 bad=5 */
	             99);
	__stpcpy_chk(string(5), "hello", /* expect: slab-out-of-bounds entry=__stpcpy_chk object=5 access=6 bad=5 */
	             99);
	__strncpy_chk(string(5), "hi", 6, /* expect: slab-out-of-bounds entry=__strncpy_chk object=5 access=6 bad=5 */
	              99);
	__stpncpy_chk(string(5), "hi", 6, /* expect: slab-out-of-bounds entry=__stpncpy_chk object=5 access=6 bad=5 */
	              99);
	__strcat_chk(string(5), "y", 99);   /* expect: slab-out-of-bounds entry=__strcat_chk object=5 access=2 bad=5 */
	__strncat_chk(string(5), "yyyy", 1, /* expect: slab-out-of-bounds entry=__strncat_chk object=5 access=2 bad=5 */
	              99);
	strdup(open_end(13));              /* expect: slab-out-of-bounds entry=strdup object=13 access=14 bad=13 */
	__strdup(open_end(13));            /* expect: slab-out-of-bounds entry=__strdup object=13 access=14 bad=13 */
	strndup(open_end(13), 14);         /* expect: slab-out-of-bounds entry=strndup object=13 access=14 bad=13 */
	__strndup(gone(13), 2);            /* expect: slab-use-after-free entry=__strndup object=13 access=1 bad=0 */
	strxfrm(string(3), "xyz", 4);      /* expect: slab-out-of-bounds entry=strxfrm object=3 access=4 bad=3 */
	used = (long)strlen(open_end(13)); /* expect: slab-out-of-bounds entry=strlen object=13 access=14 bad=13 */
	used = (long)strlen(open_end(1));  /* expect: slab-out-of-bounds entry=strlen object=1 access=2 bad=1 */
	used = (long)strlen(/* expect: slab-out-of-bounds entry=strlen object=1000 access=1001 bad=1000 */
	                    open_end(1000));
	used = (long)strlen(gone(13));     /* expect: slab-use-after-free entry=strlen object=13 access=1 bad=0 */
	used = (long)strnlen(open_end(13), /* expect: slab-out-of-bounds entry=strnlen object=13 access=14 bad=13 */
	                     20);
	used = (long)strcmp(open_end(3), "xxxx"); /* expect: slab-out-of-bounds entry=strcmp object=3 access=4 bad=3 */
	used = (long)strcmp("xxxx", gone(3));     /* expect: slab-use-after-free entry=strcmp object=3 access=1 bad=0 */
	used = (long)strncmp(open_end(3), "xxxx", /* expect: slab-out-of-bounds entry=strncmp object=3 access=4 bad=3 */
	                     4);
	used = (long)strcasecmp(open_end(3), /* expect: slab-out-of-bounds entry=strcasecmp object=3 access=4 bad=3 */
	                        "XXXX");
	used = (long)__strcasecmp(/* expect: slab-out-of-bounds entry=__strcasecmp object=3 access=4 bad=3 */
	                          open_end(3), "XXXX");
	used = (long)strncasecmp(open_end(3), /* expect: slab-out-of-bounds entry=strncasecmp object=3 access=4 bad=3 */
	                         "XXXX", 9);
	used = (long)strcoll(open_end(3), "a"); /* expect: slab-out-of-bounds entry=strcoll object=3 access=4 bad=3 */
	used = (long)strchr(open_end(70), 'y'); /* expect: slab-out-of-bounds entry=strchr object=70 access=71 bad=70 */
	used = (long)index(open_end(70), 'y');  /* expect: slab-out-of-bounds entry=index object=70 access=71 bad=70 */
	used = (long)strchrnul(open_end(70), /* expect: slab-out-of-bounds entry=strchrnul object=70 access=71 bad=70 */
	                       'y');
	used = (long)strrchr(open_end(70), /* expect: slab-out-of-bounds entry=strrchr object=70 access=71 bad=70 */
	                     'x');
	used = (long)rindex(open_end(70), 'x'); /* expect: slab-out-of-bounds entry=rindex object=70 access=71 bad=70 */
	used = (long)strstr(open_end(70),       /* expect: slab-out-of-bounds entry=strstr object=70 access=71 bad=70 */
	                    "xy");
	used = (long)strstr("xy", open_end(2)); /* expect: slab-out-of-bounds entry=strstr object=2 access=3 bad=2 */
	used = (long)strcasestr(/* expect: slab-out-of-bounds entry=strcasestr object=70 access=71 bad=70 */
	                        open_end(70), "Xy");
	used = (long)__strcasestr(/* expect: slab-out-of-bounds entry=__strcasestr object=70 access=71 bad=70 */
	                          open_end(70), "Xy");
	used = (long)strspn(open_end(70), "x"); /* expect: slab-out-of-bounds entry=strspn object=70 access=71 bad=70 */
	used = (long)strspn("abc", open_end(7)); /* expect: slab-out-of-bounds entry=strspn object=7 access=8 bad=7 */
	used = (long)strcspn(open_end(70), /* expect: slab-out-of-bounds entry=strcspn object=70 access=71 bad=70 */
	                     "y");
	used = (long)strpbrk(open_end(70), /* expect: slab-out-of-bounds entry=strpbrk object=70 access=71 bad=70 */
	                     "y");
	strtok(open_end(7), " "); /* expect: slab-out-of-bounds entry=strtok object=7 access=8 bad=7 */
	p = open_end(7);
	p[2] = ',';
	strtok(p, ",");
	strtok(NULL, ",");                 /* expect: slab-out-of-bounds entry=strtok object=7 access=5 bad=7 */
	strtok_r(open_end(7), " ", &save); /* expect: slab-out-of-bounds entry=strtok_r object=7 access=8 bad=7 */
	save = gone(7);
	strtok_r(NULL, " ", &save);          /* expect: slab-use-after-free entry=strtok_r object=7 access=1 bad=0 */
	__strtok_r(open_end(7), " ", &save); /* expect: slab-out-of-bounds entry=__strtok_r object=7 access=8 bad=7 */
	p = open_end(7);
	strsep(&p, " "); /* expect: slab-out-of-bounds entry=strsep object=7 access=8 bad=7 */
	p = malloc(2);
	p[0] = p[1] = '1';
	strtol(p, NULL, 10);          /* expect: slab-out-of-bounds entry=strtol object=2 access=3 bad=2 */
	strtoul(p, NULL, 10);         /* expect: slab-out-of-bounds entry=strtoul object=2 access=3 bad=2 */
	strtoll(p, NULL, 10);         /* expect: slab-out-of-bounds entry=strtoll object=2 access=3 bad=2 */
	strtoull(p, NULL, 10);        /* expect: slab-out-of-bounds entry=strtoull object=2 access=3 bad=2 */
	used = (long)atoi(p);         /* expect: slab-out-of-bounds entry=atoi object=2 access=3 bad=2 */
	used = (long)atol(p);         /* expect: slab-out-of-bounds entry=atol object=2 access=3 bad=2 */
	used = (long)atoll(p);        /* expect: slab-out-of-bounds entry=atoll object=2 access=3 bad=2 */
	used = (long)atof(p);         /* expect: slab-out-of-bounds entry=atof object=2 access=3 bad=2 */
	used = (long)strtod(p, NULL); /* expect: slab-out-of-bounds entry=strtod object=2 access=3 bad=2 */
	strtof(p, NULL);              /* expect: slab-out-of-bounds entry=strtof object=2 access=3 bad=2 */
	strtold(p, NULL);             /* expect: slab-out-of-bounds entry=strtold object=2 access=3 bad=2 */
	p = string(50);
	strcpy(p + 4, p + 40); /* no overlap: ten characters away */
	p = string(50);
	strcpy(p, p + 4); /* expect: param-overlap entry=strcpy object=50 access=46 */
	p = string(50);
	stpcpy(p, p + 4); /* expect: param-overlap entry=stpcpy object=50 access=46 */
	p = string(50);
	strncpy(p, p + 4, 20); /* expect: param-overlap entry=strncpy object=50 access=20 */
	p = string(50);
	p[9] = 0;
	strcat(p, p + 4); /* expect: param-overlap entry=strcat object=50 access=15 */
	p = string(50);
	p[9] = 0;
	strncat(p, p, 3); /* expect: param-overlap entry=strncat object=50 access=13 */
	p = string(50);
	strncpy(p, "a", -1); /* expect: negative-size-param entry=strncpy object=50 */
	return 0;
}
