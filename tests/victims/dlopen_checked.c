/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/dlopen_checked.c - a program without instrumented code opens an instrumented library, whose first look
 * at the shadow maps the shadow
 *
 * modes: check production
 * ways: preload linked
 * module: module_checked.c
 * expect: slab-out-of-bounds in=module_load object=20 access=1 alloc=main
 * expect-production: none
 * output: ok
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char data[] = "abc";

int main(void)
{
	void *library = dlopen(getenv("VICTIM_MODULE"), RTLD_NOW);
	char (*module_load)(const char *) = (char (*)(const char *))dlsym(library, "module_load");
	char *p = memset(malloc(20), 'x', 20), stack[] = "abc"; /* ALLOC */
	volatile char c = module_load(stack) + module_load(data) + module_load(p) + module_load(p + 19);

	c = module_load(p + 20);
	free(p);
	puts("ok");
	return 0;
}
