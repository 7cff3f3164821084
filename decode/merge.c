/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/merge.c - many records, each bug once: how often it came, when, in which builds, and an example.  Memory is
 * bounded, disk is not.
 *
 *     record ─▶ table by signature ──full─▶ run of sorted entries, in a temporary file ─┐
 *                   │                                                                   ├─▶ runs merged by signature:
 *                   │                       at the end, the table is the last run ──────┘   each once, in order
 *                   └─ the first example of each, as JSON, in another temporary file
 *
 * The table holds MERGE_ENTRIES entries of 232 bytes.  A million records of a thousand bugs never leave it; a million
 * bugs make 21 runs.  It is the external merge sort of Knuth, volume 3, 5.4, in one pass.  While runs are merged, each
 * has a buffer of RUN_BUFFER entries.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "decode/decode_internal.h"

#define MERGE_BITS 16
#define MERGE_ENTRIES (1u << MERGE_BITS)
#define RUN_BUFFER 64u
#define RUNS_MAX 4096u
#define BUILD_NAMES_MAX 4096u /* further builds are left out */

/* The tables' entries are bugs.
 * A bug's example is the offset in the spool times 2, plus 1 if the example is corrupted. */
struct run {
	uint64_t at, left;
	struct decode_bug *buffer;
	size_t next, nr;
};

struct decode_merge {
	struct decode_bug *table;
	size_t nr;
	FILE *spool, *entries; /* examples as JSON lines; runs, one behind the other */
	uint64_t spool_len, entries_len;
	struct run *runs;
	char *builds[BUILD_NAMES_MAX];
	size_t nr_builds;
	size_t nr_runs;
	bool failed;
	char *line;
	size_t line_room;
	struct decode_bug pending;
	bool have_pending;
};

struct decode_merge *decode_merge_create(void)
{
	struct decode_merge *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->table = calloc(MERGE_ENTRIES, sizeof(*m->table));
	m->spool = tmpfile();
	m->entries = tmpfile();
	m->runs = calloc(RUNS_MAX, sizeof(*m->runs));
	if (!m->table || !m->spool || !m->entries || !m->runs) {
		decode_merge_destroy(m);
		return NULL;
	}
	return m;
}

void decode_merge_destroy(struct decode_merge *m)
{
	for (size_t i = 0; m->runs && i < m->nr_runs; i++)
		free(m->runs[i].buffer);
	if (m->spool)
		fclose(m->spool);
	if (m->entries)
		fclose(m->entries);
	for (size_t i = 0; i < m->nr_builds; i++)
		free(m->builds[i]);
	free(m->runs);
	free(m->table);
	free(m->line);
	free(m);
}

/* Open addressing.  The signature is a hash already.  Count 0: the slot is free. */
static struct decode_bug *table_slot(struct decode_merge *m, uint64_t signature)
{
	size_t i = (size_t)(signature * 0x9e3779b97f4a7c15u >> (64 - MERGE_BITS));

	while (m->table[i].count && m->table[i].signature != signature)
		i = (i + 1) % MERGE_ENTRIES;
	return &m->table[i];
}

static int entry_order(const void *a, const void *b)
{
	const struct decode_bug *x = a, *y = b;

	if (x->signature != y->signature)
		return x->signature < y->signature ? -1 : 1;
	return x->example < y->example ? -1 : x->example > y->example;
}

static void table_spill(struct decode_merge *m)
{
	size_t kept = 0;

	for (size_t i = 0; i < MERGE_ENTRIES; i++)
		if (m->table[i].count)
			m->table[kept++] = m->table[i];
	qsort(m->table, kept, sizeof(*m->table), entry_order);
	if (m->nr_runs == RUNS_MAX || fwrite(m->table, sizeof(*m->table), kept, m->entries) != kept) {
		m->failed = true;
		return;
	}
	m->runs[m->nr_runs++] = (struct run){ .at = m->entries_len, .left = kept };
	m->entries_len += kept * sizeof(*m->table);
	memset(m->table, 0, MERGE_ENTRIES * sizeof(*m->table));
	m->nr = 0;
}

static uint64_t spool_example(struct decode_merge *m, const struct decode_record *r)
{
	uint64_t at = m->spool_len;
	long end;

	decode_json_write(m->spool, r);
	end = ftell(m->spool);
	if (end < 0 || ferror(m->spool))
		m->failed = true;
	else
		m->spool_len = (uint64_t)end;
	return at << 1 | (r->corrupted != NULL);
}

/* ---- builds ---------------------------------------------------------------------------------- */

static void entry_add_build(struct decode_bug *e, uint32_t build)
{
	for (uint32_t i = 0; i < e->nr_builds; i++)
		if (e->builds[i] == build)
			return;
	if (e->nr_builds < DECODE_BUILDS_MAX)
		e->builds[e->nr_builds++] = build;
}

static void add_build(struct decode_merge *m, struct decode_bug *e, const char *name)
{
	size_t i = 0;

	while (i < m->nr_builds && strcmp(m->builds[i], name) != 0)
		i++;
	if (i == BUILD_NAMES_MAX)
		return;
	if (i == m->nr_builds && !(m->builds[m->nr_builds++] = strdup(name))) {
		m->nr_builds--;
		return;
	}
	entry_add_build(e, (uint32_t)i);
}

/* When and where this report came. */
static void add_history(struct decode_merge *m, struct decode_bug *e, const struct decode_record *r)
{
	struct decode_seen seen;
	char build[DECODE_BUILD_MAX];

	decode_seen_of(&seen, r);
	decode_seen_add(&e->seen, &seen);
	for (size_t i = 0; r->history && i < r->history->nr_builds; i++)
		add_build(m, e, r->history->builds[i]);
	if (decode_record_build(r, build, sizeof(build)))
		add_build(m, e, build);
}

void decode_merge_add(struct decode_merge *m, const struct decode_record *r)
{
	struct decode_bug *e = table_slot(m, r->signature);

	if (m->failed)
		return;
	if (!e->count) {
		e->signature = r->signature;
		e->example = spool_example(m, r);
		m->nr++;
	} else if (e->example & 1 && !r->corrupted) {
		e->example = spool_example(m, r);
	}
	e->count += r->count;
	add_history(m, e, r);
	if (m->nr > MERGE_ENTRIES * 3 / 4)
		table_spill(m);
}

/* ---- reading it back, in order of signature -------------------------------------------------- */

static const struct decode_bug *run_peek(struct decode_merge *m, struct run *r)
{
	size_t want = MIN(r->left, (uint64_t)RUN_BUFFER);

	if (r->next < r->nr)
		return &r->buffer[r->next];
	if (!want || (!r->buffer && !(r->buffer = malloc(RUN_BUFFER * sizeof(*r->buffer)))))
		return NULL;
	if (fseek(m->entries, (long)r->at, SEEK_SET) != 0 ||
	    fread(r->buffer, sizeof(*r->buffer), want, m->entries) != want) {
		m->failed = true;
		return NULL;
	}
	r->at += want * sizeof(*r->buffer);
	r->left -= want;
	r->next = 0;
	r->nr = want;
	return &r->buffer[0];
}

/* Takes the smallest entry of all runs; false: there is none. */
static bool runs_next(struct decode_merge *m, struct decode_bug *out)
{
	struct run *best = NULL;

	for (size_t i = 0; i < m->nr_runs; i++) {
		const struct decode_bug *e = run_peek(m, &m->runs[i]);
		if (e && (!best || entry_order(e, &best->buffer[best->next]) < 0))
			best = &m->runs[i];
	}
	if (!best)
		return false;
	*out = best->buffer[best->next++];
	return true;
}

bool decode_merge_finish(struct decode_merge *m)
{
	if (!m->failed)
		table_spill(m);
	m->have_pending = !m->failed && runs_next(m, &m->pending);
	return !m->failed;
}

bool decode_merge_next(struct decode_merge *m, struct decode_bug *bug)
{
	struct decode_bug next;

	if (!m->have_pending)
		return false;
	*bug = m->pending;
	while ((m->have_pending = runs_next(m, &next)) && next.signature == bug->signature) {
		bug->count += next.count;
		decode_seen_add(&bug->seen, &next.seen);
		for (uint32_t i = 0; i < next.nr_builds; i++)
			entry_add_build(bug, next.builds[i]);
		if (bug->example & 1 && !(next.example & 1))
			bug->example = next.example;
	}
	if (m->have_pending)
		m->pending = next;
	return true;
}

static void set_history(struct decode_merge *m, struct decode_record *r, const struct decode_bug *bug)
{
	struct decode_history *h = region_alloc(&r->region, sizeof(*h));
	const char **builds = region_alloc(&r->region, DECODE_BUILDS_MAX * sizeof(*builds));

	if (!h || !builds || (!bug->seen.trend.used && !bug->nr_builds))
		return;
	*h = (struct decode_history){ .seen = bug->seen, .builds = builds };
	for (uint32_t i = 0; i < bug->nr_builds; i++) {
		const char *name = m->builds[bug->builds[i]];
		if ((builds[h->nr_builds] = decode_record_string(r, name, strlen(name))) != NULL)
			h->nr_builds++;
	}
	r->history = h;
}

struct decode_record *decode_merge_example(struct decode_merge *m, const struct decode_bug *bug)
{
	struct decode_record *r = NULL;
	const char *why;
	ssize_t n;

	if (fseek(m->spool, (long)(bug->example >> 1), SEEK_SET) != 0 ||
	    (n = getline(&m->line, &m->line_room, m->spool)) < 0)
		m->failed = true;
	else
		r = decode_json_read(m->line, (size_t)n, &why);
	if (r) {
		r->count = bug->count;
		set_history(m, r, bug);
	}
	return r;
}

bool decode_merge_failed(const struct decode_merge *m)
{
	return m->failed;
}
