/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_unwind.c - walks compared with libunwind's, frame by frame, on every kind of frame; garbage never
 * faults. */
#define _GNU_SOURCE
#define UNW_LOCAL_ONLY
#include <alloca.h>
#include <dlfcn.h>
#include <libunwind.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>

#include "lib/lib.h"
#include "tests/unit/unit.h"

#define FRAMES 600
#ifdef __clang__
#define noinline_fn __attribute__((noinline))
#define WITH_FP
#else
#define noinline_fn __attribute__((noinline, noclone))
#define WITH_FP __attribute__((optimize("no-omit-frame-pointer")))
#endif

static volatile unsigned sink;
static volatile int one = 1;

/* ---- the comparison -------------------------------------------------------------------------- */

struct stack {
	uintptr_t pcs[FRAMES];
	size_t n;
};

/* The first failure.  It is kept for later, as a check may run in a signal handler or on another stack, where cmocka's
 * asserts must not jump away. */
static char failure[400];

static void fail_with(const char *where, const char *what, size_t i, uintptr_t a, uintptr_t b)
{
	Dl_info module = { .dli_fname = "?" };

	if (failure[0])
		return;
	dladdr((void *)a, &module);
	snprintf(failure, sizeof(failure), "%s: %s: frame %zu: %#lx, expected %#lx (the first: %s + %#lx)", where, what,
	         i, a, b, module.dli_fname, a - (uintptr_t)module.dli_fbase);
}

static void expect_no_failure(void)
{
	char text[sizeof(failure)];

	memcpy(text, failure, sizeof(text));
	failure[0] = '\0';
	if (text[0])
		fail_msg("%s", text);
}

static void same_stack(const char *where, const char *what, const uintptr_t *a, size_t na, const uintptr_t *b,
                       size_t nb)
{
	for (size_t i = 0; i < MIN(na, nb); i++)
		if (a[i] != b[i]) {
			fail_with(where, what, i, a[i], b[i]);
			return;
		}
	if (na != nb)
		fail_with(where, what, MIN(na, nb), na, nb);
}

/* mov rax, 15; syscall: the code that a signal handler returns to.  (unw_is_signal_frame does not recognize the code
 * when the code has call frame information.) */
static const unsigned char sigreturn_code[] = { 0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05 };

/* libunwind's frames in our form, where a pc that a signal interrupted is stored as pc + 1. */
static noinline_fn size_t oracle(unw_context_t *context, uintptr_t *pcs, size_t max)
{
	unw_cursor_t cursor;
	unw_word_t pc;
	size_t n = 0;
	bool exact = false;

	unw_init_local(&cursor, context);
	do {
		if (unw_get_reg(&cursor, UNW_REG_IP, &pc) < 0 || pc == 0 || n == max)
			break;
		pcs[n++] = pc + exact;
		exact = memcmp((void *)pc, sigreturn_code, sizeof(sigreturn_code)) == 0;
	} while (unw_step(&cursor) > 0);
	return n;
}

/* Expects that our walk, our saved stack and libunwind's walk from here agree, except on the pc in this very function.
 * Returns the number of frames. */
static noinline_fn size_t check_here(const char *where)
{
	struct stack ours, theirs, saved;
	struct unwind_regs regs;
	unw_context_t context;

	unw_getcontext(&context);
	UNWIND_HERE(&regs);
	ours.n = unwind_walk(&regs, ours.pcs, FRAMES);
	theirs.n = oracle(&context, theirs.pcs, FRAMES);
	theirs.pcs[0] = ours.pcs[0];
	same_stack(where, "walk against libunwind", ours.pcs, ours.n, theirs.pcs, theirs.n);
	for (int i = 0; i < 2; i++) { /* the second save reuses the first */
		saved.n = depot_fetch(unwind_save(&regs), saved.pcs, FRAMES);
		if (saved.n < MIN(ours.n, (size_t)options.stack_depth))
			fail_with(where, "saved stack is too short", 0, saved.n, ours.n);
		same_stack(where, "saved against walk", saved.pcs, MIN(saved.n, ours.n), ours.pcs,
		           MIN(saved.n, ours.n));
	}
	return ours.n;
}

/* ---- kinds of frames ------------------------------------------------------------------------- */

static noinline_fn unsigned recurse(unsigned depth)
{
	volatile char pad[40];

	pad[depth % 40] = (char)depth;
	if (depth == 0)
		return (unsigned)check_here("recursion");
	return recurse(depth - 1) + (unsigned)pad[depth % 40] * 0;
}

static void test_recursion(void **state)
{
	size_t base = recurse(0);

	(void)state;
	for (unsigned depth = 1; depth < 560; depth = depth * 5 / 4 + 1)
		assert_int_equal(recurse(depth), MIN(base + depth, (size_t)FRAMES));
	expect_no_failure();
}

static noinline_fn unsigned use_alloca(size_t n)
{
	char *p = alloca(n);
	volatile char vla[n / 2 + 1];

	memset(p, 1, n);
	vla[n / 2] = 2;
	return (unsigned)check_here("alloca") + (unsigned)(p[n / 2] + vla[n / 2] - 3);
}

/* alloca in a realigned frame: the CFA is kept in a slot of the frame (DW_CFA_def_cfa_expression). */
static noinline_fn unsigned use_realigned(size_t n, int depth)
{
	volatile char aligned[64] __attribute__((aligned(64)));
	char *p = alloca(n);
	unsigned r;

	p[n / 2] = 1;
	aligned[n % 64] = 1;
	if ((uintptr_t)aligned % 64)
		fail_with("realigned", "the compiler did not align", 0, (uintptr_t)aligned, 0);
	r = depth ? use_realigned(n + 8, depth - 1) : (unsigned)check_here("realigned");
	return r + (unsigned)(p[n / 2] + aligned[n % 64] - 2);
}

static noinline_fn WITH_FP unsigned use_frame_pointer(unsigned depth)
{
	volatile unsigned x = depth;

	return depth ? use_frame_pointer(depth - 1) + x * 0 : use_realigned(100, 3);
}

static noinline_fn __attribute__((cold)) unsigned use_cold(const char *why)
{
	sink = (unsigned)strlen(why);
	return (unsigned)check_here("cold part") + sink * 0;
}

static noinline_fn unsigned use_split(unsigned x)
{
	volatile char pad[100];

	pad[x % 100] = 1;
	if (__builtin_expect(x > 0, 0))
		return use_cold("split") + (unsigned)pad[x % 100];
	return x;
}

static void test_frames(void **state)
{
	(void)state;
	for (size_t n = 1; n < 5000; n = n * 2 + 1)
		use_alloca(n);
	for (size_t n = 1; n < 100; n += 8)
		use_realigned(n, 2);
	use_frame_pointer(6);
	assert_true(use_split((unsigned)one) > 3);
	expect_no_failure();
}

static int compare_and_check(const void *a, const void *b)
{
	check_here("qsort callback");
	return *(const int *)a - *(const int *)b;
}

static void *search_and_check(void *arg)
{
	int key = 3, table[] = { 1, 2, 3, 4, 5 };

	sink = bsearch(&key, table, 5, sizeof(int), compare_and_check) != NULL;
	use_frame_pointer(3);
	check_here("thread");
	return arg;
}

static void test_callbacks_and_threads(void **state)
{
	int numbers[] = { 5, 2, 9, 1, 7, 3 };
	pthread_t threads[4];

	(void)state;
	qsort(numbers, ARRAY_SIZE(numbers), sizeof(int), compare_and_check);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, search_and_check, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	expect_no_failure();
}

/* ---- signals --------------------------------------------------------------------------------- */

/* volatile, because raise is declared "leaf": for the compiler it changes nothing in this file. */
static volatile size_t frames_in_handler;

static void handler_checks(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	frames_in_handler = check_here("signal handler");
}

static void handle(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = { .sa_sigaction = fn, .sa_flags = SA_SIGINFO | flags };

	assert_int_equal(sigaction(sig, &action, NULL), 0);
}

/* A fault in the middle of a function: the unwinder has to use the registers at the fault, not those at a call. */
static noinline_fn unsigned fault(unsigned depth)
{
	volatile char pad[72];

	pad[depth] = 1;
	if (depth)
		return fault(depth - 1) + (unsigned)pad[depth];
	__asm__ volatile("int3" ::: "memory");
	return (unsigned)pad[0];
}

static void test_signals(void **state)
{
	stack_t alternate = { .ss_size = 1 << 17 }, off = { .ss_flags = SS_DISABLE };

	(void)state;
	alternate.ss_sp = mmap(NULL, alternate.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_int_equal(sigaltstack(&alternate, NULL), 0);
	for (int flags = 0; flags < 2; flags++) {
		handle(SIGUSR1, handler_checks, flags ? SA_ONSTACK : 0);
		handle(SIGTRAP, handler_checks, flags ? SA_ONSTACK : 0);
		for (int i = 0; i < 3; i++) {
			frames_in_handler = 0;
			raise(SIGUSR1);
			assert_true(frames_in_handler > 5);
			fault(5);
			assert_true(frames_in_handler > 10);
		}
	}
	sigaltstack(&off, NULL);
	munmap(alternate.ss_sp, alternate.ss_size);
	check_here("after the signal stack went away");
	signal(SIGUSR1, SIG_DFL);
	signal(SIGTRAP, SIG_DFL);
	expect_no_failure();
}

/* ---- signals in the middle of a walk --------------------------------------------------------- */

static volatile unsigned interruptions, shorter;
static const char interrupted[] = "interrupted";

static noinline_fn void save_and_walk(struct stack *saved, struct stack *walked, const char *where)
{
	struct unwind_regs regs;

	UNWIND_HERE(&regs);
	saved->n = depot_fetch(unwind_save(&regs), saved->pcs, FRAMES);
	walked->n = unwind_walk(&regs, walked->pcs, FRAMES);
	/* A handler that interrupts the depot can save only those outer frames that the depot knows already. */
	if (where == interrupted && saved->n < walked->n) {
		memmove(walked->pcs, walked->pcs + walked->n - saved->n, saved->n * sizeof(uintptr_t));
		walked->n = saved->n;
		shorter++;
	}
	same_stack(where, "saved against walk", saved->pcs, saved->n, walked->pcs, walked->n);
}

static void interrupt(int sig)
{
	static struct stack saved, walked;

	(void)sig;
	interruptions++;
	save_and_walk(&saved, &walked, interrupted);
}

static noinline_fn unsigned be_interrupted(unsigned depth)
{
	static struct stack saved, walked;

	save_and_walk(&saved, &walked, "to be interrupted");
	return depth ? be_interrupted(depth - 1) + 1 : 0;
}

static void give_up_and_begin(void)
{
	struct itimerval often = { { 0, 70 }, { 0, 70 } }, never = { { 0, 0 }, { 0, 0 } };
	struct timespec now, end;

	setitimer(ITIMER_REAL, &often, NULL);
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec++;
	for (unsigned i = 0; interruptions < 3000; i++) {
		be_interrupted(i % 30);
		if (i % 4 == 0)
			unwind_thread_exit();
		if (i % 64 == 0)
			unwind_flush();
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > end.tv_sec)
			break;
	}
	setitimer(ITIMER_REAL, &never, NULL);
}

static void test_interrupted(void **state)
{
	(void)state;
	signal(SIGALRM, interrupt);
	give_up_and_begin();
	signal(SIGALRM, SIG_DFL);
	assert_true(interruptions > 50);
	assert_true(shorter < interruptions / 2);
	expect_no_failure();
}

/* ---- every single instruction ---------------------------------------------------------------- */

static struct stack outer; /* from the caller of stepped_region outwards */
static volatile int stepping_ends;
static volatile size_t steps, steps_agreed, steps_from_context;

static void step_begins(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] |= 0x100;
}

static bool ends_with_outer(const uintptr_t *pcs, size_t n)
{
	return n > outer.n && memcmp(pcs + n - outer.n, outer.pcs, outer.n * sizeof(uintptr_t)) == 0;
}

static void step_seen(int sig, siginfo_t *info, void *context)
{
	greg_t *gregs = ((ucontext_t *)context)->uc_mcontext.gregs;
	static struct stack here, saved, direct, theirs;
	struct unwind_regs regs;
	unw_context_t unw;

	(void)sig, (void)info;
	steps++;
	UNWIND_HERE(&regs);
	here.n = unwind_walk(&regs, here.pcs, FRAMES);
	saved.n = depot_fetch(unwind_save(&regs), saved.pcs, FRAMES);
	same_stack("single step", "saved against walk", saved.pcs, saved.n, here.pcs, here.n);
	if (!ends_with_outer(here.pcs, here.n))
		fail_with("single step", "callers are lost", here.n, (uintptr_t)gregs[REG_RIP], steps);
	/* A walk from the interrupted pc, sp and fp alone finds the same callers, except where the call frame
	 * information needs other registers. */
	regs = (struct unwind_regs){ .pc = (uintptr_t)gregs[REG_RIP],
		                     .sp = (uintptr_t)gregs[REG_RSP],
		                     .fp = (uintptr_t)gregs[REG_RBP] };
	direct.n = unwind_walk(&regs, direct.pcs, FRAMES);
	if (ends_with_outer(direct.pcs, direct.n))
		steps_from_context++;
	/* Only every eighth step, as libunwind is slow here; it is also wrong at a few instructions. */
	if (steps % 8 == 0) {
		unw_getcontext(&unw);
		theirs.n = oracle(&unw, theirs.pcs, FRAMES);
		if (theirs.n == here.n && memcmp(theirs.pcs + 1, here.pcs + 1, (here.n - 1) * sizeof(uintptr_t)) == 0)
			steps_agreed++;
	}
	if (stepping_ends)
		gregs[REG_EFL] &= ~0x100;
}

static int compare_plainly(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static noinline_fn unsigned leaf_with_locals(unsigned a, unsigned b)
{
	volatile unsigned words[30];

	for (unsigned i = 0; i < 3; i++)
		words[i] = a * i + b;
	return words[0] + words[1] + words[2];
}

static noinline_fn unsigned step_realigned(size_t n)
{
	volatile char aligned[64] __attribute__((aligned(64)));
	char *p = alloca(n);

	p[0] = 1;
	aligned[n % 64] = p[0];
	return leaf_with_locals((unsigned)n, (unsigned)aligned[n % 64]);
}

static noinline_fn unsigned step_recursion(unsigned n)
{
	unsigned a = n * 3, b = leaf_with_locals(n, a);

	return n ? step_recursion(n - 1) + a * b : step_realigned(50);
}

static noinline_fn void stepped_region(void)
{
	int numbers[] = { 4, 1, 3 };
	char text[80];

	raise(SIGUSR1);
	sink = step_recursion(3);
	qsort(numbers, ARRAY_SIZE(numbers), sizeof(int), compare_plainly);
	snprintf(text, sizeof(text), "%d and %s", numbers[one], "text");
	sink += use_split(0) + (unsigned)strlen(text) + (unsigned)(memchr(text, 't', 9) != NULL) +
	        (unsigned)labs(numbers[0]);
	stepping_ends = 1;
	sink++;
}

static noinline_fn void remember_outer(void)
{
	struct unwind_regs regs;

	UNWIND_HERE(&regs);
	outer.n = unwind_walk(&regs, outer.pcs, FRAMES);
	/* Without this function, and without its caller, which will have another pc. */
	outer.n -= 2;
	memmove(outer.pcs, outer.pcs + 2, outer.n * sizeof(uintptr_t));
}

static void test_single_steps(void **state)
{
	(void)state;
	handle(SIGUSR1, step_begins, 0);
	handle(SIGTRAP, step_seen, 0);
	remember_outer();
	stepping_ends = 0;
	stepped_region();
	signal(SIGTRAP, SIG_DFL);
	signal(SIGUSR1, SIG_DFL);
	expect_no_failure();
	assert_true(steps > 500);
	assert_true(steps_agreed * 8 > steps * 9 / 10);
	assert_true(steps_from_context > steps * 9 / 10);
}

/* ---- other stacks ---------------------------------------------------------------------------- */

#define COROUTINE_STACK (1 << 16)
static ucontext_t main_context, coroutine_context;

static noinline_fn unsigned coroutine_depth(unsigned depth)
{
	volatile char pad[300];

	pad[depth] = 1;
	if (depth)
		return coroutine_depth(depth - 1) + (unsigned)pad[depth];
	check_here("coroutine");
	swapcontext(&coroutine_context, &main_context);
	return (unsigned)check_here("coroutine, resumed");
}

static void coroutine_body(void)
{
	for (unsigned depth = 3;; depth = (depth * 7 + 1) % 40)
		coroutine_depth(depth);
}

static void coroutine_run(char *stack, int switches)
{
	getcontext(&coroutine_context);
	coroutine_context.uc_stack = (stack_t){ .ss_sp = stack, .ss_size = COROUTINE_STACK };
	coroutine_context.uc_link = &main_context;
	makecontext(&coroutine_context, coroutine_body, 0);
	for (int i = 0; i < switches; i++) {
		swapcontext(&main_context, &coroutine_context);
		check_here("between coroutines");
	}
}

static void *coroutines(void *arg)
{
	uint64_t seed = 7;
	char *stack;

	for (int i = 0; i < 40; i++) {
		/* Always at the same address, with unreadable pages behind the stack: the unwinder must not read where
		 * it only remembers frames. */
		stack = mmap(arg, 2 * COROUTINE_STACK, PROT_READ | PROT_WRITE,
		             MAP_PRIVATE | MAP_ANONYMOUS | (arg ? MAP_FIXED : 0), -1, 0);
		arg = stack;
		mprotect(stack + COROUTINE_STACK, COROUTINE_STACK, PROT_NONE);
		coroutine_run(stack, 1 + (int)unit_below(&seed, 5));
		munmap(stack, 2 * COROUTINE_STACK);
		check_here("after a coroutine's stack went away");
	}
	stack = malloc(COROUTINE_STACK);
	coroutine_run(stack, 5);
	free(stack);
	return NULL;
}

static void test_coroutines(void **state)
{
	pthread_t thread;

	(void)state;
	coroutines(NULL);
	pthread_create(&thread, NULL, coroutines, NULL); /* the thread's first walk is on a coroutine's stack */
	pthread_join(thread, NULL);
	expect_no_failure();
}

/* A thread with the smallest stack that is allowed. */
static void *tiny(void *arg)
{
	struct unwind_regs regs;

	UNWIND_HERE(&regs);
	sink = unwind_save(&regs);
	return arg;
}

static void test_tiny_stack(void **state)
{
	size_t size = (size_t)sysconf(_SC_THREAD_STACK_MIN);
	pthread_attr_t attr;
	pthread_t thread;

	(void)state;
	pthread_attr_init(&attr);
	assert_int_equal(pthread_attr_setstacksize(&attr, MAX(size, (size_t)PTHREAD_STACK_MIN)), 0);
	unwind_flush(); /* so that the walk reads the call frame information again */
	assert_int_equal(pthread_create(&thread, &attr, tiny, NULL), 0);
	pthread_join(thread, NULL);
}

/* ---- code without call frame information ----------------------------------------------------- */

static void jit_target(void)
{
	struct unwind_regs regs;
	uintptr_t pcs[FRAMES];

	UNWIND_HERE(&regs);
	sink = (unsigned)unwind_walk(&regs, pcs, FRAMES);
	sink += unwind_save(&regs) * 0;
}

static void test_jit(void **state)
{
	/* push rbp; mov rbp, rsp; call rdi; pop rbp; ret */
	static const unsigned char with_frame[] = { 0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3 };
	/* push rbp; mov rbp, rsi; sub rsp, 16; call rdi; add rsp, 16; pop rbp; ret: rbp is anything */
	static const unsigned char without[] = { 0x55, 0x48, 0x89, 0xf5, 0x48, 0x83, 0xec, 0x10,
		                                 0xff, 0xd7, 0x48, 0x83, 0xc4, 0x10, 0x5d, 0xc3 };
	unsigned char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void (*jit)(void (*)(void), uintptr_t) = (void (*)(void (*)(void), uintptr_t))(uintptr_t)page;
	uint64_t seed = 11;
	size_t here = check_here("before the JIT");

	(void)state;
	memcpy(page, with_frame, sizeof(with_frame));
	jit(jit_target, 0);
	assert_int_equal(sink, here + 1); /* with its own frame and jit_target's, without check_here's */
	memcpy(page, without, sizeof(without));
	for (int i = 0; i < 2000; i++) {
		uintptr_t garbage = unit_random(&seed);
		switch (i % 4) {
		case 0:
			garbage = (uintptr_t)&garbage + garbage % 8192; /* in the stack */
			break;
		case 1:
			garbage = (uintptr_t)page + garbage % 8192;
			break;
		case 2:
			garbage >>= garbage % 64;
			break;
		}
		jit(jit_target, garbage);
		assert_true(sink >= 2);
	}
	munmap(page, 4096);
	expect_no_failure();
}

/* Walks from invented registers over a block of random words, some of them code and stack addresses. */
static void test_garbage(void **state)
{
	size_t words = 4096 / 8 * 3;
	uintptr_t *block = mmap(NULL, 5 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *code[] = { (void *)test_frames,   (void *)recurse, (void *)qsort,
		         (void *)use_realigned, (void *)raise,   (void *)snprintf };
	uint64_t seed = 23;
	uintptr_t pcs[FRAMES];

	(void)state;
	munmap((char *)block + 3 * 4096, 2 * 4096); /* so that unreadable memory follows the block */
	for (int round = 0; round < 3000; round++) {
		struct unwind_regs regs;
		uintptr_t r;

		if (round % 10 == 0)
			for (size_t i = 0; i < words; i++) {
				uintptr_t pick;

				r = unit_random(&seed);
				pick = r >> 60;
				block[i] = pick < 6    ? (uintptr_t)code[r % ARRAY_SIZE(code)] + (r >> 20) % 200
				           : pick < 12 ? (uintptr_t)block + (r >> 20) % (4 * 4096)
				                       : r >> (r % 64);
			}
		r = unit_random(&seed);
		regs = (struct unwind_regs){
			.pc = (uintptr_t)code[r % ARRAY_SIZE(code)] + (r >> 10) % 200,
			.sp = (uintptr_t)block + (r >> 20) % (4 * 4096),
			.fp = (uintptr_t)block + (r >> 40) % (4 * 4096),
		};
		assert_true(unwind_walk(&regs, pcs, FRAMES) <= FRAMES);
		depot_fetch(unwind_save(&regs), pcs, FRAMES);
	}
	munmap(block, 3 * 4096);
}

/* ---- beside dlopen, dlclose and fork --------------------------------------------------------- */

static volatile int stop;

static void *keep_checking(void *arg)
{
	int numbers[] = { 5, 2, 9, 1 };
	struct unwind_regs regs;
	uintptr_t pcs[FRAMES];
	size_t expected;

	(void)arg;
	UNWIND_HERE(&regs);
	expected = unwind_walk(&regs, pcs, FRAMES);
	while (!stop) { /* without libunwind: its cache does not survive dlclose, its locks do not survive fork */
		UNWIND_HERE(&regs);
		if (unwind_walk(&regs, pcs, FRAMES) != expected)
			fail_with("beside dlclose", "frames", 0, 0, expected);
		if (depot_fetch(unwind_save(&regs), pcs, FRAMES) != expected)
			fail_with("beside dlclose", "saved frames", 0, 0, expected);
		qsort(numbers, ARRAY_SIZE(numbers), sizeof(int), compare_plainly);
	}
	return NULL;
}

static void child_walks(void *arg)
{
	struct unwind_regs regs;
	uintptr_t pcs[FRAMES];
	size_t n;

	(void)arg;
	lib_fork_child();
	UNWIND_HERE(&regs);
	n = unwind_walk(&regs, pcs, FRAMES);
	if (n < 5 || depot_fetch(unwind_save(&regs), pcs, FRAMES) != n)
		_exit(3);
}

static void test_beside_dlclose_and_fork(void **state)
{
	pthread_t threads[2];
	char err[10];
	int status;

	(void)state;
	stop = 0;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, keep_checking, NULL), 0);
	for (int i = 0; i < 60; i++) {
		void *m = dlopen(i % 2 ? "libm.so.6" : "libz.so.1", RTLD_NOW);

		if (m) {
			void *snapshot = modules_before_dlclose();

			dlclose(m);
			if (modules_after_dlclose(snapshot))
				unwind_flush();
		}
		if (i % 10 == 0) {
			lib_fork_prepare();
			status = unit_child(child_walks, NULL, err, sizeof(err));
			lib_fork_parent();
			assert_int_equal(status, 0);
		}
	}
	stop = 1;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	expect_no_failure();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recursion),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_callbacks_and_threads),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_single_steps),
		cmocka_unit_test(test_coroutines),
		cmocka_unit_test(test_tiny_stack),
		cmocka_unit_test(test_jit),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_beside_dlclose_and_fork),
	};

	options_set_defaults(&options);
	modules_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
