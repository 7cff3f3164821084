/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/dlclosed.c - the module that allocated is unloaded by the time of the report
 *
 * expect: double-free in=main object=77 alloc=module_make
 * module: module_make.c
 */
#include <dlfcn.h>
#include <stdlib.h>

int main(void)
{
	void *lib = dlopen(getenv("VICTIM_MODULE"), RTLD_NOW);
	if (!lib)
		return 1;
	void *(*make)(void) = (void *(*)(void))dlsym(lib, "module_make");
	char *p = make();
	dlclose(lib);
	free(p); /* FREE */
	free(p); /* BAD */
	return 0;
}
