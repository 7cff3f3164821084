/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_stack_given.c - an endless recursion on a stack that the program provides writes over the data
 * below, down to a read-only page
 *
 * expect: stack-overflow type=write
 * modes: check production
 * flags: -pthread
 * status: 99
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#define SIZE 65536

static int deep(int n)
{
	volatile char a[200];
	a[0] = (char)n;
	return n ? deep(n + 1) + a[0] : 0;
}

static void *body(void *arg)
{
	(void)arg;
	return (void *)(long)deep(1);
}

int main(void)
{
	char *memory = mmap(NULL, 3 * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_t a;
	pthread_t t;

	mprotect(memory, 4096, PROT_READ);
	pthread_attr_init(&a);
	pthread_attr_setstack(&a, memory + 16384, SIZE);
	if (pthread_create(&t, &a, body, NULL) != 0)
		return 1;
	pthread_join(t, NULL);
	return 0;
}
