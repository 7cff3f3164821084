/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_slab_buddy.c - the page allocator against a model: who owns each page, and what is in it. */
#include "slab_test.h"
#include "slab/arena.h"
#include "slab/buddy.h"

#define ARENA_PAGES (64u * 256)
#define RUNS 200
#define SEED 20240611

static uint8_t owned[ARENA_PAGES]; /* run number + 1 */
static struct {
	uint32_t page;
	size_t n;
} runs[RUNS];

static uint64_t *word_in(uint32_t page)
{
	return (uint64_t *)(page_address(page) + 64);
}

/* The pages must be new: no other run owns them, and they are zero if the buddy said so. They are marked, so that
 * they are dirty. */
static void own(uint32_t page, size_t n, unsigned run, bool clean)
{
	size_t i;

	CHECK(page + n <= ARENA_PAGES);
	for (i = 0; i < n; i++) {
		CHECK(owned[page + i] == 0);
		CHECK(!clean || *word_in(page + (uint32_t)i) == 0);
		*word_in(page + (uint32_t)i) = run + 1;
		owned[page + i] = (uint8_t)(run + 1);
	}
}

static void disown(uint32_t page, size_t n, unsigned run)
{
	size_t i;

	for (i = 0; i < n; i++) {
		CHECK(owned[page + i] == run + 1);
		CHECK(*word_in(page + (uint32_t)i) == run + 1);
		owned[page + i] = 0;
	}
}

static size_t random_size(uint64_t *seed)
{
	switch (random_below(seed, 8)) {
	case 0:
		return 1;
	case 1:
		return 1 + random_below(seed, 3000);
	case 2:
		return (size_t)1 << random_below(seed, 12);
	default:
		return 1 + random_below(seed, 40);
	}
}

static void op_alloc(uint64_t *seed, unsigned run)
{
	size_t n = random_size(seed);
	bool clean;
	uint32_t page = buddy_alloc(n, &clean);

	if (page == NO_PAGE)
		return;
	own(page, n, run, clean);
	runs[run].page = page;
	runs[run].n = n;
}

/* The whole run, its tail or its head. */
static void op_free(uint64_t *seed, unsigned run)
{
	size_t n = random_below(seed, 2) ? runs[run].n : 1 + random_below(seed, runs[run].n);
	bool tail = random_below(seed, 2);
	uint32_t page = runs[run].page + (uint32_t)(tail ? runs[run].n - n : 0);

	disown(page, n, run);
	buddy_free(page, n, false);
	runs[run].n -= n;
	runs[run].page += tail ? 0 : (uint32_t)n;
}

static void op_extend(uint64_t *seed, unsigned run)
{
	uint32_t end = runs[run].page + (uint32_t)runs[run].n;
	size_t n = random_size(seed), i;
	bool clean, room = end + n <= ARENA_PAGES;

	for (i = 0; room && i < n; i++)
		room = owned[end + i] == 0;
	/* Exactly when all the pages behind it are free. */
	CHECK(buddy_extend(end, n, &clean) == room);
	if (room) {
		own(end, n, run, clean);
		runs[run].n += n;
	}
}

static size_t count_owned(void)
{
	size_t i, n = 0;

	for (i = 0; i < ARENA_PAGES; i++)
		n += owned[i] != 0;
	return n;
}

static void against_model(void)
{
	uint64_t seed = SEED;
	struct buddy_stats s;
	unsigned i, run;

	fprintf(stderr, "seed %d\n", SEED);
	CHECK(arena_size == ARENA_PAGES * PAGE_SIZE);
	for (i = 0; i < 6000; i++) {
		run = (unsigned)random_below(&seed, RUNS);
		if (!runs[run].n)
			op_alloc(&seed, run);
		else if (random_below(&seed, 3))
			op_free(&seed, run);
		else
			op_extend(&seed, run);
		if (i % 500 == 0)
			buddy_purge(random_below(&seed, 4000));
		CHECK_NULL_TEXT(buddy_verify());
		buddy_get_stats(&s);
		CHECK(s.mapped_pages - s.free_pages == count_owned());
	}
	for (run = 0; run < RUNS; run++) {
		disown(runs[run].page, runs[run].n, run);
		buddy_free(runs[run].page, runs[run].n, false);
	}
	CHECK_NULL_TEXT(buddy_verify());
	/* With all dirt gone, everything has merged into whole blocks again. */
	buddy_purge(0);
	CHECK_NULL_TEXT(buddy_verify());
	buddy_get_stats(&s);
	CHECK(s.free_pages == s.mapped_pages && s.dirty_pages == 0);
	for (i = 0; i < s.mapped_pages; i++) {
		CHECK(i % BLOCK_PAGES == 0 || (arena_memmap[i].owner & OWNER_TAG) != OWNER_FREE);
		CHECK(*word_in(i) == 0);
	}
}

static void whole_arena(void)
{
	bool clean;
	uint32_t page = buddy_alloc(ARENA_PAGES, &clean);

	CHECK(page == 0 && clean);
	CHECK(buddy_alloc(1, &clean) == NO_PAGE);
	buddy_free(page, ARENA_PAGES, true);
	CHECK(buddy_alloc(ARENA_PAGES + 1, &clean) == NO_PAGE);
	CHECK(buddy_alloc(SIZE_MAX >> PAGE_SHIFT, &clean) == NO_PAGE);
	CHECK_NULL_TEXT(buddy_verify());
}

/* A request that fits nowhere while memory is dirty fits after clean and dirty halves have merged. */
static void dirty_is_given_back_when_full(void)
{
	bool clean;
	uint32_t page = buddy_alloc(ARENA_PAGES, &clean), i;

	for (i = 0; i < ARENA_PAGES; i += 2)
		buddy_free(page + i, 1, i % 4 == 0);
	for (i = 1; i < ARENA_PAGES; i += 2)
		buddy_free(page + i, 1, i % 4 == 1);
	CHECK(buddy_alloc(ARENA_PAGES, &clean) == 0);
	CHECK_NULL_TEXT(buddy_verify());
}

static void against_model_packed(void)
{
	buddy_pack();
	against_model();
}

/* A block holds as many runs as fit, not as many as fit at multiples of a power of two. */
static void packed_runs_lie_side_by_side(void)
{
	struct buddy_stats s;
	bool clean;

	buddy_pack();
	for (unsigned i = 0; i < BLOCK_PAGES / 74; i++)
		CHECK(buddy_alloc(74, &clean) < BLOCK_PAGES);
	buddy_get_stats(&s);
	CHECK(s.mapped_pages == BLOCK_PAGES);
	CHECK_NULL_TEXT(buddy_verify());
}

static void test_packed(void **state)
{
	(void)state;
	run_child("mode=production:arena.size=64M", against_model_packed);
	run_child("mode=production:arena.size=64M", packed_runs_lie_side_by_side);
}

static void test_model(void **state)
{
	(void)state;
	run_child("mode=production:arena.size=64M", against_model);
}

static void test_whole_arena(void **state)
{
	(void)state;
	run_child("mode=production:arena.size=64M", whole_arena);
}

static void test_dirty(void **state)
{
	(void)state;
	run_child("mode=production:arena.size=64M", dirty_is_given_back_when_full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_packed),
		cmocka_unit_test(test_whole_arena),
		cmocka_unit_test(test_dirty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
