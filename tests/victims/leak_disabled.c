/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/leak_disabled.c - between __lsan_disable and __lsan_enable nothing is lost, whoever allocates: malloc
 * after realloc, pages, and objects of the program's own pool; what is allocated afterwards is
 *
 * options: leak=on
 * expect: unreferenced-object object=1001 leak=direct alloc=main
 * stderr: any
 * ways: preload linked
 */
#include <stdlib.h>
#include <string.h>

struct memsan_pool;
__attribute__((weak)) void *memsan_kmalloc(size_t);
__attribute__((weak)) void *memsan_krealloc(void *, size_t);
__attribute__((weak)) void *memsan_alloc_pages(unsigned order);
__attribute__((weak)) void *memsan_vmalloc(size_t);
__attribute__((weak)) struct memsan_pool *memsan_pool_create(const char *name, size_t redzone, unsigned flags);
__attribute__((weak)) int memsan_pool_alloc(struct memsan_pool *, void *p, size_t size);
__attribute__((weak)) void __lsan_disable(void);
__attribute__((weak)) void __lsan_enable(void);
static char *volatile block;
static void *volatile again;

__attribute__((noinline)) static void lose(struct memsan_pool *pool)
{
	again = realloc(again, 300);
	again = malloc(2001);
	again = realloc(again, 60);
	again = malloc(2002);
	again = memsan_kmalloc(2003);
	again = memsan_krealloc(again, 4003);
	again = memsan_alloc_pages(1);
	again = memsan_vmalloc(8000);
	memsan_pool_alloc(pool, block + 64, 80);
	again = NULL;
}

__attribute__((noinline)) static void wipe(void)
{
	char x[16384];
	memset(x, 0, sizeof(x));
	__asm__ volatile("" : : "r"(x) : "memory");
}

int main(void)
{
	struct memsan_pool *pool = memsan_pool_create("lossy", 16, 2);
	block = calloc(1, 4096);
	again = malloc(50);
	__lsan_disable();
	lose(pool);
	__lsan_enable();
	again = malloc(1001); /* ALLOC */
	again = NULL;
	wipe();
	return 0;
}
