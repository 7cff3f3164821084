/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/options.c - memsan options: every option with its default, range and meaning, from the one table. */
#include "decode/decode.h"
#include "lib/lib.h"
#include "tools/tools.h"

#include <inttypes.h>
#include <string.h>

#define HELP_COLUMN 6
#define HELP_WIDTH 88

/* Breaks `text` between words so that no line is longer than HELP_WIDTH. */
static void print_wrapped(FILE *out, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t word = strcspn(text, " ");

		if (column && column + 1 + word > HELP_WIDTH - HELP_COLUMN) {
			fputc('\n', out);
			column = 0;
		}
		column += (size_t)fprintf(out, "%*s%.*s", column ? 1 : HELP_COLUMN, column ? " " : "", (int)word, text);
		text += word;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

void options_print_text(FILE *out, bool all)
{
	char accepted[200];
	struct fmt_buf b;

	fputs("Set options with MEMSAN_OPTIONS=\"NAME=VALUE:NAME=VALUE\" in the environment, or with\n"
	      "memsan run -o NAME=VALUE. Quote a value that holds a colon with ' or \".\n\n",
	      out);
	for (size_t i = 0; i < option_table_size; i++) {
		const struct option_desc *o = &option_table[i];

		if (o->internal && !all)
			continue;
		fmt_init(&b, accepted, sizeof(accepted));
		options_format_accepted(o, &b);
		fprintf(out, "  %s=%s   (%s)\n", o->name, o->default_text, accepted);
		print_wrapped(out, o->help);
	}
}

static void print_json_choices(FILE *out, const char *choices)
{
	fputs(",\"choices\":[", out);
	while (*choices) {
		size_t n = strcspn(choices, "|");

		fprintf(out, "\"%.*s\"", (int)n, choices);
		choices += n;
		if (*choices == '|') {
			fputc(',', out);
			choices++;
		}
	}
	fputc(']', out);
}

void options_print_json(FILE *out, bool all)
{
	static const char *const types[] = { "bool", "uint", "enum", "string" };

	fputs("{\"schema\":\"memsan-options/1\",\"options\":[", out);
	for (size_t i = 0; i < option_table_size; i++) {
		const struct option_desc *o = &option_table[i];

		if (o->internal && !all)
			continue;
		fprintf(out, "%s\n{\"name\":\"%s\",\"type\":\"%s\",\"default\":", i ? "," : "", o->name,
		        types[o->type]);
		decode_json_string(out, o->default_text);
		if (o->type == OPTION_TYPE_UINT)
			fprintf(out, ",\"min\":%" PRIu64 ",\"max\":%" PRIu64 ",\"unit\":\"%s\"", o->min, o->max,
			        o->unit);
		if (o->type == OPTION_TYPE_ENUM)
			print_json_choices(out, o->choices);
		fputs(",\"help\":", out);
		decode_json_string(out, o->help);
		fputc('}', out);
	}
	fputs("\n]}\n", out);
}

enum { OPT_FORMAT = 256, OPT_JSON, OPT_ALL };
static const struct option listing_options[] = {
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "all", no_argument, NULL, OPT_ALL },
	TOOL_OPTIONS_END,
};

static int options_main(int argc, char **argv)
{
	struct arguments a = { .command = &command_options, .argc = argc, .argv = argv };
	bool json = false, all = false;
	int option, status = 0;

	while (!status && (option = arguments_next(&a)) != -1) {
		if (option == OPT_FORMAT)
			status = arguments_format(&a, &json);
		else if (option == OPT_JSON)
			json = true;
		else
			all = true;
	}
	if (!status)
		status = arguments_no_operands(&a);
	if (status)
		return status;
	if (json)
		options_print_json(stdout, all);
	else
		options_print_text(stdout, all);
	return tool_finish_output(0);
}

const struct tool_command command_options = {
	.name = "options",
	.summary = "list every option with default, range and meaning",
	.help = "Usage: memsan options [--format=FORMAT] [--all]\n"
		"\n"
		"Lists every option of MEMSAN_OPTIONS and memsan run -o, with default, range and meaning.\n"
		"\n"
		"  --format=text|json  text (the default), or one JSON object (schema memsan-options/1)\n"
		"  --json              the same as --format=json\n"
		"  --all               also the options that the memsan command sets for itself\n"
		"  -h, --help          show this help\n"
		"\n"
		"Manual page: memsan-options(7)\n",
	.options = listing_options,
	.main = options_main,
};
