/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/image/choice.c - which process or core file: the command line's --pid, --core and --exe. */
#include "config.h"

#include "tools/image/image.h"

#include <inttypes.h>
#include <string.h>

int image_arguments(const char *command, int *argc, char **argv, struct image_choice *choice)
{
	int left = 1;

	for (int i = 1; i < *argc; i++) {
		const char *pid = tool_option_value("--pid", argv, *argc, &i),
			   *core = pid ? NULL : tool_option_value("--core", argv, *argc, &i);
		const char *exe = pid || core ? NULL : tool_option_value("--exe", argv, *argc, &i);
		const char *format = pid || core || exe || !choice->json
		                             ? NULL
		                             : tool_option_value("--format", argv, *argc, &i);
		if (pid) {
			uint64_t n;
			if (!tool_number(pid, 1, TOOL_PID_MAX, &n))
				return tool_usage_error(command, "'%s' is not a process id", pid);
			choice->pid = (int)n;
		} else if (core) {
			choice->earlier = choice->core;
			choice->core = core;
		} else if (exe) {
			choice->exe = exe;
		} else if (format) {
			if (strcmp(format, "json") != 0 && strcmp(format, "text") != 0)
				return tool_usage_error(command, "'%s' is no format: text or json", format);
			*choice->json = strcmp(format, "json") == 0;
		} else if (strcmp(argv[i], "--external") == 0) {
			choice->external =
				true; /* without meaning for commands that only look, which do so from outside anyway */
		} else {
			argv[left++] = argv[i];
		}
	}
	if (choice->bare && !choice->pid && !choice->core && left == 2 && argv[1][0] != '-') {
		uint64_t n;

		if (!tool_number(argv[1], 1, TOOL_PID_MAX, &n))
			return tool_usage_error(command, "'%s' is not a process id", argv[1]);
		choice->pid = (int)n;
		left = 1;
	}
	*argc = left;
	if ((choice->pid != 0) == (choice->core != NULL))
		return tool_usage_error(command, choice->core ? "--pid and --core exclude each other"
		                                              : "--pid PID or --core FILE is missing");
	return 0;
}

void image_say_missing(const struct image *im)
{
	if (im->missing)
		tool_say("%" PRIu64 " bytes are missing from the core file: the answer is partial", im->missing);
	if (im->left_out)
		tool_say("gdb left out %" PRIu64
		         " of them, because it stops at the first guard page of a mapping; a core file "
		         "that the kernel writes has them",
		         im->left_out);
}

bool image_open_choice(struct image *im, const struct image_choice *choice)
{
	const char *why = image_open(im, choice);

	if (why)
		tool_say("%s", why);
	else
		image_say_missing(im);
	return !why;
}
