/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/torture/memory.c - memory: mappings and advice of heap blocks, faults that the program serves, the kernel's own
 * access, limits, filters of system calls, the standard streams. */
#define TORTURE_MAIN
#include "torture.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <setjmp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/uio.h>

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

static void *churns_once(void *seed)
{
	churn(100, (unsigned)(uintptr_t)seed);
	return NULL;
}

static size_t differing(const char *p, size_t n, char byte)
{
	size_t wrong = 0;

	for (size_t i = 0; i < n; i++)
		wrong += p[i] != byte;
	return wrong;
}

/* ---- alignment and size ---------------------------------------------------------------------- */

static void huge_alignment(void)
{
	for (size_t align = 16; align <= 1ul << 30; align *= 2) {
		char *p = memalign(align, 100), *q = NULL, *r = aligned_alloc(align, align < 1 << 20 ? align : 1 << 20);

		must(p && (uintptr_t)p % align == 0);
		must(r && (uintptr_t)r % align == 0);
		must(posix_memalign((void **)&q, align, 3 * PAGE) == 0 && (uintptr_t)q % align == 0);
		memset(p, 'p', 100);
		memset(q, 'q', 3 * PAGE);
		must(malloc_usable_size(p) >= 100);
		p = realloc(p, 70000);
		must(differing(p, 100, 'p') == 0);
		q = realloc(q, 10);
		must(differing(q, 10, 'q') == 0);
		free(r);
		free(p);
		free(q);
	}
	say("aligned\n");
}

/* Every page of a block of 256 MB is touched, and it grows and shrinks. */
static void large_blocks(void)
{
	char *p = NULL;

	for (size_t mb = 1; mb <= 256; mb *= 4) {
		p = realloc(p, mb << 20);
		must(p != NULL);
		for (size_t i = 0; i < mb << 20; i += PAGE)
			p[i] = (char)(i / PAGE);
	}
	for (size_t mb = 256; mb >= 1; mb /= 2) {
		p = realloc(p, (mb << 20) - 77);
		for (size_t i = 0; i < (mb << 20) - PAGE; i += PAGE)
			must(p[i] == (char)(i / PAGE));
	}
	free(p);
	say("large\n");
}

/* ---- protection ------------------------------------------------------------------------------ */

static char *barrier_lo, *barrier_hi;
static volatile unsigned long barrier_hits;

static void opens(int sig, siginfo_t *info, void *context)
{
	char *p = info->si_addr;

	(void)sig;
	(void)context;
	if (p < barrier_lo || p >= barrier_hi)
		_exit(97);
	barrier_hits++;
	mprotect((char *)((uintptr_t)p & ~(PAGE - 1)), PAGE, PROT_READ | PROT_WRITE);
}

static void *writes_blocks(void *arg)
{
	char **blocks = arg;

	for (int round = 0; round < 20; round++)
		for (int i = 0; i < 16; i++)
			for (int k = 0; k < 4; k++)
				blocks[i][k * PAGE + (size_t)(round * 7 % 4096)] = (char)round;
	return NULL;
}

/* A garbage collector's write barrier on blocks of four pages, in two threads, while a third one allocates. */
static void write_barrier(void)
{
	struct sigaction a = { .sa_sigaction = opens, .sa_flags = SA_SIGINFO };
	char *blocks[16];
	pthread_t t[3];

	sigaction(SIGSEGV, &a, NULL);
	barrier_lo = (char *)UINTPTR_MAX;
	for (int i = 0; i < 16; i++) {
		blocks[i] = memalign(PAGE, 4 * PAGE);
		memset(blocks[i], 0, 4 * PAGE);
		barrier_lo = blocks[i] < barrier_lo ? blocks[i] : barrier_lo;
		barrier_hi = blocks[i] + 4 * PAGE > barrier_hi ? blocks[i] + 4 * PAGE : barrier_hi;
	}
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 16; i++)
			must(mprotect(blocks[i], 4 * PAGE, round % 2 ? PROT_READ : PROT_NONE) == 0);
		for (int k = 0; k < 2; k++)
			must(!pthread_create(&t[k], NULL, writes_blocks, blocks));
		must(!pthread_create(&t[2], NULL, churns_once, (void *)5ul));
		for (int k = 0; k < 3; k++)
			pthread_join(t[k], NULL);
	}
	must(barrier_hits >= 5 * 16 * 4);
	/* Freed as the collector leaves them. */
	for (int i = 0; i < 16; i++) {
		mprotect(blocks[i], PAGE, i % 2 ? PROT_READ : PROT_NONE);
		if (i % 3) /* glibc's malloc writes into the block that it takes back */
			mprotect(blocks[i], PAGE, PROT_READ | PROT_WRITE);
		if (i % 3)
			free(blocks[i]);
	}
	say("barrier\n");
}

/* Machine code in a block of malloc's. */
static void code_in_blocks(void)
{
#ifdef __x86_64__
	static const unsigned char code[] = { 0x8d, 0x47, 0x05, 0xc3 }; /* lea 5(%rdi), %eax; ret */
	static const size_t sizes[] = { 1, 2, 9, 60 };

	for (int round = 0; round < 20; round++)
		for (unsigned i = 0; i < NR(sizes); i++) {
			unsigned char *p = memalign(PAGE, sizes[i] * PAGE);

			must(mprotect(p, sizes[i] * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
			memcpy(p, code, sizeof(code));
			must(mprotect(p, sizes[i] * PAGE, PROT_READ | PROT_EXEC) == 0);
			must(((int (*)(int))(uintptr_t)p)(37) == 42);
			must(mprotect(p, sizes[i] * PAGE, PROT_READ | PROT_WRITE) == 0);
			memset(p, 0, sizes[i] * PAGE);
			free(p);
		}
#endif
	say("code\n");
}

/* ---- mremap, mappings over blocks ------------------------------------------------------------ */

/* The pages of a block are moved away and replaced, as some collectors do. */
static void moved_pages(void)
{
	mallopt(M_MMAP_THRESHOLD, 128 << 10);
	for (int round = 0; round < 12; round++) {
		size_t n = 100 * PAGE;
		char *p = memalign(PAGE, n), *away, *q;

		memset(p, 'a', n);
		away = mremap(p + 20 * PAGE, 30 * PAGE, 40 * PAGE, MREMAP_MAYMOVE | (round % 2 ? MREMAP_FIXED : 0),
		              round % 2 ? mmap(NULL, 40 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : NULL);
		must(away != MAP_FAILED);
		must(differing(away, 30 * PAGE, 'a') == 0 && differing(away + 30 * PAGE, 10 * PAGE, 0) == 0);
		churn(30, (unsigned)round);
		must(mmap(p + 20 * PAGE, 30 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		          0) == p + 20 * PAGE);
		must(differing(p + 20 * PAGE, 30 * PAGE, 0) == 0);
		memset(p + 20 * PAGE, 'a', 30 * PAGE);
		/* A copy of the pages that stay, where the kernel can do that. */
		q = mremap(p, 10 * PAGE, 10 * PAGE, MREMAP_MAYMOVE | 4 /* MREMAP_DONTUNMAP */, NULL);
		if (q != MAP_FAILED) {
			must(differing(p, 10 * PAGE, 0) == 0 && differing(q, 10 * PAGE, 'a') == 0);
			munmap(q, 10 * PAGE);
			memset(p, 'a', 10 * PAGE);
		}
		p = realloc(p, n + 5 * PAGE);
		must(differing(p, n, 'a') == 0);
		free(p);
		munmap(away, 40 * PAGE);
		q = calloc(1, n);
		must(differing(q, n, 0) == 0);
		free(q);
	}
	say("moved\n");
}

static void advised_blocks(void)
{
	static const int advice[] = { 0,  1,  2,  3,  4,  8,  10, 11, 12, 13, 14,  15,
		                      16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 102, 103 };

	mallopt(M_MMAP_THRESHOLD, 128 << 10);
	for (unsigned i = 0; i < NR(advice); i++)
		for (unsigned k = 0; k < NR(advice); k++) {
			size_t n = 50 * PAGE;
			char *p = memalign(PAGE, n), *q;

			memset(p, 1, n);
			madvise(p + PAGE, n - 2 * PAGE, advice[i]);
			madvise(p + 2 * PAGE, n - 4 * PAGE, advice[k]);
			/* glibc may copy, which the kernel's guards forbid. */
			if (k % 4 == 0 && advice[i] < 102 && advice[k] < 102) {
				p = realloc(p, 60 * PAGE);
				must(p[0] == 1);
			}
			free(p);
			q = malloc(n);
			memset(q, 2, n);
			must(differing(q, n, 2) == 0);
			free(q);
		}
	say("advised\n");
}

/* Blocks that the kernel does not let go. */
static void sealed_blocks(void)
{
	char *p[5], *q;

	mallopt(M_MMAP_THRESHOLD, 128 << 10);
	if (syscall(462 /* mseal */, NULL, 0, 0) != 0)
		absent("the kernel has no mseal");
	for (int i = 0; i < 5; i++) {
		p[i] = memalign(PAGE, 64 * PAGE);
		memset(p[i], i, 64 * PAGE);
		must(syscall(462, p[i], 64 * PAGE, 0) == 0);
	}
	for (int i = 0; i < 5; i++)
		free(p[i]);
	for (int i = 0; i < 20; i++) {
		q = malloc(64 * PAGE);
		memset(q, 7, 64 * PAGE);
		free(q);
	}
	churn(300, 1);
	say("sealed\n");
}

/* ---- faults that the program serves ---------------------------------------------------------- */

static int uffd;
static volatile int served;

static void *serves(void *arg)
{
	struct uffd_msg m;

	(void)arg;
	while (read(uffd, &m, sizeof(m)) == sizeof(m)) {
		char *page = memalign(PAGE, PAGE);
		struct uffdio_copy copy = { .dst = m.arg.pagefault.address & ~(PAGE - 1),
			                    .src = (uintptr_t)page,
			                    .len = PAGE };

		if (m.event != UFFD_EVENT_PAGEFAULT)
			continue;
		memset(page, 'u', PAGE);
		churn(10, 1);
		if (ioctl(uffd, UFFDIO_COPY, &copy) != 0 && errno != EEXIST)
			say("copy: %s\n", strerror(errno));
		served++;
		free(page);
	}
	return NULL;
}

/* The thread that fills in missing pages of blocks allocates itself. */
static void user_faults(void)
{
	static const size_t sizes[] = { 2 * PAGE, 8 * PAGE, 64 * PAGE, 300 * PAGE };
	struct uffdio_api api = { .api = UFFD_API };
	pthread_t t;

	mallopt(M_MMAP_THRESHOLD, 128 << 10);
	uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api) != 0)
		absent("no userfaultfd");
	must(!pthread_create(&t, NULL, serves, NULL));
	for (int round = 0; round < 8; round++)
		for (unsigned i = 0; i < NR(sizes); i++) {
			char *p = memalign(PAGE, sizes[i]), *q = malloc(sizes[i]);
			struct uffdio_register r = { .range = { (uintptr_t)p, sizes[i] },
				                     .mode = UFFDIO_REGISTER_MODE_MISSING };

			must(madvise(p, sizes[i], MADV_DONTNEED) == 0);
			must(ioctl(uffd, UFFDIO_REGISTER, &r) == 0);
			must(p[0] == 'u' && p[sizes[i] - 1] == 'u');
			if (round % 2) {
				memcpy(q, p, sizes[i]); /* a page that is missing, in the middle of a call of libc's */
				must(differing(q, sizes[i], 'u') == 0);
			}
			churn(20, i);
			if (round % 4 > 1)
				must(ioctl(uffd, UFFDIO_UNREGISTER, &r.range) == 0);
			free(q);
			/* Only a block whose pages are all there may move. */
			if (round == 3 || round == 5 || round == 7) {
				p = realloc(p, 2 * sizes[i]);
				must(differing(p, sizes[i], 'u') == 0);
			}
			free(p);
			p = calloc(1, sizes[i]);
			must(differing(p, sizes[i], 0) == 0);
			free(p);
		}
	must(served > 0);
	say("served\n");
}

/* Live blocks are registered when the program ends. */
static void user_faults_at_exit(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	pthread_t t;

	uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api) != 0)
		absent("no userfaultfd");
	must(!pthread_create(&t, NULL, serves, NULL));
	for (unsigned i = 1; i < 60; i += 7) {
		char *p = memalign(PAGE, i * PAGE + 100);
		struct uffdio_register r = { .range = { (uintptr_t)p, i * PAGE },
			                     .mode = UFFDIO_REGISTER_MODE_MISSING };

		must(madvise(p, i * PAGE, MADV_DONTNEED) == 0);
		must(ioctl(uffd, UFFDIO_REGISTER, &r) == 0);
		must(p[0] == 'u');
	}
	say("registered\n");
}

/* ---- the kernel's own access ----------------------------------------------------------------- */

struct ring {
	int fd;
	unsigned *sq_head, *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
};

static int ring_start(struct ring *r)
{
	struct io_uring_params p;
	char *sq, *cq;

	memset(&p, 0, sizeof(p));
	r->fd = (int)syscall(SYS_io_uring_setup, 8, &p);
	if (r->fd < 0)
		return 0;
	sq = mmap(NULL, p.sq_off.array + p.sq_entries * sizeof(unsigned), PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
	          IORING_OFF_SQ_RING);
	cq = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE, MAP_SHARED,
	          r->fd, IORING_OFF_CQ_RING);
	r->sqes = mmap(NULL, p.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
	               IORING_OFF_SQES);
	r->sq_head = (unsigned *)(sq + p.sq_off.head);
	r->sq_tail = (unsigned *)(sq + p.sq_off.tail);
	r->sq_mask = (unsigned *)(sq + p.sq_off.ring_mask);
	r->sq_array = (unsigned *)(sq + p.sq_off.array);
	r->cq_head = (unsigned *)(cq + p.cq_off.head);
	r->cq_tail = (unsigned *)(cq + p.cq_off.tail);
	r->cq_mask = (unsigned *)(cq + p.cq_off.ring_mask);
	r->cqes = (struct io_uring_cqe *)(cq + p.cq_off.cqes);
	return 1;
}

static void ring_submit(struct ring *r, int op, int fd, void *p, unsigned n, uint64_t offset, int index)
{
	unsigned tail = *r->sq_tail, i = tail & *r->sq_mask;
	struct io_uring_sqe *e = &r->sqes[i];

	memset(e, 0, sizeof(*e));
	e->opcode = (uint8_t)op;
	e->fd = fd;
	e->addr = (uintptr_t)p;
	e->len = n;
	e->off = offset;
	e->buf_index = (uint16_t)index;
	e->user_data = (uintptr_t)p;
	r->sq_array[i] = i;
	__atomic_store_n(r->sq_tail, tail + 1, __ATOMIC_RELEASE);
	must(syscall(SYS_io_uring_enter, r->fd, 1, 0, 0, NULL, 0) == 1);
}

static int ring_wait(struct ring *r)
{
	unsigned head = *r->cq_head;
	int result;

	while (__atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE) == head)
		syscall(SYS_io_uring_enter, r->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
	result = r->cqes[head & *r->cq_mask].res;
	__atomic_store_n(r->cq_head, head + 1, __ATOMIC_RELEASE);
	return result;
}

/* The kernel reads and writes blocks later, and holds the pages of some. */
static void ring_of_requests(void)
{
	static const size_t sizes[] = { 100, 3000, 2 * PAGE, 40 * PAGE };
	struct ring r;
	int pipes[2];

	if (!ring_start(&r))
		absent("no io_uring");
	must(pipe(pipes) == 0);
	for (int round = 0; round < 10; round++)
		for (unsigned i = 0; i < NR(sizes); i++) {
			char *from = malloc(sizes[i]), *to = round % 2 ? memalign(PAGE, sizes[i]) : malloc(sizes[i]);
			int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);
			struct iovec v[2] = { { from, sizes[i] }, { to, sizes[i] } };
			pid_t child;

			memset(from, 'f', sizes[i]);
			if (round % 3 == 2) {
				must(syscall(SYS_io_uring_register, r.fd, IORING_REGISTER_BUFFERS, v, 2) == 0);
				child = fork();
				if (child == 0)
					exit(0);
				waitpid(child, NULL, 0);
			}
			ring_submit(&r, round % 3 == 2 ? IORING_OP_WRITE_FIXED : IORING_OP_WRITE, fd, from,
			            (unsigned)sizes[i], 0, 0);
			must(ring_wait(&r) == (int)sizes[i]);
			ring_submit(&r, round % 3 == 2 ? IORING_OP_READ_FIXED : IORING_OP_READ, fd, to,
			            (unsigned)sizes[i], 0, 1);
			must(ring_wait(&r) == (int)sizes[i]);
			must(differing(to, sizes[i], 'f') == 0);
			/* A read that ends long after it was asked for. */
			ring_submit(&r, IORING_OP_READ, pipes[0], from, 50, 0, 0);
			churn(20, i);
			must(write(pipes[1], "later", 5) == 5);
			must(ring_wait(&r) == 5 && !memcmp(from, "laterf", 6));
			if (round % 3 == 2)
				must(syscall(SYS_io_uring_register, r.fd, IORING_UNREGISTER_BUFFERS, NULL, 0) == 0);
			free(from);
			free(to);
			close(fd);
		}
	unlink("file");
	say("ring\n");
}

/* Other doors to the same memory: /proc/self/mem, process_vm_writev, pipes that take pages. */
static void other_doors(void)
{
	int mem = open("/proc/self/mem", O_RDWR), pipes[2];
	pid_t self = getpid();

	must(pipe(pipes) == 0);
	for (unsigned n = 1; n < 200000; n = n * 3 + 1) {
		char *p = malloc(n), *q = malloc(n);
		struct iovec from = { p, n }, to = { q, n };

		memset(p, 'p', n);
		must(pwrite(mem, "x", 1, (off_t)(uintptr_t)p) == 1 && p[0] == 'x');
		must(pread(mem, q, n, (off_t)(uintptr_t)p) == (ssize_t)n && !memcmp(p, q, n));
		memset(p, 'r', n);
		must(process_vm_writev(self, &from, 1, &to, 1, 0) == (ssize_t)n && !memcmp(p, q, n));
		from.iov_len = n < 30000 ? n : 30000;
		must(vmsplice(pipes[1], &from, 1, 0) == (ssize_t)from.iov_len);
		memset(q, 0, n);
		must(read(pipes[0], q, from.iov_len) == (ssize_t)from.iov_len && differing(q, from.iov_len, 'r') == 0);
		free(p);
		free(q);
	}
	close(mem);
	say("doors\n");
}

/* ---- limits ---------------------------------------------------------------------------------- */

/* The kernel refuses every further mapping. */
static void no_more_mappings(void)
{
	char *p[100];
	size_t n = 0;
	pthread_t t;

	churn(300, 1);
	while (n < 200000) {
		char *m = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (m == MAP_FAILED || mprotect(m, PAGE, PROT_READ) != 0)
			break;
		n++;
	}
	must(n > 1000);
	say("full\n");
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 100; i++) {
			p[i] = malloc((size_t)(20 + i * 17));
			must(p[i] != NULL);
			memset(p[i], i, 20);
		}
		for (int i = 0; i < 100; i++)
			free(p[i]);
	}
	must(pthread_create(&t, NULL, churns_once, NULL) == EAGAIN);
	exit(3);
}

static void limits_while_running(void)
{
	static const int resources[] = { RLIMIT_NOFILE,     RLIMIT_NPROC,    RLIMIT_FSIZE, RLIMIT_MEMLOCK,
		                         RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE, RLIMIT_STACK, RLIMIT_CORE };
	struct rlimit none = { 0, 0 };

	for (unsigned i = 0; i < NR(resources); i++) {
		pid_t child = fork();

		if (child == 0) {
			must(setrlimit(resources[i], &none) == 0);
			churn(300, i);
			exit(4);
		}
		reap("child", child);
	}
}

/* Takes so many bytes in objects of a size, or all there are, and frees them: how many bytes were there? */
static size_t take_and_free(size_t size, size_t most)
{
	size_t got = 0;
	void **list = NULL;

	while (got < most) {
		void **p = malloc(size);

		if (!p)
			break;
		*p = list;
		list = p;
		got += size;
	}
	while (list) {
		void **next = *list;

		free(list);
		list = next;
	}
	return got;
}

static void sizes_at_limit(size_t own_data)
{
	static const size_t sizes[] = { 48, 144, 1296, 11664, 104976 };
	struct rlimit l = { 100 << 20, 100 << 20 };

	if (own_data)
		must(mmap(NULL, own_data, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
	must(setrlimit(RLIMIT_DATA, &l) == 0);
	must(take_and_free(16, SIZE_MAX) > 10 << 20);
	for (unsigned i = 0; i < NR(sizes); i++)
		must(take_and_free(sizes[i], 10 << 20) >= 10 << 20);
}

/* At the limit of data, memory that objects of one size gave back serves those of other sizes.  How little of the limit
 * is left in the end depends on what else the program has. */
static void sizes_under_limit(void)
{
	for (size_t pages = 0; pages < 4; pages++) {
		pid_t child = fork();

		if (child == 0) {
			sizes_at_limit(pages * 4096);
			exit(0);
		}
		reap("sizes", child);
	}
}

/* Small objects get most of a limit of data, again when all were freed. */
static void small_under_limit(void)
{
	struct rlimit l = { 100 << 20, 100 << 20 };

	must(setrlimit(RLIMIT_DATA, &l) == 0);
	must(take_and_free(64, SIZE_MAX) > 60 << 20);
	must(take_and_free(64, SIZE_MAX) > 60 << 20);
	must(take_and_free(1000, SIZE_MAX) > 60 << 20);
	say("small\n");
}

static void *runs_out(void *arg)
{
	void *p[2000];
	size_t n = 0;

	/* Not before the other thread has its stack, for which there would be no room. */
	pthread_barrier_wait(arg);
	while (n < NR(p) && (p[n] = malloc(1 << 20)) != NULL)
		memset(p[n++], 1, 100);
	must(n < NR(p));
	errno = 0;
	must(malloc(1 << 30) == NULL && errno == ENOMEM);
	must(realloc(p[0], 1 << 30) == NULL && errno == ENOMEM);
	while (n)
		free(p[--n]);
	return NULL;
}

/* The address space is full, in several threads at the same time. */
static void runs_out_of_memory(void)
{
	struct rlimit l = { 700 << 20, 700 << 20 };
	pthread_barrier_t both;
	pthread_t t[2];

	churn(100, 1);
	must(pthread_barrier_init(&both, NULL, NR(t)) == 0);
	must(setrlimit(RLIMIT_AS, &l) == 0);
	for (int round = 0; round < 2; round++) {
		for (unsigned i = 0; i < NR(t); i++)
			must(!pthread_create(&t[i], NULL, runs_out, &both));
		for (unsigned i = 0; i < NR(t); i++)
			pthread_join(t[i], NULL);
	}
	churn(100, 2);
	say("out of memory\n");
}

/* ---- filters of system calls ----------------------------------------------------------------- */

static void filter(const int *calls, unsigned n, uint32_t action)
{
	struct sock_filter f[80] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)) };
	struct sock_fprog p = { 0, f };
	unsigned k = 1;

	for (unsigned i = 0; i < n; i++) {
		f[k++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i], 0, 1);
		f[k++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
	}
	f[k++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	p.len = (unsigned short)k;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &p) != 0)
		skip("no seccomp");
}

static volatile int trapped;

static void traps(int sig, siginfo_t *info, void *context)
{
	(void)context;
	trapped++;
	say("trapped signal %d, call %d\n", sig, info->si_syscall);
}

/* Calls that the program does not make are trapped, and its handler would tell. */
static void filter_that_traps(void)
{
	static const int calls[] = {
		SYS_getpid,        SYS_gettid,        SYS_getppid,        SYS_prctl,           SYS_process_vm_readv,
		SYS_mincore,       SYS_clock_gettime, SYS_getrlimit,      SYS_prlimit64,       SYS_sigaltstack,
		SYS_rt_sigpending, SYS_rt_sigaction,  SYS_openat,         SYS_readlink,        SYS_tgkill,
		SYS_getrandom,     SYS_membarrier,    SYS_rt_sigprocmask, SYS_process_madvise, SYS_ppoll,
		SYS_fstat,         SYS_fcntl,         SYS_pipe2,          SYS_sched_yield,     SYS_getcpu,
		SYS_uname,         SYS_ioctl,         SYS_gettimeofday
	};
	struct sigaction a = { .sa_sigaction = traps, .sa_flags = SA_SIGINFO };

	sigaction(SIGSYS, &a, NULL);
	churn(100, 1);
	filter(calls, NR(calls), SECCOMP_RET_TRAP);
	churn(2000, 2);
	say("trapped %d\n", trapped);
	exit(6);
}

/* Calls fail that the program does without. */
static void filter_that_refuses(void)
{
	static const int calls[] = { SYS_getpid,           SYS_gettid, SYS_prctl,         SYS_madvise,
		                     SYS_process_vm_readv, SYS_futex,  SYS_clock_gettime, SYS_prlimit64,
		                     SYS_rt_sigprocmask,   SYS_openat, SYS_mremap };

	churn(1000, 1);
	filter(calls, NR(calls), SECCOMP_RET_ERRNO | 38);
	churn(1000, 2);
	say("refused\n");
	exit(7);
}

/* Only read, write, exit and sigreturn: malloc may use what it has. */
static void strict_filter(void)
{
	char *p[50];

	for (unsigned i = 0; i < NR(p); i++)
		p[i] = malloc(100 + i);
	for (unsigned i = 0; i < NR(p); i++)
		free(p[i]);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
		skip("no seccomp");
	for (int round = 0; round < 50; round++) {
		for (unsigned i = 0; i < NR(p); i++) {
			p[i] = malloc(100 + i);
			p[i][0] = 'x';
		}
		for (unsigned i = 0; i < NR(p); i++)
			free(p[i]);
	}
	if (write(1, "strict\n", 7) == 7)
		syscall(SYS_exit, 8);
}

/* ---- control groups -------------------------------------------------------------------------- */

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), ok;

	if (fd < 0)
		return 0;
	ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return ok;
}

/* What is freed goes back, or is used again: 40 MB live and 2 GB in all fit in 160 MB. */
static void memory_of_a_group(void)
{
	static const char *const roots[] = { "/sys/fs/cgroup/memory", "/sys/fs/cgroup" };
	static const char *const limits[] = { "memory.limit_in_bytes", "memory.max" };
	static char *live[400];
	char path[200], file[300], pid[20];
	pid_t child;
	int way;

	for (way = 0; way < 2; way++) {
		snprintf(path, sizeof(path), "%s/torture.%d", roots[way], getpid());
		if (mkdir(path, 0755) != 0)
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, limits[way]);
		if (write_file(file, "167772160"))
			break;
		rmdir(path);
	}
	if (way == 2)
		skip("no control group with a limit of memory (needs root)");
	child = fork();
	if (child == 0) {
		snprintf(file, sizeof(file), "%s/cgroup.procs", path);
		snprintf(pid, sizeof(pid), "%d", getpid());
		if (!write_file(file, pid))
			_exit(SKIPPED);
		for (unsigned i = 0, r = 1; i < 20000; i++) {
			unsigned at = (r = r * 1103515245u + 12345u) / 65536 % NR(live);

			free(live[at]);
			live[at] = malloc(100000);
			memset(live[at], 1, 100000);
		}
		exit(5);
	}
	{
		int status;

		waitpid(child, &status, 0);
		rmdir(path);
		if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
			skip("the control group takes no process");
		say("ended with %d\n", status);
	}
}

/* ---- the standard streams -------------------------------------------------------------------- */

/* Each of the eight ways in which a program may find its standard streams closed. */
static void closed_streams(void)
{
	for (int which = 0; which < 8; which++) {
		char number[8], out[8];
		pid_t child = fork();

		if (child == 0) {
			fcntl(1, F_DUPFD, 30);
			snprintf(number, sizeof(number), "%d", which);
			snprintf(out, sizeof(out), "%d", 30);
			for (int fd = 0; fd < 3; fd++)
				if (which >> fd & 1)
					close(fd);
			execl(torture_self, torture_self, "then_opens", number, (char *)NULL);
			_exit(1);
		}
		reap("streams", child);
	}
}

static void then_opens(void)
{
	char text[100];
	int n, fd[4];

	for (int i = 0; i < 4; i++)
		fd[i] = open("/dev/null", O_RDWR);
	churn(100, 1);
	n = snprintf(text, sizeof(text), "%s: %d %d %d %d\n", torture_arguments[0], fd[0], fd[1], fd[2], fd[3]);
	must(write(30, text, (size_t)n) == n);
	printf("%s", text);
	exit(fclose(stdout) == 0 ? 11 : 12);
}

/* Standard output and error are a full pipe that nobody reads, or one without a reader. */
static void blocked_stderr(void)
{
	for (int way = 0; way < 4; way++) {
		char page[PAGE];
		int p[2];
		pid_t child;

		memset(page, 0, sizeof(page));
		must(pipe(p) == 0);
		must(fcntl(p[1], F_SETFL, O_NONBLOCK) == 0);
		if (way < 2)
			while (write(p[1], page, sizeof(page)) > 0)
				;
		else
			close(p[0]);
		if (way & 1)
			fcntl(p[1], F_SETFL, 0);
		child = fork();
		if (child == 0) {
			dup2(p[1], 2);
			execl(torture_self, torture_self, "then_churns", (char *)NULL);
			_exit(1);
		}
		reap("blocked", child);
		close(p[1]);
		if (way < 2)
			close(p[0]);
	}
}

static void then_churns(void)
{
	churn(200, 1);
	exit(13);
}

/* A full disk takes no output: the program notices it, by its own check. */
static void full_disk(void)
{
	char page[PAGE];
	pid_t child;
	int fd;

	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		skip("no name space for mounts (needs root)");
	must(mkdir("disk", 0755) == 0);
	must(mount("tmpfs", "disk", "tmpfs", 0, "size=64k") == 0);
	must(chdir("disk") == 0);
	memset(page, 0, sizeof(page));
	fd = open("filler", O_WRONLY | O_CREAT, 0600);
	while (write(fd, page, sizeof(page)) > 0)
		;
	child = fork();
	if (child == 0) {
		fd = open("output", O_WRONLY | O_CREAT, 0600);
		fcntl(1, F_DUPFD, 30);
		dup2(fd, 1);
		dup2(fd, 2);
		execl(torture_self, torture_self, "then_opens", "full", (char *)NULL);
		_exit(1);
	}
	reap("full", child);
	must(chdir("..") == 0);
	must(umount2("disk", MNT_DETACH) == 0);
}

const struct torture_case torture_cases[] = {
	{ "huge_alignment", huge_alignment },
	{ "large_blocks", large_blocks },
	{ "write_barrier", write_barrier },
	{ "code_in_blocks", code_in_blocks },
	{ "moved_pages", moved_pages },
	{ "advised_blocks", advised_blocks },
	{ "sealed_blocks", sealed_blocks },
	{ "user_faults", user_faults },
	{ "user_faults_at_exit", user_faults_at_exit },
	{ "ring_of_requests", ring_of_requests },
	{ "other_doors", other_doors },
	{ "no_more_mappings", no_more_mappings },
	{ "limits_while_running", limits_while_running },
	{ "sizes_under_limit", sizes_under_limit },
	{ "small_under_limit", small_under_limit },
	{ "runs_out_of_memory", runs_out_of_memory },
	{ "filter_that_traps", filter_that_traps },
	{ "filter_that_refuses", filter_that_refuses },
	{ "strict_filter", strict_filter },
	{ "memory_of_a_group", memory_of_a_group },
	{ "closed_streams", closed_streams },
	{ "blocked_stderr", blocked_stderr },
	{ "full_disk", full_disk },
	{ "then_opens", then_opens },
	{ "then_churns", then_churns },
	{ NULL, NULL },
};
