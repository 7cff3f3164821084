/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/key.c - the secret of hardened production: the keys of threads, the sizes of live objects. */
#include "slab/cache.h"
#include "slab/key.h"
#include "slab/slab.h"

#include <sys/auxv.h>

bool harden_on, harden_full;
uint64_t harden_secret;
uint32_t harden_last_key;

/* splitmix64's last steps. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

/* The kernel gives each process 16 random bytes, so no system call is needed. libc makes its own guards of them. Both
 * halves are mixed into one word, from which neither can be found again. */
uint64_t key_secret(uint64_t purpose)
{
	const void *random = (const void *)getauxval(AT_RANDOM);
	uint64_t words[2] = { 0x9e3779b97f4a7c15ULL, 0 };

	if (random)
		mem_copy(words, random, sizeof(words));
	return mix(mix(words[0]) + mix(words[1] ^ purpose));
}

/* One flipped bit, or eight, never turn a byte of the key into another one: where several of its bytes may stand
 * (harden.h), such damage is found always, and not by chance. */
static bool bytes_differ_enough(uint32_t key)
{
	unsigned i, k, x;

	for (i = 0; i < 4; i++)
		for (k = 0; k < i; k++) {
			x = (key >> 8 * i ^ key >> 8 * k) & 0xff;
			if (x == 0xff || (x && !(x & (x - 1))))
				return false;
		}
	return true;
}

/* The canary's first byte is not 0, which an overflow by a string's end would write, and no letter. */
void harden_init(void)
{
	harden_secret = key_secret(0x6d656d73616eULL) | 0x80;
	while (!bytes_differ_enough((uint32_t)harden_secret))
		harden_secret = mix(harden_secret + 2) | 0x80;
	harden_on = options.mode == MODE_PRODUCTION && options.harden != HARDEN_OFF;
	harden_full = harden_on && options.harden == HARDEN_FULL;
	arena_random = harden_on ? mix(harden_secret + 1) : 0;
}

/* Damage of a mark shall not look like another block's key, so only keys that were made count. */
uint64_t harden_key(uint32_t block)
{
	uint32_t last = READ_ONCE(harden_last_key);

	block %= HARDEN_BLOCKS;
	while (block > last &&
	       !__atomic_compare_exchange_n(&harden_last_key, &last, block, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
	return harden_secret ^ (uint64_t)block << 32;
}

uint32_t harden_random(uint32_t n)
{
	static TLS_IE uint64_t state;

	if (unlikely(!state))
		state = mix(harden_secret ^ (uintptr_t)&state) | 1;
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 32) * n >> 32);
}

size_t harden_size(const struct slab_cache *c, const void *p)
{
	size_t size = slab_armed_size(p, c->tail, harden_secret);

	return likely(size <= c->object_size) ? size : c->object_size;
}

size_t harden_size_seen(const struct slab_cache *c, const void *p)
{
	uint32_t word, size;

	if (os_safe_read(&word, (const char *)p + c->tail, sizeof(word)) != sizeof(word))
		return c->object_size;
	size = word - (uint32_t)harden_secret;
	return size <= c->object_size ? size : c->object_size;
}
