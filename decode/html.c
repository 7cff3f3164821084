/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/html.c - the page: one file that needs no network.  Each bug is a part that opens, with what matters about it
 * as plain text.  page.js makes more of a part when it is opened, from the data behind the list (page_json.c): stacks
 * side by side, source, the object in its memory.  It also sorts and filters.  Without JavaScript the text is there.
 * Everything out of a log or a source file goes through decode_put_xml or is JSON without '<', and page.js never makes
 * markup of text.  The page's security policy forbids all that is not in the page, so markup that slipped through could
 * load nothing. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>

#include "decode/decode_internal.h"

#define PLACES_SHOWN 20
#define ELEMENTS_MAX 50 /* Further bugs are text for browsers with scripts, which make elements when they are shown. */

static const char *const severities[] = { "error", "warning", "note" };

static const char *string(const struct decode_page *p, uint32_t id)
{
	return id < p->strings.nr ? p->strings.text[id] : "";
}

static void put_string(FILE *out, const struct decode_page *p, uint32_t id)
{
	decode_put_xml(out, string(p, id));
}

/* "1 report", "2 reports" */
static void put_number(FILE *out, uint64_t n, const char *what)
{
	fprintf(out, "%" PRIu64 " %s%s", n, what, n == 1 ? "" : "s");
}

static void put_head(FILE *out)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
	      "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
	      "<title>Memory reports</title>\n<style>\n",
	      out);
	fputs(decode_page_css, out);
	fputs("</style>\n</head>\n<body>\n", out);
}

/* ---- the header ------------------------------------------------------------------------------ */

static void put_summary(FILE *out, const struct decode_page *p)
{
	uint64_t bugs[3] = { 0 }, bytes = 0, objects = 0, leaks = 0;
	char first[40], last[40];

	for (size_t i = 0; i < p->nr_bugs; i++) {
		bugs[p->bugs[i]->severity]++;
		if (!p->bugs[i]->leaks)
			continue;
		leaks++;
		bytes += p->bugs[i]->bytes;
		objects += p->bugs[i]->objects;
	}
	fputs("<p>", out);
	put_number(out, p->reports, "report");
	fputs(" of ", out);
	put_number(out, p->nr_bugs, "bug");
	for (int i = 0; i < 3; i++)
		if (bugs[i]) {
			fputs(", ", out);
			put_number(out, bugs[i], severities[i]);
		}
	if (p->dated) {
		decode_time_write(first, sizeof(first), p->first);
		decode_time_write(last, sizeof(last), p->last);
		fprintf(out, ". Seen from %s to %s", first, last);
	}
	if (leaks) {
		fputs(". ", out);
		put_number(out, bytes, "byte");
		fputs(" leaked in ", out);
		put_number(out, objects, "object");
	}
	fputs(".</p>\n", out);
}

static void put_controls(FILE *out)
{
	fputs("<div id=\"controls\" role=\"search\" aria-label=\"Bugs\" hidden>\n"
	      "<input type=\"search\" id=\"search\" placeholder=\"search\" aria-label=\"search\">\n"
	      "<label>sort by <select id=\"sort\">"
	      "<option value=\"severity\">severity</option><option value=\"count\">reports</option>"
	      "<option value=\"last\">last seen</option><option value=\"first\">first seen</option>"
	      "<option value=\"title\">title</option><option value=\"bytes\">leaked bytes</option>"
	      "</select></label>\n"
	      "<select id=\"severity\" aria-label=\"severity\"><option value=\"\">all severities</option></select>\n"
	      "<select id=\"detector\" aria-label=\"detector\"><option value=\"\">all detectors</option></select>\n"
	      "<select id=\"kind\" aria-label=\"kind\"><option value=\"\">all kinds</option></select>\n"
	      "<select id=\"build\" aria-label=\"build\"><option value=\"\">all builds</option></select>\n"
	      "<label><input type=\"checkbox\" id=\"whole\"> whole ones only</label>\n"
	      "<span id=\"shown\" role=\"status\"></span>\n"
	      "<span class=\"dim keys\"><kbd>j</kbd> <kbd>k</kbd> next, previous <kbd>o</kbd> open <kbd>/</kbd> "
	      "search</span>\n</div>\n",
	      out);
}

/* ---- a bug ----------------------------------------------------------------------------------- */

static void put_trend(FILE *out, const uint64_t *bars, const char *word)
{
	uint64_t most = 1;

	for (int i = 0; i < PAGE_BARS; i++)
		most = MAX(most, bars[i]);
	fprintf(out,
	        "<svg class=\"trend\" viewBox=\"0 0 %d 16\" role=\"img\" aria-label=\"trend: %s\"><path d=\"M0 15.5H%d",
	        2 * PAGE_BARS, word, 2 * PAGE_BARS);
	for (int i = 0; i < PAGE_BARS; i++)
		if (bars[i])
			fprintf(out, "M%d 16V%.1f", 2 * i + 1, 14 - 13.0 * (double)bars[i] / (double)most);
	fputs("\"/></svg>", out);
}

static void put_seen(FILE *out, const struct decode_page *p, const struct page_bug *bug, bool last)
{
	char text[40];

	if (bug->seen.trend.used) {
		decode_time_write(text, sizeof(text), last ? bug->seen.last : bug->seen.first);
		fputs(text, out);
	} else {
		put_string(out, p, last ? bug->last_place : bug->first_place);
	}
}

static void put_set(FILE *out, const struct decode_page *p, const struct page_set *set)
{
	for (size_t i = 0; i < set->nr; i++) {
		fputs(i ? ", " : "", out);
		put_string(out, p, set->id[i]);
	}
	if (set->more)
		fputs(", …", out);
}

static void put_line(FILE *out, const struct decode_page *p, const struct page_bug *bug, const uint64_t *bars,
                     const char *word)
{
	fprintf(out, "<summary><span class=\"tag %s\">%s</span> <span class=\"title\">", severities[bug->severity],
	        severities[bug->severity]);
	put_string(out, p, bug->title);
	fputs("</span> ", out);
	if (bug->corrupted)
		fputs("<span class=\"tag corrupted\">corrupted</span> ", out);
	fputs("<span class=\"where\">", out);
	put_string(out, p, bug->file);
	if (bug->line)
		fprintf(out, ":%u", bug->line);
	fputs("</span> <span class=\"count\">", out);
	put_number(out, bug->reports, "report");
	fputs("</span> ", out);
	if (word)
		put_trend(out, bars, word);
	fputs(" <span class=\"tag\">", out);
	put_set(out, p, &bug->detectors);
	fputs("</span> <span class=\"seen\">", out);
	put_seen(out, p, bug, true);
	fputs("</span></summary>\n", out);
}

static void put_fact(FILE *out, const char *name)
{
	fprintf(out, "</dd><dt>%s</dt><dd>", name);
}

static void put_facts(FILE *out, const struct decode_page *p, const struct page_bug *bug, const char *word)
{
	fputs("<dl><dt>bug</dt><dd>", out);
	put_set(out, p, &bug->detectors);
	fputs(": ", out);
	put_string(out, p, bug->kind);
	fprintf(out, ", %s, <a href=\"#%016" PRIx64 "\">%016" PRIx64 "</a>", severities[bug->severity], bug->signature,
	        bug->signature);
	put_fact(out, "seen");
	put_number(out, bug->reports, "report");
	fputs("; first ", out);
	put_seen(out, p, bug, false);
	fputs(", last ", out);
	put_seen(out, p, bug, true);
	if (word)
		fprintf(out, "; trend: %s", word);
	if (bug->builds.nr) {
		put_fact(out, bug->builds.nr == 1 ? "build" : "builds");
		put_set(out, p, &bug->builds);
	}
	if (bug->leaks) {
		put_fact(out, "leak");
		fprintf(out, "%" PRIu64 " bytes in %" PRIu64 " objects", bug->bytes, bug->objects);
	}
	fputs("</dd></dl>\n", out);
}

/* All reports of the bug: where each one stands.  page.js has a table in its place. */
static void put_places(FILE *out, const struct decode_page *p, const struct page_bug *bug)
{
	size_t shown = MIN(bug->nr_rows, (size_t)PLACES_SHOWN);

	if (bug->nr_rows < 2)
		return;
	fputs("<p class=\"places\">Reports: ", out);
	for (size_t i = 0; i < shown; i++) {
		fputs(i ? ", " : "", out);
		put_string(out, p, bug->rows[i].place);
	}
	if (bug->nr_rows > shown)
		fprintf(out, " and %" PRIu64 " more", bug->reports - shown);
	fputs("</p>\n", out);
}

static void put_bug(FILE *out, const struct decode_page *p, const struct page_bug *bug)
{
	uint64_t bars[PAGE_BARS];
	const char *word = decode_page_trend(p, bug, bars);

	fprintf(out, "<details class=\"bug\" id=\"%016" PRIx64 "\">\n", bug->signature);
	put_line(out, p, bug, bars, word);
	fputs("<div class=\"inside\"><p>", out);
	put_string(out, p, bug->sentence);
	fputs("</p>\n", out);
	put_facts(out, p, bug, word);
	put_places(out, p, bug);
	fputs("<pre>", out);
	decode_put_xml(out, bug->kept[bug->shown].text);
	fputs("</pre></div></details>\n", out);
}

/* ---- tables of the tool that writes the page ------------------------------------------------- */

static void put_cell(FILE *out, const char *cell)
{
	size_t hex = *cell == '#' ? strspn(cell + 1, "0123456789abcdef") : 0;

	fputs("<td>", out);
	if (hex == 16 && cell[17] == ' ') {
		fprintf(out, "<a href=\"%.17s\">", cell);
		decode_put_xml(out, cell + 18);
		fputs("</a>", out);
	} else {
		decode_put_xml(out, cell);
	}
	fputs("</td>", out);
}

void decode_writer_table(struct decode_writer *w, bool behind, const char *heading, const char *rows)
{
	char *copy = strdup(rows), *rest = copy, *row, *cell;
	FILE *out;

	if (w->form == DECODE_HTML && !w->tables[behind])
		w->tables[behind] = open_memstream(&w->tables_text[behind], &w->tables_len[behind]);
	out = w->tables[behind];
	if (out && copy) {
		fputs("<section><h2>", out);
		decode_put_xml(out, heading);
		fputs("</h2>\n<div class=\"table\"><table>\n", out);
		while ((row = strsep(&rest, "\n")) != NULL && (rest || *row)) {
			fputs("<tr>", out);
			while ((cell = strsep(&row, "\t")) != NULL)
				put_cell(out, cell);
			fputs("</tr>\n", out);
		}
		fputs("</table></div></section>\n", out);
	}
	free(copy);
}

static void put_tables(struct decode_writer *w, bool behind)
{
	if (!w->tables[behind])
		return;
	fclose(w->tables[behind]);
	fputs(w->tables_text[behind], w->out);
	free(w->tables_text[behind]);
}

void decode_html_tail(struct decode_writer *w)
{
	struct decode_page *p = w->page;
	FILE *out = w->out;

	decode_page_sort(p);
	put_head(out);
	fputs("<header>\n<h1>Memory reports</h1>\n", out);
	put_summary(out, p);
	put_controls(out);
	fputs("</header>\n<main>\n", out);
	put_tables(w, false);
	if (!p->nr_bugs)
		fputs("<p>No reports.</p>\n", out);
	for (size_t i = 0; i < p->nr_bugs; i++) {
		fputs(i < ELEMENTS_MAX ? "" : "<noscript>", out);
		put_bug(out, p, p->bugs[i]);
		fputs(i < ELEMENTS_MAX ? "" : "</noscript>", out);
	}
	put_tables(w, true);
	fputs("</main>\n<script type=\"application/json\" id=\"data\">", out);
	page_data_write(p, out);
	fputs("</script>\n<script>\n", out);
	fputs(decode_page_js, out);
	fputs("</script>\n</body>\n</html>\n", out);
}
