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

/* Returns EXIT_USAGE, 1 or 0.  Arguments that are not options move to the front of argv, *nr of them. */
static int parse_arguments(struct decode *d, int argc, char **argv, size_t *nr)
{
	bool more = true;

	for (int i = 1; i < argc; i++) {
		const char *value;
		if (!more || argv[i][0] != '-' || !argv[i][1]) {
			argv[(*nr)++] = argv[i];
		} else if (!strcmp(argv[i], "--")) {
			more = false;
		} else if ((value = tool_option_value("--format", argv, argc, &i)) != NULL) {
			if (!output_format(&d->out, value))
				return tool_usage_error("decode", "unknown format '%s'", value);
		} else if ((value = tool_option_value("--vmlinux", argv, argc, &i)) != NULL) {
			if (!readable(value, false))
				return 1;
			decode_symbols_vmlinux(d->symbols, value);
		} else if ((value = tool_option_value("--modules", argv, argc, &i)) != NULL) {
			if (!readable(value, true))
				return 1;
			decode_symbols_folder(d->symbols, value);
		} else if ((value = tool_option_value("--suppressions", argv, argc, &i)) != NULL) {
			if (!output_suppressions(&d->out, value))
				return 1;
		} else if ((value = tool_option_value("--source-root", argv, argc, &i)) != NULL) {
			if (!output_source_root(value))
				return 1;
		} else if ((value = tool_option_value("--root", argv, argc, &i)) != NULL) {
			if (!output_root(value))
				return 1;
		} else if ((value = tool_option_value("--strip", argv, argc, &i)) != NULL) {
			if (!decode_strip(value))
				return tool_usage_error("decode", "too many options --strip");
		} else if (!strcmp(argv[i], "--short")) {
			output_format(&d->out, "short");
		} else if (!strcmp(argv[i], "--source")) {
			d->out.source = true;
		} else if (!strcmp(argv[i], "--check")) {
			d->check = true;
		} else if (!strcmp(argv[i], "--unread")) {
			d->show_unread = true;
		} else if (!strcmp(argv[i], "--all")) {
			d->all = true;
		} else if (!strcmp(argv[i], "-f") || !strcmp(argv[i], "--follow")) {
			d->follow = true;
		} else {
			return tool_usage_error("decode", "unknown option '%s'", argv[i]);
		}
	}
	return 0;
}

static int decode_main(int argc, char **argv)
{
	struct decode d = { .symbols = decode_symbols_create() };
	size_t nr = 0;
	int status;

	if (!d.symbols) {
		tool_say("out of memory");
		return 1;
	}
	output_init(&d.out, "text");
	status = parse_arguments(&d, argc, argv, &nr);
	if (!status)
		status = d.all ? complete_files(argv, nr) : decode_files(&d, argv, nr);
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
	.main = decode_main,
};
