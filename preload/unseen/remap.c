/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/remap.c - calls that change how memory is mapped: protection, advice, locks, another mapping. slab/
 * and fence/ are told of changes to their memory, and undo them when the object is freed.
 *
 * Other allocators unmap a large block at its free, and every change to its pages ends with it. The heap's pages stay
 * mapped (slab/changed.c).
 *
 * The heap's address space stays the heap's. Where the program unmaps a part of its block, or moves it away, memsan
 * leaves inaccessible pages, because the kernel would soon give the place to another mapping, and the free of the block
 * would destroy that.
 *
 * Calls by way of syscall() are seen in the shared library only (sandbox.c). Weaknesses accepted: system calls that the
 * program makes by instructions of its own, by io_uring or for another process are not seen. */
#include "preload/preload.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#ifndef MADV_COLD
#define MADV_COLD 20
#define MADV_PAGEOUT 21
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef SYS_mseal
#define SYS_mseal 462
#endif

static void note_as(uintptr_t addr, size_t n, bool mapping)
{
	slab_note_changed(addr, n, mapping);
	fence_note_changed(addr, n, mapping);
}

static void note(uintptr_t addr, size_t n)
{
	note_as(addr, n, true);
}

/* Does the whole range lie in the heap? */
static bool is_ours(uintptr_t addr, size_t n)
{
	return n &&
	       (arena_contains((void *)addr) ? arena_contains((void *)(addr + n - 1))
	                                     : fence_contains((void *)addr) && fence_contains((void *)(addr + n - 1)));
}

static long result(long r)
{
	if (r >= 0 || r < -4095)
		return r;
	errno = (int)-r;
	return -1;
}

/* Advice that only drops, fetches or moves the bytes leaves nothing behind. */
static bool advice_stays(int advice)
{
	switch (advice) {
	case MADV_WILLNEED:
	case MADV_DONTNEED:
	case MADV_FREE:
	case MADV_REMOVE:
	case MADV_COLD:
	case MADV_PAGEOUT:
	case MADV_POPULATE_READ:
	case MADV_POPULATE_WRITE:
	case MADV_COLLAPSE:
		return false;
	default:
		return true;
	}
}

static void note_advice(uintptr_t addr, size_t n, int advice)
{
	note_as(addr, n, advice_stays(advice));
}

static void note_vector(const struct iovec *ranges, size_t n, int advice)
{
	struct iovec range;

	for (size_t i = 0; i < n && os_safe_read(&range, &ranges[i], sizeof(range)) == sizeof(range); i++)
		note_advice((uintptr_t)range.iov_base, range.iov_len, advice);
}

/* ---- calls that protect, advise and lock ----------------------------------------------------- */

MEMSAN_EXPORT int mprotect(void *p, size_t n, int prot)
{
	note((uintptr_t)p, n);
	return (int)result(arch_syscall6(SYS_mprotect, (long)p, (long)n, prot, 0, 0, 0));
}

MEMSAN_EXPORT int pkey_mprotect(void *p, size_t n, int prot, int key)
{
	note((uintptr_t)p, n);
	return (int)result(key == -1 ? arch_syscall6(SYS_mprotect, (long)p, (long)n, prot, 0, 0, 0)
	                             : arch_syscall6(SYS_pkey_mprotect, (long)p, (long)n, prot, key, 0, 0));
}

/* A filter may let only some kinds of advice pass. */
static uint32_t calls_of_advice(int advice)
{
	switch (advice) {
	case MADV_DONTNEED:
		return 1u << OS_CALL_DONTNEED;
	case MADV_DONTDUMP:
	case MADV_DODUMP:
	case MADV_HUGEPAGE:
	case MADV_NOHUGEPAGE:
		return 1u << OS_CALL_ADVISE;
	default:
		return 0;
	}
}

MEMSAN_EXPORT int madvise(void *p, size_t n, int advice)
{
	note_advice((uintptr_t)p, n, advice);
	os_calls_seen(calls_of_advice(advice));
	return (int)result(arch_syscall6(SYS_madvise, (long)p, (long)n, advice, 0, 0, 0));
}

/* For another process the addresses mean nothing here; a mark too many only costs time. */
MEMSAN_EXPORT ssize_t process_madvise(int pidfd, const struct iovec *ranges, size_t n, int advice, unsigned flags)
{
	note_vector(ranges, n, advice);
	return result(arch_syscall6(SYS_process_madvise, pidfd, (long)ranges, (long)n, advice, flags, 0));
}

MEMSAN_EXPORT int mlock(const void *p, size_t n)
{
	note((uintptr_t)p, n);
	return (int)result(arch_syscall6(SYS_mlock, (long)p, (long)n, 0, 0, 0, 0));
}

MEMSAN_EXPORT int mlock2(const void *p, size_t n, unsigned flags)
{
	note((uintptr_t)p, n);
	return (int)result(arch_syscall6(SYS_mlock2, (long)p, (long)n, flags, 0, 0, 0));
}

MEMSAN_EXPORT int munlock(const void *p, size_t n)
{
	note((uintptr_t)p, n);
	return (int)result(arch_syscall6(SYS_munlock, (long)p, (long)n, 0, 0, 0, 0));
}

/* ---- calls that map -------------------------------------------------------------------------- */

static void note_map(uintptr_t addr, size_t n, int flags)
{
	if (flags & MAP_FIXED)
		note(addr, n);
}

/* What instrumented code poisoned there goes with the old mapping. */
static void forget(uintptr_t addr, size_t n)
{
	if (shadow_everywhere)
		shadow_forget((void *)addr, n);
}

static void forget_between(uintptr_t a, uintptr_t b)
{
	if (a != b)
		forget(MIN(a, b), MAX(a, b) - MIN(a, b));
}

static void *map(void *p, size_t n, int prot, int flags, int fd, off64_t offset)
{
	long r;

	note_map((uintptr_t)p, n, flags);
	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))
		watch_stop_for_mapping((uintptr_t)p, n);
	/* As if a reserve were mapped there: a hint is passed over. */
	if (p && !(flags & MAP_FIXED) && os_keeps_place((uintptr_t)p, n)) {
		if (flags & MAP_FIXED_NOREPLACE)
			return (void *)result(-EEXIST);
		p = NULL;
	}
	r = arch_syscall6(SYS_mmap, (long)p, (long)n, prot, flags, fd, offset);
	/* Memory may have gone by a call that memsan does not see, and what was poisoned there is still poisoned. */
	if (r >= 0)
		forget((uintptr_t)r, n);
	return (void *)result(r);
}

MEMSAN_EXPORT void *mmap(void *p, size_t n, int prot, int flags, int fd, off_t offset)
{
	return map(p, n, prot, flags, fd, offset);
}

MEMSAN_EXPORT void *mmap64(void *p, size_t n, int prot, int flags, int fd, off64_t offset)
{
	return map(p, n, prot, flags, fd, offset);
}

/* The new mapping has the length of the segment, which the kernel knows. Each page of the block may be replaced, so the
 * mark on the block where it begins is enough; a segment that covers several blocks marks them all. */
MEMSAN_EXPORT void *shmat(int id, const void *p, int flags)
{
	struct shmid_ds segment;
	bool known = (flags & SHM_REMAP || shadow_everywhere) &&
	             arch_syscall6(SYS_shmctl, id, IPC_STAT, (long)&segment, 0, 0, 0) >= 0;
	long r;

	if (known && flags & SHM_REMAP && is_ours((uintptr_t)p, 1))
		note((uintptr_t)p, segment.shm_segsz);
	r = arch_syscall6(SYS_shmat, id, (long)p, flags, 0, 0, 0);
	if (known && r >= 0)
		forget((uintptr_t)r, segment.shm_segsz);
	return (void *)result(r);
}

static long unmap(uintptr_t addr, size_t n)
{
	note(addr, n);
	if (is_ours(addr, n) && addr % PAGE_SIZE == 0)
		return os_withdraw((void *)addr, ALIGN_UP(n, PAGE_SIZE), false);
	return arch_syscall6(SYS_munmap, (long)addr, (long)n, 0, 0, 0, 0);
}

MEMSAN_EXPORT int munmap(void *p, size_t n)
{
	long r = unmap((uintptr_t)p, n);

	if (r == 0)
		forget((uintptr_t)p, n);
	return (int)result(r);
}

MEMSAN_EXPORT void *mremap(void *p, size_t old, size_t new, int flags, ...)
{
	uintptr_t from = (uintptr_t)p;
	void *fixed = NULL;
	va_list args;
	long r;

	va_start(args, flags);
	if (flags & MREMAP_FIXED)
		fixed = va_arg(args, void *);
	va_end(args);
	note(from, old);
	if (flags & MREMAP_FIXED)
		note((uintptr_t)fixed, new);
	r = arch_syscall6(SYS_mremap, (long)p, (long)old, (long)new, flags, (long)fixed, 0);
	old = ALIGN_UP(old, PAGE_SIZE);
	new = ALIGN_UP(new, PAGE_SIZE);
	if (r >= 0 && r != (long)from) {
		forget((uintptr_t)r, new);
		forget(from, old);
	} else if (r >= 0) {
		forget_between(from + new, from + old);
	}
	if (r >= 0 && is_ours(from, old)) {
		if (r != (long)from)
			os_withdraw(p, old, true);
		else if (new < old)
			os_withdraw((void *)(from + new), old - new, true);
	}
	return (void *)result(r);
}

/* ---- the program break, which glibc keeps in a variable ---------------------------------------- */

extern uintptr_t __curbrk;

MEMSAN_EXPORT int brk(void *to)
{
	uintptr_t before = __curbrk;

	__curbrk = (uintptr_t)arch_syscall6(SYS_brk, (long)to, 0, 0, 0, 0, 0);
	if (before)
		forget_between(before, __curbrk);
	if (__curbrk >= (uintptr_t)to)
		return 0;
	errno = ENOMEM;
	return -1;
}

MEMSAN_EXPORT void *sbrk(intptr_t n)
{
	uintptr_t before;

	if (!__curbrk)
		brk(NULL);
	before = __curbrk;
	if (n > 0 ? before + (uintptr_t)n < before : before < -(uintptr_t)n) {
		errno = ENOMEM;
		return (void *)-1;
	}
	return n && brk((void *)(before + (uintptr_t)n)) < 0 ? (void *)-1 : (void *)before;
}

/* ---- the same by way of syscall() ------------------------------------------------------------ */

static long unmap_by_number(long nr, uintptr_t addr, size_t n)
{
	(void)nr;
	return result(unmap(addr, n));
}

void *remap_note_syscall(unsigned long nr, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	switch (nr) {
	case SYS_mprotect:
	case SYS_pkey_mprotect:
	case SYS_mlock:
	case SYS_mlock2:
	case SYS_munlock:
	case SYS_mbind:
	case SYS_mremap:
	case SYS_remap_file_pages:
	case SYS_mseal:
		note(a, b);
		break;
	case SYS_madvise:
		note_advice(a, b, (int)c);
		break;
	case SYS_process_madvise:
		note_vector((const struct iovec *)b, c, (int)d);
		break;
	case SYS_mmap:
		note_map(a, b, (int)d);
		if (d & MAP_FIXED)
			forget(a, b);
		break;
	case SYS_shmat:
		note(b, PAGE_SIZE);
		break;
	case SYS_brk:
		if (a && __curbrk)
			forget_between(a, __curbrk);
		break;
	case SYS_munmap:
		forget(a, b);
		return is_ours(a, b) ? (void *)unmap_by_number : NULL;
	default:
		break;
	}
	return NULL;
}
