/* SPDX-License-Identifier: BSD-2-Clause */
/* fault/signals.c - the handlers of SIGSEGV and SIGBUS and the signal masks that the program thinks are installed.
 *
 * From start-up on the kernel has memsan's handler for the two signals. This file keeps the actions that the program
 * sets, returns them when the program asks, and gives them to fault.c for faults that are not memsan's. Besides that:
 *
 * Masks. A fault kills at once while its signal is blocked, and many threads block everything. So memsan takes the two
 * signals out of every mask that the program sets, also out of the sa_mask of other handlers, and blocks a stand-in for
 * them: SIGSTKFLT, which Linux never sends. So the kernel's own mask tells what the program thinks is blocked, however
 * the mask changes: at the end of a signal handler, by siglongjmp or swapcontext, in a new thread, by system calls of
 * Go's runtime. A thread-local word tells which of the two signals the stand-in is for. When a process sends one of the
 * two meanwhile, the kernel blocks it after all, and holds it.
 *
 * Signal stacks. Threads have memsan's until they set their own. A program may never set one and still pass SA_ONSTACK
 * for its handlers (a library that wants to be safe); its handlers would run on memsan's. So memsan holds the flag back
 * until the program sets a signal stack.
 *
 * Go. With cgo, Go's runtime sets handlers through libc, but asks for the signal stack and sets masks by system calls
 * of its own. So it finds memsan's stack, takes it as the stack to use, and ends the process when a handler runs on
 * another one. Its handlers run on memsan's.
 *
 * Waits. sigsuspend, ppoll and similar calls set a mask while they wait (signals_wait_mask). A signal that comes during
 * the wait is judged by that mask. The context does not show it: the context has the mask that is restored afterwards.
 *
 * exec. The new program inherits ignored signals and the mask. So before exec the kernel gets the program's own
 * (signals_exec_begin).
 *
 * Guests. A child of vfork, or of clone with CLONE_VM, has handlers, masks and a signal stack of its own, but shares
 * this memory. What it sets goes to the kernel as it is, and nothing is written here. What it asks comes from the
 * kernel, and from here where the kernel has what memsan installed.
 *
 * Weaknesses accepted: memsan does not see masks that are set by direct system calls. A fault that such a mask blocks
 * is not reported, and nothing else differs. While a program that ignores one of the two signals runs posix_spawn, and
 * for a moment when it begins to ignore a pending one, the kernel ignores the signal in all threads; a fault then ends
 * the program without a report. What system() runs gets the default action instead of an ignored one.
 *
 * A signal that was sent to the process may be taken by a thread that blocks it, when that thread changes its mask just
 * then. It sends the signal again. If another thread was woken by it in epoll_wait meanwhile, that call returns EINTR,
 * and the handler runs later. A restart would be worse: memsan cannot know that no other handler ran.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

#include "fault/fault_internal.h"

/* Guards writing to `actions`; taken with all signals blocked. memsan's handler may run while any lock is held, so it
 * only reads: a copy is whole when the version is even and did not change meanwhile. */
static struct ranked_lock actions_lock = RANKED_LOCK_INIT(LOCK_RANK_LEAF);
static struct program_action actions[2];
static uint32_t actions_version[2];

static signals_sigaction_fn real_sigaction;
static void (*our_handler)(int, siginfo_t *, void *);
static void (*libc_restorer)(void); /* the sa_restorer that libc's sigaction returns */
static TLS_IE uint64_t wish_self;   /* which of SIGNALS_OURS and the stand-in this thread last asked to block */
static TLS_IE uint64_t wait_mask;   /* the mask of the wait that this thread is in */
/* signals that came while that mask blocked them; they may be unblocked afterwards */
static TLS_IE uint64_t wait_held;
static TLS_IE uintptr_t wait_frame; /* a stack address just above the wait; 0: no wait */
/* The most stack that libc's functions use below that address. */
#define WAIT_FRAMES 1024u
TLS_IE uint32_t signals_interrupts;
static bool held_once; /* atomic: a process sent a signal that the kernel had to hold */

/* For each other signal, what memsan changed in the action that the program set. Bytes are written whole: a reader sees
 * the old or the new one. */
#define SIGNALS_MAX 65
#define HELD_ONSTACK 1u
#define HELD_SEGV 2u
#define HELD_BUS 4u
#define HELD_STAND_IN 8u
static uint8_t held_back[SIGNALS_MAX];
static bool program_has_stack; /* atomic: some thread has set a signal stack, or uses memsan's */
/* The flags that Linux 5.11 and later keep in sa_flags. */
#define FLAGS_KNOWN                                                                                             \
	((uint64_t)(unsigned)(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER | \
	                      SA_RESETHAND) |                                                                   \
	 0x800u)
static bool program_uses_ours; /* atomic */

bool signals_is_ours(int sig)
{
	return fault_installed && (sig == SIGSEGV || sig == SIGBUS);
}

static const int our_signals[] = { SIGSEGV, SIGBUS };

static struct program_action *action_of(int sig)
{
	return &actions[sig == SIGBUS];
}

/* ---- the table ------------------------------------------------------------------------------- */

static uint64_t actions_begin(void)
{
	uint64_t all = ~0ull, old = 0;

	if (os_free_to(OS_CALL_SIGPROCMASK))
		arch_syscall6(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, (long)&old, sizeof(all), 0, 0);
	lock_acquire(&actions_lock);
	return old;
}

static void actions_end(uint64_t old)
{
	lock_release(&actions_lock);
	os_mask_set(old);
}

/* Under actions_lock. */
static void action_write(int sig, const struct program_action *a)
{
	uint32_t *version = &actions_version[sig == SIGBUS];

	__atomic_store_n(version, *version + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	*action_of(sig) = *a;
	__atomic_store_n(version, *version + 1, __ATOMIC_RELEASE); /* pairs with action_read */
}

static void action_read(int sig, struct program_action *a)
{
	const uint32_t *version = &actions_version[sig == SIGBUS];
	uint32_t before;

	do {
		before = __atomic_load_n(version, __ATOMIC_ACQUIRE);
		*a = *(volatile struct program_action *)action_of(sig);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while ((before & 1) || __atomic_load_n(version, __ATOMIC_RELAXED) != before);
}

void signals_program_action(int sig, struct program_action *a, bool take)
{
	uintptr_t handler;

	action_read(sig, a);
	handler = a->handler;
	/* Not if the program has set another handler meanwhile. */
	if (take && (a->flags & (uint64_t)SA_RESETHAND))
		__atomic_compare_exchange_n(&action_of(sig)->handler, &handler, (uintptr_t)SIG_DFL, false,
		                            __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/* glibc keeps two real-time signals to itself. */
#define SIGNALS_LIBC (SIGNAL_BIT(32) | SIGNAL_BIT(33))
#define STAND_IN SIGNAL_BIT(SIGSTKFLT)

/* Which of the two signals the program thinks are blocked, given the kernel's mask. A thread that never set a mask has
 * inherited the stand-in from a thread that blocked both. */
static uint64_t believed(uint64_t kernel_mask, uint64_t wish)
{
	return !(kernel_mask & STAND_IN) ? 0 : wish & (SIGNALS_OURS | STAND_IN) ? wish & SIGNALS_OURS : SIGNALS_OURS;
}

/* The tid of a guest that has set its own mask: the kernel's mask is then exactly the program's. Guests of one thread
 * share this word with it; their tids differ. */
static TLS_IE pid_t guest_masked;

static bool guest_has_mask(void)
{
	return unlikely(guest_masked) && guest_masked == os_gettid();
}

bool signals_program_blocks(int sig, uint64_t kernel_mask)
{
	if (guest_has_mask())
		return kernel_mask & SIGNAL_BIT(sig);
	return believed(kernel_mask, wish_self) & SIGNAL_BIT(sig);
}

static uint64_t mask_for_kernel(uint64_t mask)
{
	return (mask & ~(SIGNALS_OURS | STAND_IN)) | (mask & (SIGNALS_OURS | STAND_IN) ? STAND_IN : 0);
}

static uint64_t mask_for_program(uint64_t kernel_mask, uint64_t wish)
{
	bool itself = (kernel_mask & STAND_IN) && (!(wish & (SIGNALS_OURS | STAND_IN)) || (wish & STAND_IN));

	return (kernel_mask & ~STAND_IN) | believed(kernel_mask, wish) | (itself ? STAND_IN : 0);
}

/* A fault inside the program's handler is to be reported too, so the stand-in is blocked instead. But if the thread
 * blocks one of the two signals already, wish_self would be wrong after the handler; then the kernel blocks the signals
 * themselves, and ends a handler that faults. */
uint64_t signals_handler_mask(uint64_t before, uint64_t mask)
{
	if (before & STAND_IN)
		return mask;
	wish_self = mask & (SIGNALS_OURS | STAND_IN);
	return mask_for_kernel(mask);
}

bool signals_stack_is_shared(void)
{
	return __atomic_load_n(&program_uses_ours, __ATOMIC_RELAXED);
}

/* Nothing is blocked, as far as is known, where a filter of system calls may kill for the question. */
static uint64_t kernel_mask(void)
{
	uint64_t mask = 0;

	if (os_filter_allows(OS_CALL_SIGPROCMASK))
		arch_syscall6(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)&mask, sizeof(mask), 0, 0);
	return mask;
}

static uint64_t kernel_pending(void)
{
	uint64_t pending = 0;

	arch_syscall6(SYS_rt_sigpending, (long)&pending, sizeof(pending), 0, 0, 0, 0);
	return pending;
}

/* Those of SIGNALS_OURS in `mask` that the kernel holds. They stay blocked there: they would only be delivered and held
 * again. A wait would not end, and a signal that a thread has in its hands is lost when another thread calls exec. */
static uint64_t held_of(uint64_t mask)
{
	mask &= SIGNALS_OURS;
	return mask && __atomic_load_n(&held_once, __ATOMIC_RELAXED) ? mask & kernel_pending() : 0;
}

/* memsan's handler blocks all other signals except the stand-in, so the kernel's mask still tells whether the stand-in
 * was blocked when the signal came. */
bool signals_sent_blocked(int sig)
{
	return signals_program_blocks(sig, kernel_mask());
}

static bool in_wait(const ucontext_t *uc)
{
	return wait_frame - ARCH_CONTEXT_SP(uc) < WAIT_FRAMES &&
	       arch_context_interrupted_call((const uint64_t *)uc->uc_mcontext.gregs);
}

/* The wait's mask holds only while the call itself waits. Before and after the call, and when it was left by longjmp,
 * the context's mask is the right one. */
uint64_t signals_interrupted_mask(const ucontext_t *uc)
{
	uint64_t mask;

	if (in_wait(uc))
		return wait_mask;
	mem_copy(&mask, &uc->uc_sigmask, sizeof(mask));
	return mask;
}

void signals_note_held(int sig, const ucontext_t *uc)
{
	__atomic_store_n(&held_once, true, __ATOMIC_RELAXED);
	if (in_wait(uc))
		wait_held |= SIGNAL_BIT(sig);
}

bool signals_in_handler(const ucontext_t *uc)
{
	return ARCH_CONTEXT_PC(uc) == (uintptr_t)our_handler;
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

/* memsan's handler does not block the two signals, since a fault inside memsan must be reported. It blocks all others
 * but the stand-in (signals_sent_blocked). SA_RESTART follows the program's action, since a process may send the
 * signal; an ignored signal never interrupts a system call. */
static bool restarts(const struct program_action *a)
{
	return a->handler == (uintptr_t)SIG_IGN || (a->flags & (uint64_t)SA_RESTART);
}

static bool install_ours(int sig, const struct program_action *a)
{
	struct sigaction act;

	mem_set(&act, 0, sizeof(act));
	act.sa_sigaction = our_handler;
	act.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | (restarts(a) ? SA_RESTART : 0);
	mask_to(~(SIGNALS_OURS | STAND_IN), &act.sa_mask);
	return real_sigaction(sig, &act, NULL) == 0;
}

static void mask_adopt(uint64_t mask);

bool signals_install(signals_sigaction_fn real, void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction ours;
	bool ok = true;

	lock_register_for_fork(&actions_lock);
	real_sigaction = real;
	our_handler = handler;
	for (unsigned i = 0; i < ARRAY_SIZE(our_signals); i++) {
		struct sigaction old;
		struct program_action *a = action_of(our_signals[i]);

		if (real(our_signals[i], NULL, &old) != 0)
			return false;
		a->handler = (uintptr_t)old.sa_handler;
		a->flags = (uint64_t)(unsigned)old.sa_flags;
		a->restorer = old.sa_restorer;
		a->mask = mask_of(&old.sa_mask);
		ok &= install_ours(our_signals[i], a);
	}
	if (real(SIGSEGV, NULL, &ours) == 0)
		libc_restorer = ours.sa_restorer;
	/* The program that started this one may have blocked the two signals. */
	if (os_filter_allows(OS_CALL_SIGPROCMASK))
		mask_adopt(kernel_mask());
	return ok;
}

bool signals_give_up(int sig)
{
	return relay_install_kernels(sig, SIG_DFL);
}

/* ---- sigaction ------------------------------------------------------------------------------- */

/* A signal that becomes ignored is discarded if it is pending. The kernel does that when the action is set there. */
static void discard_pending(int sig)
{
	if (kernel_pending() & SIGNAL_BIT(sig))
		relay_install_kernels(sig, SIG_IGN);
}

static void action_to_program(const struct program_action *a, struct sigaction *act)
{
	mem_set(act, 0, sizeof(*act));
	act->sa_handler = (void (*)(int))a->handler;
	act->sa_flags = (int)a->flags;
	act->sa_restorer = a->restorer;
	mask_to(a->mask, &act->sa_mask);
}

static void action_from_program(const struct sigaction *act, struct program_action *a)
{
	a->handler = (uintptr_t)act->sa_handler;
	a->flags = ((uint64_t)(unsigned)act->sa_flags & FLAGS_KNOWN) | (libc_restorer ? SIGNALS_RESTORER : 0);
	a->restorer = libc_restorer;
	a->mask = mask_of(&act->sa_mask) & ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP));
}

static int our_sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	struct program_action now, set;
	bool ignores = false;
	uint64_t saved;

	if (act) {
		action_from_program(act, &set);
		ignores = set.handler == (uintptr_t)SIG_IGN;
	}
	saved = actions_begin();
	now = *action_of(sig);
	if (act)
		action_write(sig, &set);
	actions_end(saved);
	if (ignores)
		discard_pending(sig);
	if (act && (ignores || restarts(&set) != restarts(&now)))
		install_ours(sig, &set);
	if (old)
		action_to_program(&now, old);
	return 0;
}

static uint8_t hold_back(struct sigaction *act)
{
	uint64_t mask = mask_of(&act->sa_mask);
	uint8_t held = (uint8_t)((mask & SIGNAL_BIT(SIGSEGV) ? HELD_SEGV : 0) |
	                         (mask & SIGNAL_BIT(SIGBUS) ? HELD_BUS : 0));

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
	mask |= (held & HELD_SEGV ? SIGNAL_BIT(SIGSEGV) : 0) | (held & HELD_BUS ? SIGNAL_BIT(SIGBUS) : 0) |
	        (held & HELD_STAND_IN ? STAND_IN : 0);
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
		changed.sa_handler = (void (*)(int))relay_for((uintptr_t)act->sa_handler);
	}
	ret = real_sigaction(sig, act ? &changed : NULL, old);
	if (ret != 0) {
		ret = -errno;
		errno = saved;
		return ret;
	}
	if (act && known)
		__atomic_store_n(&held_back[sig], held, __ATOMIC_RELAXED);
	if (act && sig == SIGTRAP && act->sa_handler != SIG_DFL && act->sa_handler != SIG_IGN)
		WRITE_ONCE(code_may_step, true);
	if (old) {
		give_back(old, held_before);
		old->sa_handler = (void (*)(int))relay_behind((uintptr_t)old->sa_handler);
	}
	return 0;
}

/* Sets SA_ONSTACK in the kernel for the handlers from which it was held back. */
void signals_release_onstack(void)
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

/* What memsan changed in an action is given back where the kernel still has the parent's action. */
static int guest_sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	struct program_action parents;
	struct sigaction now;
	int saved = errno, ret = real_sigaction(sig, act, &now);

	if (ret != 0) {
		ret = -errno;
		errno = saved;
		return ret;
	}
	if (old && signals_is_ours(sig) && now.sa_sigaction == our_handler) {
		action_read(sig, &parents);
		action_to_program(&parents, &now);
	} else if (old && sig < SIGNALS_MAX && now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN) {
		give_back(&now, __atomic_load_n(&held_back[sig], __ATOMIC_RELAXED));
		now.sa_handler = (void (*)(int))relay_behind((uintptr_t)now.sa_handler);
	}
	if (old)
		mem_copy(old, &now, sizeof(*old));
	return 0;
}

int signals_sigaction(int sig, const struct sigaction *act, struct sigaction *old, uintptr_t caller)
{
	if (!process_is_this())
		return guest_sigaction(sig, act, old);
	if (act && (act->sa_flags & SA_ONSTACK) && !signals_stack_is_shared() && module_is_go(caller)) {
		__atomic_store_n(&program_uses_ours, true, __ATOMIC_RELAXED);
		signals_release_onstack();
	}
	return signals_is_ours(sig) ? our_sigaction(sig, act, old) : other_sigaction(sig, act, old);
}

/* In a child of a raw clone. CLONE_CLEAR_SIGHAND has set every handler to the default action, also memsan's. */
void signals_copied(void)
{
	struct program_action defaults = { 0 };
	struct sigaction now;

	if (!fault_installed || !os_free_to(OS_CALL_SIGACTION) || real_sigaction(SIGSEGV, NULL, &now) != 0 ||
	    now.sa_handler != SIG_DFL)
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(our_signals); i++) {
		const struct program_action *a = action_of(our_signals[i]);
		uint64_t saved = actions_begin();

		if (a->handler != (uintptr_t)SIG_IGN)
			action_write(our_signals[i], &defaults);
		actions_end(saved);
		install_ours(our_signals[i], a);
	}
	mem_set(held_back, 0, sizeof(held_back));
	relay_start();
}

/* ---- masks ----------------------------------------------------------------------------------- */

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

static uint64_t guest_mask(uint64_t kernel)
{
	return guest_has_mask() ? kernel : mask_for_program(kernel, wish_self);
}

static int guest_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	uint64_t mask = set ? mask_of(set) & ~SIGNALS_LIBC : 0, before = guest_mask(kernel_mask()), wanted;

	if (set && how != SIG_BLOCK && how != SIG_UNBLOCK && how != SIG_SETMASK)
		return -EINVAL;
	if (set) {
		wanted = how == SIG_BLOCK ? before | mask : how == SIG_UNBLOCK ? before & ~mask : mask;
		guest_masked = os_gettid();
		os_mask_set(wanted);
	}
	if (old)
		mem_copy(old, &before, sizeof(before));
	return 0;
}

/* libc's own signals (SIGNALS_LIBC) are never blocked for the program. `kept` has those that stay blocked all the same,
 * when it is not the program that asks: libc's threads wait for them. */
static int sigmask_keeping(int how, const sigset_t *set, sigset_t *old, uint64_t kept)
{
	uint64_t kernel = 0, before = 0, mask = 0, wish_before = wish_self;
	long ret;

	if (fault_installed && (set || guest_masked) && !process_is_this())
		return guest_sigmask(how, set, old);
	if (set) {
		kernel = mask = mask_of(set) & ~SIGNALS_LIBC;
		/* Before the system call: it may deliver a held signal, whose handler reads wish_self. */
		if (fault_installed && (how == SIG_BLOCK || how == SIG_UNBLOCK || how == SIG_SETMASK))
			wish_note(how, mask);
		if (fault_installed && how != SIG_UNBLOCK)
			kernel = mask_for_kernel(mask) | held_of(mask);
		else if (fault_installed) /* the stand-in stays blocked while one of the two does */
			kernel = (mask & ~STAND_IN) |
			         ((mask & (SIGNALS_OURS | STAND_IN)) && !(wish_self & (SIGNALS_OURS | STAND_IN))
			                  ? STAND_IN
			                  : 0);
		kernel |= kept;
	}
	ret = arch_syscall6(SYS_rt_sigprocmask, how, set ? (long)&kernel : 0, (long)&before, sizeof(before), 0, 0);
	if (ret != 0)
		return (int)ret;
	/* The stand-in was unblocked without memsan, so earlier wishes are void. */
	if (set && how == SIG_BLOCK && !(before & STAND_IN))
		wish_note(SIG_SETMASK, mask);
	if (old) { /* no more than the kernel writes: a program's set may be smaller than sigset_t */
		before = fault_installed ? mask_for_program(before, wish_before) : before;
		mem_copy(old, &before, sizeof(before));
	}
	return 0;
}

int signals_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	return sigmask_keeping(how, set, old, 0);
}

/* For a mask that the program did not set: a thread's attributes did, or the program that started this one. */
static void mask_adopt(uint64_t mask)
{
	sigset_t set;

	mask_to(mask_for_program(mask, wish_self), &set);
	sigmask_keeping(SIG_SETMASK, &set, NULL, mask & SIGNALS_LIBC);
}

void signals_mask_adopt(void)
{
	uint64_t mask = our_handler ? kernel_mask() : 0; /* the first thread's mask is adopted by signals_install */

	if (mask & SIGNALS_OURS)
		mask_adopt(mask);
}

/* ---- waits with a mask ----------------------------------------------------------------------- */

void signals_wait_begin(struct signals_wait *w)
{
	w->frame = wait_frame;
	w->mask = wait_mask;
	w->held = wait_held;
	w->wish = wish_self;
	wait_held = 0;
}

const sigset_t *signals_wait_mask(struct signals_wait *w, const sigset_t *mask)
{
	uint64_t wanted, kernel;

	if (!mask || !fault_installed)
		return mask;
	wanted = mask_of(mask);
	kernel = mask_for_kernel(wanted) | held_of(wanted);
	if (wanted & SIGNALS_OURS)
		wish_self = wanted & (SIGNALS_OURS | STAND_IN);
	mask_to(kernel, &w->set);
	wait_mask = wanted;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	wait_frame = (uintptr_t)w;
	return &w->set;
}

void signals_wait_over(const struct signals_wait *w)
{
	uint64_t held = wait_held;

	wait_frame = w->frame;
	wait_mask = w->mask;
	wait_held = w->held;
	wish_self = w->wish;
	/* If the thread blocks the signal outside the wait too, the handler holds it again. */
	if (held)
		arch_syscall6(SYS_rt_sigprocmask, SIG_UNBLOCK, (long)&held, 0, sizeof(held), 0, 0);
}

/* ---- exec ------------------------------------------------------------------------------------ */

/* Ignoring a signal discards it if it is pending, but a blocked signal must stay pending over exec. */
static void ignore_keeping_pending(int sig)
{
	struct timespec now = { 0, 0 };
	uint64_t set = SIGNAL_BIT(sig);
	siginfo_t info;
	bool pending = (kernel_pending() & set) && arch_syscall6(SYS_rt_sigtimedwait, (long)&set, (long)&info,
	                                                         (long)&now, sizeof(set), 0, 0) == sig;

	relay_install_kernels(sig, SIG_IGN);
	if (pending)
		arch_syscall6(SYS_rt_tgsigqueueinfo, os_getpid(), os_gettid(), sig, (long)&info, 0, 0);
}

/* A guest may have set another action. */
static bool kernel_has_ours(int sig)
{
	struct {
		uintptr_t handler;
		uint64_t flags, restorer, mask;
	} act = { 0, 0, 0, 0 };

	arch_syscall6(SYS_rt_sigaction, sig, 0, (long)&act, sizeof(act.mask), 0, 0);
	return act.handler == (uintptr_t)our_handler;
}

void signals_exec_begin(struct signals_exec *e)
{
	uint64_t mask;

	e->ignored = 0;
	e->mask_changed = false;
	/* A seccomp filter may end the program for a system call that the program itself does not make. */
	if (!fault_installed || !os_free_to(OS_CALL_SIGPROCMASK))
		return;
	e->mask = kernel_mask();
	mask = guest_mask(e->mask);
	e->mask_changed = mask != e->mask;
	if (e->mask_changed)
		arch_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, 0, sizeof(mask), 0, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(our_signals); i++) {
		struct program_action a;

		action_read(our_signals[i], &a);
		e->ignored |= a.handler == (uintptr_t)SIG_IGN && kernel_has_ours(our_signals[i])
		                      ? SIGNAL_BIT(our_signals[i])
		                      : 0;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(our_signals); i++)
		if (e->ignored & SIGNAL_BIT(our_signals[i]))
			ignore_keeping_pending(our_signals[i]);
}

void signals_exec_over(const struct signals_exec *e)
{
	for (unsigned i = 0; i < ARRAY_SIZE(our_signals); i++)
		if (e->ignored & SIGNAL_BIT(our_signals[i]))
			install_ours(our_signals[i], action_of(our_signals[i]));
	if (e->mask_changed)
		arch_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&e->mask, 0, sizeof(e->mask), 0, 0);
}

uint64_t signals_believed_mask(void)
{
	return wish_self;
}

void signals_believe_mask(uint64_t mask)
{
	wish_self = mask;
}

uint64_t signals_mask_to_believe(uint64_t mask)
{
	return mask & (SIGNALS_OURS | STAND_IN);
}
