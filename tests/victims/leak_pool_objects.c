/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/leak_pool_objects.c - pools whose objects are to be freed one by one: a scan reports a lost object,
 * but none that can be reached, was freed, went with its pool, or belongs to a pool that is freed as a whole
 *
 * options: leak=on
 * expect: unreferenced-object object=101 leak=direct held=1 cache=lossy alloc=cut
 * stderr: any
 * ways: preload linked static
 */
#include <stdlib.h>
#include <string.h>

struct memsan_pool;
__attribute__((weak)) struct memsan_pool *memsan_pool_create(const char *name, size_t redzone, unsigned flags);
__attribute__((weak)) int memsan_pool_alloc(struct memsan_pool *, void *p, size_t size);
__attribute__((weak)) void memsan_pool_free(struct memsan_pool *, void *p);
__attribute__((weak)) int memsan_pool_destroy(struct memsan_pool *);
static char *volatile block;
static size_t used;
void **volatile global;

__attribute__((noinline)) static void **cut(struct memsan_pool *pool, size_t size)
{
	void **p = (void **)(block + used);
	used += (size + 63) & ~(size_t)15;
	memsan_pool_alloc(pool, p, size); /* ALLOC */
	memset(p, 0, size);
	return p;
}

__attribute__((noinline)) static void use(void)
{
	struct memsan_pool *lossy = memsan_pool_create("lossy", 16, 2), *whole = memsan_pool_create("whole", 16, 0),
			   *gone = memsan_pool_create("gone", 16, 2);
	block = (char *)calloc(1, 4096) + 32;
	used = 0;
	global = cut(lossy, 64);
	*global = cut(lossy, 80);
	cut(whole, 90);
	void **lost = cut(lossy, 101);
	*lost = cut(lossy, 30);
	memsan_pool_free(lossy, cut(lossy, 70));
	memsan_pool_free(gone, cut(gone, 71));
	memsan_pool_destroy(gone);
}

__attribute__((noinline)) static void wipe(void)
{
	char x[16384];
	memset(x, 0, sizeof(x));
	__asm__ volatile("" : : "r"(x) : "memory");
}

int main(void)
{
	use();
	wipe();
	return 0;
}
