/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/caches/memory.c - kmalloc, kvmalloc_array, vmalloc and pages, each with a typical use. */
#include <memsan.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
	char *small = memsan_kmalloc(100);                               /* from the cache malloc-112 */
	uint64_t *table = memsan_kvmalloc_array(100000, sizeof(*table)); /* large: between guard pages */
	char *area = memsan_vzalloc(10000);
	unsigned order = memsan_get_order(20000); /* 8 pages: order 3 */
	char *pages = memsan_alloc_pages(order), *zeros = memsan_get_zeroed_page();

	if (!small || !table || !area || !pages || !zeros)
		return 1;
	strcpy(small, "small");
	table[99999] = 1;
	memset(pages, 1, (size_t)4096 << order);
	printf("%s, %u, order %u, aligned to %s size, %d and %d\n", small, (unsigned)table[99999], order,
	       (uintptr_t)pages % ((size_t)4096 << order) ? "less than its" : "its", area[9999], zeros[4095]);
	/* When the product overflows, the result is NULL and not a small object. */
	if (memsan_kvmalloc_array(SIZE_MAX / 2, 4))
		return 1;
	memsan_free_pages(zeros, 0);
	memsan_free_pages(pages, order);
	memsan_vfree(area);
	memsan_kvfree(table);
	memsan_kfree(small);
	return 0;
}
