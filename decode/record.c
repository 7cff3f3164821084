/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/record.c - a record with its stacks and frames, all in one region; scanners of numbers and words. */
#include "config.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>

#include "decode/decode_internal.h"

struct decode_record *decode_record_new(void)
{
	struct decode_record *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->expected = r->found = -1;
	r->count = 1;
	return r;
}

void decode_record_free(struct decode_record *r)
{
	if (!r)
		return;
	region_free(&r->region);
	free(r);
}

const char *decode_record_string(struct decode_record *r, const char *s, size_t len)
{
	char *copy = region_alloc(&r->region, len + 1);

	if (copy)
		memcpy(copy, s, len);
	return copy;
}

const char *decode_record_format(struct decode_record *r, const char *format, ...)
{
	char *text = NULL;
	const char *copy;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	copy = n < 0 ? NULL : decode_record_string(r, text, (size_t)n);
	free(text);
	return copy;
}

/* Doubles an array.  The old array stays in the region, which is only freed as a whole. */
static void *grow(struct decode_record *r, void *old, size_t nr, size_t *room, size_t size)
{
	size_t wanted = *room ? *room * 2 : 8;
	void *grown = region_alloc(&r->region, wanted * size);

	if (!grown)
		return NULL;
	if (nr)
		memcpy(grown, old, nr * size);
	*room = wanted;
	return grown;
}

struct decode_stack *decode_record_stack(struct decode_record *r, const char *role)
{
	struct decode_stack *s;

	/* Callers keep pointers to a stack while they fill it, so stacks never move. */
	if (!r->stacks) {
		r->stacks = region_alloc(&r->region, DECODE_STACKS_MAX * sizeof(*r->stacks));
		r->room_stacks = r->stacks ? DECODE_STACKS_MAX : 0;
	}
	if (r->nr_stacks == r->room_stacks)
		return NULL;
	s = &r->stacks[r->nr_stacks++];
	s->role = role;
	return s;
}

struct decode_frame *decode_stack_frame(struct decode_record *r, struct decode_stack *s)
{
	struct decode_frame *f;

	if (s->nr == DECODE_FRAMES_MAX) {
		s->truncated = true;
		return NULL;
	}
	if (s->nr == s->room) {
		void *grown = grow(r, s->frames, s->nr, &s->room, sizeof(*s->frames));
		if (!grown)
			return NULL;
		s->frames = grown;
	}
	f = &s->frames[s->nr++];
	memset(f, 0, sizeof(*f));
	f->at_line = r->nr_lines ? (uint32_t)(r->nr_lines - 1) : DECODE_NONE;
	return f;
}

struct decode_row *decode_record_row(struct decode_record *r)
{
	if (r->nr_rows == DECODE_ROWS_MAX)
		return NULL;
	if (r->nr_rows == r->room_rows) {
		void *grown = grow(r, r->rows, r->nr_rows, &r->room_rows, sizeof(*r->rows));
		if (!grown)
			return NULL;
		r->rows = grown;
	}
	return &r->rows[r->nr_rows++];
}

struct decode_module *decode_record_module(struct decode_record *r)
{
	if (r->nr_modules == DECODE_MODULES_MAX)
		return NULL;
	if (r->nr_modules == r->room_modules) {
		void *grown = grow(r, r->modules, r->nr_modules, &r->room_modules, sizeof(*r->modules));
		if (!grown)
			return NULL;
		r->modules = grown;
	}
	return &r->modules[r->nr_modules++];
}

bool decode_record_line(struct decode_record *r, const char *text, size_t len)
{
	const char *copy;

	if (r->nr_lines == DECODE_LINES_MAX)
		return false;
	if (r->nr_lines == r->room_lines) {
		void *grown = grow(r, r->lines, r->nr_lines, &r->room_lines, sizeof(*r->lines));
		if (!grown)
			return false;
		r->lines = grown;
	}
	copy = decode_record_string(r, text, len);
	if (!copy)
		return false;
	r->lines[r->nr_lines++] = copy;
	return true;
}

const struct decode_stack *decode_record_role(const struct decode_record *r, const char *role)
{
	for (size_t i = 0; i < r->nr_stacks; i++)
		if (r->stacks[i].nr && strcmp(r->stacks[i].role, role) == 0)
			return &r->stacks[i];
	return NULL;
}

const struct decode_stack *decode_record_main_stack(const struct decode_record *r)
{
	static const char *const order[] = { "access", "noticed", "alloc" };
	const struct decode_stack *s;

	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		if ((s = decode_record_role(r, order[i])) != NULL)
			return s;
	for (size_t i = 0; i < r->nr_stacks; i++)
		if (r->stacks[i].nr)
			return &r->stacks[i];
	return NULL;
}

const struct decode_frame *decode_record_location(const struct decode_record *r)
{
	for (size_t k = 0; r->function && k < r->nr_stacks; k++)
		for (size_t i = 0; i < r->stacks[k].nr; i++) {
			const struct decode_frame *f = &r->stacks[k].frames[i];
			if (f->function == r->function && f->file && f->line)
				return f;
		}
	return NULL;
}

/* ---- scanners -------------------------------------------------------------------------------- */

const char *decode_hex(const char *p, uint64_t *value)
{
	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X') && number_digit(p[2]) >= 0)
		p += 2;
	return number_hex(p, value);
}

bool decode_hex_after(const char *s, const char *word, uint64_t *value)
{
	const char *at = strstr(s, word);

	return at && decode_hex(at + strlen(word), value);
}

bool decode_decimal_after(const char *s, const char *word, uint64_t *value)
{
	const char *at = strstr(s, word);

	return at && number_decimal(at + strlen(word), value);
}

const char *decode_kind(struct decode_record *r, const char *s, size_t len)
{
	char *out = region_alloc(&r->region, len + 1);
	size_t n = 0;

	if (!out)
		return "unknown";
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c < 0x80 && isalnum(c))
			out[n++] = (char)tolower(c);
		else if (n && out[n - 1] != '-')
			out[n++] = '-';
	}
	while (n && out[n - 1] == '-')
		n--;
	out[n] = '\0';
	return n ? out : "unknown";
}

size_t decode_rule_length(const char *text)
{
	size_t n = strspn(text, "=");

	/* a string, a tag or a list may end behind it */
	return strchr(" \"'`<)]},;|&", text[n]) ? n : 0;
}

bool decode_begin(struct decode_open *o, const char *detector, const char *kind, const char *text)
{
	o->record->detector = detector;
	o->record->kind = kind;
	o->record->headline = decode_record_string(o->record, text, strlen(text));
	return true;
}

bool decode_teller_begins(const struct decode_teller *all, size_t nr, struct decode_open *o, const char *text)
{
	for (size_t i = 0; i < nr; i++)
		if (all[i].begins(o, text))
			return true;
	return false;
}

enum decode_answer decode_teller_line(const struct decode_teller *all, size_t nr, struct decode_open *o,
                                      const char *text)
{
	for (size_t i = 0; i < nr; i++)
		if (strcmp(all[i].detector, o->record->detector) == 0)
			return all[i].line(o, text);
	return LINE_BEHIND;
}

const char *decode_kind_of_words(const char *const (*rows)[2], size_t nr, const char *text)
{
	for (size_t i = 0; i < nr; i++)
		if (strstr(text, rows[i][0]))
			return rows[i][1];
	return NULL;
}
