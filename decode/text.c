/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/text.c - a record for people: in KASAN's layout, or on one line.
 * A kernel's or memsan's report is printed as it was logged, without the loggers' prefixes, so nothing is lost for
 * which the record has no field.  Its frames are completed with functions, files and lines.  Reports of other layouts
 * are built in KASAN's layout from the record. */
#include "config.h"

#include <inttypes.h>

#include "decode/decode_internal.h"

#define RULE "=================================================================="
#define BOLD "\033[1m"
#define RED "\033[31m"
#define GREEN "\033[32m"
#define BLUE "\033[36m"
#define PLAIN "\033[0m"

struct text {
	FILE *out;
	const struct decode_record *r;
	const struct decode_text_options *options;
};

static const char *colour(const struct text *t, const char *code)
{
	return t->options->colour ? code : "";
}

static void put_text(const struct text *t, const char *s)
{
	decode_put_clean(t->out, s, strlen(s));
}

/* A function's name as people say it. */
static void put_function(const struct text *t, const char *name)
{
	char shorter[1100];
	struct fmt_buf b;

	fmt_init(&b, shorter, sizeof(shorter));
	report_put_short_name(&b, name);
	put_text(t, shorter);
}

/* ---- frames ---------------------------------------------------------------------------------- */

static void put_location(const struct text *t, const struct decode_frame *f)
{
	if (!f->file)
		return;
	fprintf(t->out, " at %s", colour(t, GREEN));
	put_text(t, f->file);
	if (f->line)
		fprintf(t->out, ":%u", f->line);
	if (f->line && f->column)
		fprintf(t->out, ":%u", f->column);
	fputs(colour(t, PLAIN), t->out);
}

/* "func+0x1/0x2 [mod] at a.c:3", "func at a.c:3 (inlined)", "prog+0x12 (BuildId …)" */
static void put_place(const struct text *t, const struct decode_frame *f)
{
	bool guilty = t->r->function && f->function == t->r->function;

	if (f->unreliable)
		fputs("? ", t->out);
	if (!f->function) {
		if (f->module && f->have_offset) {
			put_text(t, path_base(f->module));
			fprintf(t->out, "+0x%" PRIx64, f->offset);
		} else {
			fprintf(t->out, "0x%" PRIx64, f->pc);
		}
		if (f->build_id)
			fprintf(t->out, " (BuildId %s)", f->build_id);
	} else {
		fputs(guilty ? colour(t, BOLD) : "", t->out);
		put_function(t, f->function);
		fputs(guilty ? colour(t, PLAIN) : "", t->out);
		if (f->have_function_offset && !f->inlined) {
			fprintf(t->out, "+0x%" PRIx64, f->function_offset);
			if (f->function_size)
				fprintf(t->out, "/0x%" PRIx64, f->function_size);
		}
		if (f->module && !f->inlined && strcmp(f->module, "vmlinux") != 0) {
			fputs(" [", t->out);
			put_text(t, path_base(f->module));
			putc(']', t->out);
		}
	}
	put_location(t, f);
	if (f->inlined)
		fputs(" (inlined)", t->out);
	if (f->unloaded)
		fputs(" (unloaded)", t->out);
}

static void put_source(const struct text *t, const struct decode_frame *f)
{
	if (t->options->source && f->file && f->line)
		decode_source_write(t->out, f->file, f->line, colour(t, BLUE), colour(t, PLAIN));
}

static void put_frame(const struct text *t, const struct decode_frame *f, const char *indent, size_t len)
{
	decode_put_clean(t->out, indent, len);
	put_place(t, f);
	putc('\n', t->out);
	put_source(t, f);
}

/* ---- as it was logged ------------------------------------------------------------------------ */

/* The frames of line i, or NULL. */
static const struct decode_frame *line_frames(const struct decode_record *r, size_t i, size_t *nr)
{
	for (size_t k = 0; k < r->nr_stacks; k++) {
		const struct decode_stack *s = &r->stacks[k];
		for (size_t n = 0; n < s->nr; n++) {
			if (s->frames[n].at_line != i)
				continue;
			for (*nr = 1; n + *nr < s->nr && s->frames[n + *nr].at_line == i; (*nr)++)
				;
			return &s->frames[n];
		}
	}
	return NULL;
}

static size_t indent_length(const char *line)
{
	size_t n = strspn(line, " \t");

	if (line[n] == '[' && line[n + 1] == '<') {
		n += strcspn(line + n, "]");
		n += line[n] == ']';
		n += strspn(line + n, " ");
	}
	return n;
}

/* The place in a title, as memsan writes it: "func+0x1/0x2 [mod] at a.c:3", "inlined_func [mod] at a.c:3". */
static void put_title_place(const struct text *t, const struct decode_stack *s)
{
	static const struct decode_text_options none = { .colour = false };
	struct text plain = *t;
	struct decode_frame f = s->frames[0];
	size_t i = 0;

	plain.options = &none;
	while (i < s->nr && s->frames[i].inlined)
		i++;
	if (f.inlined) {
		put_function(&plain, f.function);
		if (i < s->nr && s->frames[i].module) {
			fputs(" [", t->out);
			put_text(t, path_base(s->frames[i].module));
			putc(']', t->out);
		}
	} else {
		f.file = NULL;
		put_place(&plain, &f);
	}
	if (s->frames[0].file && s->frames[0].line) {
		fputs(" at ", t->out);
		put_text(t, path_base(s->frames[0].file));
		fprintf(t->out, ":%u", s->frames[0].line);
	}
}

/* "BUG: MEMSAN: double-free in prog+0x1334": by now the function is known. */
static void put_headline(const struct text *t, const char *line)
{
	const struct decode_stack *s = decode_record_main_stack(t->r);
	const char *in = strstr(line, " in ");
	bool bare = in && strstr(in, "+0x") && !strchr(in, '/');

	fprintf(t->out, "%s%s", colour(t, BOLD), colour(t, RED));
	if (bare && strcmp(t->r->detector, "memsan") == 0 && s && s->nr && s->frames[0].function && !t->r->leak.class) {
		decode_put_clean(t->out, line, (size_t)(in + 4 - line));
		put_title_place(t, s);
	} else {
		put_text(t, line);
	}
	fprintf(t->out, "%s\n", colour(t, PLAIN));
}

/* "SUMMARY: MEMSAN: double-free (prog+0x1334)": the same. */
static bool put_summary(const struct text *t, const char *line)
{
	const struct decode_stack *s = decode_record_main_stack(t->r);
	const char *open = strstr(line, " ("), *close = open ? strchr(open, ')') : NULL;

	if (!starts(line, "SUMMARY: MEMSAN: ") || !close || close[1] || !s || !s->nr || !s->frames[0].function)
		return false;
	if (s->frames[0].file) {
		decode_put_clean(t->out, line, (size_t)(open + 1 - line));
		put_text(t, s->frames[0].file);
		if (s->frames[0].line)
			fprintf(t->out, ":%u", s->frames[0].line);
		if (s->frames[0].line && s->frames[0].column)
			fprintf(t->out, ":%u", s->frames[0].column);
	} else {
		put_text(t, line);
	}
	fputs(" in ", t->out);
	put_function(t, s->frames[0].function);
	putc('\n', t->out);
	return true;
}

static void put_logged(const struct text *t)
{
	const struct decode_record *r = t->r;

	for (size_t i = 0; i < r->nr_lines; i++) {
		const char *line = r->lines[i];
		const struct decode_frame *frames;
		size_t nr = 0, indent = indent_length(line);
		if (i == 0) {
			put_headline(t, line);
			continue;
		}
		frames = line_frames(r, i, &nr);
		for (size_t k = 0; k < nr && frames; k++) {
			/* "RIP: …" says more than the frame would */
			bool whole = k + 1 == nr && frames[k].exact && line[indent] != '#';
			if (!whole && !(k + 1 == nr && starts(line + indent, "RIP"))) {
				put_frame(t, &frames[k], line, indent);
				continue;
			}
			put_text(t, line);
			put_location(t, &frames[k]);
			putc('\n', t->out);
			put_source(t, &frames[k]);
		}
		if (!frames && !put_summary(t, line)) {
			put_text(t, line);
			putc('\n', t->out);
		}
	}
}

/* ---- put into KASAN's layout ----------------------------------------------------------------- */

static void put_stack(const struct text *t, const struct decode_stack *s)
{
	if (strcmp(s->role, "alloc") == 0 || strcmp(s->role, "free") == 0) {
		fprintf(t->out, "\n%s", s->role[0] == 'a' ? "Allocated" : "Freed");
		if (s->thread || s->have_tid)
			fputs(" by thread ", t->out);
		if (s->thread)
			put_text(t, s->thread);
		if (s->have_tid)
			fprintf(t->out, "%s%u", s->thread ? "/" : "", s->tid);
		if (s->have_age)
			fprintf(t->out, " (%" PRIu64 ".%02u s ago)", s->age_ms / 1000,
			        (unsigned)(s->age_ms % 1000 / 10));
		fputs(":\n", t->out);
	} else if (strcmp(s->role, "access") == 0 || strcmp(s->role, "noticed") == 0) {
		fputs("Call Trace:\n", t->out);
	} else {
		fputs("\nStack (", t->out);
		put_text(t, s->role);
		fputs("):\n", t->out);
	}
	for (size_t i = 0; i < s->nr; i++)
		put_frame(t, &s->frames[i], " ", 1);
	if (s->truncated)
		fputs(" (deeper frames were not recorded)\n", t->out);
}

static void put_access(const struct text *t)
{
	const struct decode_record *r = t->r;

	if (!r->access && !r->have_addr)
		return;
	fprintf(t->out, "%c%s", r->access ? r->access[0] - 'a' + 'A' : 'A', r->access ? r->access + 1 : "ccess");
	if (r->have_size && r->access_size)
		fprintf(t->out, " of size %" PRIu64, r->access_size);
	if (r->have_addr)
		fprintf(t->out, " at addr 0x%" PRIx64, r->addr);
	if (r->comm) {
		fputs(" by thread ", t->out);
		put_text(t, r->comm);
		fprintf(t->out, "/%u", r->tid);
	}
	putc('\n', t->out);
}

static void put_object(const struct text *t)
{
	const struct decode_object *o = &t->r->object;

	if (t->r->place) {
		putc('\n', t->out);
		put_text(t, t->r->place);
		putc('\n', t->out);
	}
	if (!o->present)
		return;
	fprintf(t->out, "\nThe buggy address belongs to the object at 0x%" PRIx64 "\n", o->addr);
	if (o->cache) {
		fputs(" which belongs to the cache ", t->out);
		put_text(t, o->cache);
		fprintf(t->out, " of size %" PRIu64 "\n", o->cache_size);
	}
	if (o->have_distance && o->relation)
		fprintf(t->out,
		        "The buggy address is located %" PRIu64 " bytes %s\n %s%s%" PRIu64 "-byte region [0x%" PRIx64
		        ", 0x%" PRIx64 ")\n",
		        o->distance, o->relation, o->state ? o->state : "", o->state ? " " : "", o->size, o->addr,
		        o->addr + o->size);
}

static void put_rows(const struct text *t)
{
	const struct decode_record *r = t->r;
	uint64_t scale = r->row_scale ? r->row_scale : 1;

	if (r->nr_rows)
		fputs(scale == 1 ? "\nMemory around the buggy address:\n"
		                 : "\nMemory state around the buggy address:\n",
		      t->out);
	for (size_t i = 0; i < r->nr_rows; i++) {
		const struct decode_row *row = &r->rows[i];
		bool marked = r->have_mark && r->mark - row->addr < row->nr * scale;
		int column = fprintf(t->out, "%c0x%" PRIx64 ":", marked ? '>' : ' ', row->addr);
		for (uint8_t k = 0; k < row->nr; k++)
			if (row->valid >> k & 1)
				fprintf(t->out, " %02x", row->bytes[k]);
			else
				fputs(" ??", t->out);
		putc('\n', t->out);
		if (marked)
			fprintf(t->out, "%*s^\n", column + 1 + 3 * (int)((r->mark - row->addr) / scale), "");
	}
}

static void put_built(const struct text *t)
{
	const struct decode_record *r = t->r;
	bool built_headline = !r->headline || strcmp(r->detector, "memsan") == 0;

	fprintf(t->out, RULE "\n%s%s", colour(t, BOLD), colour(t, RED));
	if (built_headline)
		fputs("BUG: ", t->out);
	put_text(t, built_headline ? r->title : r->headline);
	fprintf(t->out, "%s\n", colour(t, PLAIN));
	if (strcmp(r->kind, DECODE_GROWTH) == 0) {
		put_text(t, r->detail ? r->detail : "");
		putc('\n', t->out);
	} else {
		put_access(t);
	}
	if (decode_is_reachable(r))
		fprintf(t->out, "still reachable: %" PRIu64 " byte(s) in %" PRIu64 " object(s)\n", r->leak.bytes,
		        r->leak.objects);
	else if (r->leak.class)
		fprintf(t->out, "%s leak of %" PRIu64 " byte(s) in %" PRIu64 " object(s)\n", r->leak.class,
		        r->leak.bytes, r->leak.objects);
	if (r->have_pid && !r->comm)
		fprintf(t->out, "PID: %u\n", r->pid);
	putc('\n', t->out);
	for (size_t i = 0; i < r->nr_stacks; i++)
		put_stack(t, &r->stacks[i]);
	put_object(t);
	put_rows(t);
	fputs(RULE "\n", t->out);
}

/* ---- a record -------------------------------------------------------------------------------- */

static void put_where(const struct text *t)
{
	const struct decode_record *r = t->r;

	if (r->file) {
		put_text(t, r->file);
		if (r->first_line == r->last_line)
			fprintf(t->out, ":%" PRIu64 ": ", r->first_line);
		else
			fprintf(t->out, ":%" PRIu64 "-%" PRIu64 ": ", r->first_line, r->last_line);
	}
	put_text(t, r->title);
	if (r->count > 1)
		fprintf(t->out, " (%" PRIu64 " times)", r->count);
	if (r->corrupted) {
		fprintf(t->out, " %s(corrupted: ", colour(t, RED));
		put_text(t, r->corrupted);
		fprintf(t->out, ")%s", colour(t, PLAIN));
	}
}

static bool logged_in_layout(const struct decode_record *r)
{
	static const char *const others[] = { "asan", "lsan", "hwasan", "valgrind", "sanitizer" };

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strcmp(r->detector, others[i]) == 0)
			return false;
	return r->nr_lines != 0;
}

void decode_text_write(FILE *out, const struct decode_record *r, const struct decode_text_options *how)
{
	struct text t = { out, r, how };

	put_where(&t);
	putc('\n', out);
	if (logged_in_layout(r)) {
		bool ruled = decode_rule_length(r->lines[r->nr_lines - 1]) != 0;
		fputs(RULE "\n", out);
		put_logged(&t);
		if (!ruled)
			fputs(RULE "\n", out);
	} else {
		put_built(&t);
	}
	putc('\n', out);
}

void decode_short_write(FILE *out, const struct decode_record *r, const struct decode_text_options *how)
{
	struct text t = { out, r, how };
	const struct decode_frame *f = decode_record_location(r);

	put_where(&t);
	if (f)
		put_location(&t, f);
	putc('\n', out);
}
