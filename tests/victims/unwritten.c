/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/unwritten.c - bytes that nobody wrote are handed out: in a structure, behind a short text, in a copy at
 * another alignment, in what realloc added.
 * expect: below
 * options: unwritten=on:multi_shot=on
 * ways: preload linked
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

struct answer {
	int code;
	char text[60];
};

static volatile size_t length;

int main(void)
{
	struct answer *a = malloc(sizeof(*a));
	char *text = malloc(100), *copy = malloc(100), *grown = malloc(24), out[200];
	int null = open("/dev/null", O_WRONLY), pair[2];
	FILE *f = fopen("/dev/null", "w");
	struct iovec v[2] = { { "head", 4 }, { text, 40 } };

	a->code = 1;
	write(null, a, sizeof(*a)); /* expect: unwritten-bytes in=main object=64 entry=write bad=8 */
	memcpy(text, "short", 5);
	text[60] = 0;
	fputs(text, f);                 /* expect: unwritten-bytes in=main object=100 entry=fputs bad=8 */
	snprintf(out, 200, "%s", text); /* expect: unwritten-bytes in=main object=100 entry=snprintf */
	length = strlen(text);          /* expect: unwritten-bytes in=main object=100 entry=strlen */
	memcpy(copy, text + 3, 50);
	fwrite(copy, 1, 30, f); /* expect: unwritten-bytes in=main object=100 entry=fwrite */
	writev(null, v, 2);     /* expect: unwritten-bytes in=main object=100 entry=writev */
	memset(grown, 1, 24);
	grown = realloc(grown, 400);
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	send(pair[0], grown, 400, 0); /* expect: unwritten-bytes in=main object=400 entry=send bad=24 */
	fclose(f);
	free(a);
	free(text);
	free(copy);
	free(grown);
	return 0;
}
