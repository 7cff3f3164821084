/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/crash.c - the last words of programs that a language's runtime or the system ended because of their memory.
 *
 *     panic: runtime error: invalid memory …       Go; also "unexpected fault address", "fatal error: checkptr: …",
 *                                                  "WARNING: DATA RACE" of its race detector
 *     thread 'main' panicked at a.rs:1:34:         Rust; the next line says why
 *     Fatal Python error: Segmentation fault       faulthandler, and CPython's debug allocator
 *     # A fatal error has been detected by the …   Java; also in its file, hs_err_pid12.log
 *     ----- Native stack trace -----               Node
 *     Fatal error. System.AccessViolation…         .NET
 *     Process 12 (prog) of user 0 dumped core.     systemd-coredump
 *     prog[12]: segfault at 0 ip 0000000000401136  the kernel
 *
 * A panic or an abort for another reason is no report: `kind` stays open, and the reader drops the record.
 */
#include "config.h"

#include <ctype.h>

#include "decode/decode_internal.h"

/* A new frame of the open stack, NULL: there is none, or it is full. */
static struct decode_frame *new_frame(struct decode_open *o)
{
	return o->stack ? decode_stack_frame(o->record, o->stack) : NULL;
}

static struct decode_frame *last_frame(const struct decode_open *o)
{
	return o->stack && o->stack->nr ? &o->stack->frames[o->stack->nr - 1] : NULL;
}

static void set_function(struct decode_open *o, struct decode_frame *f, const char *name, size_t len)
{
	f->function = len ? decode_record_string(o->record, name, len) : NULL;
}

/* ---- Go -------------------------------------------------------------------------------------- */

static const char *const go_panics[][2] = {
	{ "nil pointer dereference", "nil-pointer-dereference" },
	{ "index out of range", "index-out-of-bounds" },
	{ "slice bounds out of range", "slice-out-of-bounds" },
	{ "cannot convert slice with length", "slice-out-of-bounds" },
	{ "makeslice: ", "allocation-size-too-big" },
	{ "cgo argument has Go pointer", "cgo-pointer" },
	{ "cgo result ", "cgo-pointer" },
};
static const char *const go_errors[][2] = {
	{ "concurrent map ", "data-race-on-map" },
	{ "checkptr: ", "invalid-pointer-conversion" },
	{ "found bad pointer in Go heap", "bad-pointer-in-heap" },
	{ "invalid pointer found on stack", "bad-pointer-on-stack" },
	{ "bad pointer in ", "bad-pointer-in-heap" },
	{ "unexpected signal during runtime execution", "segv" },
	{ "stack overflow", "stack-overflow" },
	{ "stack growth during syscall", "stack-overflow" },
	{ "out of memory", "out-of-memory" },
	{ "sweep increased allocation count", "heap-corruption" },
	{ "s.freeindex > s.nelems", "heap-corruption" },
	{ "corrupted ", "heap-corruption" },
};

/* Compilers, too, end with a "fatal error: ", and name other things. */
static const char *go_error(const char *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(go_errors); i++)
		if (starts(p, go_errors[i][0]))
			return strstr(p, "out of memory allocating") ? NULL : go_errors[i][1];
	return starts(p, "runtime: ") ? go_error(p + strlen("runtime: ")) : NULL;
}

static bool go_begins(struct decode_open *o, const char *text)
{
	const char *p, *kind = NULL;

	if ((p = after(text, "panic: runtime error: ")) != NULL)
		kind = decode_kind_of_words(go_panics, ARRAY_SIZE(go_panics), p);
	else if ((p = after(text, "fatal error: ")) != NULL)
		kind = go_error(p);
	else if ((p = after(text, "unexpected fault address 0x")) != NULL)
		kind = "segv";
	else if (strcmp(text, "SIGSEGV: segmentation violation") == 0 || strcmp(text, "SIGBUS: bus error") == 0)
		kind = "segv";
	else if (starts(text, "WARNING: DATA RACE"))
		kind = "data-race";
	if (!kind)
		return false;
	if (starts(text, "unexpected fault address 0x"))
		o->record->have_addr = decode_hex(p, &o->record->addr);
	return decode_begin(o, "go", kind, text);
}

/* "goroutine 1 [running]:", of a race "Read at 0x00c0000b4010 by goroutine 7:", "Goroutine 7 (running) created at:" */
static bool go_heading(struct decode_open *o, const char *t)
{
	struct decode_record *r = o->record;
	const char *by = strstr(t, " by "), *role = NULL;

	if (starts(t, "goroutine ")) /* the first one has met the error; the others only run */
		role = r->nr_stacks ? "" : "access";
	else if (starts(t, "Previous ") && by)
		role = "other";
	else if ((starts(t, "Read at 0x") || starts(t, "Write at 0x") || starts(t, "Atomic ")) && by)
		role = "access";
	else if (starts(t, "Goroutine ") && strstr(t, " created at:"))
		role = "thread";
	if (!role)
		return false;
	o->stack = *role ? decode_record_stack(r, role) : NULL;
	if (strcmp(role, "access") == 0 && by) {
		r->access = starts(t, "Write") ? "write" : "read";
		r->have_addr = decode_hex_after(t, " at 0x", &r->addr);
	}
	return true;
}

/* "main.(*T).f(0xc000012345, 0x3)", "created by main.main in goroutine 1" */
static bool go_function(struct decode_open *o, const char *t)
{
	size_t len = strlen(t), depth = 0, open = len;
	struct decode_frame *f;

	if (starts(t, "created by "))
		return o->trace_ended = true;
	if (!len || t[len - 1] != ')' || strpbrk(t, "\"'"))
		return false;
	do {
		open--;
		depth += t[open] == ')';
		depth -= t[open] == '(';
	} while (open && depth);
	if (!open || depth || memchr(t, ' ', open) || !memchr(t, '.', open))
		return strcmp(t, "panic(...)") == 0 || starts(t, "panic(") || starts(t, "panic(0x");
	f = new_frame(o);
	if (f)
		set_function(o, f, t, open);
	return true;
}

/* "/src/main.go:12 +0x3c fp=0x… sp=0x… pc=0x…" */
static bool go_place(struct decode_open *o, const char *t)
{
	struct decode_frame *f = last_frame(o), place = { .line = 0 };
	const char *dot = strstr(t, ".go:"), *end;

	dot = dot ? dot : strstr(t, ".s:");
	dot = dot ? dot : strstr(t, ".c:");
	if (!dot)
		return false;
	end = dot + strcspn(dot, " ");
	if (!decode_frame_location(o->record, &place, t, end))
		return false;
	if (f && !f->file) {
		f->file = place.file;
		f->line = place.line;
		f->have_pc = decode_hex_after(end, " pc=0x", &f->pc);
	}
	return true;
}

static enum decode_answer go_line(struct decode_open *o, const char *text)
{
	struct decode_record *r = o->record;
	const char *t = text + strspn(text, " \t");
	size_t rule = decode_rule_length(t);

	if (rule >= 10 && o->trace_began) /* only reports of races have one */
		return strcmp(r->kind, "data-race") == 0 ? LINE_LAST : LINE_BEHIND;
	if (starts(t, "exit status "))
		return LINE_LAST;
	if (go_heading(o, t) || !*t || rule)
		return LINE_TAKEN;
	if (starts(t, "[signal ")) {
		if (!r->have_addr)
			r->have_addr = decode_hex_after(t, " addr=0x", &r->addr);
		return LINE_TAKEN;
	}
	if (starts(t, "PC=0x") || starts(t, "[recovered]") || starts(t, "panic: ") || starts(t, "runtime: ") ||
	    starts(t, "runtime stack:") || (starts(t, "fatal error: ") && !r->nr_stacks))
		return LINE_TAKEN;
	if (r->nr_stacks && (go_place(o, t) || go_function(o, t))) {
		o->trace_began = true;
		return LINE_TAKEN;
	}
	/* registers, "stack: frame={sp:…"; without a stack yet, an argument's text */
	return starts(t, "stack: ") || starts(t, "r1") || (strlen(t) > 6 && starts(t + 2, "    0x")) ||
	                       (strlen(t) > 7 && starts(t + 3, "    0x")) || (strlen(t) > 7 && starts(t + 6, " 0x"))
	               ? LINE_TAKEN
	               : LINE_BEHIND;
}

/* ---- Rust ------------------------------------------------------------------------------------ */

static const char *const rust_panics[][2] = {
	{ "index out of bounds: ", "index-out-of-bounds" },
	{ "out of range for slice", "slice-out-of-bounds" },
	{ "slice index starts at ", "slice-out-of-bounds" },
	{ "misaligned pointer dereference", "misaligned-pointer-dereference" },
	{ "null pointer dereference", "null-pointer-dereference" },
	{ "unsafe precondition(s) violated", "unsafe-precondition-violated" },
	{ "attempted to leave type", "uninitialised-value" },
	{ "attempted to zero-initialize type", "uninitialised-value" },
	{ "capacity overflow", "allocation-size-too-big" },
};

/* "thread 'main' (123) panicked at a.rs:1:34:", up to Rust 1.72 "thread 'main' panicked at 'MESSAGE', a.rs:1:34" */
static bool rust_begins(struct decode_open *o, const char *text)
{
	const char *thread = after(text, "thread '"), *end = thread ? strchr(thread, '\'') : NULL, *p, *place;
	struct decode_record *r = o->record;
	struct decode_frame *f;

	if ((p = after(text, "memory allocation of ")) != NULL && strstr(p, " bytes failed")) {
		r->have_size = number_decimal(p, &r->access_size) != NULL;
		return decode_begin(o, "rust", "out-of-memory", text);
	}
	if (!end)
		return false;
	if (strstr(end, "' has overflowed its stack") || strstr(end, ") has overflowed its stack")) {
		decode_begin(o, "rust", "stack-overflow", text);
		r->comm = decode_record_string(r, thread, (size_t)(end - thread));
		return true;
	}
	p = strstr(end, " panicked at ");
	if (!p)
		return false;
	decode_begin(o, "rust", NULL, text);
	r->comm = decode_record_string(r, thread, (size_t)(end - thread));
	p += 13;
	place = p;
	if (*p == '\'') { /* the message stands in front */
		r->kind = decode_kind_of_words(rust_panics, ARRAY_SIZE(rust_panics), p);
		o->saw_summary = true;
		for (place = p + strlen(p); place > p && *place != ' '; place--)
			;
		place++;
	}
	o->stack = decode_record_stack(r, "access");
	f = new_frame(o); /* until a stack comes */
	if (f) {
		size_t len = strlen(place);
		f->at_line = DECODE_NONE;
		decode_frame_location(r, f, place, place + len - (len && place[len - 1] == ':'));
	}
	return true;
}

/* "   0: core::panicking::panic_fmt", with RUST_BACKTRACE=full "   3:     0x5586aa2c78aa - core::panicking::…" */
static bool rust_frame(struct decode_open *o, const char *t)
{
	uint64_t number, pc = 0;
	const char *p = number_decimal(t, &number);
	struct decode_frame *f;

	if (!p || *p != ':')
		return false;
	p += 1 + strspn(p + 1, " ");
	if (starts(p, "0x") && (p = decode_hex(p, &pc)) != NULL && !(p = after(p, " - ")))
		return false;
	if (!p)
		return false;
	if (o->stack && o->stack->nr == 1 && o->stack->frames[0].at_line == DECODE_NONE &&
	    !o->stack->frames[0].function)
		o->stack->nr = 0; /* the headline's place; now the stack follows */
	f = new_frame(o);
	if (!f)
		return true;
	f->pc = pc;
	f->have_pc = pc != 0;
	if (!starts(p, "<unknown>"))
		set_function(o, f, p, strlen(p));
	return true;
}

static enum decode_answer rust_line(struct decode_open *o, const char *text)
{
	struct decode_record *r = o->record;
	const char *t = text + strspn(text, " \t"), *p;
	struct decode_frame *f = last_frame(o);

	if (strcmp(r->kind ? r->kind : "", "stack-overflow") == 0)
		return !*t                                                          ? LINE_TAKEN
		       : starts(t, "fatal runtime error: ") || starts(t, "SIGABRT") ? LINE_LAST
		                                                                    : LINE_BEHIND;
	if (strcmp(r->kind ? r->kind : "", "out-of-memory") == 0)
		return LINE_BEHIND;
	if (!o->saw_summary && *t) { /* the message */
		r->kind = decode_kind_of_words(rust_panics, ARRAY_SIZE(rust_panics), t);
		r->detail = decode_record_string(r, t, strlen(t));
		o->saw_summary = true;
		return r->kind ? LINE_TAKEN : LINE_BEHIND;
	}
	if (!r->kind)
		return LINE_BEHIND;
	if (starts(t, "stack backtrace:")) {
		o->trace_began = true;
		return LINE_TAKEN;
	}
	if ((p = after(t, "at ")) != NULL && o->trace_began) {
		if (f)
			decode_frame_location(r, f, starts(p, "./") ? p + 2 : p, p + strlen(p));
		return LINE_TAKEN;
	}
	if (o->trace_began && rust_frame(o, t))
		return LINE_TAKEN;
	if (starts(t, "thread caused non-unwinding panic"))
		return LINE_LAST;
	return starts(t, "note: ") ? LINE_TAKEN : LINE_BEHIND;
}

/* ---- Python ---------------------------------------------------------------------------------- */

static const char *const python_errors[][2] = {
	{ "Segmentation fault", "segv" },
	{ "Bus error", "bus-error" },
	{ "Aborted", "aborted" },
	{ "bad leading pad byte", "heap-buffer-overflow" },
	{ "bad trailing pad byte", "heap-buffer-overflow" },
	{ "bad ID: ", "mismatched-allocator" },
	{ "deallocating ", "refcount-bug" },
	{ "has negative ref count", "refcount-bug" },
	{ "NegativeRefcount", "refcount-bug" },
	{ "_PyObject_AssertFailed", "object-corruption" },
	{ "object already tracked", "object-corruption" },
	{ "recover from stack overflow", "stack-overflow" },
	{ "Stack overflow", "stack-overflow" },
	{ "could not acquire lock", NULL },
	{ "out of memory", "out-of-memory" },
};

static bool python_begins(struct decode_open *o, const char *text)
{
	const char *p = after(text, "Fatal Python error: "), *kind;

	p = p ? p : after(text, "Windows fatal exception: access violation") ? "Segmentation fault" : NULL;
	kind = p ? decode_kind_of_words(python_errors, ARRAY_SIZE(python_errors), p) : NULL;
	return kind && decode_begin(o, "python", kind, text);
}

/* "  File "/src/a.py", line 12 in f"; of C "  Binary file "/lib/x.so", at f+0x12 [0x7f…]" */
static bool python_frame(struct decode_open *o, const char *t)
{
	const char *name = after(t, "File \""), *end = name ? strstr(name, "\", line ") : NULL, *in;
	struct decode_frame *f;
	uint64_t line;

	if (starts(t, "Binary file \"") || starts(t, "<no Python frame>") || starts(t, "..."))
		return true;
	if (!end || !(in = number_decimal(end + 8, &line)))
		return false;
	f = new_frame(o);
	if (!f)
		return true;
	f->file = decode_record_string(o->record, name, (size_t)(end - name));
	f->line = (uint32_t)line;
	in = after(in, " in ");
	if (in)
		set_function(o, f, in, strlen(in));
	return true;
}

static enum decode_answer python_line(struct decode_open *o, const char *text)
{
	const char *t = text + strspn(text, " \t");

	if (!*t || python_frame(o, t))
		return LINE_TAKEN;
	if (starts(t, "Current thread ") || starts(t, "Thread 0x") || starts(t, "Stack (most recent call first)")) {
		bool c = strstr(t, "C stack trace") != NULL;
		o->stack = c || o->record->nr_stacks ? NULL : decode_record_stack(o->record, "access");
		return LINE_TAKEN;
	}
	return starts(t, "Python runtime state: ") || starts(t, "Enable tracemalloc ") ||
	                       starts(t, "Extension modules: ") || starts(t, "object ") || starts(t, "<object at ")
	               ? LINE_TAKEN
	               : LINE_BEHIND;
}

/* ---- Java ------------------------------------------------------------------------------------ */

static bool java_begins(struct decode_open *o, const char *text)
{
	const char *p = after(text, "# A fatal error has been detected by ");

	if (p && (strstr(p, "Runtime Environment") || strstr(p, "Virtual Machine")))
		return decode_begin(o, "java", NULL, text);
	return starts(text, "# There is insufficient memory for the Java Runtime Environment to continue") &&
	       decode_begin(o, "java", "out-of-memory", text);
}

static const char *const java_signals[][2] = {
	{ "SIGSEGV (", "segv" },
	{ "SIGBUS (", "bus-error" },
	{ "EXCEPTION_ACCESS_VIOLATION", "segv" },
	{ "EXCEPTION_STACK_OVERFLOW", "stack-overflow" },
	{ "Out of Memory Error", "out-of-memory" },
	{ "EXCEPTION_UNCAUGHT_CXX_EXCEPTION", "aborted" },
	{ "Internal Error (", "internal-error" },
	{ "SIGABRT", "aborted" },
	{ "SIGILL (", "illegal-instruction" },
	{ "SIGFPE (", "arithmetic-exception" },
};

/* "V  [libjvm.so+0xed2f94]  Unsafe_PutLong+0x124", "j  sun.misc.Unsafe.putAddress(JJ)V+5 jdk.unsupported@17.0.15",
 * "J 1234 c2 a.b.C.f()V (12 bytes) @ 0x… [0x…+0x4]", "v  ~StubRoutines::call_stub" */
static bool java_frame(struct decode_open *o, const char *t)
{
	const char *p = t + 1, *end, *plus;
	struct decode_frame *f;

	if (!strchr("VCjJAv", *t) || *p != ' ')
		return false;
	p += strspn(p, " ");
	f = new_frame(o);
	if (!f)
		return true;
	if (*t == 'J') /* the number and level of its compilation */
		while (isdigit((unsigned char)*p) || *p == '%' || starts(p, "c1 ") || starts(p, "c2 "))
			p += strcspn(p, " "), p += strspn(p, " ");
	if (*p == '[' && (end = strchr(p, ']')) != NULL) {
		plus = strstr(p, "+0x");
		if (plus && plus < end && decode_hex(plus + 1, &f->offset)) {
			f->have_offset = true;
			f->module = decode_record_string(o->record, p + 1, (size_t)(plus - p - 1));
		}
		p = end + 1;
		p += strspn(p, " ");
		end = strstr(p, "+0x");
		set_function(o, f, p, end ? (size_t)(end - p) : strlen(p));
	} else {
		set_function(o, f, p, strcspn(p, *t == 'v' ? " " : "(+"));
	}
	return true;
}

static enum decode_answer java_line(struct decode_open *o, const char *text)
{
	struct decode_record *r = o->record;
	bool in_head = *text == '#';
	const char *t = text + in_head, *place;
	uint64_t pid;

	t += strspn(t, " \t");
	if (in_head && !r->kind) {
		r->kind = decode_kind_of_words(java_signals, ARRAY_SIZE(java_signals), t);
		place = strchr(t, '(');
		if (r->kind && strcmp(r->kind, "internal-error") == 0 && place) /* "(x.cpp:123), pid=…" */
			r->detail = decode_record_string(r, place + 1, strcspn(place + 1, ")"));
		if (decode_decimal_after(t, " pid=", &pid)) {
			r->pid = (uint32_t)pid;
			r->have_pid = true;
		}
	}
	if (starts(t, "Problematic frame:")) {
		o->stack = decode_record_stack(r, "access");
		return LINE_TAKEN;
	}
	if (starts(text, "Native frames:")) { /* the same frame again, and its callers */
		o->stack = o->stack && o->stack->nr ? o->stack : decode_record_stack(r, "access");
		if (o->stack)
			o->stack->nr = 0;
		return LINE_TAKEN;
	}
	if (starts(text, "siginfo: ")) {
		r->have_addr = decode_hex_after(text, "si_addr: 0x", &r->addr);
		return LINE_TAKEN;
	}
	if (o->stack && o->stack->nr < (in_head ? 1 : DECODE_FRAMES_MAX) && java_frame(o, t))
		return LINE_TAKEN;
	if (starts(text, "---------------")) { /* the file that describes the crash */
		o->trace_began = true;
		return strstr(text, "P R O C E S S") ? LINE_LAST : LINE_TAKEN;
	}
	return in_head || !*t ? LINE_TAKEN : o->trace_began ? LINE_FOREIGN : LINE_BEHIND;
}

/* ---- Node ------------------------------------------------------------------------------------ */

#define NODE_TRACE "----- Native stack trace -----"

static bool node_begins(struct decode_open *o, const char *text)
{
	const char *p = after(text, "FATAL ERROR: ");

	if (p && (strstr(p, "heap out of memory") || strstr(p, "Allocation failed - ")))
		return decode_begin(o, "node", "out-of-memory", text);
	if (!starts(text, NODE_TRACE))
		return false;
	o->stack = decode_record_stack(o->record, "access");
	return decode_begin(o, "node", "aborted", text);
}

/* " 1: 0xb78db3 node::OOMErrorHandler(…) [node]", " 4: 0x10fb205  [node]" */
static enum decode_answer node_line(struct decode_open *o, const char *text)
{
	const char *t = text + strspn(text, " \t"), *p, *module;
	struct decode_frame *f;
	uint64_t number, pc;

	if (starts(t, NODE_TRACE)) {
		if (o->stack)
			return LINE_BEHIND;
		o->stack = decode_record_stack(o->record, "access");
		return LINE_TAKEN;
	}
	if (!*t || starts(t, "----- JavaScript stack trace -----"))
		return LINE_TAKEN;
	p = number_decimal(t, &number);
	if (!p || *p != ':')
		return LINE_BEHIND;
	p += 1 + strspn(p + 1, " ");
	if (!starts(p, "0x") || !(p = decode_hex(p, &pc)))
		return LINE_TAKEN; /* of JavaScript */
	p += strspn(p, " ");
	f = new_frame(o);
	if (!f)
		return LINE_TAKEN;
	f->pc = pc;
	f->have_pc = true;
	for (module = p + strlen(p); module > p && *module != '['; module--)
		;
	if (*module == '[') {
		f->module = decode_record_string(o->record, module + 1, strcspn(module + 1, "]"));
		while (module > p && module[-1] == ' ')
			module--;
	} else {
		module = p + strlen(p);
	}
	set_function(o, f, p, (size_t)(module - p));
	return LINE_TAKEN;
}

/* ---- .NET ------------------------------------------------------------------------------------ */

static bool dotnet_begins(struct decode_open *o, const char *text)
{
	const char *p = after(text, "Fatal error. "), *kind = NULL;

	p = p ? p : after(text, "Unhandled exception. ");
	if (p && (strstr(p, "System.AccessViolationException") || starts(p, "0xC0000005")))
		kind = "segv";
	else if (p && *text == 'F' && strstr(p, "Internal CLR error"))
		kind = "internal-error";
	else if (strcmp(text, "Stack overflow.") == 0)
		kind = "stack-overflow";
	if (!kind)
		return false;
	o->stack = decode_record_stack(o->record, "access");
	return decode_begin(o, "dotnet", kind, text);
}

/* "   at Ns.Class.Method(Int32)", with " in /src/a.cs:line 12" */
static enum decode_answer dotnet_line(struct decode_open *o, const char *text)
{
	const char *t = text + strspn(text, " \t"), *name = after(t, "at "), *place, *line;
	struct decode_frame *f;
	uint64_t number;

	if (starts(t, "Repeat ") || starts(t, "--------") || starts(t, "--- End of stack trace"))
		return LINE_TAKEN;
	if (!name || t == text)
		return !*t && o->stack && !o->stack->nr ? LINE_TAKEN : LINE_BEHIND;
	f = new_frame(o);
	if (!f)
		return LINE_TAKEN;
	set_function(o, f, name, strcspn(name, "("));
	place = strstr(name, ") in ");
	line = place ? strstr(place, ":line ") : NULL;
	if (line && number_decimal(line + 6, &number)) {
		f->file = decode_record_string(o->record, place + 5, (size_t)(line - place - 5));
		f->line = (uint32_t)number;
	}
	return LINE_TAKEN;
}

/* ---- systemd-coredump ------------------------------------------------------------------------ */

static bool coredump_begins(struct decode_open *o, const char *text)
{
	const char *p = after(text, "[\xf0\x9f\xa1\x95] "), *name; /* an arrow */
	struct decode_record *r = o->record;
	uint64_t pid;

	p = after(p ? p : text, "Process ");
	if (!p || !(p = number_decimal(p, &pid)) || !(name = after(p, " (")) || !strstr(name, " dumped core."))
		return false;
	r->pid = (uint32_t)pid;
	r->have_pid = true;
	r->comm = decode_record_string(r, name, strcspn(name, ")"));
	return decode_begin(o, "coredump", "core-dumped", text);
}

/* "#0  0x000073c605eabbe2 epoll_wait (libc.so.6 + 0x9dbe2)"; a function without a name is "n/a". */
static bool coredump_frame(struct decode_open *o, const char *t)
{
	uint64_t number, pc;
	const char *p = *t == '#' ? number_decimal(t + 1, &number) : NULL, *open, *plus;
	struct decode_frame *f;

	if (!p)
		return false;
	p += strspn(p, " ");
	if (!starts(p, "0x") || !(p = decode_hex(p, &pc)) || *p != ' ')
		return false;
	f = new_frame(o);
	if (!f)
		return true;
	p++;
	f->pc = pc;
	f->have_pc = true;
	f->exact = number == 0;
	open = strrchr(p, '(');
	plus = open ? strstr(open, " + 0x") : NULL;
	if (plus && decode_hex(plus + 3, &f->offset)) {
		f->have_offset = true;
		f->module = decode_record_string(o->record, open + 1, (size_t)(plus - open - 1));
	}
	if (!starts(p, "n/a ") && open > p + 1)
		set_function(o, f, p, (size_t)(open - 1 - p));
	return true;
}

static enum decode_answer coredump_line(struct decode_open *o, const char *text)
{
	const char *t = text + strspn(text, " \t");

	if (starts(t, "Stack trace of thread ")) {
		o->stack = o->record->nr_stacks ? NULL : decode_record_stack(o->record, "access");
		return LINE_TAKEN;
	}
	if (starts(t, "ELF object binary architecture: "))
		return LINE_LAST;
	return !*t || coredump_frame(o, t) || starts(t, "Module ") || starts(t, "Found module ") ||
	                       starts(t, "Coredump ") || starts(t, "Core file was truncated") ||
	                       starts(t, "Metadata ") || starts(t, "Stack trace ")
	               ? LINE_TAKEN
	               : LINE_BEHIND;
}

/* ---- the kernel's line about a program ------------------------------------------------------- */

/* " in prog[401000+1000]", since Linux 6.9 " in prog[1136,401000+1000]": the module, and where in it. */
static void fault_module(struct decode_record *r, struct decode_frame *f, const char *p)
{
	const char *in = strstr(p, " in "), *bracket, *comma;
	uint64_t base;

	if (!in || !(bracket = strchr(in, '[')))
		return;
	f->module = decode_record_string(r, in + 4, (size_t)(bracket - in - 4));
	comma = strpbrk(bracket, ",+");
	if (comma && *comma == ',')
		f->have_offset = decode_hex(bracket + 1, &f->offset);
	else if (comma && decode_hex(bracket + 1, &base) && f->pc >= base) {
		f->offset = f->pc - base;
		f->have_offset = true;
	}
}

/* "prog[12]: segfault at 0 ip 0000000000401136 sp 00007ffd error 4 in prog[401000+1000]"; the bits of the error: 2 a
 * write, 16 a fetch of instructions.
 * "traps: prog[12] general protection fault ip:7f3a sp:7ffe error:0 in libc.so[…]" */
static bool fault_begins(struct decode_open *o, const char *text)
{
	const char *trap = after(text, "traps: "), *name = trap ? trap : text, *bracket = strchr(name, '['), *p;
	struct decode_record *r = o->record;
	struct decode_frame *f;
	uint64_t pid, error = 0;

	if (!bracket || bracket == name || bracket - name > 64 || !(p = number_decimal(bracket + 1, &pid)) || *p != ']')
		return false;
	p++;
	if (trap ? !starts(p, " general protection") && !starts(p, " trap stack segment") : !starts(p, ": segfault "))
		return false;
	if (!strstr(p, " error") && !strstr(p, " nip "))
		return false;
	decode_begin(o, "segfault", trap ? "general-protection-fault" : "segv", text);
	r->comm = decode_record_string(r, name, (size_t)(bracket - name));
	r->pid = (uint32_t)pid;
	r->have_pid = true;
	if (!trap) {
		r->have_addr = decode_hex_after(p, " at ", &r->addr);
		decode_hex_after(p, " error ", &error);
		r->access = error & 16 ? "execute" : error & 2 ? "write" : "read";
	}
	o->stack = decode_record_stack(r, "access");
	f = new_frame(o);
	if (f) {
		f->have_pc = decode_hex_after(p, trap ? " ip:" : strstr(p, " nip ") ? " nip " : " ip ", &f->pc);
		f->exact = true;
		fault_module(r, f, p);
	}
	return true;
}

static enum decode_answer fault_line(struct decode_open *o, const char *text)
{
	(void)o;
	return starts(text, "Code: ") || starts(text, "in ") ? LINE_LAST : LINE_BEHIND;
}

/* ---- which ----------------------------------------------------------------------------------- */

static const struct decode_teller runtimes[] = {
	{ "go", go_begins, go_line },
	{ "rust", rust_begins, rust_line },
	{ "python", python_begins, python_line },
	{ "java", java_begins, java_line },
	{ "node", node_begins, node_line },
	{ "dotnet", dotnet_begins, dotnet_line },
	{ "coredump", coredump_begins, coredump_line },
	{ "segfault", fault_begins, fault_line },
};

bool decode_headline_crash(const char *text, struct decode_open *o)
{
	return decode_teller_begins(runtimes, ARRAY_SIZE(runtimes), o, text);
}

enum decode_answer decode_line_crash(struct decode_open *o, const char *text)
{
	return decode_teller_line(runtimes, ARRAY_SIZE(runtimes), o, text);
}
