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
	path = decode_relative(path);
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

static void put_region(FILE *out, uint32_t line, uint32_t column)
{
	fprintf(out, ",\"region\":{\"startLine\":%u", line);
	if (column)
		fprintf(out, ",\"startColumn\":%u", column);
	putc('}', out);
}

static void put_place(FILE *out, const struct decode_frame *f)
{
	fputs("\"physicalLocation\":{\"artifactLocation\":{\"uri\":", out);
	put_uri(out, f->file);
	putc('}', out);
	if (f->line)
		put_region(out, f->line, f->column);
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
		put_place(out, f);
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
static const struct decode_frame *telling_frame(const struct decode_stack *s)
{
	const struct decode_frame *found = NULL;

	for (size_t i = 0; i < s->nr; i++) {
		const struct decode_frame *f = &s->frames[i];
		if (!f->file || !f->line)
			continue;
		if (!found)
			found = f;
		if (f->function && !decode_function_is_plumbing(f->function))
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
		const struct decode_frame *f = s ? telling_frame(s) : NULL;
		if (!s || !s->nr)
			continue;
		if (!f)
			f = &s->frames[0];
		fprintf(out, "%s{\"id\":%u,", id ? "," : "", id + 1);
		id++;
		if (f->file) {
			put_place(out, f);
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
		put_place(out, f);
		if (f->function) {
			putc(',', out);
			put_logical(out, f);
		}
		putc('}', out);
	} else if (r->file && r->first_line && strcmp(r->file, "-") != 0) {
		struct decode_frame log = { .file = r->file,
			                    .line = (uint32_t)MIN(r->first_line, (uint64_t)INT32_MAX) };
		putc('{', out);
		put_place(out, &log);
		if (r->function) {
			putc(',', out);
			put_logical(out, &named);
		}
		putc('}', out);
	}
	putc(']', out);
}

static void remember_rule(struct decode_writer *w, const char *rule)
{
	size_t len = strlen(rule) + 1;

	for (const char *p = w->rules; p && p < w->rules + w->rules_len; p = strchr(p, '\n') + 1)
		if (strncmp(p, rule, len - 1) == 0 && p[len - 1] == '\n')
			return;
	if (w->rules_len + len + 1 > w->rules_room) {
		char *grown = realloc(w->rules, (w->rules_len + len + 1) * 2);
		if (!grown)
			return;
		w->rules = grown;
		w->rules_room = (w->rules_len + len + 1) * 2;
	}
	w->rules_len += (size_t)sprintf(w->rules + w->rules_len, "%s\n", rule);
}

void decode_sarif_put(struct decode_writer *w, const struct decode_record *r)
{
	char rule[300];

	decode_rule_name(rule, sizeof(rule), r);
	remember_rule(w, rule);
	fprintf(w->out, "%s{\"ruleId\":", w->nr ? ",\n" : "\n");
	decode_json_string(w->out, rule);
	fprintf(w->out, ",\"level\":\"%s\",\"message\":{\"text\":",
	        decode_is_reachable(r) ? "note"
	        : r->leak.class        ? "warning"
	                               : "error");
	decode_json_string(w->out, r->title);
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

void decode_sarif_tail(struct decode_writer *w)
{
	const char *p = w->rules, *end;

	fputs("],\"tool\":{\"driver\":{\"name\":\"memsan\",\"version\":\"" PACKAGE_VERSION "\",\"rules\":[", w->out);
	for (; p && p < w->rules + w->rules_len; p = end + 1) {
		char rule[300];
		end = strchr(p, '\n');
		snprintf(rule, sizeof(rule), "%.*s", (int)(end - p), p);
		fprintf(w->out, "%s{\"id\":", p == w->rules ? "" : ",");
		decode_json_string(w->out, rule);
		fputs(",\"shortDescription\":{\"text\":", w->out);
		decode_json_string(w->out, rule);
		fputs("}}", w->out);
	}
	fputs("]}}}]}\n", w->out);
}
