/* SPDX-License-Identifier: BSD-2-Clause */
/* fence/signals.c - what the program believes its handlers of SIGSEGV and SIGBUS, its signal masks and its signal stacks to be.
 *
 * The kernel has our handler for the two signals from start-up on; what the program sets is kept here, given back when it asks, and followed
 * when the fault is not ours (fault.c).  Besides that:
 *
 * Masks.  A fault while its signal is blocked kills at once, and many threads block everything.  So the two are taken out of every mask
 * that the program sets (also of other handlers' sa_mask), and a stand-in is blocked for them: SIGSTKFLT, which no Linux sends.  So the kernel
 * itself knows what the program believes, whoever changes the mask: the end of a signal handler, siglongjmp, swapcontext, a new thread, Go's
 * runtime by system calls of its own.  A thread-local word tells which of the two it was.  A signal that somebody sends meanwhile is blocked
 * in the kernel after all, and waits there.
 *
 * Signal stacks.  Threads have ours until they set their own.  A program that never sets one, but says SA_ONSTACK for its handlers
 * (a library that wants to be safe), would have them run on ours; the flag is held back until it does.
 *
 * Go.  Its runtime sets handlers through libc when there is cgo, but asks for the signal stack, and sets masks, by system calls of its own.  So
 * it finds our stack, takes it for the one to use, and ends the process when a handler runs on another: its handlers run there.
 *
 * The weakness accepted: masks of sigsuspend, ppoll and pselect, and all that is set by system calls made directly, go past us as they are;
 * then a fault is not reported, and nothing else differs.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>

#include "fence/fence_internal.h"

/* Guards `actions`; taken with all signals blocked. */
static struct ranked_lock actions_lock = RANKED_LOCK_INIT(LOCK_RANK_LEAF);
static struct program_action actions[2];

static fence_sigaction_fn real_sigaction;
static void (*our_handler)(int, siginfo_t *, void *);
static TLS_IE uint64_t wish_self;       /* which of SIGNALS_OURS and the stand-in this thread last asked to block */

/* What was held back of the other signals' actions; bytes are written whole, readers see the old or the new. */
#define SIGNALS_MAX 65
#define HELD_ONSTACK 1u
#define HELD_SEGV 2u
#define HELD_BUS 4u
#define HELD_STAND_IN 8u
static uint8_t held_back[SIGNALS_MAX];
static bool program_has_stack;          /* atomic: some thread has set a signal stack, or uses ours */
static bool program_uses_ours;          /* atomic */

bool signals_is_ours(int sig)
{
	return fence_fault_on && (sig == SIGSEGV || sig == SIGBUS);
}

static struct program_action *action_of(int sig)
{
	return &actions[sig == SIGBUS];
}

/* ---- the table ------------------------------------------------------------------------------------------------------------- */

static uint64_t actions_begin(void)
{
	uint64_t all = ~0ull, old = 0;

	arch_syscall6(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, (long)&old, sizeof(all), 0, 0);
	lock_acquire(&actions_lock);
	return old;
}

static void actions_end(uint64_t old)
{
	lock_release(&actions_lock);
	arch_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&old, 0, sizeof(old), 0, 0);
}

void signals_program_action(int sig, struct program_action *a, bool take)
{
	uint64_t old = actions_begin();

	*a = *action_of(sig);
	if (take && (a->flags & (uint64_t)SA_RESETHAND))
		action_of(sig)->handler = (uintptr_t)SIG_DFL;
	actions_end(old);
}

/* glibc keeps two real-time signals to itself. */
#define SIGNALS_LIBC (SIGNAL_BIT(32) | SIGNAL_BIT(33))
#define STAND_IN SIGNAL_BIT(SIGSTKFLT)

/* What the program blocks of ours when the kernel blocks the stand-in; a thread that never asked has inherited it from one that blocked all. */
static uint64_t believed(uint64_t kernel_mask, uint64_t wish)
{
	wish &= SIGNALS_OURS;
	return !(kernel_mask & STAND_IN) ? 0 : wish ? wish : SIGNALS_OURS;
}

bool signals_program_blocks(int sig, uint64_t kernel_mask)
{
	return believed(kernel_mask, wish_self) & SIGNAL_BIT(sig);
}

static uint64_t mask_for_kernel(uint64_t mask)
{
	return (mask & ~(SIGNALS_OURS | STAND_IN)) | (mask & SIGNALS_OURS ? STAND_IN : 0);
}

static uint64_t mask_for_program(uint64_t kernel_mask, uint64_t wish)
{
	bool itself = (kernel_mask & STAND_IN) && (!(wish & SIGNALS_OURS) || (wish & STAND_IN));

	return (kernel_mask & ~STAND_IN) | believed(kernel_mask, wish) | (itself ? STAND_IN : 0);
}

bool signals_stack_is_shared(void)
{
	return __atomic_load_n(&program_uses_ours, __ATOMIC_RELAXED);
}

static uint64_t mask_of(const sigset_t *set)
{
	uint64_t mask;

	mem_copy(&mask, set, sizeof(mask));
	return mask;
}

static void mask_to(uint64_t mask, sigset_t *set)
{
	mem_set(set, 0, sizeof(*set));
	mem_copy(set, &mask, sizeof(mask));
}

/* Ours stays open for nested faults (a fault inside memsan has to be told); everything else waits.  Whether system calls go on
 * after a signal that somebody sent is the program's choice. */
static bool install_ours(int sig, uint64_t program_flags)
{
	struct sigaction act;

	mem_set(&act, 0, sizeof(act));
	act.sa_sigaction = our_handler;
	act.sa_flags = (int)((uint64_t)(SA_SIGINFO | SA_ONSTACK | SA_NODEFER) | (program_flags & (uint64_t)SA_RESTART));
	mask_to(~SIGNALS_OURS, &act.sa_mask);
	return real_sigaction(sig, &act, NULL) == 0;
}

bool signals_install(fence_sigaction_fn real, void (*handler)(int, siginfo_t *, void *))
{
	static const int sigs[] = { SIGSEGV, SIGBUS };
	sigset_t inherited;
	bool ok = true;

	lock_register_for_fork(&actions_lock);
	real_sigaction = real;
	our_handler = handler;
	for (unsigned i = 0; i < ARRAY_SIZE(sigs); i++) {
		struct sigaction old;
		struct program_action *a = action_of(sigs[i]);

		if (real(sigs[i], NULL, &old) != 0)
			return false;
		a->handler = (uintptr_t)old.sa_handler;
		a->flags = (uint64_t)(unsigned)old.sa_flags;
		a->mask = mask_of(&old.sa_mask);
		ok &= install_ours(sigs[i], a->flags);
	}
	/* Who started us may have had them blocked. */
	fence_sigmask(SIG_BLOCK, NULL, &inherited);
	fence_sigmask(SIG_SETMASK, &inherited, NULL);
	return ok;
}

void signals_give_up(int sig)
{
	struct { uint64_t handler, flags, restorer, mask; } act = { 0, 0, 0, 0 };

	arch_syscall6(SYS_rt_sigaction, sig, (long)&act, 0, sizeof(act.mask), 0, 0);
}

/* ---- sigaction --------------------------------------------------------------------------------------------------------------- */

static int our_sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	struct program_action now, set;
	uint64_t saved;

	if (act) {
		set.handler = (uintptr_t)act->sa_handler;
		set.flags = (uint64_t)(unsigned)act->sa_flags;
		set.mask = mask_of(&act->sa_mask) & ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP));
	}
	saved = actions_begin();
	now = *action_of(sig);
	if (act)
		*action_of(sig) = set;
	actions_end(saved);
	if (act && ((set.flags ^ now.flags) & (uint64_t)SA_RESTART))
		install_ours(sig, set.flags);
	if (old) {
		mem_set(old, 0, sizeof(*old));
		old->sa_handler = (void (*)(int))now.handler;
		old->sa_flags = (int)now.flags;
		mask_to(now.mask, &old->sa_mask);
	}
	return 0;
}

static uint8_t hold_back(struct sigaction *act)
{
	uint64_t mask = mask_of(&act->sa_mask);
	uint8_t held = (uint8_t)((mask & SIGNAL_BIT(SIGSEGV) ? HELD_SEGV : 0) | (mask & SIGNAL_BIT(SIGBUS) ? HELD_BUS : 0));

	held |= mask & STAND_IN ? HELD_STAND_IN : 0;
	mask_to(mask_for_kernel(mask), &act->sa_mask);
	if ((act->sa_flags & SA_ONSTACK) && !__atomic_load_n(&program_has_stack, __ATOMIC_RELAXED)) {
		act->sa_flags &= ~SA_ONSTACK;
		held |= HELD_ONSTACK;
	}
	return held;
}

static void give_back(struct sigaction *old, uint8_t held)
{
	uint64_t mask = mask_of(&old->sa_mask) & ~STAND_IN;

	if (held & HELD_ONSTACK)
		old->sa_flags |= SA_ONSTACK;
	mask |= (held & HELD_SEGV ? SIGNAL_BIT(SIGSEGV) : 0) | (held & HELD_BUS ? SIGNAL_BIT(SIGBUS) : 0) | (held & HELD_STAND_IN ? STAND_IN : 0);
	mask_to(mask, &old->sa_mask);
}

static int other_sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	struct sigaction changed;
	uint8_t held = 0, held_before = 0;
	int saved = errno, ret;
	bool known = sig > 0 && sig < SIGNALS_MAX;

	if (known)
		held_before = __atomic_load_n(&held_back[sig], __ATOMIC_RELAXED);
	if (act) {
		mem_copy(&changed, act, sizeof(changed));
		held = hold_back(&changed);
	}
	ret = real_sigaction(sig, act ? &changed : NULL, old);
	if (ret != 0) {
		ret = -errno;
		errno = saved;
		return ret;
	}
	if (act && known)
		__atomic_store_n(&held_back[sig], held, __ATOMIC_RELAXED);
	if (old)
		give_back(old, held_before);
	return 0;
}

/* The program has a signal stack now: its handlers that asked for one get what they asked for. */
static void release_onstack(void)
{
	struct sigaction act;

	if (__atomic_exchange_n(&program_has_stack, true, __ATOMIC_RELAXED))
		return;
	for (int sig = 1; sig < SIGNALS_MAX; sig++) {
		uint8_t held = __atomic_load_n(&held_back[sig], __ATOMIC_RELAXED);

		if (!(held & HELD_ONSTACK) || real_sigaction(sig, NULL, &act) != 0)
			continue;
		act.sa_flags |= SA_ONSTACK;
		real_sigaction(sig, &act, NULL);
		__atomic_store_n(&held_back[sig], (uint8_t)(held & ~HELD_ONSTACK), __ATOMIC_RELAXED);
	}
}

int fence_sigaction(int sig, const struct sigaction *act, struct sigaction *old, uintptr_t caller)
{
	if (act && (act->sa_flags & SA_ONSTACK) && !signals_stack_is_shared() && module_is_go(caller)) {
		__atomic_store_n(&program_uses_ours, true, __ATOMIC_RELAXED);
		release_onstack();
	}
	return signals_is_ours(sig) ? our_sigaction(sig, act, old) : other_sigaction(sig, act, old);
}

/* ---- signal stacks ------------------------------------------------------------------------------------------------------------- */

static bool stack_is_ours(const stack_t *s)
{
	return fault_stack_self && !(s->ss_flags & SS_DISABLE) && (uintptr_t)s->ss_sp == fault_stack_self->lo;
}

static void stack_describe(const stack_t *kernel, stack_t *old)
{
	mem_copy(old, kernel, sizeof(*old));
	if (!stack_is_ours(kernel))
		return;
	mem_set(old, 0, sizeof(*old));
	old->ss_flags = SS_DISABLE;
}

/* The kernel notes in the frame which stack was in force; no system call, which a filter might forbid the program. */
bool signals_program_stack(const ucontext_t *uc, uintptr_t *lo, uintptr_t *hi)
{
	*lo = (uintptr_t)uc->uc_stack.ss_sp;
	*hi = *lo + uc->uc_stack.ss_size;
	return !(uc->uc_stack.ss_flags & SS_DISABLE) && !stack_is_ours(&uc->uc_stack);
}

int fence_sigaltstack(const stack_t *ss, stack_t *old)
{
	stack_t now, set;
	long ret;

	mem_set(&now, 0, sizeof(now));
	if (ss) {
		mem_copy(&set, ss, sizeof(set));
		if ((set.ss_flags & SS_DISABLE) && fault_stack_self) {
			mem_set(&set, 0, sizeof(set));
			set.ss_sp = (void *)fault_stack_self->lo;
			set.ss_size = fault_stack_self->hi - fault_stack_self->lo;
		}
	}
	ret = arch_syscall6(SYS_sigaltstack, ss ? (long)&set : 0, (long)&now, 0, 0, 0, 0);
	if (ret != 0)
		return (int)ret;
	if (ss && !(ss->ss_flags & SS_DISABLE))
		release_onstack();
	if (old)
		stack_describe(&now, old);
	return 0;
}

/* ---- masks ----------------------------------------------------------------------------------------------------------------------- */

static void wish_note(int how, uint64_t mask)
{
	mask &= SIGNALS_OURS | STAND_IN;
	if (how == SIG_BLOCK)
		wish_self |= mask;
	else if (how == SIG_UNBLOCK)
		wish_self &= ~mask;
	else
		wish_self = mask;
}

int fence_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	uint64_t kernel = 0, before = 0, mask = 0, wish_before = wish_self;
	long ret;

	if (set) {
		kernel = mask = mask_of(set) & ~SIGNALS_LIBC;
		/* Before the kernel opens what had to be held there: the handler asks what is believed. */
		if (fence_fault_on && (how == SIG_BLOCK || how == SIG_UNBLOCK || how == SIG_SETMASK))
			wish_note(how, mask);
		if (fence_fault_on && how != SIG_UNBLOCK)
			kernel = mask_for_kernel(mask);
		else if (fence_fault_on) /* as long as one of them stays blocked, so does the stand-in */
			kernel = (mask & ~STAND_IN) | ((mask & SIGNALS_OURS) && !(wish_self & SIGNALS_OURS) ? STAND_IN : 0);
	}
	ret = arch_syscall6(SYS_rt_sigprocmask, how, set ? (long)&kernel : 0, (long)&before, sizeof(before), 0, 0);
	if (ret != 0)
		return (int)ret;
	/* What was asked for earlier was undone past us. */
	if (set && how == SIG_BLOCK && !(before & STAND_IN))
		wish_note(SIG_SETMASK, mask);
	if (old) { /* no more than the kernel writes: programs have smaller sets than glibc's type */
		before = fence_fault_on ? mask_for_program(before, wish_before) : before;
		mem_copy(old, &before, sizeof(before));
	}
	return 0;
}

uint64_t fence_believed_mask(void)
{
	return wish_self;
}

void fence_believe_mask(uint64_t mask)
{
	wish_self = mask;
}
