/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_report_record.c - filling a record: strings, stacks with their modules, memory rows, and data that
 * does not fit. */
#include "config.h"

#include <string.h>
#include <sys/mman.h>

#include "reports/reports_internal.h"
#include "tests/unit/unit.h"

static struct report_record *begin(void)
{
	struct report_record *r;

	options_set_defaults(&options);
	options.symbolize = false;
	options.max_reports = 0;
	str_copy(options.report_file, "/dev/null", sizeof(options.report_file));
	reports_init(false);
	reports_configure();
	r = report_begin(REPORT_DOUBLE_FREE, "slab");
	assert_non_null(r);
	return r;
}

static void end(struct report_record *r)
{
	assert_true(report_record_valid(r, sizeof(*r)));
	report_end(r);
}

static void a_new_record_knows_its_process(void **state)
{
	struct report_record *r = begin();

	(void)state;
	assert_int_equal(r->pid, getpid());
	assert_int_equal(r->tid, getpid());
	assert_string_equal(report_str(r, r->component), "slab");
	assert_int_equal(r->nr_stacks, 0);
	record_complete(r);
	assert_non_null(strstr(report_str(r, r->exe), "test_report_record"));
	end(r);
}

static void strings_are_kept_once_and_within_bounds(void **state)
{
	struct report_record *r = begin();
	char name[200];
	uint32_t at;

	(void)state;
	assert_int_equal(report_string(r, ""), 0);
	assert_int_equal(report_string(r, NULL), 0);
	at = report_string(r, "malloc-64");
	assert_int_equal(report_string(r, "malloc-64"), at);
	assert_int_not_equal(report_string(r, "malloc-6"), at);
	assert_int_not_equal(report_string(r, "malloc"), at);
	assert_string_equal(report_str(r, report_string(r, "64")), "64");
	assert_string_equal(report_str(r, report_string(r, "mal")), "mal");
	assert_string_equal(report_str(r, at), "malloc-64");
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "%0150d", i);
		at = report_string(r, name);
		assert_true(at + strlen(report_str(r, at)) < REPORT_STRINGS);
		assert_int_equal(strncmp(report_str(r, at), name, strlen(report_str(r, at))), 0);
	}
	assert_true(r->strings_len <= REPORT_STRINGS);
	assert_string_equal(report_str(r, UINT32_MAX), "");
	end(r);
}

static __attribute__((noinline)) void add_here(struct report_record *r, struct unwind_regs *regs)
{
	UNWIND_HERE(regs);
	report_add_regs(r, STACK_ACCESS, regs, false);
}

static void frames_have_modules(void **state)
{
	struct report_record *r = begin();
	const struct report_stack *s = &r->stacks[0];
	struct unwind_regs regs;

	(void)state;
	add_here(r, &regs);
	record_complete(r);
	assert_int_equal(r->nr_stacks, 1);
	assert_true(s->nr_frames >= 3);
	assert_int_equal(s->role, STACK_ACCESS);
	assert_int_equal(s->tid, getpid());
	for (uint32_t i = 0; i < s->nr_frames; i++) {
		const struct report_module *m = report_frame_module(r, &s->frames[i]);
		assert_non_null(m);
		assert_true(s->frames[i].pc >= m->start && s->frames[i].pc <= m->end);
		assert_true(report_str(r, m->path)[0] == '/');
	}
	assert_true(r->nr_modules >= 2 && r->nr_modules <= 4); /* this program, libc, cmocka … each once */
	end(r);
}

static void saved_stacks(void **state)
{
	struct report_record *r = begin();
	uintptr_t pcs[REPORT_FRAMES + 44];
	stack_handle deep;
	uint32_t when = jiffies_now() - 7;

	(void)state;
	when -= when == 0; /* 0 means "not known" */
	for (size_t i = 0; i < ARRAY_SIZE(pcs); i++)
		pcs[i] = 0x1000 + i;
	deep = depot_save(pcs, ARRAY_SIZE(pcs));
	report_add_handle(r, STACK_ALLOC, deep, thread_index(), when);
	report_add_handle(r, STACK_FREE, depot_save(pcs, 3), 0, 0);
	report_add_handle(r, STACK_FREE, 0, 0, 0);
	report_add_handle(r, STACK_ALLOC, depot_save(pcs, 2), 0, 0);
	report_add_handle(r, STACK_ALLOC, depot_save(pcs, 2), 0, 0); /* one stack more than fits */
	record_complete(r);
	assert_int_equal(r->nr_stacks, REPORT_STACKS);
	assert_int_equal(r->stacks[0].nr_frames, REPORT_FRAMES);
	assert_true(r->stacks[0].truncated);
	assert_int_equal(r->stacks[0].tid, getpid());
	assert_true(r->stacks[0].age_ms >= 70 && r->stacks[0].age_ms < 5000);
	assert_int_equal(r->stacks[1].nr_frames, 3);
	assert_false(r->stacks[1].truncated);
	assert_true(r->stacks[1].age_ms == REPORT_AGE_UNKNOWN && r->stacks[1].tid == 0);
	assert_int_equal(r->stacks[1].frames[2].pc, 0x1002);
	assert_int_equal(r->stacks[1].frames[2].module, REPORT_NO_MODULE);
	assert_int_equal(r->stacks[2].nr_frames, 0);
	end(r);
}

/* A return address at the very end of a module belongs to the call before it; an exact one to nothing. */
static void calls_at_the_end_of_a_module(void **state)
{
	struct report_record *r = begin();
	struct module_info here;
	uintptr_t end_of;
	stack_handle stack;

	(void)state;
	assert_true(module_find((uintptr_t)calls_at_the_end_of_a_module, 0, &here));
	end_of = here.end;
	stack = depot_save(&end_of, 1);
	report_add_handle(r, STACK_ALLOC, stack, 0, 0);
	end_of = here.start;
	report_add_handle(r, STACK_FREE, depot_save(&end_of, 1), 0, 0);
	report_add_pc(r, STACK_ACCESS, here.start);
	record_complete(r);
	assert_non_null(report_frame_module(r, &r->stacks[0].frames[0]));
	assert_int_equal(report_frame_module(r, &r->stacks[0].frames[0])->end, here.end);
	assert_true(!report_frame_module(r, &r->stacks[1].frames[0]) ||
	            report_frame_module(r, &r->stacks[1].frames[0])->start != here.start);
	assert_int_equal(report_frame_module(r, &r->stacks[2].frames[0])->start, here.start);
	end(r);
}

static const struct report_stack *stack_of(const struct report_record *r, enum report_role role)
{
	for (uint32_t i = 0; i < r->nr_stacks; i++)
		if (r->stacks[i].role == role)
			return &r->stacks[i];
	return NULL;
}

/* An object's stacks and threads: a live one was never freed, whatever its track still says. */
static void objects_have_their_own_stacks(void **state)
{
	struct report_record *r = begin();
	uintptr_t pcs[REPORT_FRAMES + 1];
	struct slab_object o = { .addr = 0x5000, .size = 8, .tracked = true, .state = SLAB_OBJ_LIVE };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pcs); i++)
		pcs[i] = 0x9000 + i;
	o.alloc_stack = depot_save(pcs, REPORT_FRAMES);
	o.free_stack = depot_save(pcs, 2);
	o.alloc_thread = thread_index();
	o.when = jiffies_now();
	report_set_object(r, &o);
	assert_non_null(stack_of(r, STACK_ALLOC));
	assert_null(stack_of(r, STACK_FREE));
	/* As many frames as there is room for are the whole stack. */
	assert_int_equal(stack_of(r, STACK_ALLOC)->nr_frames, REPORT_FRAMES);
	assert_false(stack_of(r, STACK_ALLOC)->truncated);
	end(r);
	r = begin();
	o.state = SLAB_OBJ_QUARANTINED;
	report_set_object(r, &o);
	assert_int_equal(stack_of(r, STACK_ALLOC)->tid, getpid());
	assert_int_equal(stack_of(r, STACK_FREE)->tid, 0);
	assert_int_equal(stack_of(r, STACK_FREE)->nr_frames, 2);
	end(r);
}

/* In the middle of readable memory a dump has as many rows before the marked one as behind it. */
static void rows_on_both_sides(void **state)
{
	static unsigned char bytes[1024] __attribute__((aligned(16)));
	struct report_record *r = begin();

	(void)state;
	for (uintptr_t at = (uintptr_t)bytes + 500; at < (uintptr_t)bytes + 540; at++) {
		uintptr_t row = at & ~15ul;

		report_set_memory(r, at, (uintptr_t)bytes, (uintptr_t)bytes + sizeof(bytes));
		assert_int_equal(r->memory_mark, at);
		assert_true(r->memory_addr < row);
		assert_int_equal(row - r->memory_addr, r->memory_addr + r->memory_len - (row + 16));
	}
	end(r);
}

/* Rows around addresses in three pages, of which the middle one is not readable. */
static void memory_rows(void **state)
{
	struct report_record *r = begin();
	unsigned char *base = mmap(NULL, 3 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t seed = 42;

	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	assert_true(base != MAP_FAILED);
	for (size_t i = 0; i < 3 * PAGE_SIZE; i++)
		base[i] = (unsigned char)(i * 7 + 3);
	mprotect(base + PAGE_SIZE, PAGE_SIZE, PROT_NONE);
	for (int round = 0; round < 2000; round++) {
		uintptr_t around = (uintptr_t)base + 300 + unit_below(&seed, 3 * PAGE_SIZE - 600);
		uintptr_t lo = around - unit_below(&seed, 200), hi = around + 1 + unit_below(&seed, 200);
		r->memory_len = 0;
		report_set_memory(r, around, lo, hi);
		record_complete(r);
		for (size_t i = 0; i < r->memory_len; i++) {
			uintptr_t at = (uintptr_t)r->memory_addr + i;
			size_t page = (at - (uintptr_t)base) / PAGE_SIZE;
			uint8_t byte;
			bool known = report_memory_byte(r, i, &byte);
			assert_int_equal(known, page != 1);
			assert_true(!known || byte == *(unsigned char *)at);
		}
		if (!r->memory_len) {
			assert_int_equal((around - (uintptr_t)base) / PAGE_SIZE, 1);
			continue;
		}
		assert_true(r->memory_addr % 16 == 0 && r->memory_len % 16 == 0 && r->memory_len <= 80);
		assert_true(r->memory_mark == around && around - r->memory_addr < r->memory_len);
		assert_true(r->memory_addr + 16 > lo && r->memory_addr + r->memory_len < hi + 16);
		assert_true(around - r->memory_addr >= 32 || r->memory_addr <= lo);
	}
	r->memory_len = 0;
	report_set_memory(r, 8, 0, UINTPTR_MAX);
	record_complete(r);
	assert_int_equal(r->memory_len, 0);
	report_set_memory(r, UINTPTR_MAX, 0, UINTPTR_MAX);
	record_complete(r);
	assert_int_equal(r->memory_len, 0);
	munmap(base, 3 * PAGE_SIZE);
	end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_record_knows_its_process),
		cmocka_unit_test(strings_are_kept_once_and_within_bounds),
		cmocka_unit_test(frames_have_modules),
		cmocka_unit_test(saved_stacks),
		cmocka_unit_test(calls_at_the_end_of_a_module),
		cmocka_unit_test(objects_have_their_own_stacks),
		cmocka_unit_test(rows_on_both_sides),
		cmocka_unit_test(memory_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
