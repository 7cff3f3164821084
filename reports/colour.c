/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/colour.c - a finished report with the colours of a terminal. The sink asks for it, because only the sink knows
 * that a terminal shows the text; files and other programs get the text as it is. */
#include "config.h"

#include "reports/reports_internal.h"

#define BOLD "\033[1m"
#define RED "\033[31m"
#define GREEN "\033[32m"
#define PLAIN "\033[0m"

/* The colour of a whole line, by its first words. */
static const char *line_colour(const char *line)
{
	static const struct {
		const char *start, *colour;
	} lines[] = {
		{ "BUG: MEMSAN: ", BOLD RED },
		{ "unreferenced object ", BOLD RED },
		{ "reachable object ", BOLD },
		{ "SUMMARY: ", BOLD },
		{ "Call Trace:", BOLD },
		{ "Allocated by ", BOLD },
		{ "Freed by ", BOLD },
		{ "  backtrace:", BOLD },
		{ "The buggy address is located in the frame of:", BOLD },
		{ "Next: ", BOLD },
		{ ">0x", RED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (str_starts(line, lines[i].start))
			return lines[i].colour;
	return NULL;
}

/* Where a frame's source place begins in the line, and ends; NULL: the line is no frame with a place. */
static const char *find_place(const char *line, const char *end, const char **behind)
{
	const char *at = NULL;

	if (line[0] != ' ' || line + 4 > end)
		return NULL;
	for (const char *p = line; p + 4 < end; p++)
		if (p[0] == ' ' && p[1] == 'a' && p[2] == 't' && p[3] == ' ' && p[4] == '/')
			at = p + 4;
	*behind = end;
	for (const char *p = at; p && p < end; p++)
		if (str_starts(p, " (inlined)"))
			*behind = p;
	return at;
}

size_t colour_report(const char *text, size_t len, char *to, size_t size)
{
	const char *line, *end, *colour, *place, *behind;
	struct fmt_buf b;

	fmt_init(&b, to, size);
	for (line = text; line < text + len; line = end + 1) {
		end = str_char(line, '\n');
		if (!end)
			end = text + len;
		colour = line_colour(line);
		place = find_place(line, end, &behind);
		if (colour)
			fmt_printf(&b, "%s%.*s" PLAIN, colour, (int)(end - line), line);
		else if (place)
			fmt_printf(&b, "%.*s" GREEN "%.*s" PLAIN "%.*s", (int)(place - line), line,
			           (int)(behind - place), place, (int)(end - behind), behind);
		else
			fmt_printf(&b, "%.*s", (int)(end - line), line);
		if (end < text + len)
			fmt_printf(&b, "\n");
	}
	return b.truncated ? 0 : b.len;
}
