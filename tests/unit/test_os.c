/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_os.c - system calls, address space, guards, safe reads, the clock, memsan's own memory. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>

#include "lib/lib.h"
#include "lib/lib_internal.h"

#define REQUIRE(condition)                                                 \
	do {                                                               \
		if (!(condition)) {                                        \
			dprintf(2, "line %d: %s\n", __LINE__, #condition); \
			_exit(1);                                          \
		}                                                          \
	} while (0)

/* Runs fn in a child, and expects that fn returns and every REQUIRE in it holds. */
static void child_succeeds(void (*fn)(void *))
{
	char err[500];
	int status = unit_child(fn, NULL, err, sizeof(err));

	if (status != 0)
		fail_msg("child ended with status %#x: %s", status, err);
}

/* ---- mappings -------------------------------------------------------------------------------- */

#define LONG_PATH                                                                  \
	"/a/path/longer/than/the/buffer 7f0000000000-7f0000001000 rwxp 0 08:01 9 " \
	"/that/looks/like/a/line/of/its/own/in/there"

/* Buffers of many sizes, so that the reader refills them at different places of a line.  A path that is too long is
 * cut, and its rest is not taken for a line. */
static void mappings_of_a_file(void **state)
{
	static const char text[] = "00400000-00401000 r-xp 00002000 08:01 77    /bin/a b\n"
				   "7f0000000000-7f0000001000 rw-s 00000000 00:00 0 \n"
				   "no mapping at all\n"
				   "7f0000002000-7f0000003000 ---p 7ffff000 08:01 9 " LONG_PATH LONG_PATH "\n"
				   "7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                          [stack]\n";
	char name[] = "/tmp/test_os_XXXXXX", buffer[400];
	int fd = mkstemp(name);

	(void)state;
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	for (size_t size = 128; size <= sizeof(buffer); size++) {
		struct maps_reader r;
		struct maps_line m;

		assert_int_equal(maps_open(&r, name, buffer, size), 0);
		assert_true(maps_next(&r, &m) && m.start == 0x400000 && m.end == 0x401000 && m.offset == 0x2000);
		assert_true(m.readable && !m.writable && m.executable && m.private);
		assert_string_equal(m.path, "/bin/a b");
		assert_true(maps_next(&r, &m) && m.readable && m.writable && !m.executable && !m.private);
		assert_string_equal(m.path, "");
		assert_true(maps_next(&r, &m) && m.start == 0x7f0000002000 && m.offset == 0x7ffff000 && !m.readable);
		assert_memory_equal(m.path, LONG_PATH, 60);
		assert_true(maps_next(&r, &m) && m.start == 0x7ffc00000000 && m.end == 0x7ffc00021000);
		assert_string_equal(m.path, "[stack]");
		assert_false(maps_next(&r, &m));
		assert_int_equal(maps_close(&r), 0);
	}
	unlink(name);
	assert_int_equal(maps_open(&(struct maps_reader){ 0 }, name, buffer, sizeof(buffer)), -ENOENT);
}

/* ---- files and processes --------------------------------------------------------------------- */

static void files(void **state)
{
	char name[] = "/tmp/test_os_XXXXXX", text[16];
	int made = mkstemp(name), fd;

	(void)state;
	assert_true(made >= 0);
	errno = 77;
	fd = os_open(name, O_RDWR, 0);
	assert_true(fd >= 0);
	assert_int_equal(os_write_all(fd, "hello", 5), 5);
	assert_int_equal(os_pread(fd, text, sizeof(text), 1), 4);
	assert_memory_equal(text, "ello", 4);
	assert_int_equal(os_read(fd, text, sizeof(text)), 0);
	assert_int_equal(os_close(fd), 0);
	assert_int_equal(os_close(fd), -EBADF);
	assert_int_equal(os_read(fd, text, 1), -EBADF);
	assert_int_equal(os_write_all(fd, "x", 1), -EBADF);
	assert_int_equal(os_open("/nonexistent/x", O_RDONLY, 0), -ENOENT);
	assert_int_equal(errno, 77);
	assert_int_equal(os_getpid(), getpid());
	assert_int_equal(os_gettid(), syscall(SYS_gettid));
	close(made);
	unlink(name);
}

/* Without a reader: an error, no signal, and the signal mask as before. */
static void write_without_reader(void *arg)
{
	int ends[2];
	sigset_t set, pending;

	(void)arg;
	signal(SIGPIPE, SIG_DFL);
	REQUIRE(pipe(ends) == 0 && close(ends[0]) == 0);
	REQUIRE(os_write_all(ends[1], "x", 1) == -EPIPE);
	REQUIRE(sigprocmask(SIG_BLOCK, NULL, &set) == 0 && !sigismember(&set, SIGPIPE));
	/* While the program blocks SIGPIPE: our write leaves none pending, and removes none of the program's own. */
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	REQUIRE(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	REQUIRE(os_write_all(ends[1], "x", 1) == -EPIPE);
	REQUIRE(sigpending(&pending) == 0 && !sigismember(&pending, SIGPIPE));
	raise(SIGPIPE);
	REQUIRE(os_write_all(ends[1], "x", 1) == -EPIPE);
	REQUIRE(sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE));
}

static void *drain_slowly(void *arg)
{
	static char sink[1 << 16];
	size_t total = 0;
	ssize_t n;

	while (total < 1 << 20 && (n = read(*(int *)arg, sink, sizeof(sink))) > 0)
		total += (size_t)n;
	return (void *)total;
}

/* os_write_all waits while a nonblocking pipe is full, so that a report does not lose its end. */
static void write_to_full_nonblocking_pipe(void **state)
{
	static char data[1 << 20];
	int ends[2];
	pthread_t reader;
	void *total;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(pthread_create(&reader, NULL, drain_slowly, &ends[0]), 0);
	assert_int_equal(os_write_all(ends[1], data, sizeof(data)), sizeof(data));
	assert_int_equal(pthread_join(reader, &total), 0);
	assert_int_equal((size_t)total, sizeof(data));
	close(ends[0]);
	close(ends[1]);
}

static void writing_is_polite(void **state)
{
	(void)state;
	child_succeeds(write_without_reader);
}

static void abort_in_spite_of_everything(void *arg)
{
	sigset_t all;

	(void)arg;
	signal(SIGABRT, SIG_IGN);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	prctl(PR_SET_DUMPABLE, 0);
	os_abort();
}

static void exit_with_five(void *arg)
{
	(void)arg;
	os_exit_group(5);
}

static void endings(void **state)
{
	int status;

	(void)state;
	status = unit_child(abort_in_spite_of_everything, NULL, NULL, 0);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	status = unit_child(exit_with_five, NULL, NULL, 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 5);
}

/* ---- address space --------------------------------------------------------------------------- */

static void reserve_is_aligned_and_free_of_charge(void **state)
{
	uint64_t seed = 31;

	(void)state;
	for (int i = 0; i < 200; i++) {
		size_t align = (size_t)1 << unit_below(&seed, 31), size = 1 + unit_below(&seed, 1 << 20);
		char *p = os_reserve(size, align);
		assert_non_null(p);
		assert_int_equal((uintptr_t)p % align, 0);
		assert_int_equal(os_safe_read(&(char){ 0 }, p, 1), 0);
		assert_true(os_commit(p, ALIGN_UP(size, PAGE_SIZE), i & 1));
		p[0] = p[size - 1] = 1;
		os_release(p, ALIGN_UP(size, PAGE_SIZE));
	}
	for (int i = 0; i < 50; i++) {
		char *p = os_reserve((size_t)1 << 40, (size_t)1 << 30);
		assert_non_null(p);
		os_release(p, (size_t)1 << 40);
	}
	assert_null(os_reserve(0, 1));
	assert_null(os_reserve(SIZE_MAX, 1));
	assert_null(os_reserve(SIZE_MAX / 2 + 1, 4096));
	assert_null(os_reserve((size_t)1 << 62, (size_t)1 << 61));
}

/* Pages of address space, as the kernel counts them. */
static unsigned long pages_mapped(void)
{
	char text[100] = "";
	int fd = open("/proc/self/statm", O_RDONLY);

	assert_true(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return strtoul(text, NULL, 10);
}

/* Scans must know all of memsan's own memory, also when hundreds of modules are watched. */
static void every_reserve_is_known(void **state)
{
	static char *all[1000];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		all[i] = os_reserve(PAGE_SIZE, PAGE_SIZE);
		assert_non_null(all[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		uintptr_t start = 0, end = 0;

		assert_true(os_is_reserve(all[i]));
		assert_true(os_next_reserve((uintptr_t)all[i], &start, &end));
		assert_true((uintptr_t)all[i] - start < end - start);
	}
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		os_release(all[i], PAGE_SIZE);
		assert_false(os_is_reserve(all[i]));
	}
}

/* os_reserve maps more than asked for because of the alignment, and unmaps all that it does not need. */
static void reserve_returns_what_it_trims(void **state)
{
	unsigned long before = pages_mapped();
	char *p = os_reserve(PAGE_SIZE, (size_t)1 << 30);

	(void)state;
	assert_non_null(p);
	assert_int_equal(pages_mapped(), before + 1);
	os_release(p, PAGE_SIZE);
	assert_int_equal(pages_mapped(), before);
}

/* Is the mapping around p marked as left out of core files ("dd" in its VmFlags)? */
static bool left_out_of_core_files(const char *p)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	unsigned long start, end;
	char line[1024], *flags;
	bool here = false, out = false;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			here = (uintptr_t)p >= start && (uintptr_t)p < end;
		flags = here ? strstr(line, "VmFlags:") : NULL;
		out = out || (flags && strstr(flags, " dd"));
	}
	fclose(f);
	return out;
}

/* PROT_NONE is not enough: gdb's gcore writes such mappings, too. */
static void only_what_is_committed_is_dumped(void **state)
{
	char *p = os_reserve(8 * PAGE_SIZE, PAGE_SIZE);

	(void)state;
	assert_true(left_out_of_core_files(p));
	assert_true(os_commit(p, PAGE_SIZE, true) && os_commit(p + PAGE_SIZE, PAGE_SIZE, false));
	assert_false(left_out_of_core_files(p));
	assert_false(left_out_of_core_files(p + PAGE_SIZE));
	assert_true(left_out_of_core_files(p + 2 * PAGE_SIZE));
	os_release(p, 8 * PAGE_SIZE);
}

static void decommit_gives_zeroes(void **state)
{
	char *p = os_reserve(8 * PAGE_SIZE, PAGE_SIZE);

	(void)state;
	assert_true(os_commit(p, 4 * PAGE_SIZE, false));
	memset(p, 7, 4 * PAGE_SIZE);
	os_decommit(p + PAGE_SIZE, PAGE_SIZE);
	assert_int_equal(p[0], 7);
	assert_null(mem_find_not(p + PAGE_SIZE, 0, PAGE_SIZE));
	if (mlock(p, PAGE_SIZE) == 0) {
		os_decommit(p, PAGE_SIZE);
		assert_int_equal(p[0], 0);
	}
	assert_true(os_protect_none(p, PAGE_SIZE));
	assert_int_equal(os_safe_read(&(char){ 0 }, p, 1), 0);
	assert_true(os_unprotect(p, PAGE_SIZE));
	assert_int_equal(p[0], 0);
	os_release(p, 8 * PAGE_SIZE);
	assert_false(os_commit(p, PAGE_SIZE, false));
}

static void guards_keep_out(void **state)
{
	char *p = os_reserve(4 * PAGE_SIZE, PAGE_SIZE), byte = 1, b[8];

	(void)state;
	assert_true(os_commit(p, 4 * PAGE_SIZE, false));
	memset(p, 7, 4 * PAGE_SIZE);
	if (!os_guard_supported()) { /* Linux before 6.13 */
		assert_false(os_guard_install(p, PAGE_SIZE));
		os_release(p, 4 * PAGE_SIZE);
		return;
	}
	assert_true(os_guard_install(p + PAGE_SIZE, PAGE_SIZE));
	assert_int_equal(os_safe_read(&byte, p + PAGE_SIZE, 1), 0);
	assert_int_equal(os_safe_read(&byte, p + PAGE_SIZE - 1, 1), 1);
	assert_int_equal(byte, 7);
	assert_int_equal(os_safe_read_many((struct os_copy[]){ { b, p, 4 }, { b + 4, p + PAGE_SIZE - 2, 4 } }, 2), 1);
	assert_int_equal(os_safe_read_many((struct os_copy[]){ { b, p + PAGE_SIZE, 1 }, { b + 4, p, 4 } }, 2), 0);
	assert_int_equal(os_safe_read_many((struct os_copy[]){ { b, p, 0 }, { b + 4, p, 4 }, { b, p, 3 } }, 3), 3);
	assert_memory_equal(b, "\7\7\7\7\7\7\7\7", 8);
	assert_true(os_guard_remove(p + PAGE_SIZE, PAGE_SIZE));
	assert_null(mem_find_not(p + PAGE_SIZE, 0, PAGE_SIZE));
	os_release(p, 4 * PAGE_SIZE);
}

static void limited_space(void *arg)
{
	struct rlimit limit = { 1 << 30, RLIM_INFINITY };
	uint64_t left;
	void *p;

	(void)arg;
	REQUIRE(os_address_space_limit() == UINT64_MAX);
	REQUIRE(setrlimit(RLIMIT_AS, &limit) == 0);
	left = os_address_space_limit();
	REQUIRE(left > 100 << 20 && left < 1 << 30);
	p = os_reserve(left - (1 << 20), PAGE_SIZE);
	REQUIRE(p && !os_reserve(2 << 20, PAGE_SIZE));
	REQUIRE(os_address_space_limit() <= 1 << 20);
	REQUIRE(meta_alloc(64 << 20, COST_SLAB) == NULL);
	REQUIRE(meta_alloc(64, COST_SLAB) != NULL);
	limit.rlim_cur = 1;
	REQUIRE(setrlimit(RLIMIT_AS, &limit) == 0 && os_address_space_limit() == 0);
}

static void limits(void **state)
{
	(void)state;
	child_succeeds(limited_space);
}

/* ---- safe reads ------------------------------------------------------------------------------ */

static size_t (*read_safely)(void *dst, const void *src, size_t n) = os_safe_read;

/* Wherever a read begins, it ends exactly where the readable pages end. */
static void read_to_the_edge(void *arg)
{
	char *p = os_reserve(8 * PAGE_SIZE, PAGE_SIZE), *copy = malloc(8 * PAGE_SIZE);
	uint64_t seed = 32;

	(void)arg;
	REQUIRE(p && copy && os_commit(p, 4 * PAGE_SIZE, false));
	for (size_t i = 0; i < 4 * PAGE_SIZE; i++)
		p[i] = (char)unit_random(&seed);
	for (int i = 0; i < 2000; i++) {
		size_t at = unit_below(&seed, 6 * PAGE_SIZE), n = unit_below(&seed, 2 * PAGE_SIZE);
		size_t readable = at >= 4 * PAGE_SIZE ? 0 : MIN(n, 4 * PAGE_SIZE - at);
		memset(copy, 0x11, n);
		REQUIRE(read_safely(copy, p + at, n) == readable);
		REQUIRE(memcmp(copy, p + at, readable) == 0);
	}
	REQUIRE(read_safely(copy, NULL, 8) == 0 && read_safely(copy, (void *)8, 8) == 0);
	REQUIRE(read_safely(copy, (void *)0x8000000000000000, 8) == 0);
	REQUIRE(read_safely(copy, (void *)0xffffffffffffffff, 8) == 0);
	REQUIRE(read_safely(copy, (void *)0x6b6b6b6b6b6b6b6b, 8) == 0);
	REQUIRE(read_safely(copy, p, 0) == 0);
	REQUIRE(os_page_readable(p) && os_page_readable(p + 4 * PAGE_SIZE - 1) && !os_page_readable(p + 4 * PAGE_SIZE));
	REQUIRE(!os_page_readable(NULL) && !os_page_readable((void *)0xffffffffffffffff) &&
	        os_page_readable((void *)&read_to_the_edge));
	errno = 5;
	read_safely(copy, NULL, 1);
	REQUIRE(errno == 5);
	os_release(p, 8 * PAGE_SIZE);
	free(copy);
}

static void recover(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info;
	REQUIRE(arch_probe_recover((uint64_t *)((ucontext_t *)context)->uc_mcontext.gregs));
}

static void read_to_the_edge_by_loads(void *arg)
{
	struct sigaction act = { .sa_sigaction = recover, .sa_flags = SA_SIGINFO };

	REQUIRE(sigaction(SIGSEGV, &act, NULL) == 0 && sigaction(SIGBUS, &act, NULL) == 0);
	read_safely = os_probe_read;
	read_to_the_edge(arg);
}

static void without_descriptors(void *arg)
{
	struct rlimit none = { 0, 0 };

	for (int fd = 0; fd < 100; fd++)
		if (fd != 2)
			close(fd);
	REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
	read_to_the_edge(arg);
}

/* A seccomp filter that kills the process for process_vm_readv, as the filter of a sandbox may. */
static void under_filter(void *arg)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	REQUIRE(!os_under_seccomp());
	REQUIRE(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
	REQUIRE(os_under_seccomp());
	read_to_the_edge(arg);
}

static void safe_reads(void **state)
{
	(void)state;
	child_succeeds(read_to_the_edge);
	child_succeeds(read_to_the_edge_by_loads);
	child_succeeds(without_descriptors);
	if (!os_under_seccomp())
		child_succeeds(under_filter);
}

/* ---- filters of system calls ----------------------------------------------------------------- */

#define ALLOWS(mask, call) (((mask) >> (call)) & 1)
#define RUN(code) bpf_calls_allowed(code, sizeof(code) / sizeof((code)[0]))
#define DATA(field) ((unsigned)offsetof(struct seccomp_data, field))
#define DO(class, k) (struct sock_filter) BPF_STMT(class, k)
#define IF(test, k, yes, no) (struct sock_filter) BPF_JUMP(BPF_JMP | (test) | BPF_K, k, yes, no)
#define LOAD(field) DO(BPF_LD | BPF_W | BPF_ABS, DATA(field))

/* What a filter answers is what the kernel would do. */
static void filters_are_run(void **state)
{
	const struct sock_filter all[] = { DO(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	const struct sock_filter logged[] = { DO(BPF_RET | BPF_K, SECCOMP_RET_LOG) };
	const struct sock_filter refused[] = { DO(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1) };
	const struct sock_filter endless[] = { LOAD(nr) };
	/* As libseccomp writes them: the machine, x32's bit, a tree of numbers, an argument. */
	const struct sock_filter tree[] = {
		LOAD(arch),
		IF(BPF_JEQ, ARCH_AUDIT, 0, 9),
		LOAD(nr),
		IF(BPF_JGE, 0x40000000, 7, 0),
		IF(BPF_JGT, SYS_rt_sigaction, 3, 0),
		IF(BPF_JEQ, SYS_rt_sigaction, 4, 0),
		IF(BPF_JEQ, SYS_poll, 3, 0),
		IF(BPF_JA, 3, 0, 0),
		LOAD(args[0]),
		IF(BPF_JEQ, SIG_UNBLOCK, 1, 0), /* any call above rt_sigaction whose first argument is not 1 */
		DO(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		DO(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	/* (nr + 3) - 3 through memory and x; the answer is computed: ALLOW for rt_sigpending alone. */
	const struct sock_filter computed[] = {
		LOAD(nr),
		DO(BPF_ALU | BPF_ADD | BPF_K, 3),
		DO(BPF_ST, 5),
		DO(BPF_LDX | BPF_W | BPF_IMM, 3),
		DO(BPF_LD | BPF_W | BPF_MEM, 5),
		DO(BPF_ALU | BPF_SUB | BPF_X, 0),
		DO(BPF_MISC | BPF_TAX, 0),
		DO(BPF_LD | BPF_W | BPF_IMM, SYS_rt_sigpending),
		(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 2),
		DO(BPF_LD | BPF_W | BPF_IMM, SECCOMP_RET_ALLOW >> 1),
		DO(BPF_ALU | BPF_LSH | BPF_K, 1),
		DO(BPF_RET | BPF_A, 0),
	};
	/* A bit of the size of sigset_t, which stands in the fourth argument of some calls. */
	const struct sock_filter bit[] = {
		LOAD(args[3]),
		IF(BPF_JSET, 8, 0, 1),
		DO(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		DO(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	};
	uint32_t mask;

	(void)state;
	assert_int_equal(RUN(all), ~0u);
	assert_int_equal(RUN(logged), ~0u);
	for (enum os_call call = OS_CALL_SIGPROCMASK; call <= OS_CALL_NEWFSTATAT; call++) {
		assert_false(ALLOWS(RUN(refused), call));
		assert_false(ALLOWS(RUN(endless), call));
		assert_int_equal(ALLOWS(RUN(computed), call), call == OS_CALL_SIGPENDING);
		assert_int_equal(ALLOWS(RUN(bit), call), call == OS_CALL_SIGPROCMASK || call == OS_CALL_SIGTIMEDWAIT ||
		                                                 call == OS_CALL_SIGACTION);
	}
	mask = RUN(tree);
	assert_true(ALLOWS(mask, OS_CALL_POLL) && ALLOWS(mask, OS_CALL_SIGACTION));
	assert_true(ALLOWS(mask, OS_CALL_SIGPROCMASK) && ALLOWS(mask, OS_CALL_PPOLL));
	assert_false(ALLOWS(mask, OS_CALL_FSTAT));
}

/* ---- clock ----------------------------------------------------------------------------------- */

static void jiffies_follow_the_clock(void **state)
{
	struct timespec pause = { 0, 300000000 };
	uint32_t before = jiffies_now(), passed;
	uint64_t ms = clock_coarse_ms(), now;
	struct timespec ts;

	(void)state;
	assert_int_not_equal(before, 0);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
	assert_in_range(ms, now - 3000, now);
	while (nanosleep(&pause, &pause) != 0)
		;
	passed = jiffies_now() - before;
	assert_in_range(passed, 28, 1000);
}

static void jiffies_never_go_back(void **state)
{
	uint32_t last = jiffies_now();

	(void)state;
	for (int i = 0; i < 1000000; i++) {
		uint32_t now = jiffies_now();
		assert_true(now >= last);
		last = now;
	}
}

/* ---- memory under a filter ------------------------------------------------------------------- */

static struct sock_fprog *filter_without_memory_calls(void)
{
	static struct sock_filter kills[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	static struct sock_fprog program = { ARRAY_SIZE(kills), kills };

	return &program;
}

static void child_without_memory_calls(void *arg)
{
	char *p = os_reserve(4 * PAGE_SIZE, PAGE_SIZE);

	(void)arg;
	REQUIRE(p && os_commit(p, PAGE_SIZE, false));
	memset(p, 7, PAGE_SIZE);
	os_note_seccomp(filter_without_memory_calls());
	REQUIRE(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	REQUIRE(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter_without_memory_calls()) == 0);
	os_decommit(p, PAGE_SIZE);
	REQUIRE(!mem_find_not(p, 0, PAGE_SIZE));
	REQUIRE(os_open_empty(p + PAGE_SIZE, PAGE_SIZE));
	memset(p + PAGE_SIZE, 7, PAGE_SIZE);
}

/* The kernel has refused it. */
static void child_forgets_a_filter(void *arg)
{
	struct os_filters before = os_filters_now();

	(void)arg;
	REQUIRE(os_filter_allows(OS_CALL_MPROTECT));
	os_note_seccomp(filter_without_memory_calls());
	REQUIRE(os_filter_set() && !os_filter_allows(OS_CALL_MPROTECT) && !os_filter_allows(OS_CALL_DONTNEED));
	os_filters_back(before);
	REQUIRE(!os_filter_set() && os_filter_allows(OS_CALL_MPROTECT) && os_filter_allows(OS_CALL_DONTNEED));
}

static void memory_under_a_filter(void **state)
{
	(void)state;
	child_succeeds(child_without_memory_calls);
	child_succeeds(child_forgets_a_filter);
}

/* What Linux counts as data, in KiB. */
static long data_of_this_process(void)
{
	char text[4096];
	const char *line;

	REQUIRE(os_read_text("/proc/self/status", text, sizeof(text)));
	line = strstr(text, "VmData:");
	REQUIRE(line);
	return atol(line + 7);
}

static void child_sets_a_limit_later(void *arg)
{
	struct stepped_reserve s;
	long before;

	(void)arg;
	REQUIRE(stepped_reserve_init(&s, 4096 * PAGE_SIZE, 16 * PAGE_SIZE));
	REQUIRE(stepped_reserve_reach(&s, 1));
	os_limit_data();
	before = data_of_this_process();
	REQUIRE(stepped_reserve_reach(&s, 4096 * PAGE_SIZE));
	memset(s.base, 1, 4096 * PAGE_SIZE);
	REQUIRE(data_of_this_process() - before < 4096);
}

static void steps_under_a_later_limit_do_not_count(void **state)
{
	(void)state;
	child_succeeds(child_sets_a_limit_later);
}

/* ---- memsan's own memory --------------------------------------------------------------------- */

static void stepped_reserve_grows(void **state)
{
	struct stepped_reserve s;

	(void)state;
	assert_true(stepped_reserve_init(&s, 10 * PAGE_SIZE + 1, 3 * PAGE_SIZE));
	assert_int_equal(s.reserved, 12 * PAGE_SIZE);
	assert_int_equal(s.committed, 0);
	assert_true(stepped_reserve_reach(&s, 0));
	assert_int_equal(s.committed, 0);
	assert_true(stepped_reserve_reach(&s, 1));
	assert_int_equal(s.committed, 3 * PAGE_SIZE);
	s.base[3 * PAGE_SIZE - 1] = 1;
	assert_int_equal(os_safe_read(&(char){ 0 }, s.base + 3 * PAGE_SIZE, 1), 0);
	assert_true(stepped_reserve_reach(&s, 12 * PAGE_SIZE));
	s.base[12 * PAGE_SIZE - 1] = 1;
	assert_true(stepped_reserve_reach(&s, 5));
	assert_false(stepped_reserve_reach(&s, 12 * PAGE_SIZE + 1));
	assert_false(stepped_reserve_reach(&s, SIZE_MAX));
	os_release(s.base, s.reserved);
	assert_false(stepped_reserve_init(&s, (size_t)1 << 62, PAGE_SIZE));
	assert_false(stepped_reserve_reach(&s, 1));
}

#define PIECES 3000

static int by_address(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Pieces are aligned, zeroed and counted, and do not overlap. */
static void meta_pieces_are_apart(void **state)
{
	static char *piece[PIECES];
	uint64_t seed = 33, before = meta_bytes(COST_FENCE), total = 0;

	(void)state;
	for (size_t i = 0; i < PIECES; i++) {
		size_t size = 16 + unit_below(&seed, i % 100 ? 5000 : 1 << 20);
		piece[i] = meta_alloc(size, COST_FENCE);
		assert_non_null(piece[i]);
		assert_int_equal((uintptr_t)piece[i] % 16, 0);
		assert_null(mem_find_not(piece[i], 0, size));
		memset(piece[i], (int)i | 1, size);
		*(size_t *)piece[i] = size;
		total += ALIGN_UP(size, 16);
	}
	assert_int_equal(meta_bytes(COST_FENCE) - before, total);
	qsort(piece, PIECES, sizeof(piece[0]), by_address);
	for (size_t i = 1; i < PIECES; i++)
		assert_true(piece[i - 1] + *(size_t *)piece[i - 1] <= piece[i]);
	assert_non_null(meta_alloc(100 << 20, COST_FENCE));
	assert_null(meta_alloc(0, COST_FENCE));
	assert_null(meta_alloc(SIZE_MAX, COST_FENCE));
	assert_null(meta_alloc((size_t)1 << 60, COST_FENCE));
	meta_account(COST_LEAK, 500);
	meta_account(COST_LEAK, -200);
	assert_int_equal(meta_bytes(COST_LEAK), 300);
	assert_string_equal(meta_name(COST_DEPOT), "stack depot");
	assert_string_equal(meta_name(COST_NR), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files),
		cmocka_unit_test(mappings_of_a_file),
		cmocka_unit_test(writing_is_polite),
		cmocka_unit_test(write_to_full_nonblocking_pipe),
		cmocka_unit_test(endings),
		cmocka_unit_test(reserve_is_aligned_and_free_of_charge),
		cmocka_unit_test(reserve_returns_what_it_trims),
		cmocka_unit_test(only_what_is_committed_is_dumped),
		cmocka_unit_test(decommit_gives_zeroes),
		cmocka_unit_test(guards_keep_out),
		cmocka_unit_test(limits),
		cmocka_unit_test(safe_reads),
		cmocka_unit_test(filters_are_run),
		cmocka_unit_test(jiffies_follow_the_clock),
		cmocka_unit_test(every_reserve_is_known),
		cmocka_unit_test(jiffies_never_go_back),
		cmocka_unit_test(memory_under_a_filter),
		cmocka_unit_test(steps_under_a_later_limit_do_not_count),
		cmocka_unit_test(stepped_reserve_grows),
		cmocka_unit_test(meta_pieces_are_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
