/* SPDX-License-Identifier: BSD-2-Clause */
/* fault/fault_internal.h - shared between the files of fault/ only. */
#ifndef MEMSAN_FAULT_INTERNAL_H
#define MEMSAN_FAULT_INTERNAL_H

#include "fault/fault.h"

/* ---- arch/: the machine ---------------------------------------------------------------------- */

#include "fault/arch/x86_64/machine.h"

/* ---- diagnose.c: pure ------------------------------------------------------------------------ */

/* The mapping at an address. */
struct fault_mapping {
	bool known; /* the fields below are valid */
	bool mapped;
	bool readable, writable, executable;
	bool file;            /* backed by a file, or the vdso and its like */
	uintptr_t start, end; /* of the mapping, or of the gap when nothing is mapped */
};

/* The whole input of a diagnosis. */
struct fault_state {
	int signo, si_code;
	uint64_t trap, error; /* as the processor reported them */
	uint64_t addr;        /* si_addr: meaningful for page faults only */
	uint64_t regs[MACHINE_REGS];
	uint64_t tls_base;          /* what the thread segment register adds */
	uint8_t code[MACHINE_CODE]; /* at the instruction pointer */
	unsigned code_len;          /* 0: unreadable */
	uint64_t top_word;          /* at the stack pointer */
	bool have_top_word;
	uint64_t jump_word; /* the target that a jump or call through memory read */
	bool have_jump_word;
	struct fault_mapping at;       /* at addr */
	struct fault_mapping above;    /* the next mapping above addr, if addr is not accessible */
	uint64_t stack_low, stack_top; /* of this thread, 0: not known; low only if the program supplied the stack */
	uint64_t stack_at;             /* an address in that stack, 0: not known */
	/* the size up to which the first thread's stack may grow; 0: this stack does not grow, or has no limit */
	uint64_t stack_limit;
	struct fault_mapping stack; /* the mapping of that stack, if known */
};

struct fault_verdict {
	enum report_kind kind;
	bool have_addr;
	uint64_t addr;
	enum report_access access;
	/* the instruction pointer itself is bad, and the caller's address is on top of the stack */
	bool bad_pc;
	uint64_t pointer;            /* the poison in a register or word, 0: none */
	int pointer_reg;             /* that register (enum machine_reg), or -1 */
	uint8_t poison;              /* the byte that `pointer` is made of */
	uint64_t stack_lo, stack_hi; /* stack-overflow */
	char detail[360];            /* text for the report */
};
void fault_diagnose(const struct fault_state *s, struct fault_verdict *v);
/* The address from which a jump or call through memory reads its target; 0: the instruction is neither. */
uint64_t fault_jump_through(const struct fault_state *s);
/* The poison byte of memsan that this pointer is made of, or 0. */
uint8_t fault_poison_byte(uint64_t value);

/* ---- smash.c ----------------------------------------------------------------------------- */

#define SMASH_FRAMES 32u
/* A function whose return address was overwritten. */
struct smash {
	uint64_t slot; /* where on the stack it stood */
	size_t nr;
	uintptr_t pcs[SMASH_FRAMES]; /* the function and its callers, as return addresses */
};
/* False: the program did not come to v->addr by a return. */
bool smash_find(const struct fault_state *s, const struct fault_verdict *v, struct smash *m);
/* Writes what is known into the record: detail, call trace, the bytes of the stack. */
void smash_fill(struct report_record *r, const struct fault_verdict *v, const struct smash *m);

/* ---- poison_origin.c ------------------------------------------------------------------------- */

/* What the instructions around the faulting one tell of the register that holds the pointer. */
struct pointer_load {
	int base; /* the instruction before loaded it through this register; -1: it did not */
	int64_t base_disp;
	bool self; /* an instruction nearby loads it through itself, as in p = p->next */
	int64_t self_disp;
};
/* `before` ends where the faulting instruction begins; `after` begins with that instruction. reg: enum machine_reg.
 * Pure. */
void poison_origin_decode(const uint8_t *before, size_t nr_before, const uint8_t *after, size_t nr_after, int reg,
                          struct pointer_load *load);

enum poison_origin_how { ORIGIN_NONE, ORIGIN_LOADED, ORIGIN_WORD, ORIGIN_LINK, ORIGIN_GLOBAL };
struct poison_origin {
	enum poison_origin_how how;
	struct slab_object object;
	uint64_t word; /* the address in it that held the pointer */
};
/* Finds the object from which v->pointer was read, and adds the answer to v->detail. */
void poison_origin_find(const struct fault_state *s, struct fault_verdict *v, struct poison_origin *h);

/* ---- mappings.c ------------------------------------------------------------------------------ */

/* Calls fn for the memory of the program's variables: writable private mappings of files, and the anonymous memory
 * right behind each (its bss). False from fn ends the walk. */
void fault_each_data(bool (*fn)(void *ctx, uintptr_t start, uintptr_t end), void *ctx);
/* Fills in what is mapped at s->addr, next above it, and at s->stack_at. Needs a file descriptor for a moment; without
 * one the mappings stay unknown. */
void fault_find_mappings(struct fault_state *s);

/* ---- explain.c ------------------------------------------------------------------------------- */

/* The kernel's description of a fault, besides the registers. */
struct fault_origin {
	int sig, si_code;
	uint64_t trap, error, addr;
};
/* Fills *s from the registers of `uc` and the memory that they point to. */
void fault_gather(const struct fault_origin *origin, const ucontext_t *uc, struct fault_state *s);
/* For a fault in a guard page of memsan: reports it and makes the page accessible, so that the program can go on.
 * False: it is no such page, or the page cannot be made accessible. */
bool fault_open_own(const struct fault_state *s);
/* Diagnoses and reports any other fault. */
void fault_explain(const struct fault_origin *origin, const ucontext_t *uc);
/* Reports the pending faults (pending.c) whose handlers are on the stack: on a walk from regs, or from the code that
 * `uc` interrupted. */
void fault_explain_handled(const struct unwind_regs *regs);
void fault_explain_interrupted(const ucontext_t *uc);

/* ---- relay.c --------------------------------------------------------------------------------- */

/* What the kernel gets in place of a handler of the program's, and back again. */
uintptr_t relay_for(uintptr_t handler);
uintptr_t relay_behind(uintptr_t handler);
/* SIG_DFL or SIG_IGN for the kernel, whatever the program has set. */
bool relay_install_kernels(int sig, void (*handler)(int));
/* Called by machine_relays. */
__attribute__((used)) _Noreturn void relay_enter(int sig, siginfo_t *info, void *context, unsigned number);

/* ---- stacks.c -------------------------------------------------------------------------------- */

struct fault_stack {
	uintptr_t lo, hi; /* usable bytes; a guard page lies below */
	struct fault_stack *next_free;
};
/* This thread's stack for faults; NULL: it has none. */
extern TLS_IE struct fault_stack *fault_stack_self;
extern TLS_IE uintptr_t fault_stack_top_of_thread; /* the highest address of its ordinary stack seen so far, or 0 */
extern TLS_IE uintptr_t fault_stack_low_of_thread; /* the low end, if the program supplied the stack; else 0 */
extern uintptr_t fault_stack_of_process;           /* an address in the first thread's stack */
static inline bool fault_stack_holds(const struct fault_stack *s, uintptr_t sp)
{
	return s && sp - s->lo < s->hi - s->lo;
}

/* The signal stack that the program set in this thread. False: it set none, or one that the kernel does not have
 * (fault_stack_stands_in). */
bool fault_stack_of_program(const ucontext_t *uc, uintptr_t *lo, uintptr_t *hi);
#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif
/* This thread's stack for faults, as sigaltstack takes it. */
void fault_stack_ours(stack_t *s);
/* Is the stack for faults in place of the program's signal stack, because that one is too small for any frame? */
bool fault_stack_stands_in(void);

/* ---- pending.c ------------------------------------------------------------------------------- */

/* Remembers a fault whose handler, the program's, is about to run in the frame of `uc`. */
void pending_note(const struct fault_origin *origin, const ucontext_t *uc);
/* Forgets all; for the child of a fork. */
void pending_forget(void);
/* Takes the oldest of this thread's faults whose handler is on the stack, on a walk from regs. NULL: none is left. */
const ucontext_t *pending_take(const struct unwind_regs *regs, struct fault_origin *origin);
/* Takes the fault at this pc and sp, whose handler has returned. */
bool pending_take_at(uintptr_t pc, uintptr_t sp, struct fault_origin *origin);

/* ---- signals.c ------------------------------------------------------------------------------- */

/* The action that the program set for SIGSEGV or SIGBUS, in the kernel's terms. */
struct program_action {
	uintptr_t handler; /* or SIG_DFL, SIG_IGN */
	uint64_t flags;    /* SA_* */
	uint64_t mask;
	void (*restorer)(void); /* kept only to give it back */
};
bool signals_is_ours(int sig);
/* In a child of a raw clone, which may have lost all handlers. */
void signals_copied(void);
/* Copies the program's action for the signal that just came. With `take`, an action with SA_RESETHAND becomes the
 * default one. */
void signals_program_action(int sig, struct program_action *a, bool take);
/* Does the program think that this thread blocks the signal? kernel_mask: what the kernel blocked when the signal
 * came. */
bool signals_program_blocks(int sig, uint64_t kernel_mask);
/* The same with this thread's mask of now: for a signal that a process sent, from inside memsan's handler. */
bool signals_sent_blocked(int sig);
/* The mask in force when the signal came: the mask of the wait that the signal interrupted, else the context's mask. */
uint64_t signals_interrupted_mask(const ucontext_t *uc);
/* A process sent a signal that the program blocks, and the kernel is going to hold it. */
void signals_note_held(int sig, const ucontext_t *uc);
/* Did the signal come at the first instruction of memsan's handler? */
bool signals_in_handler(const ucontext_t *uc);
/* This thread's mask was set without memsan (by its attributes). Takes SIGSEGV and SIGBUS out of the kernel's mask. */
void signals_mask_adopt(void);
/* The kernel's mask while the program's handler runs, which is to block `mask`. `before` is the kernel's mask so
 * far. */
uint64_t signals_handler_mask(uint64_t before, uint64_t mask);
/* Does the program (Go's runtime) use memsan's signal stack as its own? */
bool signals_stack_is_shared(void);
/* The program has set a signal stack: its handlers with SA_ONSTACK run there from now on. */
void signals_release_onstack(void);
/* Gives the signal the kernel's default action: the process is about to end. False: a sandbox forbids that. */
bool signals_give_up(int sig);
bool signals_install(signals_sigaction_fn real, void (*handler)(int, siginfo_t *, void *));

/* clang-format would take "(a) - 1" for a cast. */
/* clang-format off */
#define SIGNAL_BIT(sig) (1ull << ((sig) - 1))
/* clang-format on */
#define SIGNALS_OURS (SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS))
#define SIGNALS_RESTORER ((uint64_t)0x04000000u) /* SA_RESTORER */

#endif
