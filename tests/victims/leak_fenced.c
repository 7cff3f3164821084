/* SPDX-License-Identifier: BSD-2-Clause */
/* Every object is fenced: they hold others, they are lost, and what the program says of them counts.
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
	global[1] = (char *)calloc(1, 2007) + 3; /* possible */
	global[2] = calloc(1, 50000);            /* larger than what is fenced */
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
	/* A whole array to every compiler: clang keeps of a volatile one only the elements that are named. */
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
