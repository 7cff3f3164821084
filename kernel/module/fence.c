// SPDX-License-Identifier: GPL-2.0-only
/* kernel/module/fence.c - bugs with KFENCE objects, and how to get such an object.
 *
 * In each sample interval (kfence.sample_interval, milliseconds) KFENCE takes one allocation, from any caller.  A loop
 * of allocations and frees gets a KFENCE object sooner or later.  KFENCE chooses at random whether the object lies at
 * the left or the right end of its page.
 *
 *      guard page │ object ……canary…… │ guard page            left
 *      guard page │ ……canary…… object │ guard page            right
 */
#include "memsan_bugs.h"

#include <linux/jiffies.h>
#include <linux/kfence.h>
#include <linux/sched.h>

/* A multiple of the cache's alignment, so that an object at the right end of its page leaves no gap there. */
#define SIZE (ARCH_KMALLOC_MINALIGN > 64 ? ARCH_KMALLOC_MINALIGN : 64)

enum side { ANY, LEFT, RIGHT };

static bool on_side(const char *p, enum side side)
{
	unsigned long at = (unsigned long)p & ~PAGE_MASK;

	return side == ANY || (side == LEFT ? at == 0 : at == PAGE_SIZE - SIZE);
}

/* Returns NULL after ten seconds: KFENCE is off, or this kernel lacks it. */
static char *fenced(enum side side)
{
	unsigned long end = jiffies + 10 * HZ;
	char *p;

	while (time_before(jiffies, end)) {
		p = hidden(kmalloc(SIZE, GFP_KERNEL));
		if (p && is_kfence_address(p) && on_side(p, side))
			return p;
		kfree(p);
		cond_resched();
	}
	pr_info("no KFENCE object: is kfence.sample_interval set?\n");
	return NULL;
}

int bug_kfence_oob_right(void)
{
	char *p = fenced(RIGHT);

	if (!p)
		return -EOPNOTSUPP;
	WRITE_ONCE(p[SIZE], 'x');
	kfree(p);
	return 0;
}

int bug_kfence_oob_left(void)
{
	char *p = fenced(LEFT);

	if (!p)
		return -EOPNOTSUPP;
	look(p[-1]);
	kfree(p);
	return 0;
}

int bug_kfence_uaf(void)
{
	char *p = fenced(ANY);

	if (!p)
		return -EOPNOTSUPP;
	kfree(p);
	look(hidden(p)[20]);
	return 0;
}

int bug_kfence_double_free(void)
{
	char *p = fenced(ANY);

	if (!p)
		return -EOPNOTSUPP;
	kfree(p);
	kfree(hidden(p));
	return 0;
}

int bug_kfence_invalid_free(void)
{
	char *p = fenced(ANY);

	if (!p)
		return -EOPNOTSUPP;
	kfree(hidden(p) + 8);
	kfree(p);
	return 0;
}

int bug_kfence_corruption(void)
{
	char *p = fenced(LEFT);

	if (!p)
		return -EOPNOTSUPP;
	WRITE_ONCE(p[SIZE], 'x');
	kfree(p);
	return 0;
}
