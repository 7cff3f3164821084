/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/user.c - reports of AddressSanitizer, LeakSanitizer and Valgrind.
 * AddressSanitizer's report begins with "==PID==ERROR: AddressSanitizer: KIND".  It ends with "==PID==ABORTING", or,
 * when the program goes on, with the legend of the shadow bytes.  LeakSanitizer's report has a heading and a block
 * for each leak; each block becomes a record.  Valgrind writes its pid in front of every line, which prefix.c takes
 * for the caller; an empty line ends an error. */
#include "config.h"

#include "decode/decode_internal.h"

/* ---- AddressSanitizer ------------------------------------------------------------------------ */

static void asan_leak(struct decode_open *o, const char *text, bool direct)
{
	struct decode_record *r = o->record;

	r->detector = "lsan";
	r->headline = decode_record_string(r, text, strlen(text));
	r->kind = direct ? "direct-leak" : "indirect-leak";
	r->leak.class = direct ? "direct" : "indirect";
	decode_decimal_after(text, "leak of ", &r->leak.bytes);
	decode_decimal_after(text, " in ", &r->leak.objects);
	o->section = SECTION_ALLOC;
	o->stack = decode_record_stack(r, "alloc");
}

bool decode_headline_asan(const char *text, struct decode_open *o)
{
	const char *mark = strstr(text, "ERROR: "), *p;
	struct decode_record *r = o->record;
	uint64_t pid;

	if (starts(text, "Direct leak of ") || starts(text, "Indirect leak of ")) {
		asan_leak(o, text, *text == 'D');
		return true;
	}
	if (!mark || !(p = strstr(mark, "Sanitizer: ")) || strstr(text, "LeakSanitizer"))
		return false;
	r->detector = starts(mark + 7, "Address") ? "asan" : starts(mark + 7, "HWAddress") ? "hwasan" : "sanitizer";
	r->headline = decode_record_string(r, text, strlen(text));
	p += 11;
	if (starts(p, "attempting "))
		p += 11;
	r->kind = decode_kind(r, p, strcspn(p, " :("));
	if (starts(p, "free on address which was not"))
		r->kind = "bad-free";
	if (decode_hex_after(p, "address 0x", &r->addr) || decode_hex_after(p, " on 0x", &r->addr))
		r->have_addr = true;
	if (strstr(r->kind, "free") && !strstr(r->kind, "use"))
		r->access = "free";
	if (starts(text, "==") && number_decimal(text + 2, &pid)) {
		r->pid = (uint32_t)pid;
		r->have_pid = true;
	}
	o->section = SECTION_TRACE;
	o->stack = decode_record_stack(r, "access");
	return true;
}

/* "0x602000000013 is located 3 bytes inside of 10-byte region [0x602000000010,0x60200000001a)" */
static bool asan_object(struct decode_record *r, const char *t)
{
	const char *p = strstr(t, " is located "), *region = strstr(t, "-byte region ["), *digits;
	uint64_t end;

	if (!p)
		return false;
	if (!region || !decode_hex(region + 14, &r->object.addr)) {
		r->place = r->place ? r->place : decode_record_string(r, t, strlen(t));
		return true;
	}
	r->object.present = true;
	r->object.have_distance = number_decimal(p + 12, &r->object.distance) != NULL;
	r->object.relation = strstr(p, "inside of")                         ? "inside of"
	                     : strstr(p, "left of") || strstr(p, "before ") ? "to the left of"
	                                                                    : "to the right of";
	for (digits = region; digits > t && digits[-1] >= '0' && digits[-1] <= '9'; digits--)
		;
	number_decimal(digits, &r->object.size);
	if (decode_hex_after(region, ",", &end) && end > r->object.addr)
		r->object.size = end - r->object.addr;
	r->object.state = "allocated";
	return true;
}

static bool asan_access(struct decode_open *o, const char *t)
{
	struct decode_record *r = o->record;
	const char *thread = strstr(t, " thread T");

	if (!starts(t, "READ of size ") && !starts(t, "WRITE of size ") && !strstr(t, "access is caused by a"))
		return false;
	r->access = starts(t, "READ") || strstr(t, "by a READ") ? "read" : "write";
	r->have_size = decode_decimal_after(t, " of size ", &r->access_size);
	if (thread && o->stack)
		o->stack->thread = decode_record_string(r, thread + 8, strcspn(thread + 8, " ("));
	return true;
}

static bool asan_heading(struct decode_open *o, const char *t)
{
	struct decode_record *r = o->record;

	if (starts(t, "freed by thread ")) {
		o->stack = decode_record_stack(r, "free");
		r->object.state = "freed";
	} else if (starts(t, "previously allocated by thread ") || starts(t, "allocated by thread ")) {
		o->stack = decode_record_stack(r, "alloc");
	} else if (starts(t, "Thread T") && strstr(t, " created by ")) {
		o->stack = decode_record_stack(r, "thread");
	} else if (starts(t, "Address 0x") && strstr(t, " is located in stack of")) {
		o->stack = decode_record_stack(r, "frame");
	} else {
		return false;
	}
	return true;
}

/* "=>0x0c047fff8000: fa fa[fd]fd …": shadow bytes, with the address of the shadow. */
static bool asan_shadow(struct decode_open *o, const char *text)
{
	const char *t = text + strspn(text, " =>"), *p = NULL;
	struct decode_row *row;
	uint64_t addr;

	if (starts(t, "Shadow bytes around")) {
		o->section = SECTION_MEMORY;
		o->stack = NULL;
		return true;
	}
	if (starts(t, "Shadow byte legend"))
		o->saw_memory = true;
	if (o->section != SECTION_MEMORY)
		return false;
	if (!starts(t, "0x") || !(p = decode_hex(t, &addr)) || *p != ':')
		return o->saw_memory && (text[0] == ' ' || starts(text, "Shadow byte legend"));
	if (!(row = decode_record_row(o->record)))
		return true;
	row->addr = addr;
	row->label = 's';
	for (p++; row->nr < 16 && *p; p++)
		if (number_digit(p[0]) >= 0 && number_digit(p[1]) >= 0) {
			if (p[-1] == '[') {
				o->record->mark = addr + row->nr;
				o->record->have_mark = true;
			}
			row->valid |= 1u << row->nr;
			row->bytes[row->nr++] = (uint8_t)(number_digit(p[0]) << 4 | number_digit(p[1]));
			p++;
		}
	o->record->row_scale = 1;
	return true;
}

enum decode_answer decode_line_asan(struct decode_open *o, const char *text)
{
	struct decode_record *r = o->record;
	const char *t = text + strspn(text, " \t");
	bool leak = strcmp(r->detector, "lsan") == 0;

	if (leak && !*t) {
		o->saw_summary = true;
		return LINE_LAST;
	}
	if (decode_frame_asan(r, o->stack, text))
		return LINE_TAKEN;
	if (starts(t, "==") && strstr(t, "==ABORTING"))
		return LINE_LAST;
	if (o->saw_memory && o->saw_summary && text[0] != ' ')
		return LINE_BEHIND;
	if (starts(t, "SUMMARY: ")) {
		o->saw_summary = true;
		o->stack = NULL;
		return leak ? LINE_BEHIND : LINE_TAKEN;
	}
	if (asan_heading(o, t) || asan_access(o, t) || asan_object(r, t) || asan_shadow(o, text) || !*t)
		return LINE_TAKEN;
	if (o->section == SECTION_TRACE &&
	    (starts(t, "Memory access") || starts(t, "This frame has") || starts(t, "HINT:") || *t == '[' ||
	     starts(t, "AddressSanitizer can not") || starts(t, "==")))
		return LINE_TAKEN;
	return LINE_FOREIGN;
}

/* ---- Valgrind -------------------------------------------------------------------------------- */

struct vg_mark {
	const char *mark, *kind, *access;
};
static const struct vg_mark vg_marks[] = {
	{ "Invalid read of size ", "invalid-read", "read" },
	{ "Invalid write of size ", "invalid-write", "write" },
	{ "Invalid free()", "invalid-free", "free" },
	{ "Mismatched free()", "mismatched-free", "free" },
	{ "Mismatched new/delete size", "mismatched-size", "free" },
	{ "Conditional jump or move depends on uninit", "uninitialised-condition", NULL },
	{ "Use of uninitialised value of size ", "uninitialised-value", "read" },
	{ "Syscall param ", "syscall-param", NULL },
	{ "Source and destination overlap in ", "overlap", NULL },
	{ "Argument '", "fishy-value", NULL },
	{ "Jump to the invalid address", "invalid-jump", "execute" },
	{ "Process terminating with default action of signal ", "fatal-signal", NULL },
	{ "Illegal memory pool address", "invalid-mempool", NULL },
	{ "Block ", NULL, NULL },
};

/* "40 bytes in 1 blocks are definitely lost in loss record 1 of 1", "1,040 (40 direct, 1,000 indirect) bytes in 1
 * blocks are …". */
static bool vg_leak(struct decode_open *o, const char *t)
{
	static const char *const classes[][2] = {
		{ "definitely lost", "definite" },
		{ "indirectly lost", "indirect" },
		{ "possibly lost", "possible" },
		{ "still reachable", "reachable" },
	};
	struct decode_record *r = o->record;
	const char *blocks = strstr(t, " blocks are "), *p = blocks;
	uint64_t bytes = 0;

	if (!blocks || !strstr(t, " in loss record ") || *t < '0' || *t > '9')
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
		if (starts(blocks + 12, classes[i][0])) {
			r->leak.class = classes[i][1];
			r->kind = decode_kind(r, classes[i][0], strlen(classes[i][0]));
		}
	for (p = t; (*p >= '0' && *p <= '9') || *p == ','; p++)
		bytes = *p == ',' ? bytes : bytes * 10 + (uint64_t)(*p - '0');
	r->leak.bytes = bytes;
	for (p = blocks; p > t && ((p[-1] >= '0' && p[-1] <= '9') || p[-1] == ','); p--)
		;
	for (; p < blocks; p++)
		r->leak.objects = *p == ',' ? r->leak.objects : r->leak.objects * 10 + (uint64_t)(*p - '0');
	o->stack = decode_record_stack(r, "alloc");
	return r->kind != NULL;
}

bool decode_headline_valgrind(const char *text, struct decode_open *o)
{
	struct decode_record *r = o->record;
	bool known = vg_leak(o, text);

	for (size_t i = 0; !known && i < ARRAY_SIZE(vg_marks); i++) {
		const struct vg_mark *m = &vg_marks[i];
		if (!m->kind || !starts(text, m->mark))
			continue;
		known = true;
		r->kind = m->kind;
		r->access = m->access;
		r->have_size = decode_decimal_after(text, "of size ", &r->access_size);
		o->stack = decode_record_stack(r, "access");
	}
	if (!known)
		return false;
	r->detector = "valgrind";
	r->headline = decode_record_string(r, text, strlen(text));
	r->pid = (uint32_t)o->caller;
	r->have_pid = true;
	return true;
}

/* " Address 0x4a42043 is 3 bytes inside a block of size 10 free'd" */
static bool vg_address(struct decode_open *o, const char *t)
{
	struct decode_record *r = o->record;
	const char *p = after(t, "Address 0x"), *behind;
	bool freed = strstr(t, "free'd") != NULL;

	if (!p || !(behind = decode_hex(p, &r->addr)))
		return false;
	r->have_addr = true;
	o->stack = NULL;
	if (!strstr(behind, " a block of size ")) {
		r->place = decode_record_string(r, t, strlen(t));
		return true;
	}
	r->object.present = true;
	decode_decimal_after(behind, "block of size ", &r->object.size);
	r->object.have_distance = decode_decimal_after(behind, " is ", &r->object.distance);
	r->object.relation = strstr(behind, " inside ")   ? "inside of"
	                     : strstr(behind, " before ") ? "to the left of"
	                                                  : "to the right of";
	r->object.addr = r->object.relation[0] == 'i' ? r->addr - r->object.distance
	                 : strstr(behind, " before ") ? r->addr + r->object.distance
	                                              : r->addr - r->object.distance - r->object.size;
	r->object.state = freed ? "freed" : "allocated";
	o->stack = decode_record_stack(r, freed ? "free" : "alloc");
	return true;
}

enum decode_answer decode_line_valgrind(struct decode_open *o, const char *text)
{
	struct decode_record *r = o->record;
	const char *t = text + strspn(text, " \t");

	if (!*t)
		return LINE_LAST;
	if (decode_frame_valgrind(r, o->stack, text) || vg_address(o, t))
		return LINE_TAKEN;
	if (starts(t, "Block was alloc'd at")) {
		o->stack = decode_record_stack(r, "alloc");
		return LINE_TAKEN;
	}
	if (starts(t, "Uninitialised value was created")) {
		o->stack = decode_record_stack(r, "origin");
		return LINE_TAKEN;
	}
	if (text[0] == ' ') /* details are indented by a blank */
		return LINE_TAKEN;
	return LINE_BEHIND;
}
