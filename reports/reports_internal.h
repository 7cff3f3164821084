/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/reports_internal.h - shared between the files of reports/ only. */
#ifndef MEMSAN_REPORTS_INTERNAL_H
#define MEMSAN_REPORTS_INTERNAL_H

#include "reports/reports.h"

/* ---- layout.c: what the text and the JSON say alike ------------------------------------------ */

/* A string of the record, never NULL, whatever the offset. */
const char *report_str(const struct report_record *r, uint32_t offset);
const char *report_basename(const char *path);
/* The stack that the title's function comes from (ACCESS, else NOTICED, else the first that has frames), or NULL. */
const struct report_stack *report_main_stack(const struct report_record *r);
/* The frame's module, or NULL. */
const struct report_module *report_frame_module(const struct report_record *r, const struct report_frame *f);
/* Names of record fields' values. */
const char *report_role_name(uint32_t role);
const char *report_state_name(uint32_t state);
const char *report_access_name(uint32_t access);
/* "double-free in cleanup+0x2e/0x60 [prog]" */
void report_title(struct fmt_buf *b, const struct report_record *r, const struct report_symbols *symbols);
/* " func+0xoff/0xsize [module]" for the last symbol of a frame (the function that was really called), or
 * "module+0xoffset (BuildId …)" when it has none. */
void report_put_place(struct fmt_buf *b, const struct report_record *r, const struct report_frame *f,
                      const struct report_symbol *physical);
void report_put_build_id(struct fmt_buf *b, const struct report_module *m);
/* Where addr lies against the object: "inside of", "to the left of", "to the right of", and by how many bytes. */
const char *report_relation(const struct report_record *r, uint64_t *distance);
/* render_fault.c: registers and instruction of a fault, if the record is of one. */
void report_put_fault(struct fmt_buf *b, const struct report_record *r);
void report_put_fault_json(struct fmt_buf *b, const struct report_record *r);
bool report_memory_byte(const struct report_record *r, size_t i, uint8_t *byte);

/* Stacks share what is left of the buffer: how far this one may go when `left` stacks (with it) are to come and `tail`
 * bytes must stay for what follows them. */
size_t report_stack_limit(const struct fmt_buf *b, size_t tail, size_t left);
/* Take back what was written after `len`. */
void report_rewind(struct fmt_buf *b, size_t len);

/* ---- api_names.c ----------------------------------------------------------------------------- */

struct report_api_names {
	const char *alloc, *free; /* "operator new", "operator delete" */
};
extern const struct report_api_names report_api_names[SLAB_API_NR];

/* ---- record.c -------------------------------------------------------------------------------- */

/* What a repetition is not known by: the modules of every frame, the bytes of the memory rows, the program's path. */
void record_complete(struct report_record *r);

/* ---- sink.c: where reports go ---------------------------------------------------------------- */

void sink_init(bool secure);
void sink_configure(void);
/* One whole report or line to the sinks; whatever fails is told on standard error, and the text goes there instead. */
void sink_write_stderr(const char *text, size_t len); /* whatever the sinks are; for people */
void sink_write(const char *text, size_t len);
/* One byte to options.notify. */
void sink_notify(void);
/* A descriptor >= 2 that the helper may write a report to when this process is gone, to be closed when *opened. */
int sink_borrow(bool *opened);

/* A write of ours to a closed pipe, or past the file size limit, sends this thread a signal that must not reach the
 * program.  Signals are blocked, so it can be taken back, unless it was pending before (the set of
 * sink_signals_pending) and may be the program's. */
uint64_t sink_signals_pending(void);
void sink_take_back(int sig, uint64_t pending_before);

/* ---- helper.c: the symbolizer helper, seen from the program ---------------------------------- */

void helper_init(bool secure);
/* The finished text of the record in buf, or 0: there is no helper, or it was not to be had in time. */
size_t helper_render(const struct report_record *r, char *buf, size_t size, bool *suppressed);
/* A struct helper_ranges in buf; its size, 0: no answer. */
size_t helper_functions(const struct helper_functions *question, char *buf, size_t size);
/* One helper for what is rendered from now on; with rules, if there are any.  What it says of them is in buf. */
size_t helper_session_begin(const char *rules, size_t len, char *buf, size_t size);
/* What it says of the rules' use is in buf. */
size_t helper_session_end(char *buf, size_t size);

/* ---- plain.c: without the helper ------------------------------------------------------------- */

size_t plain_render(const struct report_record *r, char *buf, size_t size);

#ifdef MEMSAN_TOOL
/* ---- tool half: what the symbolizer's files share -------------------------------------------- */
#include <elfutils/libdwfl.h>

/* deadline.c: when reading files must stop; 0: never. */
struct deadline {
	uint64_t at_ns;
};
void deadline_set(struct deadline *d, uint32_t budget_ms); /* from now on; 0: never */
bool deadline_passed(const struct deadline *d);
uint64_t deadline_now_ns(void);

/* One address of a module's file, and what was found out about it. */
struct lookup {
	uint64_t addr;
	bool resolved;
	const struct report_symbol *symbols;
	size_t nr;
	/* the ELF symbol that holds it; name NULL: none */
	const char *elf_name;
	uint64_t elf_start, elf_size;
	/* where the last function at or before the address starts, whether it holds the address or not */
	uint64_t elf_nearest;
	int elf_rank;
};

/* demangle.c: a C++ or Rust name as people write it, else the name itself; from the region or `name`. */
const char *demangle(struct alloc_region *p, const char *name);
/* The same for an ELF symbol, whose name may have a version behind it. */
const char *demangle_symbol(struct alloc_region *p, const char *name);
/* function_address.c: the functions of a file by name, in the region; NULL: out of memory. */
struct name_index;
struct name_index *names_build(struct alloc_region *region, Dwfl_Module *mod);
/* The only function of that name, and size if there is one. */
bool names_find(const struct name_index *index, const char *name, uint64_t size, uint64_t *start);
/* function_match.c: does the pattern mean this function?  `function`: as people write it, with its scope and perhaps
 * parameters. */
bool function_matches(const char *function, const char *pattern);
/* … or this symbol, as the linker has it. */
bool function_symbol_matches(const char *symbol, const char *pattern);
/* A word that is in the name of every function that the pattern means, as people write it and as the linker does; 0:
 * none is. */
size_t function_literal(const char *pattern, const char **literal);
/* functions.c: the code of the functions that the pattern means, in order; *ranges to be freed.  False: there is
 * more. */
bool functions_search(Dwfl_Module *mod, const char *pattern, const struct deadline *deadline,
                      struct code_range **ranges, size_t *nr);
/* symbolize_dwarf.c: the symbols of each lookup (sorted by address, not yet resolved) that the DWARF knows.  `bias` is
 * added to a DWARF address to give the lookup's.  The ELF symbols are there already. */
void dwarf_resolve(struct alloc_region *region, const struct deadline *deadline, Dwarf *dwarf, uint64_t bias,
                   struct lookup **lookups, size_t n);
#endif

#endif
