/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_libc_library.c - libm comes and goes with a library that needs it, at another place each time;
 * memsan's functions of its names are not seen by a program that asks for names without a version
 *
 * expect: none
 * modes: check production
 * module: module_library.c
 * module-libs: -lm
 * ways: preload linked
 * output: 0.841471 0.540302 1.26551 -1, 0.841471 0.540302 1.26551 -1, 0.841471 0.540302 1.26551 -1, done
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void *lib;

static void *use(void *arg)
{
	void (*sine_of)(double *, double *) = (void (*)(double *, double *))dlsym(lib, "module_sine");
	double (*gamma_of)(int *) = (double (*)(int *))dlsym(lib, "module_gamma");
	double sine = 0, cosine = 0, gamma;
	int sign = 0;

	sine_of(&sine, &cosine);
	gamma = gamma_of(&sign);
	if (arg)
		printf("%g %g %g %d, ", sine, cosine, gamma, sign);
	return NULL;
}

int main(void)
{
	if (dlsym(RTLD_DEFAULT, "sincos") || dlsym(RTLD_DEFAULT, "xdr_int") || dlsym(RTLD_DEFAULT, "crypt"))
		puts("a name is seen without its library");
	for (int i = 0; i < 3; i++) {
		pthread_t thread;
		void *math, *sincos_there;
		Dl_info info;

		lib = dlopen(getenv("VICTIM_MODULE"), RTLD_NOW | RTLD_LOCAL);
		if (i == 1 && fork() == 0) {
			use(NULL);
			_exit(0);
		}
		pthread_create(&thread, NULL, use, NULL);
		use(lib);
		pthread_join(thread, NULL);
		math = dlopen("libm.so.6", RTLD_NOW | RTLD_NOLOAD);
		sincos_there = math ? dlsym(math, "sincos") : NULL;
		if (!sincos_there || !dladdr(sincos_there, &info))
			puts("libm has no sincos");
		dlclose(math);
		dlclose(lib);
		if (dlopen("libm.so.6", RTLD_NOW | RTLD_NOLOAD))
			puts("libm stays");
		/* The next libm must lie elsewhere. */
		mmap(info.dli_fbase, 400000, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	}
	wait(NULL);
	puts("done");
	return 0;
}
