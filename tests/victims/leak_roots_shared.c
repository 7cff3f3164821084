/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/leak_roots_shared.c - pointers lie only in shared memory that this process's page tables do not show
 * (paged out, dropped, mapped anew) or in the rings of io_uring; and a userfaultfd whose handler never answers watches
 * some of it. Only the object that was lost on purpose is reported
 *
 * options: leak=on
 * expect: unreferenced-object leak=direct count=1 object=777
 * output: ok
 * stderr: any
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIZE ((size_t)1 << 20)
#define STEP 4096

static void fill(void *memory)
{
	for (size_t at = 0; at < SIZE; at += STEP)
		*(void **)((char *)memory + at) = malloc(1001);
}

static void *map(int flags, int fd)
{
	return mmap(NULL, SIZE, PROT_READ | PROT_WRITE, flags, fd, 0);
}

static void unseen_pages(void)
{
	void *out = map(MAP_SHARED | MAP_ANONYMOUS, -1), *dropped = map(MAP_SHARED | MAP_ANONYMOUS, -1), *file;
	int fd = memfd_create("roots", 0);

	fill(out);
	madvise(out, SIZE, MADV_PAGEOUT);
	fill(dropped);
	madvise(dropped, SIZE, MADV_DONTNEED);
	ftruncate(fd, SIZE);
	file = map(MAP_SHARED, fd);
	fill(file);
	munmap(file, SIZE);
	map(MAP_SHARED, fd);
}

/* One request is done, so that its pointer is in the ring of answers; one waits to be sent. */
static void rings(void)
{
	struct io_uring_params p = { 0 };
	int fd = (int)syscall(SYS_io_uring_setup, 8, &p);
	struct io_uring_sqe *sqe;
	char *ring;

	if (fd < 0)
		return; /* a kernel or a sandbox without it */
	ring = mmap(NULL, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	            IORING_OFF_SQ_RING);
	sqe = mmap(NULL, p.sq_entries * sizeof(*sqe), PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQES);
	*sqe = (struct io_uring_sqe){ .opcode = IORING_OP_NOP, .user_data = (uintptr_t)malloc(1003) };
	*(unsigned *)(ring + p.sq_off.tail) = 1;
	syscall(SYS_io_uring_enter, fd, 1, 0, 0, NULL, 0);
	*sqe = (struct io_uring_sqe){ .opcode = IORING_OP_NOP, .user_data = (uintptr_t)malloc(1005) };
}

static void watched(void)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_MINOR_SHMEM };
	int ways[] = { UFFDIO_REGISTER_MODE_MISSING, UFFDIO_REGISTER_MODE_MINOR };

	for (int i = 0; i < 2; i++) {
		int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
		void *memory = map(MAP_SHARED | MAP_ANONYMOUS, -1);
		struct uffdio_register range = { .range = { (uintptr_t)memory, SIZE }, .mode = ways[i] };

		/* Behind a minor fault that nobody answers nothing can be read: there the scan must only not hang. */
		if (ways[i] == UFFDIO_REGISTER_MODE_MINOR)
			memset(memory, 1, SIZE);
		else
			fill(memory);
		if (fd < 0)
			fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
		if (fd < 0 || ioctl(fd, UFFDIO_API, &api) != 0)
			return;
		madvise(memory, SIZE, MADV_DONTNEED);
		ioctl(fd, UFFDIO_REGISTER, &range);
	}
}

static void lose(void)
{
	void *volatile p = malloc(777);

	p = NULL;
}

static void wipe_stack(void)
{
	char bytes[16384];

	memset(bytes, 0, sizeof(bytes));
	__asm__ volatile("" : : "r"(bytes) : "memory");
}

int main(void)
{
	unseen_pages();
	rings();
	watched();
	lose();
	wipe_stack();
	puts("ok");
	return 0;
}
