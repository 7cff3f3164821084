/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/output.c - prints records in the form that --format names; leaves out those that rules suppress. */
#include "config.h"

#include "decode/decode.h"
#include "tools/tools.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum format { OUT_TEXT, OUT_SHORT, OUT_JSON, OUT_SARIF, OUT_JUNIT, OUT_HTML, OUT_GITHUB, OUT_GITLAB, OUT_NR };
static const char *const format_names[OUT_NR] = {
	"text", "short", "json", "sarif", "junit", "html", "github", "gitlab"
};
static const enum decode_document documents[OUT_NR] = {
	[OUT_SARIF] = DECODE_SARIF,   [OUT_JUNIT] = DECODE_JUNIT,   [OUT_HTML] = DECODE_HTML,
	[OUT_GITHUB] = DECODE_GITHUB, [OUT_GITLAB] = DECODE_GITLAB,
};

void output_init(struct output *o, const char *format)
{
	memset(o, 0, sizeof(*o));
	o->colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	output_format(o, format);
}

void output_format(struct output *o, const char *name)
{
	for (int i = 0; i < OUT_NR; i++)
		if (strcmp(name, format_names[i]) == 0)
			o->format = i;
}

int output_format_option(struct output *o, const struct arguments *a)
{
	int format = arguments_choice(a, "format", format_names, OUT_NR);

	if (format >= 0)
		o->format = format;
	return format < 0 ? EXIT_USAGE : 0;
}

const char *output_format_name(size_t i)
{
	return i < OUT_NR ? format_names[i] : NULL;
}

static void tell(void *ctx, const char *line)
{
	tool_say("%s: %s", (const char *)ctx, line);
}

/* Reads the rules of a file; false: it cannot be read. */
bool output_suppressions(struct output *o, const char *path)
{
	FILE *in = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;
	ssize_t n;

	if (!in || ((n = getdelim(&text, &size, '\0', in)) < 0 && ferror(in))) {
		tool_say("cannot read %s: %s", path, strerror(errno));
		if (in)
			fclose(in);
		free(text);
		return false;
	}
	fclose(in);
	if (!o->rules && (o->rules = suppressions_create()) != NULL)
		suppressions_any_kind(o->rules);
	if (o->rules && n > 0)
		suppressions_add(o->rules, text, tell, (void *)path);
	free(text);
	return o->rules != NULL;
}

bool output_source_root(const char *folder)
{
	bool good = decode_source_root(folder);

	if (!good)
		tool_say("cannot read %s: %s", folder, strerror(errno));
	return good;
}

bool output_root(const char *folder)
{
	bool good = decode_root(folder);

	if (!good)
		tool_say("cannot read %s: %s", folder, strerror(errno));
	return good;
}

bool output_begin(struct output *o)
{
	if (o->format < OUT_SARIF)
		return true;
	o->writer = decode_writer_create(stdout, documents[o->format]);
	return o->writer != NULL;
}

bool output_groups(const struct output *o)
{
	return o->format == OUT_HTML;
}

bool output_wanted(struct output *o, const struct decode_record *r)
{
	if (!o->rules || !decode_record_suppressed(r, o->rules))
		return true;
	o->suppressed++;
	return false;
}

void output_put(struct output *o, const struct decode_record *r)
{
	struct decode_text_options text = { .colour = o->colour, .source = o->source };

	switch (o->format) {
	case OUT_SHORT:
		decode_short_write(stdout, r, &text);
		break;
	case OUT_JSON:
		decode_json_write(stdout, r);
		break;
	case OUT_TEXT:
		decode_text_write(stdout, r, &text);
		break;
	default:
		decode_writer_put(o->writer, r);
		break;
	}
	tool_check_output();
}

void output_finish(struct output *o)
{
	if (o->writer)
		decode_writer_finish(o->writer);
	if (o->rules) {
		suppressions_summary(o->rules, tell, (void *)"suppressions");
		suppressions_destroy(o->rules);
	}
	o->writer = NULL;
	o->rules = NULL;
	if (decode_source_refused())
		tool_say("%s lies outside of the current folder, so its lines are not shown; see --source-root",
		         decode_source_refused());
}
