/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/qemu/kernel_log.c - memsan kernel: finds the reports in a guest's log, and the bug that each is about. */
#include "config.h"

#include "tools/qemu/kernel.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const char *kernel_log_text(const char *line)
{
	const char *p = line;

	/* "[   12.345678] " */
	if (*p != '[')
		return line;
	for (p++; *p == ' '; p++)
		;
	while (isdigit((unsigned char)*p) || *p == '.')
		p++;
	return p[0] == ']' && p[1] == ' ' ? p + 2 : line;
}

/* A function may be called "bug_x", "bug_x.cold" or "bug_x.constprop.0". */
static bool is_function(const char *found, const char *name)
{
	size_t len = strlen(name);

	return found && strncmp(found, "bug_", 4) == 0 && strncmp(found + 4, name, len) == 0 &&
	       (!found[4 + len] || found[4 + len] == '.');
}

bool kernel_finding_names(const struct kernel_finding *f, const struct kernel_bug *bug)
{
	const struct decode_record *r = f->record;

	for (size_t s = 0; s < r->nr_stacks; s++)
		for (size_t i = 0; i < r->stacks[s].nr; i++)
			/* a frame that was only found lying on the stack may be left from another bug */
			if (!r->stacks[s].frames[i].unreliable &&
			    is_function(r->stacks[s].frames[i].function, bug->name))
				return true;
	return is_function(r->function, bug->name);
}

static const struct kernel_bug *first_named(const struct kernel_finding *f)
{
	for (size_t i = 0; i < kernel_nr_bugs; i++)
		if (kernel_finding_names(f, &kernel_bugs[i]))
			return &kernel_bugs[i];
	return NULL;
}

/* Lines of the log during which a bug was run, counted from 1 as the reader counts. */
struct region {
	uint64_t first_line;
	const struct kernel_bug *bug;
};
struct regions {
	struct region *all;
	size_t nr;
};

static void region_add(struct regions *r, uint64_t line, const struct kernel_bug *bug)
{
	r->all = tool_resize(r->all, (r->nr + 1) * sizeof(*r->all));
	r->all[r->nr++] = (struct region){ line, bug };
}

static const struct kernel_bug *bug_named(const char *name, size_t len)
{
	for (size_t i = 0; i < kernel_nr_bugs; i++)
		if (strlen(kernel_bugs[i].name) == len && memcmp(kernel_bugs[i].name, name, len) == 0)
			return &kernel_bugs[i];
	return NULL;
}

static void find_regions(struct regions *r, const char *log)
{
	uint64_t number = 1;

	for (const char *line = log; *line; number++) {
		const char *text = kernel_log_text(line), *end = strchrnul(line, '\n');

		if (strncmp(text, "memsan: bug ", 12) == 0) {
			size_t len = strcspn(text + 12, " \n");

			/* Lines between "bug NAME ended N" and the next bug still belong to this bug. */
			if (text[12 + len] != ' ')
				region_add(r, number, bug_named(text + 12, len));
		} else if (strncmp(text, "memsan: scan", 12) == 0) {
			region_add(r, number, NULL);
		}
		line = *end ? end + 1 : end;
	}
}

static const struct kernel_bug *region_of(const struct regions *r, uint64_t line)
{
	const struct kernel_bug *bug = NULL;

	for (size_t i = 0; i < r->nr && r->all[i].first_line <= line; i++)
		bug = r->all[i].bug;
	return bug;
}

static void take_record(void *ctx, struct decode_record *record)
{
	struct kernel_findings *f = ctx;

	f->all = tool_resize(f->all, (f->nr + 1) * sizeof(*f->all));
	f->all[f->nr++] = (struct kernel_finding){ .record = record };
}

void kernel_symbolize(struct decode_record **records, size_t nr, const struct kernel_built *k,
                      const char *const *modules, size_t nr_modules)
{
	struct decode_symbols *symbols = decode_symbols_create();

	if (!symbols)
		return;
	if (k->vmlinux)
		decode_symbols_vmlinux(symbols, k->vmlinux);
	for (size_t i = 0; i < nr_modules; i++)
		decode_symbols_folder(symbols, modules[i]);
	decode_symbols_apply(symbols, records, nr);
	decode_symbols_destroy(symbols);
}

static void symbolize(struct kernel_findings *f, const struct kernel_built *k, const char *const *modules,
                      size_t nr_modules)
{
	struct decode_record **records = tool_alloc((f->nr + 1) * sizeof(*records));

	for (size_t i = 0; i < f->nr; i++)
		records[i] = f->all[i].record;
	kernel_symbolize(records, f->nr, k, modules, nr_modules);
	free(records);
}

void kernel_find(struct kernel_findings *f, const char *log, const struct kernel_built *k, const char *const *modules,
                 size_t nr_modules)
{
	struct decode_reader *reader = decode_reader_create(take_record, f);
	struct regions regions = { 0 };

	if (!reader) {
		tool_say("out of memory");
		exit(1);
	}
	decode_reader_begin(reader, "console");
	decode_reader_feed(reader, log, strlen(log));
	decode_reader_end(reader);
	decode_reader_destroy(reader);
	symbolize(f, k, modules, nr_modules);
	find_regions(&regions, log);
	for (size_t i = 0; i < f->nr; i++) {
		const struct kernel_bug *bug = region_of(&regions, f->all[i].record->first_line);

		f->all[i].named = bug && kernel_finding_names(&f->all[i], bug);
		f->all[i].bug = f->all[i].named ? bug : first_named(&f->all[i]);
		f->all[i].named = f->all[i].bug != NULL;
		if (!f->all[i].bug)
			f->all[i].bug = bug;
	}
	free(regions.all);
}

void kernel_findings_free(struct kernel_findings *f)
{
	for (size_t i = 0; i < f->nr; i++)
		if (f->all[i].record) /* may have been taken over */
			decode_record_free(f->all[i].record);
	free(f->all);
	*f = (struct kernel_findings){ 0 };
}
