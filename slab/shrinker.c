/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/shrinker.c - shrinkers: they ask the program's own caches to give memory back when it is short. */
#include "slab/shrinker.h"
#include "slab/slab.h"

/* The kernel's do_shrink_slab (mm/shrinker.c) at priority 0, where all that can go is wanted:
 *
 *     freeable = count()                                   0: nothing to do
 *     while something is left to scan                      in batches of SHRINK_BATCH, the kernel's default
 *         freed += scan(nr_to_scan)                        SLAB_SHRINK_STOP: no more now (it would deadlock)
 *         left  -= nr_scanned                              which scan may lower or raise
 *
 * Callbacks run with shrink_lock held, which ranks before nearly all others, so they may allocate, free and report. A
 * thread that finds the lock taken goes on without shrinking, because the callbacks may wait for a lock that this
 * thread holds. A callback that runs out of memory itself does not start shrinking again. */

#define SHRINK_BATCH 128ul

/* guards the list, and is held over the callbacks */
static struct ranked_lock shrink_lock = RANKED_LOCK_INIT(LOCK_RANK_SHRINK);
struct slab_shrinker *shrinker_list;
static struct slab_shrinker *spare; /* unregistered */

struct slab_shrinker *slab_shrinker_register(const char *name, unsigned long (*count)(void *data),
                                             unsigned long (*scan)(void *data, struct slab_shrink *control), void *data)
{
	bool inside = lock_mine(&shrink_lock);
	struct slab_shrinker *s, **end;

	lock_register_for_fork(&shrink_lock);
	if (!inside)
		lock_acquire(&shrink_lock);
	s = spare;
	if (s)
		spare = s->next;
	else
		s = meta_alloc(sizeof(*s), COST_SLAB);
	if (s) {
		str_copy(s->name, name, sizeof(s->name));
		s->count = count;
		s->scan = scan;
		s->data = data;
		s->next = NULL;
		for (end = &shrinker_list; *end; end = &(*end)->next)
			;
		WRITE_ONCE(*end, s);
	}
	if (!inside)
		lock_release(&shrink_lock);
	return s;
}

/* If a callback calls this, the entry stays readable, because slab_shrink_all reads `next` afterwards. */
bool slab_shrinker_unregister(struct slab_shrinker *s)
{
	bool inside = lock_mine(&shrink_lock), found = false;
	struct slab_shrinker **at;

	if (!inside)
		lock_acquire(&shrink_lock);
	for (at = &shrinker_list; *at && !found; at = found ? at : &(*at)->next) {
		if (*at != s)
			continue;
		found = true;
		WRITE_ONCE(*at, s->next);
		s->count = NULL;
		if (!inside) {
			s->next = spare;
			spare = s;
		}
	}
	if (!inside)
		lock_release(&shrink_lock);
	return found;
}

static size_t shrink_one(const struct slab_shrinker *s)
{
	unsigned long left = s->count(s->data), freed, total = 0;
	struct slab_shrink control;

	while (left && s->count) {
		control.nr_to_scan = MIN(left, SHRINK_BATCH);
		control.nr_scanned = control.nr_to_scan;
		freed = s->scan(s->data, &control);
		if (freed == SLAB_SHRINK_STOP)
			break;
		total += freed;
		left -= MIN(left, MAX(control.nr_scanned, 1ul));
	}
	return total;
}

size_t slab_shrink_all(void)
{
	struct slab_shrinker *s;
	size_t freed = 0;
	bool inside;

	if (!READ_ONCE(shrinker_list) || lock_mine(&shrink_lock) || !lock_try(&shrink_lock))
		return 0;
	inside = slab_outside();
	for (s = shrinker_list; s; s = s->next)
		if (s->count)
			freed += shrink_one(s);
	slab_again(inside);
	lock_release(&shrink_lock);
	return freed;
}
