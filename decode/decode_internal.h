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

/* The kind of a place that holds more than before, lost or not: a line of memsan leak --growth. */
#define DECODE_GROWTH "memory-growth"

/* ---- bytes.c --------------------------------------------------------------------------------- */

enum decode_encoding { ENCODING_UNKNOWN, ENCODING_BYTES, ENCODING_UTF16_LITTLE, ENCODING_UTF16_BIG };
/* By the log's first bytes, at least 4 if there are so many. */
enum decode_encoding decode_bytes_encoding(const char *p, size_t len);
/* To UTF-8, which takes at most 3 bytes for 2; returns its length. */
size_t decode_bytes_from_utf16(char *to, const char *from, size_t len, enum decode_encoding encoding);
/* Is there anything that decode_bytes_clean leaves out, or a lone carriage return? */
bool decode_bytes_odd(const char *p, size_t len);
/* Copies to a buffer that grows, and terminates the text; NULL: out of memory. */
const char *decode_bytes_clean(char **to, size_t *room, const char *p, size_t len);
/* Replaces bytes that are no UTF-8. */
void decode_bytes_utf8(char *text);

/* ---- prefix.c -------------------------------------------------------------------------------- */

/* What stands in front of a line's text. */
struct decode_prefix {
	size_t len;        /* bytes of the prefix */
	size_t bare;       /* its bytes without "host tag:", which may be the text's first words; 0: there are none */
	uint64_t caller;   /* who logged the line: 'T' or 'C' and a number, a pid; 0: not known */
	uint64_t stamp_us; /* seconds since boot, where the line has them */
	bool have_stamp;
	size_t stamp_at, stamp_len; /* where the time stands in the line */
	char stream;                /* 'o', 'e': which stream a container's runtime read; 0: not known */
	bool partial;               /* the line goes on in the stream's next line */
	bool goes_on, may_go_on;    /* GitLab: the text continues the stream's last line; it may be continued */
};
void decode_prefix_parse(const char *line, size_t len, struct decode_prefix *p);
/* The caller of a line with Valgrind's pid, inside of the lines of another caller (0: there is none). */
uint64_t decode_caller_valgrind(uint32_t pid, uint64_t within);
/* Length of "==123== ", Valgrind's, at the line's beginning; 0: there is none.  *caller as in decode_prefix. */
size_t decode_prefix_valgrind(const char *line, size_t len, uint64_t *caller);

/* ---- mark.c ---------------------------------------------------------------------------------- */

/* The first place at which words of a headline stand, of any tool, or a spelled letter; NULL: there is none. */
const char *decode_mark_find(const char *start, const char *end);
const char *decode_mark_find_plain(const char *start, const char *end); /* the same, for any processor */
const char *decode_mark_words(const char *start, const char *end);      /* the same without spelled letters */
/* How the text's headlines are written; *at is where the first one stands that is not plain. */
enum decode_writing { WRITING_PLAIN, WRITING_SPELLED, WRITING_BASE64 };
enum decode_writing decode_mark_writing(const char *start, const char *end, const char **at);
/* The headline inside of a line. */
struct decode_found {
	size_t at;       /* the prefix ends here */
	size_t text;     /* the text begins here, behind Valgrind's pid */
	uint64_t caller; /* Valgrind's; else 0 */
};
bool decode_mark_headline(const char *line, size_t len, struct decode_found *found);

/* ---- shape.c --------------------------------------------------------------------------------- */

/* A prefix that only its headline shows. */
struct decode_shape {
	char *bytes;
	size_t len;
	bool tagged; /* logcat -v process: "  (tag)" stands behind each line */
	char quote;  /* the text is a string with such quotes; '{': JSON; 0: it is neither */
	uint64_t id, caller, plain_caller, used;
	bool confirmed; /* another line has it */
	bool exact;     /* … and has the same numbers */
};
enum decode_likeness { SHAPE_OTHER, SHAPE_SIMILAR, SHAPE_SAME };
bool decode_shape_learn(struct decode_shape *s, const char *p, size_t len); /* false: out of memory */
/* How like the shape is the beginning of a line?  *taken: its length there. */
enum decode_likeness decode_shape_match(const struct decode_shape *s, const char *raw, size_t len, size_t *taken);

/* ---- spelled.c ------------------------------------------------------------------------------- */

/* Does the escape at p, which begins with a backslash, "&" or "%", stand for a letter that needs none? */
bool decode_spelled(const char *p, const char *end);
void decode_spell_entities(char *text); /* XML's letters, in place */
/* One of XML's five named letters at p ("&lt;"): its length there; 0: there is none. */
size_t decode_named_letter(const char *p, const char *end, char *letter);
/* Writes the line with escapes for those letters only that need them; returns its length, which is no larger. */
size_t decode_spell_out(char *to, const char *line, size_t len);
/* The run of base64's letters around `at`: its length. */
size_t decode_base64_run(const char *line, size_t len, size_t at, size_t *start);
size_t decode_base64(char *to, const char *p, size_t len); /* the bytes' number */

/* ---- joiner.c -------------------------------------------------------------------------------- */

/* Lines that mail or a terminal has cut into pieces. */
struct decode_joiner {
	char *text; /* the pieces, NUL-terminated */
	size_t len, room;
	size_t width; /* the terminal's; 0: the log was not copied from one */
	bool mail;    /* the text is in quoted-printable */
	bool held;    /* the next line goes on with this text */
	bool asks;    /* one of the three */
};
enum decode_joined { JOINED_NOT, JOINED_HELD, JOINED_WHOLE };
/* By the log's beginning: how wide was the terminal that cut its lines?  0: none did. */
size_t decode_joiner_width(const char *bytes, size_t len);
/* Takes a line; `marked`: it has words of a headline.  JOINED_WHOLE: j->text is the line. */
enum decode_joined decode_joiner_add(struct decode_joiner *j, const char *p, size_t len, bool marked);
/* Must decode_joiner_add be asked about a line, if it is not a headline? */
static inline bool decode_joiner_wants(const struct decode_joiner *j, const char *p, size_t len)
{
	char last;

	if (j->asks)
		return true;
	if (len < 2)
		return false;
	last = p[len - 1] == '\r' ? p[len - 2] : p[len - 1];
	return last == '=' || (*p == '=' && p[1] == '3') || (last == 'e' && len > 20 && memchr(p + len - 4, 'b', 3));
}

/* ---- strings.c ------------------------------------------------------------------------------- */

/* A piece of a line that is being read, or that was found in it. */
struct decode_cut {
	const char *p, *end;
};
static inline void decode_cut_blanks(struct decode_cut *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t'))
		c->p++;
}
static inline bool decode_cut_letter(struct decode_cut *c, char wanted)
{
	if (c->p >= c->end || *c->p != wanted)
		return false;
	c->p++;
	return true;
}
static inline bool decode_cut_is(const struct decode_cut *text, const char *wanted)
{
	return text->p < text->end && *text->p == *wanted && (size_t)(text->end - text->p) == strlen(wanted) &&
	       memcmp(text->p, wanted, strlen(wanted)) == 0;
}
/* Skips a string; *text is what stands between its quotes.  False: there is none.  Is it cut off, *whole is false. */
bool decode_cut_string(struct decode_cut *c, struct decode_cut *text, bool *whole);

/* Takes a text out of a string; it may have several lines.  `partial`: its last line goes on in the next text. */
struct decode_text_found {
	const char *text;
	size_t len;
	uint64_t caller; /* the process, container or pod that JSON names; 0: none */
	bool partial;
};
typedef void (*decode_text_fn)(void *ctx, const struct decode_text_found *found);
/* Which strings of this log's JSON hold what was logged? */
struct decode_strings {
	uint64_t paths[16]; /* of strings that held a headline */
	size_t nr_paths;
	bool newlines; /* "log" ends with a newline, unless it is partial */
};
/* Hands over the texts of a JSON value.  False: it is none, or holds no text. */
bool decode_strings_json(struct decode_strings *s, const char *p, size_t len, decode_text_fn fn, void *ctx);
/* Hands over the strings of a list, "['text', 'text']", of which one lies around `at`.  False: there is none. */
bool decode_strings_list(const char *line, size_t len, size_t at, decode_text_fn fn, void *ctx);
/* The beginning of the string around `at` in a line, behind its quote; 0: there is none. */
size_t decode_strings_quote(const char *line, size_t len, size_t at);
/* The string that begins at p, behind its quote, without its escapes; malloc.  NULL: out of memory. */
char *decode_strings_unquote(const char *p, size_t len, char quote, size_t *text_len);
/* Does the string that begins at p end before its line does? */
bool decode_strings_closed(const char *p, size_t len, char quote);
/* The same for TeamCity's service messages, GitHub's commands, attributes of XML and rsyslog's files.  NULL: it is none
 * of them. */
char *decode_strings_command(const char *line, size_t len, size_t at, size_t *text_len);
/* The lines of a line that has all of them in one, outside of a string: as "\\n", "%0A" or tags of HTML.  NULL: it has
 * not. */
char *decode_strings_lines(const char *line, size_t len, size_t at, size_t *text_len);
/* Writes doubled quotes once; returns the length. */
size_t decode_strings_undouble(char *text, size_t len, char quote);
/* Replaces "&lt;" and its like; returns the length, which is smaller. */
size_t decode_strings_entities(char *text, size_t len);

/* ---- envelope.c ------------------------------------------------------------------------------ */

enum decode_enveloped {
	ENVELOPE_NOT,   /* the line is not wrapped */
	ENVELOPE_TEXT,  /* *text is what was logged */
	ENVELOPE_JSON,  /* *text is JSON */
	ENVELOPE_OTHER, /* the line belongs to the format, but holds no text */
};
struct decode_envelope {
	enum {
		ENVELOPE_PLAIN,
		ENVELOPE_EXPORT,
		ENVELOPE_VERBOSE,
		ENVELOPE_PRETTY,
		ENVELOPE_EVENTS,
		ENVELOPE_DMESG,
		ENVELOPE_LOGCAT
	} form;
	bool first;  /* logcat's: the last line was a head */
	bool binary; /* eight bytes of length stand before the text */
	char *text;  /* malloc; the owner of the struct frees it */
	size_t len;
};
/* Unwraps a line. *text is valid until the next call. */
enum decode_enveloped decode_envelope_open(struct decode_envelope *w, const char *line, size_t len, const char **text,
                                           size_t *text_len);
void decode_envelope_reset(struct decode_envelope *w);
/* Where does an object begin behind blanks and a comma?  0: at the beginning, or nowhere. */
static inline size_t decode_indented_object(const char *line, size_t len)
{
	size_t i = 0;

	while (i + 2 < len && (line[i] == ' ' || line[i] == '\t' || line[i] == ','))
		i++;
	return i + 2 < len && line[i] == '{' && line[i + 1] == '"' ? i : 0;
}
/* May the line be wrapped?  False is certain.  Called for every line, so it is quick. */
static inline bool decode_may_be_envelope(const struct decode_envelope *w, const char *line, size_t len)
{
	if (w->form != ENVELOPE_PLAIN)
		return true;
	if (len < sizeof("{'x':''}") - 1)
		return false;
	switch (*line) {
	case '{':
	case '_':
	case '\036':
		return true;
	case '[':
		return line[1] == '{' || line[1] == '"' || line[1] == '[' ||
		       (line[1] >= '0' && line[1] <= '9' && (line[2] == ',' || line[3] == ',' || line[4] == ',')) ||
		       (line[1] == ' ' && (line[4] == '-' || line[6] == '-' || line[len - 1] == ']'));
	case ',':
		return line[1] == '{';
	case ' ':
		if ((line[len - 1] == '}' || line[len - 1] == ',') && decode_indented_object(line, len))
			return true;
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

/* ---- blame.c --------------------------------------------------------------------------------- */

/* Sets the guilty function and the title. */
void decode_record_blame(struct decode_record *r);
/* The stack to blame; NULL: there is none. */
const struct decode_stack *decode_blame_stack(const struct decode_record *r);
/* Index of the guilty function's frame; s->nr: there is none. */
bool decode_noticed_late(const struct decode_record *r, const struct decode_stack *s, size_t guilty);
size_t decode_guilty_index(const struct decode_record *r, const struct decode_stack *s);
/* Does the stack to blame name a function that is not plumbing? */
bool decode_record_guilty(const struct decode_record *r);
/* Is it a report of the kernel's? */
bool decode_in_kernel(const struct decode_record *r);
/* Does the function's name say that it allocates for its callers (xmalloc, g_strdup)? */
bool decode_frame_is_allocator(const struct decode_frame *f);
/* main, or where a thread or the process starts: no frame behind it is the program's. */
bool decode_frame_is_start(const struct decode_record *r, const struct decode_frame *f);
/* Does the library belong to a tool, to C or to C++? */
bool decode_is_library_module(const char *module);
/* Bytes of a name without what compilers add: "foo.constprop.0", "foo.cold" and "foo@plt" are foo. */
size_t decode_plain_length(const char *function);
/* Writes the name as people say it: templates shortened, and without what compilers add. */
void decode_short_name(char *name, size_t size, const char *function);

/* ---- signature.c ----------------------------------------------------------------------------- */

/* hash_bytes of a word, and of its end. */
uint64_t decode_hash_word(uint64_t h, const char *s, size_t len);
/* One word for all tools' words for a bug: "heap", "use-after-free"; else the record's kind. */
const char *decode_kind_of_bug(const struct decode_record *r);

/* ---- name.c ---------------------------------------------------------------------------------- */

/* The last part of a function's name, as all compilers and tools agree on it; returns its length.  *weak: many
 * functions have that name. */
size_t decode_name_core(const char *function, char *core, size_t size, bool *weak);
/* Does a compiler add what stands behind the dot (".constprop.0", ".cold")?  Go's names have dots of their own. */
bool decode_is_clone_suffix(const char *dot);

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
/* How many '=' the line consists of; 0: it is no rule. */
size_t decode_rule_length(const char *text);
/* s in lower case, with single hyphens in place of everything but letters and digits. */
const char *decode_kind(struct decode_record *r, const char *s, size_t len);

/* Which row has words that stand in the text?  NULL: none. */
const char *decode_kind_of_words(const char *const (*rows)[2], size_t nr, const char *text);
struct decode_open;
/* Sets what the first line of a report says; true. */
bool decode_begin(struct decode_open *o, const char *detector, const char *kind, const char *text);

/* ---- headline.c, lines.c, user.c, valgrind.c, runtime.c, crash.c, checkers.c ------------------------------------ */

enum decode_form {
	FORM_NONE,
	FORM_KASAN,    /* up to the rule: KASAN, KFENCE, memsan */
	FORM_SLUB,     /* up to FIX, or the end of the call trace */
	FORM_KMEMLEAK, /* as long as lines are indented */
	FORM_OOPS,     /* up to "---[ end trace" */
	FORM_TRACE,    /* up to the end of the call trace: page poison, bad pages, lists */
	FORM_ASAN,
	FORM_TSAN,
	FORM_UBSAN, /* in programs */
	FORM_VALGRIND,
	FORM_VALGRIND_XML,
	FORM_GWP,
	FORM_TOMBSTONE,
	FORM_MESSAGE, /* the headline is the report */
	FORM_CRASH,
	FORM_CHECKER,
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
	size_t indent;    /* bytes of the headline's prefix */
	bool hosted;      /* "host tag:" stands in front of its headline */
	uint64_t shape;   /* the id of the prefix that all lines of this report have; 0: prefix.c knows their prefix */
	size_t own_lines; /* the record's lines up to the last that is the report's own */
	unsigned foreign; /* how many lines in a row were not the report's own */
	bool trace_began, task_began, trace_ended, user_registers, saw_memory, saw_summary;
	bool printed_leak;             /* DECODE_PRINTED_LEAK stands before each line */
	bool inner_slub;               /* 4.x: SLUB's description of the object inside of KASAN's report */
	bool gpf_hint;                 /* the first line was a hint that stands before the fault's own headline */
	bool frame_open;               /* XML: inside of <frame> */
	bool vague;                    /* the headline is not whole: its kind may come in a later line */
	bool other_cpu;                /* what follows is another processor's stack */
	bool trace_over;               /* the call trace has been left by a line of the report */
	unsigned pids, headings;       /* lines that a report has only once */
	bool mixed;                    /* such a line came again: lines of another report are among this one's */
	bool ends_alone;               /* a sanitizer's own check: no summary follows its stack */
	bool summed_up;                /* memsan's last line was seen; up to 0.1 there was none */
	bool closed;                   /* a rule came that either closes the report or opens the next one */
	unsigned rows_behind;          /* rows of memory behind the marked one */
	size_t mark_column;            /* where the bytes of the marked row begin */
	uint64_t mark_row, mark_index; /* its address, and which byte of it */
	bool scale_known;              /* r->row_scale comes from two rows, not from the default */
	uint64_t last_use, own_use;    /* a counter: of the last line, of the last one that is the report's own */
	uint64_t heard_at;             /* a line of the log */
	uint64_t stamp_us;
	bool have_stamp;
};
/* The kind of an allocator's sentence that refuses a request ("requested allocation size 0x…"); NULL: it is none. */
const char *decode_refusal_kind(const char *text);
#define DECODE_PRINTED_LEAK "kmemleak: "
/* Does a report begin with this line? `text` is NUL-terminated.  Sets the record's first fields and the form. */
enum decode_form decode_headline(const char *text, struct decode_open *o);
/* A second headline of the same report; false: it is none. */
bool decode_headline_goes_on(struct decode_open *o, const char *text);
/* A later line that makes a vague headline whole ("paging request at …"); false: it does not. */
bool decode_headline_completed(struct decode_open *o, const char *text);
/* May one begin?  False is certain.  Called for every line of a log, so it is quick. */
bool decode_may_be_headline(const char *text, size_t len);
enum decode_answer decode_line(struct decode_open *o, const char *text);
enum decode_answer decode_line_asan(struct decode_open *o, const char *text);
enum decode_answer decode_line_tsan(struct decode_open *o, const char *text);
enum decode_answer decode_line_ubsan(struct decode_open *o, const char *text);
enum decode_answer decode_line_valgrind(struct decode_open *o, const char *text);
enum decode_answer decode_line_valgrind_xml(struct decode_open *o, const char *text);
enum decode_answer decode_line_gwp(struct decode_open *o, const char *text);
enum decode_answer decode_line_tombstone(struct decode_open *o, const char *text);
enum decode_answer decode_line_message(struct decode_open *o, const char *text);
enum decode_answer decode_line_crash(struct decode_open *o, const char *text);
enum decode_answer decode_line_checker(struct decode_open *o, const char *text);
/* A tool whose reports a file reads: how they begin, and what their lines say. */
struct decode_teller {
	const char *detector;
	bool (*begins)(struct decode_open *o, const char *text);
	enum decode_answer (*line)(struct decode_open *o, const char *text);
};
/* The first one that knows the text; the one whose report is open. */
bool decode_teller_begins(const struct decode_teller *all, size_t nr, struct decode_open *o, const char *text);
enum decode_answer decode_teller_line(const struct decode_teller *all, size_t nr, struct decode_open *o,
                                      const char *text);
/* Does a report's summary ("… in f") name a function that is nowhere in its main stack? */
bool decode_summary_differs(const struct decode_open *o, const char *text);
/* Several processes write to one stream, and their lines do not say whose they are.  Is this the headline of another
 * process than the report's?  How well does a line fit into the report?  Negative: it is not the report's. */
bool decode_other_process(const struct decode_open *o, const char *text);
int decode_fit_asan(const struct decode_open *o, const char *text);
bool decode_headline_asan(const char *text, struct decode_open *o);
bool decode_headline_tsan(const char *text, struct decode_open *o);
bool decode_headline_ubsan(const char *text, struct decode_open *o);
bool decode_headline_ubsan_minimal(const char *text, struct decode_open *o);
bool decode_headline_valgrind(const char *text, struct decode_open *o);
bool decode_headline_valgrind_xml(const char *text, struct decode_open *o);
bool decode_headline_gwp(const char *text, struct decode_open *o);
bool decode_headline_tombstone(const char *text, struct decode_open *o);
bool decode_headline_message(const char *text, struct decode_open *o);
bool decode_headline_crash(const char *text, struct decode_open *o);
bool decode_headline_checker(const char *text, struct decode_open *o);
#define DECODE_DMALLOC_MARK " (err "    /* the line begins with "ERROR: " */
#define DECODE_FAULT_MARK ": segfault " /* the line begins with the program's name */
/* What an open report still lacks when its log ends now; NULL: it is whole. */
const char *decode_missing(const struct decode_open *o);
/* The same, when another report or other messages come now. */
const char *decode_unfinished(const struct decode_open *o);
/* Is the report inside a call trace that has shown only the allocator's own frames so far? */
bool decode_trace_goes_on(const struct decode_open *o);
/* Is the line a frame of the open report's call trace? */
bool decode_goes_on(const struct decode_open *o, const char *text);
#define DECODE_LEAST_RULE 50 /* KMSAN's has 53 */
#define DECODE_SHORT_RULE 70 /* KASAN's has 66 and ASan's 65, SLUB's 77, UBSAN's 80 */

/* ---- unread.c -------------------------------------------------------------------------------- */

/* Does a line that no report has taken look like a part of one? */
bool decode_looks_like_report(const char *text);
/* Does it count leaks or errors of which no report stood above?  Were leaks, were errors of Valgrind's reported? */
bool decode_looks_like_count(const char *text, bool leaks_seen, bool valgrind_seen);
/* With what such lines begin; NULL: that is all. */
const char *decode_unread_beginning(size_t i);
/* … as a stack of Valgrind's does, without an error above it? */
bool decode_looks_like_valgrind(const char *text, const char *before);

/* ---- lines_access.c, lines_object.c ---------------------------------------------------------- */

/* Readers of single lines, without the blanks in front; false: it is another kind of line. */

bool decode_access_words(const char *t); /* "Read ", "Write ", … at the beginning */
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
bool decode_frame_tsan(struct decode_record *r, struct decode_stack *to, const char *text);
bool decode_frame_backtrace(struct decode_record *r, struct decode_stack *to, const char *text);
bool decode_frame_tombstone(struct decode_record *r, struct decode_stack *to, const char *text);
bool decode_frame_valgrind(struct decode_record *r, struct decode_stack *to, const char *text);
/* "path:12" or "path:12:3" up to `end`; false: there is no line number. */
bool decode_frame_location(struct decode_record *r, struct decode_frame *f, const char *p, const char *end);
/* "path:12:3", up to `end`: the line and the column, which may be 0. */
bool decode_location(struct decode_record *r, const char *p, const char *end, uint64_t *line, uint64_t *column);
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

/* ---- seen.c ---------------------------------------------------------------------------------- */

void decode_trend_add(struct decode_trend *t, int64_t at, uint64_t count);
void decode_trend_join(struct decode_trend *t, const struct decode_trend *more);
void decode_seen_of(struct decode_seen *s, const struct decode_record *r);
void decode_seen_add(struct decode_seen *s, const struct decode_seen *more);
/* A logger's date in seconds since 1970; false: it has none, or counts from the machine's start. */
bool decode_time_read(const char *text, int64_t *seconds);
void decode_time_write(char *buf, size_t size, int64_t seconds);
/* The kernel's release, or the guilty module and its build id; false: the report does not say. */
#define DECODE_BUILD_MAX 200
bool decode_record_build(const struct decode_record *r, char *buf, size_t size);

/* ---- legend.c -------------------------------------------------------------------------------- */

/* NULL: it has no meaning that is known. */
const char *decode_byte_meaning(const struct decode_record *r, uint8_t value);
/* Are the rows memory tags of 16 bytes each (sw_tags, hw_tags, HWASan)? */
bool decode_rows_are_tags(const struct decode_record *r);

/* ---- page.c, page_table.c, page_json.c ------------------------------------------------------- */

#define PAGE_STRING_MAX 65536 /* a longer string out of a log helps nobody */
#define PAGE_SOURCE_MAX 400   /* bytes of a line of source */
#define PAGE_SET_MAX 16
#define PAGE_KEPT_MAX 5   /* reports of one bug that are kept whole */
#define PAGE_ROWS_MAX 200 /* … that are listed */
#define PAGE_BARS 24
#define PAGE_NONE SIZE_MAX

/* Each text once, by number. */
struct page_table {
	char **text;
	size_t nr, room;
	uint32_t *slots;
};
struct page_set {
	uint32_t id[PAGE_SET_MAX];
	size_t nr;
	bool more;
};
struct page_kept {
	char *data, *text; /* members of an object of JSON; as decode_text_write has it */
	uint64_t variant;
};
struct page_row {
	uint32_t time, place, task, build; /* strings */
	size_t kept;                       /* which of the kept ones has its stacks, or PAGE_NONE */
};
/* Numbers of strings where the type is uint32_t. */
struct page_bug {
	uint64_t signature, reports, bytes, objects;
	struct decode_seen seen;
	struct decode_trend order; /* by the order of all reports */
	struct page_set detectors, builds;
	uint32_t title, kind, sentence, help, file, line, first_place, last_place;
	int severity; /* 0: error, 1: warning, 2: note */
	bool corrupted, leaks;
	struct page_kept kept[PAGE_KEPT_MAX];
	size_t nr_kept, shown; /* shown: the list describes this one */
	struct page_row *rows;
	size_t nr_rows;
};
struct decode_page {
	struct page_table strings, sources, frames, stacks, signatures;
	struct page_bug **bugs;
	size_t nr_bugs, room_bugs;
	uint64_t reports;
	bool dated;
	int64_t first, last;
};
struct decode_page *decode_page_create(void); /* NULL: out of memory */
void decode_page_destroy(struct decode_page *p);
void decode_page_add(struct decode_page *p, const struct decode_record *r);
/* The worst and most frequent bugs first; sets first and last. */
void decode_page_sort(struct decode_page *p);
/* How often the bug came over the page's time; a word for that, NULL: the page has no time. */
const char *decode_page_trend(const struct decode_page *p, const struct page_bug *bug, uint64_t *bars);
uint32_t page_table_add(struct page_table *t, const char *text); /* 0 also when out of memory */
void page_table_free(struct page_table *t);
uint32_t page_string(struct decode_page *p, const char *text);
/* Equal for reports with the same detector and stacks. */
uint64_t page_report_variant(struct decode_page *p, const struct decode_record *r);
char *page_report_data(struct decode_page *p, const struct decode_record *r);
void page_data_write(const struct decode_page *p, FILE *out);

/* ---- document.c, writer.c, sarif.c, ci.c, html.c --------------------------------------------- */

#define DECODE_RULE_MAX 300
struct decode_rule {
	char id[DECODE_RULE_MAX], sentence[DECODE_SENTENCE_MAX];
	const char *severity, *help;
};
struct decode_writer {
	FILE *out;
	enum decode_document form;
	uint64_t nr, failures; /* records so far; JUnit: those that are bugs */
	uint64_t *seen;        /* GitLab: the signatures so far */
	size_t nr_seen, room_seen;
	struct decode_rule *rules; /* SARIF: the rules so far, which are written behind the results */
	size_t nr_rules, room_rules;
	struct decode_page *page; /* HTML: all reports */
	FILE *tables[2];          /* HTML: in front of the bugs, behind them; NULL: none */
	char *tables_text[2];
	size_t tables_len[2];
	FILE *body; /* JUnit: the cases, collected because the head counts them */
	char *body_text;
	size_t body_len;
};
extern const char decode_page_css[], decode_page_js[]; /* made from page.css and page.js */
/* The record's rule, as SARIF, JUnit and GitLab name it: "kasan/slab-out-of-bounds". */
void decode_rule_name(char *buf, size_t size, const struct decode_record *r);
void decode_sarif_head(struct decode_writer *w);
void decode_sarif_put(struct decode_writer *w, const struct decode_record *r);
void decode_sarif_tail(struct decode_writer *w);
void decode_junit_put(struct decode_writer *w, const struct decode_record *r);
void decode_junit_tail(struct decode_writer *w);
void decode_github_put(struct decode_writer *w, const struct decode_record *r);
void decode_gitlab_put(struct decode_writer *w, const struct decode_record *r);
void decode_html_tail(struct decode_writer *w);
/* s as text or attribute of XML and HTML; it may hold any bytes.  NULL: writes nothing. */
void decode_put_xml(FILE *out, const char *s);
/* The path relative to a folder of decode_strip, or to the repository, if the file is below one; else as it is. */
const char *decode_relative(const char *path);

#endif
