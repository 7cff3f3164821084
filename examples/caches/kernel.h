/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/caches/kernel.h - lets kernel code run in user space, on memsan's allocators. */
#ifndef KERNEL_H
#define KERNEL_H

#include <memsan.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define GFP_KERNEL 0u
#define SLAB_HWCACHE_ALIGN MEMSAN_CACHE_HWCACHE_ALIGN
#define SLAB_PANIC MEMSAN_CACHE_PANIC
#define kmem_cache memsan_cache
#define kmem_cache_create memsan_cache_create
#define kmem_cache_alloc(cache, gfp) ((void)(gfp), memsan_cache_alloc(cache))
#define kmem_cache_free memsan_cache_free
#define kmem_cache_destroy memsan_cache_destroy
#define kmalloc(size, gfp) ((void)(gfp), memsan_kmalloc(size))
#define kfree memsan_kfree
#define __get_free_pages(gfp, order) ((void)(gfp), memsan_alloc_pages(order))
#define free_pages memsan_free_pages
#define vmalloc memsan_vmalloc
#define vfree memsan_vfree
#define strscpy(to, from, size) ((void)snprintf(to, size, "%s", from))

#define DEFINE_MUTEX(name) pthread_mutex_t name = PTHREAD_MUTEX_INITIALIZER
#define mutex_lock pthread_mutex_lock
#define mutex_unlock pthread_mutex_unlock

struct list_head {
	struct list_head *next, *prev;
};
#define LIST_HEAD(name) struct list_head name = { &(name), &(name) }
#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))
#define list_for_each_entry(pos, head, type, member)                                 \
	for (pos = container_of((head)->next, type, member); &pos->member != (head); \
	     pos = container_of(pos->member.next, type, member))

static inline void list_add(struct list_head *entry, struct list_head *head)
{
	entry->next = head->next;
	entry->prev = head;
	head->next->prev = entry;
	head->next = entry;
}
static inline void list_del(struct list_head *entry)
{
	entry->prev->next = entry->next;
	entry->next->prev = entry->prev;
}
static inline bool list_empty(const struct list_head *head)
{
	return head->next == head;
}

#endif
