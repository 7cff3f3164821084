/* SPDX-License-Identifier: BSD-2-Clause */
/* fault/fault.h - memsan's handler of SIGSEGV and SIGBUS: what a fault means; and the handlers, masks and signal stacks
 * that the program thinks are installed.
 *
 *   stacks.c          a signal stack of memsan's own for every thread
 *   signals.c         the handlers, masks and signal stacks that the program thinks are installed
 *   relay.c           handlers of other signals see original code, while functions run as copies
 *   pending.c         faults whose handler, one of the program's, has not returned yet
 *   diagnose.c        registers, trap number and mappings in; report kind and explanation out (pure)
 *   mappings.c        the mapping at an address
 *   poison_origin.c   which object a pointer made of poison was read from
 *   smash.c       a function that returned to a bad address
 *   explain.c         collects the state of a fault, diagnoses it, reports it
 *   fault.c           the handler: memsan's guard pages, a report, the program's handler or the default action
 *   arch/             machine registers, memory operands, signal frames
 *   fault_internal.h  shared between the files of fault/
 */
#ifndef MEMSAN_FAULT_H
#define MEMSAN_FAULT_H

#include "lib/lib.h"

#include <signal.h>

#include "fence/fence.h"
#include "reports/reports.h"
#include "slab/slab.h"

/* ---- faults, called by preload/ -------------------------------------------------------------- */

typedef int (*signals_sigaction_fn)(int sig, const struct sigaction *act, struct sigaction *old);
/* Installs the handler of SIGSEGV and SIGBUS, once, when libc can be called. The actions that the program or its parent
 * set before are kept as the program's actions. `real` is libc's own sigaction. Does nothing when options.fault_handler
 * is off. */
void fault_init(signals_sigaction_fn real);
/* The handler calls this hook first for each page fault. True: the instruction can be tried again. Set once, at start-
 * up. */
void fault_set_hook(bool (*mine)(uintptr_t addr, uintptr_t pc));
/* Does this thread's next SIGSEGV go to a handler of the program's, without a report? */
bool fault_left_to_program(void);
extern bool fault_installed; /* the handler is installed; written once by fault_init */
/* This thread is about to end the program with an error, at regs. If it does so inside the program's handler of a
 * fault, that fault is reported now. Signal-safe. */
void pending_tell(const struct unwind_regs *regs);
bool pending_any(void); /* this thread may be inside such a handler; cheap */
/* A child that shares this memory has ended, perhaps inside the handler: this thread is not in the handler. */
void fault_guest_gone(void);
void fault_fork_child(void); /* forgets pending faults: they belong to the parent */
void fault_copy_child(void); /* the same in a child of a raw clone, whose handlers may be gone */
/* Called in the handler, with its ucontext_t, after the report when the program is about to die of a fault; may be
 * NULL. Set once. */
extern void (*fault_hook_dying)(void *context);
/* Gives this thread of this process (process_is_this) a stack for faults; a second call does nothing. fault_thread_exit
 * takes it back. */
void fault_thread_start(void);
/* Called before fault_thread_start when the program supplied this thread's stack, [lo, hi). */
void fault_thread_stack(uintptr_t lo, uintptr_t hi);
void fault_thread_exit(void);

/* ---- signals.c: what interposed functions say and do while the handler is installed ---------- */

/* As the functions without the prefix, but they return -errno and leave errno alone. */
/* caller: a pc in the calling function */
int signals_sigaction(int sig, const struct sigaction *act, struct sigaction *old, uintptr_t caller);
int signals_sigaltstack(const stack_t *ss, stack_t *old);
int signals_sigmask(int how, const sigset_t *set, sigset_t *old);
/* Around a call that waits with a mask of its own (sigsuspend, ppoll): signals_wait_mask returns the mask for the
 * kernel in place of `mask`, which may be NULL. The wait may be repeated until signals_wait_over. */
struct signals_wait {
	sigset_t set;
	uint64_t wish, mask, held;
	uintptr_t frame;
};
void signals_wait_begin(struct signals_wait *w);
const sigset_t *signals_wait_mask(struct signals_wait *w, const sigset_t *mask);
void signals_wait_over(const struct signals_wait *w);
/* How many of this thread's system calls were interrupted by a signal that the program does not see. */
extern TLS_IE uint32_t signals_interrupts __attribute__((visibility("hidden")));
/* Around exec and posix_spawn: between the two calls the kernel ignores and blocks exactly the signals that the program
 * thinks are ignored and blocked, because the new program inherits both. */
struct signals_exec {
	uint64_t ignored, mask;
	bool mask_changed;
};
void signals_exec_begin(struct signals_exec *e);
void signals_exec_over(const struct signals_exec *e);
/* ---- relay.c: other signals, while functions run as copies ----------------------------------- */

bool relay_works(void);
void relay_start(void);                     /* once, before any handler of the program's is set */
bool relay_is_default(const void *handler); /* it stands for the default action */
void relay_keep(int sig);                   /* the program has set the default action */

/* Which of SIGSEGV and SIGBUS this thread asked to block. A new thread inherits this from its creator. */
uint64_t signals_believed_mask(void);
void signals_believe_mask(uint64_t mask);
uint64_t signals_mask_to_believe(uint64_t mask); /* the part of `mask` to pass to signals_believe_mask */

#endif
