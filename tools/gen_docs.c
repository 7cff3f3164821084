/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/gen_docs.c - fills the tables of options and report kinds into a template, at build time:
 * gen_docs < TEMPLATE > FILE.
 *
 * A line that is only one of these words is replaced; everything else is copied:
 *
 *   @OPTIONS_MDOC@   every option as an mdoc list item
 *   @OPTIONS_INTERNAL_MDOC@   the same for the options that the memsan command sets for itself
 *   @KINDS_MDOC@     every report kind as an mdoc list item
 *   @KERNEL_BUGS_MDOC@, @KERNEL_DEMOS_MDOC@   the bugs of the kernel module, its demonstrations
 */
#include "lib/lib.h"
#include "reports/reports.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define MDOC_WIDTH 78 /* mandoc -Wstyle complains about text lines of more than 80 bytes */

/* A word for mdoc, where a backslash begins an escape; returns the bytes written. */
static size_t put_word(const char *word, size_t length)
{
	size_t written = 0;

	for (size_t i = 0; i < length; i++) {
		if (word[i] == '\\' || word[i] == '-')
			written += (size_t)printf("\\%c", word[i] == '\\' ? 'e' : '-');
		else
			written += (size_t)printf("%c", word[i]);
	}
	return written;
}

/* Text for mdoc, in lines of at most MDOC_WIDTH bytes; each sentence begins a line, as mdoc wants. */
static void put_mdoc(const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t length = strcspn(text, " ");

		if (column && column + 1 + length > MDOC_WIDTH) {
			putchar('\n');
			column = 0;
		}
		if (column)
			column += (size_t)printf(" ");
		else if (*text == '.' || *text == '\'')
			column += (size_t)printf("\\&"); /* would be a macro at the start of a line */
		column += put_word(text, length);
		text += length;
		if (*text && length && text[-1] == '.')
			column = MDOC_WIDTH;
		text += strspn(text, " ");
	}
}

/* Text of the tables as a sentence: with a capital letter, unless it begins with a value that it explains. */
static void put_mdoc_sentence(const char *text)
{
	size_t length = strcspn(text, " ");
	char sentence[2048];

	snprintf(sentence, sizeof(sentence), "%s.", text);
	if (length && text[length - 1] != ':')
		sentence[0] = (char)toupper((unsigned char)sentence[0]);
	put_mdoc(sentence);
	putchar('\n');
}

static void put_options_mdoc(bool internal)
{
	char accepted[200];
	struct fmt_buf b;

	for (size_t i = 0; i < option_table_size; i++) {
		const struct option_desc *o = &option_table[i];

		if (o->internal != internal)
			continue;
		printf(".It Cm %s Ns = Ns Ar value\n", o->name);
		put_mdoc_sentence(o->help);
		fputs(".br\nValue: ", stdout);
		fmt_init(&b, accepted, sizeof(accepted));
		options_format_accepted(o, &b);
		put_mdoc(accepted);
		if (*o->default_text) {
			fputs(".\nDefault:\n.Cm ", stdout);
			put_word(o->default_text, strlen(o->default_text));
			fputs(" .\n", stdout);
		} else {
			fputs(".\nDefault: empty.\n", stdout);
		}
	}
}

static void put_kinds_mdoc(void)
{
	static const struct {
		const char *name, *class, *text;
	} kinds[] = {
#define REPORT_KIND(id, name, class, text) { name, class, text },
#include "reports/kinds.def"
#undef REPORT_KIND
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		printf(".It Sy %s Pq %s\n", kinds[i].name, kinds[i].class);
		put_mdoc_sentence(kinds[i].text);
	}
}

struct bug_cell {
	const char *expect, *kind, *why;
};

static void put_bug_cell(const char *kernel, const struct bug_cell *cell)
{
	printf(".br\n.Sy %s :\n", kernel);
	put_mdoc(cell->expect);
	if (*cell->kind) {
		putchar(' ');
		put_mdoc(cell->kind);
	}
	putchar('\n');
	if (*cell->why) {
		puts(".Po");
		put_mdoc(cell->why);
		puts("\n.Pc");
	}
}

/* "HW_TAGS", "6.12": "hw_tags from Linux 6.12 on" */
static void put_other_cell(const char *profile, const char *since, const struct bug_cell *cell)
{
	char kernel[80];
	size_t n = 0;

	for (; profile[n]; n++)
		kernel[n] = (char)(profile[n] == '_' ? '_' : profile[n] | 0x20);
	snprintf(kernel + n, sizeof(kernel) - n, "%s%s%s", *since ? " from Linux " : "", since, *since ? " on" : "");
	put_bug_cell(kernel, cell);
}

static bool needs_an_option(const char *name)
{
	static const char *const names[] = {
#define KBUG(name, setup, kasan, light, arm64, what, why)
#define DEMO(name, what)
#define NEEDS(name, option) #name,
#include "kernel/module/bugs.def"
#undef KBUG
#undef DEMO
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static void put_kernel_bugs(void)
{
	static const struct {
		const char *name, *what, *why;
		struct bug_cell kasan, light, arm64;
	} bugs[] = {
#define SAY(detector, kind, function) \
	{                             \
		detector, kind, ""    \
	}
#define SAY_BECAUSE(detector, kind, function, why) \
	{                                          \
		detector, kind, why                \
	}
#define QUIET                       \
	{                           \
		"no report", "", "" \
	}
#define QUIET_BECAUSE(why)           \
	{                            \
		"no report", "", why \
	}
#define SKIP                             \
	{                                \
		"not done there", "", "" \
	}
#define AS_KASAN           \
	{                  \
		"", "", "" \
	}
#define KBUG(name, setup, kasan, light, arm64, what, why) { #name, what, why, kasan, light, arm64 },
#define DEMO(name, what)
#include "kernel/module/bugs.def"
#undef KBUG
#undef DEMO
	};
	static const struct {
		const char *name, *profile, *since;
		struct bug_cell cell;
	} others[] = {
#define KBUG(name, setup, kasan, light, arm64, what, why)
#define DEMO(name, what)
#define OTHER(name, profile, since, unless, cell) { #name, #profile, since, cell },
#include "kernel/module/bugs.def"
#undef KBUG
#undef DEMO
#undef SAY
#undef SAY_BECAUSE
#undef QUIET
#undef QUIET_BECAUSE
#undef SKIP
#undef AS_KASAN
	};

	for (size_t i = 0; i < ARRAY_SIZE(bugs); i++) {
		printf(".It Cm %s\n", bugs[i].name);
		put_mdoc_sentence(bugs[i].what);
		if (needs_an_option(bugs[i].name))
			puts(".br\nOnly under\n.Cm debian ,\nor with\n.Fl -subsystem Ns = Ns Cm memory .");
		put_bug_cell("kasan", &bugs[i].kasan);
		put_bug_cell("light", &bugs[i].light);
		put_bug_cell("arm64", *bugs[i].arm64.expect ? &bugs[i].arm64 : &bugs[i].kasan);
		for (size_t j = 0; j < ARRAY_SIZE(others); j++)
			if (!strcmp(others[j].name, bugs[i].name))
				put_other_cell(others[j].profile, others[j].since,
				               *others[j].cell.expect ? &others[j].cell : &bugs[i].kasan);
		fputs(".br\n", stdout);
		put_mdoc(bugs[i].why);
		putchar('\n');
	}
}

static void put_kernel_demos(void)
{
#define KBUG(name, setup, kasan, light, arm64, what, why)
#define DEMO(name, what) { "demo_" #name, what },
	static const struct {
		const char *name, *what;
	} demos[] = {
#include "kernel/module/bugs.def"
	};
#undef KBUG
#undef DEMO

	for (size_t i = 0; i < ARRAY_SIZE(demos); i++) {
		printf(".It Cm %s\n", demos[i].name);
		put_mdoc_sentence(demos[i].what);
	}
}

int main(void)
{
	char line[4096];

	while (fgets(line, sizeof(line), stdin)) {
		if (!strcmp(line, "@OPTIONS_MDOC@\n"))
			put_options_mdoc(false);
		else if (!strcmp(line, "@OPTIONS_INTERNAL_MDOC@\n"))
			put_options_mdoc(true);
		else if (!strcmp(line, "@KINDS_MDOC@\n"))
			put_kinds_mdoc();
		else if (!strcmp(line, "@KERNEL_BUGS_MDOC@\n"))
			put_kernel_bugs();
		else if (!strcmp(line, "@KERNEL_DEMOS_MDOC@\n"))
			put_kernel_demos();
		else
			fputs(line, stdout);
	}
	return fflush(stdout) || ferror(stdout) || ferror(stdin);
}
