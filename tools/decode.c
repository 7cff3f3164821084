/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/decode.c - memsan decode: finds reports in any log and prints them with functions and lines, in the chosen
 * form. */
#include "config.h"

#include "decode/decode.h"
#include "tools/tools.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXIT_FOUND 3  /* --check */
#define BATCH_MAX 512 /* so many records are symbolized together */

struct decode {
	bool all, follow, check, show_unread;
	uint64_t nr_records, nr_unread;
	struct output out;
	struct decode_symbols *symbols;
	struct decode_record *batch[BATCH_MAX];
	size_t nr_batch;
	struct decode_reader *reader;
};

static void tell(void *ctx, const char *line)
{
	(void)ctx;
	tool_say("%s", line);
}

static void batch_flush(struct decode *d)
{
	decode_symbols_apply(d->symbols, d->batch, d->nr_batch);
	for (size_t i = 0; i < d->nr_batch; i++) {
		if (output_wanted(&d->out, d->batch[i])) {
			if (!d->show_unread)
				output_put(&d->out, d->batch[i]);
			d->nr_records++;
		}
		decode_record_free(d->batch[i]);
	}
	decode_symbols_tell(d->symbols, tell, NULL);
	d->nr_batch = 0;
}

static void take_record(void *ctx, struct decode_record *r)
{
	struct decode *d = ctx;

	d->batch[d->nr_batch++] = r;
	if (d->nr_batch == BATCH_MAX)
		batch_flush(d);
}

/* A line that looks like a part of a report, but was not understood. */
static void take_unread(void *ctx, const char *log, uint64_t line, const char *text)
{
	struct decode *d = ctx;

	d->nr_unread++;
	if (!d->show_unread)
		return;
	printf("%s:%" PRIu64 ": ", log ? log : "-", line);
	decode_put_clean(stdout, text, strlen(text));
	putchar('\n');
}

static int verdict(const struct decode *d, int status)
{
	if (d->nr_unread && !d->show_unread)
		tool_say("%" PRIu64 " line%s like a report, and %s not understood; --unread shows %s", d->nr_unread,
		         d->nr_unread == 1 ? " looks" : "s look", d->nr_unread == 1 ? "was" : "were",
		         d->nr_unread == 1 ? "it" : "them");
	if (status || !d->check)
		return status;
	return d->nr_records || d->nr_unread ? EXIT_FOUND : 0;
}

/* While a followed log is silent, shows what has come so far. */
static void on_idle(void *ctx)
{
	struct decode *d = ctx;

	decode_reader_idle(d->reader);
	batch_flush(d);
	fflush(stdout);
}

static int decode_files(struct decode *d, char **names, size_t nr)
{
	struct input_options how = { .follow = d->follow, .idle = on_idle, .ctx = d };
	char *standard[] = { (char *)"-" };
	int status = 0;

	d->reader = decode_reader_create(take_record, d);
	if (!d->reader || (!d->show_unread && !output_begin(&d->out))) {
		tool_say("out of memory");
		return 1;
	}
	decode_reader_on_unread(d->reader, take_unread, d);
	if (!nr) {
		names = standard;
		nr = 1;
	}
	for (size_t i = 0; i < nr; i++)
		status |= !input_read(d->reader, names[i], &how);
	decode_reader_destroy(d->reader);
	batch_flush(d);
	output_finish(&d->out);
	return verdict(d, tool_finish_output(status));
}

/* Checked at once, not only when the first frame needs the file. */
static bool readable(const char *path, bool folder)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | (folder ? O_DIRECTORY : O_NONBLOCK));
	struct stat st;

	if (fd >= 0 && !folder && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		close(fd);
		fd = -1;
		errno = EISDIR;
	}
	if (fd < 0) {
		tool_say("cannot read %s: %s", path, strerror(errno));
		return false;
	}
	close(fd);
	return true;
}

enum {
	OPT_FORMAT = 256,
	OPT_SHORT,
	OPT_VMLINUX,
	OPT_MODULES,
	OPT_SOURCE,
	OPT_SOURCE_ROOT,
	OPT_ROOT,
	OPT_STRIP,
	OPT_SUPPRESSIONS,
	OPT_CHECK,
	OPT_UNREAD,
	OPT_ALL
};
static const struct option decode_options[] = {
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "short", no_argument, NULL, OPT_SHORT },
	{ "vmlinux", required_argument, NULL, OPT_VMLINUX },
	{ "modules", required_argument, NULL, OPT_MODULES },
	{ "source", no_argument, NULL, OPT_SOURCE },
	{ "source-root", required_argument, NULL, OPT_SOURCE_ROOT },
	{ "root", required_argument, NULL, OPT_ROOT },
	{ "strip", required_argument, NULL, OPT_STRIP },
	{ "suppressions", required_argument, NULL, OPT_SUPPRESSIONS },
	{ "follow", no_argument, NULL, 'f' },
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "unread", no_argument, NULL, OPT_UNREAD },
	{ "all", no_argument, NULL, OPT_ALL },
	TOOL_OPTIONS_END,
};

/* Returns EXIT_USAGE, 1 or 0. */
static int take_option(struct decode *d, const struct arguments *a, int option)
{
	switch (option) {
	case OPT_FORMAT:
		return output_format_option(&d->out, a);
	case OPT_SHORT:
		output_format(&d->out, "short");
		break;
	case OPT_VMLINUX:
		if (!readable(a->value, false))
			return 1;
		decode_symbols_vmlinux(d->symbols, a->value);
		break;
	case OPT_MODULES:
		if (!readable(a->value, true))
			return 1;
		decode_symbols_folder(d->symbols, a->value);
		break;
	case OPT_SOURCE:
		d->out.source = true;
		break;
	case OPT_SOURCE_ROOT:
		return !output_source_root(a->value);
	case OPT_ROOT:
		return !output_root(a->value);
	case OPT_STRIP:
		return decode_strip(a->value) ? 0 : tool_usage_error("decode", "too many options --strip");
	case OPT_SUPPRESSIONS:
		return !output_suppressions(&d->out, a->value);
	case 'f':
		d->follow = true;
		break;
	case OPT_CHECK:
		d->check = true;
		break;
	case OPT_UNREAD:
		d->show_unread = true;
		break;
	case OPT_ALL:
		d->all = true;
		break;
	default:
		break;
	}
	return 0;
}

static int decode_main(int argc, char **argv)
{
	struct decode d = { .symbols = decode_symbols_create() };
	struct arguments a = { .command = &command_decode, .argc = argc, .argv = argv };
	int option, status = 0;

	if (!d.symbols) {
		tool_say("out of memory");
		return 1;
	}
	output_init(&d.out, "text");
	while (!status && (option = arguments_next(&a)) != -1)
		status = take_option(&d, &a, option);
	if (!status)
		status = d.all ? complete_files(a.operands, a.nr) : decode_files(&d, a.operands, a.nr);
	decode_symbols_destroy(d.symbols);
	return status;
}

const struct tool_command command_decode = {
	.name = "decode",
	.summary = "find memory reports in any log and print them with functions and lines",
	.help = "Usage: memsan decode [OPTION…] [FILE…]\n"
		"\n"
		"Finds the memory reports in each FILE and prints them with functions and lines. Without\n"
		"FILE, or for -, reads standard input. Unpacks gzip, bzip2, xz, zstd and lz4. Reads\n"
		"memsan's reports (text and JSON), kernel logs (KASAN, KFENCE, KMSAN, SLUB, kmemleak,\n"
		"oopses and others), the reports of the compilers' sanitizers, Valgrind (text and XML),\n"
		"GWP-ASan, Scudo, Electric Fence and glibc, and Android's tombstones.\n"
		"\n"
		"  --format=FORMAT  text: as reported, with functions and lines added (the default)\n"
		"                   short: one line for each report\n"
		"                   json: memsan-report/1, one object a line\n"
		"                   sarif: SARIF 2.1.0\n"
		"                   junit: a failed test case for each report\n"
		"                   html: one self-contained page\n"
		"                   github, gitlab: annotations\n"
		"  --short          the same as --format=short\n"
		"  --vmlinux=FILE   ELF file of the kernel, for functions and lines\n"
		"  --modules=DIR    folder of the kernel's modules, or of the programs and libraries of a\n"
		"                   report from another machine; may be repeated\n"
		"  --source         print the source lines around each frame\n"
		"  --source-root=DIR  show lines of files below DIR too, not only below the current\n"
		"                   folder; may be repeated\n"
		"  --root=DIR       the repository: files below it get paths relative to it in sarif,\n"
		"                   junit, github and gitlab; default: the current folder\n"
		"  --strip=DIR      take DIR off the front of paths there; for logs of other machines; may\n"
		"                   be repeated\n"
		"  --suppressions=FILE  leave out the reports that the rules in FILE name\n"
		"  -f, --follow     at the end of a file, wait for more, as tail -f does\n"
		"  --check          exit with status 3 when there is a report, or a line that looks like one\n"
		"                   and was not understood\n"
		"  --unread         print the lines that look like a report and were not understood, in\n"
		"                   place of the reports\n"
		"  --all            print the whole log, with memsan's frames completed\n"
		"  -h, --help       show this help\n"
		"\n"
		"Exit status: 0; 1 a file could not be read or the output could not be written; 2 usage;\n"
		"3 --check found something.\n"
		"Manual pages: memsan-decode(1), memsan-report(5)\n",
	.options = decode_options,
	.main = decode_main,
};
