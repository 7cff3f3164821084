/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/number.c - numbers out of text: no locale, no sign, no blanks. A number of more than 64 bits is refused. */
#include "lib/lib.h"

const char *number_hex(const char *p, uint64_t *value)
{
	const char *start = p;
	uint64_t v = 0;
	int digit;

	for (; (digit = number_digit(*p)) >= 0; p++) {
		if (v >> 60)
			return NULL;
		v = v << 4 | (uint64_t)digit;
	}
	*value = v;
	return p == start ? NULL : p;
}

const char *number_decimal(const char *p, uint64_t *value)
{
	const char *start = p;
	uint64_t v = 0;

	for (; *p >= '0' && *p <= '9'; p++) {
		unsigned digit = (unsigned)(*p - '0');

		if (v > (UINT64_MAX - digit) / 10)
			return NULL;
		v = v * 10 + digit;
	}
	*value = v;
	return p == start ? NULL : p;
}

size_t number_hex_bytes(const char *p, uint8_t *bytes, size_t max)
{
	size_t n = 0;

	for (; n < max && number_digit(p[0]) >= 0 && number_digit(p[1]) >= 0; p += 2)
		bytes[n++] = (uint8_t)(number_digit(p[0]) << 4 | number_digit(p[1]));
	return n;
}

bool number_parse(const char *s, size_t len, uint64_t *value)
{
	unsigned base = 10;
	uint64_t v = 0;

	if (len > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
		len -= 2;
	}
	if (!len)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned digit = (unsigned)number_digit(s[i]); /* -1 is larger than any base */

		if (digit >= base || v > (UINT64_MAX - digit) / base)
			return false;
		v = v * base + digit;
	}
	*value = v;
	return true;
}
