/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/page.c - the reports of a page, by bug.
 *
 *     record ─▶ bug of its signature ─┬─▶ sums: reports, first and last time, builds, detectors, bytes that leaked
 *                                     ├─▶ a row for each report, up to ROWS_MAX
 *                                     └─▶ up to KEPT_MAX reports whole, if their stacks, detector or build differ
 *
 * So the page grows with the bugs, not with the reports.  What a report shows is data (page_json.c), and what it says
 * often is in tables (page_table.c). */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>

#include "decode/decode_internal.h"

static void set_add(struct page_set *set, uint32_t id)
{
	for (size_t i = 0; i < set->nr; i++)
		if (set->id[i] == id)
			return;
	if (set->nr < PAGE_SET_MAX)
		set->id[set->nr++] = id;
	else
		set->more = true;
}

/* ---- bugs ------------------------------------------------------------------------------------ */

static struct page_bug *find_bug(struct decode_page *p, uint64_t signature)
{
	char key[20];
	uint32_t id;
	struct page_bug *bug, **grown;

	snprintf(key, sizeof(key), "%016" PRIx64, signature);
	id = page_table_add(&p->signatures, key);
	if (id < p->nr_bugs)
		return p->bugs[id];
	if (p->nr_bugs == p->room_bugs) {
		size_t room = p->room_bugs ? p->room_bugs * 2 : 64;
		if (!(grown = realloc(p->bugs, room * sizeof(struct page_bug *))))
			return NULL;
		p->bugs = grown;
		p->room_bugs = room;
	}
	if (!(bug = calloc(1, sizeof(*bug))))
		return NULL;
	bug->signature = signature;
	p->bugs[p->nr_bugs++] = bug;
	return bug;
}

struct decode_page *decode_page_create(void)
{
	struct decode_page *p = calloc(1, sizeof(*p));

	if (p && page_table_add(&p->strings, "") == 0 && page_table_add(&p->sources, "0") == 0 && p->strings.nr &&
	    p->sources.nr)
		return p;
	decode_page_destroy(p);
	return NULL;
}

void decode_page_destroy(struct decode_page *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->nr_bugs; i++) {
		for (size_t k = 0; k < p->bugs[i]->nr_kept; k++) {
			free(p->bugs[i]->kept[k].data);
			free(p->bugs[i]->kept[k].text);
		}
		free(p->bugs[i]->rows);
		free(p->bugs[i]);
	}
	free(p->bugs);
	page_table_free(&p->strings);
	page_table_free(&p->sources);
	page_table_free(&p->frames);
	page_table_free(&p->stacks);
	page_table_free(&p->signatures);
	free(p);
}

/* What the list says of the bug comes from this report. */
static void describe(struct decode_page *p, struct page_bug *bug, const struct decode_record *r, size_t kept)
{
	const struct decode_frame *f = decode_record_location(r);
	const char *severity = decode_record_severity(r);
	char text[DECODE_SENTENCE_MAX];

	bug->shown = kept;
	bug->corrupted = r->corrupted != NULL;
	bug->title = page_string(p, r->title);
	bug->kind = page_string(p, r->kind);
	bug->severity = *severity == 'e' ? 0 : *severity == 'w' ? 1 : 2;
	decode_record_sentence(r, text, sizeof(text));
	bug->sentence = page_string(p, text);
	bug->help = page_string(p, decode_record_help(r));
	bug->file = f ? page_string(p, decode_relative(f->file)) : 0;
	bug->line = f ? f->line : 0;
}

static uint32_t log_place(struct decode_page *p, const struct decode_record *r)
{
	char *text = NULL;
	uint32_t id;

	if (!r->file && !r->first_line)
		return 0;
	if (asprintf(&text, r->first_line ? "%s:%" PRIu64 : "%s", r->file ? decode_relative(r->file) : "-",
	             r->first_line) < 0)
		return 0;
	id = page_string(p, text);
	free(text);
	return id;
}

static uint32_t task(struct decode_page *p, const struct decode_record *r)
{
	char text[300];

	if (!r->comm && !r->have_pid && !r->have_tid)
		return 0;
	if (!r->have_tid && !r->have_pid)
		snprintf(text, sizeof(text), "%.200s", r->comm);
	else
		snprintf(text, sizeof(text), r->comm ? "%2$.200s (%1$u)" : "%1$u", r->have_tid ? r->tid : r->pid,
		         r->comm);
	return page_string(p, text);
}

static char *as_text(const struct decode_record *r)
{
	static const struct decode_text_options plain;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	decode_text_write(out, r, &plain);
	fclose(out);
	return text;
}

/* Which of the reports that are kept whole has this one's stacks, detector and build?  It is kept, too, if it is the
 * first one, and while there is room.  *added: it was. */
static size_t keep(struct decode_page *p, struct page_bug *bug, const struct decode_record *r, uint64_t variant,
                   bool *added)
{
	bool better = bug->corrupted && !r->corrupted;
	size_t i = 0;

	*added = false;
	while (i < bug->nr_kept && bug->kept[i].variant != variant)
		i++;
	if (i < bug->nr_kept && !better)
		return i;
	if (i == bug->nr_kept && i == PAGE_KEPT_MAX && !better)
		return PAGE_NONE;
	i = MIN(i, (size_t)PAGE_KEPT_MAX - 1);
	if (i < bug->nr_kept) {
		free(bug->kept[i].data);
		free(bug->kept[i].text);
	} else {
		bug->nr_kept++;
	}
	bug->kept[i] = (struct page_kept){ page_report_data(p, r), as_text(r), variant };
	*added = true;
	return i;
}

static void add_row(struct decode_page *p, struct page_bug *bug, const struct decode_record *r, uint32_t build,
                    size_t kept)
{
	const struct page_row row = { .time = page_string(p, r->time),
		                      .place = log_place(p, r),
		                      .task = task(p, r),
		                      .build = build,
		                      .kept = kept };
	struct page_row *grown;

	bug->last_place = row.place;
	if (!bug->nr_rows)
		bug->first_place = row.place;
	if (bug->nr_rows == PAGE_ROWS_MAX)
		return;
	if ((bug->nr_rows & (bug->nr_rows - 1)) == 0) {
		if (!(grown = realloc(bug->rows, (bug->nr_rows ? bug->nr_rows * 2 : 1) * sizeof(row))))
			return;
		bug->rows = grown;
	}
	bug->rows[bug->nr_rows++] = row;
}

void decode_page_add(struct decode_page *p, const struct decode_record *r)
{
	struct page_bug *bug = find_bug(p, r->signature);
	uint64_t count = r->count ? r->count : 1;
	struct decode_seen seen;
	char build[DECODE_BUILD_MAX] = "";
	bool first, added;
	uint32_t build_id;
	size_t kept;

	if (!bug)
		return;
	first = !bug->reports;
	bug->reports += count;
	decode_seen_of(&seen, r);
	decode_seen_add(&bug->seen, &seen);
	decode_trend_add(&bug->order, (int64_t)p->reports, count);
	p->reports += count;
	set_add(&bug->detectors, page_string(p, r->detector));
	decode_record_build(r, build, sizeof(build));
	build_id = page_string(p, build);
	for (size_t i = 0; r->history && i < r->history->nr_builds; i++)
		set_add(&bug->builds, page_string(p, r->history->builds[i]));
	if (build_id)
		set_add(&bug->builds, build_id);
	bug->leaks |= r->leak.class && !decode_is_reachable(r);
	bug->bytes += r->leak.bytes * count;
	bug->objects += r->leak.objects * count;
	kept = keep(p, bug, r, page_report_variant(p, r) * 31 + build_id, &added);
	if (first || (added && bug->corrupted && !r->corrupted))
		describe(p, bug, r, kept);
	add_row(p, bug, r, build_id, kept);
}

/* ---- order ----------------------------------------------------------------------------------- */

static int bug_order(const void *a, const void *b)
{
	const struct page_bug *x = *(struct page_bug *const *)a, *y = *(struct page_bug *const *)b;

	if (x->severity != y->severity)
		return x->severity < y->severity ? -1 : 1;
	if (x->reports != y->reports)
		return x->reports > y->reports ? -1 : 1;
	return x->signature < y->signature ? -1 : x->signature > y->signature;
}

void decode_page_sort(struct decode_page *p)
{
	if (p->nr_bugs)
		qsort(p->bugs, p->nr_bugs, sizeof(*p->bugs), bug_order);
	for (size_t i = 0; i < p->nr_bugs; i++) {
		const struct decode_seen *s = &p->bugs[i]->seen;
		if (!s->trend.used)
			continue;
		p->first = p->dated ? MIN(p->first, s->first) : s->first;
		p->last = p->dated ? MAX(p->last, s->last) : s->last;
		p->dated = true;
	}
}

const char *decode_page_trend(const struct decode_page *p, const struct page_bug *bug, uint64_t *bars)
{
	const struct decode_trend *t = bug->seen.trend.used ? &bug->seen.trend : &bug->order;
	int64_t low = bug->seen.trend.used ? p->first : 0,
		high = bug->seen.trend.used ? p->last : (int64_t)p->reports - 1;
	uint64_t early = 0, late = 0;

	memset(bars, 0, PAGE_BARS * sizeof(*bars));
	if (high <= low || bug->reports < 2)
		return NULL;
	for (int i = 0; i < TREND_BUCKETS; i++) {
		int64_t at = (int64_t)((uint64_t)(t->base + i) << t->shift) + ((INT64_C(1) << t->shift) >> 1);
		double part = (double)(at - low) / (double)(high - low);
		int bar = (int)(MIN(MAX(part, 0.0), 1.0) * (PAGE_BARS - 1) + 0.5);
		bars[bar] += t->count[i];
		*(bar < PAGE_BARS / 2 ? &early : &late) += t->count[i];
	}
	return !late                      ? "only early"
	       : !early                   ? "only lately"
	       : late > early + early / 2 ? "rising"
	       : early > late + late / 2  ? "falling"
	                                  : "steady";
}
