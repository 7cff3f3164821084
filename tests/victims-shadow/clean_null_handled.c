/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/clean_null_handled.c - a program reads and writes null pointers on purpose, and goes on in its
 * handler of SIGSEGV: memsan says nothing, as it does for code without checks
 *
 * expect: none
 * ways: linked
 * output: 6 faults
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static sigjmp_buf before;
static int faults;

static void handler(int sig)
{
	faults++;
	siglongjmp(before, sig);
}

static int read_at(volatile int *p)
{
	return p[1];
}

static void write_at(volatile char *p)
{
	p[100] = 1;
}

/* Address 0 itself. */
static int read_first(volatile int *p)
{
	return *p;
}

static void write_first(volatile long *p)
{
	*p = 1;
}

int main(void)
{
	struct sigaction action = { .sa_handler = handler };
	volatile int round;
	char *nothing = NULL, room[10];

	__asm__("" : "+r"(nothing));
	sigaction(SIGSEGV, &action, NULL);
	for (round = 0; round < 6; round++)
		if (!sigsetjmp(before, 1)) {
			if (round == 0)
				read_at((int *)nothing);
			else if (round == 1)
				write_at(nothing);
			else if (round == 2)
				memcpy(nothing, room, sizeof(room));
			else if (round == 3)
				read_first((int *)nothing);
			else if (round == 4)
				write_first((long *)nothing);
			else
				printf("%zu\n", strlen(nothing));
		}
	printf("%d faults\n", faults);
	return 0;
}
