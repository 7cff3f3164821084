/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/lines_object.c - lines about the object, SLUB's description of it, rows of memory, and modules. */
#include "config.h"

#include "decode/decode_internal.h"

/* ---- the object ------------------------------------------------------------------------------ */

/* "The buggy address is located 123 bytes inside of 128-byte region [a, b)", on one line or two. */
static bool read_region(struct decode_record *r, const char *t)
{
	const char *region = strstr(t, "-byte region ["), *digits;
	uint64_t start, end;

	if (!region)
		return false;
	for (digits = region; digits > t && digits[-1] >= '0' && digits[-1] <= '9'; digits--)
		;
	number_decimal(digits, &r->object.size);
	if (decode_hex(region + 14, &start) && decode_hex_after(region, ", ", &end)) {
		r->object.addr = start;
		r->object.present = true;
	}
	if (strstr(t, "allocated "))
		r->object.state = "allocated";
	else if (strstr(t, "freed "))
		r->object.state = "freed";
	return true;
}

bool decode_read_object(struct decode_open *o, const char *t)
{
	struct decode_record *r = o->record;
	const char *p;

	if ((p = after(t, "Object at ")) != NULL && (p = decode_hex(p, &r->object.addr)) != NULL &&
	    starts(p, ", in cache ")) {
		/* Linux 4.8 to 4.10 */
		r->object.present = true;
		r->object.cache = decode_record_string(r, p + 11, strcspn(p + 11, " "));
		decode_decimal_after(p, " size: ", &r->object.cache_size);
	} else if ((p = after(t, "The buggy address belongs to the object at ")) != NULL) {
		r->object.present = decode_hex(p, &r->object.addr) != NULL;
	} else if ((p = after(t, "which belongs to the cache ")) != NULL) {
		r->object.cache = decode_record_string(r, p, strcspn(p, " "));
		decode_decimal_after(p, " of size ", &r->object.cache_size);
	} else if ((p = after(t, "and was allocated by ")) != NULL) {
		r->object.allocated_by = decode_record_string(r, p, strlen(p));
	} else if ((p = after(t, "The buggy address is located ")) != NULL) {
		r->object.have_distance = number_decimal(p, &r->object.distance) != NULL;
		r->object.relation = strstr(p, "inside") ? "inside of"
		                     : strstr(p, "left") ? "to the left of"
		                                         : "to the right of";
		read_region(r, p);
	} else if (!(o->section == SECTION_OBJECT && read_region(r, t))) {
		return false;
	}
	o->section = SECTION_OBJECT;
	o->stack = NULL;
	return true;
}

static void add_place(struct decode_record *r, const char *t)
{
	r->place = r->place ? decode_record_format(r, "%s\n%s", r->place, t) : decode_record_string(r, t, strlen(t));
}

/* Lines about variables, stacks, mappings and pages. */
bool decode_read_place(struct decode_open *o, const char *t)
{
	if (starts(t, "The buggy address belongs to the variable") ||
	    starts(t, "The buggy address belongs to stack of") ||
	    starts(t, "The buggy address is located in stack of") || starts(t, "This frame has ") ||
	    starts(t, "and is located at offset ") || starts(t, "The buggy address belongs to the virtual mapping") ||
	    starts(t, "The buggy address ") || starts(t, "index ") || starts(t, "addr ")) {
		o->section = starts(t, "The buggy address belongs to the p") ||
		                             starts(t, "The buggy address belongs to the physical")
		                     ? SECTION_PAGE
		                     : SECTION_PLACE;
		o->stack = NULL;
		if (o->section == SECTION_PLACE)
			add_place(o->record, t);
		return true;
	}
	if (o->section == SECTION_PLACE && *t && !decode_may_be_headline(t, strlen(t))) {
		add_place(o->record, t);
		return true;
	}
	return false;
}

bool decode_read_page(struct decode_open *o, const char *t)
{
	static const char *const marks[] = { "page:",
		                             "page: ",
		                             "head:",
		                             "flags:",
		                             "raw:",
		                             "page dumped because",
		                             "page_owner tracks",
		                             "page_type:",
		                             "page allocated via",
		                             "page last allocated",
		                             "page last free",
		                             "page_owner free",
		                             "anon flags",
		                             "memcg:",
		                             "aops:",
		                             "memory_owner",
		                             "page_owner info",
		                             "ksm flags",
		                             "shmem" };

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		if (starts(t, marks[i])) {
			o->section = SECTION_PAGE;
			o->stack = NULL;
			return true;
		}
	return false;
}

/* KASAN prints so many rows behind the marked one (META_ROWS_AROUND_ADDR).  Once they are there, only its closing
 * line is missing. */
#define ROWS_BEHIND 2

/* ---- rows of memory -------------------------------------------------------------------------- */

/* Bytes as "6b 6b ?? 00", with one blank between them; returns how many. */
static uint8_t parse_bytes(const char *p, struct decode_row *row)
{
	uint8_t n = 0;

	row->valid = 0;
	while (n < 16) {
		int high, low;
		while (*p == ' ' || *p == '[' || *p == ']')
			p++;
		if (p[0] == '?' && p[1] == '?') {
			row->bytes[n++] = 0;
			p += 2;
			continue;
		}
		high = number_digit(p[0]);
		low = high < 0 ? -1 : number_digit(p[1]);
		if (low < 0 || number_digit(p[2]) >= 0)
			break;
		row->valid |= 1u << n;
		row->bytes[n++] = (uint8_t)(high << 4 | low);
		p += 2;
		if (*p == ' ' && p[1] == ' ')
			break; /* two blanks: the characters follow */
	}
	return n;
}

bool decode_add_row(struct decode_record *r, uint64_t addr, const char *bytes, char label)
{
	struct decode_row probe, *row;

	probe.nr = parse_bytes(bytes, &probe);
	if (!probe.nr || !(row = decode_record_row(r)))
		return false;
	probe.addr = addr;
	probe.label = label;
	*row = probe;
	return true;
}

/* How much memory a byte stands for: 8 bytes in generic KASAN, 16 with tags.  A row may have been lost, so the
 * smallest step between rows counts. */
static void row_scale(struct decode_open *o)
{
	struct decode_record *r = o->record;
	const struct decode_row *last = &r->rows[r->nr_rows - 1];
	uint64_t step = r->nr_rows > 1 && last[-1].label == 'm' ? (last->addr - last[-1].addr) / last[-1].nr : 0;

	if ((step != 1 && step != 8 && step != 16) || (o->scale_known && step >= r->row_scale))
		return;
	o->scale_known = true;
	r->row_scale = (uint32_t)step;
	if (r->have_mark)
		r->mark = o->mark_row + o->mark_index * step;
}

/* " ffff8801f44ec300: 00 00 …", the marked row ">0x7f…: …", and the line with the caret under that row. */
bool decode_read_memory(struct decode_open *o, const char *text)
{
	struct decode_record *r = o->record;
	const char *t = text + strspn(text, " >="), *behind;
	uint64_t addr;

	if (starts(t, "Memory state around") || starts(t, "Memory around")) {
		o->section = SECTION_MEMORY;
		o->stack = NULL;
		r->row_scale = starts(t, "Memory around") ? 1 : 8;
		return true;
	}
	if (o->section != SECTION_MEMORY)
		return false;
	if (*t == '^') {
		size_t column = (size_t)(t - text);
		r->have_mark = o->mark_column && column >= o->mark_column && (column - o->mark_column) / 3 < 32;
		o->mark_index = r->have_mark ? (column - o->mark_column) / 3 : 0;
		r->mark = o->mark_row + o->mark_index * r->row_scale;
		return true;
	}
	behind = decode_hex(t, &addr);
	if (!behind || *behind != ':' || !decode_add_row(r, addr, behind + 1, 'm'))
		return false;
	row_scale(o);
	if (text[strspn(text, " ")] == '>') {
		o->mark_row = addr;
		o->mark_column = (size_t)(behind - text) + 2;
	}
	o->rows_behind += r->have_mark;
	o->saw_memory |= o->rows_behind >= ROWS_BEHIND;
	return true;
}

/* SLUB's "Redzone  ffff888005e5b040: bb bb …" and similar rows; older kernels write other words. */
static bool read_slub_row(struct decode_record *r, const char *t)
{
	static const struct {
		const char *mark;
		char label;
	} marks[] = {
		{ "Bytes b4 ", 'b' }, { "Object ", 'o' },        { "Redzone ", 'r' },
		{ "Padding ", 'p' },  { "Right Redzone ", 'r' }, { "Left Redzone ", 'r' },
	};

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		const char *p = after(t, marks[i].mark), *colon;
		uint64_t addr;
		if (!p)
			continue;
		p += strspn(p, " ");
		colon = decode_hex(p, &addr);
		if (!colon || *colon != ':' || !decode_add_row(r, addr, colon + 1, marks[i].label))
			continue;
		if (marks[i].label == 'o' && !r->object.addr)
			r->object.addr = addr;
		if (marks[i].label == 'o')
			r->object.size += r->rows[r->nr_rows - 1].nr;
		r->row_scale = 1;
		return true;
	}
	return false;
}

/* ---- SLUB ------------------------------------------------------------------------------------ */

/* "0xffff888005e5b040-0xffff888005e5b047 @offset=64.  First byte 0x78 instead of 0xcc" */
bool decode_read_first_byte(struct decode_record *r, const char *t)
{
	const char *mark = strstr(t, "First byte 0x");
	uint64_t found, expected;

	if (!mark)
		return false;
	if (decode_hex_after(mark, "First byte 0x", &found) && decode_hex_after(mark, "instead of 0x", &expected)) {
		r->found = (int32_t)(found & 0xff);
		r->expected = (int32_t)(expected & 0xff);
	}
	t += strcspn(t, "0");
	if (starts(t, "0x") && decode_hex(t, &r->addr)) {
		r->have_addr = true;
		r->mark = r->addr;
		r->have_mark = true;
		r->access = "write";
	}
	return true;
}

bool decode_read_slub(struct decode_open *o, const char *t)
{
	struct decode_record *r = o->record;
	const char *p = after(t, "INFO: ");

	if (p && *(p += strspn(p, " ")))
		t = p;
	if (strspn(t, "-") > 20 || decode_rule_length(t) > DECODE_SHORT_RULE)
		return true;
	if (starts(t, "Object 0x")) {
		if (decode_hex(t + 7, &r->object.addr))
			o->stack = NULL;
		return true;
	}
	if (starts(t, "Slab 0x") || starts(t, "Disabling lock debugging") || starts(t, "Hardware name:")) {
		o->section = SECTION_OBJECT;
		o->stack = NULL;
		return true;
	}
	return decode_read_first_byte(r, t) || read_slub_row(r, t);
}

/* ---- modules --------------------------------------------------------------------------------- */

/* memsan: " prog 0x55d0-0x55e0 /home/me/prog (BuildId 0123ab) (remark)" under "Modules linked in:" */
bool decode_read_module(struct decode_open *o, const char *t)
{
	struct decode_record *r = o->record;
	const char *range = strstr(t, " 0x"), *p, *mark, *end;
	struct decode_module m = { .name = NULL }, *to;

	if (starts(t, "Modules linked in:") && strcmp(r->detector, "memsan") == 0) {
		o->section = SECTION_MODULES;
		o->stack = NULL;
		return true;
	}
	if (o->section != SECTION_MODULES || !range)
		return false;
	p = decode_hex(range + 1, &m.start);
	if (!p || *p != '-' || !(p = decode_hex(p + 1, &m.end)) || p[0] != ' ')
		return false;
	mark = strstr(p, " (BuildId ");
	end = mark ? mark : strstr(p, " (");
	m.name = decode_record_string(r, t, (size_t)(range - t));
	m.path = decode_record_string(r, p + 1, end ? (size_t)(end - p - 1) : strlen(p + 1));
	m.build_id = mark ? decode_record_string(r, mark + 10, strspn(mark + 10, "0123456789abcdef")) : NULL;
	if ((to = decode_record_module(r)) != NULL)
		*to = m;
	return true;
}
