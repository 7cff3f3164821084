/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_changed_areas.c - large blocks are freed or resized with pages that their owner protected,
 * advised, locked or mapped something over; the next blocks of that size are ordinary memory
 *
 * expect: none
 * modes: check production
 * ways: preload linked static
 * output: ok
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

#define PAGE 4096ul
#define LENGTH (4 * PAGE)

extern char _DYNAMIC[] __attribute__((weak)); /* a static program has none */

static int file; /* LENGTH bytes, all 'f' */

static void read_only(char *p)
{
	mprotect(p, LENGTH, PROT_READ);
}
static void closed(char *p)
{
	mprotect(p, LENGTH, PROT_NONE);
}
static void executable(char *p)
{
	mprotect(p, LENGTH, PROT_READ | PROT_WRITE | PROT_EXEC);
}
static void with_key(char *p)
{
	static int key;

	if (!key)
		key = pkey_alloc(0, PKEY_DISABLE_WRITE);
	if (key > 0)
		pkey_mprotect(p, LENGTH, PROT_READ | PROT_WRITE, key);
}
static void not_for_children(char *p)
{
	madvise(p, LENGTH, MADV_DONTFORK);
}
static void wiped_for_children(char *p)
{
	madvise(p, LENGTH, MADV_WIPEONFORK);
}
static void not_dumped(char *p)
{
	madvise(p, LENGTH, MADV_DONTDUMP);
}
static void mergeable(char *p)
{
	madvise(p, LENGTH, MADV_MERGEABLE);
}
static void read_at_random(char *p)
{
	madvise(p, LENGTH, MADV_RANDOM);
}
static void guarded(char *p)
{
	madvise(p, LENGTH, MADV_GUARD_INSTALL);
}
static void locked(char *p)
{
	mlock(p, LENGTH);
}
static void locked_on_fault(char *p)
{
	mlock2(p, LENGTH, MLOCK_ONFAULT);
}
static void file_over(char *p)
{
	mmap(p, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
}
static void shared_over(char *p)
{
	mmap(p, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}
static void segment_over(char *p)
{
	int id = shmget(IPC_PRIVATE, LENGTH, 0600 | IPC_CREAT);

	shmat(id, p, SHM_REMAP);
	shmctl(id, IPC_RMID, 0);
}
static void moved_away(char *p)
{
	void *to = mmap(0, LENGTH, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mremap(p, LENGTH, LENGTH, MREMAP_MAYMOVE | MREMAP_FIXED, to);
}
static void unmapped(char *p)
{
	munmap(p, LENGTH);
	/* Nothing else may come to lie there. */
	if (mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == p)
		puts("the hole was given away");
}
static void registered(char *p)
{
	struct uffdio_register range = { .range = { (unsigned long)p, LENGTH }, .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_api api = { .api = UFFD_API };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | 1 /* UFFD_USER_MODE_ONLY */);

	if (fd >= 0 && ioctl(fd, UFFDIO_API, &api) == 0 && madvise(p, LENGTH, MADV_DONTNEED) == 0)
		ioctl(fd, UFFDIO_REGISTER, &range);
}
static void read_only_by_number(char *p)
{
	syscall(SYS_mprotect, p, LENGTH, PROT_READ);
}
static void unmapped_by_number(char *p)
{
	syscall(SYS_munmap, p, LENGTH);
}
static void bound_by_number(char *p)
{
	unsigned long nodes = 1;

	syscall(SYS_mbind, p, LENGTH, 2 /* MPOL_BIND */, &nodes, 64, 0);
}

static void (*const changes[])(char *p) = {
	read_only,
	closed,
	executable,
	with_key,
	not_for_children,
	wiped_for_children,
	not_dumped,
	mergeable,
	guarded,
	read_at_random,
	locked,
	locked_on_fault,
	file_over,
	shared_over,
	segment_over,
	moved_away,
	unmapped,
	/* These are seen in the shared library only. */
	read_only_by_number,
	unmapped_by_number,
	bound_by_number,
	registered,
};
#define EVERYWHERE 17u

/* Prints what is unusual about the mappings of [p, p + n). */
static void check_mappings(unsigned how, const char *p, size_t n)
{
	static const char *const marks[] = { " sh", " dc", " wf", " dd", " mg", " lo", " lf", " rr", " ex", " um" };
	unsigned long lo = 0, hi = 0, from = (unsigned long)p, to = from + n, start, end;
	char line[4096];
	FILE *f = fopen("/proc/self/smaps", "r");
	int key;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2) {
			lo = start;
			hi = end;
		}
		if (hi <= from || lo >= to)
			continue;
		if (sscanf(line, "ProtectionKey: %d", &key) == 1 && key)
			printf("change %u left key %d\n", how, key);
		for (unsigned i = 0; !strncmp(line, "VmFlags:", 8) && i < sizeof(marks) / sizeof(marks[0]); i++)
			if (strstr(line, marks[i]))
				printf("change %u left%s\n", how, marks[i]);
	}
	fclose(f);
}

static int in_child(char *p, size_t n)
{
	pid_t child = fork();
	int status = -1;

	if (child == 0) {
		for (size_t i = 0; i < n; i += 512)
			if (p[i] != 'x')
				_exit(1);
		memset(p, 'c', n);
		_exit(0);
	}
	waitpid(child, &status, 0);
	return status;
}

static void use(unsigned how, char *p, size_t n)
{
	memset(p, 'x', n);
	check_mappings(how, p, n);
	if (in_child(p, n) != 0)
		printf("change %u: not in a child\n", how);
	for (size_t i = 0; i < n; i += 512)
		if (p[i] != 'x') {
			printf("change %u: shared with a child\n", how);
			break;
		}
}

static void try(unsigned how, size_t n)
{
	char *p = malloc(n), *q, c;

	memset(p, 1, n);
	changes[how]((char *)(((unsigned long)p + 2 * PAGE) & -PAGE));
	free(p);
	q = calloc(1, n);
	for (size_t i = 0; i < n; i++)
		if (q[i]) {
			printf("change %u: calloc\n", how);
			break;
		}
	use(how, q, n);
	p = malloc(n);
	use(how, p, n);
	free(q);
	free(p);
	if (pread(file, &c, 1, 0) != 1 || c != 'f')
		printf("change %u: the file\n", how);
}

/* A block shrinks, and its protected end is another block's memory. */
static void shrink(size_t n)
{
	char *blocks[64], *p = malloc(n);

	mprotect(p + n / 2, LENGTH, PROT_READ);
	p = realloc(p, n / 4);
	for (int i = 0; i < 64; i++)
		memset(blocks[i] = malloc(n / 4), 1, n / 4);
	for (int i = 0; i < 64; i++)
		free(blocks[i]);
	free(p);
}

/* A block changes its size, while its end is protected. */
static void resize(size_t n)
{
	const size_t sizes[] = { n - PAGE, n - 1, n + 1, n / 2, 2 * n };

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *p = malloc(n), *first = (char *)(((unsigned long)p + PAGE) & -PAGE);
		unsigned long length = ((unsigned long)(p + n) & -PAGE) - (unsigned long)first;

		memset(p, 'y', n);
		mprotect(first, length, PROT_READ);
		p = realloc(p, sizes[i]);
		for (size_t k = 0; k < sizes[i] && k < n; k += 512)
			if (p[k] != 'y')
				printf("resized to %zu: lost\n", sizes[i]);
		free(p);
		p = malloc(sizes[i]);
		memset(p, 1, sizes[i]);
		free(p);
	}
}

int main(void)
{
	char bytes[LENGTH];
	unsigned nr = sizeof(changes) / sizeof(changes[0]);
	FILE *f = tmpfile();

	file = fileno(f);
	memset(bytes, 'f', sizeof(bytes));
	if (pwrite(file, bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return 1;
	if (!_DYNAMIC)
		nr = EVERYWHERE;
	for (unsigned how = 0; how < nr; how++)
		for (size_t n = 256 << 10; n <= 4 << 20; n *= 4)
			try(how, n);
	shrink(1 << 20);
	for (size_t n = 300000; n <= 4 << 20; n *= 3)
		resize(n);
	fclose(f);
	puts("ok");
	return 0;
}
