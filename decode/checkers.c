/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/checkers.c - reports of other memory checkers: Dr. Memory, Purify, Miri, the debug heap of Microsoft's C.
 *
 *     ~~Dr.M~~ Error #1: UNADDRESSABLE ACCESS beyond heap bounds: reading 0x… 4 byte(s)
 *     ABW: Array bounds write:                       Purify
 *     error: Undefined Behavior: …                   Miri
 *     HEAP CORRUPTION DETECTED: after Normal …       Microsoft; "Detected memory leaks!", "Run-Time Check Failure #2"
 *     ERROR: free: tried to free …  (err 61)         dmalloc; "not freed: '0x…|s1' (40 bytes) from 'a.c:12'"
 *     [DanglingPtr](1/3) A raw_ptr/raw_ref is …      Chromium's PartitionAlloc; "Received signal 11 SEGV_MAPERR …"
 */
#include "config.h"

#include "decode/decode_internal.h"

/* "libc.so.6!puts +0x39  (0xf786b15c <libc.so.6+0x5f15c>)": Dr. Memory's when it prints addresses; the place is in the
 * next line. */
static bool address_frame(struct decode_open *o, const char *name)
{
	const char *open = strstr(name, "(0x"), *module = open ? strchr(open, '<') : NULL, *plus, *bang;
	struct decode_frame *f;

	if (!module || open == name || !(plus = strstr(module, "+0x")) || !strchr(plus, '>'))
		return false;
	f = o->stack ? decode_stack_frame(o->record, o->stack) : NULL;
	if (!f)
		return true;
	f->have_pc = decode_hex(open + 1, &f->pc) != NULL;
	f->module = decode_record_string(o->record, module + 1, (size_t)(plus - module - 1));
	f->have_offset = decode_hex(plus + 1, &f->offset) != NULL;
	bang = memchr(name, '!', (size_t)(open - name));
	name = bang ? bang + 1 : name;
	if (*name != '?')
		f->function = decode_record_string(o->record, name, strcspn(name, " "));
	return true;
}

/* "name   [/src/a.c:31]", "name  [libc.so.6]": Dr. Memory's and Purify's. */
static bool bracket_frame(struct decode_open *o, const char *name)
{
	const char *open = strrchr(name, '['), *close = open ? strchr(open, ']') : NULL, *end = open;
	struct decode_frame *f;

	if (!close || open == name || open[-1] != ' ')
		return address_frame(o, name);
	while (end > name && end[-1] == ' ')
		end--;
	f = o->stack ? decode_stack_frame(o->record, o->stack) : NULL;
	if (!f)
		return true;
	f->function = end > name ? decode_record_string(o->record, name, (size_t)(end - name)) : NULL;
	if (!decode_frame_location(o->record, f, open + 1, close))
		f->module = decode_record_string(o->record, open + 1, (size_t)(close - open - 1));
	return true;
}

/* ---- Dr. Memory ------------------------------------------------------------------------------ */

#define DRM "~~Dr.M~~ "

static const char *const drm_kinds[][2] = {
	{ "UNADDRESSABLE ACCESS of freed memory", "use-after-free" },
	{ "UNADDRESSABLE ACCESS beyond heap bounds", "heap-buffer-overflow" },
	{ "UNADDRESSABLE ACCESS beyond top of stack", "stack-overflow" },
	{ "UNADDRESSABLE ACCESS", "unaddressable-access" },
	{ "UNINITIALIZED READ", "uninitialised-read" },
	{ "INVALID HEAP ARGUMENT", "invalid-free" },
	{ "GDI USAGE ERROR", NULL },
	{ "HANDLE LEAK", NULL },
	{ "POSSIBLE LEAK", "possible-leak" },
	{ "REACHABLE LEAK", "still-reachable" },
	{ "LEAK", "leak" },
	{ "WARNING", "warning" },
};

static bool drm_begins(struct decode_open *o, const char *text)
{
	const char *t = after(text, DRM), *p;
	struct decode_record *r = o->record;
	uint64_t number;
	size_t i;

	t = t ? t : text;
	p = after(t, "Error #");
	if (p && (!(p = number_decimal(p, &number)) || !(p = after(p, ": "))))
		return false;
	if (!p && !starts(t, "UNADDRESSABLE ACCESS") && !starts(t, "UNINITIALIZED READ: "))
		return false;
	p = p ? p : t;
	for (i = 0; i < ARRAY_SIZE(drm_kinds) && !starts(p, drm_kinds[i][0]); i++)
		;
	if (i == ARRAY_SIZE(drm_kinds) || !drm_kinds[i][1] ||
	    (strstr(drm_kinds[i][0], "LEAK") && !decode_decimal_after(p, "LEAK ", &number)))
		return false;
	decode_begin(o, "drmemory", drm_kinds[i][1], text);
	if (strstr(r->kind, "leak") || strstr(r->kind, "reachable")) {
		r->leak.class = strstr(r->kind, "reachable") ? "reachable" : r->kind;
		r->leak.objects = 1;
		decode_decimal_after(p, "LEAK ", &r->leak.bytes);
	} else {
		r->access = strstr(p, ": reading ") ? "read" : strstr(p, ": writing ") ? "write" : NULL;
		r->have_addr = decode_hex_after(p, "ing 0x", &r->addr);
		if (strcmp(r->kind, "invalid-free") == 0)
			r->access = "free";
	}
	o->stack = decode_record_stack(r, r->leak.class ? "alloc" : "access");
	return true;
}

static enum decode_answer drm_line(struct decode_open *o, const char *text)
{
	const char *t = after(text, DRM), *p;
	uint64_t number;

	t = t ? t : text;
	t += strspn(t, " ");
	if (starts(t, "Error #"))
		return LINE_BEHIND;
	if ((p = after(t, "Note: ")) != NULL) {
		o->saw_summary = true;
		t = p;
		if (strstr(t, "freed here:"))
			o->stack = decode_record_stack(o->record, "free");
		else if (strstr(t, "allocated here:"))
			o->stack = decode_record_stack(o->record, "alloc");
		else if (*t != '#')
			return LINE_TAKEN;
	}
	if (*t == '#') {
		t += 1 + strspn(t + 1, " ");
		p = number_decimal(t, &number);
		return p && bracket_frame(o, p + strspn(p, " ")) ? LINE_TAKEN : LINE_FOREIGN;
	}
	return !*t || starts(t, "Elapsed time") || p || text != t ? LINE_TAKEN : LINE_BEHIND;
}

/* ---- Purify ---------------------------------------------------------------------------------- */

static const struct {
	const char *code, *words, *kind, *access;
} purify_kinds[] = {
	{ "ABR: ", "Array bounds read", "heap-buffer-overflow", "read" },
	{ "ABW: ", "Array bounds write", "heap-buffer-overflow", "write" },
	{ "BSR: ", "Beyond stack read", "stack-buffer-overflow", "read" },
	{ "BSW: ", "Beyond stack write", "stack-buffer-overflow", "write" },
	{ "FFM: ", "Freeing freed memory", "double-free", "free" },
	{ "FIM: ", "Freeing invalid memory", "invalid-free", "free" },
	{ "FMM: ", "Freeing mismatched memory", "mismatched-free", "free" },
	{ "FMR: ", "Free memory read", "use-after-free", "read" },
	{ "FMW: ", "Free memory write", "use-after-free", "write" },
	{ "FNH: ", "Freeing non", "invalid-free", "free" },
	{ "FUM: ", "Freeing un", "invalid-free", "free" },
	{ "IPR: ", "Invalid pointer read", "wild-memory-access", "read" },
	{ "IPW: ", "Invalid pointer write", "wild-memory-access", "write" },
	{ "MLK: ", "leaked", "leak", NULL },
	{ "NPR: ", "Null pointer read", "null-pointer-dereference", "read" },
	{ "NPW: ", "Null pointer write", "null-pointer-dereference", "write" },
	{ "PLK: ", "potentially leaked", "possible-leak", NULL },
	{ "SBR: ", "Stack array bounds read", "stack-buffer-overflow", "read" },
	{ "SBW: ", "Stack array bounds write", "stack-buffer-overflow", "write" },
	{ "UMC: ", "Uninitialized memory copy", "uninitialised-copy", "read" },
	{ "UMR: ", "Uninitialized memory read", "uninitialised-read", "read" },
	{ "ZPR: ", "Zero page read", "null-pointer-dereference", "read" },
	{ "ZPW: ", "Zero page write", "null-pointer-dereference", "write" },
};

static bool purify_begins(struct decode_open *o, const char *text)
{
	struct decode_record *r = o->record;

	for (size_t i = 0; i < ARRAY_SIZE(purify_kinds); i++) {
		if (!starts(text, purify_kinds[i].code) || !strstr(text, purify_kinds[i].words))
			continue;
		decode_begin(o, "purify", purify_kinds[i].kind, text);
		r->access = purify_kinds[i].access;
		if (!r->access) {
			r->leak.class = r->kind;
			r->leak.objects = 1;
			number_decimal(text + 5, &r->leak.bytes);
		}
		return true;
	}
	return false;
}

static enum decode_answer purify_line(struct decode_open *o, const char *text)
{
	struct decode_record *r = o->record;
	const char *t = text + strspn(text, " \t");
	bool bullet = starts(t, "* ");

	if (t == text)
		return LINE_BEHIND;
	t += bullet ? 2 : 0;
	if (starts(t, "This is occurring while in"))
		o->stack = decode_record_stack(r, "access");
	else if (strstr(t, "allocated from") || strstr(t, "was allocated"))
		o->stack = decode_record_stack(r, "alloc");
	else if (strstr(t, "freed from") || strstr(t, "was freed") || starts(t, "There have been"))
		o->stack = strstr(t, "freed") ? decode_record_stack(r, "free") : NULL;
	else if (starts(t, "Address 0x"))
		r->have_addr = decode_hex(t + 8, &r->addr);
	else if (!bullet && !bracket_frame(o, t))
		return LINE_BEHIND;
	return LINE_TAKEN;
}

/* ---- Miri ------------------------------------------------------------------------------------ */

static const char *const miri_kinds[][2] = {
	{ "has been freed", "use-after-free" },
	{ "dangling", "use-after-free" },
	{ "out-of-bounds", "heap-buffer-overflow" },
	{ "uninitialized", "uninitialised-read" },
	{ "Data race", "data-race" },
	{ "null pointer", "null-pointer-dereference" },
	{ "alignment", "misaligned-access" },
	{ "deallocating", "invalid-free" },
	{ "does not exist in the borrow stack", "aliasing" },
	{ "is forbidden", "aliasing" },
};

static bool miri_begins(struct decode_open *o, const char *text)
{
	const char *p = after(text, "error: Undefined Behavior: "), *kind;

	if (starts(text, "error: memory leaked: ")) {
		o->record->leak.class = "direct";
		o->record->leak.objects = 1;
		decode_decimal_after(text, "size: ", &o->record->leak.bytes);
		o->stack = decode_record_stack(o->record, "alloc");
		return decode_begin(o, "miri", "leak", text);
	}
	if (!p)
		return false;
	kind = decode_kind_of_words(miri_kinds, ARRAY_SIZE(miri_kinds), p);
	o->stack = decode_record_stack(o->record, "access");
	return decode_begin(o, "miri", kind ? kind : "undefined-behavior", text);
}

/* "  --> src/main.rs:5:14", later "  = note: inside `main` at src/main.rs:5:14: 5:16" or "  0: main" */
static enum decode_answer miri_line(struct decode_open *o, const char *text)
{
	const char *t = text + strspn(text, " \t"), *p, *end;
	struct decode_frame *f;

	if ((p = after(t, "--> ")) != NULL && o->stack && !o->stack->nr) {
		f = decode_stack_frame(o->record, o->stack);
		if (f) {
			f->at_line = DECODE_NONE;
			decode_frame_location(o->record, f, p, p + strlen(p));
		}
		return LINE_TAKEN;
	}
	p = strstr(t, "inside `");
	end = p ? strstr(p + 8, "` at ") : NULL;
	if (end) {
		if (o->stack && o->stack->nr == 1 && o->stack->frames[0].at_line == DECODE_NONE)
			o->stack->nr = 0; /* the headline's place is the first frame's */
		f = o->stack ? decode_stack_frame(o->record, o->stack) : NULL;
		if (f) {
			f->function = decode_record_string(o->record, p + 8, (size_t)(end - p - 8));
			decode_frame_location(o->record, f, end + 5,
			                      end + 5 + strcspn(end + 5, " ") -
			                              (strchr(end, ' ') && strstr(end + 5, ": ")));
		}
		return LINE_TAKEN;
	}
	if (starts(t, "error: aborting due to "))
		return LINE_LAST;
	/* "5 |     unsafe { *p }", "  |     ^^ …", "  = help: …", "note: …", "help: …" */
	return !*t || *t == '|' || *t == '=' || strstr(t, " |") || starts(t, "help: ") || starts(t, "note: ") ||
	                       starts(t, "...") || starts(t, "-->") || *text == ' '
	               ? LINE_TAKEN
	               : LINE_BEHIND;
}

/* ---- Microsoft's C --------------------------------------------------------------------------- */

static bool crt_begins(struct decode_open *o, const char *text)
{
	struct decode_record *r = o->record;
	const char *p;

	if ((p = after(text, "HEAP CORRUPTION DETECTED: ")) != NULL) {
		r->access = "write";
		r->object.present = decode_hex_after(p, " at 0x", &r->object.addr);
		return decode_begin(o, "crt", strstr(p, "freed") ? "use-after-free" : "heap-buffer-overflow", text);
	}
	if (starts(text, "Detected memory leaks!")) {
		r->leak.class = "direct";
		o->stack = decode_record_stack(r, "alloc");
		return decode_begin(o, "crt", "leak", text);
	}
	if (starts(text, "Run-Time Check Failure #2"))
		return decode_begin(o, "crt", "stack-buffer-overflow", text);
	if (starts(text, "Run-Time Check Failure #3"))
		return decode_begin(o, "crt", "uninitialised-read", text);
	return false;
}

/* "C:\src\a.cpp(12) : {68} normal block at 0x00B31D00, 20 bytes long." */
static enum decode_answer crt_line(struct decode_open *o, const char *text)
{
	struct decode_record *r = o->record;
	const char *block = strstr(text, " block at 0x"), *open;
	struct decode_frame *f;
	uint64_t bytes = 0, line;

	if (!r->leak.class)
		return starts(text, "CRT detected ") || starts(text, "Memory allocated at ") || !*text ? LINE_TAKEN
		                                                                                       : LINE_BEHIND;
	if (starts(text, "Object dump complete."))
		return LINE_LAST;
	if (block && decode_decimal_after(block, ", ", &bytes)) {
		open = strchr(text, '(');
		r->leak.objects++;
		r->leak.bytes += bytes;
		f = o->stack && !o->stack->nr && open && open < block ? decode_stack_frame(r, o->stack) : NULL;
		if (f && number_decimal(open + 1, &line)) {
			f->file = decode_record_string(r, text, (size_t)(open - text));
			f->line = (uint32_t)line;
		}
		return LINE_TAKEN;
	}
	return !*text || *text == ' ' || starts(text, "Dumping objects ->") || strstr(text, " : ") ? LINE_TAKEN
	                                                                                           : LINE_FOREIGN;
}

/* ---- Chromium -------------------------------------------------------------------------------- */

static bool chromium_begins(struct decode_open *o, const char *text)
{
	const char *p = after(text, "Received signal ");

	if (p && (strstr(p, " SEGV_") || strstr(p, " BUS_"))) {
		o->stack = decode_record_stack(o->record, "access");
		o->record->have_addr = decode_hex_after(p, strstr(p, " SEGV_") ? "ERR " : "RR ", &o->record->addr);
		return decode_begin(o, "chromium", strstr(p, " SEGV_") ? "segv" : "bus-error", text);
	}
	return (starts(text, "[DanglingPtr](1/") || starts(text, "[DanglingSignature]")) &&
	       decode_begin(o, "chromium", "dangling-pointer", text);
}

/* "#0 0x59a886410092 base::debug::CollectStackTrace() [../../base/debug/stack_trace_posix.cc:1050:7]" */
static bool chromium_frame(struct decode_open *o, const char *t)
{
	uint64_t number, pc;
	const char *p = *t == '#' ? number_decimal(t + 1, &number) : NULL;

	if (!p || *p != ' ' || !starts(p + 1, "0x") || !(p = decode_hex(p + 1, &pc)))
		return false;
	p += strspn(p, " ");
	if (!bracket_frame(o, p) && o->stack) {
		struct decode_frame *f = decode_stack_frame(o->record, o->stack);
		if (f)
			f->function = *p ? decode_record_string(o->record, p, strcspn(p, "[")) : NULL;
	}
	if (o->stack && o->stack->nr) {
		o->stack->frames[o->stack->nr - 1].pc = pc;
		o->stack->frames[o->stack->nr - 1].have_pc = true;
	}
	return true;
}

static enum decode_answer chromium_line(struct decode_open *o, const char *text)
{
	struct decode_record *r = o->record;
	const char *t = text + strspn(text, " \t");

	if (strstr(t, "he memory was freed at:"))
		o->stack = decode_record_stack(r, "free");
	else if (strstr(t, "he dangling raw_ptr was released at:"))
		o->stack = decode_record_stack(r, "access");
	else if (starts(t, "[end of stack trace]"))
		return LINE_LAST;
	else if (starts(t, "Task trace:") || starts(t, "No active task"))
		o->stack = NULL;
	else if (*t && text[0] != ' ' && !starts(t, "[Dangling") && !starts(t, "Stack trace:") && !chromium_frame(o, t))
		return LINE_BEHIND;
	else if (text[0] == ' ' && *t == '#')
		chromium_frame(o, t);
	return LINE_TAKEN;
}

/* ---- dmalloc --------------------------------------------------------------------------------- */

/* "ERROR: free: tried to free previously freed pointer (err 61)"; lines about the pointer stand in front. */
static bool dmalloc_error(struct decode_open *o, const char *text)
{
	static const char *const words[][2] = {
		{ "picket-fence", "heap-buffer-overflow" },
		{ "was overwritten", "use-after-free" },
		{ "previously freed", "double-free" },
		{ "already on free list", "double-free" },
		{ "cannot locate pointer", "invalid-free" },
		{ "not to start of memory", "invalid-free" },
		{ "not on block boundary", "invalid-free" },
		{ "maximum allocation size", "allocation-size-too-big" },
		{ "corrupt", "heap-corruption" },
	};
	const char *kind = decode_kind_of_words(words, ARRAY_SIZE(words), text);

	if (!kind || !decode_begin(o, "dmalloc", kind, text))
		return false;
	o->record->access = strstr(kind, "free") && !strstr(kind, "use") ? "free" : NULL;
	return true;
}

/* "not freed: '0x7f90d6b78fc8|s1' (40 bytes) from 'a.c:12'" */
static bool dmalloc_begins(struct decode_open *o, const char *text)
{
	const char *p = after(text, "not freed: '0x"), *from, *end;
	struct decode_record *r = o->record;
	struct decode_frame *f;

	if ((starts(text, "ERROR: ") || starts(text, "Error: ")) && strstr(text, " (err "))
		return dmalloc_error(o, text);
	if (!p || !decode_decimal_after(p, "' (", &r->leak.bytes))
		return false;
	r->have_addr = decode_hex(p, &r->addr) != NULL;
	r->leak.class = "lost";
	r->leak.objects = 1;
	o->stack = decode_record_stack(r, "alloc");
	from = strstr(p, " from '");
	end = from ? strchr(from + 7, '\'') : NULL;
	f = end && o->stack && memchr(from + 7, ':', (size_t)(end - from - 7)) ? decode_stack_frame(r, o->stack) : NULL;
	if (f)
		decode_frame_location(r, f, from + 7, end);
	return decode_begin(o, "dmalloc", "memory-leak", text);
}

static enum decode_answer dmalloc_line(struct decode_open *o, const char *text)
{
	(void)o;
	(void)text;
	return LINE_BEHIND;
}

/* ---- which ----------------------------------------------------------------------------------- */

static const struct decode_teller checkers[] = {
	{ "drmemory", drm_begins, drm_line },
	{ "purify", purify_begins, purify_line },
	{ "miri", miri_begins, miri_line },
	{ "crt", crt_begins, crt_line },
	{ "chromium", chromium_begins, chromium_line },
	{ "dmalloc", dmalloc_begins, dmalloc_line },
};

bool decode_headline_checker(const char *text, struct decode_open *o)
{
	return decode_teller_begins(checkers, ARRAY_SIZE(checkers), o, text);
}

enum decode_answer decode_line_checker(struct decode_open *o, const char *text)
{
	return decode_teller_line(checkers, ARRAY_SIZE(checkers), o, text);
}
