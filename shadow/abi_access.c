/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/abi_access.c - __asan_load* and __asan_store* make a check by a call; __asan_report_* report an inline check
 * that failed.
 *
 * The checks are the kernel's (mm/kasan/generic.c): an access of up to eight bytes reads one shadow byte, or two when
 * the access crosses a granule.  The plain names end the program after the report; the program goes on after the
 * _noabort ones.  The exp_ forms pass a number that memsan ignores.
 *
 * The good path is a handful of instructions and saves no registers.  Only for a bad access does an entry record its
 * registers, in a separate cold function.
 */
#include "shadow/abi.h"

/* What the code of a check does after its report. */
enum check_form { GOES_ON, ENDS, CANNOT_RETURN };

static __cold_path void access_bad(uintptr_t addr, size_t size, enum report_access access, enum check_form form)
{
	struct unwind_regs regs;
	struct shadow_access a = {
		.addr = addr,
		.size = size,
		.access = access,
		.fatal = form != GOES_ON,
		.noreturn = form == CANNOT_RETURN,
		.regs = &regs,
	};

	UNWIND_HERE(&regs);
	shadow_start_runtime();
	shadow_report(&a);
}

/* While instrumented code runs, all of user space has shadow.  Only an address outside of user space must not be looked
 * up. */
__inline_hot bool access_good(uintptr_t addr, size_t size)
{
	uint8_t *s;
	uintptr_t last;
	uint8_t end;

	if (unlikely(addr >= USER_END))
		return false;
	s = shadow_of(addr);
	if (size == 16) {
		if ((addr & GRANULE_MASK) == 0)
			return *(const uint16_t *)s == 0;
		return *(const uint16_t *)s == 0 && (s[2] == 0 || (s[2] < 0x80 && ((addr + 15) & GRANULE_MASK) < s[2]));
	}
	if (likely(*s == 0) && (size == 1 || (addr & GRANULE_MASK) + size <= SHADOW_GRANULE))
		return true;
	last = addr + size - 1;
	end = *shadow_of(last);
	if (size > 1 && (addr & GRANULE_MASK) + size > SHADOW_GRANULE && *s != 0)
		return false;
	return end == 0 || (end < 0x80 && (last & GRANULE_MASK) < end);
}

#define ACCESS_FUNCTIONS(n)                                           \
	void __asan_load##n(uintptr_t addr)                           \
	{                                                             \
		if (unlikely(!access_good(addr, n)))                  \
			access_bad(addr, n, ACCESS_READ, ENDS);       \
	}                                                             \
	void __asan_store##n(uintptr_t addr)                          \
	{                                                             \
		if (unlikely(!access_good(addr, n)))                  \
			access_bad(addr, n, ACCESS_WRITE, ENDS);      \
	}                                                             \
	void __asan_load##n##_noabort(uintptr_t addr)                 \
	{                                                             \
		if (unlikely(!access_good(addr, n)))                  \
			access_bad(addr, n, ACCESS_READ, GOES_ON);    \
	}                                                             \
	void __asan_store##n##_noabort(uintptr_t addr)                \
	{                                                             \
		if (unlikely(!access_good(addr, n)))                  \
			access_bad(addr, n, ACCESS_WRITE, GOES_ON);   \
	}                                                             \
	void __asan_exp_load##n(uintptr_t addr, uint32_t exp)         \
	{                                                             \
		(void)exp;                                            \
		__asan_load##n(addr);                                 \
	}                                                             \
	void __asan_exp_store##n(uintptr_t addr, uint32_t exp)        \
	{                                                             \
		(void)exp;                                            \
		__asan_store##n(addr);                                \
	}                                                             \
	void __asan_report_load##n(uintptr_t addr)                    \
	{                                                             \
		access_bad(addr, n, ACCESS_READ, CANNOT_RETURN);      \
	}                                                             \
	void __asan_report_store##n(uintptr_t addr)                   \
	{                                                             \
		access_bad(addr, n, ACCESS_WRITE, CANNOT_RETURN);     \
	}                                                             \
	void __asan_report_load##n##_noabort(uintptr_t addr)          \
	{                                                             \
		access_bad(addr, n, ACCESS_READ, GOES_ON);            \
	}                                                             \
	void __asan_report_store##n##_noabort(uintptr_t addr)         \
	{                                                             \
		access_bad(addr, n, ACCESS_WRITE, GOES_ON);           \
	}                                                             \
	void __asan_report_exp_load##n(uintptr_t addr, uint32_t exp)  \
	{                                                             \
		(void)exp;                                            \
		access_bad(addr, n, ACCESS_READ, CANNOT_RETURN);      \
	}                                                             \
	void __asan_report_exp_store##n(uintptr_t addr, uint32_t exp) \
	{                                                             \
		(void)exp;                                            \
		access_bad(addr, n, ACCESS_WRITE, CANNOT_RETURN);     \
	}
ABI_SIZES(ACCESS_FUNCTIONS)

/* ---- any size -------------------------------------------------------------------------------- */

__inline_hot void access_range(uintptr_t addr, size_t size, enum report_access access, enum check_form form)
{
	if (likely(size == 0))
		return;
	/* shadow_find_bad looks at both ends first.  A short range with good ends is nearly always good in the middle,
	 * but only the scan proves it. */
	if (unlikely(shadow_find_bad((void *)addr, size)))
		access_bad(addr, size, access, form);
}

void __asan_loadN(uintptr_t addr, size_t size)
{
	access_range(addr, size, ACCESS_READ, ENDS);
}

void __asan_storeN(uintptr_t addr, size_t size)
{
	access_range(addr, size, ACCESS_WRITE, ENDS);
}

void __asan_loadN_noabort(uintptr_t addr, size_t size)
{
	access_range(addr, size, ACCESS_READ, GOES_ON);
}

void __asan_storeN_noabort(uintptr_t addr, size_t size)
{
	access_range(addr, size, ACCESS_WRITE, GOES_ON);
}

void __asan_exp_loadN(uintptr_t addr, size_t size, uint32_t exp)
{
	(void)exp;
	access_range(addr, size, ACCESS_READ, ENDS);
}

void __asan_exp_storeN(uintptr_t addr, size_t size, uint32_t exp)
{
	(void)exp;
	access_range(addr, size, ACCESS_WRITE, ENDS);
}

void __asan_report_load_n(uintptr_t addr, size_t size)
{
	access_bad(addr, size, ACCESS_READ, CANNOT_RETURN);
}

void __asan_report_store_n(uintptr_t addr, size_t size)
{
	access_bad(addr, size, ACCESS_WRITE, CANNOT_RETURN);
}

void __asan_report_load_n_noabort(uintptr_t addr, size_t size)
{
	access_bad(addr, size, ACCESS_READ, GOES_ON);
}

void __asan_report_store_n_noabort(uintptr_t addr, size_t size)
{
	access_bad(addr, size, ACCESS_WRITE, GOES_ON);
}

void __asan_report_exp_load_n(uintptr_t addr, size_t size, uint32_t exp)
{
	(void)exp;
	access_bad(addr, size, ACCESS_READ, CANNOT_RETURN);
}

void __asan_report_exp_store_n(uintptr_t addr, size_t size, uint32_t exp)
{
	(void)exp;
	access_bad(addr, size, ACCESS_WRITE, CANNOT_RETURN);
}

/* ---- the compilers' own mem functions -------------------------------------------------------- */

/* A finding's fill: memory outside of the heap is described by its variable or frame. */
void abi_describe(struct report_record *r, const struct finding *f)
{
	if (!f->object)
		shadow_describe(r, f->addr, f->regs);
}

/* No range of a negative size is good. */
static __cold_path bool range_bad(const void *p, size_t n, uintptr_t bad, enum report_access access, const char *entry,
                                  const struct unwind_regs *regs)
{
	shadow_start_runtime();
	if ((ptrdiff_t)n < 0) {
		report_negative(p, n, access, entry, regs, abi_describe);
		return false;
	}
	shadow_report_range(p, n, bad, access, entry, regs);
	return true;
}

bool abi_check_range(const void *p, size_t n, enum report_access access, const char *entry,
                     const struct unwind_regs *regs)
{
	uintptr_t bad = shadow_covers(p) ? shadow_find_bad(p, n) : 0;

	return likely(!bad) || range_bad(p, n, bad, access, entry, regs);
}
