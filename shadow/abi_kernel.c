/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/abi_kernel.c - the calls that -fsanitize=kernel-address emits besides checks: globals, allocas, scopes,
 * no-return calls.  -fsanitize=address emits all of these too. */
#include "shadow/abi.h"

#define ALLOCA_REDZONE 32ul

void __asan_register_globals(struct asan_global *g, size_t n)
{
	struct unwind_regs regs;

	/* The options are known once the heap has started. */
	shadow_start_runtime();
	UNWIND_HERE(&regs);
	globals_register(g, n, odr_report, &regs);
}

void __asan_unregister_globals(struct asan_global *g, size_t n)
{
	globals_unregister(g, n);
}

void __asan_handle_no_return(void)
{
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0);
	stack_clear_from(sp);
	fake_stack_no_return(sp);
}

/*     │ left, 32 bytes │ alloca: size bytes │ up to the next multiple of 32 │ right, 32 bytes │
 *      CA CA CA CA      00 … 00 k            CB …                            CB CB CB CB              */
void __asan_alloca_poison(uintptr_t addr, size_t size)
{
	uintptr_t end = addr + size, right = ALIGN_UP(end, ALLOCA_REDZONE), tail = ALIGN_DOWN(end, SHADOW_GRANULE);
	if (addr & (ALLOCA_REDZONE - 1) || end < addr || map_state != MAP_FULL)
		return;
	shadow_poison(addr - ALLOCA_REDZONE, ALLOCA_REDZONE, SHADOW_ALLOCA_LEFT);
	if (tail < end) {
		shadow_set(tail, (uint8_t)(end - tail));
		tail += SHADOW_GRANULE;
	}
	shadow_poison(tail, right + ALLOCA_REDZONE - tail, SHADOW_ALLOCA_RIGHT);
}

void __asan_allocas_unpoison(uintptr_t top, uintptr_t bottom)
{
	if (!top || top > bottom || map_state != MAP_FULL)
		return;
	shadow_unpoison(ALIGN_DOWN(top, SHADOW_GRANULE),
	                ALIGN_DOWN(bottom - ALIGN_DOWN(top, SHADOW_GRANULE), SHADOW_GRANULE));
}

/* A large variable leaves its scope, or enters it again.  Its last granule may be shared with the red zone behind it.
 * On entry `size` restores that granule's partial value. */
void __asan_poison_stack_memory(uintptr_t addr, size_t size)
{
	if (map_state == MAP_FULL && !(addr & GRANULE_MASK))
		shadow_poison(addr, size, SHADOW_AFTER_SCOPE);
}

void __asan_unpoison_stack_memory(uintptr_t addr, size_t size)
{
	if (map_state == MAP_FULL && !(addr & GRANULE_MASK))
		shadow_unpoison(addr, size);
}

/* Compiled code calls these around the constructors of one file's globals. */
void __asan_before_dynamic_init(const char *module)
{
	shadow_start_runtime();
	if (options.init_order == INIT_ORDER_OFF || map_state != MAP_FULL)
		return;
	/* A library that was loaded later. */
	if (!globals_know_file(module))
		globals_ahead_of((uintptr_t)__builtin_return_address(0));
	globals_init_begin(module);
}

void __asan_after_dynamic_init(void)
{
	if (options.init_order != INIT_ORDER_OFF && map_state == MAP_FULL)
		globals_init_end();
}

/* Compiled code writes long stretches of a frame's shadow by these calls.  The argument is an address in the shadow. */
#define SET_SHADOW(v)                                                                             \
	void __asan_set_shadow_##v(uintptr_t shadow, size_t size)                                 \
	{                                                                                         \
		if (map_writable((shadow - SHADOW_OFFSET) << SHADOW_SCALE, size << SHADOW_SCALE)) \
			mem_set((void *)shadow, 0x##v, size);                                     \
	}
ABI_SET_SHADOW(SET_SHADOW)
