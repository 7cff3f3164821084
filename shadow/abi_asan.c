/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/abi_asan.c - the calls that -fsanitize=address emits beyond the kernel form.  Object files built for ASan link
 * with memsan through them.
 *
 * Every object file calls __asan_init and the version check from a constructor of highest priority.  The version is in
 * the name: an object for another version does not link.
 */
#include "shadow/abi.h"

/* Compiled code reads this before each __asan_stack_malloc.  preload/ sets it when the options are known. */
int __asan_option_detect_stack_use_after_return;
/* Code that was built for a shadow at a dynamic address reads this. */
uintptr_t __asan_shadow_memory_dynamic_address = SHADOW_OFFSET;

void __asan_init(void)
{
	/* The options are known once the heap has started, and the first allocation starts the heap. */
	shadow_start_runtime();
	map_require_full();
	stack_codes_abort = true;
}

void __asan_version_mismatch_check_v8(void)
{
}

/* The linker gathers the descriptions of a module's globals in one section.  *flag says whether they are registered. */
void __asan_register_elf_globals(uintptr_t *flag, void *start, void *stop)
{
	struct unwind_regs regs;

	if (*flag || start == stop)
		return;
	UNWIND_HERE(&regs);
	globals_register(start, (size_t)((struct asan_global *)stop - (struct asan_global *)start), odr_report, &regs);
	*flag = 1;
}

void __asan_unregister_elf_globals(uintptr_t *flag, void *start, void *stop)
{
	if (!*flag || start == stop)
		return;
	globals_unregister(start, (size_t)((struct asan_global *)stop - (struct asan_global *)start));
	*flag = 0;
}

/* Used by Mach-O only; defined here because objects may refer to it. */
void __asan_register_image_globals(uintptr_t *flag)
{
	(void)flag;
}

void __asan_unregister_image_globals(uintptr_t *flag)
{
	(void)flag;
}

#define STACK_FUNCTIONS(c)                                                                          \
	uintptr_t __asan_stack_malloc_##c(size_t size)                                              \
	{                                                                                           \
		if (!__asan_option_detect_stack_use_after_return)                                   \
			return 0;                                                                   \
		return (uintptr_t)fake_stack_alloc(c, size, (uintptr_t)__builtin_frame_address(0)); \
	}                                                                                           \
	uintptr_t __asan_stack_malloc_always_##c(size_t size)                                       \
	{                                                                                           \
		return (uintptr_t)fake_stack_alloc(c, size, (uintptr_t)__builtin_frame_address(0)); \
	}                                                                                           \
	void __asan_stack_free_##c(uintptr_t frame, size_t size)                                    \
	{                                                                                           \
		(void)size;                                                                         \
		fake_stack_free(c, (void *)frame);                                                  \
	}
ABI_CLASSES(STACK_FUNCTIONS)

void shadow_summary(void)
{
	if (options.use_after_return && map_state == MAP_FULL && map_instrumented && !fake_stack_asked &&
	    !scan_for_frames())
		report_line("shadow.use_after_return=on had no effect: no function asked for such a frame; functions "
		            "do that were compiled by memsan-cc, or with -fsanitize=address");
}

/* clang turns the mem functions of instrumented code into these. */
void *__asan_memcpy(void *dst, const void *src, size_t n)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	/* A struct that is assigned to itself is harmless. */
	if (unlikely(dst != src && (uintptr_t)dst < (uintptr_t)src + n && (uintptr_t)src < (uintptr_t)dst + n) &&
	    (ptrdiff_t)n > 0) {
		shadow_start_runtime();
		report_overlap(dst, n, src, n, "memcpy", &regs, abi_describe);
	}
	if (!abi_check_range(src, n, ACCESS_READ, "memcpy", &regs))
		return dst;
	abi_check_range(dst, n, ACCESS_WRITE, "memcpy", &regs);
	return mem_move(dst, src, n);
}

void *__asan_memmove(void *dst, const void *src, size_t n)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	if (!abi_check_range(src, n, ACCESS_READ, "memmove", &regs))
		return dst;
	abi_check_range(dst, n, ACCESS_WRITE, "memmove", &regs);
	return mem_move(dst, src, n);
}

void *__asan_memset(void *dst, int byte, size_t n)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	if (!abi_check_range(dst, n, ACCESS_WRITE, "memset", &regs))
		return dst;
	return mem_set(dst, byte, n);
}

void __asan_poison_cxx_array_cookie(uintptr_t addr)
{
	if (map_state == MAP_FULL && !(addr & GRANULE_MASK))
		shadow_poison(addr, SHADOW_GRANULE, SHADOW_ARRAY_COOKIE);
}

/* delete[] reads the number of elements here.  In a freed object the number cannot be trusted, so the answer is 0. */
uintptr_t __asan_load_cxx_array_cookie(uintptr_t *addr)
{
	return shadow_byte((uintptr_t)addr) == SHADOW_SLAB_FREED ? 0 : *addr;
}

void __asan_poison_intra_object_redzone(uintptr_t addr, size_t size)
{
	if (map_state == MAP_FULL && !(addr & GRANULE_MASK))
		shadow_poison(addr, ALIGN_DOWN(size, SHADOW_GRANULE), SHADOW_INTRA_OBJECT);
}

void __asan_unpoison_intra_object_redzone(uintptr_t addr, size_t size)
{
	if (map_state == MAP_FULL && !(addr & GRANULE_MASK))
		shadow_unpoison(addr, ALIGN_DOWN(size, SHADOW_GRANULE));
}

/* The child of vfork leaves its frames' poison on the parent's stack. */
void __asan_handle_vfork(void *sp)
{
	shadow_after_vfork((uintptr_t)sp);
}
