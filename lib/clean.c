/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/clean.c - UTF-8, and text that a terminal may show.  Names come from programs, files and logs.  They must not
 * steer a terminal, turn the direction of a line, or look like another line.  This is the only place that decides what
 * is shown, for the runtime and for the tools:
 *
 *   bytes below 0x20, 0x7f, bytes that are no UTF-8           \x1b
 *   U+0080 to U+009F, which begin escape sequences too        \u{9b}
 *   U+2028 and U+2029, which end lines                        \u{2028}
 *   marks, embeddings, overrides and isolates of direction    \u{202e}
 *   everything else                                           as it is
 */
#include "lib/lib.h"

/* How many bytes follow c in its sequence; -1: no sequence begins with c. */
static int utf8_more(unsigned char c)
{
	if (c < 0x80)
		return 0;
	if (c < 0xc2 || c > 0xf4)
		return -1;
	return c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
}

size_t utf8_length(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	int more = utf8_more(p[0]);

	/* A NUL is no follow-on byte, so nothing behind it is read. */
	for (int i = 1; i <= more; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
	    (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return (size_t)(more + 1);
}

static uint32_t code_point(const unsigned char *p, size_t n)
{
	if (n == 2)
		return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
	if (n == 3)
		return (p[0] & 0xfu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
	return p[0];
}

static bool steers(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

size_t clean_char(const char *s, size_t len, struct clean_shown *shown)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t n = len ? utf8_length(s) : 0;
	uint32_t c = n && n <= len ? code_point(p, n) : p[0];
	struct fmt_buf b;

	fmt_init(&b, shown->text, sizeof(shown->text));
	if (!n || n > len) {
		fmt_printf(&b, "\\x%02x", p[0]);
		n = 1;
	} else if (n < 4 && steers(c)) {
		fmt_printf(&b, n == 1 ? "\\x%02x" : "\\u{%x}", c);
	}
	shown->len = b.len;
	return n;
}

void fmt_clean(struct fmt_buf *b, size_t start)
{
	struct clean_shown shown;
	size_t n, grow;

	for (size_t i = start; i < b->len; i += MAX(n, shown.len)) {
		n = clean_char(b->data + i, b->len - i, &shown);
		if (!shown.len)
			continue;
		/* An escape is longer than what it stands for.  Without room, the line ends here. */
		grow = shown.len - n;
		if (b->len + grow >= b->size) {
			b->len = i;
			b->data[i] = '\0';
			b->truncated = true;
			return;
		}
		mem_move(b->data + i + shown.len, b->data + i + n, b->len - i - n + 1);
		mem_copy(b->data + i, shown.text, shown.len);
		b->len += grow;
	}
}
