/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/decode.h - one reader for memory reports: log lines become records, records become text, JSON, SARIF, JUnit, HTML.
 *
 *   prefix.c      what loggers put in front of a line: time, level, caller
 *   wrap.c        lines that are wrapped: journald's JSON and export, Docker's, dmesg --json
 *   reader.c      bytes to lines, lines to lanes (a caller each), lanes to records
 *   begin.c       is this the first line of a report, and of which?
 *   body.c        the lines of a kernel report: whose they are, and its end
 *   body_access.c, body_object.c   what single lines of it say
 *   user.c        the lines of AddressSanitizer's and Valgrind's reports
 *   frame.c       one line of a stack, in any of their notations
 *   record.c      records and their memory
 *   name.c        the guilty function, the title, the signature
 *   json_read.c   memsan-report/1 back into a record
 *   json_write.c  a record as memsan-report/1
 *
 * Tool half: malloc, stdio and json-c are allowed.  Not thread-safe.  Logs are hostile input: any bytes give some records, never a crash
 * and never memory without bound.
 */
#ifndef MEMSAN_DECODE_H
#define MEMSAN_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "reports/reports.h"

/* ---- the record --------------------------------------------------------------------------------------------------------- */

#define LOG_NONE UINT32_MAX

/* One function of a stack.  Strings belong to the record; NULL: not known. */
struct log_frame {
	const char *function, *module, *build_id, *file;
	uint64_t pc, offset;                       /* offset: in the module, as its ELF file counts */
	uint64_t function_offset, function_size;   /* size 0: not known */
	uint32_t line, column;                     /* 0: not known */
	uint32_t at_line;                          /* index into the record's lines, or LOG_NONE */
	bool have_pc, have_offset, have_function_offset;
	bool inlined;                              /* into the next frame */
	bool unreliable;                           /* '?': found on the stack, perhaps not part of the trace */
	bool exact;                                /* the instruction itself, not a return address */
	bool unloaded;
};
struct log_stack {
	const char *role;                          /* "access", "alloc", "free", "noticed", "frame", "work" */
	const char *thread;
	uint32_t tid;
	bool have_tid, truncated;
	uint32_t skipped_at, skipped, left_out;    /* memsan's: frames that were not recorded or not written */
	bool have_age;
	uint64_t age_ms;
	struct log_frame *frames;
	size_t nr, room;
};
/* A row of memory as the report printed it: bytes, or shadow bytes that stand for `scale` bytes each. */
struct log_row {
	uint64_t addr;
	uint8_t nr;
	uint8_t bytes[32];
	uint32_t valid;                            /* bit i: byte i was readable */
	char label;                                /* 'm'emory, 'o'bject, 'r'ed zone, 'b'efore, 'p'adding */
};
struct log_object {
	bool present;
	uint64_t addr, size, cache_size, slot_addr, slot_size;
	const char *cache, *state, *allocated_by, *relation;
	uint64_t distance;
	bool have_distance;
};
struct log_leak { const char *class; uint64_t objects, bytes, held_objects, held_bytes; };
/* A module as a memsan report lists it. */
struct log_module { const char *name, *path, *build_id; uint64_t start, end; };
/* A member of a memsan-report/1 line that the record has no field for, as it was. */
struct log_extra { const char *key, *json; };

struct log_record {
	struct pool pool;                          /* everything below lives in it */
	const char *detector;                      /* "kasan", "kfence", "slub", "kmemleak", "memsan", "asan", "valgrind", … */
	const char *kind;                          /* the tool's words: "slab-out-of-bounds" */
	const char *title;                         /* "KASAN: slab-out-of-bounds Write in foo" */
	const char *headline;                      /* the tool's own first line */
	const char *function, *function_module;    /* the guilty one; NULL: not known */
	const char *title_function;                /* that of the headline */
	const char *title_module;
	const char *access;                        /* "read", "write", "free", "access", "execute"; NULL: none */
	uint64_t addr, access_size, bad_addr;
	bool have_addr, have_size, have_bad;
	const char *comm, *exe;
	uint32_t pid, tid, cpu;
	bool have_pid, have_tid, have_cpu;
	const char *kernel;                        /* "6.1.0-17-amd64", from the CPU line */
	const char *tainted;
	const char *tags;                          /* "Pointer tag: [f4], memory tag: [fe]" */
	const char *detail;
	const char *found_at, *entry;              /* memsan's: how it was noticed, which function of the API was called */
	int32_t expected, found;                   /* the first damaged byte; -1: not known */
	struct log_stack *stacks;
	size_t nr_stacks, room_stacks;
	struct log_object object;
	const char *place;                         /* lines about a variable */
	struct log_row *rows;
	size_t nr_rows, room_rows;
	uint32_t row_scale;
	uint64_t mark;                             /* address of the bad byte in the rows */
	bool have_mark;
	struct log_leak leak;
	struct log_module *modules;
	size_t nr_modules, room_modules;
	struct log_extra *extras;
	size_t nr_extras;
	uint64_t sequence;
	bool have_sequence;
	const char *corrupted;                     /* why it is not whole; NULL: it is */
	/* where it was */
	const char *file;
	uint64_t first_line, last_line;            /* from 1; 0: not known */
	const char *time;                          /* the log's stamp on the first line */
	bool have_kaslr;
	uint64_t kaslr;                            /* "Kernel Offset" of the log, when it was seen before or in the report */
	const char **lines;                        /* what was logged, without the loggers' prefixes */
	size_t nr_lines, room_lines;
	uint64_t signature;                        /* of what does not change between runs and builds */
	uint64_t count;                            /* report merge: how often; else 1 */
};

struct log_record *log_record_new(void);        /* NULL: out of memory */
void log_record_free(struct log_record *r);
/* Copies into the record; NULL when out of memory. */
const char *log_record_string(struct log_record *r, const char *s, size_t len);
__attribute__((format(printf, 2, 3))) const char *log_record_format(struct log_record *r, const char *format, ...);
struct log_stack *log_record_stack(struct log_record *r, const char *role);
struct log_frame *log_stack_frame(struct log_record *r, struct log_stack *s);
/* The stack of the access: "access", else "noticed", else "alloc", else the first; NULL: no stacks. */
const struct log_stack *log_record_main_stack(const struct log_record *r);
const struct log_stack *log_record_role(const struct log_record *r, const char *role);

/* ---- name.c ---------------------------------------------------------------------------------------------------------------- */
/* Is the function a detector's or an allocator's own, or one that only passes on (memcpy, dump_stack)? */
bool log_function_is_plumbing(const char *function);
/* Sets function, title and signature from what the record holds; call again after symbolizing. */
void log_record_name(struct log_record *r);

/* ---- reader.c ------------------------------------------------------------------------------------------------------------- */

struct log_reader;
/* A finished record; it is the callee's, to be freed with log_record_free. */
typedef void (*log_record_fn)(void *ctx, struct log_record *r);
struct log_reader *log_reader_create(log_record_fn fn, void *ctx);   /* NULL: out of memory */
void log_reader_destroy(struct log_reader *r);
/* Another log: line numbers start again, an address offset of the kernel is forgotten. */
void log_reader_begin(struct log_reader *r, const char *name);
/* More bytes of it, cut anywhere. */
void log_reader_feed(struct log_reader *r, const char *bytes, size_t len);
/* Nothing more has come for a while: reports that have no closing line of their own and look whole are handed on. */
void log_reader_idle(struct log_reader *r);
/* The log's end: what is open is handed on, marked corrupted when it is not whole. */
void log_reader_end(struct log_reader *r);

/* ---- symbols.c, files.c ----------------------------------------------------------------------------------------------------------- */

struct log_symbols;
struct log_symbols *log_symbols_create(void);                                  /* NULL: out of memory */
void log_symbols_destroy(struct log_symbols *s);
void log_symbols_vmlinux(struct log_symbols *s, const char *path);
/* A folder with modules, programs and libraries, looked through with all below it when the first file is wanted. */
void log_symbols_folder(struct log_symbols *s, const char *path);
/* Completes the frames of `nr` records together, each file being read once, and names the records anew. */
void log_symbols_apply(struct log_symbols *s, struct log_record **records, size_t nr);
/* What went wrong, a line each, each once. */
void log_symbols_tell(struct log_symbols *s, void (*tell)(void *ctx, const char *line), void *ctx);

/* ---- text.c ---------------------------------------------------------------------------------------------------------------- */

struct log_text_options {
	bool colour;
	bool source;                               /* the lines of code around each frame, where the file is there */
};
/* The report as it was logged, its frames completed; what is no KASAN layout (JSON, ASan, Valgrind) is put into it. */
void log_text_write(FILE *out, const struct log_record *r, const struct log_text_options *how);
/* One line: place in the log, title, file and line. */
void log_short_write(FILE *out, const struct log_record *r, const struct log_text_options *how);
/* The guilty function's frame, with its file and line; NULL: they are not known. */
const struct log_frame *log_record_location(const struct log_record *r);

/* ---- source.c --------------------------------------------------------------------------------------------------------------- */

#define LOG_SOURCE_AROUND 3
/* Line `line` of a file, not terminated; NULL: it is not to be had.  Valid until the next call. */
const char *log_source_line(const char *path, uint32_t line, size_t *len);
/* The lines around it, the line itself between `on` and `off`. */
void log_source_write(FILE *out, const char *path, uint32_t line, const char *on, const char *off);

/* ---- sarif.c, ci.c, html.c ------------------------------------------------------------------------------------------------- */

/* A form that is one document: head, records, tail. */
enum log_document { LOG_SARIF, LOG_JUNIT, LOG_HTML, LOG_GITHUB, LOG_GITLAB };
struct log_writer;
struct log_writer *log_writer_create(FILE *out, enum log_document form);   /* NULL: out of memory */
void log_writer_put(struct log_writer *w, const struct log_record *r);
void log_writer_finish(struct log_writer *w);                              /* and frees it */

/* ---- suppressed.c, merge.c -------------------------------------------------------------------------------------------------- */

/* Does a rule say that this report is not wanted?  Counts its use. */
bool log_record_suppressed(const struct log_record *r, struct suppressions *rules);

/* Records by signature: each bug once.  Temporary files take what does not fit into a bounded amount of memory. */
struct log_merge;
struct log_bug { uint64_t signature, count, example; };
struct log_merge *log_merge_create(void);                                  /* NULL: no memory, or no temporary file (errno) */
void log_merge_destroy(struct log_merge *m);
void log_merge_add(struct log_merge *m, const struct log_record *r);
/* After the last record, before the first bug.  False: a temporary file could not be written or read (errno). */
bool log_merge_finish(struct log_merge *m);
/* Bugs in order of their signatures; false: there are no more. */
bool log_merge_next(struct log_merge *m, struct log_bug *bug);
/* A record of it, a whole one if there was one, its count that of the bug; to be freed.  NULL: it cannot be read back. */
struct log_record *log_merge_example(struct log_merge *m, const struct log_bug *bug);
bool log_merge_failed(const struct log_merge *m);

/* ---- json ----------------------------------------------------------------------------------------------------------------- */

/* A line "{"schema":"memsan-report/1",…}".  NULL: it is none, or broken; *why says so. */
struct log_record *log_json_read(const char *line, size_t len, const char **why);
void log_json_write(FILE *out, const struct log_record *r);
/* s as a JSON string with its quotes; NULL as null. */
void log_json_string(FILE *out, const char *s);

#endif
