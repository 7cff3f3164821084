/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/decode_internal.h - shared by the files of decode/. */
#ifndef MEMSAN_DECODE_INTERNAL_H
#define MEMSAN_DECODE_INTERNAL_H

#include "decode/decode.h"

#include <string.h>

#define DECODE_FRAMES_MAX 1024 /* of one stack */
#define DECODE_STACKS_MAX 64
#define DECODE_ROWS_MAX 1024
#define DECODE_MODULES_MAX 4096
#define DECODE_LINES_MAX 20000 /* of one report */
#define DECODE_LINE_MAX 65536  /* longer lines are cut (JSON lines may be longer) */

/* ---- prefix.c -------------------------------------------------------------------------------- */

/* What stands in front of a line's text. */
struct decode_prefix {
	size_t len;        /* bytes of the prefix */
	uint64_t caller;   /* who logged the line: 'T' or 'C' and a number, a pid; 0: not known */
	uint64_t stamp_us; /* seconds since boot, where the line has them */
	bool have_stamp;
	size_t stamp_at, stamp_len; /* where the time stands in the line */
};
void decode_prefix_parse(const char *line, size_t len, struct decode_prefix *p);

/* ---- envelope.c ------------------------------------------------------------------------------ */

enum decode_enveloped {
	ENVELOPE_NOT,   /* the line is not wrapped */
	ENVELOPE_TEXT,  /* *text is what was logged */
	ENVELOPE_OTHER, /* the line belongs to the format, but holds no text */
};
struct decode_envelope {
	enum {
		ENVELOPE_PLAIN,
		ENVELOPE_EXPORT,
		ENVELOPE_VERBOSE,
		ENVELOPE_PRETTY,
		ENVELOPE_EVENTS,
		ENVELOPE_DMESG
	} form;
	bool binary;     /* eight bytes of length stand before the text */
	uint64_t caller; /* who logged the last text, as in decode_prefix; 0: not known */
	char *text;      /* malloc; the owner of the struct frees it */
	size_t len, room;
};
/* Unwraps a line. *text is valid until the next call. */
enum decode_enveloped decode_envelope_open(struct decode_envelope *w, const char *line, size_t len, const char **text,
                                           size_t *text_len);
void decode_envelope_reset(struct decode_envelope *w);
/* May the line be wrapped?  False is certain.  Called for every line, so it is quick. */
static inline bool decode_may_be_envelope(const struct decode_envelope *w, const char *line, size_t len)
{
	if (w->form != ENVELOPE_PLAIN)
		return true;
	if (len < 10)
		return false;
	switch (*line) {
	case '{':
	case '_':
	case '\036':
		return true;
	case ' ':
		return line[3] == '"' || (line[3] == ' ' && (line[4] == '_' || line[4] == 'P'));
	case '\t':
		return line[1] == '"';
	case 'd':
		return line[6] == '{';
	default:
		return false;
	}
}

/* ---- record.c -------------------------------------------------------------------------------- */

/* NULL: there are too many */
struct decode_row *decode_record_row(struct decode_record *r);
bool decode_record_line(struct decode_record *r, const char *text, size_t len); /* false: there are too many */

/* NULL: there are too many */
struct decode_module *decode_record_module(struct decode_record *r);

/* ---- signature.c ----------------------------------------------------------------------------- */

/* Does the stack to blame name a function that is not plumbing? */
bool decode_record_guilty(const struct decode_record *r);

/* ---- record.c: scanners ---------------------------------------------------------------------- */

static inline bool starts(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}
/* What follows `with`, or NULL. */
static inline const char *after(const char *s, const char *with)
{
	size_t n = strlen(with);

	return strncmp(s, with, n) == 0 ? s + n : NULL;
}
/* Digits with or without 0x: what follows them, or NULL as for number_hex. */
const char *decode_hex(const char *p, uint64_t *value);
/* The number behind the first `word` in s. */
bool decode_hex_after(const char *s, const char *word, uint64_t *value);
bool decode_decimal_after(const char *s, const char *word, uint64_t *value);
/* s in lower case, with single hyphens in place of everything but letters and digits. */
const char *decode_kind(struct decode_record *r, const char *s, size_t len);

/* ---- headline.c, lines.c, user.c ------------------------------------------------------------- */

enum decode_form {
	FORM_NONE,
	FORM_KASAN,    /* up to the rule: KASAN, KFENCE, memsan */
	FORM_SLUB,     /* up to FIX, or the end of the call trace */
	FORM_KMEMLEAK, /* as long as lines are indented */
	FORM_OOPS,     /* up to "---[ end trace" */
	FORM_TRACE,    /* up to the end of the call trace: page poison, bad pages, lists */
	FORM_ASAN,
	FORM_VALGRIND,
};
/* What a line means to an open report. */
enum decode_answer {
	LINE_FOREIGN, /* not the report's */
	LINE_TAKEN,
	LINE_LAST,   /* the report's last line */
	LINE_BEHIND, /* not the report's, and the report is whole without it */
};
enum decode_section {
	SECTION_HEAD,
	SECTION_TRACE,
	SECTION_ALLOC,
	SECTION_FREE,
	SECTION_WORK,
	SECTION_FRAME,
	SECTION_OBJECT,
	SECTION_MEMORY,
	SECTION_NEXT, /* memsan: what to do next */
	SECTION_PAGE,
	SECTION_PLACE,
	SECTION_HEX,
	SECTION_MODULES,
};
/* An open report. */
struct decode_open {
	struct decode_record *record;
	enum decode_form form;
	enum decode_section section;
	struct decode_stack *stack; /* takes the next frames; NULL: frames are not wanted now */
	uint64_t caller;
	uint64_t shape_len; /* length of an unknown prefix that all lines of this report have */
	char *shape;
	size_t own_lines; /* the record's lines up to the last that is the report's own */
	unsigned foreign; /* how many lines in a row were not the report's own */
	bool trace_began, task_began, trace_ended, user_registers, saw_memory, saw_summary;
	bool printed_leak;             /* DECODE_PRINTED_LEAK stands before each line */
	bool inner_slub;               /* 4.x: SLUB's description of the object inside of KASAN's report */
	bool gpf_hint;                 /* the first line was a hint that stands before the fault's own headline */
	bool closed;                   /* a rule came that either closes the report or opens the next one */
	unsigned rows_behind;          /* rows of memory behind the marked one */
	size_t mark_column;            /* where the bytes of the marked row begin */
	uint64_t mark_row, mark_index; /* its address, and which byte of it */
	bool scale_known;              /* r->row_scale comes from two rows, not from the default */
	uint64_t last_use, heard_at;   /* a counter; a line of the log */
	uint64_t stamp_us;
	bool have_stamp;
};
#define DECODE_PRINTED_LEAK "kmemleak: "
/* Does a report begin with this line? `text` is NUL-terminated.  Sets the record's first fields and the form. */
enum decode_form decode_headline(const char *text, struct decode_open *o);
/* May one begin?  False is certain.  Called for every line of a log, so it is quick. */
bool decode_may_be_headline(const char *text, size_t len);
enum decode_answer decode_line(struct decode_open *o, const char *text);
enum decode_answer decode_line_asan(struct decode_open *o, const char *text);
enum decode_answer decode_line_valgrind(struct decode_open *o, const char *text);
bool decode_headline_valgrind(const char *text, struct decode_open *o);
bool decode_headline_asan(const char *text, struct decode_open *o);
/* What an open report still lacks when its log ends now; NULL: it is whole. */
const char *decode_missing(const struct decode_open *o);
/* Is the report inside a call trace that has shown only the allocator's own frames so far? */
bool decode_trace_goes_on(const struct decode_open *o);
size_t decode_rule_length(const char *text);
#define DECODE_SHORT_RULE 70 /* KASAN's has 66 and ASan's 65, SLUB's 77, UBSAN's 80 */

/* ---- lines_access.c, lines_object.c ---------------------------------------------------------- */

/* Readers of single lines, without the blanks in front; false: it is another kind of line. */

bool decode_read_access(struct decode_record *r, const char *t);
bool decode_read_kfence_access(struct decode_open *o, const char *t); /* a stack follows */
bool decode_read_cpu(struct decode_record *r, const char *t);         /* the task, too */
void decode_open_stack(struct decode_open *o, enum decode_section section, const char *role);
bool decode_read_heading(struct decode_open *o, const char *t);       /* of an allocating or freeing stack */
bool decode_read_trace_heading(struct decode_open *o, const char *t); /* of a call trace */
bool decode_read_kfence_object(struct decode_open *o, const char *t);
bool decode_read_object(struct decode_open *o, const char *t);
/* where the address lies: variables, stacks, mappings */
bool decode_read_place(struct decode_open *o, const char *t);
bool decode_read_page(struct decode_open *o, const char *t);
bool decode_read_first_byte(struct decode_record *r, const char *t);
bool decode_read_slub(struct decode_open *o, const char *t);
bool decode_read_module(struct decode_open *o, const char *t);
/* Takes the line with its leading blanks, since the caret's column matters. */
bool decode_read_memory(struct decode_open *o, const char *text);
/* Adds a row of up to 16 bytes, out of their printed form. */
bool decode_add_row(struct decode_record *r, uint64_t addr, const char *bytes, char label);

/* ---- frame.c --------------------------------------------------------------------------------- */

/* They add one frame per call; false: the line is no frame.  With `to` NULL they only look. */
bool decode_frame_kernel(struct decode_record *r, struct decode_stack *to, const char *text);
bool decode_frame_asan(struct decode_record *r, struct decode_stack *to, const char *text);
bool decode_frame_valgrind(struct decode_record *r, struct decode_stack *to, const char *text);
/* The function and the module of a place "func+0x1/0x2 [mod]" in running text. */
bool decode_place(struct decode_record *r, const char *text, struct decode_frame *f, const char **end);

/* ---- files.c --------------------------------------------------------------------------------- */

/* The files in some folders, found by the last part of their names. */
struct decode_files;
struct decode_files *decode_files_create(void);
void decode_files_destroy(struct decode_files *f);
void decode_files_add(struct decode_files *f, const char *folder);
/* Candidate `i` for a module of that name ("my_mod" may be my-mod.ko); NULL: there are no more. */
const char *decode_files_find(struct decode_files *f, const char *name, size_t i);

/* ---- document.c, writer.c, sarif.c, ci.c, html.c --------------------------------------------- */

struct decode_writer {
	FILE *out;
	enum decode_document form;
	uint64_t nr; /* records so far */
	uint64_t nr_passed; /* of them: reachable memory, which is nobody's bug */
	char *rules; /* SARIF: the kinds so far, "kind\n" each, which are written behind the results */
	size_t rules_len, rules_room;
	FILE *body; /* JUnit: the cases, collected because the head counts them */
	char *body_text;
	size_t body_len;
};
extern const char decode_page_css[], decode_page_js[]; /* made from page.css and page.js */
/* Memory that the program can still reach: told, but no leak. */
static inline bool decode_is_reachable(const struct decode_record *r)
{
	return r->leak.class && strcmp(r->leak.class, "reachable") == 0;
}
/* The record's rule, as SARIF, JUnit and GitLab name it: "kasan/slab-out-of-bounds". */
void decode_rule_name(char *buf, size_t size, const struct decode_record *r);
void decode_sarif_head(struct decode_writer *w);
void decode_sarif_put(struct decode_writer *w, const struct decode_record *r);
void decode_sarif_tail(struct decode_writer *w);
void decode_junit_put(struct decode_writer *w, const struct decode_record *r);
void decode_junit_tail(struct decode_writer *w);
void decode_github_put(struct decode_writer *w, const struct decode_record *r);
void decode_gitlab_put(struct decode_writer *w, const struct decode_record *r);
void decode_html_head(struct decode_writer *w);
void decode_html_put(struct decode_writer *w, const struct decode_record *r);
void decode_html_tail(struct decode_writer *w);
/* Text out of a log or a file must not control the terminal that shows it.  Tabs are left: the layout of a report has
 * them. */
void decode_put_clean(FILE *out, const char *s, size_t len);
/* s as text or attribute of XML and HTML; it may hold any bytes.  NULL: writes nothing. */
void decode_put_xml(FILE *out, const char *s);
/* The path relative to the working directory if the file is below it, else as it is. */
const char *decode_relative(const char *path);

#endif
