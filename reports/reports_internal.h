/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/reports_internal.h - shared between the files of reports/ only. */
#ifndef MEMSAN_REPORTS_INTERNAL_H
#define MEMSAN_REPORTS_INTERNAL_H

#include "reports/reports.h"

/* ---- layout.c: what the text and the JSON have in common ------------------------------------- */

/* A string of the record; never NULL, for any offset. */
const char *report_str(const struct report_record *r, uint32_t offset);
const char *report_basename(const char *path);
/* The stack that names the title's function: ACCESS, else NOTICED, else (for leaks) ALLOC; NULL: none has frames. */
const struct report_stack *report_main_stack(const struct report_record *r);
/* The frame's module, or NULL. */
const struct report_module *report_frame_module(const struct report_record *r, const struct report_frame *f);
/* Names for the values of record fields. */
const char *report_role_name(uint32_t role);
const char *report_state_name(uint32_t state);
const char *report_access_name(uint32_t access);
/* "double-free in cleanup+0x2e/0x60 [prog] at list.c:31"; an inlined function has no offset: "double-free in put [prog]
 * at list.c:12". Functions of the C++ library are passed over, if the program's own are known. */
void report_title(struct fmt_buf *b, const struct report_record *r, const struct report_symbols *symbols);
/* "MEMSAN: double-free /home/me/list.c:31:2 in cleanup", as the sanitizers end their reports. */
void report_summary_line(struct fmt_buf *b, const struct report_record *r, const struct report_symbols *symbols);
/* "func+0xoff/0xsize [module]" for the last symbol of a frame (the function that the processor called), or
 * "module+0xoffset (BuildId …)" for a frame without symbols. */
void report_put_place(struct fmt_buf *b, const struct report_record *r, const struct report_frame *f,
                      const struct report_symbol *physical);
void report_put_build_id(struct fmt_buf *b, const struct report_module *m);
/* The next step as a sentence. */
void report_put_next(struct fmt_buf *b, const struct report_record *r);
/* Where the bad address lies: "inside of", "to the left of" or "to the right of" the object, and by how many bytes. */
const char *report_relation(const struct report_record *r, uint64_t *distance);
/* render_fault.c: registers and instruction, if the record is about a fault. */
void report_put_fault(struct fmt_buf *b, const struct report_record *r);
void report_put_fault_json(struct fmt_buf *b, const struct report_record *r);
/* False: the byte was not readable. */
bool report_memory_byte(const struct report_record *r, size_t i, uint8_t *byte);

/* Stacks share the rest of the buffer.  Returns where the next stack must end: `left` stacks are to come, this one
 * included, and `tail` bytes must stay free behind them. */
size_t report_stack_limit(const struct fmt_buf *b, size_t tail, size_t left);
/* ---- fold.c ---------------------------------------------------------------------------------- */

/* How many frames from i on do the readers of text not need?  `whose`: the frames of what. */
uint32_t report_fold(const struct report_record *r, const struct report_stack *s, uint32_t i,
                     const struct report_symbols *symbols, const char **whose);
/* How many symbols from symbol k of frame i on are inner functions of the C++ library?  0 within such a run. */
uint32_t report_fold_library(const struct report_record *r, const struct report_stack *s, uint32_t i, size_t k,
                             const struct report_symbols *symbols);
bool report_name_contains(const char *text, const char *part);

/* ---- layout.c -------------------------------------------------------------------------------- */

/* Removes the text behind `len`. */
void report_rewind(struct fmt_buf *b, size_t len);

/* ---- emit.c ---------------------------------------------------------------------------------- */

static inline uint64_t hash_mix(uint64_t h, uint64_t value)
{
	h = (h ^ value) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 29;
}

/* ---- api_names.c ----------------------------------------------------------------------------- */

struct report_api_names {
	const char *alloc, *free; /* "operator new", "operator delete" */
};
extern const struct report_api_names report_api_names[SLAB_API_NR];

/* ---- record.c -------------------------------------------------------------------------------- */

/* Adds what repetitions do not need: the modules of every frame, the bytes of the memory rows, the program's path. */
void record_complete(struct report_record *r);

/* ---- abort_place.c ---------------------------------------------------------------------------- */
/* frame: of the title, in the main stack. */
void record_abort_place(const struct report_record *r, uint32_t frame, struct abort_place *place);

/* ---- next_step.c: after record_complete, when all else is there -------------------------------- */

void record_next_step(struct report_record *r);
void record_legend(struct report_record *r);

/* Guard pages that would stop the write that did this damage. False: none would. */
struct fence_choice {
	uint32_t side;  /* enum pinpoint_side */
	uint32_t align; /* fence.align; 0: as it is */
};
bool record_fence_choice(const struct report_record *r, struct fence_choice *choice);

/* ---- pinpoint.c: after record_complete --------------------------------------------------------- */

/* In a later run of `memsan run --pinpoint`: was this told already, or is it no write? Makes a note of the report. */
bool pinpoint_leaves_out(const struct report_record *r);

/* ---- colour.c -------------------------------------------------------------------------------- */

/* Writes the NUL-terminated text with colours.  Returns the length; 0: there is no room. */
size_t colour_report(const char *text, size_t len, char *to, size_t size);

/* ---- sink.c: where reports go ---------------------------------------------------------------- */

void sink_init(bool secure);
void sink_configure(void);
/* Writes text for people to standard error, whatever the sinks are. */
void sink_write_stderr(const char *text, size_t len);
/* Writes one whole report or line to the sinks.  Each failure gets a line on standard error.  When no sink takes the
 * text, the text goes there too. */
void sink_write(const char *text, size_t len);
/* The same for a report; the caller holds the report lock.  A terminal gets it with colours. */
void sink_write_report(const char *text, size_t len);
/* One byte to options.notify. */
void sink_notify(void);
/* Opens a memfd of `memsan run`, which it passed as /proc/PID/fd/N, or another file. -1: it is not there, or must not
 * be opened now. */
int sink_open_passed(const char *path, const char *name, int flags);
/* Do lines for people go to a terminal? */
bool sink_is_terminal(void);
bool sink_claim_advice(void); /* report_advice_claim */
/* A descriptor >= 2 for the helper's standard error, or -1: there the helper writes a report whose process is gone.
 * The caller closes it when *opened. */
int sink_borrow(bool *opened);

/* ---- helper.c: the symbolizer helper, seen from the program ---------------------------------- */

void helper_init(bool secure);
/* Writes the record's finished text, in a format of option format, to buf and returns its length; 0: there is no
 * helper, or no answer in time. */
size_t helper_render(const struct report_record *r, unsigned format, char *buf, size_t size, bool *suppressed);
uint32_t helper_title_frame(void); /* what the last answer says (report_title_frame); 0: there was none */
/* Writes a struct helper_ranges to buf and returns its size; 0: no answer. */
size_t helper_functions(const struct helper_functions *question, char *buf, size_t size);
/* Once: every helper gets these rules before its first report.  The text stays where it is. */
void helper_set_rules(const char *text, size_t len);
bool helper_has_rules(void);
/* Starts one helper for all leaks from now on, and gives it these rules too (a text or NULL).  Like the end, uses buf
 * for the helper's messages, and prints them. */
void helper_session_begin(const char *rules, char *buf, size_t size);
/* Prints what the helper says about the use of the rules, and ends it. */
void helper_session_end(char *buf, size_t size);

/* ---- plain.c: a report without the helper ---------------------------------------------------- */

size_t plain_render(const struct report_record *r, unsigned format, char *buf, size_t size);

#ifdef MEMSAN_TOOL
/* ---- tool half: what the symbolizer's files share -------------------------------------------- */
#include <elfutils/libdwfl.h>

/* deadline.c: when reading files must stop. */
struct deadline {
	uint64_t at_ns; /* 0: never */
};
void deadline_set(struct deadline *d, uint32_t budget_ms); /* so long from now; 0: never */
bool deadline_passed(const struct deadline *d);
uint64_t deadline_now_ns(void);

/* One address of a module's file, and what is known about it. */
struct lookup {
	uint64_t addr;
	bool resolved;
	const struct report_symbol *symbols;
	size_t nr;
	/* the ELF symbol that contains the address; name NULL: none */
	const char *elf_name;
	uint64_t elf_start, elf_size;
	/* start of the last function at or before the address, even one that ends before the address */
	uint64_t elf_nearest;
	int elf_rank;
};

/* demangle.c: a C++ or Rust name as people write it, in the region; any other name as it is. */
const char *demangle(struct alloc_region *p, const char *name);
/* demangle_rust.c: a Rust name; NULL: it is none, or there is no memory. */
const char *demangle_rust(struct alloc_region *region, const char *name);
/* function_address.c: the functions of a file by name, in the region; NULL: out of memory. */
struct name_index;
struct name_index *names_build(struct alloc_region *region, Dwfl_Module *mod);
/* The start of the only function of that name (and size, unless 0).  False: there is none, or more than one. */
bool names_find(const struct name_index *index, const char *name, uint64_t size, uint64_t *start);
/* function_match.c: does the pattern mean this function?  function: as people write it, with its scope and perhaps
 * parameters. */
bool function_matches(const char *function, const char *pattern);
/* Does the pattern mean this symbol, written as the linker has it? */
bool function_symbol_matches(const char *symbol, const char *pattern);
/* Finds a word that stands in the name of every function that the pattern means, as people write the name and as the
 * linker does.  Returns its length; 0: there is none. */
size_t function_literal(const char *pattern, const char **literal);
/* functions.c: the code of the functions that the pattern means, in order.  The caller frees *ranges.  False: not all
 * were found. */
bool functions_search(Dwfl_Module *mod, const char *pattern, const struct deadline *deadline,
                      struct code_range **ranges, size_t *nr);
/* variable.c: names the variable, the function or at least the section at r->data_at, which is in this module. */
void variable_name(struct report_record *r, Dwfl_Module *mod, const struct deadline *deadline,
                   struct alloc_region *region);
/* symbolize_dwarf.c: resolves the lookups that the DWARF knows.  They are sorted by address, not yet resolved, and have
 * their ELF symbols.  A lookup's address is the DWARF address plus bias. */
void dwarf_resolve(struct alloc_region *region, const struct deadline *deadline, Dwarf *dwarf, uint64_t bias,
                   struct lookup **lookups, size_t n);
#endif

#endif
