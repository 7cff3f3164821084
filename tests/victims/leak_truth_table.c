/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/leak_truth_table.c - every way to hold an object and not to hold it, at once: memsan reports each lost
 * object and no other.  The sizes tell the objects apart.
 *
 * options: leak=on
 * expect: unreferenced-object object=1001 leak=direct alloc=take
 * expect: unreferenced-object object=1002 leak=direct held=1 alloc=take
 * expect: unreferenced-object object=1004 leak=direct held=1 alloc=take
 * expect: unreferenced-object object=1006 leak=direct alloc=take
 * expect: unreferenced-object object=1007 leak=direct alloc=take
 * expect: unreferenced-object object=1008 leak=direct alloc=take
 * expect: unreferenced-object object=1009 leak=direct alloc=take
 * expect: unreferenced-object object=100000 leak=direct alloc=take
 * expect: unreferenced-object object=1011 leak=direct alloc=take
 * stderr: any
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

/* Each object has a stack of its own depth, so that each is a group of its own. */
__attribute__((noinline)) static void *take(size_t size, int depth)
{
	void *volatile p = depth ? take(size, depth - 1) : calloc(1, size);
	return p;
}

static int nr_taken;
#define TAKE(size) take(size, nr_taken++)

void *volatile in_global;
static void *volatile in_static;
static __thread void *volatile in_tls;
static void *volatile interior;
volatile uintptr_t hidden;
static void **pool;
static pthread_key_t key;
static sem_t ready, never;
static ucontext_t main_context, coroutine_context;

static void *holder(void *arg)
{
	void *volatile on_stack = TAKE(2001);
	void *volatile *given = arg;
	(void)given, (void)on_stack;
	in_tls = TAKE(2002);
	pthread_setspecific(key, TAKE(2003));
	sem_post(&ready);
	sem_wait(&never);
	return NULL;
}

/* The only pointer is in a register that calls preserve. */
static void *register_only(void *arg)
{
	(void)arg;
	void *p = TAKE(2004);
	sem_post(&ready);
	__asm__ volatile("movq %0, %%r14\n\txorl %%eax, %%eax\n\tmovq %%rax, %0\n\t1: pause\n\tjmp 1b"
	                 : "+r"(p)
	                 :
	                 : "rax", "r14");
	return NULL;
}

/* The thread's stack stays in libc's cache, with this pointer on it. */
static void *ends(void *arg)
{
	(void)arg;
	void *volatile lost = TAKE(1001);
	(void)lost;
	return NULL;
}

static void coroutine(void)
{
	void *volatile on_stack = TAKE(2005);
	swapcontext(&coroutine_context, &main_context);
	(void)on_stack;
}

static void wipe_stack(void)
{
	char bytes[16384];
	memset(bytes, 0, sizeof(bytes));
	__asm__ volatile("" : : "r"(bytes) : "memory");
}

__attribute__((noinline)) static void hold(void)
{
	pthread_t t;
	in_global = TAKE(2010);
	in_static = TAKE(2011);
	in_tls = TAKE(2012);
	interior = (char *)TAKE(2013) + 100;
	pool = mmap(NULL, 1 << 24, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pool[1 << 20] = TAKE(2014);
	/* A chain whose last object is large and holds one more in its last word. */
	void **a = TAKE(2015), **b = TAKE(200000);
	*(void **)in_global = a;
	a[100] = b;
	b[24999] = TAKE(2016);
	void *aligned;
	posix_memalign(&aligned, 256, 500);
	pool[7] = aligned;
	pthread_key_create(&key, NULL);
	pthread_setspecific(key, TAKE(2017));
	void **arg = TAKE(2018);
	pthread_create(&t, NULL, holder, arg);
	sem_wait(&ready);
	pthread_create(&t, NULL, register_only, NULL);
	sem_wait(&ready);
	char *stack = TAKE(65536);
	getcontext(&coroutine_context);
	coroutine_context.uc_stack.ss_sp = stack;
	coroutine_context.uc_stack.ss_size = 65536;
	coroutine_context.uc_link = NULL;
	makecontext(&coroutine_context, coroutine, 0);
	swapcontext(&main_context, &coroutine_context);
	pool[9] = stack;
}

__attribute__((noinline)) static void lose(void)
{
	void **parent = TAKE(1002), **ring1 = TAKE(1004), **ring2 = TAKE(1005), **self = TAKE(1006);
	parent[3] = TAKE(1003);
	ring1[0] = ring2;
	ring2[1] = ring1;
	self[5] = self;
	hidden = (uintptr_t)TAKE(1007) ^ 0x5555555555555555;
	void *p = TAKE(1008);
	/* Not aligned: no compiler stores pointers so. */
	memcpy((char *)pool + 8 * 1000 + 3, &p, sizeof(p));
	/* Only freed memory points to it. */
	void **freed = TAKE(3000);
	freed[4] = TAKE(1009);
	pool[100] = freed;
	free(freed);
	TAKE(100000);
	/* Past the end of the object, not into it. */
	pool[101] = (char *)TAKE(1011) + 1011 + 64;
}

/* Calls fn far down the stack: elsewhere the frames of the scan, with gaps between their words, would keep dead words
 * of fn's frames alive. */
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
	pthread_t t;
	sem_init(&ready, 0, 0);
	sem_init(&never, 0, 0);
	pthread_create(&t, NULL, ends, NULL);
	pthread_join(t, NULL);
	hold();
	deep(lose);
	wipe_stack();
	return 0;
}
