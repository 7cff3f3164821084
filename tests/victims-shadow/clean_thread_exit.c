/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/clean_thread_exit.c - threads end in the middle of frames with poison, and other threads use
 * their stacks again
 *
 * expect: none
 * ways: linked
 */
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int deep(int n)
{
	char a[37], b[129];
	memset(a, n, sizeof(a));
	memset(b, n, sizeof(b));
	if (n == 0)
		pthread_exit(NULL);
	return deep(n - 1) + a[3] + b[100];
}
static void *body(void *arg)
{
	deep(10);
	return arg;
}
static void *cancelled(void *arg)
{
	char a[333];
	memset(a, 1, sizeof(a));
	for (;;)
		pause();
	return a + 1 == arg ? arg : NULL;
}
int main(void)
{
	for (int i = 0; i < 20; i++) {
		pthread_t t;
		pthread_attr_t attr;
		char *stack = mmap(NULL, 262144, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		pthread_attr_init(&attr);
		pthread_attr_setstack(&attr, stack, 262144);
		pthread_create(&t, &attr, i % 2 ? body : cancelled, NULL);
		if (i % 2 == 0)
			pthread_cancel(t);
		pthread_join(t, NULL);
		memset(stack, i, 262144);
		munmap(stack, 262144);
		pthread_create(&t, NULL, body, NULL);
		pthread_join(t, NULL);
	}
	return 0;
}
