/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_modules.c - the module of a pc, also when it has been unloaded; stacks through libraries that come
 * and go. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "reports/reports_internal.h"
#include "tests/unit/unit.h"

#define HELPER "tests/unit/.libs/module_helper.so"

typedef int (*helper_call)(int (*fn)(void *), void *arg);

static char folder[] = "/tmp/memsan-test-modules.XXXXXX";

/* A copy of the file: the same code, but another library for ld.so; with another build id, if `id` is one. */
static const char *copy_rebuilt(unsigned i, const struct module_info *id)
{
	static char path[200], data[1 << 17];
	int from = open(HELPER, O_RDONLY);
	ssize_t n = from < 0 ? -1 : read(from, data, sizeof(data));
	char *at = id && n > 0 ? memmem(data, (size_t)n, id->build_id, id->build_id_len) : NULL;
	int to;

	assert_true(!id || at);
	if (at)
		at[id->build_id_len - 1]++;
	snprintf(path, sizeof(path), "%s/copy%u.so", folder, i);
	to = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0700);
	assert_true(n > 0 && to >= 0 && write(to, data, (size_t)n) == n);
	close(from);
	close(to);
	return path;
}

static const char *copy_helper(unsigned i)
{
	return copy_rebuilt(i, NULL);
}

static void *helper_open_rebuilt(unsigned i, const struct module_info *id)
{
	const char *path = copy_rebuilt(i, id);
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	unlink(path);
	assert_non_null(library);
	return library;
}

static void *helper_open(unsigned i)
{
	return helper_open_rebuilt(i, NULL);
}

static void helper_close(void *library)
{
	void *snapshot = modules_before_dlclose();

	dlclose(library);
	if (modules_after_dlclose(snapshot))
		unwind_flush();
}

static uintptr_t helper_pc(void *library)
{
	return (uintptr_t)dlsym(library, "module_helper_call") + 4;
}

static void next_jiffy(void)
{
	struct timespec tick = { 0, 2000000 };
	uint32_t now = jiffies_now();

	while (jiffies_now() == now)
		nanosleep(&tick, NULL);
}

static void expect_copy(uintptr_t pc, uint32_t when, unsigned copy, bool unloaded)
{
	struct module_info info;
	char name[30];

	snprintf(name, sizeof(name), "/copy%u.so", copy);
	assert_true(module_find(pc, when, &info));
	assert_non_null(strstr(info.path, name));
	assert_int_equal(info.unloaded, unloaded);
	assert_true(pc >= info.start && pc < info.end && info.bias == info.start);
	assert_true(info.build_id_len > 0 && info.build_id_len <= BUILD_ID_MAX);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void test_live(void **state)
{
	struct module_info info;
	char exe[MODULE_PATH_MAX] = "";

	(void)state;
	assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	assert_true(module_find((uintptr_t)test_live, 0, &info));
	assert_string_equal(info.path, exe);
	assert_false(info.unloaded);
	assert_true(module_find((uintptr_t)dlsym(RTLD_DEFAULT, "strtol"), jiffies_now(), &info));
	assert_non_null(strstr(info.path, "libc"));
	for (uintptr_t bad = 1; bad; bad <<= 9)
		assert_false(module_find(bad, 0, &info));
	assert_false(module_find(0, 0, &info));
	assert_false(module_find(UINTPTR_MAX, 0, &info));
	assert_false(module_find((uintptr_t)&info, 0, &info));
	assert_false(module_is_self((uintptr_t)test_live));
}

/* ---- a dlclose frees what ld.so has told ----------------------------------------------------- */

static uintptr_t freed_pc;                           /* this module's link map is freed at the moment */
static struct link_map *(*freed_map)(unsigned call); /* what is there then */
static unsigned nr_asked;

int __real__dl_find_object(void *pc, struct dl_find_object *found);
int __wrap__dl_find_object(void *pc, struct dl_find_object *found);
int __wrap__dl_find_object(void *pc, struct dl_find_object *found)
{
	int r = __real__dl_find_object(pc, found);

	if (r == 0 && freed_map && freed_pc >= (uintptr_t)found->dlfo_map_start &&
	    freed_pc < (uintptr_t)found->dlfo_map_end)
		found->dlfo_link_map = freed_map(nr_asked++);
	return r;
}

/* With fence=all. */
static struct link_map *closed_page(unsigned call)
{
	static void *page;

	(void)call;
	if (!page)
		page = mmap(NULL, PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return page;
}

/* Freed and used for something else; then ld.so has loaded another module at the same place. */
static struct link_map *garbage(unsigned call)
{
	static struct link_map maps[2];

	memset(maps, 0x6b, sizeof(maps));
	return &maps[call % 2];
}

static void test_freed_link_maps(void **state)
{
	struct link_map *(*const kinds[])(unsigned) = { closed_page, garbage };
	struct module_info info;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		void *library = helper_open(0), *snapshot;

		freed_pc = helper_pc(library);
		freed_map = kinds[i];
		assert_true(!module_find(freed_pc, 0, &info) || info.unloaded); /* as the one before was */
		assert_true(module_find((uintptr_t)test_live, 0, &info));
		snapshot = modules_before_dlclose();
		assert_non_null(snapshot);
		assert_false(modules_after_dlclose(snapshot));
		freed_map = NULL;
		snapshot = modules_before_dlclose();
		freed_map = kinds[i];
		assert_true(modules_after_dlclose(snapshot));
		freed_map = NULL;
		dlclose(library);
	}
}

static void test_by_time(void **state)
{
	uintptr_t pcs[6];
	uint32_t when[6];
	unsigned last = 0; /* at the first one's place */

	(void)state;
	/* Copies 0 and 1 in turn: ld.so usually maps each at the address of the one before. */
	for (unsigned i = 0; i < 6; i++) {
		void *library = helper_open(i % 2);
		pcs[i] = helper_pc(library);
		next_jiffy();
		when[i] = jiffies_now();
		for (unsigned k = 0; k < i; k++)
			expect_copy(pcs[k], when[k], k % 2, true);
		expect_copy(pcs[i], when[i], i % 2, false);
		expect_copy(pcs[i], 0, i % 2, false);
		helper_close(library);
		next_jiffy();
		for (unsigned k = 0; k <= i; k++)
			expect_copy(pcs[k], when[k], k % 2, true);
	}
	for (unsigned i = 1; i < 6; i++)
		last = pcs[i] == pcs[0] ? i : last;
	expect_copy(pcs[0], 0, last % 2, true);
	if (!last)
		skip(); /* ld.so used different places */
}

static struct module_info found_at(uintptr_t pc, uint32_t when)
{
	struct module_info info;

	memset(&info, 0, sizeof(info));
	module_find(pc, when, &info);
	return info;
}

static void expect_build(uintptr_t pc, uint32_t when, const struct module_info *build)
{
	struct module_info info = found_at(pc, when);

	assert_true(info.unloaded && info.build_id_len == build->build_id_len);
	assert_memory_equal(info.build_id, build->build_id, build->build_id_len);
}

/* A library that was rebuilt between dlclose and dlopen has the same name and place. Both are remembered, each from its
 * first byte to its last. */
static void test_rebuilt(void **state)
{
	struct module_info old, new;
	uint32_t when_old, when_new;
	uintptr_t pc;
	void *library;

	(void)state;
	library = helper_open(500);
	pc = helper_pc(library);
	old = found_at(pc, 0);
	next_jiffy();
	when_old = jiffies_now();
	helper_close(library);
	next_jiffy();
	library = helper_open_rebuilt(500, &old);
	new = found_at(helper_pc(library), 0);
	next_jiffy();
	when_new = jiffies_now();
	helper_close(library);
	if (new.start != old.start)
		skip(); /* ld.so used different places */
	assert_memory_not_equal(new.build_id, old.build_id, old.build_id_len);
	expect_build(pc, when_old, &old);
	expect_build(pc, when_new, &new);
	expect_build(pc, 0, &new);
	expect_build(new.start, when_new, &new);
	expect_build(new.end - 1, when_new, &new);
	assert_null(strstr(found_at(new.end, when_new).path, "copy500"));
	assert_null(strstr(found_at(new.end, 0).path, "copy500"));
	assert_null(strstr(found_at(new.start - 1, when_new).path, "copy500"));
}

/* ---- in reports ------------------------------------------------------------------------------ */

static struct report_record *record_begin(void)
{
	struct report_record *r;

	str_copy(options.report_file, "/dev/null", sizeof(options.report_file));
	options.symbolize = false;
	reports_init(false);
	reports_configure();
	r = report_begin(REPORT_DOUBLE_FREE, "slab");
	assert_non_null(r);
	return r;
}

static void expect_frame(const struct report_record *r, uint32_t stack, const struct module_info *build)
{
	const struct report_module *m = report_frame_module(r, &r->stacks[stack].frames[0]);

	assert_non_null(m);
	assert_memory_equal(m->build_id, build->build_id, build->build_id_len);
}

/* One pc in stacks of two times was in two libraries. */
static void test_stacks_of_two_times(void **state)
{
	struct module_info old, new;
	struct report_record *r;
	uint32_t when_old, when_new;
	uintptr_t pc, other;
	void *library;

	(void)state;
	library = helper_open(502);
	pc = helper_pc(library);
	old = found_at(pc, 0);
	next_jiffy();
	when_old = jiffies_now();
	helper_close(library);
	next_jiffy();
	library = helper_open_rebuilt(502, &old);
	new = found_at(helper_pc(library), 0);
	other = helper_pc(library);
	next_jiffy();
	when_new = jiffies_now();
	helper_close(library);
	r = record_begin();
	report_add_handle(r, STACK_ALLOC, depot_save(&pc, 1), 0, when_old);
	report_add_handle(r, STACK_FREE, depot_save(&other, 1), 0, when_new);
	report_add_handle(r, STACK_ACCESS, depot_save(&pc, 1), 0, when_old);
	record_complete(r);
	expect_frame(r, 0, &old);
	expect_frame(r, 1, &new);
	expect_frame(r, 2, &old);
	assert_int_equal(r->nr_modules, 2);
	report_end(r);
	if (pc != other)
		skip(); /* ld.so used different places */
}

/* Stacks through more modules than a record has room for: the first ones are named, and nothing behind the table is
 * written. */
static void test_too_many_modules(void **state)
{
	static void *libraries[REPORT_MODULES + 8];
	uintptr_t pcs[REPORT_FRAMES];
	struct report_record *r = record_begin();
	uint32_t named = 0, frames = 0, n = 0;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(libraries); i++) {
		libraries[i] = helper_open(600 + i);
		pcs[n++] = helper_pc(libraries[i]);
		if (n == REPORT_FRAMES || i + 1 == ARRAY_SIZE(libraries)) {
			report_add_handle(r, STACK_ACCESS, depot_save(pcs, n), 0, 0);
			n = 0;
		}
	}
	record_complete(r);
	assert_int_equal(r->nr_modules, REPORT_MODULES);
	assert_true(report_record_valid(r, sizeof(*r)));
	for (uint32_t i = 0; i < r->nr_stacks; i++)
		for (uint32_t k = 0; k < r->stacks[i].nr_frames; k++, frames++)
			named += report_frame_module(r, &r->stacks[i].frames[k]) != NULL;
	assert_int_equal(frames, ARRAY_SIZE(libraries));
	assert_int_equal(named, REPORT_MODULES);
	report_end(r);
	for (unsigned i = 0; i < ARRAY_SIZE(libraries); i++)
		helper_close(libraries[i]);
}

/* Another thread loads the rebuilt library at the place of the one that this thread closes, before this thread looks
 * which ones are gone. */
static void test_rebuilt_meanwhile(void **state)
{
	void *library = helper_open(501), *snapshot, *again;
	uintptr_t pc = helper_pc(library);
	struct module_info old = found_at(pc, 0);
	bool gone, same_place;

	(void)state;
	snapshot = modules_before_dlclose();
	assert_non_null(snapshot);
	dlclose(library);
	again = helper_open_rebuilt(501, &old);
	gone = modules_after_dlclose(snapshot);
	same_place = helper_pc(again) == pc;
	assert_true(gone);
	next_jiffy();
	assert_true(!same_place || !found_at(pc, jiffies_now()).unloaded);
	helper_close(again);
	if (!same_place)
		skip(); /* ld.so used different places */
}

static void test_many(void **state)
{
	struct module_info info;
	uintptr_t pc = 0;
	uint64_t bytes;
	void *library, *again;

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		library = helper_open(10 + i);
		pc = helper_pc(library);
		helper_close(library);
		expect_copy(pc, 0, 10 + i, true);
	}
	bytes = meta_bytes(COST_UNWIND);
	for (unsigned i = 0; i < 300; i++) {
		library = helper_open(10 + i % 2);
		helper_close(library);
	}
	assert_int_equal(meta_bytes(COST_UNWIND), bytes);
	/* dlclose that unloads nothing, because libc has other users, must not mark any library as unloaded. */
	library = helper_open(1);
	again = dlopen("libc.so.6", RTLD_NOW);
	helper_close(again);
	next_jiffy(); /* in the same jiffy, the pc could belong to the library before it */
	assert_true(module_find(helper_pc(library), jiffies_now(), &info));
	assert_false(info.unloaded);
	helper_close(library);
}

/* ---- stacks through libraries that come and go ----------------------------------------------- */

#define FRAMES 100
static volatile int stop;

static int walk_here(void *arg)
{
	struct unwind_regs regs;
	uintptr_t pcs[FRAMES], saved[FRAMES];
	size_t expected = *(size_t *)arg, n, m;

	UNWIND_HERE(&regs);
	n = unwind_walk(&regs, pcs, FRAMES);
	m = depot_fetch(unwind_save(&regs), saved, FRAMES);
	if (n != m || memcmp(pcs, saved, n * sizeof(uintptr_t)) != 0 || (expected && n != expected))
		return -1;
	return (int)n;
}

/* The same code gives the same number of frames each time that it is loaded, at the same address or another, while a
 * second thread loads and unloads its own copy. */
static void *load_walk_unload(void *arg)
{
	unsigned number = *(unsigned *)arg;
	size_t expected = 0;
	uintptr_t failed = 0;

	for (unsigned i = 0; i < 60 && !failed; i++) {
		helper_call call;
		char path[200];
		void *library;

		snprintf(path, sizeof(path), "%s/thread%u.so", folder, number);
		library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		if (!library)
			return (void *)1;
		call = (helper_call)dlsym(library, "module_helper_call");
		for (int k = 0; k < 5; k++) {
			int n = call(walk_here, &expected);
			if (n < 3)
				failed = 2 + i;
			expected = (size_t)n;
		}
		helper_close(library);
	}
	return (void *)failed;
}

static void *ask_all_the_time(void *arg)
{
	struct module_info info;

	(void)arg;
	while (!READ_ONCE(stop))
		if (!module_find((uintptr_t)ask_all_the_time, 1, &info) &&
		    !module_find((uintptr_t)ask_all_the_time, 0, &info))
			return (void *)1;
	return NULL;
}

static void child_asks(void *arg)
{
	struct module_info info;

	lib_fork_child();
	module_find((uintptr_t)arg, 1, &info);
	if (!module_find((uintptr_t)child_asks, 0, &info))
		_exit(2);
	/* No dlopen here: at the fork another thread may have been inside of dlopen, and libc does not repair its
	 * state in the child. */
}

static void test_beside_each_other(void **state)
{
	static unsigned numbers[] = { 0, 1 };
	pthread_t threads[3];
	char path[2][200], err[100];
	void *result;
	int status;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		const char *copy = copy_helper(1000 + i);
		snprintf(path[i], sizeof(path[i]), "%s/thread%u.so", folder, i);
		assert_int_equal(rename(copy, path[i]), 0);
		assert_int_equal(pthread_create(&threads[i], NULL, load_walk_unload, &numbers[i]), 0);
	}
	assert_int_equal(pthread_create(&threads[2], NULL, ask_all_the_time, NULL), 0);
	for (int i = 0; i < 10; i++) {
		lib_fork_prepare();
		status = unit_child(child_asks, (void *)test_many, err, sizeof(err));
		lib_fork_parent();
		assert_int_equal(status, 0);
	}
	for (unsigned i = 0; i < 2; i++) {
		pthread_join(threads[i], &result);
		assert_null(result);
		unlink(path[i]);
	}
	WRITE_ONCE(stop, 1);
	pthread_join(threads[2], &result);
	assert_null(result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_live),
		cmocka_unit_test(test_freed_link_maps),
		cmocka_unit_test(test_by_time),
		cmocka_unit_test(test_rebuilt),
		cmocka_unit_test(test_rebuilt_meanwhile),
		cmocka_unit_test(test_stacks_of_two_times),
		cmocka_unit_test(test_too_many_modules),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_beside_each_other),
	};
	int failed;

	options_set_defaults(&options);
	modules_start();
	if (!mkdtemp(folder))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	return failed;
}
