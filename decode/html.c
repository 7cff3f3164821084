/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/html.c - the page: one file that needs no network; each report is a part that opens (page.css and page.js
 * are put into the page).
 * The page is complete without JavaScript, which only filters, moves by keyboard and draws the flame graph of leaks.
 * Everything out of a log or a source file goes through decode_put_xml.  The page's security policy forbids all that
 * is not in the page, so markup that slipped through could load nothing. */
#include "config.h"

#include <inttypes.h>

#include "decode/decode_internal.h"

#define SOURCES_A_STACK 6

void decode_html_head(struct decode_writer *w)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
	      "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
	      "<title>Memory reports</title>\n<style>\n",
	      w->out);
	fputs(decode_page_css, w->out);
	fputs("</style>\n</head>\n<body>\n<header hidden>\n<h1>Memory reports</h1>\n"
	      "<input type=\"search\" id=\"search\" placeholder=\"search\" aria-label=\"search\">\n"
	      "<select id=\"detector\" aria-label=\"detector\"><option value=\"\">all detectors</option></select>\n"
	      "<select id=\"kind\" aria-label=\"kind\"><option value=\"\">all kinds</option></select>\n"
	      "<label><input type=\"checkbox\" id=\"whole\"> whole ones only</label>\n"
	      "<span id=\"shown\" aria-live=\"polite\"></span>\n"
	      "<span class=\"dim keys\"><kbd>j</kbd> <kbd>k</kbd> next, previous <kbd>o</kbd> open <kbd>/</kbd> "
	      "search</span>\n</header>\n<main>\n"
	      "<section id=\"flame\" hidden><h3>Leaked bytes by stack</h3><div class=\"graph\"></div></section>\n",
	      w->out);
}

void decode_html_tail(struct decode_writer *w)
{
	if (!w->nr)
		fputs("<p>No reports.</p>\n", w->out);
	fputs("</main>\n<script>\n", w->out);
	fputs(decode_page_js, w->out);
	fputs("</script>\n</body>\n</html>\n", w->out);
}

static void put_attribute(FILE *out, const char *name, const char *value)
{
	fprintf(out, " %s=\"", name);
	decode_put_xml(out, value);
	putc('"', out);
}

static void put_fact(FILE *out, const char *name, const char *value)
{
	if (!value)
		return;
	fprintf(out, "<dt>%s</dt><dd>", name);
	decode_put_xml(out, value);
	fputs("</dd>\n", out);
}

/* ---- head of a report ------------------------------------------------------------------------ */

/* The frame's name in the flame graph; NULL: it is folded.  What called main is left out, and frames of std:: that
 * follow each other are one. */
static const char *flame_name(const struct decode_record *r, const struct decode_stack *s, size_t i, bool *in_program)
{
	const struct decode_frame *f = &s->frames[i], *outer = i + 1 < s->nr ? f + 1 : NULL;
	bool start = decode_frame_is_start(r, f);

	if (start && !*in_program && (!f->function || strcmp(f->function, "main") != 0))
		return NULL;
	*in_program = true;
	if (!decode_frame_is_plumbing(r, f))
		return f->function ? f->function : f->module ? f->module : "?";
	return outer && decode_frame_is_plumbing(r, outer) ? NULL : "std and allocators";
}

/* Outermost first, for the flame graph. */
static void put_leak_stack(FILE *out, const struct decode_record *r)
{
	const struct decode_stack *s = decode_record_main_stack(r);
	bool in_program = false, any = false;

	fprintf(out, " data-bytes=\"%" PRIu64 "\" data-stack=\"", r->leak.bytes * (r->count ? r->count : 1));
	if (!s || !s->nr)
		fputs("(no stack)", out);
	for (size_t i = s ? s->nr : 0; i-- > 0;) {
		const char *name = flame_name(r, s, i, &in_program);

		if (!name)
			continue;
		fputs(any ? "&#10;" : "", out);
		decode_put_xml(out, name);
		any = true;
	}
	putc('"', out);
}

static void put_summary(FILE *out, const struct decode_record *r)
{
	const struct decode_frame *f = decode_record_location(r);

	fputs("<summary><span class=\"title\">", out);
	decode_put_xml(out, r->title);
	fputs("</span>", out);
	if (r->count > 1)
		fprintf(out, "<span class=\"tag\">%" PRIu64 " times</span>", r->count);
	if (r->corrupted)
		fputs("<span class=\"tag corrupted\">corrupted</span>", out);
	fputs("<span class=\"where\">", out);
	if (f) {
		decode_put_xml(out, decode_relative(f->file));
		fprintf(out, ":%u", f->line);
	}
	fputs("</span></summary>\n", out);
}

static void put_facts(struct decode_writer *w, const struct decode_record *r)
{
	FILE *out = w->out;

	fputs("<dl>\n", out);
	put_fact(out, "reported as", r->headline);
	put_fact(out, "corrupted", r->corrupted);
	if (r->access || r->have_addr) {
		fputs("<dt>access</dt><dd>", out);
		decode_put_xml(out, r->access ? r->access : "access");
		if (r->have_size && r->access_size)
			fprintf(out, " of %" PRIu64 " bytes", r->access_size);
		if (r->have_addr)
			fprintf(out, " at 0x%" PRIx64, r->addr);
		if (r->expected >= 0 && r->found >= 0)
			fprintf(out, ", 0x%02x instead of 0x%02x", (unsigned)r->found, (unsigned)r->expected);
		fputs("</dd>\n", out);
	}
	if (r->comm || r->have_pid) {
		fputs("<dt>task</dt><dd>", out);
		decode_put_xml(out, r->comm);
		if (r->have_tid || r->have_pid)
			fprintf(out, " (%u)", r->have_tid ? r->tid : r->pid);
		if (r->have_cpu)
			fprintf(out, " on CPU %u", r->cpu);
		fputs("</dd>\n", out);
	}
	put_fact(out, "kernel", r->kernel);
	put_fact(out, "tainted", r->tainted);
	put_fact(out, "tags", r->tags);
	put_fact(out, "variable", r->place);
	if (r->leak.class)
		fprintf(out, "<dt>%s</dt><dd>%" PRIu64 " bytes in %" PRIu64 " objects</dd>\n",
		        decode_is_reachable(r) ? "reachable" : "leak", r->leak.bytes, r->leak.objects);
	if (r->file) {
		fputs("<dt>log</dt><dd>", out);
		decode_put_xml(out, r->file);
		fprintf(out, ":%" PRIu64 "&#8211;%" PRIu64 "</dd>\n", r->first_line, r->last_line);
	}
	fprintf(out, "<dt>signature</dt><dd>%016" PRIx64 "</dd>\n</dl>\n", r->signature);
}

/* ---- the object and its memory --------------------------------------------------------------- */

/* The object and what lies beside it, to scale, with the access marked. */
static void put_bar(FILE *out, const struct decode_record *r)
{
	const struct decode_object *o = &r->object;
	uint64_t low = o->addr, high = o->addr + o->size, at = r->have_bad ? r->bad_addr : r->addr, pad;
	double width, mark;
	bool drawn;

	if (!o->present || !o->addr || !o->size || high < low)
		return;
	drawn = r->have_addr && (at < low ? low - at < 16 * o->size + 4096 : at - high < 16 * o->size + 4096);
	if (drawn) {
		low = MIN(low, at);
		high = MAX(high, at + 1);
	}
	pad = MAX((high - low) / 12, (uint64_t)1);
	low -= pad;
	high += pad;
	width = (double)(high - low);
	fprintf(out,
	        "<div class=\"bar\" role=\"img\" aria-label=\"the object and the access\"><span class=\"zone\" "
	        "style=\"width:%.2f%%\"></span>"
	        "<span class=\"object %s\" style=\"width:%.2f%%\">%" PRIu64
	        " bytes</span><span class=\"zone\" style=\"flex:1\"></span>",
	        100 * (double)(o->addr - low) / width, o->state && strncmp(o->state, "free", 4) == 0 ? "freed" : "",
	        100 * (double)o->size / width, o->size);
	mark = 100 * (double)(at - low) / width;
	if (drawn)
		fprintf(out, "<b style=\"left:%.2f%%;width:%.2f%%\"></b><em style=\"left:%.2f%%\">0x%" PRIx64 "</em>",
		        mark, 100 * (double)MIN(r->have_size && r->access_size ? r->access_size : 1, high - at) / width,
		        MIN(MAX(mark, 8.0), 92.0), at);
	fputs("</div>\n", out);
}

static const char *byte_class(const struct decode_record *r, uint64_t addr, uint64_t scale, uint8_t value)
{
	const struct decode_object *o = &r->object;
	bool shadow = scale > 1;

	if (r->have_mark && r->mark - addr < scale)
		return "bad";
	if (shadow && value >= 0x80)
		return "out";
	if (shadow && value)
		return "part";
	if (shadow)
		return "in";
	return o->present && addr >= o->addr && addr - o->addr < o->size ? "in" : "out";
}

static void put_rows(FILE *out, const struct decode_record *r)
{
	uint64_t scale = r->row_scale ? r->row_scale : 1;

	if (!r->nr_rows)
		return;
	fprintf(out, "<div class=\"memory\" tabindex=\"0\" aria-label=\"memory\">\n");
	for (size_t i = 0; i < r->nr_rows; i++) {
		const struct decode_row *row = &r->rows[i];
		fprintf(out, "<div class=\"row\">0x%" PRIx64 ": ", row->addr);
		for (uint8_t k = 0; k < row->nr; k++)
			if (row->valid >> k & 1)
				fprintf(out, "<i class=\"%s\">%02x</i>",
				        byte_class(r, row->addr + k * scale, scale, row->bytes[k]), row->bytes[k]);
			else
				fputs("<i>&#63;&#63;</i>", out);
		fputs("</div>\n", out);
	}
	fputs("</div>\n", out);
	if (scale > 1)
		fprintf(out, "<p class=\"dim\">Shadow: a byte stands for %" PRIu64 " bytes of memory.</p>\n", scale);
}

static void put_object(FILE *out, const struct decode_record *r)
{
	const struct decode_object *o = &r->object;

	if (!o->present && !r->nr_rows)
		return;
	fputs("<h3>Object</h3>\n", out);
	if (o->present) {
		fputs("<p>", out);
		if (o->addr)
			fprintf(out, "0x%" PRIx64, o->addr);
		if (o->size)
			fprintf(out, ", %" PRIu64 " bytes", o->size);
		fputs(o->state ? ", " : "", out);
		decode_put_xml(out, o->state);
		fputs(o->cache ? ", cache " : "", out);
		decode_put_xml(out, o->cache);
		if (o->relation && o->have_distance) {
			fprintf(out, "; the access is %" PRIu64 " bytes ", o->distance);
			decode_put_xml(out, o->relation);
			fputs(" it", out);
		}
		fputs("</p>\n", out);
	}
	put_bar(out, r);
	put_rows(out, r);
}

/* ---- stacks ---------------------------------------------------------------------------------- */

static void put_source(FILE *out, const struct decode_frame *f)
{
	uint32_t first = f->line > DECODE_SOURCE_AROUND ? f->line - DECODE_SOURCE_AROUND : 1;

	fputs("<pre>", out);
	for (uint32_t at = first; at <= f->line + DECODE_SOURCE_AROUND; at++) {
		char line[400];
		size_t len;
		const char *text = decode_source_line(f->file, at, &len);
		if (!text)
			continue;
		snprintf(line, sizeof(line), "%6u  %.*s", at, (int)MIN(len, (size_t)380), text);
		fputs(at == f->line ? "<mark>" : "", out);
		decode_put_xml(out, line);
		fputs(at == f->line ? "</mark>" : "\n", out);
	}
	fputs("</pre>", out);
}

static void put_frame(FILE *out, const struct decode_frame *f)
{
	if (f->unreliable)
		fputs("? ", out);
	decode_put_xml(out, f->function ? f->function : f->module ? f->module : "?");
	if (f->have_function_offset && !f->inlined)
		fprintf(out, "+0x%" PRIx64 "/0x%" PRIx64, f->function_offset, f->function_size);
	else if (!f->function && f->have_offset)
		fprintf(out, "+0x%" PRIx64, f->offset);
	else if (!f->function && f->have_pc)
		fprintf(out, " 0x%" PRIx64, f->pc);
	if (f->inlined)
		fputs(" (inlined)", out);
	if (f->file) {
		fputs(" <span class=\"where\">", out);
		decode_put_xml(out, decode_relative(f->file));
		fprintf(out, ":%u</span>", f->line);
	}
}

static const char *role_title(const char *role)
{
	static const char *const names[][2] = {
		{ "access", "Accessed" },
		{ "noticed", "Noticed" },
		{ "alloc", "Allocated" },
		{ "free", "Freed" },
		{ "work", "Work queued" },
		{ "frame", "Variable" },
		{ "stored", "Stored" },
		{ "origin", "Made" },
		{ "other", "Accessed at the same time" },
		{ "thread", "Thread created" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(role, names[i][0]) == 0)
			return names[i][1];
	return role;
}

static void put_stack(FILE *out, const struct decode_record *r, const struct decode_stack *s)
{
	unsigned sources = 0;

	fputs("<section class=\"stack\"><h3>", out);
	decode_put_xml(out, role_title(s->role));
	if (s->have_tid)
		fprintf(out, " by %u", s->tid);
	fputs("</h3><ol>\n", out);
	for (size_t i = 0; i < s->nr; i++) {
		const struct decode_frame *f = &s->frames[i];
		bool guilty = r->function && f->function == r->function, source,
		     plumbing = f->function && decode_function_is_plumbing(r->detector, f->function);
		size_t len;
		source = (guilty || (!plumbing && !f->unreliable)) && f->file && f->line &&
		         (sources < SOURCES_A_STACK || guilty) && decode_source_line(f->file, f->line, &len);
		sources += source;
		fprintf(out, "<li%s>", guilty ? " class=\"guilty\"" : plumbing ? " class=\"plumbing\"" : "");
		fputs(!source  ? "<span class=\"frame\">"
		      : guilty ? "<details open><summary>"
		               : "<details><summary>",
		      out);
		put_frame(out, f);
		if (source) {
			fputs("</summary>", out);
			put_source(out, f);
		}
		fputs(source ? "</details></li>\n" : "</span></li>\n", out);
	}
	fputs("</ol></section>\n", out);
}

void decode_html_put(struct decode_writer *w, const struct decode_record *r)
{
	FILE *out = w->out;

	fprintf(out, "<details class=\"report\" id=\"r%" PRIu64 "\" data-corrupted=\"%d\"", w->nr + 1,
	        r->corrupted != NULL);
	put_attribute(out, "data-detector", r->detector);
	put_attribute(out, "data-kind", r->kind);
	if (r->leak.class && !decode_is_reachable(r))
		put_leak_stack(out, r);
	fputs(">\n", out);
	put_summary(out, r);
	fputs("<div class=\"inside\">\n", out);
	put_facts(w, r);
	fputs("<div class=\"stacks\">\n", out);
	for (size_t i = 0; i < r->nr_stacks; i++)
		if (r->stacks[i].nr)
			put_stack(out, r, &r->stacks[i]);
	fputs("</div>\n", out);
	put_object(out, r);
	if (r->nr_lines) {
		fputs("<details><summary>as it was logged</summary><pre>", out);
		for (size_t i = 0; i < r->nr_lines; i++) {
			decode_put_xml(out, r->lines[i]);
			putc('\n', out);
		}
		fputs("</pre></details>\n", out);
	}
	fputs("</div></details>\n", out);
}
