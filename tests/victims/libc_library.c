/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/libc_library.c - a library that dlopen loaded, with libm, passes a cosine's place that is too small
 *
 * expect: slab-out-of-bounds entry=sincos access=8 object=7
 * module: module_library.c
 * module-libs: -lm
 * ways: preload linked
 */
#include <dlfcn.h>
#include <stdlib.h>

int main(void)
{
	void *lib = dlopen(getenv("VICTIM_MODULE"), RTLD_NOW | RTLD_LOCAL);
	void (*sine_of)(double *, double *) = (void (*)(double *, double *))dlsym(lib, "module_sine");
	double sine, *cosine = malloc(7);

	sine_of(&sine, cosine);
	return 0;
}
