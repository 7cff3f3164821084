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

	if (argc < 2) {
		print_help(stdout);
		return tool_finish_output(0);
	}
	command = find_command(argv[1]);
	if (!command)
		return unknown_command(argv[1]);
	fputs(command->help, stdout);
	return tool_finish_output(0);
}

int main(int argc, char **argv)
{
	const struct tool_command *command;
	const char *name = argc > 1 ? argv[1] : NULL;

	if (!name) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(name, "__complete"))
		return tool_complete(argc - 1, argv + 1, commands, NR_COMMANDS);
	if (!strcmp(name, "-h") || !strcmp(name, "--help") || !strcmp(name, "help"))
		return help_main(argc - 1, argv + 1);
	if (!strcmp(name, "-V") || !strcmp(name, "--version")) {
		puts("memsan " PACKAGE_VERSION);
		return tool_finish_output(0);
	}
	if (name[0] == '-')
		return tool_usage_error("", "unknown option '%s'", name);
	command = find_command(name);
	if (!command)
		return unknown_command(name);
	/* --help works the same in every command, whatever arguments the command takes. */
	if (argc > 2 && (!strcmp(argv[2], "--help") || !strcmp(argv[2], "-h"))) {
		fputs(command->help, stdout);
		return tool_finish_output(0);
	}
	return command->main(argc - 1, argv + 1);
}
