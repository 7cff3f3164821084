/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_dlopen.c - libraries are loaded and unloaded while threads allocate through them
 *
 * expect: none
 * modes: check production
 * module: module_make.c
 * output: ok
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static void *loop(void *arg)
{
	for (int i = 0; i < 200; i++) {
		void *lib = dlopen(getenv("VICTIM_MODULE"), RTLD_NOW);
		if (!lib)
			abort();
		void *(*make)(void) = (void *(*)(void))dlsym(lib, "module_make");
		void *p[50];
		for (int k = 0; k < 50; k++)
			p[k] = make();
		dlclose(lib);
		for (int k = 0; k < 50; k++)
			free(p[k]);
	}
	return NULL;
}
int main(void)
{
	pthread_t t[3];
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, loop, NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	puts("ok");
	return 0;
}
