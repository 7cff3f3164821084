/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/describe.c - describes a bad byte outside of the heap: the variable of a frame, or the global.
 *
 * An instrumented frame starts with its left red zone.  The compiler leaves three words for us there:
 *
 *     lower addresses                                                            higher
 *     │ magic │ description │ pc │ … │ variable │ red zone │ variable │ … │ right red zone │
 *     F1F1F1F1F1F1F1F1F1F1F1F1F1F1F1   00 .. 04    F2F2F2      00        F3F3F3F3F3F3
 *
 * To find the frame of a byte, the search goes down through the shadow to the nearest run of 0xf1, and down to the
 * start of that run.  A frame that has returned (0xf5) lies on the fake stack, which knows the start of each frame.
 * All memory is read by safe reads, because a wild address may lead anywhere.
 *
 * The description is "COUNT offset size name_length name …".  Since 2016 ":line" may follow a name.
 */
#include "shadow/shadow_internal.h"

#define FRAME_MAGIC 0x41b58ab3ul
#define FRAME_MAGIC_RETIRED 0x45e0360eul
#define FRAME_SEARCH (1ul << 20) /* bytes of memory looked through for the frame's start */
#define TEXT_MAX 3000

/* Under the report lock. */
static char description[FRAME_TEXT_MAX];
static char place_text[TEXT_MAX];

/* ---- the compiler's frame description -------------------------------------------------------- */

static bool parse_number(const char **at, size_t *value)
{
	const char *s = *at;
	uint64_t v;

	while (*s == ' ')
		s++;
	s = number_decimal(s, &v);
	if (!s)
		return false;
	*value = (size_t)v;
	*at = s;
	return true;
}

size_t frame_count(const char **at)
{
	size_t n = 0;
	return parse_number(at, &n) ? n : 0;
}

bool frame_next_variable(const char **at, struct frame_variable *v)
{
	const char *s = *at;
	if (!parse_number(&s, &v->offset) || !parse_number(&s, &v->size) || !parse_number(&s, &v->name_len) ||
	    *s != ' ')
		return false;
	s++;
	for (size_t i = 0; i < v->name_len; i++)
		if (!s[i])
			return false;
	v->name = s;
	*at = s + v->name_len;
	return true;
}

/* ---- stack ----------------------------------------------------------------------------------- */

bool frame_at(uintptr_t base, struct frame_found *f, char *text)
{
	uintptr_t words[3];
	size_t got;

	if (os_safe_read(words, (const void *)base, sizeof(words)) != sizeof(words))
		return false;
	if (words[0] != FRAME_MAGIC && words[0] != FRAME_MAGIC_RETIRED)
		return false;
	got = os_safe_read(text, (const void *)words[1], FRAME_TEXT_MAX - 1);
	if (!got)
		return false;
	text[got] = '\0';
	f->base = base;
	f->pc = words[2];
	f->text = text;
	return true;
}

bool describe_find_frame(uintptr_t addr, struct frame_found *f, char *text)
{
	uintptr_t beg, end;
	uintptr_t at, stop;

	if (fake_stack_find(addr, &beg, &end) && frame_at(beg, f, text))
		return true;
	at = ALIGN_DOWN(addr, SHADOW_GRANULE);
	stop = at > FRAME_SEARCH ? at - FRAME_SEARCH : 0;
	while (at > stop && map_has_shadow(at) && *shadow_of(at) != SHADOW_STACK_LEFT)
		at -= SHADOW_GRANULE;
	if (at <= stop || !map_has_shadow(at))
		return false;
	while (at > stop && map_has_shadow(at) && *shadow_of(at) == SHADOW_STACK_LEFT)
		at -= SHADOW_GRANULE;
	return frame_at(at + SHADOW_GRANULE, f, text);
}

static size_t distance_to(size_t offset, const struct frame_variable *v)
{
	if (offset < v->offset)
		return v->offset - offset;
	return offset >= v->offset + v->size ? offset - v->offset - v->size : 0;
}

bool frame_nearest_variable(const struct frame_found *f, uintptr_t addr, struct frame_variable *nearest)
{
	const char *at = f->text;
	size_t offset = addr - f->base, n = frame_count(&at);
	struct frame_variable v;
	bool found = false;

	for (size_t i = 0; i < n && frame_next_variable(&at, &v); i++) {
		if (found && distance_to(offset, &v) >= distance_to(offset, nearest))
			continue;
		*nearest = v;
		found = true;
	}
	return found;
}

bool describe_find_variable(uintptr_t addr, struct frame_found *f, struct frame_variable *v, char *text)
{
	uint8_t value = shadow_byte(addr);

	if (!describe_find_frame(addr, f, text) || !frame_nearest_variable(f, addr, v))
		return false;
	/* The frame that was found may be another one, deeper in the stack, when addr is in code that is not
	 * instrumented. */
	return distance_to(addr - f->base, v) == 0 || shadow_value_is_stack(value) || (value && value < SHADOW_GRANULE);
}

size_t frame_name_length(const struct frame_variable *v)
{
	for (size_t k = v->name_len; k-- > 0;)
		if (v->name[k] == ':')
			return k;
	return v->name_len;
}

/* Where the access lies relative to one variable. */
static void put_relation(struct fmt_buf *b, size_t offset, const struct frame_variable *v)
{
	if (offset < v->offset)
		fmt_printf(b, ", the access is %zu bytes to the left of it", v->offset - offset);
	else if (offset >= v->offset + v->size)
		fmt_printf(b, ", the access is %zu bytes to the right of it", offset - v->offset - v->size);
	else
		fmt_printf(b, ", the access is inside of it");
}

static void put_variables(struct fmt_buf *b, const char *text, size_t offset)
{
	const char *at = text;
	size_t n = frame_count(&at), nearest = SIZE_MAX;
	const char *list = at;
	struct frame_variable v;

	for (size_t i = 0; i < n && frame_next_variable(&at, &v); i++)
		nearest = MIN(nearest, distance_to(offset, &v));
	fmt_printf(b, "This frame has %zu object%s:\n", n, n == 1 ? "" : "s");
	at = list;
	for (size_t i = 0; i < n && frame_next_variable(&at, &v); i++) {
		size_t name_len = frame_name_length(&v);

		fmt_printf(b, " [%zu, %zu) '%.*s'", v.offset, v.offset + v.size, (int)name_len, v.name);
		if (name_len < v.name_len)
			fmt_printf(b, " (line %.*s)", (int)(v.name_len - name_len - 1), v.name + name_len + 1);
		if (distance_to(offset, &v) == nearest)
			put_relation(b, offset, &v);
		fmt_printf(b, "\n");
	}
}

static void tell_frame(struct report_record *r, const struct frame_found *f, uintptr_t addr)
{
	struct fmt_buf b;

	fmt_init(&b, place_text, sizeof(place_text));
	fmt_printf(&b, "The buggy address is at offset %zu of it\n", (size_t)(addr - f->base));
	put_variables(&b, f->text, addr - f->base);
	r->place = report_string(r, place_text);
	report_add_pc(r, STACK_FRAME, f->pc);
}

void describe_stack(struct report_record *r, uintptr_t bad)
{
	struct frame_found f;

	if (describe_find_frame(bad, &f, description))
		tell_frame(r, &f, bad);
}

/* ---- globals --------------------------------------------------------------------------------- */

/* Copies a C string from a module's read-only data. */
static const char *read_name(const char *name, char *buf, size_t size)
{
	size_t got = name ? os_safe_read(buf, name, size - 1) : 0;
	buf[got] = '\0';
	return got ? buf : "?";
}

void describe_global(struct report_record *r, uintptr_t bad)
{
	struct asan_global g;
	struct asan_location where = { NULL, 0, 0 };
	struct fmt_buf b;
	if (!globals_find_near(bad, &g))
		return;
	fmt_init(&b, place_text, sizeof(place_text));
	if (bad >= g.beg && bad - g.beg < g.size_with_redzone)
		fmt_printf(&b, "The buggy address belongs to the variable:\n %.200s+0x%zx/0x%zx",
		           read_name(g.name, description, 200), (size_t)(bad - g.beg), g.size);
	else
		fmt_printf(&b, "The buggy address is %zu bytes to the %s of the variable:\n %.200s",
		           bad < g.beg ? (size_t)(g.beg - bad) : (size_t)(bad - g.beg - g.size),
		           bad < g.beg ? "left" : "right", read_name(g.name, description, 200));
	if (g.location && os_safe_read(&where, g.location, sizeof(where)) == sizeof(where) && where.file)
		fmt_printf(&b, " defined at %.400s:%d", read_name(where.file, description, 400), where.line);
	else
		fmt_printf(&b, " defined in %.400s", read_name(g.module, description, 400));
	fmt_printf(&b, "\nwhich has the %zu bytes [0x%lx, 0x%lx)\n", g.size, (unsigned long)g.beg,
	           (unsigned long)(g.beg + g.size));
	r->place = report_string(r, place_text);
}

/* ---- any address ----------------------------------------------------------------------------- */

static void set_place(struct report_record *r, const char *text)
{
	r->place = report_string(r, text);
}

/* Is addr in a block of alloca, or in a variable-length array?  Its red zones tell. */
static bool in_alloca(uintptr_t addr, uintptr_t lo)
{
	uintptr_t at = ALIGN_DOWN(addr, SHADOW_GRANULE);

	while (at > lo && (shadow_byte(at) == 0 || shadow_byte(at) < SHADOW_GRANULE))
		at -= SHADOW_GRANULE;
	return shadow_byte(at) == SHADOW_ALLOCA_LEFT || shadow_byte(at) == SHADOW_ALLOCA_RIGHT;
}

static bool describe_frame(struct report_record *r, uintptr_t addr, const struct unwind_regs *regs)
{
	struct unwind_frame frame;
	struct frame_found f;

	if (!regs || !unwind_frame_of(regs, addr, &frame))
		return false;
	if (map_state == MAP_FULL && describe_find_frame(addr, &f, description) && f.base >= frame.lo &&
	    f.base < frame.hi) {
		tell_frame(r, &f, addr);
		return true;
	}
	set_place(r, map_state == MAP_FULL && in_alloca(addr, frame.lo)
	                     ? "The buggy address is in a block of alloca or a variable-length array of it\n"
	                     : "The buggy address is on the stack of this thread\n");
	report_add_pc(r, STACK_FRAME, frame.pc);
	return true;
}

/* What /proc says of an address that no detector and no module knows. */
static void describe_mapping(struct report_record *r, uintptr_t addr)
{
	struct maps_line line;
	char buffer[2048];
	struct fmt_buf b;
	int found;

	if (os_filter_set() || (found = maps_find(addr, &line, buffer, sizeof(buffer))) < 0)
		return;
	fmt_init(&b, place_text, sizeof(place_text));
	if (!found)
		fmt_printf(&b, "The buggy address is not mapped\n");
	else if (str_equal(line.path, "[stack]"))
		fmt_printf(&b, "The buggy address is on the stack of the first thread%s\n",
		           os_gettid() == os_getpid() ? ", above its frames: arguments and environment" : "");
	else
		fmt_printf(&b, "The buggy address is in a mapping of %zu bytes, 0x%lx behind its start (%.400s)\n",
		           (size_t)(line.end - line.start), (unsigned long)(addr - line.start),
		           line.path[0] ? line.path : "anonymous");
	set_place(r, place_text);
}

void shadow_describe(struct report_record *r, uintptr_t addr, const struct unwind_regs *regs)
{
	struct asan_global g;
	struct frame_found f;
	struct module_info m;
	struct fmt_buf b;
	uintptr_t beg, end;

	if (r->place || arena_contains((void *)addr))
		return;
	if (map_state == MAP_FULL && globals_find(addr, &g)) {
		describe_global(r, addr);
	} else if (fake_stack_find(addr, &beg, &end) && describe_find_frame(addr, &f, description)) {
		tell_frame(r, &f, addr);
	} else if (describe_frame(r, addr, regs)) {
		return;
	} else if (module_find(addr, 0, &m)) {
		fmt_init(&b, place_text, sizeof(place_text));
		fmt_printf(&b, "The buggy address belongs to the code or the data of %.400s, at 0x%lx\n", m.path,
		           (unsigned long)(addr - m.bias));
		set_place(r, place_text);
		r->data_at = addr;
	} else {
		describe_mapping(r, addr);
	}
}
