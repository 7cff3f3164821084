/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_changed_objects.h - the program of clean_changed_objects.c and clean_changed_fenced.c */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ul
#define ROUNDS 40

static void change(int how, char *p, size_t n)
{
	switch (how) {
	case 0:
		mprotect(p, n, PROT_READ);
		break;
	case 1:
		mprotect(p, n, PROT_NONE);
		break;
	case 2:
		madvise(p, n, MADV_DONTFORK);
		break;
	case 3:
		madvise(p, n, MADV_WIPEONFORK);
		break;
	case 4:
		mmap(p, n, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		break;
	case 5:
		munmap(p, n);
		break;
	default:
		mlock(p, n);
	}
}

static void *objects[ROUNDS];

static void try(int how, size_t n)
{
	for (int i = 0; i < ROUNDS; i++) {
		char *p = valloc(n);

		memset(p, 1, n);
		change(how, p, n);
		free(p);
	}
	for (int i = 0; i < ROUNDS; i++)
		memset(objects[i] = valloc(n), 'x', n);
	if (fork() == 0) {
		for (int i = 0; i < ROUNDS; i++)
			for (size_t k = 0; k < n; k += 512)
				if (((char *)objects[i])[k] != 'x')
					_exit(1);
		_exit(0);
	}
	int status = -1;
	wait(&status);
	if (status)
		printf("change %d of %zu bytes: not in a child\n", how, n);
	for (int i = 0; i < ROUNDS; i++)
		free(objects[i]);
}

int main(void)
{
	for (int how = 0; how < 7; how++) {
		try(how, PAGE);
		try(how, 2 * PAGE);
		try(how, 5 * PAGE);
	}
	/* These are closed when the program ends. */
	for (int how = 0; how < 7; how++)
		for (size_t n = PAGE; n < 40 * PAGE; n *= 3)
			change(how, memalign(PAGE, n), n);
	puts("ok");
	return 0;
}
