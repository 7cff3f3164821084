/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/coverage/counters.c - gcov's counters in a file that all processes share; only with --enable-coverage. */
#include "config.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "lib/lib.h"
#include "lib/arch/arch.h"

/*
 * libgcov writes counters at exit, with malloc and stdio.  The runtime may use neither, and many processes that run it
 * never get there: they are killed, end with _exit, or are raw clones.  So the counters of a module (libmemsan.so, or
 * one of our programs) lie on pages of their own (counters.ld), and the first constructor maps the file
 * COVERAGE_FOLDER/counters/MODULE over them, shared: each process counts in that file from then on.  At the end
 * tests/coverage/run starts each module once with MEMSAN_COVERAGE_DUMP=FOLDER, which writes the file's counters as
 * .gcda files below FOLDER, in libgcov's format.
 *
 * The functions here replace libgcov's.  A static program with libmemsan.a is linked without counters.ld and counts
 * nothing.
 */
#define MAX_OBJECTS 512

struct gcov_info;
void __gcov_init(struct gcov_info *info);
void __gcov_exit(void);
void __gcov_merge_add(int64_t *counters, unsigned n);
typedef void filename_fn(const char *name, void *arg);
typedef void dump_fn(const void *data, unsigned n, void *arg);
typedef void *allocate_fn(unsigned n, void *arg);
extern void __gcov_info_to_gcda(const struct gcov_info *info, filename_fn *filename, dump_fn *dump,
                                allocate_fn *allocate, void *arg) __attribute__((weak));
extern int64_t memsan_gcov_start[] __attribute__((weak, visibility("hidden")));
extern int64_t memsan_gcov_end[] __attribute__((weak, visibility("hidden")));

static const struct gcov_info *objects[MAX_OBJECTS];
static unsigned nr_objects;
static char module[256];
static char maps[1 << 16];

static long call(long nr, const void *a, long b, long c, long d, long e, long f)
{
	return arch_syscall6(nr, (long)a, b, c, d, e, f);
}

/* The last part of the path of the mapping that holds this code. */
static bool find_module(void)
{
	uintptr_t here = (uintptr_t)find_module, start, end;
	long fd = call(SYS_openat, (void *)(long)AT_FDCWD, (long)"/proc/self/maps", O_RDONLY | O_CLOEXEC, 0, 0, 0), n,
	     got = 0;
	char *line, *next, *slash;

	if (fd < 0)
		return false;
	while (got < (long)sizeof(maps) - 1 &&
	       (n = call(SYS_read, (void *)fd, (long)maps + got, (long)sizeof(maps) - 1 - got, 0, 0, 0)) > 0)
		got += n;
	call(SYS_close, (void *)fd, 0, 0, 0, 0, 0);
	maps[got] = '\0';
	for (line = maps; *line; line = next) {
		next = strchr(line, '\n');
		if (!next)
			break;
		*next++ = '\0';
		start = strtoull(line, &slash, 16);
		end = strtoull(slash + 1, NULL, 16);
		slash = strrchr(line, '/');
		if (slash && start <= here && here < end && strlen(slash) < sizeof(module)) {
			strcpy(module, slash + 1);
			return true;
		}
	}
	return false;
}

static void share_counters(void)
{
	size_t size = (size_t)((char *)memsan_gcov_end - (char *)memsan_gcov_start), i;
	char path[sizeof(COVERAGE_FOLDER) + sizeof(module) + 16] = COVERAGE_FOLDER "/counters/";
	int64_t *shared;
	long fd;

	if (!size || !find_module())
		return;
	strcat(path, module);
	fd = call(SYS_openat, (void *)(long)AT_FDCWD, (long)path, O_RDWR | O_CREAT | O_CLOEXEC, 0666, 0, 0);
	if (fd < 0)
		return;
	call(SYS_ftruncate, (void *)fd, (long)size, 0, 0, 0, 0);
	shared = (int64_t *)call(SYS_mmap, NULL, (long)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if ((unsigned long)shared < -4095UL) {
		/* What was counted before this constructor: resolvers, the first allocations. */
		for (i = 0; i < size / sizeof(*shared); i++)
			if (memsan_gcov_start[i])
				__atomic_fetch_add(&shared[i], memsan_gcov_start[i], __ATOMIC_RELAXED);
		call(SYS_munmap, shared, (long)size, 0, 0, 0, 0);
		call(SYS_mmap, memsan_gcov_start, (long)size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	}
	call(SYS_close, (void *)fd, 0, 0, 0, 0, 0);
}

/* Called by a constructor in each object. */
void __gcov_init(struct gcov_info *info)
{
	if (!nr_objects)
		share_counters();
	if (nr_objects < MAX_OBJECTS)
		objects[nr_objects++] = info;
}

struct dump {
	const char *folder;
	long fd;
};

static void open_file(const char *name, void *arg)
{
	struct dump *dump = arg;
	char path[4096];
	size_t build = strlen(COVERAGE_FOLDER) - strlen("coverage");

	if (strlen(dump->folder) + strlen(name) + 2 > sizeof(path) || strlen(name) < build)
		return;
	strcpy(path, dump->folder);
	strcat(path, "/");
	strcat(path, name + build);
	dump->fd = call(SYS_openat, (void *)(long)AT_FDCWD, (long)path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666,
	                0, 0);
}

static void write_file(const void *data, unsigned n, void *arg)
{
	struct dump *dump = arg;

	if (dump->fd >= 0)
		call(SYS_write, (void *)dump->fd, (long)data, n, 0, 0, 0);
}

/* Only counters of kinds that are not asked for want memory. */
static void *no_memory(unsigned n, void *arg)
{
	(void)n;
	(void)arg;
	return NULL;
}

/* Called by a destructor in each object: the first call dumps them all. */
void __gcov_exit(void)
{
	static bool done;
	struct dump dump = { getenv("MEMSAN_COVERAGE_DUMP"), -1 };
	unsigned i;

	if (done || !dump.folder || !__gcov_info_to_gcda)
		return;
	done = true;
	for (i = 0; i < nr_objects; i++) {
		dump.fd = -1;
		__gcov_info_to_gcda(objects[i], open_file, write_file, no_memory, &dump);
		if (dump.fd >= 0)
			call(SYS_close, (void *)dump.fd, 0, 0, 0, 0, 0);
	}
}

/* Every object refers to it; only libgcov's own dump would call it. */
void __gcov_merge_add(int64_t *counters, unsigned n)
{
	(void)counters;
	(void)n;
}
