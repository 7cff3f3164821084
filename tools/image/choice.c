/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/image/choice.c - which process or core file: the command line's --pid, --core and --exe. */
#include "config.h"

#include "tools/image/image.h"

#include <inttypes.h>
#include <string.h>

static int take_pid(const struct arguments *a, const char *text, struct image_choice *choice)
{
	uint64_t n;

	if (!tool_number(text, 1, TOOL_PID_MAX, &n))
		return tool_usage_error(a->command->name, "'%s' is not a process id", text);
	choice->pid = (int)n;
	return 0;
}

int image_option(const struct arguments *a, int option, struct image_choice *choice)
{
	switch (option) {
	case IMAGE_PID:
		return take_pid(a, a->value, choice);
	case IMAGE_CORE:
		choice->earlier = choice->core;
		choice->core = a->value;
		return 0;
	case IMAGE_EXE:
		choice->exe = a->value;
		return 0;
	case IMAGE_EXTERNAL:
		choice->external = true;
		return 0;
	default:
		return arguments_format(a, &choice->json);
	}
}

int image_chosen(struct arguments *a, struct image_choice *choice, bool bare)
{
	int status = 0;

	if (bare && a->nr && !choice->pid && !choice->core) {
		status = take_pid(a, a->operands[0], choice);
		a->operands++;
		a->nr--;
	}
	if (!status && bare)
		status = arguments_no_operands(a);
	if (!status && (choice->pid != 0) == (choice->core != NULL))
		status = tool_usage_error(a->command->name, choice->core ? "--pid and --core exclude each other"
		                                                         : "--pid PID or --core FILE is missing");
	return status;
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
