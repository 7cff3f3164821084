/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_low_addresses.c - a program opens a library and then maps memory at fixed addresses, as
 * Wine does: memsan must leave these free
 *
 * expect: none
 * modes: check production
 * ways: preload linked
 * output: ok
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

int main(void)
{
	static const unsigned long wanted[] = { 0x10000000,  0x7b000000,   0x140000000,
		                                0x170000000, 0x1000000000, 0x200000000000 };

	if (!dlopen("libm.so.6", RTLD_NOW))
		return 1;
	for (int i = 0; i < 6; i++) {
		char *p = mmap((void *)wanted[i], 1 << 20, PROT_READ | PROT_WRITE,
		               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
		if (p != (char *)wanted[i]) {
			printf("%#lx is taken\n", wanted[i]);
			return 1;
		}
		memset(p, 1, 1 << 20);
	}
	puts("ok");
	return 0;
}
