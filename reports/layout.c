/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/layout.c - shared by the text and the JSON of a report: titles, places, relations, and how stacks
 * share the room. */
#include "config.h"

#include "reports/reports_internal.h"

bool report_record_valid(const struct report_record *r, size_t len)
{
	if (len != sizeof(*r) || r->magic != REPORT_MAGIC || r->version != REPORT_VERSION || r->size != sizeof(*r))
		return false;
	if (r->memory_scale > 8 || r->nr_stacks > REPORT_STACKS || r->nr_modules > REPORT_MODULES ||
	    r->memory_len > REPORT_MEMORY)
		return false;
	if (r->strings_len > REPORT_STRINGS || r->strings[0] != 0 || r->strings[REPORT_STRINGS - 1] != 0)
		return false;
	for (uint32_t i = 0; i < r->nr_stacks; i++)
		if (r->stacks[i].nr_frames > REPORT_FRAMES || r->stacks[i].thread_name[THREAD_NAME_MAX - 1] != 0)
			return false;
	if (r->fault.code_len > sizeof(r->fault.code) || r->fault.nr_words > ARRAY_SIZE(r->fault.words))
		return false;
	for (uint32_t i = 0; i < r->nr_modules; i++)
		if (r->modules[i].build_id_len > BUILD_ID_MAX)
			return false;
	return true;
}

const char *report_str(const struct report_record *r, uint32_t offset)
{
	return offset < REPORT_STRINGS ? r->strings + offset : "";
}

const char *report_basename(const char *path)
{
	const char *slash = str_last(path, '/');
	return slash && slash[1] ? slash + 1 : path;
}

const struct report_stack *report_main_stack(const struct report_record *r)
{
	static const uint32_t order[] = { STACK_ACCESS, STACK_NOTICED, STACK_ALLOC };
	size_t n = r->leak_class ? 3 : 2; /* a leak has only the stack of its allocation */

	for (size_t k = 0; k < n; k++)
		for (uint32_t i = 0; i < r->nr_stacks; i++)
			if (r->stacks[i].role == order[k] && r->stacks[i].nr_frames)
				return &r->stacks[i];
	return NULL;
}

const struct report_module *report_frame_module(const struct report_record *r, const struct report_frame *f)
{
	return f->module < r->nr_modules ? &r->modules[f->module] : NULL;
}

const char *report_role_name(uint32_t role)
{
	static const char *const names[] = {
		[STACK_ACCESS] = "access",   [STACK_ALLOC] = "alloc", [STACK_FREE] = "free",
		[STACK_NOTICED] = "noticed", [STACK_FRAME] = "frame",
	};
	_Static_assert(ARRAY_SIZE(names) == STACK_ROLE_NR, "every role has a name");
	return role < STACK_ROLE_NR ? names[role] : "unknown";
}

const char *report_state_name(uint32_t state)
{
	static const char *const names[] = { "allocated", "freed", "free" };
	return state < ARRAY_SIZE(names) ? names[state] : "unknown";
}

const char *report_access_name(uint32_t access)
{
	static const char *const names[] = { "read", "write", "free", "access", "execute" };

	_Static_assert(ARRAY_SIZE(names) == ACCESS_NR, "every access has a name");
	return names[access < ACCESS_NR ? access : ACCESS_UNKNOWN];
}

void report_put_build_id(struct fmt_buf *b, const struct report_module *m)
{
	for (size_t i = 0; i < m->build_id_len; i++)
		fmt_printf(b, "%02x", m->build_id[i]);
}

static void put_bare_place(struct fmt_buf *b, const struct report_record *r, const struct report_frame *f)
{
	const struct report_module *m = report_frame_module(r, f);

	if (!m) {
		fmt_printf(b, "0x%llx", (unsigned long long)f->pc);
		return;
	}
	fmt_printf(b, "%.255s+0x%llx", report_basename(report_str(r, m->path)), (unsigned long long)(f->pc - m->bias));
}

void report_put_place(struct fmt_buf *b, const struct report_record *r, const struct report_frame *f,
                      const struct report_symbol *physical)
{
	const struct report_module *m = report_frame_module(r, f);

	if (!physical || !physical->function) {
		put_bare_place(b, r, f);
		if (m && m->build_id_len) {
			fmt_printf(b, " (BuildId ");
			report_put_build_id(b, m);
			fmt_printf(b, ")");
		}
	} else {
		report_put_short_name(b, physical->function);
		fmt_printf(b, "+0x%llx", (unsigned long long)physical->offset);
		if (physical->size)
			fmt_printf(b, "/0x%llx", (unsigned long long)physical->size);
		if (m)
			fmt_printf(b, " [%.255s]", report_basename(report_str(r, m->path)));
	}
	if (m && m->unloaded)
		fmt_printf(b, " (unloaded)");
}

/* The innermost function of the main stack that is the program's, which may be inlined, and its frame.  *frame is NULL
 * if there is no stack.  A bug that shows in the C++ library's code is the caller's; if all functions are the
 * library's, or the caller has no name, it is the innermost one.  NULL: that is not known. */
static const struct report_symbol *main_symbol(const struct report_record *r, const struct report_symbols *symbols,
                                               const struct report_frame **frame, bool *inlined)
{
	const struct report_stack *s = report_main_stack(r);
	const struct report_symbol *found;
	size_t n = 0;

	for (uint32_t i = 0; s && i < s->nr_frames; i++) {
		found = symbols->frame(symbols->ctx, r, &s->frames[i], &n);
		for (size_t k = 0; k < n; k++) {
			if (!found[k].function || report_library_symbol(&found[k]))
				continue;
			*frame = &s->frames[i];
			*inlined = k + 1 < n;
			return &found[k];
		}
		if (!n || !found[n - 1].function)
			break;
	}
	*frame = s ? &s->frames[0] : NULL;
	found = s ? symbols->frame(symbols->ctx, r, *frame, &n) : NULL;
	*inlined = found && n > 1;
	return found && n && found[0].function ? found : NULL;
}

/* The file of the innermost function that is no library's, in this stack; NULL: not known. */
static const char *innermost_file(const struct report_record *r, const struct report_stack *s,
                                  const struct report_symbols *symbols)
{
	size_t n;

	for (uint32_t i = 0; s && i < s->nr_frames; i++) {
		const struct report_symbol *found = symbols->frame(symbols->ctx, r, &s->frames[i], &n);

		for (size_t k = 0; k < n; k++)
			if (found[k].file && !report_library_symbol(&found[k]))
				return found[k].file;
	}
	return NULL;
}

static bool is_rust(const struct report_record *r, const struct report_symbols *symbols)
{
	const char *file = innermost_file(r, report_main_stack(r), symbols);
	size_t n;

	for (uint32_t i = 0; !file && i < r->nr_stacks; i++)
		file = innermost_file(r, &r->stacks[i], symbols);
	n = file ? str_length(file) : 0;
	return n > 3 && str_equal(file + n - 3, ".rs");
}

/* Takes the last line off, unless it is the only one. */
static void drop_last_line(struct report_record *r, uint32_t lines)
{
	char *text = r->strings + lines, *last = text, *newline;

	while ((newline = (char *)str_char(last, '\n')) != NULL && newline[1])
		last = newline + 1;
	if (last > text)
		*last = '\0';
}

/* memsan-cc, the last way, compiles C and C++.  The other ways are for Rust as well. */
void report_next_for_language(struct report_record *r, const struct report_symbols *symbols)
{
	if (MAX(r->next_ways, r->next_commands) >= REPORT_STRINGS || !r->next_ways || !is_rust(r, symbols))
		return;
	drop_last_line(r, r->next_ways);
	drop_last_line(r, r->next_commands);
}

void report_put_next(struct fmt_buf *b, const struct report_record *r)
{
	const char *way = report_str(r, r->next_ways), *newline;

	fmt_printf(b, "%.400s", report_str(r, r->next));
	for (; *way && (newline = str_char(way, '\n')) != NULL; way = newline + 1)
		fmt_printf(b, "%s%.*s", way == report_str(r, r->next_ways) ? ", " : ", or ", (int)(newline - way), way);
}

uint32_t report_title_frame(const struct report_record *r, const struct report_symbols *symbols)
{
	const struct report_frame *f = NULL;
	bool inlined;

	main_symbol(r, symbols, &f, &inlined);
	return f ? (uint32_t)(f - report_main_stack(r)->frames) : 0;
}

void report_title(struct fmt_buf *b, const struct report_record *r, const struct report_symbols *symbols)
{
	const struct report_frame *f;
	const struct report_module *m;
	bool inlined;
	const struct report_symbol *inner = main_symbol(r, symbols, &f, &inlined);

	fmt_printf(b, "%s", report_kind_name(r->kind));
	if (!f)
		return;
	fmt_printf(b, " in ");
	if (inner && !inlined) {
		report_put_place(b, r, f, inner);
	} else if (inner) {
		/* The processor knows no such function, so there is no offset in it. */
		report_put_short_name(b, inner->function);
		m = report_frame_module(r, f);
		if (m)
			fmt_printf(b, " [%.255s]", report_basename(report_str(r, m->path)));
	} else {
		put_bare_place(b, r, f);
	}
	if (inner && inner->file && inner->line)
		fmt_printf(b, " at %.255s:%u", report_basename(inner->file), inner->line);
}

void report_summary_line(struct fmt_buf *b, const struct report_record *r, const struct report_symbols *symbols)
{
	const struct report_frame *f;
	bool inlined;
	const struct report_symbol *inner = main_symbol(r, symbols, &f, &inlined);

	fmt_printf(b, "MEMSAN: %s", report_kind_name(r->kind));
	if (inner && inner->file) {
		fmt_printf(b, " %.1000s", inner->file);
		if (inner->line)
			fmt_printf(b, ":%u", inner->line);
		if (inner->line && inner->column)
			fmt_printf(b, ":%u", inner->column);
	} else if (f) {
		fmt_printf(b, " (");
		put_bare_place(b, r, f);
		fmt_printf(b, ")");
	}
	if (inner) {
		fmt_printf(b, " in ");
		report_put_short_name(b, inner->function);
	}
}

const char *report_relation(const struct report_record *r, uint64_t *distance)
{
	uint64_t addr = r->bad_addr ? r->bad_addr : r->addr;

	if (addr < r->obj_addr) {
		*distance = r->obj_addr - addr;
		return "to the left of";
	}
	if (addr - r->obj_addr >= r->obj_size) {
		*distance = addr - r->obj_addr - r->obj_size;
		return "to the right of";
	}
	*distance = addr - r->obj_addr;
	return "inside of";
}

bool report_memory_byte(const struct report_record *r, size_t i, uint8_t *byte)
{
	*byte = r->memory[i];
	return r->memory_valid[i / 8] >> (i % 8) & 1;
}

size_t report_stack_limit(const struct fmt_buf *b, size_t tail, size_t left)
{
	size_t room = b->size > b->len + tail ? b->size - b->len - tail : 0;
	return b->len + room / MAX(left, (size_t)1);
}

void report_rewind(struct fmt_buf *b, size_t len)
{
	if (len < b->len)
		b->len = len;
	b->data[b->len] = 0;
	b->truncated = false;
}
