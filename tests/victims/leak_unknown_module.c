/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/leak_unknown_module.c - leak:^<unknown module>$ fits leaks of code in no module (a JIT's), and of a
 * library that was unloaded; other leaks are reported
 *
 * expect: unreferenced-object object=333 alloc=own
 * options: leak=on
 * flags: -rdynamic
 * stderr: any
 * module: module_make.c
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

const char *__lsan_default_suppressions(void)
{
	return "leak:^<unknown module>$\n";
}

static __attribute__((noinline)) void own(void)
{
	char *volatile p = malloc(333);
	*(volatile char *)p = 1;
	p = NULL;
}

static __attribute__((noinline)) void made_code(void)
{
	/* sub $8,%rsp; mov $malloc,%rax; call *%rax; add $8,%rsp; ret */
	unsigned char code[] = { 0x48, 0x83, 0xec, 0x08, 0x48, 0xb8, 0,    0,    0,    0,   0,
		                 0,    0,    0,    0xff, 0xd0, 0x48, 0x83, 0xc4, 0x08, 0xc3 };
	void *(*function)(size_t) = malloc;
	unsigned char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *volatile p;

	memcpy(code + 6, &function, sizeof(function));
	memcpy(page, code, sizeof(code));
	p = ((void *(*)(size_t))page)(111);
	*(volatile char *)p = 1;
	p = NULL;
}

static __attribute__((noinline)) void unloaded_library(void)
{
	void *lib = dlopen(getenv("VICTIM_MODULE"), RTLD_NOW);
	char *volatile p = ((void *(*)(void))dlsym(lib, "module_make"))();
	*(volatile char *)p = 1;
	p = NULL;
	dlclose(lib);
}

static __attribute__((noinline)) void clean_stack(void)
{
	volatile char room[8192];
	for (unsigned i = 0; i < sizeof(room); i++)
		room[i] = 0;
}

int main(void)
{
	own();
	made_code();
	unloaded_library();
	clean_stack();
	return 0;
}
