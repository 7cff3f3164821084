/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/gen_docs.c - fills the tables of options and report kinds into a template, at build time: gen_docs < TEMPLATE > FILE.
 *
 * A line that is only one of these words is replaced; everything else is copied:
 *
 *   @OPTIONS_MDOC@   every option as an mdoc list item
 *   @KINDS_MDOC@     every report kind as an mdoc list item
 *   @KERNEL_BUGS_MDOC@, @KERNEL_DEMOS_MDOC@   the bugs of the kernel module, its demonstrations
 *   @OPTION_WORDS@   shell assignments with the names and values, for the completion
 */
#include "lib/lib.h"
#include "reports/reports.h"

#include <stdio.h>
#include <string.h>

/* Text for mdoc: a backslash is an escape, and a line may not start with a dot or quote. */
static void put_mdoc(const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", stdout);
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '-')
			fputs("\\-", stdout);
		else
			putchar(*text);
	}
}

static void put_options_mdoc(void)
{
	char accepted[200];
	struct fmt_buf b;

	for (size_t i = 0; i < option_table_size; i++) {
		const struct option_desc *o = &option_table[i];

		printf(".It Cm %s Ns = Ns Ar value\n", o->name);
		put_mdoc(o->help);
		fputs(".\n.br\nTakes ", stdout);
		fmt_init(&b, accepted, sizeof(accepted));
		options_format_accepted(o, &b);
		put_mdoc(accepted);
		if (*o->default_text) {
			fputs("; the default is\n.Cm ", stdout);
			put_mdoc(o->default_text);
			fputs(" .\n", stdout);
		} else {
			fputs("; empty by default.\n", stdout);
		}
	}
}

static void put_kinds_mdoc(void)
{
	static const struct { const char *name, *class, *text; } kinds[] = {
#define REPORT_KIND(id, name, class, text) { name, class, text },
#include "reports/kinds.def"
#undef REPORT_KIND
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		printf(".It Sy %s Pq %s\n", kinds[i].name, kinds[i].class);
		put_mdoc(kinds[i].text);
		fputs(".\n", stdout);
	}
}

/* Each sentence on a line of its own, as mdoc wants it. */
static void put_sentences(const char *text)
{
	char line[1024];
	const char *end;

	while ((end = strstr(text, ". ")) != NULL) {
		snprintf(line, sizeof(line), "%.*s", (int)(end - text + 1), text);
		put_mdoc(line);
		putchar('\n');
		text = end + 2;
	}
	put_mdoc(text);
	putchar('\n');
}

struct bug_cell { const char *expect, *kind, *why; };

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

static void put_kernel_bugs(void)
{
	static const struct { const char *name, *what, *why; struct bug_cell kasan, light, arm64; } bugs[] = {
#define SAY(detector, kind, function) { detector, kind, "" }
#define SAY_BECAUSE(detector, kind, function, why) { detector, kind, why }
#define QUIET { "no report", "", "" }
#define QUIET_BECAUSE(why) { "no report", "", why }
#define SKIP { "not done there", "", "" }
#define AS_KASAN { "", "", "" }
#define KBUG(name, setup, kasan, light, arm64, what, why) { #name, what, why, kasan, light, arm64 },
#define DEMO(name, what)
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
		put_mdoc(bugs[i].what);
		fputs(".\n", stdout);
		put_bug_cell("kasan", &bugs[i].kasan);
		put_bug_cell("light", &bugs[i].light);
		put_bug_cell("arm64", *bugs[i].arm64.expect ? &bugs[i].arm64 : &bugs[i].kasan);
		fputs(".br\n", stdout);
		put_sentences(bugs[i].why);
	}
}

static void put_kernel_demos(void)
{
#define KBUG(name, setup, kasan, light, arm64, what, why)
#define DEMO(name, what) { "demo_" #name, what },
	static const struct { const char *name, *what; } demos[] = {
#include "kernel/module/bugs.def"
	};
#undef KBUG
#undef DEMO

	for (size_t i = 0; i < ARRAY_SIZE(demos); i++) {
		printf(".It Cm %s\n", demos[i].name);
		put_mdoc(demos[i].what);
		fputs(".\n", stdout);
	}
}

static void put_option_words(void)
{
	fputs("_memsan_options='", stdout);
	for (size_t i = 0; i < option_table_size; i++)
		printf("%s%s=", i ? " " : "", option_table[i].name);
	fputs("'\n_memsan_values() {\n\tcase $1 in\n", stdout);
	for (size_t i = 0; i < option_table_size; i++) {
		const struct option_desc *o = &option_table[i];

		if (o->type == OPTION_TYPE_BOOL)
			printf("\t%s) echo 'on off' ;;\n", o->name);
		if (o->type != OPTION_TYPE_ENUM)
			continue;
		printf("\t%s) echo '", o->name);
		for (const char *p = o->choices; *p; p++)
			putchar(*p == '|' ? ' ' : *p);
		fputs("' ;;\n", stdout);
	}
	fputs("\tesac\n}\n", stdout);
}

int main(void)
{
	char line[4096];

	while (fgets(line, sizeof(line), stdin)) {
		if (!strcmp(line, "@OPTIONS_MDOC@\n"))
			put_options_mdoc();
		else if (!strcmp(line, "@KINDS_MDOC@\n"))
			put_kinds_mdoc();
		else if (!strcmp(line, "@KERNEL_BUGS_MDOC@\n"))
			put_kernel_bugs();
		else if (!strcmp(line, "@KERNEL_DEMOS_MDOC@\n"))
			put_kernel_demos();
		else if (!strcmp(line, "@OPTION_WORDS@\n"))
			put_option_words();
		else
			fputs(line, stdout);
	}
	return fflush(stdout) || ferror(stdout) || ferror(stdin);
}
