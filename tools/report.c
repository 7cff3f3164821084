/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/report.c - memsan report: merges the reports of many runs into one for each bug; shows the bugs that are new
 * since a baseline, or the most frequent ones. */
#include "config.h"

#include "decode/decode.h"
#include "tools/tools.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TOP_MAX 100000u

struct report {
	struct output out;
	struct decode_merge *merge; /* collects the records */
	uint64_t nr_unread;
	uint64_t top;
	bool format_given;
	bool direct; /* the output puts reports of one bug together itself */
};

static void take_record(void *ctx, struct decode_record *r)
{
	struct report *p = ctx;

	if (output_wanted(&p->out, r)) {
		if (p->direct)
			output_put(&p->out, r);
		else
			decode_merge_add(p->merge, r);
	}
	decode_record_free(r);
}

static void take_unread(void *ctx, const char *log, uint64_t line, const char *text)
{
	struct report *p = ctx;

	(void)log;
	(void)line;
	(void)text;
	p->nr_unread++;
}

/* Collects all records of some logs.  NULL: that failed, and a line was printed. *bad is set when a file could not be
 * read. */
static struct decode_merge *gather(struct report *p, char **names, size_t nr, bool *bad)
{
	struct decode_reader *reader = decode_reader_create(take_record, p);
	struct input_options how = { .follow = false };
	char *standard[] = { (char *)"-" };

	p->merge = decode_merge_create();
	if (!reader || !p->merge) {
		tool_say("cannot create temporary files: %s", strerror(errno));
		return NULL;
	}
	decode_reader_on_unread(reader, take_unread, p);
	if (!nr) {
		names = standard;
		nr = 1;
	}
	for (size_t i = 0; i < nr; i++)
		*bad |= !input_read(reader, names[i], &how);
	decode_reader_destroy(reader);
	if (decode_merge_finish(p->merge))
		return p->merge;
	tool_say("cannot write a temporary file: %s", strerror(errno));
	decode_merge_destroy(p->merge);
	return NULL;
}

static void put_bug(struct report *p, struct decode_merge *m, const struct decode_bug *bug)
{
	struct decode_record *r = decode_merge_example(m, bug);

	if (r)
		output_put(&p->out, r);
	decode_record_free(r);
}

static int finish(struct report *p, int status)
{
	if (p->nr_unread)
		tool_say("lines that look like a report, but were not understood: %" PRIu64
		         "; memsan decode --unread shows "
		         "them",
		         p->nr_unread);
	output_finish(&p->out);
	tool_check_output();
	return tool_finish_output(0) ? EXIT_USAGE : status;
}

/* ---- merge ----------------------------------------------------------------------------------- */

static int merge_main(struct report *p, char **names, size_t nr)
{
	bool bad = false;
	struct decode_merge *m;
	struct decode_bug bug;

	p->direct = output_groups(&p->out);
	if (p->direct && !output_begin(&p->out))
		return EXIT_USAGE;
	m = gather(p, names, nr, &bad);
	if (!m || (!p->direct && !output_begin(&p->out)))
		return EXIT_USAGE;
	while (decode_merge_next(m, &bug))
		put_bug(p, m, &bug);
	bad |= decode_merge_failed(m);
	decode_merge_destroy(m);
	return finish(p, bad ? EXIT_USAGE : 0);
}

/* ---- diff ------------------------------------------------------------------------------------ */

static void put_gone(struct decode_merge *m, const struct decode_bug *bug)
{
	struct decode_record *r = decode_merge_example(m, bug);

	if (r)
		tool_say("gone: %s", r->title);
	decode_record_free(r);
}

/* Both lists are in order of signatures; a bug that only the second list has is new. */
static int diff_main(struct report *p, char **names, size_t nr)
{
	struct decode_merge *old, *new;
	struct decode_bug a, b;
	bool bad = false, have_a, have_b;
	uint64_t fresh = 0, gone = 0, both = 0;

	if (nr < 2)
		return tool_usage_error("report", "diff needs a baseline and at least one more file");
	old = gather(p, names, 1, &bad);
	new = old ? gather(p, names + 1, nr - 1, &bad) : NULL;
	if (!new || !output_begin(&p->out))
		return EXIT_USAGE;
	have_a = decode_merge_next(old, &a);
	have_b = decode_merge_next(new, &b);
	while (have_a || have_b) {
		if (!have_b || (have_a && a.signature < b.signature)) {
			gone++;
			put_gone(old, &a);
			have_a = decode_merge_next(old, &a);
		} else if (!have_a || b.signature < a.signature) {
			fresh++;
			put_bug(p, new, &b);
			have_b = decode_merge_next(new, &b);
		} else {
			both++;
			have_a = decode_merge_next(old, &a);
			have_b = decode_merge_next(new, &b);
		}
	}
	bad |= decode_merge_failed(old) || decode_merge_failed(new);
	decode_merge_destroy(old);
	decode_merge_destroy(new);
	tool_say("%" PRIu64 " new, %" PRIu64 " gone, %" PRIu64 " in both", fresh, gone, both);
	return finish(p, bad ? EXIT_USAGE : fresh != 0);
}

/* ---- top ------------------------------------------------------------------------------------- */

static int bug_order(const void *a, const void *b)
{
	const struct decode_bug *x = a, *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return x->signature < y->signature ? -1 : x->signature > y->signature;
}

/* Collects the `top` most frequent bugs: up to twice as many, of which the rarer half is dropped. */
static size_t collect_top(struct report *p, struct decode_merge *m, struct decode_bug *bugs)
{
	size_t n = 0;

	while (decode_merge_next(m, &bugs[n]))
		if (++n == 2 * p->top) {
			qsort(bugs, n, sizeof(*bugs), bug_order);
			n = p->top;
		}
	qsort(bugs, n, sizeof(*bugs), bug_order);
	return n < p->top ? n : p->top;
}

static int top_main(struct report *p, char **names, size_t nr)
{
	bool bad = false;
	struct decode_merge *m = gather(p, names, nr, &bad);
	struct decode_bug *bugs;
	size_t n;

	if (!m || !output_begin(&p->out))
		return EXIT_USAGE;
	bugs = tool_alloc((2 * p->top + 1) * sizeof(*bugs));
	n = collect_top(p, m, bugs);
	for (size_t i = 0; i < n; i++)
		put_bug(p, m, &bugs[i]);
	bad |= decode_merge_failed(m);
	free(bugs);
	decode_merge_destroy(m);
	return finish(p, bad ? EXIT_USAGE : 0);
}

/* ---- the command ----------------------------------------------------------------------------- */

enum { OPT_FORMAT = 256, OPT_SUPPRESSIONS, OPT_SOURCE_ROOT, OPT_ROOT, OPT_STRIP };
static const struct option report_options[] = {
	{ "limit", required_argument, NULL, 'n' },
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "suppressions", required_argument, NULL, OPT_SUPPRESSIONS },
	{ "source-root", required_argument, NULL, OPT_SOURCE_ROOT },
	{ "root", required_argument, NULL, OPT_ROOT },
	{ "strip", required_argument, NULL, OPT_STRIP },
	TOOL_OPTIONS_END,
};

/* EXIT_USAGE or 0. */
static int take_option(struct report *p, const struct arguments *a, int option)
{
	switch (option) {
	case OPT_FORMAT:
		p->format_given = true;
		return output_format_option(&p->out, a);
	case OPT_SUPPRESSIONS:
		return output_suppressions(&p->out, a->value) ? 0 : EXIT_USAGE;
	case OPT_SOURCE_ROOT:
		return output_source_root(a->value) ? 0 : EXIT_USAGE;
	case OPT_ROOT:
		return output_root(a->value) ? 0 : EXIT_USAGE;
	case OPT_STRIP:
		return decode_strip(a->value) ? 0 : tool_usage_error("report", "too many options --strip");
	default:
		if (tool_number(a->value, 1, TOP_MAX, &p->top))
			return 0;
		return tool_usage_error("report", "'%s' is not a number of reports", a->value);
	}
}

static int report_main(int argc, char **argv)
{
	static const struct {
		const char *name, *format;
		int (*main)(struct report *, char **, size_t);
	} verbs[] = {
		{ "merge", "json", merge_main },
		{ "diff", "short", diff_main },
		{ "top", "short", top_main },
	};
	struct arguments a = { .command = &command_report, .argc = argc, .argv = argv };
	struct report p = { .top = 10 };
	int option, status = 0;

	output_init(&p.out, "short");
	while (!status && (option = arguments_next(&a)) != -1)
		status = take_option(&p, &a, option);
	if (status)
		return status;
	for (size_t i = 0; a.nr && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(a.operands[0], verbs[i].name) != 0)
			continue;
		if (!p.format_given)
			output_format(&p.out, verbs[i].format);
		return verbs[i].main(&p, a.operands + 1, a.nr - 1);
	}
	if (a.nr)
		return tool_usage_error("report", "unknown action '%s' (merge, diff, top)", a.operands[0]);
	return tool_usage_error("report", "merge, diff or top is missing");
}

const struct tool_command command_report = {
	.name = "report",
	.summary = "merge, compare and count the reports of many logs",
	.help = "Usage: memsan report merge [OPTION…] [FILE…]\n"
		"       memsan report diff [OPTION…] BASELINE FILE…\n"
		"       memsan report top [-n N] [OPTION…] [FILE…]\n"
		"\n"
		"Reads logs as memsan decode does, and counts reports of the same bug as one. Two reports\n"
		"are of the same bug if the kind of bug and the function to blame agree; run, machine,\n"
		"compiler, build and tool do not matter.\n"
		"  merge prints each bug once, with how often it was reported.\n"
		"  diff  prints the bugs that BASELINE does not have.\n"
		"  top   prints the N (10) bugs that were reported most often.\n"
		"\n"
		"  -n, --limit N        so many bugs, at most (top)\n"
		"  --format=FORMAT      as for memsan decode; default: merge json, the others short\n"
		"  --suppressions=FILE  leave out the reports that the rules in FILE name\n"
		"  --source-root=DIR    with html: show lines of files below DIR too; may be repeated\n"
		"  --root=DIR           as for memsan decode\n"
		"  --strip=DIR          as for memsan decode; may be repeated\n"
		"  -h, --help           show this help\n"
		"\n"
		"Exit status: 0; 1 diff found something new; 2 a file could not be read, the output could\n"
		"not be written, or usage.\n"
		"Manual pages: memsan-report(1), memsan-report(5)\n",
	.options = report_options,
	.main = report_main,
};
