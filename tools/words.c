/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/words.c - memsan __complete: the words that may stand at the cursor, for the completion of bash, zsh and fish.
 *
 *     memsan __complete WORD…     the words behind "memsan"; the last one is being typed, and may be empty
 *
 * One candidate a line, perhaps a tab and a description behind it. A line that begins with a colon is not a word:
 *
 *     :files       names of files may stand here
 *     :nospace     no blank follows the word
 *     :command N   from word N on the line is another command's (memsan run)
 *
 * What a command takes is read from the text of its --help, so that this cannot differ from it: a line that begins
 * with "  --name=VALUE" or "  -n, --name VALUE". The names of options and kernel bugs come from their tables. */
#include "lib/lib.h"
#include "tools/tools.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define ABOUT_MAX 70

struct cursor {
	char **word; /* behind "memsan" */
	int at;      /* the word that is being typed */
	const char *typed;
	const struct tool_command *const *commands;
	size_t nr_commands;
};

/* A description is a line beside the word. */
static void put_about(const char *text)
{
	size_t len = strlen(text);

	if (len > ABOUT_MAX) {
		len = ABOUT_MAX;
		while (len && text[len] != ' ')
			len--;
	}
	printf("%.*s", (int)len, text);
}

/* Prints `before` and the word, if that begins as what was typed. */
static void put(const struct cursor *c, const char *before, const char *word, size_t len, const char *description)
{
	size_t start = strlen(before), typed = strlen(c->typed);

	if (strncmp(before, c->typed, MIN(start, typed)) != 0 ||
	    (typed > start && (typed - start > len || strncmp(word, c->typed + start, typed - start) != 0)))
		return;
	printf("%s%.*s", before, (int)len, word);
	if (description && *description)
		putchar('\t');
	put_about(description ? description : "");
	putchar('\n');
}

static void put_word(const struct cursor *c, const char *word, const char *description)
{
	put(c, "", word, strlen(word), description);
}

/* Prints the words of "a|b|c". */
static void put_choices(const struct cursor *c, const char *before, const char *choices)
{
	while (*choices) {
		size_t len = strcspn(choices, "|");

		put(c, before, choices, len, NULL);
		choices += len;
		choices += *choices == '|';
	}
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool runs_with_memsan(const char *pid)
{
	char path[300], buffer[8192];
	struct maps_reader maps;
	struct maps_line m;
	bool runs = false;

	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	if (maps_open(&maps, path, buffer, sizeof(buffer)) < 0)
		return false;
	while (!runs && maps_next(&maps, &m))
		runs = strstr(m.path, "/libmemsan.so") != NULL;
	maps_close(&maps);
	return runs;
}

/* Processes that run with memsan. */
static void put_processes(const struct cursor *c)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;

	while (dir && (e = readdir(dir)) != NULL) {
		char path[300], name[64];

		if (!isdigit((unsigned char)e->d_name[0]) || !runs_with_memsan(e->d_name))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		tool_first_line(path, name, sizeof(name));
		put_word(c, e->d_name, name);
	}
	if (dir)
		closedir(dir);
}

/* The values of an option whose help has `kind` for them, as in --format=text|json or --core FILE. */
static void put_values(const struct cursor *c, const char *command, const char *before, const char *kind)
{
	static const char *const of_files[] = { "FILE", "DIR", "FRAGMENT", "SCRIPT", "MODULE", "HOST[:GUEST]" };
	bool kernel = strcmp(command, "kernel") == 0;
	const char *format, *profile;

	if (strchr(kind, '|'))
		put_choices(c, before, kind);
	else if (strcmp(kind, "PID") == 0)
		put_processes(c);
	else if (strcmp(kind, "FORMAT") == 0 && kernel)
		put_choices(c, before, "text|json|markdown|sarif|html");
	else if (strcmp(kind, "FORMAT") == 0)
		for (size_t i = 0; (format = output_format_name(i)) != NULL; i++)
			put(c, before, format, strlen(format), NULL);
	else if (strcmp(kind, "NAME") == 0 && kernel)
		for (size_t i = 0; (profile = kernel_profile_at(i)) != NULL; i++)
			put(c, before, profile, strlen(profile), NULL);
	else if (strcmp(kind, "LIST") == 0 && kernel)
		put_choices(c, before, "net|bpf|ext4|loop|namespaces|usb|9p|memory");
	for (size_t i = 0; i < sizeof(of_files) / sizeof(of_files[0]); i++)
		if (strcmp(kind, of_files[i]) == 0)
			puts(":files");
}

/* Options whose value is the path of a file. */
static bool is_path(const struct option_desc *o)
{
	return strcmp(o->name, "suppressions") == 0 || strcmp(o->name, "log_path") == 0 ||
	       strcmp(o->name, "report_file") == 0 || strcmp(o->name, "symbolizer") == 0;
}

static void put_setting_values(const struct cursor *c, const char *before, const struct option_desc *o)
{
	if (o->type == OPTION_TYPE_BOOL)
		put_choices(c, before, "on|off");
	else if (o->type == OPTION_TYPE_ENUM)
		put_choices(c, before, o->choices);
	else if (strcmp(o->name, "leak.show") == 0)
		put_choices(c, before, "direct|indirect|possible|reachable|all");
	else if (is_path(o))
		puts(":files");
}

/* "name=value" of memsan run -o, from byte `start` of the word on; colons separate several. */
static void put_settings(const struct cursor *c, size_t start)
{
	const char *colon = strrchr(c->typed + start, ':'), *equals;

	if (colon && !strpbrk(c->typed + start, "'\""))
		start = (size_t)(colon + 1 - c->typed);
	equals = strchr(c->typed + start, '=');
	if (!equals)
		puts(":nospace");
	for (size_t i = 0; i < option_table_size; i++) {
		const struct option_desc *o = &option_table[i];
		char *before;

		if (o->internal)
			continue;
		before = tool_format("%.*s%s=", (int)start, c->typed, o->name);
		if (!equals)
			put_word(c, before, o->help);
		else if (strncmp(before, c->typed, strlen(before)) == 0)
			put_setting_values(c, before, o);
		free(before);
	}
}

/* ---- what --help says ------------------------------------------------------------------------ */

struct help_option {
	char name[64]; /* "--name" */
	char kind[64]; /* what stands for its value, as "FILE" or "text|json"; "": it has none */
	bool joined;   /* by "=", not by a blank */
	char about[200];
};

/* Reads the next option in the help, and moves *help behind its line. */
static bool help_next(const char **help, struct help_option *o)
{
	while (**help) {
		const char *line = *help, *end = strchrnul(line, '\n'), *p = strstr(line, "--");
		size_t len;

		*help = *end ? end + 1 : end;
		if (strncmp(line, "  -", 3) != 0 || !p || p > end)
			continue;
		len = 2 + strspn(p + 2, "abcdefghijklmnopqrstuvwxyz-");
		snprintf(o->name, sizeof(o->name), "%.*s", (int)len, p);
		p += len;
		p += *p == '[';
		o->joined = *p == '=';
		len = o->joined || (*p == ' ' && isupper((unsigned char)p[1])) ? strcspn(++p, " ],\n") : 0;
		snprintf(o->kind, sizeof(o->kind), "%.*s", (int)len, p);
		p += len;
		p += strspn(p, " ]");
		snprintf(o->about, sizeof(o->about), "%.*s", (int)(end - p), p);
		return true;
	}
	return false;
}

/* Finds an option of the command in its help. */
static bool find_option(const struct tool_command *command, const char *name, size_t len, struct help_option *o)
{
	const char *help = command->help;

	while (help_next(&help, o))
		if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
			return true;
	return false;
}

static void put_options(const struct cursor *c, const struct tool_command *command)
{
	bool joined = false;
	const char *help = command->help;
	struct help_option o;

	while (help_next(&help, &o)) {
		const char *equals = o.joined ? "=" : "";
		char *word = tool_format("%s%s", o.name, equals);

		joined |= o.joined && strncmp(word, c->typed, strlen(c->typed)) == 0;
		put_word(c, word, o.about);
		free(word);
	}
	if (joined)
		puts(":nospace");
}

/* ---- commands -------------------------------------------------------------------------------- */

static void put_commands(const struct cursor *c, bool with_options)
{
	for (size_t i = 0; i < c->nr_commands; i++)
		put_word(c, c->commands[i]->name, c->commands[i]->summary);
	put_word(c, "help", "explain a command");
	if (with_options) {
		put_word(c, "--help", NULL);
		put_word(c, "--version", NULL);
	}
}

/* The index of the program among the words of memsan run; 0: the cursor is before it. */
static int program_at(const struct cursor *c)
{
	for (int i = 1; i < c->at; i++) {
		if (strcmp(c->word[i], "--") == 0)
			return i + 1;
		if (strcmp(c->word[i], "-o") == 0 || strcmp(c->word[i], "--option") == 0)
			i++;
		else if (c->word[i][0] != '-')
			return i;
	}
	return 0;
}

static bool is_one_of(const char *word, const char *const *words)
{
	while (*words && strcmp(*words, word) != 0)
		words++;
	return *words != NULL;
}

static void put_actions(const struct cursor *c, const char *command)
{
	/* PID alone means --pid PID */
	static const char *const bare[] = { "stat", "slabtop", "slabinfo", "buddyinfo", "vmallocinfo", "leak", NULL };
	static const char *const of_files[] = { "decode", "report", NULL };
	const char *bug, *what;

	if (strcmp(command, "report") == 0 && c->at == 1)
		put_choices(c, "", "merge|diff|top");
	else if (strcmp(command, "kernel") == 0 && c->at == 1)
		put_choices(c, "", "list|build|run|minimize|shell|test|cache");
	else if (strcmp(command, "kernel") == 0 && strcmp(c->word[1], "run") == 0)
		for (size_t i = 0; (bug = kernel_bug_at(i, &what)) != NULL; i++)
			put_word(c, bug, what);
	else if (is_one_of(command, bare))
		put_processes(c);
	else if (strcmp(command, "help") == 0)
		put_commands(c, false);
	else if (is_one_of(command, of_files))
		puts(":files");
}

static void complete_argument(const struct cursor *c, const struct tool_command *command)
{
	const char *name = c->word[0], *before = c->word[c->at - 1], *equals = strchr(c->typed, '=');
	bool run = strcmp(name, "run") == 0, setting = strcmp(before, "-o") == 0 || strcmp(before, "--option") == 0;
	int program = run ? program_at(c) : 0;
	struct help_option o;
	char *start;

	if (program) {
		printf(":command %d\n", program);
	} else if (!command) {
		put_actions(c, name);
	} else if (run && setting) {
		put_settings(c, 0);
	} else if (run && strncmp(c->typed, "--option=", strlen("--option=")) == 0) {
		put_settings(c, strlen("--option="));
	} else if (c->typed[0] == '-' && equals) {
		start = tool_format("%.*s", (int)(equals + 1 - c->typed), c->typed);
		if (find_option(command, c->typed, (size_t)(equals - c->typed), &o))
			put_values(c, name, start, o.kind);
		free(start);
	} else if (c->typed[0] == '-') {
		put_options(c, command);
	} else if (before[0] == '-' && find_option(command, before, strlen(before), &o) && *o.kind && !o.joined) {
		put_values(c, name, "", o.kind);
	} else if (run) {
		printf(":command %d\n", c->at);
	} else {
		put_actions(c, name);
	}
}

static const struct tool_command *find_command(const struct cursor *c, const char *name)
{
	for (size_t i = 0; i < c->nr_commands; i++)
		if (strcmp(c->commands[i]->name, name) == 0)
			return c->commands[i];
	return NULL;
}

int tool_complete(int argc, char **argv, const struct tool_command *const *commands, size_t nr)
{
	struct cursor c = { argv + 1, argc - 2, argc > 1 ? argv[argc - 1] : "", commands, nr };

	if (argc < 2)
		return EXIT_USAGE;
	if (c.at == 0)
		put_commands(&c, true);
	else
		complete_argument(&c, find_command(&c, c.word[0]));
	return tool_finish_output(0);
}
