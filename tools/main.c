/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/main.c - the memsan command: the map of its subcommands. */
#include "config.h"

#include "tools/tools.h"

#include <stdio.h>
#include <string.h>

static const struct tool_command *const commands[] = {
	&command_run,      /* run a program under memsan */
	&command_options,  /* list what can be set */
	&command_decode,   /* reports out of any log */
	&command_report,   /* many reports: merge, diff, top */
	&command_stat,     /* counters of a process */
	&command_leak,     /* what can nothing reach any more, in a process or a core file? */
	&command_describe, /* what is at this address? */
	&command_doctor,   /* what works here? */
	&command_slabinfo, /* the caches of a process or a core file */
	&command_slabtop,  /* the same, refreshed */
	&command_buddyinfo,   &command_vmallocinfo, &command_alloc_traces, /* who allocated, who freed */
	&command_free_traces, &command_kernel,                             /* the kernel's own detectors in QEMU */
};
enum { NR_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void print_help(FILE *out)
{
	fputs("Usage: memsan COMMAND [ARGS…]\n"
	      "\n"
	      "Finds memory errors in C and C++ programs without recompiling them: out-of-bounds\n"
	      "writes, use after free, double and invalid frees, leaks and crashes, each reported\n"
	      "with function, file and line.\n"
	      "\n"
	      "Commands:\n",
	      out);
	for (size_t i = 0; i < NR_COMMANDS; i++)
		fprintf(out, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
	fputs("  help         explain a command: memsan help COMMAND\n"
	      "\n"
	      "  -h, --help     show this help\n"
	      "  -V, --version  show the version\n"
	      "\n"
	      "Start with: memsan run ./prog\n"
	      "Manual pages: memsan(1), memsan-run(1), memsan-leak(1), memsan-kernel(1),\n"
	      "  memsan-options(7), memsan-reports(7)\n",
	      out);
}

static const struct tool_command *find_command(const char *name)
{
	for (size_t i = 0; i < NR_COMMANDS; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

static int unknown_command(const char *name)
{
	const char *names[NR_COMMANDS + 1];
	int nearest;

	for (size_t i = 0; i < NR_COMMANDS; i++)
		names[i] = commands[i]->name;
	names[NR_COMMANDS] = "help";
	nearest = tool_nearest(name, names, NR_COMMANDS + 1);
	if (nearest >= 0)
		return tool_usage_error("", "there is no command '%s'; did you mean '%s'?", name, names[nearest]);
	return tool_usage_error("", "there is no command '%s'", name);
}

static int help_main(int argc, char **argv)
{
	const struct tool_command *command;

	if (argc < 2 || strcmp(argv[1], "help") == 0) {
		print_help(stdout);
		return tool_finish_output(0);
	}
	command = find_command(argv[1]);
	if (!command)
		return unknown_command(argv[1]);
	fputs(command->help, stdout);
	return tool_finish_output(0);
}

static const struct option own_options[] = { { "version", no_argument, NULL, 'V' }, TOOL_OPTIONS_END };

/* memsan without a command, for the options before one. */
static const struct tool_command memsan = {
	.name = "",
	.options = own_options,
	.runs_program = true,
};

int main(int argc, char **argv)
{
	struct arguments a = { .command = &memsan, .argc = argc, .argv = argv };
	const struct tool_command *command;
	const char *name;
	int option;

	if (argc > 1 && strcmp(argv[1], "__complete") == 0)
		return tool_complete(argc - 1, argv + 1, commands, NR_COMMANDS);
	while ((option = arguments_next(&a)) != -1) {
		if (option == 'V')
			puts("memsan " PACKAGE_VERSION);
		else
			print_help(stdout);
		return tool_finish_output(0);
	}
	if (!a.nr) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	name = a.operands[0];
	if (strcmp(name, "help") == 0)
		return help_main((int)a.nr, a.operands);
	command = find_command(name);
	return command ? command->main((int)a.nr, a.operands) : unknown_command(name);
}
