/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/shape.c - the prefix of one line, found again in the next lines.
 *
 * Where no token of prefix.c fits, the text in front of a headline is the prefix.  The lines behind the headline have a
 * prefix of the same shape: the same words, but other times, other counters, other levels.  Other processes that write
 * through the same logger have that shape too, with other numbers.  So a number that belongs to a time or to a
 * duration may be any number.  For the others, a prefix is either the same or only similar.
 */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>

#include "decode/decode_internal.h"

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t digits(const char *p, const char *end)
{
	const char *start = p;

	while (p < end && digit(*p))
		p++;
	return (size_t)(p - start);
}

/* Is the run of digits [p, p + n) part of a time, a date or a duration?  `start` and `end` bound the prefix. */
static bool in_time(const char *start, const char *p, size_t n, const char *end)
{
	const char *behind = p + n;
	char before = p > start ? p[-1] : ' ', then = behind < end ? *behind : ' ';
	char after = behind + 1 < end ? behind[1] : ' ', far = p - 1 > start ? p[-2] : ' ';

	if (n >= 8)
		return true; /* seconds since some day, "20261121" */
	if (n <= 2 && ((then == ':' && digit(after) && behind + 2 < end && digit(behind[2])) ||
	               (before == ':' && digit(far) && p - 2 > start && digit(p[-3]))))
		return n == 2 || then == ':';
	if ((before == '.' || before == ',') && digit(far))
		return n >= 3 || then == 's';
	if ((then == '.' || then == ',') && digits(behind + 1, end) >= 3)
		return true;
	if ((then == '-' || then == '/') && digit(after) && (n == 4 || n == 2))
		return digits(behind + 1, end) == 2;
	if ((before == '-' || before == '/') && digit(far) && n == 2)
		return true;
	return then == 's' && !isalnum((unsigned char)after);
}

/* Length of a level's name at p; 0: there is none. */
static size_t level_length(const char *p, size_t len)
{
	static const char *const levels[] = {
		"TRACE", "DEBUG", "INFO",  "NOTICE", "WARNING", "WARN",    "ERROR",  "ERR",
		"FATAL", "trace", "debug", "info",   "notice",  "warning", "warn",   "error",
		"err",   "fatal", "Debug", "Info",   "Error",   "Warning", "stderr", "stdout",
	};

	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		size_t n = strlen(levels[i]);
		if (n <= len && memcmp(p, levels[i], n) == 0 && (n == len || !isalpha((unsigned char)p[n])))
			return n;
	}
	/* "E/tag", "I1121" */
	return len > 1 && strchr("VDIWEF", *p) && (p[1] == '/' || p[1] == '(' || digit(p[1])) ? 1 : 0;
}

/* grep -A writes "log-13-" in front of lines that it did not look for, where it writes "log:12:" otherwise. */
static bool of_grep(const char *colon, const char *end)
{
	return colon + 1 == end || (end[-1] == ':' && colon + 1 + digits(colon + 1, end) == end - 1);
}

bool decode_shape_learn(struct decode_shape *s, const char *p, size_t len)
{
	memset(s, 0, sizeof(*s));
	s->bytes = malloc(len + 1);
	if (!s->bytes)
		return false;
	memcpy(s->bytes, p, len);
	s->len = len;
	s->tagged = len > 5 && strchr("VDIWEF", *p) && p[1] == '(' && p[len - 2] == ')' && !memchr(p, ':', len);
	return true;
}

enum decode_likeness decode_shape_match(const struct decode_shape *s, const char *raw, size_t len, size_t *taken)
{
	const char *a = s->bytes, *end = a + s->len, *b = raw, *raw_end = raw + len;
	enum decode_likeness like = SHAPE_SAME;

	while (a < end) {
		bool word = a == s->bytes || !isalnum((unsigned char)a[-1]);
		size_t n = digits(a, end), other, rest;
		if (n) {
			other = digits(b, raw_end);
			if (!other)
				return SHAPE_OTHER;
			if ((n != other || memcmp(a, b, n) != 0) && !in_time(s->bytes, a, n, end))
				like = SHAPE_SIMILAR;
			a += n;
			b += other;
		} else if (*a == ' ' || *a == '\t') {
			for (n = 0; a + n < end && (a[n] == ' ' || a[n] == '\t'); n++)
				;
			rest = (size_t)(raw_end - b);
			if (a + n == end) { /* the blanks behind the prefix are exact, but the line may end */
				size_t same = MIN(n, rest);
				if (memcmp(a, b, same) != 0)
					return SHAPE_OTHER;
				b += same;
			} else {
				const char *blank = b;
				while (b < raw_end && (*b == ' ' || *b == '\t'))
					b++;
				if (b == blank && !digit(a[n]) && a[n] != '|')
					return SHAPE_OTHER;
			}
			a += n;
		} else if (word && (n = level_length(a, (size_t)(end - a))) != 0) {
			other = level_length(b, (size_t)(raw_end - b));
			if (!other)
				return SHAPE_OTHER;
			a += n;
			b += other;
		} else if (b < raw_end && (*a == *b || (*a == ':' && *b == '-' && of_grep(a, end)))) {
			a++;
			b++;
		} else if ((*a == '.' || *a == ',') && (n = digits(a + 1, end)) >= 3) {
			a += n + 1; /* a whole second, printed without its fraction */
		} else {
			return SHAPE_OTHER;
		}
	}
	*taken = (size_t)(b - raw);
	return like;
}
