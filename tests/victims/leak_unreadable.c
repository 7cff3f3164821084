/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/leak_unreadable.c - unreadable memory lies in an object and in a root: the scan sees the words before
 * and behind it, and does not call the program's own SIGSEGV handler
 *
 * options: leak=on
 * modes: check production
 * expect: unreferenced-object leak=direct count=1
 * output: 0
 * stderr: any
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

__attribute__((weak)) size_t memsan_leak_check(void);
void **volatile object, **volatile root;
static int faults;

static void on_fault(int sig)
{
	faults += sig != 0;
}

static void *wait_for_ever(void *arg)
{
	pause();
	return arg;
}

static void wipe_stack(void)
{
	char bytes[16384];
	memset(bytes, 0, sizeof(bytes));
	__asm__ volatile("" : : "r"(bytes) : "memory");
}

__attribute__((noinline)) static void fill(void)
{
	object = aligned_alloc(4096, 64 * 4096);
	root = mmap(NULL, 64 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset((void *)object, 0, 64 * 4096);
	memset((void *)root, 0, 64 * 4096);
	object[512 * 3] = malloc(100);
	object[512 * 60] = malloc(200);
	root[512 * 3] = malloc(300);
	root[512 * 60] = malloc(400);
	void *volatile lost = malloc(500);
	lost = NULL;
	/* The list of mappings shows a guard region as readable. */
	if (madvise((char *)root + 8 * 4096, 4 * 4096, 102 /* MADV_GUARD_INSTALL */) != 0)
		mprotect((char *)root + 8 * 4096, 4 * 4096, PROT_NONE);
	mprotect((char *)object + 8 * 4096, 4 * 4096, PROT_NONE);
}

int main(void)
{
	pthread_t t;
	signal(SIGSEGV, on_fault);
	fill();
	wipe_stack();
	pthread_create(&t, NULL, wait_for_ever, NULL);
	memsan_leak_check();
	printf("%d\n", faults);
	return 0;
}
