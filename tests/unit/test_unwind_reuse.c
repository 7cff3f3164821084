/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_unwind_reuse.c - saved stacks, which reuse the last trace, equal those of a whole walk: random call
 * trees with jumps, signals, signal stacks and coroutines. */
#define _GNU_SOURCE
#include <alloca.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "lib/lib.h"
#include "tests/unit/unit.h"

#define FRAMES 2500
#define JUMPS_MAX 40
#define COROUTINES 3
#define COROUTINE_STACK (1 << 17)
#ifdef __clang__
#define noinline_fn __attribute__((noinline))
#define WITH_FP
#else
#define noinline_fn __attribute__((noinline, noclone))
#define WITH_FP __attribute__((optimize("no-omit-frame-pointer")))
#endif

/* One stack of execution: the thread's own, or a coroutine's. */
struct fiber {
	ucontext_t context;
	sigjmp_buf jumps[JUMPS_MAX];
	volatile unsigned nr_jumps;
	char *stack;
	volatile bool alive;
};

struct tree {
	uint64_t seed, budget; /* budget: nodes still to visit */
	unsigned depth_max;
	struct fiber fibers[1 + COROUTINES];
	volatile unsigned current;
	volatile unsigned handlers; /* signal handlers on the stack */
	uintptr_t walked[FRAMES], saved[FRAMES];
	uint64_t checks;
	char failure[300];
};
static __thread struct tree *tree;

static unsigned chance(unsigned limit)
{
	return (unsigned)unit_below(&tree->seed, limit);
}

static void check_regs(const struct unwind_regs *at)
{
	struct unwind_regs regs = *at;
	size_t limit = options.stack_depth;
	/* The save comes first, so that the walk prepares nothing for it. */
	size_t saved = depot_fetch(unwind_save(&regs), tree->saved, FRAMES);
	size_t walked = unwind_walk(&regs, tree->walked, FRAMES);
	size_t same = 0;

	while (same < MIN(saved, walked) && tree->saved[same] == tree->walked[same])
		same++;
	tree->checks++;
	if (!tree->failure[0] && (same < saved || saved < MIN(limit, walked) || saved > MAX(2 * limit, 64)))
		snprintf(tree->failure, sizeof(tree->failure),
		         "check %llu, stack.depth %zu: of %zu frames %zu were saved, %zu of them the same; then %#lx, "
		         "expected %#lx",
		         (unsigned long long)tree->checks, limit, walked, saved, same, tree->saved[same],
		         tree->walked[same]);
}

static noinline_fn void check_here(void)
{
	struct unwind_regs regs;

	UNWIND_HERE(&regs);
	check_regs(&regs);
}

/* To the unwinder this looks like malloc: code of the library itself, whose frames are left out, and whose caller's
 * state is remembered. */
static noinline_fn __attribute__((section("memsan_text"))) void check_as_ours(void)
{
	struct unwind_regs regs;

	UNWIND_HERE(&regs);
	check_regs(&regs);
}

/* The same, but this function's frame holds the caller's frame pointer. */
static noinline_fn WITH_FP __attribute__((section("memsan_text"))) void check_as_ours_framed(void)
{
	struct unwind_regs regs;

	UNWIND_HERE(&regs);
	check_regs(&regs);
}

static void check(void)
{
	if (chance(3))
		chance(2) ? check_as_ours() : check_as_ours_framed();
	else
		check_here();
}

/* ---- the tree -------------------------------------------------------------------------------- */

static unsigned node(unsigned depth);

#define FUNCTION(n, attributes, locals, first)                              \
	static noinline_fn attributes unsigned function_##n(unsigned depth) \
	{                                                                   \
		locals;                                                     \
		unsigned r;                                                 \
		first;                                                      \
		pad[depth % 8] = 1;                                         \
		r = node(depth);                                            \
		if (chance(4) == 0)                                         \
			r += node(depth);                                   \
		return r + (unsigned)pad[depth % 8];                        \
	}
#define PAD(bytes) volatile char pad[bytes]
#define DYNAMIC(bytes) volatile char *pad = alloca(bytes)
#define ALIGNED volatile char aligned[64] __attribute__((aligned(64)))
#define NOTHING (void)depth
#define TOUCH_ALIGNED            \
	aligned[depth % 64] = 0; \
	(void)aligned[0]
/* Pairs have frames of equal size, so that frames of different functions stand at the same addresses. */
FUNCTION(0, , PAD(8), NOTHING)
FUNCTION(1, , PAD(8), NOTHING)
FUNCTION(2, , PAD(40), NOTHING)
FUNCTION(3, , PAD(40), NOTHING)
FUNCTION(4, WITH_FP, PAD(40), NOTHING)
FUNCTION(5, WITH_FP, PAD(40), NOTHING)
FUNCTION(6, , DYNAMIC(8 + 16 * chance(3)), NOTHING)
FUNCTION(7, , PAD(200), NOTHING)
FUNCTION(8, , ALIGNED; DYNAMIC(8 + 64 * chance(3)), TOUCH_ALIGNED)
FUNCTION(9, , ALIGNED; DYNAMIC(8 + 16 * chance(3)), TOUCH_ALIGNED)

typedef unsigned (*function)(unsigned);
static const function functions[] = { function_0, function_1, function_2, function_3, function_4,
	                              function_5, function_6, function_7, function_8, function_9 };

static void switch_to(unsigned next)
{
	struct fiber *from = &tree->fibers[tree->current];

	tree->current = next;
	swapcontext(&from->context, &tree->fibers[next].context);
}

static void coroutine_body(void)
{
	struct fiber *self = &tree->fibers[tree->current];

	node(0);
	self->alive = false;
	switch_to(0);
}

static void coroutine_start(unsigned i)
{
	struct fiber *f = &tree->fibers[i];

	/* Stacks are unmapped and mapped again, at the same address or another. */
	if (f->stack && chance(2)) {
		munmap(f->stack, COROUTINE_STACK);
		f->stack = NULL;
	}
	if (!f->stack)
		f->stack = mmap(NULL, COROUTINE_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	getcontext(&f->context);
	f->context.uc_stack = (stack_t){ .ss_sp = f->stack, .ss_size = COROUTINE_STACK };
	f->context.uc_link = NULL;
	f->nr_jumps = 0;
	f->alive = true;
	makecontext(&f->context, coroutine_body, 0);
}

static void on_signal(int sig)
{
	(void)sig;
	tree->handlers++;
	check();
	if (chance(3) == 0)
		function_2(1000000); /* beyond depth_max: it visits few nodes */
	tree->handlers--;
}

static void something_else(void)
{
	struct fiber *self = &tree->fibers[tree->current];
	unsigned what = chance(12), next;

	if (what == 0) {
		pthread_kill(pthread_self(), chance(2) ? SIGUSR1 : SIGUSR2);
	} else if (what == 1 && !tree->handlers) {
		next = tree->current ? 0 : 1 + chance(COROUTINES);
		if (next && !tree->fibers[next].alive)
			coroutine_start(next);
		switch_to(next);
	} else if (what == 2 && self->nr_jumps && !tree->handlers && chance(3) == 0) {
		next = chance(self->nr_jumps);
		siglongjmp(self->jumps[next], 1);
	}
}

static noinline_fn unsigned descend(unsigned depth)
{
	unsigned calls = 1 + chance(3), r = 0;

	check();
	if (depth >= tree->depth_max)
		return 0;
	while (calls-- > 0 && tree->budget > 0) {
		r += functions[chance(ARRAY_SIZE(functions))](depth + 1);
		if (chance(2))
			check();
		something_else();
	}
	return r;
}

static noinline_fn unsigned node(unsigned depth)
{
	struct fiber *self = &tree->fibers[tree->current];
	volatile unsigned r = 0, mine = self->nr_jumps;

	if (tree->budget == 0)
		return 0;
	tree->budget--;
	if (chance(8) || mine == JUMPS_MAX || tree->handlers)
		return descend(depth);
	if (sigsetjmp(self->jumps[mine], 1) == 0) {
		self->nr_jumps = mine + 1;
		r = descend(depth);
	} else {
		check();
	}
	self->nr_jumps = mine;
	return r;
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void grow_trees(unsigned trees, uint64_t first_seed)
{
	static const unsigned depths[] = { 6, 15, 40, 100 };

	for (unsigned i = 0; i < trees && !tree->failure[0]; i++) {
		tree->seed = first_seed + i;
		tree->budget = 1500;
		tree->depth_max = depths[i % ARRAY_SIZE(depths)];
		tree->current = 0;
		while (tree->budget > 0 && !tree->failure[0]) {
			tree->fibers[0].nr_jumps = 0;
			node(0);
		}
		for (unsigned c = 1; c <= COROUTINES; c++) /* those that have not ended are abandoned */
			tree->fibers[c].alive = false;
	}
}

static void tree_begin(void)
{
	tree = calloc(1, sizeof(*tree));
	assert_non_null(tree);
}

static void handle(int sig, int flags)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };

	assert_int_equal(sigaction(sig, &action, NULL), 0);
}

static void *grow_in_thread(void *arg)
{
	static char alternate[4][1 << 18];
	unsigned i = *(unsigned *)arg;
	stack_t stack = { .ss_sp = alternate[i], .ss_size = sizeof(alternate[i]) };

	sigaltstack(&stack, NULL);
	tree_begin();
	grow_trees(10, 1000 * (i + 1));
	stack.ss_flags = SS_DISABLE;
	sigaltstack(&stack, NULL);
	return tree;
}

static void expect_success(const struct tree *t, const char *who)
{
	if (t->failure[0])
		fail_msg("%s: seed now %#llx: %s", who, (unsigned long long)t->seed, t->failure);
	assert_true(t->checks > 1000);
}

static void test_trees(void **state)
{
	static const unsigned limits[] = { 256, 1, 2, 7, 30, 64, 1024 };
	unsigned zero = 0;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(limits); i++) {
		options.stack_depth = limits[i];
		grow_in_thread(&zero);
		print_message("stack.depth %u: %llu stacks\n", limits[i], (unsigned long long)tree->checks);
		expect_success(tree, "main thread");
		free(tree);
	}
	options.stack_depth = 256;
}

static void test_threads(void **state)
{
	static unsigned numbers[] = { 1, 2, 3 };
	pthread_t threads[3];
	void *result;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, grow_in_thread, &numbers[i]), 0);
	for (unsigned i = 0; i < 3; i++) {
		pthread_join(threads[i], &result);
		expect_success(result, "thread");
		free(result);
	}
}

/* Recursion much deeper than any limit, with a check at each step down and back. */
static noinline_fn unsigned deep(unsigned n)
{
	volatile char pad[24];
	unsigned r;

	pad[n % 24] = 1;
	check();
	r = n ? deep(n - 1) : 0;
	check();
	return r + (unsigned)pad[n % 24];
}

static void test_deep_recursion(void **state)
{
	static const unsigned limits[] = { 1, 3, 50, 256, 1024 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(limits); i++) {
		options.stack_depth = limits[i];
		tree_begin();
		assert_int_equal(deep(1600), 1601);
		expect_success(tree, "deep recursion");
		free(tree);
	}
	options.stack_depth = 256;
}

/* ---- cases that random trees seldom meet ----------------------------------------------------- */

/* Other frames at the addresses of remembered ones, whose old return addresses are still in memory, because nothing has
 * been written there since. */
static noinline_fn WITH_FP unsigned framed_leaf(unsigned x)
{
	volatile unsigned y = x;

	check();
	return y;
}

static noinline_fn unsigned inner_dynamic(size_t n)
{
	volatile char *p = alloca(n);

	p[0] = 1;
	return framed_leaf((unsigned)n) + (unsigned)p[0];
}

/* Two calls may have the same pc and sp, but another frame pointer, which leads to the caller. */
static noinline_fn unsigned inner_alone(size_t n)
{
	volatile char *p = alloca(n);

	p[0] = 1;
	check_as_ours();
	return (unsigned)p[0];
}

static noinline_fn unsigned inner_realigned(size_t n)
{
	volatile char aligned[64] __attribute__((aligned(64)));
	volatile char *p = alloca(48);

	aligned[n % 64] = p[0] = 1;
	return framed_leaf((unsigned)n) + (unsigned)aligned[n % 64];
}

static noinline_fn unsigned shifted(unsigned (*inner)(size_t), size_t mine, size_t its, int site)
{
	volatile char *p = alloca(mine);

	p[0] = 1;
	if (site) {
		__asm__ volatile("nop"); /* without it the compiler would merge the two calls */
		return inner(its) + (unsigned)p[0];
	}
	__asm__ volatile("nop; nop");
	return inner(its) + 2u * (unsigned)p[0];
}

static void test_shifted_frames(void **state)
{
	(void)state;
	tree_begin();
	/* Only one call site, so that the outer frames stay the same. */
	for (volatile unsigned i = 0; i < 24 * 24 * 8; i++) {
		size_t a = 16 + 16 * (i % 2 ? i / 8 % 24 : i / 8 / 24);
		bool realigned = i / 2 % 2;

		shifted(realigned ? inner_realigned : inner_dynamic, a, 512 - a, (i ^ i / 4) & 1);
	}
	expect_success(tree, "shifted frames");
	for (volatile unsigned i = 0; i < 12 * 8; i++)
		shifted(inner_alone, 16 + 32 * (i / 8), 512 - 32 * (i / 8), (i / 8) & 1);
	expect_success(tree, "shifted frames, their own");
	free(tree);
}

/* The same handler runs at the same place of the stack, but has interrupted another instruction. */
static noinline_fn unsigned two_traps(void)
{
	volatile char pad[40];

	pad[0] = 1;
	__asm__ volatile("int3" ::: "memory");
	pad[1] = 1;
	__asm__ volatile("int3" ::: "memory");
	return (unsigned)(pad[0] + pad[1]);
}

static void on_trap(int sig)
{
	(void)sig;
	check();
}

static void test_traps(void **state)
{
	(void)state;
	tree_begin();
	signal(SIGTRAP, on_trap);
	for (int i = 0; i < 600; i++)
		two_traps();
	signal(SIGTRAP, SIG_DFL);
	expect_success(tree, "traps");
	free(tree);
}

/* The outer part of a coroutine's stack becomes unreadable while the coroutine sleeps. */
static noinline_fn unsigned sleep_deeply(unsigned n)
{
	volatile char pad[1024];

	pad[n] = 1;
	if (n)
		return sleep_deeply(n - 1) + (unsigned)pad[n];
	check();
	switch_to(0);
	check();
	switch_to(0);
	return 0;
}

static void sleeper_body(void)
{
	sleep_deeply(60);
}

static void test_stack_torn_off(void **state)
{
	struct fiber *f;
	size_t before;

	(void)state;
	tree_begin();
	f = &tree->fibers[1];
	coroutine_start(1);
	makecontext(&f->context, sleeper_body, 0);
	switch_to(1);
	before = tree->checks;
	mprotect(f->stack + COROUTINE_STACK - 40 * 1024, 40 * 1024, PROT_NONE);
	switch_to(1);
	assert_int_equal(tree->checks, before + 1);
	assert_string_equal(tree->failure, "");
	free(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trees),          cmocka_unit_test(test_threads),
		cmocka_unit_test(test_deep_recursion), cmocka_unit_test(test_shifted_frames),
		cmocka_unit_test(test_traps),          cmocka_unit_test(test_stack_torn_off),
	};

	options_set_defaults(&options);
	modules_start();
	handle(SIGUSR1, 0);
	handle(SIGUSR2, SA_ONSTACK);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
