/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/malloc_hooks.c - sanitizer/allocator_interface.h's hooks: functions of the program's that are called after
 * each allocation and before each free.
 *
 * They are called outside of the runtime, so they may allocate; what they allocate themselves calls no hooks.  Production
 * has no place for them: most of its calls end in the inline paths of slab/fast.h.
 */
#include "preload/preload.h"

#define PAIRS 5 /* as the sanitizers have */

typedef void (*allocated_fn)(const volatile void *p, size_t size);
typedef void (*freed_fn)(const volatile void *p);

__attribute__((weak)) extern void __sanitizer_malloc_hook(const volatile void *p, size_t size);
__attribute__((weak)) extern void __sanitizer_free_hook(const volatile void *p);
MEMSAN_EXPORT int __sanitizer_install_malloc_and_free_hooks(allocated_fn allocated, freed_fn freed);

bool malloc_hooks_on;
/* Grows only, while the program has one thread. */
static struct {
	allocated_fn allocated;
	freed_fn freed;
} pairs[PAIRS];
static size_t nr_pairs;
static TLS_IE bool calling;

void malloc_hooks_connect(void)
{
	malloc_hooks_on = options.mode == MODE_CHECK && (&__sanitizer_malloc_hook || &__sanitizer_free_hook);
	allocate_choose_ways();
}

void malloc_hooks_allocated(const void *p, size_t size)
{
	if (calling)
		return;
	calling = true;
	if (&__sanitizer_malloc_hook)
		__sanitizer_malloc_hook(p, size);
	for (size_t i = 0; i < nr_pairs; i++)
		if (pairs[i].allocated)
			pairs[i].allocated(p, size);
	calling = false;
}

void malloc_hooks_freed(const void *p)
{
	if (calling || slab_is_inside())
		return;
	calling = true;
	if (&__sanitizer_free_hook)
		__sanitizer_free_hook(p);
	for (size_t i = 0; i < nr_pairs; i++)
		if (pairs[i].freed)
			pairs[i].freed(p);
	calling = false;
}

int __sanitizer_install_malloc_and_free_hooks(allocated_fn allocated, freed_fn freed)
{
	runtime_ensure();
	if (options.mode != MODE_CHECK || nr_pairs == PAIRS)
		return 0;
	pairs[nr_pairs].allocated = allocated;
	pairs[nr_pairs].freed = freed;
	nr_pairs++;
	malloc_hooks_on = true;
	allocate_choose_ways();
	return (int)nr_pairs;
}
