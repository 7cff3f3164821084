/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_leak_left.c - what leak/ remembers, and what it must forget: registered objects, root regions,
 * suspects of the last scan, groups. */
#include "slab_test.h"
#include "leak/leak_internal.h"

static void registered_objects_go(void)
{
	static char block[640] __attribute__((aligned(16)));
	struct slab_object o;

	leak_registered_alloc(block + 64, 100, &no_regs);
	leak_registered_alloc(block + 256, 64, &no_regs);
	CHECK(leak_registered_find((uintptr_t)block + 64, &o) && o.size == 100);
	CHECK(!leak_registered_find((uintptr_t)block + 65, &o));
	CHECK(leak_registered_around((uintptr_t)block + 64 + 99, &o) && o.addr == (uintptr_t)block + 64);
	CHECK(!leak_registered_around((uintptr_t)block + 64 + 100, &o));
	CHECK(!leak_registered_around((uintptr_t)block + 63, &o));
	/* The same address again: the latest size counts. */
	leak_registered_alloc(block + 64, 20, &no_regs);
	CHECK(leak_registered_find((uintptr_t)block + 64, &o) && o.size == 20);
	leak_registered_free(block + 1);
	leak_registered_free(block + 64);
	CHECK(!leak_registered_find((uintptr_t)block + 64, &o));
	CHECK(!leak_registered_around((uintptr_t)block + 70, &o));
	CHECK(leak_registered_find((uintptr_t)block + 256, &o) && o.size == 64);
	leak_registered_free(block + 64);
	leak_registered_free(block + 256);
	CHECK(!leak_registered_find((uintptr_t)block + 256, &o));
}

#define MANY 20000
static char many[MANY][16] __attribute__((aligned(16)));

/* Many objects, some of which share a place in the table: those that stay are found, those that go are not. */
static void many_registered_objects(void)
{
	struct slab_object o;

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < MANY; i++)
			leak_registered_alloc(many[i], 8 + round, &no_regs);
		for (unsigned i = round; i < MANY; i += 3)
			leak_registered_free(many[i]);
		for (unsigned i = 0; i < MANY; i++)
			CHECK(leak_registered_find((uintptr_t)many[i], &o) == (i % 3 != round));
	}
}

static void root_regions_go(void)
{
	static char region[64];

	leak_root_region(region, 64);
	CHECK(!leak_root_region_remove(region, 63));
	CHECK(!leak_root_region_remove(region + 1, 64));
	CHECK(leak_root_region_remove(region, 64));
	CHECK(!leak_root_region_remove(region, 64));
	leak_root_region(region, 32);
	CHECK(leak_root_region_remove(region, 32));
}

/* ---- notes ----------------------------------------------------------------------------------- */

static size_t direct_read(const struct mem_view *v, void *dst, uint64_t addr, size_t n)
{
	(void)v;
	memcpy(dst, (void *)(uintptr_t)addr, n);
	return n;
}

static const struct mem_view direct_view = { .read = direct_read };
static char noted[64] __attribute__((aligned(16)));

static __attribute__((noinline)) void register_one_way(void)
{
	struct unwind_regs regs;

	UNWIND_HERE(&regs);
	leak_registered_alloc(noted, sizeof(noted), &regs);
}

static __attribute__((noinline)) void register_another_way(void)
{
	struct unwind_regs regs;

	UNWIND_HERE(&regs);
	leak_registered_alloc(noted, sizeof(noted), &regs);
}

static bool find_registered(void *ctx, uint64_t addr, struct slab_object *o)
{
	(void)ctx;
	return leak_registered_find(addr, o);
}

static void count_said(void *ctx, enum leak_note note, uint64_t addr, uint64_t size)
{
	(void)size;
	*(unsigned *)ctx += note == LEAK_NOTE_NOT_LEAK && addr == (uintptr_t)noted;
}

/* How often does a scan see that the object is no leak? */
static unsigned notes_seen(void)
{
	const char *why = NULL;
	struct leak_scan *s = leak_scan_create(&direct_view, (uint64_t)(uintptr_t)&slab_directory, &why);
	unsigned seen = 0;

	CHECK(s);
	leak_scan_notes_told(s, (uint64_t)(uintptr_t)&leak_directory, (struct leak_finder){ .find = find_registered },
	                     count_said, &seen);
	leak_scan_destroy(s);
	return seen;
}

static void wait_for_next_jiffy(void)
{
	uint32_t now = jiffies_now();

	while (jiffies_now() == now)
		usleep(100);
}

/* A note holds for the object that it was written for, and not for a later one at the same address. */
static void notes_are_of_one_object(void)
{
	leak_directory_init();
	register_one_way();
	CHECK(notes_seen() == 0);
	CHECK(leak_annotate(noted, LEAK_NOTE_NOT_LEAK) && notes_seen() == 1);
	CHECK(leak_annotate(noted + 63, LEAK_NOTE_NOT_LEAK) && notes_seen() == 1);
	leak_registered_free(noted);
	CHECK(notes_seen() == 0 && !leak_annotate(noted, LEAK_NOTE_NOT_LEAK));
	register_another_way();
	CHECK(notes_seen() == 0);
	CHECK(leak_annotate(noted, LEAK_NOTE_NOT_LEAK) && notes_seen() == 1);
	leak_registered_free(noted);
	wait_for_next_jiffy();
	register_another_way();
	CHECK(notes_seen() == 0);
	CHECK(leak_annotate(noted, LEAK_NOTE_NOT_LEAK) && notes_seen() == 1);
}

/* ---- suspects -------------------------------------------------------------------------------- */

static char lost_bytes[3][64] __attribute__((aligned(16)));

static bool meet(unsigned i, enum suspects_rule rule)
{
	struct slab_object o = { .addr = (uintptr_t)lost_bytes[i], .size = 64, .tracked = true, .alloc_stack = 5 + i };

	o.when = 1;
	return suspects_meet(&direct_view, &o, rule);
}

/* One scan in which objects 0 … 2 are lost: which of them are to be reported? A bit each. */
static unsigned scan(enum suspects_rule rule)
{
	unsigned told = 0;

	CHECK(suspects_begin());
	for (unsigned i = 0; i < 3; i++)
		told |= (unsigned)meet(2 - i, rule) << (2 - i);
	suspects_index();
	suspects_end(true);
	return told;
}

/* Twice lost, unchanged, old enough, and told once. */
static void suspects_are_confirmed(void)
{
	options.leak_min_age = 0;
	CHECK(!suspects_known());
	CHECK(scan(SUSPECTS_CONFIRMED) == 0);
	CHECK(suspects_known());
	lost_bytes[1][60]++;
	CHECK(scan(SUSPECTS_CONFIRMED) == 5);
	CHECK(scan(SUSPECTS_CONFIRMED) == 2);
	CHECK(scan(SUSPECTS_CONFIRMED) == 0);
}

static void young_suspects_wait(void)
{
	options.leak_min_age = 3600u * 1000 * 24 * 30;
	CHECK(scan(SUSPECTS_CONFIRMED) == 0);
	CHECK(scan(SUSPECTS_CONFIRMED) == 0);
	options.leak_min_age = 0;
	CHECK(scan(SUSPECTS_CONFIRMED) == 7);
}

static void cleared_suspects_stay_silent(void)
{
	options.leak_min_age = 0;
	CHECK(scan(SUSPECTS_CLEAR) == 0);
	CHECK(scan(SUSPECTS_ALL) == 0);
	CHECK(scan(SUSPECTS_CONFIRMED) == 0);
}

/* The child of a fork begins anew, and leaves its parent's table alone. */
static void children_have_suspects_of_their_own(void)
{
	int status = -1;
	pid_t pid;

	options.leak_min_age = 0;
	CHECK(scan(SUSPECTS_CONFIRMED) == 0);
	pid = fork();
	if (pid == 0) {
		suspects_fork_child();
		CHECK(!suspects_known());
		lost_bytes[0][3] = lost_bytes[1][3] = lost_bytes[2][3] = 77;
		CHECK(scan(SUSPECTS_CONFIRMED) == 0);
		CHECK(scan(SUSPECTS_CONFIRMED) == 7);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(scan(SUSPECTS_CONFIRMED) == 7);
}

static bool meet_at(uintptr_t addr)
{
	struct slab_object o = { .addr = addr, .size = 64, .tracked = true, .alloc_stack = 5 };

	o.when = 1;
	return suspects_meet(&direct_view, &o, SUSPECTS_CONFIRMED);
}

#define MANY_SUSPECTS 30000u

/* Every one of many suspects is found again, in whatever order the next scan comes to it, and no other object is. */
static void many_suspects_are_found_again(void)
{
	char *heap = calloc(2 * MANY_SUSPECTS, 64);
	unsigned known = 0, unknown = 0;

	CHECK(heap);
	options.leak_min_age = 0;
	CHECK(suspects_begin());
	for (unsigned i = 0; i < MANY_SUSPECTS; i++)
		unknown += meet_at((uintptr_t)heap + (uint64_t)i * 7919 % MANY_SUSPECTS * 128);
	suspects_index();
	suspects_end(true);
	CHECK(suspects_begin());
	for (unsigned i = 0; i < MANY_SUSPECTS; i++) {
		known += meet_at((uintptr_t)heap + (size_t)(MANY_SUSPECTS - 1 - i) * 128);
		unknown += meet_at((uintptr_t)heap + (size_t)(MANY_SUSPECTS - 1 - i) * 128 + 64);
	}
	suspects_index();
	suspects_end(true);
	CHECK(known == MANY_SUSPECTS && unknown == 0);
	free(heap);
}

/* ---- groups ---------------------------------------------------------------------------------- */

static struct leak_groups groups;
static struct slab_object told;

static bool find_told(void *ctx, uint64_t addr, struct slab_object *o)
{
	(void)ctx;
	*o = told;
	o->addr = addr;
	return true;
}

static struct slab_view heap = { .mem = &direct_view };
static struct leak_grouper grouper = { .groups = &groups, .heap = &heap, .outside = { .find = find_told } };

static void lose(enum leak_class class, uint32_t stack, const char *cache, size_t size)
{
	told = (struct slab_object){ .alloc_stack = stack, .size = size };
	strcpy(told.cache, cache);
	leak_group_visit(&grouper, (uintptr_t)lost_bytes, class);
}

static const struct leak_group *sorted(unsigned i)
{
	return &groups.groups[groups.order[i]];
}

static void groups_by_stack_or_cache(void)
{
	lose(LEAK_POSSIBLE, 9, "a", 60);
	lose(LEAK_DIRECT, 1, "a", 10);
	lose(LEAK_INDIRECT, 2, "a", 5);
	lose(LEAK_DIRECT, 1, "b", 20);
	lose(LEAK_DIRECT, 0, "a", 1);
	lose(LEAK_DIRECT, 0, "b", 2);
	lose(LEAK_INDIRECT, 2, "b", 50);
	leak_groups_sort(&groups);
	CHECK(groups.nr == 5 && groups.more == 0);
	CHECK(groups.counts[LEAK_DIRECT] == 4 && groups.bytes[LEAK_DIRECT] == 33 && groups.counts[LEAK_INDIRECT] == 2);
	/* Direct ones first, with what they hold; then by size. */
	CHECK(sorted(0)->class == LEAK_DIRECT && !strcmp(sorted(0)->cache, "b") && sorted(0)->bytes == 2 &&
	      sorted(0)->held_bytes == 50 && sorted(0)->held_count == 1);
	CHECK(sorted(1)->stack == 1 && sorted(1)->count == 2 && sorted(1)->bytes == 30 && sorted(1)->size == 20 &&
	      sorted(1)->held_bytes == 5);
	CHECK(sorted(2)->stack == 0 && !strcmp(sorted(2)->cache, "a") && sorted(2)->held_count == 0);
	CHECK(sorted(3)->class == LEAK_POSSIBLE && sorted(3)->bytes == 60);
	CHECK(sorted(4)->class == LEAK_INDIRECT && sorted(4)->count == 2);
}

/* More places than there are groups: the rest is counted, and belongs to no group. */
static void too_many_groups(void)
{
	for (uint32_t i = 1; i <= LEAK_GROUPS_MAX; i++)
		lose(LEAK_DIRECT, i, "x", 1);
	lose(LEAK_DIRECT, LEAK_GROUPS_MAX + 1, "x", 1);
	lose(LEAK_INDIRECT, LEAK_GROUPS_MAX + 2, "x", 1);
	CHECK(groups.nr == LEAK_GROUPS_MAX && groups.more == 2);
	CHECK(groups.counts[LEAK_DIRECT] == LEAK_GROUPS_MAX + 1);
	for (uint32_t i = 0; i < groups.nr; i++)
		CHECK(groups.groups[i].count == 1 && groups.groups[i].held_count == 0);
}

/* Without stacks each cache is a place, also where their places in the table collide. */
static void many_caches(void)
{
	char name[32];

	for (unsigned round = 1; round <= 2; round++)
		for (unsigned i = 0; i < 6000; i++) {
			snprintf(name, sizeof(name), "cache-%u", i);
			lose(LEAK_DIRECT, 0, name, 8);
		}
	CHECK(groups.nr == 6000 && groups.more == 0);
	for (uint32_t i = 0; i < groups.nr; i++)
		CHECK(groups.groups[i].count == 2);
}

static void classes_are_parsed(void)
{
	unsigned bits = 0;
	const char *bad;

	CHECK(leak_parse_classes("direct", &bits, &bad) && bits == 1u << LEAK_DIRECT);
	CHECK(leak_parse_classes("possible,indirect", &bits, &bad) &&
	      bits == (1u << LEAK_POSSIBLE | 1u << LEAK_INDIRECT));
	CHECK(leak_parse_classes("all", &bits, &bad) && bits == (1u << LEAK_CLASS_NR) - 1);
	CHECK(!leak_parse_classes("direct,directs", &bits, &bad) && !strcmp(bad, "directs"));
	CHECK(!leak_parse_classes("direct,,possible", &bits, &bad));
	CHECK(!leak_parse_classes("dir", &bits, &bad));
}

#define CHILD_TEST(name)                       \
	static void test_##name(void **state)  \
	{                                      \
		(void)state;                   \
		run_child("mode=check", name); \
	}
CHILD_TEST(registered_objects_go)
CHILD_TEST(many_registered_objects)
CHILD_TEST(root_regions_go)
CHILD_TEST(notes_are_of_one_object)
CHILD_TEST(suspects_are_confirmed)
CHILD_TEST(young_suspects_wait)
CHILD_TEST(cleared_suspects_stay_silent)
CHILD_TEST(children_have_suspects_of_their_own)
CHILD_TEST(many_suspects_are_found_again)
CHILD_TEST(groups_by_stack_or_cache)
CHILD_TEST(too_many_groups)
CHILD_TEST(many_caches)
CHILD_TEST(classes_are_parsed)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_registered_objects_go),
		cmocka_unit_test(test_many_registered_objects),
		cmocka_unit_test(test_root_regions_go),
		cmocka_unit_test(test_notes_are_of_one_object),
		cmocka_unit_test(test_suspects_are_confirmed),
		cmocka_unit_test(test_young_suspects_wait),
		cmocka_unit_test(test_cleared_suspects_stay_silent),
		cmocka_unit_test(test_children_have_suspects_of_their_own),
		cmocka_unit_test(test_many_suspects_are_found_again),
		cmocka_unit_test(test_groups_by_stack_or_cache),
		cmocka_unit_test(test_too_many_groups),
		cmocka_unit_test(test_many_caches),
		cmocka_unit_test(test_classes_are_parsed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
