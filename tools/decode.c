/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/decode.c - memsan decode: reports out of any log, with functions and lines, in the form that is asked for. */
#include "config.h"

#include "decode/decode.h"
#include "tools/tools.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH_MAX 512                    /* records that are symbolized together */

enum format { OUT_TEXT, OUT_SHORT, OUT_JSON, OUT_SARIF, OUT_JUNIT, OUT_HTML, OUT_GITHUB, OUT_GITLAB, OUT_NR };
static const char *const format_names[OUT_NR] = { "text", "short", "json", "sarif", "junit", "html", "github", "gitlab" };
static const enum log_document documents[OUT_NR] = {
	[OUT_SARIF] = LOG_SARIF, [OUT_JUNIT] = LOG_JUNIT, [OUT_HTML] = LOG_HTML, [OUT_GITHUB] = LOG_GITHUB, [OUT_GITLAB] = LOG_GITLAB,
};

struct decode {
	enum format format;
	bool all, follow;
	struct log_symbols *symbols;
	struct log_writer *writer;       /* of formats that are one document */
	struct log_text_options text;
	struct log_record *batch[BATCH_MAX];
	size_t nr_batch;
	uint64_t nr;
};

static void write_record(struct decode *d, struct log_record *r)
{
	switch (d->format) {
	case OUT_SHORT: log_short_write(stdout, r, &d->text); break;
	case OUT_JSON: log_json_write(stdout, r); break;
	case OUT_TEXT: log_text_write(stdout, r, &d->text); break;
	default: log_writer_put(d->writer, r); break;
	}
	d->nr++;
}

static void tell(void *ctx, const char *line)
{
	(void)ctx;
	tool_say("%s", line);
}

static void batch_flush(struct decode *d)
{
	log_symbols_apply(d->symbols, d->batch, d->nr_batch);
	for (size_t i = 0; i < d->nr_batch; i++) {
		write_record(d, d->batch[i]);
		log_record_free(d->batch[i]);
	}
	log_symbols_tell(d->symbols, tell, NULL);
	d->nr_batch = 0;
}

static void take_record(void *ctx, struct log_record *r)
{
	struct decode *d = ctx;

	d->batch[d->nr_batch++] = r;
	if (d->nr_batch == BATCH_MAX)
		batch_flush(d);
}

struct idle { struct decode *decode; struct log_reader *reader; };

static void on_idle(void *ctx)
{
	struct idle *i = ctx;

	log_reader_idle(i->reader);
	batch_flush(i->decode);
	fflush(stdout);
}

static int decode_files(struct decode *d, char **names, size_t nr)
{
	struct log_reader *reader = log_reader_create(take_record, d);
	struct idle idle = { d, reader };
	struct input_options how = { .follow = d->follow, .idle = on_idle, .ctx = &idle };
	char *standard[] = { (char *)"-" };
	int status = 0;

	if (d->format >= OUT_SARIF)
		d->writer = log_writer_create(stdout, documents[d->format]);
	if (!reader || (d->format >= OUT_SARIF && !d->writer)) {
		tool_say("out of memory");
		return 1;
	}
	if (!nr) {
		names = standard;
		nr = 1;
	}
	for (size_t i = 0; i < nr; i++)
		status |= !input_read(reader, names[i], &how);
	log_reader_destroy(reader);
	batch_flush(d);
	if (d->writer)
		log_writer_finish(d->writer);
	return tool_finish_output(status);
}

static int set_format(struct decode *d, const char *name)
{
	for (int i = 0; i < OUT_NR; i++)
		if (strcmp(name, format_names[i]) == 0) {
			d->format = (enum format)i;
			return 0;
		}
	return tool_usage_error("decode", "unknown format '%s'", name);
}

/* The value of "--name=value" or "--name value"; NULL: another option. */
static const char *option_value(const char *name, char **argv, int argc, int *i)
{
	size_t len = strlen(name);

	if (strncmp(argv[*i], name, len) != 0)
		return NULL;
	if (argv[*i][len] == '=')
		return argv[*i] + len + 1;
	if (argv[*i][len] == '\0' && *i + 1 < argc)
		return argv[++*i];
	return NULL;
}

static int decode_main(int argc, char **argv)
{
	struct decode d = { .format = OUT_TEXT, .symbols = log_symbols_create(), .text = { .colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR") } };
	size_t nr = 0;
	bool more = true;
	int status;

	if (!d.symbols) {
		tool_say("out of memory");
		return 1;
	}
	for (int i = 1; i < argc; i++) {
		const char *value;
		if (!more || argv[i][0] != '-' || !argv[i][1]) {
			argv[nr++] = argv[i];
		} else if (!strcmp(argv[i], "--")) {
			more = false;
		} else if ((value = option_value("--format", argv, argc, &i)) != NULL) {
			if (set_format(&d, value))
				return EXIT_USAGE;
		} else if ((value = option_value("--vmlinux", argv, argc, &i)) != NULL) {
			log_symbols_vmlinux(d.symbols, value);
		} else if ((value = option_value("--modules", argv, argc, &i)) != NULL) {
			log_symbols_folder(d.symbols, value);
		} else if (!strcmp(argv[i], "--short")) {
			d.format = OUT_SHORT;
		} else if (!strcmp(argv[i], "--source")) {
			d.text.source = true;
		} else if (!strcmp(argv[i], "--all")) {
			d.all = true;
		} else if (!strcmp(argv[i], "-f") || !strcmp(argv[i], "--follow")) {
			d.follow = true;
		} else {
			return tool_usage_error("decode", "unknown option '%s'", argv[i]);
		}
	}
	if (d.all)
		return complete_files(argv, nr);
	status = decode_files(&d, argv, nr);
	log_symbols_destroy(d.symbols);
	return status;
}

const struct tool_command command_decode = {
	.name = "decode",
	.summary = "read reports out of any log, with functions and lines",
	.help =
		"Usage: memsan decode [OPTION…] [FILE…]\n"
		"\n"
		"Reads each FILE (standard input when there is none, or for -; gzip, bzip2, xz and zstd\n"
		"are unpacked) and prints the memory reports in it: memsan's text and JSON, KASAN, KFENCE,\n"
		"SLUB, kmemleak and what accompanies them out of kernel logs, AddressSanitizer, Valgrind.\n"
		"\n"
		"  --format=FORMAT  text (as reported, completed by functions and lines), short (one line\n"
		"                   each), json (memsan-report/1, one object a line), sarif (2.1.0), junit,\n"
		"                   html (a page that needs nothing else), github, gitlab (annotations)\n"
		"  --short          the same as --format=short\n"
		"  --vmlinux=FILE   the kernel's ELF file, for functions and lines\n"
		"  --modules=DIR    where its modules are (*.ko); may be given more than once\n"
		"  --source         the lines of code around each frame\n"
		"  -f, --follow     wait for more at the end of a file, as tail -f does\n"
		"  --all            print everything as it is, memsan's frames completed\n"
		"  -h, --help       show this help\n"
		"\n"
		"Exit status: 0, or 1 when a file could not be read.\n"
		"Manual page: memsan-decode(1)\n",
	.main = decode_main,
};
