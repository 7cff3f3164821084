/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/reports.h - the report record and the two halves that handle it.
 *
 * Both halves:  kinds.c names, layout.c and render_text.c, render_json.c the layout, so that the plain report and the
 * symbolized one
 *               differ only in the frames.
 * Runtime half (in libmemsan.so): finding.c turns what a detector found into a record, record.c fills a record in
 * stages, emit.c decides what is printed and when, helper.c starts and asks
 *               the helper, plain.c prints without it, sink.c writes it where reports go.
 * Tool half (helper and memsan command):
 *   symbolize.c         modules and ELF symbols, symbolize_dwarf.c functions and lines, demangle.c names as people write them
 *   function_address.c  where a function of that name starts
 *   functions.c         the code of the functions that a pattern names; function_match.c: what such a pattern means
 *   insn.c              the instruction of a fault
 *   suppress.c          which reports are not wanted
 *   deadline.c          until when files may be read
 *   region.c            memory that is freed all at once
 */
#ifndef MEMSAN_REPORTS_H
#define MEMSAN_REPORTS_H

#include "lib/lib.h"
#include "slab/slab.h"

/* Kinds, each once, in kinds.def: REPORT_KIND(enumerator, "kind-name", "class", "explanation") */
enum report_kind {
#define REPORT_KIND(id, name, class, text) REPORT_##id,
#include "reports/kinds.def"
#undef REPORT_KIND
	REPORT_KIND_NR,
};
/* From kinds.def; never NULL, "unknown" for a kind that is none. */
const char *report_kind_name(enum report_kind kind);
const char *report_kind_class(enum report_kind kind);
const char *report_kind_text(enum report_kind kind);

enum report_role { STACK_ACCESS, STACK_ALLOC, STACK_FREE, STACK_NOTICED, STACK_FRAME, STACK_ROLE_NR };

/* How memory was accessed.  The values are in the record, so in other processes too. */
enum report_access { ACCESS_READ, ACCESS_WRITE, ACCESS_FREE, ACCESS_UNKNOWN, ACCESS_EXECUTE, ACCESS_NR };

#define REPORT_MAGIC 0x5052534du /* "MSRP" */
#define REPORT_VERSION 2
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
	uint32_t skipped_at, skipped; /* frames left out in the middle: before frames[skipped_at], how many */
	uint64_t age_ms; /* how long before the report, or REPORT_AGE_UNKNOWN; 0 for the report's own stack */
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
/* The machine at a fault. */
#define REPORT_REGS 24
struct report_fault {
	uint32_t present, signo;
	int32_t si_code;
	uint32_t trap;
	uint64_t error, addr; /* as the processor and the kernel gave them */
	uint32_t no_addr;     /* the access has no known address */
	uint32_t code_len;
	uint8_t code[16];           /* from the faulting instruction on */
	uint64_t regs[REPORT_REGS]; /* numbered as in instructions, then instruction pointer and flags */
	uint32_t nr_words, insn;    /* words at the stack pointer; strings: the instruction, by the helper, or 0 */
	uint64_t words[8];
	uint64_t stack_lo, stack_hi; /* a stack that overflowed */
};
/* A plain versioned block of bytes: written by the runtime, read by the helper, by another process, out of a core
 * file. */
struct report_record {
	uint32_t magic, version, size, sequence; /* size: sizeof(struct report_record) */
	uint32_t kind;                           /* enum report_kind */
	uint32_t component;                      /* offset into strings: "slab", "shadow", "fence", "leak" */
	/* offset into strings: how it was noticed ("on free"), 0: at the access itself */
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
	uint64_t bad_addr; /* first byte that may not be accessed, or 0 (then addr is) */
	uint64_t access_size;
	uint32_t access;          /* enum report_access */
	uint32_t expected, found; /* first damaged byte: what it should have held and what it held */
	uint32_t have_object;
	/* object */
	uint64_t obj_addr, obj_size, obj_cache_size;
	uint32_t obj_cache; /* strings: cache name */
	uint32_t obj_state; /* 0 allocated, 1 freed (quarantine), 2 free */
	uint64_t slot_addr, slot_size;
	uint32_t obj_api; /* strings: "malloc", "operator new", … or 0 */
	uint32_t place;   /* strings: lines about a variable, each with its newline, or 0 */
	/* memory rows: bytes as they were when the report was made; or shadow bytes, each for memory_scale bytes of
	 * memory */
	uint32_t memory_scale; /* 0: the bytes themselves */
	uint32_t memory_len;
	uint64_t memory_addr, memory_mark; /* mark: the bad byte */
	uint8_t memory[REPORT_MEMORY];
	uint8_t memory_valid[REPORT_MEMORY / 8]; /* bit set: byte was readable */
	struct report_fault fault;
	/* leak: what the group of objects is that obj_* is the largest of */
	/* strings: "direct", "possible" …; 0: the report is about something else */
	uint32_t leak_class;
	uint32_t leak_pad;
	uint64_t leak_count, leak_bytes, leak_held_count, leak_held_bytes;
	uint32_t nr_stacks, nr_modules, strings_len, repeated;
	struct report_stack stacks[REPORT_STACKS];
	struct report_module modules[REPORT_MODULES];
	char strings[REPORT_STRINGS]; /* offset 0 is the empty string */
};

/* ---- runtime half: findings ------------------------------------------------------------------ */
/* What a detector found, as far as a record needs it.  Fields that do not apply stay 0.  Pointers are the caller's and
 * are read during report_finding only. */
struct finding {
	enum report_kind kind;
	const char *component; /* "slab", "fence", "shadow", "libc" */
	uintptr_t addr;        /* start of the access, pointer passed in, or first damaged byte */
	size_t size;           /* bytes accessed or damaged; 0: none */
	enum report_access access;
	uintptr_t bad;           /* first byte that may not be accessed; 0: addr */
	const char *found_at;    /* damage found later: when ("on free"); NULL: the call or access itself is wrong */
	uint8_t expected, found; /* damage found later: what the first damaged byte should hold, and holds */
	const char *entry;       /* function that the program called; NULL: for a free, that of api_used, else none */
	enum slab_api api_used;  /* what freed the object */
	size_t size_given;       /* sized delete */
	const char *detail;      /* one more line for people; the mismatch kinds have their own */
	/* of the call or access, or of the call that found the damage; NULL: no stack */
	const struct unwind_regs *regs;
	const struct slab_object *object;
	uintptr_t memory_lo, memory_hi; /* show the bytes around `bad` that lie in here; equal: show none */
	/* Adds to the record what only the detector knows; NULL: nothing.  Runs with the report lock held. */
	void (*fill)(struct report_record *r, const struct finding *f);
	const void *ctx; /* fill's own */
};
/* False: no report was made, for the reasons that report_begin gives. */
bool report_finding(const struct finding *f);

/* ---- runtime half: filling ------------------------------------------------------------------- */
/* The one record being made, with the report lock held; NULL when this thread is already inside a report (a bug in a
 * bug report: one line is printed and the inner one is dropped) or reports are exhausted. */
struct report_record *report_begin(enum report_kind kind, const char *component);
uint32_t report_string(struct report_record *r, const char *s);
void report_set_access(struct report_record *r, uintptr_t addr, size_t size, enum report_access access);
/* The stack of here (role ACCESS or NOTICED); `exact`: regs are a faulting instruction's. */
void report_add_regs(struct report_record *r, enum report_role role, const struct unwind_regs *regs, bool exact);
/* A saved one, with the thread (0: not known) and the jiffies it was taken at (0: not known). */
void report_add_handle(struct report_record *r, enum report_role role, stack_handle h, uint32_t thread, uint32_t when);
/* One frame alone: the function at pc (role FRAME). */
void report_add_pc(struct report_record *r, enum report_role role, uintptr_t pc);
/* The heap object with its stacks. */
void report_set_object(struct report_record *r, const struct slab_object *o);
/* whole 16-byte rows, clipped to [lo, hi) */
void report_set_memory(struct report_record *r, uintptr_t around, uintptr_t lo, uintptr_t hi);
/* Objects that one stack allocated and nothing reaches: how many, what hangs on them; the largest of them with its
 * first bytes. */
struct report_leak {
	const char *class;
	uint64_t count, bytes, held_count, held_bytes;
};
void report_set_leak(struct report_record *r, const struct report_leak *leak, uint64_t addr, uint64_t size,
                     const uint8_t *bytes, size_t len);
/* Emits, or counts it as a repetition; releases the report lock.  With fault=panic it does not return. */
enum report_outcome { REPORT_PRINTED, REPORT_REPEATED, REPORT_SUPPRESSED };
enum report_outcome report_end(struct report_record *r);

/* Many reports in a row: one helper serves them all, and suppressions (options.suppressions, and `rules`, a text or
 * NULL) apply to them.  At the end one line for each rule: used how often, or not.  Reports of other threads may come
 * in between. */
void report_session_begin(const char *rules);
void report_session_end(void);

/* Code, as addresses of the ELF file. */
struct code_range {
	uint64_t start, end;
};
/* The code of the functions in a module that a pattern names, asked of the helper and given to `take`, in order, once
 * (with the report lock held).  False: there is no helper, or no answer, and take was not called.  *complete: that was
 * all of them.  Takes the report lock, and as long as options.symbolizer_timeout allows. */
bool report_find_functions(const struct module_info *m, const char *pattern,
                           void (*take)(void *ctx, const struct code_range *ranges, size_t nr), void *ctx,
                           bool *complete);
/* Was this thread's last report, and the last of all, of a check that found an access to addr?  Then a fault there is
 * no news. */
bool report_is_last(uintptr_t addr);
/* Was it about a fault in [addr, addr+n)?  Then a look at that memory after the call says nothing new. */
bool report_was_fault(uintptr_t addr, size_t n);
bool report_is_mine(void);   /* is this thread in the middle of making one? */
uint32_t report_count(void); /* reports made so far by this process, repetitions not counted */
/* At exit: waits for a report that another thread is making, so that report_count is final; then one line when reports
 * were repeated or left out over max_reports. */
void report_summary(void);
/* Standard error is about to be closed while the program exits: a copy is kept for what comes after.  Closed by the end
 * of the process. */
void report_keep_stderr(void);
/* Ready text for people, whole lines in one write; among JSON lines it goes to standard error. */
void report_message(const char *text, size_t len);
/* One line "memsan: …" to where reports go. */
void report_line(const char *format, ...) __printf_like(1, 2);
/* Once, single-threaded, before the first line: remembers what standard error is.  `secure` (AT_SECURE): no file is
 * ever opened and only the installed helper is started. */
void reports_init(bool secure);
/* Once, when the options are parsed: log_path means this directory from here on. */
void reports_configure(void);
/* In the child of fork, before lib_fork_child frees the locks: a process counts its own reports.  (lib's fork functions
 * take the report lock with the others, so no report is cut in two.) */
void reports_fork_child(void);

/* The name of the memfd that memsan run counts reports with (option notify). */
#define REPORT_NOTIFY_NAME "memsan-notify"

/* ---- both halves: the layout ----------------------------------------------------------------- */

#define REPORT_TEXT_MAX (256u * 1024) /* a finished report is never longer; deep stacks are shortened to fit */

/* What is known of one frame.  Strings belong to whoever gave them and live until it is asked again. */
struct report_symbol {
	const char *function;  /* NULL: not known */
	uint64_t offset, size; /* of the lookup in the function; size 0: not known */
	const char *file;      /* NULL: not known */
	uint32_t line, column; /* 0: not known */
	bool inlined;          /* into the next symbol of the same frame; has no offset and size */
};
struct report_symbols {
	void *ctx;
	/* The frame's symbols, innermost inlined function first, the function itself last; *nr 0: nothing is known. */
	const struct report_symbol *(*frame)(void *ctx, const struct report_record *r, const struct report_frame *f,
	                                     size_t *nr);
	/* Why a module has no symbols, or NULL. */
	const char *(*note)(void *ctx, const struct report_record *r, unsigned module);
};
/* Is this a record that may be rendered, whoever sent it?  len: bytes at r. */
bool report_record_valid(const struct report_record *r, size_t len);
/* The whole report, NUL-terminated, always complete (deep stacks are cut, never the end).  size at least
 * REPORT_TEXT_MAX.  Returns the length.  No allocation, no lock, no static state. */
size_t report_render_text(const struct report_record *r, const struct report_symbols *symbols, char *buf, size_t size);
size_t report_render_json(const struct report_record *r, const struct report_symbols *symbols, char *buf, size_t size);

/* ---- the wire between runtime and helper: a request, its answer; then perhaps another -------- */

#define HELPER_REQUEST_MAGIC 0x5152534du /* "MSRQ" */
#define HELPER_ANSWER_MAGIC 0x4152534du  /* "MSRA" */
#define HELPER_WIRE_VERSION 3
#define HELPER_RULES_MAX (128u * 1024)

enum helper_kind {
	HELPER_REPORT,    /* a record; its text */
	HELPER_RULES,     /* suppressions for the reports that follow; what is wrong with them */
	HELPER_SUMMARY,   /* nothing; which rules were used and which were not */
	HELPER_FUNCTIONS, /* struct helper_functions; struct helper_ranges */
};
struct helper_request {
	uint32_t magic, version;
	uint32_t kind;       /* enum helper_kind */
	uint32_t size;       /* bytes that follow: a struct report_record, text, none */
	uint32_t format;     /* enum option_format */
	uint32_t timeout_ms; /* the answer is wanted before that */
	uint32_t more;       /* 1: another request may follow */
	uint32_t suggest;    /* 1: a rule that suppresses the leak follows its text */
};
/* Where is the code of the functions that a pattern names? */
struct helper_functions {
	uint8_t build_id[BUILD_ID_MAX];
	uint32_t build_id_len;
	char path[MODULE_PATH_MAX];
	char pattern[OPTION_STRING_MAX];
};
struct helper_ranges {
	uint32_t nr, complete; /* complete 0: there was no time or room for all */
	struct code_range ranges[];
};
struct helper_answer {
	uint32_t magic, version;
	uint32_t length;     /* bytes of text that follow, less than REPORT_TEXT_MAX */
	uint32_t suppressed; /* 1: a rule says that the report is not wanted (its text is there all the same) */
};
_Static_assert(sizeof(struct helper_request) == 32, "the wire is fixed");
_Static_assert(sizeof(struct helper_answer) == 16, "the wire is fixed");

/* ---- tool half: symbolize.c ------------------------------------------------------------------ */
/* Not thread-safe, uses malloc and libdw.  ELF files are hostile input: what cannot be read has no symbols. */

/* Small pieces of memory that are freed all at once.  A zeroed struct alloc_region is an empty one. */
struct region_chunk;
struct alloc_region {
	struct region_chunk *chunks;
	size_t used;
};
void *region_alloc(struct alloc_region *p, size_t size); /* zeroed, 16-byte aligned; NULL: no memory */
char *region_string(struct alloc_region *p, const char *s);
void region_free(struct alloc_region *p);

struct symbolizer;
/* budget_ms: after so long no more files are opened and what is known is what there is; 0: no limit.  NULL: out of
 * memory. */
struct symbolizer *symbolizer_create(unsigned budget_ms);
void symbolizer_destroy(struct symbolizer *s);
/* What is asked from now on may take so long again. */
void symbolizer_budget(struct symbolizer *s, unsigned budget_ms);
/* Where separate debug files are looked for, in elfutils' form (":.debug:/usr/lib/debug"); NULL: there.  The string is
 * the caller's. */
void symbolizer_debug_path(struct symbolizer *s, const char *path);
/* The module's number; the same one again for the same path and build id.  A file whose build id is another one is not
 * used; build_id_len 0 takes any.  -1: out of memory.  path is copied. */
int symbolizer_module(struct symbolizer *s, const char *path, const uint8_t *build_id, size_t build_id_len);
/* Announce that an address (as in the ELF file: pc - bias) will be asked for.  Announcing all before asking for the
 * first lets each file be read once.  Asking for one that was not announced works, slower. */
void symbolizer_want(struct symbolizer *s, int module, uint64_t addr);
/* Innermost inlined function first, the function itself last; *nr 0: nothing known.  `addr` is looked up as it is (the
 * caller subtracts 1 from a return address); offsets are from addr.  Valid until symbolizer_destroy. */
const struct report_symbol *symbolizer_lookup(struct symbolizer *s, int module, uint64_t addr, size_t *nr);
/* Where in a module a function starts, by its name and, when there are several, its size as the kernel prints it (0:
 * not known).  False: there is none, or more than one that it could be. */
bool symbolizer_function(struct symbolizer *s, int module, const char *name, uint64_t size, uint64_t *start);
/* The code of the functions that a pattern names (fence.only in memsan-options(7)), inlined or not; *ranges to be
 * freed.  False: there is more. */
bool symbolizer_functions(struct symbolizer *s, int module, const char *pattern, struct code_range **ranges,
                          size_t *nr);
/* Why a module has no symbols, or NULL. */
const char *symbolizer_note(struct symbolizer *s, int module);
/* insn.c: decodes the instruction of a fault into the record: its text, the size of the access, read or write where
 * that is not known. */
void insn_decode(struct report_record *r);
/* A provider for a whole record, everything in it announced.  The record must outlive it.  False: out of memory. */
bool symbolizer_attach(struct symbolizer *s, const struct report_record *r, struct report_symbols *symbols);

/* ---- tool half: suppress.c ------------------------------------------------------------------- */
/* Rules in LSan's form ("leak:pattern", one a line) and Valgrind's ("{ name Memcheck:Leak fun:… }"), mixed as they
 * come. */

struct suppressions;
struct suppressions *suppressions_create(void); /* NULL: out of memory */
void suppressions_destroy(struct suppressions *s);
/* Adds the rules of a text; what cannot be used is told, a line each. */
void suppressions_add(struct suppressions *s, const char *text, void (*tell)(void *ctx, const char *line), void *ctx);
/* Does a rule say that this report is not wanted?  Counts its use. */
bool suppressions_match(struct suppressions *s, const struct report_record *r, const struct report_symbols *symbols);
/* A rule in Valgrind's form that fits this report's stack and class and no other one; its length, 0: there is no stack
 * to go by. */
size_t suppressions_suggest(const struct report_record *r, const struct report_symbols *symbols, unsigned number,
                            char *text, size_t size);
/* The same for a report from elsewhere: class NULL when it is of no leak (only "report:" rules are about such). */
struct suppress_frame {
	const char *function, *file, *module;
	uint32_t line;
};
bool suppressions_match_frames(struct suppressions *s, const char *class, uint64_t objects, uint64_t bytes,
                               const struct suppress_frame *frames, size_t n);
/* One line for each rule. */
void suppressions_summary(const struct suppressions *s, void (*tell)(void *ctx, const char *line), void *ctx);

#endif
