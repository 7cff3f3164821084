/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/valgrind.c - reports of Valgrind's tools, as text and as XML.
 * In text, Valgrind writes its pid in front of every line, which prefix.c takes for the caller; an empty line ends an
 * error.  In XML (--xml=yes), an error is an element, with one element a line; its texts are those of the text form. */
#include "config.h"

#include "decode/decode_internal.h"

/* ---- text ------------------------------------------------------------------------------------ */

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
	{ "realloc() with size 0", "realloc-zero", NULL },
	{ "Unsafe allocation with size of zero", "zero-size", NULL },
	{ "Invalid size value", "invalid-size", NULL },
	{ "Invalid alignment value", "invalid-alignment", NULL },
	{ "Mismatched new/delete ", "mismatched-size", "free" },
	{ "Sizes of ", "mismatched-size", "free" },
	{ "Possible data race during read of size ", "data-race", "read" },
	{ "Possible data race during write of size ", "data-race", "write" },
	{ "Conflicting load by thread ", "data-race", "read" },
	{ "Conflicting store by thread ", "data-race", "write" },
	/* DRD's, about locks */
	{ "The object at address 0x", "lock-misuse", NULL },
	{ "Mutex not locked: ", "lock-misuse", NULL },
	{ "Recursive locking not allowed: ", "lock-misuse", NULL },
	{ "Destroying locked ", "lock-misuse", NULL },
	{ "Destruction of ", "lock-misuse", NULL },
	{ "Probably a race condition: ", "lock-misuse", NULL },
	{ "Writer-locked ", "lock-misuse", NULL },
	{ "Reader-writer lock ", "lock-misuse", NULL },
};

/* Helgrind's, behind "Thread #1" */
static const char *const vg_locks[][2] = {
	{ ": lock order ", "lock-order" },          { " unlocked ", "lock-misuse" },
	{ "'s call to ", "lock-misuse" },           { ": Exiting thread still holds ", "lock-misuse" },
	{ ": Attempt to re-lock ", "lock-misuse" }, { ": pthread_", "lock-misuse" },
	{ ": Bug in libpthread: ", "lock-misuse" },
};

static const char *vg_lock(const char *text)
{
	const char *p = after(text, "Thread #");
	uint64_t thread;

	if (!p || !(p = number_decimal(p, &thread)))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(vg_locks); i++)
		if (starts(p, vg_locks[i][0]))
			return vg_locks[i][1];
	return NULL;
}

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
		if (!starts(text, m->mark))
			continue;
		known = true;
		r->kind = m->kind;
		r->access = m->access;
		r->have_size = decode_decimal_after(text, "of size ", &r->access_size);
		if (strstr(m->kind, "race"))
			r->have_addr = decode_hex_after(text, " at 0x", &r->addr);
		o->stack = decode_record_stack(r, "access");
	}
	if (!known && (r->kind = vg_lock(text)) != NULL) {
		o->stack = decode_record_stack(r, "access");
		known = true;
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

/* Details of an error: other stacks, faults. */
static bool vg_detail(struct decode_open *o, const char *t)
{
	struct decode_record *r = o->record;

	if (vg_address(o, t))
		return true;
	if (starts(t, "Block was alloc'd at")) {
		o->stack = decode_record_stack(r, "alloc");
	} else if (starts(t, "Uninitialised value was created")) {
		o->stack = decode_record_stack(r, "origin");
	} else if (starts(t, "This conflicts with a previous ")) { /* Helgrind */
		o->stack = decode_record_stack(r, "other");
	} else if (starts(t, "Observed (incorrect) order is: ")) {
		return true;
	} else if (starts(t, "followed by a later acquisition ") || starts(t, "Required order was established ") ||
	           (starts(t, "Lock at 0x") && strstr(t, " was first observed"))) {
		o->stack = decode_record_stack(r, "other");
	} else if (starts(t, "Stack overflow in thread ")) {
		r->kind = "stack-overflow";
	} else if (starts(t, "Access not within mapped region") || starts(t, "Bad permissions for mapped region") ||
	           starts(t, "General Protection Fault")) {
		r->have_addr = decode_hex_after(t, "address 0x", &r->addr);
		r->detail = decode_record_string(r, t, strlen(t));
	} else {
		return false;
	}
	return true;
}

enum decode_answer decode_line_valgrind(struct decode_open *o, const char *text)
{
	const char *t = text + strspn(text, " \t");

	/* Helgrind writes the other access behind an empty line. */
	if (!*t && !o->trace_ended && strcmp(o->record->kind, "data-race") == 0) {
		o->trace_ended = true;
		return LINE_TAKEN;
	}
	if (!*t &&
	    strcmp(o->record->kind, "lock-order") == 0) /* it has several stacks, with empty lines between them */
		return LINE_TAKEN;
	if (!*t)
		return LINE_LAST;
	if (starts(t, "Locks held: "))
		return LINE_TAKEN;
	if (o->trace_ended && text[0] != ' ' && !starts(t, "This conflicts with") &&
	    !decode_record_role(o->record, "other"))
		return LINE_BEHIND;
	if (decode_frame_valgrind(o->record, o->stack, text) || vg_detail(o, t))
		return LINE_TAKEN;
	if (text[0] == ' ') /* details are indented by a blank */
		return LINE_TAKEN;
	return LINE_BEHIND;
}

/* Valgrind puts the main thread's stack at this address, on 64-bit machines. */
#define VG_STACK_END 0x1fff001000ull
#define VG_STACK_LOW 0x1ff0000000ull

/* ---- XML ------------------------------------------------------------------------------------- */

/* The text of "<name>text</name>", without its entities; NULL: it is another element. */
static const char *xml_text(struct decode_record *r, const char *t, const char *name)
{
	size_t len = strlen(name), n = 0;
	const char *p, *end;
	char *out;

	if (*t != '<' || strncmp(t + 1, name, len) != 0 || t[len + 1] != '>')
		return NULL;
	p = t + len + 2;
	end = strstr(p, "</");
	if (!end)
		end = p + strlen(p);
	out = region_alloc(&r->region, (size_t)(end - p) + 1);
	while (out && p < end) {
		char letter = *p;
		size_t named = decode_named_letter(p, end, &letter);
		out[n++] = letter;
		p += named ? named : 1;
	}
	if (out)
		out[n] = '\0';
	return out;
}

bool decode_headline_valgrind_xml(const char *text, struct decode_open *o)
{
	const char *t = text + strspn(text, " \t");
	struct decode_record *r = o->record;

	if (strcmp(t, "<error>") != 0 && strcmp(t, "<fatal_signal>") != 0)
		return false;
	r->detector = "valgrind";
	r->kind = t[1] == 'f' ? "fatal-signal" : NULL;
	if (r->kind)
		o->stack = decode_record_stack(r, "access");
	o->stack = NULL;
	return true;
}

/* The fields of the frame that is open. */
static void xml_frame(struct decode_record *r, struct decode_frame *f, const char *t)
{
	const char *text;
	uint64_t value;

	if ((text = xml_text(r, t, "ip")) != NULL && decode_hex(text, &value)) {
		f->pc = value;
		f->have_pc = true;
	} else if ((text = xml_text(r, t, "obj")) != NULL) {
		f->module = text;
	} else if ((text = xml_text(r, t, "fn")) != NULL) {
		f->function = text;
	} else if ((text = xml_text(r, t, "dir")) != NULL) {
		f->file = text;
	} else if ((text = xml_text(r, t, "file")) != NULL) {
		f->file = f->file ? decode_record_format(r, "%s/%s", f->file, text) : text;
	} else if ((text = xml_text(r, t, "line")) != NULL && number_decimal(text, &value)) {
		f->line = (uint32_t)value;
	}
}

/* What Valgrind's text says in a line: the headline, or a detail. */
static void xml_what(struct decode_open *o, const char *what)
{
	struct decode_record *r = o->record;

	if (!r->headline) {
		if (!decode_headline_valgrind(what, o)) {
			r->headline = what;
			r->kind = r->kind ? r->kind : decode_kind(r, what, strcspn(what, "0("));
		}
		r->have_pid = r->pid != 0;
		if (!r->nr_stacks)
			decode_record_stack(r, "access");
		o->stack = NULL;
		return;
	}
	vg_detail(o, what);
	if (!starts(what, "Address 0x"))
		r->detail = r->detail ? r->detail : what;
}

enum decode_answer decode_line_valgrind_xml(struct decode_open *o, const char *text)
{
	struct decode_record *r = o->record;
	const char *t = text + strspn(text, " \t"), *what;
	struct decode_frame *f = o->frame_open && o->stack && o->stack->nr ? &o->stack->frames[o->stack->nr - 1] : NULL;

	if (starts(t, "</error>") || starts(t, "</fatal_signal>")) {
		o->saw_summary = true;
		return LINE_LAST;
	}
	if (starts(t, "<frame>")) {
		if (!o->stack && r->nr_stacks)
			o->stack = &r->stacks[r->nr_stacks - 1];
		f = o->stack ? decode_stack_frame(r, o->stack) : NULL;
		o->frame_open = f != NULL;
		if (f)
			f->exact = o->stack->nr == 1 && o->stack == &r->stacks[0];
	} else if (starts(t, "</frame>")) {
		o->frame_open = false;
	} else if (f) {
		xml_frame(r, f, t);
	} else if ((what = xml_text(r, t, "what")) || (what = xml_text(r, t, "text")) ||
	           (what = xml_text(r, t, "auxwhat")) || (what = xml_text(r, t, "event"))) {
		xml_what(o, what);
	} else if ((what = xml_text(r, t, "signame")) != NULL) {
		r->headline = decode_record_format(r, "Process terminating with default action of signal %s", what);
		r->kind = "fatal-signal";
		if (!r->nr_stacks)
			decode_record_stack(r, "access");
	} else if ((what = xml_text(r, t, "siaddr")) != NULL) {
		r->have_addr = decode_hex(what, &r->addr);
		/* the text says that the stack overflowed; XML has only the address */
		if (r->have_addr && r->addr >= VG_STACK_LOW && r->addr < VG_STACK_END && r->headline &&
		    strstr(r->headline, "SIGSEGV"))
			r->kind = "stack-overflow";
	} else if ((what = xml_text(r, t, "leakedbytes")) != NULL) {
		number_decimal(what, &r->leak.bytes);
	} else if ((what = xml_text(r, t, "leakedblocks")) != NULL) {
		number_decimal(what, &r->leak.objects);
	}
	return *t == '<' || !*t ? LINE_TAKEN : LINE_FOREIGN;
}
