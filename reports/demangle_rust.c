/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/demangle_rust.c - Rust's names, in both of its manglings.
 *
 *   legacy  _ZN4core3ptr13drop_in_place17h0123456789abcdefE      C++'s form, with a hash as the last part, and $LT$ …
 *   v0      _RNvMs_NtCs1234_4core3fooNtB4_3Bar3baz               RFC 2603: a path, whose parts may refer back (B…_)
 *
 * The disambiguators of crates and the hashes are left out, as people write the names. Names are hostile input: depth,
 * steps and length are limited, and what does not parse stays as it is. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "reports/reports_internal.h"

#define NAME_MAX_OUT 16384
#define DEPTH_MAX 200u
#define STEPS_MAX 20000u

/* ---- legacy ---------------------------------------------------------------------------------- */

static bool is_hash(const char *p, size_t len)
{
	return len == 17 && *p == 'h' && strspn(p + 1, "0123456789abcdef") >= 16;
}

/* "$LT$" and its like at p. Returns how long it is; 0: something else. */
static size_t put_escape(struct fmt_buf *b, const char *p, const char *end)
{
	static const char *const words[][2] = {
		{ "$SP$", "@" }, { "$BP$", "*" }, { "$RF$", "&" }, { "$LT$", "<" },
		{ "$GT$", ">" }, { "$LP$", "(" }, { "$RP$", ")" }, { "$C$", "," },
	};
	char *behind;
	unsigned long code;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if ((size_t)(end - p) >= strlen(words[i][0]) && str_starts(p, words[i][0])) {
			fmt_printf(b, "%s", words[i][1]);
			return strlen(words[i][0]);
		}
	if (end - p < 4 || p[1] != 'u')
		return 0;
	code = strtoul(p + 2, &behind, 16);
	if (behind >= end || *behind != '$' || code < 0x20 || code > 0x7e)
		return 0;
	fmt_printf(b, "%c", (int)code);
	return (size_t)(behind + 1 - p);
}

static void put_legacy_part(struct fmt_buf *b, const char *p, size_t len)
{
	const char *end = p + len;
	size_t n;

	if (len > 1 && p[0] == '_' && p[1] == '$')
		p++;
	for (; p < end; p += n) {
		n = *p == '$' ? put_escape(b, p, end) : 0;
		if (n)
			continue;
		n = *p == '.' && p + 1 < end && p[1] == '.' ? 2 : 1;
		fmt_printf(b, n == 2 ? "::" : "%c", *p);
	}
}

/* The parts are read twice: first for whether the last one is a hash. */
static bool legacy(const char *name, struct fmt_buf *b)
{
	const char *p, *last = NULL;
	char *behind;
	size_t len = 0, nr = 0;

	for (p = name + 3; *p >= '1' && *p <= '9'; p = behind + len, nr++) {
		len = strtoul(p, &behind, 10);
		if (len > strlen(behind))
			return false;
		last = behind;
	}
	if (*p != 'E' || nr < 2 || !is_hash(last, len))
		return false;
	for (p = name + 3; nr > 1; p = behind + len, nr--) {
		len = strtoul(p, &behind, 10);
		if (p != name + 3)
			fmt_printf(b, "::");
		put_legacy_part(b, behind, len);
	}
	return !b->truncated;
}

/* ---- v0 -------------------------------------------------------------------------------------- */

struct v0 {
	const char *start, *p; /* start: behind "_R", where references count from */
	struct fmt_buf *out;
	unsigned depth, steps, silent; /* silent: what is read is not printed */
	bool bad;
};

static void v0_path(struct v0 *v, bool in_value);
static void v0_type(struct v0 *v);

static void put(struct v0 *v, const char *text, size_t len)
{
	if (!v->silent && !v->bad)
		fmt_printf(v->out, "%.*s", (int)len, text);
	v->bad |= v->out->truncated;
}

static void say(struct v0 *v, const char *text)
{
	put(v, text, strlen(text));
}

static bool take(struct v0 *v, char c)
{
	if (v->bad || *v->p != c)
		return false;
	v->p++;
	return true;
}

static bool deeper(struct v0 *v)
{
	v->bad |= ++v->depth > DEPTH_MAX || ++v->steps > STEPS_MAX;
	return !v->bad;
}

/* base 62, ended by '_'; "_" is 0, "0_" is 1. */
static uint64_t v0_number(struct v0 *v)
{
	uint64_t n = 0;

	if (take(v, '_'))
		return 0;
	for (; !take(v, '_') && !v->bad; v->p++) {
		char c = *v->p;
		unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
		                 : c >= 'a' && c <= 'z' ? (unsigned)(c - 'a') + 10
		                 : c >= 'A' && c <= 'Z' ? (unsigned)(c - 'A') + 36
		                                        : 62;

		if (digit == 62 || n > UINT64_MAX / 62 - 1)
			v->bad = true;
		n = n * 62 + digit;
	}
	return n + 1;
}

static uint64_t v0_disambiguator(struct v0 *v)
{
	return take(v, 's') ? v0_number(v) + 1 : 0;
}

static void v0_bytes(struct v0 *v, const char **name, size_t *len)
{
	bool puny = take(v, 'u');
	char *behind;

	*name = "";
	*len = 0;
	if (v->bad || *v->p < '0' || *v->p > '9') {
		v->bad = true;
		return;
	}
	*len = *v->p == '0' ? (v->p++, 0) : (strtoul(v->p, &behind, 10));
	if (*len)
		v->p = behind;
	take(v, '_');
	if (*len > strlen(v->p)) {
		v->bad = true;
		*len = 0;
		return;
	}
	*name = v->p;
	v->p += *len;
	if (puny)
		say(v, "punycode:");
}

/* What an earlier place of the name says is read again there. */
static void v0_again(struct v0 *v, void (*fn)(struct v0 *v, bool in_value), bool in_value)
{
	const char *here;
	const char *from = v->p - 1;
	uint64_t at = v0_number(v);

	if (v->bad || at >= (uint64_t)(from - v->start)) {
		v->bad = true;
		return;
	}
	here = v->p;
	v->p = v->start + at;
	fn(v, in_value);
	v->p = here;
}

static void type_again(struct v0 *v, bool in_value)
{
	(void)in_value;
	v0_type(v);
}

static void v0_const(struct v0 *v, bool in_value)
{
	char type = *v->p, digits[24];
	uint64_t value = 0;
	struct fmt_buf b;
	bool negative;

	(void)in_value;
	if (take(v, 'B')) {
		v0_again(v, v0_const, false);
		return;
	}
	if (take(v, 'p')) {
		say(v, "_");
		return;
	}
	v->bad |= !type || !strchr("ahbcijlmnosxyt", type);
	if (v->bad)
		return;
	v->p++;
	negative = take(v, 'n');
	for (; !take(v, '_') && !v->bad; v->p++) {
		int digit = number_digit(*v->p);
		v->bad |= digit < 0 || value >> 60;
		value = value << 4 | (unsigned)digit;
	}
	fmt_init(&b, digits, sizeof(digits));
	if (type == 'b')
		fmt_printf(&b, value ? "true" : "false");
	else if (type == 'c' && value >= 0x20 && value < 0x7f)
		fmt_printf(&b, "'%c'", (int)value);
	else
		fmt_printf(&b, "%s%llu", negative ? "-" : "", (unsigned long long)value);
	say(v, digits);
}

static void v0_arguments(struct v0 *v)
{
	bool first = true;

	for (; !take(v, 'E') && !v->bad; first = false) {
		if (!first)
			say(v, ", ");
		if (take(v, 'L')) {
			v0_number(v);
			say(v, "'_");
		} else if (take(v, 'K')) {
			v0_const(v, false);
		} else {
			v0_type(v);
		}
	}
}

static void v0_types(struct v0 *v)
{
	bool first = true;

	for (; !take(v, 'E') && !v->bad; first = false) {
		if (!first)
			say(v, ", ");
		v0_type(v);
	}
}

/* Behind 'N': a namespace, the path around the name, and the name. */
static void v0_nested(struct v0 *v, bool in_value)
{
	char space = *v->p, number[40];
	uint64_t which;
	const char *name;
	size_t len;
	struct fmt_buf b;

	v->bad |= !space;
	if (v->bad)
		return;
	v->p++;
	v0_path(v, in_value);
	which = v0_disambiguator(v);
	if (space >= 'A' && space <= 'Z') {
		say(v, space == 'C' ? "::{closure" : space == 'S' ? "::{shim" : "::{");
		v0_bytes(v, &name, &len);
		if (len)
			say(v, ":");
		put(v, name, len);
		fmt_init(&b, number, sizeof(number));
		fmt_printf(&b, "#%llu}", (unsigned long long)which);
		say(v, number);
		return;
	}
	v0_bytes(v, &name, &len);
	if (len)
		say(v, "::");
	put(v, name, len);
}

/* Where an impl block stands is not printed. */
static void v0_impl_path(struct v0 *v)
{
	v0_disambiguator(v);
	v->silent++;
	v0_path(v, false);
	v->silent--;
}

static void v0_path(struct v0 *v, bool in_value)
{
	const char *name;
	size_t len;

	if (!deeper(v))
		return;
	if (take(v, 'C')) {
		v0_disambiguator(v);
		v0_bytes(v, &name, &len);
		put(v, name, len);
	} else if (take(v, 'N')) {
		v0_nested(v, in_value);
	} else if (*v->p == 'M' || *v->p == 'X' || *v->p == 'Y') {
		char form = *v->p++;

		if (form != 'Y')
			v0_impl_path(v);
		say(v, "<");
		v0_type(v);
		if (form != 'M') {
			say(v, " as ");
			v0_path(v, false);
		}
		say(v, ">");
	} else if (take(v, 'I')) {
		v0_path(v, in_value);
		say(v, in_value ? "::<" : "<");
		v0_arguments(v);
		say(v, ">");
	} else if (take(v, 'B')) {
		v0_again(v, v0_path, in_value);
	} else {
		v->bad = true;
	}
	v->depth--;
}

static void v0_function_type(struct v0 *v)
{
	const char *abi;
	size_t len;

	if (take(v, 'G'))
		v0_number(v);
	if (take(v, 'U'))
		say(v, "unsafe ");
	if (take(v, 'K')) {
		say(v, "extern \"");
		if (take(v, 'C')) {
			say(v, "C");
		} else {
			v0_bytes(v, &abi, &len);
			put(v, abi, len);
		}
		say(v, "\" ");
	}
	say(v, "fn(");
	v0_types(v);
	say(v, ")");
	if (take(v, 'u'))
		return;
	say(v, " -> ");
	v0_type(v);
}

static void v0_dyn(struct v0 *v)
{
	bool first = true;
	const char *name;
	size_t len;

	say(v, "dyn ");
	if (take(v, 'G'))
		v0_number(v);
	for (; !take(v, 'E') && !v->bad; first = false) {
		if (!first)
			say(v, " + ");
		v0_path(v, false);
		while (take(v, 'p')) {
			say(v, "<");
			v0_bytes(v, &name, &len);
			put(v, name, len);
			say(v, " = ");
			v0_type(v);
			say(v, ">");
		}
	}
	if (take(v, 'L'))
		v0_number(v);
	else
		v->bad = true;
}

static const char *basic_type(char c)
{
	static const char *const names['z' - 'a' + 1] = {
		"i8",   "bool", "char", "f64", "str", "f32", NULL,  "u8", "isize", "usize", NULL,  "i32", "u32",
		"i128", "u128", "_",    NULL,  NULL,  "i16", "u16", "()", "...",   NULL,    "i64", "u64", "!",
	};

	return c >= 'a' && c <= 'z' ? names[c - 'a'] : NULL;
}

static void v0_type(struct v0 *v)
{
	const char *basic = v->bad ? NULL : basic_type(*v->p);

	if (!deeper(v))
		return;
	if (basic) {
		v->p++;
		say(v, basic);
	} else if (*v->p == 'A' || *v->p == 'S') {
		bool array = *v->p++ == 'A';

		say(v, "[");
		v0_type(v);
		if (array) {
			say(v, "; ");
			v0_const(v, false);
		}
		say(v, "]");
	} else if (take(v, 'T')) {
		say(v, "(");
		v0_types(v);
		say(v, ")");
	} else if (*v->p == 'R' || *v->p == 'Q') {
		bool mutable = *v->p++ == 'Q';

		if (take(v, 'L'))
			v0_number(v);
		say(v, mutable ? "&mut " : "&");
		v0_type(v);
	} else if (*v->p == 'P' || *v->p == 'O') {
		say(v, *v->p++ == 'P' ? "*const " : "*mut ");
		v0_type(v);
	} else if (take(v, 'F')) {
		v0_function_type(v);
	} else if (take(v, 'D')) {
		v0_dyn(v);
	} else if (take(v, 'B')) {
		v0_again(v, type_again, false);
	} else {
		v0_path(v, false);
	}
	v->depth--;
}

/* ---- a name ---------------------------------------------------------------------------------- */

const char *demangle_rust(struct alloc_region *region, const char *name)
{
	char text[NAME_MAX_OUT];
	struct fmt_buf b;
	struct v0 v = { .start = name + 2, .p = name + 2, .out = &b };

	fmt_init(&b, text, sizeof(text));
	if (str_starts(name, "_ZN"))
		return legacy(name, &b) ? region_string(region, text) : NULL;
	if (!str_starts(name, "_R"))
		return NULL;
	v0_path(&v, true);
	/* The crate that made an instance of a generic function, and what compilers append. */
	if (!v.bad && *v.p && *v.p != '.' && *v.p != '$') {
		v.silent = 1;
		v0_path(&v, false);
	}
	return v.bad || (*v.p && *v.p != '.' && *v.p != '$') ? NULL : region_string(region, text);
}
