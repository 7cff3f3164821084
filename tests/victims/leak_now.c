/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/leak_now.c - the program asks for a scan while threads run: lost objects are reported once, held ones
 * are not, and the program notices nothing
 *
 * expect: unreferenced-object object=777 leak=direct count=3 alloc=lose
 * stderr: any
 * output: 3 3 0 0 -1
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

__attribute__((weak)) size_t memsan_leak_check(void);
static volatile int over;
static int sigchld;

__attribute__((noinline)) static void lose(void)
{
	void *volatile p = malloc(777);
	p = NULL;
}

static void *work(void *arg)
{
	void *list[50] = { arg };
	for (unsigned i = 0; !over; i++) {
		free(list[i % 50]);
		list[i % 50] = malloc(100 + i % 300);
	}
	for (int i = 0; i < 50; i++)
		free(list[i]);
	return NULL;
}

static void *blocked(void *arg)
{
	sigset_t all;
	void *volatile held = malloc(888);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	while (!over)
		usleep(1000);
	free(held);
	return arg;
}

static void on_child(int sig)
{
	sigchld += sig != 0;
}

static void wipe_stack(void)
{
	char bytes[16384];
	memset(bytes, 0, sizeof(bytes));
	__asm__ volatile("" : : "r"(bytes) : "memory");
}

int main(void)
{
	pthread_t t[4];
	signal(SIGCHLD, on_child);
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, i ? work : blocked, NULL);
	for (volatile int i = 0; i < 3; i++)
		lose();
	wipe_stack();
	size_t first = memsan_leak_check(), last = 0;
	for (int i = 0; i < 100; i++)
		last = memsan_leak_check();
	int waited = waitpid(-1, NULL, WNOHANG);
	over = 1;
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	printf("%zu %zu %d %d %d\n", first, last, sigchld, errno == ECHILD ? 0 : errno, waited);
	return 0;
}
