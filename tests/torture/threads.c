/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/torture/threads.c - threads: cancellation, thread-specific data, stacks of the program's own, coroutines;
 * signals and timers. */
#define TORTURE_MAIN
#include "torture.h"

#include <aio.h>
#include <limits.h>
#include <mqueue.h>
#include <netdb.h>
#include <poll.h>
#include <semaphore.h>
#include <setjmp.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <ucontext.h>

static volatile int stop;

/* ---- cancellation ---------------------------------------------------------------------------- */

static int pipes[2], sockets[2];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t semaphore, ready;
static int cleaned;

static void cleans(void *p)
{
	free(p);
	churn(10, 1);
	__atomic_fetch_add(&cleaned, 1, __ATOMIC_SEQ_CST);
}

static void closes(void *file)
{
	fclose(file);
}

static void unlocks(void *arg)
{
	(void)arg;
	pthread_mutex_unlock(&mutex);
}

static void wait_at(int point)
{
	char *buffer = malloc(600);
	struct pollfd p = { .fd = pipes[0], .events = POLLIN };
	struct iovec v = { buffer, 600 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	struct timespec long_time = { 100, 0 };
	struct aiocb a = { .aio_fildes = pipes[0], .aio_buf = buffer, .aio_nbytes = 10 };
	char *line = NULL;
	size_t n = 0;
	FILE *f;

	pthread_cleanup_push(cleans, buffer);
	sem_post(&ready);
	switch (point) {
	case 0:
		must(read(pipes[0], buffer, 600) < 0);
		break;
	case 1:
		readv(pipes[0], &v, 1);
		break;
	case 2:
		recv(sockets[0], buffer, 600, 0);
		break;
	case 3:
		recvmsg(sockets[0], &m, 0);
		break;
	case 4:
		poll(&p, 1, -1);
		break;
	case 5:
		pause();
		break;
	case 6:
		pthread_mutex_lock(&mutex);
		pthread_cleanup_push(unlocks, NULL);
		for (;;)
			pthread_cond_wait(&cond, &mutex);
		pthread_cleanup_pop(1);
		break;
	case 7:
		sem_wait(&semaphore);
		break;
	case 8:
		nanosleep(&long_time, NULL);
		break;
	case 9:
		f = fdopen(dup(pipes[0]), "r");
		pthread_cleanup_push(closes, f);
		must(getline(&line, &n, f) < 0);
		pthread_cleanup_pop(1);
		break;
	case 10:
		f = fdopen(dup(pipes[0]), "r");
		pthread_cleanup_push(closes, f);
		must(!fgets(buffer, 600, f));
		pthread_cleanup_pop(1);
		break;
	case 11:
		recvfrom(sockets[0], buffer, 600, 0, NULL, NULL);
		break;
	case 12:
		sigwaitinfo(&(sigset_t){ { 1ul << (SIGUSR2 - 1) } }, NULL);
		break;
	case 13:
		system("exec sleep 100");
		break;
	case 14:
		waitpid(-1, NULL, 0);
		break;
	case 15:
		for (;;) {
			churn(10, 2);
			pthread_testcancel();
		}
		break;
	case 16:
		while (write(sockets[1], buffer, 600) >= 0)
			;
		break;
	case 17:
		aio_read(&a);
		aio_suspend(&(const struct aiocb *){ &a }, 1, NULL);
		break;
	case 18:
		sigsuspend(&(sigset_t){ { 0 } });
		break;
	case 19:
		pread(pipes[0], buffer, 0, 0);
		usleep(100000000);
		break;
	}
	say("point %d was not cancelled\n", point);
	pthread_cleanup_pop(0);
}

static void *is_cancelled(void *point)
{
	wait_at((int)(uintptr_t)point);
	return NULL;
}

static void cancel_deferred(void)
{
	pthread_t t, child_keeper;
	void *result;

	signal(SIGUSR2, SIG_DFL);
	pthread_sigmask(SIG_BLOCK, &(sigset_t){ { 1ul << (SIGUSR2 - 1) } }, NULL);
	must(pipe(pipes) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
	sem_init(&semaphore, 0, 0);
	sem_init(&ready, 0, 0);
	(void)child_keeper;
	for (int point = 0; point < 20; point++) {
		pid_t child = point == 14 ? fork() : 0;

		if (point == 14 && child == 0) {
			for (;;)
				pause();
		}
		if (point == 17)
			continue; /* its buffer would be freed under the request */
		must(!pthread_create(&t, NULL, is_cancelled, (void *)(uintptr_t)point));
		sem_wait(&ready);
		usleep(point % 3 ? 500 : 4000);
		pthread_cancel(t);
		must(pthread_join(t, &result) == 0);
		must(result == PTHREAD_CANCELED);
		if (child > 0) {
			kill(child, SIGKILL);
			waitpid(child, NULL, 0);
		}
	}
	say("cleaned %d\n", cleaned);
}

static void *computes(void *arg)
{
	volatile unsigned long sum = 0;
	char *p = malloc(1000), *q = malloc(1000);
	int old;

	pthread_cleanup_push(cleans, p);
	pthread_cleanup_push(cleans, q);
	memset(p, 1, 1000);
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
	sem_post(&ready);
	/* Only computes, as a thread must that may be cancelled anywhere. */
	for (;;)
		for (int i = 0; i < 1000; i++)
			sum += (unsigned long)(p[i] + i);
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	return arg;
}

static void cancel_asynchronous(void)
{
	sem_init(&ready, 0, 0);
	for (int i = 0; i < 30; i++) {
		pthread_t t[2];
		void *result;

		for (unsigned k = 0; k < 2; k++)
			must(!pthread_create(&t[k], NULL, computes, NULL));
		sem_wait(&ready);
		sem_wait(&ready);
		for (unsigned k = 0; k < 2; k++)
			pthread_cancel(t[k]);
		for (unsigned k = 0; k < 2; k++)
			must(pthread_join(t[k], &result) == 0 && result == PTHREAD_CANCELED);
	}
	say("cleaned %d\n", cleaned);
}

/* ---- thread-specific data -------------------------------------------------------------------- */

#define KEYS 30
static pthread_key_t keys[KEYS];
static int destroyed, rounds_of_first;

static void destroys(void *value)
{
	free(value);
	churn(5, 1);
	__atomic_fetch_add(&destroyed, 1, __ATOMIC_SEQ_CST);
}

/* Comes again in every round, and allocates after memsan's own destructor has run. */
static void comes_again(void *value)
{
	char *p = strdup(value);

	free(value);
	churn(20, 2);
	if (__atomic_add_fetch(&rounds_of_first, 1, __ATOMIC_SEQ_CST) % PTHREAD_DESTRUCTOR_ITERATIONS)
		pthread_setspecific(keys[0], p);
	else
		free(p);
}

static void *uses_keys(void *arg)
{
	for (int i = 1; i < KEYS; i++)
		pthread_setspecific(keys[i], malloc((size_t)(10 + i * 100)));
	pthread_setspecific(keys[0], strdup("again"));
	churn(50, 3);
	return arg;
}

static void key_destructors(void)
{
	pthread_t t;

	pthread_key_create(&keys[0], comes_again);
	for (int i = 1; i < KEYS; i++)
		pthread_key_create(&keys[i], destroys);
	for (int i = 0; i < 20; i++) {
		must(!pthread_create(&t, NULL, uses_keys, NULL));
		pthread_join(t, NULL);
	}
	say("destroyed %d, rounds %d\n", destroyed, rounds_of_first);
	uses_keys(NULL);
}

static void all_keys(void)
{
	pthread_key_t key;
	int n = 0;

	while (n < 5000 && pthread_key_create(&key, free) == 0) {
		pthread_setspecific(key, malloc(20));
		n++;
	}
	say("keys %d\n", n);
}

/* ---- many threads ---------------------------------------------------------------------------- */

static pthread_barrier_t barrier;

static void *meets(void *arg)
{
	char *p = malloc(40 + (size_t)(uintptr_t)arg % 2000);

	pthread_barrier_wait(&barrier);
	free(p);
	churn(3, 1);
	return arg;
}

static void many_threads(void)
{
	enum { MANY = 400 };
	static pthread_t t[MANY];
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	pthread_barrier_init(&barrier, NULL, MANY + 1);
	for (int i = 0; i < MANY; i++)
		must(!pthread_create(&t[i], &attr, meets, (void *)(uintptr_t)i));
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < MANY; i++)
		pthread_join(t[i], NULL);
	say("met\n");
}

static void *detaches(void *arg)
{
	free(arg);
	sem_post(&ready);
	return NULL;
}

static void detached_threads(void)
{
	pthread_attr_t attr;
	pthread_t t;

	sem_init(&ready, 0, 0);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (int i = 0; i < 500; i++) {
		must(!pthread_create(&t, &attr, detaches, malloc(100)));
		sem_wait(&ready);
	}
	say("detached\n");
}

/* ---- stacks of the program's own ------------------------------------------------------------- */

static void *small_stack_works(void *arg)
{
	char text[64], *p;

	p = strdup("small");
	snprintf(text, sizeof(text), "%s %d", p, 5);
	must(!strcmp(text, "small 5"));
	p = realloc(p, 100000);
	free(p);
	p = calloc(3, 50);
	free(p);
	return arg;
}

/* A stack from malloc, which is freed right after its thread was joined. */
static void stacks_from_malloc(void)
{
	size_t sizes[] = { (size_t)sysconf(_SC_THREAD_STACK_MIN), 32 << 10, 256 << 10, 1 << 20 };

	for (unsigned i = 0; i < NR(sizes); i++)
		for (int k = 0; k < 10; k++) {
			char *stack = i % 2 ? malloc(sizes[i]) : aligned_alloc(PAGE, sizes[i]);
			pthread_attr_t attr;
			pthread_t t;

			pthread_attr_init(&attr);
			must(pthread_attr_setstack(&attr, stack, sizes[i]) == 0);
			must(!pthread_create(&t, &attr, small_stack_works, NULL));
			pthread_join(t, NULL);
			pthread_attr_destroy(&attr);
			memset(stack, 0x5a, sizes[i]);
			free(stack);
		}
	say("stacks\n");
}

static void smallest_stacks(void)
{
	pthread_attr_t attr;
	pthread_t t[20];

	pthread_attr_init(&attr);
	must(pthread_attr_setstacksize(&attr, (size_t)sysconf(_SC_THREAD_STACK_MIN)) == 0);
	for (int round = 0; round < 5; round++) {
		for (unsigned i = 0; i < NR(t); i++)
			must(!pthread_create(&t[i], &attr, small_stack_works, NULL));
		for (unsigned i = 0; i < NR(t); i++)
			pthread_join(t[i], NULL);
	}
	say("smallest\n");
}

/* ---- coroutines ------------------------------------------------------------------------------ */

#define COROUTINES 8
static ucontext_t contexts[COROUTINES], main_context;
static char *passed[COROUTINES];
static int finished;

static void coroutine(int me)
{
	for (int i = 0; i < 30; i++) {
		free(passed[me]);
		passed[(me + 1) % COROUTINES] = realloc(passed[(me + 1) % COROUTINES], (size_t)(1 + i * 37 % 3000));
		passed[me] = calloc(1, (size_t)(1 + i * 911 % 40000));
		swapcontext(&contexts[me], &main_context);
		small_stack_works(NULL);
	}
	finished++;
}

static void coroutines_of(size_t size, int from_malloc)
{
	char *stacks[COROUTINES];

	finished = 0;
	for (int i = 0; i < COROUTINES; i++) {
		stacks[i] = from_malloc ? malloc(size)
		                        : mmap(NULL, size, PROT_READ | PROT_WRITE,
		                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
		getcontext(&contexts[i]);
		contexts[i].uc_stack.ss_sp = stacks[i];
		contexts[i].uc_stack.ss_size = size;
		contexts[i].uc_link = &main_context;
		makecontext(&contexts[i], (void (*)(void))coroutine, 1, i);
	}
	for (int i = 0; finished < COROUTINES; i++)
		swapcontext(&main_context, &contexts[i % COROUTINES]);
	for (int i = 0; i < COROUTINES; i++) {
		free(passed[i]);
		passed[i] = NULL;
		if (from_malloc)
			free(stacks[i]);
		else
			munmap(stacks[i], size);
	}
	say("finished %d\n", finished);
}

static void coroutines_of_libc(void)
{
	coroutines_of(16 << 10, 0);
	coroutines_of(16 << 10, 1);
	coroutines_of(256 << 10, 1);
}

/* A switch by hand: the six registers that a call keeps, and the stack pointer. */
#ifdef __x86_64__
void switch_stack(void **from, void *to);
__asm__(".text\n.type switch_stack,@function\nswitch_stack:\n"
        "	push %rbp\n	push %rbx\n	push %r12\n	push %r13\n	push %r14\n	push %r15\n"
        "	mov %rsp, (%rdi)\n	mov %rsi, %rsp\n"
        "	pop %r15\n	pop %r14\n	pop %r13\n	pop %r12\n	pop %rbx\n	pop %rbp\n	ret\n"
        ".size switch_stack, .-switch_stack\n");

struct fibre {
	void *sp;
	char *stack;
	size_t size;
	int done;
};
static __thread struct fibre *fibre_now;
static __thread void *thread_sp;

static __attribute__((noinline)) struct fibre *this_fibre(void)
{
	__asm__ volatile("");
	return fibre_now;
}

static __attribute__((noinline)) void fibre_yield(void)
{
	switch_stack(&this_fibre()->sp, thread_sp);
}

static void fibre_main(void)
{
	char *p[4] = { NULL, NULL, NULL, NULL };

	for (int i = 0; i < 40; i++) {
		size_t n = (size_t)(1 + i * 7919 % 60000);
		char *old = p[i % 4];

		p[i % 4] = i % 3 ? malloc(n) : calloc(1, n);
		p[i % 4][n - 1] = (char)i;
		fibre_yield(); /* another thread may go on here */
		free(old);
		p[(i + 1) % 4] = realloc(p[(i + 1) % 4], n / 2 + 1);
	}
	for (int i = 0; i < 4; i++)
		free(p[i]);
	this_fibre()->done = 1;
	fibre_yield();
	say("a fibre that was done went on\n");
	_exit(1);
}

static void fibre_make(struct fibre *f, char *stack, size_t size)
{
	void **top = (void **)((uintptr_t)(stack + size) & ~15ul);

	memset(f, 0, sizeof(*f));
	f->stack = stack;
	f->size = size;
	*--top = NULL;
	*--top = (void *)fibre_main;
	f->sp = top - 6;
	memset(f->sp, 0, 6 * sizeof(void *));
}

static __attribute__((noinline)) void fibre_resume(struct fibre *f)
{
	fibre_now = f;
	switch_stack(&thread_sp, f->sp);
	fibre_now = NULL;
}

static struct fibre fibres[16];
static pthread_mutex_t fibre_mutex[16];

/* Any thread goes on with any fibre. */
static void *resumes(void *seed)
{
	unsigned r = (unsigned)(uintptr_t)seed;
	int done;

	do {
		done = 0;
		for (unsigned k = 0; k < NR(fibres); k++) {
			unsigned i = (k + (r = r * 1103515245u + 12345u) / 65536) % NR(fibres);

			if (pthread_mutex_trylock(&fibre_mutex[i]))
				continue;
			if (!fibres[i].done)
				fibre_resume(&fibres[i]);
			pthread_mutex_unlock(&fibre_mutex[i]);
		}
		for (unsigned i = 0; i < NR(fibres); i++)
			done += __atomic_load_n(&fibres[i].done, __ATOMIC_SEQ_CST);
	} while (done < (int)NR(fibres));
	return NULL;
}

static void fibres_of(size_t size, int from_malloc)
{
	pthread_t t[3];

	for (unsigned i = 0; i < NR(fibres); i++) {
		char *stack = from_malloc
		                      ? malloc(size)
		                      : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		fibre_make(&fibres[i], stack, size);
		pthread_mutex_init(&fibre_mutex[i], NULL);
	}
	for (unsigned i = 0; i < NR(t); i++)
		must(!pthread_create(&t[i], NULL, resumes, (void *)(uintptr_t)(i + 1)));
	for (unsigned i = 0; i < NR(t); i++)
		pthread_join(t[i], NULL);
	for (unsigned i = 0; i < NR(fibres); i++)
		if (from_malloc)
			free(fibres[i].stack);
		else
			munmap(fibres[i].stack, size);
	say("fibres of %zu\n", size);
}

static void fibres_by_hand(void)
{
	/* What ld.so does at a function's first call needs more than these stacks have. */
	small_stack_works(NULL);
	fibres_of(16 << 10, 0);
	fibres_of(16 << 10, 1);
	fibres_of(4 << 10, 0);
	fibres_of(4 << 10, 1);
}

static void (*on_fibre)(void);
static void fibre_calls(void)
{
	on_fibre();
	fibre_yield();
}

static void run_on_stack(size_t size, void (*what)(void))
{
	char *whole = mmap(NULL, size + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static struct fibre f;

	mprotect(whole, PAGE, PROT_NONE);
	fibre_make(&f, whole + PAGE, size);
	((void **)f.sp)[6] = (void *)fibre_calls;
	on_fibre = what;
	fibre_resume(&f);
}

static void ends_here(void)
{
	exit(43);
}
static void forks_here(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(3);
	must(child > 0 && waitpid(child, NULL, 0) == child);
	child = vfork();
	if (child == 0)
		_exit(3);
	waitpid(child, NULL, 0);
}
static void *does_nothing(void *arg)
{
	return arg;
}
static void makes_thread_here(void)
{
	pthread_t t;

	must(!pthread_create(&t, NULL, does_nothing, NULL));
	pthread_join(t, NULL);
}
static void copies_here(void)
{
	char *a = malloc(3000), *b = calloc(1, 3000), text[40];

	memcpy(a, b, 3000);
	memmove(a + 1, a, 2999);
	strcpy(a, "one two");
	must(strlen(a) == 7 && strchr(a, ' ') == a + 3 && strcmp(a, b));
	must(strtol("77", NULL, 10) == 77);
	snprintf(text, sizeof(text), "%s", a);
	must(write(2, "", 0) == 0);
	free(a);
	free(b);
}
static void protects_here(void)
{
	char *p = aligned_alloc(PAGE, 64 * PAGE);

	mprotect(p, PAGE, PROT_READ);
	mprotect(p, PAGE, PROT_READ | PROT_WRITE);
	madvise(p, PAGE, MADV_DONTNEED);
	free(p);
	p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(p, PAGE);
}
static void handles_here(void)
{
	struct sigaction a = { .sa_handler = SIG_IGN };
	sigset_t set;

	sigaction(SIGSEGV, &a, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGSEGV);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	raise(SIGSEGV);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	signal(SIGSEGV, SIG_DFL);
}

/* Calls that need little stack, in the first page above an inaccessible one. */
static void calls_on_4_kib(void)
{
	/* Each once before, so that ld.so has nothing to look up. */
	copies_here();
	protects_here();
	handles_here();
	forks_here();
	makes_thread_here();
	run_on_stack(PAGE, copies_here);
	run_on_stack(PAGE, protects_here);
	run_on_stack(PAGE, handles_here);
	run_on_stack(PAGE, forks_here);
	run_on_stack(PAGE, makes_thread_here);
	say("calls\n");
}

static void exit_on_4_kib(void)
{
	char *p = malloc(100);

	atexit(copies_here);
	copies_here();
	say("exit on a small stack\n");
	printf("flushed %d\n", p != NULL);
	run_on_stack(PAGE, ends_here);
}
#endif

/* Contexts made in a signal handler on a signal stack, as GNU Pth made them. */
static sigjmp_buf out, back;
static volatile int steps;

static void trampoline(int sig)
{
	(void)sig;
	if (sigsetjmp(back, 0) == 0)
		return;
	for (;;) {
		steps++;
		small_stack_works(NULL);
		if (sigsetjmp(back, 0) == 0)
			siglongjmp(out, 1);
	}
}

static void coroutine_by_signal_stack(void)
{
	size_t size = 64 << 10;
	stack_t s = { .ss_sp = malloc(size), .ss_size = size }, none = { .ss_flags = SS_DISABLE };
	struct sigaction a = { .sa_handler = trampoline, .sa_flags = SA_ONSTACK };

	sigaltstack(&s, NULL);
	sigaction(SIGUSR1, &a, NULL);
	raise(SIGUSR1);
	sigaltstack(&none, NULL);
	for (volatile int i = 0; i < 50; i++) {
		if (sigsetjmp(out, 0) == 0)
			siglongjmp(back, 1);
		churn(5, (unsigned)i);
	}
	free(s.ss_sp);
	say("steps %d\n", steps);
}

/* ---- signals and timers ---------------------------------------------------------------------- */

#define AUTODISARM (1u << 31)
static ucontext_t in_handler, elsewhere;
static volatile int nested;
static char disarmed_stack[1 << 17], other_stack[1 << 17];

static void leaves_stack(int sig)
{
	char here;
	stack_t s;

	sigaltstack(NULL, &s);
	say("signal %d: on the stack %d, flags %x, size %zu\n", sig,
	    &here > disarmed_stack && &here < disarmed_stack + sizeof(disarmed_stack), (unsigned)s.ss_flags, s.ss_size);
	if (sig == SIGUSR1 && nested++ == 0) {
		free(malloc(1000));
		swapcontext(&in_handler, &elsewhere);
		say("back in the handler\n");
	}
}

static void works_elsewhere(void)
{
	churn(50, 1);
	raise(SIGSEGV);
	setcontext(&in_handler);
}

/* With SS_AUTODISARM a handler may leave the signal stack, and come back later. */
static void disarmed_signal_stack(void)
{
	stack_t s = { .ss_sp = disarmed_stack, .ss_size = sizeof(disarmed_stack), .ss_flags = (int)AUTODISARM }, now;
	struct sigaction a = { .sa_handler = leaves_stack, .sa_flags = SA_ONSTACK };

	must(sigaltstack(&s, NULL) == 0);
	sigaltstack(NULL, &now);
	say("flags %x\n", (unsigned)now.ss_flags);
	sigaction(SIGUSR1, &a, NULL);
	sigaction(SIGSEGV, &a, NULL);
	getcontext(&elsewhere);
	elsewhere.uc_stack.ss_sp = other_stack;
	elsewhere.uc_stack.ss_size = sizeof(other_stack);
	makecontext(&elsewhere, works_elsewhere, 0);
	raise(SIGUSR1);
	sigaltstack(NULL, &now);
	say("flags %x afterwards\n", (unsigned)now.ss_flags);
	raise(SIGSEGV);
}

static void *shows_mask(void *arg)
{
	sigset_t set;

	(void)arg;
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	for (int sig = 1; sig < 65; sig++)
		if (sig != 32 && sig != 33 && sigismember(&set, sig))
			say("blocked %d\n", sig);
	churn(20, 1);
	sigemptyset(&set);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	raise(SIGSEGV);
	return NULL;
}

static void segv(int sig)
{
	say("handled %d\n", sig);
}

/* Masks that a thread's attributes set. */
static void masks_by_attribute(void)
{
	static const int blocked[] = { SIGUSR1, SIGSEGV, SIGBUS, SIGSTKFLT, 61 };
	pthread_attr_t attr;
	sigset_t set;
	pthread_t t;

	signal(SIGSEGV, segv);
	sigemptyset(&set);
	for (unsigned i = 0; i < NR(blocked); i++) {
		sigaddset(&set, blocked[i]);
		pthread_attr_init(&attr);
		must(pthread_attr_setsigmask_np(&attr, &set) == 0);
		must(!pthread_create(&t, &attr, shows_mask, NULL));
		pthread_join(t, NULL);
		pthread_attr_destroy(&attr);
	}
}

static __attribute__((noinline)) int recurses(int depth)
{
	volatile char frame[1000];
	char *p = depth % 5000 ? NULL : malloc(100);
	int n;

	frame[0] = (char)depth;
	n = depth ? recurses(depth - 1) + frame[0] - (char)depth : 0;
	free(p);
	return n + 1;
}

/* Allocations under tens of thousands of frames, on a stack that grows to 60 MB. */
static void deep_recursion(void)
{
	struct rlimit l;

	must(getrlimit(RLIMIT_STACK, &l) == 0);
	l.rlim_cur = 80 << 20;
	if (setrlimit(RLIMIT_STACK, &l) != 0)
		skip("the stack may not grow");
	say("depth %d\n", recurses(55000));
}

static volatile unsigned long handled[65];
static volatile int value_sum;

static void counts(int sig, siginfo_t *info, void *context)
{
	(void)context;
	handled[sig]++;
	if (info->si_code == SI_QUEUE)
		value_sum += info->si_value.sival_int;
}

static void every_signal(void)
{
	struct sigaction a = { .sa_sigaction = counts, .sa_flags = SA_SIGINFO }, old;
	union sigval v = { .sival_int = 3 };
	sigset_t all;

	for (int sig = 1; sig < 65; sig++) {
		if (sig == SIGKILL || sig == SIGSTOP || sig == 32 || sig == 33)
			continue;
		must(sigaction(sig, NULL, &old) == 0);
		must(old.sa_handler == SIG_DFL);
		must(sigaction(sig, &a, &old) == 0);
		must(old.sa_handler == SIG_DFL);
		raise(sig);
		kill(getpid(), sig);
		sigqueue(getpid(), sig, v);
		pthread_sigqueue(pthread_self(), sig, v);
		say("signal %d: %lu\n", sig, handled[sig]);
	}
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (int sig = 34; sig < 65; sig++)
		for (int i = 0; i < 5; i++)
			sigqueue(getpid(), sig, v);
	churn(100, 1);
	sigemptyset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (int sig = 34; sig < 65; sig++)
		say("signal %d: %lu\n", sig, handled[sig]);
	say("sum %d\n", value_sum);
}

static void *storms(void *target)
{
	while (!stop) {
		pthread_kill(*(pthread_t *)target, SIGUSR1);
		pthread_kill(*(pthread_t *)target, 40);
		sched_yield();
	}
	return NULL;
}

/* Signals come all the time, while calls are made that they interrupt. */
static void signal_storm(void)
{
	struct sigaction a = { .sa_sigaction = counts, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct itimerval every = { { 0, 700 }, { 0, 700 } };
	pthread_t self = pthread_self(), t[2];
	int p[2];
	char c[100];

	sigaction(SIGUSR1, &a, NULL);
	sigaction(40, &a, NULL);
	sigaction(SIGALRM, &a, NULL);
	sigaction(SIGPROF, &a, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	setitimer(ITIMER_PROF, &every, NULL);
	must(pipe(p) == 0);
	for (unsigned i = 0; i < 2; i++)
		must(!pthread_create(&t[i], NULL, storms, &self));
	for (unsigned i = 0; i < 40; i++) {
		pid_t child;
		FILE *f = tmpfile();

		churn(60, i);
		must(write(p[1], "x", 1) == 1 && read(p[0], c, sizeof(c)) == 1);
		must(fprintf(f, "%d", i) > 0 && fclose(f) == 0);
		if (i % 8 == 0) {
			child = fork();
			if (child == 0)
				_exit(2);
			must(waitpid(child, NULL, 0) == child);
			child = vfork();
			if (child == 0)
				_exit(2);
			must(waitpid(child, NULL, 0) == child);
		}
	}
	stop = 1;
	for (unsigned i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	must(handled[SIGUSR1] && handled[40] && handled[SIGALRM]);
	say("storm\n");
}

static void notified(union sigval v)
{
	churn(10, 1);
	sem_post(v.sival_ptr);
}

static void timers(void)
{
	struct sigevent by_thread = { .sigev_notify = SIGEV_THREAD,
		                      .sigev_notify_function = notified,
		                      .sigev_value = { .sival_ptr = &ready } };
	struct sigevent by_signal = { .sigev_notify = SIGEV_SIGNAL,
		                      .sigev_signo = 61,
		                      .sigev_value = { .sival_int = 9 } };
	struct itimerspec soon = { { 0, 2000000 }, { 0, 2000000 } };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	siginfo_t info;
	timer_t t[2];
	uint64_t n = 0;
	sigset_t set;

	sem_init(&ready, 0, 0);
	sigemptyset(&set);
	sigaddset(&set, 61);
	sigprocmask(SIG_BLOCK, &set, NULL);
	must(timer_create(CLOCK_MONOTONIC, &by_thread, &t[0]) == 0);
	must(timer_create(CLOCK_MONOTONIC, &by_signal, &t[1]) == 0);
	timer_settime(t[0], 0, &soon, NULL);
	timer_settime(t[1], 0, &soon, NULL);
	timerfd_settime(fd, 0, &soon, NULL);
	for (int i = 0; i < 10; i++) {
		sem_wait(&ready);
		must(sigwaitinfo(&set, &info) == 61 && info.si_value.sival_int == 9 && info.si_code == SI_TIMER);
		must(read(fd, &n, sizeof(n)) == sizeof(n) && n);
		churn(20, 1);
	}
	timer_delete(t[0]);
	timer_delete(t[1]);
	say("timers\n");
}

/* Threads that libc makes, and what it allocates. */
static void threads_of_libc(void)
{
	char name[64], *buffer = malloc(100), *line;
	struct addrinfo *found = NULL, hints = { .ai_flags = AI_NUMERICHOST };
	struct aiocb a = { .aio_buf = buffer, .aio_nbytes = 100 }, *list[] = { &a };
	struct mq_attr attr = { .mq_maxmsg = 2, .mq_msgsize = 50 };
	struct sigevent e = { .sigev_notify = SIGEV_THREAD,
		              .sigev_notify_function = notified,
		              .sigev_value = { .sival_ptr = &ready } };
	mqd_t q;
	FILE *f = fopen("file", "w+");

	sem_init(&ready, 0, 0);
	fprintf(f, "%090d", 7);
	fflush(f);
	a.aio_fildes = fileno(f);
	a.aio_sigevent = e;
	must(lio_listio(LIO_WAIT, (a.aio_lio_opcode = LIO_READ, list), 1, NULL) == 0);
	sem_wait(&ready);
	must(aio_return(&a) == 90 && buffer[89] == '7');
	free(buffer);
	fclose(f);
	snprintf(name, sizeof(name), "/torture.%d", getpid());
	q = mq_open(name, O_CREAT | O_RDWR, 0600, &attr);
	if (q != (mqd_t)-1) {
		must(mq_notify(q, &e) == 0);
		must(mq_send(q, "text", 4, 1) == 0);
		sem_wait(&ready);
		mq_close(q);
		mq_unlink(name);
	}
	must(getaddrinfo("127.0.0.1", "80", &hints, &found) == 0);
	freeaddrinfo(found);
	must(asprintf(&line, "%s", "line") == 4);
	free(line);
	say("libc\n");
}

/* A thread that may not be preempted and one that may share a processor: nobody waits for the other by spinning. */
static void *urgent(void *arg)
{
	struct sched_param p = { .sched_priority = 10 };

	if (arg && pthread_setschedparam(pthread_self(), SCHED_FIFO, &p) != 0)
		return (void *)1;
	for (unsigned i = 0; i < 60; i++) {
		churn(40, i);
		if (arg)
			usleep(100);
	}
	return NULL;
}

static void real_time_threads(void)
{
	pthread_t t[4];
	void *result;
	cpu_set_t one;
	int refused = 0;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	if (sched_setaffinity(0, sizeof(one), &one) != 0)
		skip("the processor cannot be chosen");
	for (unsigned i = 0; i < NR(t); i++)
		must(!pthread_create(&t[i], NULL, urgent, (void *)(uintptr_t)(i % 2)));
	for (unsigned i = 0; i < NR(t); i++) {
		pthread_join(t[i], &result);
		refused |= result != NULL;
	}
	if (refused)
		skip("no real-time priority (needs root)");
	say("urgent\n");
}

const struct torture_case torture_cases[] = {
	{ "cancel_deferred", cancel_deferred },
	{ "cancel_asynchronous", cancel_asynchronous },
	{ "key_destructors", key_destructors },
	{ "all_keys", all_keys },
	{ "many_threads", many_threads },
	{ "detached_threads", detached_threads },
	{ "stacks_from_malloc", stacks_from_malloc },
	{ "smallest_stacks", smallest_stacks },
	{ "coroutines_of_libc", coroutines_of_libc },
#ifdef __x86_64__
	{ "fibres_by_hand", fibres_by_hand },
	{ "calls_on_4_kib", calls_on_4_kib },
	{ "exit_on_4_kib", exit_on_4_kib },
#endif
	{ "coroutine_by_signal_stack", coroutine_by_signal_stack },
	{ "disarmed_signal_stack", disarmed_signal_stack },
	{ "masks_by_attribute", masks_by_attribute },
	{ "deep_recursion", deep_recursion },
	{ "every_signal", every_signal },
	{ "signal_storm", signal_storm },
	{ "timers", timers },
	{ "threads_of_libc", threads_of_libc },
	{ "real_time_threads", real_time_threads },
	{ NULL, NULL },
};
