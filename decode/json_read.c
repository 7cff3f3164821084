/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/json_read.c - reads a line of memsan-report/1, the runtime's or `memsan decode --format=json`'s, or a line of
 * `memsan leak --growth --format=json`, into a record.
 * Nothing is trusted.  A member of a wrong type counts as missing, and lists have the limits that those of a log
 * have.  Members for which a record has no field are kept as JSON if the schema knows them. */
#include "config.h"

#include <inttypes.h>
#include <json-c/json.h>

#include "decode/decode_internal.h"

#define JSON_DEPTH 16

static json_object *member(json_object *o, const char *key, enum json_type type)
{
	json_object *found = NULL;

	if (!json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, key, &found) ||
	    !json_object_is_type(found, type))
		return NULL;
	return found;
}

static const char *get_string(struct decode_record *r, json_object *o, const char *key)
{
	json_object *s = member(o, key, json_type_string);

	return s ? decode_record_string(r, json_object_get_string(s), (size_t)json_object_get_string_len(s)) : NULL;
}

static bool get_number(json_object *o, const char *key, uint64_t *value)
{
	json_object *n = member(o, key, json_type_int);

	if (!n)
		return false;
	*value = json_object_get_uint64(n);
	return true;
}

static bool get_u32(json_object *o, const char *key, uint32_t *value)
{
	uint64_t wide;

	if (!get_number(o, key, &wide) || wide > UINT32_MAX)
		return false;
	*value = (uint32_t)wide;
	return true;
}

static bool get_address(json_object *o, const char *key, uint64_t *value)
{
	json_object *s = member(o, key, json_type_string);
	const char *end = s ? decode_hex(json_object_get_string(s), value) : NULL;

	return end && !*end;
}

static bool get_bool(json_object *o, const char *key)
{
	json_object *b = member(o, key, json_type_boolean);

	return b && json_object_get_boolean(b);
}

static void read_frame(struct decode_record *r, struct decode_stack *s, json_object *o)
{
	struct decode_frame *f = decode_stack_frame(r, s);

	if (!f)
		return;
	f->at_line = DECODE_NONE;
	f->have_pc = get_address(o, "pc", &f->pc);
	f->module = get_string(r, o, "module");
	f->have_offset = get_address(o, "offset", &f->offset);
	f->build_id = get_string(r, o, "build_id");
	f->function = get_string(r, o, "function");
	f->have_function_offset = get_number(o, "function_offset", &f->function_offset);
	get_number(o, "function_size", &f->function_size);
	f->file = get_string(r, o, "file");
	get_u32(o, "line", &f->line);
	get_u32(o, "column", &f->column);
	f->inlined = get_bool(o, "inlined");
	f->exact = get_bool(o, "exact");
	f->unreliable = get_bool(o, "unreliable");
	f->unloaded = get_bool(o, "unloaded");
}

static void read_stacks(struct decode_record *r, json_object *root)
{
	json_object *stacks = member(root, "stacks", json_type_array);
	size_t nr = stacks ? json_object_array_length(stacks) : 0;

	for (size_t i = 0; i < nr; i++) {
		json_object *o = json_object_array_get_idx(stacks, i), *frames = member(o, "frames", json_type_array);
		const char *role = get_string(r, o, "role");
		struct decode_stack *s = decode_record_stack(r, role ? role : "access");
		if (!s)
			return;
		s->thread = get_string(r, o, "thread");
		s->have_tid = get_u32(o, "tid", &s->tid);
		s->have_age = get_number(o, "age_ms", &s->age_ms);
		s->truncated = get_bool(o, "truncated");
		get_u32(o, "skipped_at", &s->skipped_at);
		get_u32(o, "skipped", &s->skipped);
		get_u32(o, "left_out", &s->left_out);
		for (size_t k = 0; frames && k < json_object_array_length(frames); k++)
			read_frame(r, s, json_object_array_get_idx(frames, k));
	}
}

static void read_access(struct decode_record *r, json_object *root)
{
	json_object *o = member(root, "access", json_type_object);
	uint64_t byte;

	r->access = get_string(r, o, "type");
	r->have_addr = get_address(o, "addr", &r->addr);
	r->have_size = get_number(o, "size", &r->access_size);
	r->have_bad = get_address(o, "bad", &r->bad_addr);
	r->found_at = get_string(r, o, "found_at");
	r->entry = get_string(r, o, "entry");
	if (get_number(o, "expected", &byte))
		r->expected = (int32_t)(byte & 0xff);
	if (get_number(o, "found", &byte))
		r->found = (int32_t)(byte & 0xff);
}

static void read_object(struct decode_record *r, json_object *root)
{
	json_object *o = member(root, "object", json_type_object);
	struct decode_object *to = &r->object;

	to->present = o != NULL;
	get_address(o, "addr", &to->addr);
	get_number(o, "size", &to->size);
	to->cache = get_string(r, o, "cache");
	get_number(o, "cache_size", &to->cache_size);
	to->state = get_string(r, o, "state");
	to->allocated_by = get_string(r, o, "allocated_by");
	get_address(o, "slot_addr", &to->slot_addr);
	get_number(o, "slot_size", &to->slot_size);
	to->relation = get_string(r, o, "relation");
	to->have_distance = get_number(o, "distance", &to->distance);
}

/* Two digits for each byte, "??" where a byte could not be read. */
static void read_bytes(struct decode_record *r, uint64_t addr, const char *hex, char label)
{
	uint32_t scale = r->row_scale ? r->row_scale : 1;
	struct decode_row *row = NULL;

	for (; hex[0] && hex[1]; hex += 2) {
		int high = number_digit(hex[0]), low = number_digit(hex[1]);
		if (!row || row->nr == 16) {
			addr += row ? (uint64_t)row->nr * scale : 0;
			if (!(row = decode_record_row(r)))
				return;
			row->addr = addr;
			row->label = label;
		}
		if (high >= 0 && low >= 0) {
			row->valid |= 1u << row->nr;
			row->bytes[row->nr] = (uint8_t)(high << 4 | low);
		}
		row->nr++;
	}
}

static char part_label(const char *part)
{
	return !part ? 'm' : strcmp(part, "memory") == 0 ? 'm' : part[0];
}

static void read_memory(struct decode_record *r, json_object *root)
{
	json_object *o = member(root, "memory", json_type_object), *rows = member(o, "rows", json_type_array);
	json_object *bytes = member(o, "bytes", json_type_string);
	uint64_t addr = 0;

	get_u32(o, "scale", &r->row_scale);
	r->have_mark = get_address(o, "mark", &r->mark);
	if (bytes && !rows && get_address(o, "addr", &addr))
		read_bytes(r, addr, json_object_get_string(bytes), 'm');
	for (size_t i = 0; rows && i < json_object_array_length(rows); i++) {
		json_object *row = json_object_array_get_idx(rows, i);
		bytes = member(row, "bytes", json_type_string);
		if (bytes && get_address(row, "addr", &addr))
			read_bytes(r, addr, json_object_get_string(bytes), part_label(get_string(r, row, "part")));
	}
}

static void read_leak(struct decode_record *r, json_object *root)
{
	json_object *o = member(root, "leak", json_type_object);

	r->leak.class = get_string(r, o, "class");
	get_number(o, "objects", &r->leak.objects);
	get_number(o, "bytes", &r->leak.bytes);
	get_number(o, "held_objects", &r->leak.held_objects);
	get_number(o, "held_bytes", &r->leak.held_bytes);
}

static bool get_date(json_object *o, const char *name, int64_t *seconds)
{
	json_object *s = member(o, name, json_type_string);

	return s && decode_time_read(json_object_get_string(s), seconds);
}

static bool read_trend(json_object *o, struct decode_trend *t)
{
	json_object *counts = member(o, "counts", json_type_array);
	uint64_t seconds;
	int64_t from;

	if (!counts || !get_date(o, "from", &from) || !get_number(o, "seconds", &seconds) || !seconds)
		return false;
	t->shift = (uint32_t)__builtin_ctzll(seconds);
	if (seconds != UINT64_C(1) << t->shift || t->shift > 40)
		return false;
	for (size_t i = 0; i < json_object_array_length(counts) && i < TREND_BUCKETS; i++) {
		int64_t n = json_object_get_int64(json_object_array_get_idx(counts, i));
		if (n > 0)
			decode_trend_add(t, from + (int64_t)(i * seconds), (uint64_t)n);
	}
	return t->used;
}

/* The history of a record of memsan report merge. */
static void read_history(struct decode_record *r, json_object *root)
{
	json_object *o = member(root, "history", json_type_object), *builds = member(o, "builds", json_type_array);
	struct decode_history *h = o ? region_alloc(&r->region, sizeof(*h)) : NULL;
	size_t nr = builds ? MIN(json_object_array_length(builds), (size_t)DECODE_BUILDS_MAX) : 0;

	if (!h || !(h->builds = region_alloc(&r->region, (nr + 1) * sizeof(*h->builds))))
		return;
	for (size_t i = 0; i < nr; i++) {
		json_object *name = json_object_array_get_idx(builds, i);
		const char *text = json_object_is_type(name, json_type_string) ? json_object_get_string(name) : NULL;
		if (text && (h->builds[h->nr_builds] = decode_record_string(r, text, strlen(text))) != NULL)
			h->nr_builds++;
	}
	if (!get_date(o, "first", &h->seen.first) || !get_date(o, "last", &h->seen.last) ||
	    !read_trend(member(o, "trend", json_type_object), &h->seen.trend))
		memset(&h->seen, 0, sizeof(h->seen));
	r->history = h;
}

static void read_process(struct decode_record *r, json_object *root)
{
	json_object *o = member(root, "process", json_type_object), *log = member(root, "log", json_type_object);

	r->have_pid = get_u32(o, "pid", &r->pid);
	r->have_tid = get_u32(o, "tid", &r->tid);
	r->have_cpu = get_u32(o, "cpu", &r->cpu);
	r->comm = get_string(r, o, "comm");
	r->exe = get_string(r, o, "exe");
	r->file = get_string(r, log, "file");
	r->time = get_string(r, log, "time");
	get_number(log, "first_line", &r->first_line);
	get_number(log, "last_line", &r->last_line);
	r->kernel = get_string(r, root, "kernel");
	r->tainted = get_string(r, root, "tainted");
	r->tags = get_string(r, root, "tags");
	r->have_kaslr = get_address(root, "kaslr_offset", &r->kaslr);
}

static void read_extras(struct decode_record *r, json_object *root)
{
	static const char *const keys[] = { "class", "component", "explanation", "time_ms",
		                            "fault", "notes",     "next",        "summary" };
	json_object *o;

	r->extras = region_alloc(&r->region, ARRAY_SIZE(keys) * sizeof(*r->extras));
	for (size_t i = 0; r->extras && i < ARRAY_SIZE(keys); i++)
		if (json_object_object_get_ex(root, keys[i], &o)) {
			const char *text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
			                                                             JSON_C_TO_STRING_NOSLASHESCAPE);
			struct decode_extra *e = &r->extras[r->nr_extras];
			e->key = keys[i];
			e->json = text ? decode_record_string(r, text, strlen(text)) : NULL;
			r->nr_extras += e->json != NULL;
		}
}

/* A line of memsan leak --growth: a place that holds more than before, lost or not. */
static struct decode_record *read_growth(json_object *root)
{
	struct decode_record *r = decode_record_new();
	uint64_t bytes = 0, objects = 0, bytes_before = 0, objects_before = 0;
	const char *cache;

	if (!r)
		return NULL;
	r->detector = "memsan";
	r->kind = DECODE_GROWTH;
	r->count = 1;
	get_number(root, "bytes", &bytes);
	get_number(root, "objects", &objects);
	get_number(root, "bytes_before", &bytes_before);
	get_number(root, "objects_before", &objects_before);
	cache = get_string(r, root, "cache");
	r->detail = decode_record_format(
		r, "%" PRIu64 " bytes in %" PRIu64 " objects before, %" PRIu64 " in %" PRIu64 " now%s%.100s",
		bytes_before, objects_before, bytes, objects, cache && *cache ? ", in the cache " : "",
		cache ? cache : "");
	read_stacks(r, root);
	decode_record_name(r);
	return r;
}

static struct decode_record *read_record(json_object *root, const char **why)
{
	json_object *schema = member(root, "schema", json_type_string);
	struct decode_record *r;

	*why = "it is no memsan-report/1";
	if (schema && strcmp(json_object_get_string(schema), "memsan-growth/1") == 0)
		return read_growth(root);
	if (!schema || strcmp(json_object_get_string(schema), "memsan-report/1") != 0 || !(r = decode_record_new()))
		return NULL;
	r->detector = get_string(r, root, "detector");
	r->kind = get_string(r, root, "kind");
	r->headline = get_string(r, root, "headline");
	r->corrupted = get_string(r, root, "corrupted");
	r->detail = get_string(r, root, "detail");
	r->place = get_string(r, root, "place");
	r->have_sequence = get_number(root, "sequence", &r->sequence);
	if (!get_number(root, "count", &r->count) || !r->count)
		r->count = 1;
	/* used when the record has no stack to name the function */
	r->title_function = get_string(r, root, "function");
	r->title_module = get_string(r, root, "function_module");
	read_process(r, root);
	read_access(r, root);
	read_stacks(r, root);
	read_object(r, root);
	read_memory(r, root);
	read_leak(r, root);
	read_history(r, root);
	read_extras(r, root);
	decode_record_name(r);
	return r;
}

struct decode_record *decode_json_read(const char *line, size_t len, const char **why)
{
	json_tokener *tok = json_tokener_new_ex(JSON_DEPTH);
	struct decode_record *r = NULL;
	json_object *root;

	*why = "out of memory";
	if (!tok)
		return NULL;
	root = len < INT32_MAX ? json_tokener_parse_ex(tok, line, (int)len) : NULL;
	*why = "it is no JSON";
	if (root)
		r = read_record(root, why);
	json_object_put(root);
	json_tokener_free(tok);
	return r;
}
