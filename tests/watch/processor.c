/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/watch/processor.c - see processor.h.
 *
 * A handler of a signal may change all registers of the thread that the signal interrupted.  So processor_run raises a
 * signal, whose handler puts in the state; the instructions run when it returns, and end with a signal whose handler
 * takes the state and puts back the one that the first signal found. */
#include "config.h"

#include <cpuid.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "tests/watch/processor.h"

#define STACK_SIZE ((size_t)256 << 10)
#define SW_BYTES 464 /* in the area of fxsave: what the kernel says of the area behind it */

/* By number in the encoding. */
static const int gregs[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	                       REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15 };

struct state processor_host;
size_t processor_vectors_size;
size_t processor_ymm, processor_k, processor_zmm_high, processor_zmm16;
static struct state *volatile running;
static volatile struct ending ending;

static void take(struct state *state, const ucontext_t *uc)
{
	const mcontext_t *m = &uc->uc_mcontext;

	for (int i = 0; i < 16; i++)
		state->gpr[i] = (uint64_t)m->gregs[gregs[i]];
	state->rip = (uint64_t)m->gregs[REG_RIP];
	state->flags = (uint64_t)m->gregs[REG_EFL];
	memcpy(state->vectors, m->fpregs, processor_vectors_size);
}

static void put(const struct state *state, ucontext_t *uc)
{
	mcontext_t *m = &uc->uc_mcontext;

	for (int i = 0; i < 16; i++)
		m->gregs[gregs[i]] = (greg_t)state->gpr[i];
	m->gregs[REG_RIP] = (greg_t)state->rip;
	m->gregs[REG_EFL] = (greg_t)state->flags;
	memcpy(m->fpregs, state->vectors, processor_vectors_size);
}

static void start(int signo, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	uint32_t size;

	(void)signo;
	(void)info;
	if (!processor_vectors_size) {
		memcpy(&size, (const char *)uc->uc_mcontext.fpregs + SW_BYTES + 16, sizeof(size));
		processor_vectors_size = size;
		if (size > VECTORS_MAX)
			abort();
	}
	take(&processor_host, uc);
	if (running)
		put(running, uc);
}

static void stop(int signo, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	if (!running) {
		signal(signo, SIG_DFL); /* a mistake of this program itself */
		return;
	}
	take(running, uc);
	ending.signo = signo;
	ending.fault_address = (uintptr_t)info->si_addr;
	running = NULL;
	put(&processor_host, uc);
}

static size_t component(unsigned number)
{
	unsigned size, offset, c, d;

	return __get_cpuid_count(13, number, &size, &offset, &c, &d) && size ? offset : 0;
}

bool processor_set_up(void)
{
	static const int signals[] = { SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGILL };
	struct sigaction sa = { .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t stack = { .ss_size = STACK_SIZE };

	stack.ss_sp = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (stack.ss_sp == MAP_FAILED || sigaltstack(&stack, NULL))
		return false;
	sa.sa_sigaction = stop;
	for (unsigned i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		if (sigaction(signals[i], &sa, NULL))
			return false;
	sa.sa_sigaction = start;
	if (sigaction(SIGUSR1, &sa, NULL))
		return false;
	raise(SIGUSR1);
	processor_ymm = component(2);
	processor_k = component(5);
	processor_zmm_high = component(6);
	processor_zmm16 = component(7);
	return processor_vectors_size >= 512 + 64;
}

struct ending processor_run(struct state *state)
{
	struct ending result;

	running = state;
	raise(SIGUSR1);
	result.signo = ending.signo;
	result.fault_address = ending.fault_address;
	return result;
}
