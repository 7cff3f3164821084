/* SPDX-License-Identifier: BSD-2-Clause */
/* fault/explain.c - from a fault to a report: collects the machine's state, has it diagnosed (diagnose.c) and fills a
 * record. For a fault in a guard page the record has the object that the page guards. */
#include "config.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fault/fault_internal.h"

/* ---- what the record says about the machine -------------------------------------------------- */

static void gather_stack(struct fault_state *s)
{
	struct rlimit limit;

	s->stack_top = fault_stack_top_of_thread;
	s->stack_low = fault_stack_low_of_thread;
	s->stack_at = s->stack_top;
	if (s->stack_top)
		return;
	/* The first thread, or a thread whose start memsan did not see. */
	s->stack_at = os_gettid() == os_getpid() ? fault_stack_of_process : 0;
	if (s->stack_at && !os_filter_set() &&
	    arch_syscall6(SYS_prlimit64, 0, RLIMIT_STACK, 0, (long)&limit, 0, 0) == 0 &&
	    limit.rlim_cur != RLIM_INFINITY)
		s->stack_limit = limit.rlim_cur;
}

void fault_gather(const struct fault_origin *origin, const ucontext_t *uc, struct fault_state *s)
{
	mem_set(s, 0, sizeof(*s));
	s->signo = origin->sig;
	s->si_code = origin->si_code;
	s->trap = origin->trap;
	s->error = origin->error;
	s->addr = origin->addr;
	machine_read_context(uc, s->regs);
	s->tls_base = machine_tls_base();
	s->code_len = (unsigned)os_safe_read(s->code, (void *)s->regs[MREG_IP], sizeof(s->code));
	if (code_copies)
		code_copies->original_code(s->regs[MREG_IP], s->code, s->code_len);
	s->have_top_word = os_safe_read(&s->top_word, (void *)s->regs[MREG_SP], sizeof(s->top_word)) ==
	                   sizeof(s->top_word);
	gather_stack(s);
}

/* A call through a pointer in memory faults at the call itself when the pointer is not canonical. */
static void gather_jump(struct fault_state *s)
{
	uint64_t from = s->trap == TRAP_PROTECTION ? fault_jump_through(s) : 0;

	s->have_jump_word = from &&
	                    os_safe_read(&s->jump_word, (void *)from, sizeof(s->jump_word)) == sizeof(s->jump_word);
}

static void fill_fault(struct report_record *r, const struct fault_state *s)
{
	struct report_fault *f = &r->fault;

	f->present = MACHINE_AT_FAULT;
	f->signo = (uint32_t)s->signo;
	f->si_code = s->si_code;
	f->trap = (uint32_t)s->trap;
	f->error = s->error;
	f->addr = s->addr;
	mem_copy(f->regs, s->regs, sizeof(s->regs));
	f->code_len = s->code_len;
	mem_copy(f->code, s->code, s->code_len);
	f->nr_words = (uint32_t)(os_safe_read(f->words, (void *)s->regs[MREG_SP], sizeof(f->words)) /
	                         sizeof(f->words[0]));
}

static void add_trace(struct report_record *r, const struct fault_state *s, const struct fault_verdict *v)
{
	struct unwind_regs regs = { .pc = s->regs[MREG_IP], .sp = s->regs[MREG_SP], .fp = s->regs[MREG_BP] };

	/* After a jump to a bad address the stack begins with the caller. */
	if (v && v->bad_pc && s->have_top_word) {
		/* The call instruction lies just before its return address. */
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

/* ---- ours ------------------------------------------------------------------------------------ */

static enum report_access page_access(const struct fault_state *s)
{
	return s->error & PAGE_ERROR_EXEC ? ACCESS_EXECUTE : s->error & PAGE_ERROR_WRITE ? ACCESS_WRITE : ACCESS_READ;
}

static void report_guard(const struct fault_state *s, const struct slab_object *o)
{
	bool live = o->state == SLAB_OBJ_LIVE || slab_is_unused(s->addr);
	enum report_kind beyond = o->large ? REPORT_VMALLOC_OUT_OF_BOUNDS : REPORT_SLAB_OUT_OF_BOUNDS;
	struct report_record *r = report_begin(live ? beyond : REPORT_USE_AFTER_FREE, "fence");

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

	/* Without an object nearby, now or earlier, the address is diagnosed as any other. */
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

bool fault_open_own(const struct fault_state *s)
{
	struct slab_object object;

	if (s->trap == TRAP_PAGE && fence_contains((void *)s->addr))
		return handle_fenced(s);
	if (s->trap != TRAP_PAGE || !arena_contains((void *)s->addr) || !slab_is_guard(s->addr, &object))
		return false;
	report_guard(s, &object);
	return slab_guard_open(s->addr);
}

/* ---- faults that are neither the fence's nor slab's ------------------------------------------ */

/* The distance from addr to a live object; UINTPTR_MAX: the object is not live, or addr is inside it. */
static uintptr_t distance(const struct slab_object *o, uintptr_t addr)
{
	if (o->state != SLAB_OBJ_LIVE || addr - o->addr < o->size)
		return UINTPTR_MAX;
	return addr < o->addr ? o->addr - addr : addr - (o->addr + o->size) + 1;
}

static bool nothing_is_there(const struct fault_state *s, const struct fault_verdict *v)
{
	return s->trap == TRAP_PAGE && v->kind == REPORT_WILD_MEMORY_ACCESS && !v->pointer;
}

/* Nothing is mapped at the address, but a live object is near: in the arena outside of the part in use as far as
 * slab_find_object looks, and within a page of an address just outside the arena or in memory that was freed. */
static bool find_beside(const struct fault_state *s, const struct fault_verdict *v, struct slab_object *o)
{
	const uintptr_t probes[] = { ALIGN_DOWN(v->addr, PAGE_SIZE) - 1, ALIGN_DOWN(v->addr, PAGE_SIZE) + PAGE_SIZE };
	uintptr_t nearest = PAGE_SIZE + 1;
	struct slab_object found;

	if (!nothing_is_there(s, v))
		return false;
	if (arena_contains((void *)v->addr))
		return slab_find_object(v->addr, o) &&
		       distance(o, v->addr) <= (slab_has_gone(v->addr) ? PAGE_SIZE : UINTPTR_MAX - 1);
	for (unsigned i = 0; i < ARRAY_SIZE(probes); i++) {
		if (!arena_contains((void *)probes[i]) || !slab_find_object(probes[i], &found) ||
		    distance(&found, v->addr) >= nearest)
			continue;
		nearest = distance(&found, v->addr);
		*o = found;
	}
	return nearest <= PAGE_SIZE;
}

static void note_gone(struct fault_verdict *v)
{
	struct fmt_buf b;

	v->kind = REPORT_USE_AFTER_FREE;
	fmt_init(&b, v->detail, sizeof(v->detail));
	fmt_printf(&b, "The memory was freed and went back to the kernel.");
}

static void report_fault(const struct fault_state *s, struct fault_verdict *v)
{
	struct poison_origin holder = { .how = ORIGIN_NONE };
	struct slab_object beside;
	struct report_record *r;
	struct smash smash;
	bool held, near, smashed = smash_find(s, v, &smash);

	if (v->pointer)
		poison_origin_find(s, v, &holder);
	held = holder.how != ORIGIN_NONE;
	near = find_beside(s, v, &beside);
	if (near)
		v->kind = beside.large ? REPORT_VMALLOC_OUT_OF_BOUNDS : REPORT_SLAB_OUT_OF_BOUNDS;
	else if (nothing_is_there(s, v) && slab_has_gone(v->addr))
		note_gone(v);
	if (held && holder.object.state != SLAB_OBJ_LIVE)
		v->kind = REPORT_SLAB_USE_AFTER_FREE;
	r = report_begin(v->kind, "fence");
	if (!r)
		return;
	report_set_access(r, v->addr, 0, v->access);
	fill_fault(r, s);
	r->fault.no_addr = !v->have_addr;
	/* The bytes at the target of a bad jump are no instruction. */
	if (v->bad_pc)
		r->fault.code_len = 0;
	r->fault.stack_lo = v->stack_lo;
	r->fault.stack_hi = v->stack_hi;
	r->detail = report_string(r, v->detail);
	if (smashed)
		smash_fill(r, v, &smash);
	else
		add_trace(r, s, v);
	if (held) {
		report_set_object(r, &holder.object);
		r->bad_addr = holder.word;
	} else if (near) {
		report_set_object(r, &beside);
	}
	report_end(r);
}

void fault_explain(const struct fault_origin *origin, const ucontext_t *uc)
{
	struct fault_state s;
	struct fault_verdict v;

	fault_gather(origin, uc, &s);
	gather_jump(&s);
	fault_find_mappings(&s);
	fault_diagnose(&s, &v);
	/* In an instrumented program the check just before the access may have reported it already. */
	if (!v.have_addr || !report_is_last(v.addr))
		report_fault(&s, &v);
}

void fault_explain_handled(const struct unwind_regs *regs)
{
	struct fault_origin origin;
	const ucontext_t *uc;

	while ((uc = pending_take(regs, &origin)))
		fault_explain(&origin, uc);
}

void fault_explain_interrupted(const ucontext_t *uc)
{
	const struct unwind_regs regs = { .pc = ARCH_CONTEXT_PC(uc),
		                          .sp = ARCH_CONTEXT_SP(uc),
		                          .fp = ARCH_CONTEXT_FP(uc) };

	fault_explain_handled(&regs);
}
