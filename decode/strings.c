/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/strings.c - lines and whole reports inside of strings: of JSON, of programs' notations, of services' commands.
 *
 *     {"log":"text\n","stream":"stderr"}                  Docker; any other shape of JSON too
 *     msg="text\ntext" pid=7, b'text\n'                   logfmt, Go, Python, Rust
 *     ['text', 'text']                                  Python, Ruby
 *     ##teamcity[testStdErr name='a' out='text|ntext']    TeamCity
 *     ::error file=a.c::text%0Atext                       GitHub
 *     <failure message="text&#10;text"/>                  JUnit
 *
 * Which string of a JSON object holds the text?  Loggers agree on no name.  So a string that holds a headline shows it:
 * from then on, the strings at the same path of keys are taken in the whole log.  Before that, the strings are taken
 * whose names are usual.  An object gives one text; if two of its strings qualify, the longer one is it.
 */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>

#include "decode/decode_internal.h"

#define DEPTH_MAX 32
#define CUTS_MAX 100000

/* ---- escapes --------------------------------------------------------------------------------- */

static size_t put_utf8(char *to, uint32_t c)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) { /* halves of surrogate pairs stay; the reader replaces them */
		to[0] = (char)(0xe0 | c >> 12);
		to[1] = (char)(0x80 | (c >> 6 & 0x3f));
		to[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | (c >> 18 & 7));
	to[1] = (char)(0x80 | (c >> 12 & 0x3f));
	to[2] = (char)(0x80 | (c >> 6 & 0x3f));
	to[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* `count` hexadecimal digits at p; -1: they are not there. */
static int32_t hex_digits(const char *p, const char *end, int count)
{
	int32_t value = 0;

	if (end - p < count)
		return -1;
	for (int i = 0; i < count; i++) {
		int digit = number_digit(p[i]);
		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

/* How a notation writes letters: the escape at c->p, which begins with `lead`, becomes the bytes for which it stands,
 * and these are never more.  Returns their number; c->p stays where there is no escape. */
struct notation {
	char lead;
	size_t (*escape)(char *to, struct decode_cut *c);
};

/* CSV, SQL and YAML double a quote that is part of the text. */
static bool ends_string(const struct decode_cut *c, char quote)
{
	return quote && *c->p == quote && (c->p + 1 >= c->end || c->p[1] != quote);
}

/* Writes the text without its escapes; returns its length.  The text ends at `quote`, or at the end for 0. */
static size_t unescape(char *to, struct decode_cut c, const struct notation *n, char quote)
{
	char *start = to;

	while (c.p < c.end && !ends_string(&c, quote)) {
		const char *lead = memchr(c.p, n->lead, (size_t)(c.end - c.p)), *stop = lead ? lead : c.end;
		const char *close = quote ? memchr(c.p, quote, (size_t)(stop - c.p)) : NULL, *before = c.p;
		if (close == c.p) { /* a doubled one */
			*to++ = quote;
			c.p += 2;
			continue;
		}
		if (lead == c.p && !close) {
			to += n->escape(to, &c);
			if (c.p != before)
				continue;
			stop = c.p + 1;
		}
		stop = close ? close : stop;
		memmove(to, c.p, (size_t)(stop - c.p));
		to += stop - c.p;
		c.p = stop;
	}
	return (size_t)(to - start);
}

/* malloc; NULL: out of memory */
static char *unescaped(struct decode_cut c, const struct notation *n, char quote, size_t *text_len)
{
	char *text = malloc((size_t)(c.end - c.p) + 1);

	*text_len = 0;
	if (!text)
		return NULL;
	*text_len = unescape(text, c, n, quote);
	text[*text_len] = '\0';
	return text;
}

static size_t escape_backslash(char *to, struct decode_cut *c)
{
	static const char names[] = "nrtbfv0a", values[] = "\n\r\t\b\f\v\0\a";
	const char *name;
	int32_t code, low;

	if (c->end - c->p < 2) /* a backslash at the end */
		return 0;
	c->p++;
	if (*c->p == 'u' && (code = hex_digits(c->p + 1, c->end, 4)) >= 0) {
		c->p += 5;
		if (code >> 10 == 0x36 && c->end - c->p >= 6 && c->p[0] == '\\' && c->p[1] == 'u' &&
		    (low = hex_digits(c->p + 2, c->end, 4)) >> 10 == 0x37) {
			c->p += 6;
			code = 0x10000 + ((code & 0x3ff) << 10 | (low & 0x3ff));
		}
		return put_utf8(to, (uint32_t)code);
	}
	if (*c->p == 'x' && (code = hex_digits(c->p + 1, c->end, 2)) >= 0) {
		c->p += 3;
		*to = (char)code;
		return 1;
	}
	name = strchr(names, *c->p);
	*to = name && *name ? values[name - names] : *c->p;
	c->p++;
	return 1;
}

/* "|n" is a new line in TeamCity's service messages. */
static size_t escape_teamcity(char *to, struct decode_cut *c)
{
	int32_t code;

	if (c->end - c->p < 2)
		return 0;
	if (c->p[1] == '0' && c->end - c->p > 6 && c->p[2] == 'x' && (code = hex_digits(c->p + 3, c->end, 4)) >= 0) {
		c->p += 7;
		return put_utf8(to, (uint32_t)code);
	}
	*to = c->p[1] == 'n' ? '\n' : c->p[1] == 'r' ? '\r' : c->p[1];
	c->p += 2;
	return 1;
}

/* "%0A" is a new line in GitHub's commands. */
static size_t escape_percent(char *to, struct decode_cut *c)
{
	int32_t code = hex_digits(c->p + 1, c->end, 2);

	if (code < 0)
		return 0;
	*to = (char)code;
	c->p += 3;
	return 1;
}

/* "#012" is a new line in rsyslog's files. */
static size_t escape_rsyslog(char *to, struct decode_cut *c)
{
	if (c->end - c->p < 4 || c->p[1] != '0' || c->p[2] != '1' || (c->p[3] != '1' && c->p[3] != '2'))
		return 0;
	*to = c->p[3] == '2' ? '\n' : '\t';
	c->p += 4;
	return 1;
}

/* "&#10;" is a new line in XML. */
static size_t escape_entity(char *to, struct decode_cut *c)
{
	static const char *const names[][2] = { { "&#10;", "\n" }, { "&#xa;", "\n" }, { "&#xA;", "\n" },
		                                { "&#39;", "'" },  { "&#34;", "\"" }, { "&#9;", "\t" },
		                                { "&#x9;", "\t" }, { "&#13;", "\r" }, { "&#x0A;", "\n" },
		                                { "&#x27;", "'" } };
	size_t named = decode_named_letter(c->p, c->end, to);

	c->p += named;
	if (named)
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t len = strlen(names[i][0]);
		if ((size_t)(c->end - c->p) < len || memcmp(c->p, names[i][0], len) != 0)
			continue;
		*to = names[i][1][0];
		c->p += len;
		return 1;
	}
	return 0;
}

static const struct notation backslash = { '\\', escape_backslash }, teamcity = { '|', escape_teamcity },
			     percent = { '%', escape_percent }, rsyslog = { '#', escape_rsyslog },
			     entities = { '&', escape_entity };

char *decode_strings_unquote(const char *p, size_t len, char quote, size_t *text_len)
{
	return unescaped((struct decode_cut){ p, p + len }, &backslash, quote, text_len);
}

size_t decode_strings_undouble(char *text, size_t len, char quote)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		text[n++] = text[i];
		i += text[i] == quote && i + 1 < len && text[i + 1] == quote;
	}
	return n;
}

size_t decode_strings_entities(char *text, size_t len)
{
	return unescape(text, (struct decode_cut){ text, text + len }, &entities, '\0');
}

/* ---- JSON ------------------------------------------------------------------------------------ */

struct walk {
	struct decode_strings *strings;
	struct decode_cut at;
	struct text {
		struct decode_cut cut, name;
		bool bytes, partial; /* an array of bytes, as journald writes it */
	} * texts;
	size_t nr, room;
	uint64_t caller;
	int depth;
	bool output; /* of go test -json: its pieces end with a newline, unless they go on */
};

static uint64_t hash(uint64_t h, const struct decode_cut *text)
{
	return decode_hash_word(h, text->p, (size_t)(text->end - text->p));
}

/* A backslash takes the quote behind it, unless it is taken by another backslash. */
bool decode_cut_string(struct decode_cut *c, struct decode_cut *text, bool *whole)
{
	const char *quote, *slash;

	if (!decode_cut_letter(c, '"'))
		return false;
	text->p = c->p;
	for (;;) {
		quote = c->p < c->end ? memchr(c->p, '"', (size_t)(c->end - c->p)) : NULL;
		if (!quote) {
			text->end = c->p = c->end;
			*whole = false;
			return true;
		}
		for (slash = quote; slash > text->p && slash[-1] == '\\'; slash--)
			;
		c->p = quote + 1;
		if ((quote - slash) % 2 == 0) {
			text->end = quote;
			*whole = true;
			return true;
		}
	}
}

/* A string may be cut off. */
static bool take_string(struct decode_cut *c, struct decode_cut *text)
{
	bool whole;

	return decode_cut_string(c, text, &whole);
}

static bool usual_name(const struct decode_cut *key)
{
	static const char *const names[] = { "MESSAGE", "log", "msg", "message", "textPayload", "Output" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (decode_cut_is(key, names[i]))
			return true;
	return false;
}

/* Does the member say whose line it is? */
static bool names_process(const struct decode_cut *key)
{
	static const char *const names[] = {
		"_PID",      "pod_name",    "pod",  "container_id", "CONTAINER_ID", "container_name", "pod_id",
		"_HOSTNAME", "containerID", "host", "hostname",     "logStream",    "logStreamName",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (decode_cut_is(key, names[i]))
			return true;
	return false;
}

/* Only a time or a number: other members of an array are more interesting. */
static bool only_time(const struct decode_cut *text)
{
	size_t digits = 0;

	for (const char *p = text->p; p < text->end; p++) {
		if (!*p || !strchr("0123456789TZ:+-. ", *p))
			return false;
		digits += *p >= '0' && *p <= '9';
	}
	return digits >= 10 && text->p[0] != ' ';
}

static bool path_known(const struct decode_strings *s, uint64_t path)
{
	for (size_t i = 0; i < s->nr_paths && i < ARRAY_SIZE(s->paths); i++)
		if (s->paths[i] == path)
			return true;
	return false;
}

/* Does a headline stand in the string?  Some libraries write quotes and their like as "\u0027". */
static bool has_mark(const struct decode_cut *text)
{
	size_t len = (size_t)(text->end - text->p), plain_len;
	char *plain;
	bool found;

	if (decode_mark_words(text->p, text->end))
		return true;
	if (!memmem(text->p, len, "\\u00", 4) || !(plain = decode_strings_unquote(text->p, len, '\0', &plain_len)))
		return false;
	found = decode_mark_find(plain, plain + plain_len) != NULL; /* a string in it may be spelled */
	free(plain);
	return found;
}

/* Does this string hold what was logged?  2: surely. */
static int holds_text(struct walk *w, const struct decode_cut *key, uint64_t path, const struct decode_cut *text)
{
	struct decode_strings *s = w->strings;

	if (path_known(s, path))
		return only_time(text) ? 0 : 2;
	if (has_mark(text)) {
		s->paths[s->nr_paths++ % ARRAY_SIZE(s->paths)] = path;
		return 2;
	}
	return w->depth == 1 && key && usual_name(key) ? 1 : 0;
}

static void add_text(struct walk *w, const struct text *t)
{
	if (w->nr == w->room) {
		size_t room = w->room ? w->room * 2 : 8;
		struct text *grown = room > CUTS_MAX ? NULL : realloc(w->texts, room * sizeof(*grown));
		if (!grown)
			return;
		w->texts = grown;
		w->room = room;
	}
	w->texts[w->nr++] = *t;
}

static bool take_value(struct walk *w, uint64_t path);

/* "[66,85,71]" */
static bool array_of_bytes(const struct decode_cut *c)
{
	for (const char *p = c->p + 1; p < c->end && *p != ']'; p++)
		if ((*p < '0' || *p > '9') && *p != ',' && *p != ' ')
			return false;
	return c->end - c->p > 2;
}

static const char *end_of_bytes(const struct decode_cut *c)
{
	const char *close = memchr(c->p, ']', (size_t)(c->end - c->p));

	return close ? close + 1 : c->end;
}

static char *text_of_bytes(const struct decode_cut *array, size_t *len)
{
	char *text = malloc((size_t)(array->end - array->p) + 1);
	uint64_t value;

	*len = 0;
	for (const char *p = array->p; text && p < array->end;)
		if (*p >= '0' && *p <= '9') {
			for (value = 0; p < array->end && *p >= '0' && *p <= '9'; p++)
				value = value * 10 + (uint64_t)(*p - '0');
			text[(*len)++] = (char)value;
		} else {
			p++;
		}
	return text;
}

#define BYTES_LEAST 32

/* A text as an array of bytes, as Node writes a buffer.  False: it is another array. */
static bool take_bytes(struct walk *w, uint64_t path)
{
	struct text t = { .cut = w->at, .bytes = true };
	char *text;
	size_t len;

	if (w->at.end - w->at.p < BYTES_LEAST || !array_of_bytes(&w->at))
		return false;
	t.cut.end = end_of_bytes(&w->at);
	text = text_of_bytes(&t.cut, &len);
	t.cut.p = text ? t.cut.p : t.cut.end;
	if (text && (path_known(w->strings, path) || decode_mark_find(text, text + len))) {
		if (!path_known(w->strings, path))
			w->strings->paths[w->strings->nr_paths++ % ARRAY_SIZE(w->strings->paths)] = path;
		add_text(w, &t);
	}
	free(text);
	w->at.p = t.cut.end;
	return true;
}

/* Ansible writes each text again, as a list of its lines: "stderr" and "stderr_lines". */
static bool lines_of(const struct decode_cut *key, const struct decode_cut *name)
{
	static const char behind[] = "_lines";
	size_t len = (size_t)(name->end - name->p), more = sizeof(behind) - 1;

	return len && (size_t)(key->end - key->p) == len + more && memcmp(key->p, name->p, len) == 0 &&
	       memcmp(key->p + len, behind, more) == 0;
}

static bool take_member(struct walk *w, uint64_t path, struct text *best, int *score)
{
	struct decode_cut key, value;
	size_t nr = w->nr;
	bool is_string, bytes, known;

	decode_cut_blanks(&w->at);
	if (!take_string(&w->at, &key))
		return false;
	decode_cut_blanks(&w->at);
	if (!decode_cut_letter(&w->at, ':'))
		return false;
	decode_cut_blanks(&w->at);
	path = hash(path, &key);
	value = w->at;
	is_string = value.p < value.end && *value.p == '"';
	known = w->depth == 1 && decode_cut_is(&key, "MESSAGE");
	bytes = known && value.p < value.end && *value.p == '[' && array_of_bytes(&value);
	if (is_string)
		take_string(&w->at, &value);
	else if (bytes)
		value.end = w->at.p = end_of_bytes(&value);
	else if (!take_value(w, path))
		return false;
	else if (lines_of(&key, &best->name))
		w->nr = nr;
	if (is_string && names_process(&key))
		w->caller ^= hash(hash(0, &key), &value);
	if ((decode_cut_is(&key, "logtag") && decode_cut_is(&value, "P")) ||
	    ((decode_cut_is(&key, "partial_message") || decode_cut_is(&key, "CONTAINER_PARTIAL_MESSAGE")) &&
	     decode_cut_is(&value, "true")))
		best->partial = true;
	if (is_string || bytes) {
		int new_score = bytes ? 2 : holds_text(w, &key, path, &value);
		if (new_score > *score ||
		    (new_score && new_score == *score && value.end - value.p > best->cut.end - best->cut.p)) {
			*score = new_score;
			best->cut = value;
			best->name = key;
			best->bytes = bytes;
		}
		if (w->depth == 1 &&
		    (decode_cut_is(&key, "log") || decode_cut_is(&key, "Output"))) { /* Docker's, Go's */
			bool newline = value.end - value.p >= 2 && memcmp(value.end - 2, "\\n", 2) == 0;
			best->partial |= (w->strings->newlines || w->output) && !newline;
			w->strings->newlines |= newline;
		}
		w->output |= w->depth == 1 && decode_cut_is(&key, "Action") && decode_cut_is(&value, "output");
	}
	return true;
}

static bool take_object(struct walk *w, uint64_t path)
{
	struct text best = { .bytes = false };
	int score = 0;
	bool good;

	w->at.p++;
	decode_cut_blanks(&w->at);
	if (decode_cut_letter(&w->at, '}'))
		return true;
	do
		good = take_member(w, path, &best, &score);
	while (good && (decode_cut_blanks(&w->at), decode_cut_letter(&w->at, ',')));
	if (score)
		add_text(w, &best);
	decode_cut_blanks(&w->at);
	return good && (decode_cut_letter(&w->at, '}') || w->at.p >= w->at.end);
}

static bool take_array(struct walk *w, uint64_t path)
{
	struct text t = { .bytes = false };

	if (take_bytes(w, path))
		return true;
	w->at.p++;
	decode_cut_blanks(&w->at);
	if (decode_cut_letter(&w->at, ']'))
		return true;
	do {
		decode_cut_blanks(&w->at);
		if (w->at.p < w->at.end && *w->at.p == '"') {
			take_string(&w->at, &t.cut);
			if (holds_text(w, NULL, path, &t.cut))
				add_text(w, &t);
		} else if (!take_value(w, path)) {
			return false;
		}
		decode_cut_blanks(&w->at);
	} while (decode_cut_letter(&w->at, ','));
	return decode_cut_letter(&w->at, ']') || w->at.p >= w->at.end;
}

static bool take_value(struct walk *w, uint64_t path)
{
	struct decode_cut text;
	const char *start;
	bool good = false;

	if (w->at.p >= w->at.end || w->depth >= DEPTH_MAX)
		return false;
	switch (*w->at.p) {
	case '"':
		return take_string(&w->at, &text);
	case '{':
	case '[':
		w->depth++;
		good = *w->at.p == '{' ? take_object(w, path) : take_array(w, path * 3 + 1);
		w->depth--;
		return good;
	default: /* a number, true, false, null */
		for (start = w->at.p; w->at.p < w->at.end && *w->at.p != ',' && *w->at.p != ']' && *w->at.p != '}' &&
		                      *w->at.p != ' ' && *w->at.p != '\t' && *w->at.p;
		     w->at.p++)
			;
		return w->at.p > start;
	}
}

/* One value, behind which *p then stands. */
static bool json_value(struct decode_strings *s, const char **p, const char *end, decode_text_fn fn, void *ctx)
{
	struct walk w = { .strings = s, .at = { *p, end } };
	bool whole = take_value(&w, 0) || w.at.p >= w.at.end, taken = w.nr && (whole || **p != '[');

	for (size_t i = 0; taken && i < w.nr; i++) { /* a list that breaks off is Python's */
		struct decode_text_found found = { .caller = w.caller ? (uint64_t)'J' << 48 | w.caller >> 16 : 0,
			                           .partial = w.texts[i].partial };
		const struct decode_cut *c = &w.texts[i].cut;
		char *text = w.texts[i].bytes ? text_of_bytes(c, &found.len)
		                              : decode_strings_unquote(c->p, (size_t)(c->end - c->p), '\0', &found.len);
		if (!text)
			continue;
		while (found.len && !found.partial && (text[found.len - 1] == '\n' || text[found.len - 1] == '\r'))
			found.len--;
		found.text = text;
		fn(ctx, &found);
		free(text);
	}
	free(w.texts);
	*p = whole ? w.at.p : end;
	return taken;
}

bool decode_strings_json(struct decode_strings *s, const char *p, size_t len, decode_text_fn fn, void *ctx)
{
	const char *end = p + len;
	bool taken = false;

	do {
		taken |= json_value(s, &p, end, fn, ctx);
		while (p < end && strchr(" \t,", *p))
			p++;
	} while (p < end && (*p == '{' || *p == '[')); /* values that a NUL or nothing stands between */
	return taken;
}

/* ---- other notations ------------------------------------------------------------------------- */

size_t decode_strings_quote(const char *line, size_t len, size_t at)
{
	for (size_t i = MIN(at, len); i-- > 0;) {
		char quote = line[i];
		bool opens = (quote == '"' || quote == '\'' || quote == '`') &&
		             (i == 0 || strchr(" \t=:([{,>b$", line[i - 1]) != NULL ||
		              (i == 1 && strchr("~@&", *line))); /* the debugger's machine interface */
		if (!opens)
			continue;
		for (size_t k = i + 1; k < at && opens; k += line[k] == '\\' ? 2 : 1)
			opens = line[k] != quote;
		if (opens)
			return i + 1;
	}
	return 0;
}

bool decode_strings_closed(const char *p, size_t len, char quote)
{
	for (struct decode_cut c = { p, p + len }; c.p < c.end; c.p += *c.p == '\\' || *c.p == quote ? 2 : 1)
		if (ends_string(&c, quote))
			return true;
	return false;
}

/* "'text'", "b'text'"; text may be cut off. */
static bool list_element(struct decode_cut *c, struct decode_cut *text)
{
	char quote;

	decode_cut_blanks(c);
	if (c->p < c->end && (*c->p == 'b' || *c->p == 'u'))
		c->p++;
	if (c->p >= c->end || (*c->p != '\'' && *c->p != '"'))
		return false;
	quote = *c->p++;
	text->p = c->p;
	while (c->p < c->end && *c->p != quote)
		c->p += *c->p == '\\' ? 2 : 1;
	c->p = text->end = MIN(c->p, c->end);
	c->p += c->p < c->end;
	decode_cut_blanks(c);
	return c->p >= c->end || strchr(",])'\"", *c->p);
}

/* Does another element follow?  Go's %q puts only blanks between them. */
static bool list_goes_on(struct decode_cut *c)
{
	return decode_cut_letter(c, ',') || (c->p < c->end && (*c->p == '"' || *c->p == '\''));
}

bool decode_strings_list(const char *line, size_t len, size_t at, decode_text_fn fn, void *ctx)
{
	const char *end = line + len, *open;
	struct decode_cut c, text;
	struct decode_text_found found = { .caller = 0 };
	size_t nr = 0;

	for (open = line; open < line + at; open++) {
		if (*open != '[' && *open != '(')
			continue;
		c = (struct decode_cut){ open + 1, end };
		for (nr = 0; list_element(&c, &text); nr++)
			if (!list_goes_on(&c))
				break;
		if (nr && c.p > line + at)
			break;
	}
	if (open == line + at)
		return false;
	c.p = open + 1;
	while (list_element(&c, &text)) {
		char *copy = decode_strings_unquote(text.p, (size_t)(text.end - text.p), '\0', &found.len);
		if (!copy)
			break;
		found.len -= found.len && copy[found.len - 1] == '\n';
		found.text = copy;
		fn(ctx, &found);
		free(copy);
		if (!list_goes_on(&c))
			break;
	}
	return true;
}

/* The line's text behind the last new line in front of the headline at `at`. */
static char *rsyslog_text(const char *line, const char *end, const char *at, size_t *text_len)
{
	const char *start = at;

	for (const char *p = line; (p = memmem(p, (size_t)(at - p), "#012", 4)) != NULL; p++)
		start = p + 4;
	return unescaped((struct decode_cut){ start, end }, &rsyslog, '\0', text_len);
}

/* An attribute of XML, or text between tags, with new lines in it. */
static char *xml_text(const char *line, const char *end, const char *at, size_t *text_len)
{
	const char *start = at, *stop = at;

	while (start > line && start[-1] != '"' && start[-1] != '>')
		start--;
	while (stop < end && *stop != '"' && *stop != '<')
		stop++;
	return unescaped((struct decode_cut){ start, stop }, &entities, '\0', text_len);
}

/* What ends a line in HTML that has all lines in one. */
static bool ends_html_line(const char *p, const char *end)
{
	static const char *const tags[] = { "<br>", "<br/>", "<br />", "</div>", "</p>", "</li>", "</tr>" };

	for (size_t i = 0; i < ARRAY_SIZE(tags); i++)
		if ((size_t)(end - p) >= strlen(tags[i]) && memcmp(p, tags[i], strlen(tags[i])) == 0)
			return true;
	return false;
}

static const char *behind_tag(const char *p, const char *end)
{
	const char *close;

	if (end - p < 3 || *p != '<' || !(isalpha((unsigned char)p[1]) || p[1] == '/'))
		return NULL;
	close = memchr(p, '>', (size_t)(end - p));
	return close ? close + 1 : NULL;
}

/* Do the line's lines end with tags, and does one come behind `at`? */
static bool is_html(const char *at, const char *end)
{
	const char *p = at, *next;

	while ((p = memchr(p, '<', (size_t)(end - p))) != NULL && !ends_html_line(p, end))
		p++;
	while (p && (next = behind_tag(p, end)) != NULL)
		p = next;
	return p && p < end;
}

static char *html_text(const char *line, const char *end, size_t *text_len)
{
	char *text = malloc((size_t)(end - line) + 1), *to = text;
	const char *next;

	if (!text)
		return NULL;
	for (const char *p = line; p < end; p = next) {
		next = behind_tag(p, end);
		if (next && ends_html_line(p, end))
			*to++ = '\n';
		if (next)
			continue;
		*to++ = *p;
		next = p + 1;
	}
	*text_len = decode_strings_entities(text, (size_t)(to - text));
	text[*text_len] = '\0';
	return text;
}

/* "…\n    #0 0x…", without quotes: new lines in tables of text.  In a path, a letter stands behind "\n". */
static bool has_new_lines(const char *p, const char *end)
{
	while ((p = memmem(p, (size_t)(end - p), "\\n", 2)) != NULL) {
		p += 2;
		if (p < end && strchr(" #=[\\", *p))
			return true;
	}
	return false;
}

char *decode_strings_lines(const char *line, size_t len, size_t at, size_t *text_len)
{
	const char *end = line + len;

	if (memmem(line + at, len - at, "%0A", 3) || memmem(line + at, len - at, "%0a", 3))
		return unescaped((struct decode_cut){ line, end }, &percent, '\0', text_len);
	if (has_new_lines(line + at, end))
		return unescaped((struct decode_cut){ line, end }, &backslash, '\0', text_len);
	return is_html(line + at, end) ? html_text(line, end, text_len) : NULL;
}

char *decode_strings_command(const char *line, size_t len, size_t at, size_t *text_len)
{
	const char *end = line + len, *p, *start;

	if ((p = memmem(line, at, "##teamcity[", 11)) != NULL) {
		for (start = line + at; start > p && (start[-1] != '\'' || start[-2] != '='); start--)
			;
		return start > p ? unescaped((struct decode_cut){ start, end }, &teamcity, '\'', text_len) : NULL;
	}
	if ((p = memmem(line, at, "::", 2)) != NULL &&
	    (start = memmem(p + 2, len - (size_t)(p + 2 - line), "::", 2)) != NULL && start + 2 <= line + at &&
	    memmem(start, (size_t)(end - start), "%0A", 3))
		return unescaped((struct decode_cut){ start + 2, end }, &percent, '\0', text_len);
	if (memmem(line, len, "&#10;", 5) || memmem(line, len, "&#xA;", 5) || memmem(line, len, "&#xa;", 5))
		return xml_text(line, end, line + at, text_len);
	if (memmem(line + at, len - at, "#012", 4))
		return rsyslog_text(line, end, line + at, text_len);
	return NULL;
}
