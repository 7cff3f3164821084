/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/suppress.c - rules for reports that are not wanted: LeakSanitizer's lines and Valgrind's blocks.
 *
 * LeakSanitizer's form, one rule on a line ('#' begins a comment):
 *
 *     leak:pattern        a frame's function, source file or module holds the pattern; '*' stands for anything, '^' and
 *                         '$' tie it to the beginning and the end
 *     only:pattern        ours: leaks through no such frame are not reported
 *     report:pattern      ours: reports of any kind; memsan decode only
 *
 * The module of code that lies in no module is called "<unknown module>" there, as LeakSanitizer calls it; so is the
 * module of a library that was unloaded, beside its name.
 *
 * Valgrind's form, with frames from the innermost on, all of which must be there:
 *
 *     {
 *        name
 *        Memcheck:Leak
 *        match-leak-kinds: definite
 *        fun:malloc              '*' and '?' as in the shell
 *        ...                     any number of frames
 *        obj:*libfoo.so*         src:file.c:12
 *     }
 *
 * Valgrind's stacks begin with the allocation function itself, ours with its caller, so a first fun: of that kind is
 * skipped.  Inlined functions are frames, as they are in Valgrind.  Names are as people write them: a rule with a
 * mangled name does not match.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/reports_internal.h"

#define RULE_LINES_MAX 128
#define RULES_MAX 4096

enum line_kind { LINE_FUN, LINE_OBJ, LINE_SRC, LINE_ANY };
struct rule_line {
	enum line_kind kind;
	char *pattern;
};
enum rule_form { RULE_LEAK, RULE_ONLY, RULE_REPORT, RULE_FRAMES };
struct rule {
	enum rule_form form;
	char *name;              /* in the user's words */
	char *pattern;           /* LEAK, ONLY, REPORT */
	struct rule_line *lines; /* FRAMES */
	size_t nr_lines;
	char *kinds; /* match-leak-kinds, or NULL: all */
	uint64_t used, objects, bytes;
};
struct suppressions {
	struct rule *rules;
	size_t nr;
	bool only; /* there is an only: rule */
	unsigned line;
};

struct suppressions *suppressions_create(void)
{
	return calloc(1, sizeof(struct suppressions));
}

static void rule_clear(struct rule *r)
{
	for (size_t i = 0; i < r->nr_lines; i++)
		free(r->lines[i].pattern);
	free(r->lines);
	free(r->name);
	free(r->pattern);
	free(r->kinds);
}

void suppressions_destroy(struct suppressions *s)
{
	for (size_t i = 0; i < s->nr; i++)
		rule_clear(&s->rules[i]);
	free(s->rules);
	free(s);
}

/* ---- patterns -------------------------------------------------------------------------------- */

/* LeakSanitizer's patterns match anywhere in the text, unless '^' or '$' ties them.  '?' is an ordinary character. */
static bool holds_pattern(const char *pattern, const char *text)
{
	bool start = *pattern == '^', anchored;
	const char *from = text;

	pattern += start;
	for (anchored = start; *pattern;) {
		size_t len = strcspn(pattern, "*$");
		bool at_end = pattern[len] == '$' && !pattern[len + 1];
		const char *found = NULL;
		size_t rest = strlen(from);
		if (pattern[len] == '$' && !at_end)
			len++; /* a dollar sign in the middle stands for itself */
		if (at_end)
			found = rest >= len && strncmp(from + rest - len, pattern, len) == 0 ? from + rest - len : NULL;
		else
			for (const char *p = from; !found && p + len <= from + rest; p++)
				found = strncmp(p, pattern, len) == 0 ? p : NULL;
		if (!found || (anchored && found != from))
			return false;
		from = found + len;
		pattern += len;
		anchored = *pattern != '*';
		while (*pattern == '*')
			pattern++;
		if (at_end)
			return true;
	}
	return true;
}

/* ---- reading --------------------------------------------------------------------------------- */

struct reader {
	struct suppressions *s;
	const char *text;
	void (*tell)(void *ctx, const char *line);
	void *ctx;
};

__attribute__((format(printf, 2, 3))) static void complain(const struct reader *r, const char *format, ...)
{
	char line[400];
	int n = snprintf(line, sizeof(line), "suppressions line %u: ", r->s->line);
	va_list args;

	va_start(args, format);
	vsnprintf(line + n, sizeof(line) - (size_t)n, format, args);
	va_end(args);
	r->tell(r->ctx, line);
}

/* The next line without blanks around it, from malloc; NULL: that was the last. */
static char *next_line(struct reader *r)
{
	const char *start = r->text, *end;
	char *line;

	if (!*start)
		return NULL;
	end = strchrnul(start, '\n');
	r->text = *end ? end + 1 : end;
	r->s->line++;
	while (start < end && strchr(" \t\r", *start))
		start++;
	while (end > start && strchr(" \t\r", end[-1]))
		end--;
	line = strndup(start, (size_t)(end - start));
	return line;
}

static struct rule *rule_new(struct reader *r, enum rule_form form, const char *name)
{
	struct suppressions *s = r->s;
	struct rule *grown;

	if (s->nr == RULES_MAX)
		return NULL;
	grown = realloc(s->rules, (s->nr + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	s->rules = grown;
	grown = &s->rules[s->nr++];
	memset(grown, 0, sizeof(*grown));
	grown->form = form;
	grown->name = strdup(name);
	return grown;
}

static void read_plain(struct reader *r, const char *line)
{
	static const struct {
		const char *word;
		enum rule_form form;
	} words[] = {
		{ "leak:", RULE_LEAK },
		{ "only:", RULE_ONLY },
		{ "report:", RULE_REPORT },
	};
	struct rule *rule;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		size_t len = strlen(words[i].word);
		if (strncmp(line, words[i].word, len) != 0)
			continue;
		if (!line[len]) {
			complain(r, "'%s' has no pattern", line);
			return;
		}
		rule = rule_new(r, words[i].form, line);
		if (rule)
			rule->pattern = strdup(line + len);
		r->s->only |= words[i].form == RULE_ONLY;
		return;
	}
	complain(r, "'%.200s' is not a rule (leak:PATTERN, only:PATTERN, or a block in braces)", line);
}

static bool add_line(struct rule *rule, enum line_kind kind, const char *pattern)
{
	struct rule_line *grown;

	if (rule->nr_lines == RULE_LINES_MAX)
		return false;
	grown = realloc(rule->lines, (rule->nr_lines + 1) * sizeof(*grown));
	if (!grown)
		return false;
	rule->lines = grown;
	rule->lines[rule->nr_lines].kind = kind;
	rule->lines[rule->nr_lines++].pattern = strdup(pattern);
	return true;
}

static void read_block_line(struct reader *r, struct rule *rule, const char *line)
{
	bool ok;

	if (strncmp(line, "fun:", 4) == 0)
		ok = add_line(rule, LINE_FUN, line + 4);
	else if (strncmp(line, "obj:", 4) == 0)
		ok = add_line(rule, LINE_OBJ, line + 4);
	else if (strncmp(line, "src:", 4) == 0)
		ok = add_line(rule, LINE_SRC, line + 4);
	else if (strcmp(line, "...") == 0)
		ok = add_line(rule, LINE_ANY, "");
	else if (strncmp(line, "match-leak-kinds:", 17) == 0) {
		free(rule->kinds);
		ok = (rule->kinds = strdup(line + 17)) != NULL;
	} else {
		complain(r, "'%.200s' is not a frame (fun:, obj:, src:, ...)", line);
		return;
	}
	if (!ok)
		complain(r, "the block has too many lines");
}

/* Is "Memcheck:Leak" among the tools and kinds of the line? */
static bool is_leak_kind(const char *line)
{
	const char *colon = strchr(line, ':');

	return colon && strcmp(colon + 1, "Leak") == 0;
}

static void read_block(struct reader *r)
{
	char *name, *kind = NULL, *line = NULL;
	struct rule *rule = NULL;
	unsigned began = r->s->line;

	name = next_line(r);
	if (name && strcmp(name, "}") != 0)
		kind = next_line(r);
	if (kind && is_leak_kind(kind))
		rule = rule_new(r, RULE_FRAMES, name);
	line = kind && strcmp(kind, "}") != 0 ? next_line(r) : NULL;
	for (; line && strcmp(line, "}") != 0; line = next_line(r)) {
		if (rule && *line && *line != '#')
			read_block_line(r, rule, line);
		free(line);
	}
	if (!line && (!kind || strcmp(kind, "}") != 0) && (!name || strcmp(name, "}") != 0)) {
		r->s->line = began;
		complain(r, "the block does not end");
	}
	free(line);
	free(kind);
	free(name);
}

void suppressions_add(struct suppressions *s, const char *text, void (*tell)(void *ctx, const char *line), void *ctx)
{
	struct reader r = { s, text, tell, ctx };
	char *line;

	s->line = 0;
	while ((line = next_line(&r)) != NULL) {
		if (strcmp(line, "{") == 0)
			read_block(&r);
		else if (*line && *line != '#')
			read_plain(&r, line);
		free(line);
	}
}

/* ---- matching -------------------------------------------------------------------------------- */

#define NAMED_MAX 1024

static size_t name_frames(const struct report_record *r, const struct report_symbols *symbols,
                          struct suppress_frame *out)
{
	size_t n = 0, nr;

	for (uint32_t i = 0; i < r->nr_stacks; i++) {
		if (r->stacks[i].role != STACK_ALLOC)
			continue;
		for (uint32_t j = 0; j < r->stacks[i].nr_frames && n < NAMED_MAX; j++) {
			const struct report_frame *f = &r->stacks[i].frames[j];
			const struct report_symbol *found = symbols->frame(symbols->ctx, r, f, &nr);
			const struct report_module *m = report_frame_module(r, f);
			const char *module = m ? report_str(r, m->path) : "";
			bool unloaded = m && m->unloaded;
			for (size_t k = 0; k < nr && n < NAMED_MAX; k++)
				out[n++] = (struct suppress_frame){ found[k].function ? found[k].function : "",
					                            found[k].file ? found[k].file : "", module,
					                            found[k].line, unloaded };
			if (!nr)
				out[n++] = (struct suppress_frame){ "", "", module, 0, unloaded };
		}
	}
	return n;
}

static bool plain_matches(const char *pattern, const struct suppress_frame *frames, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct suppress_frame *f = &frames[i];
		bool unknown = f->unloaded || (!f->module[0] && !f->function[0]);

		if (holds_pattern(pattern, f->function) || holds_pattern(pattern, f->file) ||
		    holds_pattern(pattern, f->module) || (unknown && holds_pattern(pattern, "<unknown module>")))
			return true;
	}
	return false;
}

static bool line_matches(const struct rule_line *l, const struct suppress_frame *f)
{
	char place[1100];

	switch (l->kind) {
	case LINE_FUN:
		return name_glob(l->pattern, f->function);
	case LINE_OBJ:
		return name_glob(l->pattern, f->module);
	case LINE_SRC:
		if (!strchr(l->pattern, ':'))
			return name_glob(l->pattern, report_basename(f->file));
		snprintf(place, sizeof(place), "%s:%u", report_basename(f->file), f->line);
		return name_glob(l->pattern, place);
	default:
		return true;
	}
}

/* Matches lines with frames as name_glob matches letters: "..." is the star.  Frames behind the last line do not
 * matter. */
static bool lines_match(const struct rule_line *lines, size_t nr, const struct suppress_frame *frames, size_t n)
{
	size_t l = 0, f = 0, star = SIZE_MAX, again = 0;

	while (l < nr) {
		if (lines[l].kind == LINE_ANY) {
			star = ++l;
			again = f;
		} else if (f < n && line_matches(&lines[l], &frames[f])) {
			l++;
			f++;
		} else if (star != SIZE_MAX && again < n) {
			l = star;
			f = ++again;
		} else {
			return false;
		}
	}
	return true;
}

static bool is_allocator(const struct rule_line *l)
{
	static const char *const names[] = { "malloc",
		                             "calloc",
		                             "realloc",
		                             "memalign",
		                             "posix_memalign",
		                             "aligned_alloc",
		                             "valloc",
		                             "_Znwm",
		                             "_Znam",
		                             "operator new(unsigned long)",
		                             "operator new[](unsigned long)" };

	for (size_t i = 0; l->kind == LINE_FUN && i < ARRAY_SIZE(names); i++)
		if (name_glob(l->pattern, names[i]))
			return true;
	return false;
}

/* Translates Valgrind's words for kinds of leaks into ours. */
static bool kind_matches(const char *kinds, const char *class)
{
	static const char *const pairs[][2] = {
		{ "definite", "direct" },
		{ "indirect", "indirect" },
		{ "possible", "possible" },
		{ "reachable", "reachable" },
	};

	if (!kinds || strstr(kinds, "all"))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		if (strcmp(class, pairs[i][1]) == 0 || strcmp(class, pairs[i][0]) == 0)
			return strstr(kinds, pairs[i][0]) != NULL;
	return false;
}

static bool rule_matches(const struct rule *rule, const char *class, const struct suppress_frame *frames, size_t n)
{
	if (!class && rule->form != RULE_REPORT)
		return false;
	if (rule->form != RULE_FRAMES)
		return rule->pattern && plain_matches(rule->pattern, frames, n);
	if (!rule->nr_lines || !kind_matches(rule->kinds, class))
		return false;
	if (lines_match(rule->lines, rule->nr_lines, frames, n))
		return true;
	return is_allocator(&rule->lines[0]) && rule->nr_lines > 1 &&
	       lines_match(rule->lines + 1, rule->nr_lines - 1, frames, n);
}

bool suppressions_match(struct suppressions *s, const struct report_record *r, const struct report_symbols *symbols)
{
	static struct suppress_frame frames[NAMED_MAX];

	if (!r->leak_class)
		return false;
	return suppressions_match_frames(s, report_str(r, r->leak_class), r->leak_count, r->leak_bytes, frames,
	                                 name_frames(r, symbols, frames));
}

bool suppressions_match_frames(struct suppressions *s, const char *class, uint64_t objects, uint64_t bytes,
                               const struct suppress_frame *frames, size_t n)
{
	bool suppressed = false, wanted = !s->only || !class;

	for (size_t i = 0; i < s->nr && !suppressed; i++) {
		struct rule *rule = &s->rules[i];
		if (!rule_matches(rule, class, frames, n))
			continue;
		rule->used++;
		rule->objects += objects;
		rule->bytes += bytes;
		if (rule->form == RULE_ONLY)
			wanted = true;
		else
			suppressed = true;
	}
	return suppressed || !wanted;
}

/* ---- suggesting ------------------------------------------------------------------------------ */

static const char *valgrind_kind(const char *class)
{
	return strcmp(class, "direct") == 0 ? "definite" : class;
}

/* Characters of a name that mean something in a pattern ('*' of operator*, '?') stay, since there is no escape: '?'
 * fits a '?' too. */
static void put_pattern(struct fmt_buf *b, const char *kind, const char *name)
{
	fmt_printf(b, "   %s:", kind);
	for (; *name; name++)
		fmt_printf(b, "%c", *name == '*' ? '?' : *name);
	fmt_printf(b, "\n");
}

size_t suppressions_suggest(const struct report_record *r, const struct report_symbols *symbols, unsigned number,
                            char *text, size_t size)
{
	static struct suppress_frame frames[NAMED_MAX];
	size_t n = name_frames(r, symbols, frames);
	struct fmt_buf b;

	if (!n || !size)
		return 0;
	fmt_init(&b, text, size);
	fmt_printf(&b, "{\n   leak-%u-%s\n   Memcheck:Leak\n   match-leak-kinds: %s\n", number,
	           frames[0].function[0] ? frames[0].function : "unknown", valgrind_kind(report_str(r, r->leak_class)));
	for (size_t i = 0; i < MIN(n, (size_t)RULE_LINES_MAX); i++) {
		if (frames[i].function[0])
			put_pattern(&b, "fun", frames[i].function);
		else
			put_pattern(&b, "obj", frames[i].module[0] ? frames[i].module : "*");
	}
	fmt_printf(&b, "}\n");
	return b.len;
}

void suppressions_summary(const struct suppressions *s, void (*tell)(void *ctx, const char *line), void *ctx)
{
	char line[400];

	for (size_t i = 0; i < s->nr; i++) {
		const struct rule *r = &s->rules[i];
		if (r->used)
			snprintf(line, sizeof(line), "suppressions: %.200s: %llu place%s, %llu objects of %llu bytes",
			         r->name ? r->name : "?", (unsigned long long)r->used, r->used == 1 ? "" : "s",
			         (unsigned long long)r->objects, (unsigned long long)r->bytes);
		else
			snprintf(line, sizeof(line), "suppressions: %.200s: not used", r->name ? r->name : "?");
		tell(ctx, line);
	}
}
