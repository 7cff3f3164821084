/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/malloc_hooks.c - sanitizer/allocator_interface.h's hooks: functions of the program's that are called after
 * each allocation and before each free.
 *
 * They are called outside of the runtime, so they may allocate; what they allocate themselves calls no hooks.
 * Production has no place for them: most of its calls end in the inline paths of slab/fast.h.
 */
#include "preload/preload.h"

#define PAIRS 5 /* as the sanitizers have */

typedef void (*allocated_fn)(const volatile void *p, size_t size);
typedef void (*freed_fn)(const volatile void *p);

__attribute__((weak)) extern void __sanitizer_malloc_hook(const volatile void *p, size_t size);
__attribute__((weak)) extern void __sanitizer_free_hook(const volatile void *p);

/* Grows only, while the program has one thread. */
static struct {
	allocated_fn allocated;
	freed_fn freed;
} pairs[PAIRS];
static size_t nr_pairs;
static TLS_IE bool calling;

static void all_allocated(const void *p, size_t size)
{
	if (calling)
		return;
	calling = true;
	if (&__sanitizer_malloc_hook)
		__sanitizer_malloc_hook(p, size);
	for (size_t i = 0; i < nr_pairs; i++)
		pairs[i].allocated(p, size);
	calling = false;
}

static void all_freed(const void *p)
{
	if (calling || slab_is_inside())
		return;
	calling = true;
	if (&__sanitizer_free_hook)
		__sanitizer_free_hook(p);
	for (size_t i = 0; i < nr_pairs; i++)
		pairs[i].freed(p);
	calling = false;
}

static const struct allocate_hooks hooks = { all_allocated, all_freed };

void malloc_hooks_connect(void)
{
	bool defined = &__sanitizer_malloc_hook || &__sanitizer_free_hook;

	allocate_choose_ways(options.mode == MODE_CHECK && defined ? &hooks : NULL);
}

int malloc_hooks_add(allocated_fn allocated, freed_fn freed)
{
	if (options.mode != MODE_CHECK || nr_pairs == PAIRS || !allocated || !freed)
		return 0;
	pairs[nr_pairs].allocated = allocated;
	pairs[nr_pairs].freed = freed;
	nr_pairs++;
	allocate_choose_ways(&hooks);
	return (int)nr_pairs;
}
