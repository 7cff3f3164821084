// SPDX-License-Identifier: GPL-2.0-only
/* kernel/module/pages.c - bugs with vmalloc, the page allocator and memory made of pages: per-CPU, DMA, fragments. */
#include "memsan_bugs.h"

#include <linux/dma-mapping.h>
#include <linux/dmapool.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/platform_device.h>
#include <linux/vmalloc.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#include <linux/page_frag_cache.h>
#endif

int bug_vmalloc_oob(void)
{
	char *p = hidden((char *)vmalloc(5000));

	if (!p)
		return -ENOMEM;
	look(p[5000]);
	vfree(p);
	return 0;
}

int bug_vmalloc_guard(void)
{
	char *p = hidden((char *)vmalloc(2 * PAGE_SIZE));

	if (!p)
		return -ENOMEM;
	look(p[2 * PAGE_SIZE]);
	vfree(p);
	return 0;
}

int bug_vmalloc_uaf(void)
{
	char *p = hidden((char *)vmalloc(2 * PAGE_SIZE));

	if (!p)
		return -ENOMEM;
	vfree(p);
	look(hidden(p)[100]);
	return 0;
}

int bug_vzalloc_oob(void)
{
	char *p = hidden((char *)vzalloc(100));

	if (!p)
		return -ENOMEM;
	p[100] = 'x';
	vfree(p);
	return 0;
}

/* Splits a block of two pages and frees the second page. */
int bug_pages_oob(void)
{
	struct page *pages = alloc_pages(GFP_KERNEL, 1);
	char *p;

	if (!pages)
		return -ENOMEM;
	split_page(pages, 1);
	__free_page(pages + 1);
	p = hidden((char *)page_address(pages));
	look(p[PAGE_SIZE]);
	__free_page(pages);
	return 0;
}

int bug_pages_uaf(void)
{
	struct page *pages = alloc_pages(GFP_KERNEL, 2);
	char *p;

	if (!pages)
		return -ENOMEM;
	p = hidden((char *)page_address(pages));
	__free_pages(pages, 2);
	look(p[100]);
	return 0;
}

int bug_free_pages_uaf(void)
{
	unsigned long p = __get_free_pages(GFP_KERNEL, 0);

	if (!p)
		return -ENOMEM;
	free_pages(p, 0);
	look(hidden((char *)p)[100]);
	return 0;
}

int bug_zeroed_page_uaf(void)
{
	unsigned long p = get_zeroed_page(GFP_KERNEL);

	if (!p)
		return -ENOMEM;
	free_page(p);
	look(hidden((char *)p)[100]);
	return 0;
}

int bug_pages_wrong_order(void)
{
	unsigned long p = __get_free_pages(GFP_KERNEL, 2);

	if (!p)
		return -ENOMEM;
	free_pages(p, 1);
	look(hidden((char *)p)[100]);
	return 0;
}

struct counts {
	u32 value[4];
};

int bug_percpu_oob(void)
{
	struct counts __percpu *counts = alloc_percpu(struct counts);
	u32 *here;

	if (!counts)
		return -ENOMEM;
	here = hidden(&get_cpu_ptr(counts)->value[0]);
	WRITE_ONCE(here[4], READ_ONCE(here[4]));
	put_cpu_ptr(counts);
	free_percpu(counts);
	return 0;
}

int bug_dma_oob(void)
{
	struct platform_device *device = platform_device_register_simple("memsan_dma", -1, NULL, 0);
	dma_addr_t bus;
	char *p = NULL;

	if (IS_ERR(device))
		return PTR_ERR(device);
	if (dma_set_mask_and_coherent(&device->dev, DMA_BIT_MASK(32)) == 0)
		p = hidden((char *)dma_alloc_coherent(&device->dev, 100, &bus, GFP_KERNEL));
	if (p) {
		look(p[100]);
		dma_free_coherent(&device->dev, 100, p, bus);
	}
	platform_device_unregister(device);
	return p ? 0 : -ENOMEM;
}

int bug_dma_uaf(void)
{
	struct platform_device *device = platform_device_register_simple("memsan_dma", -1, NULL, 0);
	dma_addr_t bus;
	char *p = NULL;

	if (IS_ERR(device))
		return PTR_ERR(device);
	if (dma_set_mask_and_coherent(&device->dev, DMA_BIT_MASK(32)) == 0)
		p = hidden((char *)dma_alloc_coherent(&device->dev, PAGE_SIZE, &bus, GFP_KERNEL));
	if (p) {
		dma_free_coherent(&device->dev, PAGE_SIZE, p, bus);
		look(hidden(p)[100]);
	}
	platform_device_unregister(device);
	return p ? 0 : -ENOMEM;
}

/* Calls `use` with a block of 64 bytes from a pool of DMA memory. */
static int with_dma_pool(void (*use)(struct dma_pool *pool, char *block, dma_addr_t bus))
{
	struct platform_device *device = platform_device_register_simple("memsan_dma", -1, NULL, 0);
	struct dma_pool *pool = NULL;
	dma_addr_t bus;
	char *p = NULL;

	if (IS_ERR(device))
		return PTR_ERR(device);
	if (dma_set_mask_and_coherent(&device->dev, DMA_BIT_MASK(32)) == 0)
		pool = dma_pool_create("memsan_pool", &device->dev, 64, 64, 0);
	if (pool)
		p = hidden((char *)dma_pool_alloc(pool, GFP_KERNEL, &bus));
	if (p)
		use(pool, p, bus);
	dma_pool_destroy(pool);
	platform_device_unregister(device);
	return p ? 0 : -ENOMEM;
}

static void dma_pool_read_beyond(struct dma_pool *pool, char *block, dma_addr_t bus)
{
	look(block[64]);
	dma_pool_free(pool, block, bus);
}

static void dma_pool_write_freed(struct dma_pool *pool, char *block, dma_addr_t bus)
{
	dma_pool_free(pool, block, bus);
	hidden(block)[40] = 'x';
}

int bug_dma_pool_oob(void)
{
	return with_dma_pool(dma_pool_read_beyond);
}

int bug_dma_pool_uaf(void)
{
	return with_dma_pool(dma_pool_write_freed);
}

int bug_page_frag_oob(void)
{
	static struct page_frag_cache cache;
	char *first, *second;

	second = page_frag_alloc(&cache, 100, GFP_KERNEL);
	first = second ? hidden((char *)page_frag_alloc(&cache, 100, GFP_KERNEL)) : NULL;
	if (first) {
		WRITE_ONCE(first[100], READ_ONCE(first[100]));
		page_frag_free(first);
	}
	if (second)
		page_frag_free(second);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	page_frag_cache_drain(&cache);
#else
	if (cache.va)
		__page_frag_cache_drain(virt_to_head_page(cache.va), cache.pagecnt_bias);
	cache.va = NULL;
#endif
	return first ? 0 : -ENOMEM;
}
