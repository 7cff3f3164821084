/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/leak_fatal.c - a signal that the program does not handle ends it: leak.fatal_signals=on scans first,
 * and the program sees and sets its own handlers only
 *
 * options: leak=on:leak.fatal_signals=on
 * expect: unreferenced-object object=1001 leak=direct alloc=lose
 * stderr: any
 * output: default handled default
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static void *volatile lost;
static volatile int handled;

__attribute__((noinline)) static void lose(void)
{
	lost = calloc(1, 1001);
	lost = NULL;
}

static void on_term(int sig)
{
	handled = sig;
}

static const char *seen(void)
{
	struct sigaction old;
	sigaction(SIGTERM, NULL, &old);
	return old.sa_handler == SIG_DFL ? "default" : "set";
}

__attribute__((noinline)) static void deep(void (*fn)(void))
{
	char bytes[1 << 17];
	/* The asm makes every compiler keep the whole array: of a volatile one, clang keeps only the elements used. */
	__asm__ volatile("" : : "r"(bytes) : "memory");
	fn();
	__asm__ volatile("" : : "r"(bytes) : "memory");
}

int main(void)
{
	deep(lose);
	printf("%s ", seen());
	if (signal(SIGTERM, on_term) != SIG_DFL)
		printf("not default ");
	raise(SIGTERM);
	printf("%s ", handled ? "handled" : "not handled");
	signal(SIGTERM, SIG_DFL);
	printf("%s\n", seen());
	fflush(stdout);
	raise(SIGTERM);
	return 0;
}
