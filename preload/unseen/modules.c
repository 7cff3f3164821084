/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/modules.c - what needs ld.so, and is only in the shared library.
 *
 * dlclose: what goes away is remembered first, so that stacks through it can still be named.  dlopen: what comes may be
 * instrumented, and its code runs inside.  libstdc++: looked up when operator new fails, for it may have come with
 * dlopen. */
#include "preload/preload.h"

#include <dlfcn.h>

static int (*real_dlclose)(void *);

MEMSAN_EXPORT int dlclose(void *handle)
{
	if (!real_dlclose)
		real_dlclose = (int (*)(void *))dlsym(RTLD_NEXT, "dlclose");
	void *snapshot = modules_before_dlclose();
	int ret = real_dlclose(handle);
	if (modules_after_dlclose(snapshot))
		unwind_flush();
	fence_after_dlclose();
	return ret;
}

/* Called by the stubs in arch/, which jump to what is returned: the real function must see its caller's return address,
 * by which it finds the search path and the name space. */
__attribute__((used)) void *modules_find_dlopen(void);
__attribute__((used)) void *modules_find_dlmopen(void);

/* What comes may be instrumented; a fault tells when it is.  Whether it is cannot be known before its own code has
 * run. */
static void before_dlopen(void)
{
	if (!fault_installed)
		shadow_before_dlopen();
}

void *modules_find_dlopen(void)
{
	static void *real;
	runtime_ensure();
	before_dlopen();
	if (!real)
		real = dlsym(RTLD_NEXT, "dlopen");
	return real;
}

void *modules_find_dlmopen(void)
{
	static void *real;
	runtime_ensure();
	before_dlopen();
	if (!real)
		real = dlsym(RTLD_NEXT, "dlmopen");
	return real;
}

ARCH_FORWARD(dlopen, modules_find_dlopen);
ARCH_FORWARD(dlmopen, modules_find_dlmopen);

static void *find_in_libstdcxx(const char *name)
{
	void *lib = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_NOLOAD);

	return lib ? dlsym(lib, name) : NULL;
}

__attribute__((constructor)) static void modules_constructor(void)
{
	new_find_in_libstdcxx = find_in_libstdcxx;
}
