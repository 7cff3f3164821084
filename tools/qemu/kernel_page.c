/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/qemu/kernel_page.c - memsan kernel run --format=html: the reader's page, with what was expected beside what was
 * found in front of the bugs, and what the consoles tell, in order, behind them. */
#include "config.h"

#include "tools/qemu/kernel.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct kernel_page {
	struct decode_writer *writer;
	FILE *facts;
	char *facts_text;
	size_t facts_len;
};

static FILE *memory_file(char **text, size_t *len)
{
	FILE *out = open_memstream(text, len);

	if (out)
		return out;
	tool_say("out of memory");
	exit(1);
}

struct kernel_page *kernel_page_create(void)
{
	struct kernel_page *p = tool_alloc(sizeof(*p));

	*p = (struct kernel_page){ .writer = decode_writer_create(stdout, DECODE_HTML) };
	p->facts = memory_file(&p->facts_text, &p->facts_len);
	return p;
}

/* Source lines come from the kernel and from the modules, as far as these are folders. */
void kernel_page_sources(const struct kernel_options *o, const struct kernel_built *k)
{
	char *source = tool_format("%s/source", k->dir), *tree = realpath(source, NULL);
	const char *data = kernel_data_dir();

	if (tree)
		decode_source_root(tree);
	if (data)
		decode_source_root(data);
	for (size_t i = 0; i < o->nr_modules; i++)
		decode_source_root(o->modules[i]);
	free(tree);
	free(source);
}

/* A cell of a table is one line. */
static void put_cell(FILE *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		putc(text[i] == '\t' || text[i] == '\n' ? ' ' : text[i], out);
}

void kernel_page_row(struct kernel_page *p, const char *const *cells)
{
	for (; *cells; cells++) {
		put_cell(p->facts, *cells, strlen(*cells));
		putc(cells[1] ? '\t' : '\n', p->facts);
	}
}

void kernel_page_record(struct kernel_page *p, const struct decode_record *r)
{
	if (p->writer)
		decode_writer_put(p->writer, r);
}

/* What memsan's own programs say in the guest, modules, crashes. */
static bool is_event(const char *text)
{
	static const char *const starts[] = {
		"memsan: ",        "memsan_bugs: ",   "Kernel panic",    "Linux version ",
		"Oops: ",          "WARNING: ",       "Out of memory: ", "general protection",
		"Kernel Offset: ", "---[ end Kernel", "INFO: task ",     "sysrq: "
	};

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (strncmp(text, starts[i], strlen(starts[i])) == 0)
			return true;
	return false;
}

static const struct decode_record *record_at(const struct kernel_findings *f, uint64_t line)
{
	for (size_t i = 0; f && i < f->nr; i++)
		if (f->all[i].record->first_line == line)
			return f->all[i].record;
	return NULL;
}

void kernel_page_console(struct kernel_page *p, const char *heading, const char *log, const struct kernel_findings *f)
{
	enum { EVENTS_MAX = 2000 };
	char *rows = NULL;
	size_t size, events = 0;
	FILE *out = memory_file(&rows, &size);
	uint64_t number = 1;

	for (const char *line = log; *line && events < EVENTS_MAX; number++) {
		const char *text = kernel_log_text(line), *end = strchrnul(line, '\n');
		const struct decode_record *r = record_at(f, number);

		if (r || is_event(text)) {
			events++;
			put_cell(out, line, text > line ? (size_t)(text - line) : 0);
			if (text == line)
				putc(' ', out);
			putc('\t', out);
			if (r)
				fprintf(out, "#%016llx ", (unsigned long long)r->signature);
			put_cell(out, r ? r->title : text, r ? strlen(r->title) : (size_t)(end - text));
			putc('\n', out);
		}
		line = *end ? end + 1 : end;
	}
	fclose(out);
	if (p->writer)
		decode_writer_table(p->writer, true, heading, rows);
	free(rows);
}

void kernel_page_finish(struct kernel_page *p)
{
	fclose(p->facts);
	if (p->writer) {
		decode_writer_table(p->writer, false, "Expected and found", p->facts_text);
		decode_writer_finish(p->writer);
	}
	free(p->facts_text);
	free(p);
}
