/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/base64.c - text in base64: mails' parts, strings in JSON, lines of some loggers.
 *
 *     PT0xMj09RVJST1I6IEFkZHJlc3NTYW5pdGl6ZXI6IGhlYXAtdXNl…
 *
 * mark.c finds words of headlines there, in each of the three ways in which three bytes may begin.
 */
#include "config.h"

#include "decode/decode_internal.h"

/* The letter's six bits, or -1. */
static int bits_of(char c)
{
	return c >= 'A' && c <= 'Z'   ? c - 'A'
	       : c >= 'a' && c <= 'z' ? c - 'a' + 26
	       : c >= '0' && c <= '9' ? c - '0' + 52
	       : c == '+' || c == '-' ? 62
	       : c == '/' || c == '_' ? 63
	                              : -1;
}

/* JSON may write a slash as "\/". */
static bool inside(const char *p, const char *end)
{
	return bits_of(*p) >= 0 || (*p == '\\' && p + 1 < end && p[1] == '/');
}

size_t decode_base64_run(const char *line, size_t len, size_t at, size_t *start)
{
	const char *p = line + at, *end = line + len;

	while (p > line && inside(p - 1, end))
		p--;
	*start = (size_t)(p - line);
	while (p < end && inside(p, end))
		p++;
	while (p < end && *p == '=')
		p++;
	return (size_t)(p - line) - *start;
}

size_t decode_base64(char *to, const char *p, size_t len)
{
	char *start = to;
	unsigned sum = 0, count = 0;

	for (size_t i = 0; i < len; i++) {
		int bits = bits_of(p[i]);
		if (bits < 0)
			continue;
		sum = (sum << 6 | (unsigned)bits) & 0xffff;
		count += 6;
		if (count >= 8) {
			count -= 8;
			*to++ = (char)(sum >> count);
		}
	}
	return (size_t)(to - start);
}
