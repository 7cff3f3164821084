/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_fence_old_kernel.c - fences on a kernel without guard regions. A seccomp filter refuses guard
 * regions, as Linux before 6.13 does. */
#include "config.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "tests/unit/unit.h"

#include "fence/fence_internal.h"

/* madvise fails with EINVAL for MADV_GUARD_INSTALL (102) and MADV_GUARD_REMOVE (103). */
static void refuse_guards(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 102, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 103, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { ARRAY_SIZE(code), code };

	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

static void start(unsigned fence)
{
	refuse_guards();
	options_set_defaults(&options);
	options.mode = MODE_PRODUCTION;
	options.fence = fence;
	options.fence_num_objects = 50;
	options.fence_skip_covered_thresh = 100;
	reports_init(false);
	assert_true(slab_init() && fence_init() && !os_guard_supported());
}

#define MUST(x)                                                    \
	do {                                                       \
		if (!(x)) {                                        \
			dprintf(2, "line %d: %s\n", __LINE__, #x); \
			_exit(1);                                  \
		}                                                  \
	} while (0)

static void sampled(void *arg)
{
	(void)arg;
	start(FENCE_SAMPLE);
	for (int i = 0; i < 500; i++) {
		char *p = fence_alloc(100, 16, SLAB_API_MALLOC, NULL);

		MUST(p && !mem_find_not(p, 0, 100));
		memset(p, 7, 100);
		MUST(!os_page_readable((void *)(ALIGN_DOWN((uintptr_t)p, PAGE_SIZE) - 1)));
		MUST(!os_page_readable((void *)(ALIGN_DOWN((uintptr_t)p, PAGE_SIZE) + PAGE_SIZE)));
		fence_free(p, SLAB_API_MALLOC, SIZE_MAX, NULL);
		MUST(!os_page_readable(p));
	}
}

/* fence=all fences everything until the kernel gives no more mappings. Then memsan goes over to sampling, says so in
 * one line, and objects that are fenced already stay valid. */
static void everything(void *arg)
{
	static char *blocks[70000];
	size_t n = 0;
	char *own;

	(void)arg;
	start(FENCE_ALL);
	while (fence_all) {
		MUST(n < ARRAY_SIZE(blocks));
		blocks[n] = fence_alloc(64, 16, SLAB_API_MALLOC, NULL);
		if (blocks[n])
			memset(blocks[n++], 3, 64);
	}
	MUST(n > 1000);
	/* The program can still make mappings of its own. */
	own = mmap(NULL, (size_t)8000 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
	           -1, 0);
	MUST(own != MAP_FAILED);
	for (size_t i = 0; i < 8000; i += 2)
		MUST(mprotect(own + i * PAGE_SIZE, PAGE_SIZE, PROT_READ) == 0);
	/* Some of these allocations may be fenced; none may crash. */
	for (int i = 0; i < 100; i++) {
		void *p = fence_alloc(64, 16, SLAB_API_MALLOC, NULL);

		if (p)
			fence_free(p, SLAB_API_MALLOC, SIZE_MAX, NULL);
	}
	while (n-- > 0)
		fence_free(blocks[n], SLAB_API_MALLOC, SIZE_MAX, NULL);
	MUST(live_counters.fence_bugs == 0 && live_counters.fence_live == 0);
	MUST(fence_alloc(64, 16, SLAB_API_MALLOC, NULL) != NULL);
}

static void test_sampled(void **state)
{
	char err[1000];
	int status;

	(void)state;
	status = unit_child(sampled, NULL, err, sizeof(err));
	assert_string_equal(err, "");
	assert_int_equal(status, 0);
}

static void test_everything(void **state)
{
	char err[1000];
	int status;

	(void)state;
	status = unit_child(everything, NULL, err, sizeof(err));
	if (!strstr(err, "the kernel gives no more mappings") || strchr(err, '\n') != err + strlen(err) - 1)
		fail_msg("one line wanted, not: %s", err);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_sampled), cmocka_unit_test(test_everything) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
