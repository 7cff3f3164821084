/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/reader.c - bytes to lines, lines to lanes, lanes to records.
 *
 *     bytes ─▶ line ─▶ prefix off ─┬─ no report is open and none can begin ─▶ next line  (this path must be fast)
 *                                  └─▶ lane of its caller ─▶ lines of the open report ─▶ record, when whole or cut off
 *
 * A lane belongs to one caller ("[ T123]", "[C0]", a pid), so lines that processors and processes log at the same time
 * are kept apart.  Lines without a caller share a lane.  There, lines of others inside a report are kept with the
 * report and do no harm.
 *
 * A report is cut off, and its record says so, when the next report of its lane begins, when the log ends, when the
 * machine restarts, when its lane is silent for SILENCE_US by the log's own clock, or after FOREIGN_MAX lines in a row
 * that are not its own.  The record's lines end with the last line that is the report's own.
 *
 * For loggers that prefix.c does not know: a headline of KASAN, KFENCE or memsan, or a JSON report, is found inside a
 * line too.  What stood before it is then taken off the following lines, whose digits may differ.
 */
#include "config.h"

#include <stdlib.h>

#include "decode/decode_internal.h"

#define LANES_MAX 64
#define RULES_MAX 8
#define RULE_NEAR 64        /* lines of other callers that may stand between a rule and its headline */
#define STALE_LINES 100000u /* lines of other callers that may come while a caller with an open report is silent */
#define STALE_LOOK 4096u
#define FOREIGN_MAX 400
#define SILENCE_US (30 * 1000000ull)
#define JSON_MARK "\"memsan-report/"
#define UBSAN_MARK ": runtime error: " /* the line begins with a place */
#define TOOL_MARK "Sanitizer: "
#define JSON_LINE_MAX (8u << 20)

struct decode_reader {
	decode_record_fn fn;
	void *ctx;
	decode_unread_fn unread;
	void *unread_ctx;
	char valgrind_before[16]; /* the beginning of Valgrind's last line that no report took */
	char *name;
	uint64_t line; /* of the log */
	/* the last rules that no report has taken; line 0: none */
	struct rule {
		uint64_t caller, line;
		size_t len;
	} rules[RULES_MAX];
	size_t next_rule;
	char *carry; /* a line that is not complete yet */
	size_t carry_len, carry_room;
	bool ending;   /* the log's last line has no newline */
	bool skipping; /* dropping the rest of a line that is too long */
	struct decode_open open[LANES_MAX];
	size_t nr_open;
	uint64_t uses;
	bool have_kaslr;
	uint64_t kaslr;
	struct decode_envelope envelope;
	char *text; /* the line without its prefix, NUL-terminated */
	size_t text_room;
	char *plain; /* a line without its colour codes */
	size_t plain_room;
};

struct decode_reader *decode_reader_create(decode_record_fn fn, void *ctx)
{
	struct decode_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->fn = fn;
	r->ctx = ctx;
	return r;
}

void decode_reader_on_unread(struct decode_reader *r, decode_unread_fn fn, void *ctx)
{
	r->unread = fn;
	r->unread_ctx = ctx;
}

/* ---- open reports ---------------------------------------------------------------------------- */

static void open_clear(struct decode_reader *l, struct decode_open *o)
{
	free(o->shape);
	*o = l->open[--l->nr_open];
	memset(&l->open[l->nr_open], 0, sizeof(*o));
}

static void report_finish(struct decode_reader *l, struct decode_open *o, const char *cut)
{
	struct decode_record *r = o->record;

	if (o->form == FORM_TOMBSTONE && !r->kind) { /* an end that has nothing to do with memory */
		open_clear(l, o);
		decode_record_free(r);
		return;
	}
	r->nr_lines = o->own_lines;
	r->corrupted = cut;
	if (!cut && o->form == FORM_KASAN && strcmp(r->detector, "memsan") != 0 && !decode_record_main_stack(r))
		r->corrupted = "it has no call trace";
	if (!r->corrupted && o->mixed)
		r->corrupted = "lines of another report are among its lines";
	if (r->corrupted)
		r->corrupted = decode_record_string(r, r->corrupted, strlen(r->corrupted));
	r->have_kaslr = l->have_kaslr;
	r->kaslr = l->kaslr;
	decode_record_name(r);
	open_clear(l, o);
	l->fn(l->ctx, r);
}

#define BY_REPORT "another report"
#define BY_END "the end of the log"

static void rule_remember(struct decode_reader *l, uint64_t caller, uint64_t line, size_t len)
{
	l->rules[l->next_rule++ % RULES_MAX] = (struct rule){ caller, line, len };
}

/* When another report cuts off this one, a rule at its end belongs to the other report. */
static void rule_give_back(struct decode_reader *l, struct decode_open *o)
{
	size_t len = o->own_lines > 1 ? decode_rule_length(o->record->lines[o->own_lines - 1]) : 0;

	if (len < DECODE_LEAST_RULE || o->closed)
		return;
	rule_remember(l, o->caller, o->record->last_line, len);
	o->own_lines--;
	o->record->last_line--;
}

static void report_cut(struct decode_reader *l, struct decode_open *o, const char *by)
{
	const char *missing = decode_missing(o);
	char why[200];

	if (strcmp(by, BY_REPORT) == 0)
		rule_give_back(l, o);
	if (!missing && (l->ending || strcmp(by, BY_END) == 0) && decode_trace_goes_on(o))
		missing = "its call trace goes on";
	if (missing)
		snprintf(why, sizeof(why), "cut off by %s: %s", by, missing);
	report_finish(l, o, missing ? why : NULL);
}

static void cut_all(struct decode_reader *l, const char *by)
{
	while (l->nr_open) {
		struct decode_open *first = &l->open[0];
		for (size_t i = 1; i < l->nr_open; i++)
			if (l->open[i].record->first_line < first->record->first_line)
				first = &l->open[i];
		report_cut(l, first, by);
	}
}

static struct decode_open *lane(struct decode_reader *l, uint64_t caller)
{
	for (size_t i = 0; i < l->nr_open; i++)
		if (l->open[i].caller == caller)
			return &l->open[i];
	return NULL;
}

/* A place for another open report.  When all are taken, the report that has been silent longest is cut off. */
static struct decode_open *lane_new(struct decode_reader *l)
{
	struct decode_open *oldest = &l->open[0];

	if (l->nr_open < LANES_MAX)
		return &l->open[l->nr_open];
	for (size_t i = 1; i < l->nr_open; i++)
		if (l->open[i].last_use < oldest->last_use)
			oldest = &l->open[i];
	report_cut(l, oldest, "too many reports at once");
	return &l->open[l->nr_open];
}

/* ---- one line -------------------------------------------------------------------------------- */

struct line {
	const char *raw;
	size_t raw_len;
	struct decode_prefix prefix;
	const char *text; /* NUL-terminated */
	size_t shape_len; /* of an unknown prefix before a headline; 0: none */
};

static void keep_line(struct decode_reader *l, struct decode_open *o, const struct line *n)
{
	o->last_use = ++l->uses;
	o->heard_at = l->line;
	decode_record_line(o->record, n->text, strlen(n->text));
}

static void own_line(struct decode_reader *l, struct decode_open *o, const struct line *n)
{
	o->own_lines = o->record->nr_lines;
	o->record->last_line = l->line;
	o->foreign = 0;
	o->stamp_us = n->prefix.stamp_us;
	o->have_stamp = n->prefix.have_stamp;
}

/* Do reports of this form have such a rule above their first line? */
static bool rule_opens(const struct decode_open *o, size_t len)
{
	if (o->form == FORM_KASAN || o->form == FORM_ASAN)
		return len <= DECODE_SHORT_RULE;
	return len > DECODE_SHORT_RULE && (o->form == FORM_SLUB || strcmp(o->record->detector, "ubsan") == 0);
}

/* The first line of a report whose headline is this line: the rule above it, if there is one. */
static uint64_t rule_before(struct decode_reader *l, const struct decode_open *o)
{
	uint64_t caller = o->caller;

	for (size_t i = 0; i < RULES_MAX; i++) {
		struct rule *r = &l->rules[i];
		if (r->line && r->caller == caller && rule_opens(o, r->len) &&
		    l->line - r->line <= (caller ? RULE_NEAR : 1)) {
			uint64_t line = r->line;
			r->line = 0;
			return line;
		}
	}
	return l->line;
}

/* May a report begin here?  False is certain. */
static bool may_begin(const struct line *n)
{
	return decode_may_be_headline(n->text, strlen(n->text)) || n->prefix.caller >> 48 == 'V' ||
	       strstr(n->text, UBSAN_MARK);
}

/* No report has taken the line. */
static void not_taken(struct decode_reader *l, const struct line *n)
{
	bool valgrind = n->prefix.caller >> 48 == 'V', like;

	like = decode_looks_like_report(n->text) ||
	       (valgrind && decode_looks_like_valgrind(n->text, l->valgrind_before));
	if (valgrind)
		snprintf(l->valgrind_before, sizeof(l->valgrind_before), "%s", n->text);
	if (like && l->unread)
		l->unread(l->unread_ctx, l->name, l->line, n->text);
}

static bool try_begin(struct decode_reader *l, const struct line *n)
{
	struct decode_open probe = { .caller = n->prefix.caller }, *o;

	if (!may_begin(n) || !(probe.record = decode_record_new()))
		return false;
	probe.form = decode_headline(n->text, &probe);
	if (probe.form == FORM_NONE) {
		decode_record_free(probe.record);
		return false;
	}
	decode_record_line(probe.record, n->text, strlen(n->text));
	o = lane_new(l);
	l->nr_open++;
	*o = probe;
	o->record->file = l->name ? decode_record_string(o->record, l->name, strlen(l->name)) : NULL;
	o->record->first_line = rule_before(l, o);
	if (n->prefix.stamp_len)
		o->record->time = decode_record_string(o->record, n->raw + n->prefix.stamp_at, n->prefix.stamp_len);
	if (n->shape_len) {
		o->shape = malloc(n->shape_len); /* may hold any byte, also NUL */
		if (o->shape) {
			memcpy(o->shape, n->raw, n->shape_len);
			o->shape_len = n->shape_len;
		}
	}
	o->heard_at = l->line;
	own_line(l, o, n);
	return true;
}

static void take_json(struct decode_reader *l, const char *text, size_t len)
{
	const char *why;
	struct decode_record *r = decode_json_read(text, len, &why);

	if (!r) {
		if (l->unread)
			l->unread(l->unread_ctx, l->name, l->line, text);
		return;
	}
	if (!r->file && l->name)
		r->file = decode_record_string(r, l->name, strlen(l->name));
	if (!r->first_line)
		r->first_line = r->last_line = l->line;
	l->fn(l->ctx, r);
}

/* Lines about the machine itself: a restart, the kernel's address offset. */
static bool take_news(struct decode_reader *l, const char *text)
{
	uint64_t offset;
	const char *p;

	if (starts(text, "Linux version ")) {
		cut_all(l, "a restart of the machine");
		l->have_kaslr = false;
		return true;
	}
	if ((p = after(text, "Kernel Offset: ")) != NULL) {
		l->have_kaslr = starts(p, "disabled") || decode_hex(p, &offset);
		l->kaslr = starts(p, "0x") && l->have_kaslr ? offset : 0;
		return true;
	}
	return false;
}

static bool silent_too_long(const struct decode_open *o, const struct line *n)
{
	return o->have_stamp && n->prefix.have_stamp && n->prefix.stamp_us > o->stamp_us + SILENCE_US;
}

static enum decode_form begins_report(const struct line *n)
{
	struct decode_open probe = { .caller = n->prefix.caller, .record = NULL };
	enum decode_form begins;

	if (!may_begin(n))
		return FORM_NONE;
	probe.record = decode_record_new();
	begins = probe.record ? decode_headline(n->text, &probe) : FORM_NONE;
	decode_record_free(probe.record);
	return begins;
}

/* Gives the line to the open report.  False: that report is finished, and the line is not part of it. */
static bool lane_take(struct decode_reader *l, struct decode_open *o, const struct line *n)
{
	bool was_closed;

	if (silent_too_long(o, n)) {
		report_cut(l, o, "silence");
		return false;
	}
	if (o->closed && decode_goes_on(o, n->text)) { /* that rule was another report's */
		o->mixed = true;
		o->closed = false;
	}
	was_closed = o->closed;
	/* The rule before may have been the report's last line.  A headline behind that rule means that the rule is
	 * the next report's. */
	if (was_closed && !starts(n->text, "===")) {
		enum decode_form next = begins_report(n);
		o->closed = next != FORM_KASAN && next != FORM_ASAN; /* the rule is the next report's */
		report_cut(l, o, BY_REPORT);
		return false;
	}
	if (was_closed) {
		report_finish(l, o, NULL);
		return false;
	}
	/* A headline that ends in "func+0x1/0x2" would pass for a frame. */
	if (starts(n->text, "BUG: ") && begins_report(n)) {
		report_cut(l, o, BY_REPORT);
		return false;
	}
	keep_line(l, o, n);
	switch (decode_line(o, n->text)) {
	case LINE_TAKEN:
		own_line(l, o, n);
		return true;
	case LINE_LAST:
		own_line(l, o, n);
		report_finish(l, o, NULL);
		return true;
	case LINE_BEHIND:
		report_cut(l, o, "other messages");
		return false;
	default:
		break;
	}
	if (begins_report(n)) {
		report_cut(l, o, BY_REPORT);
		return false;
	}
	not_taken(l, n);
	if (++o->foreign > FOREIGN_MAX)
		report_cut(l, o, "other messages");
	return true;
}

static void take_text(struct decode_reader *l, const struct line *n)
{
	struct decode_open *o = lane(l, n->prefix.caller);
	size_t rule = decode_rule_length(n->text);

	if (take_news(l, n->text)) {
		if (o)
			o->trace_over = true;
		return;
	}
	if (n->text[0] == '{' && strstr(n->text, JSON_MARK)) {
		take_json(l, n->text, strlen(n->text));
		return;
	}
	if (o && lane_take(l, o, n)) /* a rule inside a report belongs to that report */
		return;
	if (!rule && !try_begin(l, n))
		not_taken(l, n);
	if (rule >= DECODE_LEAST_RULE)
		rule_remember(l, n->prefix.caller, l->line, rule);
}

/* Copies without NULs and colour codes, makes the bytes valid UTF-8 and terminates them; NULL: out of memory. */
static const char *copy_clean(char **to, size_t *room, const char *p, size_t len)
{
	size_t n = 0;

	if (*room < len + 1) {
		char *grown = realloc(*to, len + 1);
		if (!grown)
			return NULL;
		*to = grown;
		*room = len + 1;
	}
	for (size_t i = 0; i < len; i++) {
		if (p[i] == '\033' && i + 1 < len && p[i + 1] == '[') {
			for (i += 2; i < len && (p[i] < '@' || p[i] > '~'); i++)
				;
		} else if (p[i] != '\0') {
			(*to)[n++] = p[i];
		}
	}
	while (n && ((*to)[n - 1] == '\r' || (*to)[n - 1] == '\n'))
		n--;
	(*to)[n] = '\0';
	for (size_t i = 0, len8; i < n; i += len8) {
		len8 = utf8_length(*to + i);
		if (!len8) {
			(*to)[i] = '?';
			len8 = 1;
		}
	}
	return *to;
}

static const char *copy_text(struct decode_reader *l, const char *p, size_t len)
{
	return copy_clean(&l->text, &l->text_room, p, len);
}

static const char *strip_colours(struct decode_reader *l, const char *p, size_t len)
{
	return copy_clean(&l->plain, &l->plain_room, p, len);
}

/* Offset of a headline that is trusted anywhere in a line; len: there is none. */
static size_t find_headline(const char *p, size_t len)
{
	static const char *const marks[] = { "BUG: KASAN: ", "BUG: KASan: ", "BUG: KFENCE: ", "BUG: MEMSAN: " };
	const char *brace = memchr(p, '{', len);

	if (brace && memmem(brace, len - (size_t)(brace - p), JSON_MARK, strlen(JSON_MARK)))
		return (size_t)(brace - p);
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		const char *at = memmem(p, len, marks[i], strlen(marks[i]));
		if (at)
			return (size_t)(at - p);
	}
	return len;
}

/* Does `raw` begin with the same words, apart from digits? */
static bool shape_matches(const char *shape, const char *raw, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (raw[i] != shape[i] && !(raw[i] >= '0' && raw[i] <= '9' && shape[i] >= '0' && shape[i] <= '9'))
			return false;
	return true;
}

static const struct decode_open *shape_find(const struct decode_reader *l, const char *raw, size_t len)
{
	for (size_t i = 0; i < l->nr_open; i++)
		if (l->open[i].shape_len && l->open[i].shape_len <= len &&
		    shape_matches(l->open[i].shape, raw, l->open[i].shape_len))
			return &l->open[i];
	return NULL;
}

/* Does an open report want lines of this caller, or have an unknown prefix, so that its caller is not known? */
static bool listening(struct decode_reader *l, uint64_t caller)
{
	for (size_t i = 0; i < l->nr_open; i++)
		if (l->open[i].caller == caller || l->open[i].shape_len)
			return true;
	return false;
}

/* Cuts off reports whose callers have been silent for very many lines. */
static void cut_stale(struct decode_reader *l)
{
	for (size_t i = l->nr_open; i-- > 0;)
		if (i < l->nr_open && l->line - l->open[i].heard_at > STALE_LINES)
			report_cut(l, &l->open[i], "silence");
}

/* Takes one line without its wrapping. `caller` is used when the prefix names none. */
static void take_plain(struct decode_reader *l, const char *raw, size_t len, bool headlines, uint64_t caller)
{
	struct line n = { .raw = raw, .raw_len = len };
	const struct decode_open *shaped = NULL;
	const char *plain;
	size_t at;

	while (len && raw[len - 1] == '\r')
		len--;
	if (memchr(raw, '\033', MIN(len, (size_t)32)) && (plain = strip_colours(l, raw, len)) != NULL) {
		raw = plain;
		len = strlen(raw);
		n.raw = raw;
		n.raw_len = len;
	}
	decode_prefix_parse(raw, len, &n.prefix);
	if (!n.prefix.caller)
		n.prefix.caller = caller;
	if (l->nr_open && l->line % STALE_LOOK == 0)
		cut_stale(l);
	if (!headlines && !listening(l, n.prefix.caller) && n.prefix.caller >> 48 != 'V' &&
	    !decode_may_be_headline(raw + n.prefix.len, len - n.prefix.len))
		return;
	if (l->nr_open && (shaped = shape_find(l, raw, len)) != NULL) {
		n.prefix.len = shaped->shape_len;
		n.prefix.caller = shaped->caller;
	} else if (headlines && (at = find_headline(raw + n.prefix.len, len - n.prefix.len)) &&
	           at < len - n.prefix.len) {
		n.shape_len = n.prefix.len + at;
		n.prefix.len += at;
	}
	n.text = copy_text(l, raw + n.prefix.len, len - n.prefix.len);
	if (n.text)
		take_text(l, &n);
}

static bool any_headline(const char *p, size_t len);

/* Takes one line of the log. */
static void take_line(struct decode_reader *l, const char *raw, size_t len, bool headlines)
{
	const char *text, *newline;
	enum decode_enveloped wrapped;
	size_t left;

	l->line++;
	if (!decode_may_be_envelope(&l->envelope, raw, len) ||
	    (wrapped = decode_envelope_open(&l->envelope, raw, len, &text, &left)) == ENVELOPE_NOT) {
		take_plain(l, raw, len, headlines, 0);
		return;
	}
	while (wrapped == ENVELOPE_TEXT) {
		size_t n = (newline = memchr(text, '\n', left)) != NULL ? (size_t)(newline - text) : left;
		take_plain(l, text, n, any_headline(text, n), l->envelope.caller);
		if (!newline)
			break;
		text += n + 1;
		left -= n + 1;
	}
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static size_t line_limit(const char *line, size_t len)
{
	return memmem(line, len, JSON_MARK, strlen(JSON_MARK)) ? JSON_LINE_MAX : DECODE_LINE_MAX;
}

static void carry_add(struct decode_reader *l, const char *p, size_t len)
{
	size_t limit;

	if (l->skipping)
		return;
	limit = l->carry_len + len > DECODE_LINE_MAX
	                ? line_limit(l->carry_len ? l->carry : p, l->carry_len ? l->carry_len : len)
	                : DECODE_LINE_MAX;
	if (l->carry_len + len > limit) {
		l->skipping = true;
		len = limit > l->carry_len ? limit - l->carry_len : 0;
	}
	if (l->carry_len + len + 1 > l->carry_room) {
		size_t room = (l->carry_len + len + 1) * 2;
		char *grown = realloc(l->carry, room);
		if (!grown) {
			l->skipping = true;
			return;
		}
		l->carry = grown;
		l->carry_room = room;
	}
	memcpy(l->carry + l->carry_len, p, len);
	l->carry_len += len;
	l->carry[l->carry_len] = '\0';
}

/* memmem for a text whose first letter is rare; several times as fast. */
static const char *find_text(const char *p, size_t len, const char *wanted)
{
	const char *end = p + len;
	size_t n = strlen(wanted);

	while ((p = memchr(p, wanted[0], (size_t)(end - p))) != NULL) {
		if ((size_t)(end - p) >= n && memcmp(p, wanted, n) == 0)
			return p;
		p++;
	}
	return NULL;
}

/* Looks only behind braces. */
static const char *find_json(const char *p, size_t len)
{
	const char *brace = memchr(p, '{', len);

	return brace ? memmem(brace, len - (size_t)(brace - p), JSON_MARK, strlen(JSON_MARK)) : NULL;
}

static bool any_headline(const char *p, size_t len)
{
	return find_text(p, len, "BUG: ") || find_json(p, len) || memmem(p, len, UBSAN_MARK, strlen(UBSAN_MARK)) ||
	       memmem(p, len, TOOL_MARK, strlen(TOOL_MARK));
}

/* The next headline of a block, at or behind `from`. `known` is the answer to the last question, which may lie
 * further ahead. */
static const char *next_headline(const char *known, const char *from, const char *end)
{
	const char *bug, *json, *other;

	if (!known || known >= from)
		return known;
	bug = find_text(from, (size_t)(end - from), "BUG: ");
	other = memmem(from, (size_t)((bug ? bug : end) - from), UBSAN_MARK, strlen(UBSAN_MARK));
	bug = other ? other : bug;
	other = memmem(from, (size_t)((bug ? bug : end) - from), TOOL_MARK, strlen(TOOL_MARK));
	bug = other ? other : bug;
	json = find_json(from, (size_t)((bug ? bug : end) - from));
	return json ? json : bug;
}

void decode_reader_feed(struct decode_reader *l, const char *bytes, size_t len)
{
	const char *p = bytes, *end = bytes + len, *newline;
	/* looking into every line is expensive, so first ask whether the block holds anything */
	const char *headline = any_headline(bytes, len) ? bytes - 1 : NULL;

	while (p < end && (newline = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		size_t n = (size_t)(newline - p);
		headline = next_headline(headline, p, end);
		if (l->carry_len || l->skipping) {
			carry_add(l, p, n);
			take_line(l, l->carry, l->carry_len, any_headline(l->carry, l->carry_len));
			l->carry_len = 0;
			l->skipping = false;
		} else {
			take_line(l, p, n > DECODE_LINE_MAX ? MIN(n, line_limit(p, n)) : n,
			          headline && headline < newline);
		}
		p = newline + 1;
	}
	if (p < end)
		carry_add(l, p, (size_t)(end - p));
}

void decode_reader_begin(struct decode_reader *l, const char *name)
{
	decode_reader_end(l);
	free(l->name);
	l->name = name ? strdup(name) : NULL;
	l->line = 0;
	memset(l->rules, 0, sizeof(l->rules));
	decode_envelope_reset(&l->envelope);
	l->have_kaslr = false;
	l->kaslr = 0;
}

void decode_reader_idle(struct decode_reader *l)
{
	for (size_t i = l->nr_open; i-- > 0;)
		if (!decode_missing(&l->open[i]))
			report_finish(l, &l->open[i], NULL);
}

void decode_reader_end(struct decode_reader *l)
{
	l->ending = true;
	if (l->carry_len)
		take_line(l, l->carry, l->carry_len, any_headline(l->carry, l->carry_len));
	l->ending = false;
	l->carry_len = 0;
	l->skipping = false;
	cut_all(l, BY_END);
}

void decode_reader_destroy(struct decode_reader *l)
{
	while (l->nr_open) {
		decode_record_free(l->open[0].record);
		open_clear(l, &l->open[0]);
	}
	free(l->carry);
	free(l->text);
	free(l->plain);
	free(l->envelope.text);
	free(l->name);
	free(l);
}
