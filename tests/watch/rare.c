/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/watch/rare.c - what programs rarely do, each way by its name:
 *
 *     registers  a bad read with known values in all registers, behind a check that it shares with a good read and
 *                behind a push
 *     handlers   200 different handlers of one signal, one after the other
 *     raw        handlers that are set without libc
 *     limit      the address space is limited while threads are in watched loops, one of which calls nothing
 *     bits       bits at a distance from an object's start that a register tells: two inside, two outside; then a
 *                write of 108 bytes to an object of 100
 *     steps      the program steps through itself by the trap flag
 *     flags      functions are called for the first time with many flags set
 *     stepped N  a debugger steps through N instructions, from before a function's first call, and goes
 *     place      memory is mapped at a fixed address where the shadow lies
 *     names F    module F is loaded into a name space of its own
 *     refused C  the system maps nothing executable any more (PR_SET_MDWE), then the program C is started; 77: this
 *                kernel has no such switch */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define ONE(n)                                 \
	static void handler_##n(int sig)       \
	{                                      \
		static volatile int id = 0##n; \
		(void)sig;                     \
		(void)id;                      \
		hits++;                        \
	}
#define NAME(n) handler_##n,
#define EIGHT(x, n) x(n##0) x(n##1) x(n##2) x(n##3) x(n##4) x(n##5) x(n##6) x(n##7)
/* clang-format off */
#define HANDLERS(x) \
	EIGHT(x, 1) EIGHT(x, 2) EIGHT(x, 3) EIGHT(x, 4) EIGHT(x, 5) EIGHT(x, 6) EIGHT(x, 7) EIGHT(x, 10) \
	EIGHT(x, 11) EIGHT(x, 12) EIGHT(x, 13) EIGHT(x, 14) EIGHT(x, 15) EIGHT(x, 16) EIGHT(x, 17) EIGHT(x, 20) \
	EIGHT(x, 21) EIGHT(x, 22) EIGHT(x, 23) EIGHT(x, 24) EIGHT(x, 25) EIGHT(x, 26) EIGHT(x, 27) EIGHT(x, 30) \
	EIGHT(x, 31)
/* clang-format on */

int read_known(const char *p);
void raw_restorer(void);

static volatile sig_atomic_t hits;
/* clang-format off */
HANDLERS(ONE)
static void (*const handlers[])(int) = { HANDLERS(NAME) };
/* clang-format on */

__asm__(".pushsection .text\n"
        ".globl read_known\n"
        ".type read_known, @function\n"
        "read_known:\n"
        ".cfi_startproc\n"
        "	pushq %rbx\n"
        "	.cfi_adjust_cfa_offset 8\n"
        "	.cfi_offset %rbx, -16\n"
        "	movl $0xb, %ebx\n"
        "	movl $0xc, %ecx\n"
        "	movl $0xd, %edx\n"
        "	movl $0xe, %esi\n"
        "	movl $0x8, %r8d\n"
        "	movl $0x9, %r9d\n"
        "	movl $0x10, %r10d\n"
        "	movl $0x11, %r11d\n"
        "	movsbl 2(%rdi), %eax\n"
        "	movl $0xcc, %ecx\n"
        "	pushq %r12\n"
        "	.cfi_adjust_cfa_offset 8\n"
        "	.cfi_offset %r12, -24\n"
        "	movl $0x12, %r12d\n"
        "	movsbl 9(%rdi), %eax\n"
        "	movl $0x99, %r9d\n"
        "	movsbl 10(%rdi), %eax\n"
        "	addl %ebx, %eax\n"
        "	addl %ecx, %eax\n"
        "	addl %edx, %eax\n"
        "	addl %esi, %eax\n"
        "	addl %r8d, %eax\n"
        "	addl %r10d, %eax\n"
        "	popq %r12\n"
        "	.cfi_adjust_cfa_offset -8\n"
        "	popq %rbx\n"
        "	.cfi_adjust_cfa_offset -8\n"
        "	ret\n"
        ".cfi_endproc\n"
        ".size read_known, . - read_known\n"
        ".globl raw_restorer\n"
        "raw_restorer:\n"
        "	movl $15, %eax\n" /* rt_sigreturn */
        "	syscall\n"
        ".popsection\n");

static int known(void)
{
	char *p = malloc(10);
	int r;

	memset(p, 0, 10);
	r = read_known(p) == 0;
	free(p);
	return r;
}

static int many(void)
{
	for (size_t i = 0; i < sizeof(handlers) / sizeof(*handlers); i++) {
		signal(SIGUSR1, handlers[i]);
		raise(SIGUSR1);
		if (signal(SIGUSR1, handlers[i]) != handlers[i])
			return 1;
	}
	printf("%d\n", (int)hits);
	return 0;
}

struct raw_action {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	unsigned long mask;
};

static long set_raw(long sig)
{
	struct raw_action act = { handler_10, 0x04000000 /* SA_RESTORER */, raw_restorer, 0 };
	register long size __asm__("r10") = sizeof(act.mask);
	long result = SYS_rt_sigaction;

	__asm__ volatile("syscall" : "+a"(result) : "D"(sig), "S"(&act), "d"(0l), "r"(size) : "rcx", "r11", "memory");
	return result;
}

static int raw(void)
{
	struct raw_action act = { handler_11, 0x04000000, raw_restorer, 0 };
	char *p = calloc(64, 1);

	printf("%ld %ld\n", syscall(SYS_rt_sigaction, SIGUSR1, &act, NULL, sizeof(act.mask)), set_raw(SIGALRM));
	raise(SIGUSR1);
	ualarm(200, 200);
	while (hits < 50)
		for (int i = 0; i < 64; i++)
			p[i]++;
	ualarm(0, 0);
	free(p);
	printf("%d\n", hits >= 50);
	return 0;
}

static volatile int over;

static int compare(const void *a, const void *b)
{
	return (int)(*(const long *)a - *(const long *)b);
}

static void calls_once(void)
{
	long *words = calloc(10, sizeof(*words));

	qsort(words, 10, sizeof(*words), compare);
	free(words);
}

static void *calls(void *unused)
{
	long words[100] = { 0 };

	(void)unused;
	while (!over)
		qsort(words, 100, sizeof(*words), compare);
	return NULL;
}

static void *calls_nothing(void *unused)
{
	long words[100] = { 0 };

	(void)unused;
	for (unsigned i = 0; !over; i++)
		((volatile long *)words)[i % 100]++;
	return NULL;
}

static void *maps(void *at, size_t size)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | (at ? MAP_FIXED_NOREPLACE : 0);

	return mmap(at, size, PROT_READ | PROT_WRITE, flags, -1, 0);
}

/* More heap than there was. */
static int grows(void)
{
	char *last = NULL;

	for (int i = 0; i < 100000; i++) {
		char **p = malloc(400);

		if (!p)
			return 0;
		memset(p, 1, 400);
		*p = last;
		last = (char *)p;
	}
	while (last) {
		char *next = *(char **)last;

		free(last);
		last = next;
	}
	return 1;
}

static int limit(void)
{
	struct rlimit small = { 900ul << 20, RLIM_INFINITY };
	pthread_t threads[2];
	char *p;

	pthread_create(&threads[0], NULL, calls, NULL);
	pthread_create(&threads[1], NULL, calls_nothing, NULL);
	usleep(20000);
	setrlimit(RLIMIT_AS, &small);
	p = maps(NULL, 300ul << 20);
	calls_once();
	over = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	puts(p == MAP_FAILED || !grows() ? "no memory" : "ok");
	return 0;
}

static void bit_set(char *p, int bit)
{
	__asm__ volatile("lock btsl %1, (%0)" : : "r"(p), "r"(bit) : "memory", "cc");
}

static int bits(void)
{
	char *p = calloc(40, 1), *q = malloc(100);

	bit_set(p, 0);
	bit_set(p, 319);
	printf("%d %d\n", p[0], p[39] & 0xff);
	bit_set(p, 320);
	bit_set(p, -1);
	__asm__ volatile("fnsave (%0)\n\tfrstor (%0)" : : "r"(q) : "memory");
	return 0;
}

static volatile sig_atomic_t steps, elsewhere;

static void on_step(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;
	uintptr_t pc = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
	extern char __executable_start, etext;

	(void)sig;
	(void)info;
	steps++;
	elsewhere += pc - (uintptr_t)&__executable_start >= (uintptr_t)(&etext - &__executable_start);
}

__attribute__((noinline)) static int work(unsigned char *p, int n)
{
	int sum = 0;

	for (int i = 0; i < n; i++) {
		p[i] = (unsigned char)(i * 3);
		sum += p[i] ^ i;
	}
	return sum;
}

static int step(void)
{
	struct sigaction act = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };
	unsigned char *p = calloc(40, 1);
	int sum = 0;

	sigaction(SIGTRAP, &act, NULL);
	__asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq" ::: "memory", "cc");
	for (int i = 1; i < 20; i++)
		sum += work(p, i);
	__asm__ volatile("pushfq; andl $~0x100, (%%rsp); popfq" ::: "memory", "cc");
	printf("%d %d %d\n", sum, steps > 1000 && steps < 10000, elsewhere < 100);
	free(p);
	return 0;
}

/* Flags at the first instruction of functions that were not called before. */
#define FLAGS(n)                                                                    \
	long flags_##n(void);                                                       \
	__asm__(".pushsection .text; .type flags_" #n ",@function; flags_" #n ":\n" \
	        ".cfi_startproc; pushfq; .cfi_adjust_cfa_offset 8; pop %rax\n"      \
	        ".cfi_adjust_cfa_offset -8; nop; nop; nop; ret; .cfi_endproc\n"     \
	        ".size flags_" #n ", . - flags_" #n "; .popsection");               \
	static long with_##n(void)                                                  \
	{                                                                           \
		long flags;                                                         \
		__asm__ volatile("lea -128(%%rsp), %%rsp; push %1; popfq\n"         \
		                 "call flags_" #n "; cld; lea 128(%%rsp), %%rsp"    \
		                 : "=&a"(flags)                                     \
		                 : "r"(0x202l | 0x##n)                              \
		                 : "memory", "cc");                                 \
		return flags;                                                       \
	}
/* clang-format off */
FLAGS(000) FLAGS(001) FLAGS(0d4) FLAGS(0d5) FLAGS(400) FLAGS(800) FLAGS(c95) FLAGS(cd5)
	/* clang-format on */

	static int flags(void)
{
	printf("%lx %lx %lx %lx ", with_000(), with_001(), with_0d4(), with_0d5());
	printf("%lx %lx %lx %lx\n", with_400(), with_800(), with_c95(), with_cd5());
	return 0;
}

static int stepped(long n)
{
	unsigned char *p = calloc(40, 1);
	pid_t child = fork();
	int status;

	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		_exit(work(p, 20) & 0x7f);
	}
	waitpid(child, &status, 0);
	for (; n > 0 && WIFSTOPPED(status); n--) {
		ptrace(PTRACE_SINGLESTEP, child, 0, 0);
		waitpid(child, &status, 0);
	}
	if (WIFSTOPPED(status)) {
		ptrace(PTRACE_DETACH, child, 0, 0);
		waitpid(child, &status, 0);
	}
	printf("%x\n", status);
	free(p);
	return 0;
}

static int place(void)
{
	char *p = maps((void *)0x140000000, 1ul << 20);

	puts(p == MAP_FAILED ? "the place is taken" : "ok");
	if (p != MAP_FAILED)
		memset(p, 0xff, 1ul << 20);
	calls_once();
	return 0;
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";

	if (strcmp(way, "registers") == 0)
		return known();
	if (strcmp(way, "handlers") == 0)
		return many();
	if (strcmp(way, "raw") == 0)
		return raw();
	if (strcmp(way, "limit") == 0)
		return limit();
	if (strcmp(way, "bits") == 0)
		return bits();
	if (strcmp(way, "steps") == 0)
		return step();
	if (strcmp(way, "flags") == 0)
		return flags();
	if (strcmp(way, "stepped") == 0 && argc > 2)
		return stepped(atol(argv[2]));
	if (strcmp(way, "place") == 0)
		return place();
	if (strcmp(way, "names") == 0 && argc > 2)
		return !dlmopen(LM_ID_NEWLM, argv[2], RTLD_NOW);
	if (strcmp(way, "refused") == 0 && argc > 2 && prctl(65 /* PR_SET_MDWE */, 1, 0, 0, 0) != 0)
		return 77;
	if (argc > 2)
		execvp(argv[2], argv + 2);
	return 2;
}
