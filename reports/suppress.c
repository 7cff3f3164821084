/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/suppress.c - rules for reports that are not wanted: the sanitizers' lines and Valgrind's blocks.
 *
 * The sanitizers' form, one rule on a line ('#' begins a comment):
 *
 *     KIND:pattern        a frame's function, source file or module holds the pattern; '*' stands for anything, '^' and
 *                         '$' tie it to the beginning and the end
 *     KIND@N:pattern      ours: only the N innermost frames of a stack
 *     KIND:*              all reports of the kind, also those without a stack
 *
 * KIND is a kind or a class of reports/kinds.def, where '_' and '-' are the same letter; or one of these:
 *
 *     leak                LeakSanitizer's
 *     report              ours: any kind
 *     only                ours: leaks through no such frame are not reported
 *     interceptor_name, interceptor_via_fun, interceptor_via_lib
 *                         AddressSanitizer's: bad arguments of libc's functions, by the function's name, or by the
 *                         function or the module of a frame
 *
 * A leak's frames are those of its allocation.  Another report's are those of the access or call; and if the damage was
 * found afterwards, those of the allocation and the free as well, since nobody knows who did it.  The module of
 * code that lies in no module is called "<unknown module>" there, as LeakSanitizer calls it; so is the module of a
 * library that was unloaded, beside its name.
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
 * Instead of Memcheck:Leak there may stand Memcheck:Addr1 and so on (a bad access), Free, Overlap or Jump; or, as ours,
 * Memsan:KIND.  Blocks for Valgrind's other kinds mean nothing here.
 *
 * Valgrind's stacks begin with the function that allocates, frees or copies, ours with its caller, so a first fun: of
 * that kind is skipped.  Inlined functions are frames, as they are in Valgrind.  Names are as people write them: a
 * rule with a mangled name does not match.
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
/* Which reports a rule is about. */
enum rule_about {
	ABOUT_LEAKS,
	ABOUT_ALL,
	ABOUT_KIND, /* rule.kind: a kind or a class */
	ABOUT_ACCESSES,
	ABOUT_FREES,
	ABOUT_CALLS, /* of libc's functions */
};
enum rule_where { WHERE_FRAMES, WHERE_MODULES, WHERE_CALLED };
struct rule {
	enum rule_about about;
	enum rule_where where;   /* where the pattern is looked for */
	bool only;               /* what it does not fit is not reported */
	char *name;              /* in the user's words */
	const char *source;      /* the file that is named with the rule; NULL: the user's */
	char *kind;              /* ABOUT_KIND */
	char *pattern;           /* NULL: a block */
	struct rule_line *lines; /* of a block */
	size_t nr_lines;
	size_t depth; /* frames of each stack */
	char *kinds;  /* match-leak-kinds, or NULL: all */
	uint64_t used, objects, bytes;
};
struct suppressions {
	struct rule *rules;
	size_t nr;
	bool any_kind; /* kinds that memsan does not have are none of a rule's mistakes */
	bool only;     /* there is an only: rule */
	unsigned line;
	char *source; /* of the rules that are being read, or NULL */
	char **sources;
	size_t nr_sources;
};

struct suppressions *suppressions_create(void)
{
	return calloc(1, sizeof(struct suppressions));
}

void suppressions_any_kind(struct suppressions *s)
{
	s->any_kind = true;
}

static void rule_clear(struct rule *r)
{
	for (size_t i = 0; i < r->nr_lines; i++)
		free(r->lines[i].pattern);
	free(r->lines);
	free(r->name);
	free(r->kind);
	free(r->pattern);
	free(r->kinds);
}

void suppressions_destroy(struct suppressions *s)
{
	for (size_t i = 0; i < s->nr; i++)
		rule_clear(&s->rules[i]);
	for (size_t i = 0; i < s->nr_sources; i++)
		free(s->sources[i]);
	free(s->sources);
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

static struct rule *rule_new(struct reader *r, enum rule_about about, const char *name)
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
	grown->about = about;
	grown->depth = SIZE_MAX;
	grown->name = strdup(name);
	grown->source = s->source;
	return grown;
}

/* Are these the same name, if '_' and '-' are the same letter? */
static bool same_name(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if (*a != *b && !(strchr("-_", *a) && strchr("-_", *b)))
			return false;
	return !*a && !*b;
}

/* Names that a rule may begin with and that are neither a kind nor a class. */
static const struct {
	const char *name;
	enum rule_about about;
	enum rule_where where;
	bool only;
} words[] = {
	{ "leak", ABOUT_LEAKS, WHERE_FRAMES, false },
	{ "only", ABOUT_LEAKS, WHERE_FRAMES, true },
	{ "report", ABOUT_ALL, WHERE_FRAMES, false },
	{ "interceptor_name", ABOUT_CALLS, WHERE_CALLED, false },
	{ "interceptor_via_fun", ABOUT_CALLS, WHERE_FRAMES, false },
	{ "interceptor_via_lib", ABOUT_CALLS, WHERE_MODULES, false },
};

static bool is_kind(const char *name)
{
	for (unsigned kind = 0; kind < REPORT_KIND_NR; kind++)
		if (same_name(name, report_kind_name(kind)) || same_name(name, report_kind_class(kind)))
			return true;
	return false;
}

static void nearest_kind(const char *name, const char *candidate, const char **best, unsigned *distance)
{
	unsigned d = options_word_distance(name, candidate);

	if (d >= *distance)
		return;
	*distance = d;
	*best = candidate;
}

static void complain_kind(const struct reader *r, const char *line, const char *name)
{
	unsigned distance = (unsigned)strlen(name) / 3 + 1;
	const char *best = NULL;

	for (unsigned kind = 0; kind < REPORT_KIND_NR; kind++) {
		nearest_kind(name, report_kind_name(kind), &best, &distance);
		nearest_kind(name, report_kind_class(kind), &best, &distance);
	}
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		nearest_kind(name, words[i].name, &best, &distance);
	if (best)
		complain(r, "'%.200s': there is no kind of report '%.60s'; did you mean '%s'?", line, name, best);
	else
		complain(r, "'%.200s': there is no kind of report '%.60s' (memsan-reports(7) lists them)", line, name);
}

static void make_plain(struct reader *r, const char *line, const char *name, uint64_t depth, const char *pattern)
{
	struct rule *rule;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(words) && !same_name(name, words[i].name); i++)
		;
	if (i == ARRAY_SIZE(words) && !r->s->any_kind && !is_kind(name)) {
		complain_kind(r, line, name);
		return;
	}
	rule = rule_new(r, i < ARRAY_SIZE(words) ? words[i].about : ABOUT_KIND, line);
	if (!rule)
		return;
	if (i < ARRAY_SIZE(words)) {
		rule->where = words[i].where;
		rule->only = words[i].only;
		r->s->only |= rule->only;
	} else {
		rule->kind = strdup(name);
	}
	rule->depth = depth ? depth : SIZE_MAX;
	rule->pattern = strdup(pattern);
}

/* "KIND:pattern" or "KIND@N:pattern" */
static void read_plain(struct reader *r, const char *line)
{
	size_t len = strspn(line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
	const char *end = line + len;
	uint64_t depth = 0;
	char name[80];

	if (*end == '@' && (!(end = number_decimal(end + 1, &depth)) || !depth))
		end = "";
	if (!len || len >= sizeof(name) || *end != ':') {
		complain(r, "'%.200s' is not a rule (KIND:PATTERN, KIND@FRAMES:PATTERN, or a block in braces)", line);
		return;
	}
	if (!end[1]) {
		complain(r, "'%.200s' has no pattern", line);
		return;
	}
	memcpy(name, line, len);
	name[len] = 0;
	make_plain(r, line, name, depth, end + 1);
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

/* "Memcheck:Leak", "Memsan:double-free": a rule for such reports; NULL: they are not memsan's. */
static struct rule *block_rule(struct reader *r, const char *line, const char *name)
{
	static const struct {
		const char *kind;
		enum rule_about about;
		const char *same;
	} kinds[] = {
		{ "Leak", ABOUT_LEAKS, NULL },      { "Addr1", ABOUT_ACCESSES, NULL },
		{ "Addr2", ABOUT_ACCESSES, NULL },  { "Addr4", ABOUT_ACCESSES, NULL },
		{ "Addr8", ABOUT_ACCESSES, NULL },  { "Addr16", ABOUT_ACCESSES, NULL },
		{ "Addr32", ABOUT_ACCESSES, NULL }, { "Free", ABOUT_FREES, NULL },
		{ "Jump", ABOUT_KIND, "bad-jump" }, { "Overlap", ABOUT_KIND, "param-overlap" },
	};
	const char *colon = strchr(line, ':');
	struct rule *rule;

	if (!colon)
		return NULL;
	if (strncmp(line, "Memsan:", 7) == 0) {
		if (!r->s->any_kind && !is_kind(line + 7)) {
			complain_kind(r, line, line + 7);
			return NULL;
		}
		rule = rule_new(r, ABOUT_KIND, name);
		if (rule)
			rule->kind = strdup(line + 7);
		return rule;
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(colon + 1, kinds[i].kind) != 0)
			continue;
		rule = rule_new(r, kinds[i].about, name);
		if (rule && kinds[i].same)
			rule->kind = strdup(kinds[i].same);
		return rule;
	}
	return NULL;
}

static void read_block(struct reader *r)
{
	char *name, *kind = NULL, *line = NULL;
	struct rule *rule = NULL;
	unsigned began = r->s->line;

	name = next_line(r);
	if (name && strcmp(name, "}") != 0)
		kind = next_line(r);
	if (kind)
		rule = block_rule(r, kind, name);
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

void suppressions_add_file(struct suppressions *s, const char *path, const char *text,
                           void (*tell)(void *ctx, const char *line), void *ctx)
{
	char **grown = realloc(s->sources, (s->nr_sources + 1) * sizeof(*grown));

	if (!grown)
		return;
	s->sources = grown;
	s->source = strdup(path);
	if (s->source)
		s->sources[s->nr_sources++] = s->source;
	suppressions_add(s, text, tell, ctx);
	s->source = NULL;
}

/* ---- matching -------------------------------------------------------------------------------- */

#define NAMED_MAX 1024

/* Names the frames of one of the record's stacks, as far as there is room, and adds the stack to the report. */
static void name_stack(const struct report_record *r, const struct report_symbols *symbols,
                       const struct report_stack *stack, struct suppress_frame *out, struct suppress_report *to)
{
	size_t begin = to->nr_stacks ? to->ends[to->nr_stacks - 1] : 0, n = begin, nr;

	if (to->nr_stacks == SUPPRESS_STACKS)
		return;
	for (uint32_t j = 0; j < stack->nr_frames && n < NAMED_MAX; j++) {
		const struct report_frame *f = &stack->frames[j];
		const struct report_symbol *found = symbols->frame(symbols->ctx, r, f, &nr);
		const struct report_module *m = report_frame_module(r, f);
		const char *module = m ? report_str(r, m->path) : "";
		bool unloaded = m && m->unloaded;

		for (size_t k = 0; k < nr && n < NAMED_MAX; k++)
			out[n++] = (struct suppress_frame){ found[k].function ? found[k].function : "",
				                            found[k].file ? found[k].file : "", module, found[k].line,
				                            unloaded };
		if (!nr)
			out[n++] = (struct suppress_frame){ "", "", module, 0, unloaded };
	}
	to->ends[to->nr_stacks++] = n;
}

/* The stacks that rules look at. */
static bool stack_counts(const struct report_record *r, const struct report_stack *s)
{
	if (r->leak_class)
		return s->role == STACK_ALLOC;
	if (s->role == STACK_ACCESS || s->role == STACK_NOTICED)
		return true;
	return (s->role == STACK_ALLOC && (r->found_at || r->kind == REPORT_OBJECTS_REMAINING)) ||
	       (s->role == STACK_FREE && r->found_at);
}

static void name_report(const struct report_record *r, const struct report_symbols *symbols,
                        struct suppress_frame *frames, struct suppress_report *to)
{
	*to = (struct suppress_report){ .kind = report_kind_name(r->kind),
		                        .class = report_kind_class(r->kind),
		                        .entry = r->entry ? report_str(r, r->entry) : NULL,
		                        .leak = r->leak_class ? report_str(r, r->leak_class) : NULL,
		                        .objects = r->leak_count,
		                        .bytes = r->leak_bytes,
		                        .frames = frames };
	for (uint32_t i = 0; i < r->nr_stacks; i++)
		if (stack_counts(r, &r->stacks[i]))
			name_stack(r, symbols, &r->stacks[i], frames, to);
}

static bool plain_matches(const struct rule *rule, const struct suppress_frame *frames, size_t n)
{
	const char *pattern = rule->pattern;

	for (size_t i = 0; i < MIN(n, rule->depth); i++) {
		const struct suppress_frame *f = &frames[i];
		bool unknown = f->unloaded || (!f->module[0] && !f->function[0]);

		if (holds_pattern(pattern, f->module) || (unknown && holds_pattern(pattern, "<unknown module>")))
			return true;
		if (rule->where != WHERE_MODULES &&
		    (holds_pattern(pattern, f->function) || holds_pattern(pattern, f->file)))
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

/* Is this the function that the program called to allocate, free or copy? */
static bool is_called(const struct rule_line *l, const struct suppress_report *r)
{
	static const char *const allocators[] = { "malloc",
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
	static const char *const frees[] = { "free",
		                             "realloc",
		                             "_ZdlPv",
		                             "_ZdaPv",
		                             "_ZdlPvm",
		                             "_ZdaPvm",
		                             "operator delete(void*)",
		                             "operator delete[](void*)",
		                             "operator delete(void*, unsigned long)",
		                             "operator delete[](void*, unsigned long)" };

	if (l->kind != LINE_FUN)
		return false;
	for (size_t i = 0; r->leak && i < ARRAY_SIZE(allocators); i++)
		if (name_glob(l->pattern, allocators[i]))
			return true;
	for (size_t i = 0; !r->leak && r->entry && i < ARRAY_SIZE(frees); i++)
		if (name_glob(l->pattern, frees[i]))
			return true;
	return !r->leak && r->entry && name_glob(l->pattern, r->entry);
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

static bool is_one_of(const char *class, const char *const *classes, size_t nr)
{
	for (size_t i = 0; class && i < nr; i++)
		if (strcmp(class, classes[i]) == 0)
			return true;
	return false;
}

static bool is_free(const struct suppress_report *r)
{
	static const char *const classes[] = { "double-free", "invalid-free", "mismatch" };

	return is_one_of(r->class, classes, ARRAY_SIZE(classes));
}

static bool is_access(const struct suppress_report *r)
{
	static const char *const classes[] = { "out-of-bounds",    "use-after-free",    "use-after-scope",
		                               "use-after-return", "use-after-poison",  "null-ptr-deref",
		                               "unknown",          "init-order",        "wild-memory-access",
		                               "stack-overflow",   "write-to-read-only" };

	return is_one_of(r->class, classes, ARRAY_SIZE(classes));
}

static bool rule_is_about(const struct rule *rule, const struct suppress_report *r)
{
	switch (rule->about) {
	case ABOUT_LEAKS:
		return r->leak || (!rule->only && rule->pattern && r->class && strcmp(r->class, "leak") == 0);
	case ABOUT_ALL:
		return true;
	case ABOUT_KIND:
		return rule->kind &&
		       ((r->kind && same_name(rule->kind, r->kind)) || (r->class && same_name(rule->kind, r->class)));
	case ABOUT_ACCESSES:
		return !r->leak && is_access(r);
	case ABOUT_FREES:
		return is_free(r);
	default:
		return r->entry && !r->leak && !is_free(r);
	}
}

static bool block_matches(const struct rule *rule, const struct suppress_report *r, const struct suppress_frame *frames,
                          size_t n)
{
	if (lines_match(rule->lines, rule->nr_lines, frames, n))
		return true;
	return is_called(&rule->lines[0], r) && rule->nr_lines > 1 &&
	       lines_match(rule->lines + 1, rule->nr_lines - 1, frames, n);
}

static bool rule_matches(const struct rule *rule, const struct suppress_report *r)
{
	size_t begin = 0;

	if (!rule_is_about(rule, r))
		return false;
	if (rule->where == WHERE_CALLED)
		return rule->pattern && holds_pattern(rule->pattern, r->entry);
	/* Also without a stack, as production reports damage. */
	if (rule->pattern && !rule->pattern[strspn(rule->pattern, "*")])
		return true;
	if (!rule->pattern && (!rule->nr_lines || (r->leak && !kind_matches(rule->kinds, r->leak))))
		return false;
	for (size_t i = 0; i < r->nr_stacks; begin = r->ends[i++]) {
		const struct suppress_frame *frames = r->frames + begin;
		size_t n = r->ends[i] - begin;

		if (rule->pattern ? plain_matches(rule, frames, n) : block_matches(rule, r, frames, n))
			return true;
	}
	return false;
}

bool suppressions_match(struct suppressions *s, const struct report_record *r, const struct report_symbols *symbols)
{
	static struct suppress_frame frames[NAMED_MAX];
	struct suppress_report named;

	name_report(r, symbols, frames, &named);
	return suppressions_match_report(s, &named);
}

bool suppressions_match_report(struct suppressions *s, const struct suppress_report *r)
{
	bool suppressed = false, wanted = !s->only || !r->leak;

	for (size_t i = 0; i < s->nr && !suppressed; i++) {
		struct rule *rule = &s->rules[i];
		if (!rule_matches(rule, r))
			continue;
		rule->used++;
		rule->objects += r->objects;
		rule->bytes += r->bytes;
		if (rule->only)
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
	struct suppress_report named;
	struct fmt_buf b;
	size_t n;

	name_report(r, symbols, frames, &named);
	n = named.nr_stacks ? named.ends[0] : 0;
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
	char line[600], name[320], places[120];

	for (size_t i = 0; i < s->nr; i++) {
		const struct rule *r = &s->rules[i];

		/* Where leaks are reported, other reports may have met other rules. */
		if (!r->used && (r->source || (r->about != ABOUT_LEAKS && !s->any_kind)))
			continue;
		snprintf(name, sizeof(name), r->source ? "%.200s (%.100s)" : "%.200s", r->name ? r->name : "?",
		         r->source);
		snprintf(places, sizeof(places), "%llu %s%s", (unsigned long long)r->used,
		         r->about == ABOUT_LEAKS ? "place" : "report", r->used == 1 ? "" : "s");
		if (!r->used)
			snprintf(line, sizeof(line), "suppressions: %s: not used", name);
		else if (r->objects)
			snprintf(line, sizeof(line), "suppressions: %s: %s, %llu object%s of %llu bytes", name, places,
			         (unsigned long long)r->objects, r->objects == 1 ? "" : "s",
			         (unsigned long long)r->bytes);
		else
			snprintf(line, sizeof(line), "suppressions: %s: %s", name, places);
		tell(ctx, line);
	}
}
