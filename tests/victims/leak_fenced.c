/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/leak_fenced.c - every object is fenced: such objects hold others, get lost, and the program's
 * annotations of them count
 *
 * options: leak=on:fence=all
 * expect: unreferenced-object object=1001 leak=direct held=1 alloc=lose
 * expect: unreferenced-object object=1003 leak=direct alloc=lose
 * stderr: any
 * ways: preload linked static
 */
#include <stdlib.h>

__attribute__((weak)) void memsan_leak_not_leak(const void *p);
__attribute__((weak)) void memsan_leak_ignore(const void *p);
void **volatile global;

__attribute__((noinline)) static void hold(void)
{
	global = calloc(1, 2001);
	global[0] = calloc(1, 2002);
	*(void **)global[0] = calloc(1, 2003);
	void *volatile said = calloc(1, 2004);
	*(void **)said = calloc(1, 2005);
	memsan_leak_not_leak(said);
	said = calloc(1, 2006);
	memsan_leak_ignore(said);
	global[1] = (char *)calloc(1, 2007) + 3; /* an interior pointer */
	global[2] = calloc(1, 50000);            /* too large to be fenced */
	*(void **)global[2] = calloc(1, 2008);
}

__attribute__((noinline)) static void lose(void)
{
	void **volatile a = calloc(1, 1001);
	a[3] = calloc(1, 1002);
	__asm__ volatile("" : : "r"(a) : "memory");
	a = calloc(1, 1003);
	a[0] = a;
	void **freed = calloc(1, 3000);
	free(freed);
	__asm__ volatile("" : : "r"(a) : "memory");
	a = NULL;
}

__attribute__((noinline)) static void deep(void (*fn)(void))
{
	char bytes[1 << 17];
	/* The asm makes every compiler keep the whole array: of a volatile one, clang keeps only the elements used. */
	__asm__ volatile("" : : "r"(bytes) : "memory");
	fn();
	__asm__ volatile("" : : "r"(bytes) : "memory");
}

int main(void)
{
	deep(hold);
	deep(lose);
	return 0;
}
