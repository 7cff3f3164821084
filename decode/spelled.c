/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/spelled.c - lines whose letters are spelled by their numbers.
 *
 *     "\u0042\u0055\u0047"    JSON, as some libraries write all letters, or all but English ones
 *     "\x42\x55\x47"          Python, strace -xx
 *     "\102\125\107"          C
 *     &#66;&#85;&#71;         XML, HTML; "&nbsp;" too
 *     BUG%3A%20KASAN          addresses in the web, and forms
 *
 * No mark is seen in such a line.  So it is written again, as if only those letters had been escaped that need it: then
 * all other readers of lines know what to do.
 */
#include "config.h"

#include "decode/decode_internal.h"

struct letter {
	uint32_t value;
	size_t len; /* of its spelling; 0: there is none */
};

static struct letter of_digits(const char *p, const char *end, size_t head, uint32_t base, size_t count)
{
	struct letter l = { 0, 0 };

	if ((size_t)(end - p) < head + count)
		return l;
	for (size_t i = 0; i < count; i++) {
		int digit = number_digit(p[head + i]);
		if (digit < 0 || (uint32_t)digit >= base)
			return l;
		l.value = l.value * base + (uint32_t)digit;
	}
	l.len = head + count;
	return l;
}

/* "&#66;", "&#x42;" */
static struct letter of_entity(const char *p, const char *end)
{
	bool hex = end - p > 3 && (p[2] == 'x' || p[2] == 'X');
	size_t head = hex ? 3 : 2, count = 0;
	struct letter l;

	if (end - p >= 6 && memcmp(p, "&nbsp;", 6) == 0)
		return (struct letter){ ' ', 6 };
	if (end - p < 5 || p[1] != '#')
		return (struct letter){ 0, 0 };
	while (count < 6 && p + head + count < end && p[head + count] != ';')
		count++;
	l = of_digits(p, end, head, hex ? 16 : 10, count);
	if (!count || !l.len || p + l.len >= end || p[l.len] != ';')
		return (struct letter){ 0, 0 };
	l.value = l.value == 160 ? ' ' : l.value;
	l.len++;
	return l;
}

static struct letter spelled_at(const char *p, const char *end)
{
	if (*p == '&')
		return of_entity(p, end);
	if (*p == '%')
		return of_digits(p, end, 1, 16, 2);
	if (end - p < 4)
		return (struct letter){ 0, 0 };
	if (p[1] == 'u')
		return of_digits(p, end, 2, 16, 4);
	return p[1] == 'x' ? of_digits(p, end, 2, 16, 2) : of_digits(p, end, 1, 8, 3);
}

bool decode_spelled(const char *p, const char *end)
{
	struct letter l = spelled_at(p, end);

	/* systemd spells the hyphens and blanks of its units' names */
	if (!l.len || l.value < ' ' || l.value > '~' || (p[1] == 'x' && (l.value == '-' || l.value == ' ')))
		return false;
	return (l.value == ' ' && *p == '&') || !strchr("\"'\\<>& ", (int)l.value);
}

/* The letter, with an escape if it needs one; 0: it stays spelled. */
static size_t put_letter(char *to, char lead, uint32_t value)
{
	static const char need[] = "\n\r\t\"'\\", names[] = "nrt\"'\\";
	static const char entities[][8] = { "\n&#10;", "\t&#9;", "<&lt;", ">&gt;", "&&amp;", "\"&#34;", "'&#39;" };
	const char *escaped = value ? strchr(need, (int)(value & 0x7f)) : NULL;

	if (value > '~' || (value < ' ' && !escaped))
		return 0;
	if (lead == '\\' && escaped) {
		to[0] = '\\';
		to[1] = names[escaped - need];
		return 2;
	}
	for (size_t i = 0; lead == '&' && i < ARRAY_SIZE(entities); i++)
		if (value == (uint32_t)entities[i][0]) {
			memcpy(to, entities[i] + 1, strlen(entities[i] + 1));
			return strlen(entities[i] + 1);
		}
	if (value < ' ' || (lead == '%' && value == '%') || (lead == '&' && value == '\r'))
		return 0;
	*to = (char)value;
	return 1;
}

size_t decode_spell_out(char *to, const char *line, size_t len)
{
	const char *p = line, *end = line + len;
	char *start = to;
	bool plus = memmem(line, len, "%3A+", 4) && !memmem(line, len, "%20", 3);

	while (p < end) {
		struct letter l = { 0, 1 };
		size_t n = 0;
		if (*p == '\\' && end - p > 1 && p[1] == '\\')
			l.len = 2;
		else if (*p == '\\' || *p == '&' || *p == '%')
			l = spelled_at(p, end);
		else if (*p == '+' && plus)
			l.value = ' ';
		l.len += !l.len;
		n = l.value ? put_letter(to, *p == '+' ? ' ' : *p, l.value) : 0;
		if (!n) {
			memmove(to, p, l.len);
			n = l.len;
		}
		to += n;
		p += l.len;
	}
	return (size_t)(to - start);
}

size_t decode_named_letter(const char *p, const char *end, char *letter)
{
	static const char names[][8] = { "<&lt;", ">&gt;", "&&amp;", "\"&quot;", "'&apos;" };

	for (size_t i = 0; *p == '&' && i < ARRAY_SIZE(names); i++) {
		size_t len = strlen(names[i] + 1);
		if ((size_t)(end - p) >= len && memcmp(p, names[i] + 1, len) == 0) {
			*letter = names[i][0];
			return len;
		}
	}
	return 0;
}

void decode_spell_entities(char *text)
{
	const char *end = text + strlen(text);
	char *to = text;

	for (const char *p = text; p < end;) {
		struct letter l = *p == '&' ? of_entity(p, end) : (struct letter){ 0, 0 };
		char letter = *p;
		size_t n = decode_named_letter(p, end, &letter);
		if (l.len && l.value <= '~' && l.value >= ' ') {
			letter = (char)l.value;
			n = l.len;
		}
		*to++ = letter;
		p += n ? n : 1;
	}
	*to = '\0';
}
