/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_signal_storm.c - threads get SIGSEGV from faults and from each other, with and without signal
 * stacks of their own, while they block it, leave it open or wait for it.  No signal is lost, none comes twice, and no
 * signal frame overlaps another.
 *
 * expect: none
 * modes: check production
 * options: fence=all
 * flags: -pthread
 * output: ok
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define THREADS 4
#define ROUNDS 6000

static _Atomic int bad, running;
static _Atomic unsigned handled;
static __thread char *volatile page;
static __thread volatile unsigned here;
static char stacks[THREADS][65536] __attribute__((aligned(64)));
static struct {
	pthread_t thread;
	unsigned number;
} threads[THREADS];

static int blocked(void)
{
	sigset_t set;

	pthread_sigmask(SIG_BLOCK, NULL, &set);
	return sigismember(&set, SIGSEGV);
}

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)context;
	handled++;
	here++;
	bad += !blocked();
	if (info->si_code > 0) {
		bad += (char *)info->si_addr != page || sig != SIGSEGV;
		mprotect(page, 4096, PROT_READ | PROT_WRITE);
	}
}

static void block(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGSEGV);
	pthread_sigmask(how, &set, NULL);
}

static void pending(void)
{
	sigset_t set;
	unsigned before = here;

	block(SIG_BLOCK);
	raise(SIGSEGV);
	sigpending(&set);
	bad += !sigismember(&set, SIGSEGV);
	sigemptyset(&set);
	sigsuspend(&set);
	bad += here == before || !blocked();
	block(SIG_UNBLOCK);
}

static void waiting(int open)
{
	struct timespec bit = { 0, 50000 };
	sigset_t set;

	sigemptyset(&set);
	if (open)
		block(SIG_BLOCK);
	else
		sigaddset(&set, SIGSEGV);
	ppoll(NULL, 0, &bit, &set);
	if (open)
		block(SIG_UNBLOCK);
	bad += blocked();
}

static void faulting(void)
{
	unsigned before = here;

	mprotect(page, 4096, PROT_NONE);
	page[0] = 1;
	bad += here == before;
}

static void *work(void *arg)
{
	unsigned number = *(unsigned *)arg, x = number + 1;
	stack_t s = { .ss_sp = stacks[number], .ss_size = sizeof(stacks[number]) };

	page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (number & 1)
		sigaltstack(&s, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		unsigned before = here;

		x = x * 1103515245 + 12345;
		switch ((x >> 16) % 6) {
		case 0:
			pending();
			break;
		case 1:
			faulting();
			break;
		case 2:
			raise(SIGSEGV);
			bad += here == before;
			break;
		case 3:
			waiting(1);
			break;
		case 4:
			waiting(0);
			break;
		default:
			free(malloc(x % 3000));
			break;
		}
	}
	running--;
	return NULL;
}

int main(void)
{
	struct sigaction a = { .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };
	struct timespec bit = { 0, 50000 };

	a.sa_sigaction = handler;
	sigaction(SIGSEGV, &a, NULL);
	running = THREADS;
	for (unsigned i = 0; i < THREADS; i++) {
		threads[i].number = i;
		pthread_create(&threads[i].thread, NULL, work, &threads[i].number);
	}
	for (unsigned i = 0; running; i++) {
		if (i & 1)
			kill(getpid(), SIGSEGV);
		else
			pthread_kill(threads[i / 2 % THREADS].thread, SIGSEGV);
		nanosleep(&bit, NULL);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i].thread, NULL);
	if (bad || handled < ROUNDS)
		printf("%d bad, %u handled\n", bad, handled);
	puts(bad || handled < ROUNDS ? "failed" : "ok");
	return 0;
}
