/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/watch/loads.c - loads the library that its argument names, and unloads it. */
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	void *module = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;

	if (!module)
		return 1;
	dlclose(module);
	puts("done");
	return 0;
}
