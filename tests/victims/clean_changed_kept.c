/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_changed_kept.c - pages of live objects, also of a slab's first, lose their bytes and are closed,
 * opened again and freed, or stay closed; the canaries around them must not be touched then
 *
 * expect: none
 * modes: check production
 * ways: preload linked static
 * output: ok
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ul
#define ROUNDS 48

static char *objects[ROUNDS];

static void change(size_t how, char *p, size_t n)
{
	switch (how) {
	case 0:
		madvise(p, n, MADV_DONTNEED);
		break;
	case 1:
		mprotect(p, n, PROT_NONE);
		break;
	case 2:
		mprotect(p, n, PROT_READ);
		break;
	case 3:
		madvise(p, n, MADV_WIPEONFORK);
		break;
	case 4:
		madvise(p, n, MADV_DONTFORK);
		break;
	default:
		mmap(p, n, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	}
}

static void undo(char *p, size_t n)
{
	mprotect(p, n, PROT_READ | PROT_WRITE);
	madvise(p, n, MADV_DOFORK);
	madvise(p, n, MADV_KEEPONFORK);
	memset(p, 2, n);
}

static void try(size_t how, size_t n)
{
	size_t i, round;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < ROUNDS; i++) {
			memset(objects[i] = memalign(PAGE, n), 1, n);
			change(how, objects[i], n);
		}
		if (fork() == 0)
			exit(0);
		wait(NULL);
		for (i = 0; i < ROUNDS; i++) {
			undo(objects[i], n);
			free(objects[i]);
		}
	}
	/* These stay so to the end. */
	for (i = 0; i < 4; i++)
		change(how, memalign(PAGE, n), n);
}

int main(void)
{
	for (size_t how = 0; how < 6; how++)
		for (size_t pages = 1; pages <= 8; pages += pages > 2 ? 2 : 1)
			try(how, pages * PAGE);
	puts("ok");
	return 0;
}
