/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/clean_mapped_again.c - memory that the program poisoned is mapped anew, in each way
 *
 * expect: none
 * needs: compiler
 * ways: linked
 * output: ok
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIZE 65536

void __asan_poison_memory_region(void const volatile *addr, size_t size);

static char *map(void *at, int flags)
{
	char *p = mmap(at, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (p == MAP_FAILED)
		exit(2);
	return p;
}

static void use(char *p)
{
	memset(p, 1, SIZE);
	for (int i = 0; i < SIZE; i += 7)
		((volatile char *)p)[i] = 2;
}

int main(void)
{
	char *p = map(NULL, 0), *q = map(NULL, 0);
	int id = shmget(IPC_PRIVATE, SIZE, 0600 | IPC_CREAT);

	__asan_poison_memory_region(p, SIZE);
	use(map(p, MAP_FIXED));
	__asan_poison_memory_region(p, SIZE);
	munmap(p, SIZE);
	use(map(p, MAP_FIXED));
	__asan_poison_memory_region(q, SIZE);
	p = mremap(p, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, q);
	use(p);
	__asan_poison_memory_region(p, SIZE);
	if (mremap(p, SIZE, 4096, 0) != p || mmap(p + 4096, SIZE - 4096, PROT_READ | PROT_WRITE,
	                                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != p + 4096)
		return 2;
	memset(p + 4096, 1, SIZE - 4096);
	__asan_poison_memory_region(p, SIZE);
	if (id < 0 || shmat(id, p, SHM_REMAP) != p || shmctl(id, IPC_RMID, NULL) != 0)
		return 3;
	use(p);
	/* shmdt tells memsan nothing; the next mapping does. */
	__asan_poison_memory_region(p, SIZE);
	shmdt(p);
	use(map(p, MAP_FIXED_NOREPLACE));
	__asan_poison_memory_region(p, SIZE);
	syscall(SYS_munmap, p, SIZE);
	if (syscall(SYS_mmap, p, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
	    (long)p)
		return 4;
	use(p);
	p = sbrk(SIZE);
	__asan_poison_memory_region(p, SIZE);
	if (sbrk(-SIZE) != p + SIZE || sbrk(SIZE) != p)
		return 5;
	use(p);
	__asan_poison_memory_region(p, SIZE);
	if (brk(p) != 0 || sbrk(0) != p || brk(p + SIZE) != 0)
		return 6;
	use(p);
	errno = 0;
	if (sbrk(PTRDIFF_MAX) != (void *)-1 || errno != ENOMEM || sbrk(PTRDIFF_MIN) != (void *)-1 ||
	    sbrk(0) != p + SIZE)
		return 7;
	puts("ok");
	return 0;
}
