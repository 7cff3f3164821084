/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_shadow_left.c - shadow that is left behind: by globals of unloaded modules, unmapped memory, freed
 * areas, and stacks and frames of threads that have ended. */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "shadow/shadow_internal.h"

static int start(void **state)
{
	(void)state;
	options_set_defaults(&options);
	options.mode = MODE_CHECK;
	assert_true(slab_init());
	assert_int_equal(map_full(), 0);
	shadow_on = shadow_everywhere = true;
	heap_ops_install();
	return 0;
}

static bool bad_at(const void *p)
{
	return shadow_find_bad(p, 1) != 0;
}

/* ---- globals --------------------------------------------------------------------------------- */

static char variables[4][64] __attribute__((aligned(64)));

static struct asan_global global(unsigned i, size_t size)
{
	return (struct asan_global){ .beg = (uintptr_t)variables[i], .size = size, .size_with_redzone = 64 };
}

static void globals_of_unloaded_modules(void **state)
{
	struct asan_global one[2] = { global(0, 13), global(1, 16) }, two = global(2, 40), found;

	(void)state;
	globals_register(one, 2, NULL, NULL);
	globals_register(&two, 1, NULL, NULL);
	assert_false(bad_at(&variables[0][12]));
	for (int i = 13; i < 64; i++)
		assert_true(bad_at(&variables[0][i]));
	assert_true(!bad_at(&variables[1][15]) && bad_at(&variables[1][16]));
	assert_true(!bad_at(&variables[2][39]) && bad_at(&variables[2][40]) && !bad_at(&variables[3][0]));
	assert_true(globals_find((uintptr_t)variables[1] + 30, &found) && found.beg == (uintptr_t)variables[1]);
	globals_unregister(one, 2);
	for (int i = 0; i < 128; i++)
		assert_false(bad_at((const char *)variables + i));
	assert_false(globals_find((uintptr_t)variables[1] + 30, &found));
	assert_true(globals_find((uintptr_t)variables[2], &found) && bad_at(&variables[2][40]));
	/* Twice, and an array that was never registered: nothing happens. */
	globals_unregister(one, 2);
	globals_unregister(&one[1], 1);
	assert_true(bad_at(&variables[2][40]));
	/* The place of a forgotten array is used again. */
	globals_register(&one[1], 1, NULL, NULL);
	assert_true(globals_find((uintptr_t)variables[1], &found) && !globals_find((uintptr_t)variables[0], &found));
	globals_unregister(&one[1], 1);
	globals_unregister(&two, 1);
	assert_false(bad_at(&variables[2][40]));
}

/* A module that was unmapped without a word leaves an array that cannot be read. It hides no other. */
static void unmapped_arrays_hide_nothing(void **state)
{
	struct asan_global *gone = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
			   before[4], behind[4], found;

	(void)state;
	/* More than one of each: places in the list that are free are used again. */
	for (unsigned i = 0; i < 4; i++) {
		before[i] = global(1, 16);
		globals_register(&before[i], 1, NULL, NULL);
	}
	*gone = global(3, 16);
	globals_register(gone, 1, NULL, NULL);
	for (unsigned i = 0; i < 4; i++) {
		behind[i] = global(2, 16);
		globals_register(&behind[i], 1, NULL, NULL);
	}
	assert_true(globals_find((uintptr_t)variables[3], &found));
	munmap(gone, PAGE_SIZE);
	assert_false(globals_find((uintptr_t)variables[3], &found));
	assert_true(globals_find((uintptr_t)variables[1], &found));
	assert_true(globals_find((uintptr_t)variables[2], &found));
	for (unsigned i = 0; i < 4; i++) {
		globals_unregister(&before[i], 1);
		globals_unregister(&behind[i], 1);
	}
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* Clearing a large range, whose shadow is given back in pages, ends where the range ends. */
static void large_ranges_end_where_they_end(void **state)
{
	size_t size = (size_t)8 << 20;
	char *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	(void)state;
	for (size_t off = 0; off < 3 * PAGE_SIZE * 8; off += 5 * PAGE_SIZE + 64) {
		size_t n = ((size_t)4 << 20) + off / 2 / 8 * 8;

		shadow_poison((uintptr_t)p, size, SHADOW_USER);
		shadow_unpoison((uintptr_t)p + off, n);
		assert_int_equal(shadow_find_bad(p + off, n), 0);
		assert_true(bad_at(p + off + n) && (off == 0 || bad_at(p + off - 1)));
	}
	shadow_poison((uintptr_t)p, size, SHADOW_USER);
	shadow_forget(p + PAGE_SIZE, size - 2 * PAGE_SIZE);
	assert_int_equal(shadow_find_bad(p + PAGE_SIZE, size - 2 * PAGE_SIZE), 0);
	assert_true(bad_at(p) && bad_at(p + size - PAGE_SIZE));
	shadow_forget(p, size);
	assert_int_equal(shadow_find_bad(p, size), 0);
	munmap(p, size);
}

/* Objects, as slab tells of them: exactly their bytes are good. */
static void heap_objects(void **state)
{
	char *p = (char *)arena_base;

	(void)state;
	for (size_t size = 0; size <= 64; size++) {
		slab_shadow->live((uintptr_t)p, (uintptr_t)p + 80, (uintptr_t)p, size, false);
		for (size_t i = 0; i < 80; i++)
			assert_int_equal(bad_at(p + i), i >= size);
	}
	slab_shadow->bad((uintptr_t)p, 64, SLAB_MARK_FREED);
	for (size_t i = 0; i < 64; i++)
		assert_true(bad_at(p + i));
	/* A freed area: its beginning is marked. The rest is good, whatever red zones were there, because the area's
	 * guard tells. */
	slab_shadow->live((uintptr_t)p, (uintptr_t)p + (1 << 20), (uintptr_t)p + PAGE_SIZE, 900000, true);
	assert_true(bad_at(p) && !bad_at(p + PAGE_SIZE) && bad_at(p + PAGE_SIZE + 900000) && bad_at(p + (1 << 20) - 1));
	slab_shadow->bad((uintptr_t)p, 1 << 20, SLAB_MARK_PAGES);
	for (size_t i = 0; i < 32 << 10; i += 64)
		assert_true(bad_at(p + i));
	assert_int_equal(shadow_find_bad(p + (32 << 10), (1 << 20) - (32 << 10)), 0);
	slab_shadow->bad((uintptr_t)p, 64, SLAB_MARK_PAGES);
}

/* ---- stacks ---------------------------------------------------------------------------------- */

static uintptr_t stack_lo;
static char *first_frame;

/* Leaves poison of frames on this thread's stack, below where it runs, and poison of the program's own. */
static void *leave_poison(void *arg)
{
	uintptr_t lo, hi;

	assert_true(stack_bounds(&lo, &hi));
	stack_lo = lo;
	shadow_poison(lo + PAGE_SIZE, 128, 0xf1);
	shadow_poison(lo + PAGE_SIZE + 256, 64, 0xf3);
	shadow_poison(lo + 2 * PAGE_SIZE, 64, SHADOW_USER);
	if (arg)
		shadow_thread_exit();
	return NULL;
}

static void *see_poison(void *arg)
{
	uintptr_t lo, hi;

	assert_true(stack_bounds(&lo, &hi) && lo == stack_lo);
	shadow_thread_start();
	*(bool *)arg = bad_at((char *)lo + PAGE_SIZE) || bad_at((char *)lo + PAGE_SIZE + 256);
	return NULL;
}

/* libc gives a stack of a thread that ended to the next thread. */
static void stacks_of_ended_threads(void **state)
{
	pthread_attr_t attr;
	pthread_t t;
	bool seen = true;
	char *stack = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, stack, 1 << 20);
	assert_int_equal(pthread_create(&t, &attr, leave_poison, stack), 0);
	pthread_join(t, NULL);
	assert_false(bad_at((char *)stack_lo + PAGE_SIZE) || bad_at((char *)stack_lo + PAGE_SIZE + 256));
	assert_false(bad_at((char *)stack_lo + 2 * PAGE_SIZE));
	/* This thread says nothing when it ends; the next one cleans up when it starts. */
	assert_int_equal(pthread_create(&t, &attr, leave_poison, NULL), 0);
	pthread_join(t, NULL);
	assert_true(bad_at((char *)stack_lo + PAGE_SIZE));
	assert_int_equal(pthread_create(&t, &attr, see_poison, &seen), 0);
	pthread_join(t, NULL);
	assert_false(seen);
	/* What a program poisons by hand stays when a thread starts. */
	assert_true(bad_at((char *)stack_lo + 2 * PAGE_SIZE));
	shadow_forget(stack, 1 << 20);
	munmap(stack, 1 << 20);
}

static void *use_frames(void *arg)
{
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0);
	char *first = fake_stack_alloc(1, 128, sp), *second = fake_stack_alloc(1, 128, sp);
	uintptr_t beg, end;

	assert_true(first && second && first != second && !bad_at(first) && !bad_at(second + 127));
	assert_true(fake_stack_find((uintptr_t)second + 5, &beg, &end) && beg == (uintptr_t)second && end == beg + 128);
	fake_stack_free(1, first);
	assert_true(bad_at(first));
	/* A freed frame is not used again at once. */
	assert_ptr_not_equal(fake_stack_alloc(1, 128, sp), first);
	if (arg)
		assert_ptr_equal(first, arg);
	first_frame = first;
	fake_stack_thread_exit(sp - PAGE_SIZE, sp + PAGE_SIZE);
	assert_true(bad_at(first) && bad_at(second));
	return NULL;
}

/* A jump releases the frames of functions below it, and no other. */
static void *jump(void *arg)
{
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0);
	char *above = fake_stack_alloc(1, 128, sp + 64), *at = fake_stack_alloc(1, 128, sp);
	char *below = fake_stack_alloc(1, 128, sp - 64),
	     *other = fake_stack_alloc(1, 128, (uintptr_t)&above ^ 1ul << 40);

	assert_true(above && at && below && other);
	fake_stack_no_return(sp);
	assert_true(bad_at(below) && !bad_at(above) && !bad_at(at) && !bad_at(other));
	fake_stack_thread_exit(sp - PAGE_SIZE, sp + PAGE_SIZE);
	assert_true(bad_at(above) && bad_at(at) && !bad_at(other));
	fake_stack_free(1, other);
	return arg;
}

static void frames_of_jumps(void **state)
{
	pthread_t t;

	(void)state;
	assert_int_equal(pthread_create(&t, NULL, jump, NULL), 0);
	pthread_join(t, NULL);
}

/* From a signal stack the program jumps to the thread's own stack: frames of both are gone. */
static void *jump_from_signal_stack(void *arg)
{
	stack_t ss = { .ss_sp = arg, .ss_size = 1 << 16 };
	uintptr_t lo, hi;

	assert_int_equal(sigaltstack(&ss, NULL), 0);
	assert_true(stack_bounds(&lo, &hi));
	shadow_poison(lo + PAGE_SIZE, 64, 0xf1);
	shadow_poison(lo + 2 * PAGE_SIZE, 64, SHADOW_USER);
	shadow_poison((uintptr_t)arg + PAGE_SIZE, 64, 0xf1);
	stack_clear_from((uintptr_t)arg + 2 * PAGE_SIZE);
	assert_false(bad_at((char *)lo + PAGE_SIZE) || bad_at((char *)arg + PAGE_SIZE));
	assert_true(bad_at((char *)lo + 2 * PAGE_SIZE));
	shadow_unpoison(lo + 2 * PAGE_SIZE, 64);
	/* A jump on the own stack leaves the signal stack alone. */
	shadow_poison((uintptr_t)arg + PAGE_SIZE, 64, 0xf1);
	stack_clear_from((uintptr_t)__builtin_frame_address(0));
	assert_true(bad_at((char *)arg + PAGE_SIZE));
	shadow_unpoison((uintptr_t)arg + PAGE_SIZE, 64);
	ss.ss_flags = SS_DISABLE;
	sigaltstack(&ss, NULL);
	return NULL;
}

static void jumps_from_signal_stacks(void **state)
{
	char *stack = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_t t;

	(void)state;
	assert_int_equal(pthread_create(&t, NULL, jump_from_signal_stack, stack), 0);
	pthread_join(t, NULL);
	munmap(stack, 1 << 16);
}

static void count_frame(void *ctx, uint64_t addr, uint64_t size)
{
	(void)addr, (void)size;
	++*(unsigned *)ctx;
}

/* Frames of a thread that ended are no longer in use, and another thread takes over all of them. */
static void frames_of_ended_threads(void **state)
{
	unsigned n = 0;
	pthread_t t;
	char *before;

	(void)state;
	assert_int_equal(pthread_create(&t, NULL, use_frames, NULL), 0);
	pthread_join(t, NULL);
	before = first_frame;
	shadow_each_frame(count_frame, &n);
	assert_int_equal(n, 0);
	/* 128 bytes have 256 frames, in rotation: two of them later, the next thread begins at the third. */
	assert_int_equal(pthread_create(&t, NULL, use_frames, before + 3 * 128), 0);
	pthread_join(t, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(globals_of_unloaded_modules),
		cmocka_unit_test(unmapped_arrays_hide_nothing),
		cmocka_unit_test(large_ranges_end_where_they_end),
		cmocka_unit_test(heap_objects),
		cmocka_unit_test(stacks_of_ended_threads),
		cmocka_unit_test(frames_of_ended_threads),
		cmocka_unit_test(frames_of_jumps),
		cmocka_unit_test(jumps_from_signal_stacks),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
