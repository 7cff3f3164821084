/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/torture/process.c - processes: fork, vfork, clone, spawn, exec, daemons, process 1, roots, rights, the end */
#define TORTURE_MAIN
#include "torture.h"

#include <dirent.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <poll.h>
#include <setjmp.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/time.h>

extern char **environ;

static volatile int stop;

static void *churns(void *seed)
{
	for (unsigned i = 0; !stop; i++)
		churn(20, (unsigned)(uintptr_t)seed + i);
	return NULL;
}

static void start_churning(pthread_t *t, unsigned n)
{
	stop = 0;
	for (unsigned i = 0; i < n; i++)
		must(!pthread_create(&t[i], NULL, churns, (void *)(uintptr_t)(i + 1)));
}

static void end_churning(pthread_t *t, unsigned n)
{
	stop = 1;
	for (unsigned i = 0; i < n; i++)
		pthread_join(t[i], NULL);
}

static void *churns_once(void *seed)
{
	churn(100, (unsigned)(uintptr_t)seed);
	return NULL;
}

static void one_thread(void)
{
	pthread_t t;

	must(!pthread_create(&t, NULL, churns_once, (void *)7ul));
	pthread_join(t, NULL);
}

/* ---- fork ------------------------------------------------------------------------------------ */

static char *before_fork;
static pthread_mutex_t fork_mutex = PTHREAD_MUTEX_INITIALIZER;

static void prepares(void)
{
	pthread_mutex_lock(&fork_mutex);
	free(before_fork);
	before_fork = strdup("prepared");
}
static void parent_goes_on(void)
{
	pthread_mutex_unlock(&fork_mutex);
	churn(5, 1);
}
static void child_starts(void)
{
	pthread_mutex_unlock(&fork_mutex);
	churn(5, 2);
	must(before_fork && !strcmp(before_fork, "prepared"));
	free(before_fork);
	before_fork = strdup("in the child");
}

/* All threads fork at the same time; children make threads and children of their own. */
static void *forks(void *arg)
{
	for (int i = 0; i < 6; i++) {
		pid_t child = fork();
		int status = 0;

		if (child == 0) {
			churn(60, 5);
			one_thread();
			child = fork();
			if (child == 0) {
				churn(60, 6);
				_exit(7);
			}
			must(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7);
			_exit(6);
		}
		must(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 6);
		churn(30, 9);
	}
	return arg;
}

static void fork_in_threads(void)
{
	pthread_t busy[2], t[4];

	pthread_atfork(prepares, parent_goes_on, child_starts);
	start_churning(busy, 2);
	for (unsigned i = 0; i < NR(t); i++)
		must(!pthread_create(&t[i], NULL, forks, NULL));
	for (unsigned i = 0; i < NR(t); i++)
		pthread_join(t[i], NULL);
	end_churning(busy, 2);
	free(before_fork);
	say("forked\n");
}

/* Every generation allocates, frees what its ancestors allocated, and ends by exit. */
static void fork_generations(void)
{
	char *inherited[40];
	int depth;

	for (unsigned i = 0; i < NR(inherited); i++)
		inherited[i] = strdup("of an ancestor");
	for (depth = 0; depth < 30; depth++) {
		pid_t child = fork();
		int status = 0;

		if (child == 0) {
			free(inherited[depth]);
			inherited[depth] = malloc(100 + (size_t)depth);
			memset(inherited[depth], depth, 100);
			churn(30, (unsigned)depth);
			continue;
		}
		waitpid(child, &status, 0);
		if (depth == 0)
			say("status %d\n", WEXITSTATUS(status));
		exit(WEXITSTATUS(status) + 1);
	}
	exit(1);
}

/* The kernel starts these children without a word to libc's handlers.  They end by exit, with exit handlers. */
static void at_exit_churn(void)
{
	churn(20, 3);
	say("exit handler\n");
}

static pid_t raw_fork(int how)
{
	struct clone_args args;

	switch (how) {
	case 0:
		return _Fork();
	case 1:
		return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	case 2:
		return (pid_t)syscall(SYS_fork);
	case 3:
		memset(&args, 0, sizeof(args));
		args.exit_signal = SIGCHLD;
		return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	default:
		return fork();
	}
}

static void raw_children(void)
{
	char *kept = malloc(5000), *big = malloc(1 << 20);

	memset(kept, 'k', 5000);
	memset(big, 'b', 1 << 20);
	atexit(at_exit_churn);
	for (int how = 0; how < 5; how++) {
		pid_t child = raw_fork(how), grandchild;

		if (child == 0) {
			must(kept[4999] == 'k' && big[77777] == 'b');
			churn(200, (unsigned)how);
			grandchild = raw_fork(4 - how);
			if (grandchild == 0) {
				free(big);
				free(kept);
				churn(100, 8);
				exit(11);
			}
			reap("grandchild", grandchild);
			kept = realloc(kept, 90000);
			must(kept[4999] == 'k');
			one_thread();
			exit(how);
		}
		reap("child", child);
		churn(50, 3);
	}
	free(kept);
	free(big);
}

static sigjmp_buf cleared_back;

static void on_cleared(int sig)
{
	siglongjmp(cleared_back, sig);
}

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ull
#endif

/* In the child every handler is gone, also memsan's; ignored signals stay ignored. It sets handlers of its own. */
static void clone_clears_handlers(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGUSR1 };
	struct clone_args args = { .flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD };
	char *none = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct sigaction now;
	pid_t child;

	for (size_t i = 0; i < NR(signals); i++)
		signal(signals[i], i == 1 ? SIG_IGN : on_cleared);
	child = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (child < 0)
		absent("the kernel has no CLONE_CLEAR_SIGHAND");
	if (child)
		reap("child", child);
	for (size_t i = 0; i < NR(signals); i++) {
		sigaction(signals[i], NULL, &now);
		say("%d: %d %d\n", signals[i], now.sa_handler == SIG_DFL, now.sa_handler == SIG_IGN);
	}
	if (child == 0) {
		churn(100, 3);
		signal(SIGSEGV, on_cleared);
		if (sigsetjmp(cleared_back, 1) == 0)
			*(volatile char *)none = 1;
		say("caught\n");
		_exit(3);
	}
	if (sigsetjmp(cleared_back, 1) == 0)
		*(volatile char *)none = 1;
	munmap(none, PAGE);
}

/* While other threads allocate, only fork itself may be followed by malloc, the others by system calls and exec. */
static void raw_children_of_threads(void)
{
	pthread_t busy[3];

	start_churning(busy, 3);
	for (int i = 0; i < 30; i++) {
		pid_t child = raw_fork(i % 5);

		if (child == 0) {
			if (i % 2)
				execl(torture_self, torture_self, "then_ends", (char *)NULL);
			_exit(5);
		}
		if (i < 6) {
			reap("child", child);
		} else {
			int status;

			must(waitpid(child, &status, 0) == child && WIFEXITED(status) &&
			     WEXITSTATUS(status) == 5 * !(i % 2));
		}
	}
	end_churning(busy, 3);
}

static void then_ends(void)
{
}

static volatile sig_atomic_t forks_in_handler;

static void fork_in_handler_now(int sig)
{
	pid_t child = _Fork();
	int status, saved = errno;

	(void)sig;
	if (child == 0)
		_exit(3);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	errno = saved;
	forks_in_handler++;
}

/* A handler forks (as async-signal-safe _Fork may) whatever its thread does at that time. The timer counts the time
 * that the program runs: on a busy machine a fork takes longer than a timer of the clock's time waits, and nothing but
 * the handler would run. */
static void fork_in_handler(void)
{
	struct itimerval every = { { 0, 3000 }, { 0, 3000 } }, none = { { 0, 0 }, { 0, 0 } };
	struct sigaction a = { .sa_handler = fork_in_handler_now, .sa_flags = SA_RESTART };

	sigaction(SIGVTALRM, &a, NULL);
	setitimer(ITIMER_VIRTUAL, &every, NULL);
	for (unsigned i = 0; i < 150 || forks_in_handler < 10; i++)
		churn(100, i);
	setitimer(ITIMER_VIRTUAL, &none, NULL);
	say("done\n");
}

/* Shared memory over a block: the child's free, and its end, must leave the parent's bytes alone. */
static void fork_with_shared_blocks(void)
{
	static const size_t sizes[] = { 2 * PAGE, 8 * PAGE, 10 * PAGE + 100, 256 * PAGE, 1000 * PAGE + 8 };

	mallopt(M_MMAP_THRESHOLD, 128 << 10);
	for (unsigned i = 0; i < NR(sizes); i++)
		for (int way = 0; way < 4; way++) {
			char *p = aligned_alloc(PAGE, (sizes[i] + 15) & ~15ul);
			size_t whole = sizes[i] & ~(PAGE - 1), wrong = 0;
			pid_t child;

			must(mmap(p, whole, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
			     p);
			memset(p, 'p', sizes[i]);
			child = way & 1 ? fork() : raw_fork(1);
			if (child == 0) {
				p[0] = 'c';
				/* glibc's malloc unmaps these only. */
				if (way & 2 && i > 2)
					free(p);
				churn(100, i);
				for (int k = 0; k < 4; k++) {
					char *q = malloc(sizes[i]);

					memset(q, 'q', sizes[i]);
					free(q);
				}
				exit(0);
			}
			if (i == 0)
				reap("child", child);
			else
				waitpid(child, NULL, 0);
			must(p[0] == 'c');
			for (size_t k = 1; k < sizes[i]; k++)
				wrong += p[k] != 'p';
			must(wrong == 0);
			free(p);
		}
	say("shared\n");
}

/* Blocks that the child does not have, or has as zeros: it may free them, and end. */
static void fork_with_kept_blocks(void)
{
	static const int advice[] = { 10 /* MADV_DONTFORK */, 18 /* MADV_WIPEONFORK */ };
	static const size_t sizes[] = { 40 * PAGE, 64 * PAGE, 64 * PAGE - 200, 300 * PAGE, 300 * PAGE - 1000 };

	mallopt(M_MMAP_THRESHOLD, 128 << 10);
	for (unsigned i = 0; i < NR(sizes); i++)
		for (int way = 0; way < 8; way++) {
			char *p = memalign(PAGE, sizes[i]);
			size_t whole = (sizes[i] + PAGE - 1) & ~(PAGE - 1), wrong = 0;
			pid_t child;

			memset(p, 'p', sizes[i]);
			must(madvise(p, whole, advice[way & 1]) == 0);
			child = way & 2 ? fork() : raw_fork(0);
			if (child == 0) {
				churn(50, i);
				/* glibc's malloc keeps its word for a block in the page before, which the child has. */
				if (way & 4)
					free(p);
				exit(4);
			}
			if (i < 2)
				reap("child", child);
			else
				waitpid(child, NULL, 0);
			for (size_t k = 0; k < sizes[i]; k++)
				wrong += p[k] != 'p';
			must(wrong == 0);
			free(p);
		}
	say("kept\n");
}

/* ---- vfork and its like ---------------------------------------------------------------------- */

static void ignore(int sig)
{
	(void)sig;
}

static pid_t vfork_and_end(int status)
{
	pid_t child = vfork();

	if (child == 0)
		_exit(status);
	return child;
}

static void child_changes_all(int i)
{
	static char stack[65536];
	struct sigaction a = { .sa_handler = i % 2 ? SIG_IGN : SIG_DFL };
	stack_t s = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct rlimit none = { 0, RLIM_INFINITY };
	sigset_t all;

	for (int sig = 1; sig < 65; sig++)
		if (sig != SIGCHLD)
			sigaction(sig, &a, NULL);
	signal(SIGSEGV, ignore);
	signal(SIGBUS, ignore);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	sigaltstack(&s, NULL);
	setrlimit(RLIMIT_CORE, &none);
	setrlimit(RLIMIT_FSIZE, &none);
	prctl(PR_SET_NAME, "guest");
	if (chdir("/") < 0)
		_exit(1);
	umask(0);
	setpgid(0, 0);
	dup2(2, 9);
	close(0);
}

static void *vforks(void *arg)
{
	for (int i = 0; i < 12; i++) {
		volatile pid_t child = vfork(), inner;
		int status = 0;

		if (child == 0) {
			child_changes_all(i);
			if (i % 3 == 0) {
				inner = vfork_and_end(2);
				must(waitpid(inner, &status, 0) == inner && WEXITSTATUS(status) == 2);
			}
			if (i % 3 == 1) {
				execl("/nonexistent", "nonexistent", (char *)NULL);
				_exit(1);
			}
			if (i % 3 == 2)
				execl("/bin/sh", "sh", "-c", "exit 1", (char *)NULL);
			_exit(1);
		}
		must(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 1);
		churn(20, (unsigned)i);
	}
	return arg;
}

static sigset_t mask_now(void)
{
	sigset_t set;

	sigprocmask(SIG_SETMASK, NULL, &set);
	return set;
}

static void say_state(void)
{
	struct sigaction a;
	sigset_t set = mask_now();
	stack_t s;
	char name[17] = "";

	for (int sig = 1; sig < 65; sig++)
		if (sig != 32 && sig != 33 && sigismember(&set, sig))
			say("blocked %d\n", sig);
	for (int sig = 1; sig < 65; sig++)
		if (sigaction(sig, NULL, &a) == 0 && a.sa_handler != SIG_DFL)
			say("signal %d: %s\n", sig, a.sa_handler == SIG_IGN ? "ignored" : "handled");
	sigaltstack(NULL, &s);
	prctl(PR_GET_NAME, name);
	say("signal stack %d, name %s\n", s.ss_flags, name);
}

static void vfork_in_threads(void)
{
	pthread_t busy[2], t[3];

	start_churning(busy, 2);
	for (unsigned i = 0; i < NR(t); i++)
		must(!pthread_create(&t[i], NULL, vforks, NULL));
	for (unsigned i = 0; i < NR(t); i++)
		pthread_join(t[i], NULL);
	end_churning(busy, 2);
	say_state();
}

/* The child of vfork allocates and frees in its parent's memory (glibc's own posix_spawn did so once). */
static void vfork_allocates(void)
{
	static char *volatile left;
	int status;

	for (int i = 0; i < 20; i++) {
		pid_t child = vfork();

		if (child == 0) {
			char *p = malloc(300), *q = malloc(1 << 20);

			free(left);
			left = p;
			memset(q, 1, 1 << 20);
			free(q);
			_exit(i);
		}
		must(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == i);
		memset(left, i, 300);
	}
	free(left);
	say("allocated\n");
}

/* The child of vfork ends by a signal. */
static void vfork_ends_by_signal(void)
{
	static const int signals[] = { SIGKILL, SIGTERM, SIGSEGV, SIGBUS, SIGABRT, 37 };
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	for (unsigned i = 0; i < NR(signals); i++) {
		pid_t child = vfork();

		if (child == 0) {
			kill(getpid(), signals[i]);
			_exit(1);
		}
		reap("guest", child);
		churn(30, i);
	}
	say_state();
}

struct guest {
	int sum;
	int pipe[2];
	int shared;
};

static int guest_runs(void *arg)
{
	struct guest *g = arg;
	char c;

	while (syscall(SYS_read, g->pipe[0], &c, 1) == 1 && c)
		g->sum += c;
	syscall(SYS_exit_group, 9);
	return 0;
}

/* A process that shares this memory runs beside its parent, on a stack from malloc, and makes system calls only. */
static void shared_memory_child(void)
{
	static const int flags[] = { CLONE_VM | SIGCHLD, CLONE_VM | CLONE_FILES | SIGCHLD,
		                     CLONE_VM | CLONE_FS | SIGCHLD, CLONE_VM | CLONE_SIGHAND | SIGCHLD,
		                     CLONE_VM | CLONE_IO | CLONE_SYSVSEM | SIGCHLD };

	for (unsigned i = 0; i < NR(flags); i++) {
		char *stack = malloc(20000);
		struct guest *g = calloc(1, sizeof(*g));
		char bytes[] = { 1, 2, 3, 4, 0 };
		pid_t child;

		must(pipe(g->pipe) == 0);
		child = clone(guest_runs, (char *)((uintptr_t)(stack + 20000) & ~63ul), flags[i], g);
		for (unsigned k = 0; k < sizeof(bytes); k++) {
			churn(30, k);
			must(write(g->pipe[1], bytes + k, 1) == 1);
		}
		reap("guest", child);
		say("sum %d\n", g->sum);
		close(g->pipe[0]);
		close(g->pipe[1]);
		free(g);
		free(stack);
	}
}

static int guest_allocates(void *arg)
{
	char *p = malloc(4000);

	memset(p, 'g', 4000);
	*(char **)arg = p;
	churn(100, 4);
	return 6;
}

/* With CLONE_VFORK the parent waits, so the child may use the thread's own words. */
static void waited_for_child_allocates(void)
{
	for (int i = 0; i < 4; i++) {
		char *stack = malloc(256 << 10), *p = NULL;

		reap("guest", clone(guest_allocates, stack + (256 << 10), CLONE_VM | CLONE_VFORK | SIGCHLD, &p));
		must(p && p[3999] == 'g');
		p = realloc(p, 8000);
		free(p);
		free(stack);
		churn(100, 5);
	}
}

/* ---- spawn ----------------------------------------------------------------------------------- */

static void *spawns(void *arg)
{
	for (int i = 0; i < 6; i++) {
		char *const argv[] = { "sh", "-c", "read x; exit $x", NULL };
		posix_spawn_file_actions_t files;
		posix_spawnattr_t attr;
		sigset_t set;
		char name[64];
		pid_t child = -1;
		int status = 0, fd;
		FILE *f;

		snprintf(name, sizeof(name), "in.%p.%d", arg, i);
		fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
		must(write(fd, "5\n", 2) == 2);
		close(fd);
		sigemptyset(&set);
		posix_spawn_file_actions_init(&files);
		posix_spawn_file_actions_addopen(&files, 0, name, O_RDONLY, 0);
		posix_spawn_file_actions_adddup2(&files, 1, 8);
		posix_spawn_file_actions_addclosefrom_np(&files, 9);
		posix_spawnattr_init(&attr);
		posix_spawnattr_setsigmask(&attr, &set);
		sigaddset(&set, SIGSEGV);
		sigaddset(&set, SIGUSR1);
		posix_spawnattr_setsigdefault(&attr, &set);
		posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
		must(posix_spawnp(&child, "sh", &files, &attr, argv, environ) == 0);
		must(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 5);
		must(posix_spawn(&child, "/nonexistent", &files, &attr, argv, environ) == ENOENT);
		posix_spawn_file_actions_destroy(&files);
		posix_spawnattr_destroy(&attr);
		unlink(name);
		f = popen("echo popened", "r");
		must(f && fgets(name, sizeof(name), f) && !strcmp(name, "popened\n"));
		must(pclose(f) == 0);
		must(WEXITSTATUS(system("exit 3")) == 3);
	}
	return arg;
}

static void spawn_in_threads(void)
{
	pthread_t busy[1], t[3];

	signal(SIGUSR1, ignore);
	start_churning(busy, 1);
	for (unsigned i = 0; i < NR(t); i++)
		must(!pthread_create(&t[i], NULL, spawns, (void *)(uintptr_t)i));
	for (unsigned i = 0; i < NR(t); i++)
		pthread_join(t[i], NULL);
	end_churning(busy, 1);
	say("spawned\n");
}

/* ---- exec ------------------------------------------------------------------------------------ */

static void *execs(void *arg)
{
	char *const argv[] = { (char *)(uintptr_t)torture_self, "then_looks", NULL };

	usleep(2000);
	execv(torture_self, argv);
	return arg;
}

/* What a program finds that another one of this process has started. */
static void then_looks(void)
{
	struct itimerval t;
	sigset_t pending;
	struct rlimit files, stack;

	say_state();
	say_descriptors("after exec");
	sigpending(&pending);
	say("pending usr2 %d, segv %d\n", sigismember(&pending, SIGUSR2), sigismember(&pending, SIGSEGV));
	getitimer(ITIMER_REAL, &t);
	say("timer %d\n", t.it_value.tv_sec > 50);
	getrlimit(RLIMIT_NOFILE, &files);
	getrlimit(RLIMIT_STACK, &stack);
	say("limits %lu %lu\n", (unsigned long)files.rlim_cur, (unsigned long)stack.rlim_cur);
	churn(200, 3);
	exit(12);
}

/* A thread that is not the first replaces the program, while the others allocate, fork and wait. */
static void exec_in_threads(void)
{
	struct itimerval t = { { 0, 0 }, { 100, 0 } };
	struct rlimit files = { 200, 200 };
	pthread_t busy[3], other;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGSEGV);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGUSR2);
	kill(getpid(), SIGSEGV);
	signal(SIGUSR1, ignore);
	signal(SIGHUP, SIG_IGN);
	setitimer(ITIMER_REAL, &t, NULL);
	setrlimit(RLIMIT_NOFILE, &files);
	must(dup2(1, 30) == 30);
	must(fcntl(1, F_DUPFD_CLOEXEC, 40) == 40);
	start_churning(busy, 3);
	must(!pthread_create(&other, NULL, execs, NULL));
	churns((void *)4ul);
}

/* The ways to replace a program: by descriptor, with an empty environment, without arguments, from a script. */
static void exec_ways(void)
{
	char *const argv[] = { "renamed", "then_churns", NULL }, *const none[] = { NULL };
	int fd = open(torture_self, O_RDONLY | O_CLOEXEC);
	FILE *script = fopen("script", "w");

	fprintf(script, "#!%s then_churns\n", torture_self);
	fchmod(fileno(script), 0755);
	fclose(script);
	for (int way = 0; way < 8; way++) {
		pid_t child = way & 1 ? fork() : vfork();

		if (child == 0) {
			switch (way) {
			case 0:
				execl("./script", "script", (char *)NULL);
				break;
			case 1:
				fexecve(fd, argv, environ);
				break;
			case 2:
				syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
				break;
			case 3:
				execve(torture_self, argv, none);
				break;
			case 4:
				execve(torture_self, none, environ);
				break;
			case 5:
				execve("/proc/self/exe", argv, environ);
				break;
			case 6:
				execlp("sh", "sh", "-c", "exit 9", (char *)NULL);
				break;
			case 7:
				execle(torture_self, "x", "then_churns", (char *)NULL, environ);
				break;
			}
			_exit(1);
		}
		reap("program", child);
	}
}

static void then_churns(void)
{
	churn(50, 1);
	exit(21);
}

/* Limits and layouts under which a program starts. */
static void exec_under_limits(void)
{
	static const struct {
		const char *name;
		int resource;
		rlim_t limit;
	} limits[] = {
		{ "stack", RLIMIT_STACK, 96 << 10 },       { "no stack limit", RLIMIT_STACK, RLIM_INFINITY },
		{ "descriptors", RLIMIT_NOFILE, 4 },       { "file size", RLIMIT_FSIZE, 0 },
		{ "locked memory", RLIMIT_MEMLOCK, 0 },    { "processes", RLIMIT_NPROC, 0 },
		{ "signals", RLIMIT_SIGPENDING, 0 },       { "core", RLIMIT_CORE, 0 },
		{ "address space", RLIMIT_AS, 600 << 20 }, { "time", RLIMIT_CPU, 20 },
	};

	for (unsigned i = 0; i < NR(limits); i++) {
		pid_t child = fork();

		if (child == 0) {
			struct rlimit l = { limits[i].limit, limits[i].limit };

			must(setrlimit(limits[i].resource, &l) == 0);
			execl(torture_self, torture_self, "then_churns", (char *)NULL);
			_exit(1);
		}
		reap(limits[i].name, child);
	}
	for (unsigned long p = 0; p < 2; p++) {
		pid_t child = fork();

		if (child == 0) {
			/* no random addresses; readable memory is executable */
			syscall(SYS_personality, p ? 0x0400000ul : 0x0040000ul);
			execl(torture_self, torture_self, "then_churns", (char *)NULL);
			_exit(1);
		}
		reap(p ? "executable memory" : "fixed addresses", child);
	}
}

/* ---- daemons --------------------------------------------------------------------------------- */

static void daemon_works(const char *file, int expected)
{
	FILE *f;
	int fd;

	churn(200, 1);
	one_thread();
	fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	f = fdopen(fd, "w");
	fprintf(f, "descriptor %d of %d, session %d, group %d\n", fd == expected, expected, getsid(0) == getpid(),
	        getpgrp() == getpid());
	fprintf(f, "children %d\n", (int)waitpid(-1, NULL, 0));
	for (int i = 0; i < 40; i++)
		if (fcntl(i, F_GETFD) >= 0)
			fprintf(f, "open %d\n", i);
	fclose(f);
	churn(200, 2);
}

/* Two forks, a session of its own, every descriptor closed, /dev/null in place of the first three. */
static void daemonise_way(const char *file, int way)
{
	int wait[2];
	char c;
	pid_t child;

	must(pipe(wait) == 0);
	child = fork();
	if (child) {
		close(wait[1]);
		must(read(wait[0], &c, 1) == 0);
		close(wait[0]);
		waitpid(child, NULL, 0);
		return;
	}
	setsid();
	child = fork();
	if (child)
		_exit(0);
	dup2(wait[1], 20);
	if (way & 1) {
		for (int fd = (int)sysconf(_SC_OPEN_MAX) > 4096 ? 4096 : (int)sysconf(_SC_OPEN_MAX); fd-- > 0;)
			if (fd != 20)
				close(fd);
	} else {
		must(syscall(SYS_close_range, 0, 19, 0) == 0);
		closefrom(21);
	}
	if (way & 2) {
		must(open("/dev/null", O_RDWR) == 0);
		must(dup(0) == 1 && dup(0) == 2);
		daemon_works(file, 3);
	} else {
		daemon_works(file, 0);
	}
	exit(way);
}

static void daemonise(void)
{
	static const char *const files[] = { "way0", "way1", "way2", "way3" };

	for (int way = 0; way < 4; way++)
		daemonise_way(files[way], way);
	say("daemons\n");
}

static void daemon_of_libc(void)
{
	pid_t child = fork();

	if (child == 0) {
		must(daemon(1, 0) == 0);
		churn(100, 1);
		daemon_works("daemon", 3);
		rename("daemon", "daemon.done");
		exit(0);
	}
	waitpid(child, NULL, 0);
	for (int i = 0; access("daemon.done", F_OK) && i < 2000; i++)
		usleep(10000);
	say("daemon %d\n", access("daemon.done", F_OK));
}

/* ---- process 1, wait, tracing ---------------------------------------------------------------- */

static void say_children(const char *what)
{
	int children = 0;
	pid_t p;

	while ((p = waitpid(-1, NULL, __WALL)) > 0)
		children++;
	say("%s: %d children, then error %d\n", what, children, errno);
}

static void orphans(int n)
{
	pid_t child = fork();

	if (child == 0) {
		for (int i = 0; i < n; i++)
			if (fork() == 0) {
				usleep(20000);
				churn(50, (unsigned)i);
				_exit(0);
			}
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

static void process_1(void)
{
	pid_t child;

	if (unshare(CLONE_NEWPID) != 0)
		skip("no new name space for processes (needs root)");
	child = fork();
	if (child == 0) {
		say("pid %d, parent %d\n", getpid(), getppid());
		orphans(5);
		say_children("process 1");
		kill(getpid(), SIGTERM);
		kill(getpid(), SIGSEGV);
		raise(SIGUSR1);
		say("still here\n");
		one_thread();
		reap("vfork", vfork_and_end(4));
		child = fork();
		if (child == 0)
			exit(3);
		reap("fork", child);
		child = _Fork();
		if (child == 0) {
			churn(10, 1);
			exit(3);
		}
		reap("_Fork", child);
		execl(torture_self, torture_self, "then_process_1", (char *)NULL);
		_exit(1);
	}
	reap("process 1", child);
}

static void then_process_1(void)
{
	churn(100, 2);
	orphans(2);
	say_children("again");
	exit(17);
}

static void subreaper(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	orphans(4);
	say_children("subreaper");
	signal(SIGCHLD, SIG_IGN);
	if (fork() == 0)
		exit(1);
	must(system("exit 0") == -1 && errno == ECHILD);
	say_children("ignored");
}

/* The parent traces: it sees every stop and event of its child. */
static void traced(void)
{
	int status, stops = 0, forks = 0, execs = 0, ends = 0;
	pid_t child = fork(), p;

	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		churn(100, 1);
		raise(SIGUSR1);
		p = fork();
		if (p == 0)
			_exit(1);
		waitpid(p, NULL, 0);
		p = vfork_and_end(1);
		waitpid(p, NULL, 0);
		one_thread();
		execl(torture_self, torture_self, "then_churns", (char *)NULL);
		_exit(9);
	}
	must(waitpid(child, &status, 0) == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	must(ptrace(PTRACE_SETOPTIONS, child, NULL,
	            PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC) == 0);
	ptrace(PTRACE_CONT, child, NULL, NULL);
	while ((p = waitpid(-1, &status, __WALL)) > 0) {
		if (!WIFSTOPPED(status)) {
			if (p == child)
				say("ended with %d\n", status);
			ends++;
			continue;
		}
		forks += status >> 16 == PTRACE_EVENT_FORK || status >> 16 == PTRACE_EVENT_VFORK ||
		         status >> 16 == PTRACE_EVENT_CLONE;
		execs += status >> 16 == PTRACE_EVENT_EXEC;
		stops += WSTOPSIG(status) == SIGUSR1;
		ptrace(PTRACE_CONT, p, NULL, NULL);
	}
	say("stops %d, forks %d, execs %d, ends %d\n", stops, forks, execs, ends);
}

static void stopped_and_continued(void)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		/* SIGTSTP stops nobody in an orphaned process group, which a test runner's may be. */
		setpgid(0, 0);
		churn(50, 1);
		raise(SIGSTOP);
		churn(50, 1);
		raise(SIGTSTP);
		exit(8);
	}
	for (int i = 0; i < 2; i++) {
		must(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
		say("stopped by %d\n", WSTOPSIG(status));
		kill(child, SIGCONT);
	}
	reap("child", child);
}

/* ---- roots and rights ------------------------------------------------------------------------ */

static void chrooted(void)
{
	must(mkdir("root", 0755) == 0);
	if (chroot("root") != 0)
		skip("no chroot (needs root)");
	must(chdir("/") == 0);
	churn(300, 1);
	one_thread();
	for (int i = 0; i < 3; i++) {
		pid_t child = raw_fork(i * 2);

		if (child == 0) {
			churn(100, 2);
			exit(3);
		}
		reap("child", child);
	}
	reap("vfork", vfork_and_end(2));
	must(open("left", O_WRONLY | O_CREAT, 0600) >= 0);
	must(system("exit 3") == 127 << 8);
	say("in the chroot\n");
}

static void rights_dropped(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct none[2] = { { 0, 0, 0 }, { 0, 0, 0 } };
	pthread_t busy[2];
	char *p = malloc(1 << 20);
	pid_t child;

	if (geteuid() != 0)
		skip("needs root");
	start_churning(busy, 2);
	must(setgroups(0, NULL) == 0);
	/* libc tells every thread by a signal of its own. */
	must(setresgid(65534, 65534, 65534) == 0);
	must(seteuid(65534) == 0);
	churn(50, 1);
	must(seteuid(0) == 0);
	must(setresuid(65534, 65534, 65534) == 0);
	must(syscall(SYS_capset, &h, none) == 0);
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	must(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
	must(setuid(0) < 0);
	churn(200, 2);
	end_churning(busy, 2);
	child = fork();
	if (child == 0) {
		free(p);
		churn(100, 3);
		exit(5);
	}
	reap("child", child);
	one_thread();
	p = realloc(p, 2 << 20);
	free(p);
	say("uid %d, gid %d, dumpable %d\n", getuid(), getegid(), prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
}

/* New name spaces of everything, and a root without /proc, /dev and /sys. */
static void name_spaces(void)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_FILES | CLONE_FS |
	            CLONE_SYSVSEM) != 0)
		skip("no new name spaces (needs root)");
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	must(umount2("/proc", MNT_DETACH) == 0);
	must(access("/proc/self", F_OK) != 0);
	churn(300, 1);
	one_thread();
	for (int i = 0; i < 4; i++) {
		pid_t child = raw_fork(i);

		if (child == 0) {
			churn(100, 2);
			execl(torture_self, "without", "then_churns", (char *)NULL);
			_exit(1);
		}
		reap("child", child);
	}
	say("without /proc\n");
}

/* ---- the end --------------------------------------------------------------------------------- */

static char *kept_for_exit;

static void frees_at_exit(void)
{
	free(kept_for_exit);
	kept_for_exit = NULL;
	churn(30, 1);
	say("frees at exit\n");
}
static void adds_at_exit(void)
{
	atexit(frees_at_exit);
	kept_for_exit = malloc(100000);
	say("adds at exit\n");
}
static void status_at_exit(int status, void *arg)
{
	churn(30, 2);
	say("status %d, %s\n", status, (char *)arg);
	free(arg);
}

static void exit_handlers(void)
{
	on_exit(status_at_exit, strdup("argument"));
	atexit(adds_at_exit);
	kept_for_exit = strdup("of main");
	frees_at_exit();
	exit(300);
}

static void quick_exits(void)
{
	at_quick_exit(frees_at_exit);
	at_quick_exit(adds_at_exit);
	atexit(adds_at_exit);
	kept_for_exit = malloc(10);
	printf("lost, since quick_exit flushes nothing");
	quick_exit(6);
}

static void exits_from_handler_now(int sig)
{
	exit(sig);
}

static void exit_in_signal_handler(void)
{
	atexit(frees_at_exit);
	signal(SIGUSR1, exits_from_handler_now);
	raise(SIGUSR1);
}

static void *exits(void *arg)
{
	usleep(1000);
	exit((int)(uintptr_t)arg);
}

static void exit_in_thread(void)
{
	pthread_t busy[3], t;

	atexit(frees_at_exit);
	start_churning(busy, 3);
	must(!pthread_create(&t, NULL, exits, (void *)33ul));
	pthread_join(t, NULL);
}

static void main_thread_leaves(void)
{
	pthread_t t;

	atexit(frees_at_exit);
	must(!pthread_create(&t, NULL, exits, (void *)34ul));
	kept_for_exit = malloc(77);
	pthread_exit(NULL);
}

static void *ends_late(void *arg)
{
	usleep(20000);
	churn(100, 1);
	say("last thread\n");
	return arg;
}

/* The last thread's end is the end of the process. */
static void last_thread_ends(void)
{
	pthread_t t;

	atexit(frees_at_exit);
	must(!pthread_create(&t, NULL, ends_late, NULL));
	pthread_exit(NULL);
}

/* The program's memory is used by another thread throughout exit. */
static void exit_while_threads_work(void)
{
	static pthread_t busy[4];

	start_churning(busy, 4);
	usleep(3000);
	say("ends\n");
	exit(2);
}

/* Written by stdio after all exit handlers. */
static ssize_t cookie_writes(void *cookie, const char *text, size_t n)
{
	char *copy = malloc(n + 1);

	memcpy(copy, text, n);
	copy[n] = 0;
	say("cookie %s: %s\n", (char *)cookie, copy);
	churn(50, 1);
	free(copy);
	return (ssize_t)n;
}
static int cookie_closes(void *cookie)
{
	free(cookie);
	return 0;
}

static void cookie_at_exit(void)
{
	cookie_io_functions_t f = { .write = cookie_writes, .close = cookie_closes };
	FILE *file = fopencookie(strdup("heap"), "w", f), *other = fopencookie(strdup("other"), "w", f);
	char *buffer = malloc(8192);

	setvbuf(stdout, buffer, _IOFBF, 8192);
	fprintf(file, "not flushed");
	fprintf(other, "closed");
	fclose(other);
	printf("from a buffer of malloc's\n");
}

static void aborts_now(int sig)
{
	(void)sig;
	say("handler of abort\n");
}

/* Before main: the argument says what a constructor does. */
__attribute__((constructor)) static void constructor(int argc, char **argv)
{
	pthread_t t;

	if (argc < 2)
		return;
	if (!strcmp(argv[1], "constructor_exits")) {
		atexit(frees_at_exit);
		kept_for_exit = strdup("of the constructor");
		exit(19);
	}
	if (!strcmp(argv[1], "constructor_forks")) {
		for (int how = 0; how < 5; how++) {
			pid_t child = raw_fork(how);

			if (child == 0) {
				churn(50, 1);
				exit(how);
			}
			reap("child of the constructor", child);
		}
		must(!pthread_create(&t, NULL, churns_once, NULL));
		pthread_join(t, NULL);
		reap("guest of the constructor", vfork_and_end(8));
	}
	if (!strcmp(argv[1], "constructor_execs") && !getenv("AGAIN")) {
		setenv("AGAIN", "1", 1);
		execv("/proc/self/exe", argv);
	}
}

static void constructor_done(void)
{
	churn(50, 1);
	say("main\n");
}

static void ends_by_signals(void)
{
	static const int signals[] = { SIGABRT, SIGTERM, SIGSEGV, SIGBUS, SIGFPE, SIGILL,
		                       SIGSYS,  SIGTRAP, SIGPIPE, 61,     64 };
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	for (unsigned i = 0; i < NR(signals); i++)
		for (int way = 0; way < 3; way++) {
			pid_t child = fork();

			if (child == 0) {
				churn(20, i);
				if (way == 0)
					raise(signals[i]);
				else if (way == 1)
					kill(getpid(), signals[i]);
				else
					sigqueue(getpid(), signals[i], (union sigval){ .sival_int = 1 });
				_exit(1);
			}
			reap("child", child);
		}
	if (fork() == 0) {
		signal(SIGABRT, aborts_now);
		abort();
	}
	wait(NULL);
}

const struct torture_case torture_cases[] = {
	{ "fork_in_threads", fork_in_threads },
	{ "fork_generations", fork_generations },
	{ "fork_in_handler", fork_in_handler },
	{ "fork_with_shared_blocks", fork_with_shared_blocks },
	{ "fork_with_kept_blocks", fork_with_kept_blocks },
	{ "clone_clears_handlers", clone_clears_handlers },
	{ "raw_children", raw_children },
	{ "raw_children_of_threads", raw_children_of_threads },
	{ "then_ends", then_ends },
	{ "vfork_in_threads", vfork_in_threads },
	{ "vfork_allocates", vfork_allocates },
	{ "vfork_ends_by_signal", vfork_ends_by_signal },
	{ "shared_memory_child", shared_memory_child },
	{ "waited_for_child_allocates", waited_for_child_allocates },
	{ "spawn_in_threads", spawn_in_threads },
	{ "exec_in_threads", exec_in_threads },
	{ "exec_ways", exec_ways },
	{ "exec_under_limits", exec_under_limits },
	{ "then_looks", then_looks },
	{ "then_churns", then_churns },
	{ "daemonise", daemonise },
	{ "daemon_of_libc", daemon_of_libc },
	{ "process_1", process_1 },
	{ "then_process_1", then_process_1 },
	{ "subreaper", subreaper },
	{ "traced", traced },
	{ "stopped_and_continued", stopped_and_continued },
	{ "chrooted", chrooted },
	{ "rights_dropped", rights_dropped },
	{ "name_spaces", name_spaces },
	{ "exit_handlers", exit_handlers },
	{ "quick_exits", quick_exits },
	{ "exit_in_signal_handler", exit_in_signal_handler },
	{ "exit_in_thread", exit_in_thread },
	{ "main_thread_leaves", main_thread_leaves },
	{ "last_thread_ends", last_thread_ends },
	{ "exit_while_threads_work", exit_while_threads_work },
	{ "cookie_at_exit", cookie_at_exit },
	{ "constructor_exits", constructor_done },
	{ "constructor_forks", constructor_done },
	{ "constructor_execs", constructor_done },
	{ "ends_by_signals", ends_by_signals },
	{ NULL, NULL },
};
