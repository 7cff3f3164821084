/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/prefix.c - what loggers put in front of a line: printk's time, caller and level, syslog, journald and others.
 *
 *     <4>[   12.345678][ T123] text              printk; dmesg -r
 *     [Sat Nov 21 03:02:16 2026] text            dmesg -T
 *     kern  :warn  : [   12.345678] text         dmesg -x
 *     6,339,5140900,-,caller=T1;text             /dev/kmsg, netconsole
 *     [Nov21 03:02] text, [  +0.000012] text     dmesg -e; with "<    0.000012>" behind the time:
 *                                                dmesg -d, journalctl -o short-delta
 *     Nov 21 03:02:16 host kernel: text          syslog, journalctl -o short, short-precise
 *     Sat 2026-11-21 03:02:16 UTC host prog[123]: text      journalctl -o short-full; also with an ISO date, or with
 *                                                seconds since the epoch
 *     <3>1 2026-11-21T03:02:16Z host kernel - - - text      RFC 5424
 *     2026-11-21T03:02:16.123Z text              GitHub's runners, dmesg --time-format=iso; with "stderr F" behind the
 *                                                time: Kubernetes
 *     11-21 03:02:16.123  1  2 E tag: text       logcat
 *     web-1  | text                              docker compose
 *     ==123== text                               Valgrind
 *     ##[error]text                              GitHub, Azure
 *
 * These tokens follow each other in any order; one blank behind the last token belongs to it.  Anything else begins the
 * text, unless printk's time stands soon behind it: then a logger has put words of its own in front of
 * the kernel's line.
 */
#include "config.h"

#include "decode/decode_internal.h"

#define TOKENS_MAX 8
#define STAMP_NEAR 120 /* printk's time is searched so far into the line */

struct cursor {
	const char *p, *end;
};

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool number(struct cursor *c, uint64_t *value)
{
	const char *start = c->p, *p = start, *end = c->end - start < 18 ? c->end : start + 18;
	uint64_t sum = 0;

	for (; p < end && digit(*p); p++)
		sum = sum * 10 + (uint64_t)(*p - '0');
	*value = sum;
	c->p = p;
	return p > start;
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

/* Skips a word, of at most `max` bytes, up to a blank. */
static bool word(struct cursor *c, size_t max)
{
	const char *start = c->p;

	while (c->end > c->p && *c->p > ' ' && (size_t)(c->p - start) < max)
		c->p++;
	return c->p > start && c->p < c->end && *c->p == ' ';
}

/* " <    0.000012>" between a time and its bracket */
static void delta(struct cursor *c)
{
	const char *end;

	if (c->end - c->p > 2 && c->p[0] == ' ' && c->p[1] == '<' &&
	    (end = memchr(c->p, '>', MIN((size_t)(c->end - c->p), (size_t)24))) != NULL) {
		c->p = end + 1;
		spaces(c);
	}
}

static bool is_month(const char *p, size_t len)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	if (len < 3 || *p < 'A' || *p > 'S')
		return false;
	for (size_t i = 0; i < 36; i += 3)
		if (months[i + 2] == p[2] && months[i + 1] == p[1] && months[i] == p[0])
			return true;
	return false;
}

/* "[  +0.000012]", "[Nov21 03:02]", "[2026-11-21 03:02:16.123]", "[Sat Nov 21 03:02:16 2026]" */
static bool take_dated_bracket(struct cursor *c, const char *line, struct decode_prefix *out)
{
	const char *start = c->p, *close = memchr(c->p, ']', MIN((size_t)(c->end - c->p), (size_t)40));
	size_t len = close ? (size_t)(close - start) : 0;
	bool known = len > 4 && start[0] == '+' && digit(start[1]) && (start[2] == '.' || digit(start[2]));

	known |= len >= 11 && is_month(start, len) && (digit(start[4]) || digit(start[3])) && start[len - 3] == ':';
	known |= len >= 19 && start[4] == '-' && start[7] == '-' && start[13] == ':' && start[16] == ':' &&
	         digit(start[0]);
	known |= len == 24 && start[3] == ' ' && start[13] == ':' && start[16] == ':';
	if (!known)
		return false;
	out->stamp_at = (size_t)(start - line);
	out->stamp_len = len;
	c->p = close + 1;
	return true;
}

static bool optional_word(struct cursor *c, const char *wanted)
{
	size_t len = strlen(wanted);

	if ((size_t)(c->end - c->p) < len || memcmp(c->p, wanted, len) != 0)
		return false;
	c->p += len;
	return true;
}

/* "[1,3]<stderr>:", Open MPI's */
static bool take_rank(struct cursor *c, struct decode_prefix *out)
{
	struct cursor began = *c;
	uint64_t job, rank;

	if (c->p < c->end && digit(*c->p) && number(c, &job) && letter(c, ',') && number(c, &rank) && letter(c, ']') &&
	    optional_word(c, "<std") && (optional_word(c, "err>:") || optional_word(c, "out>:"))) {
		out->caller = (uint64_t)'N' << 48 | (job & 0xffff) << 16 | (rank & 0xffff);
		return true;
	}
	*c = began;
	return false;
}

/* "[   12.345678]", "[ T123]", "[C0]", and the dates that take_dated_bracket knows. */
static bool take_bracket(struct cursor *c, const char *line, struct decode_prefix *out)
{
	const char *start = c->p + 1, *digits;
	uint64_t n, fraction;

	if (!letter(c, '['))
		return false;
	if (take_rank(c, out))
		return true;
	spaces(c);
	if (c->p < c->end && (*c->p == 'T' || *c->p == 'C')) {
		char who = *c->p++;
		if (number(c, &n) && letter(c, ']')) {
			out->caller = (uint64_t)who << 48 | n;
			return true;
		}
		c->p = start;
	}
	digits = c->p;
	if (number(c, &n) && letter(c, '.')) {
		const char *point = c->p;
		if (!number(c, &fraction))
			return false;
		for (ptrdiff_t places = c->p - point; places < 6; places++)
			fraction *= 10;
		delta(c);
		if (!letter(c, ']'))
			return false;
		out->stamp_us = n * 1000000 + fraction;
		out->have_stamp = true;
		out->stamp_at = (size_t)(start - line);
		out->stamp_len = (size_t)(c->p - 1 - start);
		return true;
	}
	c->p = digits;
	return take_dated_bracket(c, line, out);
}

/* "host kernel:" or "host prog[123]:" */
static bool take_host(struct cursor *c, struct decode_prefix *out)
{
	const char *tag;
	uint64_t pid;

	if (c->p < c->end && *c->p == '#') /* "##[error]Call Trace:" */
		return false;
	if (!word(c, 255) || !letter(c, ' '))
		return false;
	tag = c->p;
	while (c->end > c->p && *c->p > ' ' && *c->p != '[' && *c->p != ':')
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
	while (c->end > c->p && *c->p > ' ')
		c->p++;
	return true;
}

/* "Nov 21 03:02:16 host tag:" */
static bool take_syslog(struct cursor *c, const char *line, struct decode_prefix *out)
{
	const char *start = c->p;
	uint64_t day;

	if (c->end - c->p < 8 || c->p[3] != ' ' || !is_month(c->p, 8))
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

/* "2026-11-21T03:02:16.123456+00:00", also with a blank between date and time. */
static bool iso_time(struct cursor *c, const char *line, struct decode_prefix *out)
{
	const char *start = c->p;

	if (c->end - c->p < 20 || c->p[4] != '-' || c->p[7] != '-' || (c->p[10] != 'T' && c->p[10] != ' '))
		return false;
	c->p += 11;
	if (!clock_time(c) || !letter(c, ' '))
		return false;
	out->stamp_at = (size_t)(start - line);
	out->stamp_len = (size_t)(c->p - 1 - start);
	return true;
}

/* Lines of reports that look like "host tag:" but are not. */
static bool own_words(const struct cursor *c)
{
	static const char *const marks[] = {
		"[",
		"Call ",
		"Hardware name:",
		"Pointer tag:",
		"Memory Limit:",
		"user pgtable:",
		"swapper pgtable:",
		"Task stack:",
		"IRQ stack:",
		"Overflow stack:",
		"Kernel Offset:",
		"Last ",
		"kmem_cache_destroy ",
	};
	const char *blank = c->p < c->end ? memchr(c->p, ' ', (size_t)(c->end - c->p)) : NULL;
	struct cursor at = *c;

	for (size_t i = 0; blank && i < ARRAY_SIZE(marks); i++)
		if (marks[i][0] == *c->p && optional_word(&at, marks[i]))
			return true;
	return !blank || (blank > c->p && blank[-1] == ':');
}

static void take_stream(struct decode_prefix *out, char stream)
{
	out->stream = stream;
	if (!out->caller)
		out->caller = (uint64_t)'K' << 48 | (uint64_t)stream;
}

/* GitLab's "01E " or "01E+": the stream's number, its kind, and whether the text continues the stream's last line. */
static bool take_gitlab(struct cursor *c, struct decode_prefix *out)
{
	uint64_t n;
	struct cursor at = *c;

	if (at.end - at.p < 3 || !digit(at.p[0]) || !digit(at.p[1]) || !number(&at, &n) ||
	    (*at.p != 'O' && *at.p != 'E') || (at.p + 1 < at.end && at.p[1] != ' ' && at.p[1] != '+'))
		return false;
	out->may_go_on = true;
	take_stream(out, *at.p == 'O' ? 'o' : 'e');
	at.p++;
	if (letter(&at, '+')) {
		out->goes_on = true;
		at.p--; /* no blank belongs to the prefix */
	}
	*c = at;
	return true;
}

/* Takes what may follow a time: "host tag:", "stderr F" or nothing. */
static bool behind_time(struct cursor *c, const char *line, struct decode_prefix *out)
{
	struct cursor began = *c;
	struct decode_prefix kept = *out;

	if (optional_word(c, "stdout ") || optional_word(c, "stderr ")) {
		char which = c->p[-4] == 'o' ? 'o' : 'e';
		if ((letter(c, 'F') || (out->partial = letter(c, 'P'))) && (c->p >= c->end || *c->p == ' ')) {
			take_stream(out, which);
			return true;
		}
		out->partial = false;
		*c = began;
	}
	if (take_gitlab(c, out))
		return true;
	if (!own_words(c) && take_host(c, out)) {
		out->bare = out->caller == kept.caller ? (size_t)(began.p - line) : 0;
		return true;
	}
	*c = began;
	*out = kept;
	c->p--;
	return true;
}

static bool take_iso(struct cursor *c, const char *line, struct decode_prefix *out)
{
	return iso_time(c, line, out) && behind_time(c, line, out);
}

/* "1795230136.123456 host kernel:" */
static bool take_epoch(struct cursor *c, const char *line, struct decode_prefix *out)
{
	const char *start = c->p;
	uint64_t seconds, fraction;

	if (!number(c, &seconds) || seconds < 100000000 || !letter(c, '.') || !number(c, &fraction) || !letter(c, ' '))
		return false;
	out->stamp_at = (size_t)(start - line);
	out->stamp_len = (size_t)(c->p - 1 - start);
	return take_host(c, out);
}

/* "Sat 2026-11-21 03:02:16 UTC host kernel:" */
static bool take_full(struct cursor *c, const char *line, struct decode_prefix *out)
{
	const char *start = c->p;
	struct cursor zone;

	if (c->end - c->p < 24 || c->p[3] != ' ' || !digit(c->p[4]))
		return false;
	c->p += 4;
	if (!iso_time(c, line, out))
		return false;
	zone = *c;
	if (word(&zone, 6) && letter(&zone, ' '))
		*c = zone;
	out->stamp_at = (size_t)(start - line);
	return take_host(c, out);
}

/* "11-21 03:02:16.123   12   34 E tag     :" */
static bool take_logcat(struct cursor *c, const char *line, struct decode_prefix *out)
{
	const char *start = c->p, *colon;
	uint64_t pid, tid;

	if (c->end - c->p < 24 || c->p[2] != '-' || c->p[5] != ' ')
		return false;
	c->p += 6;
	if (!clock_time(c))
		return false;
	out->stamp_at = (size_t)(start - line);
	out->stamp_len = (size_t)(c->p - start);
	spaces(c);
	if (!number(c, &pid))
		return false;
	spaces(c);
	if (!number(c, &tid) || !letter(c, ' ') || c->end - c->p < 3 || !strchr("VDIWEF", *c->p) || c->p[1] != ' ')
		return false;
	colon = memchr(c->p, ':', MIN((size_t)(c->end - c->p), (size_t)64));
	if (!colon)
		return false;
	if (tid)
		out->caller = (uint64_t)'P' << 48 | tid;
	c->p = colon + 1;
	return true;
}

/* RFC 5424's structured data: "-", or "[id name="value" …]", one or several. */
static bool structured_data(struct cursor *c)
{
	if (letter(c, '-'))
		return true;
	if (c->p >= c->end || *c->p != '[')
		return false;
	while (letter(c, '[')) {
		bool quoted = false;
		for (; c->p < c->end && (quoted || *c->p != ']'); c->p++)
			if (*c->p == '\\' && c->p + 1 < c->end)
				c->p++;
			else if (*c->p == '"')
				quoted = !quoted;
		if (!letter(c, ']'))
			return false;
	}
	return true;
}

/* "1 TIME HOST TAG PID ID DATA" */
static bool take_rfc5424(struct cursor *c, const char *line, struct decode_prefix *out)
{
	const char *pid;
	uint64_t n = 0;

	if (!letter(c, '1') || !letter(c, ' ') || !iso_time(c, line, out) || !word(c, 255) || !letter(c, ' ') ||
	    !word(c, 48) || !letter(c, ' '))
		return false;
	pid = c->p;
	if (!word(c, 128) || !letter(c, ' ') || !word(c, 32) || !letter(c, ' ') || !structured_data(c))
		return false;
	if (digit(*pid) && number(&(struct cursor){ pid, c->end }, &n))
		out->caller = (uint64_t)'P' << 48 | n;
	if (c->end - c->p >= 4 && memcmp(c->p, " \xef\xbb\xbf", 4) == 0)
		c->p += 3;
	return true;
}

/* "<4>", "<12>"; RFC 5424's "<3>1 TIME HOST TAG PID ID -" */
static bool take_level(struct cursor *c, const char *line, struct decode_prefix *out)
{
	struct cursor began;
	uint64_t n;

	if (!letter(c, '<') || !number(c, &n) || !letter(c, '>'))
		return false;
	began = *c;
	if (take_rfc5424(c, line, out))
		return true;
	*c = began;
	return true;
}

/* "6,339,5140900,-,caller=T1;" */
static bool take_kmsg(struct cursor *c, const char *line, struct decode_prefix *out)
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

/* In two containers, two processes have one pid. */
uint64_t decode_caller_valgrind(uint32_t pid, uint64_t within)
{
	return (uint64_t)'V' << 48 | (within ? (within * 0x9e3779b97f4a7c15u) >> 48 << 32 : 0) | pid;
}

/* Until 2013 AddressSanitizer wrote a blank behind the pid: "==123== ERROR: AddressSanitizer: …", "==12== ABORTING" */
static bool is_old_sanitizer(const char *p, size_t len)
{
	static const char *const words[] = { " ERROR: AddressSanitizer", " ERROR: LeakSanitizer",
		                             " ERROR: libFuzzer: ", " WARNING: MemorySanitizer", " ABORTING" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (len >= strlen(words[i]) && memcmp(p, words[i], strlen(words[i])) == 0)
			return true;
	return false;
}

/* "==123==", "==00:00:00:01.234 123==" */
static bool take_valgrind(struct cursor *c, struct decode_prefix *out)
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
	if (is_old_sanitizer(c->p, (size_t)(c->end - c->p)))
		return false;
	out->caller = decode_caller_valgrind((uint32_t)pid, out->caller);
	return true;
}

size_t decode_prefix_valgrind(const char *line, size_t len, uint64_t *caller)
{
	struct cursor c = { line, line + len };
	struct decode_prefix p = { .len = 0 };

	if (!take_valgrind(&c, &p))
		return 0;
	letter(&c, ' ');
	*caller = p.caller;
	return (size_t)(c.p - line);
}

/* "kern  :warn  :" */
static bool take_facility(struct cursor *c)
{
	static const char *const names[] = { "kern ", "user ", "daemon", "syslog" };
	bool known = false;

	if (*c->p != 'k' && *c->p != 'u' && *c->p != 'd' && *c->p != 's')
		return false;
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
static bool take_compose(struct cursor *c, struct decode_prefix *out)
{
	const char *start = c->p;
	uint64_t name = 0;

	while (c->p < c->end && c->p - start < 64 &&
	       (digit(*c->p) || (*c->p >= 'a' && *c->p <= 'z') || *c->p == '-' || *c->p == '_' || *c->p == '.'))
		c->p++;
	if (c->p == start || c->p >= c->end || *c->p != ' ')
		return false;
	for (; start < c->p; start++)
		name = name * 31 + (unsigned char)*start;
	spaces(c);
	if (!letter(c, '|'))
		return false;
	if (!out->caller)
		out->caller = (uint64_t)'N' << 48 | (uint32_t)name;
	return true;
}

/* "123 <11>1 …": syslog over TCP counts the bytes of each message (RFC 6587). */
static bool take_octets(struct cursor *c, const char *line, struct decode_prefix *out)
{
	uint64_t n;

	(void)out;
	return c->p == line && number(c, &n) && c->end - c->p > 4 && c->p[0] == ' ' && c->p[1] == '<' &&
	       digit(c->p[2]) && memchr(c->p + 3, '>', 3);
}

/* Tokens that begin with a digit. */
static bool take_number(struct cursor *c, const char *line, struct decode_prefix *out)
{
	static bool (*const tries[])(struct cursor *, const char *,
	                             struct decode_prefix *) = { take_kmsg,   take_iso,     take_epoch,
		                                                 take_logcat, take_rfc5424, take_octets };
	struct cursor began = *c;
	struct decode_prefix kept = *out;

	for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
		if (tries[i](c, line, out))
			return true;
		*c = began;
		*out = kept;
	}
	return false;
}

/* "##[error]text": GitHub's and Azure's */
static bool take_ci_level(struct cursor *c)
{
	if (!optional_word(c, "##["))
		return false;
	while (c->p < c->end && *c->p >= 'a' && *c->p <= 'z')
		c->p++;
	return letter(c, ']');
}

/* May a token begin with this letter? */
static bool begins_token(char c)
{
	return digit(c) || c == '<' || c == '[' || c == '=' || c == '#' || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'W');
}

static bool take_token(struct cursor *c, const char *line, struct decode_prefix *out)
{
	struct cursor began = *c;
	struct decode_prefix kept;
	bool taken;

	if (c->p >= c->end || !begins_token(*c->p))
		return false;
	kept = *out;
	switch (*c->p) {
	case '<':
		taken = take_level(c, line, out);
		break;
	case '[':
		taken = take_bracket(c, line, out);
		break;
	case '=':
		taken = take_valgrind(c, out);
		break;
	case '#':
		taken = take_ci_level(c);
		break;
	case '0' ... '9':
		taken = take_number(c, line, out);
		break;
	case 'A':
	case 'D':
	case 'F':
	case 'J':
	case 'M':
	case 'N':
	case 'O':
	case 'S':
	case 'T':
	case 'W':
		taken = take_syslog(c, line, out);
		if (!taken) {
			*c = began;
			taken = take_full(c, line, out);
		}
		break;
	case 'a' ... 'z':
		if (out->have_stamp) /* printk's text begins */
			return false;
		taken = take_facility(c);
		if (!taken) {
			*c = began;
			taken = take_compose(c, out);
		}
		break;
	default:
		taken = false;
	}
	if (!taken) {
		*c = began;
		*out = kept;
	}
	return taken;
}

/* journalctl -o short-monotonic: "[   12.345678] host kernel: text" */
static void take_monotonic_host(struct cursor *c, struct decode_prefix *out)
{
	struct cursor began = *c;
	struct decode_prefix kept = *out;
	const char *blank = memchr(c->p, ' ', MIN((size_t)(c->end - c->p), (size_t)120));

	if (blank && c->end - blank >= 8 && memcmp(blank, " kernel:", 8) == 0 && take_host(c, out))
		return;
	*c = began;
	*out = kept;
}

/* Android's words behind the time: "c0  1234 text", CPU and pid; "[0:  swapper/0:   12] text" */
static void take_vendor(struct cursor *c, struct decode_prefix *out)
{
	struct cursor at = *c;
	const char *close, *colon;
	uint64_t cpu, pid;

	if (letter(&at, 'c') && number(&at, &cpu) && letter(&at, ' ')) {
		spaces(&at);
		if (!number(&at, &pid) || at.p >= at.end || *at.p != ' ')
			return;
	} else {
		at = *c;
		if (!letter(&at, '[') || !number(&at, &cpu) || !letter(&at, ':') ||
		    !(close = memchr(at.p, ']', MIN((size_t)(at.end - at.p), (size_t)40))))
			return;
		for (colon = close; colon > at.p && *colon != ':'; colon--)
			;
		at.p = colon + 1;
		spaces(&at);
		if (*colon != ':' || !number(&at, &pid) || at.p != close)
			return;
		at.p = close + 1;
	}
	letter(&at, ' ');
	*c = at;
	out->caller = pid ? (uint64_t)'T' << 48 | pid : (uint64_t)'C' << 48 | cpu;
}

/* Moves to printk's time if it stands near the line's beginning. */
static bool find_stamp(struct cursor *c)
{
	const char *end = c->p + MIN((size_t)(c->end - c->p), (size_t)STAMP_NEAR), *open = c->p;

	while ((open = memchr(open, '[', (size_t)(end - open))) != NULL) {
		const char *p = ++open;
		while (p < c->end && *p == ' ')
			p++;
		while (p < c->end && digit(*p))
			p++;
		if (c->end - p > 8 && p > open && p[0] == '.' && p[7] == ']' && strspn(p + 1, "0123456789") == 6) {
			c->p = open - 1;
			return true;
		}
	}
	return false;
}

/* May a token begin with this text, behind printk's time?  False is certain. */
static bool may_be_token(const char *p, const char *end)
{
	const char *blank;

	if (end - p < 5)
		return true;
	if (*p >= 'A' && *p <= 'Z')
		return p[3] == ' '; /* a month or a day */
	if (*p < 'a' || *p > 'z' || (*p == 'c' && digit(p[1])))
		return true;
	/* take_monotonic_host */
	blank = memchr(p, ' ', MIN((size_t)(end - p), (size_t)120));
	return blank && end - blank >= 8 && blank[1] == 'k';
}

/* The most frequent form by far, and only that: "[   12.345678] text", "[   12.345678][ T123] text". */
static bool parse_printk(const char *line, size_t len, struct decode_prefix *out)
{
	const char *end = line + len, *p = line + 1, *start, *point;
	uint64_t seconds = 0, fraction = 0, n = 0;
	char who = 0;

	if (len < 24 || *line != '[')
		return false;
	while (*p == ' ' && p < line + 8)
		p++;
	for (start = p; digit(*p) && p < line + 12; p++)
		seconds = seconds * 10 + (uint64_t)(*p - '0');
	if (p == start || p[0] != '.' || p[7] != ']')
		return false;
	for (point = ++p; digit(*p); p++)
		fraction = fraction * 10 + (uint64_t)(*p - '0');
	if (p != point + 6)
		return false;
	p++;
	if (*p == '[') {
		for (p++; p < end && *p == ' '; p++)
			;
		if (end - p < 12 || (*p != 'T' && *p != 'C'))
			return false;
		who = *p++;
		for (start = p; digit(*p) && p < start + 9 && p < end - 2; p++)
			n = n * 10 + (uint64_t)(*p - '0');
		if (p == start || *p++ != ']')
			return false;
	}
	if (*p++ != ' ' || may_be_token(p, end))
		return false;
	out->len = (size_t)(p - line);
	out->caller = who ? (uint64_t)who << 48 | n : 0;
	out->stamp_us = seconds * 1000000 + fraction;
	out->have_stamp = true;
	out->stamp_at = 1;
	out->stamp_len = (size_t)(point + 6 - line) - 1;
	return true;
}

#define PROMPT_MAX 70

/* "host login: ", "root@host:~# ", "/ # ": a prompt on the console, to which the kernel's first line is added. */
static bool take_prompt(struct cursor *c)
{
	static const char login[] = "login: ";
	const char *start = c->p, *p = memchr(start, ' ', MIN((size_t)(c->end - start), (size_t)PROMPT_MAX));
	char last;

	if (!p || ++p - start < 2)
		return false;
	last = p[-2];
	if ((size_t)(c->end - p) >= strlen(login) && *p == 'l' && memcmp(p, login, strlen(login)) == 0)
		p += strlen(login);
	else if (last == '/' || last == '~')
		p = p - start == 2 && c->end - p > 2 && p[0] == '#' && p[1] == ' ' ? p + 2 : start;
	else if (last == '#' || last == '$')
		p = memchr(start, '@', (size_t)(p - start)) ? p : start;
	else if (last != ':' || p - start < (ptrdiff_t)strlen(login) ||
	         memcmp(p - strlen(login), login, strlen(login)) != 0)
		p = start;
	c->p = p;
	return p > start;
}

void decode_prefix_parse(const char *line, size_t len, struct decode_prefix *p)
{
	struct cursor c = { line, line + len };
	bool searched = false;

	memset(p, 0, sizeof(*p));
	if (parse_printk(line, len, p))
		return;
	for (int i = 0; i < TOKENS_MAX; i++) {
		struct cursor behind;
		bool stamped = p->have_stamp, tight;
		const char *token = c.p;
		if (!take_token(&c, line, p)) {
			if (i == 0 && take_prompt(&c))
				continue;
			if (p->have_stamp || searched || !find_stamp(&c))
				break;
			searched = true;
			continue;
		}
		/* The blank behind a token belongs to the token.  Behind "<4>", "<stderr>:" and kmsg's fields, it is
		 * the text's indentation. */
		tight = (c.p[-1] == ':' && c.p - line >= 2 && c.p[-2] == '>') || *token == '#';
		behind = c;
		if (letter(&behind, ' ') &&
		    (tight || c.p[-1] == ';' || (c.p[-1] == '>' && (behind.p >= behind.end || *behind.p != '['))))
			behind = c;
		c = behind;
		if (p->goes_on) {
			c.p++;
			break;
		}
		if (p->have_stamp && !stamped) {
			take_monotonic_host(&c, p);
			take_vendor(&c, p);
		}
		if (!tight && c.p > line && c.p[-1] == ':' && c.p < c.end && *c.p == ' ')
			c.p++;
	}
	p->len = (size_t)(c.p - line);
}
