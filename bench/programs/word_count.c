/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/programs/word_count.c - counts the words of generated books in hash tables that grow.  Each different word has
 * a string and an entry, which live long.  Each word of the text is copied for one lookup.  Each book ends with a
 * sorted listing.  The program is deterministic and prints a checksum.  Usage: word_count [BOOKS] */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	struct entry *next;
	char *word;
	unsigned count;
};
struct table {
	struct entry **buckets;
	size_t nr_buckets, nr_entries;
};

static uint64_t seed;

static uint32_t chance(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % n);
}

static void *need(void *p)
{
	if (!p)
		abort();
	return p;
}

static uint64_t hash(const char *s)
{
	uint64_t h = 1469598103934665603u;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	return h;
}

/* Common words are short and frequent. */
static char *next_word(void)
{
	uint32_t rank = chance(3) ? chance(200) : chance(10) ? chance(5000) : chance(60000);
	char text[32];
	int n = 0;

	for (uint32_t r = rank + 1; r; r /= 17)
		text[n++] = (char)('a' + r % 17);
	for (uint32_t r = rank % 7; r > 4; r--)
		text[n++] = 's';
	text[n] = '\0';
	return need(strdup(text));
}

static void table_grow(struct table *t)
{
	size_t nr = t->nr_buckets ? t->nr_buckets * 2 : 16;
	struct entry **buckets = need(calloc(nr, sizeof(*buckets)));

	for (size_t i = 0; i < t->nr_buckets; i++) {
		for (struct entry *e = t->buckets[i], *next; e; e = next) {
			size_t to = hash(e->word) & (nr - 1);

			next = e->next;
			e->next = buckets[to];
			buckets[to] = e;
		}
	}
	free(t->buckets);
	t->buckets = buckets;
	t->nr_buckets = nr;
}

static void table_count(struct table *t, const char *word)
{
	struct entry *e;
	size_t b;

	if (t->nr_entries >= t->nr_buckets)
		table_grow(t);
	b = hash(word) & (t->nr_buckets - 1);
	for (e = t->buckets[b]; e && strcmp(e->word, word) != 0; e = e->next)
		;
	if (!e) {
		e = need(malloc(sizeof(*e)));
		e->word = need(strdup(word));
		e->count = 0;
		e->next = t->buckets[b];
		t->buckets[b] = e;
		t->nr_entries++;
	}
	e->count++;
}

static int by_count(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;

	return x->count != y->count ? (x->count < y->count ? 1 : -1) : strcmp(x->word, y->word);
}

/* Lists a table and frees it.  Each word becomes a string with its own line, as in a program that builds output. */
static uint64_t table_finish(struct table *t)
{
	struct entry **all = need(malloc((t->nr_entries + 1) * sizeof(*all)));
	size_t n = 0;
	uint64_t sum = 0;

	for (size_t i = 0; i < t->nr_buckets; i++)
		for (struct entry *e = t->buckets[i]; e; e = e->next)
			all[n++] = e;
	qsort(all, n, sizeof(*all), by_count);
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(all[i]->word) + 16;
		char *line = need(malloc(len));

		snprintf(line, len, "%s %u\n", all[i]->word, all[i]->count);
		sum = sum * 31 + hash(line);
		free(line);
		free(all[i]->word);
		free(all[i]);
	}
	free(all);
	free(t->buckets);
	return sum;
}

int main(int argc, char **argv)
{
	long books = argc > 1 ? atol(argv[1]) : 18;
	uint64_t sum = 0;

	for (long i = 0; i < books; i++) {
		struct table t = { 0 };

		seed = (uint64_t)i % 5;
		for (long n = 0; n < 600000; n++) {
			char *word = next_word();

			table_count(&t, word);
			free(word);
		}
		sum = sum * 31 + table_finish(&t);
	}
	printf("%llu\n", (unsigned long long)sum);
	return 0;
}
