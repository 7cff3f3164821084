/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/page_json.c - what page.js shows of a report, as JSON; page.js explains its form.
 * The JSON stands in a script element.  No '<' and no '>' is written as such, so no text can end that element. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "decode/decode_internal.h"

enum { FRAME_UNRELIABLE = 1, FRAME_INLINED = 2, FRAME_PLUMBING = 4, FRAME_START = 8 };

static void put_piece(void *ctx, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] == '<' || text[i] == '>')
			fprintf(ctx, "\\u%04x", (unsigned)text[i]);
		else
			putc(text[i], ctx);
}

/* A string that is clean already. */
static void put_clean_string(FILE *out, const char *s)
{
	json_quote(put_piece, out, s ? s : "", PAGE_STRING_MAX * 8);
}

/* ---- frames and stacks ----------------------------------------------------------------------- */

/* "[first line, line to mark, text]"; "0": there is none. */
static uint32_t source_of(struct decode_page *p, const struct decode_frame *f)
{
	uint32_t first = f->line > DECODE_SOURCE_AROUND ? f->line - DECODE_SOURCE_AROUND : 1, id = 0;
	char *text = NULL, *data = NULL;
	size_t size, len;
	const char *line;
	FILE *out;

	if (!f->file || !f->line || !decode_source_line(f->file, f->line, &len) ||
	    !(out = open_memstream(&text, &size)))
		return 0;
	for (uint32_t at = first; at <= f->line + DECODE_SOURCE_AROUND; at++) {
		if (!(line = decode_source_line(f->file, at, &len)))
			break;
		decode_put_clean(out, line, MIN(len, (size_t)PAGE_SOURCE_MAX));
		putc('\n', out);
	}
	fclose(out);
	if (!(out = open_memstream(&data, &size))) {
		free(text);
		return 0;
	}
	fprintf(out, "[%u,%u,", first, f->line);
	put_clean_string(out, text);
	putc(']', out);
	if (fclose(out) == 0)
		id = page_table_add(&p->sources, data);
	free(text);
	free(data);
	return id;
}

static uint32_t frame_id(struct decode_page *p, const struct decode_record *r, const struct decode_frame *f)
{
	const char *name = f->function ? f->function : f->module ? f->module : "?";
	unsigned flags = (f->unreliable ? FRAME_UNRELIABLE : 0) | (f->inlined ? FRAME_INLINED : 0);
	char text[80] = "", *place = NULL;
	uint32_t place_id = 0;

	if (f->function && decode_frame_is_plumbing(r, f))
		flags |= FRAME_PLUMBING;
	if (decode_frame_is_start(r, f) && (!f->function || strcmp(f->function, "main") != 0))
		flags |= FRAME_START;
	if (f->have_function_offset && !f->inlined)
		snprintf(text, sizeof(text), "+0x%" PRIx64 "/0x%" PRIx64, f->function_offset, f->function_size);
	else if (!f->function && f->have_offset)
		snprintf(text, sizeof(text), "+0x%" PRIx64, f->offset);
	else if (!f->function && f->have_pc)
		snprintf(text, sizeof(text), " 0x%" PRIx64, f->pc);
	if (f->file) {
		if (asprintf(&place, f->line ? "%s:%u" : "%s", decode_relative(f->file), f->line) >= 0)
			place_id = page_string(p, place);
		free(place);
	} else if (f->function && f->module) {
		place_id = page_string(p, f->module);
	}
	{
		uint32_t suffix = page_string(p, text),
			 source = flags & (FRAME_PLUMBING | FRAME_UNRELIABLE) ? 0 : source_of(p, f);
		snprintf(text, sizeof(text), "[%u,%u,%u,%u,%u]", page_string(p, name), suffix, place_id, flags, source);
	}
	return page_table_add(&p->frames, text);
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

static uint32_t stack_id(struct decode_page *p, const struct decode_record *r, const struct decode_stack *s,
                         int64_t *guilty)
{
	char *data = NULL;
	size_t size;
	FILE *out = open_memstream(&data, &size);
	uint32_t id = 0;

	*guilty = -1;
	if (!out)
		return 0;
	for (size_t i = 0; i < s->nr; i++) {
		if (*guilty < 0 && r->function && s->frames[i].function == r->function)
			*guilty = (int64_t)i;
		fprintf(out, "%c%u", i ? ',' : '[', frame_id(p, r, &s->frames[i]));
	}
	putc(']', out);
	if (fclose(out) == 0)
		id = page_table_add(&p->stacks, data);
	free(data);
	return id;
}

/* [[title, stack, index of the guilty frame], …] */
static void put_stacks(struct decode_page *p, FILE *out, const struct decode_record *r)
{
	const char *comma = "";

	putc('[', out);
	for (size_t i = 0; i < r->nr_stacks; i++) {
		const struct decode_stack *s = &r->stacks[i];
		int64_t guilty;
		uint32_t id;
		if (!s->nr)
			continue;
		id = stack_id(p, r, s, &guilty);
		fprintf(out, "%s[%u,%u,%" PRId64 "]", comma, page_string(p, role_title(s->role)), id, guilty);
		comma = ",";
	}
	putc(']', out);
}

uint64_t page_report_variant(struct decode_page *p, const struct decode_record *r)
{
	char *data = NULL;
	size_t size;
	FILE *out = open_memstream(&data, &size);
	uint64_t h = page_string(p, r->detector);

	if (!out)
		return h;
	put_stacks(p, out, r);
	fclose(out);
	h = hash_bytes(h, data, data ? strlen(data) : 0);
	free(data);
	return h;
}

/* ---- facts ----------------------------------------------------------------------------------- */

static void put_fact(struct decode_page *p, FILE *out, const char *name, const char *value)
{
	if (value && *value)
		fprintf(out, ",%u,%u", page_string(p, name), page_string(p, value));
}

__attribute__((format(printf, 4, 5))) static void put_fact_of(struct decode_page *p, FILE *out, const char *name,
                                                              const char *format, ...)
{
	va_list args;
	char *text = NULL;

	va_start(args, format);
	if (vasprintf(&text, format, args) >= 0)
		put_fact(p, out, name, text);
	va_end(args);
	free(text);
}

static void put_access(struct decode_page *p, FILE *out, const struct decode_record *r)
{
	char size[40] = "", addr[40] = "", bytes[60] = "";

	if (!r->access && !r->have_addr)
		return;
	if (r->have_size && r->access_size)
		snprintf(size, sizeof(size), " of %" PRIu64 " bytes", r->access_size);
	if (r->have_addr)
		snprintf(addr, sizeof(addr), " at 0x%" PRIx64, r->addr);
	if (r->expected >= 0 && r->found >= 0)
		snprintf(bytes, sizeof(bytes), ", 0x%02x instead of 0x%02x", (unsigned)r->found, (unsigned)r->expected);
	put_fact_of(p, out, "access", "%s%s%s%s", r->access ? r->access : "access", size, addr, bytes);
}

static void put_facts(struct decode_page *p, FILE *out, const struct decode_record *r)
{
	char text[40] = "";

	put_fact(p, out, "reported as", r->headline);
	put_fact(p, out, "corrupted", r->corrupted);
	put_access(p, out, r);
	if (r->have_cpu)
		snprintf(text, sizeof(text), " on CPU %u", r->cpu);
	if (r->comm && !r->have_pid && !r->have_tid)
		put_fact_of(p, out, "task", "%s%s", r->comm, text);
	else if (r->comm)
		put_fact_of(p, out, "task", "%s (%u)%s", r->comm, r->have_tid ? r->tid : r->pid, text);
	else if (r->have_pid || r->have_tid)
		put_fact_of(p, out, "task", "%u%s", r->have_tid ? r->tid : r->pid, text);
	put_fact(p, out, "kernel", r->kernel);
	put_fact(p, out, "tainted", r->tainted);
	put_fact(p, out, "tags", r->tags);
	put_fact(p, out, "variable", r->place);
	put_fact(p, out, "note", r->detail);
	if (r->leak.class)
		put_fact_of(p, out, decode_is_reachable(r) ? "reachable" : "leak",
		            "%" PRIu64 " bytes in %" PRIu64 " objects", r->leak.bytes, r->leak.objects);
	if (r->file)
		put_fact_of(p, out, "log", "%s:%" PRIu64 "–%" PRIu64, decode_relative(r->file), r->first_line,
		            r->last_line);
	put_fact(p, out, "time", r->time);
}

/* ---- the object and its memory --------------------------------------------------------------- */

static void put_object(struct decode_page *p, FILE *out, const struct decode_record *r)
{
	const struct decode_object *o = &r->object;
	char addr[40] = "", size[40] = "", distance[60] = "", *text = NULL;

	if (!o->present)
		return;
	if (o->addr)
		snprintf(addr, sizeof(addr), "0x%" PRIx64, o->addr);
	if (o->size)
		snprintf(size, sizeof(size), "%s%" PRIu64 " bytes", *addr ? ", " : "", o->size);
	if (o->relation && o->have_distance)
		snprintf(distance, sizeof(distance), "; the access is %" PRIu64 " bytes ", o->distance);
	if (asprintf(&text, "%s%s%s%s%s%s%s%s%s", addr, size, o->state ? ", " : "", o->state ? o->state : "",
	             o->cache ? ", cache " : "", o->cache ? o->cache : "", distance, *distance ? o->relation : "",
	             *distance ? " it" : "") >= 0)
		fprintf(out, ",\"o\":%u", page_string(p, text));
	free(text);
}

/* The object and what lies beside it, to scale, with the access marked: [left of it, its width, freed?, its size, the
 * access, its width, its address], the widths in percent. */
static void put_bar(struct decode_page *p, FILE *out, const struct decode_record *r)
{
	const struct decode_object *o = &r->object;
	uint64_t low = o->addr, high = o->addr + o->size, at = r->have_bad ? r->bad_addr : r->addr, pad;
	char addr[40];
	double width;
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
	fprintf(out, ",\"b\":[%.2f,%.2f,%d,%" PRIu64, 100 * (double)(o->addr - low) / width,
	        100 * (double)o->size / width, o->state && strncmp(o->state, "free", 4) == 0, o->size);
	if (drawn) {
		snprintf(addr, sizeof(addr), "0x%" PRIx64, at);
		fprintf(out, ",%.2f,%.2f,%u", 100 * (double)(at - low) / width,
		        100 * (double)MIN(r->have_size && r->access_size ? r->access_size : 1, high - at) / width,
		        page_string(p, addr));
	}
	putc(']', out);
}

static char byte_class(const struct decode_record *r, uint64_t addr, uint64_t scale, uint8_t value)
{
	const struct decode_object *o = &r->object;

	if (r->have_mark && r->mark - addr < scale)
		return 'b';
	if (decode_rows_are_tags(r))
		return 'n';
	if (scale > 1)
		return value >= 0x80 ? 'o' : value ? 'p' : 'i';
	return o->present && addr >= o->addr && addr - o->addr < o->size ? 'i' : 'o';
}

/* [bytes of memory that one stands for, [address, bytes, their classes, …], [value, meaning, …]] */
static void put_rows(struct decode_page *p, FILE *out, const struct decode_record *r)
{
	uint64_t scale = r->row_scale ? r->row_scale : 1;
	bool seen[256] = { false };
	const char *comma = "";

	if (!r->nr_rows)
		return;
	fprintf(out, ",\"m\":[%" PRIu64 ",[", scale);
	for (size_t i = 0; i < r->nr_rows; i++) {
		const struct decode_row *row = &r->rows[i];
		fprintf(out, "%s\"0x%" PRIx64 "\",\"", i ? "," : "", row->addr);
		for (uint8_t k = 0; k < row->nr; k++)
			if (row->valid >> k & 1)
				fprintf(out, "%02x", row->bytes[k]);
			else
				fputs("??", out);
		fputs("\",\"", out);
		for (uint8_t k = 0; k < row->nr; k++) {
			putc(byte_class(r, row->addr + k * scale, scale, row->bytes[k]), out);
			seen[row->bytes[k]] |= row->valid >> k & 1;
		}
		putc('"', out);
	}
	fputs("],[", out);
	for (unsigned v = 0; v < 256; v++) {
		const char *meaning = seen[v] ? decode_byte_meaning(r, (uint8_t)v) : NULL;
		if (!meaning)
			continue;
		fprintf(out, "%s\"%02x\",%u", comma, v, page_string(p, meaning));
		comma = ",";
	}
	fputs("]]", out);
}

char *page_report_data(struct decode_page *p, const struct decode_record *r)
{
	char *data = NULL;
	size_t size;
	FILE *out = open_memstream(&data, &size);

	if (!out)
		return NULL;
	fputs("\"f\":[0", out);
	put_facts(p, out, r);
	fputs("],\"k\":", out);
	put_stacks(p, out, r);
	put_object(p, out, r);
	put_bar(p, out, r);
	put_rows(p, out, r);
	fclose(out);
	return data;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void put_table(FILE *out, const char *name, const struct page_table *t, bool strings)
{
	fprintf(out, "\"%s\":[", name);
	for (size_t i = 0; i < t->nr; i++) {
		fputs(i ? ",\n" : "\n", out);
		if (strings)
			put_clean_string(out, t->text[i]);
		else
			fputs(t->text[i], out);
	}
	fputs("],\n", out);
}

static void put_set(FILE *out, const char *name, const struct page_set *set)
{
	fprintf(out, ",\"%s\":[", name);
	for (size_t i = 0; i < set->nr; i++)
		fprintf(out, "%s%u", i ? "," : "", set->id[i]);
	putc(']', out);
}

static void put_bug(FILE *out, const struct page_bug *bug)
{
	fprintf(out,
	        "{\"s\":\"%016" PRIx64 "\",\"n\":%" PRIu64
	        ",\"t\":%u,\"kind\":%u,\"v\":%d,\"c\":%d,\"h\":%u,\"w\":%u,\"p\":%u",
	        bug->signature, bug->reports, bug->title, bug->kind, bug->severity, bug->corrupted, bug->help,
	        bug->file, bug->sentence);
	if (bug->seen.trend.used)
		fprintf(out, ",\"first\":%" PRId64 ",\"last\":%" PRId64, bug->seen.first, bug->seen.last);
	if (bug->leaks)
		fprintf(out, ",\"bytes\":%" PRIu64 ",\"objects\":%" PRIu64, bug->bytes, bug->objects);
	put_set(out, "d", &bug->detectors);
	put_set(out, "builds", &bug->builds);
	fputs(",\"r\":[", out);
	for (size_t i = 0; i < bug->nr_rows; i++) {
		const struct page_row *row = &bug->rows[i];
		fprintf(out, "%s[%u,%u,%u,%u,%d]", i ? "," : "", row->time, row->place, row->task, row->build,
		        row->kept == PAGE_NONE ? -1 : (int)row->kept);
	}
	fprintf(out, "],\"shown\":%zu,\"e\":[", bug->shown);
	for (size_t i = 0; i < bug->nr_kept; i++) {
		fprintf(out, "%s{%s", i ? "," : "", bug->kept[i].data ? bug->kept[i].data : "");
		/* the text of the report that the list shows stands in the page already */
		if (i != bug->shown && bug->kept[i].text) {
			char *text = NULL;
			size_t size;
			FILE *clean = open_memstream(&text, &size);
			if (clean) {
				for (const char *s = bug->kept[i].text, *end; *s; s = end + (*end == '\n')) {
					end = strchrnul(s, '\n');
					decode_put_clean(clean, s, (size_t)(end - s));
					putc('\n', clean);
				}
				fclose(clean);
				fputs(",\"x\":", out);
				put_clean_string(out, text);
			}
			free(text);
		}
		putc('}', out);
	}
	fputs("]}", out);
}

void page_data_write(const struct decode_page *p, FILE *out)
{
	putc('{', out);
	put_table(out, "strings", &p->strings, true);
	put_table(out, "sources", &p->sources, false);
	put_table(out, "frames", &p->frames, false);
	put_table(out, "stacks", &p->stacks, false);
	fputs("\"bugs\":[", out);
	for (size_t i = 0; i < p->nr_bugs; i++) {
		fputs(i ? ",\n" : "\n", out);
		put_bug(out, p->bugs[i]);
	}
	fputs("]}", out);
}
