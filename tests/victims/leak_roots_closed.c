/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/leak_roots_closed.c - the only pointers lie in shared memory, or in pages that may not be read at the
 * time of the scan: they count, in memory of every kind that a program may write; a file that it may only read does not
 *
 * options: leak=on
 * expect: unreferenced-object leak=direct count=1 alloc=lost
 * modes: check
 * stderr: any
 * ways: preload linked
 * output: ok
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#define PAGE 4096
#define SPARSE ((size_t)1 << 42)

static int temporary(void)
{
	char name[] = "/tmp/leak-roots-XXXXXX";
	int fd = mkstemp(name);

	if (fd < 0 || unlink(name) != 0 || ftruncate(fd, 4 * PAGE) != 0)
		exit(1);
	return fd;
}

static void *object(void)
{
	return memset(malloc(101), 1, 101);
}

static void lost(int fd)
{
	void *p = malloc(1001);

	if (pwrite(fd, &p, sizeof(p), 0) != sizeof(p))
		exit(1);
}

/* Puts the only pointer to an object into the memory. */
static void **keep(void *p)
{
	if (p == MAP_FAILED)
		exit(1);
	((void **)p)[5] = object();
	return p;
}

static void *map(size_t size, int prot, int flags, int fd)
{
	return mmap(NULL, size, prot, flags, fd, 0);
}

__attribute__((noinline)) static void fill(void)
{
	int rw = PROT_READ | PROT_WRITE, anonymous = MAP_PRIVATE | MAP_ANONYMOUS, fd, id;
	static const int closed[] = { PROT_NONE, PROT_WRITE, PROT_EXEC };
	void **m, **h;
	char *sparse;

	keep(map(PAGE, rw, MAP_SHARED | MAP_ANONYMOUS, -1));
	fd = memfd_create("roots", 0);
	if (ftruncate(fd, PAGE) != 0)
		exit(1);
	keep(map(PAGE, rw, MAP_SHARED, fd));
	close(fd);
	m = keep(map(4 * PAGE, rw, MAP_SHARED, fd = temporary()));
	m[3 * PAGE / sizeof(*m)] = m[5];
	if (ftruncate(fd, PAGE) != 0) /* the rest of the mapping would fault now */
		exit(1);
	id = shmget(IPC_PRIVATE, PAGE, 0600 | IPC_CREAT);
	if (id >= 0) {
		keep(shmat(id, NULL, 0));
		shmctl(id, IPC_RMID, NULL);
	}
	mprotect(keep(map(PAGE, rw, MAP_SHARED | MAP_ANONYMOUS, -1)), PAGE, PROT_NONE);
	mprotect(keep(map(PAGE, rw, MAP_PRIVATE, temporary())), PAGE, PROT_NONE);
	for (int i = 0; i < 3; i++)
		mprotect(keep(map(PAGE, rw, anonymous, -1)), PAGE, closed[i]);
	/* An object of the heap, which a collector guards. */
	if (posix_memalign((void **)&h, PAGE, PAGE) != 0)
		exit(1);
	h[7] = object();
	*(void ***)map(PAGE, rw, anonymous, -1) = h;
	mprotect(h, PAGE, PROT_NONE);
	/* A few pages of a large reserve. */
	sparse = map(SPARSE, PROT_NONE, anonymous | MAP_NORESERVE, -1);
	if (sparse != MAP_FAILED && mprotect(sparse + SPARSE / 2, PAGE, rw) == 0) {
		keep(sparse + SPARSE / 2);
		mprotect(sparse + SPARSE / 2, PAGE, PROT_NONE);
	}
	fd = temporary();
	m = map(PAGE, PROT_READ, MAP_SHARED, fd);
	lost(fd);
	if (m == MAP_FAILED || !*(void *volatile *)m)
		exit(1);
}

__attribute__((noinline)) static void wipe(void)
{
	char x[16384];

	memset(x, 0, sizeof(x));
	__asm__ volatile("" : : "r"(x) : "memory");
}

int main(void)
{
	fill();
	wipe();
	puts("ok");
	return 0;
}
