/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/demangle.c - mangled names as people write them.
 * The C++ runtime has a demangler, and a program with mangled names has the C++ runtime.  So the runtime is loaded
 * when the first such name comes up; reports of C programs do not pay for it, and without the runtime names are
 * printed as they are.  (libiberty is not packaged for linking, and a demangler of our own would be larger than the
 * rest of the symbolizer.) */
#include "config.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "reports/reports_internal.h"

#define MANGLED_MAX 16384 /* longer names stay as they are */

typedef char *(*demangle_fn)(const char *mangled, char *buf, size_t *len, int *status);

static demangle_fn demangler(void)
{
	static demangle_fn fn;
	static bool tried;

	if (!tried) {
		void *library = dlopen("libstdc++.so.6", RTLD_NOW | RTLD_LOCAL);
		if (!library)
			library = dlopen("libc++abi.so.1", RTLD_NOW | RTLD_LOCAL);
		if (library)
			fn = (demangle_fn)dlsym(library, "__cxa_demangle");
		tried = true;
	}
	return fn;
}

const char *demangle(struct alloc_region *p, const char *name)
{
	int status = 0;
	const char *kept, *rust = demangle_rust(p, name);
	char *plain;

	if (rust)
		return rust;
	if (strncmp(name, "_Z", 2) != 0 || strlen(name) > MANGLED_MAX || !demangler())
		return name;
	plain = demangler()(name, NULL, NULL, &status);
	if (!plain)
		return name;
	kept = region_string(p, plain);
	free(plain);
	return kept ? kept : name;
}

/* A static symbol table writes versions into names: "fopen@@GLIBC_2.2.5". */
const char *demangle_symbol(struct alloc_region *region, const char *name)
{
	size_t len = strcspn(name, "@");
	char *copy;

	if (!name[len] || !(copy = region_alloc(region, len + 1)))
		return demangle(region, name);
	memcpy(copy, name, len);
	return demangle(region, copy);
}
