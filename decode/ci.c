/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/ci.c - records for continuous integration: JUnit's XML, GitHub's annotations, GitLab's code quality report. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "decode/decode_internal.h"

/* ---- JUnit: a failed case for each report ---------------------------------------------------- */

/* The whole report as text. */
static void put_report(FILE *out, const struct decode_record *r)
{
	static const struct decode_text_options plain;
	char *text = NULL;
	size_t len = 0;
	FILE *memory = open_memstream(&text, &len);

	if (!memory)
		return;
	decode_text_write(memory, r, &plain);
	fclose(memory);
	decode_put_xml(out, text);
	free(text);
}

void decode_junit_put(struct decode_writer *w, const struct decode_record *r)
{
	const struct decode_frame *f = decode_record_location(r);
	char rule[300];

	if (!w->body && !(w->body = open_memstream(&w->body_text, &w->body_len)))
		return;
	decode_rule_name(rule, sizeof(rule), r);
	fputs("    <testcase classname=\"memsan.", w->body);
	decode_put_xml(w->body, r->detector);
	fputs("\" name=\"", w->body);
	decode_put_xml(w->body, r->title);
	fprintf(w->body, " [%016" PRIx64 "]\"", r->signature);
	if (f) {
		fputs(" file=\"", w->body);
		decode_put_xml(w->body, decode_relative(f->file));
		fprintf(w->body, "\" line=\"%u\"", f->line);
	}
	w->failures += !decode_is_reachable(r);
	if (decode_is_reachable(r)) {
		fputs(">\n      <system-out>", w->body);
		put_report(w->body, r);
		fputs("</system-out>\n    </testcase>\n", w->body);
		return;
	}
	fputs(">\n      <failure type=\"", w->body);
	decode_put_xml(w->body, rule);
	fputs("\" message=\"", w->body);
	decode_put_xml(w->body, r->title);
	fputs("\">", w->body);
	put_report(w->body, r);
	fputs("</failure>\n    </testcase>\n", w->body);
}

/* Without a report, the run is one test case that passed. */
void decode_junit_tail(struct decode_writer *w)
{
	uint64_t tests = w->nr ? w->nr : 1;

	if (w->body)
		fclose(w->body);
	fprintf(w->out,
	        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"%" PRIu64 "\" failures=\"%" PRIu64
	        "\">\n",
	        tests, w->failures);
	fprintf(w->out,
	        "  <testsuite name=\"memsan\" tests=\"%" PRIu64 "\" failures=\"%" PRIu64
	        "\" errors=\"0\" skipped=\"0\">\n",
	        tests, w->failures);
	if (w->body_text)
		fwrite(w->body_text, 1, w->body_len, w->out);
	else
		fputs("    <testcase classname=\"memsan\" name=\"no reports\"/>\n", w->out);
	fputs("  </testsuite>\n</testsuites>\n", w->out);
	free(w->body_text);
}

/* ---- GitHub: workflow commands, a line each -------------------------------------------------- */

static void put_command(FILE *out, const char *s, bool property)
{
	struct clean_shown shown;

	for (size_t n; *s; s += n) {
		n = clean_char(s, UTF8_MAX, &shown);
		if (*s == '%' || *s == '\r' || *s == '\n' || (property && (*s == ':' || *s == ',')))
			fprintf(out, "%%%02X", (unsigned char)*s);
		else if (shown.len)
			fputs(shown.text, out);
		else
			fwrite(s, 1, n, out);
	}
}

void decode_github_put(struct decode_writer *w, const struct decode_record *r)
{
	const struct decode_frame *f = decode_record_location(r);
	const struct decode_stack *alloc = decode_record_role(r, "alloc");

	fprintf(w->out, "::%s ", decode_is_reachable(r) ? "notice" : decode_record_severity(r));
	if (f) {
		fputs("file=", w->out);
		put_command(w->out, decode_relative(f->file), true);
		fprintf(w->out, ",line=%u,", f->line);
		if (f->column)
			fprintf(w->out, "col=%u,", f->column);
	}
	fputs("title=", w->out);
	put_command(w->out, r->kind, true);
	fputs("::", w->out);
	put_command(w->out, r->title, false);
	if (alloc && !r->leak.class && alloc->nr)
		for (size_t i = 0; i < alloc->nr; i++)
			if (alloc->frames[i].file && alloc->frames[i].line && alloc->frames[i].function &&
			    !decode_function_is_plumbing(r->detector, alloc->frames[i].function)) {
				fputs("%0Aallocated in ", w->out);
				put_command(w->out, alloc->frames[i].function, false);
				fputs(" at ", w->out);
				put_command(w->out, decode_relative(alloc->frames[i].file), false);
				fprintf(w->out, ":%u", alloc->frames[i].line);
				break;
			}
	putc('\n', w->out);
}

/* ---- GitLab: code quality, an array of issues ------------------------------------------------ */

/* GitLab drops an issue whose fingerprint another one has, so a bug's second report has a fingerprint of its own; the
 * first has the signature. */
static uint64_t fingerprint(struct decode_writer *w, uint64_t signature)
{
	uint64_t times = 0;

	for (size_t i = 0; i < w->nr_seen; i++)
		times += w->seen[i] == signature;
	if (w->nr_seen == w->room_seen) {
		size_t room = w->room_seen ? w->room_seen * 2 : 64;
		uint64_t *grown = realloc(w->seen, room * sizeof(*grown));
		if (grown) {
			w->seen = grown;
			w->room_seen = room;
		}
	}
	if (w->nr_seen < w->room_seen)
		w->seen[w->nr_seen++] = signature;
	return times ? (signature ^ times * 0x9e3779b97f4a7c15u) * 0xff51afd7ed558ccdu : signature;
}

void decode_gitlab_put(struct decode_writer *w, const struct decode_record *r)
{
	const struct decode_frame *f = decode_record_location(r);
	char rule[300];

	decode_rule_name(rule, sizeof(rule), r);
	fprintf(w->out, "%s{\"description\":", w->nr ? ",\n" : "\n");
	decode_json_string(w->out, r->title);
	fputs(",\"check_name\":", w->out);
	decode_json_string(w->out, rule);
	fprintf(w->out, ",\"fingerprint\":\"%016" PRIx64 "\",\"severity\":\"%s\",\"location\":{\"path\":",
	        fingerprint(w, r->signature),
	        decode_is_reachable(r) ? "info"
	        : r->leak.class        ? "major"
	                               : "critical");
	decode_json_string(w->out, f ? decode_relative(f->file) : r->file ? decode_relative(r->file) : "-");
	fprintf(w->out, ",\"lines\":{\"begin\":%" PRIu64 "}}}", f ? f->line : r->first_line ? r->first_line : 1);
}
