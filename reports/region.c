/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/region.c - memory of the tools that is freed all at once. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "reports/reports_internal.h"

#define REGION_CHUNK 65536u

struct region_chunk {
	struct region_chunk *next;
	size_t size;
	_Alignas(16) char data[];
};

void *region_alloc(struct alloc_region *p, size_t size)
{
	void *at;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = ALIGN_UP(size, (size_t)16);
	if (!p->chunks || p->chunks->size - p->used < size) {
		size_t room = MAX(size, (size_t)REGION_CHUNK);
		struct region_chunk *chunk = malloc(sizeof(*chunk) + room);
		if (!chunk)
			return NULL;
		chunk->next = p->chunks;
		chunk->size = room;
		p->chunks = chunk;
		p->used = 0;
	}
	at = p->chunks->data + p->used;
	p->used += size;
	return memset(at, 0, size); /* most of a chunk is never used: clearing it as a whole costs more */
}

char *region_string(struct alloc_region *p, const char *s)
{
	size_t len = strlen(s) + 1;
	char *copy = region_alloc(p, len);

	return copy ? memcpy(copy, s, len) : NULL;
}

void region_free(struct alloc_region *p)
{
	while (p->chunks) {
		struct region_chunk *next = p->chunks->next;
		free(p->chunks);
		p->chunks = next;
	}
	p->used = 0;
}
