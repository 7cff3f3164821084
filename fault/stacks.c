/* SPDX-License-Identifier: BSD-2-Clause */
/* fault/stacks.c - a stack of memsan's own for every thread, on which faults are handled.
 *
 *     signal stack in the kernel    the program's, if the thread has set one (sigaltstack); else memsan's
 *     a fault is handled on         memsan's in both cases: the handler changes over at once
 *
 * So every thread can report that its stack has overflowed, a small signal stack of the program's is enough, and the
 * program sees the signal stack that it has set, or none.
 *
 * Linux accepts signal stacks of 2 KiB, on which no frame of a processor with wide registers fits: the kernel ends the
 * program when a handler is to run there. A program that never runs a handler there must not be ended by memsan's
 * handler, so for such a stack the kernel keeps memsan's, and the program's is only remembered.
 *
 * Stacks are cut from chunks, each stack with a guard page below, and recycled when threads end.
 */
#include "config.h"

#include <signal.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#include "fault/fault_internal.h"

/* Half of it is for handlers of Go's runtime, which run here (signals.c). */
#define STACK_BYTES ((size_t)128 << 10)
/* What memsan's handler needs on the program's signal stack before it changes over (fault.c). */
#define HANDLER_ROOM 1024u
#define CHUNK_FIRST 16u
#define CHUNK_MAX 1024u

TLS_IE struct fault_stack *fault_stack_self;
TLS_IE uintptr_t fault_stack_top_of_thread, fault_stack_low_of_thread;
uintptr_t fault_stack_of_process;
static TLS_IE stack_t small_self; /* a signal stack of the program's that the kernel does not have; size 0: none */

/* Guards the list of stacks whose threads have ended, and the chunk that new ones are cut from. */
static struct ranked_lock stack_lock = RANKED_LOCK_INIT(LOCK_RANK_LEAF);
static struct fault_stack *stack_free;
static uintptr_t chunk_next;
static unsigned chunk_left, chunk_size;

static struct fault_stack *stack_recycled(void)
{
	struct fault_stack *s;

	lock_acquire(&stack_lock);
	s = stack_free;
	if (s)
		stack_free = s->next_free;
	lock_release(&stack_lock);
	return s;
}

static bool chunk_cut(struct fault_stack *s)
{
	bool cut = false;

	lock_acquire(&stack_lock);
	if (chunk_left) {
		s->lo = chunk_next + PAGE_SIZE;
		s->hi = chunk_next + STACK_BYTES;
		chunk_next += STACK_BYTES;
		chunk_left--;
		cut = true;
	}
	lock_release(&stack_lock);
	return cut;
}

/* Each chunk is a reserve of its own, so chunks double. When two threads make a chunk at once, one chunk is lost: 2 MiB
 * of addresses. The pages before and behind a chunk stay inaccessible, as in fence/slots.c: a chunk that merged with
 * the mapping of slab descriptors hid the descriptors from gcore, because of the chunk's guard pages. */
static bool chunk_make(void)
{
	unsigned n = MIN(MAX(CHUNK_FIRST, 2 * chunk_size), CHUNK_MAX);
	char *chunk = os_reserve(n * STACK_BYTES + 2 * PAGE_SIZE, PAGE_SIZE);

	if (!chunk)
		return false;
	if (!os_commit(chunk + PAGE_SIZE, n * STACK_BYTES, false)) {
		os_release(chunk, n * STACK_BYTES + 2 * PAGE_SIZE);
		return false;
	}
	lock_acquire(&stack_lock);
	chunk_next = (uintptr_t)chunk + PAGE_SIZE;
	chunk_left = chunk_size = n;
	lock_release(&stack_lock);
	return true;
}

static struct fault_stack *stack_get(void)
{
	struct fault_stack *s = stack_recycled();

	if (s)
		return s;
	s = meta_alloc(sizeof(*s), COST_FENCE);
	if (!s)
		return NULL;
	while (!chunk_cut(s))
		if (!chunk_make())
			return NULL;
	/* Without memory for a guard page, the stack has none. */
	if (!os_guard_install((void *)(s->lo - PAGE_SIZE), PAGE_SIZE))
		os_protect_none((void *)(s->lo - PAGE_SIZE), PAGE_SIZE);
	return s;
}

static void stack_put(struct fault_stack *s)
{
	lock_acquire(&stack_lock);
	s->next_free = stack_free;
	stack_free = s;
	lock_release(&stack_lock);
}

void fault_stack_ours(stack_t *s)
{
	mem_set(s, 0, sizeof(*s));
	s->ss_sp = (void *)fault_stack_self->lo;
	s->ss_size = fault_stack_self->hi - fault_stack_self->lo;
}

void fault_thread_start(void)
{
	static bool registered;
	stack_t now = { .ss_flags = SS_DISABLE }, ours;

	/* A seccomp filter may end the program for a system call that the program itself does not make. */
	if (!fault_installed || fault_stack_self || !os_free_to(OS_CALL_SIGALTSTACK))
		return;
	if (!__atomic_exchange_n(&registered, true, __ATOMIC_RELAXED))
		lock_register_for_fork(&stack_lock);
	fault_stack_self = stack_get();
	if (!fault_stack_self)
		return;
	signals_mask_adopt();
	if (!fault_stack_top_of_thread)
		fault_stack_top_of_thread = machine_sp();
	fault_stack_ours(&ours);
	/* Nearly always there was none. */
	if (arch_syscall6(SYS_sigaltstack, (long)&ours, (long)&now, 0, 0, 0, 0) == 0 && !(now.ss_flags & SS_DISABLE))
		arch_syscall6(SYS_sigaltstack, (long)&now, 0, 0, 0, 0, 0);
}

void fault_thread_stack(uintptr_t lo, uintptr_t hi)
{
	fault_stack_low_of_thread = lo;
	fault_stack_top_of_thread = hi;
}

void fault_thread_exit(void)
{
	struct fault_stack *s = fault_stack_self;
	stack_t now = { .ss_flags = SS_DISABLE }, none;

	if (!s || os_filter_set())
		return;
	mem_set(&none, 0, sizeof(none));
	none.ss_flags = SS_DISABLE;
	/* If the thread ends on its signal stack, that cannot be recycled. */
	if (arch_syscall6(SYS_sigaltstack, (long)&none, (long)&now, 0, 0, 0, 0) != 0) {
		if (arch_syscall6(SYS_sigaltstack, 0, (long)&now, 0, 0, 0, 0) != 0 || (uintptr_t)now.ss_sp == s->lo)
			return;
	} else if (!(now.ss_flags & SS_DISABLE) && (uintptr_t)now.ss_sp != s->lo) {
		arch_syscall6(SYS_sigaltstack, (long)&now, 0, 0, 0, 0, 0);
	}
	fault_stack_self = NULL;
	mem_set(&small_self, 0, sizeof(small_self));
	stack_put(s);
}

/* ---- the program's --------------------------------------------------------------------------- */

static bool stack_is_ours(const stack_t *s)
{
	return fault_stack_self && !(s->ss_flags & SS_DISABLE) && (uintptr_t)s->ss_sp == fault_stack_self->lo;
}

bool fault_stack_stands_in(void)
{
	return small_self.ss_size != 0;
}

static void stack_describe(const stack_t *kernel, const stack_t *small, stack_t *old)
{
	mem_copy(old, kernel, sizeof(*old));
	if (!stack_is_ours(kernel))
		return;
	mem_copy(old, small, sizeof(*old));
	old->ss_flags |= small->ss_size ? kernel->ss_flags & SS_ONSTACK : SS_DISABLE;
}

/* Read from the frame, where the kernel notes the signal stack: a seccomp filter may forbid the system call. */
bool fault_stack_of_program(const ucontext_t *uc, uintptr_t *lo, uintptr_t *hi)
{
	*lo = (uintptr_t)uc->uc_stack.ss_sp;
	*hi = *lo + uc->uc_stack.ss_size;
	return !(uc->uc_stack.ss_flags & SS_DISABLE) && !stack_is_ours(&uc->uc_stack);
}

static bool stack_is_small(const stack_t *s)
{
	unsigned long frame = getauxval(AT_MINSIGSTKSZ);

	return frame && fault_stack_self && !(s->ss_flags & SS_DISABLE) && s->ss_size < frame + HANDLER_ROOM;
}

int signals_sigaltstack(const stack_t *ss, stack_t *old)
{
	stack_t now, set, small;
	bool guest = ss && fault_installed && !process_is_this(); /* its signal stack is its own (signals.c) */
	long ret;

	mem_set(&now, 0, sizeof(now));
	mem_copy(&small, &small_self, sizeof(small));
	if (ss) {
		mem_copy(&set, ss, sizeof(set));
		if (!guest && (set.ss_flags & ~SS_AUTODISARM) == SS_DISABLE && fault_stack_self)
			fault_stack_ours(&set);
	}
	/* The kernel is always asked: it refuses a change while the thread runs on its signal stack. */
	ret = arch_syscall6(SYS_sigaltstack, ss ? (long)&set : 0, (long)&now, 0, 0, 0, 0);
	if (ret != 0)
		return (int)ret;
	if (ss && !guest) {
		mem_set(&small_self, 0, sizeof(small_self));
		if (stack_is_small(ss)) {
			mem_copy(&small_self, ss, sizeof(small_self));
			small_self.ss_flags &= ~SS_ONSTACK;
			fault_stack_ours(&set);
			arch_syscall6(SYS_sigaltstack, (long)&set, 0, 0, 0, 0, 0);
		}
	}
	if (ss && !guest && !(ss->ss_flags & SS_DISABLE))
		signals_release_onstack();
	if (old)
		stack_describe(&now, &small, old);
	return 0;
}
