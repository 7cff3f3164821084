/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_slab_check.c - red zones, poison and bad frees: every wrong byte is found, and no right byte is
 * reported. */
#include "slab_test.h"
#include "slab/area.h"
#include "slab/cache.h"
#include "slab/class.h"
#include "slab/quarantine.h"

static void *alloc_as(size_t size, enum slab_api api)
{
	return slab_malloc(size, 16, api, false, &no_regs);
}

static void free_as(void *p, enum slab_api api, size_t size)
{
	slab_free(p, api, size, &no_regs);
}

static void expect_one(enum slab_finding_kind kind, uintptr_t addr, enum slab_found_at at)
{
	CHECK(nr_findings == 1);
	CHECK(findings[0].kind == kind && findings[0].addr == addr && findings[0].at == at);
	CHECK(findings[0].have_regs);
	nr_findings = 0;
}

static size_t red_zone_end(size_t size)
{
	return size <= SLAB_CLASS_MAX ? class_size(class_of(size)) + REDZONE_SIZE : ALIGN_UP(size, PAGE_SIZE);
}

/* One byte outside of the object is found at free, with its address and value; then the zone is whole again. */
static void poke_outside(size_t size, ptrdiff_t off)
{
	uint8_t *p = heap_malloc(size);

	memset(p, 0x11, size);
	p[off] ^= 0xff;
	heap_free(p);
	CHECK(findings[0].size == 1 && findings[0].expected == SLUB_RED_ACTIVE &&
	      findings[0].found == (SLUB_RED_ACTIVE ^ 0xff));
	CHECK(findings[0].have_object && findings[0].object.addr == (uintptr_t)p && findings[0].object.size == size);
	CHECK(findings[0].object.tracked && findings[0].object.alloc_stack &&
	      findings[0].object.state == SLAB_OBJ_LIVE);
	expect_one(off < 0 ? SLAB_LEFT_REDZONE : SLAB_RIGHT_REDZONE, (uintptr_t)p + (uintptr_t)off, SLAB_AT_FREE);
}

/* The neighbours are never used here, so that all damage is attributed to the object itself. A quarantined object
 * keeps its slot. */
static void every_byte_around_every_size(void)
{
	static const size_t large[] = { 1000, 4095, 4096, 5000, 32767, 32768, 32769, 40000, 65537 };
	size_t size, i;
	ptrdiff_t off;

	options.quarantine_size = 0;
	for (size = 1; size <= 300; size++) {
		for (off = -16; off < 0; off++)
			poke_outside(size, off);
		for (off = (ptrdiff_t)size; off < (ptrdiff_t)red_zone_end(size); off++)
			poke_outside(size, off);
	}
	for (i = 0; i < ARRAY_SIZE(large); i++) {
		for (off = large[i] <= SLAB_CLASS_MAX ? -16 : 0; off < 0; off++)
			poke_outside(large[i], off);
		for (off = (ptrdiff_t)large[i]; off < (ptrdiff_t)red_zone_end(large[i]); off += 1 + off / 5000)
			poke_outside(large[i], off);
	}
}

static void no_byte_inside(void)
{
	size_t size, align;

	for (size = 0; size <= 70000; size += 1 + size / 40) {
		for (align = 16; align <= 65536; align *= 4) {
			uint8_t *p = slab_malloc(size, align, SLAB_API_MALLOC, size % 2, &no_regs);

			CHECK((uintptr_t)p % align == 0);
			CHECK(slab_usable_size(p, &no_regs) == size);
			memset(p, 0xff, size);
			CHECK(slab_check_all(SLAB_AT_CHECK_ALL, &no_regs) == 0);
			heap_free(p);
		}
	}
	quarantine_drain(&no_regs);
	CHECK(nr_findings == 0);
}

/* Damage in a zone between two objects belongs to the one that it lies next to. */
static void shared_zone_is_laid_to_its_side(void)
{
	uint8_t *p[8], *a = NULL;
	unsigned i;

	for (i = 0; i < 8; i++)
		p[i] = heap_malloc(48);
	for (i = 1; i < 8 && !a; i++)
		if (p[i] == p[i - 1] + 64)
			a = p[i - 1];
	CHECK(a);
	a[48] = 1;
	heap_free(a + 64);
	CHECK(findings[0].object.addr == (uintptr_t)a);
	expect_one(SLAB_RIGHT_REDZONE, (uintptr_t)a + 48, SLAB_AT_FREE);
	a[63] = 1;
	heap_free(a);
	CHECK(findings[0].object.addr == (uintptr_t)a + 64);
	expect_one(SLAB_LEFT_REDZONE, (uintptr_t)a + 63, SLAB_AT_FREE);
}

/* The damage reaches from the first to the last bad byte. */
static void damage_is_a_range(void)
{
	uint8_t *p = heap_malloc(40);

	p[41] = 1;
	p[43] = 2;
	heap_free(p);
	CHECK(findings[0].size == 3 && findings[0].found == 1);
	expect_one(SLAB_RIGHT_REDZONE, (uintptr_t)p + 41, SLAB_AT_FREE);
}

static void write_after_free(void)
{
	size_t size, off;

	for (size = 1; size <= 130; size++) {
		for (off = 0; off < class_size(class_of(size)); off++) {
			uint8_t *p = heap_malloc(size);
			uint8_t poison = off == class_size(class_of(size)) - 1 ? POISON_END : POISON_FREE;

			heap_free(p);
			CHECK(p[off] == poison);
			p[off] = 0x42;
			if (off % 2) {
				CHECK(slab_check_all(SLAB_AT_CHECK_ALL, &no_regs) == 0 || off % 2);
				quarantine_drain(&no_regs);
				CHECK(findings[0].at == SLAB_AT_CHECK_ALL || findings[0].at == SLAB_AT_QUARANTINE_EXIT);
			} else {
				quarantine_drain(&no_regs);
				CHECK(findings[0].at == SLAB_AT_QUARANTINE_EXIT);
			}
			CHECK(nr_findings == 1 && findings[0].kind == SLAB_POISON_OVERWRITTEN);
			CHECK(findings[0].addr == (uintptr_t)p + off && findings[0].size == 1 &&
			      findings[0].found == 0x42);
			CHECK(findings[0].expected == poison && findings[0].object.addr == (uintptr_t)p);
			CHECK(findings[0].object.alloc_stack && findings[0].object.free_stack);
			CHECK(findings[0].object.state == SLAB_OBJ_QUARANTINED && findings[0].object.size == size);
			nr_findings = 0;
		}
	}
}

/* A late write is found even after the quarantine, when the slot is taken again. */
static void write_to_free_slot(void)
{
	uint8_t *p = heap_malloc(100), *q = NULL;
	unsigned i;

	heap_free(p);
	quarantine_drain(&no_regs);
	CHECK(nr_findings == 0);
	p[3] = 9;
	for (i = 0; i < 5000 && nr_findings == 0; i++)
		q = heap_malloc(100);
	CHECK(q == p);
	expect_one(SLAB_POISON_OVERWRITTEN, (uintptr_t)p + 3, SLAB_AT_ALLOC);
}

/* In an instrumented program only the ends are verified then; the whole object is verified when it leaves the
 * quarantine. */
static void write_to_free_slot_of_checked_code(void)
{
	static const size_t at[] = { 0, 63, 447, 510, 511 };
	size_t k, i;

	slab_accesses_checked = true;
	for (k = 0; k < ARRAY_SIZE(at); k++) {
		uint8_t *p = heap_malloc(500);

		CHECK(class_size(class_of(500)) == 512);
		heap_free(p);
		p[200] = 9;
		quarantine_drain(&no_regs);
		expect_one(SLAB_POISON_OVERWRITTEN, (uintptr_t)p + 200, SLAB_AT_QUARANTINE_EXIT);
		p[at[k]] = 9;
		for (i = 0; i < 5000 && nr_findings == 0; i++)
			heap_malloc(500);
		if (at[k] < 64 || at[k] >= 448)
			expect_one(SLAB_POISON_OVERWRITTEN, (uintptr_t)p + at[k], SLAB_AT_ALLOC);
		else
			CHECK(nr_findings == 0);
	}
}

static void check_all_sees_live_and_held(void)
{
	uint8_t *live = heap_malloc(33), *held = heap_malloc(200), *large = heap_malloc(100001);

	heap_free(held);
	live[33] = 0;
	held[7] = 0;
	large[100001] = 0;
	CHECK(slab_check_all(SLAB_AT_CHECK_ALL, &no_regs) == 3 && nr_findings == 3);
	/* Repaired: said once. */
	CHECK(slab_check_all(SLAB_AT_CHECK_ALL, &no_regs) == 0);
	nr_findings = 0;
	heap_free(live);
	heap_free(large);
	quarantine_drain(&no_regs);
	CHECK(nr_findings == 0);
}

static void expect_bad(void *p, enum slab_finding_kind kind)
{
	bool bad;

	heap_free(p);
	expect_one(kind, (uintptr_t)p, SLAB_AT_FREE);
	CHECK(slab_realloc(p, 10, &no_regs, &bad) == NULL && bad);
	expect_one(kind, (uintptr_t)p, SLAB_AT_REALLOC);
	CHECK(slab_usable_size(p, &no_regs) == 0 && nr_findings == 1);
	nr_findings = 0;
}

/* For every mode. checked: the quarantine keeps more state. */
static void bad_frees(void)
{
	static char global[64] __attribute__((aligned(16)));
	char local[64] __attribute__((aligned(16)));
	char *p = heap_malloc(500), *large = heap_malloc(300000), *next = heap_malloc(500), *aligned;
	size_t off;

	for (off = 1; off < 500; off++)
		expect_bad(p + off, SLAB_INVALID_FREE);
	for (off = 1; off < 300000; off += off < 20 ? 1 : 997)
		expect_bad(large + off, SLAB_INVALID_FREE);
	expect_bad(large - PAGE_SIZE, SLAB_INVALID_FREE);
	expect_bad(global, SLAB_INVALID_FREE);
	expect_bad(local, SLAB_INVALID_FREE);
	expect_bad((void *)16, SLAB_INVALID_FREE);
	expect_bad((void *)-16, SLAB_INVALID_FREE);
	expect_bad((void *)(arena_base + arena_size - 16), SLAB_INVALID_FREE);
	expect_bad((void *)(arena_base + arena_size), SLAB_INVALID_FREE);
	expect_bad((void *)(arena_base - 16), SLAB_INVALID_FREE);
	expect_bad((void *)0x4141414141414140, SLAB_INVALID_FREE);
	heap_free(p);
	heap_free(large);
	CHECK(nr_findings == 0);
	expect_bad(p, SLAB_DOUBLE_FREE);
	expect_bad(p + 16, SLAB_INVALID_FREE);
	expect_bad(large, SLAB_DOUBLE_FREE);
	quarantine_drain(&no_regs);
	expect_bad(p, SLAB_DOUBLE_FREE);
	heap_free(next);
	slab_trim(0);
	expect_bad(p, SLAB_DOUBLE_FREE);
	area_drain();
	expect_bad(large, SLAB_DOUBLE_FREE);
	aligned = slab_malloc(100, 256, SLAB_API_MEMALIGN, false, &no_regs);
	expect_bad(aligned + 16, SLAB_INVALID_FREE);
	heap_free(aligned);
	/* A displaced object is remembered as long as it is quarantined. */
	if (options.quarantine_size)
		expect_bad(aligned, SLAB_DOUBLE_FREE);
	expect_bad(aligned + 16, SLAB_INVALID_FREE);
	heap_free(NULL);
	CHECK(nr_findings == 0);
}

static void families(void)
{
	static const bool same[SLAB_API_CACHE][SLAB_API_CACHE] = {
		[SLAB_API_MALLOC] = { [SLAB_API_MALLOC] = true, [SLAB_API_MEMALIGN] = true },
		[SLAB_API_MEMALIGN] = { [SLAB_API_MALLOC] = true, [SLAB_API_MEMALIGN] = true },
		[SLAB_API_NEW] = { [SLAB_API_NEW] = true },
		[SLAB_API_NEW_ARRAY] = { [SLAB_API_NEW_ARRAY] = true },
	};
	static const size_t sizes[] = { 10, 50000 };
	enum slab_api a, f;
	size_t i;

	for (i = 0; i < 2; i++) {
		for (a = SLAB_API_MALLOC; a < SLAB_API_CACHE; a++) {
			for (f = SLAB_API_MALLOC; f < SLAB_API_CACHE; f++) {
				char *p = alloc_as(sizes[i], a);

				free_as(p, f, SIZE_MAX);
				CHECK(nr_findings == !same[a][f]);
				if (nr_findings) {
					CHECK(findings[0].api_used == f && findings[0].object.api == a);
					expect_one(SLAB_ALLOC_DEALLOC_MISMATCH, (uintptr_t)p, SLAB_AT_FREE);
				}
				/* Freed all the same. */
				expect_bad(p, SLAB_DOUBLE_FREE);
			}
		}
		free_as(alloc_as(sizes[i], SLAB_API_NEW), SLAB_API_NEW, sizes[i]);
		CHECK(nr_findings == 0);
		free_as(alloc_as(sizes[i], SLAB_API_NEW), SLAB_API_NEW, sizes[i] + 1);
		CHECK(nr_findings == 1 && findings[0].kind == SLAB_SIZED_DELETE_MISMATCH &&
		      findings[0].size == sizes[i] + 1);
		nr_findings = 0;
	}
}

/* Each flag alone does its own part and nothing else. */
static void poke_all(bool redzone, bool poison)
{
	uint8_t *p = heap_malloc(64);

	p[-1] = 1;
	heap_free(p);
	CHECK(nr_findings == redzone);
	nr_findings = 0;
	p[0] = 1;
	quarantine_drain(&no_regs);
	CHECK(nr_findings == poison);
	nr_findings = 0;
}

static void only_z(void)
{
	poke_all(true, false);
}
static void only_p(void)
{
	/* Without red zones the byte before belongs to nobody yet: slot 1 of a new slab. */
	heap_malloc(64);
	poke_all(false, true);
}
static void only_u(void)
{
	heap_malloc(64);
	poke_all(false, false);
	families();
}

static struct slab_trace_event traced[8];
static unsigned nr_traced;

static void record_trace(const struct slab_trace_event *e)
{
	CHECK(nr_traced < 8);
	traced[nr_traced++] = *e;
}

/* T follows the caches that have it and leaves the others alone. */
static void trace_tells(void)
{
	static const size_t sizes[] = { 60, 200, 50000 };
	void *p[3];
	size_t i;

	slab_set_trace_hook(record_trace);
	for (i = 0; i < 3; i++)
		p[i] = heap_malloc(sizes[i]);
	for (i = 3; i-- > 0;)
		heap_free(p[i]);
	CHECK(nr_traced == 4 && !traced[0].free && !traced[1].free && traced[2].free && traced[3].free);
	CHECK(traced[0].addr == (uintptr_t)p[0] && traced[0].size == 60 && traced[3].addr == (uintptr_t)p[0]);
	CHECK(traced[1].addr == (uintptr_t)p[2] && traced[1].size == 50000 && traced[2].addr == (uintptr_t)p[2]);
	CHECK(traced[0].stack && traced[3].stack && str_equal(traced[0].cache, "malloc-64") &&
	      str_equal(traced[1].cache, "vmalloc"));
}

#define CHILD_TEST(name, opts)                \
	static void test_##name(void **state) \
	{                                     \
		(void)state;                  \
		run_child(opts, name);        \
	}
CHILD_TEST(every_byte_around_every_size, "mode=check:quarantine.size=0")
CHILD_TEST(no_byte_inside, "mode=check")
CHILD_TEST(shared_zone_is_laid_to_its_side, "mode=check")
CHILD_TEST(damage_is_a_range, "mode=check")
CHILD_TEST(write_after_free, "mode=check")
CHILD_TEST(write_to_free_slot, "mode=check")
CHILD_TEST(write_to_free_slot_of_checked_code, "mode=check")
CHILD_TEST(check_all_sees_live_and_held, "mode=check")
CHILD_TEST(families, "mode=check")
CHILD_TEST(trace_tells, "mode=check:slab_debug=T,malloc-64,vmalloc")
CHILD_TEST(only_z, "mode=check:slab_debug=Z")
CHILD_TEST(only_p, "mode=check:slab_debug=P")
CHILD_TEST(only_u, "mode=check:slab_debug=U")

static void test_bad_frees(void **state)
{
	static const char *const opts[] = { "mode=check", "mode=production", "mode=check:slab_debug=FZ",
		                            "mode=check:quarantine.size=0",
		                            "mode=production:slab_debug=FZPU,malloc-512" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(opts); i++)
		run_child(opts[i], bad_frees);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte_around_every_size),
		cmocka_unit_test(test_no_byte_inside),
		cmocka_unit_test(test_shared_zone_is_laid_to_its_side),
		cmocka_unit_test(test_damage_is_a_range),
		cmocka_unit_test(test_write_after_free),
		cmocka_unit_test(test_write_to_free_slot),
		cmocka_unit_test(test_write_to_free_slot_of_checked_code),
		cmocka_unit_test(test_check_all_sees_live_and_held),
		cmocka_unit_test(test_bad_frees),
		cmocka_unit_test(test_families),
		cmocka_unit_test(test_trace_tells),
		cmocka_unit_test(test_only_z),
		cmocka_unit_test(test_only_p),
		cmocka_unit_test(test_only_u),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
