/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/symbols.c - gives the frames of records their functions, inlined functions, files and lines.
 *
 *     "func+0x1d/0x40"              kernel: vmlinux, by name and size
 *     "func+0x1d/0x40 [mod]"        module of the kernel: mod.ko below one of the folders, by name and size
 *     0xffffffff81234567            kernel: the address less the offset that KASLR gave the kernel
 *     "prog+0x1d (BuildId …)"       memsan: a file of that name below the folders, else the path that the report names
 *
 * For each of memsan's files, debug information also comes from the debug file with that build id on this machine, or
 * from a debuginfod server.  A file with another build id is not used.
 *
 * There are two passes over all records.  The first announces every address, so that reports/symbolize.c reads each
 * file once for all of them; the second fetches the answers.  A frame is looked up as a return address, one byte
 * earlier, unless it is known to be the instruction itself.
 */
#include "config.h"

#include <stdlib.h>

#include "decode/decode_internal.h"

#define NOTES_MAX 64
#define MODULES_MAX 4096

struct sym_file {
	char *name, *build_id; /* as frames name it */
	const char *told_path; /* the path that the report gives, or NULL */
	int *modules;          /* numbers from the symbolizer, in the order in which they are tried */
	size_t nr;
};

struct decode_symbols {
	struct symbolizer *symbolizer;
	struct decode_files *files;
	int vmlinux; /* number from the symbolizer; -1: none */
	char *vmlinux_path;
	struct sym_file *known;
	size_t nr_known;
	char *notes[NOTES_MAX];
	size_t nr_notes, nr_told;
	uint64_t kaslr; /* offset of the record at hand */
	bool have_kaslr;
};

struct decode_symbols *decode_symbols_create(void)
{
	struct decode_symbols *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->symbolizer = symbolizer_create(0);
	s->files = decode_files_create();
	s->vmlinux = -1;
	return s;
}

void decode_symbols_destroy(struct decode_symbols *s)
{
	for (size_t i = 0; i < s->nr_known; i++) {
		free(s->known[i].name);
		free(s->known[i].build_id);
		free(s->known[i].modules);
	}
	for (size_t i = 0; i < s->nr_notes; i++)
		free(s->notes[i]);
	free(s->known);
	free(s->vmlinux_path);
	if (s->files)
		decode_files_destroy(s->files);
	if (s->symbolizer)
		symbolizer_destroy(s->symbolizer);
	free(s);
}

void decode_symbols_vmlinux(struct decode_symbols *s, const char *path)
{
	free(s->vmlinux_path);
	s->vmlinux_path = strdup(path);
	s->vmlinux = s->symbolizer ? symbolizer_module(s->symbolizer, path, NULL, 0) : -1;
}

void decode_symbols_folder(struct decode_symbols *s, const char *path)
{
	if (s->files)
		decode_files_add(s->files, path);
}

__attribute__((format(printf, 2, 3))) static void note(struct decode_symbols *s, const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (s->nr_notes == NOTES_MAX || vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	for (size_t i = 0; text && i < s->nr_notes; i++)
		if (strcmp(text, s->notes[i]) == 0) {
			free(text);
			return;
		}
	if (text)
		s->notes[s->nr_notes++] = text;
}

void decode_symbols_tell(struct decode_symbols *s, void (*tell)(void *ctx, const char *line), void *ctx)
{
	while (s->nr_told < s->nr_notes)
		tell(ctx, s->notes[s->nr_told++]);
}

/* ---- which file ------------------------------------------------------------------------------ */

static void add_candidate(struct decode_symbols *s, struct sym_file *f, const char *path, const uint8_t *id,
                          size_t id_len)
{
	int module = symbolizer_module(s->symbolizer, path, id, id_len);
	int *grown = realloc(f->modules, (f->nr + 1) * sizeof(*grown));

	if (grown) {
		f->modules = grown;
		if (module >= 0)
			f->modules[f->nr++] = module;
	}
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* The entry of the module with that name (or path) and build id, with the files that it may be. */
static struct sym_file *sym_file(struct decode_symbols *s, const char *name, const char *build_id,
                                 const char *told_path)
{
	struct sym_file *f, *grown;
	uint8_t id[BUILD_ID_MAX];
	size_t id_len = build_id ? number_hex_bytes(build_id, id, sizeof(id)) : 0;
	const char *path;

	for (size_t i = 0; i < s->nr_known; i++)
		if (strcmp(s->known[i].name, told_path ? told_path : name) == 0 && same(s->known[i].build_id, build_id))
			return &s->known[i];
	if (s->nr_known == MODULES_MAX || !(grown = realloc(s->known, (s->nr_known + 1) * sizeof(*grown))))
		return NULL;
	s->known = grown;
	f = memset(&s->known[s->nr_known], 0, sizeof(*f));
	f->name = strdup(told_path ? told_path : name);
	f->build_id = build_id ? strdup(build_id) : NULL;
	if (!f->name)
		return NULL;
	s->nr_known++;
	for (size_t i = 0; (path = decode_files_find(s->files, path_base(f->name), i)) != NULL; i++)
		add_candidate(s, f, path, id, id_len);
	/* A file at the path that another machine's report names is the right one only by chance, unless the build
	 * id says so.  libc is another one on each machine. */
	if (id_len || ((told_path || strchr(name, '/')) && !decode_is_library_module(name)))
		add_candidate(s, f, f->name, id, id_len);
	return f;
}

static const struct decode_module *told_module(const struct decode_record *r, const struct decode_frame *f)
{
	for (size_t i = 0; i < r->nr_modules; i++) {
		const struct decode_module *m = &r->modules[i];
		if (m->path &&
		    (f->build_id ? same(m->build_id, f->build_id) : !m->build_id && same(m->name, f->module)))
			return m;
	}
	return NULL;
}

/* ---- one frame: which address of which module ------------------------------------------------ */

struct target {
	int module;
	uint64_t addr;
	bool exact;
};

static bool kernel_function(struct decode_symbols *s, const struct decode_frame *f, struct target *t)
{
	struct sym_file *file = NULL;
	uint64_t start;

	if (!f->module || strcmp(f->module, "vmlinux") == 0) {
		t->module = s->vmlinux;
		if (t->module < 0 ||
		    !symbolizer_function(s->symbolizer, t->module, f->function, f->function_size, &start))
			return false;
	} else {
		bool found = false;
		file = sym_file(s, f->module, f->build_id && strlen(f->build_id) >= 40 ? f->build_id : NULL, NULL);
		for (size_t i = 0; file && i < file->nr && !found; i++) {
			t->module = file->modules[i];
			found = symbolizer_function(s->symbolizer, t->module, f->function, f->function_size, &start);
		}
		if (!found)
			return false;
	}
	t->addr = start + f->function_offset;
	return true;
}

static bool user_offset(struct decode_symbols *s, const struct decode_record *r, const struct decode_frame *f,
                        struct target *t, size_t candidate)
{
	const struct decode_module *told = told_module(r, f);
	struct sym_file *file = sym_file(s, f->module, f->build_id, told ? told->path : NULL);

	if (!file || candidate >= file->nr)
		return false;
	t->module = file->modules[candidate];
	t->addr = f->offset;
	return true;
}

/* Which address to look up.  False: there is nothing to look up, or all is known already. */
static bool frame_target(struct decode_symbols *s, const struct decode_record *r, const struct decode_frame *f,
                         struct target *t, size_t candidate)
{
	if (f->file || f->inlined)
		return false;
	t->exact = f->exact;
	if (decode_in_kernel(r)) {
		if (candidate)
			return false;
		if (f->function && f->have_function_offset)
			return kernel_function(s, f, t);
		if (!f->function && f->have_pc && s->vmlinux >= 0 && s->have_kaslr) {
			t->module = s->vmlinux;
			t->addr = f->pc - s->kaslr;
			return true;
		}
		return false;
	}
	return f->module && f->have_offset && user_offset(s, r, f, t, candidate);
}

/* The address offset of the running kernel, from the log, or from a frame that has both an address and a name. */
static void learn_kaslr(struct decode_symbols *s, const struct decode_record *r)
{
	s->have_kaslr = r->have_kaslr;
	s->kaslr = r->kaslr;
	for (size_t i = 0; !s->have_kaslr && i < r->nr_stacks; i++)
		for (size_t k = 0; k < r->stacks[i].nr; k++) {
			const struct decode_frame *f = &r->stacks[i].frames[k];
			uint64_t start;
			if (!f->have_pc || !f->function || !f->have_function_offset || f->module || s->vmlinux < 0 ||
			    !symbolizer_function(s->symbolizer, s->vmlinux, f->function, f->function_size, &start))
				continue;
			s->kaslr = f->pc - f->function_offset - start;
			s->have_kaslr = true;
			return;
		}
}

/* ---- answers --------------------------------------------------------------------------------- */

static void set_symbol(struct decode_record *r, struct decode_frame *f, const struct report_symbol *s)
{
	if (s->function && (!f->function || s->inlined))
		f->function = decode_record_string(r, s->function, strlen(s->function));
	f->file = s->file ? decode_record_string(r, s->file, strlen(s->file)) : NULL;
	f->line = s->line;
	f->column = s->column;
	f->inlined = s->inlined;
}

/* Puts the frame and the functions that are inlined into it in place of the frame. */
static void put_symbols(struct decode_record *r, struct decode_stack *to, const struct decode_frame *f,
                        const struct report_symbol *found, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		struct decode_frame *new = decode_stack_frame(r, to);
		if (!new)
			return;
		*new = *f;
		if (i + 1 < nr) {
			new->function = NULL;
			new->have_function_offset = false;
			new->function_size = 0;
		} else if (!f->function && found[i].function) {
			new->function_offset = found[i].offset + (f->exact ? 0 : 1);
			new->function_size = found[i].size;
			new->have_function_offset = true;
		}
		set_symbol(r, new, &found[i]);
	}
}

static size_t lookup(struct decode_symbols *s, const struct decode_record *r, const struct decode_frame *f,
                     const struct report_symbol **found)
{
	struct target t = { .module = -1 };
	size_t nr = 0;

	for (size_t candidate = 0; candidate < 8 && !nr && frame_target(s, r, f, &t, candidate); candidate++) {
		*found = symbolizer_lookup(s->symbolizer, t.module, t.exact ? t.addr : t.addr - 1, &nr);
		if (nr && !(*found)[nr - 1].function)
			nr = 0;
	}
	if (!nr && t.module >= 0 && symbolizer_note(s->symbolizer, t.module))
		note(s, "%s: %s", f->module ? path_base(f->module) : "vmlinux",
		     symbolizer_note(s->symbolizer, t.module));
	return nr;
}

static void complete_stack(struct decode_symbols *s, struct decode_record *r, struct decode_stack *stack)
{
	struct decode_stack new = *stack;

	new.frames = NULL;
	new.nr = new.room = 0;
	for (size_t i = 0; i < stack->nr; i++) {
		const struct decode_frame *f = &stack->frames[i];
		const struct report_symbol *found = NULL;
		size_t nr = lookup(s, r, f, &found);
		struct decode_frame *kept;
		if (nr)
			put_symbols(r, &new, f, found, nr);
		else if ((kept = decode_stack_frame(r, &new)) != NULL)
			*kept = *f;
	}
	*stack = new;
}

static void announce(struct decode_symbols *s, const struct decode_record *r)
{
	learn_kaslr(s, r);
	for (size_t i = 0; i < r->nr_stacks; i++)
		for (size_t k = 0; k < r->stacks[i].nr; k++) {
			struct target t;
			if (frame_target(s, r, &r->stacks[i].frames[k], &t, 0))
				symbolizer_want(s->symbolizer, t.module, t.exact ? t.addr : t.addr - 1);
		}
}

void decode_symbols_apply(struct decode_symbols *s, struct decode_record **records, size_t nr)
{
	if (!s->symbolizer || !s->files)
		return;
	for (size_t i = 0; i < nr; i++)
		announce(s, records[i]);
	if (s->vmlinux >= 0 && symbolizer_note(s->symbolizer, s->vmlinux))
		note(s, "%s: %s", s->vmlinux_path, symbolizer_note(s->symbolizer, s->vmlinux));
	for (size_t i = 0; i < nr; i++) {
		learn_kaslr(s, records[i]);
		for (size_t k = 0; k < records[i]->nr_stacks; k++)
			complete_stack(s, records[i], &records[i]->stacks[k]);
		decode_record_name(records[i]);
	}
}
