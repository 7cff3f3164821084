/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/reader.c - bytes to lines, lines to lanes, lanes to records.
 *
 *     bytes ─▶ line ─▶ out of its string ─▶ prefix off ─┬─ no report is open and none can begin ─▶ next line
 *                                                       │                                (this path must be fast)
 *                                                       └─▶ lane of its caller ─▶ lines of the open report ─▶ record,
 *                                                                                            when whole or cut off
 *
 * A lane belongs to one caller ("[ T123]", "[C0]", a pid), so lines that processors and processes log at the same time
 * are kept apart.  Lines without a caller share a lane.  There, lines of others inside a report are kept with the
 * report and do no harm.
 *
 * A report is cut off, and its record says so, when the next report of its lane begins, when the log ends, when the
 * machine restarts, when its lane is silent for SILENCE_US by the log's own clock, or after FOREIGN_MAX lines in a row
 * that are not its own.  The record's lines end with the last line that is the report's own.
 *
 * The headline decides where a line begins.  Where it does not stand behind a prefix that prefix.c knows, what stands
 * in front of it becomes the lane's prefix (shape.c), and the next lines of that shape are the report's.  When the next
 * lines have no such words but are the report's, the words were somebody's unfinished line, and are forgotten.
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
#define UBSAN_MARK ": runtime error: " /* the line begins with a place */
#define JSON_LINE_MAX (8u << 20)
#define SHAPES_MAX 16
#define SHAPE_LINES 100000u /* so long is a prefix looked for that no headline has shown again */
#define BEFORE_MAX 4
#define BEFORE_LEN 200
#define HELD_MAX 8
#define HELD_BYTES_MAX (1u << 20)
#define STACKLESS_MAX 8
#define STACKLESS_LINES 8
#define STRINGS_MAX 4 /* deeper strings in strings are not opened */

/* Has the line an object of a schema that decode_json_read knows? */
static bool is_json_report(const char *line, size_t len)
{
	static const char report[] = "\"memsan-report/", growth[] = "\"memsan-growth/";

	return memmem(line, len, report, sizeof(report) - 1) || memmem(line, len, growth, sizeof(growth) - 1);
}

struct decode_reader {
	decode_record_fn fn;
	void *ctx;
	decode_unread_fn unread;
	void *unread_ctx;
	char valgrind_before[16];       /* the beginning of Valgrind's last line that no report took */
	bool leaks_seen, valgrind_seen; /* reports of this log */
	/* "WARNING: … lib/list_debug.c:53 …", "page dumped because: VM_BUG_ON…", whose own headline comes next; line 0:
	 * there is none */
	struct {
		uint64_t caller, line;
		char text[200];
	} warned;
	uint64_t deadly; /* the line of "AddressSanitizer:DEADLYSIGNAL", until its report comes; 0: there is none */
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
	/* the last reports of UBSan without a stack and of LeakSanitizer with the allocator's only; they wait for the
	 * next report */
	struct decode_record *stackless[STACKLESS_MAX];
	size_t nr_stackless;
	uint64_t stackless_until; /* up to this line, their stacks are looked for */
	struct decode_open open[LANES_MAX];
	size_t nr_open;
	uint64_t uses;
	bool have_kaslr;
	uint64_t kaslr;
	struct decode_envelope envelope;
	struct decode_strings strings;
	enum decode_encoding encoding;
	char head[8]; /* bytes that wait until the encoding is known; in UTF-16, the half of a letter */
	size_t head_len;
	/* prefixes that only headlines have shown; the last ones */
	struct decode_shape shapes[SHAPES_MAX];
	size_t nr_shapes;
	uint64_t shape_ids;
	/* lines that are not complete, because their next part is another line of the log */
	struct held {
		uint64_t key, line, caller;
		char *bytes;
		size_t len;
	} held[HELD_MAX];
	unsigned depth; /* strings in strings */
	/* the beginnings of the last lines */
	struct before {
		const char *p;
		size_t len;
		char copy[BEFORE_LEN];
	} before[BEFORE_MAX];
	size_t next_before;
	struct decode_joiner joiner;
	/* what lines in base64 hold; `width` is their length when a text was wrapped */
	struct {
		char *text;
		size_t len, room, width;
	} base64;
	/* an array of bytes with a line for each */
	char *bytes;
	size_t bytes_len, bytes_room;
	char *text; /* the line without its prefix, NUL-terminated */
	size_t text_room;
	char *plain; /* a line without colours and their like */
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
	*o = l->open[--l->nr_open];
	memset(&l->open[l->nr_open], 0, sizeof(*o));
}

static void hand_over_stackless(struct decode_reader *l)
{
	for (size_t i = 0; i < l->nr_stackless; i++)
		l->fn(l->ctx, l->stackless[i]);
	l->nr_stackless = 0;
}

/* UBSan prints stacks for all of a program's reports, or for none.  A report without one, in front of a report that has
 * one, has lost its own to another process; so it may have in front of a report among whose lines are others. */
static void mark_stackless(struct decode_reader *l, const struct decode_record *next, bool ubsan)
{
	for (size_t i = 0; i < l->nr_stackless; i++) {
		struct decode_record *r = l->stackless[i];
		if (strcmp(r->detector, "ubsan") == 0 && !r->corrupted &&
		    (ubsan || (next->corrupted && next->first_line <= r->last_line + 1)))
			r->corrupted = "its stack is missing";
	}
}

/* The program was ended by a signal: such a report of UBSan's runtime always has a stack. */
static bool of_a_signal(const struct decode_record *r)
{
	return r->headline && strstr(r->headline, "UndefinedBehaviorSanitizer: ");
}

static void hand_over(struct decode_reader *l, struct decode_record *r)
{
	const struct decode_stack *s = decode_record_main_stack(r);
	bool ubsan = strcmp(r->detector, "ubsan") == 0;
	/* a leak whose stack ends in the allocator: an empty line of another process may have ended it */
	bool stackless = (ubsan && s && s->nr == 1 && s->frames[0].at_line == DECODE_NONE) ||
	                 (strcmp(r->detector, "lsan") == 0 && s && s->nr && !decode_record_guilty(r));

	mark_stackless(l, r, ubsan && !stackless && !of_a_signal(r));
	if (!stackless || l->nr_stackless == STACKLESS_MAX)
		hand_over_stackless(l);
	if (stackless)
		l->stackless[l->nr_stackless++] = r, l->stackless_until = l->line + STACKLESS_LINES;
	else
		l->fn(l->ctx, r);
}

static void report_finish(struct decode_reader *l, struct decode_open *o, const char *cut)
{
	struct decode_record *r = o->record;

	if ((o->form == FORM_TOMBSTONE || o->form == FORM_CRASH) &&
	    !r->kind) { /* an end that has nothing to do with memory */
		/* what it was is lost */
		if (o->form == FORM_CRASH && o->own_lines == 1 && !o->saw_summary && l->unread)
			l->unread(l->unread_ctx, l->name, r->first_line, r->headline);
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
	l->leaks_seen |= r->leak.class != NULL;
	l->valgrind_seen |= strcmp(r->detector, "valgrind") == 0;
	decode_record_name(r);
	open_clear(l, o);
	hand_over(l, r);
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
	if (!missing && strcmp(by, BY_END) != 0)
		missing = decode_unfinished(o);
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

/* The open report of this caller to which a line belongs.  Only reports of programs that share a stream may be open
 * side by side: the line goes to the one that it fits into best, else to the one that took the last line.  Where it
 * fits into two, they are marked as mixed. */
static struct decode_open *lane_of_line(struct decode_reader *l, uint64_t caller, const char *text)
{
	struct decode_open *best = lane(l, caller), *also = NULL;
	int best_fit = 0, fit;

	if (!best || best->form != FORM_ASAN || l->nr_open < 2)
		return best;
	best_fit = decode_fit_asan(best, text);
	for (size_t i = (size_t)(best - l->open) + 1; i < l->nr_open; i++) {
		struct decode_open *o = &l->open[i];
		if (o->caller != caller || o->form != FORM_ASAN)
			continue;
		fit = decode_fit_asan(o, text);
		also = fit == best_fit && fit > 0 ? o : fit > best_fit ? NULL : also;
		if (fit > best_fit || (fit == best_fit && o->own_use > best->own_use)) {
			also = also ? best : NULL;
			best = o;
			best_fit = fit;
		}
	}
	if (also)
		also->mixed = best->mixed = true;
	return best;
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
	uint64_t shape;   /* the id of its prefix, for one that prefix.c does not know; 0: none */
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
	o->own_use = ++l->uses;
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
	       strstr(n->text, UBSAN_MARK) || strstr(n->text, DECODE_FAULT_MARK) ||
	       strstr(n->text, DECODE_DMALLOC_MARK);
}

/* No headline came behind that warning. */
static void warning_says(struct decode_reader *l)
{
	if (l->warned.line && l->unread)
		l->unread(l->unread_ctx, l->name, l->warned.line, l->warned.text);
	l->warned.line = 0;
}

/* LeakSanitizer's stack went on: a frame with the next number comes, and no report takes it. */
static void cut_leak(struct decode_reader *l, const char *text)
{
	const char *t = l->nr_stackless ? text + strspn(text, " ") : text, *p;
	uint64_t number;

	if (*t != '#' || !l->nr_stackless || !(p = number_decimal(t + 1, &number)) || !starts(p, " 0x"))
		return;
	for (size_t i = 0; i < l->nr_stackless; i++) {
		struct decode_record *r = l->stackless[i];
		if (strcmp(r->detector, "lsan") == 0 && number == decode_record_main_stack(r)->nr)
			r->corrupted = "its stack goes on";
	}
}

/* No report has taken the line. */
static void not_taken(struct decode_reader *l, const struct line *n)
{
	bool valgrind = n->prefix.caller >> 48 == 'V', like;

	cut_leak(l, n->text);
	if ((starts(n->text, "WARNING: ") && strstr(n->text, " lib/list_debug.c:")) ||
	    (starts(n->text, "page dumped because: ") && strstr(n->text, "BUG_ON"))) {
		warning_says(l);
		l->warned.line = l->line;
		l->warned.caller = n->prefix.caller;
		snprintf(l->warned.text, sizeof(l->warned.text), "%s", n->text);
		return;
	}

	like = decode_looks_like_report(n->text) ||
	       (valgrind && decode_looks_like_valgrind(n->text, l->valgrind_before)) ||
	       decode_looks_like_count(n->text, l->leaks_seen, l->valgrind_seen);
	if (strstr(n->text, "Sanitizer:DEADLYSIGNAL"))
		l->deadly = l->line;
	if (valgrind)
		snprintf(l->valgrind_before, sizeof(l->valgrind_before), "%s", n->text);
	if (like && l->unread)
		l->unread(l->unread_ctx, l->name, l->line, n->text);
}

/* Late versions of Linux 6.12 print "[Right Redzone overwritten] 0x…" in front of SLUB's report, which then says only
 * "Object corrupt".  A rule lies between the two. */
static void take_damage(struct decode_reader *l, struct decode_open *o)
{
	static const char mark[] = " overwritten] 0x";
	char text[BEFORE_LEN + 1];

	if (l->depth || strcmp(o->record->detector, "slub") != 0 || strcmp(o->record->kind, "object-corrupt") != 0)
		return;
	for (size_t back = 1; back < BEFORE_MAX; back++) {
		const struct before *b = &l->before[(l->next_before + BEFORE_MAX - back) % BEFORE_MAX];
		const char *end = b->len ? memmem(b->p, b->len, mark, sizeof(mark) - 1) : NULL, *p = end;

		while (p && p > b->p && *p != '[')
			p--;
		if (!p || *p != '[')
			continue;
		snprintf(text, sizeof(text), "%.*s", (int)(b->p + b->len - p), p);
		o->record->kind = decode_kind(o->record, text + 1, (size_t)(end - p) + strlen(" overwritten") - 1);
		decode_read_first_byte(o->record, text + strcspn(text, "]"));
		decode_record_line(o->record, text, strlen(text));
		o->record->first_line = MIN(o->record->first_line, l->line - back);
		return;
	}
}

/* Does such a warning stand in front of these reports? */
static bool announced(const struct decode_open *o)
{
	return strcmp(o->record->detector, "list-debug") == 0 ||
	       (o->record->kind && strcmp(o->record->kind, "kernel-bug") == 0);
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
	if (probe.form == FORM_ASAN || probe.form == FORM_TSAN)
		l->deadly = 0;
	if (announced(&probe) && l->warned.caller == probe.caller)
		l->warned.line = 0;
	warning_says(l);
	o = lane_new(l);
	l->nr_open++;
	*o = probe;
	o->record->file = l->name ? decode_record_string(o->record, l->name, strlen(l->name)) : NULL;
	o->record->first_line = rule_before(l, o);
	take_damage(l, o);
	decode_record_line(o->record, n->text, strlen(n->text));
	if (n->prefix.stamp_len)
		o->record->time = decode_record_string(o->record, n->raw + n->prefix.stamp_at, n->prefix.stamp_len);
	o->shape = n->shape;
	o->indent = n->prefix.len;
	o->hosted = n->prefix.bare != 0;
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
	hand_over_stackless(l);
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
		/* the rule is the next report's */
		o->closed = next != FORM_KASAN && next != FORM_ASAN && !strstr(n->text, "==ERROR: LeakSanitizer: ");
		report_cut(l, o, BY_REPORT);
		return false;
	}
	if (was_closed) {
		report_finish(l, o, NULL);
		return false;
	}
	if (decode_headline_goes_on(o, n->text)) {
		keep_line(l, o, n);
		own_line(l, o, n);
		return true;
	}
	/* A headline that ends in "func+0x1/0x2" would pass for a frame. */
	if ((starts(n->text, "BUG: ") || (starts(n->text, "UBSAN: ") && strcmp(o->record->detector, "ubsan") == 0)) &&
	    begins_report(n)) {
		report_cut(l, o, BY_REPORT);
		return false;
	}
	/* Another process reports meanwhile: both go on. */
	if (decode_other_process(o, n->text))
		return false;
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

/* UBSan's report without a stack had one: its first frame, which names the report's place, comes among other lines. */
static void lost_stack(struct decode_reader *l, const char *text)
{
	const char *t = l->nr_stackless ? text + strspn(text, " ") : text;

	for (size_t i = 0; i < l->nr_stackless && starts(t, "#0 0x"); i++) {
		struct decode_record *r = l->stackless[i];
		if (r->place && strstr(t, r->place))
			r->corrupted = "its stack is missing";
	}
}

static void take_text(struct decode_reader *l, const struct line *n)
{
	struct decode_open *o = lane_of_line(l, n->prefix.caller, n->text);
	size_t rule = decode_rule_length(n->text);

	if (!o || !of_a_signal(o->record))
		lost_stack(l, n->text);

	if (take_news(l, n->text)) {
		if (o)
			o->trace_over = true;
		return;
	}
	if (n->text[0] == '{' && is_json_report(n->text, strlen(n->text))) {
		take_json(l, n->text, strlen(n->text));
		return;
	}
	if (o && lane_take(l, o, n)) /* a rule inside a report belongs to that report */
		return;
	if (rule < DECODE_LEAST_RULE && !try_begin(l, n))
		not_taken(l, n);
	if (rule >= DECODE_LEAST_RULE)
		rule_remember(l, n->prefix.caller, l->line, rule);
}

/* ---- prefixes that only headlines show ------------------------------------------------------- */

static void shape_forget(struct decode_reader *l, struct decode_shape *s)
{
	free(s->bytes);
	*s = l->shapes[--l->nr_shapes];
}

static struct decode_shape *shape_by_id(struct decode_reader *l, uint64_t id)
{
	for (size_t i = 0; i < l->nr_shapes; i++)
		if (l->shapes[i].id == id)
			return &l->shapes[i];
	return NULL;
}

/* NULL: out of memory */
static struct decode_shape *shape_new(struct decode_reader *l, const char *p, size_t len)
{
	struct decode_shape *s = &l->shapes[0];

	if (l->nr_shapes == SHAPES_MAX) {
		for (size_t i = 1; i < l->nr_shapes; i++)
			if (l->shapes[i].used < s->used)
				s = &l->shapes[i];
		shape_forget(l, s);
	}
	s = &l->shapes[l->nr_shapes];
	if (!decode_shape_learn(s, p, len))
		return NULL;
	l->nr_shapes++;
	s->id = ++l->shape_ids;
	s->caller = (uint64_t)'S' << 48 | s->id;
	s->used = l->line;
	/* the lines in front tell whether the numbers stay */
	for (size_t i = 0, taken; i < BEFORE_MAX && !l->depth; i++)
		s->exact |= l->before[i].len &&
		            decode_shape_match(s, l->before[i].p, l->before[i].len, &taken) == SHAPE_SAME;
	s->confirmed = s->exact;
	return s;
}

static bool all_blank(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p >= end;
}

/* Does the shape fit better, of which `n` bytes stand there, not `taken`?  The longer one does; but one that is longer
 * by blanks only may stand for the other's indentation, so that counts which the last lines had. */
static bool fits_better(const struct decode_shape *s, size_t n, const struct decode_shape *best, size_t taken,
                        const char *raw)
{
	size_t at = MIN(n, taken), end = MAX(n, taken);

	if (at < end && all_blank(raw + at, raw + end) && s->used != best->used)
		return s->used > best->used;
	return n > taken;
}

/* The shape that the line has.  A line with the same numbers belongs to that shape rather than to a similar one; and a
 * shape that has met its own numbers again belongs to one process, so similar lines are another's. */
static struct decode_shape *shape_find(struct decode_reader *l, const char *raw, size_t len, size_t *taken,
                                       enum decode_likeness *like)
{
	struct decode_shape *best = NULL;
	enum decode_likeness best_like = SHAPE_OTHER, this_like;

	for (size_t i = l->nr_shapes; i-- > 0;) {
		struct decode_shape *s = &l->shapes[i];
		size_t n;
		if (l->line - s->used > SHAPE_LINES) {
			shape_forget(l, s);
			best = NULL;
			best_like = SHAPE_OTHER;
			i = l->nr_shapes;
			continue;
		}
		this_like = decode_shape_match(s, raw, len, &n);
		if (this_like == SHAPE_SIMILAR && s->exact)
			continue;
		if (this_like > best_like || (best && this_like == best_like && fits_better(s, n, best, *taken, raw))) {
			best = s;
			best_like = this_like;
			*taken = n;
		}
	}
	if (best && best_like == SHAPE_SAME && len > *taken)
		best->exact = true;
	*like = best_like;
	return best;
}

static bool shape_is_open(const struct decode_reader *l, const struct decode_shape *s)
{
	for (size_t i = 0; i < l->nr_open; i++)
		if (l->open[i].shape == s->id)
			return true;
	return false;
}

/* Does an open report want lines of this caller? */
static struct decode_open *listening(struct decode_reader *l, uint64_t caller)
{
	return lane(l, caller);
}

/* The report of a headline that had words in front, such as "login: ", and whose next lines may have none. */
static struct decode_open *unconfirmed(struct decode_reader *l, uint64_t caller)
{
	for (size_t i = 0; i < l->nr_open; i++) {
		struct decode_shape *s = l->open[i].shape ? shape_by_id(l, l->open[i].shape) : NULL;
		if (s && !s->confirmed && s->plain_caller == caller)
			return &l->open[i];
	}
	return NULL;
}

/* The length of a line without the tags at its end: "…</span>", "…<br/>". */
static size_t without_tags(const char *text, size_t len)
{
	static const char *const tags[] = { "/span>", "/pre>", "/code>", "/div>", "/td>", "/tr>",
		                            "/li>",   "/p>",   "/font>", "br>",   "br/>", "br />" };
	const char *open;

	while (len > 4 && text[len - 1] == '>' && (open = memrchr(text, '<', len)) != NULL) {
		size_t i = 0, n = (size_t)(text + len - open) - 1;
		while (i < ARRAY_SIZE(tags) && (strlen(tags[i]) != n || memcmp(open + 1, tags[i], n) != 0))
			i++;
		if (i == ARRAY_SIZE(tags))
			break;
		len = (size_t)(open - text);
	}
	return len;
}

static const char *copy_text(struct decode_reader *l, const char *p, size_t len)
{
	const char *text;
	size_t bare;

	while (len && (p[len - 1] == ' ' || p[len - 1] == '\t'))
		len--;
	bare = without_tags(p, len);
	text = decode_bytes_clean(&l->text, &l->text_room, p, bare);
	if (text &&
	    (l->nr_open || bare < len || starts(text, "{&") || starts(text, "&lt;error") ||
	     starts(text, "&lt;fatal_signal")) &&
	    strchr(text, '&')) /* XML, HTML */
		l->text[decode_strings_entities(l->text, strlen(l->text))] = '\0';
	if (text && starts(text, "{\"\"schema")) /* CSV */
		l->text[decode_strings_undouble(l->text, strlen(l->text), '"')] = '\0';
	if (text)
		decode_bytes_utf8(l->text);
	return text;
}

/* Cuts off reports whose callers have been silent for very many lines. */
static void cut_stale(struct decode_reader *l)
{
	for (size_t i = l->nr_open; i-- > 0;)
		if (i < l->nr_open && l->line - l->open[i].heard_at > STALE_LINES)
			report_cut(l, &l->open[i], "silence");
}

/* ---- from a line of the log to its text ------------------------------------------------------ */

static void take_line(struct decode_reader *l, const char *raw, size_t len, bool marked, uint64_t caller);

/* Takes the lines of a text that stood in a string. */
static void take_string(struct decode_reader *l, const char *text, size_t len, uint64_t caller)
{
	l->depth++;
	while (l->depth <= STRINGS_MAX) {
		const char *newline = memchr(text, '\n', len);
		size_t n = newline ? (size_t)(newline - text) : len;
		take_line(l, text, n, decode_mark_find(text, text + n) != NULL, caller);
		if (!newline)
			break;
		text += n + 1;
		len -= n + 1;
	}
	l->depth--;
}

static struct held *held_find(struct decode_reader *l, uint64_t key)
{
	for (size_t i = 0; i < HELD_MAX; i++)
		if (l->held[i].bytes && l->held[i].key == key)
			return &l->held[i];
	return NULL;
}

/* Appends to a line that is not complete, or begins one. */
static void hold(struct decode_reader *l, uint64_t key, uint64_t caller, const char *p, size_t len)
{
	struct held *h = held_find(l, key);
	char *grown;

	for (size_t i = 0; !h && i < HELD_MAX; i++)
		if (!l->held[i].bytes)
			h = &l->held[i];
	if (!h || h->len + len > HELD_BYTES_MAX || !(grown = realloc(h->bytes, h->len + len + 1)))
		return;
	if (!h->bytes)
		*h = (struct held){ .key = key, .line = l->line, .caller = caller };
	h->bytes = grown;
	memcpy(h->bytes + h->len, p, len);
	h->len += len;
}

static void take_plain(struct decode_reader *l, const char *raw, size_t len, bool marked, uint64_t caller, bool whole);

/* The line is complete. */
static void release(struct decode_reader *l, struct held *h)
{
	struct held taken = *h;
	uint64_t line = l->line;

	memset(h, 0, sizeof(*h));
	l->line = taken.line;
	take_plain(l, taken.bytes, taken.len, decode_mark_find(taken.bytes, taken.bytes + taken.len) != NULL,
	           taken.caller, true);
	l->line = line;
	free(taken.bytes);
}

static void release_all(struct decode_reader *l)
{
	for (struct held *first; l->depth == 0;) {
		first = NULL;
		for (size_t i = 0; i < HELD_MAX; i++)
			if (l->held[i].bytes && (!first || l->held[i].line < first->line))
				first = &l->held[i];
		if (!first)
			break;
		release(l, first);
	}
}

#define KEY_CRI 'C'
#define KEY_GITLAB 'G'
#define KEY_JSON 'J'

/* Lines in pieces.  True: the piece waits for the next one, or was taken with the pieces in front. */
static bool take_piece(struct decode_reader *l, const char *raw, size_t len, const struct decode_prefix *p,
                       uint64_t caller)
{
	uint64_t key = (uint64_t)(p->may_go_on ? KEY_GITLAB : KEY_CRI) << 8 | (unsigned char)p->stream;
	struct held *h = held_find(l, key);

	if (p->may_go_on) {
		if (h && !p->goes_on)
			release(l, h);
		if (!h || !p->goes_on)
			hold(l, key, caller, raw, len);
		else
			hold(l, key, caller, raw + p->len, len - p->len);
		return true;
	}
	if (!h && !p->partial)
		return false;
	if (h)
		hold(l, key, caller, raw + p->len, len - p->len);
	else
		hold(l, key, caller, raw, len);
	if (h && !p->partial)
		release(l, h);
	return true;
}

static void take_json_text(void *ctx, const struct decode_text_found *found)
{
	struct decode_reader *l = ctx;
	uint64_t key = (uint64_t)KEY_JSON << 56 | found->caller >> 8;
	struct held *h = held_find(l, key), taken;

	if (h || found->partial)
		hold(l, key, found->caller, found->text, found->len);
	if (found->partial)
		return;
	if (!h) {
		take_string(l, found->text, found->len, found->caller);
		return;
	}
	taken = *h;
	memset(h, 0, sizeof(*h));
	take_string(l, taken.bytes, taken.len, found->caller);
	free(taken.bytes);
}

/* A headline stands in a string: takes the string's lines.  False: it is not in a string. */
static bool take_quoted(struct decode_reader *l, const char *raw, size_t len, struct decode_found *f, uint64_t caller)
{
	const char *brace;
	size_t quote, text_len;
	struct decode_shape *s;
	char *text;

	if (l->depth >= STRINGS_MAX)
		return false;
	text = decode_strings_command(raw, len, f->at, &text_len);
	if (text) {
		take_string(l, text, text_len, caller);
		free(text);
		return true;
	}
	quote = decode_strings_quote(raw, len, f->at);
	if (!quote) {
		text = decode_strings_lines(raw, len, f->at, &text_len);
		if (text)
			take_string(l, text, text_len, caller);
		free(text);
		return text != NULL;
	}
	for (brace = raw; brace < raw + quote && (brace = memchr(brace, '{', (size_t)(raw + quote - brace))); brace++)
		if (brace + 1 < raw + len && brace[1] == '"' &&
		    decode_strings_json(&l->strings, brace, len - (size_t)(brace - raw), take_json_text, l)) {
			s = shape_new(l, raw, (size_t)(brace - raw));
			if (s)
				s->quote = '{';
			return true;
		}
	if (decode_strings_list(raw, len, f->at, take_json_text, l))
		return true;
	text = decode_strings_unquote(raw + quote, len - quote, raw[quote - 1], &text_len);
	if (!text)
		return true;
	while (text_len && (text[text_len - 1] == '\n' || text[text_len - 1] == '\r'))
		text_len--;
	if (memchr(text, '\n', text_len)) {
		take_string(l, text, text_len, caller);
	} else if (!decode_strings_closed(raw + quote, len - quote, raw[quote - 1])) { /* its next lines follow */
		free(text);
		return false;
	} else if (raw[quote - 1] == '"' && quote > 1 && raw[quote - 2] == ',') { /* CSV quotes where it must */
		f->at = f->text = quote - 1;
		free(text);
		return false;
	} else if ((s = shape_new(l, raw, quote)) != NULL) {
		s->quote = raw[quote - 1];
		take_string(l, text, text_len, s->caller);
	}
	free(text);
	return true;
}

/* Without "  (tag)", which logcat -v process puts behind the text. */
static size_t without_tag(const char *p, size_t len)
{
	const char *open = len && p[len - 1] == ')' ? memrchr(p, '(', len) : NULL;

	return open && open - p >= 2 && open[-1] == ' ' && open[-2] == ' ' ? (size_t)(open - 2 - p) : len;
}

/* Without "</msg>", behind an element whose text is a line: "<msg level="INFO">text</msg>". */
static size_t without_close(const char *raw, const char *p, size_t len)
{
	const char *open = len > 3 && p[len - 1] == '>' ? memrchr(p, '<', len) : NULL;
	size_t name = open && open[1] == '/' ? (size_t)(p + len - 1 - open - 2) : 0;

	return name && p - raw > (ptrdiff_t)name + 1 && memcmp(raw + 1, open + 2, name) == 0 ? (size_t)(open - p) : len;
}

/* Takes a line whose prefix has a shape; the rest begins at `taken`. */
static void take_shaped(struct decode_reader *l, struct decode_shape *s, struct line *n, size_t taken)
{
	const char *p = n->raw + taken;
	size_t len = n->raw_len - taken, text_len;
	uint64_t pid = 0;
	char *text;

	if (s->quote == '{') {
		decode_strings_json(&l->strings, p, len, take_json_text, l);
		return;
	}
	if (s->quote || (len > 1 && *p == '"' && taken && p[-1] == ',')) {
		uint64_t caller = s->caller;
		bool csv = !s->quote;
		text = decode_strings_unquote(p + csv, len - csv, csv ? '"' : s->quote, &text_len);
		while (text && text_len && (text[text_len - 1] == '\n' || text[text_len - 1] == '\r'))
			text_len--;
		if (text)
			take_string(l, text, text_len, caller);
		free(text);
		return;
	}
	n->prefix.len = taken + decode_prefix_valgrind(p, len, &pid);
	n->prefix.caller = pid ? decode_caller_valgrind((uint32_t)pid, s->caller) : s->caller;
	if (s->tagged || (taken > 2 && n->raw[1] == '(' && strchr("VDIWEF", n->raw[0]) && !memchr(n->raw, ':', taken)))
		n->raw_len = taken + without_tag(p, len);
	if (n->raw[0] == '<')
		n->raw_len = taken + without_close(n->raw, p, len);
	if (n->raw[0] == '|' && len > 2 && memcmp(p + len - 2, " |", 2) == 0) /* a row of a table */
		n->raw_len -= 2;
	n->shape = s->id;
	n->text = copy_text(l, n->raw + n->prefix.len, n->raw_len > n->prefix.len ? n->raw_len - n->prefix.len : 0);
	if (n->text)
		take_text(l, n);
}

/* A report begins behind words that prefix.c does not know. */
static void begin_shape(struct decode_reader *l, struct line *n, const struct decode_found *f)
{
	struct decode_shape *s = shape_new(l, n->raw, f->at);

	if (!s)
		return;
	s->plain_caller = n->prefix.len <= f->at ? n->prefix.caller : 0;
	if (f->caller)
		s->plain_caller = decode_caller_valgrind((uint32_t)f->caller, s->plain_caller);
	if (n->prefix.len > f->at)
		memset(&n->prefix, 0, sizeof(n->prefix));
	take_shaped(l, s, n, f->at);
}

/* Takes a line with the prefix that prefix.c knows. */
static void take_known(struct decode_reader *l, struct line *n)
{
	struct decode_open *o = l->nr_shapes && l->nr_open ? unconfirmed(l, n->prefix.caller) : NULL;
	struct decode_shape *s = o ? shape_by_id(l, o->shape) : NULL;
	uint64_t plain = n->prefix.caller, caller = o ? o->caller : 0, line;

	n->text = copy_text(l, n->raw + n->prefix.len, n->raw_len - n->prefix.len);
	if (!n->text)
		return;
	if (!s) {
		take_text(l, n);
		return;
	}
	line = o->record->last_line;
	n->prefix.caller = caller;
	take_text(l, n);
	o = lane(l, caller);
	if (o && o->record->last_line != line && *n->text) { /* so the words stood only in front of the headline */
		o->caller = plain;
		o->shape = 0;
		shape_forget(l, s);
	}
}

#define INDENT_LEAST 12

/* journalctl prints an entry of several lines with blanks in place of the prefix in front of all but the first. */
static void continue_entry(struct decode_reader *l, struct line *n)
{
	size_t blanks = 0;

	while (blanks < n->raw_len && n->raw[blanks] == ' ')
		blanks++;
	if (blanks < INDENT_LEAST)
		return;
	for (size_t i = l->nr_open; i-- > 0;) {
		struct decode_open *o = &l->open[i];
		if (o->indent < INDENT_LEAST || !o->caller || o->shape || l->line - o->heard_at > 1 ||
		    (blanks < o->indent && blanks < n->raw_len))
			continue;
		n->prefix.len = MIN(o->indent, n->raw_len);
		n->prefix.caller = o->caller;
		return;
	}
}

/* Adds the shape mere blanks to the prefix that prefix.c knows, and a report without them is being read since?  Then
 * they are that report's indentation. */
static bool indents_another(struct decode_reader *l, const struct decode_shape *s, const struct line *n, size_t taken)
{
	const struct decode_open *o = lane(l, n->prefix.caller);

	return o && o->heard_at > s->used && !s->quote && all_blank(n->raw + MIN(n->prefix.len, taken), n->raw + taken);
}

/* "`text`  ": code in Markdown */
static size_t without_ticks(const char *raw, size_t len)
{
	size_t end = len;

	while (end > 2 && raw[end - 1] == ' ')
		end--;
	return raw[end - 1] == '`' ? end - 1 : len;
}

/* A line of TeamCity's messages. */
static bool take_command(struct decode_reader *l, const char *raw, size_t len, uint64_t caller)
{
	const char *value = memmem(raw, len, "='", 2), *last = NULL;
	size_t text_len;
	char *text;

	if (len <= 12 || memcmp(raw, "##teamcity[", 11) != 0)
		return false;
	while (value && value + 2 < raw + len && !last) {
		if (value - raw > 4 && (memcmp(value - 4, "text", 4) == 0 || memcmp(value - 3, "out", 3) == 0))
			last = value + 2;
		value = memmem(value + 2, (size_t)(raw + len - value - 2), "='", 2);
	}
	text = last ? decode_strings_command(raw, len, (size_t)(last - raw), &text_len) : NULL;
	if (!text)
		return false;
	take_string(l, text, text_len, caller);
	free(text);
	return true;
}

/* Takes one line without its wrapping. `caller` is used when the prefix names none; `whole`: its pieces are joined. */
static void take_plain(struct decode_reader *l, const char *raw, size_t len, bool marked, uint64_t caller, bool whole)
{
	struct line n = { .raw = raw };
	struct decode_shape *s;
	struct decode_found f;
	enum decode_likeness like;
	size_t taken = 0;
	bool telling, knows = false;

	while (len && raw[len - 1] == '\r')
		len--;
	if (len > 2 && (*raw == '`' || *raw == '#')) {
		if (*raw == '`')
			len = without_ticks(raw, len);
		else if (take_command(l, raw, len, caller))
			return;
	}
	n.raw_len = len;
	decode_prefix_parse(raw, len, &n.prefix);
	if (l->nr_open && len && *raw == ' ' && !n.prefix.caller && !caller)
		continue_entry(l, &n);
	if (n.prefix.bare && l->nr_open && !l->nr_shapes) {
		struct decode_open *o = lane(l, n.prefix.caller);
		if (o && !o->hosted)
			n.prefix.len = n.prefix.bare;
	}
	if (!n.prefix.caller)
		n.prefix.caller = caller;
	else if (n.prefix.caller >> 32 == 'V' << 16 && caller)
		n.prefix.caller = decode_caller_valgrind((uint32_t)n.prefix.caller, caller);
	if (l->nr_open && l->line % STALE_LOOK == 0)
		cut_stale(l);
	if (!whole && n.prefix.stream && take_piece(l, raw, len, &n.prefix, caller))
		return;
	if (!marked && !l->nr_shapes && l->line > l->stackless_until && !listening(l, n.prefix.caller) &&
	    n.prefix.caller >> 48 != 'V' && !decode_may_be_headline(raw + n.prefix.len, len - n.prefix.len))
		return;
	telling = marked; /* else it may be a part of a report that nothing understands */
	marked = marked && decode_mark_headline(raw, len, &f);
	knows = marked && f.text == n.prefix.len && (!f.caller || n.prefix.caller >> 48 == 'V');
	if (knows && !caller && !memmem(raw + f.at, len - f.at, "#012", 4))
		/* prefix.c knows the prefix */
		marked = false, taken = SIZE_MAX;
	else if (marked && take_quoted(l, raw, len, &f, caller))
		return;
	s = l->nr_shapes && taken != SIZE_MAX ? shape_find(l, raw, len, &taken, &like) : NULL;
	if (s && indents_another(l, s, &n, taken))
		s = NULL;
	/* A report's own process does not begin another report inside of it. */
	if (s && marked && (taken != f.at || (like == SHAPE_SIMILAR && shape_is_open(l, s))))
		s = NULL;
	if (s) {
		s->used = l->line;
		s->confirmed |= len > taken;
		take_shaped(l, s, &n, taken);
	} else if (marked && !knows) {
		begin_shape(l, &n, &f);
	} else if (telling || listening(l, n.prefix.caller) || n.prefix.caller >> 48 == 'V' ||
	           unconfirmed(l, n.prefix.caller) || l->line <= l->stackless_until ||
	           decode_may_be_headline(raw + n.prefix.len, len - n.prefix.len)) {
		take_known(l, &n);
	}
}

/* Takes a line that something wraps.  False: nothing does. */
static bool take_enveloped(struct decode_reader *l, struct decode_envelope *e, const char *raw, size_t len,
                           uint64_t caller)
{
	const char *text;
	size_t text_len;

	switch (decode_envelope_open(e, raw, len, &text, &text_len)) {
	case ENVELOPE_TEXT:
		take_string(l, text, text_len, caller);
		return true;
	case ENVELOPE_OTHER:
		return true;
	case ENVELOPE_JSON:
		return decode_strings_json(&l->strings, text, text_len, take_json_text, l);
	case ENVELOPE_NOT:
		break;
	}
	return false;
}

/* The same for a line of a string; no format of several lines is in there. */
static bool take_enveloped_inside(struct decode_reader *l, const char *raw, size_t len, uint64_t caller)
{
	struct decode_envelope none = { .form = ENVELOPE_PLAIN };

	return decode_may_be_envelope(&none, raw, len) && take_enveloped(l, &none, raw, len, caller);
}

/* Takes one line, without spelled letters. */
__inline_hot void take_wrapped(struct decode_reader *l, const char *raw, size_t len, bool marked, uint64_t caller)
{
	bool taken = l->depth ? take_enveloped_inside(l, raw, len, caller)
	                      : decode_may_be_envelope(&l->envelope, raw, len) &&
	                                take_enveloped(l, &l->envelope, raw, len, caller);

	if (!taken)
		take_plain(l, raw, len, marked, caller, false);
}

static void take_spelled(struct decode_reader *l, const char *raw, size_t len, uint64_t caller)
{
	char *plain = malloc(len + 1);

	if (!plain)
		return;
	len = decode_spell_out(plain, raw, len);
	plain[len] = '\0';
	take_wrapped(l, plain, len, decode_mark_words(plain, plain + len) != NULL, caller);
	free(plain);
}

/* ---- arrays of bytes --------------------------------------------------------------------------------- */

#define BYTE_LINE_MAX 24
#define BYTES_MAX (1u << 20)

/* "\t\t83,": an array of bytes with a line for each; journalctl -o json-pretty writes texts so that have control
 * characters.  Returns the byte, or -1; *last: no comma stands behind it. */
static int byte_of_line(const char *raw, size_t len, bool *last)
{
	struct decode_cut c = { raw, raw + len };
	const char *digits;
	int value = 0;

	decode_cut_blanks(&c);
	for (digits = c.p; c.p < c.end && *c.p >= '0' && *c.p <= '9' && c.p - digits < 3; c.p++)
		value = value * 10 + (*c.p - '0');
	if (c.p == digits || digits == raw || value > 255)
		return -1;
	*last = !decode_cut_letter(&c, ',');
	decode_cut_blanks(&c);
	return c.p == c.end ? value : -1;
}

/* The array has ended: its bytes are lines. */
static void take_bytes(struct decode_reader *l)
{
	size_t len = l->bytes_len;

	l->bytes_len = 0;
	if (len)
		take_string(l, l->bytes, len, 0);
}

/* False: the line belongs to no array of bytes. */
static bool hold_byte(struct decode_reader *l, const char *raw, size_t len)
{
	bool last;
	int byte = byte_of_line(raw, len, &last);

	if (byte < 0 || (last && !l->bytes_len) || l->bytes_len == BYTES_MAX)
		return false;
	if (l->bytes_len == l->bytes_room) {
		size_t room = MAX(l->bytes_room * 2, (size_t)1024);
		char *grown = realloc(l->bytes, room);
		if (!grown)
			return false;
		l->bytes = grown;
		l->bytes_room = room;
	}
	l->bytes[l->bytes_len++] = (char)byte;
	return true;
}

/* ---- base64 -------------------------------------------------------------------------------------------- */

static void take_base64(struct decode_reader *l)
{
	size_t len = l->base64.len;

	l->base64.len = 0;
	if (len && decode_mark_find(l->base64.text, l->base64.text + len))
		take_string(l, l->base64.text, len, 0);
}

static size_t without_end(const char *raw, size_t len)
{
	while (len && (raw[len - 1] == '\r' || raw[len - 1] == ' '))
		len--;
	return len;
}

/* Appends what a line of base64 holds.  A wrapped text has lines of one length, the last one is shorter; otherwise
 * each line was a line before.  False: it is not base64. */
static bool hold_base64(struct decode_reader *l, const char *raw, size_t len)
{
	size_t start, need;

	len = without_end(raw, len);
	if (len && decode_base64_run(raw, len, 0, &start) != len)
		return false;
	need = l->base64.len + len + 2;
	if (need > BYTES_MAX)
		return false;
	if (need > l->base64.room) {
		char *grown = realloc(l->base64.text, need * 2);
		if (!grown)
			return false;
		l->base64.text = grown;
		l->base64.room = need * 2;
	}
	l->base64.len += decode_base64(l->base64.text + l->base64.len, raw, len);
	if (!l->base64.width && (!l->base64.len || l->base64.text[l->base64.len - 1] != '\n'))
		l->base64.text[l->base64.len++] = '\n';
	return true;
}

#define BASE64_LEAST 60 /* the lines of a wrapped text */
#define BASE64_MOST 77  /* with a carriage return */

/* Does a wrapped text begin here? */
static bool wraps_base64(struct decode_reader *l, const char *raw, size_t len)
{
	size_t start;

	len = without_end(raw, len);
	if (len % 4 != 0 || *raw == '=' || raw[len - 1] == '=' || decode_base64_run(raw, len, 0, &start) != len)
		return false;
	l->base64.width = len;
	return true;
}

/* A line with words of a headline in base64, at `at`.  False: it is no such text. */
static bool begin_base64(struct decode_reader *l, const char *raw, size_t len, size_t at, uint64_t caller)
{
	size_t start, run = decode_base64_run(raw, len, at, &start), n, back = BEFORE_MAX;
	char *text = malloc(run + 1);
	bool known;

	if (!text)
		return false;
	n = decode_base64(text, raw + start, run);
	known = decode_mark_find(text, text + n) != NULL;
	if (known && (l->depth || start || run != without_end(raw, len)))
		take_string(l, text, n, caller);
	else if (known) {
		l->base64.width = 0;
		while (--back > 0) { /* the text's first lines */
			const struct before *b = &l->before[(l->next_before + BEFORE_MAX - back) % BEFORE_MAX];
			if (b->len >= 8)
				hold_base64(l, b->p, b->len);
		}
		hold_base64(l, raw, len);
	}
	free(text);
	return known;
}

/* Takes one line of the log, or of a string in it, that is whole. */
__inline_hot void take_whole(struct decode_reader *l, const char *raw, size_t len, bool marked, uint64_t caller)
{
	enum decode_writing writing;
	const char *at;

	if (l->depth == 0 && len <= BYTE_LINE_MAX && len && (*raw == ' ' || *raw == '\t') && hold_byte(l, raw, len))
		return;
	if (l->bytes_len && l->depth == 0)
		take_bytes(l);
	if (l->depth == 0 &&
	    (l->base64.len || (len >= BASE64_LEAST && len <= BASE64_MOST && wraps_base64(l, raw, len)))) {
		if (hold_base64(l, raw, len))
			return;
		take_base64(l);
	}
	writing = marked ? decode_mark_writing(raw, raw + len, &at) : WRITING_PLAIN;
	if (writing == WRITING_BASE64 && begin_base64(l, raw, len, (size_t)(at - raw), caller))
		return;
	if (writing == WRITING_SPELLED)
		take_spelled(l, raw, len, caller);
	else
		take_wrapped(l, raw, len, marked, caller);
}

/* The pieces of a line that was cut are a line. */
static void take_joined(struct decode_reader *l)
{
	struct decode_joiner *j = &l->joiner;

	j->held = false;
	take_whole(l, j->text, j->len, decode_mark_find(j->text, j->text + j->len) != NULL, 0);
}

/* Takes one line of the log, or of a string in it. */
static void take_line(struct decode_reader *l, const char *raw, size_t len, bool marked, uint64_t caller)
{
	if (l->depth == 0 && (marked || decode_joiner_wants(&l->joiner, raw, len)))
		switch (decode_joiner_add(&l->joiner, raw, len, marked)) {
		case JOINED_HELD:
			return;
		case JOINED_WHOLE:
			take_joined(l);
			return;
		case JOINED_NOT:
			break;
		}
	take_whole(l, raw, len, marked, caller);
}

/* Takes a line that holds bytes for terminals, or several lines between carriage returns. */
static void take_odd_line(struct decode_reader *l, const char *raw, size_t len)
{
	const char *p = decode_bytes_clean(&l->plain, &l->plain_room, raw, len);

	while (p) {
		const char *cr = strchr(p, '\r');
		size_t n = cr ? (size_t)(cr - p) : strlen(p);
		if (n || !cr)
			take_line(l, p, n, decode_mark_find(p, p + n) != NULL, 0);
		p = cr ? cr + 1 : NULL;
	}
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static size_t line_limit(const char *line, size_t len)
{
	return *line == '{' || *line == '[' || is_json_report(line, len) || memmem(line, len, "\\n", 2)
	               ? JSON_LINE_MAX
	               : DECODE_LINE_MAX;
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

/* The next mark of a block, at or behind `from`. `known` is the answer to the last question, which may lie further
 * ahead. */
static const char *next_mark(const char *known, const char *from, const char *end)
{
	return !known || known >= from ? known : decode_mark_find(from, end);
}

static void take_carried(struct decode_reader *l)
{
	struct before *b = &l->before[l->next_before];

	l->line++;
	if (decode_bytes_odd(l->carry, l->carry_len))
		take_odd_line(l, l->carry, l->carry_len);
	else
		take_line(l, l->carry, l->carry_len, decode_mark_find(l->carry, l->carry + l->carry_len) != NULL, 0);
	b->len = MIN(l->carry_len, (size_t)BEFORE_LEN);
	memcpy(b->copy, l->carry, b->len);
	b->p = b->copy;
	l->next_before = (l->next_before + 1) % BEFORE_MAX;
	l->carry_len = 0;
	l->skipping = false;
}

static void feed(struct decode_reader *l, const char *bytes, size_t len)
{
	const char *p = bytes, *end = bytes + len, *newline;
	/* looking into every line is expensive, so first ask whether the block holds anything */
	const char *mark = decode_mark_find(bytes, end);
	bool odd = decode_bytes_odd(bytes, len);

	while (p < end && (newline = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		size_t n = (size_t)(newline - p);
		mark = next_mark(mark, p, end);
		if (l->carry_len || l->skipping) {
			carry_add(l, p, n);
			take_carried(l);
		} else {
			n = n > DECODE_LINE_MAX ? MIN(n, line_limit(p, n)) : n;
			l->line++;
			if (odd)
				take_odd_line(l, p, n);
			else
				take_line(l, p, n, mark && mark < newline, 0);
			l->before[l->next_before].p = p;
			l->before[l->next_before].len = n;
			l->next_before = (l->next_before + 1) % BEFORE_MAX;
		}
		p = newline + 1;
	}
	for (size_t i = 0; i < BEFORE_MAX; i++) { /* the bytes go */
		struct before *b = &l->before[i];
		b->len = MIN(b->len, (size_t)BEFORE_LEN);
		if (b->len && b->p != b->copy)
			memcpy(b->copy, b->p, b->len);
		b->p = b->copy;
	}
	if (p < end)
		carry_add(l, p, (size_t)(end - p));
}

/* UTF-16 becomes UTF-8; a letter may be cut in half by the end of the bytes. */
static void feed_utf16(struct decode_reader *l, const char *bytes, size_t len)
{
	char *text = malloc((len + 2) * 3 / 2 + 3);
	size_t n = 0;

	if (!text)
		return;
	if (l->head_len == 1 && len) {
		l->head[1] = *bytes++;
		len--;
		n = decode_bytes_from_utf16(text, l->head, 2, l->encoding);
		l->head_len = 0;
	}
	n += decode_bytes_from_utf16(text + n, bytes, len, l->encoding);
	if (len & 1) {
		l->head[0] = bytes[len - 1];
		l->head_len = 1;
	}
	feed(l, text, n);
	free(text);
}

/* The first bytes tell the encoding. */
static void feed_head(struct decode_reader *l)
{
	char head[sizeof(l->head)];
	size_t len = l->head_len;

	memcpy(head, l->head, sizeof(head));
	l->encoding = decode_bytes_encoding(head, len);
	l->head_len = 0;
	if (l->encoding == ENCODING_BYTES)
		feed(l, head, len);
	else
		feed_utf16(l, head, len);
}

void decode_reader_feed(struct decode_reader *l, const char *bytes, size_t len)
{
	if (l->encoding == ENCODING_UNKNOWN && l->head_len == 0 && len >= sizeof(l->head))
		l->encoding = decode_bytes_encoding(bytes, len);
	while (l->encoding == ENCODING_UNKNOWN && len) {
		l->head[l->head_len++] = *bytes++;
		len--;
		if (l->head_len == sizeof(l->head))
			feed_head(l);
	}
	if (!l->line && !l->carry_len && l->encoding == ENCODING_BYTES)
		l->joiner.asks = (l->joiner.width = decode_joiner_width(bytes, len)) != 0;
	if (len && l->encoding == ENCODING_BYTES)
		feed(l, bytes, len);
	else if (len)
		feed_utf16(l, bytes, len);
}

void decode_reader_begin(struct decode_reader *l, const char *name)
{
	decode_reader_end(l);
	free(l->name);
	l->name = name ? strdup(name) : NULL;
	l->line = 0;
	l->bytes_len = l->base64.len = 0;
	l->joiner.width = 0;
	l->joiner.mail = l->joiner.held = l->joiner.asks = false;
	memset(l->rules, 0, sizeof(l->rules));
	decode_envelope_reset(&l->envelope);
	memset(&l->strings, 0, sizeof(l->strings));
	memset(l->before, 0, sizeof(l->before));
	while (l->nr_shapes)
		shape_forget(l, &l->shapes[0]);
	l->encoding = ENCODING_UNKNOWN;
	l->head_len = 0;
	l->have_kaslr = l->leaks_seen = l->valgrind_seen = false;
	l->stackless_until = 0;
	l->kaslr = 0;
}

void decode_reader_idle(struct decode_reader *l)
{
	release_all(l);
	for (size_t i = l->nr_open; i-- > 0;)
		if (!decode_missing(&l->open[i]))
			report_finish(l, &l->open[i], NULL);
	hand_over_stackless(l);
}

void decode_reader_end(struct decode_reader *l)
{
	if (l->encoding == ENCODING_UNKNOWN && l->head_len)
		feed_head(l);
	l->ending = true;
	if (l->carry_len)
		take_carried(l);
	if (l->joiner.held)
		take_joined(l);
	take_bytes(l);
	take_base64(l);
	release_all(l);
	l->ending = false;
	l->skipping = false;
	cut_all(l, BY_END);
	hand_over_stackless(l);
	warning_says(l);
	if (l->deadly && l->unread)
		l->unread(l->unread_ctx, l->name, l->deadly, "DEADLYSIGNAL, and no report of a sanitizer behind it");
	l->deadly = 0;
}

void decode_reader_destroy(struct decode_reader *l)
{
	while (l->nr_open) {
		decode_record_free(l->open[0].record);
		open_clear(l, &l->open[0]);
	}
	while (l->nr_stackless)
		decode_record_free(l->stackless[--l->nr_stackless]);
	free(l->carry);
	free(l->bytes);
	free(l->base64.text);
	free(l->joiner.text);
	free(l->text);
	free(l->plain);
	free(l->envelope.text);
	while (l->nr_shapes)
		shape_forget(l, &l->shapes[0]);
	for (size_t i = 0; i < HELD_MAX; i++)
		free(l->held[i].bytes);
	free(l->name);
	free(l);
}
