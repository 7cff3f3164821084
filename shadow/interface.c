/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/interface.c - sanitizer/asan_interface.h and a part of common_interface_defs.h, for programs that call ASan's
 * runtime.  Those headers describe the functions; comments here say what memsan does. */
#include "shadow/abi.h"

/* ---- poison by hand -------------------------------------------------------------------------- */

void (*shadow_thread_hook)(void);

/* The program may poison a range [beg, end) that starts and ends in the middle of a granule.  Bytes before the start
 * stay as they are.  Bytes behind the end, in the last granule, stay as they are only if they were bad. */
void __asan_poison_memory_region(void const volatile *addr, size_t size)
{
	uintptr_t beg = (uintptr_t)addr, end = beg + size;
	uintptr_t first, last;
	uint8_t head, tail;
	uint8_t *s, *e;

	if (!size || end < beg || !map_has_shadow(beg) || !map_has_shadow(end - 1))
		return;
	if (shadow_thread_hook)
		shadow_thread_hook();
	first = ALIGN_DOWN(beg, SHADOW_GRANULE);
	last = ALIGN_DOWN(end, SHADOW_GRANULE);
	head = (uint8_t)(beg - first);
	tail = (uint8_t)(end - last);
	s = shadow_of(first);
	e = tail ? shadow_of(last) : NULL;
	if (first == last) {
		/* The range covers all good bytes behind its start; the rest of the granule was already bad. */
		if (*s < 0x80 && *s != 0 && *s <= tail)
			*s = head ? MIN(*s, head) : SHADOW_USER;
		return;
	}
	if (head) {
		if (*s == 0 || (*s < 0x80 && *s > head))
			*s = head;
		first += SHADOW_GRANULE;
	}
	if (last > first)
		shadow_poison(first, last - first, SHADOW_USER);
	if (e && *e != 0 && *e < 0x80 && *e <= tail)
		*e = SHADOW_USER;
}

void __asan_unpoison_memory_region(void const volatile *addr, size_t size)
{
	uintptr_t beg = (uintptr_t)addr, end = beg + size;
	uintptr_t first, last;
	uint8_t tail;
	uint8_t *e;

	if (!size || end < beg || !map_has_shadow(beg) || !map_has_shadow(end - 1))
		return;
	first = ALIGN_DOWN(beg, SHADOW_GRANULE);
	last = ALIGN_DOWN(end, SHADOW_GRANULE);
	tail = (uint8_t)(end - last);
	if (last > first)
		shadow_unpoison(first, last - first);
	/* The last granule becomes good up to the end, unless more of it is good already. */
	e = tail ? shadow_of(last) : NULL;
	if (e && (*e >= 0x80 || (*e != 0 && *e < tail)))
		*e = tail;
}

int __asan_address_is_poisoned(void const volatile *addr)
{
	return shadow_find_bad((const void *)addr, 1) != 0;
}

void *__asan_region_is_poisoned(void *beg, size_t size)
{
	return (void *)shadow_find_bad(beg, size);
}

/* ---- questions about addresses --------------------------------------------------------------- */

const char *__asan_locate_address(void *addr, char *name, size_t name_size, void **region, size_t *region_size)
{
	struct located l;

	locate((uintptr_t)addr, &l);
	if (name && name_size)
		str_copy(name, l.name, name_size);
	if (region)
		*region = (void *)l.base;
	if (region_size)
		*region_size = l.size;
	return l.where;
}

void __asan_describe_address(void *addr)
{
	char text[LOCATED_TEXT];
	struct fmt_buf b;

	fmt_init(&b, text, sizeof(text));
	located_put(&b, (uintptr_t)addr);
	report_line("%s", text);
}

static size_t object_stack(void *addr, bool freed, void **trace, size_t size, int *thread_id)
{
	struct slab_object o;
	stack_handle h;

	if (!slab_find_object((uintptr_t)addr, &o) || !o.tracked || (uintptr_t)addr - o.slot >= o.slot_size)
		return 0;
	if (freed && o.state == SLAB_OBJ_LIVE)
		return 0;
	h = freed ? o.free_stack : o.alloc_stack;
	if (thread_id)
		*thread_id = (int)(freed ? o.free_thread : o.alloc_thread);
	return h ? MIN(depot_fetch(h, (uintptr_t *)trace, size), size) : 0;
}

size_t __asan_get_alloc_stack(void *addr, void **trace, size_t size, int *thread_id)
{
	return object_stack(addr, false, trace, size, thread_id);
}

size_t __asan_get_free_stack(void *addr, void **trace, size_t size, int *thread_id)
{
	return object_stack(addr, true, trace, size, thread_id);
}

void __asan_get_shadow_mapping(size_t *scale, size_t *offset)
{
	if (scale)
		*scale = SHADOW_SCALE;
	if (offset)
		*offset = SHADOW_OFFSET;
}

void *__asan_get_current_fake_stack(void)
{
	return NULL;
}

void *__asan_addr_is_in_fake_stack(void *fake, void *addr, void **beg, void **end)
{
	uintptr_t from, to;
	(void)fake;
	if (!fake_stack_find((uintptr_t)addr, &from, &to))
		return NULL;
	if (beg)
		*beg = (void *)from;
	if (end)
		*end = (void *)to;
	return (void *)from;
}

/* ---- the last report ------------------------------------------------------------------------- */

int __asan_report_present(void)
{
	return __atomic_load_n(&shadow_last.made, __ATOMIC_ACQUIRE) != 0;
}

void *__asan_get_report_pc(void)
{
	return (void *)shadow_last.pc;
}

void *__asan_get_report_bp(void)
{
	return (void *)shadow_last.bp;
}

void *__asan_get_report_sp(void)
{
	return (void *)shadow_last.sp;
}

void *__asan_get_report_address(void)
{
	return (void *)shadow_last.addr;
}

int __asan_get_report_access_type(void)
{
	return shadow_last.access == ACCESS_WRITE;
}

size_t __asan_get_report_access_size(void)
{
	return shadow_last.size;
}

const char *__asan_get_report_description(void)
{
	return __asan_report_present() ? report_kind_name(shadow_last.kind) : NULL;
}

void __asan_report_error(void *pc, void *bp, void *sp, void *addr, int is_write, size_t size)
{
	struct unwind_regs regs = { .pc = (uintptr_t)pc, .sp = (uintptr_t)sp, .fp = (uintptr_t)bp };
	struct shadow_access a = {
		.addr = (uintptr_t)addr,
		.size = size,
		.access = is_write ? ACCESS_WRITE : ACCESS_READ,
		.bad = (uintptr_t)addr,
		.fatal = true,
		.regs = &regs,
	};
	shadow_report(&a);
}

void __asan_set_death_callback(void (*callback)(void))
{
	shadow_death_callback = callback;
}

void __sanitizer_set_death_callback(void (*callback)(void))
{
	shadow_death_callback = callback;
}

void __asan_set_error_report_callback(void (*callback)(const char *text))
{
	report_set_callback(callback);
}

void __asan_print_accumulated_stats(void)
{
	struct slab_stats s;
	slab_get_stats(&s);
	report_line("%llu live objects, %llu bytes, %llu bytes in quarantine", (unsigned long long)s.live_objects,
	            (unsigned long long)s.live_bytes, (unsigned long long)s.quarantine_bytes);
}

/* memsan keeps the stack of the allocation: 0 says so. */
int __asan_update_allocation_context(void *addr)
{
	(void)addr;
	return 0;
}

void __sanitizer_report_error_summary(const char *summary)
{
	report_line("SUMMARY: %s", summary);
}

void __sanitizer_print_stack_trace(void)
{
	struct unwind_regs regs;
	uintptr_t pcs[64];
	size_t n;

	UNWIND_HERE(&regs);
	n = unwind_walk(&regs, pcs, ARRAY_SIZE(pcs));
	for (size_t i = 0; i < n; i++) {
		struct module_info m;
		if (module_find(pcs[i], 0, &m))
			report_line("    #%zu %s+0x%lx", i, m.path, (unsigned long)(pcs[i] - m.bias));
		else
			report_line("    #%zu 0x%lx", i, (unsigned long)pcs[i]);
	}
}

/* ---- fibers and unaligned access ------------------------------------------------------------- */

/* A stack is recognized by its shadow values, so a switch of stacks needs no bookkeeping. */
void __sanitizer_start_switch_fiber(void **save, const void *bottom, size_t size)
{
	(void)bottom;
	(void)size;
	if (save)
		*save = NULL;
}

void __sanitizer_finish_switch_fiber(void *save, const void **bottom_old, size_t *size_old)
{
	(void)save;
	if (bottom_old)
		*bottom_old = NULL;
	if (size_old)
		*size_old = 0;
}

#define UNALIGNED(bits)                                                   \
	uint##bits##_t __sanitizer_unaligned_load##bits(const void *p)    \
	{                                                                 \
		struct unwind_regs regs;                                  \
		uint##bits##_t v;                                         \
		UNWIND_HERE(&regs);                                       \
		abi_check_range(p, sizeof(v), ACCESS_READ, NULL, &regs);  \
		mem_copy(&v, p, sizeof(v));                               \
		return v;                                                 \
	}                                                                 \
	void __sanitizer_unaligned_store##bits(void *p, uint##bits##_t v) \
	{                                                                 \
		struct unwind_regs regs;                                  \
		UNWIND_HERE(&regs);                                       \
		abi_check_range(p, sizeof(v), ACCESS_WRITE, NULL, &regs); \
		mem_copy(p, &v, sizeof(v));                               \
	}
UNALIGNED(16)
UNALIGNED(32)
UNALIGNED(64)
