/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_watch_entry.c - which modules are watched, and entries that change while other threads run them. */
#include <pthread.h>
#include <sys/mman.h>

#include "tests/unit/unit.h"
#include "watch/watch_internal.h"

/* ---- choose.c -------------------------------------------------------------------------------- */

static void test_choose(void **state)
{
	static const struct {
		const char *list, *path;
		bool program;
		enum choice choice;
	} rows[] = {
		{ "on", "/usr/bin/sort", true, CHOICE_YES },
		{ "on", "/opt/app/libapp.so.1", false, CHOICE_YES },
		{ "on", "/usr/lib/x86_64-linux-gnu/libz.so.1", false, CHOICE_NO },
		{ "on", "/lib/x86_64-linux-gnu/libc.so.6", false, CHOICE_EXCLUDED },
		{ "all", "/lib/x86_64-linux-gnu/libc.so.6", false, CHOICE_EXCLUDED },
		{ "all", "/build/.libs/libmemsan.so.1", false, CHOICE_EXCLUDED },
		{ "all", "/lib64/ld-linux-x86-64.so.2", false, CHOICE_EXCLUDED },
		{ "all", "/usr/lib/x86_64-linux-gnu/libz.so.1", false, CHOICE_YES },
		{ "all,!libz", "/usr/lib/x86_64-linux-gnu/libz.so.1", false, CHOICE_NO },
		{ "all,!libz", "/usr/lib/x86_64-linux-gnu/libzstd.so.1", false, CHOICE_YES },
		{ "libz.so", "/usr/lib/x86_64-linux-gnu/libz.so.1", false, CHOICE_YES },
		{ "libz.so", "/home/user/prog", true, CHOICE_NO },
		{ "main", "/home/user/prog", true, CHOICE_YES },
		{ "main", "/home/user/libmain.so", false, CHOICE_NO },
		{ "prog", "/home/user/prog", true, CHOICE_YES },
		{ "lib*", "/usr/lib/x86_64-linux-gnu/libz.so.1", false, CHOICE_YES },
		{ "/opt/*", "/opt/app/libapp.so.1", false, CHOICE_YES },
		{ "explain", "/home/user/prog", true, CHOICE_YES },
		{ "explain", "/usr/lib/x86_64-linux-gnu/libz.so.1", false, CHOICE_NO },
		{ "explain,libz", "/home/user/prog", true, CHOICE_NO },
		{ "!libapp", "/opt/app/libapp.so.1", false, CHOICE_NO },
		{ "!libapp", "/home/user/prog", true, CHOICE_YES },
		{ " main , libz ", "/usr/lib/x86_64-linux-gnu/libz.so.1", false, CHOICE_YES },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (choose_module(rows[i].list, rows[i].path, rows[i].program) != rows[i].choice)
			fail_msg("'%s' of '%s' is %d", rows[i].path, rows[i].list, rows[i].choice);
	/* Of the system's modules only those that the list names. */
	assert_true(choose_tells("all", "/home/me/prog", true));
	assert_true(choose_tells("all", "/usr/bin/prog", true));
	assert_true(choose_tells("all", "/home/me/libmine.so", false));
	assert_false(choose_tells("all", "/usr/lib/libLLVM-14.so.1", false));
	assert_true(choose_tells("all,explain", "/usr/lib/libLLVM-14.so.1", false));
	assert_true(choose_tells("main,libLLVM*", "/usr/lib/libLLVM-14.so.1", false));
	assert_false(choose_tells("all,!libLLVM*", "/usr/lib/libz.so.1", false));
	assert_false(choose_any(""));
	assert_false(choose_any("off"));
	assert_false(choose_any(" , "));
	assert_true(choose_any("explain"));
	assert_true(choose_explain("all, explain"));
	assert_false(choose_explain("!explain"));
}

/* ---- stub.c ---------------------------------------------------------------------------------- */

/* movl $value, %eax; ret */
static void write_function(uint8_t *code, uint32_t value)
{
	code[0] = 0xb8;
	mem_copy(code + 1, &value, sizeof(value));
	code[5] = 0xc3;
}

typedef uint32_t (*number_fn)(void);
static uint8_t *page;
static bool done;        /* atomic */
static unsigned running; /* threads that have made a call; atomic */
static uint64_t strange; /* calls that returned something else than one of the functions does; atomic */

static uint32_t call(const uint8_t *code)
{
	return ((number_fn)(uintptr_t)code)();
}

static void *caller(void *arg)
{
	uint64_t calls = 0;

	while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
		uint32_t got = call(arg);

		if (got < 1 || got > 3)
			__atomic_fetch_add(&strange, 1, __ATOMIC_RELAXED);
		if (!calls++)
			__atomic_fetch_add(&running, 1, __ATOMIC_RELAXED);
	}
	return (void *)(uintptr_t)calls;
}

/* The entry is at this place in the page: its bytes lie in one word, or in two of them. */
static void change_entry_under_threads(unsigned at)
{
	uint8_t *entry = page + at, *one = page + 1024, *two = page + 1088, original[STUB_JUMP], jump[STUB_JUMP];
	pthread_t threads[2];
	void *calls;

	write_function(entry, 1);
	write_function(one, 2);
	write_function(two, 3);
	mem_copy(original, entry, STUB_JUMP);
	assert_true(stub_write_jump(jump, (uintptr_t)entry, (uintptr_t)one));
	__atomic_store_n(&done, false, __ATOMIC_RELEASE);
	WRITE_ONCE(running, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, caller, entry), 0);
	for (unsigned i = 0; i < 300 || READ_ONCE(running) < ARRAY_SIZE(threads); i++) {
		stub_replace(entry, jump);
		assert_int_equal(call(entry), 2);
		if (stub_redirect(entry, (uintptr_t)two))
			assert_int_equal(call(entry), 3);
		stub_replace(entry, original);
		assert_int_equal(call(entry), 1);
	}
	__atomic_store_n(&done, true, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < ARRAY_SIZE(threads); i++) {
		pthread_join(threads[i], &calls);
		assert_true((uintptr_t)calls > 0);
	}
	assert_int_equal(strange, 0);
}

static void test_entry_changes(void **state)
{
	(void)state;
	stub_prepare();
	change_entry_under_threads(0);
	change_entry_under_threads(3);
	change_entry_under_threads(64 + 5);
}

/* A displacement in two words is not changed, and a jump that is too far is not written. */
static void test_refusals(void **state)
{
	uint8_t jump[STUB_JUMP] = { 0 };

	(void)state;
	assert_true(stub_write_jump(page, (uintptr_t)page, (uintptr_t)page + 1024));
	assert_true(stub_redirect(page, (uintptr_t)page + 2048));
	assert_true(stub_write_jump(page + 5, (uintptr_t)page + 5, (uintptr_t)page + 1024));
	assert_false(stub_redirect(page + 5, (uintptr_t)page + 2048));
	assert_true(stub_write_jump(jump, 0x100000000, 0x100000000 + 0x80000004));
	assert_false(stub_write_jump(jump, 0x100000000, 0x100000000 + 0x80000005));
	assert_true(stub_write_jump(jump, 0x100000000, 0x100000000 - 0x7ffffffb));
	assert_false(stub_write_jump(jump, 0x100000000, 0x100000000 - 0x7ffffffc));
}

/* The stub calls the thunk once, and then leads to where it was told to. */
static void test_stub(void **state)
{
	uint8_t *stub = page + 256, *function = page + 512;

	(void)state;
	write_function(function, 7);
	stub_write_far_jump(page, (uintptr_t)stub_enter);
	stub_write(stub, (uintptr_t)page);
	assert_int_equal(stub_stack_used(0), 0);
	assert_int_equal(stub_stack_used(11), 128);
	stub_lead(stub, (uintptr_t)function);
	assert_int_equal(call(stub), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choose),
		cmocka_unit_test(test_entry_changes),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_stub),
	};

	page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
