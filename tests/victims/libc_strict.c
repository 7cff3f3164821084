/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/libc_strict.c - option strict_strings: calls that stop before the end of a string that has none
 *
 * expect: below
 * options: strict_strings=on:multi_shot=on:max_reports=0:quarantine.size=64M:check_at_exit=off
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static volatile long used; /* the compiler drops a call whose result is not used */
static char text[40] = "xxxy", *volatile short_text = "y";

static char *open_end(size_t n)
{
	char *p = malloc(n);

	memset(p, 'x', n);
	return p;
}

int main(void)
{
	char *p;

	used = memcmp(open_end(9), "y23456789ab", 12); /* expect: slab-out-of-bounds entry=memcmp object=9 access=12 */
	used = memcmp(text, open_end(9), 30);          /* expect: slab-out-of-bounds entry=memcmp object=9 access=30 */
	used = bcmp(text + 3, open_end(9), 30);        /* expect: slab-out-of-bounds entry=bcmp object=9 access=30 */
	used = strcmp(open_end(9), short_text); /* expect: slab-out-of-bounds entry=strcmp object=9 access=10 bad=9 */
	used = strcmp(short_text, open_end(9)); /* expect: slab-out-of-bounds entry=strcmp object=9 access=10 bad=9 */
	used = strncmp(open_end(9), text + 3,   /* expect: slab-out-of-bounds entry=strncmp object=9 access=10 bad=9 */
	               11);
	used = strncmp(open_end(9), text + 3, 9);
	used = strcasecmp(open_end(9), short_text); /* expect: slab-out-of-bounds entry=strcasecmp object=9 access=10 */
	used = strncasecmp(/* expect: slab-out-of-bounds entry=strncasecmp object=9 access=10 */
	                   open_end(9), text + 3, 10);
	used = (long)strchr(open_end(9), 'x');  /* expect: slab-out-of-bounds entry=strchr object=9 access=10 bad=9 */
	used = (long)strstr(open_end(9), "xx"); /* expect: slab-out-of-bounds entry=strstr object=9 access=10 bad=9 */
	used = (long)strcasestr(open_end(9), "X"); /* expect: slab-out-of-bounds entry=strcasestr object=9 access=10 */
	p = open_end(9);
	p[3] = ',';
	used = (long)strspn(p, "x");  /* expect: slab-out-of-bounds entry=strspn object=9 access=10 bad=9 */
	used = (long)strcspn(p, ","); /* expect: slab-out-of-bounds entry=strcspn object=9 access=10 bad=9 */
	used = (long)strpbrk(p, ","); /* expect: slab-out-of-bounds entry=strpbrk object=9 access=10 bad=9 */
	used = strtol(p, NULL, 10);   /* expect: slab-out-of-bounds entry=strtol object=9 access=10 bad=9 */
	p[0] = '7';
	used = atoi(p); /* expect: slab-out-of-bounds entry=atoi object=9 access=10 bad=9 */
	/* All of these end. */
	p[8] = 0;
	used = strcmp(p, "8") + memcmp(p, "8", 2) + atoi(p) + (strchr(p, ',') != NULL) + strncmp(p, text, 60);
	return 0;
}
