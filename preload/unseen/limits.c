/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/limits.c - setrlimit of the address space and of data. The program's limit is meant for the program's
 * own memory, not for memsan's reserves, so the unused part of every reserve is given back first. Under a limit of data
 * the heap takes no more than it needs. A limit inherited from the parent is handled at start-up. */
#include "preload/preload.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* On x86_64 both forms of the call have limits of 64 bits. */
_Static_assert(sizeof(struct rlimit) == sizeof(struct rlimit64), "rlim_t has 64 bits");

static void limit_begins(int resource, uint64_t limit)
{
	if (resource != RLIMIT_AS && resource != RLIMIT_DATA)
		return;
	runtime_ensure();
	if (runtime_is_off())
		return;
	watch_stop("the program limits its memory");
	if (resource == RLIMIT_DATA) {
		os_limit_data();
		slab_limit_data(limit);
		fence_limit_data(limit);
		return;
	}
	slab_limit_space(limit);
	shadow_limit_space();
	depot_limit_space(limit);
	fence_limit_space(limit);
}

static int limit_call(pid_t pid, int resource, const void *new_limit, void *old_limit)
{
	const struct rlimit64 *wanted = new_limit;
	long ret;

	/* A child of vfork limits itself; its parent goes on in this memory. */
	if (wanted && process_is_this() && (pid == 0 || pid == os_getpid()) && wanted->rlim_cur != RLIM64_INFINITY)
		limit_begins(resource, wanted->rlim_cur);
	ret = arch_syscall6(SYS_prlimit64, pid, resource, (long)new_limit, (long)old_limit, 0, 0);
	if (ret < 0) {
		errno = (int)-ret;
		return -1;
	}
	return 0;
}

/* glibc declares the first argument as an enum when _GNU_SOURCE is defined. */
MEMSAN_EXPORT int setrlimit(__rlimit_resource_t resource, const struct rlimit *new_limit)
{
	return limit_call(0, (int)resource, new_limit, NULL);
}

MEMSAN_EXPORT int prlimit(pid_t pid, enum __rlimit_resource resource, const struct rlimit *new_limit,
                          struct rlimit *old_limit)
{
	return limit_call(pid, (int)resource, new_limit, old_limit);
}

MEMSAN_EXPORT int setrlimit64(__rlimit_resource_t resource, const struct rlimit64 *new_limit)
{
	return limit_call(0, (int)resource, new_limit, NULL);
}

MEMSAN_EXPORT int prlimit64(pid_t pid, enum __rlimit_resource resource, const struct rlimit64 *new_limit,
                            struct rlimit64 *old_limit)
{
	return limit_call(pid, (int)resource, new_limit, old_limit);
}
