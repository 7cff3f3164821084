/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/complete.c - memsan decode --all: copies a log and completes module+offset with function, file and line.
 *
 * A report is held back from its "BUG: MEMSAN:" line to its closing rule, because the paths of its modules stand at its
 * end:
 *
 *     ==========                                               (passed on)
 *     BUG: MEMSAN: double-free in prog+0x11f2                  title: the first frame of the report once more
 *      prog+0x11f2 (BuildId 77ab…)                             frame  ─────┐ build id
 *     Modules linked in:                                                   │
 *      prog 0x5555…-0x5556… /home/me/prog (BuildId 77ab…)      module ◄────┘ path
 *     ==========
 *
 * A frame that has the whole path of its module (slab_debug=T prints an event on a line, with such frames) needs no
 * report around it.  Frames and modules are recognized anywhere in a line, so words that a logger puts in front are
 * kept.  Everything else is copied as it is.  Input is not trusted: a report without an end is copied as it is after
 * REPORT_LINES_MAX lines, and the code that reads ELF files does not trust them either.
 *
 * Weakness accepted: the text does not tell a faulting instruction from a return address, so every frame is looked up
 * as a return address, one byte earlier.
 */
#include "lib/lib.h"
#include "reports/reports.h"
#include "tools/tools.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define REPORT_LINES_MAX 20000
#define TITLE_MARK "BUG: MEMSAN: "
#define BUILD_ID_MARK " (BuildId "
#define UNLOADED_MARK " (unloaded)"
#define RULE_LENGTH 60

/* A frame without a function, as a line has it. */
struct bare_frame {
	size_t start, end; /* offsets in the line: from the module's name to behind the build id */
	size_t name_len;
	uint64_t addr;
	uint8_t build_id[BUILD_ID_MAX];
	size_t build_id_len; /* 0: the module has none */
};

struct known_module {
	uint8_t build_id[BUILD_ID_MAX];
	size_t build_id_len;
	char *path; /* a module without a build id is known by the last part of its path, for one report only */
	int number; /* the number that the symbolizer gave it */
	bool complained;
};

struct decoder {
	struct symbolizer *symbolizer;
	struct known_module *modules; /* of all reports so far; a build id stands for the same file in all of them */
	size_t nr_modules;
	char **lines; /* the report that is being collected; each line ends in its newline */
	size_t nr_lines;
	bool in_report;
};

/* ---- recognising ----------------------------------------------------------------------------- */

/* Reads " (BuildId 0123ab)" at p.  Returns what follows; NULL: it is something else. */
static const char *parse_build_id(const char *p, uint8_t *id, size_t *len)
{
	if (strncmp(p, BUILD_ID_MARK, strlen(BUILD_ID_MARK)) != 0)
		return NULL;
	p += strlen(BUILD_ID_MARK);
	*len = number_hex_bytes(p, id, BUILD_ID_MAX);
	p += *len * 2;
	return *len && *p == ')' ? p + 1 : NULL;
}

static const char *parse_address(const char *p, uint64_t *value)
{
	return p[0] == '0' && p[1] == 'x' ? number_hex(p + 2, value) : NULL;
}

static bool ends_here(const char *p)
{
	return *p == '\0' || *p == '\n' || *p == '\r';
}

/* A frame without a build id counts only at the end of a line that holds nothing else: "foo+0x1f" stands in many
 * texts. */
static bool find_frame(const char *line, struct bare_frame *f)
{
	for (const char *plus = strstr(line, "+0x"); plus; plus = strstr(plus + 1, "+0x")) {
		const char *name = plus, *p = parse_address(plus + 1, &f->addr), *behind;

		while (name > line && name[-1] != ' ')
			name--;
		if (name == plus || name == line || !p)
			continue;
		behind = parse_build_id(p, f->build_id, &f->build_id_len);
		if (!behind) {
			f->build_id_len = 0;
			if (!ends_here(p) && strncmp(p, UNLOADED_MARK, strlen(UNLOADED_MARK)) != 0)
				continue;
			behind = p;
		}
		f->start = (size_t)(name - line);
		f->name_len = (size_t)(plus - name);
		f->end = (size_t)(behind - line);
		return true;
	}
	return false;
}

/* Finds " NAME 0xSTART-0xEND /PATH (BuildId …) (remark)".  Returns the path, which the caller frees; the build id may
 * be missing. */
static char *find_module(const char *line, uint8_t *id, size_t *id_len)
{
	for (const char *at = strstr(line, " 0x"); at; at = strstr(at + 1, " 0x")) {
		const char *p, *mark;
		uint64_t bound;

		if (!(p = parse_address(at + 1, &bound)) || *p != '-' || !(p = parse_address(p + 1, &bound)) ||
		    p[0] != ' ' || p[1] != '/')
			continue;
		mark = strstr(p, BUILD_ID_MARK);
		if (!mark || !parse_build_id(mark, id, id_len)) {
			*id_len = 0;
			mark = strstr(p, " (");
		}
		return tool_format("%.*s", (int)((mark ? mark : p + strcspn(p, "\r\n")) - p - 1), p + 1);
	}
	return NULL;
}

static bool is_rule(const char *line)
{
	size_t n = strlen(line), rule = 0;

	while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
		n--;
	while (n && line[n - 1] == '=') {
		n--;
		rule++;
	}
	return rule >= RULE_LENGTH;
}

/* The last part of a path, not terminated. */
static const char *module_base(const char *name, size_t len)
{
	const char *slash = memrchr(name, '/', len);

	return slash ? slash + 1 : name;
}

/* ---- modules --------------------------------------------------------------------------------- */

static struct known_module *known_module_find(struct decoder *d, const uint8_t *id, size_t len, const char *name,
                                              size_t name_len)
{
	for (size_t i = 0; i < d->nr_modules; i++) {
		struct known_module *m = &d->modules[i];
		const char *last = strrchr(m->path, '/') + 1;

		if (m->build_id_len != len)
			continue;
		if (len ? memcmp(m->build_id, id, len) == 0
		        : strlen(last) == name_len && memcmp(last, name, name_len) == 0)
			return m;
	}
	return NULL;
}

static struct known_module *known_module_add(struct decoder *d, struct known_module *m)
{
	m->number = symbolizer_module(d->symbolizer, m->path, m->build_id, m->build_id_len);
	d->modules = realloc(d->modules, (d->nr_modules + 1) * sizeof(*m));
	if (!d->modules || m->number < 0) {
		tool_say("out of memory");
		exit(1);
	}
	d->modules[d->nr_modules] = *m;
	return &d->modules[d->nr_modules++];
}

static void known_module_learn(struct decoder *d, const char *line)
{
	struct known_module m = { .complained = false };
	const char *last;

	m.path = find_module(line, m.build_id, &m.build_id_len);
	if (!m.path)
		return;
	last = strrchr(m.path, '/') + 1;
	if (known_module_find(d, m.build_id, m.build_id_len, last, strlen(last)))
		free(m.path);
	else
		known_module_add(d, &m);
}

/* The module of a frame.  A frame that names its module by path adds the module. */
static struct known_module *frame_module(struct decoder *d, const char *line, const struct bare_frame *f)
{
	const char *name = line + f->start, *last = module_base(name, f->name_len);
	size_t last_len = (size_t)(name + f->name_len - last);
	struct known_module *found = known_module_find(d, f->build_id, f->build_id_len, last, last_len);
	struct known_module m = { .build_id_len = f->build_id_len };

	if (found || *name != '/' || !f->build_id_len)
		return found;
	memcpy(m.build_id, f->build_id, f->build_id_len);
	m.path = tool_format("%.*s", (int)f->name_len, name);
	return known_module_add(d, &m);
}

/* Forgets modules without a build id: in the next report, the path may be another file. */
static void known_modules_forget(struct decoder *d, bool all)
{
	size_t kept = 0;

	for (size_t i = 0; i < d->nr_modules; i++) {
		if (d->modules[i].build_id_len && !all)
			d->modules[kept++] = d->modules[i];
		else
			free(d->modules[i].path);
	}
	d->nr_modules = kept;
}

/* Prints once why a module has no symbols.  Single functions without a name are not worth a line. */
static void known_module_complain(struct decoder *d, struct known_module *m, const char *name, size_t name_len)
{
	const char *why = symbolizer_note(d->symbolizer, m->number);

	if (why && !m->complained)
		tool_say("%.*s: %s", (int)name_len, name, why);
	m->complained = true;
}

/* ---- printing -------------------------------------------------------------------------------- */

static void put_location(const struct report_symbol *s)
{
	if (!s->file)
		return;
	tool_print(" at %s", s->file);
	if (s->line)
		printf(":%" PRIu32, s->line);
	if (s->line && s->column)
		printf(":%" PRIu32, s->column);
}

/* "func+0xoff/0xsize [module]", with the offset of the return address. */
static char *format_place(const struct report_symbol *s, const char *name, size_t name_len)
{
	char *size = s->size ? tool_format("/0x%" PRIx64, s->size) : tool_format("%s", "");
	char *place = tool_format("%s+0x%" PRIx64 "%s [%.*s]", s->function, s->offset + 1, size, (int)name_len, name);

	free(size);
	return place;
}

/* The symbols of a frame, innermost first; NULL: its function is not known. */
static const struct report_symbol *frame_symbols(struct decoder *d, const char *line, const struct bare_frame *f,
                                                 size_t *nr)
{
	struct known_module *m = frame_module(d, line, f);
	const struct report_symbol *found;

	if (!m)
		return NULL;
	found = symbolizer_lookup(d->symbolizer, m->number, f->addr - 1, nr);
	if (*nr && found[*nr - 1].function)
		return found;
	known_module_complain(d, m, line + f->start, f->name_len);
	return NULL;
}

static void print_frame(struct decoder *d, const char *line, const struct bare_frame *f)
{
	size_t nr = 0;
	const struct report_symbol *s = frame_symbols(d, line, f, &nr);
	const char *base;
	char *place;

	if (!s) {
		fputs(line, stdout);
		return;
	}
	for (size_t i = 0; i + 1 < nr; i++) {
		printf("%.*s", (int)f->start, line);
		tool_print("%s", s[i].function ? s[i].function : "?");
		put_location(&s[i]);
		fputs(" (inlined)\n", stdout);
	}
	base = module_base(line + f->start, f->name_len);
	place = format_place(&s[nr - 1], base, (size_t)(line + f->start + f->name_len - base));
	printf("%.*s", (int)f->start, line);
	tool_print("%s", place);
	put_location(&s[nr - 1]);
	fputs(line + f->end, stdout);
	free(place);
}

/* The title ends with the bare first frame; it is completed like the equal frame below it. */
static void print_title(struct decoder *d, const char *title)
{
	size_t len = strcspn(title, "\r\n"), nr = 0;
	struct bare_frame f;

	for (size_t i = 1; i < d->nr_lines; i++) {
		const char *line = d->lines[i];
		const struct report_symbol *s;
		size_t n;

		if (!find_frame(line, &f))
			continue;
		n = strcspn(line + f.start, " \r\n");
		if (n >= len || memcmp(title + len - n, line + f.start, n) != 0 || title[len - n - 1] != ' ')
			break;
		s = frame_symbols(d, line, &f, &nr);
		if (s) {
			char *place = nr > 1 ? tool_format("%s [%.*s]", s[0].function ? s[0].function : "?",
			                                   (int)f.name_len, line + f.start)
			                     : format_place(&s[0], line + f.start, f.name_len);

			printf("%.*s", (int)(len - n), title);
			tool_print("%s", place);
			if (s[0].file && s[0].line)
				tool_print(" at %s:%u", path_base(s[0].file), s[0].line);
			fputs(title + len, stdout);
			free(place);
			return;
		}
		break;
	}
	fputs(title, stdout);
}

/* ---- one report ------------------------------------------------------------------------------ */

/* Announces everything before the first lookup, so that each file is read once. */
static void announce_report(struct decoder *d)
{
	struct bare_frame f;

	for (size_t i = 0; i < d->nr_lines; i++)
		known_module_learn(d, d->lines[i]);
	for (size_t i = 0; i < d->nr_lines; i++) {
		struct known_module *m = find_frame(d->lines[i], &f) ? frame_module(d, d->lines[i], &f) : NULL;

		if (m)
			symbolizer_want(d->symbolizer, m->number, f.addr - 1);
	}
}

static void finish_report(struct decoder *d)
{
	struct bare_frame f;

	announce_report(d);
	for (size_t i = 0; i < d->nr_lines; i++) {
		if (i == 0)
			print_title(d, d->lines[0]);
		else if (find_frame(d->lines[i], &f))
			print_frame(d, d->lines[i], &f);
		else
			fputs(d->lines[i], stdout);
	}
	for (size_t i = 0; i < d->nr_lines; i++)
		free(d->lines[i]);
	known_modules_forget(d, false);
	d->nr_lines = 0;
	d->in_report = false;
}

static void take_line(struct decoder *d, const char *line)
{
	bool title = strstr(line, TITLE_MARK) != NULL;
	struct bare_frame f;

	if (d->in_report && (title || d->nr_lines == REPORT_LINES_MAX))
		finish_report(d);
	if (!d->in_report && !title) {
		if (find_frame(line, &f) && line[f.start] == '/')
			print_frame(d, line, &f);
		else
			fputs(line, stdout);
		return;
	}
	d->in_report = true;
	d->lines[d->nr_lines++] = tool_format("%s", line);
	if (is_rule(line))
		finish_report(d);
}

static bool decode_stream(struct decoder *d, FILE *in, const char *name)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	bool good;

	while ((n = getline(&line, &size, in)) >= 0) {
		if (strlen(line) == (size_t)n) {
			take_line(d, line);
		} else {
			if (d->in_report)
				finish_report(d);
			fwrite(line, 1, (size_t)n, stdout);
		}
	}
	good = !ferror(in);
	if (!good)
		tool_say("cannot read %s: %s", name, strerror(errno));
	if (d->in_report)
		finish_report(d);
	free(line);
	return good;
}

static bool decode_file(struct decoder *d, const char *name)
{
	FILE *in = fopen(name, "re");
	bool good;

	if (!in) {
		tool_say("cannot read %s: %s", name, strerror(errno));
		return false;
	}
	good = decode_stream(d, in, name);
	fclose(in);
	return good;
}

int complete_files(char **names, size_t nr)
{
	struct decoder d = { .symbolizer = symbolizer_create(0) };
	int status = 0;

	if (!d.symbolizer) {
		tool_say("out of memory");
		return 1;
	}
	d.lines = tool_alloc(REPORT_LINES_MAX * sizeof(*d.lines));
	if (!nr)
		status = !decode_stream(&d, stdin, "standard input");
	for (size_t i = 0; i < nr; i++) {
		bool good = strcmp(names[i], "-") ? decode_file(&d, names[i])
		                                  : decode_stream(&d, stdin, "standard input");

		status |= !good;
	}
	free(d.lines);
	known_modules_forget(&d, true);
	free(d.modules);
	symbolizer_destroy(d.symbolizer);
	return tool_finish_output(status);
}
