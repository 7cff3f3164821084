/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_fault_left.c - faults that are remembered while a handler runs; mappings and their edges;
 * instructions that loaded a pointer, and those that did not. */
#include "config.h"

#include "tests/unit/unit.h"

#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "fault/fault_internal.h"

/* ---- pending faults -------------------------------------------------------------------------- */

static ucontext_t contexts[10];

static void note(unsigned i, uintptr_t pc, uintptr_t sp)
{
	struct fault_origin origin = { .sig = SIGSEGV, .addr = 0x1000 + i };

	contexts[i].uc_mcontext.gregs[REG_RIP] = (greg_t)pc;
	contexts[i].uc_mcontext.gregs[REG_RSP] = (greg_t)sp;
	pending_note(&origin, &contexts[i]);
}

static bool take(uintptr_t pc, uintptr_t sp, uint64_t addr)
{
	struct fault_origin origin = { 0 };
	bool found = pending_take_at(pc, sp, &origin);

	assert_int_equal(origin.addr, found ? addr : 0);
	return found;
}

static void faults_are_taken_once(void **state)
{
	(void)state;
	assert_false(pending_any());
	note(0, 0x400100, 0x7000);
	note(1, 0x400200, 0x7000);
	assert_true(pending_any());
	assert_false(take(0x400100, 0x7008, 0x1000));
	assert_false(take(0x400101, 0x7000, 0x1000));
	assert_true(take(0x400100, 0x7000, 0x1000));
	assert_false(take(0x400100, 0x7000, 0x1000));
	/* A second fault in the frame of the first takes its place. */
	note(1, 0x400300, 0x7100);
	assert_false(take(0x400200, 0x7000, 0x1001));
	assert_true(take(0x400300, 0x7100, 0x1001));
	assert_false(pending_any());
	/* The eight latest are kept. */
	for (unsigned i = 0; i < 10; i++)
		note(i, 0x400000 + i, 0x8000);
	assert_false(take(0x400001, 0x8000, 0x1001));
	assert_true(take(0x400002, 0x8000, 0x1002));
	pending_forget();
	assert_false(pending_any());
	assert_false(take(0x400003, 0x8000, 0x1003));
}

/* ---- mappings -------------------------------------------------------------------------------- */

static struct fault_state at(uintptr_t addr, uintptr_t stack_at)
{
	struct fault_state s;

	memset(&s, 0, sizeof(s));
	s.addr = addr;
	s.stack_at = stack_at;
	fault_find_mappings(&s);
	return s;
}

static void edges_of_mappings(void **state)
{
	char *p = mmap(NULL, 6 * PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uintptr_t lo = (uintptr_t)p + PAGE_SIZE, hi = lo + 2 * PAGE_SIZE;
	struct fault_state s;

	(void)state;
	assert_int_equal(mprotect((void *)lo, 2 * PAGE_SIZE, PROT_READ), 0);
	munmap((void *)hi, 2 * PAGE_SIZE);
	s = at(lo, 0);
	assert_true(s.at.mapped && s.at.readable && !s.at.writable && s.at.start == lo && s.at.end == hi);
	s = at(hi - 1, 0);
	assert_true(s.at.mapped && s.at.start == lo);
	s = at(lo - 1, 0);
	assert_true(s.at.mapped && !s.at.readable && s.at.end == lo && s.above.start == lo);
	s = at(hi, 0);
	assert_true(s.at.known && !s.at.mapped && s.at.start == hi && s.at.end == hi + 2 * PAGE_SIZE);
	assert_int_equal(s.above.start, hi + 2 * PAGE_SIZE);
	/* The stack's mapping, wherever it is: its end belongs to it, its start does not. */
	s = at(lo, (uintptr_t)&s);
	assert_true(s.stack.mapped && s.stack.writable && s.stack.start < (uintptr_t)&s);
	s = at((uintptr_t)&s, hi);
	assert_true(s.stack.start == lo && s.stack.end == hi);
	munmap(p, 3 * PAGE_SIZE);
	munmap((void *)(hi + 2 * PAGE_SIZE), PAGE_SIZE);
}

struct data_seen {
	uintptr_t lo;      /* of five pages */
	unsigned pages;    /* those of the five that are data, a bit each */
	unsigned own;      /* ranges that hold memsan's own data */
	unsigned nr, stop; /* ranges; after so many it stops */
};

static bool see_data(void *ctx, uintptr_t start, uintptr_t end)
{
	struct data_seen *seen = ctx;

	for (unsigned i = 0; i < 5; i++)
		if (seen->lo + i * PAGE_SIZE >= start && seen->lo + i * PAGE_SIZE < end)
			seen->pages |= 1u << i;
	seen->own += (uintptr_t)&fence_base >= start && (uintptr_t)&fence_base < end;
	return ++seen->nr != seen->stop;
}

/* Data is what a file's mapping holds that may be written, and the anonymous memory right behind a file's mapping
 * (bss), but no other memory, and nothing of memsan's. */
static void data_of_modules(void **state)
{
	const int rw = PROT_READ | PROT_WRITE, anonymous = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	char *p = mmap(NULL, 5 * PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct data_seen seen = { .lo = (uintptr_t)p }, first = { .stop = 1 };
	FILE *f = tmpfile();

	(void)state;
	assert_non_null(f);
	assert_int_equal(ftruncate(fileno(f), 2 * PAGE_SIZE), 0);
	/* file, read-only; file, written to; bss; memory that is only read; other memory */
	assert_true(mmap(p, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fileno(f), 0) == p);
	assert_true(mmap(p + PAGE_SIZE, PAGE_SIZE, rw, MAP_PRIVATE | MAP_FIXED, fileno(f), PAGE_SIZE) != MAP_FAILED);
	assert_true(mmap(p + 2 * PAGE_SIZE, PAGE_SIZE, rw, anonymous, -1, 0) != MAP_FAILED);
	assert_true(mmap(p + 3 * PAGE_SIZE, PAGE_SIZE, PROT_READ, anonymous, -1, 0) != MAP_FAILED);
	assert_true(mmap(p + 4 * PAGE_SIZE, PAGE_SIZE, rw, anonymous, -1, 0) != MAP_FAILED);
	fault_each_data(see_data, &seen);
	assert_int_equal(seen.pages, 6);
	assert_int_equal(seen.own, 0);
	assert_true(seen.nr > 1);
	fault_each_data(see_data, &first);
	assert_int_equal(first.nr, 1);
	munmap(p, 5 * PAGE_SIZE);
	fclose(f);
}

/* ---- which register held the pointer --------------------------------------------------------- */

static struct pointer_load decode(const char *before, size_t nr_before, const char *after, size_t nr_after, int reg)
{
	struct pointer_load load;

	poison_origin_decode((const uint8_t *)before, nr_before, (const uint8_t *)after, nr_after, reg, &load);
	return load;
}
#define DECODE(before, after, reg) decode(before, sizeof(before) - 1, after, sizeof(after) - 1, reg)

static void loads_are_decoded(void **state)
{
	struct pointer_load l;

	(void)state;
	l = DECODE("\x90\x90\x48\x8b\x43\x08", "\x8b\x10", MREG_AX); /* mov 8(%rbx),%rax */
	assert_true(l.base == MREG_BX && l.base_disp == 8 && !l.self);
	l = DECODE("\x90\x90\x48\x8b\x43\xf8", "\x8b\x10", MREG_AX); /* mov -8(%rbx),%rax */
	assert_true(l.base == MREG_BX && l.base_disp == -8);
	l = DECODE("\x48\x8b\x83\x00\xff\xff\xff", "\x8b\x10", MREG_AX); /* mov -256(%rbx),%rax */
	assert_true(l.base == MREG_BX && l.base_disp == -256);
	l = DECODE("\x48\x8b\x43\x08", "\x8b\x10", MREG_CX); /* another register was loaded */
	assert_true(l.base == -1 && !l.self);
	l = DECODE("\x49\x8b\x44\x24\x10", "\x8b\x10", MREG_AX); /* mov 16(%r12),%rax */
	assert_true(l.base == MREG_12 && l.base_disp == 16);
	l = DECODE("\x48\x8b\x05\x01\x02\x03\x04", "\x8b\x10", MREG_AX); /* relative to the instruction */
	assert_int_equal(l.base, -1);
	l = DECODE("\x90\x90\x90", "\x03\x47\x08\x48\x8b\x7f\x20", MREG_DI); /* add 8(%rdi),%eax; mov 32(%rdi),%rdi */
	assert_true(l.base == -1 && l.self && l.self_disp == 32);
	/* Two such loads that disagree tell nothing; two that agree do. */
	l = DECODE("\x90", "\x48\x8b\x7f\x20\x48\x8b\x7f\x28", MREG_DI);
	assert_false(l.self);
	l = DECODE("\x48\x8b\x7f\x20", "\x48\x8b\x7f\x20", MREG_DI);
	assert_true(l.self && l.self_disp == 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(faults_are_taken_once),
		cmocka_unit_test(edges_of_mappings),
		cmocka_unit_test(data_of_modules),
		cmocka_unit_test(loads_are_decoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
