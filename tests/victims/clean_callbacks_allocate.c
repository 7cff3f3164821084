/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_callbacks_allocate.c - functions that memsan calls allocate and free: default options, a
 * constructor, a shrinker; and destructors of many keys.
 *
 * expect: none
 * modes: check production
 * ways: linked static
 * flags: -pthread
 */
#include <memsan.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define KEYS 40
#define OBJECTS 500

static pthread_key_t keys[KEYS];

const char *memsan_default_options(void)
{
	char *p = malloc(100);

	free(p);
	p = malloc(100);
	return p ? strcpy(p, "check_at_exit=1") : NULL;
}

static void construct(void *object)
{
	void *volatile p = malloc(50);

	memset(object, 0, 10);
	free(p);
}

static unsigned long count(void *data)
{
	(void)data;
	free(malloc(20));
	return 5;
}

static unsigned long scan(void *data, struct memsan_shrink_control *control)
{
	(void)data;
	(void)control;
	free(malloc(3000));
	return 1;
}

static void destroy(void *value)
{
	free(value);
	free(malloc(77));
}

static void *work(void *cache)
{
	for (int i = 0; i < KEYS; i++)
		pthread_setspecific(keys[i], malloc(30));
	memsan_cache_free(cache, memsan_cache_alloc(cache));
	return NULL;
}

int main(void)
{
	struct memsan_cache *cache = memsan_cache_create("constructed", 64, 16, 0, construct);
	static void *objects[OBJECTS];
	pthread_t t;

	for (int i = 0; i < KEYS; i++)
		pthread_key_create(&keys[i], destroy);
	memsan_shrinker_register("shrinker", count, scan, NULL);
	for (int i = 0; i < OBJECTS; i++)
		objects[i] = memsan_cache_alloc(cache);
	for (int i = 0; i < 5; i++) {
		pthread_create(&t, NULL, work, cache);
		pthread_join(t, NULL);
	}
	memsan_shrink_all();
	for (int i = 0; i < OBJECTS; i++)
		memsan_cache_free(cache, objects[i]);
	memsan_cache_destroy(cache);
	memsan_check_all();
	return 0;
}
