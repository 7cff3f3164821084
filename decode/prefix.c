/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/prefix.c - what loggers put in front of a line, token by token: printk's time, caller and level, syslog, journald, kmsg, Valgrind.
 *
 *     <4>[   12.345678][ T123] text              printk; dmesg -r
 *     [Sat Nov 21 03:02:16 2026] text            dmesg -T
 *     kern  :warn  : [   12.345678] text         dmesg -x
 *     6,339,5140900,-,caller=T1;text             /dev/kmsg, netconsole
 *     Nov 21 03:02:16 host kernel: text          syslog, journalctl; also with an ISO date, also without the time
 *     Nov 21 03:02:16 host prog[123]: text
 *     web-1  | text                              docker compose
 *     ==123== text                               Valgrind
 *
 * Tokens follow each other in any order; one space behind the last one is theirs.  What is no such token begins the text.
 */
#include "config.h"

#include "decode/decode_internal.h"

#define TOKENS_MAX 8

struct cursor { const char *p, *end; };

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool number(struct cursor *c, uint64_t *value)
{
	const char *start = c->p;

	for (*value = 0; c->p < c->end && digit(*c->p) && c->p - start < 18; c->p++)
		*value = *value * 10 + (uint64_t)(*c->p - '0');
	return c->p > start;
}

static bool letter(struct cursor *c, char wanted)
{
	if (c->p >= c->end || *c->p != wanted)
		return false;
	c->p++;
	return true;
}

static void spaces(struct cursor *c)
{
	while (c->p < c->end && *c->p == ' ')
		c->p++;
}

/* A word up to a blank, of at most `max` bytes. */
static bool word(struct cursor *c, size_t max)
{
	const char *start = c->p;

	while (c->p < c->end && *c->p > ' ' && (size_t)(c->p - start) < max)
		c->p++;
	return c->p > start && c->p < c->end && *c->p == ' ';
}

/* "<4>", "<12>" */
static bool take_level(struct cursor *c)
{
	uint64_t n;

	return letter(c, '<') && number(c, &n) && letter(c, '>');
}

/* "[   12.345678]", "[ T123]", "[C0]", "[Sat Nov 21 03:02:16 2026]" */
static bool take_bracket(struct cursor *c, const char *line, struct log_prefix *out)
{
	const char *start = c->p + 1;
	uint64_t n, fraction;

	if (!letter(c, '['))
		return false;
	spaces(c);
	if (c->p < c->end && (*c->p == 'T' || *c->p == 'C')) {
		char who = *c->p++;
		if (number(c, &n) && letter(c, ']')) {
			out->caller = (uint64_t)who << 48 | n;
			return true;
		}
		c->p = start;
	}
	if (c->p < c->end && digit(*c->p)) {
		const char *point;
		if (!number(c, &n) || !letter(c, '.'))
			return false;
		point = c->p;
		if (!number(c, &fraction) || !letter(c, ']'))
			return false;
		for (ptrdiff_t digits = c->p - 1 - point; digits < 6; digits++)
			fraction *= 10;
		out->stamp_us = n * 1000000 + fraction;
		out->have_stamp = true;
		out->stamp_at = (size_t)(start - line);
		out->stamp_len = (size_t)(c->p - 1 - start);
		return true;
	}
	if (c->end - c->p >= 25 && c->p[3] == ' ' && c->p[13] == ':' && c->p[16] == ':' && c->p[24] == ']') {
		out->stamp_at = (size_t)(c->p - line);
		out->stamp_len = 24;
		c->p += 25;
		return true;
	}
	return false;
}

/* "host kernel:" or "host prog[123]:" */
static bool take_host(struct cursor *c, struct log_prefix *out)
{
	const char *tag;
	uint64_t pid;

	if (!word(c, 255) || !letter(c, ' '))
		return false;
	tag = c->p;
	while (c->p < c->end && *c->p > ' ' && *c->p != '[' && *c->p != ':')
		c->p++;
	if (c->p == tag)
		return false;
	if (letter(c, '[')) {
		if (!number(c, &pid) || !letter(c, ']'))
			return false;
		out->caller = (uint64_t)'P' << 48 | pid;
	}
	return letter(c, ':');
}

static bool clock_time(struct cursor *c)
{
	if (c->end - c->p < 8 || c->p[2] != ':' || c->p[5] != ':' || !digit(c->p[0]))
		return false;
	c->p += 8;
	while (c->p < c->end && *c->p > ' ')
		c->p++;
	return true;
}

/* "Nov 21 03:02:16 host tag:" */
static bool take_syslog(struct cursor *c, const char *line, struct log_prefix *out)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const char *start = c->p;
	bool month = false;
	uint64_t day;

	if (c->end - c->p < 8 || c->p[3] != ' ')
		return false;
	for (size_t i = 0; i < 36; i += 3)
		month |= memcmp(months + i, c->p, 3) == 0;
	if (!month)
		return false;
	c->p += 4;
	spaces(c);
	if (!number(c, &day) || !letter(c, ' '))
		return false;
	if (clock_time(c) && !letter(c, ' '))
		return false;
	out->stamp_at = (size_t)(start - line);
	out->stamp_len = (size_t)(c->p - 1 - start);
	return take_host(c, out);
}

/* "2026-11-21T03:02:16.123456+00:00 host tag:", also with a blank between date and time. */
static bool take_iso(struct cursor *c, const char *line, struct log_prefix *out)
{
	const char *start = c->p;

	if (c->end - c->p < 20 || c->p[4] != '-' || c->p[7] != '-' || (c->p[10] != 'T' && c->p[10] != ' '))
		return false;
	c->p += 11;
	if (!clock_time(c) || !letter(c, ' '))
		return false;
	out->stamp_at = (size_t)(start - line);
	out->stamp_len = (size_t)(c->p - 1 - start);
	return take_host(c, out);
}

/* "6,339,5140900,-,caller=T1;" */
static bool take_kmsg(struct cursor *c, const char *line, struct log_prefix *out)
{
	uint64_t level, sequence, us, n;
	const char *stamp;

	if (!number(c, &level) || !letter(c, ',') || !number(c, &sequence) || !letter(c, ','))
		return false;
	stamp = c->p;
	if (!number(c, &us) || !letter(c, ','))
		return false;
	out->stamp_us = us;
	out->have_stamp = true;
	out->stamp_at = (size_t)(stamp - line);
	out->stamp_len = (size_t)(c->p - 1 - stamp);
	while (c->p < c->end && *c->p != ';' && *c->p > ' ') {
		if (c->end - c->p > 8 && memcmp(c->p, "caller=", 7) == 0) {
			char who = c->p[7];
			c->p += 8;
			if (number(c, &n))
				out->caller = (uint64_t)who << 48 | n;
		} else {
			c->p++;
		}
	}
	return letter(c, ';');
}

/* "==123==", "==00:00:00:01.234 123==" */
static bool take_valgrind(struct cursor *c, struct log_prefix *out)
{
	const char *blank;
	uint64_t pid;

	if (!letter(c, '=') || !letter(c, '='))
		return false;
	blank = c->end - c->p > 13 ? memchr(c->p, ' ', 20 < c->end - c->p ? 20 : (size_t)(c->end - c->p)) : NULL;
	if (blank && c->p[2] == ':' && c->p[5] == ':')
		c->p = blank + 1;
	if (!number(c, &pid) || !letter(c, '=') || !letter(c, '='))
		return false;
	if (c->p < c->end && *c->p != ' ')
		return false;
	out->caller = (uint64_t)'V' << 48 | pid;
	return true;
}

/* "kern  :warn  :" */
static bool take_facility(struct cursor *c)
{
	static const char *const names[] = { "kern ", "user ", "daemon", "syslog" };
	bool known = false;

	for (size_t i = 0; i < ARRAY_SIZE(names) && !known; i++)
		known = (size_t)(c->end - c->p) > strlen(names[i]) && memcmp(c->p, names[i], strlen(names[i])) == 0;
	if (!known)
		return false;
	while (c->p < c->end && *c->p >= 'a' && *c->p <= 'z')
		c->p++;
	spaces(c);
	if (!letter(c, ':'))
		return false;
	while (c->p < c->end && *c->p >= 'a' && *c->p <= 'z')
		c->p++;
	spaces(c);
	return letter(c, ':');
}

/* "web-1  |" */
static bool take_compose(struct cursor *c)
{
	const char *start = c->p;

	while (c->p < c->end && c->p - start < 64 && (digit(*c->p) || (*c->p >= 'a' && *c->p <= 'z') || *c->p == '-' || *c->p == '_' || *c->p == '.'))
		c->p++;
	if (c->p == start || c->p >= c->end || *c->p != ' ')
		return false;
	spaces(c);
	return letter(c, '|');
}

static bool take_token(struct cursor *c, const char *line, struct log_prefix *out)
{
	struct cursor began = *c;
	bool taken;

	switch (c->p < c->end ? *c->p : '\0') {
	case '<': taken = take_level(c); break;
	case '[': taken = take_bracket(c, line, out); break;
	case '=': taken = take_valgrind(c, out); break;
	case '0' ... '9':
		taken = take_kmsg(c, line, out);
		if (!taken) {
			*c = began;
			taken = take_iso(c, line, out);
		}
		break;
	case 'A': case 'D': case 'F': case 'J': case 'M': case 'N': case 'O': case 'S':
		taken = take_syslog(c, line, out);
		break;
	case 'a' ... 'z':
		taken = take_facility(c);
		if (!taken) {
			*c = began;
			taken = take_compose(c);
		}
		break;
	default: taken = false;
	}
	if (!taken)
		*c = began;
	return taken;
}

/* journalctl -o short-monotonic: "[   12.345678] host kernel: text" */
static void take_monotonic_host(struct cursor *c, struct log_prefix *out)
{
	struct cursor began = *c;
	struct log_prefix kept = *out;
	const char *mark = memmem(c->p, MIN((size_t)(c->end - c->p), (size_t)120), " kernel:", 8);

	if (mark && !memchr(c->p, ' ', (size_t)(mark - c->p)) && take_host(c, out))
		return;
	*c = began;
	*out = kept;
}

void log_prefix_parse(const char *line, size_t len, struct log_prefix *p)
{
	struct cursor c = { line, line + len };

	memset(p, 0, sizeof(*p));
	for (int i = 0; i < TOKENS_MAX; i++) {
		struct cursor behind;
		bool stamped = p->have_stamp;
		if (!take_token(&c, line, p))
			break;
		/* The blank behind a token belongs to it; behind "<4>" it is the text's indentation. */
		behind = c;
		if (letter(&behind, ' ') && c.p[-1] == '>' && (behind.p >= behind.end || *behind.p != '['))
			behind = c;
		c = behind;
		if (p->have_stamp && !stamped)
			take_monotonic_host(&c, p);
		if (c.p > line && c.p[-1] == ':' && c.p < c.end && *c.p == ' ')
			c.p++;
	}
	p->len = (size_t)(c.p - line);
}
