/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/transfer.c - halves of bins on their way to the next thread that needs one. */
#include "slab/budget.h"
#include "slab/cache.h"
#include "slab/harden.h"
#include "slab/lend.h"
#include "slab/transfer.h"

/*     thread A's bin ──older half──► batch ► batch ► batch ──newest──► thread B's bin, or A's again
 *                                    └──► slabs, when there are too many, or nobody takes them
 *
 * A program that builds and frees the same trees again and again would put each object back into the map of its slab,
 * and look it up there again: 65 of the 140 instructions of malloc and free. A batch is copied as it is. Its objects
 * keep the marks of the thread that freed them. The same thread need not look at them, because malloc verifies each
 * mark; another thread verifies them and puts its own marks (harden.h).
 *
 * For the slabs these objects are still out. So they keep their slabs from becoming empty, and the cache may have no
 * more of them than a part of what is out. Only full batches wait here, so their pointers cost little.
 *
 * With harden=full no object waits here: those that are given out are picked from the whole pool of a thread. */

struct batch {
	struct batch *next;
	uint64_t key;
	void *objects[];
};

/* Under the lock of the cache; `first` is read without. */
static struct transfer {
	struct batch *first, *spare; /* batches of objects, the newest first; batches without */
	uint32_t nr, least;          /* batches of objects; the least since transfer_decay */
} transfers[SLAB_NR_MALLOC + 1];
bool transfer_used;

#define CHECK_MAX 8
#define NEAR_BYTES ((size_t)4096)

uint32_t transfer_batch(const struct slab_cache *c)
{
	if (!c->fast || harden_full || c->number - 1 >= SLAB_NR_MALLOC)
		return 0;
	return (budget_bin_limit(c->object_size) + 1) / 2;
}

uint64_t transfer_count(const struct slab_cache *c)
{
	return c->number - 1 < SLAB_NR_MALLOC ? (uint64_t)transfers[c->number].nr * transfer_batch(c) : 0;
}

/* Under the lock. */
static uint32_t most_batches(const struct slab_cache *c)
{
	return (uint32_t)(budget_transfer(c->nr_out, c->slot_size) / transfer_batch(c));
}

/* Objects that were freed from all over the heap had better be sorted by their slabs: those that are allocated one
 * after the other should lie side by side. */
static bool is_dense(void *const *objects, uint32_t n)
{
	uint32_t near = 0, k;

	for (k = 1; k < n; k++)
		near += (uintptr_t)objects[k] - (uintptr_t)objects[k - 1] + NEAR_BYTES < 2 * NEAR_BYTES;
	return near >= n - n / 4;
}

static struct batch *batch_new(struct transfer *t, uint32_t batch)
{
	struct batch *x = t->spare;

	if (x)
		t->spare = x->next;
	else
		x = slab_meta_alloc(sizeof(*x) + batch * sizeof(void *), COST_THREADS);
	return x;
}

static struct batch *batch_pop(struct transfer *t)
{
	struct batch *x = t->first;

	if (!x)
		return NULL;
	WRITE_ONCE(t->first, x->next);
	t->nr--;
	t->least = MIN(t->least, t->nr);
	return x;
}

static void batch_spare(struct transfer *t, struct batch *x)
{
	x->next = t->spare;
	t->spare = x;
}

bool transfer_take(struct slab_cache *c, void **objects, uint64_t *key)
{
	struct transfer *t = &transfers[c->number];
	struct batch *x;

	if (!READ_ONCE(t->first))
		return false;
	lock_acquire(&c->lock);
	x = batch_pop(t);
	if (x) {
		*key = x->key;
		mem_copy(objects, x->objects, transfer_batch(c) * sizeof(void *));
		batch_spare(t, x);
	}
	lock_release(&c->lock);
	return x != NULL;
}

/* One batch goes to the slabs, while there are more than `keep`. False: there are not. */
static bool give_back(struct slab_cache *c, uint32_t keep)
{
	struct transfer *t = &transfers[c->number];
	struct batch *x;

	lock_acquire(&c->lock);
	x = t->nr > keep ? batch_pop(t) : NULL;
	lock_release(&c->lock);
	if (!x)
		return false;
	cache_return(c, x->objects, transfer_batch(c)); /* this thread's alone now, as the batch is */
	lock_acquire(&c->lock);
	batch_spare(t, x);
	lock_release(&c->lock);
	return true;
}

bool transfer_put(struct slab_cache *c, void *const *objects, uint64_t key)
{
	struct transfer *t = &transfers[c->number];
	uint32_t batch = transfer_batch(c);
	struct batch *x = NULL;

	lock_acquire(&c->lock);
	if (t->nr < most_batches(c) && is_dense(objects, batch) && (x = batch_new(t, batch)) != NULL) {
		x->key = key;
		mem_copy(x->objects, objects, batch * sizeof(void *));
		x->next = t->first;
		WRITE_ONCE(t->first, x);
		t->nr++;
		WRITE_ONCE(transfer_used, true);
	}
	lock_release(&c->lock);
	return x != NULL;
}

void transfer_trim(struct slab_cache *c)
{
	uint32_t most;

	lock_acquire(&c->lock);
	most = most_batches(c);
	lock_release(&c->lock);
	give_back(c, most);
}

void transfer_flush(void)
{
	unsigned i;

	for (i = 1; READ_ONCE(transfer_used) && i <= SLAB_NR_MALLOC; i++)
		while (READ_ONCE(transfers[i].first) && give_back(&malloc_caches[i], 0))
			;
}

void transfer_decay(void)
{
	uint32_t keep;
	unsigned i;

	for (i = 1; READ_ONCE(transfer_used) && i <= SLAB_NR_MALLOC; i++) {
		struct transfer *t = &transfers[i];

		if (!READ_ONCE(t->first))
			continue;
		lock_acquire(&malloc_caches[i].lock);
		keep = t->nr - (t->least + 1) / 2;
		t->least = keep;
		lock_release(&malloc_caches[i].lock);
		while (give_back(&malloc_caches[i], keep))
			;
	}
}

/* Finds damaged objects of the batches from number *nr on, and adds to *nr. Under the lock. */
static size_t find_damaged(const struct slab_cache *c, uint32_t *nr, void *damaged[CHECK_MAX])
{
	const struct batch *x = transfers[c->number].first;
	size_t found = 0;
	uint32_t k;

	for (k = 0; x && k < *nr; k++)
		x = x->next;
	for (; x && !found; x = x->next, ++*nr)
		for (k = 0; k < transfer_batch(c) && found < CHECK_MAX; k++)
			if (!harden_is_clean(c, x->objects[k]))
				damaged[found++] = x->objects[k];
	return found;
}

static size_t check_cache(struct slab_cache *c, enum slab_found_at at)
{
	void *damaged[CHECK_MAX];
	size_t found = 0, n, k;
	uint32_t nr = 0;

	do {
		n = 0;
		lock_acquire(&c->lock);
		if (!lock_is_given_up(&c->lock))
			n = find_damaged(c, &nr, damaged);
		lock_release(&c->lock);
		for (k = 0; k < n; k++)
			harden_verify_clean(c, damaged[k], at);
		found += n;
	} while (n);
	return found;
}

size_t transfer_check(enum slab_found_at at)
{
	size_t found = 0;
	unsigned i;

	for (i = 1; harden_on && i <= SLAB_NR_MALLOC; i++)
		if (READ_ONCE(transfers[i].first))
			found += check_cache(&malloc_caches[i], at);
	return found;
}
