// SPDX-License-Identifier: GPL-2.0-only
/* kernel/module/switches.c - what boot parameters and options of the kernel's configuration change: poisoned, unmapped
 * and cleared pages, caches that are merged, and checks that cost too much for a default. */
#include "memsan_bugs.h"

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/task_stack.h>
#include <linux/string.h>
#include <linux/uaccess.h>

/* ---- pages ----------------------------------------------------------------------------------- */

int bug_page_unmapped_uaf(void)
{
	unsigned long p = __get_free_page(GFP_KERNEL);

	if (!p)
		return -ENOMEM;
	free_page(p);
	look(hidden((char *)p)[100]);
	return 0;
}

/* The page that was freed last is the first to be handed out again. */
int bug_page_poison_uaf(void)
{
	unsigned long p = __get_free_page(GFP_KERNEL), again;

	if (!p)
		return -ENOMEM;
	free_page(p);
	hidden((char *)p)[100] = 'x';
	again = __get_free_page(GFP_KERNEL);
	if (again)
		free_page(again);
	return again ? 0 : -ENOMEM;
}

/* ---- memory that is cleared ------------------------------------------------------------------ */

enum { SECRET_SIZE = 512, SECRET = 0x5e };

static unsigned int count_bytes(const u8 *p, u8 byte)
{
	unsigned int i, nr = 0;

	for (i = 0; i < SECRET_SIZE; i++)
		nr += READ_ONCE(p[i]) == byte;
	return nr;
}

/* Returns an object that was allocated where another one had a secret.  The cache has the name of its bug. */
static u8 *after_a_secret(const char *name, struct kmem_cache **cache, bool *same)
{
	u8 *first, *second = NULL;

	*cache = kmem_cache_create(name, SECRET_SIZE, 0, SLAB_HWCACHE_ALIGN, NULL);
	first = *cache ? kmem_cache_alloc(*cache, GFP_KERNEL) : NULL;
	if (first) {
		memset(first, SECRET, SECRET_SIZE);
		kmem_cache_free(*cache, first);
		second = kmem_cache_alloc(*cache, GFP_KERNEL);
		*same = second == first;
	}
	return second;
}

int bug_uninit_read(void)
{
	struct kmem_cache *cache;
	bool same = false;
	u8 *p = hidden(after_a_secret("memsan_uninit", &cache, &same));

	if (p) {
		pr_info("%u of the new object's %d bytes are those of the old one; %u have SLUB's poison\n",
		        count_bytes(p, SECRET), SECRET_SIZE, count_bytes(p, 0x6b));
		kmem_cache_free(cache, p);
	}
	kmem_cache_destroy(cache);
	return p ? 0 : -ENOMEM;
}

int bug_init_on_alloc(void)
{
	struct kmem_cache *cache;
	bool same = false;
	u8 *p = hidden(after_a_secret("memsan_init", &cache, &same));
	unsigned int zeros = p ? count_bytes(p, 0) : 0;

	if (p) {
		pr_info("the object is %s old one's place, and %u of its %d bytes are zero\n",
		        same ? "in the" : "not in the", zeros, SECRET_SIZE);
		kmem_cache_free(cache, p);
	}
	kmem_cache_destroy(cache);
	return !p ? -ENOMEM : zeros == SECRET_SIZE ? 0 : -EPERM;
}

int bug_init_on_free(void)
{
	u8 *p = (u8 *)__get_free_page(GFP_KERNEL);
	unsigned int zeros;

	if (!p)
		return -ENOMEM;
	memset(p, SECRET, SECRET_SIZE);
	free_page((unsigned long)p);
	zeros = count_bytes(hidden(p), 0);
	pr_info("%u of the free page's first %d bytes are zero\n", zeros, SECRET_SIZE);
	return zeros == SECRET_SIZE ? 0 : -EPERM;
}

/* ---- caches that are merged ------------------------------------------------------------------ */

int bug_cache_merged(void)
{
	struct kmem_cache *one = kmem_cache_create("memsan_merge_one", 416, 0, 0, NULL),
			  *two = kmem_cache_create("memsan_merge_two", 416, 0, 0, NULL);
	char *p = one && two ? hidden((char *)kmem_cache_alloc(one, GFP_KERNEL)) : NULL;
	bool merged = one == two;

	pr_info("two caches of the same size are %s\n", merged ? "one" : "two");
	if (p)
		kmem_cache_free(merged ? two : one, p);
	kmem_cache_destroy(two);
	kmem_cache_destroy(one);
	return !p ? -ENOMEM : merged ? 0 : -EPERM;
}

/* ---- a stack without a guard page ------------------------------------------------------------ */

/* What an overflow does that does not reach the guard page, or has none: it overwrites the last word of the stack. */
int bug_stack_end(void)
{
	WRITE_ONCE(*end_of_stack(current), 0);
	schedule_timeout_uninterruptible(2);
	return 0;
}

/* ---- options of the configuration ------------------------------------------------------------- */

int bug_usercopy_oob(void)
{
	unsigned long to = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, 0);
	char *p = hidden((char *)kmalloc(64, GFP_KERNEL));
	unsigned long left, len = 80;

	OPTIMIZER_HIDE_VAR(len);
	if (IS_ERR_VALUE(to) || !p)
		return -ENOMEM;
	left = copy_to_user((void __user *)to, p, len);
	kfree(p);
	vm_munmap(to, PAGE_SIZE);
	return left ? -EFAULT : 0;
}
