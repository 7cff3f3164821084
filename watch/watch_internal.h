/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/watch_internal.h - shared between the files of watch/. */
#ifndef MEMSAN_WATCH_INTERNAL_H
#define MEMSAN_WATCH_INTERNAL_H

#include "watch/arch/x86_64/insn.h"
#include "watch/arch/x86_64/stub.h"
#include "watch/copy.h"
#include "watch/watch.h"

/* ---- choose.c: which modules ----------------------------------------------------------------- */

enum choice { CHOICE_NO, CHOICE_YES, CHOICE_EXCLUDED /* never watched, whatever the list says */ };
/* `list`: option watch. `path`: as the loader names the module; the program's own path for `program`. */
enum choice choose_module(const char *list, const char *path, bool program);
bool choose_any(const char *list);                                   /* is anything watched at all? */
bool choose_explain(const char *list);                               /* "explain" is in the list */
bool choose_tells(const char *list, const char *path, bool program); /* is the user told that it cannot be watched? */

/* ---- module.c: a watched module: its functions, and where control may enter them ------------- */

/* Why a function is not watched. */
enum left_reason {
	LEFT_NOT,
	LEFT_SMALL,   /* no room for the jump at its entry */
	LEFT_ENTRY,   /* control may come into the bytes of that jump */
	LEFT_MIDDLE,  /* other functions jump into it where no jump can be placed */
	LEFT_UNKNOWN, /* an instruction that the decoder does not know */
	LEFT_UNMOVABLE,
	LEFT_FAR,
	LEFT_ROOM,    /* no memory */
	LEFT_FILTER,  /* watch.only */
	LEFT_STOPPED, /* watch_stop */
	LEFT_LINKAGE, /* a PLT: no memory of the program's is accessed there */
	LEFT_REASONS,
};

enum function_state { FUNCTION_LEFT, FUNCTION_WAITS, FUNCTION_COPIED };
struct watch_function {
	uint32_t at, size;     /* at: from the module's start */
	uint32_t padding_end;  /* from there up to here no function begins */
	uint32_t entry;        /* the first of its entries */
	uint16_t nr_entries;   /* 0: it is left alone */
	uint8_t state, reason; /* enum function_state, enum left_reason */
	bool wanted;           /* watch.only names it */
};
/* A place at which control comes from elsewhere: the function's start, or where another function jumps to. */
struct watch_entry {
	uint32_t at, function;
	uint8_t bytes[STUB_JUMP]; /* the original ones */
	bool placed;
	/* No jump is placed there; the jumps that lead there are made to lead to its stub. */
	bool retargeted;
};
/* A springboard: the original bytes are kept. */
struct watch_spring {
	uint32_t at;
	uint8_t length, bytes[STUB_JUMP];
};
struct watch_copy {
	struct copy copy;
	const struct watch_spring *springs; /* in order of address */
	uint32_t nr_springs, function;
};

#define MODULE_SEGMENTS 16u
struct watch_module {
	uintptr_t start, end, bias;
	struct copy_range code[MODULE_SEGMENTS], data[MODULE_SEGMENTS];
	unsigned nr_code, nr_data;
	struct copy_range text;           /* from the first code segment's start to the last one's end */
	struct watch_function *functions; /* in order of address */
	struct watch_entry *entries;      /* in order of address */
	/* Places in the middle of functions: nr_jumps to which other functions jump, then nr_pointers to which pointers
	 * in data lead. Each part is in order. */
	uintptr_t *targets;
	struct watch_copy *copies; /* in order of the copy's address */
	uint32_t nr_functions, nr_entries, nr_jumps, nr_pointers;
	/* Each jump out of another function: `to` in the upper half, `from` in the lower one, both from the module's
	 * start. In order; only until the module's entries are placed. */
	uint64_t *ways;
	size_t targets_size, nr_ways, ways_size;
	uint32_t nr_copies; /* grows under watch_lock; read without it */
	/* Reserves: tables; scratch memory of the copier; near the module: stubs and copies. */
	char *tables, *near_start, *near_end, *near_next;
	size_t tables_size, tables_used;
	uint8_t *stubs;
	uintptr_t enter_thunk, slow_thunk;
	/* What was counted for --watch=explain. */
	struct copy_counts counts;
	uint32_t left[LEFT_REASONS];
	uintptr_t left_first[LEFT_REASONS]; /* the first address of each reason, as in the file; 0: none */
	uint32_t nr_ran;                    /* functions that were called */
	uintptr_t code_size, nameless;      /* bytes of code; those in no function, without padding */
	char path[MODULE_PATH_MAX];
};

/* What is wrong with a module, in words; NULL: nothing. m->bias is set. */
extern const char module_without_functions[]; /* a result of module_read: there is nothing to watch */
const char *module_read(struct watch_module *m, const void *phdr, unsigned nr_phdr);
void module_release(struct watch_module *m);
/* The index of the function that holds this address, or -1. */
int32_t module_function_at(const struct watch_module *m, uintptr_t pc);
/* Makes the jumps of other functions that lead to `to`, counted from the module's start, lead elsewhere. */
void module_retarget(const struct watch_module *m, uint32_t to, uintptr_t new_target);
void module_leave(struct watch_module *m, struct watch_function *f, enum left_reason reason, uintptr_t where);

/* ---- targets.c: the places in the middle of functions to which control may come from elsewhere ---- */

#define WAY_SYMBOL 0xffffffffu /* as `from`: a symbol leads there, so anybody may come */
static inline uint32_t way_to(uint64_t way)
{
	return (uint32_t)(way >> 32);
}

static inline uint32_t way_from(uint64_t way)
{
	return (uint32_t)way;
}

/* The index of the first way that leads to `to`. */
size_t ways_to(const struct watch_module *m, uint32_t to);
void ways_release(struct watch_module *m);
/* Fills m->targets and m->ways. hdr: .eh_frame_hdr, inside of a readable range. In words: what is wrong; NULL:
 * nothing. */
const char *targets_find(struct watch_module *m, const void *hdr, const struct copy_range *hdr_in, const void *dynamic);
/* The first of the sorted addresses that is above pc. */
static inline uint32_t target_above(const uintptr_t *sorted, uint32_t nr, uintptr_t pc)
{
	uint32_t lo = 0, hi = nr;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (sorted[mid] <= pc)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* ---- filter.c: watch.only -------------------------------------------------------------------- */

/* Leaves the functions alone that the pattern does not name. In words: why that is not known; NULL: done. */
const char *module_filter(struct watch_module *m, const char *pattern);

/* ---- entry.c: jumps at entries, copies at the first call ------------------------------------- */

extern struct ranked_lock watch_lock;
extern bool watch_stopped; /* by watch_stop; for good */
/* All modules that were ever watched at the same time; NULL: free. Atomic. */
#define WATCH_MODULES 512u
extern struct watch_module *watch_modules[WATCH_MODULES];
/* Places the entries of a module that no thread runs yet. In words: why it cannot be watched; NULL: it is. */
const char *entry_place(struct watch_module *m);
/* No stub leads to a copy any more; what was copied has its own bytes already (origin_restore). Under watch_lock. */
void entry_remove(struct watch_module *m);
/* When no module has functions that wait. */
void entry_stop(void);
/* The module whose copies and stubs hold this address; NULL: none. */
struct watch_module *watch_module_of_copy(uintptr_t pc);

/* ---- near.c: address space within 2 GB of a module ------------------------------------------- */

void *near_reserve(const struct watch_module *m, size_t size);
/* From now on the kernel puts nothing where no room for copies is within reach. Under watch_lock. */
void near_close_gaps(void);
void near_open_gaps(void);
/* No more copies are made: gives back room that no copy took. Under watch_lock. */
void near_release_rest(struct watch_module *m);

/* ---- origin.c: from places in copies back to the original ------------------------------------ */

void origin_start(void);
/* The place that is meant when the copy works for the one at pc; sp: its stack pointer. */
uintptr_t origin_shared(uintptr_t pc, uintptr_t sp);
/* The function gets its own bytes. Under watch_lock. */
void origin_restore(const struct watch_module *m, const struct watch_copy *c);

/* ---- report.c -------------------------------------------------------------------------------- */

void report_start(void);
/* No access is bad from now on. */
void report_stop(void);

#endif
