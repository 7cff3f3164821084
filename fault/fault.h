/* SPDX-License-Identifier: BSD-2-Clause */
/* fault/fault.h - memsan's handler of SIGSEGV and SIGBUS: what a fault means, and handlers, masks and signal stacks
 * that the program may set as if memsan's were not there.
 *
 *   stacks.c          a signal stack of memsan's own for every thread
 *   signals.c         the handlers, masks and signal stacks that the program thinks are installed
 *   pending.c         faults whose handler, the program's own, has not returned yet
 *   diagnose.c        registers, trap number and mappings in; report kind and explanation out (pure)
 *   mappings.c        what is mapped at an address
 *   poison_origin.c   which object a pointer made of poison was read from
 *   explain.c         collects the state of a fault, diagnoses it, reports it
 *   fault.c           the handler: memsan's own guard pages, then a report, then the program's handler or the default action
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
/* Installs the handler for SIGSEGV and SIGBUS, once, when libc can be called.  What the program (or its parent) had set
 * is remembered as the program's.  `real` is libc's own sigaction.  Does nothing when options.fault_handler is off. */
void fault_init(signals_sigaction_fn real);
/* Asked first about each fault at an address: true when the access may simply be tried again.  Set once, at
 * start-up. */
void fault_set_hook(bool (*mine)(uintptr_t addr, uintptr_t pc));
extern bool fault_installed; /* the handler is installed; written once by fault_init */
/* This thread is about to end the program, other than in success, at regs: when it does so in a handler of its own for
 * a fault, that fault is reported now.  Signal-safe. */
void pending_tell(const struct unwind_regs *regs);
bool pending_any(void);      /* it may have such a handler at work.  Cheap. */
void fault_fork_child(void); /* the faults of the thread that forked are the parent's */
/* Called in the handler when the program is about to die of a fault, after the report; NULL: nothing.  Set once. */
extern void (*fault_hook_dying)(void);
/* This thread gets a stack for faults (again does nothing), and loses it. */
void fault_thread_start(void);
/* Before: this thread's stack is [lo, hi), given by the program. */
void fault_thread_stack(uintptr_t lo, uintptr_t hi);
void fault_thread_exit(void);

/* ---- signals.c: what interposed functions say and do while the handler is installed ---------- */

/* As the functions without the prefix, but -errno instead of errno. */
/* caller: a pc in who calls */
int signals_sigaction(int sig, const struct sigaction *act, struct sigaction *old, uintptr_t caller);
int signals_sigaltstack(const stack_t *ss, stack_t *old);
int signals_sigmask(int how, const sigset_t *set, sigset_t *old);
/* Around a call that waits with a mask of its own, and may be called again: what the kernel gets for `mask` (NULL:
 * none), until the end. */
struct signals_wait {
	sigset_t set;
	uint64_t wish, mask, held;
	uintptr_t frame;
};
void signals_wait_begin(struct signals_wait *w);
const sigset_t *signals_wait_mask(struct signals_wait *w, const sigset_t *mask);
void signals_wait_over(const struct signals_wait *w);
/* How often this thread's system calls were interrupted by a signal that the program does not see. */
extern TLS_IE uint32_t signals_interrupts __attribute__((visibility("hidden")));
/* Before exec, and posix_spawn: the kernel ignores and blocks what the program believes that it does.  Again when that
 * is over or failed. */
struct signals_exec {
	uint64_t ignored, mask;
	bool mask_changed;
};
void signals_exec_begin(struct signals_exec *e);
void signals_exec_over(const struct signals_exec *e);
/* Which of our signals this thread asked to block: a thread inherits it from the one that makes it. */
uint64_t signals_believed_mask(void);
void signals_believe_mask(uint64_t mask);
uint64_t signals_mask_to_believe(uint64_t mask); /* of a thread that asks to block `mask` */

#endif
