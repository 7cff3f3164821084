/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/fmt.c - formatting into a caller's buffer: no locale, no allocation, usable in a signal handler. Text that does
 * not fit is dropped, and `truncated` is set. The buffer is always terminated, so a report can always be printed.
 *
 * Known are the conversions of integers (d i u o x X), and c, s, p and %, with C's flags, widths, precisions and
 * lengths except L. Floating point and %n are unknown: tests/layers finds a caller that uses them. */
#include <limits.h>
#include <stdint.h>

#include "lib/lib.h"

enum fmt_length { FMT_CHAR, FMT_SHORT, FMT_INT, FMT_LONG, FMT_LONG_LONG };
/* size_t, ptrdiff_t and intmax_t are read as a long. */
_Static_assert(sizeof(size_t) == sizeof(long) && sizeof(ptrdiff_t) == sizeof(long) && sizeof(intmax_t) == sizeof(long),
               "FMT_LONG");

struct fmt_spec {
	bool alt, zero, left;
	const char *plus; /* in front of a number that is not negative: "+", " " or "" */
	int width;
	int precision; /* -1: none given */
	enum fmt_length length;
};

void fmt_init(struct fmt_buf *b, char *data, size_t size)
{
	b->data = data;
	b->len = 0;
	b->size = size;
	b->truncated = false;
	if (size)
		data[0] = '\0';
}

/* How many of n bytes still fit before the terminator. */
static size_t fmt_room(struct fmt_buf *b, size_t n)
{
	size_t room = b->size ? b->size - 1 - b->len : 0;

	if (n > room) {
		b->truncated = true;
		return room;
	}
	return n;
}

static void fmt_put(struct fmt_buf *b, const char *s, size_t n)
{
	n = fmt_room(b, n);
	if (!n)
		return;
	mem_copy(b->data + b->len, s, n);
	b->len += n;
	b->data[b->len] = '\0';
}

static void fmt_pad(struct fmt_buf *b, char c, size_t n)
{
	n = fmt_room(b, n);
	if (!n)
		return;
	mem_set(b->data + b->len, c, n);
	b->len += n;
	b->data[b->len] = '\0';
}

/* [spaces] prefix [zeros] body [spaces] */
static void fmt_field(struct fmt_buf *b, const struct fmt_spec *spec, const char *prefix, size_t zeros,
                      const char *body, size_t body_len)
{
	size_t prefix_len = str_length(prefix), used = prefix_len + zeros + body_len;
	size_t fill = (size_t)spec->width > used ? (size_t)spec->width - used : 0;

	if (!spec->left)
		fmt_pad(b, ' ', fill);
	fmt_put(b, prefix, prefix_len);
	fmt_pad(b, '0', zeros);
	fmt_put(b, body, body_len);
	if (spec->left)
		fmt_pad(b, ' ', fill);
}

#define LOWER "0123456789abcdef"
#define UPPER "0123456789ABCDEF"

static void fmt_number(struct fmt_buf *b, const struct fmt_spec *spec, uint64_t value, unsigned base,
                       const char *numerals, const char *prefix)
{
	char digits[22]; /* 2^64 has 22 octal digits */
	size_t pos = sizeof(digits), n, zeros = 0, sign = str_length(prefix);

	for (; value; value /= base)
		digits[--pos] = numerals[value % base];
	n = sizeof(digits) - pos;
	if (spec->precision >= 0)
		zeros = (size_t)spec->precision > n ? (size_t)spec->precision - n : 0;
	else if (spec->zero && !spec->left && (size_t)spec->width > n + sign)
		zeros = (size_t)spec->width - n - sign;
	if (spec->precision < 0 && !n && !zeros)
		zeros = 1;
	fmt_field(b, spec, prefix, zeros, digits + pos, n);
}

/* '#' makes the first digit a zero. */
static void fmt_octal(struct fmt_buf *b, const struct fmt_spec *spec, uint64_t value)
{
	struct fmt_spec wider = *spec;
	int digits = 1;

	for (uint64_t rest = value; spec->alt && rest; rest >>= 3)
		digits++;
	/* The zeros of '0' and of a precision count. */
	if (spec->alt && !(spec->precision < 0 && spec->zero && !spec->left && spec->width >= digits))
		wider.precision = MAX(spec->precision, digits);
	fmt_number(b, &wider, value, 8, LOWER, "");
}

static void fmt_string(struct fmt_buf *b, const struct fmt_spec *spec, const char *s)
{
	size_t n = 0;

	if (!s)
		s = spec->precision >= 0 && spec->precision < 6 ? "" : "(null)";
	while ((spec->precision < 0 || n < (size_t)spec->precision) && s[n])
		n++;
	fmt_field(b, spec, "", 0, s, n);
}

/* Reads digits from *p on; too large a width becomes INT_MAX. */
static int fmt_read_int(const char **p)
{
	int v = 0;

	for (; **p >= '0' && **p <= '9'; ++*p)
		v = v > (INT_MAX - 9) / 10 ? INT_MAX : v * 10 + (**p - '0');
	return v;
}

static const char *fmt_read_flags(const char *p, struct fmt_spec *spec)
{
	for (;; p++) {
		if (*p == '#')
			spec->alt = true;
		else if (*p == '0')
			spec->zero = true;
		else if (*p == '-')
			spec->left = true;
		else if (*p == '+')
			spec->plus = "+";
		else if (*p == ' ')
			spec->plus = spec->plus[0] ? spec->plus : " ";
		else
			return p;
	}
}

static const char *fmt_read_length(const char *p, enum fmt_length *length)
{
	static const struct {
		const char *name;
		enum fmt_length length;
	} lengths[] = {
		{ "hh", FMT_CHAR }, { "h", FMT_SHORT }, { "ll", FMT_LONG_LONG }, { "l", FMT_LONG },
		{ "z", FMT_LONG },  { "t", FMT_LONG },  { "j", FMT_LONG },
	};

	*length = FMT_INT;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		size_t n = str_length(lengths[i].name);

		if (p[0] != lengths[i].name[0] || (n == 2 && p[1] != p[0]))
			continue;
		*length = lengths[i].length;
		return p + n;
	}
	return p;
}

static int64_t fmt_arg_signed(const struct fmt_spec *spec, va_list *args)
{
	switch (spec->length) {
	case FMT_CHAR:
		return (signed char)va_arg(*args, int);
	case FMT_SHORT:
		return (short)va_arg(*args, int);
	case FMT_INT:
		return va_arg(*args, int);
	case FMT_LONG:
		return va_arg(*args, long);
	default:
		return va_arg(*args, long long);
	}
}

static uint64_t fmt_arg_unsigned(const struct fmt_spec *spec, va_list *args)
{
	switch (spec->length) {
	case FMT_CHAR:
		return (unsigned char)va_arg(*args, unsigned);
	case FMT_SHORT:
		return (unsigned short)va_arg(*args, unsigned);
	case FMT_INT:
		return va_arg(*args, unsigned);
	case FMT_LONG:
		return va_arg(*args, unsigned long);
	default:
		return va_arg(*args, unsigned long long);
	}
}

/* False: the conversion is unknown. Its argument cannot be skipped, so the caller ends there. */
static bool fmt_convert(struct fmt_buf *b, const struct fmt_spec *spec, char conversion, va_list *args)
{
	int64_t v;
	uint64_t u;
	char c;

	switch (conversion) {
	case 'd':
	case 'i':
		v = fmt_arg_signed(spec, args);
		fmt_number(b, spec, v < 0 ? -(uint64_t)v : (uint64_t)v, 10, LOWER, v < 0 ? "-" : spec->plus);
		return true;
	case 'u':
		fmt_number(b, spec, fmt_arg_unsigned(spec, args), 10, LOWER, "");
		return true;
	case 'X':
		u = fmt_arg_unsigned(spec, args);
		fmt_number(b, spec, u, 16, UPPER, spec->alt && u ? "0X" : "");
		return true;
	case 'o':
		fmt_octal(b, spec, fmt_arg_unsigned(spec, args));
		return true;
	case 'x':
		u = fmt_arg_unsigned(spec, args);
		fmt_number(b, spec, u, 16, LOWER, spec->alt && u ? "0x" : "");
		return true;
	case 'p':
		fmt_number(b, spec, (uintptr_t)va_arg(*args, void *), 16, LOWER, "0x");
		return true;
	case 'c':
		if (spec->length != FMT_INT)
			return false;
		c = (char)va_arg(*args, int);
		fmt_field(b, spec, "", 0, &c, 1);
		return true;
	case 's':
		if (spec->length != FMT_INT)
			return false;
		fmt_string(b, spec, va_arg(*args, const char *));
		return true;
	case '%':
		fmt_put(b, "%", 1);
		return true;
	default:
		return false;
	}
}

/* p is behind the '%'. Returns the text behind the conversion; NULL: it is unknown. */
static const char *fmt_directive(struct fmt_buf *b, const char *p, va_list *args)
{
	struct fmt_spec spec = { .precision = -1, .plus = "" };

	p = fmt_read_flags(p, &spec);
	if (*p == '*') {
		spec.width = va_arg(*args, int);
		p++;
		if (spec.width < 0) {
			spec.left = true;
			spec.width = spec.width == INT_MIN ? INT_MAX : -spec.width;
		}
	} else {
		spec.width = fmt_read_int(&p);
	}
	if (*p == '.') {
		p++;
		if (*p == '*') {
			spec.precision = va_arg(*args, int);
			p++;
		} else {
			spec.precision = fmt_read_int(&p);
		}
	}
	p = fmt_read_length(p, &spec.length);
	return fmt_convert(b, &spec, *p, args) ? p + 1 : NULL;
}

void fmt_vprintf(struct fmt_buf *b, const char *format, va_list args)
{
	const char *p = format, *next;
	va_list ap;

	va_copy(ap, args);
	while (*p) {
		const char *start = p;
		while (*p && *p != '%')
			p++;
		fmt_put(b, start, (size_t)(p - start));
		if (!*p)
			break;
		next = fmt_directive(b, p + 1, &ap);
		if (!next) {
			fmt_put(b, p, str_length(p));
			break;
		}
		p = next;
	}
	va_end(ap);
}

void fmt_printf(struct fmt_buf *b, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fmt_vprintf(b, format, args);
	va_end(args);
}
