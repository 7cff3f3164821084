// SPDX-License-Identifier: GPL-2.0-only
/* kernel/module/lifetime.c - objects that RCU or a work queue frees; atomic and bit operations, which the kernel
 * checks by explicit calls. */
#include "memsan_bugs.h"

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/delay.h>
#include <linux/rcupdate.h>
#include <linux/workqueue.h>

struct delayed {
	char text[48];
	struct rcu_head rcu;
};

static void delayed_free(struct rcu_head *rcu)
{
	kfree(container_of(rcu, struct delayed, rcu));
}

int bug_rcu_uaf(void)
{
	struct delayed *d = hidden(kzalloc(sizeof(*d), GFP_KERNEL));

	if (!d)
		return -ENOMEM;
	call_rcu(&d->rcu, delayed_free);
	rcu_barrier();
	hidden(d)->text[20] = 'x';
	return 0;
}

/* kfree_rcu collects objects for five seconds, or until a block of pointers is full.  Those that fill the block may be
 * freed during later bugs, so that they have a cache of their own. */
int bug_kfree_rcu_uaf(void)
{
	struct kmem_cache *cache = kmem_cache_create("memsan_kfree_rcu", sizeof(struct delayed), 0, 0, NULL);
	struct kmem_cache *fillers = kmem_cache_create("memsan_kfree_fill", sizeof(struct delayed), 0, 0, NULL);
	/* The neighbour keeps the slab from going back to the page allocator. */
	struct delayed *neighbour = cache && fillers ? kmem_cache_zalloc(cache, GFP_KERNEL) : NULL;
	struct delayed *d = neighbour ? hidden((struct delayed *)kmem_cache_zalloc(cache, GFP_KERNEL)) : NULL;
	int i;

	if (!d)
		return -ENOMEM;
	kfree_rcu(d, rcu);
	for (i = 0; i < 600; i++) {
		struct delayed *more = kmem_cache_alloc(fillers, GFP_KERNEL);

		if (more)
			kfree_rcu(more, rcu);
	}
	for (i = 0; i < 4; i++) {
		msleep(20);
		rcu_barrier();
	}
	hidden(d)->text[20] = 'x';
	kmem_cache_free(cache, neighbour);
	return 0;
}

struct job {
	struct work_struct work;
	char text[64];
};

static void job_done(struct work_struct *work)
{
	kfree(container_of(work, struct job, work));
}

int bug_workqueue_uaf(void)
{
	struct workqueue_struct *queue = alloc_workqueue("memsan", 0, 0);
	/* The neighbour keeps the slab, and the job's poison in it, from going back to the page allocator. */
	struct job *neighbour = kmalloc(sizeof(*neighbour), GFP_KERNEL);
	struct job *job = queue ? hidden((struct job *)kzalloc(sizeof(*job), GFP_KERNEL)) : NULL;
	void *again[32];
	int i;

	if (job) {
		INIT_WORK(&job->work, job_done);
		queue_work(queue, &job->work);
	}
	if (queue)
		destroy_workqueue(queue);
	if (job)
		hidden(job)->text[40] = 'x';
	/* SLUB checks the poison when it hands the object out again. */
	for (i = 0; i < ARRAY_SIZE(again); i++)
		again[i] = kmalloc(sizeof(*job), GFP_KERNEL);
	for (i = 0; i < ARRAY_SIZE(again); i++)
		kfree(again[i]);
	kfree(neighbour);
	return job ? 0 : -ENOMEM;
}

int bug_atomic_oob(void)
{
	char *p = hidden(kzalloc(64, GFP_KERNEL));

	if (!p)
		return -ENOMEM;
	atomic_inc((atomic_t *)(p + 64));
	kfree(p);
	return 0;
}

int bug_bitops_oob(void)
{
	unsigned long *bitmap = hidden((unsigned long *)kzalloc(64, GFP_KERNEL));
	int bit = 512;

	if (!bitmap)
		return -ENOMEM;
	OPTIMIZER_HIDE_VAR(bit);
	change_bit(bit, bitmap);
	kfree(bitmap);
	return 0;
}
