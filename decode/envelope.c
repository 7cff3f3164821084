/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/envelope.c - logs in formats that wrap each line: takes out what was logged.
 *
 *     {"MESSAGE":"text","_PID":"12",…}       journalctl -o json, json-seq, json-sse, Docker's json-file; strings.c
 *     MESSAGE=text                           journalctl -o export, between other fields; a text with control characters
 *                                            is "MESSAGE", a line with 8 bytes of length and the text
 *         MESSAGE=text                       journalctl -o verbose
 *     "MESSAGE" : "text"                     journalctl -o json-pretty
 *        "msg": "text"                       dmesg --json
 *     [ 11-21 03:02:16.123  1:  2 E/tag ]    logcat -v long: the lines behind it, up to an empty one
 *
 * A text may hold several lines.  Objects on one line need no state.  The other formats are recognized by a line that
 * only they have, and end at the first line that does not fit them.
 */
#include "config.h"

#include <stdlib.h>

#include "decode/decode_internal.h"

#define VERBOSE_FIELD "    "

/* Takes the string at the value's beginning, without the newlines at its end. */
static bool take_message(struct decode_envelope *w, const struct decode_cut *value)
{
	free(w->text);
	w->text = decode_strings_unquote(value->p + 1, (size_t)(value->end - value->p - 1), '"', &w->len);
	while (w->text && w->len && (w->text[w->len - 1] == '\n' || w->text[w->len - 1] == '\r'))
		w->len--;
	return w->text != NULL;
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
	struct decode_cut c = { p, p + len }, key;
	bool whole;

	decode_cut_blanks(&c);
	if (!decode_cut_string(&c, &key, &whole) || !whole || !decode_cut_is(&key, name))
		return ENVELOPE_OTHER;
	decode_cut_blanks(&c);
	if (!decode_cut_letter(&c, ':'))
		return ENVELOPE_OTHER;
	decode_cut_blanks(&c);
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

/* logcat -v long, also with -v epoch */
static bool logcat_head(const char *p, size_t len)
{
	size_t digits = 0;

	while (len > 24 && digits < 12 && p[2 + digits] >= '0' && p[2 + digits] <= '9')
		digits++;
	return len > 24 && begins(p, len, "[ ") && p[len - 1] == ']' && p[len - 2] == ' ' &&
	       (p[4] == '-' || p[6] == '-' || (digits > 6 && p[2 + digits] == '.')) && memchr(p, ':', len) &&
	       memchr(p, '/', len);
}

static enum decode_enveloped logcat_line(struct decode_envelope *w, const char *p, size_t len, const char **text,
                                         size_t *text_len)
{
	bool first = w->first;

	w->first = logcat_head(p, len);
	if (w->first || (!len && !first))
		return ENVELOPE_OTHER;
	*text = p;
	*text_len = len;
	return ENVELOPE_TEXT;
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
	case ENVELOPE_LOGCAT:
		return true;
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
	else if (logcat_head(p, len))
		w->form = ENVELOPE_LOGCAT;
	return w->form != ENVELOPE_PLAIN;
}

enum decode_enveloped decode_envelope_open(struct decode_envelope *w, const char *p, size_t len, const char **text,
                                           size_t *text_len)
{
	size_t skip = begins(p, len, "\036{") ? 1 : begins(p, len, "data: {") ? 6 : decode_indented_object(p, len);

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
		case ENVELOPE_LOGCAT:
			return logcat_line(w, p, len, text, text_len);
		case ENVELOPE_EVENTS:
			if (len)
				break;
			return ENVELOPE_OTHER;
		default:
			return member_line(w, "msg", p, len, text, text_len);
		}
	p += skip;
	len -= skip;
	if (len < 8 || (*p != '{' && *p != '[') || begins(p, len, "{\"schema\":"))
		return ENVELOPE_NOT;
	*text = p;
	*text_len = len;
	return ENVELOPE_JSON;
}

void decode_envelope_reset(struct decode_envelope *w)
{
	w->form = ENVELOPE_PLAIN;
	w->binary = false;
}
