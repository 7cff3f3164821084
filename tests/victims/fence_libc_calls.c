/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fence_libc_calls.c - libc functions go past a fenced object, into the rest of its page before the
 * guard page
 *
 * Memsan does not see a plain load there, and a plain store only when the object is freed; for a call it knows how far
 * the call will go.
 *
 * ways: preload linked
 * modes: check production
 * options: fence=all:max_reports=0
 * expect: below
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

static char *make(void)
{
	return memset(malloc(13), 'x', 13);
}
static char *gone(void)
{
	char *p = make();
	free(p);
	return p;
}
static void done(void *p)
{
	free(p); /* the canaries report nothing new */
}

int main(void)
{
	static char room[100], text[] = "fourteen bytes";
	static wchar_t wide[] = L"three";
	wchar_t *w = malloc(13);
	char *p, *q, *left = make();
	volatile int sink = 0;

	memset(p = make(), /* expect: out-of-bounds-write in=main entry=memset object=13 access=14 bad=13 type=write */
	       0, 14);
	done(p);
	memcpy(p = make(), room, 15); /* expect: out-of-bounds-write entry=memcpy object=13 access=15 bad=13 */
	done(p);
	memcpy(room, p = make(), 14); /* expect: out-of-bounds-read entry=memcpy object=13 access=14 bad=13 type=read */
	done(p);
	memmove(p = make(), room, 100); /* expect: out-of-bounds-write entry=memmove object=13 access=100 bad=13 */
	done(p);
	memmove(room, left - 4, 8); /* expect: out-of-bounds-read entry=memmove object=13 access=8 bad=-4 */
	strcpy(p = make(), text);   /* expect: out-of-bounds-write entry=strcpy object=13 access=15 bad=13 */
	done(p);
	strncpy(p = make(), "a", 16); /* expect: out-of-bounds-write entry=strncpy object=13 access=16 bad=13 */
	done(p);
	sink += strlen(p = make()); /* expect: out-of-bounds-read entry=strlen object=13 access=14 bad=13 */
	done(p);
	sink += !!memchr(p = make(), 'y', 16); /* expect: out-of-bounds-read entry=memchr object=13 access=14 bad=13 */
	done(p);
	p = make();
	q = make();
	sink += memcmp(p, q, 15); /* expect: out-of-bounds-read entry=memcmp object=13 access=15 bad=13 */
	done(p);
	done(q);
	snprintf(p = make(), 100, "%s", /* expect: out-of-bounds-write entry=snprintf object=13 access=15 bad=13 */
	         text);
	done(p);
	sprintf(p = make(), "%s", text); /* expect: out-of-bounds-write entry=sprintf object=13 access=15 bad=13 */
	done(p);
	wcscpy(w, wide); /* expect: out-of-bounds-write entry=wcscpy object=13 access=24 bad=13 */
	done(w);
	memset(gone(), 1, 13);   /* expect: use-after-free-write entry=memset object=13 access=13 bad=0 */
	memcpy(room, gone(), 5); /* expect: use-after-free-read entry=memcpy object=13 access=5 bad=0 */
	sink += strlen(gone());  /* expect: use-after-free-read entry=strlen object=13 access=1 bad=0 */
	p = make();
	memset(p, 1, 13);
	memcpy(room, p, 13);
	p[12] = 0;
	sink += strlen(p) + strcmp(p, p);
	done(p);
	done(left);
	return 0;
}
