/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/bytes.c - a log's bytes become clean text: UTF-16 becomes UTF-8; byte order marks, NULs, colours, other
 * sequences for terminals and what backspaces erase are left out. */
#include "config.h"

#include <stdlib.h>

#include "decode/decode_internal.h"

#define ESCAPE '\033'
#define ESCAPE_MAX 400 /* no sequence for a terminal is longer */

/* Length of the sequence for a terminal at p, which is an escape character. */
static size_t sequence_length(const char *p, size_t len)
{
	size_t i = 2;

	if (len < 2)
		return 1;
	switch (p[1]) {
	case '[': /* colours, movements */
		while (i < len && (p[i] < '@' || p[i] > '~'))
			i++;
		return MIN(i + 1, len);
	case '_': /* Buildkite's times */
	case ']': /* titles, links */
	case 'P':
		for (; i < len && i < ESCAPE_MAX; i++)
			if (p[i] == '\a' || (p[i] == ESCAPE && i + 1 < len && p[i + 1] == '\\'))
				return i + (p[i] == '\a' ? 1 : 2);
		return 2;
	case '(':
	case ')': /* character sets */
		return MIN(len, (size_t)3);
	default:
		return 1;
	}
}

/* Docker's stream: a byte 1 or 2, three of 0 and four of length in front of each piece */
static bool docker_header(const char *p, size_t len)
{
	return len >= 8 && (p[0] == 1 || p[0] == 2) && memcmp(p + 1, "\0\0\0", 3) == 0;
}

bool decode_bytes_odd(const char *p, size_t len)
{
	const char *end = p + len, *cr = p;

	if (memchr(p, '\0', len) || memchr(p, ESCAPE, len) || memchr(p, '\b', len) || memchr(p, '\xef', len))
		return true;
	while ((cr = memchr(cr, '\r', (size_t)(end - cr))) != NULL) {
		if (cr + 1 < end && cr[1] != '\n')
			return true;
		cr++;
	}
	return false;
}

const char *decode_bytes_clean(char **to, size_t *room, const char *p, size_t len)
{
	size_t n = 0, skip;

	if (*room < len + 1) {
		char *grown = realloc(*to, len + 1);
		if (!grown)
			return NULL;
		*to = grown;
		*room = len + 1;
	}
	for (size_t i = docker_header(p, len) ? 8 : 0; i < len; i += skip) {
		skip = 1;
		if (p[i] == ESCAPE)
			skip = sequence_length(p + i, len - i);
		else if (p[i] == '\b')
			n -= n != 0;
		else if (p[i] == '\xef' && len - i >= 3 && p[i + 1] == '\xbb' && p[i + 2] == '\xbf')
			skip = 3;
		else if (p[i] != '\0')
			(*to)[n++] = p[i];
	}
	while (n && ((*to)[n - 1] == '\r' || (*to)[n - 1] == '\n'))
		n--;
	(*to)[n] = '\0';
	return *to;
}

void decode_bytes_utf8(char *text)
{
	for (size_t i = 0, len; text[i]; i += len) {
		len = utf8_length(text + i);
		if (!len) {
			text[i] = '?';
			len = 1;
		}
	}
}

enum decode_encoding decode_bytes_encoding(const char *p, size_t len)
{
	const unsigned char *b = (const unsigned char *)p;
	bool little = true, big = true;

	if (len >= 2 && b[0] == 0xff && b[1] == 0xfe)
		return ENCODING_UTF16_LITTLE;
	if (len >= 2 && b[0] == 0xfe && b[1] == 0xff)
		return ENCODING_UTF16_BIG;
	/* without a mark every second byte is a zero; lines may begin with a NUL, too: "\0\n\0=====" */
	for (size_t i = 0; i + 1 < len && i < 8; i += 2) {
		little &= b[i] && !b[i + 1];
		big &= !b[i] && b[i + 1];
	}
	return len < 4 ? ENCODING_BYTES : little ? ENCODING_UTF16_LITTLE : big ? ENCODING_UTF16_BIG : ENCODING_BYTES;
}

size_t decode_bytes_from_utf16(char *to, const char *from, size_t len, enum decode_encoding encoding)
{
	const unsigned char *b = (const unsigned char *)from;
	char *start = to;

	for (size_t i = 0; i + 1 < len; i += 2) {
		uint32_t c = encoding == ENCODING_UTF16_BIG ? (uint32_t)b[i] << 8 | b[i + 1]
		                                            : (uint32_t)b[i + 1] << 8 | b[i];
		if (c < 0x80) {
			*to++ = (char)c;
		} else if (c < 0x800) {
			*to++ = (char)(0xc0 | c >> 6);
			*to++ = (char)(0x80 | (c & 0x3f));
		} else if (c >> 11 == 0x1b) { /* a pair of surrogates: no report needs that letter */
			*to++ = '?';
		} else {
			*to++ = (char)(0xe0 | c >> 12);
			*to++ = (char)(0x80 | (c >> 6 & 0x3f));
			*to++ = (char)(0x80 | (c & 0x3f));
		}
	}
	return (size_t)(to - start);
}
