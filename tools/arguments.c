/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/arguments.c - the options of every command: getopt_long(3), with messages of memsan's own.
 *
 * A command lists its options in a table of struct option. `val` is the letter of the short form; options without one
 * have numbers above 255. So all commands agree: --name=VALUE and --name VALUE, -n VALUE, options before and behind
 * operands, a prefix of a name that fits one option only, "--" before operands that begin with a dash, and --help
 * anywhere. */
#include "lib/lib.h"
#include "tools/tools.h"

#include <stdlib.h>
#include <string.h>

#define LETTERS_MAX 64
#define NAMES_MAX 64

/* The short forms, as getopt_long wants them. */
static void letters_of(const struct tool_command *command, char letters[LETTERS_MAX])
{
	size_t n = 0;

	if (command->runs_program)
		letters[n++] = '+';
	letters[n++] = ':';
	for (const struct option *o = command->options; o->name && n < LETTERS_MAX - 2; o++) {
		if (o->val > 255)
			continue;
		letters[n++] = (char)o->val;
		if (o->has_arg == required_argument)
			letters[n++] = ':';
	}
	letters[n] = '\0';
}

/* Collects the names that begin with `word`.  Returns their number. */
static size_t names_that_begin(const struct option *table, const char *word, size_t len, const char **names)
{
	size_t n = 0;

	for (const struct option *o = table; o->name && n < NAMES_MAX; o++)
		if (strncmp(o->name, word, len) == 0)
			names[n++] = o->name;
	return n;
}

static int ambiguous(const char *command, const char *word, const char *const *names, size_t nr)
{
	char *list = tool_format("--%s", names[0]);
	int status;

	for (size_t i = 1; i < nr; i++) {
		char *longer = tool_format("%s, --%s", list, names[i]);

		free(list);
		list = longer;
	}
	status = tool_usage_error(command, "option '%s' is ambiguous: %s", word, list);
	free(list);
	return status;
}

static int bad_long_option(const struct tool_command *command, const char *word)
{
	const char *names[NAMES_MAX];
	size_t len = strcspn(word + 2, "="), nr = names_that_begin(command->options, word + 2, len, names);
	char *name;
	int nearest;

	if (nr == 1)
		return tool_usage_error(command->name, "option '--%s' takes no value", names[0]);
	for (size_t i = 0; i < nr; i++)
		if (strlen(names[i]) == len)
			return tool_usage_error(command->name, "option '--%s' takes no value", names[i]);
	if (nr)
		return ambiguous(command->name, word, names, nr);
	nr = names_that_begin(command->options, "", 0, names);
	name = tool_format("%.*s", (int)len, word + 2);
	nearest = tool_nearest(name, names, nr);
	free(name);
	if (nearest >= 0)
		return tool_usage_error(command->name, "unknown option '%s'; did you mean '--%s'?", word,
		                        names[nearest]);
	return tool_usage_error(command->name, "unknown option '%s'", word);
}

/* `word` has the letter in it, or the next word has.  In "-pid" it is the p. */
static int bad_letter(const struct tool_command *command, const char *word, const char *next)
{
	const char *const words[] = { word, next };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const char *w = words[i];
		size_t len = w && w[0] == '-' ? strcspn(w + 1, "=") : 0;

		for (const struct option *o = command->options; len > 1 && o->name; o++)
			if (strlen(o->name) == len && memcmp(o->name, w + 1, len) == 0)
				return tool_usage_error(command->name, "unknown option '%s'; did you mean '-%s'?", w,
				                        w);
	}
	return tool_usage_error(command->name, "unknown option '-%c'", optopt);
}

static _Noreturn void mistake(const struct arguments *a, int c)
{
	const char *word = a->argv[optind - 1];
	bool is_letter = optopt != 0;

	/* optopt may also be the `val` of an option whose name was given */
	for (const struct option *o = a->command->options; o->name; o++)
		is_letter &= o->val != optopt;
	if (c == ':')
		tool_usage_error(a->command->name, "option '%s' needs a value", word);
	else if (is_letter)
		bad_letter(a->command, word, a->argv[optind]);
	else
		bad_long_option(a->command, word);
	exit(EXIT_USAGE);
}

int arguments_next(struct arguments *a)
{
	char letters[LETTERS_MAX];
	int c;

	if (!a->begun)
		optind = 0; /* memsan's own options were read before */
	a->begun = true;
	opterr = 0;
	letters_of(a->command, letters);
	c = getopt_long(a->argc, a->argv, letters, a->command->options, NULL);
	a->value = optarg;
	if (c == '?' || c == ':')
		mistake(a, c);
	if (c == 'h' && a->command->help) {
		fputs(a->command->help, stdout);
		exit(tool_finish_output(0));
	}
	if (c == -1) {
		a->operands = a->argv + optind;
		a->nr = (size_t)(a->argc - optind);
	}
	return c;
}

void arguments_end(struct arguments *a)
{
	while (arguments_next(a) != -1)
		;
}

const char *arguments_follower(struct arguments *a)
{
	return optind < a->argc && a->argv[optind][0] != '-' ? a->argv[optind++] : NULL;
}

int arguments_no_operands(const struct arguments *a)
{
	return a->nr ? tool_usage_error(a->command->name, "unexpected argument '%s'", a->operands[0]) : 0;
}

int arguments_choice(const struct arguments *a, const char *what, const char *const *names, size_t nr)
{
	char *list = tool_format("%s", nr ? names[0] : "");

	for (size_t i = 0; i < nr; i++) {
		char *longer;

		if (strcmp(a->value, names[i]) == 0) {
			free(list);
			return (int)i;
		}
		longer = i ? tool_format("%s, %s", list, names[i]) : tool_format("%s", list);
		free(list);
		list = longer;
	}
	tool_usage_error(a->command->name, "unknown %s '%s' (%s)", what, a->value, list);
	free(list);
	return -1;
}

int arguments_format(const struct arguments *a, bool *json)
{
	static const char *const formats[] = { "text", "json" };
	int format = arguments_choice(a, "format", formats, ARRAY_SIZE(formats));

	*json = format == 1;
	return format < 0 ? EXIT_USAGE : 0;
}
