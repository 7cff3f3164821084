/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/caches/no_memory.c - a list of words with three wrong out-of-memory paths.  Find them with
 * memsan run --fail-each ./no_memory */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct word {
	struct word *next;
	char *text;
};
static struct word *words;

static int word_add(const char *text)
{
	struct word *w = malloc(sizeof(*w));

	if (!w)
		return -1;
	w->text = strdup(text);
	if (!w->text)
		return -1; /* leaks w */
	w->next = words;
	words = w;
	return 0;
}

static char *title(void)
{
	char *t = malloc(20);

	return strcpy(t, "title"); /* crashes */
}

static int grow(void)
{
	char *line = malloc(10), *longer;

	if (!line)
		return -1;
	longer = realloc(line, 5000);
	if (!longer) {
		free(line);
		goto out;
	}
	line = longer;
out:
	free(line); /* corrupts memory: freed twice */
	return 0;
}

int main(void)
{
	char *t;

	if (word_add("one") != 0 || word_add("two") != 0)
		return 1;
	t = title();
	grow();
	free(t);
	while (words) {
		struct word *w = words;
		words = w->next;
		free(w->text);
		free(w);
	}
	return 0;
}
