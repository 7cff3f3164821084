/* SPDX-License-Identifier: BSD-2-Clause */
/* fence/fence.h - KFENCE for user programs: faults, what they mean, and the pages that make them.
 *
 *   stacks.c       a stack of memsan's own for every thread, to handle faults on
 *   signals.c      what the program believes its SIGSEGV and SIGBUS handlers, signal masks and signal stacks to be
 *   fault.c        the handler: is it ours? else diagnose, report, and hand on to the program or the default action
 *   facts.c        what is mapped where the fault was
 *   diagnose.c     registers, trap number, mapping facts → kind and explanation (pure)
 *   arch/          machine registers, memory operands, signal frames
 */
#ifndef MEMSAN_FENCE_H
#define MEMSAN_FENCE_H

#include "lib/lib.h"

#include <signal.h>

#include "reports/reports.h"
#include "slab/slab.h"

/* ---- faults, called by preload/ --------------------------------------------------------------------------------------- */

typedef int (*fence_sigaction_fn)(int sig, const struct sigaction *act, struct sigaction *old);
/* Installs the handler for SIGSEGV and SIGBUS, once, when libc can be called.  What the program (or its parent) had set is remembered as the
 * program's.  `real` is libc's own sigaction.  Does nothing when options.fault_handler is off. */
void fence_fault_init(fence_sigaction_fn real);
extern bool fence_fault_on; /* the handler is installed; written once by fence_fault_init */
/* This thread gets a stack for faults (again does nothing), and loses it. */
void fence_thread_start(void);
void fence_thread_exit(void);

/* ---- signals.c: what interposed functions say and do while the handler is installed ------------------------------------ */

/* As the functions without the prefix, but -errno instead of errno. */
int fence_sigaction(int sig, const struct sigaction *act, struct sigaction *old);
int fence_sigaltstack(const stack_t *ss, stack_t *old);
int fence_sigmask(int how, const sigset_t *set, sigset_t *old);
/* What this thread's program believes to block of our signals: a thread inherits it from the one that makes it. */
uint64_t fence_believed_mask(void);
void fence_believe_mask(uint64_t mask);

#endif
