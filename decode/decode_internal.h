/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/decode_internal.h - shared between the files of decode/ only. */
#ifndef MEMSAN_DECODE_INTERNAL_H
#define MEMSAN_DECODE_INTERNAL_H

#include "decode/decode.h"

#include <string.h>

#define LOG_FRAMES_MAX 1024      /* of one stack */
#define LOG_STACKS_MAX 64
#define LOG_ROWS_MAX 1024
#define LOG_MODULES_MAX 4096
#define LOG_LINES_MAX 20000      /* of one report */
#define LOG_LINE_MAX 65536       /* what is behind it in a line is not read (JSON lines may be longer) */

/* ---- prefix.c ------------------------------------------------------------------------------------------------------------ */

/* What stood in front of a line. */
struct log_prefix {
	size_t len;                 /* bytes to leave out */
	uint64_t caller;            /* who said it: 'T' or 'C' and a number, a Valgrind pid; 0: not told */
	uint64_t stamp_us;          /* seconds since boot, where the line has them */
	bool have_stamp;
	size_t stamp_at, stamp_len; /* the time as it is written */
};
void log_prefix_parse(const char *line, size_t len, struct log_prefix *p);

/* ---- wrap.c -------------------------------------------------------------------------------------------------------------- */

enum log_wrapped {
	WRAP_NOT,                   /* the line is what was logged */
	WRAP_TEXT,                  /* *text is */
	WRAP_OTHER,                 /* nothing was: another field */
};
struct log_wrap {
	enum { WRAP_PLAIN, WRAP_EXPORT, WRAP_VERBOSE, WRAP_PRETTY, WRAP_EVENTS, WRAP_DMESG } form;
	bool binary;                /* eight bytes of length stand before the text */
	uint64_t caller;            /* of the last text, as log_prefix's; 0: not told */
	char *text;                 /* malloc, its user's to free */
	size_t len, room;
};
/* *text is valid until the next call. */
enum log_wrapped log_unwrap(struct log_wrap *w, const char *line, size_t len, const char **text, size_t *text_len);
void log_wrap_reset(struct log_wrap *w);
/* May the line be other than it is?  No is sure. */
static inline bool log_may_wrap(const struct log_wrap *w, const char *line, size_t len)
{
	if (w->form != WRAP_PLAIN)
		return true;
	if (len < 10)
		return false;
	switch (*line) {
	case '{': case '_': case '\036': return true;
	case ' ': return line[3] == '"' || (line[3] == ' ' && (line[4] == '_' || line[4] == 'P'));
	case '\t': return line[1] == '"';
	case 'd': return line[6] == '{';
	default: return false;
	}
}

/* ---- record.c -------------------------------------------------------------------------------------------------------------- */

struct log_row *log_record_row(struct log_record *r);                              /* NULL: there are too many */
bool log_record_line(struct log_record *r, const char *text, size_t len);          /* false: there are too many */

struct log_module *log_record_module(struct log_record *r);                        /* NULL: there are too many */

/* ---- name.c ---------------------------------------------------------------------------------------------------------------- */

/* Does a frame of the stack that is to blame name a function that is nobody's plumbing? */
bool log_record_guilty(const struct log_record *r);

/* ---- small scanners -------------------------------------------------------------------------------------------------------- */

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
int log_hex_digit(char c);
/* Digits with or without 0x; NULL when there are none or too many. */
const char *log_hex(const char *p, uint64_t *value);
const char *log_decimal(const char *p, uint64_t *value);
/* The number behind the first `word` in s. */
bool log_hex_after(const char *s, const char *word, uint64_t *value);
bool log_decimal_after(const char *s, const char *word, uint64_t *value);
/* s in lower case, what is no letter or digit as single hyphens. */
const char *log_kind(struct log_record *r, const char *s, size_t len);

/* ---- begin.c, body.c, user.c ------------------------------------------------------------------------------------------------ */

enum log_form {
	FORM_NONE,
	FORM_KASAN,                 /* to the rule: KASAN, KFENCE, memsan */
	FORM_SLUB,                  /* to FIX, or the end of the call trace */
	FORM_KMEMLEAK,              /* as long as lines are indented */
	FORM_OOPS,                  /* to "---[ end trace" */
	FORM_TRACE,                 /* to the end of a call trace: page poison, bad pages, lists */
	FORM_ASAN,
	FORM_VALGRIND,
};
/* What a line is to an open report. */
enum log_answer {
	LINE_FOREIGN,               /* not its own */
	LINE_TAKEN,
	LINE_LAST,                  /* its own, and the last */
	LINE_BEHIND,                /* not its own, and the report is whole without it */
};
enum log_section {
	SECTION_HEAD, SECTION_TRACE, SECTION_ALLOC, SECTION_FREE, SECTION_WORK, SECTION_FRAME, SECTION_OBJECT, SECTION_MEMORY,
	SECTION_PAGE, SECTION_PLACE, SECTION_HEX, SECTION_MODULES, SECTION_TAIL,
};
/* An open report. */
struct log_open {
	struct log_record *record;
	enum log_form form;
	enum log_section section;
	struct log_stack *stack;    /* that frames go to; NULL: none */
	uint64_t caller;
	uint64_t shape_len;         /* of an unknown prefix that its lines share */
	char *shape;
	size_t own_lines;           /* the record's lines up to its last own one */
	unsigned foreign;           /* lines in a row that were not its own */
	bool trace_began, task_began, trace_ended, user_registers, saw_memory, saw_summary;
	bool printed_leak;          /* LOG_PRINTED_LEAK stands before each line */
	bool inner_slub;            /* 4.x: SLUB's description of the object inside of KASAN's report */
	bool gpf_hint;              /* the line before the fault's own was its first */
	bool closed;                /* a rule came that may close it or open the next one */
	unsigned rows_behind;       /* the marked one */
	size_t mark_column;         /* where the bytes of the marked row begin */
	uint64_t mark_row, mark_index; /* its address, and which byte of it */
	bool scale_known;           /* from two rows */
	uint64_t last_use, heard_at; /* a counter; the log's line */
	uint64_t stamp_us;
	bool have_stamp;
};
#define LOG_PRINTED_LEAK "kmemleak: "
/* Does a report begin here?  `text` is NUL-terminated.  The record's first fields and the form are set. */
enum log_form log_begin(const char *text, struct log_open *o);
/* Could it?  Quick, for every line of a log; no is sure. */
bool log_may_begin(const char *text, size_t len);
enum log_answer log_body(struct log_open *o, const char *text);
enum log_answer log_body_asan(struct log_open *o, const char *text);
enum log_answer log_body_valgrind(struct log_open *o, const char *text);
bool log_begin_valgrind(const char *text, struct log_open *o);
bool log_begin_asan(const char *text, struct log_open *o);
/* Why an open report is not whole when its log ends now; NULL: it is. */
const char *log_missing(const struct log_open *o);
/* Is it in the middle of a call trace that has shown nothing yet but the allocator's own frames? */
bool log_trace_goes_on(const struct log_open *o);
size_t log_rule_length(const char *text);
#define LOG_SHORT_RULE 70           /* KASAN's has 66 and ASan's 65, SLUB's 77, UBSAN's 80 */

/* ---- body_access.c, body_object.c: readers of single lines, behind their blanks; false: it is not such a line ---------------------- */

bool log_read_access(struct log_record *r, const char *t);
bool log_read_kfence_access(struct log_open *o, const char *t);   /* a stack follows */
bool log_read_cpu(struct log_record *r, const char *t);           /* the task, too */
void log_open_stack(struct log_open *o, enum log_section section, const char *role);
bool log_read_heading(struct log_open *o, const char *t);         /* of an allocating or freeing stack */
bool log_read_trace_heading(struct log_open *o, const char *t);   /* of a call trace */
bool log_read_kfence_object(struct log_open *o, const char *t);
bool log_read_object(struct log_open *o, const char *t);
bool log_read_place(struct log_open *o, const char *t);           /* where the object lies: variables, stacks, mappings */
bool log_read_page(struct log_open *o, const char *t);
bool log_read_first_byte(struct log_record *r, const char *t);
bool log_read_slub(struct log_open *o, const char *t);
bool log_read_module(struct log_open *o, const char *t);
/* Here blanks mean something. */
bool log_read_memory(struct log_open *o, const char *text);
/* Up to 16 bytes at addr, as they are printed. */
bool log_add_row(struct log_record *r, uint64_t addr, const char *bytes, char label);

/* ---- frame.c ------------------------------------------------------------------------------------------------------------------ */

/* One frame per call, NULL when the line is none.  `to` NULL only asks. */
bool log_frame_kernel(struct log_record *r, struct log_stack *to, const char *text);
bool log_frame_asan(struct log_record *r, struct log_stack *to, const char *text);
bool log_frame_valgrind(struct log_record *r, struct log_stack *to, const char *text);
/* "func+0x1/0x2 [mod]": the function and the module out of a place in running text. */
bool log_place(struct log_record *r, const char *text, struct log_frame *f, const char **end);

/* ---- files.c ------------------------------------------------------------------------------------------------------------------- */

/* The files below some folders, by the last part of their names. */
struct log_files;
struct log_files *log_files_create(void);
void log_files_destroy(struct log_files *f);
void log_files_add(struct log_files *f, const char *folder);
/* Candidate `i` for a module called so ("my_mod" is my-mod.ko too); NULL: there are no more. */
const char *log_files_find(struct log_files *f, const char *name, size_t i);

/* Length of the UTF-8 sequence at s, or 0: overlong, a surrogate, cut. */
size_t log_utf8_length(const unsigned char *s);

/* ---- writer.c, sarif.c, ci.c, html.c ------------------------------------------------------------------------------------------- */

struct log_writer {
	FILE *out;
	enum log_document form;
	uint64_t nr;                /* records so far */
	char *rules;                /* SARIF: kinds so far, "kind\n" each; they stand behind the results */
	size_t rules_len, rules_room;
	FILE *body;                 /* JUnit: the cases, which the head counts */
	char *body_text;
	size_t body_len;
};
extern const char log_page_css[], log_page_js[];  /* out of page.css, page.js */
/* A record's rule, as SARIF and JUnit name it: "kasan/slab-out-of-bounds". */
void log_rule_name(char *buf, size_t size, const struct log_record *r);
void log_sarif_head(struct log_writer *w);
void log_sarif_put(struct log_writer *w, const struct log_record *r);
void log_sarif_tail(struct log_writer *w);
void log_junit_put(struct log_writer *w, const struct log_record *r);
void log_junit_tail(struct log_writer *w);
void log_github_put(struct log_writer *w, const struct log_record *r);
void log_gitlab_put(struct log_writer *w, const struct log_record *r);
void log_html_head(struct log_writer *w);
void log_html_put(struct log_writer *w, const struct log_record *r);
void log_html_tail(struct log_writer *w);
/* s (NULL: nothing) as text or an attribute of XML and HTML, whatever bytes it holds. */
void log_put_xml(FILE *out, const char *s);
/* A path as a relative one below the working directory, else as it is. */
const char *log_relative(const char *path);

#endif
