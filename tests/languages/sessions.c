/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/languages/sessions.c - C: a table of sessions, with the bug that the argument names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct session {
	char name[16];
	int *scores;
	unsigned nr_scores;
};

struct table {
	struct session *sessions[4];
	unsigned nr;
};

static struct session *session_open(const char *name, unsigned nr_scores)
{
	struct session *s = malloc(sizeof(*s)); /* ALLOC leak use-after-free */

	strncpy(s->name, name, sizeof(s->name) - 1);
	s->name[sizeof(s->name) - 1] = '\0';
	s->scores = calloc(nr_scores, sizeof(*s->scores)); /* ALLOC overflow */
	s->nr_scores = nr_scores;
	return s;
}

static void session_close(struct session *s)
{
	free(s->scores);
	free(s); /* FREE use-after-free */
}

static int table_add(struct table *t, const char *name)
{
	struct session *s = session_open(name, 8);

	if (t->nr == 2)
		return -1; /* the session is lost */
	t->sessions[t->nr++] = s;
	return 0;
}

static void session_fill(struct session *s)
{
	for (unsigned i = 0; i <= s->nr_scores; i++)
		s->scores[i] = (int)i; /* BAD overflow */
}

static unsigned session_count(const struct session *s)
{
	return s->nr_scores; /* BAD use-after-free */
}

int main(int argc, char **argv)
{
	const char *bug = argc > 1 ? argv[1] : "";
	static struct table table;
	unsigned total = 0;

	table_add(&table, "ada");
	table_add(&table, "grace");
	if (strcmp(bug, "leak") == 0)
		table_add(&table, "edsger");
	if (strcmp(bug, "overflow") == 0)
		session_fill(table.sessions[1]);
	total = session_count(table.sessions[0]);
	for (unsigned i = 0; i < table.nr; i++)
		session_close(table.sessions[i]);
	if (strcmp(bug, "use-after-free") == 0)
		total += session_count(table.sessions[1]);
	printf("%u\n", total);
	return 0;
}
