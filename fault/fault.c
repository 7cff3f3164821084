/* SPDX-License-Identifier: BSD-2-Clause */
/* fault/fault.c - the handler of SIGSEGV and SIGBUS: decides whose fault it is, reports it, and passes it on.
 *
 *     kernel ─► fault_handler        on the program's signal stack, or memsan's
 *                 │ changes over to this thread's own stack (stacks.c)
 *                 ├─ a fault inside this handler ──────► one line, default action
 *                 ├─ a process sent the signal ────────► the program's action for it
 *                 ├─ in a guard page of memsan ────────► report, open the page, go on; but never twice at one
 *                 │                                      instruction and page (answer_repeats)
 *                 ├─ the program has a handler ────────► it runs, in the frame that it expects. The report comes before
 *                 │                                      with handled_faults, else when the program ends inside the
 *                 │                                      handler (pending.c)
 *                 └─ else ─────────────────────────────► diagnosis, report, default action: the instruction faults
 *                                                        again, so that a core file shows the program as it was
 *
 * A program may cause faults on purpose and handle them (a JIT's null checks, a garbage collector's barriers). So
 * before the program's handler runs, only faults in memsan's own pages are reported, unless handled_faults asks for
 * all.
 *
 * The program's handler runs as the kernel would run it: on the signal stack if SA_ONSTACK asks for one, with its
 * sa_mask, once with SA_RESETHAND. The kernel made the frame for memsan's flags, so memsan may first have to move the
 * frame to the interrupted stack. The handler returns through that frame into the kernel.
 */
#include "config.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fault/fault_internal.h"

static TLS_IE bool fault_busy; /* this thread is inside the handler */

struct fault {
	int sig;
	siginfo_t *info;
	ucontext_t *uc;
	bool above_theirs; /* the frame lies on the program's signal stack, which the handler has left */
	uintptr_t enter;   /* the program's handler, to run in the frame of `uc`; 0: none */
	uint64_t enter_mask;
	uint64_t copy_pc; /* the interrupted code is a copy (struct code_copies), which goes on here; 0: it is none */
};

/* ---- signals that somebody sent -------------------------------------------------------------- */

static void kernel_mask(int how, uint64_t mask)
{
	if (os_free_to(OS_CALL_SIGPROCMASK))
		arch_syscall6(SYS_rt_sigprocmask, how, (long)&mask, 0, sizeof(mask), 0, 0);
}

static uint64_t context_mask(const ucontext_t *uc)
{
	uint64_t mask;

	mem_copy(&mask, &uc->uc_sigmask, sizeof(mask));
	return mask;
}

static void context_set_mask(ucontext_t *uc, uint64_t mask)
{
	mem_copy(&uc->uc_sigmask, &mask, sizeof(mask));
}

/* Sends the signal again, to arrive when the context that the handler returns to allows it: to this thread if it was
 * sent to this thread, else to the process. Only the first thread may repeat the original sender of a kill(); from
 * other threads the program itself appears as the sender. */
static void send_again(const struct fault *f)
{
	kernel_mask(SIG_BLOCK, SIGNAL_BIT(f->sig));
	if (f->info->si_code == SI_TKILL)
		arch_syscall6(SYS_rt_tgsigqueueinfo, os_getpid(), os_gettid(), f->sig, (long)f->info, 0, 0);
	else if (arch_syscall6(SYS_rt_sigqueueinfo, os_getpid(), f->sig, (long)f->info, 0, 0, 0) != 0)
		arch_syscall6(SYS_kill, os_getpid(), f->sig, 0, 0, 0, 0);
}

/* The program must not notice that its system call was interrupted. */
static void interrupted_unseen(const struct fault *f)
{
	if (arch_context_interrupted_call((const uint64_t *)f->uc->uc_mcontext.gregs))
		signals_interrupts++;
}

static void hold(const struct fault *f)
{
	signals_note_held(f->sig, f->uc);
	send_again(f);
	context_set_mask(f->uc, context_mask(f->uc) | SIGNAL_BIT(f->sig));
}

static bool run_program_handler(struct fault *f);
static void explain_raised(const struct fault *f);

static void handle_sent(struct fault *f)
{
	struct program_action a;

	if (signals_sent_blocked(f->sig)) {
		hold(f);
		interrupted_unseen(f);
		return;
	}
	signals_program_action(f->sig, &a, false);
	if (a.handler == (uintptr_t)SIG_IGN) {
		interrupted_unseen(f);
		return;
	}
	if (a.handler != (uintptr_t)SIG_DFL && run_program_handler(f))
		return;
	if (a.handler == (uintptr_t)SIG_DFL)
		explain_raised(f);
	if (!signals_give_up(f->sig))
		os_exit_group(128 + f->sig); /* the signal would come back to this handler, for ever */
	if (f->copy_pc)
		code_copies->show_original(ARCH_CONTEXT_PC(f->uc));
	f->copy_pc = 0;
	send_again(f);
}

/* ---- the program's handler ------------------------------------------------------------------- */

static bool range_writable(uintptr_t lo, uintptr_t hi)
{
	for (uintptr_t p = ALIGN_DOWN(lo, PAGE_SIZE); p < hi; p += PAGE_SIZE)
		if (!os_page_readable((void *)p))
			return false;
	return lo < hi;
}

/* False: there is no room for its frame. */
static bool run_program_handler(struct fault *f)
{
	uint64_t interrupted = (uint64_t)f->uc->uc_mcontext.gregs[REG_RSP], mask;
	uintptr_t frame = machine_frame_start(f->uc), lo, hi;
	bool has_stack = fault_stack_of_program(f->uc, &lo, &hi), on_theirs = has_stack && frame - lo < hi - lo;
	bool on_ours = fault_stack_holds(fault_stack_self, frame), was_there, in_place;
	struct program_action a;

	signals_program_action(f->sig, &a, true);
	was_there = on_theirs ? interrupted - lo < hi - lo : fault_stack_holds(fault_stack_self, interrupted);
	in_place = (!on_theirs && !on_ours) || was_there ||
	           ((a.flags & (uint64_t)SA_ONSTACK) &&
	            (on_theirs || fault_stack_stands_in() || signals_stack_is_shared()));
	if (!in_place) {
		uintptr_t top = interrupted - MACHINE_RED_ZONE;

		if (!range_writable(top - machine_frame_room(f->uc), top))
			return false;
		f->uc = machine_frame_copy(f->uc, top);
		f->info = machine_frame_info(f->uc);
	}
	mask = signals_interrupted_mask(f->uc) | a.mask;
	if (!(a.flags & (uint64_t)SA_NODEFER))
		mask |= SIGNAL_BIT(f->sig);
	f->enter = a.handler;
	f->enter_mask = signals_handler_mask(context_mask(f->uc), mask);
	return true;
}

/* ---- no handler of the program's: the program dies ------------------------------------------- */

static void origin_of(const struct fault *f, struct fault_origin *origin)
{
	origin->sig = f->sig;
	origin->si_code = f->info->si_code;
	origin->trap = machine_trap(f->uc);
	origin->error = machine_error(f->uc);
	origin->addr = (uint64_t)(uintptr_t)f->info->si_addr;
}

void (*fault_hook_dying)(void *context);

/* The instruction faults again. While the signal is blocked, that ends the program by the default action. So a filter
 * need not allow rt_sigaction. A filter that refuses rt_sigreturn lets no handler return. */
static void die_of(const struct fault *f)
{
	if (!os_filter_allows(OS_CALL_SIGRETURN))
		os_exit_group(128 + f->sig);
	if (f->copy_pc)
		code_copies->show_original(ARCH_CONTEXT_PC(f->uc));
	if (os_filter_set() || !signals_give_up(f->sig))
		context_set_mask(f->uc, context_mask(f->uc) | SIGNAL_BIT(f->sig));
}

static void handle_nobodys(const struct fault *f, bool reported)
{
	struct fault_origin origin;

	if (options.fence_check_on_panic)
		fence_check_all("when the program died", NULL);
	fault_explain_interrupted(f->uc);
	origin_of(f, &origin);
	if (!reported)
		fault_explain(&origin, f->uc);
	if (fault_hook_dying)
		fault_hook_dying(f->uc);
	die_of(f);
}

/* ---- on the program's signal stack ----------------------------------------------------------- */

/* The kernel takes a signal stack as free when the stack pointer is elsewhere, and puts the next frame at its top: over
 * the frame that this handler was called with. So while the handler is away from the program's signal stack, the two
 * signals are blocked. A report may take long, and a fault inside it must be reported; during a report memsan's stack
 * is the signal stack. */
static void leave_theirs(struct fault *f)
{
	uintptr_t lo, hi, frame = machine_frame_start(f->uc);

	if (!fault_stack_of_program(f->uc, &lo, &hi) || frame - lo >= hi - lo ||
	    (f->uc->uc_stack.ss_flags & SS_AUTODISARM))
		return;
	f->above_theirs = true;
	/* If memsan's stack was unmapped, this write faults while the fault can still be reported. */
	*(volatile uintptr_t *)(fault_stack_self->hi - sizeof(uintptr_t)) = 0;
	kernel_mask(SIG_BLOCK, SIGNALS_OURS);
}

static void report_begins(const struct fault *f)
{
	stack_t ours;

	if (!f->above_theirs || os_filter_set())
		return;
	fault_stack_ours(&ours);
	arch_syscall6(SYS_sigaltstack, (long)&ours, 0, 0, 0, 0, 0);
	kernel_mask(SIG_UNBLOCK, SIGNALS_OURS);
}

static void report_is_over(const struct fault *f)
{
	if (!f->above_theirs || os_filter_set())
		return;
	kernel_mask(SIG_BLOCK, SIGNALS_OURS);
	arch_syscall6(SYS_sigaltstack, (long)&f->uc->uc_stack, 0, 0, 0, 0, 0);
}

/* ---- the handler ----------------------------------------------------------------------------- */

static bool (*fault_hook)(uintptr_t addr, uintptr_t pc); /* written once at start-up */

void fault_set_hook(bool (*mine)(uintptr_t addr, uintptr_t pc))
{
	fault_hook = mine;
}

static bool maybe_own(const struct fault *f)
{
	return fence_contains(f->info->si_addr) || arena_contains(f->info->si_addr);
}

/* A fault whose signal is blocked kills, whatever the handler. */
static bool program_handles(const struct fault *f)
{
	struct program_action a;

	signals_program_action(f->sig, &a, false);
	return a.handler != (uintptr_t)SIG_DFL && a.handler != (uintptr_t)SIG_IGN &&
	       !signals_program_blocks(f->sig, context_mask(f->uc));
}

bool fault_left_to_program(void)
{
	struct program_action a;

	if (!fault_installed || options.handled_faults)
		return false;
	signals_program_action(SIGSEGV, &a, false);
	return a.handler != (uintptr_t)SIG_DFL && a.handler != (uintptr_t)SIG_IGN &&
	       !(os_filter_allows(OS_CALL_SIGPROCMASK) && signals_sent_blocked(SIGSEGV));
}

static bool reported_own(const struct fault *f)
{
	struct fault_origin origin;
	struct fault_state s;
	bool own;

	report_begins(f);
	origin_of(f, &origin);
	fault_gather(&origin, f->uc, &s);
	own = fault_open_own(&s);
	report_is_over(f);
	return own;
}

/* ---- faults that memsan answers: the instruction is tried again ------------------------------ */

/* An answer opens the page, so this thread's instruction cannot fault there again unless the page was closed since. If
 * it does, the page is closed by somebody else (the program's protection, a kernel that refuses), and another answer
 * would go on for ever: the fault is the program's. Other threads may be at the same instruction and page meanwhile; so
 * each thread has its own record. An instruction may need several pages, at most one for each word of a gather. */
#define ANSWERS_KEPT 16
enum answer_kind { ANSWER_NONE, ANSWER_GUARD /* reported */, ANSWER_OBJECT, ANSWER_SHADOW };
struct answer {
	uintptr_t pc, where; /* `where`: the page + the kind */
	uint32_t closed;     /* slab_guards_closed */
};
static TLS_IE struct answer answers[ANSWERS_KEPT]; /* a ring */
static TLS_IE unsigned answers_next;

static uintptr_t answer_where(const struct fault *f, enum answer_kind kind)
{
	return ALIGN_DOWN((uintptr_t)f->info->si_addr, PAGE_SIZE) + kind;
}

static bool answer_repeats(const struct fault *f, enum answer_kind kind)
{
	uint32_t closed = READ_ONCE(slab_guards_closed);

	for (unsigned i = 0; i < ANSWERS_KEPT; i++)
		if (answers[i].where == answer_where(f, kind) && answers[i].pc == ARCH_CONTEXT_PC(f->uc) &&
		    answers[i].closed == closed)
			return true;
	return false;
}

static bool answer_note(const struct fault *f, enum answer_kind kind)
{
	answers[answers_next++ % ANSWERS_KEPT] = (struct answer){
		.pc = ARCH_CONTEXT_PC(f->uc),
		.where = answer_where(f, kind),
		.closed = READ_ONCE(slab_guards_closed),
	};
	return true;
}

/* Only the program's own protection closes the pages of a live fenced object: a garbage collector's barrier, say. One
 * fault may be older than the object. An access through a stale pointer met the guard just before this thread or
 * another one opened the slot, and succeeds when it is tried again. */
static bool answer_in_object(const struct fault *f, bool changed)
{
	return !changed && !answer_repeats(f, ANSWER_OBJECT) && answer_note(f, ANSWER_OBJECT);
}

static bool answered_by_hook(const struct fault *f)
{
	return machine_trap(f->uc) == TRAP_PAGE && fault_hook &&
	       fault_hook((uintptr_t)f->info->si_addr, ARCH_CONTEXT_PC(f->uc)) && !answer_repeats(f, ANSWER_SHADOW) &&
	       answer_note(f, ANSWER_SHADOW);
}

static bool answered(const struct fault *f)
{
	uintptr_t addr = (uintptr_t)f->info->si_addr;
	bool changed;

	if (machine_trap(f->uc) != TRAP_PAGE)
		return false;
	if (fence_contains((void *)addr) && fence_is_data(addr, &changed))
		return answer_in_object(f, changed);
	/* A JIT may fault a thousand times a second, so the state is gathered only for a report. */
	return maybe_own(f) && !answer_repeats(f, ANSWER_GUARD) && reported_own(f) && answer_note(f, ANSWER_GUARD);
}

/* From here on everybody sees the original's registers in place of a copy's. */
static void see_original(struct fault *f, bool check)
{
	if (code_copies)
		f->copy_pc = code_copies->origin((uint64_t *)f->uc->uc_mcontext.gregs, check);
}

/* Was this fault reported when it came for the first time? */
static bool was_reported(const struct fault *f)
{
	return machine_trap(f->uc) == TRAP_PAGE && answer_repeats(f, ANSWER_GUARD);
}

/* The thread goes on in the original. */
static bool left_copy(const struct fault *f)
{
	return code_copies && machine_trap(f->uc) == TRAP_PAGE &&
	       code_copies->leave((uint64_t *)f->uc->uc_mcontext.gregs, (uintptr_t)f->info->si_addr);
}

static void handle(void *arg)
{
	struct fault *f = arg;
	struct fault_origin origin;
	bool handles, reported;

	if (f->info->si_code <= 0) {
		see_original(f, true);
		handle_sent(f);
		return;
	}
	if (left_copy(f) || answered_by_hook(f))
		return;
	see_original(f, false);
	if (answered(f))
		return;
	reported = was_reported(f);
	origin_of(f, &origin);
	handles = program_handles(f);
	if (handles && options.handled_faults && !reported) {
		report_begins(f);
		fault_explain(&origin, f->uc);
		report_is_over(f);
	}
	/* As in the kernel, a handler without room for its frame does not run. */
	if (handles && run_program_handler(f)) {
		if (!options.handled_faults && !reported)
			pending_note(&origin, f->uc);
		return;
	}
	report_begins(f);
	handle_nobodys(f, reported);
	report_is_over(f);
	f->copy_pc = 0;
}

/* The program sent itself the signal that is going to end it, inside its handler of a fault. If the handler blocked the
 * signal, it came when the handler had returned. */
static void explain_raised(const struct fault *f)
{
	struct fault_origin origin;

	if (f->info->si_pid != os_getpid() || !pending_any())
		return;
	report_begins(f);
	fault_explain_interrupted(f->uc);
	if (pending_take_at(ARCH_CONTEXT_PC(f->uc), ARCH_CONTEXT_SP(f->uc), &origin))
		fault_explain(&origin, f->uc);
	report_is_over(f);
}

static void tell_handled(void *arg)
{
	const struct unwind_regs *regs = arg;
	stack_t ours, theirs;

	/* As for any other report. The program's handler may be running on the program's signal stack, so the kernel
	 * must not put a frame at the top of that stack. */
	fault_stack_ours(&ours);
	mem_set(&theirs, 0, sizeof(theirs));
	arch_syscall6(SYS_sigaltstack, (long)&ours, (long)&theirs, 0, 0, 0, 0);
	kernel_mask(SIG_UNBLOCK, SIGNALS_OURS);
	fault_explain_handled(regs);
	kernel_mask(SIG_BLOCK, SIGNALS_OURS);
	arch_syscall6(SYS_sigaltstack, (long)&theirs, 0, 0, 0, 0, 0);
}

void pending_tell(const struct unwind_regs *regs)
{
	uint64_t ours = SIGNALS_OURS, before;

	if (!fault_installed || fault_busy || !fault_stack_self || !pending_any())
		return;
	fault_busy = true;
	/* Where a filter may kill for the calls that change stacks, as in deep_run. */
	if (!os_free_to(OS_CALL_SIGPROCMASK)) {
		fault_explain_handled(regs);
		fault_busy = false;
		return;
	}
	arch_syscall6(SYS_rt_sigprocmask, SIG_BLOCK, (long)&ours, (long)&before, sizeof(ours), 0, 0);
	if (fault_stack_holds(fault_stack_self, machine_sp()))
		tell_handled((void *)regs);
	else
		arch_call_on(fault_stack_self->hi, tell_handled, (void *)regs);
	arch_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&before, 0, sizeof(before), 0, 0);
	fault_busy = false;
}

void fault_guest_gone(void)
{
	fault_busy = false;
}

void fault_fork_child(void)
{
	pending_forget();
}

void fault_copy_child(void)
{
	fault_fork_child();
	signals_copied();
}

/* A fault in the handler must not start the handler again. */
static void handle_own_fault(const struct fault *f)
{
	report_line("a fault inside memsan's fault handler, at 0x%llx; the program ends",
	            (unsigned long long)f->uc->uc_mcontext.gregs[REG_RIP]);
	die_of(f);
}

/* Runs on the program's signal stack at first, which may be tiny. */
static void fault_handler(int sig, siginfo_t *info, void *context)
{
	struct fault f = { .sig = sig, .info = info, .uc = context };
	bool busy = fault_busy;

	if (info->si_code > 0 && arch_probe_recover((uint64_t *)f.uc->uc_mcontext.gregs))
		return;
	if (busy && info->si_code > 0) {
		handle_own_fault(&f);
		return;
	}
	/* The kernel would deliver the signals one after the other. */
	if (busy || (info->si_code <= 0 && signals_in_handler(f.uc))) {
		hold(&f);
		return;
	}
	/* Before anything that could fault, including the change of stacks. */
	fault_busy = true;
	if (fault_stack_self && !fault_stack_holds(fault_stack_self, machine_sp())) {
		leave_theirs(&f);
		arch_call_on(fault_stack_self->hi, handle, &f);
	} else {
		handle(&f);
	}
	fault_busy = false;
	if (f.enter) {
		if (f.copy_pc)
			machine_frame_to_copy(f.uc);
		/* The interrupted context keeps its own mask; this is the mask of the program's handler. */
		kernel_mask(SIG_SETMASK, f.enter_mask);
		machine_frame_enter(f.uc, f.sig, f.enter);
	}
	if (f.copy_pc)
		f.uc->uc_mcontext.gregs[REG_RIP] = (greg_t)f.copy_pc;
}

void fault_init(signals_sigaction_fn real)
{
	if (!options.fault_handler || fault_installed || !real || !os_free_to(OS_CALL_SIGACTION))
		return;
	fault_installed = true;
	fault_thread_start();
	/* The main thread's stack begins above this function; the kernel's list of mappings knows where. */
	fault_stack_top_of_thread = 0;
	fault_stack_of_process = machine_sp();
	if (!signals_install(real, fault_handler))
		fault_installed = false;
}
