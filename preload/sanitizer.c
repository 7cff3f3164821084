/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/sanitizer.c - sanitizer/allocator_interface.h, and the functions of common_interface_defs.h that need more of
 * memsan than its shadow, for programs that call a sanitizer's runtime.  Those headers describe the functions. */
#include "preload/preload.h"

#include <stdlib.h>

#include <malloc.h>

MEMSAN_EXPORT size_t __sanitizer_get_estimated_allocated_size(size_t size);
MEMSAN_EXPORT int __sanitizer_get_ownership(const volatile void *p);
MEMSAN_EXPORT const void *__sanitizer_get_allocated_begin(const void *p);
MEMSAN_EXPORT size_t __sanitizer_get_allocated_size(const volatile void *p);
MEMSAN_EXPORT size_t __sanitizer_get_allocated_size_fast(const volatile void *p);
MEMSAN_EXPORT size_t __sanitizer_get_current_allocated_bytes(void);
MEMSAN_EXPORT size_t __sanitizer_get_heap_size(void);
MEMSAN_EXPORT size_t __sanitizer_get_free_bytes(void);
MEMSAN_EXPORT size_t __sanitizer_get_unmapped_bytes(void);
MEMSAN_EXPORT void __sanitizer_purge_allocator(void);
MEMSAN_EXPORT void __sanitizer_print_memory_profile(size_t top_percent, size_t max_stacks);
MEMSAN_EXPORT int __sanitizer_install_malloc_and_free_hooks(void (*allocated)(const volatile void *p, size_t n),
                                                            void (*freed)(const volatile void *p));
MEMSAN_EXPORT void __sanitizer_set_report_path(const char *path);
MEMSAN_EXPORT const char *__sanitizer_get_report_path(void);
MEMSAN_EXPORT void __sanitizer_set_report_fd(void *fd);
MEMSAN_EXPORT void __sanitizer_sandbox_on_notify(void *arguments);
MEMSAN_EXPORT int __sanitizer_acquire_crash_state(void);
MEMSAN_EXPORT int __sanitizer_get_module_and_offset_for_pc(void *pc, char *path, size_t size, void **offset);

/* ---- allocator_interface.h ------------------------------------------------------------------- */

size_t __sanitizer_get_estimated_allocated_size(size_t size)
{
	return size;
}

static bool live_object(const volatile void *p, struct slab_object *o)
{
	return p && slab_find_object((uintptr_t)p, o) && o->state == SLAB_OBJ_LIVE &&
	       (uintptr_t)p - o->addr < MAX(o->size, 1);
}

int __sanitizer_get_ownership(const volatile void *p)
{
	struct slab_object o;

	return live_object(p, &o) && o.addr == (uintptr_t)p;
}

const void *__sanitizer_get_allocated_begin(const void *p)
{
	struct slab_object o;

	return live_object(p, &o) ? (const void *)o.addr : NULL;
}

size_t __sanitizer_get_allocated_size(const volatile void *p)
{
	return malloc_usable_size((void *)p);
}

size_t __sanitizer_get_allocated_size_fast(const volatile void *p)
{
	return malloc_usable_size((void *)p);
}

static struct slab_stats stats(void)
{
	struct slab_stats s;

	malloc_get_stats(&s);
	return s;
}

size_t __sanitizer_get_current_allocated_bytes(void)
{
	return stats().live_bytes;
}

size_t __sanitizer_get_heap_size(void)
{
	return stats().arena_mapped;
}

size_t __sanitizer_get_free_bytes(void)
{
	return stats().free_bytes;
}

size_t __sanitizer_get_unmapped_bytes(void)
{
	struct slab_stats s = stats();

	return arena_size - MIN(arena_size, s.arena_mapped);
}

void __sanitizer_purge_allocator(void)
{
	malloc_trim(0);
}

/* memsan's view of the heap goes by caches, not by stacks. */
void __sanitizer_print_memory_profile(size_t top_percent, size_t max_stacks)
{
	(void)top_percent, (void)max_stacks;
	malloc_stats();
}

int __sanitizer_install_malloc_and_free_hooks(void (*allocated)(const volatile void *p, size_t n),
                                              void (*freed)(const volatile void *p))
{
	runtime_ensure();
	return malloc_hooks_add(allocated, freed);
}

/* ---- common_interface_defs.h ----------------------------------------------------------------- */

void __sanitizer_set_report_path(const char *path)
{
	runtime_ensure();
	report_set_path(path);
}

const char *__sanitizer_get_report_path(void)
{
	runtime_ensure();
	return report_path();
}

/* memsan works behind a sandbox's filters without preparation. */
void __sanitizer_sandbox_on_notify(void *arguments)
{
	(void)arguments;
}

void __sanitizer_set_report_fd(void *fd)
{
	runtime_ensure();
	report_set_fd((int)(uintptr_t)fd);
}

/* 1 for the first caller: it alone may report a crash. */
int __sanitizer_acquire_crash_state(void)
{
	static int acquired;

	return !__atomic_exchange_n(&acquired, 1, __ATOMIC_RELAXED);
}

int __sanitizer_get_module_and_offset_for_pc(void *pc, char *path, size_t size, void **offset)
{
	struct module_info m;

	if (!module_find((uintptr_t)pc, 0, &m))
		return 0;
	if (path && size)
		str_copy(path, m.path, size);
	if (offset)
		*offset = (void *)((uintptr_t)pc - m.bias);
	return 1;
}
