/* SPDX-License-Identifier: BSD-2-Clause */
/* fence/fault.c - the handler of SIGSEGV and SIGBUS: whose fault it is, what is said about it, and who goes on.
 *
 *     kernel ─► fault_handler        on the program's signal stack, or ours
 *                 │ changes over to this thread's own stack (stacks.c)
 *                 ├─ while a fault is handled here? ──► one line, default action
 *                 ├─ somebody sent it ────────────────► as the program wants it
 *                 ├─ in a page that memsan guards ────► report, open the page, go on
 *                 ├─ the program has a handler ───────► it runs, in the frame that it expects; reported before with handled_faults only
 *                 └─ else ────────────────────────────► diagnosis, report, default action: the instruction faults again, so that a core
 *                                                        file shows the program as it was
 *
 * A program with a handler of its own (a JIT's null checks, a garbage collector's barriers) uses faults on purpose, so only faults in
 * memsan's own pages are told there, unless handled_faults asks for all of them (a program whose handler is a crash reporter).
 *
 * The program's handler runs as the kernel would run it: on the signal stack if its SA_ONSTACK asks for one, with its sa_mask, once with
 * SA_RESETHAND.  The kernel made the frame for our flags, so it may have to be moved to the interrupted stack first; the handler
 * returns through it into the kernel, and we are out of the way.
 */
#include "config.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fence/fence_internal.h"

bool fence_fault_on;

static TLS_IE bool fault_busy; /* this thread is in here */

struct fault {
	int sig;
	siginfo_t *info;
	ucontext_t *uc;
	bool above_theirs;        /* the frame lies on the program's signal stack, which we left */
	uintptr_t enter;          /* the program's handler is to run, in the frame of `uc` */
	uint64_t enter_mask;
};

/* ---- signals that somebody sent -------------------------------------------------------------------------------------------------- */

static void kernel_mask(int how, uint64_t mask)
{
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

/* The signal comes once more, when the context that we return to allows it: to this thread when it was sent to it, else to whichever thread is
 * open to it.  Only the first thread may repeat who called kill(); from the others it comes in the program's own name. */
static void send_again(const struct fault *f)
{
	kernel_mask(SIG_BLOCK, SIGNAL_BIT(f->sig));
	if (f->info->si_code == SI_TKILL)
		arch_syscall6(SYS_rt_tgsigqueueinfo, os_getpid(), os_gettid(), f->sig, (long)f->info, 0, 0);
	else if (arch_syscall6(SYS_rt_sigqueueinfo, os_getpid(), f->sig, (long)f->info, 0, 0, 0) != 0)
		arch_syscall6(SYS_kill, os_getpid(), f->sig, 0, 0, 0, 0);
}

/* The program is not to see that its system call was interrupted. */
static void interrupted_unseen(const struct fault *f)
{
	if (arch_context_interrupted_call((const uint64_t *)f->uc->uc_mcontext.gregs))
		fence_interrupts++;
}

static void hold(const struct fault *f)
{
	signals_note_held(f->sig, f->uc);
	send_again(f);
	context_set_mask(f->uc, context_mask(f->uc) | SIGNAL_BIT(f->sig));
}

static bool run_program_handler(struct fault *f);

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
	signals_give_up(f->sig);
	send_again(f);
}

/* ---- the program's handler ----------------------------------------------------------------------------------------------------------- */

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
	in_place = (!on_theirs && !on_ours) || was_there || ((a.flags & (uint64_t)SA_ONSTACK) && (on_theirs || fault_stack_stands_in() || signals_stack_is_shared()));
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

/* ---- what the record says about the machine ------------------------------------------------------------------------------------------- */

static void gather_stack(struct fault_state *s)
{
	struct rlimit limit;

	s->stack_top = fault_stack_top_of_thread;
	s->stack_low = fault_stack_low_of_thread;
	s->stack_at = s->stack_top;
	if (s->stack_top)
		return;
	/* The first thread, or one that nobody told us of. */
	s->stack_at = os_gettid() == os_getpid() ? fault_stack_of_process : 0;
	if (s->stack_at && arch_syscall6(SYS_prlimit64, 0, RLIMIT_STACK, 0, (long)&limit, 0, 0) == 0 && limit.rlim_cur != RLIM_INFINITY)
		s->stack_limit = limit.rlim_cur;
}

static void gather_state(const struct fault *f, struct fault_state *s)
{
	mem_set(s, 0, sizeof(*s));
	s->signo = f->sig;
	s->si_code = f->info->si_code;
	s->trap = machine_trap(f->uc);
	s->error = machine_error(f->uc);
	s->addr = (uint64_t)(uintptr_t)f->info->si_addr;
	machine_read_context(f->uc, s->regs);
	s->tls_base = machine_tls_base();
	s->code_len = (unsigned)os_safe_read(s->code, (void *)s->regs[MREG_IP], sizeof(s->code));
	s->have_top_word = os_safe_read(&s->top_word, (void *)s->regs[MREG_SP], sizeof(s->top_word)) == sizeof(s->top_word);
	gather_stack(s);
}

/* A call through a pointer in memory faults at the call, when what it found is no address at all. */
static void gather_jump(struct fault_state *s)
{
	uint64_t from = s->trap == TRAP_PROTECTION ? fault_jump_through(s) : 0;

	s->have_jump_word = from && os_safe_read(&s->jump_word, (void *)from, sizeof(s->jump_word)) == sizeof(s->jump_word);
}

static void fill_fault(struct report_record *r, const struct fault_state *s)
{
	struct report_fault *f = &r->fault;

	f->present = 1;
	f->signo = (uint32_t)s->signo;
	f->si_code = s->si_code;
	f->trap = (uint32_t)s->trap;
	f->error = s->error;
	f->addr = s->addr;
	mem_copy(f->regs, s->regs, sizeof(s->regs));
	f->code_len = s->code_len;
	mem_copy(f->code, s->code, s->code_len);
	f->nr_words = (uint32_t)(os_safe_read(f->words, (void *)s->regs[MREG_SP], sizeof(f->words)) / sizeof(f->words[0]));
}

static void add_trace(struct report_record *r, const struct fault_state *s, const struct fault_verdict *v)
{
	struct unwind_regs regs = { .pc = s->regs[MREG_IP], .sp = s->regs[MREG_SP], .fp = s->regs[MREG_BP] };

	/* Where it jumped to says nothing; who jumped does. */
	if (v && v->bad_pc && s->have_top_word) {
		/* The call lies just before the address that it would have returned to. */
		struct report_stack *stack = &r->stacks[r->nr_stacks];

		regs.pc = s->top_word - 1;
		regs.sp += sizeof(uint64_t);
		report_add_regs(r, STACK_ACCESS, &regs, true);
		if (stack->nr_frames && stack->frames[0].pc == regs.pc) {
			stack->frames[0].pc = s->top_word;
			stack->frames[0].exact = 0;
		}
	} else {
		report_add_regs(r, STACK_ACCESS, &regs, true);
	}
}

/* ---- ours ------------------------------------------------------------------------------------------------------------------------------- */

static enum fault_access page_access(const struct fault_state *s)
{
	return s->error & PAGE_ERROR_EXEC ? FAULT_EXEC : s->error & PAGE_ERROR_WRITE ? FAULT_WRITE : FAULT_READ;
}

static void report_guard(const struct fault_state *s, const struct slab_object *o)
{
	bool live = o->state == SLAB_OBJ_LIVE;
	struct report_record *r = report_begin(live ? REPORT_VMALLOC_OUT_OF_BOUNDS : REPORT_USE_AFTER_FREE, "fence");

	if (!r)
		return;
	report_set_access(r, s->addr, 0, page_access(s));
	fill_fault(r, s);
	add_trace(r, s, NULL);
	report_set_object(r, o);
	report_end(r);
}

static bool handle_fenced(const struct fault_state *s)
{
	struct slab_object object;
	struct report_record *r;

	/* No object is or was near: diagnosed as any other address. */
	if (!fence_find_object(s->addr, &object))
		return false;
	__atomic_fetch_add(&live_counters.fence_bugs, 1, __ATOMIC_RELAXED);
	r = report_begin(fenced_kind(&object, s->error & PAGE_ERROR_WRITE), "fence");
	if (r) {
		report_set_access(r, s->addr, 0, page_access(s));
		fill_fault(r, s);
		add_trace(r, s, NULL);
		report_set_object(r, &object);
		report_end(r);
	}
	return fence_open_page(s->addr);
}

static bool handle_own(const struct fault_state *s)
{
	struct slab_object object;

	if (s->trap == TRAP_PAGE && fence_contains((void *)s->addr))
		return handle_fenced(s);
	if (s->trap != TRAP_PAGE || !arena_contains((void *)s->addr) || !slab_is_guard(s->addr, &object))
		return false;
	report_guard(s, &object);
	return slab_guard_open(s->addr);
}

/* ---- nobody's ----------------------------------------------------------------------------------------------------------------------------- */

/* How far addr is from the object, if that is live; UINTPTR_MAX: it is none, or addr is in it. */
static uintptr_t distance(const struct slab_object *o, uintptr_t addr)
{
	if (o->state != SLAB_OBJ_LIVE || addr - o->addr < o->size)
		return UINTPTR_MAX;
	return addr < o->addr ? o->addr - addr : addr - (o->addr + o->size) + 1;
}

/* Nothing is there, but a live object of the heap begins or ends within a page of it: at the edge of the arena, or of what of it is in use. */
static bool find_beside(const struct fault_state *s, const struct fault_verdict *v, struct slab_object *o)
{
	const uintptr_t probes[] = { ALIGN_DOWN(v->addr, PAGE_SIZE) - 1, ALIGN_DOWN(v->addr, PAGE_SIZE) + PAGE_SIZE };
	uintptr_t nearest = PAGE_SIZE + 1;
	struct slab_object found;

	if (s->trap != TRAP_PAGE || v->kind != REPORT_WILD_MEMORY_ACCESS || v->pointer)
		return false;
	for (unsigned i = 0; i < ARRAY_SIZE(probes); i++) {
		if (!arena_contains((void *)probes[i]) || !slab_find_object(probes[i], &found) || distance(&found, v->addr) >= nearest)
			continue;
		nearest = distance(&found, v->addr);
		*o = found;
	}
	return nearest <= PAGE_SIZE;
}

static void report_fault(const struct fault_state *s, struct fault_verdict *v)
{
	struct fault_holder holder = { .how = HOLDER_NONE };
	struct slab_object beside;
	struct report_record *r;
	bool held, near;

	if (v->pointer)
		holder_find(s, v, &holder);
	held = holder.how != HOLDER_NONE;
	near = find_beside(s, v, &beside);
	if (near)
		v->kind = beside.large ? REPORT_VMALLOC_OUT_OF_BOUNDS : REPORT_SLAB_OUT_OF_BOUNDS;
	if (held && holder.object.state != SLAB_OBJ_LIVE)
		v->kind = REPORT_SLAB_USE_AFTER_FREE;
	r = report_begin(v->kind, "fence");
	if (!r)
		return;
	report_set_access(r, v->addr, 0, v->access);
	fill_fault(r, s);
	r->fault.no_addr = !v->have_addr;
	/* What lies where it jumped to is no instruction. */
	if (v->bad_pc)
		r->fault.code_len = 0;
	r->fault.stack_lo = v->stack_lo;
	r->fault.stack_hi = v->stack_hi;
	r->detail = report_string(r, v->detail);
	add_trace(r, s, v);
	if (held) {
		report_set_object(r, &holder.object);
		r->bad_addr = holder.word;
	} else if (near) {
		report_set_object(r, &beside);
	}
	report_end(r);
}

void (*fence_hook_dying)(void);

static void explain(const struct fault *f, struct fault_state *s)
{
	struct fault_verdict v;

	gather_state(f, s);
	gather_jump(s);
	fault_find_mappings(s);
	fault_diagnose(s, &v);
	/* An instrumented program has checked the access just before and was told. */
	if (!v.have_addr || !report_is_last(v.addr))
		report_fault(s, &v);
}

static void handle_nobodys(const struct fault *f, struct fault_state *s)
{
	if (options.fence_check_on_panic)
		fence_check_all("when the program died", NULL);
	explain(f, s);
	if (fence_hook_dying)
		fence_hook_dying();
	signals_give_up(f->sig);
}

/* ---- on the program's signal stack --------------------------------------------------------------------------------------------------------- */

/* The kernel takes a signal stack that nobody stands on for free, and puts the next frame at its top, over the one that we came with.  So while we
 * are away from the program's, nothing may come; and for a report, which may take long, and in which a fault is to be told, ours is the
 * signal stack. */
static void leave_theirs(struct fault *f)
{
	uintptr_t lo, hi, frame = machine_frame_start(f->uc);

	if (!fault_stack_of_program(f->uc, &lo, &hi) || frame - lo >= hi - lo || (f->uc->uc_stack.ss_flags & SS_AUTODISARM))
		return;
	f->above_theirs = true;
	/* A stack of ours that has gone away is to be told too; from here on a fault could not be. */
	*(volatile uintptr_t *)(fault_stack_self->hi - sizeof(uintptr_t)) = 0;
	kernel_mask(SIG_BLOCK, SIGNALS_OURS);
}

static void report_begins(const struct fault *f)
{
	stack_t ours;

	if (!f->above_theirs)
		return;
	fault_stack_ours(&ours);
	arch_syscall6(SYS_sigaltstack, (long)&ours, 0, 0, 0, 0, 0);
	kernel_mask(SIG_UNBLOCK, SIGNALS_OURS);
}

static void report_is_over(const struct fault *f)
{
	if (!f->above_theirs)
		return;
	kernel_mask(SIG_BLOCK, SIGNALS_OURS);
	arch_syscall6(SYS_sigaltstack, (long)&f->uc->uc_stack, 0, 0, 0, 0, 0);
}

/* ---- the handler ------------------------------------------------------------------------------------------------------------------------------ */

static bool (*fault_hook)(uintptr_t addr, uintptr_t pc); /* written once at start-up */

void fence_set_fault_hook(bool (*mine)(uintptr_t addr, uintptr_t pc))
{
	fault_hook = mine;
}

static bool maybe_own(const struct fault *f)
{
	return machine_trap(f->uc) == TRAP_PAGE && (fence_contains(f->info->si_addr) || arena_contains(f->info->si_addr));
}

/* A fault that is blocked kills, whatever handler there is. */
static bool program_handles(const struct fault *f)
{
	struct program_action a;

	signals_program_action(f->sig, &a, false);
	return a.handler != (uintptr_t)SIG_DFL && a.handler != (uintptr_t)SIG_IGN && !signals_program_blocks(f->sig, context_mask(f->uc));
}

static bool reported_own(const struct fault *f)
{
	struct fault_state s;
	bool own;

	report_begins(f);
	gather_state(f, &s);
	own = handle_own(&s);
	report_is_over(f);
	return own;
}

static void handle(void *arg)
{
	struct fault *f = arg;
	struct fault_state s;
	bool handles;

	if (f->info->si_code <= 0) {
		handle_sent(f);
		return;
	}
	if (fault_hook && machine_trap(f->uc) == TRAP_PAGE &&
	    fault_hook((uintptr_t)f->info->si_addr, ARCH_CONTEXT_PC(f->uc)))
		return;
	/* What a JIT does a thousand times a second must cost little: state is gathered only for a report. */
	if (maybe_own(f) && reported_own(f))
		return;
	handles = program_handles(f);
	if (handles && options.handled_faults) {
		report_begins(f);
		explain(f, &s);
		report_is_over(f);
	}
	/* As in the kernel: no room for a frame, no handler. */
	if (handles && run_program_handler(f))
		return;
	report_begins(f);
	handle_nobodys(f, &s);
	report_is_over(f);
}

/* Whatever is wrong, it must not go round in circles. */
static void handle_own_fault(const struct fault *f)
{
	report_line("a fault inside memsan's fault handler, at 0x%llx; the program ends",
	            (unsigned long long)f->uc->uc_mcontext.gregs[REG_RIP]);
	signals_give_up(f->sig);
}

/* The stack may be the program's, and tiny. */
static void fault_handler(int sig, siginfo_t *info, void *context)
{
	struct fault f = { .sig = sig, .info = info, .uc = context };
	bool busy = fault_busy;

	if (busy && info->si_code > 0) {
		handle_own_fault(&f);
		return;
	}
	/* One after the other, as the kernel would do it. */
	if (busy || (info->si_code <= 0 && signals_in_handler(f.uc))) {
		hold(&f);
		return;
	}
	/* Before anything else that could fault, the change of stacks too. */
	fault_busy = true;
	if (fault_stack_self && !fault_stack_holds(fault_stack_self, machine_sp())) {
		leave_theirs(&f);
		machine_call_on(fault_stack_self->hi, handle, &f);
	} else {
		handle(&f);
	}
	fault_busy = false;
	if (f.enter) {
		/* A context that is returned to blocks what it blocked before; the handler blocks more, as the program said. */
		kernel_mask(SIG_SETMASK, f.enter_mask);
		machine_frame_enter(f.uc, f.sig, f.enter);
	}
}

void fence_fault_init(fence_sigaction_fn real)
{
	if (!options.fault_handler || fence_fault_on || !real)
		return;
	fence_fault_on = true;
	fence_thread_start();
	/* The main thread's stack begins above this function; the kernel's list of mappings knows where. */
	fault_stack_top_of_thread = 0;
	fault_stack_of_process = machine_sp();
	if (!signals_install(real, fault_handler))
		fence_fault_on = false;
}
