/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/leak_pool.c - the program cuts objects out of pools of its own, in an allocation and in mapped memory,
 * and tells memsan of them
 *
 * options: leak=on
 * expect: unreferenced-object object=101 leak=direct held=2 cache=pool alloc=cut
 * expect: unreferenced-object object=103 leak=direct held=1 cache=pool alloc=cut
 * stderr: any
 * ways: preload linked static
 */
#include <stdlib.h>
#include <sys/mman.h>

__attribute__((weak)) void memsan_leak_alloc(const void *p, size_t size);
__attribute__((weak)) void memsan_leak_free(const void *p);
static char *volatile pools[3];
static size_t used[3];
void **volatile global;

__attribute__((noinline)) static void **cut(int pool, size_t size)
{
	void **p = (void **)(pools[pool] + used[pool]);
	used[pool] += (size + 31) & ~(size_t)15;
	memsan_leak_alloc(p, size);
	return p;
}

__attribute__((noinline)) static void hold(void)
{
	pools[0] = calloc(1, 3000);
	pools[1] = calloc(1, 300000);
	pools[2] = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 3; i++) {
		/* A list runs through each pool to an object of the heap; the pool's own memory holds another. */
		void **first = cut(i, 200), **second = cut(i, 200);
		first[0] = global;
		first[1] = second + 2;
		second[0] = calloc(1, 2000);
		global = first;
		*(void **)(pools[i] + 2000) = calloc(1, 2100);
		/* After its free, the object is a part of the pool again. */
		void **back = cut(i, 40);
		memsan_leak_free(back);
		back[0] = calloc(1, 2200);
	}
}

__attribute__((noinline)) static void lose(void)
{
	void **volatile a = cut(0, 101);
	a[0] = cut(1, 102);
	((void **)a[0])[1] = calloc(1, 1002);
	__asm__ volatile("" : : "r"(a) : "memory");
	a = cut(2, 103);
	a[0] = a;
	a[1] = calloc(1, 1004);
	__asm__ volatile("" : : "r"(a) : "memory");
	a = NULL;
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
	deep(hold);
	deep(lose);
	return 0;
}
