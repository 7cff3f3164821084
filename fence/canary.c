/* SPDX-License-Identifier: BSD-2-Clause */
/* fence/canary.c - the bytes around a fenced object: filled at allocation, verified at free, on request and at exit. */
#include "config.h"

#include "fence/fence_internal.h"

/* KFENCE's: 0xaa, with the low bits of the address in it. */
uint8_t canary_at(uintptr_t addr)
{
	return (uint8_t)(0xaa ^ (addr & 7));
}
#define CANARY_WORD 0xadacafaea9a8abaau

typedef uint64_t canary_word __attribute__((may_alias));
#define CANARY_WORDS 8u
#define CANARY_BLOCK (CANARY_WORDS * sizeof(canary_word))

void canary_fill(uintptr_t from, uintptr_t to)
{
	for (; from < to && (from & 7); from++)
		*(uint8_t *)from = canary_at(from);
	for (; from + CANARY_BLOCK <= to; from += CANARY_BLOCK)
		for (unsigned i = 0; i < CANARY_WORDS; i++)
			((canary_word *)from)[i] = CANARY_WORD;
	for (; from + 8 <= to; from += 8)
		*(canary_word *)from = CANARY_WORD;
	for (; from < to; from++)
		*(uint8_t *)from = canary_at(from);
}

static bool canary_block_good(const canary_word *w)
{
	const canary_word c = CANARY_WORD;

	return (((w[0] ^ c) | (w[1] ^ c)) | ((w[2] ^ c) | (w[3] ^ c)) | ((w[4] ^ c) | (w[5] ^ c)) |
	        ((w[6] ^ c) | (w[7] ^ c))) == 0;
}

uintptr_t canary_find_bad(uintptr_t from, uintptr_t to, const uint8_t *bytes)
{
	for (uintptr_t at = from; at < to;) {
		if (!(at & 7) && at + CANARY_BLOCK <= to &&
		    canary_block_good((const canary_word *)(bytes + (at - from)))) {
			at += CANARY_BLOCK;
			continue;
		}
		if (bytes[at - from] != canary_at(at))
			return at;
		at++;
	}
	return 0;
}

uintptr_t canary_find_last_bad(uintptr_t from, uintptr_t to, const uint8_t *bytes)
{
	while (to > from && bytes[to - 1 - from] == canary_at(to - 1))
		to--;
	return to > from ? to - 1 : 0;
}

uintptr_t canary_start(const struct slot_range *r, const struct fence_slot *s)
{
	uintptr_t data = slot_data(r, s);

	return s->short_canary && s->addr - data > CANARY_SPAN_ALL ? s->addr - CANARY_SPAN_ALL : data;
}

uintptr_t canary_end(const struct slot_range *r, const struct fence_slot *s)
{
	uintptr_t end = slot_data(r, s) + (r->pages << PAGE_SHIFT), object = s->addr + s->size;

	return s->short_canary && end - object > CANARY_SPAN_ALL ? object + CANARY_SPAN_ALL : end;
}

/* With 20,000 live objects the canaries are no longer in the processor's cache.  Prefetching makes their cache misses
 * overlap. */
void canary_prefetch(uintptr_t object)
{
	for (unsigned off = 0; off <= CANARY_SPAN_ALL; off += 64)
		__builtin_prefetch((const void *)(object - off));
}
