/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/frame.c - one line of a stack, in every notation that detectors use.
 *
 *     func+0x1d/0x40 [mod]                       kernel; also [mod BUILDID], "? func", "[<ffffffff81234567>] func",
 *                                                "func (P)"
 *     func+0x1d/0x40 mm/slub.c:123 [inline]      syzbot, symbolized
 *     func (mm/slub.c:123 mm/slab.h:42) mod      scripts/decode_stacktrace.sh
 *     0xffffffffc0123456                         nothing is known
 *     [<80834d0c>] (func) from [<80835e30>] (caller+0x38/0x80)   ARM; also "func from caller+0x38/0x80"
 *     [c000000007ab3000] [c0000000009cb0a4] func+0x1d/0x40       PowerPC
 *     prog+0x1d (BuildId 0123ab)                 memsan, without the helper
 *     ns::func(int)+0x1d/0x40 [prog] at a.c:12:3  memsan; an inlined one: "func at a.c:12:3 (inlined)"
 *     #0 0x4011d6 in func a.c:12:3               AddressSanitizer; also (/path/prog+0x1d) (BuildId: 0123ab)
 *     at 0x4011D6: func (a.c:12)                 Valgrind; also (in /path/prog)
 */
#include "config.h"

#include <ctype.h>

#include "decode/decode_internal.h"

#define FUNCTION_MAX 2048

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

/* May the character be part of the name of a kernel function? */
static bool symbol_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '$' || c == '@' || c == ':' || c == '~';
}

/* "path(12)", "path(12,3)": as Visual Studio has it. */
static bool location_in_brackets(struct decode_record *r, struct decode_frame *f, const char *p, const char *end)
{
	const char *open = end - p > 3 && end[-1] == ')' ? memrchr(p, '(', (size_t)(end - p)) : NULL, *behind;
	uint64_t line, column = 0;

	if (!open || open == p || !(behind = number_decimal(open + 1, &line)))
		return false;
	if (*behind == ',' && !(behind = number_decimal(behind + 1, &column)))
		return false;
	if (behind != end - 1)
		return false;
	f->file = decode_record_string(r, p, (size_t)(open - p));
	f->line = (uint32_t)line;
	f->column = (uint32_t)column;
	return true;
}

bool decode_frame_location(struct decode_record *r, struct decode_frame *f, const char *p, const char *end)
{
	uint64_t numbers[2] = { 0, 0 };
	const char *tail = end;
	size_t nr = 0;

	if (location_in_brackets(r, f, p, end))
		return true;
	while (nr < 2) {
		const char *digits = tail;
		while (digits > p && isdigit((unsigned char)digits[-1]))
			digits--;
		if (digits == tail || digits - p < 2 || digits[-1] != ':' || tail - digits > 9)
			break;
		number_decimal(digits, &numbers[nr++]);
		tail = digits - 1;
	}
	if (!nr)
		return false;
	f->file = decode_record_string(r, p, (size_t)(tail - p));
	f->line = (uint32_t)numbers[nr - 1];
	f->column = nr == 2 ? (uint32_t)numbers[0] : 0;
	return true;
}

/* "+0x1d/0x40" at p; returns what follows, or NULL. */
static const char *parse_offset(const char *p, uint64_t *offset, uint64_t *size)
{
	*size = 0;
	if (p[0] != '+' || p[1] != '0' || p[2] != 'x' || !(p = decode_hex(p + 1, offset)))
		return NULL;
	if (p[0] == '/' && p[1] == '0' && p[2] == 'x') {
		const char *behind = decode_hex(p + 1, size);
		return behind ? behind : p;
	}
	return p;
}

static bool parse_module(struct decode_record *r, struct decode_frame *f, const char **at)
{
	const char *p = *at, *end, *blank;

	if (*p != '[' || !(end = strchr(p, ']')) || end == p + 1 || end - p > 300)
		return false;
	blank = memchr(p, ' ', (size_t)(end - p));
	if (!blank)
		blank = end;
	else
		f->build_id = decode_record_string(r, blank + 1, (size_t)(end - blank - 1));
	f->module = decode_record_string(r, p + 1, (size_t)(blank - p - 1));
	*at = end + 1;
	return true;
}

bool decode_place(struct decode_record *r, const char *text, struct decode_frame *f, const char **end)
{
	for (const char *plus = strstr(text, "+0x"); plus; plus = strstr(plus + 1, "+0x")) {
		uint64_t offset, size;
		const char *name = plus, *p = parse_offset(plus, &offset, &size);
		while (name > text && symbol_char(name[-1]))
			name--;
		if (!p || name == plus || (name > text && name[-1] != ' ' && name[-1] != '\t' && name[-1] != ']'))
			continue;
		memset(f, 0, sizeof(*f));
		f->at_line = DECODE_NONE;
		f->function = decode_record_string(r, name, (size_t)(plus - name));
		f->function_offset = offset;
		f->function_size = size;
		f->have_function_offset = true;
		if (*p == ' ') {
			const char *module = p + 1;
			if (parse_module(r, f, &module))
				p = module;
		}
		if (end)
			*end = p;
		return f->function != NULL;
	}
	return false;
}

/* " (BuildId 0123ab)" */
static void parse_build_id(struct decode_record *r, struct decode_frame *f, const char *p)
{
	const char *mark = strstr(p, "(BuildId"), *end;

	if (!mark)
		return;
	mark += strspn(mark + 8, ": ") + 8;
	end = mark + strspn(mark, "0123456789abcdef");
	if (end > mark && *end == ')')
		f->build_id = decode_record_string(r, mark, (size_t)(end - mark));
}

/* Reads what may stand behind "func+0x1/0x2". */
static void parse_tail(struct decode_record *r, struct decode_frame *f, const char *p)
{
	const char *end;

	p = skip_blanks(p);
	if (parse_module(r, f, &p))
		p = skip_blanks(p);
	parse_build_id(r, f, p);
	f->unloaded = strstr(p, "(unloaded)") != NULL;
	if (starts(p, "at "))
		p += 3;
	if (*p == '(') {
		end = p + 1 + strcspn(p + 1, " )");
		if (decode_frame_location(r, f, p + 1, end)) {
			p = strchr(end, ')');
			p = p ? skip_blanks(p + 1) : end;
			if (!f->module && *p == '[')
				parse_module(r, f, &p);
		}
		return;
	}
	/* a path may hold blanks; the last colon with a number ends it */
	end = p + strlen(p);
	if (end - p > 10 && strcmp(end - 10, " (inlined)") == 0)
		end -= 10;
	if (!strchr(p, ' ') || strstr(p, "/"))
		while (end > p && !decode_frame_location(r, f, p, end))
			do
				end--;
			while (end > p && *end != ' ');
}

/* A frame without an offset: an inlined one, or one whose address a script has replaced. */
static bool bare_line(struct decode_record *r, struct decode_stack *to, const char *text)
{
	const char *name_end = text, *mark;
	struct decode_frame probe = { .inlined = false }, *f;
	bool inlined;

	mark = strstr(text, " at ");
	if (mark && strstr(mark, " (inlined)")) {
		if (!decode_frame_location(r, &probe, mark + 4, strstr(mark, " (inlined)")))
			return false;
		name_end = mark;
		inlined = true;
	} else {
		size_t len;
		while (symbol_char(*name_end))
			name_end++;
		if (*name_end != ' ' || !(isalpha((unsigned char)*text) || *text == '_'))
			return false;
		mark = name_end + 1;
		inlined = strstr(mark, "[inline]") != NULL;
		if (*mark == '(')
			mark++;
		len = strcspn(mark, " )");
		if (!memchr(mark, '.', len) || !decode_frame_location(r, &probe, mark, mark + len))
			return false;
		len += strspn(mark + len, " )");
		if (mark[len] && !starts(mark + len, "[") && name_end[1] != '(')
			return false;
	}
	if (!to)
		return true;
	f = decode_stack_frame(r, to);
	if (!f)
		return true;
	probe.at_line = f->at_line;
	*f = probe;
	f->function = decode_record_string(r, text, (size_t)(name_end - text));
	f->inlined = inlined;
	return true;
}

/* The '+' of "name+0x1d": the first one with an offset that a blank or the end of the text follows. */
static const char *find_plus(const char *text)
{
	const char *found = NULL;

	for (const char *plus = strstr(text, "+0x"); plus; plus = strstr(plus + 1, "+0x")) {
		uint64_t offset, size;
		const char *behind = parse_offset(plus, &offset, &size);
		if (behind && (*behind == '\0' || *behind == ' ') && !found)
			found = plus;
	}
	return found;
}

static bool module_offset(const char *p)
{
	return *p == '\0' || starts(p, " (BuildId ") || starts(p, " (unloaded)");
}

/* ARM: "[<80834d0c>] (foo) from [<80835e30>] (bar+0x38/0x80)", since Linux 6.0 "foo from bar+0x38/0x80".  The line is a
 * frame of foo; bar has the next one. */
static bool arm_line(struct decode_record *r, struct decode_stack *to, struct decode_frame *probe, const char *p)
{
	bool brackets = *p == '(';
	const char *name = p + brackets, *end = name;
	struct decode_frame *f;

	while (symbol_char(*end))
		end++;
	if (end == name || !starts(end, brackets ? ") from [<" : " from ") ||
	    (!strstr(end, "+0x") && !strstr(end, "] (0x")))
		return false;
	f = to ? decode_stack_frame(r, to) : NULL;
	if (f) {
		probe->at_line = f->at_line;
		*f = *probe;
		f->function = decode_record_string(r, name, (size_t)(end - name));
	}
	return true;
}

/* PowerPC: "[c000000007ab3000] [c0000000009cb0a4] func+0x1/0x2": the stack and the instruction. */
static const char *powerpc_addresses(const char *p, struct decode_frame *probe)
{
	uint64_t sp;
	const char *behind = *p == '[' ? decode_hex(p + 1, &sp) : NULL;

	if (!behind || !starts(behind, "] ["))
		return p;
	behind = decode_hex(behind + 3, &probe->pc);
	if (!behind || *behind != ']')
		return p;
	probe->have_pc = true;
	return skip_blanks(behind + 1);
}

bool decode_frame_kernel(struct decode_record *r, struct decode_stack *to, const char *text)
{
	struct decode_frame probe = { .inlined = false }, *f;
	const char *p = skip_blanks(text), *plus, *behind;
	bool memsan = r->detector && strcmp(r->detector, "memsan") == 0;

	if (starts(p, "[<      none      >]") || starts(p, "[<     inline     >]")) { /* asan_symbolize.py */
		probe.inlined = p[7] == 'i';
		p = skip_blanks(p + 20);
	} else if (p[0] == '[' && p[1] == '<') {
		behind = starts(p + 2, "(____ptrval____)") ? p + 18 : decode_hex(p + 2, &probe.pc);
		if (!behind || behind[0] != '>' || behind[1] != ']')
			return false;
		probe.have_pc = probe.pc > UINT32_MAX; /* the kernel prints hashed pointers, which are small */
		p = skip_blanks(behind + 2);
	} else {
		p = powerpc_addresses(p, &probe);
	}
	if (!memsan && (*p == '(' || strstr(p, " from ")) && arm_line(r, to, &probe, p))
		return true;
	if (p[0] == '?' && p[1] == ' ') {
		probe.unreliable = true;
		p = skip_blanks(p + 2);
	}
	plus = find_plus(p);
	if (!plus) {
		if (p[0] == '0' && p[1] == 'x') {
			behind = decode_hex(p, &probe.pc);
			if (!behind || *skip_blanks(behind))
				return false;
			probe.have_pc = true;
		} else if (!probe.have_pc || *p) {
			return bare_line(r, to, p);
		}
	} else {
		size_t len = (size_t)(plus - p);
		if (!len || len > FUNCTION_MAX || (!memsan && *p != '<' && memchr(p, ' ', len)))
			return false; /* only C++ and Rust have names with blanks */
		behind = parse_offset(plus, &probe.function_offset, &probe.function_size);
		for (size_t i = 0; i < len; i++)
			if (!symbol_char(p[i]) && !(probe.function_size && strchr(p, '[')) && !module_offset(behind))
				return false;
		if (!to)
			return true;
		if (probe.function_size || !module_offset(behind)) {
			probe.function = decode_record_string(r, p, len);
			probe.have_function_offset = true;
		} else if (memsan) {
			probe.module = decode_record_string(r, p, len);
			probe.offset = probe.function_offset;
			probe.have_offset = true;
			probe.function_offset = 0;
		} else {
			probe.function = decode_record_string(r, p, len);
			probe.have_function_offset = true;
		}
		parse_tail(r, &probe, behind);
	}
	if (!to)
		return true;
	f = decode_stack_frame(r, to);
	if (f) {
		probe.at_line = f->at_line;
		*f = probe;
	}
	return true;
}

/* "(/path/prog+0x1d) (BuildId: 0123ab)" */
static void asan_module(struct decode_record *r, struct decode_frame *f, const char *p)
{
	const char *end = strchr(p, ')'), *plus = NULL;

	for (const char *at = p; end && at < end; at++)
		if (starts(at, "+0x"))
			plus = at;
	if (!plus || !decode_hex(plus + 1, &f->offset))
		return;
	f->have_offset = true;
	f->module = decode_record_string(r, p + 1, (size_t)(plus - p - 1));
	parse_build_id(r, f, end);
}

/* Is the word a path, although it has no line number? */
static bool is_path(const char *p, const char *end)
{
	static const char *const endings[] = { ".c",  ".cc", ".cpp", ".cxx", ".h", ".hpp",   ".hh", ".rs",
		                               ".go", ".S",  ".m",   ".mm",  ".d", ".swift", ".o" };

	if (*p == '/')
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		size_t len = strlen(endings[i]);
		if ((size_t)(end - p) > len && memcmp(end - len, endings[i], len) == 0)
			return true;
	}
	return false;
}

/* Is it "C:\\"? */
static bool is_drive(const char *p)
{
	return isalpha((unsigned char)p[0]) && p[1] == ':' && p[2] == '\\';
}

/* The first `mark` with a path behind it. */
static const char *find_path(const char *p, const char *end, const char *mark)
{
	size_t len = strlen(mark);

	for (; p + len < end; p++)
		if (memcmp(p, mark, len) == 0 && (p[len] == '/' || is_drive(p + len)))
			return p;
	return NULL;
}

/* "func(int) const /path/a.c:12:3": the location is the last word, or begins with the first " /", since a path may hold
 * blanks.  Returns the end of the function. */
static const char *asan_location(struct decode_record *r, struct decode_frame *f, const char *name, const char *end)
{
	const char *slash = find_path(name, end, " "), *blank = end;

	if (slash && slash > name && decode_frame_location(r, f, slash + 1, end))
		return slash;
	do
		blank--;
	while (blank > name && *blank != ' ');
	if (blank <= name)
		return end;
	if (decode_frame_location(r, f, blank + 1, end))
		return blank;
	if (!is_path(blank + 1, end))
		return slash && slash > name ? slash : end;
	f->file = decode_record_string(r, blank + 1, (size_t)(end - blank - 1));
	return blank;
}

/* "path:12:3", up to `end`: the line and the column, which may be 0. */
bool decode_location(struct decode_record *r, const char *p, const char *end, uint64_t *line, uint64_t *column)
{
	struct decode_frame f = { .line = 0 };

	if (!decode_frame_location(r, &f, p, end))
		return false;
	*line = f.line;
	*column = f.column;
	return true;
}

/* Some loggers put ", r0=12" behind a message.  Returns where that begins. */
static const char *without_remark(const char *p, const char *end)
{
	const char *number = end, *comma;

	while (number > p && isdigit((unsigned char)number[-1]))
		number--;
	comma = number > p && number < end && number[-1] == '=' ? memrchr(p, ',', (size_t)(number - p)) : NULL;
	return comma && comma[1] == ' ' && !memchr(comma + 2, ' ', (size_t)(number - comma - 2)) ? comma : end;
}

bool decode_frame_asan(struct decode_record *r, struct decode_stack *to, const char *text)
{
	const char *p = skip_blanks(text), *name, *end;
	struct decode_frame *f;
	uint64_t pc, number;

	if (*p != '#' || !(p = number_decimal(p + 1, &number)) || *p != ' ')
		return false;
	p = skip_blanks(p);
	if (!starts(p, "0x") || !(p = decode_hex(p, &pc)))
		return false;
	p = skip_blanks(p);
	f = to ? decode_stack_frame(r, to) : NULL;
	if (!f)
		return true;
	f->pc = pc;
	f->have_pc = true;
	f->exact = number == 0;
	if (*p == '(') {
		asan_module(r, f, p);
		return true;
	}
	if (!(name = after(p, "in ")))
		return true;
	end = find_path(name, name + strlen(name), " (");
	if (end)
		asan_module(r, f, end + 1);
	else
		end = asan_location(r, f, name, without_remark(name, name + strlen(name)));
	while (end > name && end[-1] == ' ') /* a text that was wrapped */
		end--;
	f->function = decode_record_string(r, name, (size_t)(end - name));
	return true;
}

/* ThreadSanitizer: "#0 func /path/a.c:4:62 (prog+0xd02c0) (BuildId: 0123ab)", "#0 malloc <null> (prog+0x4fbf1)" */
bool decode_frame_tsan(struct decode_record *r, struct decode_stack *to, const char *text)
{
	const char *p = skip_blanks(text), *name, *end, *module;
	struct decode_frame *f;
	uint64_t number;

	if (*p != '#' || !(p = number_decimal(p + 1, &number)) || *p != ' ')
		return false;
	if (starts(skip_blanks(p), "0x"))
		return decode_frame_asan(r, to, text);
	f = to ? decode_stack_frame(r, to) : NULL;
	if (!f)
		return true;
	f->exact = number == 0;
	name = skip_blanks(p);
	end = name + strlen(name);
	for (module = name; (module = strstr(module, " (")) != NULL; module += 2) {
		size_t len = strcspn(module + 2, ")");
		if (!memmem(module + 2, len, "+0x", 3))
			continue;
		asan_module(r, f, module + 1);
		end = module;
		break;
	}
	if (end - name > 7 && strncmp(end - 7, " <null>", 7) == 0)
		end -= 7;
	else
		end = asan_location(r, f, name, end);
	if (f->module && starts(name, "<null>") && end == name + 6) /* symbolize=0 */
		return true;
	f->function = decode_record_string(r, name, (size_t)(end - name));
	return true;
}

/* backtrace_symbols, also with a number in front: "./prog(func+0x17) [0x5558]", "/lib/libc.so.6(+0x7ac56)[0x7f12]" */
bool decode_frame_backtrace(struct decode_record *r, struct decode_stack *to, const char *text)
{
	const char *p = skip_blanks(text), *open, *close, *plus;
	struct decode_frame *f;
	uint64_t number;

	if (*p == '#') {
		if (decode_frame_asan(r, NULL, p))
			return decode_frame_asan(r, to, p);
		p = number_decimal(p + 1, &number);
		if (!p || *p != ' ')
			return false;
		p = skip_blanks(p);
	}
	open = strrchr(p, '[');
	if (!open || !starts(open, "[0x"))
		return false;
	f = to ? decode_stack_frame(r, to) : NULL;
	if (!f)
		return true;
	f->have_pc = decode_hex(open + 1, &f->pc) != NULL;
	f->exact = to->nr == 1;
	close = open;
	open = strchr(p, '(');
	if (!open || open > close) {
		while (close > p && close[-1] == ' ')
			close--;
		f->module = close > p ? decode_record_string(r, p, (size_t)(close - p)) : NULL;
		return true;
	}
	f->module = open > p ? decode_record_string(r, p, (size_t)(open - p)) : NULL;
	for (plus = close; plus > open && *plus != '+'; plus--)
		;
	if (plus > open + 1)
		f->function = decode_record_string(r, open + 1, (size_t)(plus - open - 1));
	if (plus > open && decode_hex(plus + 1, plus > open + 1 ? &f->function_offset : &f->offset)) {
		f->have_function_offset = plus > open + 1;
		f->have_offset = plus == open + 1;
	}
	return true;
}

/* Android: "#00 pc 0000000000001234  /system/lib64/libc.so (offset 0x1000) (func(int)+40) (BuildId: 0123ab)" */
bool decode_frame_tombstone(struct decode_record *r, struct decode_stack *to, const char *text)
{
	const char *p = skip_blanks(text), *end, *build;
	struct decode_frame *f;
	uint64_t number;

	if (*p != '#' || !(p = number_decimal(p + 1, &number)) || !(p = after(skip_blanks(p), "pc ")))
		return false;
	f = to ? decode_stack_frame(r, to) : NULL;
	if (!f)
		return true;
	p = number_hex(p, &f->offset);
	if (!p)
		return true;
	f->have_offset = true;
	f->exact = number == 0;
	p = skip_blanks(p);
	end = strstr(p, " (");
	end = end ? end : p + strlen(p);
	f->module = decode_record_string(r, p, (size_t)(end - p));
	build = strstr(end, " (BuildId: ");
	if (starts(end, " (offset 0x"))
		end += strcspn(end, ")") + 1;
	if (build)
		parse_build_id(r, f, build);
	else
		build = end + strlen(end);
	if (starts(end, " (") && build > end + 3 && build[-1] == ')') {
		const char *plus = build - 1;
		while (plus > end + 2 && *plus != '+')
			plus--;
		f->have_function_offset = *plus == '+' && number_decimal(plus + 1, &f->function_offset);
		f->function = decode_record_string(r, end + 2, (size_t)((*plus == '+' ? plus : build - 1) - end - 2));
	}
	return true;
}

bool decode_frame_valgrind(struct decode_record *r, struct decode_stack *to, const char *text)
{
	const char *p = skip_blanks(text), *open;
	struct decode_frame *f;
	uint64_t pc;
	bool first = starts(p, "at ");

	if ((!first && !starts(p, "by ")) || !starts(p + 3, "0x") || !(p = decode_hex(p + 3, &pc)) || *p != ':')
		return false;
	p = skip_blanks(p + 1);
	f = to ? decode_stack_frame(r, to) : NULL;
	if (!f)
		return true;
	f->pc = pc;
	f->have_pc = true;
	f->exact = first;
	for (open = p + strlen(p); open > p && *open != '('; open--)
		;
	if (open == p || open[-1] != ' ' || p[strlen(p) - 1] != ')') {
		if (!starts(p, "???"))
			f->function = decode_record_string(r, p, strlen(p));
		return true;
	}
	if (!starts(p, "???"))
		f->function = decode_record_string(r, p, (size_t)(open - 1 - p));
	if (starts(open, "(in "))
		f->module = decode_record_string(r, open + 4, strlen(open) - 5);
	else
		decode_frame_location(r, f, open + 1, open + strlen(open) - 1);
	return true;
}
