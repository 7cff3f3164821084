/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/copy.h - from one function's original bytes to a checked copy of it, and from places in the copy back.
 *
 * The copy does what the function does, with a check in front of each load and store that could reach the heap.
 * Control moves between the two like this:
 *
 *      original text                              copy (within 2 GB)
 *      entry:   jmp ───────────────────────────▶  check; mov (%rdi),%rax
 *                                                 …
 *      call g        ◀───────────────────────────  jmp     calls are made from the original call instruction,
 *      return:  jmp ───────────────────────────▶  …        so every return address on a stack is the original one
 *                                                 jmp *%rax
 *      case 3:  jmp ───────────────────────────▶  …        tables lead to the original text
 *
 * The jumps written into the original text are springboards (struct copy_patch).  The caller writes the entry's: 5
 * bytes at `start`, before the function is decoded (its stub), and the copier takes them for granted.  A place that can
 * get no springboard runs on in the original text, unchecked, until the next one; the copier has made sure that this
 * way leads into no overwritten bytes.
 *
 * No function here allocates, locks or changes errno.  copy_function works on memory that the caller lends; two threads
 * may copy at once with memory of their own. */
#ifndef MEMSAN_WATCH_COPY_H
#define MEMSAN_WATCH_COPY_H

#include "lib/lib.h"

/* ---- a function is copied -------------------------------------------------------------------- */

enum copy_flag {
	COPY_WRITES_ONLY = 0x1,
	COPY_BOTH_ENDS = 0x2, /* accesses that straddle an object's start are seen too; costs a second comparison */
	/* For tests and measurements. */
	COPY_NO_CHECKS = 0x100,
	COPY_FORCE_SLOW = 0x200,     /* each check takes its slow path */
	COPY_NO_LIVENESS = 0x400,    /* no register and no flag is taken for free */
	COPY_NO_MERGE = 0x800,       /* one check for each access */
	COPY_KEEP_RED_ZONE = 0x2000, /* taken for used in every function */
	COPY_NO_REPEATS = 0x1000     /* an access is checked although the same bytes were checked before it */
};

struct copy_range {
	uintptr_t start, end;
};

struct copy_request {
	/* The function: [start, end) as the dynamic loader placed it.  Bytes from end to padding_end belong to no other
	 * known function; what of them is padding is found out (padding_end = end when unknown). */
	uintptr_t start, end, padding_end;
	/* The original bytes of [start, padding_end), without what was patched there since. */
	const uint8_t *text;
	/* Addresses at which control may arrive from outside of the function: code pointers found in data, landing
	 * pads, direct jumps out of other functions (copy_scan_jumps).  In any order; those outside of (start, end)
	 * are skipped. */
	const uintptr_t *targets;
	size_t nr_targets;
	/* Further entries, whose 5 bytes the caller has overwritten as those at `start`. */
	const uintptr_t *entries;
	size_t nr_entries;
	/* Addresses at which control arrives in the copy only: the jumps that led there were changed. */
	const uintptr_t *labels;
	size_t nr_labels;
	/* All text of the module (an entry of a jump table leads there), and its readable data (where tables are). */
	struct copy_range module_text;
	const struct copy_range *data;
	size_t nr_data;
	unsigned flags; /* enum copy_flag */
	/* Where the copy goes: written at `code`, run at `code_pc`, which is within 2 GB of the module. */
	uint8_t *code;
	uintptr_t code_pc;
	size_t code_size;
	/* What copy_write_thunk wrote, within 2 GB. */
	uintptr_t thunk;
	/* Scratch memory, 16-byte aligned; what a result points to lies in it. */
	void *work;
	size_t work_size;
};

/* What copy_function wants at most for a function of `size` bytes.  Code is measured on the generous side: copying
 * uses a quarter of it. */
size_t copy_work_size(size_t size, size_t nr_targets);
size_t copy_code_size(size_t size);

enum copy_status {
	COPY_DONE,
	COPY_UNKNOWN,    /* an instruction that the decoder does not know, at `where` */
	COPY_UNMOVABLE,  /* one that cannot be copied, or data, at `where` */
	COPY_ENTRY_BUSY, /* an entry's springboard cannot stay: control may arrive inside of its 5 bytes, at `where` */
	COPY_TOO_FAR,    /* something is not within 2 GB of the copy */
	COPY_NO_ROOM     /* code_size or work_size is too small */
};

/* A springboard: `bytes` replace the original ones at pc.  They may be written in any order while no thread is in the
 * function.  `length` is 5 (jmp rel32) or 2 (jmp rel8 to another springboard). */
struct copy_patch {
	uintptr_t pc;
	uint8_t length;
	uint8_t bytes[5];
};

/* What remains of a copied function.  The caller keeps it, with the map, as long as the copy lives. */
struct copy {
	uintptr_t start, end; /* the original */
	uintptr_t code;       /* pc of the copy's entry */
	uint32_t code_size;   /* in all */
	uint32_t slow_offset; /* from here on: slow paths */
	const uint8_t *map;   /* see copy_map.c */
	uint32_t map_size;
};

struct copy_counts {
	uint32_t insns;
	uint32_t accesses; /* loads and stores that could be checked */
	uint32_t checked;
	/* Left out: on the stack or by rip; by a segment; which bytes they touch is not certain (masked, gather,
	 * bt). */
	uint32_t stack, segment, uncertain;
	uint32_t checks; /* in the copy: fewer than `checked` where one serves several accesses */
	uint32_t flags_saved, registers_spilled;
	uint32_t places; /* where control can come back to the original text, without the entry */
	uint32_t springs, short_springs;
	uint32_t unsprung; /* places without a springboard: control runs on unchecked there */
	bool opaque;       /* an indirect jump is not understood */
};

struct copy_result {
	enum copy_status status;
	uintptr_t where;
	struct copy copy;                 /* copy.map lies in `work`: move it to memory that stays */
	const struct copy_patch *patches; /* in `work` */
	size_t nr_patches;
	struct copy_counts counts;
};

/* Makes a copy.  With any status but COPY_DONE nothing of it may be used. */
enum copy_status copy_function(const struct copy_request *request, struct copy_result *result);

/* Finds what could be a direct jump (not a call) in [text, text + size), which runs at pc, and leads to elsewhere in
 * the module's text at a distance of more than 127 bytes.  Any byte may start an instruction here, so it finds too
 * much. Calls found(context, from, to) for each. */
void copy_scan_jumps(const uint8_t *text, size_t size, uintptr_t pc, struct copy_range module_text,
                     void (*found)(void *context, uintptr_t from, uintptr_t to), void *context);

/* ---- the slow path --------------------------------------------------------------------------- */

struct copy_regs {
	uint64_t gpr[16]; /* by number in the encoding: rax, rcx, rdx, rbx, rsp, … */
	uint64_t rip, flags;
};

struct copy_access {
	uintptr_t pc;      /* of the original instruction */
	uintptr_t address; /* the first byte that it accesses */
	size_t size;
	bool write;
	/* rip = pc, the others as they are in front of the instruction at checked_pc, where the check stands: at pc, or
	 * before it in the same block.  Between them rsp stays the same. */
	uintptr_t checked_pc;
	const struct copy_regs *regs;
	uint32_t lost; /* by bit, flags 17: nobody needs their values any more, and the check has overwritten them */
};
#define COPY_LOST_FLAGS (1u << 17)

/* Called for an access to bytes of which the shadow says that some are not addressable; with all of the processor's
 * state saved, on the program's stack.  When it returns the access is made. */
typedef void copy_bad_access(const struct copy_access *access);
/* With NULL, slow paths look at no shadow. */
void copy_set_bad_access(copy_bad_access *handler);

/* Writes the jumps to the slow path's common part: COPY_THUNK_SIZE bytes at `code`. */
#define COPY_THUNK_SIZE 32
void copy_write_thunk(uint8_t *code);

/* ---- back from the copy ---------------------------------------------------------------------- */

/* The original instruction for which the copy works at pc; 0: none. */
uintptr_t copy_original_pc(const struct copy *copy, uintptr_t pc);

/* Where the copy of the original instruction at pc (its check first) begins; 0: pc is no instruction's start. */
uintptr_t copy_copied_pc(const struct copy *copy, uintptr_t pc);

/* The registers of a thread that was stopped at regs->rip in the copy, as they would be in the original: gets what a
 * check has saved back into its registers, and sets rip to the start of the copied instruction *without* its check
 * (`checked` = false: for a fault, the instruction then faults by itself) or with it (for a signal: the check runs
 * anew).  The original's pc is copy_original_pc of that.  False: rip is not in the copy. */
bool copy_undo(const struct copy *copy, struct copy_regs *regs, bool checked);

#endif
