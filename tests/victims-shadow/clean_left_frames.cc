/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/clean_left_frames.cc - code that is not instrumented leaves instrumented frames in every way,
 * and other frames use their memory again
 *
 * expect: none
 * ways: linked
 * libs: -ldl
 * output: ok
 */
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <pthread.h>
#include <signal.h>
#include <stdexcept>
#include <string>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define LIBRARY __attribute__((no_sanitize_address, noinline))

static jmp_buf env;
static sigjmp_buf sig_env;
static ucontext_t back;
static volatile size_t all = 12000;

/* Instrumented frames of many sizes; the innermost one calls `leave`. */
template <size_t N> static __attribute__((noinline)) int deep(void (*leave)(), int n)
{
	char a[N], b[N * 3 + 1];

	memset(a, n, sizeof(a));
	memset(b, n, sizeof(b));
	if (n == 0)
		leave();
	else
		deep<N>(leave, n - 1);
	return a[3] + b[N];
}

static void frames(void (*leave)())
{
	deep<24>(leave, 3);
	deep<177>(leave, 9);
}

/* Uses the memory of the frames above: by libc calls that are checked. */
LIBRARY static void use_memory()
{
	char x[12000], y[12000];

	memset(x, 1, all);
	memcpy(y, x, all);
	if (strnlen(y, all) != all)
		abort();
}

/* The same in instrumented frames: red zones in other places, variables on old red zones. */
template <size_t N> static __attribute__((noinline)) int use_frames(int n)
{
	volatile char v[N];
	int sum = 0;

	for (size_t i = 0; i < N; i++)
		v[i] = (char)n;
	for (size_t i = 0; i < N; i++)
		sum += v[i];
	return n ? sum + use_frames<N>(n - 1) : sum;
}

static void used_again()
{
	use_frames<40>(20);
	use_frames<333>(10);
	use_frames<1999>(3);
	use_memory();
}

LIBRARY static void by_longjmp()
{
	longjmp(env, 1);
}
LIBRARY static void by__longjmp()
{
	_longjmp(env, 1);
}
LIBRARY static void by_siglongjmp()
{
	siglongjmp(sig_env, 1);
}
LIBRARY static void by_setcontext()
{
	setcontext(&back);
}

LIBRARY static void jumps()
{
	for (int i = 0; i < 5; i++) {
		volatile bool again = false;

		if (!setjmp(env))
			frames(by_longjmp);
		used_again();
		if (!_setjmp(env))
			frames(by__longjmp);
		used_again();
		if (!sigsetjmp(sig_env, 1))
			frames(by_siglongjmp);
		used_again();
		getcontext(&back);
		if (!again) {
			again = true;
			frames(by_setcontext);
		}
		used_again();
	}
}

/* Exceptions that libstdc++ throws: caught at once, and over frames that have nothing to clean up. */
static void by_at()
{
	std::string("x").at(all);
}
static void by_stoi()
{
	volatile int i = std::stoi("no number");

	(void)i;
}
LIBRARY static void exceptions()
{
	for (int i = 0; i < 5; i++) {
		try {
			frames(by_at);
		} catch (const std::out_of_range &) {
		}
		used_again();
		try {
			try {
				frames(by_stoi);
			} catch (...) {
				used_again();
				throw;
			}
		} catch (const std::exception &) {
		}
		used_again();
	}
}

/* A handler on its own stack jumps over the frames that its signal interrupted. */
LIBRARY static void on_signal(int)
{
	used_again();
	siglongjmp(sig_env, 1);
}
LIBRARY static void by_signal()
{
	raise(SIGUSR1);
}
LIBRARY static void handlers()
{
	struct sigaction act = {};
	stack_t ss = {};

	ss.ss_sp = malloc(200000);
	ss.ss_size = 200000;
	sigaltstack(&ss, NULL);
	act.sa_handler = on_signal;
	for (int i = 0; i < 4; i++) {
		act.sa_flags = i % 2 ? SA_ONSTACK : 0;
		sigaction(SIGUSR1, &act, NULL);
		if (!sigsetjmp(sig_env, 1))
			frames(by_signal);
		used_again();
	}
	ss.ss_flags = SS_DISABLE;
	sigaltstack(&ss, NULL);
	free(ss.ss_sp);
}

/* The child's frames lie on the parent's stack. */
LIBRARY static void by_exit()
{
	_exit(3);
}
LIBRARY static void by_exec()
{
	execl("/bin/true", "true", (char *)NULL);
	_exit(3);
}
LIBRARY static void children()
{
	for (int i = 0; i < 4; i++) {
		int status;
		pid_t child = vfork();

		if (child == 0)
			frames(i % 2 ? by_exec : by_exit);
		if (waitpid(child, &status, 0) != child || WEXITSTATUS(status) != (i % 2 ? 0 : 3))
			abort();
		used_again();
	}
}

/* Coroutines that are given up, and others on the same stack. */
static ucontext_t coroutine, starter;
LIBRARY static void by_swapcontext()
{
	swapcontext(&coroutine, &starter);
}
LIBRARY static void given_up()
{
	frames(by_swapcontext);
}
LIBRARY static void finished()
{
	used_again();
}
LIBRARY static void coroutines()
{
	char *stack = (char *)mmap(NULL, 1 << 17, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (int i = 0; i < 6; i++) {
		getcontext(&coroutine);
		coroutine.uc_stack.ss_sp = stack;
		coroutine.uc_stack.ss_size = 1 << 17;
		coroutine.uc_link = &starter;
		makecontext(&coroutine, i % 2 ? finished : given_up, 0);
		swapcontext(&starter, &coroutine);
	}
	munmap(stack, 1 << 17);
}

/* A jump that memsan does not see. */
static void *words[5];
LIBRARY static void by_builtin()
{
	__builtin_longjmp(words, 1);
}
LIBRARY static void call_frames()
{
	frames(by_builtin);
}
LIBRARY static void unseen_jumps()
{
	for (int i = 0; i < 4; i++) {
		if (!__builtin_setjmp(words))
			call_frames();
		use_memory();
	}
}

LIBRARY static void all_ways()
{
	jumps();
	exceptions();
	handlers();
	children();
	coroutines();
	unseen_jumps();
}

static void *thread(void *)
{
	all_ways();
	return NULL;
}

int main()
{
	pthread_t t;

	all_ways();
	for (int i = 0; i < 2; i++) {
		pthread_create(&t, NULL, thread, NULL);
		pthread_join(t, NULL);
	}
	puts("ok");
	return 0;
}
