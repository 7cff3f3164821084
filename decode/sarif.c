/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/sarif.c - records as SARIF 2.1.0 (OASIS).  Each record is a result, written at once; the rules stand behind
 * the results, since only then all of them are known.
 * The location is that of the guilty function.  Stacks are written whole.  The places where the object was allocated
 * and freed are related locations, so that a viewer can jump there.  The fingerprint is the record's signature, which
 * is the same in the next run and the next build. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>

#include "decode/decode_internal.h"

#define SNIPPET_LINE_MAX 400
#define LOG_LINES_MAX 40
#define SCHEMA_URI "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

void decode_sarif_head(struct decode_writer *w)
{
	fputs("{\"$schema\":\"" SCHEMA_URI
	      "\",\"version\":\"2.1.0\",\"runs\":[{\"columnKind\":\"utf16CodeUnits\",\"results\":[",
	      w->out);
}

/* A path as a URI: characters that are not plain are percent-coded. */
static void put_uri(FILE *out, const char *path)
{
	putc('"', out);
	if (path[0] == '/')
		fputs("file://", out);
	for (const unsigned char *p = (const unsigned char *)path; *p; p++)
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
		    strchr("/._-~", *p))
			putc(*p, out);
		else
			fprintf(out, "%%%02X", *p);
	putc('"', out);
}

/* ,"snippet":{"text":…}, if text was collected; frees it */
static void put_snippet(FILE *out, FILE *collected, char **text)
{
	fclose(collected);
	if (*text && **text) {
		fputs(",\"snippet\":{\"text\":", out);
		decode_json_string(out, *text);
		putc('}', out);
	}
	free(*text);
}

/* Lines of source code, where decode_source_line may read them; returns how many there are. */
static uint32_t put_source(FILE *out, const struct decode_frame *f, uint32_t first, uint32_t last)
{
	uint32_t nr = 0;
	size_t len, size;
	const char *line;
	char *text = NULL;
	FILE *collected = open_memstream(&text, &size);

	if (!collected)
		return 0;
	for (uint32_t at = first; at <= last && (line = decode_source_line(f->file, at, &len)) != NULL; at++, nr++)
		fprintf(collected, "%.*s\n", (int)MIN(len, (size_t)SNIPPET_LINE_MAX), line);
	put_snippet(out, collected, &text);
	return nr;
}

/* The line, and the lines around it. */
static void put_region(FILE *out, const struct decode_frame *f, bool source)
{
	uint32_t first = f->line > DECODE_SOURCE_AROUND ? f->line - DECODE_SOURCE_AROUND : 1, last = f->line;
	size_t len;

	fprintf(out, ",\"region\":{\"startLine\":%u", f->line);
	if (f->column)
		fprintf(out, ",\"startColumn\":%u", f->column);
	source = source && f->line < INT32_MAX && put_source(out, f, f->line, f->line);
	putc('}', out);
	if (!source)
		return;
	while (last < f->line + DECODE_SOURCE_AROUND && decode_source_line(f->file, last + 1, &len))
		last++;
	fprintf(out, ",\"contextRegion\":{\"startLine\":%u,\"endLine\":%u", first, last);
	put_source(out, f, first, last);
	putc('}', out);
}

static void put_artifact(FILE *out, const char *file)
{
	const char *path = decode_relative(file);

	fputs("\"physicalLocation\":{\"artifactLocation\":{\"uri\":", out);
	put_uri(out, path);
	if (path[0] != '/')
		fputs(",\"uriBaseId\":\"%SRCROOT%\"", out);
	putc('}', out);
}

static void put_place(FILE *out, const struct decode_frame *f, bool source)
{
	put_artifact(out, f->file);
	if (f->line)
		put_region(out, f, source);
	putc('}', out);
}

/* The report's place in the log, with its first lines. */
static void put_log_place(FILE *out, const struct decode_record *r)
{
	uint64_t first = MIN(r->first_line, (uint64_t)INT32_MAX), last = MIN(r->last_line, (uint64_t)INT32_MAX);
	char *text = NULL;
	size_t size, nr = MIN(r->nr_lines, (size_t)LOG_LINES_MAX);
	FILE *collected = open_memstream(&text, &size);

	put_artifact(out, r->file && strcmp(r->file, "-") != 0 ? r->file : "stdin");
	fprintf(out, ",\"region\":{\"startLine\":%" PRIu64, first);
	if (collected) {
		if (nr)
			fputs(r->lines[0], collected);
		put_snippet(out, collected, &text);
	}
	putc('}', out);
	text = NULL;
	if (nr > 1 && last > first && (collected = open_memstream(&text, &size)) != NULL) {
		fprintf(out, ",\"contextRegion\":{\"startLine\":%" PRIu64 ",\"endLine\":%" PRIu64, first, last);
		for (size_t i = 0; i < nr; i++)
			fprintf(collected, "%s\n", r->lines[i]);
		put_snippet(out, collected, &text);
		putc('}', out);
	}
	putc('}', out);
}

static void put_logical(FILE *out, const struct decode_frame *f)
{
	fputs("\"logicalLocations\":[{\"fullyQualifiedName\":", out);
	decode_json_string(out, f->function);
	fputs(",\"kind\":\"function\"}]", out);
}

/* {"location":…,"module":…} */
static void put_frame(FILE *out, const struct decode_frame *f)
{
	const char *comma = "";

	fputs("{\"location\":{", out);
	if (f->file) {
		put_place(out, f, false);
		comma = ",";
	}
	if (f->function) {
		fputs(comma, out);
		put_logical(out, f);
		comma = ",";
	}
	fprintf(out, "%s\"message\":{\"text\":", comma);
	decode_json_string(out, f->function ? f->function : "?");
	fputs("}}", out);
	if (f->module) {
		fputs(",\"module\":", out);
		decode_json_string(out, f->module);
	}
	putc('}', out);
}

static const char *role_text(const char *role)
{
	static const char *const names[][2] = {
		{ "alloc", "allocated here" },      { "free", "freed here" },
		{ "access", "accessed here" },      { "noticed", "noticed here" },
		{ "work", "work was queued here" }, { "frame", "the variable's function" },
		{ "stored", "stored here" },        { "origin", "the value was made here" },
		{ "other", "the other access" },    { "thread", "the thread was created here" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(role, names[i][0]) == 0)
			return names[i][1];
	return role;
}

/* The number of this stack among those of its role, from 1: the schema demands that stacks differ. */
static unsigned ordinal(const struct decode_record *r, size_t i)
{
	unsigned n = 1;

	for (size_t k = 0; k < i; k++)
		n += r->stacks[k].nr && strcmp(r->stacks[k].role, r->stacks[i].role) == 0;
	return n;
}

static void put_stacks(FILE *out, const struct decode_record *r)
{
	const char *comma = "";
	char text[300];

	fputs(",\"stacks\":[", out);
	for (size_t i = 0; i < r->nr_stacks; i++) {
		const struct decode_stack *s = &r->stacks[i];
		if (!s->nr)
			continue;
		fprintf(out, "%s{\"message\":{\"text\":", comma);
		snprintf(text, sizeof(text), ordinal(r, i) > 1 ? "%.200s (%u)" : "%.200s", role_text(s->role),
		         ordinal(r, i));
		decode_json_string(out, text);
		fputs("},\"frames\":[", out);
		for (size_t k = 0; k < s->nr; k++) {
			if (k)
				putc(',', out);
			put_frame(out, &s->frames[k]);
		}
		fputs("]}", out);
		comma = ",";
	}
	putc(']', out);
}

/* The first frame of a stack that has a line and is not plumbing, else the first that has a line. */
static const struct decode_frame *telling_frame(const struct decode_record *r, const struct decode_stack *s)
{
	const struct decode_frame *found = NULL;

	for (size_t i = 0; i < s->nr; i++) {
		const struct decode_frame *f = &s->frames[i];
		if (!f->file || !f->line)
			continue;
		if (!found)
			found = f;
		if (f->function && !decode_function_is_plumbing(r->detector, f->function))
			return f;
	}
	return found;
}

static void put_related(FILE *out, const struct decode_record *r)
{
	static const char *const roles[] = { "alloc", "free" };
	unsigned id = 0;

	fputs(",\"relatedLocations\":[", out);
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
		const struct decode_stack *s = decode_record_role(r, roles[i]);
		const struct decode_frame *f = s ? telling_frame(r, s) : NULL;
		if (!s || !s->nr)
			continue;
		if (!f)
			f = &s->frames[0];
		fprintf(out, "%s{\"id\":%u,", id ? "," : "", id + 1);
		id++;
		if (f->file) {
			put_place(out, f, true);
			putc(',', out);
		}
		if (f->function) {
			put_logical(out, f);
			putc(',', out);
		}
		fputs("\"message\":{\"text\":", out);
		decode_json_string(out, role_text(roles[i]));
		fputs("}}", out);
	}
	putc(']', out);
}

static void put_location(FILE *out, const struct decode_record *r)
{
	const struct decode_frame *f = decode_record_location(r), named = { .function = r->function };

	fputs(",\"locations\":[", out);
	if (f) {
		putc('{', out);
		put_place(out, f, true);
		if (f->function) {
			putc(',', out);
			put_logical(out, f);
		}
		putc('}', out);
	} else if (r->first_line) { /* services refuse the whole file when one result has no place */
		putc('{', out);
		put_log_place(out, r);
		if (r->function) {
			putc(',', out);
			put_logical(out, &named);
		}
		putc('}', out);
	}
	putc(']', out);
}

/* Returns the rule's number; -1: out of memory. */
static int64_t remember_rule(struct decode_writer *w, const struct decode_record *r, const char *id)
{
	struct decode_rule *rule;

	for (size_t i = 0; i < w->nr_rules; i++)
		if (strcmp(w->rules[i].id, id) == 0)
			return (int64_t)i;
	if (w->nr_rules == w->room_rules) {
		size_t room = w->room_rules ? w->room_rules * 2 : 64;
		struct decode_rule *grown = realloc(w->rules, room * sizeof(*grown));
		if (!grown)
			return -1;
		w->rules = grown;
		w->room_rules = room;
	}
	rule = &w->rules[w->nr_rules];
	snprintf(rule->id, sizeof(rule->id), "%s", id);
	decode_record_sentence(r, rule->sentence, sizeof(rule->sentence));
	rule->severity = decode_record_severity(r);
	rule->help = decode_record_help(r);
	return (int64_t)w->nr_rules++;
}

/* Messages are sentences. */
static void put_sentence(FILE *out, const char *text)
{
	char buf[2048];
	size_t len = strlen(text);

	snprintf(buf, sizeof(buf), "%.2000s%s", text, len && text[len - 1] == '.' ? "" : ".");
	decode_json_string(out, buf);
}

void decode_sarif_put(struct decode_writer *w, const struct decode_record *r)
{
	char rule[DECODE_RULE_MAX];
	int64_t index;

	decode_rule_name(rule, sizeof(rule), r);
	index = remember_rule(w, r, rule);
	fprintf(w->out, "%s{\"ruleId\":", w->nr ? ",\n" : "\n");
	decode_json_string(w->out, rule);
	if (index >= 0)
		fprintf(w->out, ",\"ruleIndex\":%" PRId64, index);
	fprintf(w->out, ",\"level\":\"%s\",\"message\":{\"text\":", decode_record_severity(r));
	put_sentence(w->out, r->title);
	putc('}', w->out);
	put_location(w->out, r);
	put_related(w->out, r);
	put_stacks(w->out, r);
	fprintf(w->out,
	        ",\"partialFingerprints\":{\"memsanSignature/v1\":\"%016" PRIx64 "\"},\"occurrenceCount\":%" PRIu64,
	        r->signature, r->count);
	fputs(",\"properties\":{\"detector\":", w->out);
	decode_json_string(w->out, r->detector);
	fputs(",\"corrupted\":", w->out);
	decode_json_string(w->out, r->corrupted);
	fputs("}}", w->out);
}

/* "kasan/slab-out-of-bounds" as one word: "KasanSlabOutOfBounds" */
static void put_name(FILE *out, const char *rule)
{
	bool upper = true;

	putc('"', out);
	for (; *rule; rule++) {
		bool letter = (*rule >= 'a' && *rule <= 'z') || (*rule >= '0' && *rule <= '9');
		if (letter)
			putc(upper && *rule >= 'a' ? *rule - 'a' + 'A' : *rule, out);
		upper = !letter;
	}
	putc('"', out);
}

static void put_text(FILE *out, const char *name, const char *text)
{
	fprintf(out, ",\"%s\":{\"text\":", name);
	put_sentence(out, text);
	putc('}', out);
}

/* The tags by which GitHub shows the kind of weakness. */
static void put_tags(FILE *out, const char *help)
{
	unsigned cwe;
	const char *number = strstr(help, "cwe.mitre.org/data/definitions/");

	fputs("\"tags\":[\"memory\",\"security\"", out);
	if (number && sscanf(number, "cwe.mitre.org/data/definitions/%u", &cwe) == 1)
		fprintf(out, ",\"external/cwe/cwe-%03u\"", cwe);
	putc(']', out);
}

static void put_rule(FILE *out, const struct decode_rule *rule)
{
	char help[DECODE_SENTENCE_MAX + 300];

	snprintf(help, sizeof(help),
	         "%s The result's stacks show where; its related locations show where the memory was allocated and "
	         "freed. memsan-reports(7) explains the kinds of report.",
	         rule->sentence);
	fputs("{\"id\":", out);
	decode_json_string(out, rule->id);
	fputs(",\"name\":", out);
	put_name(out, rule->id);
	put_text(out, "shortDescription", rule->id);
	put_text(out, "fullDescription", rule->sentence);
	put_text(out, "help", help);
	fputs(",\"helpUri\":", out);
	decode_json_string(out, rule->help);
	fprintf(out, ",\"defaultConfiguration\":{\"level\":\"%s\"},\"properties\":{", rule->severity);
	put_tags(out, rule->help);
	fputs(",\"precision\":\"very-high\"}}", out);
}

void decode_sarif_tail(struct decode_writer *w)
{
	fputs("],\"tool\":{\"driver\":{\"name\":\"memsan\",\"version\":\"" PACKAGE_VERSION "\",\"rules\":[", w->out);
	for (size_t i = 0; i < w->nr_rules; i++) {
		if (i)
			putc(',', w->out);
		put_rule(w->out, &w->rules[i]);
	}
	fputs("]}}}]}\n", w->out);
	free(w->rules);
}
