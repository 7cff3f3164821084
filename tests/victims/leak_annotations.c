/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/leak_annotations.c - the annotations of kmemleak and LeakSanitizer: memsan reports only the objects
 * that they do not cover
 *
 * options: leak=on
 * ways: linked preload static
 * flags: -rdynamic
 * expect: unreferenced-object object=1002 leak=direct alloc=take
 * expect: unreferenced-object object=1003 leak=direct alloc=take
 * expect: unreferenced-object object=1004 leak=direct alloc=take
 * expect: unreferenced-object object=1005 leak=direct alloc=take
 * stderr: any
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

__attribute__((weak)) void memsan_leak_not_leak(const void *);
__attribute__((weak)) void memsan_leak_ignore(const void *);
__attribute__((weak)) void memsan_leak_no_scan(const void *);
__attribute__((weak)) void memsan_leak_scan_area(const void *, size_t);
__attribute__((weak)) void __lsan_ignore_object(const void *);
__attribute__((weak)) void __lsan_disable(void);
__attribute__((weak)) void __lsan_enable(void);
__attribute__((weak)) void __lsan_register_root_region(const void *, size_t);
const char *__lsan_default_suppressions(void)
{
	return "leak:known_to_leak\n";
}

void *volatile kept1, *volatile kept2;
void **shared;

__attribute__((noinline)) static void *take(size_t size, int depth)
{
	void *volatile p = depth ? take(size, depth - 1) : calloc(1, size);
	return p;
}
static int nr_taken;
#define TAKE(size) take(size, nr_taken++)

__attribute__((noinline)) static void known_to_leak(void)
{
	TAKE(2009);
}

/* Shared memory that this mapping cannot write to is no root by itself. */
__attribute__((noinline)) static void *read_only(void *kept)
{
	int fd = memfd_create("annotations", 0);

	if (ftruncate(fd, 4096) != 0 || pwrite(fd, &kept, sizeof(kept), 72) != sizeof(kept))
		abort();
	return mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
}

__attribute__((noinline)) static void work(void)
{
	void **a = TAKE(2001), **b = TAKE(2003), **c = TAKE(2004), **d = TAKE(2005);
	a[1] = TAKE(2002);
	memsan_leak_not_leak(a);
	b[1] = TAKE(1002);
	memsan_leak_ignore((char *)b + 100);
	c[1] = TAKE(1003);
	memsan_leak_no_scan(c);
	kept1 = c;
	d[1] = TAKE(2006);
	d[2] = TAKE(1004);
	memsan_leak_scan_area(&d[1], 8);
	kept2 = d;
	__lsan_ignore_object(TAKE(2007));
	__lsan_disable();
	TAKE(2008);
	__lsan_enable();
	/* The object is freed: its annotation ends with it. */
	void *p = TAKE(1500);
	memsan_leak_not_leak(p);
	free(p);
	shared = read_only(TAKE(2010));
	__lsan_register_root_region(shared, 4096);
	read_only(TAKE(1005));
	known_to_leak();
}

static void wipe_stack(void)
{
	char bytes[16384];
	memset(bytes, 0, sizeof(bytes));
	__asm__ volatile("" : : "r"(bytes) : "memory");
}

int main(void)
{
	work();
	wipe_stack();
	return 0;
}
