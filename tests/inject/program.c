/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/inject/program.c - what memsan's calls fail under: program WHAT [ARGUMENT...].
 *
 * It prints the same whether an allocation succeeded or not.  Allocations may fail with ENOMEM: they are counted, and
 * standard error says how many.  A wrong byte, or another errno, changes what is printed. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static unsigned refused, wrong; /* atomic */
static const char *self;

static void count_wrong(const char *what)
{
	__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
	printf("wrong: %s\n", what);
}

static void *got(void *p)
{
	if (!p) {
		__atomic_fetch_add(&refused, 1, __ATOMIC_RELAXED);
		if (errno != ENOMEM)
			count_wrong("errno");
	}
	return p;
}

/* ---- correct work ---------------------------------------------------------------------------- */

static void fill(char *p, size_t n, int c)
{
	if (n < 8192) {
		memset(p, c, n);
		return;
	}
	for (size_t i = 0; i < n; i += n < 1 << 20 ? 4096 : 65536)
		p[i] = (char)c;
	p[n - 1] = (char)c;
}

static int is_filled(const char *p, size_t n, int c)
{
	if (p[n - 1] != (char)c)
		return 0;
	for (size_t i = 0; i < n; i += n < 8192 ? 1 : n < 1 << 20 ? 4096 : 65536)
		if (p[i] != (char)c)
			return 0;
	return 1;
}

static void small(unsigned rounds)
{
	enum { SLOTS = 200 };
	char *p[SLOTS] = { 0 };
	size_t size[SLOTS] = { 0 };
	unsigned seed = 12345;

	for (unsigned i = 0; i < rounds; i++) {
		unsigned at = (seed = seed * 1103515245 + 12345) >> 16 & 0x7fff;
		unsigned slot = at % SLOTS;
		if (p[slot] && !is_filled(p[slot], size[slot], (int)slot))
			count_wrong("small block");
		if (p[slot] && at % 3 == 0) {
			char *q = got(realloc(p[slot], size[slot] + at % 500));
			if (q) {
				if (!is_filled(q, size[slot], (int)slot))
					count_wrong("realloc");
				p[slot] = q;
				size[slot] += at % 500;
				fill(q, size[slot], (int)slot);
			}
			continue;
		}
		free(p[slot]);
		size[slot] = 1 + at % (at % 17 == 0 ? 20000 : 700);
		p[slot] = at % 5 ? got(malloc(size[slot])) : got(calloc(1, size[slot]));
		if (p[slot] && at % 5 == 0 && !is_filled(p[slot], size[slot], 0))
			count_wrong("calloc");
		if (p[slot])
			fill(p[slot], size[slot], (int)slot);
	}
	for (unsigned i = 0; i < SLOTS; i++) {
		if (p[i] && !is_filled(p[i], size[i], (int)i))
			count_wrong("small block at the end");
		free(p[i]);
	}
}

static void large(void)
{
	static const size_t sizes[] = { 200000, 1 << 20, 5 << 20, 33 << 20, 90 << 20 };

	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			char *p = got(malloc(sizes[i])), *q;
			void *aligned = NULL;
			if (!p)
				continue;
			fill(p, sizes[i], 7);
			q = got(realloc(p, sizes[i] + sizes[i] / 2));
			if (q)
				p = q;
			if (!is_filled(p, sizes[i], 7))
				count_wrong("large block");
			if (posix_memalign(&aligned, 65536, 70000) == 0) {
				if ((uintptr_t)aligned % 65536)
					count_wrong("alignment");
				fill(aligned, 70000, 1);
			} else {
				__atomic_fetch_add(&refused, 1, __ATOMIC_RELAXED);
			}
			free(aligned);
			free(p);
			p = got(calloc(1, sizes[i]));
			if (p && !is_filled(p, sizes[i], 0))
				count_wrong("large calloc");
			free(p);
		}
}

static void *in_thread(void *arg)
{
	small(600);
	return arg;
}

static void threads(void)
{
	pthread_t t[3];
	int have[3], marks[3];

	for (int i = 0; i < 3; i++) {
		have[i] = pthread_create(&t[i], NULL, in_thread, &marks[i]) == 0;
		if (!have[i])
			__atomic_fetch_add(&refused, 1, __ATOMIC_RELAXED);
	}
	for (int i = 0; i < 3; i++) {
		void *value = NULL;
		if (have[i] && (pthread_join(t[i], &value) != 0 || value != &marks[i]))
			count_wrong("join");
	}
}

static void wait_for(pid_t pid, int status, const char *what)
{
	int s;

	if (waitpid(pid, &s, 0) != pid || !WIFEXITED(s) || WEXITSTATUS(s) != status)
		count_wrong(what);
}

static void forks(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		small(300);
		threads();
		_exit(wrong ? 1 : 7);
	}
	wait_for(pid, 7, "child");
}

static void side_file(void)
{
	FILE *f = fopen("side", "w");

	if (!f) {
		if (errno != ENOMEM)
			count_wrong("fopen");
		return;
	}
	fprintf(f, "the side file\n");
	fclose(f);
}

static int work(void)
{
	side_file();
	small(2000);
	large();
	threads();
	forks();
	small(500);
	return 0;
}

/* ---- children -------------------------------------------------------------------------------- */

static int children(void)
{
	char *const argv[] = { (char *)(uintptr_t)self, "hello", NULL };
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execv(self, argv);
		_exit(1);
	}
	wait_for(pid, 0, "fork and exec");
	if (posix_spawn(&pid, self, NULL, NULL, argv, environ) != 0)
		count_wrong("posix_spawn");
	else
		wait_for(pid, 0, "posix_spawn");
	pid = vfork();
	if (pid == 0) {
		execv(self, argv);
		_exit(1);
	}
	/* The call is memsan's, in the program's place. */
	if (pid < 0 && (errno == EAGAIN || errno == ENOMEM))
		printf("hello\n");
	else
		wait_for(pid, 0, "vfork");
	return 0;
}

/* ---- signals --------------------------------------------------------------------------------- */

static sigjmp_buf after_fault;
static char *volatile null;
static volatile int handled;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)context;
	handled = sig == SIGSEGV && info->si_addr == (void *)16;
	siglongjmp(after_fault, 1);
}

static int fault(int with_handler)
{
	struct sigaction act = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	if (with_handler)
		sigaction(SIGSEGV, &act, NULL);
	printf("before\n");
	fflush(stdout);
	if (sigsetjmp(after_fault, 1) == 0)
		null[16] = 1;
	printf("after, %d\n", handled);
	return 5;
}

static int alarms;

static void on_alarm(int sig)
{
	(void)sig;
	__atomic_fetch_add(&alarms, 1, __ATOMIC_RELAXED);
}

/* The fault may be in a call that memsan makes in the program's place.  The program then learns of it. */
static int agreed(int result)
{
	if (result != 0 && errno != EPERM && errno != ENOMEM)
		count_wrong("errno");
	return result == 0;
}

/* A signal stack, a mask and a handler of the program's own, in two threads. */
static void *signals_of_thread(void *arg)
{
	static char stacks[2][65536];
	stack_t ours = { .ss_sp = stacks[arg != NULL], .ss_size = sizeof(stacks[0]) }, now;
	sigset_t set, old;
	struct sigaction act = { .sa_handler = on_alarm, .sa_flags = SA_ONSTACK }, was;
	int blocked;

	if (agreed(sigaltstack(&ours, NULL)) && agreed(sigaltstack(NULL, &now)) && now.ss_sp != ours.ss_sp)
		count_wrong("sigaltstack");
	sigemptyset(&set);
	sigaddset(&set, SIGSEGV);
	sigaddset(&set, SIGUSR1);
	sigaction(SIGUSR1, &act, NULL);
	if (sigaction(SIGUSR1, NULL, &was) != 0 || was.sa_handler != on_alarm)
		count_wrong("sigaction");
	blocked = agreed(sigprocmask(SIG_BLOCK, &set, NULL));
	pthread_kill(pthread_self(), SIGUSR1);
	if (agreed(sigprocmask(SIG_SETMASK, NULL, &old)) && blocked &&
	    (!sigismember(&old, SIGSEGV) || !sigismember(&old, SIGUSR1)))
		count_wrong("mask");
	if (!agreed(sigprocmask(SIG_UNBLOCK, &set, NULL)))
		on_alarm(0);
	free(got(malloc(100)));
	return NULL;
}

static int signals(void)
{
	pthread_t t;

	signals_of_thread(NULL);
	if (pthread_create(&t, NULL, signals_of_thread, &alarms) == 0)
		pthread_join(t, NULL);
	else
		on_alarm(0);
	printf("%d signals\n", alarms);
	return 0;
}

/* ---- bugs ------------------------------------------------------------------------------------ */

__attribute__((noinline)) static void overflow(void)
{
	volatile char *p = got(malloc(20));

	if (p) {
		p[20] = 1;
		free((void *)p);
	}
	printf("after\n");
}

__attribute__((noinline)) static int bad_read(void)
{
	volatile char *p = got(malloc(20));
	int c = p ? p[20] : 0;

	free((void *)p);
	printf("after\n");
	return c & 0;
}

__attribute__((noinline)) static void bad_fenced(void)
{
	volatile char *p = got(malloc(64));

	free((void *)p);
	if (p)
		p[1] = 1;
	printf("after\n");
}

__attribute__((noinline)) static void lose(size_t n)
{
	char *volatile p = got(malloc(n));

	if (p)
		p[0] = 1;
	p = NULL;
}

static void *holds(void *arg)
{
	pthread_barrier_t *b = arg;

	pthread_barrier_wait(b);
	pthread_barrier_wait(b);
	return NULL;
}

static void losses(void)
{
	volatile char scrub[4096];

	for (volatile int i = 0; i < 3; i++)
		lose(333);
	memset((void *)scrub, 0, sizeof(scrub));
}

static int leak(void)
{
	pthread_barrier_t b;
	pthread_t t;
	int have;

	pthread_barrier_init(&b, NULL, 2);
	have = pthread_create(&t, NULL, holds, &b) == 0;
	if (have)
		pthread_barrier_wait(&b);
	losses();
	if (have) {
		pthread_barrier_wait(&b);
		pthread_join(t, NULL);
	}
	printf("after\n");
	return 0;
}

/* Commands of memsan look at this process: program live COMMAND... */
static int live(char **command)
{
	pthread_barrier_t b;
	pthread_t t;
	posix_spawn_file_actions_t actions;
	char pid_text[32];
	int have, status;
	pid_t pid;
	FILE *f;

	pthread_barrier_init(&b, NULL, 2);
	have = pthread_create(&t, NULL, holds, &b) == 0;
	if (have)
		pthread_barrier_wait(&b);
	losses();
	small(300);
	snprintf(pid_text, sizeof(pid_text), "%d", (int)getpid());
	unsetenv("LD_PRELOAD");
	for (char **c = command; *c; c++)
		if (strcmp(*c, "PID") == 0)
			*c = pid_text;
	posix_spawn_file_actions_init(&actions);
	if (posix_spawn_file_actions_addopen(&actions, 1, "looked", O_WRONLY | O_CREAT | O_TRUNC, 0600) != 0 ||
	    posix_spawn_file_actions_addopen(&actions, 2, "looked.err", O_WRONLY | O_CREAT | O_TRUNC, 0600) != 0)
		refused++;
	else if (posix_spawn(&pid, command[0], &actions, NULL, command, environ) != 0)
		count_wrong("posix_spawn");
	else if (waitpid(pid, &status, 0) != pid)
		count_wrong("waitpid");
	else if ((f = fopen("looked.status", "w")) == NULL) {
		refused++;
	} else {
		fprintf(f, "%d", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
		fclose(f);
	}
	small(300);
	if (have) {
		pthread_barrier_wait(&b);
		pthread_join(t, NULL);
	}
	printf("after\n");
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "hello";
	int status = 0;

	self = argv[0];
	printf("%s\n", what);
	if (strcmp(what, "hello") == 0)
		free(got(malloc(100)));
	else if (strcmp(what, "work") == 0)
		status = work();
	else if (strcmp(what, "children") == 0)
		status = children();
	else if (strcmp(what, "signals") == 0)
		status = signals();
	else if (strcmp(what, "fault") == 0)
		status = fault(0);
	else if (strcmp(what, "handled") == 0)
		status = fault(1);
	else if (strcmp(what, "overflow") == 0)
		overflow();
	else if (strcmp(what, "bad_read") == 0)
		status = bad_read();
	else if (strcmp(what, "bad_fenced") == 0)
		bad_fenced();
	else if (strcmp(what, "leak") == 0)
		status = leak();
	else if (strcmp(what, "live") == 0)
		status = live(argv + 2);
	else
		return 2;
	if (refused)
		fprintf(stderr, "refused %u\n", refused);
	return wrong ? 1 : status;
}
