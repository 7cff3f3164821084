/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/render_json.c - a report as one line of JSON, schema memsan-report/1.
 * Addresses are strings, because a double cannot hold them; counts are numbers; null means not known.  No field is
 * left out but "leak", which only reports of leaks have.  The object is always complete: without room for all frames,
 * stacks are cut, and say so ("left_out"). */
#include "config.h"

#include "reports/reports_internal.h"

#define JSON_STRING_MAX 1024   /* bytes that are kept of a string */
#define JSON_NAME_MAX 32768    /* of a function's name: with templates it may be long */
#define JSON_TAIL (48u * 1024) /* room for the fields behind the stacks */

static void put_key(struct fmt_buf *b, const char *key)
{
	char last = b->len ? b->data[b->len - 1] : '{';
	fmt_printf(b, last == '{' || last == '[' ? "\"%s\":" : ",\"%s\":", key);
}

static void put_string(struct fmt_buf *b, const char *key, const char *s)
{
	put_key(b, key);
	if (s)
		fmt_json_string(b, s, JSON_STRING_MAX);
	else
		fmt_printf(b, "null");
}

/* In a record, the empty string means "not known". */
static void put_field(struct fmt_buf *b, const char *key, const struct report_record *r, uint32_t offset)
{
	put_string(b, key, offset ? report_str(r, offset) : NULL);
}

static void put_address(struct fmt_buf *b, const char *key, uint64_t value)
{
	put_key(b, key);
	fmt_printf(b, "\"0x%llx\"", (unsigned long long)value);
}

static void put_number(struct fmt_buf *b, const char *key, uint64_t value)
{
	put_key(b, key);
	fmt_printf(b, "%llu", (unsigned long long)value);
}

static void put_known_number(struct fmt_buf *b, const char *key, uint64_t value, bool known)
{
	if (known) {
		put_number(b, key, value);
	} else {
		put_key(b, key);
		fmt_printf(b, "null");
	}
}

static void put_bool(struct fmt_buf *b, const char *key, bool value)
{
	put_key(b, key);
	fmt_printf(b, value ? "true" : "false");
}

static void put_access(struct fmt_buf *b, const struct report_record *r)
{
	put_key(b, "access");
	fmt_printf(b, "{");
	put_string(b, "type", report_access_name(r->access));
	if (r->fault.no_addr)
		put_string(b, "addr", NULL);
	else
		put_address(b, "addr", r->addr);
	put_number(b, "size", r->access_size);
	if (r->bad_addr)
		put_address(b, "bad", r->bad_addr);
	else
		put_string(b, "bad", NULL);
	put_field(b, "found_at", r, r->found_at);
	put_field(b, "entry", r, r->entry);
	put_known_number(b, "expected", r->expected, r->expected != r->found);
	put_known_number(b, "found", r->found, r->expected != r->found);
	fmt_printf(b, "}");
}

/* Writes a JSON frame for each symbol.  Inlined functions have the pc of the function that they are inlined into. */
static void put_symbol(struct fmt_buf *b, const struct report_record *r, const struct report_frame *f,
                       const struct report_symbol *s)
{
	const struct report_module *m = report_frame_module(r, f);
	bool placed = s && s->function && !s->inlined;

	fmt_printf(b, b->data[b->len - 1] == '[' ? "{" : ",{");
	put_address(b, "pc", f->pc);
	put_string(b, "module", m ? report_str(r, m->path) : NULL);
	if (m)
		put_address(b, "offset", f->pc - m->bias);
	else
		put_string(b, "offset", NULL);
	put_key(b, "build_id");
	if (m && m->build_id_len) {
		fmt_printf(b, "\"");
		report_put_build_id(b, m);
		fmt_printf(b, "\"");
	} else {
		fmt_printf(b, "null");
	}
	put_bool(b, "unloaded", m && m->unloaded);
	put_key(b, "function");
	if (s && s->function)
		fmt_json_string(b, s->function, JSON_NAME_MAX);
	else
		fmt_printf(b, "null");
	put_known_number(b, "function_offset", placed ? s->offset : 0, placed);
	put_known_number(b, "function_size", placed ? s->size : 0, placed && s->size);
	put_string(b, "file", s ? s->file : NULL);
	put_known_number(b, "line", s ? s->line : 0, s && s->file && s->line);
	put_known_number(b, "column", s ? s->column : 0, s && s->file && s->column);
	put_bool(b, "inlined", s && s->inlined);
	put_bool(b, "exact", f->exact);
	fmt_printf(b, "}");
}

static void put_frame(struct fmt_buf *b, const struct report_record *r, const struct report_frame *f,
                      const struct report_symbols *symbols)
{
	size_t n;
	const struct report_symbol *found = symbols->frame(symbols->ctx, r, f, &n);

	if (!n)
		put_symbol(b, r, f, NULL);
	for (size_t i = 0; i < n; i++)
		put_symbol(b, r, f, &found[i]);
}

static void put_stack(struct fmt_buf *b, const struct report_record *r, const struct report_stack *s,
                      const struct report_symbols *symbols, size_t limit)
{
	uint32_t i;

	fmt_printf(b, b->data[b->len - 1] == '[' ? "{" : ",{");
	put_string(b, "role", report_role_name(s->role));
	put_string(b, "thread", s->tid ? s->thread_name : NULL);
	put_known_number(b, "tid", s->tid, s->tid);
	put_known_number(b, "age_ms", s->age_ms, s->age_ms != REPORT_AGE_UNKNOWN);
	put_key(b, "frames");
	fmt_printf(b, "[");
	for (i = 0; i < s->nr_frames; i++) {
		size_t mark = b->len;
		put_frame(b, r, &s->frames[i], symbols);
		if (b->len > limit || b->truncated) {
			report_rewind(b, mark);
			break;
		}
	}
	fmt_printf(b, "]");
	put_known_number(b, "skipped_at", s->skipped_at, s->skipped);
	put_number(b, "skipped", s->skipped);
	put_number(b, "left_out", s->nr_frames - i);
	put_bool(b, "truncated", s->truncated || i < s->nr_frames);
	fmt_printf(b, "}");
}

static void put_stacks(struct fmt_buf *b, const struct report_record *r, const struct report_symbols *symbols)
{
	put_key(b, "stacks");
	fmt_printf(b, "[");
	for (uint32_t i = 0; i < r->nr_stacks; i++)
		put_stack(b, r, &r->stacks[i], symbols, report_stack_limit(b, JSON_TAIL, r->nr_stacks - i));
	fmt_printf(b, "]");
}

static void put_object(struct fmt_buf *b, const struct report_record *r)
{
	uint64_t distance;
	const char *relation;

	put_key(b, "object");
	if (!r->have_object) {
		fmt_printf(b, "null");
		return;
	}
	relation = report_relation(r, &distance);
	fmt_printf(b, "{");
	put_address(b, "addr", r->obj_addr);
	put_number(b, "size", r->obj_size);
	put_field(b, "cache", r, r->obj_cache);
	put_number(b, "cache_size", r->obj_cache_size);
	put_string(b, "state", report_state_name(r->obj_state));
	put_field(b, "allocated_by", r, r->obj_api);
	put_address(b, "slot_addr", r->slot_addr);
	put_number(b, "slot_size", r->slot_size);
	put_string(b, "relation", relation);
	put_number(b, "distance", distance);
	fmt_printf(b, "}");
}

/* Two hexadecimal digits for each byte, "??" where a byte could not be read. */
static void put_memory(struct fmt_buf *b, const struct report_record *r)
{
	uint8_t byte;

	put_key(b, "memory");
	if (!r->memory_len) {
		fmt_printf(b, "null");
		return;
	}
	fmt_printf(b, "{");
	put_address(b, "addr", r->memory_addr);
	put_address(b, "mark", r->memory_mark);
	put_number(b, "scale", r->memory_scale ? r->memory_scale : 1);
	put_key(b, "bytes");
	fmt_printf(b, "\"");
	for (size_t i = 0; i < r->memory_len; i++) {
		if (report_memory_byte(r, i, &byte))
			fmt_printf(b, "%02x", byte);
		else
			fmt_printf(b, "??");
	}
	fmt_printf(b, "\"");
	put_field(b, "legend", r, r->legend);
	fmt_printf(b, "}");
}

/* Only in reports of leaks. */
static void put_leak(struct fmt_buf *b, const struct report_record *r)
{
	if (!r->leak_class)
		return;
	put_key(b, "leak");
	fmt_printf(b, "{");
	put_field(b, "class", r, r->leak_class);
	put_number(b, "objects", r->leak_count);
	put_number(b, "bytes", r->leak_bytes);
	put_number(b, "held_objects", r->leak_held_count);
	put_number(b, "held_bytes", r->leak_held_bytes);
	fmt_printf(b, "}");
}

/* What the user can do to learn more. */
static void put_next(struct fmt_buf *b, const struct report_record *r)
{
	const char *text = report_str(r, r->next_commands), *newline;
	char sentence[800];
	struct fmt_buf next;

	put_key(b, "next");
	if (!r->next) {
		fmt_printf(b, "null");
		return;
	}
	fmt_printf(b, "{");
	fmt_init(&next, sentence, sizeof(sentence));
	report_put_next(&next, r);
	put_string(b, "text", sentence);
	put_key(b, "commands");
	fmt_printf(b, "[");
	for (; *text && (newline = str_char(text, '\n')) != NULL; text = newline + 1) {
		fmt_printf(b, b->data[b->len - 1] == '[' ? "" : ",");
		fmt_json_string(b, text, (size_t)(newline - text));
	}
	fmt_printf(b, "]}");
}

static void put_notes(struct fmt_buf *b, const struct report_record *r, const struct report_symbols *symbols)
{
	put_key(b, "notes");
	fmt_printf(b, "[");
	for (uint32_t i = 0; symbols->note && i < r->nr_modules && b->size - b->len > 16384; i++) {
		const char *note = symbols->note(symbols->ctx, r, i);
		if (!note)
			continue;
		fmt_printf(b, b->data[b->len - 1] == '[' ? "{" : ",{");
		put_field(b, "module", r, r->modules[i].path);
		put_string(b, "note", note);
		fmt_printf(b, "}");
	}
	fmt_printf(b, "]");
}

static void put_identity(struct fmt_buf *b, const struct report_record *r, const struct report_symbols *symbols)
{
	/* The runtime's stack may be small, so the title is made at the far end of the buffer, which is not used
	 * yet. */
	char *title = b->data + b->size - 2048;
	struct fmt_buf t;

	fmt_init(&t, title, 2048);
	report_title(&t, r, symbols);
	put_string(b, "schema", "memsan-report/1");
	put_number(b, "sequence", r->sequence);
	put_string(b, "kind", report_kind_name(r->kind));
	put_string(b, "class", report_kind_class(r->kind));
	put_string(b, "detector", "memsan");
	put_field(b, "component", r, r->component);
	put_string(b, "title", title);
	fmt_init(&t, title, 2048);
	report_summary_line(&t, r, symbols);
	put_string(b, "summary", title);
	put_string(b, "explanation", report_kind_text(r->kind));
	put_field(b, "detail", r, r->detail);
}

static void put_process(struct fmt_buf *b, const struct report_record *r)
{
	put_key(b, "process");
	fmt_printf(b, "{");
	put_number(b, "pid", r->pid);
	put_number(b, "tid", r->tid);
	put_field(b, "comm", r, r->comm);
	put_field(b, "exe", r, r->exe);
	fmt_printf(b, "}");
	put_number(b, "time_ms", r->time_ms);
}

size_t report_render_json(const struct report_record *r, const struct report_symbols *symbols, char *buf, size_t size)
{
	struct fmt_buf b;

	fmt_init(&b, buf, size);
	fmt_printf(&b, "{");
	put_identity(&b, r, symbols);
	put_process(&b, r);
	put_access(&b, r);
	put_key(&b, "fault");
	report_put_fault_json(&b, r);
	put_stacks(&b, r, symbols);
	put_object(&b, r);
	put_field(&b, "place", r, r->place);
	put_memory(&b, r);
	put_leak(&b, r);
	put_next(&b, r);
	put_notes(&b, r, symbols);
	fmt_printf(&b, "}\n");
	return b.len;
}
