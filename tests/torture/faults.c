/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/torture/faults.c - faults, traps and other processes inside of the heap: guard pages of the program's, handlers
 * that jump out, protection keys, single steps, system calls that are dispatched to a handler, a tracer that writes. */
#define TORTURE_MAIN
#include "torture.h"

#include <setjmp.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <ucontext.h>

#define GUARD_INSTALL 102
#define GUARD_REMOVE 103
#define POPULATE_WRITE 23

static sigjmp_buf back;
static volatile unsigned faults;

static void handle(int sig, void (*f)(int, siginfo_t *, void *), int flags)
{
	struct sigaction a = { .sa_sigaction = f, .sa_flags = SA_SIGINFO | flags };

	sigaction(sig, &a, NULL);
}

static void jumps(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)info;
	(void)context;
	faults++;
	free(malloc(200));
	siglongjmp(back, 1);
}

static int readable(const volatile char *p)
{
	if (sigsetjmp(back, 1))
		return 0;
	(void)*p;
	return 1;
}

/* Electric Fence's way, within one block: the last page is closed, and a write runs into it. */
static void guards_in_blocks(void)
{
	handle(SIGSEGV, jumps, 0);
	for (int i = 0; i < 100; i++) {
		size_t n = (size_t)(3 + i % 40) * PAGE;
		char *volatile p = memalign(PAGE, n);

		memset(p, 1, n);
		must(mprotect(p + n - PAGE, PAGE, PROT_NONE) == 0);
		if (sigsetjmp(back, 1) == 0)
			for (size_t k = 0;; k++)
				p[k] = 2;
		must(mprotect(p + n - PAGE, PAGE, PROT_READ | PROT_WRITE) == 0);
		must(p[n - PAGE] == 1 && p[n - PAGE - 1] == 2);
		free(p);
	}
	say("%u faults\n", faults);
}

/* The same by guard regions of the kernel's, on pages that were filled at once. */
static void guard_regions(void)
{
	char *probe = memalign(PAGE, 4 * PAGE);

	if (madvise(probe, PAGE, GUARD_INSTALL) != 0)
		absent("the kernel has no guard regions");
	must(madvise(probe, PAGE, GUARD_REMOVE) == 0);
	free(probe);
	handle(SIGSEGV, jumps, 0);
	for (int i = 0; i < 40; i++) {
		size_t n = (size_t)(4 + i * 3) * PAGE;
		char *p = memalign(PAGE, n);

		must(madvise(p, n, POPULATE_WRITE) == 0);
		memset(p, 3, n);
		must(madvise(p + PAGE, PAGE, GUARD_INSTALL) == 0);
		must(!readable(p + PAGE) && readable(p) && readable(p + 2 * PAGE));
		must(madvise(p + PAGE, PAGE, GUARD_REMOVE) == 0);
		must(p[PAGE] == 0 && p[0] == 3);
		if (i % 4 == 3)
			p = realloc(p, n + 10);
		free(p);
		p = memset(malloc(n), 4, n);
		free(p);
	}
	say("%u faults\n", faults);
}

/* Keys of a processor over blocks, and over blocks that were freed with them. */
static void protection_keys(void)
{
	int key = pkey_alloc(0, 0);

	if (key < 0)
		absent("the processor has no protection keys");
	mallopt(M_MMAP_THRESHOLD, 128 << 10);
	handle(SIGSEGV, jumps, 0);
	for (int i = 0; i < 10; i++) {
		size_t n = (size_t)(1 + i * 20) * PAGE;
		char *volatile p = memalign(PAGE, n), *q;

		memset(p, 1, n);
		must(pkey_mprotect(p, n, PROT_READ | PROT_WRITE, key) == 0);
		pkey_set(key, PKEY_DISABLE_ACCESS);
		must(!readable(p));
		pkey_set(key, PKEY_DISABLE_WRITE);
		churn(50, 3);
		must(readable(p));
		pkey_set(key, 0);
		p[0] = 3;
		if (n < 256 << 10) /* libc keeps smaller ones in its heap */
			must(pkey_mprotect(p, n, PROT_READ | PROT_WRITE, 0) == 0);
		free(p);
		pkey_set(key, PKEY_DISABLE_ACCESS);
		q = memset(malloc(n), 2, n);
		pkey_set(key, 0);
		free(q);
	}
	say("%u faults\n", faults);
}

static volatile unsigned long steps;

static void counts(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)info;
	(void)context;
	steps++;
}

/* A program that counts its own instructions: each raises SIGTRAP, and so do those of malloc. */
static void steps_through_malloc(void)
{
	handle(SIGTRAP, counts, 0);
	for (size_t i = 0; i < 20; i++) {
		__asm__ volatile("pushfq; orq $0x100,(%%rsp); popfq" ::: "cc", "memory");
		free(malloc(i * 50));
		__asm__ volatile("pushfq; andq $~0x100,(%%rsp); popfq" ::: "cc", "memory");
	}
	say("%s\n", steps > 500 ? "stepped" : "not stepped");
}

/* Without the time stamp counter. */
static void no_clock(void)
{
	must(prctl(PR_SET_TSC, PR_TSC_SIGSEGV) == 0);
	churn(2000, 1);
	say("no clock\n");
	exit(3);
}

static volatile char dispatches;

static void makes_the_call(int sig, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	register long r10 __asm__("r10") = r[REG_R10], r8 __asm__("r8") = r[REG_R8], r9 __asm__("r9") = r[REG_R9];
	long ret;

	(void)sig;
	dispatches = 0;
	__asm__ volatile("syscall"
	                 : "=a"(ret)
	                 : "a"((long)info->si_syscall), "D"(r[REG_RDI]), "S"(r[REG_RSI]), "d"(r[REG_RDX]), "r"(r10),
	                   "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory");
	r[REG_RAX] = ret;
}

/* Wine's way: system calls trap into a handler, which makes them. */
static void dispatched_calls(void)
{
	handle(SIGSYS, makes_the_call, 0);
	if (prctl(59 /* PR_SET_SYSCALL_USER_DISPATCH */, 1, 0, 0, &dispatches) != 0)
		absent("the kernel does not dispatch system calls");
	for (size_t i = 0; i < 150; i++) {
		char *p;

		dispatches = 1;
		p = malloc(i * 5000 + 1);
		memset(p, 1, i * 5000 + 1);
		dispatches = 1;
		free(p);
		dispatches = 0;
	}
	prctl(59, 0, 0, 0, 0);
	say("dispatched\n");
}

/* A child writes into the heap of its parent, as debuggers and checkpoints do. */
static void written_by_tracer(void)
{
	long *p = calloc(10, sizeof(*p));
	pid_t parent = getpid(), child;
	int go[2], status = 0;
	pid_t ended = 0;
	char c;

	must(pipe(go) == 0);
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	child = fork();
	if (child == 0) {
		struct user_regs_struct r;
		long word = 77;
		struct iovec from = { &word, sizeof(word) }, to = { p + 8, sizeof(word) };

		if (ptrace(PTRACE_ATTACH, parent, 0, 0) != 0)
			_exit(SKIPPED);
		must(waitpid(parent, &status, __WALL) == parent);
		must(ptrace(PTRACE_GETREGS, parent, 0, &r) == 0);
		must(process_vm_writev(parent, &from, 1, &to, 1, 0) == sizeof(word));
		for (int i = 0; i < 300; i++) {
			must(ptrace(PTRACE_SINGLESTEP, parent, 0, 0) == 0);
			must(waitpid(parent, &status, __WALL) == parent);
		}
		must(ptrace(PTRACE_POKEDATA, parent, p + 9, (void *)1l) == 0);
		must(ptrace(PTRACE_DETACH, parent, 0, 0) == 0);
		must(write(go[1], "g", 1) == 1);
		_exit(3);
	}
	while (__atomic_load_n(&p[9], __ATOMIC_RELAXED) == 0 && !ended) {
		churn(10, 3);
		ended = waitpid(child, &status, WNOHANG);
	}
	if (__atomic_load_n(&p[9], __ATOMIC_RELAXED) == 0)
		skip("no tracing");
	must(read(go[0], &c, 1) == 1 && p[8] == 77);
	must((ended == child || waitpid(child, &status, 0) == child) && WEXITSTATUS(status) == 3);
	free(p);
	say("traced\n");
}

const struct torture_case torture_cases[] = {
	{ "guards_in_blocks", guards_in_blocks },
	{ "guard_regions", guard_regions },
	{ "protection_keys", protection_keys },
	{ "steps_through_malloc", steps_through_malloc },
	{ "no_clock", no_clock },
	{ "dispatched_calls", dispatched_calls },
	{ "written_by_tracer", written_by_tracer },
	{ NULL, NULL },
};
