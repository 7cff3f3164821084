/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/joiner.c - lines that were cut into pieces: by mail in quoted-printable, by a terminal whose text was copied.
 *
 *     =3D=3D12=3D=3DERROR: AddressSanitizer: heap-use-after-free on address 0x6=      each piece ends with "="
 *     02000000010 at pc 0x55d0
 *
 *     ==12==ERROR: AddressSanitizer: heap-use-after-free on address 0x602000000010 at p
 *     c 0x55d0                                                 all pieces but the last are as wide as the terminal
 *
 * Mail is recognized by its header, by a headline with "=3D", and by a cut line of the usual length.  A terminal is
 * recognized by the log's beginning, in which no line may be wider than the terminal.
 */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>

#include "decode/decode_internal.h"

#define MAIL_MOST 76 /* the bytes of a line in quoted-printable */
#define MAIL_USUAL 70
#define LOOK_MOST (256u << 10)
#define NARROWEST 40
#define WIDEST 320
#define USUAL_WIDTH 80

static const char header[] = "Content-Transfer-Encoding:", mail[] = "quoted-printable";

/* ---- terminals --------------------------------------------------------------------------------- */

/* Letters, not bytes. */
static size_t columns(const char *p, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += (p[i] & 0xc0) != 0x80;
	return n;
}

/* Are two texts alike, but for their numbers? */
static bool alike(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++, a++, b++)
		if (*a != *b && !(isxdigit((unsigned char)*a) && isxdigit((unsigned char)*b)))
			return false;
	return true;
}

/* "_PID=12", "PRIORITY=3": journalctl -o export */
static bool is_field(const char *p, const char *end)
{
	while (p < end && ((*p >= 'A' && *p <= 'Z') || *p == '_'))
		p++;
	return p < end && *p == '=';
}

/* Does another line of a report begin here? */
static bool is_own_line(const char *p, const char *end)
{
	static const char *const words[] = { "READ of ", "WRITE of ", "Read of ", "Write of " };
	const char *newline = memchr(p, '\n', (size_t)(end - p));

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if ((size_t)(end - p) > strlen(words[i]) && memcmp(p, words[i], strlen(words[i])) == 0)
			return true;
	return decode_mark_words(p, newline ? newline : end) != NULL;
}

/* May `next` be the rest of `line`?  A log's next line often begins as the last one did; `inside`: the line is itself
 * the rest of another. */
static bool may_continue(const char *line, bool inside, const char *next, const char *end)
{
	return end - next >= 4 && !strchr("\n\r\t#={}\"", *next) && !(*next == ' ' && next[1] == ' ') &&
	       !is_field(next, end) && !is_own_line(next, end) && (inside || !alike(line, next, 4));
}

#define BEGINNINGS 16

/* How the last lines began that were not the rest of another. */
struct beginnings {
	const char *at[BEGINNINGS];
	size_t nr;
};

static void remember(struct beginnings *b, const char *p, const char *newline)
{
	if (newline - p >= 4)
		b->at[b->nr++ % BEGINNINGS] = p;
}

static bool begins_line(const struct beginnings *b, const char *next)
{
	for (size_t i = 0; i < MIN(b->nr, (size_t)BEGINNINGS); i++)
		if (alike(b->at[i], next, 4))
			return true;
	return false;
}

size_t decode_joiner_width(const char *bytes, size_t len)
{
	struct beginnings begun = { .nr = 0 };
	const char *end = bytes + MIN(len, (size_t)LOOK_MOST), *newline, *last = bytes;
	size_t most = 0, cut = 0, full = 0, nearly = 0, last_len = 0;
	bool inside = false;

	for (const char *p = bytes; p < end && (newline = memchr(p, '\n', (size_t)(end - p))); p = newline + 1) {
		size_t n = (size_t)(newline - p);
		if (n > WIDEST * 2)
			return 0;
		n = n < NARROWEST || n + 8 <= most || newline[-1] == '=' || !memchr(p, ' ', n) ? 0 : columns(p, n);
		if (n > most) {
			nearly = most + 8 > n ? full + nearly : 0;
			most = n;
			full = cut = 0;
		}
		if (!inside)
			remember(&begun, p, newline);
		if (n < most || !n) {
			nearly += n + 8 > most && n;
			inside = false;
			continue;
		}
		inside = may_continue(p, inside, newline + 1, end) && !begins_line(&begun, newline + 1);
		if (!full || (size_t)(newline - p) != last_len || !alike(last, p, last_len)) {
			full++;
			cut += inside;
		}
		last = p;
		last_len = (size_t)(newline - p);
	}
	if (most < NARROWEST || most > WIDEST || full < (most == USUAL_WIDTH ? 2 : 3))
		return 0;
	return cut * 10 >= full * 7 && full * 2 >= nearly ? most : 0;
}

/* ---- mail -------------------------------------------------------------------------------------- */

static int digit_of(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "=3D" */
static bool escaped(const char *p, const char *end, char *letter)
{
	int high = end - p > 2 && *p == '=' ? digit_of(p[1]) : -1, low = high >= 0 ? digit_of(p[2]) : -1;

	if (low < 0 || (high < 2 && high * 16 + low != '\t'))
		return false;
	*letter = (char)(high * 16 + low);
	return true;
}

static bool has_escape(const char *p, size_t len)
{
	const char *end = p + len;
	char letter;

	for (; p < end && (p = memchr(p, '=', (size_t)(end - p))); p++)
		if (escaped(p, end, &letter))
			return true;
	return false;
}

/* Does the line go on behind its "="? */
static bool ends_soft(const struct decode_joiner *j, const char *p, size_t len)
{
	size_t start;

	if (len < 2 || len > MAIL_MOST || p[len - 1] != '=' || p[len - 2] == '=')
		return false;
	return j->mail || (len >= MAIL_USUAL && decode_base64_run(p, len, 0, &start) != len &&
	                   !(len > 9 && memcmp(p + len - 9, "operator=", 9) == 0));
}

static void see_header(struct decode_joiner *j, const char *p, size_t len)
{
	if (len > sizeof(header) && strncasecmp(p, header, sizeof(header) - 1) == 0)
		j->mail = len >= sizeof(mail) - 1 &&
		          strncasecmp(p + len - (sizeof(mail) - 1), mail, sizeof(mail) - 1) == 0;
	else if (j->mail && len > 5 && memcmp(p, "From ", 5) == 0)
		j->mail = false;
}

/* Appends text without its escapes.  No mail has "==": it is plain text then. */
static size_t write_plain(char *to, const char *p, size_t len)
{
	const char *end = p + len;
	char *start = to;

	while (p < end) {
		char letter;
		if (*p == '=' && escaped(p, end, &letter) && !(to > start && to[-1] == '=' && p[-1] == '=')) {
			*to++ = letter;
			p += 3;
		} else {
			*to++ = *p++;
		}
	}
	return (size_t)(to - start);
}

/* ---- both -------------------------------------------------------------------------------------- */

static bool add(struct decode_joiner *j, const char *p, size_t len)
{
	if (j->len + len + 1 > j->room) {
		size_t room = (j->len + len + 1) * 2;
		char *grown = realloc(j->text, room);
		if (!grown)
			return false;
		j->text = grown;
		j->room = room;
	}
	j->len += j->mail ? write_plain(j->text + j->len, p, len) : (memcpy(j->text + j->len, p, len), len);
	j->text[j->len] = '\0';
	return true;
}

enum decode_joined decode_joiner_add(struct decode_joiner *j, const char *p, size_t len, bool marked)
{
	bool held = j->held, goes_on = false;

	while (len && p[len - 1] == '\r')
		len--;
	see_header(j, p, len);
	if (!j->mail)
		j->mail = marked ? memmem(p, len, "=3D", 3) != NULL : len > 6 && memcmp(p, "=3D=3D", 6) == 0;
	if (ends_soft(j, p, len)) {
		j->mail = goes_on = true;
		len--;
	} else if (j->width && !j->mail) {
		size_t wide = columns(p, len);
		if (wide > j->width)
			j->width = 0;
		goes_on = wide == j->width;
	}
	j->asks = j->mail || j->width;
	if (!held && !goes_on && !(j->mail && has_escape(p, len)))
		return JOINED_NOT;
	if (!held)
		j->len = 0;
	j->held = add(j, p, len) && goes_on && j->len < DECODE_LINE_MAX;
	j->asks |= j->held;
	return j->held ? JOINED_HELD : JOINED_WHOLE;
}
