/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/spare.c - objects for signal handlers that interrupted the runtime: no lock, no cache of the thread's, no checks
 * but one for double frees.
 *
 *     chunk   | head object … | head object | …          |      at most CHUNKS, each mapped for itself
 *                                            used ──►    end
 *     free_of[class] ──► head ──► head                          blocks of 2^class bytes, last in first out
 *
 * A word of free_of holds a block's address and, in its upper 16 bits, a number that each change counts up. So a thread
 * that was interrupted between reading the word and changing it notices that the list has changed. Blocks are never
 * unmapped, so the link of a block that another thread has just taken can still be read.
 *
 * The chunks are ordinary private memory of the process, so a leak scan takes all of it for roots: what these objects
 * point to is in use, and they themselves are never lost. */
#include <sys/mman.h>
#include <sys/syscall.h>

#include "slab/spare.h"

#define CHUNKS 64u
#define CHUNK_BYTES ((size_t)1 << 20)
#define CLASS_MIN 5u
#define CLASS_MAX 40u
#define STATE_LIVE 0x6d73416cu
#define STATE_FREE 0x6d734672u
#define ADDRESS_BITS 48

/* Right before the object. */
struct head {
	uint32_t state;
	uint32_t class_shift; /* class | distance of this head from the block's start, in 16 bytes, << 8 */
	union {
		size_t size;
		uint64_t next; /* while the block is free; then the head is at the block's start */
	};
};
_Static_assert(sizeof(struct head) == 16, "objects are aligned to 16");

struct chunk {
	uintptr_t lo, hi; /* lo is written last; 0: not yet */
	uintptr_t used;
};
static struct chunk chunks[CHUNKS];
static uint32_t nr_chunks;
static uint64_t free_of[CLASS_MAX + 1];

static uintptr_t block_pop(unsigned class)
{
	uint64_t w = LOAD_ACQUIRE(free_of[class]), next;

	do {
		uintptr_t at = w & (((uint64_t)1 << ADDRESS_BITS) - 1);

		if (!at)
			return 0;
		next = READ_ONCE(((struct head *)at)->next) | ((w >> ADDRESS_BITS) + 1) << ADDRESS_BITS;
	} while (!__atomic_compare_exchange_n(&free_of[class], &w, next, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	return w & (((uint64_t)1 << ADDRESS_BITS) - 1);
}

static void block_push(unsigned class, uintptr_t at)
{
	uint64_t w = READ_ONCE(free_of[class]), to;

	do {
		WRITE_ONCE(((struct head *)at)->next, w & (((uint64_t)1 << ADDRESS_BITS) - 1));
		to = at | ((w >> ADDRESS_BITS) + 1) << ADDRESS_BITS;
	} while (!__atomic_compare_exchange_n(&free_of[class], &w, to, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

static uintptr_t chunk_cut(struct chunk *k, size_t bytes)
{
	uintptr_t at = READ_ONCE(k->used);

	do {
		if (!LOAD_ACQUIRE(k->lo) || k->hi - at < bytes)
			return 0;
	} while (!__atomic_compare_exchange_n(&k->used, &at, at + bytes, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return at;
}

static uintptr_t chunk_new(size_t bytes)
{
	size_t size = MAX(CHUNK_BYTES, bytes);
	uint32_t i = READ_ONCE(nr_chunks);
	long r;

	do {
		if (i == CHUNKS)
			return 0;
	} while (!__atomic_compare_exchange_n(&nr_chunks, &i, i + 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	r = arch_syscall6(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (r < 0 && r > -(long)PAGE_SIZE)
		return 0;
	chunks[i].hi = (uintptr_t)r + size;
	chunks[i].used = (uintptr_t)r + bytes;
	STORE_RELEASE(chunks[i].lo, (uintptr_t)r);
	return (uintptr_t)r;
}

static uintptr_t block_new(unsigned class)
{
	size_t bytes = (size_t)1 << class;
	uint32_t i, nr = READ_ONCE(nr_chunks);
	uintptr_t at;

	for (i = nr; i-- > 0;) {
		at = chunk_cut(&chunks[i], bytes);
		if (at)
			return at;
	}
	return chunk_new(bytes);
}

void *spare_alloc(size_t size, size_t align, bool zero)
{
	size_t need;
	unsigned class;
	uintptr_t block, user;
	struct head *h;

	align = MAX(align, (size_t)16);
	if (size > (size_t)1 << (CLASS_MAX - 1) || align > (size_t)1 << 24)
		return NULL;
	need = MAX(size + align + sizeof(*h), (size_t)1 << CLASS_MIN);
	class = 64u - (unsigned)__builtin_clzl(need - 1);
	block = block_pop(class);
	if (!block)
		block = block_new(class);
	if (!block)
		return NULL;
	user = ALIGN_UP(block + sizeof(*h), align);
	h = (struct head *)user - 1;
	h->class_shift = class | (uint32_t)(((uintptr_t)h - block) / 16) << 8;
	h->size = size;
	STORE_RELEASE(h->state, STATE_LIVE);
	return zero ? mem_set((void *)user, 0, size) : (void *)user;
}

bool spare_holds(const void *p)
{
	uint32_t i, nr = READ_ONCE(nr_chunks);

	for (i = 0; i < nr; i++) {
		uintptr_t lo = LOAD_ACQUIRE(chunks[i].lo);

		if (lo && (uintptr_t)p - lo < chunks[i].hi - lo)
			return true;
	}
	return false;
}

static struct head *head_of(const void *p)
{
	return (uintptr_t)p % 16 == 0 && spare_holds((const void *)((uintptr_t)p - sizeof(struct head)))
	               ? (struct head *)p - 1
	               : NULL;
}

bool spare_free(void *p)
{
	struct head *h = head_of(p);
	uint32_t live = STATE_LIVE;
	uintptr_t block;

	if (!h || !__atomic_compare_exchange_n(&h->state, &live, STATE_FREE, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return false;
	block = (uintptr_t)h - (uintptr_t)(h->class_shift >> 8) * 16;
	block_push(h->class_shift & 0xff, block);
	return true;
}

size_t spare_size(const void *p)
{
	const struct head *h = head_of(p);

	return h && LOAD_ACQUIRE(h->state) == STATE_LIVE ? h->size : 0;
}
