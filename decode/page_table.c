/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/page_table.c - the page's tables.  Strings, frames, stacks and pieces of source stand in the page once;
 * elsewhere are their numbers.  A table knows its texts by hash, with open addressing; slots hold numbers plus 1. */
#include "config.h"

#include <stdlib.h>

#include "decode/decode_internal.h"

static uint64_t hash_text(const char *s)
{
	uint64_t h = hash_bytes(HASH_START, s, strlen(s));

	return h ^ h >> 29;
}

static bool table_grow(struct page_table *t)
{
	size_t room = t->room ? t->room * 2 : 256;
	char **text = realloc(t->text, room * sizeof(*text));
	uint32_t *slots = calloc(room * 2, sizeof(*slots));

	if (text)
		t->text = text;
	if (!text || !slots) {
		free(slots);
		return false;
	}
	free(t->slots);
	t->slots = slots;
	t->room = room;
	for (size_t i = 0; i < t->nr; i++) {
		size_t at = hash_text(t->text[i]) % (room * 2);
		while (slots[at])
			at = (at + 1) % (room * 2);
		slots[at] = (uint32_t)i + 1;
	}
	return true;
}

uint32_t page_table_add(struct page_table *t, const char *text)
{
	size_t at;

	if (t->nr == t->room && !table_grow(t))
		return 0;
	at = hash_text(text) % (t->room * 2);
	for (; t->slots[at]; at = (at + 1) % (t->room * 2))
		if (strcmp(t->text[t->slots[at] - 1], text) == 0)
			return t->slots[at] - 1;
	if (!(t->text[t->nr] = strdup(text)))
		return 0;
	t->slots[at] = (uint32_t)++t->nr;
	return (uint32_t)t->nr - 1;
}

void page_table_free(struct page_table *t)
{
	for (size_t i = 0; i < t->nr; i++)
		free(t->text[i]);
	free(t->text);
	free(t->slots);
}

uint32_t page_string(struct decode_page *p, const char *text)
{
	char *clean = NULL;
	size_t size;
	FILE *out;
	uint32_t id = 0;

	if (!text || !*text || !(out = open_memstream(&clean, &size)))
		return 0;
	decode_put_clean(out, text, strnlen(text, PAGE_STRING_MAX));
	if (fclose(out) == 0)
		id = page_table_add(&p->strings, clean);
	free(clean);
	return id;
}
