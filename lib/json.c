/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/json.c - strings of JSON: the only place that escapes them, for the runtime's reports and for the
 * tools. */
#include "lib/lib.h"

#define REPLACEMENT "\\ufffd"

/* Does the character stand for itself inside a JSON string? */
static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
}

/* Writes a character that must not reach a terminal (clean.c) as \uXXXX.  Returns its bytes; 0: it is no such one. */
static size_t put_unclean(json_put_fn put, void *ctx, const char *p, size_t len)
{
	struct clean_shown shown;
	size_t n = clean_char(p, len, &shown);
	struct fmt_buf b;
	char text[8];
	uint64_t c;

	if (n < 2 || !shown.len || !number_hex(shown.text + 3, &c))
		return 0;
	fmt_init(&b, text, sizeof(text));
	fmt_printf(&b, "\\u%04x", (unsigned)c);
	put(ctx, b.data, b.len);
	return n;
}

/* The length of the character at p if it stands for itself. */
static size_t plain_length(const char *p, size_t len)
{
	struct clean_shown shown;
	size_t n = is_plain((unsigned char)*p) ? utf8_length(p) : 0;

	if (n > 1 && n <= len && clean_char(p, len, &shown) && shown.len)
		return 0;
	return n;
}

static void put_escape(json_put_fn put, void *ctx, unsigned char c)
{
	char text[8];
	struct fmt_buf b;

	fmt_init(&b, text, sizeof(text));
	fmt_printf(&b, c == '"' || c == '\\' ? "\\%c" : "\\u%04x", c);
	put(ctx, b.data, b.len);
}

void json_quote(json_put_fn put, void *ctx, const char *s, size_t max)
{
	const char *p = s, *end = s + max;

	put(ctx, "\"", 1);
	while (p < end && *p) {
		const char *start = p;
		size_t n;

		while (p < end && *p && (n = plain_length(p, (size_t)(end - p))) != 0)
			p += n;
		if (p > start)
			put(ctx, start, (size_t)(p - start));
		if (p >= end || !*p)
			break;
		n = put_unclean(put, ctx, p, (size_t)(end - p));
		if (n) {
			p += n;
			continue;
		}
		if (is_plain((unsigned char)*p))
			put(ctx, REPLACEMENT, sizeof(REPLACEMENT) - 1);
		else
			put_escape(put, ctx, (unsigned char)*p);
		p++;
	}
	put(ctx, "\"", 1);
}

static void put_fmt(void *ctx, const char *text, size_t len)
{
	fmt_printf(ctx, "%.*s", (int)len, text);
}

void fmt_json_string(struct fmt_buf *b, const char *s, size_t max)
{
	json_quote(put_fmt, b, s, max);
}
