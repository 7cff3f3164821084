/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/live/server.c - a process to be scanned while it runs: it does what its arguments say, prints "ready" and its
 * process id, and answers each line on standard input with "done".
 *
 *   seccomp     a filter that fails ptrace (and process_vm_readv) with EPERM
 *   blocked     a thread that blocks every signal holds an object
 *   vfork       a thread waits in vfork, which no signal interrupts
 *   guarded     the program holds a large object with guard pages, and a chain of two objects
 *   taken       the program has a handler of its own for the scan's signal
 *   quiet       a thread sleeps in poll and must not be woken (it prints a line when it is)
 *   busy        threads allocate and free all the time
 *   churn       threads start and end all the time; each has objects in a local variable, a thread-local one and a key,
 *               and returns one
 *
 * Lines: "lose N SIZE" loses N objects; "write" changes each lost object; "alloc" allocates and frees one, "alloc HOW"
 * by that function; "end" ends the process. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void *volatile global;
static __thread void *volatile local;
static uintptr_t hidden[64];
static unsigned nr_hidden;
static volatile int done;

static __attribute__((noinline)) void lose(int n, int size)
{
	for (int i = 0; i < n; i++) {
		char *volatile p = malloc((size_t)size);
		memset(p, 'x', (size_t)size);
		if (nr_hidden < 64)
			hidden[nr_hidden++] = ~(uintptr_t)p;
		p = NULL;
	}
}

static __attribute__((noinline)) void scrub(void)
{
	volatile char stack[8192];

	for (size_t i = 0; i < sizeof(stack); i++)
		stack[i] = 0;
}

static void forbid_ptrace(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog)) {
		perror("seccomp");
		exit(1);
	}
}

static void *blocked_thread(void *arg)
{
	char *volatile mine = malloc(111);
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	while (!done)
		poll(NULL, 0, 50);
	mine[0] = 1;
	return arg;
}

static void *vfork_thread(void *arg)
{
	pid_t pid = vfork();

	if (pid == 0) {
		struct pollfd p = { -1, 0, 0 };
		syscall(SYS_poll, &p, 0, 5000);
		syscall(SYS_exit_group, 0);
	}
	waitpid(pid, NULL, 0);
	return arg;
}

static void *quiet_thread(void *arg)
{
	char *volatile mine = malloc(99);

	local = malloc(88);
	for (;;) {
		int r = poll(NULL, 0, -1);
		printf("woken %d %d\n", r, errno);
		fflush(stdout);
		mine[0] = 1;
	}
	return arg;
}

/* The only pointer to an object moves from register to stack to heap and back. */
static void *busy_thread(void *arg)
{
	struct node {
		struct node *next;
		char data[200];
	} *list = NULL, *n;
	unsigned seed = (unsigned)(size_t)arg;

	while (!done) {
		if (rand_r(&seed) % 3 || !list) {
			n = malloc(sizeof(*n) + (unsigned)rand_r(&seed) % 3000);
			n->next = list;
			list = n;
		} else {
			n = list;
			list = n->next;
			free(n);
		}
		if (rand_r(&seed) % 5000 == 0)
			for (; list; list = n) {
				n = list->next;
				free(list);
			}
	}
	return arg;
}

static pthread_key_t key;

static void *short_thread(void *arg)
{
	void *volatile mine = malloc(64), **result = malloc(32);

	*result = arg; /* the thread that joins frees it */
	local = malloc(48);
	pthread_setspecific(key, malloc(80));
	free(local);
	free(mine);
	return result;
}

static void *churn_thread(void *arg)
{
	while (!done) {
		pthread_t t[4];
		void **result;
		for (int i = 0; i < 4; i++)
			pthread_create(&t[i], NULL, short_thread, malloc(128));
		for (int i = 0; i < 4; i++) {
			pthread_join(t[i], (void **)&result);
			free(*result);
			free(result);
		}
	}
	return arg;
}

static void on_signal(int sig)
{
	(void)sig;
}

/* One object that only another one holds, and a large one with guard pages around it. */
static void *volatile *volatile chain;
static void *volatile large;
static void hold_chain(void)
{
	large = malloc(200000);
	chain = calloc(1, 64);
	chain[0] = malloc(77);
}

static void start(const char *what)
{
	pthread_t t;

	if (strcmp(what, "seccomp") == 0)
		forbid_ptrace();
	else if (strcmp(what, "blocked") == 0)
		pthread_create(&t, NULL, blocked_thread, NULL);
	else if (strcmp(what, "vfork") == 0)
		pthread_create(&t, NULL, vfork_thread, NULL);
	else if (strcmp(what, "quiet") == 0)
		pthread_create(&t, NULL, quiet_thread, NULL);
	else if (strcmp(what, "guarded") == 0)
		hold_chain();
	else if (strcmp(what, "taken") == 0)
		signal(SIGRTMAX - 3, on_signal);
	else if (strcmp(what, "churn") == 0 && pthread_key_create(&key, free) == 0)
		for (size_t i = 0; i < 2; i++)
			pthread_create(&t, NULL, churn_thread, NULL);
	else if (strcmp(what, "busy") == 0)
		for (size_t i = 1; i < 4; i++)
			pthread_create(&t, NULL, busy_thread, (void *)i);
}

__attribute__((weak)) void *_Znwm(size_t);
__attribute__((weak)) void *_Znam(size_t);
__attribute__((weak)) void *memsan_kmalloc(size_t);
__attribute__((weak)) void *memsan_krealloc(void *, size_t);
__attribute__((weak)) void *memsan_cache_create(const char *, size_t, size_t, unsigned, void (*)(void *));
__attribute__((weak)) void *memsan_cache_alloc(void *);
__attribute__((weak)) void *memsan_cache_zalloc(void *);
__attribute__((weak)) size_t memsan_cache_alloc_bulk(void *, size_t, void **);
__attribute__((weak)) void *memsan_vmalloc(size_t);
__attribute__((weak)) void *memsan_kvmalloc(size_t);
__attribute__((weak)) void *memsan_alloc_pages(unsigned);

/* What is allocated is kept, so that no other function allocates or frees meanwhile. */
static void *kept[2048]; /* more than a test allocates */
static unsigned nr_kept;
static void *before[3], *cache;

static void prepare_to_allocate(void)
{
	for (unsigned i = 0; i < 3; i++)
		before[i] = malloc(20);
	cache = memsan_cache_create ? memsan_cache_create("kept", 40, 0, 0, NULL) : NULL;
}

static void allocate(const char *how)
{
	void **to = &kept[nr_kept++ % (sizeof(kept) / sizeof(kept[0]))];

	if (strcmp(how, "malloc") == 0)
		*to = malloc(10);
	else if (strcmp(how, "calloc") == 0)
		*to = calloc(1, 10);
	else if (strcmp(how, "realloc") == 0)
		before[0] = realloc(before[0], 15); /* in place */
	else if (strcmp(how, "realloc-large") == 0)
		before[1] = realloc(before[1], 3000);
	else if (strcmp(how, "aligned_alloc") == 0)
		*to = aligned_alloc(64, 64);
	else if (strcmp(how, "new") == 0)
		*to = _Znwm(10);
	else if (strcmp(how, "new[]") == 0)
		*to = _Znam(10);
	else if (strcmp(how, "kmalloc") == 0)
		*to = memsan_kmalloc(10);
	else if (strcmp(how, "krealloc") == 0)
		before[2] = memsan_krealloc(before[2], 100);
	else if (strcmp(how, "cache") == 0)
		*to = memsan_cache_alloc(cache);
	else if (strcmp(how, "zalloc") == 0)
		*to = memsan_cache_zalloc(cache);
	else if (strcmp(how, "bulk") == 0)
		memsan_cache_alloc_bulk(cache, 1, to);
	else if (strcmp(how, "vmalloc") == 0)
		*to = memsan_vmalloc(10);
	else if (strcmp(how, "kvmalloc") == 0)
		*to = memsan_kvmalloc(100000);
	else if (strcmp(how, "pages") == 0)
		*to = memsan_alloc_pages(0);
}

int main(int argc, char **argv)
{
	char line[256], how[32];
	int n, size;

	setvbuf(stdout, NULL, _IOLBF, 0);
	global = malloc(1234);
	prepare_to_allocate();
	for (int i = 1; i < argc; i++)
		start(argv[i]);
	usleep(50000);
	printf("ready %d\n", (int)getpid());
	while (fgets(line, sizeof(line), stdin) && strcmp(line, "end\n") != 0) {
		if (sscanf(line, "lose %d %d", &n, &size) == 2)
			lose(n, size);
		else if (strcmp(line, "write\n") == 0)
			for (unsigned i = 0; i < nr_hidden; i++)
				++*(volatile char *)~hidden[i];
		else if (sscanf(line, "alloc %31s", how) == 1)
			allocate(how);
		else if (strcmp(line, "alloc\n") == 0)
			free((void *volatile){ malloc(10) });
		scrub();
		printf("done\n");
	}
	done = 1;
	return 0;
}
