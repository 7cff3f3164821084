/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_caches.c - several threads use caches, pages, vmalloc, pools and shrinkers correctly, also
 * across a fork
 *
 * expect: none
 * modes: check production
 * ways: linked static
 * libs: -lpthread
 * output: constructed 0 wrong, shrunk 3
 */
#include <memsan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

struct thing {
	uint64_t magic;
	char name[30];
};
static struct memsan_cache *things, *plain, *stable;
static void *handed[4][64];

static void construct(void *p)
{
	struct thing *t = p;
	t->magic = 0x7468696e67;
	memset(t->name, 'x', sizeof(t->name));
}
static unsigned use(int id)
{
	void *mine[64], *many[32];
	unsigned wrong = 0;
	for (int round = 0; round < 60; round++) {
		for (int i = 0; i < 64; i++) {
			struct thing *t = mine[i] = memsan_cache_alloc(things);
			wrong += t->magic != 0x7468696e67 || t->name[29] != 'x';
			memsan_cache_free(plain, __atomic_exchange_n(&handed[(id + 1) % 4][i],
			                                             memset(memsan_cache_alloc(plain), id, 100),
			                                             __ATOMIC_ACQ_REL));
		}
		for (int i = 0; i < 64; i++)
			memsan_cache_free(things, mine[i]);
		wrong += memsan_cache_alloc_bulk(stable, 32, many) != 32;
		memsan_cache_free_bulk(stable, 32, many);
		struct memsan_cache *brief = memsan_cache_create("brief", 10 + (size_t)round, 0, 0, NULL);
		for (int i = 0; i < 20; i++)
			many[i] = memsan_cache_zalloc(brief);
		for (int i = 0; i < 20; i++) {
			wrong += *(char *)many[i] != 0;
			memsan_cache_free(brief, many[i]);
		}
		wrong += memsan_cache_destroy(brief) != 0;
		void *pages = memsan_alloc_pages((unsigned)round % 5),
		     *area = memsan_kvmalloc_array(1000, (size_t)round + 1);
		wrong += (uintptr_t)pages % (4096ul << round % 5) != 0;
		memset(pages, 1, 4096ul << round % 5);
		memset(area, 1, 1000 * ((size_t)round + 1));
		memsan_free_pages(pages, (unsigned)round % 5);
		memsan_kvfree(area);
	}
	return wrong;
}
static void *thread(void *id)
{
	return (void *)(uintptr_t)use((int)(intptr_t)id);
}
static unsigned long left = 3;
static unsigned long count(void *data)
{
	(void)data;
	return left;
}
static unsigned long scan(void *data, struct memsan_shrink_control *control)
{
	unsigned long n = control->nr_to_scan < left ? control->nr_to_scan : left;
	(void)data;
	left -= n;
	free(malloc(1000));
	return n;
}
int main(void)
{
	pthread_t t[3];
	void *result;
	unsigned wrong = 0;
	things = memsan_cache_create("thing", sizeof(struct thing), 0, MEMSAN_CACHE_HWCACHE_ALIGN | MEMSAN_CACHE_PANIC,
	                             construct);
	plain = memsan_cache_create("plain", 100, 0, MEMSAN_CACHE_NO_MERGE, NULL);
	stable = memsan_cache_create("stable", 33, 128, MEMSAN_CACHE_TYPESAFE, NULL);
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, thread, (void *)(intptr_t)i);
	wrong += use(3);
	for (int i = 0; i < 3; i++) {
		pthread_join(t[i], &result);
		wrong += (unsigned)(uintptr_t)result;
	}
	pid_t child = fork();
	if (child == 0)
		_exit(use(0) != 0);
	int status;
	waitpid(child, &status, 0);
	wrong += status != 0;
	for (int i = 0; i < 4; i++)
		memsan_cache_free_bulk(plain, 64, handed[i]);
	memsan_cache_shrink(things);
	wrong += memsan_cache_destroy(things) || memsan_cache_destroy(plain) || memsan_cache_destroy(stable) ||
	         memsan_cache_destroy(NULL);
	wrong += memsan_kvmalloc_array((size_t)1 << 40, (size_t)1 << 40) != NULL;
	wrong += memsan_get_order(1) != 0 || memsan_get_order(4097) != 1 || memsan_get_order(1 << 20) != 8;
	char *p = memsan_krealloc(memsan_kmalloc(10), 100);
	free(p);
	memsan_kfree(malloc(5));
	p = memsan_get_zeroed_page();
	wrong += p[4095] != 0;
	memsan_free_pages(p, 0);
	memsan_vfree(memsan_vzalloc(100000));
	struct memsan_shrinker *s = memsan_shrinker_register("own", count, scan, NULL);
	size_t shrunk = memsan_shrink_all();
	memsan_shrinker_unregister(s);
	printf("constructed %u wrong, shrunk %zu\n", wrong, shrunk + memsan_shrink_all());
	return 0;
}
