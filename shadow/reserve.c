/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/reserve.c - the raw steps of mapping the shadow: system calls only, for use before relocation, in libmemsan
 * and in audit.c's library. */
#include "shadow/shadow_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

long reserve_map(uintptr_t start, uintptr_t end, int prot)
{
	long r;

	if (start >= end)
		return 0;
	r = arch_syscall6(SYS_mmap, (long)start, (long)(end - start), prot,
	                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	if (r < 0)
		return r;
	if ((uintptr_t)r != start) {
		/* A kernel before 4.17 takes the address for a hint. */
		arch_syscall6(SYS_munmap, r, (long)(end - start), 0, 0, 0, 0);
		return -EEXIST;
	}
	return 0;
}

bool reserve_may_advise = true;

/* Before os_start: is there a filter of system calls, which may kill for advice? ld.so reads files, so this may. */
static bool filter_inherited(void)
{
	static const char key[] = "\nSeccomp:\t";
	char text[2048];
	long fd = arch_syscall6(SYS_openat, AT_FDCWD, (long)"/proc/self/status", O_RDONLY | O_CLOEXEC, 0, 0, 0), n;

	if (fd < 0)
		return false;
	n = arch_syscall6(SYS_read, fd, (long)text, sizeof(text) - 1, 0, 0, 0);
	arch_syscall6(SYS_close, fd, 0, 0, 0, 0, 0);
	text[MAX(n, 0)] = '\0';
	for (const char *p = text; *p; p++)
		if (str_starts(p, key))
			return p[sizeof(key) - 1] != '0';
	return false;
}

void reserve_look_for_filters(void)
{
	reserve_may_advise = !filter_inherited();
}

/* Keeps the shadow out of core files and free of huge pages: touching a few addresses would otherwise take
 * gigabytes. */
void reserve_advise(uintptr_t start, uintptr_t end)
{
	if (!reserve_may_advise)
		return;
	arch_syscall6(SYS_madvise, (long)start, (long)(end - start), MADV_DONTDUMP, 0, 0, 0);
	arch_syscall6(SYS_madvise, (long)start, (long)(end - start), MADV_NOHUGEPAGE, 0, 0, 0);
}

void reserve_undo(uintptr_t start, uintptr_t end)
{
	if (start < end)
		arch_syscall6(SYS_munmap, (long)start, (long)(end - start), 0, 0, 0, 0);
}

void reserve_finish(void)
{
	reserve_advise(SHADOW_START, SHADOW_END);
	arch_syscall6(SYS_mprotect, (long)GAP_START, (long)(GAP_END - GAP_START), PROT_NONE, 0, 0, 0);
	mem_set(shadow_of(0), SHADOW_NULL_PAGE, NULL_PAGES >> SHADOW_SCALE);
}

/* This system call always fails.  Its error is EFAULT if it cannot read its argument, and EINVAL otherwise. */
static bool word_readable(uintptr_t addr)
{
	return arch_syscall6(SYS_rt_sigprocmask, -1, (long)addr, 0, 8, 0, 0) == -EINVAL;
}

/* Only a mapping that audit.c made has the null page's shadow values and, behind them, a gap that cannot be read. */
bool reserve_is_ours(void)
{
	uintptr_t at = (uintptr_t)shadow_of(0), end = (uintptr_t)shadow_of(NULL_PAGES);

	if (!word_readable(at) || !word_readable(end) || word_readable(GAP_START) || *(uint8_t *)end != 0)
		return false;
	return !mem_find_not((void *)at, SHADOW_NULL_PAGE, end - at);
}
