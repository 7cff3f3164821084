/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/reports.h - the report record and the two halves that handle it.
 *
 *   reports_internal.h  shared by the files of reports/
 *
 * Both halves, so that the plain report and the symbolized one differ only in the frames:
 *
 *   kinds.def, kinds.c  every kind of report: name, class, explanation
 *   layout.c            shared by the text and the JSON of a report
 *   short_name.c        names of functions as people say them
 *   fold.c              frames that say nothing about the bug
 *   render_text.c       a record as text
 *   render_fault.c      the part about a fault, as text and as JSON
 *   render_json.c       a record as JSON
 *   interpreters.c      what lets memsan see more of a program of Python, Perl, Ruby or Node
 *
 * Runtime half (in libmemsan.so):
 *
 *   finding.c           a detector's finding becomes a record
 *   record.c            fills a record in stages
 *   next_step.c         what the user can do to learn more, with the commands
 *   abort_place.c       where the core file of a program that a report ends shall begin
 *   api_names.c         names of the functions that allocate and free
 *   emit.c              one report at a time: what is printed, and when
 *   helper.c            starts and asks the symbolizer helper
 *   plain.c             prints without the helper
 *   pinpoint.c          what later runs of the program must know of this one's reports
 *   sink.c              writes the text where reports go
 *   colour.c            the text with the colours of a terminal
 *
 * Tool half (helper and memsan command):
 *
 *   symbolize.c         modules and ELF symbols
 *   symbolize_dwarf.c   functions and lines
 *   variable.c          variables
 *   demangle.c          names as people write them
 *   demangle_rust.c     Rust's
 *   function_address.c  where a function of a given name starts
 *   functions.c         the code of the functions that a pattern names
 *   function_match.c    what such a pattern means
 *   insn.c              decodes the instruction of a fault
 *   suppress.c          the reports that the user does not want
 *   installed.c         where memsan's own files are
 *   deadline.c          how long files may be read
 *   region.c            memory that is freed all at once
 */
#ifndef MEMSAN_REPORTS_H
#define MEMSAN_REPORTS_H

#include "lib/lib.h"
#include "slab/slab.h"

/* kinds.def has each kind once: REPORT_KIND(enumerator, "kind-name", "class", "explanation") */
enum report_kind {
#define REPORT_KIND(id, name, class, text) REPORT_##id,
#include "reports/kinds.def"
#undef REPORT_KIND
	REPORT_KIND_NR,
};
/* From kinds.def.  Never NULL: "unknown" for any other number. */
const char *report_kind_name(enum report_kind kind);
const char *report_kind_class(enum report_kind kind);
const char *report_kind_text(enum report_kind kind);

enum report_role { STACK_ACCESS, STACK_ALLOC, STACK_FREE, STACK_NOTICED, STACK_FRAME, STACK_ROLE_NR };

/* How memory was accessed.  Records carry these values to other processes. */
enum report_access { ACCESS_READ, ACCESS_WRITE, ACCESS_FREE, ACCESS_UNKNOWN, ACCESS_EXECUTE, ACCESS_NR };

#define REPORT_MAGIC 0x5052534du /* "MSRP" */
#define REPORT_VERSION 4
#define REPORT_STACKS 5
#define REPORT_FRAMES 256
#define REPORT_MODULES 64
#define REPORT_STRINGS 16384
#define REPORT_MEMORY 512
#define REPORT_NO_MODULE 0xffffu
#define REPORT_AGE_UNKNOWN UINT64_MAX

struct report_frame {
	uint64_t pc;
	uint16_t module; /* index into modules[], or REPORT_NO_MODULE */
	uint16_t exact;  /* 1: the faulting instruction; 0: a return address, look up pc - 1 */
	uint32_t pad;
};
struct report_stack {
	uint32_t role;
	uint32_t nr_frames;
	uint32_t tid;
	uint32_t truncated;
	uint32_t skipped_at, skipped; /* `skipped` frames are left out before frames[skipped_at] */
	uint64_t age_ms; /* when it was taken: so long before the report, or REPORT_AGE_UNKNOWN; 0: by the report */
	char thread_name[THREAD_NAME_MAX];
	struct report_frame frames[REPORT_FRAMES];
};
struct report_module {
	uint64_t start, end, bias;
	uint32_t path; /* offset into strings */
	uint8_t unloaded, build_id_len;
	uint8_t build_id[BUILD_ID_MAX];
	uint8_t pad[6];
};
/* The machine at a fault, or at an access that was checked at its own instruction. */
#define REPORT_REGS 24
enum report_machine { MACHINE_UNKNOWN, MACHINE_AT_FAULT, MACHINE_AT_ACCESS /* no signal, trap and error */ };
struct report_fault {
	uint32_t present, signo; /* present: enum report_machine */
	int32_t si_code;
	uint32_t trap;
	uint64_t error, addr; /* as the processor and the kernel gave them */
	uint32_t no_addr;     /* the access has no known address */
	uint32_t lost_regs;   /* by bit: registers whose values at the instruction are not known */
	uint32_t code_len, pad;
	uint8_t code[16];           /* from the faulting instruction on */
	uint64_t regs[REPORT_REGS]; /* numbered as in instructions, then instruction pointer and flags */
	uint32_t nr_words, insn;    /* words at the stack pointer; strings: the instruction, by the helper, or 0 */
	uint64_t words[8];
	uint64_t stack_lo, stack_hi; /* a stack that overflowed */
};
/* For memory whose allocation has no stack: report_record.next. */
#define REPORT_NEXT_TRACKING "slab_debug=U records the stacks of allocations"
/* A plain, versioned block of bytes.  The runtime writes it; the helper reads it, and so may another process, or a
 * reader of a core file. */
struct report_record {
	uint32_t magic, version, size, sequence; /* size: sizeof(struct report_record) */
	uint32_t kind;                           /* enum report_kind */
	uint32_t component;                      /* offset into strings: "slab", "shadow", "fence", "leak" */
	/* offset into strings: how the bug was noticed ("on free"); 0: by the access itself */
	uint32_t found_at;
	/* offset into strings: the API that was called ("free", "operator delete[]"), or 0 */
	uint32_t entry;
	uint32_t detail; /* offset into strings: one more line for people, or 0 */
	/* process */
	uint32_t pid, tid;
	uint32_t comm;    /* strings: thread name */
	uint32_t exe;     /* strings */
	uint64_t time_ms; /* since the process was started */
	/* access; size 0 when there was none (double-free …) */
	uint64_t addr;
	uint64_t bad_addr; /* first byte that may not be accessed; 0: addr */
	uint64_t access_size;
	uint32_t access;          /* enum report_access */
	uint32_t expected, found; /* the first damaged byte: its right value, and the value found */
	uint32_t have_object;
	/* object */
	uint64_t obj_addr, obj_size, obj_cache_size;
	uint32_t obj_cache; /* strings: cache name */
	uint32_t obj_state; /* 0 allocated, 1 freed (quarantine), 2 free */
	uint64_t slot_addr, slot_size;
	uint32_t obj_api;             /* strings: "malloc", "operator new", … or 0 */
	uint32_t place;               /* strings: lines about a variable, each with its newline, or 0 */
	uint32_t next, next_commands; /* strings: what to do now; commands for that, each with its newline; or 0 */
	uint32_t legend;              /* strings: what the bytes of the memory rows mean, or 0 */
	uint32_t next_ways;           /* strings: the way that each command goes, with its newline; or 0 */
	/* data or code of a module, whose name the helper finds for `place`; 0: none */
	uint64_t data_at;
	uint32_t data_module, data_pad; /* index into modules[], or REPORT_NO_MODULE */
	/* memory rows: the bytes when the report was made; or shadow bytes, each for memory_scale bytes of memory */
	uint32_t memory_scale; /* 0: the bytes themselves */
	uint32_t memory_len;
	uint64_t memory_addr, memory_mark; /* mark: the bad byte */
	uint8_t memory[REPORT_MEMORY];
	uint8_t memory_valid[REPORT_MEMORY / 8]; /* bit set: byte was readable */
	struct report_fault fault;
	/* leak: a group of objects; obj_* is the largest of them */
	uint32_t leak_class; /* strings: "direct", "possible" …; 0: not a leak */
	uint32_t leak_pad;
	uint64_t leak_count, leak_bytes, leak_held_count, leak_held_bytes;
	uint32_t nr_stacks, nr_modules, strings_len, repeated;
	struct report_stack stacks[REPORT_STACKS];
	struct report_module modules[REPORT_MODULES];
	char strings[REPORT_STRINGS]; /* offset 0 is the empty string */
};

/* ---- runtime half: findings ------------------------------------------------------------------ */
/* What a detector found, as far as a record needs it.  Fields that do not apply stay 0.  The caller owns what the
 * pointers lead to; only report_finding reads them. */
struct finding {
	enum report_kind kind;
	const char *component; /* "slab", "fence", "shadow", "libc" */
	uintptr_t addr;        /* start of the access, pointer passed in, or first damaged byte */
	size_t size;           /* bytes accessed or damaged; 0: none */
	enum report_access access;
	uintptr_t bad;           /* first byte that may not be accessed; 0: addr */
	const char *found_at;    /* damage found later: when ("on free"); NULL: the call or access itself is wrong */
	uint8_t expected, found; /* damage found later: the right value of the first damaged byte, and its value */
	const char *entry;       /* function that the program called; NULL: for a free, api_used's, else none */
	enum slab_api api_used;  /* what freed the object */
	size_t size_given;       /* sized delete */
	size_t align_given;      /* delete with an alignment; 0: none given */
	const char *detail;      /* one more line for people; the mismatch kinds have their own */
	/* registers at the call or access, or at the call that found the damage; NULL: no stack */
	const struct unwind_regs *regs;
	const struct slab_object *object;
	uintptr_t memory_lo, memory_hi; /* show the bytes around `bad` that lie in here; equal: show none */
	/* Adds what only the detector knows to the record; may be NULL.  Runs with the report lock held. */
	void (*fill)(struct report_record *r, const struct finding *f);
	const void *ctx; /* for fill */
};
/* What became of a report; NONE: report_begin says when. */
enum report_outcome { REPORT_NONE, REPORT_PRINTED, REPORT_REPEATED, REPORT_SUPPRESSED };
enum report_outcome report_finding(const struct finding *f);
/* Ends the process with exitcode, or by SIGABRT if that is 0 or with fault=abort. */
__attribute__((noreturn)) void report_panic(void);
/* A report that was printed, for debuggers, which read it in the process or in its core file. */
#define REPORT_VIEW_VERSION 1
struct report_view {
	uint32_t version, sequence, tid, nr_stacks;
	const char *text; /* as it was printed, or NULL */
	uint64_t text_len;
	struct report_view_stack {
		uint32_t role, nr_frames, frame_size, pad; /* role: enum report_role */
		const struct report_frame *frames;
	} stacks[REPORT_STACKS];
};
/* Called after each report that was printed, in its thread.  Signals are blocked, and the stack may be one of memsan's
 * own.  show: under the report lock; the view is valid until the next report.  tell, for functions of the program's:
 * without the lock, but report_is_mine; text and json are NULL unless they were asked for. */
struct report_hooks {
	bool text, json; /* wanted */
	void (*show)(const struct report_view *view);
	void (*tell)(const char *text, const char *json, void (*callback)(const char *text));
};
/* This thread is none that libc knows (the scanner of leaks): it never runs functions of the program's. */
void report_in_foreign_thread(void);
/* Once, at start. */
void report_set_hooks(const struct report_hooks *hooks);
/* One more function that gets the text; NULL: none. */
void report_set_callback(void (*callback)(const char *text));
/* A function is given a size that is negative as a signed number.  fill: as in struct finding, or NULL. */
void report_negative(const void *p, size_t n, enum report_access access, const char *entry,
                     const struct unwind_regs *regs, void (*fill)(struct report_record *r, const struct finding *f));
/* A function that does not allow overlap is given two ranges that overlap.  fill: as in struct finding, or NULL. */
void report_overlap(const void *dst, size_t dst_size, const void *src, size_t src_size, const char *entry,
                    const struct unwind_regs *regs, void (*fill)(struct report_record *r, const struct finding *f));

/* ---- runtime half: filling ------------------------------------------------------------------- */
/* Takes the report lock and returns the one record.  NULL, without the lock: max_reports is reached, or this thread is
 * already inside a report (a bug within a bug report: one line is printed, and the inner report is dropped). */
struct report_record *report_begin(enum report_kind kind, const char *component);
uint32_t report_string(struct report_record *r, const char *s); /* the string's offset; 0: empty, or no room */
void report_set_access(struct report_record *r, uintptr_t addr, size_t size, enum report_access access);
/* The present stack (role ACCESS or NOTICED).  exact: regs are those of a faulting instruction. */
void report_add_regs(struct report_record *r, enum report_role role, const struct unwind_regs *regs, bool exact);
/* A saved stack, with its thread and the jiffies at which it was taken (0: not known). */
void report_add_handle(struct report_record *r, enum report_role role, stack_handle h, uint32_t thread, uint32_t when);
/* Return addresses of this thread that were found in another way than by unwinding. */
void report_add_pcs(struct report_record *r, enum report_role role, const uintptr_t *pcs, size_t n);
/* One more sentence for reports that have no next step; static text. */
void report_set_hint(const char *hint);
/* One frame alone: the function at pc (role FRAME). */
void report_add_pc(struct report_record *r, enum report_role role, uintptr_t pc);
/* The heap object, with its stacks. */
void report_set_object(struct report_record *r, const struct slab_object *o);
/* Whole 16-byte rows around an address, clipped to [lo, hi). */
void report_set_memory(struct report_record *r, uintptr_t around, uintptr_t lo, uintptr_t hi);
/* A group of objects that one stack allocated and nothing reaches.  held: other lost objects that hang on the group.
 * addr, size and bytes are those of the group's largest object. */
struct report_leak {
	const char *class;
	uint64_t count, bytes, held_count, held_bytes;
};
void report_set_leak(struct report_record *r, const struct report_leak *leak, uint64_t addr, uint64_t size,
                     const uint8_t *bytes, size_t len);
/* Prints the report, or counts it as a repetition.  Releases the report lock.  With fault=panic it does not return,
 * unless the report is suppressed or a batch of this thread is open. */
enum report_outcome report_end(struct report_record *r);

/* What one look at the heap finds: between these calls, fault=panic lets this thread make all of its reports, and ends
 * the process in report_batch_end.  Batches nest.  When two threads begin one, only the first has it: the other's first
 * report waits for the end of that batch, and ends the process. */
void report_batch_begin(void);
void report_batch_end(void);

/* Many reports of leaks in a row.  One helper serves them all.  Beside the user's rules, which apply to all reports,
 * those of `rules` (a text, or NULL) apply to them, and those that memsan brings for the distribution's programs.  At
 * the end one line for each rule says how often it was used.  Reports of other threads may
 * come in between. */
void report_session_begin(const char *rules);
void report_session_end(void);

/* Code, as addresses of the ELF file. */
struct code_range {
	uint64_t start, end;
};
/* Asks the helper for the code of the functions in a module that a pattern names.  `take` gets the ranges, in order, in
 * one call, with the report lock held.  *complete: these are all.  False: there is no helper, or no answer, and take
 * was not called.  Takes the report lock, and up to options.symbolizer_timeout. */
bool report_find_functions(const struct module_info *m, const char *pattern,
                           void (*take)(void *ctx, const struct code_range *ranges, size_t nr), void *ctx,
                           bool *complete);
/* Did this thread make the latest report, from a check (not a fault), about an access to addr?  Then a fault at addr
 * needs no report. */
bool report_is_last(uintptr_t addr);
/* Did this thread make the latest report, about a fault in [addr, addr+n)?  Then a check of that memory after the call
 * would only repeat the report. */
bool report_was_fault(uintptr_t addr, size_t n);
bool report_is_mine(void);   /* is this thread in the middle of a report? */
uint32_t report_count(void); /* reports of this process so far, without repetitions */
uint32_t report_repeated_count(void);
uint32_t report_suppressed_count(void); /* left out by rules, each time that they showed */
/* Once, at start: one more text of rules for reports of all kinds, which stays where it is. */
void report_add_rules(const char *text);
/* Before the first report, for a program that is not to be looked at: there will be none. */
void reports_mute(void);
/* At exit.  Waits for a report that another thread is making, so that report_count is final.  Then prints one line if
 * reports were repeated or left out. */
void report_summary(void);
/* Call before the exiting program closes standard error: a copy stays for later reports, until the process ends. */
void report_keep_stderr(void);
/* The program puts the file that is open as fd at descriptor 2: that is standard error from now on. */
void report_stderr_becomes(int fd);
/* A dup returned 2: is that file meant to be standard error? */
void report_stderr_duplicated(void);
/* The program is about to set a filter of system calls (os_note_seccomp). */
void report_filter_begins(void);
/* Text for people, whole lines in one write.  With format=json it goes to standard error. */
void report_message(const char *text, size_t len);
/* One line "memsan: …", in the same way. */
void report_line(const char *format, ...) __printf_like(1, 2);
/* Do lines go to a terminal, where one more spoils no output? */
bool report_on_terminal(void);
/* Once, single-threaded, before the first line: remembers which file standard error is.  secure (AT_SECURE): no
 * log or report file is ever opened, and only the installed helper is started. */
void reports_init(bool secure);
/* The program chooses where reports go from now on: the log PATH.PID, "stderr" (or NULL) or "stdout"; or a descriptor
 * in place of standard error. */
void report_set_path(const char *path);
/* The log of this process, or an empty string; valid until the next call. */
const char *report_path(void);
void report_set_fd(int fd);
/* Once, at start: when does standard error get colours?  Never in a regular file. */
enum report_colour { COLOUR_NEVER, COLOUR_TERMINAL, COLOUR_ALWAYS };
void report_set_colour(enum report_colour colour);
/* Once, when the options are parsed.  A relative log_path starts at the present directory. */
void reports_configure(void);
/* In the child of fork, before lib_fork_child frees the locks: the child counts its own reports.  (lib's fork functions
 * take the report lock too, so fork cuts no report in two.) */
void reports_fork_prepare(void);
void reports_fork_child(void);

/* The name of the memfd in which `memsan run` counts reports (option notify). */
#define REPORT_NOTIFY_NAME "memsan-notify"

/* Advice is one line for people, once in a memsan run (option advice): only beside a report, or on a terminal, where a
 * line more spoils no output.  Is it wanted, as far as is known before its claim? */
bool report_advice_wanted(void);
/* Is this the first process that gives advice? */
bool report_advice_claim(void);
#define REPORT_ADVICE_NAME "memsan-advice"

/* A sentence on what lets memsan see more of the program in this file, if it is an interpreter, or NULL. at_start: the
 * program has made no report yet, and leaks says whether a scan at its end was asked for. get: getenv. */
const char *interpreter_hint(const char *path, bool at_start, bool leaks, const char *(*get)(const char *name));

/* The file of `memsan run --pinpoint` (option pinpoint): a head, then a note of each report of all runs. */
#define PINPOINT_NAME "memsan-pinpoint"
#define PINPOINT_MAGIC 0x4e494350u /* "PCIN" */
#define PINPOINT_NOTES 512u
struct pinpoint_head {
	uint32_t magic;
	uint32_t run; /* 1: all reports are printed; later: only those of writes that were not seen before */
};
enum pinpoint_side { PINPOINT_ANY_SIDE, PINPOINT_LEFT, PINPOINT_RIGHT };
enum pinpoint_what { PINPOINT_FOUND_LATER, PINPOINT_WRITE, PINPOINT_OTHER };
struct pinpoint_note {
	uint32_t run, what;   /* enum pinpoint_what */
	uint64_t object;      /* by its allocation stack, the same in each run; 0: not known */
	uint64_t place;       /* by the innermost frames and the object */
	uint32_t fence, side; /* found later: can guard pages find it? enum pinpoint_side */
	uint32_t align;       /* fence.align, or 0 */
	uint32_t printed;
};

/* ---- both halves: the layout ----------------------------------------------------------------- */

#define REPORT_TEXT_MAX (256u * 1024) /* a finished report is never longer; deep stacks are cut to fit */

/* What is known about one frame.  The strings belong to the provider and live until it is asked again. */
struct report_symbol {
	const char *function;  /* NULL: not known */
	uint64_t offset, size; /* where in the function the lookup is, and the function's size; size 0: not known */
	const char *file;      /* NULL: not known */
	uint32_t line, column; /* 0: not known */
	bool inlined;          /* into the next symbol of the same frame; no offset and size */
};
struct report_symbols {
	void *ctx;
	/* The frame's symbols, innermost inlined function first, the function itself last; *nr 0: not known. */
	const struct report_symbol *(*frame)(void *ctx, const struct report_record *r, const struct report_frame *f,
	                                     size_t *nr);
	/* Why a module has no symbols, or NULL. */
	const char *(*note)(void *ctx, const struct report_record *r, unsigned module);
};
/* A C++ or Rust function's name as people say it: without default arguments of templates, and never longer than a line
 * can hold. The name of a C function stays. */
void report_put_short_name(struct fmt_buf *b, const char *name);
/* short_name.c: is this file one of the C++ or Rust library's, is this demangled name one of the C++ library's?  Their
 * code is compiled into the program's own modules. */
bool report_library_source(const char *file);
bool report_library_name(const char *function);
/* The same for a function and its file, of Rust's library as well. */
bool report_library_symbol(const struct report_symbol *s);
/* Can these `len` bytes, from any sender, be rendered as a record? */
bool report_record_valid(const struct report_record *r, size_t len);
/* Writes the whole report, NUL-terminated, and returns its length.  size: at least REPORT_TEXT_MAX.  Deep stacks are
 * cut, the report's end never.  No allocation, no lock, no static state. */
/* The index of the frame that the title names, in the main stack; 0 if there is none. */
uint32_t report_title_frame(const struct report_record *r, const struct report_symbols *symbols);
/* Leaves out of the next steps what cannot be done in the language of the program. */
void report_next_for_language(struct report_record *r, const struct report_symbols *symbols);
size_t report_render_text(const struct report_record *r, const struct report_symbols *symbols, char *buf, size_t size);
size_t report_render_json(const struct report_record *r, const struct report_symbols *symbols, char *buf, size_t size);

/* ---- the wire between runtime and helper: a request, its answer; then perhaps another -------- */

#define HELPER_REQUEST_MAGIC 0x5152534du /* "MSRQ" */
#define HELPER_ANSWER_MAGIC 0x4152534du  /* "MSRA" */
#define HELPER_WIRE_VERSION 5
#define HELPER_RULES_MAX (128u * 1024)

enum helper_kind {
	/* request → answer */
	HELPER_REPORT,    /* a record → its text */
	HELPER_RULES,     /* suppressions for the reports that follow → what is wrong with them */
	HELPER_SUMMARY,   /* nothing → which rules were used and which were not */
	HELPER_FUNCTIONS, /* struct helper_functions → struct helper_ranges */
};
enum helper_flags {
	HELPER_SUGGEST = 1, /* REPORT: append a rule that suppresses the leak to its text */
	HELPER_SHIPPED = 2, /* RULES: also those for the distribution's programs */
};
struct helper_request {
	uint32_t magic, version;
	uint32_t kind;       /* enum helper_kind */
	uint32_t size;       /* bytes that follow: a struct report_record, text, none */
	uint32_t format;     /* enum option_format */
	uint32_t timeout_ms; /* a later answer is useless */
	uint32_t more;       /* 1: another request may follow */
	uint32_t flags;      /* enum helper_flags */
};
/* Where is the code of the functions that a pattern names? */
struct helper_functions {
	uint8_t build_id[BUILD_ID_MAX];
	uint32_t build_id_len;
	char path[MODULE_PATH_MAX];
	char pattern[OPTION_STRING_MAX];
};
struct helper_ranges {
	uint32_t nr, complete; /* complete 0: no time or no room for all */
	struct code_range ranges[];
};
struct helper_answer {
	uint32_t magic, version;
	uint32_t length;     /* bytes of text that follow, less than REPORT_TEXT_MAX */
	uint32_t suppressed; /* 1: a rule suppresses the report (the text follows all the same) */
	uint32_t frame;      /* REPORT: that of the title, in the main stack */
};
_Static_assert(sizeof(struct helper_request) == 32, "the wire is fixed");
_Static_assert(sizeof(struct helper_answer) == 20, "the wire is fixed");

/* ---- tool half: symbolize.c ------------------------------------------------------------------ */
/* Not thread-safe; uses malloc and libdw.  ELF files are hostile input: a file that cannot be read has no symbols. */

/* Small pieces of memory that are freed all at once.  A zeroed struct alloc_region is an empty one. */
struct region_chunk;
struct alloc_region {
	struct region_chunk *chunks;
	size_t used;
};
void *region_alloc(struct alloc_region *p, size_t size); /* zeroed, 16-byte aligned; NULL: no memory */
char *region_string(struct alloc_region *p, const char *s);
void region_free(struct alloc_region *p);
/* demangle.c: an ELF symbol of C++ or Rust, perhaps with a version, as people write it, in the region; any other name
 * as it is. */
const char *demangle_symbol(struct alloc_region *p, const char *name);

struct symbolizer;
/* NULL: out of memory.  budget_ms: after so long, no more files are opened, and answers come from those read; 0: no
 * limit. */
struct symbolizer *symbolizer_create(unsigned budget_ms);
void symbolizer_destroy(struct symbolizer *s);
/* Starts the time limit anew. */
void symbolizer_budget(struct symbolizer *s, unsigned budget_ms);
/* Where to look for separate debug files, in elfutils' form; NULL: ":.debug:/usr/lib/debug".  The caller keeps the
 * string. */
void symbolizer_debug_path(struct symbolizer *s, const char *path);
/* Returns the module's number, the same for the same path and build id; -1: out of memory.  A file with another build
 * id is not used; build_id_len 0 accepts any.  path is copied. */
int symbolizer_module(struct symbolizer *s, const char *path, const uint8_t *build_id, size_t build_id_len);
/* Announces a lookup of an address (as in the ELF file: pc - bias).  When all lookups are announced before the first,
 * each file is read once.  A lookup that was not announced works too, but is slower. */
void symbolizer_want(struct symbolizer *s, int module, uint64_t addr);
/* Innermost inlined function first, the function itself last; *nr 0: not known.  `addr` is looked up as given (the
 * caller subtracts 1 from a return address), and offsets are those of addr.  Valid until symbolizer_destroy. */
const struct report_symbol *symbolizer_lookup(struct symbolizer *s, int module, uint64_t addr, size_t *nr);
/* Where in a module a function starts, by its name.  `size` (as the kernel prints it; 0: not known) decides between
 * functions of one name.  False: there is none, or more than one fits. */
bool symbolizer_function(struct symbolizer *s, int module, const char *name, uint64_t size, uint64_t *start);
/* The code of the functions that a pattern names (fence.only in memsan-options(7)), inlined or not.  The caller frees
 * *ranges.  False: not all were found. */
bool symbolizer_functions(struct symbolizer *s, int module, const char *pattern, struct code_range **ranges,
                          size_t *nr);
/* Why a module has no symbols, or NULL. */
const char *symbolizer_note(struct symbolizer *s, int module);
/* Names the variable, the function or the section at r->data_at, in r->place. */
void symbolizer_name_data(struct symbolizer *s, struct report_record *r);
/* insn.c: decodes the instruction of a fault into the record: its text, and the size and kind of the access where the
 * record does not know them. */
void insn_decode(struct report_record *r);
/* Makes a provider for a whole record, and announces every lookup.  The record must outlive the provider.  False: out
 * of memory. */
bool symbolizer_attach(struct symbolizer *s, const struct report_record *r, struct report_symbols *symbols);

/* ---- tool half: suppress.c ------------------------------------------------------------------- */
/* Rules in LSan's form ("leak:pattern", one a line) and in Valgrind's ("{ name Memcheck:Leak fun:… }"), in any
 * order. */

struct suppressions;
struct suppressions *suppressions_create(void); /* NULL: out of memory */
void suppressions_destroy(struct suppressions *s);
/* Adds the rules of a text.  `tell` gets a line for each rule that cannot be used. */
void suppressions_add(struct suppressions *s, const char *text, void (*tell)(void *ctx, const char *line), void *ctx);
/* The same for rules that memsan brings; a line about a rule that was used names their file. */
void suppressions_add_file(struct suppressions *s, const char *path, const char *text,
                           void (*tell)(void *ctx, const char *line), void *ctx);
/* Adds the rules for the distribution's own programs (share/memsan/distribution.supp).  own: as for installed_file. */
void suppressions_add_shipped(struct suppressions *s, const char *own, void (*tell)(void *ctx, const char *line),
                              void *ctx);
/* installed.c: the path of a file of memsan's, from malloc; NULL: it is not there.  own: the folder where configure put
 * the program that asks.  In the build folder the file lies in the folder `built`, else in `installed`. */
char *installed_file(const char *own, const char *built, const char *installed, const char *name);
/* Before rules are added: the reports will be those of any tool, so that a rule may begin with any kind. */
void suppressions_any_kind(struct suppressions *s);
/* Does a rule suppress this report?  Counts the rule's use. */
bool suppressions_match(struct suppressions *s, const struct report_record *r, const struct report_symbols *symbols);
/* Writes a rule in Valgrind's form that fits only reports with this one's stack and class.  Returns its length; 0: the
 * report has no stack. */
size_t suppressions_suggest(const struct report_record *r, const struct report_symbols *symbols, unsigned number,
                            char *text, size_t size);
/* As suppressions_match, for a report of any tool. */
struct suppress_frame {
	const char *function, *file, *module;
	uint32_t line;
	bool unloaded; /* the module is no longer there */
};
#define SUPPRESS_STACKS 3
struct suppress_report {
	const char *kind, *class; /* of kinds.def, or the tool's words; or NULL */
	const char *entry;        /* the function of libc or of the allocator that was called, or NULL */
	const char *leak;         /* "direct", "possible" …; NULL: not a leak */
	uint64_t objects, bytes;  /* of a leak */
	const struct suppress_frame *frames;
	size_t nr_stacks, ends[SUPPRESS_STACKS]; /* of each stack, in frames; the next begins there */
};
bool suppressions_match_report(struct suppressions *s, const struct suppress_report *r);
/* `tell` gets one line for each rule of the user's, and for each other that was used. */
void suppressions_summary(const struct suppressions *s, void (*tell)(void *ctx, const char *line), void *ctx);

#endif
