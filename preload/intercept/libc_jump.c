/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/intercept/libc_jump.c - jumps out of frames, for the shadow of the stack.
 *
 * Instrumented frames that are left by a jump leave their poison behind. Instrumented code tells memsan before it calls
 * a function that does not return, but a library that is not instrumented does not. So each function here learns the
 * stack pointer at which the thread goes on, tells shadow/, and jumps to the real function with its arguments
 * unchanged. (A call would not do: makecontext has variable arguments.)
 *
 * Exceptions land in _Unwind_SetIP. In every language, the personality routine calls it for each frame in which the
 * thread goes on, in a handler or in cleanup code. A process may have several unwinders, and a context belongs to one
 * of them. The right unwinder has called the personality routine, so it is on the stack.
 */
#include "preload/intercept/intercept.h"

#include "shadow/shadow.h"

#include <dlfcn.h>

#define UNWINDER_FRAMES 8 /* from _Unwind_SetIP to the unwinder: the personality routine and its helpers */

struct _Unwind_Context;
void _Unwind_SetIP(struct _Unwind_Context *context, uintptr_t ip);
uintptr_t _Unwind_GetCFA(struct _Unwind_Context *context);

/* ---- longjmp --------------------------------------------------------------------------------- */

#define JUMP(name)                                                     \
	__attribute__((used)) void *jump_find_##name(const void *env); \
	void *jump_find_##name(const void *env)                        \
	{                                                              \
		if (!libc_replaced[LIBC_##name])                       \
			shadow_stack_resume(arch_longjmp_sp(env));     \
		return (void *)REAL(name);                             \
	}                                                              \
	ARCH_FORWARD(name, jump_find_##name)
JUMP(longjmp);
JUMP(_longjmp);
JUMP(siglongjmp);
JUMP(__longjmp_chk);

/* ---- contexts -------------------------------------------------------------------------------- */

__attribute__((used)) void *jump_find_setcontext(const ucontext_t *to);
__attribute__((used)) void *jump_find_swapcontext(const ucontext_t *from, const ucontext_t *to);
__attribute__((used)) void *jump_find_makecontext(const ucontext_t *made);

static void run_original(const ucontext_t *to)
{
	if (unlikely(code_copies) && to->uc_flags) /* it is a signal's: getcontext sets none */
		code_copies->run_original(ARCH_CONTEXT_PC(to));
}

void *jump_find_setcontext(const ucontext_t *to)
{
	shadow_stack_resume(ARCH_CONTEXT_SP(to));
	run_original(to);
	return (void *)REAL(setcontext);
}

void *jump_find_swapcontext(const ucontext_t *from, const ucontext_t *to)
{
	shadow_stack_switch(ARCH_CONTEXT_SP(to), (uintptr_t)from->uc_stack.ss_sp, from->uc_stack.ss_size);
	run_original(to);
	return (void *)REAL(swapcontext);
}

/* A coroutine that was given up may have left its frames on this stack. */
void *jump_find_makecontext(const ucontext_t *made)
{
	shadow_stack_new((uintptr_t)made->uc_stack.ss_sp, made->uc_stack.ss_size);
	return (void *)REAL(makecontext);
}

ARCH_FORWARD(setcontext, jump_find_setcontext);
ARCH_FORWARD(swapcontext, jump_find_swapcontext);
ARCH_FORWARD(makecontext, jump_find_makecontext);

/* ---- exceptions ------------------------------------------------------------------------------ */

struct unwinder {
	__typeof__(_Unwind_SetIP) *set_ip;
	__typeof__(_Unwind_GetCFA) *get_cfa;
};

static bool unwinder_of(const struct link_map *m, struct unwinder *u)
{
	struct module_symbols symbols;
	const ElfW(Sym) *set_ip, *get_cfa;

	symbols_find(&symbols, m);
	set_ip = symbols_look_up(&symbols, "_Unwind_SetIP");
	get_cfa = symbols_look_up(&symbols, "_Unwind_GetCFA");
	if (!set_ip || !set_ip->st_value || !get_cfa || !get_cfa->st_value)
		return false;
	u->set_ip = (void *)(m->l_addr + set_ip->st_value);
	u->get_cfa = (void *)(m->l_addr + get_cfa->st_value);
	return true;
}

static bool find_unwinder(struct unwinder *u)
{
	struct dl_find_object self = { 0 }, found;
	uintptr_t pcs[UNWINDER_FRAMES];
	struct unwind_regs regs;
	size_t n;

	UNWIND_HERE(&regs);
	_dl_find_object((void *)(uintptr_t)find_unwinder, &self);
	n = unwind_walk(&regs, pcs, UNWINDER_FRAMES);
	for (size_t i = 0; i < n; i++)
		if (_dl_find_object((void *)(pcs[i] - 1), &found) == 0 && found.dlfo_link_map != self.dlfo_link_map &&
		    unwinder_of(found.dlfo_link_map, u))
			return true;
	return false;
}

__attribute__((used)) void *jump_find_set_ip(struct _Unwind_Context *context);
void *jump_find_set_ip(struct _Unwind_Context *context)
{
	struct unwinder u = { NULL, NULL };

	if (!find_unwinder(&u)) {
		u.set_ip = dlsym(RTLD_NEXT, "_Unwind_SetIP");
		return (void *)u.set_ip;
	}
	shadow_stack_resume(u.get_cfa(context));
	return (void *)u.set_ip;
}

ARCH_FORWARD(_Unwind_SetIP, jump_find_set_ip);
