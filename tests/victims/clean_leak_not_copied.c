/* SPDX-License-Identifier: BSD-2-Clause */
/* clean_leak_not_copied: pointers in memory that a fork does not copy, or copies empty (V8's heap is such memory, and
 * buffers that a network card knows); a scan reads them as any other.
 * expect: none
 * options: leak=on
 * libs: -lpthread
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096
#define NR 64

static void **map(size_t size, int advice)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	madvise(p, size, advice);
	return p;
}

__attribute__((noinline)) static void fill(void **p, size_t nr, size_t step)
{
	for (size_t i = 0; i < nr; i += step)
		p[i] = strdup("reachable");
}

static void **kept;

/* Without another thread, a scan at the exit needs no copy. */
static void *wait_for_ever(void *arg)
{
	pause();
	return arg;
}

int main(void)
{
	pthread_t thread;
	void **p;

	pthread_create(&thread, NULL, wait_for_ever, NULL);
	fill(map(NR * PAGE, MADV_DONTFORK), NR * PAGE / sizeof(void *), 511);
	fill(map(NR * PAGE, MADV_WIPEONFORK), NR * PAGE / sizeof(void *), 511);
	/* a part of a mapping, and one that nobody may write to any more */
	p = map(NR * PAGE, MADV_NORMAL);
	madvise(p + PAGE, PAGE * 3, MADV_DONTFORK);
	fill(p, NR * PAGE / sizeof(void *), 511);
	p = map(NR * PAGE, MADV_DONTFORK);
	fill(p, NR * PAGE / sizeof(void *), 511);
	mprotect(p, NR * PAGE, PROT_READ);
	/* objects */
	p = map(NR * PAGE, MADV_DONTFORK);
	mprotect(p + PAGE, PAGE, PROT_NONE);
	fill(p, PAGE, 511);
	kept = aligned_alloc(PAGE, 4 * PAGE);
	memset(kept, 0, 4 * PAGE);
	madvise(kept, 2 * PAGE, MADV_DONTFORK);
	madvise(kept + PAGE / sizeof(*kept) * 3, PAGE, MADV_WIPEONFORK);
	fill(kept, 4 * PAGE / sizeof(void *), 511);
	return 0;
}
