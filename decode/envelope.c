/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/envelope.c - logs in formats that wrap each line: takes out what was logged.
 *
 *     {"MESSAGE":"text","_PID":"12",…}       journalctl -o json, json-seq, json-sse; a text with bytes that cannot be
 *                                            printed is an array of numbers
 *     {"log":"text\n","stream":"stderr",…}   Docker's json-file; also "msg", "message"
 *     MESSAGE=text                           journalctl -o export, between other fields; a text with control characters
 *                                            is "MESSAGE", a line with 8 bytes of length and the text
 *         MESSAGE=text                       journalctl -o verbose
 *     "MESSAGE" : "text"                     journalctl -o json-pretty
 *        "msg": "text"                       dmesg --json
 *
 * A text may hold several lines.  Objects on one line need no state.  The other formats are recognized by a line that
 * only they have, and end at the first line that does not fit them.
 */
#include "config.h"

#include <stdlib.h>

#include "decode/decode_internal.h"

#define DEPTH_MAX 32
#define VERBOSE_FIELD "    "

struct cut {
	const char *p, *end;
};

static void blanks(struct cut *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t'))
		c->p++;
}

static bool letter(struct cut *c, char wanted)
{
	if (c->p >= c->end || *c->p != wanted)
		return false;
	c->p++;
	return true;
}

/* Skips a string; *text is what stands between its quotes. */
static bool string(struct cut *c, struct cut *text)
{
	if (!letter(c, '"'))
		return false;
	text->p = c->p;
	while (c->p < c->end && *c->p != '"')
		c->p += *c->p == '\\' && c->p + 1 < c->end ? 2 : 1;
	text->end = c->p;
	return letter(c, '"');
}

/* Skips any JSON value. */
static bool skip_value(struct cut *c)
{
	struct cut text;
	int depth = 0;

	do {
		blanks(c);
		if (c->p >= c->end)
			return false;
		switch (*c->p) {
		case '"':
			if (!string(c, &text))
				return false;
			break;
		case '{':
		case '[':
			if (++depth > DEPTH_MAX)
				return false;
			c->p++;
			break;
		case '}':
		case ']':
			if (--depth < 0)
				return false;
			c->p++;
			break;
		default:
			c->p++;
			while (!depth && c->p < c->end && *c->p != ',' && *c->p != '}')
				c->p++;
		}
	} while (depth);
	return true;
}

static bool is(const struct cut *text, const char *wanted)
{
	return (size_t)(text->end - text->p) == strlen(wanted) && memcmp(text->p, wanted, strlen(wanted)) == 0;
}

/* ---- texts ----------------------------------------------------------------------------------- */

static char *room(struct decode_envelope *w, size_t len)
{
	char *grown;

	if (w->room < len + 1) {
		grown = realloc(w->text, len + 1);
		if (!grown)
			return NULL;
		w->text = grown;
		w->room = len + 1;
	}
	w->len = 0;
	return w->text;
}

static void put_utf8(struct decode_envelope *w, uint32_t c)
{
	char *to = w->text + w->len;

	if (c < 0x80) {
		*to = (char)c;
		w->len += 1;
	} else if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 0x3f));
		w->len += 2;
	} else { /* halves of surrogate pairs stay; the reader replaces them */
		to[0] = (char)(0xe0 | c >> 12);
		to[1] = (char)(0x80 | (c >> 6 & 0x3f));
		to[2] = (char)(0x80 | (c & 0x3f));
		w->len += 3;
	}
}

static void put_escaped(struct decode_envelope *w, struct cut *c)
{
	static const char names[] = "nrtbf", values[] = "\n\r\t\b\f";
	const char *name;
	uint32_t code = 0;

	c->p++;
	if (c->end - c->p >= 5 && *c->p == 'u') {
		for (int i = 1; i <= 4; i++) {
			int digit = number_digit(c->p[i]);
			code = code << 4 | (uint32_t)(digit < 0 ? 0 : digit);
		}
		c->p += 5;
		put_utf8(w, code);
		return;
	}
	if (c->p >= c->end)
		return;
	name = strchr(names, *c->p);
	w->text[w->len++] = name && *name ? values[name - names] : *c->p;
	c->p++;
}

/* Unescapes the inside of a JSON string, which never grows by that. */
static bool take_string(struct decode_envelope *w, struct cut text)
{
	if (!room(w, (size_t)(text.end - text.p)))
		return false;
	while (text.p < text.end)
		if (*text.p == '\\')
			put_escaped(w, &text);
		else
			w->text[w->len++] = *text.p++;
	return true;
}

/* An array of bytes: "[66,85,71]". */
static bool take_bytes(struct decode_envelope *w, struct cut array)
{
	if (!room(w, (size_t)(array.end - array.p)))
		return false;
	while (array.p < array.end) {
		unsigned value = 0;
		const char *start;
		while (array.p < array.end && (*array.p < '0' || *array.p > '9'))
			array.p++;
		for (start = array.p; array.p < array.end && *array.p >= '0' && *array.p <= '9'; array.p++)
			value = value * 10 + (unsigned)(*array.p - '0');
		if (array.p > start)
			w->text[w->len++] = (char)value;
	}
	return true;
}

/* ---- objects --------------------------------------------------------------------------------- */

static bool take_message(struct decode_envelope *w, const struct cut *value)
{
	struct cut c = *value, text;

	if (*c.p == '[' ? !take_bytes(w, c) : !string(&c, &text) || !take_string(w, text))
		return false;
	while (w->len && (w->text[w->len - 1] == '\n' || w->text[w->len - 1] == '\r'))
		w->len--;
	w->text[w->len] = '\0';
	return true;
}

static bool take_object(struct decode_envelope *w, struct cut c)
{
	static const char *const names[] = { "MESSAGE", "log", "msg", "message" };
	struct cut key, value;
	bool taken = false;
	uint64_t pid;

	w->caller = 0;
	if (!letter(&c, '{'))
		return false;
	do {
		blanks(&c);
		if (!string(&c, &key))
			break;
		blanks(&c);
		if (!letter(&c, ':'))
			break;
		blanks(&c);
		value.p = c.p;
		if (!skip_value(&c))
			break;
		value.end = c.p;
		for (size_t i = 0; i < ARRAY_SIZE(names) && !taken; i++)
			taken = is(&key, names[i]) && (*value.p == '"' || *value.p == '[') && take_message(w, &value);
		if (is(&key, "_PID") && value.end - value.p > 2 && number_decimal(value.p + 1, &pid))
			w->caller = (uint64_t)'P' << 48 | pid;
		blanks(&c);
	} while (letter(&c, ','));
	return taken;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static bool begins(const char *p, size_t len, const char *with)
{
	return len >= strlen(with) && memcmp(p, with, strlen(with)) == 0;
}

/* journalctl -o export */
static enum decode_enveloped export_line(struct decode_envelope *w, const char *p, size_t len, const char **text,
                                         size_t *text_len)
{
	bool binary = w->binary;

	w->binary = len == 7 && begins(p, len, "MESSAGE");
	if (binary && len >= 8) {
		*text = p + 8;
		*text_len = len - 8;
		return ENVELOPE_TEXT;
	}
	if (!begins(p, len, "MESSAGE="))
		return ENVELOPE_OTHER;
	*text = p + 8;
	*text_len = len - 8;
	return ENVELOPE_TEXT;
}

/* journalctl -o verbose */
static enum decode_enveloped verbose_line(const char *p, size_t len, const char **text, size_t *text_len)
{
	if (!begins(p, len, VERBOSE_FIELD "MESSAGE="))
		return ENVELOPE_OTHER;
	*text = p + strlen(VERBOSE_FIELD "MESSAGE=");
	*text_len = len - strlen(VERBOSE_FIELD "MESSAGE=");
	return ENVELOPE_TEXT;
}

/* A member on a line of its own. dmesg --json: `         "msg": "text"`; journalctl -o json-pretty: `\t"MESSAGE" :
 * "text"`. */
static enum decode_enveloped member_line(struct decode_envelope *w, const char *name, const char *p, size_t len,
                                         const char **text, size_t *text_len)
{
	struct cut c = { p, p + len }, key;

	blanks(&c);
	if (!string(&c, &key) || !is(&key, name))
		return ENVELOPE_OTHER;
	blanks(&c);
	if (!letter(&c, ':'))
		return ENVELOPE_OTHER;
	blanks(&c);
	if (c.p >= c.end || *c.p != '"' || !take_message(w, &c))
		return ENVELOPE_OTHER;
	*text = w->text;
	*text_len = w->len;
	return ENVELOPE_TEXT;
}

static size_t name_length(const char *p, size_t len)
{
	size_t n = 0;

	while (n < len && ((p[n] >= 'A' && p[n] <= 'Z') || (p[n] >= '0' && p[n] <= '9') || p[n] == '_'))
		n++;
	return n;
}

/* Does the line fit the format?  If it does not, the log was not in that format, or is no longer. */
static bool fits(const struct decode_envelope *w, const char *p, size_t len)
{
	size_t name;

	if (!len || w->binary)
		return true;
	switch (w->form) {
	case ENVELOPE_EXPORT:
		name = name_length(p, len);
		return name == len || (name && p[name] == '=');
	case ENVELOPE_VERBOSE:
		return *p == ' ' || memmem(p, len, " [s=", 4);
	case ENVELOPE_PRETTY:
		return *p == '\t' || *p == '{' || *p == '}';
	case ENVELOPE_EVENTS:
		return begins(p, len, "data: ");
	default:
		return *p == ' ' || *p == '{' || *p == '}';
	}
}

/* Does a format begin here that has many lines for each entry? */
static bool learn_form(struct decode_envelope *w, const char *p, size_t len)
{
	if (begins(p, len, "__CURSOR="))
		w->form = ENVELOPE_EXPORT;
	else if (begins(p, len, VERBOSE_FIELD "_BOOT_ID=") || begins(p, len, VERBOSE_FIELD "_TRANSPORT=") ||
	         begins(p, len, VERBOSE_FIELD "PRIORITY="))
		w->form = ENVELOPE_VERBOSE;
	else if (begins(p, len, "\t\"__") || begins(p, len, "\t\"_TRANSPORT\"") || begins(p, len, "\t\"MESSAGE\""))
		w->form = ENVELOPE_PRETTY;
	else if (begins(p, len, "   \"dmesg\": ["))
		w->form = ENVELOPE_DMESG;
	else if (begins(p, len, "data: {"))
		w->form = ENVELOPE_EVENTS;
	return w->form != ENVELOPE_PLAIN;
}

enum decode_enveloped decode_envelope_open(struct decode_envelope *w, const char *p, size_t len, const char **text,
                                           size_t *text_len)
{
	size_t skip = begins(p, len, "\036{") ? 1 : begins(p, len, "data: {") ? 6 : 0;

	if (w->form != ENVELOPE_PLAIN && !fits(w, p, len))
		w->form = ENVELOPE_PLAIN;
	if (w->form != ENVELOPE_PLAIN || learn_form(w, p, len))
		switch (w->form) {
		case ENVELOPE_EXPORT:
			return export_line(w, p, len, text, text_len);
		case ENVELOPE_VERBOSE:
			return verbose_line(p, len, text, text_len);
		case ENVELOPE_PRETTY:
			return member_line(w, "MESSAGE", p, len, text, text_len);
		case ENVELOPE_EVENTS:
			if (len)
				break;
			return ENVELOPE_OTHER;
		default:
			return member_line(w, "msg", p, len, text, text_len);
		}
	p += skip;
	len -= skip;
	if (len < 10 || *p != '{' || begins(p, len, "{\"schema\":") || !take_object(w, (struct cut){ p, p + len }))
		return ENVELOPE_NOT;
	*text = w->text;
	*text_len = w->len;
	return ENVELOPE_TEXT;
}

void decode_envelope_reset(struct decode_envelope *w)
{
	w->form = ENVELOPE_PLAIN;
	w->binary = false;
	w->caller = 0;
}
