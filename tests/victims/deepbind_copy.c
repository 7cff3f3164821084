/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/deepbind_copy.c - a library opened with RTLD_DEEPBIND copies past the end of an object: memsan checks
 * its memcpy like any other
 *
 * module: module_deep.cc
 * expect: slab-out-of-bounds in=module_copy object=20 access=24 entry=memcpy alloc=main
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>

int main(void)
{
	void *library = dlopen(getenv("VICTIM_MODULE"), RTLD_NOW | RTLD_DEEPBIND);
	void (*module_copy)(char *, const char *, size_t);
	char *p = malloc(20); /* ALLOC */

	module_copy = (void (*)(char *, const char *, size_t))dlsym(library, "module_copy");
	module_copy(p, "twenty-four characters!", 24);
	free(p);
	return 0;
}
