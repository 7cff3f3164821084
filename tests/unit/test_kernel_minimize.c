/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_kernel_minimize.c - memsan kernel minimize without guests: delta debugging of invented bugs, and the
 * pieces of C and of shell scripts. */
#include "config.h"

#include "tests/unit/unit.h"

#include <string.h>

#include "tools/qemu/kernel.h"

/* The two files use these of tools/common.c. */
void *tool_resize(void *p, size_t size)
{
	p = realloc(p, size ? size : 1);
	assert_non_null(p);
	return p;
}

void *tool_alloc(size_t size)
{
	return tool_resize(NULL, size);
}

char *tool_format(const char *format, ...)
{
	char *text;
	va_list args;

	va_start(args, format);
	assert_true(vasprintf(&text, format, args) >= 0);
	va_end(args);
	return text;
}

void tool_say(const char *format, ...)
{
	fail_msg("%s", format);
}

/* ---- delta debugging ------------------------------------------------------------------------- */

enum { PIECES = 200 };

/* A bug that shows as long as all pieces of `needed` are there, or all of `instead`. */
struct bug {
	bool needed[PIECES], instead[PIECES];
	size_t rounds, judged, stop_at;
};

static bool has(const bool *candidate, const bool *needed, size_t nr)
{
	bool any = false;

	for (size_t i = 0; i < nr; i++) {
		any |= needed[i];
		if (needed[i] && !candidate[i])
			return false;
	}
	return any;
}

static size_t first(struct ddmin *d, bool *const *candidates, size_t nr)
{
	struct bug *bug = d->ctx;

	assert_true(d->left >= nr);
	for (size_t i = 0; i < nr; i++) {
		/* nothing may come back that is gone */
		for (size_t n = 0; n < d->nr; n++)
			assert_false(candidates[i][n] && !d->kept[n]);
		if (++bug->judged == bug->stop_at)
			return DDMIN_STOP;
		if (has(candidates[i], bug->needed, d->nr) || has(candidates[i], bug->instead, d->nr))
			return i;
	}
	return nr;
}

static size_t minimize(struct bug *bug, bool *kept, size_t nr, bool singles)
{
	struct ddmin d = { .kept = kept, .nr = nr, .first = first, .ctx = bug, .singles = singles };
	size_t all[PIECES], left = 0;

	memset(kept, true, nr);
	for (size_t i = 0; i < nr; i++)
		all[i] = i;
	bug->judged = 0;
	assert_int_equal(kernel_ddmin(&d, all, nr), bug->stop_at == 0);
	for (size_t i = 0; i < nr; i++)
		left += kept[i];
	return left;
}

static void only_needed_pieces_stay(void **state)
{
	uint64_t seed = 20;

	(void)state;
	for (int round = 0; round < 500; round++) {
		size_t nr = 1 + unit_below(&seed, PIECES), wanted = 0;
		struct bug bug = { .stop_at = 0 };
		bool kept[PIECES];

		for (size_t i = 0; i < 1 + unit_below(&seed, 6); i++)
			bug.needed[unit_below(&seed, nr)] = true;
		for (size_t i = 0; i < nr; i++)
			wanted += bug.needed[i];
		assert_int_equal(minimize(&bug, kept, nr, round & 1), wanted);
		assert_memory_equal(kept, bug.needed, nr);
	}
}

/* One needed piece of 200 costs about twice the logarithm, not 200 candidates. */
static void few_candidates_for_one_piece(void **state)
{
	(void)state;
	for (size_t i = 0; i < PIECES; i++) {
		struct bug bug = { .stop_at = 0 };
		bool kept[PIECES];

		bug.needed[i] = true;
		assert_int_equal(minimize(&bug, kept, PIECES, false), 1);
		assert_true(bug.judged <= 20);
	}
}

/* Two causes: one of them stays, and no piece of it can go alone. */
static void one_of_two_causes_stays(void **state)
{
	struct bug bug = { .stop_at = 0 };
	bool kept[PIECES];
	size_t left;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		bug.needed[7 * i] = true;
		bug.instead[100 + 9 * i] = true;
	}
	left = minimize(&bug, kept, PIECES, false);
	assert_int_equal(left, 5);
	assert_true(has(kept, bug.needed, PIECES) != has(kept, bug.instead, PIECES));
}

static void no_piece_may_be_needed(void **state)
{
	bool kept[1] = { true };
	struct bug bug = { .stop_at = 0 };
	struct ddmin d = { .kept = kept, .nr = 1, .first = first, .ctx = &bug };
	const size_t gone = 0;

	(void)state;
	assert_true(kernel_ddmin(&d, &gone, 0));
	/* a piece that is gone already */
	kept[0] = false;
	assert_true(kernel_ddmin(&d, &gone, 1));
	assert_int_equal(bug.judged, 0);
}

/* Wherever the work stops, what is kept still shows the bug, and the work that begins again ends with the same. */
static void stopped_at_any_candidate(void **state)
{
	struct bug bug = { .stop_at = 0 };
	bool kept[PIECES];
	size_t all;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		bug.needed[11 + 17 * i] = true;
	minimize(&bug, kept, 90, false);
	all = bug.judged;
	for (size_t i = 1; i <= all; i++) {
		bug.stop_at = i;
		minimize(&bug, kept, 90, false);
		assert_true(has(kept, bug.needed, 90));
		assert_int_equal(bug.judged, i);
	}
}

/* ---- pieces ---------------------------------------------------------------------------------- */

/* Pieces as text, "DEPTH:first words|", with blanks and line ends as they are. */
static char *list_of(const struct pieces *p)
{
	char *list = tool_format("%s", ""), *longer;

	for (size_t i = 0; i < p->nr; i++) {
		const char *text = p->text + p->all[i].begin;

		text += strspn(text, " \t\n");
		longer = tool_format("%s%u:%.*s|", list, p->all[i].depth, (int)strcspn(text, " (\n;"), text);
		free(list);
		list = longer;
	}
	return list;
}

static void assert_pieces(void (*cut)(struct pieces *, const char *), const char *text, const char *wanted)
{
	struct pieces p;
	char *list;

	cut(&p, text);
	list = list_of(&p);
	assert_string_equal(list, wanted);
	for (size_t i = 0; i < p.nr; i++) {
		assert_true(p.all[i].begin < p.all[i].end && p.all[i].end <= p.len);
		if (p.all[i].parent >= 0) {
			assert_true(p.all[p.all[i].parent].begin <= p.all[i].begin);
			assert_true(p.all[p.all[i].parent].end >= p.all[i].end);
		}
	}
	free(list);
	free(p.all);
}

static void statements_of_c(void **state)
{
	(void)state;
	assert_pieces(kernel_pieces_of_c, "#include <a.h>\nint x = 3, y[] = { 1, 2 };\nstruct s {\n\tint a;\n};\n",
	              "0:#include|0:int|0:struct|");
	assert_pieces(kernel_pieces_of_c,
	              "// by a tool\n#define _GNU_SOURCE\n\n#if A\n#ifdef B\nint b;\n#endif\n#endif\n"
	              "static int f(int n)\n{\n\treturn n;\n}\n",
	              "0://|0:#if|0:static|1:return|");
	assert_pieces(kernel_pieces_of_c,
	              "int main(void)\n{\n\tif (a) {\n\t\tb();\n\t} else if (c)\n\t\td();\n\telse {\n\t\te();\n\t}\n"
	              "\tdo {\n\t\tg();\n\t} while (h);\n\tfor (;;)\n\t\ti();\n\tputs(\"};\\\"{\");\n\tchar c = '}';\n"
	              "\tNONFAILING({ j(); k(); });\n}\n",
	              "0:int|1:if|2:b|2:e|1:do|2:g|1:for|1:puts|1:char|1:NONFAILING|");
	assert_pieces(kernel_pieces_of_c,
	              "int m(void)\n{\n\tswitch (x) {\n\tcase 0:\n\t\ta();\n\t\tbreak;\n\t}\n\tl:\n}\n",
	              "0:int|1:switch|2:case|2:break|1:l:|");
	/* what no compiler takes is cut, too */
	assert_pieces(kernel_pieces_of_c, "} int x; }}", "0:int|");
	assert_pieces(kernel_pieces_of_c, "int f(void) { a(; \"", "0:int|1:a|");
	assert_pieces(kernel_pieces_of_c, "", "");
}

static void commands_of_scripts(void **state)
{
	(void)state;
	assert_pieces(kernel_pieces_of_script,
	              "#!/bin/sh\n# a\n\nset -e\nif true; then\n\techo a\nelse\n\techo b\nfi\nx \\\n y\n",
	              "0:#|0:if|1:echo|1:else|1:echo|0:x|");
	assert_pieces(kernel_pieces_of_script,
	              "f() {\n\tfor i in 1 2; do echo $i; done\n\twhile x; do\n\t\ty\n\tdone <z\n}\nf\n",
	              "0:f|1:for|1:while|2:y|0:f|");
	assert_pieces(kernel_pieces_of_script, "cat <<'EOF' >x\nif a\nEOF\ncat <<-E\n\tb\n\tE\nlast",
	              "0:cat|0:cat|0:last|");
	assert_pieces(kernel_pieces_of_script, "fi\ndone\nif never\na\n", "0:fi|0:done|0:if|1:a|");
	assert_pieces(kernel_pieces_of_script, "#!/bin/sh", "");
}

static void text_without_pieces(void **state)
{
	static const char text[] =
		"int x;\nint main(void)\n{\n\tint y = 1; /* one */\n\n\t/* two */\n\tf(y);\n\treturn 0;\n}\n";
	struct pieces p;
	bool kept[5];
	char *left;

	(void)state;
	kernel_pieces_of_c(&p, text);
	assert_int_equal(p.nr, 5);
	memset(kept, true, sizeof(kept));
	left = kernel_pieces_text(&p, kept);
	assert_string_equal(left, text);
	free(left);
	kept[0] = kept[3] = false;
	left = kernel_pieces_text(&p, kept);
	assert_string_equal(left, "int main(void)\n{\n\tint y = 1; /* one */\n\n\treturn 0;\n}\n");
	free(left);
	kept[1] = false;
	left = kernel_pieces_text(&p, kept);
	assert_string_equal(left, "");
	free(left);
	assert_int_equal(kernel_pieces_left(&p, kept), 0);
	free(p.all);
}

/* Random halves of this file and of a script: a text is always made, and never longer. */
static void any_choice_makes_a_text(void **state)
{
	static const char text[] = "#define A 1\nvoid f(void)\n{\n\tif (A) {\n\t\tg();\n\t} else {\n\t\th();\n\t}\n}\n"
				   "int main(void) { f(); return 0; }\n";
	uint64_t seed = 7;
	struct pieces p;
	bool kept[32];

	(void)state;
	kernel_pieces_of_c(&p, text);
	assert_true(p.nr < 32);
	for (int round = 0; round < 2000; round++) {
		char *left;

		for (size_t i = 0; i < p.nr; i++)
			kept[i] = unit_below(&seed, 3) != 0;
		left = kernel_pieces_text(&p, kept);
		assert_true(strlen(left) <= sizeof(text));
		for (size_t i = 0; i < p.nr; i++)
			if (p.all[i].depth == 0 && kept[i])
				assert_non_null(strstr(left, i ? p.all[i].begin > 60 ? "main" : "f(void)" : "#define"));
		free(left);
	}
	free(p.all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_needed_pieces_stay),  cmocka_unit_test(few_candidates_for_one_piece),
		cmocka_unit_test(one_of_two_causes_stays),  cmocka_unit_test(no_piece_may_be_needed),
		cmocka_unit_test(stopped_at_any_candidate), cmocka_unit_test(statements_of_c),
		cmocka_unit_test(commands_of_scripts),      cmocka_unit_test(text_without_pieces),
		cmocka_unit_test(any_choice_makes_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
