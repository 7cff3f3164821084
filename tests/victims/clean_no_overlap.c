/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_no_overlap.c - copies that touch but do not overlap, in every kind of memory; a struct assigned
 * to itself; formatted strings beside their destination, with room that is larger than the text
 *
 * flags: -fno-builtin -U_FORTIFY_SOURCE
 * modes: check production
 * ways: preload linked
 * expect: none
 * output: ok
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

static char global[400];

static void use(char *p)
{
	wchar_t *w = (wchar_t *)p;

	memset(p, 'a', 400);
	memcpy(p, p + 100, 100);
	memcpy(p + 100, p, 100);
	memcpy(p, p, 100);
	memcpy(p + 5, p + 6, 1);
	memcpy(p + 5, p + 4, 1);
	memcpy(p + 5, p + 5, 0);
	memcpy(p, p + 1, 0);
	mempcpy(p + 10, p, 10);
	memmove(p, p + 1, 300);
	p[9] = p[19] = 0;
	strcpy(p + 10, p);
	strcpy(p, p + 10);
	stpcpy(p + 10, p);
	strncpy(p + 10, p, 10);
	strncpy(p, p + 10, 10);
	strcpy(p, "one");
	strcpy(p + 10, "two");
	strcat(p, p + 10);
	strncat(p, p + 10, 3);
	strcpy(p + 4, "");
	strcat(p, p + 4);
	wmemcpy(w + 10, w, 10);
	wmemcpy(w, w + 10, 10);
	wcscpy(w, L"wide");
	wcscpy(w + 5, w);
	wcscpy(w, w + 5);
	strcpy(p, "text");
	strcpy(p + 100, "more");
	snprintf(p, 400, "%s %d %5.2f %c %lld %p %s", p + 100, 3, 4.5, 'c', 7ll, (void *)p, "end");
	snprintf(p, 4, "%s", p + 4);
	snprintf(p + 50, 350, "%.*s%%%.2s", 3, p, p + 10);
	snprintf(NULL, 0, "%s", p);
	sprintf(p + 200, "%2$s %1$s", p, p + 100);
	wcscpy(w, L"wide");
	swprintf(w + 5, 90, L"%ls %3d %.2ls", w, 7, w + 1);
	swprintf(w + 10, 80, L"%s%ls", "text", w);
	sprintf(p + 300, "%ls %.3ls", w, w);
	strcpy(p, "text");
	swprintf(w + 2, 90, L"%.3s%hs", p, p);
	wmemcpy(w, L"ab", 2);
	swprintf(w + 2, 4, L"%.2ls", w);
	sprintf(p + 8, "%.2ls", w);
	strcpy(p, "text");
	strcpy(p + 100, "more");
	asprintf(&p, "%s", p);
	free(p);
}

int main(void)
{
	char local[400], *heap = malloc(400);

	use(local);
	use(global);
	use(heap);
	free(heap);
	puts("ok");
	return 0;
}
