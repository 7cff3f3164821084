// SPDX-License-Identifier: GPL-2.0-only
/* kernel/module/kmalloc.c - bugs with kmalloc and its relatives. */
#include "memsan_bugs.h"

#include <linux/mm.h>

int bug_kmalloc_oob_right(void)
{
	char *p = hidden(kmalloc(64, GFP_KERNEL));

	if (!p)
		return -ENOMEM;
	p[64] = 'x';
	kfree(p);
	return 0;
}

int bug_kmalloc_oob_left(void)
{
	char *p = hidden(kmalloc(64, GFP_KERNEL));

	if (!p)
		return -ENOMEM;
	p[-1] = 'x';
	kfree(p);
	return 0;
}

int bug_kmalloc_oob_read(void)
{
	char *p = hidden(kmalloc(64, GFP_KERNEL));

	if (!p)
		return -ENOMEM;
	look(p[64]);
	kfree(p);
	return 0;
}

int bug_kmalloc_odd_size(void)
{
	char *p = hidden(kmalloc(13, GFP_KERNEL));

	if (!p)
		return -ENOMEM;
	p[13] = 'x';
	kfree(p);
	return 0;
}

int bug_kmalloc_slack(void)
{
	char *p = hidden(kmalloc(100, GFP_KERNEL));

	if (!p)
		return -ENOMEM;
	p[110] = 'x';
	kfree(p);
	return 0;
}

int bug_kmalloc_large_oob(void)
{
	size_t size = KMALLOC_MAX_CACHE_SIZE + 100;
	char *p = hidden(kmalloc(size, GFP_KERNEL));

	if (!p)
		return -ENOMEM;
	p[size] = 'x';
	kfree(p);
	return 0;
}

int bug_kmalloc_large_uaf(void)
{
	char *p = hidden(kmalloc(KMALLOC_MAX_CACHE_SIZE + 100, GFP_KERNEL));

	if (!p)
		return -ENOMEM;
	kfree(p);
	look(hidden(p)[10]);
	return 0;
}

int bug_kmalloc_node_oob(void)
{
	char *p = hidden(kmalloc_node(128, GFP_KERNEL, 0));

	if (!p)
		return -ENOMEM;
	p[128] = 'x';
	kfree(p);
	return 0;
}

int bug_kzalloc_oob(void)
{
	char *p = hidden(kzalloc(32, GFP_KERNEL));

	if (!p)
		return -ENOMEM;
	p[32] = 'x';
	kfree(p);
	return 0;
}

int bug_kcalloc_oob(void)
{
	u64 *array = hidden(kcalloc(4, sizeof(*array), GFP_KERNEL));
	int i;

	if (!array)
		return -ENOMEM;
	for (i = 0; i <= 4; i++)
		WRITE_ONCE(array[i], i);
	kfree(array);
	return 0;
}

int bug_kmalloc_uaf(void)
{
	char *p = hidden(kmalloc(64, GFP_KERNEL));

	if (!p)
		return -ENOMEM;
	kfree(p);
	hidden(p)[20] = 'x';
	return 0;
}

int bug_kmalloc_uaf_read(void)
{
	char *p = hidden(kmalloc(64, GFP_KERNEL));

	if (!p)
		return -ENOMEM;
	kfree(p);
	look(hidden(p)[20]);
	return 0;
}

int bug_kmalloc_uaf_pointer(void)
{
	struct node {
		struct node *prev, *next;
		char payload[48];
	} *n = hidden(kzalloc(sizeof(*n), GFP_KERNEL));
	struct node *next;

	if (!n)
		return -ENOMEM;
	n->next = n;
	kfree(n);
	next = READ_ONCE(hidden(n)->next);
	if (next)
		look(next->next);
	return 0;
}

int bug_kmalloc_double_free(void)
{
	char *p = hidden(kmalloc(64, GFP_KERNEL));

	if (!p)
		return -ENOMEM;
	kfree(p);
	kfree(hidden(p));
	return 0;
}

int bug_kmalloc_invalid_free(void)
{
	char *p = hidden(kmalloc(64, GFP_KERNEL));

	if (!p)
		return -ENOMEM;
	kfree(hidden(p) + 8);
	return 0;
}

int bug_kmalloc_array_wrap(void)
{
	struct entry {
		u64 key, value;
	} * table;
	u32 count = 0x10000001;
	size_t honest = SIZE_MAX / sizeof(*table) + 2;
	void *refused;

	OPTIMIZER_HIDE_VAR(count);
	OPTIMIZER_HIDE_VAR(honest);
	refused = kvmalloc_array(honest, sizeof(*table), GFP_KERNEL | __GFP_NOWARN);
	pr_info("kvmalloc_array of a product that overflows: %s\n", refused ? "given out!" : "refused");
	kvfree(refused);

	table = hidden(kmalloc(count * (u32)sizeof(*table), GFP_KERNEL));
	if (!table)
		return -ENOMEM;
	WRITE_ONCE(table[1].key, 1);
	kfree(table);
	return 0;
}

int bug_krealloc_more_oob(void)
{
	char *p = kmalloc(32, GFP_KERNEL);
	char *larger = hidden(krealloc(p, 128, GFP_KERNEL));

	if (!larger) {
		kfree(p);
		return -ENOMEM;
	}
	larger[128] = 'x';
	kfree(larger);
	return 0;
}

int bug_krealloc_less_oob(void)
{
	char *p = kmalloc(64, GFP_KERNEL);
	char *smaller = hidden(krealloc(p, 40, GFP_KERNEL));

	if (!smaller) {
		kfree(p);
		return -ENOMEM;
	}
	smaller[50] = 'x';
	kfree(smaller);
	return 0;
}

int bug_krealloc_uaf(void)
{
	char *p = hidden(kmalloc(64, GFP_KERNEL));
	char *larger = krealloc(p, 200, GFP_KERNEL);

	if (!larger) {
		kfree(p);
		return -ENOMEM;
	}
	hidden(p)[20] = 'x';
	kfree(larger);
	return 0;
}

int bug_kfree_sensitive_uaf(void)
{
	char *key = hidden(kmalloc(32, GFP_KERNEL));

	if (!key)
		return -ENOMEM;
	kfree_sensitive(key);
	hidden(key)[16] = 'x';
	return 0;
}

int bug_kvmalloc_oob(void)
{
	size_t size = (5 << 20) + 100; /* more than kmalloc ever gives */
	char *p = hidden(kvmalloc(size, GFP_KERNEL));

	if (!p)
		return -ENOMEM;
	p[size] = 'x';
	kvfree(p);
	return 0;
}
