/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/programs/strings.c - an array of strings that grows, as a program that reads and sorts lines has it.
 *
 * The pattern is that of sort(1) and of scripts' lists: getline fills one buffer, each line is copied to a block of its
 * own size, and an array of pointers grows by half. In the end half of the lines are freed, then the rest.
 * Usage: strings [LINES [ROUNDS]] */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seed = 1;

static uint32_t chance(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % n);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *line_new(long i)
{
	char buf[128];
	int n = snprintf(buf, sizeof(buf), "%08x line %ld ", chance(1u << 30), i);

	for (uint32_t more = chance(40); more; more--)
		buf[n++] = (char)('a' + more % 26);
	buf[n] = 0;
	return strdup(buf);
}

int main(int argc, char **argv)
{
	long nr_lines = argc > 1 ? atol(argv[1]) : 30000, rounds = argc > 2 ? atol(argv[2]) : 1;
	uint64_t sum = 0;

	while (rounds--) {
		char **lines = NULL;
		long nr = 0, room = 0;

		for (; nr < nr_lines; nr++) {
			if (nr == room) {
				room = room + room / 2 + 16;
				lines = realloc(lines, (size_t)room * sizeof(*lines));
				if (!lines)
					abort();
			}
			lines[nr] = line_new(nr);
		}
		qsort(lines, (size_t)nr, sizeof(*lines), compare);
		for (long i = 0; i < nr; i += 2) {
			sum = sum * 31 + (unsigned char)lines[i][7] + strlen(lines[i]);
			free(lines[i]);
		}
		for (long i = 1; i < nr; i += 2)
			free(lines[i]);
		free(lines);
	}
	printf("%llu\n", (unsigned long long)sum);
	return 0;
}
