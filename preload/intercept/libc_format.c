/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/intercept/libc_format.c - what a format makes printf read and scanf write.
 *
 * The walk goes over the format as libc does and takes each argument with the type that its conversion asks for. At a
 * conversion that it does not know it ends, since the types of all later arguments are unknown then. A program may give
 * conversions another meaning (register_printf_specifier). From then on the arguments of printf are not looked at.
 */
#include "preload/intercept/intercept.h"

bool format_custom;

/* ---- one conversion -------------------------------------------------------------------------- */

/* A format of char or of wchar_t. */
struct format {
	const void *text;
	bool wide;
	size_t at;
	struct formatted *to; /* the buffer that is written to; NULL: none */
};

__inline_hot unsigned format_char(const struct format *f)
{
	return f->wide ? (unsigned)((const wchar_t *)f->text)[f->at] : ((const unsigned char *)f->text)[f->at];
}

/* Goes behind the next "%". False: the format ends. *literal: characters that are no space stand before. */
__inline_hot bool format_next(struct format *f, bool *literal)
{
	unsigned c;

	for (; (c = format_char(f)) != 0; f->at++) {
		if (c == '%') {
			f->at++;
			return true;
		}
		*literal |= c > ' ';
	}
	return false;
}

__inline_hot bool format_skip(struct format *f, unsigned c)
{
	if (format_char(f) != c)
		return false;
	f->at++;
	return true;
}

/* A decimal number; 0 if there is none. */
__inline_hot size_t format_number(struct format *f)
{
	size_t n = 0;

	for (; format_char(f) - '0' < 10; f->at++)
		n = MIN(n * 10 + (format_char(f) - '0'), (size_t)INT_MAX);
	return n;
}

__inline_hot void format_flags(struct format *f)
{
	for (;; f->at++) {
		switch (format_char(f)) {
		case '-':
		case '+':
		case ' ':
		case '#':
		case '0':
		case '\'':
		case 'I':
			continue;
		default:
			return;
		}
	}
}

/* Sizes of integers are their bytes. */
enum format_length { LENGTH_CHAR = 1, LENGTH_SHORT = 2, LENGTH_INT = 4, LENGTH_LONG = 8, LENGTH_LONG_DOUBLE = 16 };

/* "ll" and "L" mean long double for conversions of floating point. */
__inline_hot enum format_length format_length(struct format *f)
{
	switch (format_char(f)) {
	case 'h':
		f->at++;
		return format_skip(f, 'h') ? LENGTH_CHAR : LENGTH_SHORT;
	case 'l':
		f->at++;
		return format_skip(f, 'l') ? LENGTH_LONG_DOUBLE : LENGTH_LONG;
	case 'L':
	case 'q':
		f->at++;
		return LENGTH_LONG_DOUBLE;
	case 'j':
	case 'z':
	case 'Z':
	case 't':
		f->at++;
		return LENGTH_LONG;
	default:
		return LENGTH_INT;
	}
}

static size_t integer_size(enum format_length length)
{
	return MIN((size_t)length, sizeof(long));
}

/* ---- printf ---------------------------------------------------------------------------------- */

/* A string that lies near the buffer is measured before the call, which may destroy it. */
static void formatted_note(struct formatted *to, const void *s, size_t precision, bool is_wide)
{
	struct formatted_source *source = &to->sources[to->nr];
	struct libc_scan scan;

	if (!s || libc_far(to->dst, s) || to->nr == FORMATTED_SOURCES)
		return;
	scan = is_wide ? libc_scan_wide(s, 0, precision) : libc_scan_byte(s, 0, precision);
	source->p = s;
	source->size = (scan.len + (precision == SIZE_MAX)) * (is_wide ? sizeof(wchar_t) : 1);
	to->nr++;
}

void formatted_check_overlap(const struct formatted *to, size_t written, const char *entry)
{
	for (size_t i = 0; i < to->nr; i++) {
		const struct formatted_source *source = &to->sources[i];

		if (unlikely(ranges_overlap(to->dst, written, source->p, source->size))) {
			libc_report_overlap(to->dst, written, source->p, source->size, entry);
			return;
		}
	}
}

/* precision SIZE_MAX: there is none. NULL is printed as "(null)". */
static void read_string(const struct format *f, const void *s, size_t precision, bool is_wide, const char *entry)
{
	size_t len;

	/* A precision in bytes bounds a wide string only from below: each character becomes one byte or more. */
	if (unlikely(is_wide && !f->wide && precision != SIZE_MAX))
		precision /= MB_CUR_MAX;
	if (unlikely(f->to))
		formatted_note(f->to, s, precision, is_wide);
	if (likely(!s || libc_foreign(s)) || !libc_covers(s))
		return;
	if (is_wide)
		check_wide_string(s, precision, &len, entry);
	else
		check_string(s, precision, &len, entry);
}

static void write_count(void *p, enum format_length length, const char *entry)
{
	if (p && !libc_foreign(p))
		check_write(p, integer_size(length), entry);
}

enum argument {
	ARGUMENT_NONE,
	ARGUMENT_INT,
	ARGUMENT_LONG,
	ARGUMENT_DOUBLE,
	ARGUMENT_LONG_DOUBLE,
	ARGUMENT_STRING,
	ARGUMENT_WIDE_STRING,
	ARGUMENT_COUNT,
	ARGUMENT_UNKNOWN
};

__inline_hot enum argument argument_of(unsigned conversion, enum format_length length)
{
	switch (conversion) {
	case 'd':
	case 'i':
	case 'o':
	case 'u':
	case 'x':
	case 'X':
	case 'b':
	case 'B':
		return length >= LENGTH_LONG ? ARGUMENT_LONG : ARGUMENT_INT;
	case 'c':
	case 'C':
		return ARGUMENT_INT;
	case 'e':
	case 'E':
	case 'f':
	case 'F':
	case 'g':
	case 'G':
	case 'a':
	case 'A':
		return length == LENGTH_LONG_DOUBLE ? ARGUMENT_LONG_DOUBLE : ARGUMENT_DOUBLE;
	case 's':
		return length >= LENGTH_LONG ? ARGUMENT_WIDE_STRING : ARGUMENT_STRING;
	case 'S':
		return ARGUMENT_WIDE_STRING;
	case 'p':
		return ARGUMENT_LONG;
	case 'n':
		return ARGUMENT_COUNT;
	case 'm':
	case '%':
		return ARGUMENT_NONE;
	default:
		return ARGUMENT_UNKNOWN;
	}
}

/* Arguments that have numbers (%2$s) are taken in order, each with the type of its conversion, and read when all types
 * are known. */
#define NUMBERED_MAX 32
struct numbered {
	enum argument type;
	enum format_length length;
	bool read; /* as a string, whose precision is */
	size_t precision;
	unsigned precision_of; /* that of argument number …; 0: it has none */
};

/* Notes the use of argument n. False: it is out of range, or used with two types. */
static bool numbered_note(struct numbered *all, size_t n, enum argument type)
{
	if (n == 0 || n > NUMBERED_MAX || (all[n].type != ARGUMENT_NONE && all[n].type != type))
		return false;
	all[n].type = type;
	return true;
}

static bool numbered_conversion(struct format *f, struct numbered *all)
{
	size_t n = format_number(f), of = 0, precision = SIZE_MAX;
	enum format_length length;
	enum argument type;

	if (n == 0 && format_skip(f, '%'))
		return true;
	if (!format_skip(f, '$'))
		return false;
	format_flags(f);
	if (!format_skip(f, '*'))
		format_number(f);
	else if (!numbered_note(all, format_number(f), ARGUMENT_INT) || !format_skip(f, '$'))
		return false;
	if (format_skip(f, '.')) {
		if (!format_skip(f, '*'))
			precision = format_number(f);
		else if (!numbered_note(all, of = format_number(f), ARGUMENT_INT) || !format_skip(f, '$'))
			return false;
	}
	length = format_length(f);
	type = argument_of(format_char(f), length);
	if (type == ARGUMENT_UNKNOWN)
		return false;
	f->at++;
	if (type == ARGUMENT_NONE)
		return true;
	if (!numbered_note(all, n, type))
		return false;
	/* A string that is printed twice is read as far as the shorter of two precisions. */
	if (!all[n].read || precision < all[n].precision)
		all[n].precision = precision;
	if (of)
		all[n].precision_of = (unsigned)of;
	all[n].read = true;
	all[n].length = length;
	return true;
}

static void numbered_read(const struct format *f, struct numbered *all, va_list args, const char *entry)
{
	const void *p[NUMBERED_MAX + 1] = { 0 };
	int values[NUMBERED_MAX + 1] = { 0 };

	for (unsigned i = 1; i <= NUMBERED_MAX && all[i].type != ARGUMENT_NONE; i++) {
		switch (all[i].type) {
		case ARGUMENT_INT:
			values[i] = va_arg(args, int);
			break;
		case ARGUMENT_LONG:
			(void)va_arg(args, long);
			break;
		case ARGUMENT_DOUBLE:
			(void)va_arg(args, double);
			break;
		case ARGUMENT_LONG_DOUBLE:
			(void)va_arg(args, long double);
			break;
		default:
			p[i] = va_arg(args, const void *);
			break;
		}
	}
	for (unsigned i = 1; i <= NUMBERED_MAX; i++) {
		size_t precision = all[i].precision;

		if (all[i].precision_of && values[all[i].precision_of] >= 0)
			precision = MIN(precision, (size_t)values[all[i].precision_of]);
		if (p[i] && all[i].type == ARGUMENT_COUNT)
			write_count((void *)(uintptr_t)p[i], all[i].length, entry);
		else if (p[i])
			read_string(f, p[i], precision, all[i].type == ARGUMENT_WIDE_STRING, entry);
	}
}

static void format_numbered(struct format *f, va_list args, const char *entry)
{
	struct numbered all[NUMBERED_MAX + 1] = { 0 };
	bool literal = false;

	f->at = 0;
	while (format_next(f, &literal))
		if (!numbered_conversion(f, all))
			return;
	numbered_read(f, all, args, entry);
}

/* Width or precision; a negative one of "*" is as good as none. */
__inline_hot size_t format_amount(struct format *f, va_list *args)
{
	int n;

	if (!format_skip(f, '*'))
		return format_number(f);
	n = va_arg(*args, int);
	return n < 0 ? SIZE_MAX : (size_t)n;
}

/* One conversion; false: it is unknown, or the last. */
__inline_hot bool format_read(struct format *f, va_list *args, const char *entry)
{
	size_t precision = SIZE_MAX;
	enum format_length length;
	enum argument type;

	/* Most conversions are a letter, and nothing else begins with one but "h", "l" and their like. */
	if (format_char(f) < 'a') {
		format_flags(f);
		format_amount(f, args);
		if (format_skip(f, '.'))
			precision = format_amount(f, args);
	}
	length = format_length(f);
	type = argument_of(format_char(f), length);
	switch (type) {
	case ARGUMENT_NONE:
		break;
	case ARGUMENT_INT:
		(void)va_arg(*args, int);
		break;
	case ARGUMENT_LONG:
		(void)va_arg(*args, long);
		break;
	case ARGUMENT_DOUBLE:
		(void)va_arg(*args, double);
		break;
	case ARGUMENT_LONG_DOUBLE:
		(void)va_arg(*args, long double);
		break;
	case ARGUMENT_STRING:
	case ARGUMENT_WIDE_STRING:
		read_string(f, va_arg(*args, const void *), precision, type == ARGUMENT_WIDE_STRING, entry);
		break;
	case ARGUMENT_COUNT:
		write_count(va_arg(*args, void *), length, entry);
		break;
	case ARGUMENT_UNKNOWN:
	default:
		return false;
	}
	f->at++;
	return true;
}

/* Is an argument's number behind the "%"? */
__inline_hot bool format_is_numbered(struct format f)
{
	return format_char(&f) - '1' < 9 && format_number(&f) && format_char(&f) == '$';
}

static bool format_readable(const void *text, bool wide, const char *entry)
{
	size_t len;

	if (!text)
		return false;
	if (libc_foreign(text) || !libc_covers(text))
		return true;
	return wide ? check_wide_string(text, SIZE_MAX, &len, entry) : check_string(text, SIZE_MAX, &len, entry);
}

__inline_hot void format_walk(struct format f, va_list *args, const char *entry)
{
	bool literal = false;

	while (format_next(&f, &literal)) {
		if (unlikely(format_is_numbered(f))) {
			format_numbered(&f, *args, entry);
			return;
		}
		if (!format_read(&f, args, entry))
			return;
	}
}

void format_check_printf(const void *text, bool wide, va_list from, struct formatted *to, const char *entry)
{
	va_list args;

	if (!format_readable(text, wide, entry) || format_custom)
		return;
	if (to)
		formatted_note(to, text, SIZE_MAX, wide);
	va_copy(args, from);
	if (wide)
		format_walk((struct format){ text, true, 0, to }, &args, entry);
	else
		format_walk((struct format){ text, false, 0, to }, &args, entry);
	va_end(args);
}

/* ---- scanf ----------------------------------------------------------------------------------- */

void format_check_scanf(const void *text, const char *entry)
{
	format_readable(text, false, entry);
}

void format_check_wide_scanf(const void *text, const char *entry)
{
	format_readable(text, true, entry);
}

/* Behind the "[" of a set; a "]" that comes first belongs to the set. */
static bool format_set(struct format *f)
{
	format_skip(f, '^');
	format_skip(f, ']');
	for (; format_char(f) != ']'; f->at++)
		if (!format_char(f))
			return false;
	return true;
}

/* A text that was stored, with its terminator. width: at most so many characters; 0: any number. */
static void wrote_text(const void *p, bool is_wide, size_t width, const char *entry)
{
	size_t max = width ? width + 1 : SIZE_MAX;
	struct libc_scan scan = is_wide ? libc_scan_wide(p, 0, max) : libc_scan_byte(p, 0, max);

	if (unlikely(scan.bad))
		libc_report_range(p, (scan.len + 1) * (is_wide ? sizeof(wchar_t) : 1), scan.bad, ACCESS_WRITE, entry);
}

struct conversion {
	unsigned what;
	bool suppressed, allocates;
	size_t width;
	enum format_length length;
};

/* gnu: "a" before a text asks for memory, as "m" does in every dialect. */
static bool conversion_parse(struct format *f, struct conversion *c, bool gnu)
{
	struct format behind;

	c->suppressed = false;
	for (;; f->at++) {
		if (format_char(f) == '*')
			c->suppressed = true;
		else if (format_char(f) != '\'' && format_char(f) != 'I')
			break;
	}
	c->width = format_number(f);
	if (format_char(f) == '$')
		return false; /* numbered arguments are rare */
	c->allocates = format_skip(f, 'm');
	if (gnu && format_char(f) == 'a') {
		behind = *f;
		behind.at++;
		if (format_char(&behind) == 's' || format_char(&behind) == 'S' || format_char(&behind) == '[') {
			c->allocates = true;
			f->at++;
		}
	}
	c->length = format_length(f);
	c->what = format_char(f);
	if (c->what == 'S' || c->what == 'C') {
		c->length = LENGTH_LONG;
		c->what += 'a' - 'A';
	}
	if (!c->what)
		return false;
	f->at++;
	return c->what != '[' || (format_set(f) && format_skip(f, ']'));
}

/* False: the conversion is unknown. */
static bool conversion_wrote(const struct conversion *c, void *p, const char *entry)
{
	size_t unit = c->length >= LENGTH_LONG ? sizeof(wchar_t) : 1;
	bool skip = !p || libc_foreign(p) || !libc_covers(p);

	switch (c->what) {
	case 'd':
	case 'i':
	case 'o':
	case 'u':
	case 'x':
	case 'X':
	case 'b':
	case 'n':
		return skip || check_write(p, integer_size(c->length), entry) || true;
	case 'p':
		return skip || check_write(p, sizeof(void *), entry) || true;
	case 'e':
	case 'E':
	case 'f':
	case 'F':
	case 'g':
	case 'G':
	case 'a':
	case 'A':
		return skip || check_write(p, c->length == LENGTH_LONG_DOUBLE ? 10 : c->length, entry) || true;
	case 's':
	case '[':
	case 'c':
		if (skip)
			return true;
		if (c->allocates)
			check_write(p, sizeof(void *), entry);
		else if (c->what == 'c')
			check_write(p, MAX(c->width, (size_t)1) * unit, entry);
		else
			wrote_text(p, unit > 1, c->width, entry);
		return true;
	default:
		return false;
	}
}

void format_check_stored(const void *text, bool wide, bool gnu, va_list args, int stored, const char *entry)
{
	struct format f = { text, wide, 0, NULL };
	bool sure = false; /* scanf came as far as this, whatever follows */
	struct conversion c;
	bool literal = false;
	int done = 0;

	while (text && format_next(&f, &literal)) {
		if (format_skip(&f, '%')) {
			literal = true;
			continue;
		}
		if (!conversion_parse(&f, &c, gnu))
			return;
		if (c.suppressed) {
			literal = true;
			continue;
		}
		sure = done < stored || (done > 0 && done == stored && !literal && c.what == 'n');
		if (!sure || !conversion_wrote(&c, va_arg(args, void *), entry))
			return;
		if (c.what != 'n') {
			done++;
			literal = false;
		}
	}
}
