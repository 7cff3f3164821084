/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/qemu/kernel_expect.c - memsan kernel: is a report the one that --expect names?
 *
 * A title is a text, or a kind and a function, in memsan's, the kernel's or syzkaller's words:
 *
 *     KASAN: use-after-free in notes_read         a text of the report's title or first line
 *     slab-use-after-free notes_read              kind and function; Linux 6.1 says use-after-free
 *     KASAN: use-after-free Read in notes_read    syzkaller's: with the access
 *     memory leak in notes_write                  syzkaller's for kmemleak's
 *     WARNING in notes_read                       no report about memory: lines of the console decide
 */
#include "config.h"

#include "tools/qemu/kernel.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Is `words` in the text, as whole words?  "use-after-free in f" is not in "use-after-free in foo". */
static bool has_words(const char *text, const char *words)
{
	size_t len = strlen(words);

	for (const char *at = text; at && *words && (at = strcasestr(at, words)) != NULL; at++)
		if ((at == text || !is_word(at[-1]) || !is_word(*words)) &&
		    (!is_word(at[len]) || !is_word(words[len - 1])))
			return true;
	return false;
}

static bool same_name(const char *found, const char *wanted)
{
	size_t len = strlen(wanted);

	return found && len && strncmp(found, wanted, len) == 0 && (!found[len] || found[len] == '.');
}

/* What a title says when it is taken apart. */
struct title {
	char detector[32], kind[128], access[16], function[128];
};

/* Removes the last word, if it is one of "Read", "Write", "Free". */
static void take_access(struct title *t)
{
	static const char *const words[] = { "-read", "-write", "-free" };
	size_t len = strlen(t->kind);

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = strlen(words[i]);

		/* "-free" ends a kind, too */
		if (len > n && i < 2 && strcmp(t->kind + len - n, words[i]) == 0) {
			snprintf(t->access, sizeof(t->access), "%s", words[i] + 1);
			t->kind[len - n] = '\0';
		}
	}
}

static void take_title(struct title *t, const char *text)
{
	static const struct {
		const char *words, *detector;
	} fronts[] = {
		{ "BUG: ", "" },        { "KASAN: ", "kasan" }, { "KFENCE: ", "kfence" },    { "KMSAN: ", "kmsan" },
		{ "KCSAN: ", "kcsan" }, { "SLUB: ", "slub" },   { "kmemleak: ", "kmemleak" }
	};
	const char *in, *space, *end;

	memset(t, 0, sizeof(*t));
	for (size_t i = 0; i < sizeof(fronts) / sizeof(fronts[0]); i++)
		if (strncasecmp(text, fronts[i].words, strlen(fronts[i].words)) == 0) {
			text += strlen(fronts[i].words);
			snprintf(t->detector, sizeof(t->detector), "%s", fronts[i].detector);
		}
	in = strstr(text, " in ");
	space = strrchr(text, ' ');
	end = in ? in : space ? space : text + strlen(text);
	snprintf(t->kind, sizeof(t->kind), "%.*s", (int)(end - text), text);
	if (in || space)
		snprintf(t->function, sizeof(t->function), "%.*s", (int)strcspn(in ? in + 4 : space + 1, "+ "),
		         in ? in + 4 : space + 1);
	for (char *p = t->kind; *p; p++)
		*p = *p == ' ' || *p == '_' ? '-' : (char)tolower((unsigned char)*p);
	take_access(t);
}

/* slab-use-after-free is called use-after-free in Linux 6.1; one report may name two kinds, "double-free or
 * invalid-free". */
static bool same_kind(const char *found, const char *wanted)
{
	char plain[128];
	const char * or ;

	if (strcmp(wanted, "memory-leak") == 0)
		return strcmp(found, "unreferenced-object") == 0;
	snprintf(plain, sizeof(plain), "%s", found);
	for (char *p = plain; *p; p++)
		*p = *p == ' ' || *p == '_' ? '-' : (char)tolower((unsigned char)*p);
	found = strncmp(plain, "slab-use", 8) == 0 ? plain + 5 : plain;
	wanted += strncmp(wanted, "slab-use", 8) == 0 ? 5 : 0;
	or = strstr(found, "-or-");
	return strcmp(found, wanted) == 0 || (or &&strcmp(or +4, wanted) == 0) ||
	       (or &&strlen(wanted) == (size_t)(or -found) && strncmp(found, wanted, (size_t)(or -found)) == 0);
}

/* The guilty function may be called by the name of the function that it is inlined into. */
static bool same_function(const struct decode_record *r, const char *wanted)
{
	const struct decode_stack *s = decode_record_main_stack(r);

	if (same_name(r->function, wanted) || same_name(r->title_function, wanted))
		return true;
	for (size_t i = 0; s && i < s->nr; i++) {
		const struct decode_frame *f = &s->frames[i];

		if (f->unreliable || !f->function || decode_function_is_plumbing(r->detector, f->function))
			continue;
		if (same_name(f->function, wanted))
			return true;
		if (!f->inlined)
			return false;
	}
	return false;
}

bool kernel_expect_record(const char *title, const struct decode_record *r)
{
	struct title t;

	if (has_words(r->headline, title) || has_words(r->title, title))
		return true;
	take_title(&t, title);
	return same_kind(r->kind, t.kind) && (!*t.detector || strcmp(r->detector, t.detector) == 0) &&
	       (!*t.access || !r->access || strcasecmp(r->access, t.access) == 0) &&
	       (!*t.function || same_function(r, t.function));
}

/* Does a line of the console begin with these words? */
static bool line_begins(const char *line, const char *kind)
{
	size_t len = strlen(kind);

	return strncasecmp(line, kind, len) == 0 && !is_word(line[len]);
}

/* "WARNING: CPU: 0 PID: 9 at fs/x.c:3 f+0x1/0x2", or a later line "RIP: 0010:f+0x1/0x2", "pc : f+0x1/0x2". */
static bool line_names(const char *line, size_t len, const char *function)
{
	size_t n = strlen(function);

	for (const char *at = line; (at = memmem(at, (size_t)(line + len - at), function, n)) != NULL; at++)
		if (at > line && (at[-1] == ' ' || at[-1] == ':') && strncmp(at + n, "+0x", 3) == 0)
			return true;
	return false;
}

static bool is_from_memsan(const char *text)
{
	return strncmp(text, "memsan: ", 8) == 0 || strncmp(text, "memsan_", 7) == 0;
}

bool kernel_expect_log(const char *title, const char *log)
{
	enum { LINES_OF_A_REPORT = 40 };
	const char *in = strstr(title, " in "), *booted = strstr(log, "memsan: guest booted");
	char *kind = tool_format("%.*s", in ? (int)(in - title) : (int)strlen(title), title);
	unsigned left = 0;
	/* a single word would be found in any stack */
	bool found = false, words = strchr(title, ' ');

	for (const char *line = booted ? booted : log; !found && *line;) {
		const char *text = kernel_log_text(line), *end = strchrnul(line, '\n');
		size_t len = (size_t)(end - text);
		char *copy = tool_format("%.*s", (int)len, text);

		if (!is_from_memsan(text)) {
			found = words && has_words(copy, title);
			if (line_begins(text, kind))
				left = LINES_OF_A_REPORT;
			if (in && left && !found) {
				bool first = left-- == LINES_OF_A_REPORT;

				found = (first || !strncmp(text, "RIP: ", 5) || !strncmp(text, "pc : ", 5)) &&
				        line_names(text, len, in + 4);
			}
		}
		free(copy);
		line = *end ? end + 1 : end;
	}
	free(kind);
	return found;
}

bool kernel_log_complains(const char *log)
{
	static const char *const starts[] = { "BUG:",       "WARNING: ",     "INFO: task ", "INFO: rcu",
		                              "kernel BUG", "Kernel panic ", "UBSAN: ",     "watchdog: BUG" };

	for (const char *line = log; *line;) {
		const char *text = kernel_log_text(line), *end = strchrnul(line, '\n');

		for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
			if (strncmp(text, starts[i], strlen(starts[i])) == 0)
				return true;
		line = *end ? end + 1 : end;
	}
	return false;
}

/* ---- a guest that ends with the expected report ---------------------------------------------- */

/* Names of inlined functions take the kernel's debug information, and so are looked up once for each bug. */
static bool fits_inlined(struct guest *g, struct decode_record *r)
{
	size_t i = 0;

	while (i < g->nr_others && g->others[i] != r->signature)
		i++;
	if (i < g->nr_others || i == sizeof(g->others) / sizeof(g->others[0]))
		return false;
	g->others[g->nr_others++] = r->signature;
	kernel_symbolize(&r, 1, &g->own->built, g->own->folders, g->own->nr_folders);
	return kernel_expect_record(g->expect, r);
}

static void see_record(void *ctx, struct decode_record *r)
{
	struct guest *g = ctx;

	/* lines that follow a report may be worth reading, and need a moment */
	if (!g->seen_at &&
	    (g->signature ? r->signature == g->signature : kernel_expect_record(g->expect, r) || fits_inlined(g, r)))
		g->seen_at = tool_clock();
	decode_record_free(r);
}

void kernel_expect_in(struct guest *g, const struct kernel_own *w, const char *title, uint64_t signature)
{
	g->own = w;
	g->expect = title;
	g->signature = signature;
	g->reader = decode_reader_create(see_record, g);
	if (g->reader)
		decode_reader_begin(g->reader, "console");
}
