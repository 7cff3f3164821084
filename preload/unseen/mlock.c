/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/mlock.c - mlockall beside a reserve of a terabyte. The kernel would count every reserved page, and for
 * root try to populate it. So MCL_CURRENT is done mapping by mapping: for all that the program mapped and the used part
 * of the arena, but not for memsan's metadata. MCL_FUTURE is left to the kernel. */
#include "preload/preload.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* Memory that the program can reach, objects included; memsan's own memory is left out.  The vsyscall page is listed,
 * but is the kernel's. */
static bool is_to_be_locked(const struct maps_line *m)
{
	if (!m->readable && !m->writable && !m->executable)
		return false;
	if (m->end > (uint64_t)1 << 47 || shadow_owns(m->start))
		return false;
	return !os_is_reserve((void *)(uintptr_t)m->start) || arena_contains((void *)(uintptr_t)m->start);
}

/* Where a limit says how much memory may be locked, the limit is for the program. The end of our data may be one
 * mapping with what lies behind it. */
static bool is_our_library(const struct maps_line *m)
{
	uintptr_t start, end;

	return module_self_range(&start, &end) && m->start >= start && m->start < end;
}

static long lock_pages(uintptr_t start, uintptr_t end)
{
	return arch_syscall6(SYS_mlock, (long)start, (long)(end - start), 0, 0, 0, 0);
}

static long lock_on_fault(uintptr_t start, uintptr_t end)
{
	return arch_syscall6(SYS_mlock2, (long)start, (long)(end - start), MLOCK_ONFAULT, 0, 0, 0);
}

/* Brings in every page that there is. */
static void lock_pieces(uintptr_t start, uintptr_t end)
{
	uintptr_t middle = ALIGN_DOWN(start + (end - start) / 2, PAGE_SIZE);

	if (lock_pages(start, end) == 0 || middle == start)
		return;
	lock_pieces(start, middle);
	lock_pieces(middle, end);
}

/* mlock fails where a page cannot be brought in: in guard pages (MADV_GUARD_INSTALL), behind the end of a file. For the
 * kernel's mlockall that is no error. */
static long lock_range(uintptr_t start, uintptr_t end, int flags)
{
	long ret = flags & MCL_ONFAULT ? lock_on_fault(start, end) : lock_pages(start, end);

	if (flags & MCL_ONFAULT || (ret != -ENOMEM && ret != -EAGAIN) || lock_on_fault(start, end) != 0)
		return ret;
	if (ret == -ENOMEM)
		lock_pieces(start, end);
	else
		lock_pages(start, end);
	return 0;
}

/* With `total` nothing is locked: the bytes that would be are added there. */
static long lock_current(int flags, bool limited, uint64_t *total)
{
	struct maps_reader reader;
	struct maps_line m;
	char buffer[4096];
	long first_error = maps_open(&reader, "/proc/self/maps", buffer, sizeof(buffer));

	if (first_error)
		return first_error;
	while (maps_next(&reader, &m)) {
		long ret = 0;

		if (!is_to_be_locked(&m) || (limited && is_our_library(&m)))
			continue;
		if (total)
			*total += m.end - m.start;
		else
			ret = lock_range(m.start, m.end, flags);
		if (ret < 0 && !first_error)
			first_error = ret;
	}
	maps_close(&reader);
	return first_error;
}

/* The right of another user name space than the first does not count; that one has all users. */
static bool user_space_is_first(void)
{
	char text[64];
	int fd = os_open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC, 0);
	ssize_t n = fd >= 0 ? os_read(fd, text, sizeof(text) - 1) : 0;
	const char *p = text;

	if (fd >= 0)
		os_close(fd);
	text[n > 0 ? n : 0] = '\0';
	while (*p && !str_starts(p, "4294967295"))
		p++;
	return fd < 0 || *p; /* no text: a new name space */
}

/* Does the process have CAP_IPC_LOCK? */
static bool lock_unlimited(void)
{
	struct {
		uint32_t version;
		int32_t pid;
	} head = { 0x20080522 /* _LINUX_CAPABILITY_VERSION_3 */, 0 };
	struct {
		uint32_t effective, permitted, inheritable;
	} data[2] = { { 0, 0, 0 }, { 0, 0, 0 } };

	return arch_syscall6(SYS_capget, (long)&head, (long)data, 0, 0, 0, 0) == 0 &&
	       (data[0].effective >> 14 /* CAP_IPC_LOCK */ & 1) && user_space_is_first();
}

/* As in the kernel, a call that the limit forbids changes nothing: neither pages nor what is mapped later. */
static long lock_allowed(bool *limited)
{
	struct {
		uint64_t now, most;
	} limit;
	uint64_t total = 0;
	long ret;

	if (arch_syscall6(SYS_prlimit64, 0, RLIMIT_MEMLOCK, 0, (long)&limit, 0, 0) != 0 || limit.now == UINT64_MAX ||
	    lock_unlimited())
		return 0;
	*limited = true;
	if (limit.now == 0)
		return -EPERM;
	ret = lock_current(0, true, &total);
	return ret ? ret : total > limit.now ? -ENOMEM : 0;
}

MEMSAN_EXPORT int mlockall(int flags)
{
	bool limited = false;
	long ret = 0;

	if ((flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || !(flags & (MCL_CURRENT | MCL_FUTURE)))
		ret = -EINVAL;
	if (!ret && (flags & MCL_CURRENT))
		ret = lock_allowed(&limited);
	if (!ret && (flags & MCL_FUTURE))
		ret = arch_syscall6(SYS_mlockall, flags & ~MCL_CURRENT, 0, 0, 0, 0, 0);
	if (!ret)
		os_lock_future(flags & MCL_FUTURE);
	if (!ret && (flags & MCL_CURRENT))
		ret = lock_current(flags, limited, NULL);
	if (ret < 0) {
		errno = (int)-ret;
		return -1;
	}
	os_lock_memory(true);
	return 0;
}

MEMSAN_EXPORT int munlockall(void)
{
	long ret = arch_syscall6(SYS_munlockall, 0, 0, 0, 0, 0, 0);

	if (ret < 0) {
		errno = (int)-ret;
		return -1;
	}
	os_lock_future(false);
	os_lock_memory(false);
	return 0;
}
