/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_unwritten.c - what is handed out was written: by stores, libc or the kernel, or it is padding of
 * fewer than eight bytes; and what was not written is not handed out.
 * expect: none
 * options: unwritten=on:multi_shot=on
 * ways: preload linked
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct padded {
	char c;
	long l;
	char d;
};

int main(void)
{
	struct padded *padded = malloc(sizeof(*padded) * 4);
	char *buffer = malloc(4096), *zeroed = calloc(1, 300), *moved, *dup;
	int null = open("/dev/null", O_WRONLY), zero = open("/dev/zero", O_RDONLY), s;
	struct sockaddr_in *to = malloc(sizeof(*to));
	FILE *f = fopen("/dev/null", "w");

	for (int i = 0; i < 4; i++) {
		padded[i].c = 'c';
		padded[i].l = i;
		padded[i].d = 'd';
	}
	write(null, padded, sizeof(*padded) * 4);
	write(null, buffer, (size_t)snprintf(buffer, 4096, "%d and more than eight bytes", 1));
	strcpy(buffer, "a text of more than eight bytes");
	fputs(buffer, f);
	fprintf(f, "%s %.20s", buffer, buffer);
	dup = strdup(buffer);
	write(null, dup, strlen(dup));
	read(zero, buffer, 1000);
	write(null, buffer, 1000);
	write(null, zeroed, 300);
	moved = realloc(zeroed, 2000);
	write(null, moved, 300);
	memset(moved, 0x6b, 2000);
	write(null, moved, 2000);
	s = socket(AF_INET, SOCK_DGRAM, 0);
	to->sin_family = AF_INET;
	to->sin_port = htons(9);
	to->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sendto(s, buffer, 10, 0, (struct sockaddr *)to, sizeof(*to));
	fwrite(moved, 1, 2000, f);
	fclose(f);
	free(padded);
	free(buffer);
	free(moved);
	free(dup);
	free(to);
	return 0;
}
