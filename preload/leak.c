/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/leak.c - connects scans for leaks with the other detectors and with libc; also the memsan_leak_*
 * functions. */
#include "preload/preload.h"

#include <dlfcn.h>

#include "preload/memsan.h"

__attribute__((weak)) extern const char *__lsan_default_suppressions(void);
__attribute__((weak)) extern const char *memsan_leak_default_suppressions(void);
__attribute__((weak)) extern int __lsan_is_turned_off(void);

static void hole_shadow(void (*hole)(uint64_t start, uint64_t end))
{
	uintptr_t start, end;

	shadow_extent(&start, &end);
	hole(start, end);
}

static bool turned_off(void)
{
	return &__lsan_is_turned_off && __lsan_is_turned_off();
}

static const char *own_rules(void)
{
	if (&memsan_leak_default_suppressions)
		return memsan_leak_default_suppressions();
	return &__lsan_default_suppressions ? __lsan_default_suppressions() : NULL;
}

void leak_connect(void)
{
	leak_own_rules = own_rules;
	leak_turned_off = turned_off;
	leak_hook_holes = hole_shadow;
	leak_hook_roots = shadow_each_frame;
	leak_hook_copying = shadow_copying;
	leak_directory_init();
}

/* The function is private to libc, but every sanitizer calls it. */
void leak_find_static_tls(void *function)
{
	size_t size = 0, align = 0;

	if (!function)
		return;
	((void (*)(size_t *, size_t *))function)(&size, &align);
	leak_static_tls = size;
}

void leak_find_libc(void *function)
{
	struct dl_find_object libc;

	if (!function || _dl_find_object(function, &libc) != 0)
		return;
	leak_libc_start = (uintptr_t)libc.dlfo_map_start;
	leak_libc_end = (uintptr_t)libc.dlfo_map_end;
	leak_libc_syscall = (uintptr_t)function;
}

/* ---- the program's side, under our names ----------------------------------------------------- */

MEMSAN_EXPORT size_t memsan_leak_check(void)
{
	runtime_ensure();
	return runtime_state_now == RUNTIME_READY && !report_is_mine() ? (size_t)leak_check(false) : 0;
}

MEMSAN_EXPORT void memsan_leak_not_leak(const void *p)
{
	leak_annotate(p, LEAK_NOTE_NOT_LEAK);
}

MEMSAN_EXPORT void memsan_leak_ignore(const void *p)
{
	leak_annotate(p, LEAK_NOTE_IGNORE);
}

MEMSAN_EXPORT void memsan_leak_no_scan(const void *p)
{
	leak_annotate(p, LEAK_NOTE_NO_SCAN);
}

MEMSAN_EXPORT void memsan_leak_scan_area(const void *p, size_t size)
{
	leak_annotate_area(p, size);
}

MEMSAN_EXPORT void memsan_leak_alloc(const void *p, size_t size)
{
	struct unwind_regs regs;

	UNWIND_HERE(&regs);
	runtime_ensure();
	if (p && size && runtime_state_now == RUNTIME_READY)
		leak_registered_alloc(p, size, &regs);
}

MEMSAN_EXPORT void memsan_leak_free(const void *p)
{
	leak_registered_free(p);
}

/* ---- and under LeakSanitizer's (sanitizer/lsan_interface.h) ---------------------------------- */

MEMSAN_EXPORT void __lsan_disable(void);
MEMSAN_EXPORT void __lsan_enable(void);
MEMSAN_EXPORT void __lsan_ignore_object(const void *p);
MEMSAN_EXPORT void __lsan_register_root_region(const void *p, size_t size);
MEMSAN_EXPORT void __lsan_unregister_root_region(const void *p, size_t size);
MEMSAN_EXPORT void __lsan_do_leak_check(void);
MEMSAN_EXPORT int __lsan_do_recoverable_leak_check(void);

MEMSAN_EXPORT void __lsan_disable(void)
{
	leak_disabled++;
	slab_slow_next();
}

MEMSAN_EXPORT void __lsan_enable(void)
{
	if (leak_disabled == 0)
		report_line("__lsan_enable() without __lsan_disable()");
	else
		leak_disabled--;
}

MEMSAN_EXPORT void __lsan_ignore_object(const void *p)
{
	leak_annotate(p, LEAK_NOTE_NOT_LEAK);
}

MEMSAN_EXPORT void __lsan_register_root_region(const void *p, size_t size)
{
	leak_root_region(p, size);
}

MEMSAN_EXPORT void __lsan_unregister_root_region(const void *p, size_t size)
{
	if (!leak_root_region_remove(p, size))
		report_line("__lsan_unregister_root_region(%p, %zu): no such region", (void *)(uintptr_t)p, size);
}

/* This is the last scan: a leak ends the program, and there is no second scan at exit. */
MEMSAN_EXPORT void __lsan_do_leak_check(void)
{
	runtime_ensure();
	if (turned_off() || runtime_state_now != RUNTIME_READY || report_is_mine())
		return;
	leak_check_done();
	if (leak_check(false) && options.exitcode)
		os_exit_group((int)options.exitcode);
}

MEMSAN_EXPORT int __lsan_do_recoverable_leak_check(void)
{
	return !turned_off() && memsan_leak_check() != 0;
}
