/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/lib_internal.h - shared between the files of lib/ only. */
#ifndef MEMSAN_LIB_INTERNAL_H
#define MEMSAN_LIB_INTERNAL_H

#include "lib/lib.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif

static inline long os_syscall4(long nr, long a, long b, long c, long d)
{
	return arch_syscall6(nr, a, b, c, d, 0, 0);
}

/* bpf.c: the bits of enum os_call that this filter lets pass. */
struct sock_filter;
uint32_t bpf_calls_allowed(const struct sock_filter *code, size_t n);

bool os_is_strict(void);  /* os.c: this thread is in strict mode */
void os_fork_child(void); /* os.c: the child's pid, under a filter */
void os_copied(void);     /* os.c: this process is a copy that libc does not know of */

/* What each file adds to struct lib_directory. */
void os_directory_fill(struct lib_directory *r);
void depot_directory_fill(struct lib_directory *r);
void thread_directory_fill(struct lib_directory *r);
void clock_directory_fill(struct lib_directory *r);

/* modules.c: can _dl_find_object be called yet? */
bool modules_usable(void);

/* ---- cfi.c: call frame information: the .eh_frame of a loaded module, read for one pc; for unwind.c ---- */

/* How the caller's value of a register is found (DWARF 5, 6.4.1). */
enum cfi_rule_kind {
	CFI_SAME,
	CFI_UNDEFINED,
	CFI_OFFSET,
	CFI_VAL_OFFSET,
	CFI_REGISTER,
	CFI_EXPRESSION,
	CFI_VAL_EXPRESSION
};
struct cfi_rule {
	uint8_t kind;
	uint8_t reg; /* REGISTER */
	/* OFFSET, VAL_OFFSET: from the CFA; EXPRESSION, VAL_EXPRESSION: of the block, from cfi_row.fde */
	int32_t offset;
};

/* Small, since an allocation may need a few rows on the thread's stack, which may be only 16 KiB. */
struct cfi_row {
	uint8_t cfa_reg;
	bool signal_frame; /* the kernel's frame of a signal: its caller's pc is exact */
	int32_t cfa_offset;
	/* if not NULL, used instead of register and offset: the length as ULEB128, then the operations */
	const uint8_t *cfa_expr;
	const uint8_t *fde;
	struct cfi_rule rules[ARCH_DWARF_REGS];
};

static inline const uint8_t *cfi_rule_expr(const struct cfi_row *row, const struct cfi_rule *rule)
{
	return row->fde + rule->offset;
}

/* A frame's registers by DWARF number. `known` has a bit for each register whose value is known. */
struct cfi_regs {
	uintptr_t r[ARCH_DWARF_REGS];
	uint32_t known;
};

/* The row that holds at `pc`, if call frame information covers it. */
enum cfi_found { CFI_NO_MODULE, CFI_NO_ROW, CFI_FOUND };
enum cfi_found cfi_find_row(uintptr_t pc, struct cfi_row *row);

/* Reads the code range of the FDE at `fde`. False: it is a CIE, or unreadable. */
typedef bool (*cfi_range_fn)(const uint8_t *fde, uintptr_t *start, uintptr_t *range);
/* cfi_static.c: the FDE that may describe pc in a program without .eh_frame_hdr, or NULL. */
const uint8_t *cfi_static_search(uintptr_t pc, uintptr_t bias, cfi_range_fn fde_range);

struct stack_view;
/* The value of a location expression over a frame's registers, with `initial` pushed first when it is not NULL. */
bool cfi_evaluate(const uint8_t *expr, const struct cfi_regs *regs, const uintptr_t *initial, struct stack_view *view,
                  uintptr_t *result);

/* Is this expression "the word at register + offset" or "register + offset" (deref false)? */
bool cfi_expression_simple(const uint8_t *expr, uint8_t *reg, int32_t *offset, bool *deref);

/* ---- depot.c --------------------------------------------------------------------------------- */

/* This thread holds or is about to take the depot's lock, or a lock that an insertion takes. So its signal handlers
 * insert nothing. lock_mine is not enough: at the first and last instructions of a critical section the lock has no
 * holder. */
extern TLS_IE bool depot_busy __attribute__((visibility("hidden")));

/* The hash of a path with one more inner frame. A path without frames has hash 0. */
__inline_hot uint64_t depot_mix(uint64_t outer, uintptr_t pc)
{
	uint64_t h = (outer ^ pc) * 0x9e3779b97f4a7c15ULL;

	return h ^ h >> 32;
}

/* The stack with this hash whose outer frames have the hash `outer`; 0: not found. Takes no lock, so it may miss a
 * stack that another thread is inserting. */
stack_handle depot_find(uint64_t outer, uint64_t hash);
/* The child of this stack that has one more inner frame, if it is one of the first few. 0: perhaps depot_find or
 * depot_add finds it. Takes no lock. */
stack_handle depot_step(stack_handle parent, uintptr_t pc);
stack_handle depot_parent(stack_handle handle);
/* Prefetches the line that a search for a stack with these outer frames will read. */
void depot_expect(uint64_t outer);
/* Finds or inserts a stack. `parent` is the stack of its outer frames, whose hash is `outer`. Returns parent when the
 * depot is full. */
stack_handle depot_add(stack_handle parent, uint64_t outer, uint64_t hash, uintptr_t pc);
/* Makes room for the first stacks. */
void depot_prepare(void);

/* ---- window.c: which words of a stack may be read without a fault ---------------------------- */

/* Readable pages: start address and number of words. */
struct window {
	uintptr_t lo, words;
};

/* A new view is all zero. One walk at a time uses it. */
struct stack_view {
	struct window home;  /* the thread's own stack; kept between walks */
	struct window other; /* only for this walk */
	bool anchored;       /* the beginning of home was searched for */
	bool home_ends_here; /* the guard page is below home.lo */
	bool foreign;        /* this walk read outside home */
};

/* Begins a walk: the memory of `other` may be gone. */
__inline_hot void stack_view_begin(struct stack_view *v)
{
	v->other.words = 0;
	v->foreign = false;
}

/* Asks the kernel. False: unreadable, or not the address of a word. */
bool stack_view_reach(struct stack_view *v, uintptr_t addr);

/* The rotation makes a misaligned address a huge number. So one compare checks both alignment and bounds. */
__inline_hot bool window_holds(const struct window *w, uintptr_t addr)
{
	uintptr_t off = addr - w->lo;

	return (off >> 3 | off << 61) < w->words;
}

__inline_hot bool stack_readable(struct stack_view *v, uintptr_t addr)
{
	return likely(window_holds(&v->home, addr)) || stack_view_reach(v, addr);
}

/* A readable word of any stack.  It may be a red zone that AddressSanitizer laid there. */
__unsanitized uintptr_t stack_word(uintptr_t addr)
{
	return *(const uintptr_t *)addr;
}

__inline_hot bool stack_read(struct stack_view *v, uintptr_t addr, uintptr_t *value)
{
	if (!stack_readable(v, addr))
		return false;
	*value = stack_word(addr);
	return true;
}

/* ---- unwind.c, unwind_save.c: rows of call frame information out of their cache (the essay is in unwind.c) ---- */

enum row_kind {
	ROW_SP,       /* CFA = sp + cfa */
	ROW_FP,       /* CFA = fp + cfa */
	ROW_FP_DEREF, /* CFA = word at fp + cfa; fp saved at where fp points plus `fp` */
	ROW_END,      /* outermost frame */
	ROW_GENERAL,  /* look at the whole row */
	ROW_NO_CFI,   /* follow frame pointers */
};
/* hidden:1 (not given to the caller) | kind:7 | fp:24 (signed, from the CFA; 0 unchanged) | cfa:32 (signed) */
#define ROW_PACK(kind, fp, cfa) ((uint64_t)(kind) << 56 | ((uint64_t)(uint32_t)(fp)&0xffffff) << 32 | (uint32_t)(cfa))
#define ROW_HIDDEN ((uint64_t)1 << 63)
#define ROW_KIND(row) ((unsigned)((row) >> 56) & 0x7f)
#define ROW_FP_AT(row) ((intptr_t)((int32_t)((uint32_t)((row) >> 32) << 8) >> 8))
#define ROW_CFA(row) ((intptr_t)(int32_t)(row))
#define FP_AT_MAX (1 << 23)

#define CACHE_BITS 16
#define CACHE_SALT 0xff51afd7ed558ccdULL
struct cache_entry {
	uint64_t check, row;
};
extern struct cache_entry unwind_cache[1u << CACHE_BITS]; /* racy by design (unwind.c) */
extern uint32_t unwind_cache_mask;                        /* of the entries in use */
extern uint64_t unwind_salt;                              /* atomic; changes when a module goes away */

/* Neighbouring code shares pages of the cache, so a small program touches few pages. The index needs no multiplication,
 * since the next frame waits for the result. */
__inline_hot struct cache_entry *cache_at(uintptr_t pc)
{
	return &unwind_cache[(pc >> 2 ^ pc >> 17) & READ_ONCE(unwind_cache_mask)];
}

__inline_hot uint64_t cache_check(uintptr_t pc, uint64_t row, uint64_t salt)
{
	/* an entry of zeros never matches, since no pc equals the salt */
	return pc ^ row * 0x9e3779b97f4a7c15ULL ^ salt;
}

/* Computes a row and enters it into the cache. */
__cold_path uint64_t unwind_row_compute(uintptr_t pc, uint64_t salt);

__inline_hot uint64_t row_of(uintptr_t pc)
{
	struct cache_entry *e = cache_at(pc);
	uint64_t row = __atomic_load_n(&e->row, __ATOMIC_RELAXED),
		 salt = __atomic_load_n(&unwind_salt, __ATOMIC_RELAXED);

	if (likely(__atomic_load_n(&e->check, __ATOMIC_RELAXED) == cache_check(pc, row, salt)))
		return row;
	return unwind_row_compute(pc, salt);
}

/* ---- unwind.c, unwind_save.c: one step, in line ---------------------------------------------- */

struct frame {
	uintptr_t pc, sp, fp;
};

/* The addresses that a frame's state was read from; the last two may be 0. */
struct origin {
	uintptr_t pc_at, fp_at, cfa_at;
};

/* Stands for a word that was not read; its value is equal to no pc. */
extern const uintptr_t unwind_never;

struct walk {
	struct stack_view *view;
	struct frame first;
	unsigned general_steps; /* taken */
	/* registers of the frame after the last general step; after a signal frame all of them are known */
	struct cfi_regs regs;
	bool signal; /* a frame that the kernel made for a handler was passed */
};

/* The caller's state, computed from this frame's CFA. False: memory is unreadable, or the stack does not get
 * shallower. */
__inline_hot bool step_take(struct stack_view *view, const struct frame *in, uintptr_t cfa, uintptr_t fp_at,
                            struct frame *out, struct origin *from)
{
	uintptr_t pc_at = cfa + ARCH_RA_OFFSET;

	if (unlikely(cfa <= in->sp || !stack_readable(view, pc_at)))
		return false;
	out->fp = in->fp;
	if (fp_at) {
		if (unlikely(!stack_readable(view, fp_at)))
			return false;
		out->fp = stack_word(fp_at);
	}
	out->pc = stack_word(pc_at);
	out->sp = cfa;
	from->pc_at = pc_at;
	from->fp_at = fp_at;
	from->cfa_at = 0;
	return out->pc != 0;
}

/* The result of a step by a row that is neither ROW_SP nor ROW_FP. */
struct step {
	struct frame f;
	struct origin from;
};

/* The frame is passed as single words: a pointer would force the caller's frame into memory, a struct into a vector
 * register. */
__cold_path bool unwind_step_rare(struct walk *w, uint64_t row, uintptr_t pc, uintptr_t sp, uintptr_t fp,
                                  struct step *out);

/* A step by a row of kind ROW_SP or ROW_FP. `in` and `out` may be the same. */
__inline_hot bool step_plain(struct stack_view *view, const struct frame *in, uint64_t row, struct frame *out,
                             struct origin *from)
{
	uintptr_t cfa = (ROW_KIND(row) == ROW_SP ? in->sp : in->fp) + (uintptr_t)ROW_CFA(row);
	uintptr_t fp_at = ROW_FP_AT(row) ? cfa + (uintptr_t)ROW_FP_AT(row) : 0;

	return step_take(view, in, cfa, fp_at, out, from);
}

__inline_hot bool walk_step(struct walk *w, struct frame *f, uint64_t row, struct origin *from)
{
	struct step out;

	if (likely(ROW_KIND(row) <= ROW_FP))
		return step_plain(w->view, f, row, f, from);
	if (!unwind_step_rare(w, row, f->pc, f->sp, f->fp, &out))
		return false;
	*f = out.f;
	*from = out.from;
	return true;
}

/* Not an initialiser: it would clear all of regs each time. */
__inline_hot void walk_begin(struct walk *w, struct stack_view *view, const struct frame *first)
{
	w->view = view;
	w->first = *first;
	w->general_steps = 0;
	w->signal = false;
	w->regs.known = 0;
	stack_view_begin(view);
}

/* A step by the whole row, however simple, of all registers of w. */
bool unwind_step_whole(struct walk *w, const struct frame *in, struct frame *out);

/* pc + 1 stands for a return address. */
static inline struct frame frame_first(const struct unwind_regs *regs)
{
	return (struct frame){ regs->pc + 1, regs->sp, regs->fp };
}

/* ---- unwind_save.c --------------------------------------------------------------------------- */

/* Takes this thread's view of its stack until unwind_leave. NULL: this is a signal handler that interrupted a use of
 * the view, or there is no memory. */
struct stack_view *unwind_enter_view(void);
void unwind_leave(void);
/* In unwind.c: unwind_walk with the given view, and with a new view of its own. */
size_t unwind_walk_in(struct stack_view *view, const struct unwind_regs *regs, uintptr_t *pcs, size_t max);
size_t unwind_walk_alone(const struct unwind_regs *regs, uintptr_t *pcs, size_t max);

#endif
