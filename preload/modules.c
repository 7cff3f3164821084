/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/modules.c - dlclose: what goes away is remembered first, so that stacks through it can still be named.  Only in the
 * shared library: a static program's dlclose has no real one behind it. */
#include "preload/preload.h"

#include <dlfcn.h>

static int (*real_dlclose)(void *);

MEMSAN_EXPORT int dlclose(void *handle)
{
	if (!real_dlclose)
		real_dlclose = (int (*)(void *))dlsym(RTLD_NEXT, "dlclose");
	void *snapshot = modules_before_dlclose();
	int ret = real_dlclose(handle);
	modules_after_dlclose(snapshot);
	return ret;
}
