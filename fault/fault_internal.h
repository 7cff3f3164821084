/* SPDX-License-Identifier: BSD-2-Clause */
/* fault/fault_internal.h - shared between the files of fault/ only. */
#ifndef MEMSAN_FAULT_INTERNAL_H
#define MEMSAN_FAULT_INTERNAL_H

#include "fault/fault.h"

/* ---- arch/: the machine ---------------------------------------------------------------------- */

#include "fault/arch/x86_64/machine.h"

/* ---- diagnose.c: pure ------------------------------------------------------------------------ */

/* What is mapped at an address. */
struct fault_mapping {
	bool known; /* the following was to be had */
	bool mapped;
	bool readable, writable, executable;
	bool file;            /* of a file (or the vdso …) */
	uintptr_t start, end; /* of the mapping; when not mapped, of the gap */
};

/* All that a diagnosis is made from. */
struct fault_state {
	int signo, si_code;
	uint64_t trap, error; /* as the processor gave them */
	uint64_t addr;        /* si_addr: meaningful for page faults only */
	uint64_t regs[MACHINE_REGS];
	uint64_t tls_base;          /* what the thread segment register adds */
	uint8_t code[MACHINE_CODE]; /* at the instruction pointer */
	unsigned code_len;          /* 0: it cannot be read */
	uint64_t top_word;          /* at the stack pointer */
	bool have_top_word;
	uint64_t jump_word; /* what a jump or call through memory found there */
	bool have_jump_word;
	struct fault_mapping at;       /* at addr */
	struct fault_mapping above;    /* the next mapping above addr, when addr is not accessible */
	uint64_t stack_low, stack_top; /* of this thread, 0: not known; low for a stack that the program gave */
	uint64_t stack_at;             /* an address in it, 0: not known */
	/* so much it may grow to, when it grows (the first thread's); 0: it does not, or without limit */
	uint64_t stack_limit;
	struct fault_mapping stack; /* that stack's, when known */
};

enum fault_access { FAULT_READ = 0, FAULT_WRITE = 1, FAULT_ACCESS_UNKNOWN = 3, FAULT_EXEC = 4 };

struct fault_verdict {
	enum report_kind kind;
	bool have_addr;
	uint64_t addr;
	enum fault_access access;
	/* the instruction pointer itself is bad: the caller's address is on top of the stack */
	bool bad_pc;
	uint64_t pointer;            /* a register or word that holds poison, 0: none */
	int pointer_reg;             /* that register, enum machine_reg, or -1 */
	uint8_t poison;              /* its byte */
	uint64_t stack_lo, stack_hi; /* stack-overflow */
	char detail[360];            /* for people */
};
void fault_diagnose(const struct fault_state *s, struct fault_verdict *v);
/* Where the instruction reads the address that it goes to; 0: it is no such instruction. */
uint64_t fault_jump_through(const struct fault_state *s);
/* Is this pointer made of one of memsan's filling bytes?  That byte, or 0. */
uint8_t fault_poison_byte(uint64_t value);

/* ---- poison_origin.c ------------------------------------------------------------------------- */

/* Instructions around the one that faulted which load the register that holds the pointer. */
struct pointer_load {
	int base; /* the instruction before loaded it through another register; -1: not so */
	int64_t base_disp;
	bool self; /* somewhere near it is loaded through itself, as p = p->next is */
	int64_t self_disp;
};
/* `before` ends where the instruction begins; `after` begins with it.  reg: enum machine_reg.  Pure. */
void poison_origin_decode(const uint8_t *before, size_t nr_before, const uint8_t *after, size_t nr_after, int reg,
                          struct pointer_load *load);

enum poison_origin_how { ORIGIN_NONE, ORIGIN_LOADED, ORIGIN_WORD, ORIGIN_LINK, ORIGIN_GLOBAL };
struct poison_origin {
	enum poison_origin_how how;
	struct slab_object object;
	uint64_t word; /* where in it the pointer was */
};
/* Whose memory did v->pointer come from?  Adds what is known to v->detail. */
void poison_origin_find(const struct fault_state *s, struct fault_verdict *v, struct poison_origin *h);

/* ---- mappings.c ------------------------------------------------------------------------------ */

/* The program's variables: writable private memory of files, and what follows it.  False from `fn` ends it. */
void fault_each_data(bool (*fn)(void *ctx, uintptr_t start, uintptr_t end), void *ctx);
/* What is mapped at s->addr, next above it, and below s->stack_top.  Needs a descriptor for a moment; without one
 * nothing is known. */
void fault_find_mappings(struct fault_state *s);

/* ---- explain.c ------------------------------------------------------------------------------- */

/* What the kernel said of a fault, besides the registers. */
struct fault_origin {
	int sig, si_code;
	uint64_t trap, error, addr;
};
/* What a diagnosis starts from: the registers of `uc`, and what lies where they point. */
void fault_gather(const struct fault_origin *origin, const ucontext_t *uc, struct fault_state *s);
/* Is it in a page that memsan guards?  Then it is reported, and the page is memory from now on; false also when it
 * cannot be. */
bool fault_open_own(const struct fault_state *s);
/* Any other fault: diagnosed and reported. */
void fault_explain(const struct fault_origin *origin, const ucontext_t *uc);
/* Those whose handlers are at work where the walk from regs goes (pending.c), or the one from what `uc` interrupted. */
void fault_explain_handled(const struct unwind_regs *regs);
void fault_explain_interrupted(const ucontext_t *uc);

/* ---- stacks.c -------------------------------------------------------------------------------- */

struct fault_stack {
	uintptr_t lo, hi; /* usable; a guard page lies below */
	struct fault_stack *next_free;
};
/* This thread's; NULL: it has none. */
extern TLS_IE struct fault_stack *fault_stack_self;
extern TLS_IE uintptr_t fault_stack_top_of_thread; /* the highest address of its ordinary stack that was seen, or 0 */
extern TLS_IE uintptr_t fault_stack_low_of_thread; /* of a stack that the program gave, else 0 */
extern uintptr_t fault_stack_of_process;           /* an address in the first thread's */
static inline bool fault_stack_holds(const struct fault_stack *s, uintptr_t sp)
{
	return s && sp - s->lo < s->hi - s->lo;
}

/* The program's own signal stack in this thread.  False: it has none, or one that the kernel does not know. */
bool fault_stack_of_program(const ucontext_t *uc, uintptr_t *lo, uintptr_t *hi);
#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1 << 31)
#endif
/* Ours, as sigaltstack takes it. */
void fault_stack_ours(stack_t *s);
/* Is ours used for the program's, which is too small for any frame? */
bool fault_stack_stands_in(void);

/* ---- pending.c ------------------------------------------------------------------------------- */

/* The program's handler is about to run in the frame of `uc`. */
void pending_note(const struct fault_origin *origin, const ucontext_t *uc);
/* In the child of a fork: they were the parent's. */
void pending_forget(void);
/* The oldest of this thread's faults whose handler the walk from regs lies in; each once.  NULL: none, or no more. */
const ucontext_t *pending_take(const struct unwind_regs *regs, struct fault_origin *origin);
/* The fault there, whose handler has returned. */
bool pending_take_at(uintptr_t pc, uintptr_t sp, struct fault_origin *origin);

/* ---- signals.c ------------------------------------------------------------------------------- */

/* What the program wants done on one of our signals, as the kernel would see it. */
struct program_action {
	uintptr_t handler; /* or SIG_DFL, SIG_IGN */
	uint64_t flags;    /* SA_* */
	uint64_t mask;
	void (*restorer)(void); /* as libc shows it; unused here */
};
bool signals_is_ours(int sig);
/* The program's action for the signal that just came; with SA_RESETHAND it is the default from now on when `take`. */
void signals_program_action(int sig, struct program_action *a, bool take);
/* Does the program, in this thread, believe that it blocks the signal?  kernel_mask: what the kernel blocked when it
 * came. */
bool signals_program_blocks(int sig, uint64_t kernel_mask);
/* The same of a signal that somebody sent, asked in our handler. */
bool signals_sent_blocked(int sig);
/* What the kernel blocked when it interrupted: the mask of the wait that it ended, else the context's. */
uint64_t signals_interrupted_mask(const ucontext_t *uc);
/* A signal that was sent is going to wait in the kernel, blocked. */
void signals_note_held(int sig, const ucontext_t *uc);
/* Did the signal come when our handler was about to begin? */
bool signals_in_handler(const ucontext_t *uc);
/* This thread's mask was set past us: ours are not blocked in the kernel from now on. */
void signals_mask_adopt(void);
/* What the kernel is to block while the program's handler runs, that is to block `mask`; before it blocked `before`. */
uint64_t signals_handler_mask(uint64_t before, uint64_t mask);
/* Does the program take our signal stack for its own? */
bool signals_stack_is_shared(void);
/* The program has set a signal stack: its handlers that asked for one run there. */
void signals_release_onstack(void);
/* From now on the kernel does the default for this signal: the process is about to end. */
void signals_give_up(int sig);
bool signals_install(signals_sigaction_fn real, void (*handler)(int, siginfo_t *, void *));

/* clang-format would take "(a) - 1" for a cast. */
/* clang-format off */
#define SIGNAL_BIT(sig) (1ull << ((sig) - 1))
/* clang-format on */
#define SIGNALS_OURS (SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS))

#endif
