/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/decode.h - one reader for memory reports: log lines become records, records become text, JSON, SARIF, JUnit,
 * HTML.
 *
 * From bytes to records:
 *
 *   reader.c        bytes to lines, lines to lanes (a caller each), lanes to records
 *   base64.c        texts in base64
 *   joiner.c        lines that mail or a terminal cut into pieces
 *   bytes.c         UTF-16, NULs, colours and their like out of the bytes
 *   mark.c          where a headline stands inside of a line or of a block
 *   prefix.c        what loggers put in front of a line: time, level, caller
 *   shape.c         the prefix that only a headline shows, found again in the next lines
 *   spelled.c       lines whose letters are spelled by numbers (`\u0042`) are written again
 *   strings.c       lines and whole reports inside of strings: JSON of any shape, quotes, services' commands
 *   envelope.c      the formats that wrap lines: journald's export, dmesg --json, logcat -v long
 *   headline.c      is this the first line of a report, and of which detector?
 *   lines.c         the lines of a kernel report or of memsan's: which are its own, and which is the last
 *   lines_access.c  lines about the access, the task and the stacks
 *   lines_object.c  lines about the object, its memory and the modules
 *   user.c          the reports of the compilers' sanitizers in programs
 *   valgrind.c      Valgrind's reports, text and XML
 *   runtime.c       glibc's aborts, Scudo, GWP-ASan, FORTIFY, Electric Fence, Android's tombstones
 *   crash.c         the last words of Go, Rust, Python, Java, Node, .NET, systemd-coredump, the kernel
 *   checkers.c      Dr. Memory, Purify, Miri, Microsoft's debug heap, PartitionAlloc
 *   unread.c        does a line look like a report that nothing here understands?
 *   frame.c         one line of a stack, in every notation
 *   json_read.c     memsan-report/1 back into a record
 *
 * Records:
 *
 *   record.c        records and their memory; scanners of numbers and words
 *   blame.c, skip.def   the guilty function, the title; functions that are never guilty
 *   name.c          the part of a function's name on which all compilers and tools agree
 *   signature.c     the signature by which a bug is known again
 *   kind.c          what a kind of report means, how severe it is
 *   symbols.c       frames get functions, files and lines
 *   files.c         which file is the module of that name?
 *   merge.c         each bug once, in bounded memory
 *   suppressed.c    does a suppression rule fit a record?
 *   seen.c          when and in which builds a bug was seen
 *
 * From records to text:
 *
 *   text.c          for people
 *   source.c        lines of source code around a place
 *   json_write.c    memsan-report/1
 *   document.c      the forms that are one document: head, records, tail
 *   sarif.c, ci.c   SARIF; JUnit, GitHub, GitLab
 *   page.c          the HTML page: reports by bug
 *   page_table.c    … what stands in the page once
 *   page_json.c     … a report as data for page.js
 *   html.c          … the page itself
 *   legend.c        what the bytes in rows of memory mean
 *   writer.c        shared by the writers: strings of JSON and XML, rule names, paths
 *   decode_internal.h   shared by the files of decode/
 *
 * Tool half: malloc, stdio and json-c are allowed.  Not thread-safe.  Logs are hostile input: any bytes give some
 * records, never a crash and never memory without bound.
 */
#ifndef MEMSAN_DECODE_H
#define MEMSAN_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "reports/reports.h"

/* ---- the record ------------------------------------------------------------------------------ */

#define DECODE_NONE UINT32_MAX

/* One function of a stack.  Strings belong to the record; NULL: not known. */
struct decode_frame {
	const char *function, *module, *build_id, *file;
	uint64_t pc, offset;                     /* offset: in the module's ELF file */
	uint64_t function_offset, function_size; /* size 0: not known */
	uint32_t line, column;                   /* 0: not known */
	uint32_t at_line;                        /* index into the record's lines, or DECODE_NONE */
	bool have_pc, have_offset, have_function_offset;
	bool inlined;    /* this function is inlined into the one of the next frame */
	bool unreliable; /* '?': found on the stack, perhaps not part of the trace */
	bool exact;      /* the instruction itself, not a return address */
	bool unloaded;
};
struct decode_stack {
	const char *role; /* "access", "alloc", "free", "noticed", "frame", "work", "thread" */
	const char *thread;
	uint32_t tid;
	bool have_tid, truncated;
	uint32_t skipped_at, skipped, left_out; /* memsan's: frames that it did not record or write */
	bool have_age;
	uint64_t age_ms;
	struct decode_frame *frames;
	size_t nr, room;
};
/* A row of memory that the report printed: bytes, or shadow bytes that stand for `scale` bytes each. */
struct decode_row {
	uint64_t addr;
	uint8_t nr;
	uint8_t bytes[32];
	uint32_t valid; /* bit i: byte i was readable */
	char label;     /* 'm'emory, 'o'bject, 'r'ed zone, 'b'efore the object, 'p'adding */
};
struct decode_object {
	bool present;
	uint64_t addr, size, cache_size, slot_addr, slot_size;
	const char *cache, *state, *allocated_by, *relation;
	uint64_t distance;
	bool have_distance;
};
struct decode_leak {
	const char *class;
	uint64_t objects, bytes, held_objects, held_bytes;
};
/* A module in the list of a memsan report. */
struct decode_module {
	const char *name, *path, *build_id;
	uint64_t start, end;
};
/* A member of a memsan-report/1 line for which the record has no field, as JSON. */
struct decode_extra {
	const char *key, *json;
};

/* When a bug was seen, and how often.  seen.c */
#define TREND_BUCKETS 16
/* Counts: bucket i is of the times from (base + i) << shift on. */
struct decode_trend {
	int64_t base;
	uint32_t shift;
	bool used;
	uint64_t count[TREND_BUCKETS];
};
struct decode_seen {
	struct decode_trend trend; /* not used: no report had a date */
	int64_t first, last;       /* seconds since 1970 */
};
/* Of the reports that became one record. */
struct decode_history {
	struct decode_seen seen;
	const char **builds;
	size_t nr_builds;
};

struct decode_record {
	struct alloc_region region; /* holds everything below */
	/* "kasan", "kfence", "slub", "kmemleak", "memsan", "asan", "valgrind", … */
	const char *detector;
	const char *kind;                       /* in the detector's words: "slab-out-of-bounds" */
	const char *title;                      /* "KASAN: slab-out-of-bounds Write in foo" */
	const char *headline;                   /* the detector's own first line */
	const char *function, *function_module; /* the guilty one; NULL: not known */
	const char *title_function;             /* the function that the headline names */
	const char *title_module;
	const char *access; /* "read", "write", "free", "access", "execute"; NULL: none */
	uint64_t addr, access_size, bad_addr;
	bool have_addr, have_size, have_bad;
	const char *comm, *exe;
	uint32_t pid, tid, cpu;
	bool have_pid, have_tid, have_cpu;
	const char *kernel; /* "6.1.0-17-amd64", from the CPU line */
	const char *tainted;
	const char *tags; /* "Pointer tag: [f4], memory tag: [fe]" */
	const char *detail;
	/* memsan's: how the damage was noticed, which function of the API was called */
	const char *found_at, *entry;
	int32_t expected, found; /* the first damaged byte; -1: not known */
	struct decode_stack *stacks;
	size_t nr_stacks, room_stacks;
	struct decode_object object;
	const char *place; /* lines about a variable */
	struct decode_row *rows;
	size_t nr_rows, room_rows;
	uint32_t row_scale;
	uint64_t mark; /* address of the bad byte */
	bool have_mark;
	struct decode_leak leak;
	struct decode_module *modules;
	size_t nr_modules, room_modules;
	struct decode_extra *extras;
	size_t nr_extras;
	uint64_t sequence;
	bool have_sequence;
	const char *corrupted; /* why the report is not whole; NULL: it is whole */
	/* where the report lies in the log */
	const char *file;
	uint64_t first_line, last_line; /* from 1; 0: not known */
	const char *time;               /* the log's time of the first line */
	bool have_kaslr;
	/* the log's "Kernel Offset", from the lines before the report or in it */
	uint64_t kaslr;
	const char **lines; /* the log's lines, without the loggers' prefixes */
	size_t nr_lines, room_lines;
	uint64_t signature; /* a hash of what is the same in all runs and builds */
	uint64_t count;     /* memsan report merge: how often the report came; else 1 */
	/* memsan report merge: when it came, and in which builds; NULL: it is one report */
	const struct decode_history *history;
};

struct decode_record *decode_record_new(void); /* NULL: out of memory */
void decode_record_free(struct decode_record *r);
/* Copies into the record; NULL when out of memory. */
const char *decode_record_string(struct decode_record *r, const char *s, size_t len);
__attribute__((format(printf, 2, 3))) const char *decode_record_format(struct decode_record *r, const char *format,
                                                                       ...);
struct decode_stack *decode_record_stack(struct decode_record *r, const char *role);
struct decode_frame *decode_stack_frame(struct decode_record *r, struct decode_stack *s);
/* The stack of the access: "access", else "noticed", else "alloc", else the first that is not empty; NULL: there is
 * none. */
const struct decode_stack *decode_record_main_stack(const struct decode_record *r);
const struct decode_stack *decode_record_role(const struct decode_record *r, const char *role);
/* The guilty function's frame, if its file and line are known; else NULL. */
const struct decode_frame *decode_record_location(const struct decode_record *r);

/* ---- blame.c, signature.c -------------------------------------------------------------------- */

/* Does the function, in a report of that detector, belong to a detector or an allocator, or does it only act for its
 * caller (memcpy, dump_stack)? */
bool decode_function_is_plumbing(const char *detector, const char *function);
/* The same for a frame: code of the C++ and Rust libraries (std::…) acts for its caller, too. */
bool decode_frame_is_plumbing(const struct decode_record *r, const struct decode_frame *f);
/* Memory that the program can still reach: no leak, in spite of Valgrind's list. */
static inline bool decode_is_reachable(const struct decode_record *r)
{
	return r->leak.class && strcmp(r->leak.class, "reachable") == 0;
}
/* Sets function, title and signature from the other fields.  To be called again after symbolizing. */
void decode_record_name(struct decode_record *r);

/* ---- kind.c ---------------------------------------------------------------------------------- */

#define DECODE_SENTENCE_MAX 200
/* A sentence about the kind of bug. */
void decode_record_sentence(const struct decode_record *r, char *buf, size_t size);
/* The address of a text about it. */
const char *decode_record_help(const struct decode_record *r);
/* "error", "warning" (a leak) or "note" (memory that is not lost) */
const char *decode_record_severity(const struct decode_record *r);

/* ---- reader.c -------------------------------------------------------------------------------- */

struct decode_reader;
/* Takes over a finished record, and frees it with decode_record_free. */
typedef void (*decode_record_fn)(void *ctx, struct decode_record *r);
struct decode_reader *decode_reader_create(decode_record_fn fn, void *ctx); /* NULL: out of memory */
void decode_reader_destroy(struct decode_reader *r);
/* Is called for each line that looks like a part of a report, but was not understood. */
typedef void (*decode_unread_fn)(void *ctx, const char *log, uint64_t line, const char *text);
void decode_reader_on_unread(struct decode_reader *r, decode_unread_fn fn, void *ctx);
/* Begins another log: line numbers start at 1 again, the kernel's address offset is forgotten. */
void decode_reader_begin(struct decode_reader *r, const char *name);
/* The next bytes of the log, cut anywhere. */
void decode_reader_feed(struct decode_reader *r, const char *bytes, size_t len);
/* The log has been silent for a while: finishes the reports that look whole and have no closing line of their own. */
void decode_reader_idle(struct decode_reader *r);
/* The log ends: finishes all open reports, and marks those as corrupted that are not whole. */
void decode_reader_end(struct decode_reader *r);

/* ---- symbols.c, files.c ---------------------------------------------------------------------- */

struct decode_symbols;
struct decode_symbols *decode_symbols_create(void); /* NULL: out of memory */
void decode_symbols_destroy(struct decode_symbols *s);
void decode_symbols_vmlinux(struct decode_symbols *s, const char *path);
/* A folder with modules, programs and libraries.  It is searched, with all folders in it, when the first file is
 * needed. */
void decode_symbols_folder(struct decode_symbols *s, const char *path);
/* Completes the frames of `nr` records together, so that each file is read once, and names the records again. */
void decode_symbols_apply(struct decode_symbols *s, struct decode_record **records, size_t nr);
/* Tells each problem once, one line each. */
void decode_symbols_tell(struct decode_symbols *s, void (*tell)(void *ctx, const char *line), void *ctx);

/* ---- text.c ---------------------------------------------------------------------------------- */

struct decode_text_options {
	bool colour;
	bool source; /* print the source lines around each frame, if the file is there */
};
/* The report as it was logged, with completed frames.  Reports of another layout (JSON, ASan, Valgrind) are put into
 * KASAN's. */
void decode_text_write(FILE *out, const struct decode_record *r, const struct decode_text_options *how);
/* One line: place in the log, title, file and line. */
void decode_short_write(FILE *out, const struct decode_record *r, const struct decode_text_options *how);

/* ---- source.c -------------------------------------------------------------------------------- */

#define DECODE_SOURCE_AROUND 3
/* Logs name the files, so only files below the current folder and below the folders given here are read.  False: the
 * folder is not there. */
bool decode_source_root(const char *folder);
/* A file that was not read because it lies elsewhere, or NULL. */
const char *decode_source_refused(void);
/* Line `line` of a file, not terminated, valid until the next call; NULL: the file or line is not there. */
const char *decode_source_line(const char *path, uint32_t line, size_t *len);
/* The lines around a line; that line itself stands between `on` and `off`. */
void decode_source_write(FILE *out, const char *path, uint32_t line, const char *on, const char *off);

/* ---- document.c ------------------------------------------------------------------------------ */

/* A form that is one document, with a head, records and a tail. */
enum decode_document { DECODE_SARIF, DECODE_JUNIT, DECODE_HTML, DECODE_GITHUB, DECODE_GITLAB };
struct decode_writer;
struct decode_writer *decode_writer_create(FILE *out, enum decode_document form); /* NULL: out of memory */
void decode_writer_put(struct decode_writer *w, const struct decode_record *r);
/* Paths in documents are relative to the repository, by default the current folder; false: it cannot be read. */
bool decode_root(const char *folder);
/* … and to folders of other machines, whose text is taken off.  The string stays the caller's.  False: too many. */
bool decode_strip(const char *prefix);
/* HTML: a table of plain text in front of the bugs or behind them, cells with tabs between them, a row a line.  A cell
 * "#SIGNATURE TEXT" leads to that bug.  Ignored in other forms. */
void decode_writer_table(struct decode_writer *w, bool behind, const char *heading, const char *rows);
void decode_writer_finish(struct decode_writer *w); /* frees the writer, too */

/* ---- suppressed.c, merge.c ------------------------------------------------------------------- */

/* Does a rule suppress this report?  Counts the rule's use. */
bool decode_record_suppressed(const struct decode_record *r, struct suppressions *rules);

/* Records by signature, each bug once.  What does not fit into a fixed amount of memory goes to temporary files. */
struct decode_merge;
#define DECODE_BUILDS_MAX 8
struct decode_bug {
	uint64_t signature, count, example;
	struct decode_seen seen;
	uint32_t builds[DECODE_BUILDS_MAX], nr_builds; /* numbers of names, of the merge */
};
/* NULL: out of memory, or no temporary file (errno) */
struct decode_merge *decode_merge_create(void);
void decode_merge_destroy(struct decode_merge *m);
void decode_merge_add(struct decode_merge *m, const struct decode_record *r);
/* After the last record, before the first bug.  False: a temporary file could not be written or read (errno). */
bool decode_merge_finish(struct decode_merge *m);
/* The bugs in order of their signatures; false: there are no more. */
bool decode_merge_next(struct decode_merge *m, struct decode_bug *bug);
/* A record of the bug, a whole one if there was one, with the bug's count; the caller frees it.  NULL: it could not
 * be read back. */
struct decode_record *decode_merge_example(struct decode_merge *m, const struct decode_bug *bug);
bool decode_merge_failed(const struct decode_merge *m);

/* ---- json_read.c, json_write.c --------------------------------------------------------------- */

/* Reads a line "{"schema":"memsan-report/1",…}".  NULL: it is not such a line, or is broken; *why says which. */
struct decode_record *decode_json_read(const char *line, size_t len, const char **why);
void decode_json_write(FILE *out, const struct decode_record *r);

/* ---- writer.c -------------------------------------------------------------------------------- */

/* Text out of a log or a file must not control the terminal that shows it.  Tabs are left: the layout of a report has
 * them. */
void decode_put_clean(FILE *out, const char *s, size_t len);
/* s as a JSON string with its quotes; NULL as null. */
void decode_json_string(FILE *out, const char *s);

#endif
