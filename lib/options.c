/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/options.c - the option table made from options.def, its parser, and messages about mistakes.
 *
 *    text    = item { ":" item }          empty items are nothing
 *    item    = name "=" value             blanks around an item, and around its name, do not count
 *    value   = "'" any "'"  |  '"' any '"'  |  any but ":"
 *
 * The value of a text option may hold "::" without quotes, as the names of C++ functions do, unless an option's name
 * and "=" follow.
 *
 * A mistake costs only its own item. When a quote is never closed, the item ends at the next colon, as if there were no
 * quote: the text behind that colon is more likely meant as options than as a part of the value. The text comes from
 * the environment and may hold anything.
 */
#include "lib/lib.h"

#define LINE_MAX_BYTES 400 /* the longest complaint */
#define SHOWN_MAX 60       /* bytes of the user's text in a complaint */
#define COMPLAINTS_MAX 20  /* complaints; further mistakes are only counted */
#define DISTANCE_MAX 40    /* how many bytes of an unknown name are compared */

struct memsan_options options;

/* A part of the user's text. */
struct span {
	const char *s;
	size_t len;
};

struct complaints {
	option_complain_fn fn; /* may be NULL */
	void *ctx;
};

/* ---- the table ------------------------------------------------------------------------------- */

const struct option_desc option_table[] = {
#define OPTION_BOOL(field, n, def, h)                       \
	{ .name = n,                                        \
	  .type = OPTION_TYPE_BOOL,                         \
	  .offset = offsetof(struct memsan_options, field), \
	  .default_text = def,                              \
	  .help = h },
#define OPTION_UINT(field, n, def, lo, hi, u, h)            \
	{ .name = n,                                        \
	  .type = OPTION_TYPE_UINT,                         \
	  .offset = offsetof(struct memsan_options, field), \
	  .min = lo,                                        \
	  .max = hi,                                        \
	  .unit = u,                                        \
	  .default_text = def,                              \
	  .help = h },
#define OPTION_ENUM(field, n, def, c, h)                    \
	{ .name = n,                                        \
	  .type = OPTION_TYPE_ENUM,                         \
	  .offset = offsetof(struct memsan_options, field), \
	  .default_text = def,                              \
	  .choices = c,                                     \
	  .help = h },
#define OPTION_STRING(field, n, def, h)                     \
	{ .name = n,                                        \
	  .type = OPTION_TYPE_STRING,                       \
	  .offset = offsetof(struct memsan_options, field), \
	  .default_text = def,                              \
	  .help = h },
#define OPTION_INTERNAL(field, n, h)                        \
	{ .name = n,                                        \
	  .type = OPTION_TYPE_STRING,                       \
	  .offset = offsetof(struct memsan_options, field), \
	  .default_text = "",                               \
	  .help = h,                                        \
	  .internal = true },
#include "lib/options.def"
#undef OPTION_BOOL
#undef OPTION_UINT
#undef OPTION_ENUM
#undef OPTION_STRING
#undef OPTION_INTERNAL
};
const size_t option_table_size = ARRAY_SIZE(option_table);

static bool span_is(struct span v, const char *word)
{
	return str_length(word) == v.len && mem_compare(v.s, word, v.len) == 0;
}

static const struct option_desc *option_find(struct span name)
{
	for (size_t i = 0; i < option_table_size; i++)
		if (span_is(name, option_table[i].name))
			return &option_table[i];
	return NULL;
}

/* Reads the choice at *p and moves *p behind it; false at the end of the list. */
static bool choice_next(const char **p, struct span *choice)
{
	const char *end = *p;

	if (!**p)
		return false;
	while (*end && *end != '|')
		end++;
	*choice = (struct span){ *p, (size_t)(end - *p) };
	*p = *end ? end + 1 : end;
	return true;
}

/* ---- the nearest word ------------------------------------------------------------------------ */

static char fold(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c == '-' ? '_' : c;
}

/* Edits (insert, delete, replace, swap two neighbours) from a to b: the "optimal string alignment" distance, with three
 * rows of the table at a time. Upper and lower case are the same, and so are - and _. */
static unsigned edit_distance(struct span a, struct span b)
{
	uint8_t rows[3][DISTANCE_MAX + 1];
	size_t la = MIN(a.len, DISTANCE_MAX), lb = MIN(b.len, DISTANCE_MAX);

	for (size_t j = 0; j <= lb; j++)
		rows[0][j] = (uint8_t)j;
	for (size_t i = 1; i <= la; i++) {
		uint8_t *row = rows[i % 3];
		const uint8_t *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
		row[0] = (uint8_t)i;
		for (size_t j = 1; j <= lb; j++) {
			char x = fold(a.s[i - 1]), y = fold(b.s[j - 1]);
			unsigned best = above[j - 1] + (x != y);
			best = MIN(best, MIN(above[j] + 1u, row[j - 1] + 1u));
			if (i > 1 && j > 1 && x == fold(b.s[j - 2]) && y == fold(a.s[i - 2]))
				best = MIN(best, above2[j - 2] + 1u);
			row[j] = (uint8_t)best;
		}
	}
	return rows[la % 3][lb];
}

/* An abbreviation (prod for production) counts as one edit. */
static unsigned word_distance(struct span given, struct span word)
{
	bool shortened = given.len > 1 && given.len < word.len && mem_compare(given.s, word.s, given.len) == 0;

	return shortened ? 1 : edit_distance(given, word);
}

unsigned options_word_distance(const char *a, const char *b)
{
	return word_distance((struct span){ a, str_length(a) }, (struct span){ b, str_length(b) });
}

/* A name may be given without its first part: depth for stack.depth. */
static unsigned name_distance(struct span given, const char *name)
{
	const char *dot = str_char(name, '.');
	unsigned whole = word_distance(given, (struct span){ name, str_length(name) }), part;

	if (!dot)
		return whole;
	part = 1 + word_distance(given, (struct span){ dot + 1, str_length(dot + 1) });
	return MIN(whole, part);
}

/* With more than a third of the letters wrong, another word is meant. */
static bool is_near(unsigned distance, size_t len)
{
	return distance <= (len + 2) / 3;
}

/* NULL: none is near. */
static const char *name_nearest(struct span given)
{
	unsigned best = ~0u;
	const char *nearest = NULL;

	for (size_t i = 0; i < option_table_size; i++) {
		unsigned d = name_distance(given, option_table[i].name);
		if (d < best) {
			best = d;
			nearest = option_table[i].name;
		}
	}
	return nearest && is_near(best, MIN(given.len, str_length(nearest))) ? nearest : NULL;
}

/* Options of the compilers' sanitizers that have another name here. */
static const struct {
	char theirs[32], ours[24]; /* no pointers, which a start would have to relocate */
} sanitizer_names[] = {
	{ "detect_leaks", "leak" },
	{ "halt_on_error", "fault (fault=panic)" },
	{ "abort_on_error", "fault (fault=abort)" },
	{ "quarantine_size_mb", "quarantine.size (64M)" },
	{ "malloc_context_size", "stack.depth" },
	{ "max_redzone", "redzone" },
	{ "detect_stack_use_after_return", "shadow.use_after_return" },
	{ "check_initialization_order", "shadow.init_order" },
	{ "detect_odr_violation", "shadow.odr_violation" },
	{ "detect_invalid_pointer_pairs", "shadow.pointer_pairs" },
	{ "external_symbolizer_path", "symbolizer" },
	{ "handle_segv", "fault_handler" },
	{ "max_leaks", "max_reports" },
};

static const char *sanitizer_name(struct span given)
{
	for (size_t i = 0; i < ARRAY_SIZE(sanitizer_names); i++)
		if (span_is(given, sanitizer_names[i].theirs))
			return sanitizer_names[i].ours;
	return NULL;
}

static struct span choice_nearest(const char *choices, struct span given)
{
	struct span c, nearest = { "", 0 };
	unsigned best = ~0u;

	while (choice_next(&choices, &c)) {
		unsigned d = word_distance(given, c);
		if (d < best) {
			best = d;
			nearest = c;
		}
	}
	return is_near(best, MIN(given.len, nearest.len)) ? nearest : (struct span){ "", 0 };
}

/* ---- complaints ------------------------------------------------------------------------------ */

/* The user's text in one printable line. */
static void fmt_shown(struct fmt_buf *b, struct span v)
{
	for (size_t i = 0; i < v.len; i++) {
		if (i == SHOWN_MAX) {
			fmt_printf(b, "...");
			return;
		}
		fmt_printf(b, "%c", v.s[i] >= ' ' && v.s[i] <= '~' ? v.s[i] : '?');
	}
}

static void complain_value(const struct complaints *c, const struct option_desc *d, struct span value)
{
	char line[LINE_MAX_BYTES];
	struct fmt_buf b;
	struct span near;

	if (!c->fn)
		return;
	fmt_init(&b, line, sizeof(line));
	fmt_printf(&b, "bad value in %s=", d->name);
	fmt_shown(&b, value);
	fmt_printf(&b, ": expected ");
	options_format_accepted(d, &b);
	if (d->type == OPTION_TYPE_ENUM) {
		near = choice_nearest(d->choices, value);
		if (near.len)
			fmt_printf(&b, "; the nearest is %.*s", (int)near.len, near.s);
	}
	c->fn(c->ctx, line);
}

static void complain_item(const struct complaints *c, const char *what, struct span item, const char *hint,
                          const char *name)
{
	char line[LINE_MAX_BYTES];
	struct fmt_buf b;

	if (!c->fn)
		return;
	fmt_init(&b, line, sizeof(line));
	fmt_printf(&b, "%s ", what);
	fmt_shown(&b, item);
	fmt_printf(&b, "; %s%s", hint, name);
	c->fn(c->ctx, line);
}

/* After the last complaint the nearest name is not searched for: a hostile text may have 60,000 mistakes. */
static void complain_unknown(const struct complaints *c, struct span name)
{
	const char *ours = c->fn ? sanitizer_name(name) : NULL, *nearest = c->fn && !ours ? name_nearest(name) : NULL;

	if (ours)
		complain_item(c, "unknown option", name, "memsan's name for it is ", ours);
	else if (nearest)
		complain_item(c, "unknown option", name, "the nearest is ", nearest);
	else
		complain_item(c, "unknown option", name, "memsan options lists all", "");
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool unit_is_bytes(const struct option_desc *d)
{
	return str_starts(d->unit, "bytes");
}

static bool unit_is_power(const struct option_desc *d)
{
	return str_equal(d->unit, "bytes, a power of two");
}

/* log2 of a byte suffix; -1: c is no suffix. */
static int suffix_shift(char c)
{
	switch (c) {
	case 'k':
	case 'K':
		return 10;
	case 'm':
	case 'M':
		return 20;
	case 'g':
	case 'G':
		return 30;
	case 't':
	case 'T':
		return 40;
	default:
		return -1;
	}
}

static bool parse_uint(const struct option_desc *d, struct span v, uint64_t *value)
{
	int shift = v.len && unit_is_bytes(d) ? suffix_shift(v.s[v.len - 1]) : -1;

	if (shift >= 0)
		v.len--;
	else
		shift = 0;
	if (!number_parse(v.s, v.len, value) || *value > UINT64_MAX >> shift)
		return false;
	*value <<= shift;
	if (unit_is_power(d) && (*value & (*value - 1)))
		return false;
	return *value >= d->min && *value <= d->max;
}

static bool parse_bool(struct span v, bool *value)
{
	static const char *const words[] = { "0", "1", "off", "on", "no", "yes", "false", "true" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (span_is(v, words[i])) {
			*value = i & 1;
			return true;
		}
	return false;
}

static bool parse_enum(const char *choices, struct span v, unsigned *value)
{
	struct span c;

	for (unsigned i = 0; choice_next(&choices, &c); i++)
		if (c.len == v.len && mem_compare(c.s, v.s, v.len) == 0) {
			*value = i;
			return true;
		}
	return false;
}

static bool parse_string(struct span v, char *value)
{
	if (v.len >= OPTION_STRING_MAX)
		return false;
	mem_copy(value, v.s, v.len);
	value[v.len] = '\0';
	return true;
}

/* A bad value leaves the field unchanged. */
static bool option_store(struct memsan_options *o, const struct option_desc *d, struct span v)
{
	char *field = (char *)o + d->offset;
	uint64_t number;

	switch (d->type) {
	case OPTION_TYPE_BOOL:
		return parse_bool(v, (bool *)field);
	case OPTION_TYPE_UINT:
		if (!parse_uint(d, v, &number))
			return false;
		*(uint64_t *)field = number;
		return true;
	case OPTION_TYPE_ENUM:
		return parse_enum(d->choices, v, (unsigned *)field);
	case OPTION_TYPE_STRING:
		return parse_string(v, field);
	}
	return false;
}

static bool option_set(struct memsan_options *o, struct span name, struct span value, const struct complaints *c)
{
	const struct option_desc *d = option_find(name);

	if (!d) {
		complain_unknown(c, name);
		return false;
	}
	if (!option_store(o, d, value)) {
		complain_value(c, d, value);
		return false;
	}
	return true;
}

bool options_set_one(struct memsan_options *o, const char *name, size_t name_len, const char *value, size_t value_len,
                     option_complain_fn complain, void *ctx)
{
	struct complaints c = { complain, ctx };

	return option_set(o, (struct span){ name, name_len }, (struct span){ value, value_len }, &c);
}

/* Zero is stored already, and its page need not be touched. */
static bool text_is_zero(const struct option_desc *d, struct span text)
{
	bool first;

	switch (d->type) {
	case OPTION_TYPE_BOOL:
		return parse_bool(text, &first) && !first;
	case OPTION_TYPE_UINT:
		return span_is(text, "0");
	default:
		return false;
	}
}

void options_set_defaults(struct memsan_options *o)
{
	static bool used;

	/* A start does not touch the pages of the process's own options, which are zero then. */
	if (o != &options || used)
		mem_set(o, 0, sizeof(*o));
	used |= o == &options;
	for (size_t i = 0; i < option_table_size; i++) {
		const struct option_desc *d = &option_table[i];
		struct span text = { d->default_text, str_length(d->default_text) };

		if (text.len && !text_is_zero(d, text))
			option_store(o, d, text);
	}
}

/* ---- the parser ------------------------------------------------------------------------------ */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct span span_trim(struct span v)
{
	while (v.len && is_blank(v.s[0])) {
		v.s++;
		v.len--;
	}
	while (v.len && is_blank(v.s[v.len - 1]))
		v.len--;
	return v;
}

static const char *skip_to_colon(const char *p)
{
	while (*p && *p != ':')
		p++;
	return p;
}

static const char *skip_blanks(const char *p)
{
	while (is_blank(*p))
		p++;
	return p;
}

/* Does the colon at p, in the value of a text, belong to a C++ name? */
static bool colon_in_name(const char *p)
{
	const char *next = p + 2, *end = next;

	if (p[0] != ':' || p[1] != ':' || !*next || *next == ':')
		return false;
	while (*end && *end != ':' && *end != '=')
		end++;
	return *end != '=' || !option_find(span_trim((struct span){ next, (size_t)(end - next) }));
}

/* The end of the value at p. */
static const char *skip_value(const char *p, struct span name)
{
	const struct option_desc *d = option_find(name);

	for (p = skip_to_colon(p); d && d->type == OPTION_TYPE_STRING && colon_in_name(p);)
		p = skip_to_colon(p + 2);
	return p;
}

enum item_state { ITEM_EMPTY, ITEM_NO_VALUE, ITEM_OPEN_QUOTE, ITEM_AFTER_QUOTE, ITEM_GOOD };
struct item {
	struct span whole, name, value;
};

/* Reads the value between the quote at p and the closing one. Returns the text behind it; NULL: there is no closing
 * quote. */
static const char *item_read_quoted(const char *p, struct span *value)
{
	const char *end = str_char(p + 1, *p);

	if (!end)
		return NULL;
	*value = (struct span){ p + 1, (size_t)(end - p - 1) };
	return end + 1;
}

/* Reads the item at *p and moves *p to the colon or the end behind it. */
static enum item_state item_read(const char **p, struct item *item)
{
	const char *start = skip_blanks(*p), *end = skip_to_colon(start), *eq = start, *after;
	enum item_state state = ITEM_GOOD;

	item->whole = span_trim((struct span){ start, (size_t)(end - start) });
	*p = end;
	if (!item->whole.len)
		return ITEM_EMPTY;
	while (eq < end && *eq != '=')
		eq++;
	item->name = span_trim((struct span){ start, (size_t)(eq - start) });
	if (eq == end)
		return ITEM_NO_VALUE;
	eq++;
	*p = end = skip_value(eq, item->name);
	item->whole = span_trim((struct span){ start, (size_t)(end - start) });
	item->value = span_trim((struct span){ eq, (size_t)(end - eq) });
	eq = skip_blanks(eq);
	if (*eq != '\'' && *eq != '"')
		return ITEM_GOOD;
	after = item_read_quoted(eq, &item->value);
	if (!after)
		return ITEM_OPEN_QUOTE;
	*p = skip_blanks(after);
	if (**p && **p != ':')
		state = ITEM_AFTER_QUOTE;
	*p = skip_to_colon(*p);
	return state;
}

size_t options_item_length(const char *text)
{
	const char *end = text;
	struct item item;

	item_read(&end, &item);
	return (size_t)(end - text);
}

static bool item_apply(struct memsan_options *o, enum item_state state, const struct item *item,
                       const struct complaints *c)
{
	switch (state) {
	case ITEM_EMPTY:
		return true;
	case ITEM_NO_VALUE:
		if (option_find(item->name))
			complain_item(c, "no value given for option", item->name, "write NAME=VALUE", "");
		else
			complain_unknown(c, item->name);
		return false;
	case ITEM_OPEN_QUOTE:
		complain_item(c, "quote not closed in", item->whole, "left out", "");
		return false;
	case ITEM_AFTER_QUOTE:
		complain_item(c, "text behind the closing quote in", item->whole, "expected a colon there", "");
		return false;
	case ITEM_GOOD:
		return option_set(o, item->name, item->value, c);
	}
	return false;
}

unsigned options_parse(struct memsan_options *o, const char *text, option_complain_fn complain, void *ctx)
{
	struct complaints loud = { complain, ctx }, quiet = { NULL, NULL };
	char line[LINE_MAX_BYTES];
	struct fmt_buf b;
	unsigned mistakes = 0;
	const char *p = text;

	for (;;) {
		struct item item;
		enum item_state state = item_read(&p, &item);
		if (!item_apply(o, state, &item, mistakes < COMPLAINTS_MAX ? &loud : &quiet))
			mistakes++;
		if (!*p)
			break;
		p++;
	}
	if (mistakes > COMPLAINTS_MAX && complain) {
		fmt_init(&b, line, sizeof(line));
		fmt_printf(&b, "and %u more mistakes in the options", mistakes - COMPLAINTS_MAX);
		complain(ctx, line);
	}
	return mistakes;
}

/* ---- showing --------------------------------------------------------------------------------- */

static void format_uint(const struct option_desc *d, uint64_t value, struct fmt_buf *b)
{
	const char *suffix = "TGMk";

	if (unit_is_bytes(d) && value)
		for (int shift = 40; shift > 0; shift -= 10, suffix++)
			if (!(value & ((1ULL << shift) - 1))) {
				fmt_printf(b, "%llu%c", (unsigned long long)(value >> shift), *suffix);
				return;
			}
	fmt_printf(b, "%llu", (unsigned long long)value);
}

static void format_string(const char *s, struct fmt_buf *b)
{
	bool plain = !str_char(s, ':') && *s != '\'' && *s != '"' && !is_blank(*s) &&
	             !(*s && is_blank(s[str_length(s) - 1]));
	const char *quote = plain ? "" : str_char(s, '\'') ? "\"" : "'";

	fmt_printf(b, "%s%s%s", quote, s, quote);
}

void options_format_value(const struct memsan_options *o, const struct option_desc *d, struct fmt_buf *b)
{
	const char *field = (const char *)o + d->offset, *choices = d->choices;
	struct span c = { "?", 1 };

	switch (d->type) {
	case OPTION_TYPE_BOOL:
		fmt_printf(b, "%s", *(const bool *)field ? "on" : "off");
		break;
	case OPTION_TYPE_UINT:
		format_uint(d, *(const uint64_t *)field, b);
		break;
	case OPTION_TYPE_ENUM:
		for (unsigned i = 0; choice_next(&choices, &c) && i < *(const unsigned *)field; i++)
			;
		fmt_printf(b, "%.*s", (int)c.len, c.s);
		break;
	case OPTION_TYPE_STRING:
		format_string(field, b);
		break;
	}
}

void options_format_accepted(const struct option_desc *d, struct fmt_buf *b)
{
	switch (d->type) {
	case OPTION_TYPE_BOOL:
		fmt_printf(b, "on or off");
		break;
	case OPTION_TYPE_UINT:
		fmt_printf(b, "%s, ", d->unit);
		format_uint(d, d->min, b);
		fmt_printf(b, " to ");
		format_uint(d, d->max, b);
		if (unit_is_bytes(d))
			fmt_printf(b, ", suffixes k, M, G, T");
		break;
	case OPTION_TYPE_ENUM:
		fmt_printf(b, "%s", d->choices);
		break;
	case OPTION_TYPE_STRING:
		fmt_printf(b, "text, at most %u bytes", OPTION_STRING_MAX - 1);
		break;
	}
}
