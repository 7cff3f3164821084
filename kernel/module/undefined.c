// SPDX-License-Identifier: GPL-2.0-only
/* kernel/module/undefined.c - what only UBSAN or KMSAN finds: operations that C does not define, although the memory
 * they use is the program's own, and memory that is used before anything was written to it. */
#include "memsan_bugs.h"

#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/uaccess.h>

/* ---- UBSAN ----------------------------------------------------------------------------------- */

struct table {
	int entry[4];
	int behind;
};

int bug_ubsan_index(void)
{
	struct table *t = hidden((struct table *)kzalloc(sizeof(*t), GFP_KERNEL));
	int i = 4;

	if (!t)
		return -ENOMEM;
	OPTIMIZER_HIDE_VAR(i);
	WRITE_ONCE(t->behind, 1);
	t->entry[i] = 2;
	barrier();
	kfree(t);
	return 0;
}

int bug_ubsan_shift(void)
{
	int one = 1, count = 40;

	OPTIMIZER_HIDE_VAR(count);
	one <<= count;
	OPTIMIZER_HIDE_VAR(one);
	return 0;
}

int bug_ubsan_bool(void)
{
	char *bytes = hidden((char *)kzalloc(8, GFP_KERNEL));
	int value;

	if (!bytes)
		return -ENOMEM;
	WRITE_ONCE(bytes[3], 2);
	value = *hidden((bool *)(bytes + 3));
	OPTIMIZER_HIDE_VAR(value);
	kfree(bytes);
	return 0;
}

/* ---- KMSAN ----------------------------------------------------------------------------------- */

static int seen;

int bug_uninit_branch(void)
{
	int *p = hidden((int *)kmalloc(64, GFP_KERNEL));

	if (!p)
		return -ENOMEM;
	p[0] = 1;
	if (READ_ONCE(p[5]) == 42)
		WRITE_ONCE(seen, 1);
	kfree(p);
	return 0;
}

int bug_uninit_stack(void)
{
	int local[8];
	int *p = hidden(&local[0]);

	p[0] = 1;
	if (READ_ONCE(p[5]) == 42)
		WRITE_ONCE(seen, 2);
	return 0;
}

int bug_uninit_page(void)
{
	int *p = hidden((int *)__get_free_page(GFP_KERNEL));

	if (!p)
		return -ENOMEM;
	if (READ_ONCE(p[100]) == 42)
		WRITE_ONCE(seen, 3);
	free_page((unsigned long)p);
	return 0;
}

int bug_uninit_uaf(void)
{
	int *p = hidden((int *)kzalloc(64, GFP_KERNEL));

	if (!p)
		return -ENOMEM;
	kfree(p);
	if (READ_ONCE(p[5]) == 42)
		WRITE_ONCE(seen, 4);
	return 0;
}

/* A structure with a hole of seven bytes, which no assignment to its members fills. */
struct answer {
	char state;
	u64 number;
};

int bug_infoleak(void)
{
	unsigned long to = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, 0);
	struct answer *a = hidden((struct answer *)kmalloc(sizeof(*a), GFP_KERNEL));
	unsigned long left = 1;

	if (a && !IS_ERR_VALUE(to)) {
		a->state = 'y';
		a->number = 42;
		left = copy_to_user((void __user *)to, a, sizeof(*a));
		vm_munmap(to, PAGE_SIZE);
	}
	kfree(a);
	return left ? -ENOMEM : 0;
}
