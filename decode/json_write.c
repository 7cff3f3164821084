/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/json_write.c - writes a record as one line of JSON, schema memsan-report/1.  Every field is always there;
 * null means that nothing is known.
 * The runtime writes the same schema (reports/render_json.c).  What only the runtime knows is kept in a record's
 * extras.  Addresses are strings, because a double cannot hold them. */
#include "config.h"

#include <inttypes.h>

#include "decode/decode_internal.h"

static void put_string(FILE *out, const char *key, const char *s)
{
	fprintf(out, ",\"%s\":", key);
	decode_json_string(out, s);
}

static void put_number(FILE *out, const char *key, uint64_t value, bool known)
{
	if (known)
		fprintf(out, ",\"%s\":%" PRIu64, key, value);
	else
		fprintf(out, ",\"%s\":null", key);
}

static void put_address(FILE *out, const char *key, uint64_t value, bool known)
{
	if (known)
		fprintf(out, ",\"%s\":\"0x%" PRIx64 "\"", key, value);
	else
		fprintf(out, ",\"%s\":null", key);
}

static void put_bool(FILE *out, const char *key, bool value)
{
	fprintf(out, ",\"%s\":%s", key, value ? "true" : "false");
}

static void put_frame(FILE *out, const struct decode_frame *f)
{
	if (f->have_pc)
		fprintf(out, "{\"pc\":\"0x%" PRIx64 "\"", f->pc);
	else
		fputs("{\"pc\":null", out);
	put_string(out, "module", f->module);
	put_address(out, "offset", f->offset, f->have_offset);
	put_string(out, "build_id", f->build_id);
	put_bool(out, "unloaded", f->unloaded);
	put_string(out, "function", f->function);
	put_number(out, "function_offset", f->function_offset, f->have_function_offset);
	put_number(out, "function_size", f->function_size, f->function_size != 0);
	put_string(out, "file", f->file);
	put_number(out, "line", f->line, f->line != 0);
	put_number(out, "column", f->column, f->column != 0);
	put_bool(out, "inlined", f->inlined);
	put_bool(out, "exact", f->exact);
	put_bool(out, "unreliable", f->unreliable);
	putc('}', out);
}

static void put_stacks(FILE *out, const struct decode_record *r)
{
	fputs(",\"stacks\":[", out);
	for (size_t i = 0; i < r->nr_stacks; i++) {
		const struct decode_stack *s = &r->stacks[i];
		fprintf(out, "%s{\"role\":", i ? "," : "");
		decode_json_string(out, s->role);
		put_string(out, "thread", s->thread);
		put_number(out, "tid", s->tid, s->have_tid);
		put_number(out, "age_ms", s->age_ms, s->have_age);
		fputs(",\"frames\":[", out);
		for (size_t k = 0; k < s->nr; k++) {
			if (k)
				putc(',', out);
			put_frame(out, &s->frames[k]);
		}
		putc(']', out);
		put_number(out, "skipped_at", s->skipped_at, s->skipped != 0);
		put_number(out, "skipped", s->skipped, true);
		put_number(out, "left_out", s->left_out, true);
		put_bool(out, "truncated", s->truncated);
		putc('}', out);
	}
	putc(']', out);
}

static void put_access(FILE *out, const struct decode_record *r)
{
	if (!r->access && !r->have_addr) {
		fputs(",\"access\":null", out);
		return;
	}
	fputs(",\"access\":{\"type\":", out);
	decode_json_string(out, r->access);
	put_address(out, "addr", r->addr, r->have_addr);
	put_number(out, "size", r->access_size, r->have_size);
	put_address(out, "bad", r->bad_addr, r->have_bad);
	put_string(out, "found_at", r->found_at);
	put_string(out, "entry", r->entry);
	put_number(out, "expected", (uint64_t)r->expected, r->expected >= 0);
	put_number(out, "found", (uint64_t)r->found, r->found >= 0);
	putc('}', out);
}

static void put_object(FILE *out, const struct decode_record *r)
{
	const struct decode_object *o = &r->object;

	if (!o->present) {
		fputs(",\"object\":null", out);
		return;
	}
	if (o->addr)
		fprintf(out, ",\"object\":{\"addr\":\"0x%" PRIx64 "\"", o->addr);
	else
		fputs(",\"object\":{\"addr\":null", out);
	put_number(out, "size", o->size, o->size != 0);
	put_string(out, "cache", o->cache);
	put_number(out, "cache_size", o->cache_size, o->cache_size != 0);
	put_string(out, "state", o->state);
	put_string(out, "allocated_by", o->allocated_by);
	put_address(out, "slot_addr", o->slot_addr, o->slot_size != 0);
	put_number(out, "slot_size", o->slot_size, o->slot_size != 0);
	put_string(out, "relation", o->relation);
	put_number(out, "distance", o->distance, o->have_distance);
	putc('}', out);
}

static void put_bytes(FILE *out, const struct decode_row *row)
{
	for (uint8_t k = 0; k < row->nr; k++)
		if (row->valid >> k & 1)
			fprintf(out, "%02x", row->bytes[k]);
		else
			fputs("??", out);
}

/* The bytes of all rows, if each row begins where the one before ends. */
static void put_run(FILE *out, const struct decode_record *r, uint32_t scale)
{
	for (size_t i = 1; i < r->nr_rows; i++)
		if (r->rows[i].addr != r->rows[i - 1].addr + (uint64_t)r->rows[i - 1].nr * scale) {
			fputs(",\"bytes\":null", out);
			return;
		}
	fputs(",\"bytes\":\"", out);
	for (size_t i = 0; i < r->nr_rows; i++)
		put_bytes(out, &r->rows[i]);
	putc('"', out);
}

static void put_memory(FILE *out, const struct decode_record *r)
{
	uint32_t scale = r->row_scale ? r->row_scale : 1;

	if (!r->nr_rows) {
		fputs(",\"memory\":null", out);
		return;
	}
	fprintf(out, ",\"memory\":{\"addr\":\"0x%" PRIx64 "\"", r->rows[0].addr);
	put_address(out, "mark", r->mark, r->have_mark);
	put_number(out, "scale", scale, true);
	put_run(out, r, scale);
	fputs(",\"rows\":[", out);
	for (size_t i = 0; i < r->nr_rows; i++) {
		const struct decode_row *row = &r->rows[i];
		const char *label = row->label == 'o'   ? "object"
		                    : row->label == 'r' ? "redzone"
		                    : row->label == 'b' ? "before"
		                    : row->label == 'p' ? "padding"
		                    : row->label == 's' ? "shadow"
		                                        : "memory";
		fprintf(out, "%s{\"addr\":\"0x%" PRIx64 "\",\"part\":\"%s\",\"bytes\":\"", i ? "," : "", row->addr,
		        label);
		put_bytes(out, row);
		fputs("\"}", out);
	}
	fputs("]}", out);
}

static void put_leak(FILE *out, const struct decode_record *r)
{
	if (!r->leak.class) {
		fputs(",\"leak\":null", out);
		return;
	}
	fputs(",\"leak\":{\"class\":", out);
	decode_json_string(out, r->leak.class);
	put_number(out, "objects", r->leak.objects, true);
	put_number(out, "bytes", r->leak.bytes, true);
	put_number(out, "held_objects", r->leak.held_objects, true);
	put_number(out, "held_bytes", r->leak.held_bytes, true);
	putc('}', out);
}

static void put_identity(FILE *out, const struct decode_record *r)
{
	fputs("{\"schema\":\"memsan-report/1\"", out);
	put_number(out, "sequence", r->sequence, r->have_sequence);
	put_string(out, "kind", r->kind);
	put_string(out, "detector", r->detector);
	put_string(out, "title", r->title);
	put_string(out, "headline", r->headline);
	put_string(out, "function", r->function);
	put_string(out, "function_module", r->function_module);
	fprintf(out, ",\"signature\":\"%016" PRIx64 "\"", r->signature);
	put_number(out, "count", r->count, true);
	put_string(out, "corrupted", r->corrupted);
	put_string(out, "detail", r->detail);
}

static void put_where(FILE *out, const struct decode_record *r)
{
	fputs(",\"process\":{\"pid\":", out);
	if (r->have_pid)
		fprintf(out, "%u", r->pid);
	else
		fputs("null", out);
	put_number(out, "tid", r->tid, r->have_tid);
	put_string(out, "comm", r->comm);
	put_string(out, "exe", r->exe);
	put_number(out, "cpu", r->cpu, r->have_cpu);
	putc('}', out);
	put_string(out, "kernel", r->kernel);
	put_string(out, "tainted", r->tainted);
	put_string(out, "tags", r->tags);
	put_address(out, "kaslr_offset", r->kaslr, r->have_kaslr);
	fputs(",\"log\":{\"file\":", out);
	decode_json_string(out, r->file);
	put_number(out, "first_line", r->first_line, r->first_line != 0);
	put_number(out, "last_line", r->last_line, r->first_line != 0);
	put_string(out, "time", r->time);
	putc('}', out);
}

/* A date in the form of RFC 3339. */
static void put_date(FILE *out, const char *name, int64_t seconds)
{
	char text[60];

	decode_time_write(text, sizeof(text), seconds);
	if (strlen(text) > 10)
		text[10] = 'T';
	fprintf(out, "\"%s\":\"%sZ\"", name, text);
}

static void put_history(FILE *out, const struct decode_history *h)
{
	const struct decode_trend *t = &h->seen.trend;
	int last = TREND_BUCKETS - 1;

	fputs(",\"history\":{\"builds\":[", out);
	for (size_t i = 0; i < h->nr_builds; i++) {
		fputs(i ? "," : "", out);
		decode_json_string(out, h->builds[i]);
	}
	putc(']', out);
	if (t->used) {
		putc(',', out);
		put_date(out, "first", h->seen.first);
		putc(',', out);
		put_date(out, "last", h->seen.last);
		fputs(",\"trend\":{", out);
		put_date(out, "from", (int64_t)((uint64_t)t->base << t->shift));
		fprintf(out, ",\"seconds\":%" PRIu64 ",\"counts\":[", UINT64_C(1) << t->shift);
		while (last > 0 && !t->count[last])
			last--;
		for (int i = 0; i <= last; i++)
			fprintf(out, "%s%" PRIu64, i ? "," : "", t->count[i]);
		fputs("]}", out);
	}
	putc('}', out);
}

void decode_json_write(FILE *out, const struct decode_record *r)
{
	put_identity(out, r);
	put_where(out, r);
	put_access(out, r);
	put_stacks(out, r);
	put_object(out, r);
	put_string(out, "place", r->place);
	put_memory(out, r);
	put_leak(out, r);
	if (r->history)
		put_history(out, r->history);
	for (size_t i = 0; i < r->nr_extras; i++)
		fprintf(out, ",\"%s\":%s", r->extras[i].key, r->extras[i].json);
	fputs("}\n", out);
}
