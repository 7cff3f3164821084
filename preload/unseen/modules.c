/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/modules.c - dlclose, dlopen and libstdc++, only in the shared library.
 *
 * dlclose: modules are remembered before they go, so that stacks through them can still be named. dlopen: the new
 * module may be instrumented, and its constructors run inside the call. dlopen, dlsym: the first call makes libc's own
 * names lead to memsan's functions (handles.c). libstdc++: looked up when operator new fails,
 * since dlopen may have loaded it. */
#include "preload/unseen/unseen.h"

#include <dlfcn.h>

static int (*real_dlclose)(void *);

MEMSAN_EXPORT int dlclose(void *handle)
{
	void *snapshot;
	int ret;

	if (!real_dlclose)
		real_dlclose = (int (*)(void *))dlsym(RTLD_NEXT, "dlclose");
	snapshot = modules_before_dlclose();
	library_look_up_later();
	ret = real_dlclose(handle);
	library_look_up_later(); /* the module's destructors may have called one */
	if (modules_after_dlclose(snapshot))
		unwind_flush();
	fence_after_dlclose();
	return ret;
}

/* The stubs in arch/ call these and jump to the result: the real function finds the search path and the name space by
 * its return address, which must be the program's. */
__attribute__((used)) void *modules_find_dlopen(void);
__attribute__((used)) void *modules_find_dlmopen(void);
__attribute__((used)) void *modules_find_dlsym(void);
__attribute__((used)) void *modules_find_dlvsym(void);

/* Whether the new module is instrumented is not known before its own code runs. With memsan's fault handler the first
 * access to the shadow tells. */
static void before_dlopen(void)
{
	handles_redirect();
	if (!fault_installed)
		shadow_without_faults();
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

/* The real functions take their caller's module from the return address, too. */
static void *find_lookup(void **real, const char *name)
{
	handles_redirect();
	if (!*real)
		*real = function_behind_memsan(name);
	return *real;
}

void *modules_find_dlsym(void)
{
	static void *real;
	return find_lookup(&real, "dlsym");
}

void *modules_find_dlvsym(void)
{
	static void *real;
	return find_lookup(&real, "dlvsym");
}

ARCH_FORWARD(dlopen, modules_find_dlopen);
ARCH_FORWARD(dlmopen, modules_find_dlmopen);
ARCH_FORWARD(dlsym, modules_find_dlsym);
ARCH_FORWARD(dlvsym, modules_find_dlvsym);

static void *find_in_libstdcxx(const char *name)
{
	void *lib = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_NOLOAD);

	return lib ? dlsym(lib, name) : NULL;
}

__attribute__((constructor)) static void modules_constructor(void)
{
	new_find_in_libstdcxx = find_in_libstdcxx;
}
