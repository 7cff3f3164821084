/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/programs/lru_cache.c - a server's object cache under a stream of requests.  Values of 16 bytes to 32 KiB live
 * long and are freed in another order than they were allocated; some grow in place.  Request records live only briefly.
 * It is deterministic and prints a checksum.  Usage: lru_cache [REQUESTS] */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 65536
#define CAPACITY (48u << 20)

struct object {
	struct object *chain, *older, *newer;
	uint32_t key;
	size_t size;
	unsigned char *value;
};

struct request {
	uint32_t key;
	char *path;
	unsigned char *reply;
};

static struct object *buckets[BUCKETS], *newest, *oldest;
static size_t held;
static uint64_t seed = 42;

static uint32_t chance(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % n);
}

static void *need(void *p)
{
	if (!p)
		abort();
	return p;
}

static void unlink_object(struct object *o)
{
	*(o->newer ? &o->newer->older : &newest) = o->older;
	*(o->older ? &o->older->newer : &oldest) = o->newer;
}

static void push_newest(struct object *o)
{
	o->newer = NULL;
	o->older = newest;
	*(newest ? &newest->newer : &oldest) = o;
	newest = o;
}

static void evict_oldest(void)
{
	struct object *o = oldest, **p = &buckets[o->key % BUCKETS];

	while (*p != o)
		p = &(*p)->chain;
	*p = o->chain;
	unlink_object(o);
	held -= o->size;
	free(o->value);
	free(o);
}

/* Most values are small. */
static size_t value_size(uint32_t key)
{
	uint32_t h = key * 2654435761u;

	return 16 + (h >> 8) % (h & 3 ? 240 : h & 12 ? 3000 : 32000);
}

static struct object *fetch(uint32_t key)
{
	struct object *o;

	for (o = buckets[key % BUCKETS]; o && o->key != key; o = o->chain)
		;
	if (o) {
		unlink_object(o);
		push_newest(o);
		return o;
	}
	o = need(malloc(sizeof(*o)));
	o->key = key;
	o->size = value_size(key);
	o->value = need(malloc(o->size));
	memset(o->value, (int)key, o->size);
	o->chain = buckets[key % BUCKETS];
	buckets[key % BUCKETS] = o;
	push_newest(o);
	held += o->size;
	while (held > CAPACITY)
		evict_oldest();
	return o;
}

static uint64_t serve(uint32_t key)
{
	struct request *r = need(malloc(sizeof(*r)));
	struct object *o = fetch(key);
	size_t n = o->size < 512 ? o->size : 512;
	uint64_t sum;

	r->key = key;
	r->path = need(malloc(64));
	snprintf(r->path, 64, "/objects/%u?part=%u", key, key % 13);
	r->reply = need(malloc(n + 64));
	memcpy(r->reply, o->value, n);
	if (chance(16) == 0 && o->size < 20000) {
		o->value = need(realloc(o->value, o->size + 100));
		memset(o->value + o->size, 7, 100);
		o->size += 100;
		held += 100;
	}
	sum = r->reply[n / 2] + strlen(r->path);
	free(r->reply);
	free(r->path);
	free(r);
	return sum;
}

int main(int argc, char **argv)
{
	long requests = argc > 1 ? atol(argv[1]) : 1500000;
	uint64_t sum = 0;

	for (long i = 0; i < requests; i++)
		sum = sum * 31 + serve(chance(2) ? chance(4000) : chance(300000));
	while (oldest)
		evict_oldest();
	printf("%llu\n", (unsigned long long)sum);
	return 0;
}
