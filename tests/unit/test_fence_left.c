/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_fence_left.c - what fence/ leaves behind: counters, covered stacks, the last slot under a limit,
 * slots that are used again with fence=all, and which bugs it must not report. */
#include <sys/mman.h>

#include "slab_test.h"
#include "fence/fence_internal.h"

/* The linker wraps the functions by which a slot's page becomes memory. */
static unsigned refuse; /* so many calls fail */

bool __real_os_guard_remove(void *p, size_t size);
bool __wrap_os_guard_remove(void *p, size_t size);
bool __real_os_unprotect(void *p, size_t size);
bool __wrap_os_unprotect(void *p, size_t size);

bool __wrap_os_guard_remove(void *p, size_t size)
{
	return refuse ? refuse--, false : __real_os_guard_remove(p, size);
}

bool __wrap_os_unprotect(void *p, size_t size)
{
	return refuse ? refuse--, false : __real_os_unprotect(p, size);
}

static void start(const char *opts)
{
	CHECK(options_parse(&options, opts, NULL, NULL) == 0);
	reports_init(false);
	reports_configure();
	CHECK(fence_init());
}

static uint64_t bugs(void)
{
	return __atomic_load_n(&live_counters.fence_bugs, __ATOMIC_RELAXED);
}

static __attribute__((noinline)) void *alloc_here(void)
{
	struct unwind_regs regs;

	UNWIND_HERE(&regs);
	return fence_alloc(40, 16, SLAB_API_MALLOC, &regs);
}

/* While an object of a stack is in the pool, and the pool is full enough, no second one comes in. After it is freed,
 * the next one does. */
static void stacks_are_uncovered(void)
{
	void *first = NULL;

	start("fence=sample:fence.num_objects=64:fence.skip_covered_thresh=1");
	/* The pool is always as full as the threshold says. */
	CHECK(fence_alloc(40, 16, SLAB_API_MALLOC, NULL));
	for (volatile int i = 0; i < 20; i++) {
		void *p;

		if (i == 10)
			fence_free(first, SLAB_API_MALLOC, SIZE_MAX, NULL);
		p = alloc_here();
		CHECK((p != NULL) == (i % 10 == 0));
		first = i == 0 ? p : first;
	}
	CHECK(live_counters.fence_skipped_covered == 18);
}

/* Counters after frees, and when the pool is full. */
static void counters(void)
{
	struct fence_stats s;
	void *p[64];

	start("fence=sample:fence.num_objects=64:fence.skip_covered_thresh=100");
	for (int round = 1; round <= 3; round++) {
		for (int i = 0; i < 64; i++)
			CHECK((p[i] = fence_alloc(100, 16, SLAB_API_MALLOC, NULL)) != NULL);
		CHECK(!fence_alloc(100, 16, SLAB_API_MALLOC, NULL));
		fence_get_stats(&s);
		CHECK(s.live == 64 && s.allocs == 64u * round && s.frees == 64u * (round - 1) &&
		      s.skipped_capacity + s.skipped_covered == (unsigned)round);
		for (int i = 0; i < 64; i++)
			fence_free(p[i], SLAB_API_MALLOC, SIZE_MAX, NULL);
		fence_get_stats(&s);
		CHECK(s.live == 0 && s.frees == 64u * round);
	}
	/* One object at a time: the queue of freed slots is empty between. */
	for (int i = 0; i < 200; i++) {
		p[0] = fence_alloc(100, 16, SLAB_API_MALLOC, NULL);
		CHECK(p[0]);
		fence_free(p[0], SLAB_API_MALLOC, SIZE_MAX, NULL);
	}
	CHECK(bugs() == 0);
}

/* A slot that the kernel refuses to open goes back, and no counter remembers it. */
static void refused_slots_go_back(void)
{
	struct fence_stats s;

	start("fence=sample:fence.num_objects=64:fence.skip_covered_thresh=100");
	for (unsigned i = 0; i < 64; i++) {
		refuse = 3;
		for (unsigned k = 0; k < 3; k++)
			CHECK(!fence_alloc(100, 16, SLAB_API_MALLOC, NULL));
		CHECK(refuse == 0 && fence_alloc(100, 16, SLAB_API_MALLOC, NULL));
		fence_get_stats(&s);
		CHECK(s.live == i + 1 && s.allocs == i + 1 && s.frees == 0);
	}
}

/* Under a limit of address space the pool ends behind the guard of its last slot. */
static void limited_pool_ends_in_a_guard(void)
{
	unsigned n = 0;

	start("fence=all");
	CHECK(fence_alloc(10, 16, SLAB_API_MALLOC, NULL) && fence_alloc(6000, 16, SLAB_API_MALLOC, NULL));
	fence_limit_space(fence_size);
	for (unsigned k = 0; k < FENCE_RANGES; k++) {
		const struct slot_range *r = &fence_ranges[k];

		CHECK(!r->nr_max || r->base + r->nr_max * r->stride + PAGE_SIZE <= r->ready);
		n += r->nr_max != 0;
	}
	CHECK(n >= 1 && fence_ranges[0].nr_max > 100);
	for (n = 0; fence_alloc(10, 16, SLAB_API_MALLOC, NULL); n++)
		CHECK(n < 100000);
	CHECK(n > 100);
}

/* fence=all opens slots ahead. A stale pointer's writes to them are in no new object; and canaries reach as far as they
 * are said to. */
static void slots_used_again(void)
{
	unsigned char *old[64], *p;
	unsigned again = 0;

	start("fence=all:fence.held_size=0");
	for (int i = 0; i < 64; i++)
		old[i] = fence_alloc(64, 16, SLAB_API_MALLOC, NULL);
	for (int i = 0; i < 64; i++)
		fence_free(old[i], SLAB_API_MALLOC, SIZE_MAX, NULL);
	for (int i = 0; i < 4000; i++) {
		for (int k = 0; k < 64; k++)
			if (os_page_readable(old[k])) {
				memset(old[k], 0x55, 64);
				again++;
			}
		p = fence_alloc(64, 16, SLAB_API_MALLOC, NULL);
		CHECK(p && !mem_find_not(p, 0, 64));
		CHECK(bugs() == 0);
		fence_free(p, SLAB_API_MALLOC, SIZE_MAX, NULL);
	}
	CHECK(again > 0);
}

static void canaries_with_all(void)
{
	start("fence=all");
	for (size_t size = 1; size < 200; size += 7)
		for (int side = 0; side < 2; side++) {
			unsigned char *p = fence_alloc(size, 16, SLAB_API_MALLOC, NULL);
			uint64_t before = bugs();
			bool gap = ((uintptr_t)p + size) % PAGE_SIZE != 0;

			CHECK(p);
			if (!side)
				p[-1] ^= 1;
			else if (gap)
				p[size] ^= 1;
			fence_free(p, SLAB_API_MALLOC, SIZE_MAX, NULL);
			CHECK(bugs() - before == (side ? gap : 1));
		}
}

/* 256 bytes behind an object, no fewer and no more. */
static void canaries_behind_with_all(void)
{
	static const struct {
		size_t at;
		bool found;
	} cases[] = { { 0, true }, { 100, true }, { 255, true }, { 256, false } };

	start("fence=all:fence.side=left");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned char *p = fence_alloc(100, 16, SLAB_API_MALLOC, NULL);
		uint64_t before = bugs();

		CHECK(p && (uintptr_t)p % PAGE_SIZE == 0);
		p[100 + cases[i].at] ^= 1;
		CHECK(fence_check_all("now", NULL) == cases[i].found);
		fence_free(p, SLAB_API_MALLOC, SIZE_MAX, NULL);
		CHECK(bugs() - before == 2u * cases[i].found);
	}
}

#define MANY 150

/* Objects are verified in batches. Each place in a batch counts, and an object that cannot be read hides no other. */
static void each_of_many_is_verified(void)
{
	static unsigned char *p[MANY];
	uint64_t before;

	start("fence=all:fence.side=left");
	for (size_t i = 0; i < MANY; i++)
		CHECK((p[i] = fence_alloc(1 + i, 16, SLAB_API_MALLOC, NULL)) != NULL);
	CHECK(fence_check_all("now", NULL) == 0);
	before = bugs();
	for (size_t i = 0; i < MANY; i++) {
		p[i][1 + i] ^= 1;
		CHECK(fence_check_all("now", NULL) == 1);
		p[i][1 + i] ^= 1;
	}
	CHECK(bugs() - before == MANY);
	for (size_t closed = 0; closed < MANY; closed += 13) {
		for (size_t i = 0; i < MANY; i += 3)
			p[i][1 + i + i % 200] ^= 1;
		CHECK(mprotect((void *)ALIGN_DOWN((uintptr_t)p[closed], PAGE_SIZE), PAGE_SIZE, PROT_NONE) == 0);
		CHECK(fence_check_all("now", NULL) == MANY / 3 - (closed % 3 == 0));
		CHECK(mprotect((void *)ALIGN_DOWN((uintptr_t)p[closed], PAGE_SIZE), PAGE_SIZE,
		               PROT_READ | PROT_WRITE) == 0);
		for (size_t i = 0; i < MANY; i += 3)
			p[i][1 + i + i % 200] ^= 1;
	}
	CHECK(fence_check_all("now", NULL) == 0);
}

/* Every byte of a canary counts, at each place in a block of words. */
static void every_canary_byte(void)
{
	static uint8_t bytes[256] __attribute__((aligned(64)));
	uintptr_t from = (uintptr_t)bytes, to = from + sizeof(bytes);

	for (uintptr_t start_at = from; start_at < from + 9; start_at++)
		for (uintptr_t at = start_at; at < to; at++) {
			canary_fill(start_at, to);
			CHECK(canary_find_bad(start_at, to, (uint8_t *)start_at) == 0);
			*(uint8_t *)at ^= 0x10;
			CHECK(canary_find_bad(start_at, to, (uint8_t *)start_at) == at);
		}
}

/* How many objects are allocated and freed until an address comes again? */
static unsigned allocations_until_reuse(void)
{
	void *first = fence_alloc(40, 16, SLAB_API_MALLOC, NULL), *p = NULL;
	unsigned n;

	CHECK(first);
	fence_free(first, SLAB_API_MALLOC, SIZE_MAX, NULL);
	for (n = 0; p != first && n < 100000; n++) {
		p = fence_alloc(40, 16, SLAB_API_MALLOC, NULL);
		CHECK(p);
		fence_free(p, SLAB_API_MALLOC, SIZE_MAX, NULL);
	}
	return n;
}

/* With fence=all, freed slots wait as long as the budget allows, also after many of them came into use again. */
static void freed_slots_wait(void)
{
	static void *live[4000];
	unsigned budget = 6000, n;

	start("fence=all:fence.held_size=432000");
	n = allocations_until_reuse();
	CHECK(n > budget / 2 && n < budget * 2);
	for (unsigned round = 0; round < 3; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(live); i++)
			CHECK((live[i] = fence_alloc(40, 16, SLAB_API_MALLOC, NULL)) != NULL);
		CHECK(allocations_until_reuse() > n - n / 4);
		for (size_t i = 0; i < ARRAY_SIZE(live); i++)
			fence_free(live[i], SLAB_API_MALLOC, SIZE_MAX, NULL);
		CHECK(allocations_until_reuse() > n - n / 4);
	}
}

/* What was told when it was done is not told again when the object is freed. */
static void told_damage_is_told_once(void)
{
	unsigned char *p;
	uintptr_t bad;

	start("fence=sample:fence.side=left");
	p = fence_alloc(40, 16, SLAB_API_MALLOC, NULL);
	CHECK(p);
	bad = fence_find_bad(p, 50);
	CHECK(bad == (uintptr_t)p + 40);
	fence_report_range((uintptr_t)p, 50, bad, ACCESS_WRITE, "memset", NULL);
	memset(p, 1, 50);
	CHECK(bugs() == 1);
	CHECK(fence_check_all("now", NULL) == 0);
	fence_free(p, SLAB_API_MALLOC, SIZE_MAX, NULL);
	CHECK(bugs() == 1);
	/* A read damages nothing: later damage is found. */
	p = fence_alloc(40, 16, SLAB_API_MALLOC, NULL);
	fence_report_range((uintptr_t)p, 50, (uintptr_t)p + 40, ACCESS_READ, "memchr", NULL);
	p[44] ^= 1;
	fence_free(p, SLAB_API_MALLOC, SIZE_MAX, NULL);
	CHECK(bugs() == 3);
}

/* What realloc reported before it moved the object is not reported by the free. Later damage of another object is. */
static void moved_damage_is_told_once(void)
{
	unsigned char *p;

	start("fence=sample:fence.side=left");
	for (unsigned i = 1; i < 4; i++) {
		p = fence_alloc(40, 16, SLAB_API_MALLOC, NULL);
		CHECK(p);
		fence_verify_moving(p, NULL);
		CHECK(bugs() == i - 1);
		p[40 + i] ^= 1;
		fence_verify_moving(p, NULL);
		CHECK(bugs() == i);
		CHECK(fence_check_all("now", NULL) == 0);
		fence_free(p, SLAB_API_MALLOC, SIZE_MAX, NULL);
		CHECK(bugs() == i);
	}
}

/* A page that a report opened is a guard again when its object is freed, and that is counted, once. */
static void closed_guards_are_counted(void)
{
	uint32_t before = slab_guards_closed;

	start("fence=sample:fence.side=right");
	for (uint32_t i = 1; i < 5; i++) {
		char *p = fence_alloc(PAGE_SIZE, 16, SLAB_API_MALLOC, NULL);

		CHECK(p && slab_guards_closed == before + i - 1);
		CHECK(fence_open_page((uintptr_t)p + (i % 2 ? PAGE_SIZE : -(uintptr_t)PAGE_SIZE)));
		CHECK(os_page_readable(p + PAGE_SIZE) == (i % 2 != 0) &&
		      os_page_readable(p - PAGE_SIZE) == (i % 2 == 0));
		fence_free(p, SLAB_API_MALLOC, SIZE_MAX, NULL);
		CHECK(slab_guards_closed == before + i);
		CHECK(!os_page_readable(p + PAGE_SIZE) && !os_page_readable(p - PAGE_SIZE) && !os_page_readable(p));
		p = fence_alloc(PAGE_SIZE, 16, SLAB_API_MALLOC, NULL);
		fence_free(p, SLAB_API_MALLOC, SIZE_MAX, NULL);
		CHECK(slab_guards_closed == before + i);
	}
}

/* slab has guard pages for objects of no bytes: they take no slot. */
static void empty_objects(void)
{
	uint64_t live;

	start("fence=all");
	live = live_counters.fence_live;
	CHECK(!fence_alloc(0, 16, SLAB_API_MALLOC, NULL) && !fence_alloc(0, PAGE_SIZE, SLAB_API_MALLOC, NULL));
	CHECK(live_counters.fence_live == live);
	CHECK(fence_alloc(1, 16, SLAB_API_MALLOC, NULL) && live_counters.fence_live == live + 1);
}

static void owners_are_forgotten(void)
{
	start("fence=sample:fence.num_objects=16:fence.skip_covered_thresh=100");
	for (int i = 0; i < 100; i++) {
		void *p = fence_alloc(40, 16, SLAB_API_CACHE, NULL);

		CHECK(p && fence_owner(p) == 0);
		fence_set_owner(p, 7);
		CHECK(fence_owner(p) == 7 && fence_owner((char *)p + 1) == 0 && fence_owner((char *)p - 1) == 0);
		fence_free(p, SLAB_API_CACHE, SIZE_MAX, NULL);
		CHECK(fence_owner(p) == 0);
	}
}

static void families(bool told)
{
	void *p;

	start("fence=sample:fence.skip_covered_thresh=100");
	p = fence_alloc(40, 16, SLAB_API_NEW, NULL);
	fence_free(p, SLAB_API_MALLOC, SIZE_MAX, NULL);
	CHECK(bugs() == told);
	p = fence_alloc(40, 16, SLAB_API_NEW, NULL);
	fence_free(p, SLAB_API_NEW, 41, NULL);
	CHECK(bugs() == 2u * told);
	p = fence_alloc(40, 16, SLAB_API_MEMALIGN, NULL);
	fence_free(p, SLAB_API_MALLOC, SIZE_MAX, NULL);
	CHECK(bugs() == 2u * told);
	p = fence_alloc(40, 16, SLAB_API_CACHE, NULL);
	fence_free(p, SLAB_API_MALLOC, SIZE_MAX, NULL);
	CHECK(bugs() == 2u * told + 1);
}

static void families_in_check(void)
{
	families(true);
}

static void families_in_production(void)
{
	families(false);
}

#define QUIET ":symbolize=off:report_file=/dev/null:max_reports=0"
#define CHILD_TEST(name, opts)                \
	static void test_##name(void **state) \
	{                                     \
		(void)state;                  \
		run_child(opts QUIET, name);  \
	}
CHILD_TEST(stacks_are_uncovered, "mode=check")
CHILD_TEST(counters, "mode=check")
CHILD_TEST(refused_slots_go_back, "mode=check")
CHILD_TEST(limited_pool_ends_in_a_guard, "mode=production")
CHILD_TEST(slots_used_again, "mode=check")
CHILD_TEST(canaries_with_all, "mode=check")
CHILD_TEST(canaries_behind_with_all, "mode=check")
CHILD_TEST(each_of_many_is_verified, "mode=check")
CHILD_TEST(every_canary_byte, "mode=check")
CHILD_TEST(freed_slots_wait, "mode=check")
CHILD_TEST(told_damage_is_told_once, "mode=check")
CHILD_TEST(moved_damage_is_told_once, "mode=check")
CHILD_TEST(closed_guards_are_counted, "mode=check")
CHILD_TEST(empty_objects, "mode=check")
CHILD_TEST(owners_are_forgotten, "mode=check")
CHILD_TEST(families_in_check, "mode=check")
CHILD_TEST(families_in_production, "mode=production")

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stacks_are_uncovered),      cmocka_unit_test(test_counters),
		cmocka_unit_test(test_refused_slots_go_back),     cmocka_unit_test(test_limited_pool_ends_in_a_guard),
		cmocka_unit_test(test_slots_used_again),          cmocka_unit_test(test_canaries_with_all),
		cmocka_unit_test(test_canaries_behind_with_all),  cmocka_unit_test(test_each_of_many_is_verified),
		cmocka_unit_test(test_every_canary_byte),         cmocka_unit_test(test_told_damage_is_told_once),
		cmocka_unit_test(test_owners_are_forgotten),      cmocka_unit_test(test_families_in_check),
		cmocka_unit_test(test_families_in_production),    cmocka_unit_test(test_freed_slots_wait),
		cmocka_unit_test(test_moved_damage_is_told_once), cmocka_unit_test(test_empty_objects),
		cmocka_unit_test(test_closed_guards_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
