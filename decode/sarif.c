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
	const char *path = decode_relative(f->file);

	fputs("\"physicalLocation\":{\"artifactLocation\":{\"uri\":", out);
	put_uri(out, path);
	if (path[0] != '/')
		fputs(",\"uriBaseId\":\"%SRCROOT%\"", out);
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

static const char *level(const struct decode_record *r)
{
	return decode_is_reachable(r) ? "note" : r->leak.class ? "warning" : "error";
}

/* Rules are lines "RULE\tLEVEL\tSENTENCE\n".  Returns the rule's number; -1: out of memory. */
static int64_t remember_rule(struct decode_writer *w, const struct decode_record *r, const char *rule)
{
	const char *sentence = decode_record_sentence(r);
	size_t len = strlen(rule), more = len + strlen(sentence) + 16;
	int64_t nr = 0;

	for (const char *p = w->rules; p && p < w->rules + w->rules_len; p = strchr(p, '\n') + 1, nr++)
		if (strncmp(p, rule, len) == 0 && p[len] == '\t')
			return nr;
	if (w->rules_len + more > w->rules_room) {
		char *grown = realloc(w->rules, (w->rules_len + more) * 2);
		if (!grown)
			return -1;
		w->rules = grown;
		w->rules_room = (w->rules_len + more) * 2;
	}
	w->rules_len += (size_t)sprintf(w->rules + w->rules_len, "%s\t%s\t%s\n", rule, level(r), sentence);
	return nr;
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
	char rule[300];
	int64_t index;

	decode_rule_name(rule, sizeof(rule), r);
	index = remember_rule(w, r, rule);
	fprintf(w->out, "%s{\"ruleId\":", w->nr ? ",\n" : "\n");
	decode_json_string(w->out, rule);
	if (index >= 0)
		fprintf(w->out, ",\"ruleIndex\":%" PRId64, index);
	fprintf(w->out, ",\"level\":\"%s\",\"message\":{\"text\":", level(r));
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
static void put_name(FILE *out, const char *rule, size_t len)
{
	bool upper = true;

	putc('"', out);
	for (size_t i = 0; i < len; i++) {
		bool letter = (rule[i] >= 'a' && rule[i] <= 'z') || (rule[i] >= '0' && rule[i] <= '9');
		if (letter)
			putc(upper && rule[i] >= 'a' ? rule[i] - 'a' + 'A' : rule[i], out);
		upper = !letter;
	}
	putc('"', out);
}

static void put_rule(FILE *out, const char *rule, size_t len, const char *level, size_t level_len, const char *sentence,
                     size_t sentence_len)
{
	char text[600];

	snprintf(text, sizeof(text), "%.*s", (int)MIN(len, (size_t)300), rule);
	fputs("{\"id\":", out);
	decode_json_string(out, text);
	fputs(",\"name\":", out);
	put_name(out, rule, len);
	snprintf(text, sizeof(text), "%.*s.", (int)MIN(len, (size_t)300), rule);
	fputs(",\"shortDescription\":{\"text\":", out);
	decode_json_string(out, text);
	snprintf(text, sizeof(text), "%.*s", (int)MIN(sentence_len, sizeof(text) - 200), sentence);
	fputs("},\"fullDescription\":{\"text\":", out);
	decode_json_string(out, text);
	snprintf(
		text + strlen(text), 200,
		" The result's stacks show where; its related locations show where the memory was allocated and freed. "
		"memsan-reports(7) explains the kinds of report.");
	fputs("},\"help\":{\"text\":", out);
	decode_json_string(out, text);
	fprintf(out, "},\"defaultConfiguration\":{\"level\":\"%.*s\"}", (int)level_len, level);
	fputs(",\"properties\":{\"tags\":[\"memory\",\"security\"],\"precision\":\"very-high\"}}", out);
}

void decode_sarif_tail(struct decode_writer *w)
{
	const char *p = w->rules, *end;

	fputs("],\"tool\":{\"driver\":{\"name\":\"memsan\",\"version\":\"" PACKAGE_VERSION "\",\"rules\":[", w->out);
	for (; p && p < w->rules + w->rules_len; p = end + 1) {
		const char *tab = strchr(p, '\t'), *second = strchr(tab + 1, '\t');
		end = strchr(p, '\n');
		if (p != w->rules)
			putc(',', w->out);
		put_rule(w->out, p, (size_t)(tab - p), tab + 1, (size_t)(second - tab - 1), second + 1,
		         (size_t)(end - second - 1));
	}
	fputs("]}}}]}\n", w->out);
}
