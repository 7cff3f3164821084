/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/caches/arena.c - a program's own allocator that tells memsan about its objects: `arena`, or with a planted
 * bug `arena overrun|late|twice|lost`. */
#include <memsan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REDZONE 16

/* Cuts objects of one size from the front of a block, and keeps freed ones in a list. */
struct piece {
	struct piece *next;
};

struct arena {
	char *block, *next, *end;
	struct piece *free;
	size_t size;
	struct memsan_pool *pool;
};

static int arena_init(struct arena *a, size_t size, size_t n)
{
	size_t bytes = (size + REDZONE) * n + REDZONE;

	a->block = malloc(bytes);
	if (!a->block)
		return -1;
	a->next = a->block + REDZONE;
	a->end = a->block + bytes;
	a->free = NULL;
	a->size = size;
	a->pool = memsan_pool_create("arena", REDZONE, MEMSAN_POOL_LEAKS);
	memsan_pool_add(a->pool, a->block, bytes);
	return 0;
}

static void *arena_alloc(struct arena *a)
{
	void *p = a->free;

	if (p) {
		a->free = a->free->next;
	} else {
		if (a->next + a->size > a->end)
			return NULL;
		p = a->next;
		a->next += a->size + REDZONE;
	}
	memsan_pool_alloc(a->pool, p, a->size);
	return p;
}

static void arena_free(struct arena *a, void *p)
{
	struct piece *piece = p;

	memsan_pool_free(a->pool, p);
	piece->next = a->free; /* memsan leaves a freed object's first 16 bytes to links */
	a->free = piece;
}

static void arena_destroy(struct arena *a)
{
	memsan_pool_destroy(a->pool);
	free(a->block);
}

int main(int argc, char **argv)
{
	const char *bug = argc > 1 ? argv[1] : "";
	void *(*volatile set)(void *, int, size_t) = memset;
	struct arena a;
	char *p, *q;

	if (arena_init(&a, 48, 100) != 0)
		return 1;
	p = arena_alloc(&a);
	q = arena_alloc(&a);
	set(p, 1, strcmp(bug, "overrun") == 0 ? 49 : 48);
	arena_free(&a, p);
	if (strcmp(bug, "late") == 0)
		set(p + 16, 0, 32);
	if (strcmp(bug, "twice") == 0)
		arena_free(&a, p);
	if (strcmp(bug, "lost") != 0)
		arena_free(&a, q);
	arena_destroy(&a);
	puts("done");
	return 0;
}
