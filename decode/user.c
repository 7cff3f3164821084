/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/user.c - reports of the compilers' sanitizers in programs.
 *
 *     ==12==ERROR: AddressSanitizer: KIND …     ASan, HWASan, MSan ("WARNING:"): up to "==12==ABORTING", or, when the
 *                                               program goes on, the legend of the shadow bytes, or SUMMARY
 *     Direct leak of 7 byte(s) in 1 object(s)   LeakSanitizer: each leak is a record
 *     WARNING: ThreadSanitizer: KIND (pid=12)   TSan: up to a rule of 18 '='
 *     HWAddressSanitizer: CHECK failed: …       the sanitizer has met something that it does not expect
 *     a.c:5:7: runtime error: TEXT              UBSan: the line, what it points to, and a stack if there is one
 *     ubsan: pointer-overflow                   UBSan's small runtime; newer: "ubsan: pointer-overflow by 0x12"
 *
 * Processes that share an error stream mix their lines.  Frames are numbered, so a number that does not follow its
 * predecessor shows another process's frames; so does another pid. */
#include "config.h"

#include <ctype.h>

#include "decode/decode_internal.h"

/* ---- headlines ------------------------------------------------------------------------------- */

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

/* Headlines that are a sentence; the kinds are those of the summary. */
static const char *const asan_sentences[][2] = {
	{ "attempting free on address which was not malloc", "bad-free" },
	{ "attempting free on address in wrong", "bad-free" },
	{ "attempting to call malloc_usable_size", "bad-malloc-usable-size" },
	{ "attempting to call __sanitizer_get_allocated_size", "bad-sanitizer-get-allocated-size" },
	{ "bad parameters to __sanitizer_annotate", "bad-sanitizer-annotate-contiguous-container" },
	{ "CHECK failed", "check-failed" },
};

static const char *sanitizer_kind(struct decode_record *r, const char *p)
{
	const char *refusal = decode_refusal_kind(p);

	if (refusal)
		return refusal;
	/* behind "bad pointer 0x…", which free() has got */
	if (starts(p, "CHECK failed: ") && strstr(p, "sanitizer_allocator") && strstr(p, "IsAligned"))
		return "invalid-pointer";
	for (size_t i = 0; i < ARRAY_SIZE(asan_sentences); i++)
		if (starts(p, asan_sentences[i][0]))
			return asan_sentences[i][1];
	if (starts(p, "attempting "))
		p += 11;
	return decode_kind(r, p, strcspn(p, " :("));
}

static const char *sanitizer_detector(const char *name)
{
	static const char *const names[][2] = {
		{ "AddressSanitizer", "asan" }, { "HWAddressSanitizer", "hwasan" },
		{ "MemorySanitizer", "msan" },  { "ThreadSanitizer", "tsan" },
		{ "LeakSanitizer", "lsan" },    { "UndefinedBehaviorSanitizer", "ubsan" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (starts(name, names[i][0]))
			return names[i][1];
	return "sanitizer";
}

/* "==12==", or, with log_exe_name=1, "==prog==12=="; NULL: the text begins with neither. */
static const char *behind_pid(const char *text, uint64_t *pid)
{
	const char *p = after(text, "=="), *behind;

	if (!p)
		return NULL;
	behind = number_decimal(p, pid);
	if (behind && starts(behind, "=="))
		return behind + 2;
	p += strcspn(p, "= ");
	behind = starts(p, "==") ? number_decimal(p + 2, pid) : NULL;
	return behind && starts(behind, "==") ? behind + 2 : NULL;
}

/* "AddressSanitizer: CHECK failed: asan_thread.cpp:360 …", up to clang 12 "==12==AddressSanitizer CHECK failed: …":
 * what it says; NULL: it is none. */
static const char *sanitizer_ends(const char *text, const char **name)
{
	uint64_t pid;
	const char *p = behind_pid(text, &pid), *says;

	*name = p ? p : text;
	says = strstr(*name, "Sanitizer");
	if (!says || (size_t)(says - *name) != strcspn(*name, " S:"))
		return NULL;
	says += 9;
	says += *says == ':';
	return starts(says, " CHECK failed: ") ? says + 1 : NULL;
}

/* The name in front of "Sanitizer: " behind "ERROR: " or "WARNING: "; NULL: there is none. */
static const char *sanitizer_name(const char *text)
{
	const char *mark = strstr(text, "ERROR: "), *colon;

	mark = mark ? mark + 7 : (mark = strstr(text, "WARNING: ")) != NULL ? mark + 9 : NULL;
	colon = mark ? strstr(mark, "Sanitizer: ") : NULL;
	return colon && (size_t)(colon - mark) == strcspn(mark, " S") ? mark : NULL;
}

bool decode_headline_asan(const char *text, struct decode_open *o)
{
	const char *name, *p;
	struct decode_record *r = o->record;
	uint64_t pid;
	bool named;

	if (starts(text, "Direct leak of ") || starts(text, "Indirect leak of ")) {
		asan_leak(o, text, *text == 'D');
		return true;
	}
	name = sanitizer_name(text);
	if (name && (starts(name, "LeakSanitizer: detected") || starts(name, "ThreadSanitizer")))
		return false;
	named = name != NULL;
	p = named ? strstr(name, "Sanitizer: ") + 11 : sanitizer_ends(text, &name);
	if (!p)
		return false;
	o->ends_alone = !named;
	r->detector = sanitizer_detector(name);
	r->headline = decode_record_string(r, text, strlen(text));
	r->kind = sanitizer_kind(r, p);
	if (decode_hex_after(p, "address 0x", &r->addr) || decode_hex_after(p, " on 0x", &r->addr) ||
	    decode_hex_after(p, "malloc()-ed: 0x", &r->addr))
		r->have_addr = true;
	if (strstr(r->kind, "free") && !strstr(r->kind, "use"))
		r->access = "free";
	if (behind_pid(text, &pid)) {
		r->pid = (uint32_t)pid;
		r->have_pid = true;
	}
	o->section = SECTION_TRACE;
	o->stack = decode_record_stack(r, "access");
	return true;
}

bool decode_headline_tsan(const char *text, struct decode_open *o)
{
	const char *name = sanitizer_name(text), *p, *end;
	struct decode_record *r = o->record;
	uint64_t pid;

	if (!name || !starts(name, "ThreadSanitizer: "))
		return false;
	p = name + 17;
	r->detector = "tsan";
	r->headline = decode_record_string(r, text, strlen(text));
	end = strstr(p, " (pid=");
	r->kind = decode_kind(r, p, end ? (size_t)(end - p) : strcspn(p, "("));
	if (decode_decimal_after(text, "(pid=", &pid)) {
		r->pid = (uint32_t)pid;
		r->have_pid = true;
	}
	return true;
}

/* UBSan's messages, with the names that its checks have. */
static const char *const ubsan_messages[][2] = {
	{ "out of bounds for type", "out-of-bounds-index" },
	{ "passed as argument", "invalid-null-argument" },
	{ "null pointer returned from", "invalid-null-return" },
	{ "reference binding to null pointer", "null-pointer-use" },
	{ "offset to null pointer", "nullptr-with-offset" },
	{ "to null pointer", "nullptr-with-nonzero-offset" },
	{ "null pointer", "null-pointer-use" },
	{ "misaligned address", "misaligned-pointer-use" },
	{ "insufficient space", "insufficient-object-size" },
	{ "does not point to an object", "dynamic-type-mismatch" },
	{ "offset", "pointer-overflow" },
	{ "pointer index expression", "pointer-overflow" },
	{ "unsigned integer overflow", "unsigned-integer-overflow" },
	{ "signed integer overflow", "signed-integer-overflow" },
	{ "division by zero", "integer-divide-by-zero" },
	{ "shift exponent", "invalid-shift-exponent" },
	{ "left shift of", "invalid-shift-base" },
	{ "for type 'bool'", "invalid-bool-load" },
	{ "not a valid value", "invalid-enum-load" },
	{ "variable length array", "non-positive-vla-index" },
	{ "unreachable", "unreachable-call" },
	{ "end of a value-returning function", "missing-return" },
	{ "incorrect function type", "function-type-mismatch" },
	{ "range of representable values", "float-cast-overflow" },
	{ "alignment", "alignment-assumption" },
	{ "implicit conversion", "implicit-conversion" },
	{ "control flow integrity", "cfi-bad-type" },
	{ "cannot be represented", "signed-integer-overflow" },
};

/* The words of -fsanitize-minimal-runtime for its checks. */
static const char *const ubsan_words[][2] = {
	{ "out-of-bounds", "out-of-bounds-index" },
	{ "local-out-of-bounds", "out-of-bounds-index" },
	{ "type-mismatch", "type-mismatch" }, /* null, misaligned or too small: it does not say */
	{ "pointer-overflow", "pointer-overflow" },
	{ "alignment-assumption", "alignment-assumption" },
	{ "nonnull-arg", "invalid-null-argument" },
	{ "nullability-arg", "invalid-null-argument" },
	{ "nonnull-return", "invalid-null-return" },
	{ "nullability-return", "invalid-null-return" },
	{ "function-type-mismatch", "function-type-mismatch" },
	{ "cfi-check-fail", "cfi-bad-type" },
	{ "add-overflow", "signed-integer-overflow" },
	{ "sub-overflow", "signed-integer-overflow" },
	{ "mul-overflow", "signed-integer-overflow" },
	{ "negate-overflow", "signed-integer-overflow" },
	{ "divrem-overflow", "integer-divide-by-zero" },
	{ "shift-out-of-bounds", "invalid-shift-exponent" },
	{ "builtin-unreachable", "unreachable-call" },
	{ "missing-return", "missing-return" },
	{ "vla-bound-not-positive", "non-positive-vla-index" },
	{ "float-cast-overflow", "float-cast-overflow" },
	{ "load-invalid-value", "invalid-enum-load" },
	{ "invalid-builtin", "invalid-builtin-use" },
	{ "implicit-conversion", "implicit-conversion" },
};

/* "ubsan: pointer-overflow", "ubsan: out-of-bounds by 0x000000401136": no place, or the address of the code. */
bool decode_headline_ubsan_minimal(const char *text, struct decode_open *o)
{
	const char *word = after(text, "ubsan: "), *p;
	size_t len = word ? strspn(word, "abcdefghijklmnopqrstuvwxyz-") : 0;
	struct decode_frame *f;
	uint64_t pc;

	for (size_t i = 0; word && i < ARRAY_SIZE(ubsan_words); i++) {
		if (strlen(ubsan_words[i][0]) != len || memcmp(word, ubsan_words[i][0], len) != 0)
			continue;
		if (!(p = after(word + len, " by 0x")) && isalnum((unsigned char)word[len + strspn(word + len, " ")]))
			return false;
		decode_begin(o, "ubsan", ubsan_words[i][1], text);
		if (!p || !decode_hex(p, &pc) || !(o->stack = decode_record_stack(o->record, "access")) ||
		    !(f = decode_stack_frame(o->record, o->stack)))
			return true;
		f->pc = pc;
		f->have_pc = f->exact = true;
		return true;
	}
	return false;
}

/* "a.c:5:71: runtime error: index 4 out of bounds for type 'int[4]'"; with symbolize_vs_style=1 "a.c(5,71): …" */
bool decode_headline_ubsan(const char *text, struct decode_open *o)
{
	const char *mark = strstr(text, ": runtime error: "), *place, *message;
	struct decode_record *r = o->record;
	struct decode_frame *f;
	uint64_t column, line;

	if (!mark)
		return false;
	for (place = mark; place > text && place[-1] != ' '; place--)
		;
	if (!decode_location(r, place, mark, &line, &column) && *place != '<' &&
	    !memmem(place, (size_t)(mark - place), "+0x", 3))
		return false; /* "panic: runtime error: …" is Go's */
	message = mark + 17;
	r->detector = "ubsan";
	r->headline = decode_record_string(r, text, strlen(text));
	r->kind = "undefined-behavior";
	for (size_t i = 0; i < ARRAY_SIZE(ubsan_messages); i++)
		if (strstr(message, ubsan_messages[i][0])) {
			r->kind = ubsan_messages[i][1];
			break;
		}
	r->access = starts(message, "load of") ? "read" : starts(message, "store to") ? "write" : NULL;
	if (decode_hex_after(message, " address 0x", &r->addr))
		r->have_addr = true;
	r->place = decode_record_string(r, place, (size_t)(mark - place));
	o->section = SECTION_TRACE;
	o->stack = decode_record_stack(r, "access");
	f = o->stack ? decode_stack_frame(r, o->stack) : NULL; /* until a stack comes */
	if (!f)
		return true;
	f->at_line = DECODE_NONE;
	if (decode_location(r, place, mark, &line, &column)) {
		f->file = decode_record_string(r, place, strcspn(place, mark[-1] == ')' ? "(" : ":"));
		f->line = (uint32_t)line;
		f->column = (uint32_t)column;
	}
	return true;
}

/* ---- AddressSanitizer and its like ----------------------------------------------------------- */

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
	r->object.relation = strstr(p, " inside ")                          ? "inside of"
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
	if (strstr(t, " tags: ")) /* HWASan */
		r->tags = decode_record_string(r, strstr(t, " tags: ") + 1, strcspn(strstr(t, " tags: ") + 1, "("));
	if (thread && o->stack)
		o->stack->thread = decode_record_string(r, thread + 8, strcspn(thread + 8, " ("));
	return true;
}

static bool asan_heading(struct decode_open *o, const char *t)
{
	struct decode_record *r = o->record;
	bool here = strstr(t, "here:") != NULL;

	if (starts(t, "freed by thread ") || (starts(t, "freed ") && here)) {
		o->stack = decode_record_stack(r, "free");
		r->object.state = "freed";
	} else if (starts(t, "previously allocated ") || starts(t, "allocated by thread ") ||
	           (starts(t, "allocated ") && here)) {
		o->stack = decode_record_stack(r, "alloc");
	} else if (starts(t, "Uninitialized value was stored to memory at") ||
	           starts(t, "Memory was marked as uninitialized")) {
		o->stack = decode_record_stack(r, "stored");
	} else if (starts(t, "Uninitialized value was created by")) {
		o->mixed |= strcmp(r->detector, "msan") != 0;
		o->stack = decode_record_stack(r, strstr(t, "heap allocation")     ? "alloc"
		                                  : strstr(t, "heap deallocation") ? "free"
		                                                                   : "origin");
		if (strstr(t, "heap deallocation"))
			r->access = "read";
		r->place = decode_record_string(r, t, strlen(t));
	} else if (starts(t, "Thread T") && strstr(t, " created by ")) {
		o->stack = decode_record_stack(r, "thread");
	} else if (starts(t, "Address 0x") && strstr(t, " is located in stack of")) {
		o->stack = decode_record_stack(r, "frame");
	} else if (starts(t, "Cause: ")) { /* HWASan */
		r->detail = decode_record_string(r, t, strlen(t));
		o->stack = NULL;
	} else {
		return false;
	}
	return true;
}

/* Does a row of shadow bytes belong to the report's address?  clang 16 and later print the address of the memory. */
static bool near_address(const struct decode_record *r, uint64_t row)
{
	return r->have_addr && (row - (r->addr >> 3) - 0x7fff8000 + 0x80 <= 0x100 || row - r->addr + 0x400 <= 0x800);
}

/* "=>0x0c047fff8000: fa fa[fd]fd …": shadow bytes, with the address of the shadow. */
static bool asan_shadow(struct decode_open *o, const char *text)
{
	const char *t = text + strspn(text, " =>"), *p = NULL;
	struct decode_row *row;
	uint64_t addr;

	if (starts(t, "Shadow bytes around") || starts(t, "Memory tags around")) {
		o->section = SECTION_MEMORY;
		o->stack = NULL;
		return true;
	}
	if (starts(t, "Tags for short granules") || starts(t, "Registers where")) {
		o->section = SECTION_HEX; /* rows that are no memory */
		o->stack = NULL;
		return true;
	}
	if (starts(t, "Shadow byte legend"))
		o->saw_memory = true;
	if (o->section != SECTION_MEMORY && o->saw_summary && !o->saw_memory && starts(t, "0x") &&
	    decode_hex(t, &addr) && near_address(o->record, addr))
		o->section = SECTION_MEMORY; /* the heading went to another process's report */
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

/* "#3 0x4011d6 in main …": numbers follow each other, unless another process writes to the same stream. */
static void watch_numbers(struct decode_open *o, const char *t)
{
	uint64_t number;

	if (o->stack && *t == '#' && number_decimal(t + 1, &number) && number != o->stack->nr && !o->stack->truncated)
		o->mixed = true;
}

/* "SUMMARY: AddressSanitizer: allocation-size-too-big (/a.out+0x12) in realloc": the kind in one word. */
static void asan_summary(struct decode_open *o, const char *t)
{
	struct decode_record *r = o->record;
	const char *p = strstr(t, "Sanitizer: ");
	size_t len;

	o->mixed |= o->saw_summary;
	o->saw_summary = true;
	o->stack = NULL;
	if (!p || strcmp(r->detector, "asan") != 0)
		return;
	p += 11;
	len = strspn(p, "abcdefghijklmnopqrstuvwxyz0123456789_-");
	if (len > 3 && (p[len] == ' ' || p[len] == '\0') && memchr(p, '-', len) && isalpha((unsigned char)*p))
		r->kind = decode_kind(r, p, len);
}

static bool foreign_pid(const struct decode_record *r, const char *t)
{
	uint64_t pid;

	return behind_pid(t, &pid) && r->have_pid && pid != r->pid;
}

bool decode_other_process(const struct decode_open *o, const char *text)
{
	bool ends = o->saw_summary && (o->saw_memory || strcmp(o->record->detector, "asan") != 0);

	return o->form == FORM_ASAN && !ends && foreign_pid(o->record, text) && sanitizer_name(text);
}

/* Does a frame of the report lie where this one does?  Each process has its modules at other addresses.  The headline
 * names the first one: "… at pc 0x55d9a2052212 bp …", "(pc 0x55d9a2052212 bp …". */
static bool near_its_code(const struct decode_record *r, uint64_t pc)
{
	uint64_t first;

	if (decode_hex_after(r->headline, "pc 0x", &first) && first >> 28 == pc >> 28)
		return true;
	for (size_t i = 0; i < r->nr_stacks; i++)
		for (size_t k = 0; k < r->stacks[i].nr; k++)
			if (r->stacks[i].frames[k].have_pc && r->stacks[i].frames[k].pc >> 28 == pc >> 28)
				return true;
	return false;
}

/* A frame follows its predecessor. */
static int fit_of_frame(const struct decode_open *o, const char *t)
{
	const struct decode_record *r = o->record;
	uint64_t number, pc;
	const char *p = number_decimal(t + 1, &number);
	bool follows = o->stack && number == o->stack->nr;

	if (p && decode_hex_after(p, " 0x", &pc) && near_its_code(r, pc))
		return follows ? 4 : 1;
	return !follows ? -1 : number ? 2 : 3;
}

#define ASAN_ROWS 11 /* of shadow bytes */

/* Each part of a report comes once, in its order. */
static int fit_of_part(const struct decode_open *o, const char *t)
{
	const struct decode_record *r = o->record;
	uint64_t addr;
	bool freed = decode_record_role(r, "free") != NULL, allocated = decode_record_role(r, "alloc") != NULL;

	if (starts(t, "READ of size ") || starts(t, "WRITE of size ")) {
		if (r->access || !o->stack || o->stack->nr)
			return -1;
		return r->have_addr && decode_hex_after(t, " at 0x", &addr) && addr != r->addr ? -1 : 3;
	}
	if (starts(t, "freed by ") || starts(t, "freed "))
		return freed || !r->object.present || !strstr(r->kind, "free") ? -1 : 3;
	if (starts(t, "previously allocated "))
		return freed && !allocated ? 3 : -1;
	if (starts(t, "allocated by ") || starts(t, "allocated "))
		return allocated || strstr(r->kind, "use-after-free") ? -1 : 2;
	if (strstr(t, " is located "))
		return r->place || r->object.present || o->section != SECTION_TRACE ? -1
		       : r->have_addr && decode_hex(t, &addr) && addr == r->addr    ? 3
		                                                                    : 1;
	if (starts(t, "SUMMARY: "))
		return o->saw_summary ? -1 : strstr(t, r->kind) ? 3 : 1;
	/* the rows that follow have addresses */
	if (starts(t, "Shadow bytes around") || starts(t, "Memory tags around"))
		return o->section == SECTION_MEMORY || !o->saw_summary ? -1 : 0;
	if (starts(t, "Shadow byte legend"))
		return o->saw_memory || r->nr_rows < ASAN_ROWS ? -1 : 0;
	return 0;
}

int decode_fit_asan(const struct decode_open *o, const char *text)
{
	const struct decode_record *r = o->record;
	const char *t = text + strspn(text, " \t=>");
	uint64_t addr;

	if (starts(text, "==") && r->have_pid)
		return foreign_pid(r, text) ? -1 : 9;
	if (*t == '#')
		return fit_of_frame(o, t);
	if (starts(t, "0x") && decode_hex(t, &addr) && strchr(t, ':') == t + strspn(t, "0123456789abcdefx")) {
		const struct decode_row *last = r->nr_rows ? &r->rows[r->nr_rows - 1] : NULL;
		if (!o->saw_summary || o->saw_memory || !near_address(r, addr))
			return -1;
		return !last ? 1 : addr == last->addr + 16 || addr == last->addr + 128 ? 3 : -1;
	}
	return fit_of_part(o, t);
}

enum decode_answer decode_line_asan(struct decode_open *o, const char *text)
{
	struct decode_record *r = o->record;
	const char *t = text + strspn(text, " \t");
	bool leak = r->leak.class != NULL, shadow = strcmp(r->detector, "asan") == 0;

	if (o->ends_alone && !*t)
		return LINE_LAST;
	if (leak && !*t && o->stack && o->stack->nr) {
		o->saw_summary = true;
		return LINE_LAST;
	}
	if (*t == '#' && decode_frame_asan(r, NULL, text)) {
		watch_numbers(o, t);
		decode_frame_asan(r, o->stack, text);
		return LINE_TAKEN;
	}
	if (starts(t, "==") && foreign_pid(r, t)) {
		o->mixed |= !strstr(t, "==ABORTING");
		return LINE_FOREIGN;
	}
	if (starts(t, "==") && strstr(t, "==ABORTING"))
		return LINE_LAST;
	if (o->saw_summary && !shadow && !leak && *t)
		return starts(t, "Exiting") ? LINE_LAST : LINE_BEHIND;
	if (o->saw_memory && o->saw_summary && text[0] != ' ')
		return LINE_BEHIND;
	if (starts(t, "SUMMARY: ")) {
		asan_summary(o, t);
		return leak ? LINE_BEHIND : LINE_TAKEN;
	}
	if (asan_heading(o, t) || asan_access(o, t) || asan_object(r, t) || asan_shadow(o, text) || !*t)
		return LINE_TAKEN;
	if (o->section == SECTION_TRACE &&
	    (starts(t, "Memory access") || starts(t, "This frame has") || starts(t, "HINT:") || *t == '[' ||
	     starts(t, "(longjmp and") || starts(t, "AddressSanitizer can not") || starts(t, "==") ||
	     starts(t, "Hint: ") || starts(t, "MemorySanitizer can not")))
		return LINE_TAKEN;
	if (strcmp(r->detector, "hwasan") == 0 && (text[0] == ' ' || starts(t, "Thread: ") || starts(t, "T0 ") ||
	                                           starts(t, "See https://clang") || starts(t, "Potentially ")))
		return LINE_TAKEN;
	return LINE_FOREIGN;
}

/* ---- ThreadSanitizer ------------------------------------------------------------------------- */

static bool tsan_access(struct decode_open *o, const char *t)
{
	struct decode_record *r = o->record;
	bool atomic = starts(t, "Atomic ") || starts(t, "Previous atomic "), previous = starts(t, "Previous ");
	const char *size = strstr(t, " of size "), *by = strstr(t, " by ");

	if (!size || !by || !strstr(t, " at 0x") || starts(t, "Location is "))
		return false;
	o->mixed |= decode_record_role(r, previous ? "other" : "access") != NULL;
	o->stack = decode_record_stack(r, previous ? "other" : "access");
	if (o->stack && by)
		o->stack->thread = decode_record_string(r, by + 4, strcspn(by + 4, ":("));
	if (previous)
		return true;
	r->access = strstr(t, "rite") ? "write" : "read";
	r->have_size = decode_decimal_after(t, " of size ", &r->access_size);
	r->have_addr = decode_hex_after(t, " at 0x", &r->addr);
	if (atomic)
		r->detail = decode_record_string(r, t, strlen(t));
	return true;
}

static bool tsan_heading(struct decode_open *o, const char *t)
{
	struct decode_record *r = o->record;

	if (starts(t, "Location is heap block of size ")) {
		r->object.present = decode_hex_after(t, " at 0x", &r->object.addr);
		decode_decimal_after(t, "of size ", &r->object.size);
		r->object.state = strstr(r->kind, "use-after-free") ? "freed" : "allocated";
		o->stack = decode_record_stack(r, "alloc");
	} else if (starts(t, "Location is ")) {
		/* a stack's place may be named as a global's, too */
		o->mixed |= r->place != NULL && strncmp(r->place, t, strlen("Location is gl")) == 0;
		r->place = r->place ? r->place : decode_record_string(r, t, strlen(t));
		o->stack = NULL;
	} else if (starts(t, "Thread ") && strstr(t, " created ")) {
		o->stack = decode_record_stack(r, "thread");
	} else if (starts(t, "Mutex ")) {
		o->stack = strstr(t, "acquired here") ? decode_record_stack(r, o->trace_began ? "other" : "access")
		                                      : decode_record_stack(r, "work");
		o->trace_began = true;
	} else if (starts(t, "As if synchronized") || starts(t, "Hint: ") || starts(t, "Cycle in lock order")) {
		o->stack = NULL;
	} else {
		return false;
	}
	return true;
}

enum decode_answer decode_line_tsan(struct decode_open *o, const char *text)
{
	struct decode_record *r = o->record;
	const char *t = text + strspn(text, " \t");
	size_t rule = decode_rule_length(t);

	if (rule >= 10 && rule < DECODE_LEAST_RULE)
		return o->saw_summary ? LINE_LAST : LINE_TAKEN;
	if (o->saw_summary)
		return LINE_BEHIND;
	if (*t == '#' && decode_frame_tsan(r, NULL, text)) {
		if (!o->stack && !r->nr_stacks) /* "signal-unsafe call inside of a signal" has no heading */
			o->stack = decode_record_stack(r, "access");
		watch_numbers(o, t);
		decode_frame_tsan(r, o->stack, text);
		return LINE_TAKEN;
	}
	if (starts(t, "SUMMARY: ThreadSanitizer")) {
		o->mixed |= decode_summary_differs(o, t);
		o->saw_summary = true;
		return LINE_TAKEN;
	}
	return tsan_access(o, t) || tsan_heading(o, t) || !*t || text[0] == ' ' ? LINE_TAKEN : LINE_FOREIGN;
}

/* ---- UndefinedBehaviorSanitizer -------------------------------------------------------------- */

static bool ubsan_has_stack(const struct decode_open *o)
{
	return o->stack && o->stack->nr && o->stack->frames[0].at_line != DECODE_NONE;
}

/* Behind a stack there is an empty line, and, of clang's, "SUMMARY: UndefinedBehaviorSanitizer: … a.c:5:71 in f". */
enum decode_answer decode_line_ubsan(struct decode_open *o, const char *text)
{
	struct decode_record *r = o->record;
	const char *t = text + strspn(text, " \t");

	if (*t == '#' && decode_frame_asan(r, NULL, text)) {
		if (o->stack && o->stack->nr == 1 && o->stack->frames[0].at_line == DECODE_NONE)
			o->stack->nr = 0; /* the headline's place; now the stack follows */
		o->mixed |= o->trace_over;
		watch_numbers(o, t);
		decode_frame_asan(r, o->stack, text);
		return LINE_TAKEN;
	}
	if (starts(t, "SUMMARY: ")) {
		o->mixed |= (ubsan_has_stack(o) && !o->trace_over) || (r->place && !strstr(t, r->place));
		o->saw_summary = true;
		return LINE_LAST;
	}
	if (!*t && ubsan_has_stack(o)) {
		o->trace_over = true;
		return LINE_TAKEN;
	}
	if (strstr(t, ": note: ") || starts(t, "<memory cannot be printed>") ||
	    (*t && text[0] == ' ' && strspn(text, " 0123456789abcdef?^~") == strlen(text)))
		return LINE_TAKEN;
	/* "==12==WARNING: Failed to use and restart external symbolizer!" */
	if (starts(t, "==") && strstr(t, "==WARNING: ") && strstr(t, "symbolizer"))
		return LINE_TAKEN;
	/* "invalid vptr", "vptr for 'B' base class of 'C'" */
	if (text[0] == ' ' && !ubsan_has_stack(o) && strstr(t, "vptr"))
		return LINE_TAKEN;
	return LINE_BEHIND;
}

/* ---- reports whose lines are mixed ----------------------------------------------------------- */

bool decode_summary_differs(const struct decode_open *o, const char *text)
{
	const struct decode_stack *s = decode_record_main_stack(o->record);
	const char *name = strstr(text, " in ");
	size_t len;

	if (!name || !s || !s->nr)
		return false;
	name += 4;
	if (starts(name, "__interceptor_"))
		name += strlen("__interceptor_");
	len = strcspn(name, "(+ ");
	for (size_t i = 0; i < s->nr; i++)
		if (!s->frames[i].function || memmem(s->frames[i].function, strlen(s->frames[i].function), name, len))
			return false;
	return len > 0;
}
