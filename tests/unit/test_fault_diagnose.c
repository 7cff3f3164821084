/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_fault_diagnose.c - the diagnosis of faults on invented states; the operand decoder compared with
 * capstone. */
#include "config.h"

#include <string.h>

#include "tests/unit/unit.h"

#include <capstone/capstone.h>

#include "fault/fault_internal.h"

/* ---- invented state -------------------------------------------------------------------------- */

/* clang-format would take "(a) - 1" for a cast. */
/* clang-format off */
#define CODE(s, bytes) set_code(s, bytes, sizeof(bytes) - 1)
/* clang-format on */
#define NOWHERE 0x123456789000u

static void set_code(struct fault_state *s, const char *bytes, size_t n)
{
	memcpy(s->code, bytes, n);
	s->code_len = (unsigned)n;
}

/* A page fault of `mov (%rax),%rax`, at an address where nothing is mapped. */
static struct fault_state page_fault(uint64_t addr, uint64_t error)
{
	struct fault_state s;

	memset(&s, 0, sizeof(s));
	s.signo = SIGSEGV;
	s.si_code = SEGV_MAPERR;
	s.trap = TRAP_PAGE;
	s.error = error;
	s.addr = addr;
	s.regs[MREG_IP] = 0x401000;
	s.regs[MREG_SP] = 0x7ffd00001000;
	s.regs[MREG_AX] = addr;
	CODE(&s, "\x48\x8b\x00");
	s.at.known = true;
	return s;
}

static struct fault_state protection_fault(void)
{
	struct fault_state s = page_fault(0, 0);

	s.trap = TRAP_PROTECTION;
	s.si_code = SI_KERNEL;
	return s;
}

static void mapped(struct fault_mapping *m, uintptr_t start, uintptr_t end, const char *perms)
{
	*m = (struct fault_mapping){ .known = true,
		                     .mapped = true,
		                     .readable = perms[0] == 'r',
		                     .writable = perms[1] == 'w',
		                     .executable = perms[2] == 'x',
		                     .start = start,
		                     .end = end };
}

static void expect(const struct fault_state *s, enum report_kind kind, bool have_addr, uint64_t addr,
                   enum report_access access)
{
	struct fault_verdict v;

	fault_diagnose(s, &v);
	assert_string_equal(report_kind_name(v.kind), report_kind_name(kind));
	assert_int_equal(v.have_addr, have_addr);
	if (have_addr)
		assert_int_equal(v.addr, addr);
	assert_int_equal(v.access, access);
	assert_true(strlen(v.detail) > 0 && strlen(v.detail) < sizeof(v.detail) - 1);
}

static void expect_detail(const struct fault_state *s, const char *word)
{
	struct fault_verdict v;

	fault_diagnose(s, &v);
	if (!strstr(v.detail, word))
		fail_msg("'%s' does not say '%s'", v.detail, word);
}

static void test_null(void **state)
{
	struct fault_state s;

	(void)state;
	for (uint64_t offset = 0; offset < 65536; offset += 4093) {
		s = page_fault(offset, 4);
		s.regs[MREG_AX] = 0;
		CODE(&s, "\x48\x8b\x80\x00\x00\x00\x00");
		memcpy(s.code + 3, &offset, 4);
		expect(&s, REPORT_NULL_PTR_DEREF, true, offset, ACCESS_READ);
		if (offset)
			expect_detail(&s, "member at offset");
		s.error = 6;
		expect(&s, REPORT_NULL_PTR_DEREF, true, offset, ACCESS_WRITE);
	}
	/* container_of(NULL) */
	s = page_fault((uint64_t)-24, 5);
	expect(&s, REPORT_NULL_PTR_DEREF, true, (uint64_t)-24, ACCESS_READ);
	expect_detail(&s, "24 bytes before");
	/* array[i] with a null array: mov (%rax,%rcx,8),%rax */
	s = page_fault(8 * 100, 4);
	s.regs[MREG_AX] = 0;
	s.regs[MREG_CX] = 100;
	CODE(&s, "\x48\x8b\x04\xc8");
	expect_detail(&s, "element 100 of size 8");
	s = page_fault(65536, 4);
	expect(&s, REPORT_WILD_MEMORY_ACCESS, true, 65536, ACCESS_READ);
}

static void test_wild(void **state)
{
	struct fault_state s = page_fault(NOWHERE, 4);
	struct fault_verdict v;

	(void)state;
	expect(&s, REPORT_WILD_MEMORY_ACCESS, true, NOWHERE, ACCESS_READ);
	expect_detail(&s, "Nothing is mapped");
	s = page_fault(0xffff800000000000u, 5);
	expect(&s, REPORT_WILD_MEMORY_ACCESS, true, 0xffff800000000000u, ACCESS_READ);
	expect_detail(&s, "kernel");
	s = page_fault(NOWHERE, 7);
	mapped(&s.at, NOWHERE, NOWHERE + 4096, "r--");
	expect(&s, REPORT_READ_ONLY, true, NOWHERE, ACCESS_WRITE);
	mapped(&s.at, NOWHERE, NOWHERE + 4096, "---");
	expect(&s, REPORT_WILD_MEMORY_ACCESS, true, NOWHERE, ACCESS_WRITE);
	s.error = 7 | PAGE_ERROR_KEY;
	expect_detail(&s, "protection key");
	/* There is a kind even when /proc cannot be read. */
	s = page_fault(NOWHERE, 4);
	s.at.known = false;
	fault_diagnose(&s, &v);
	assert_int_equal(v.kind, REPORT_WILD_MEMORY_ACCESS);
}

/* The poisoned pointer came from the load just before, through another register (base), or from loads of the register
 * through itself (self). Loads through itself only count when they all agree. */
static void test_poison_origin_decode(void **state)
{
	static const struct {
		const char *before, *after;
		size_t nr_before, nr_after;
		int reg, base;
		int64_t base_disp;
		bool self;
		int64_t self_disp;
	} known[] = {
		/* mov 8(%rbx),%rax | mov (%rax),%edx */
		{ "\x90\x48\x8b\x43\x08", "\x8b\x10", 5, 2, MREG_AX, MREG_BX, 8, false, 0 },
		/* mov 0x1234(%r12),%r9 */
		{ "\x4d\x8b\x8c\x24\x34\x12\x00\x00", "\x41\x8b\x11", 8, 3, MREG_9, MREG_12, 0x1234, false, 0 },
		/* add 8(%rdi),%eax; mov (%rdi),%rdi; test; jne */
		{ "\x0f\x1f\x80\x00\x00\x00\x00", "\x03\x47\x08\x48\x8b\x3f\x48\x85\xff\x75\xf5", 7, 11, MREG_DI, -1, 0,
		  true, 0 },
		/* mov -8(%r13),%r13 */
		{ "\x90", "\x4d\x8b\x6d\xf8", 1, 4, MREG_13, -1, 0, true, -8 },
		/* two loads that disagree: mov 8(%rax),%rax and mov 16(%rax),%rax */
		{ "\x48\x8b\x40\x08", "\x48\x8b\x40\x10", 4, 4, MREG_AX, -1, 0, false, 0 },
		/* no such load: another register, 32 bits, lea, relative to the instruction pointer, cut off */
		{ "\x48\x8b\x4b\x08", "\x48\x8b\x3f", 4, 3, MREG_AX, -1, 0, false, 0 },
		{ "\x90\x8b\x43\x08", "\x90", 4, 1, MREG_AX, -1, 0, false, 0 },
		{ "\x48\x8d\x43\x08", "\x90", 4, 1, MREG_AX, -1, 0, false, 0 },
		{ "\x48\x8b\x05\x00\x01\x00\x00", "\x90", 7, 1, MREG_AX, -1, 0, false, 0 },
		{ "", "\x48\x8b", 0, 2, MREG_AX, -1, 0, false, 0 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		struct pointer_load load;

		poison_origin_decode((const uint8_t *)known[i].before, known[i].nr_before,
		                     (const uint8_t *)known[i].after, known[i].nr_after, known[i].reg, &load);
		assert_int_equal(load.base, known[i].base);
		if (load.base >= 0)
			assert_int_equal(load.base_disp, known[i].base_disp);
		assert_int_equal(load.self, known[i].self);
		if (load.self)
			assert_int_equal(load.self_disp, known[i].self_disp);
	}
}

static void test_poison(void **state)
{
	static const struct {
		uint64_t value;
		uint8_t byte;
	} known[] = {
		{ 0x6b6b6b6b6b6b6b6b, 0x6b },     { 0x6b6b6b6b6b6b6b6b + 4000, 0x6b },
		{ 0x6b6b6b6b6b6b6b6b - 8, 0x6b }, { 0xa56b6b6b6b6b6b6b, 0x6b },
		{ 0xcccccccccccccccc, 0xcc },     { 0xbbbbbbbbbbbbbbbb, 0 },
		{ 0x5a5a5a5a5a5a5a5a, 0 },        { 0x6b6b6b6b, 0x6b },
		{ 0xffffffffcccccccc, 0xcc },
	};
	static const uint64_t unknown[] = { 0, 0x6b, 0x7fff6b6b6b6b, UINT64_MAX, 0x6b6b, 0x0101010101010101 };
	struct fault_state s = protection_fault();
	struct fault_verdict v;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		assert_int_equal(fault_poison_byte(known[i].value), known[i].byte);
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
		assert_int_equal(fault_poison_byte(unknown[i]), 0);

	s.regs[MREG_AX] = 0x6b6b6b6b6b6b6b6b;
	CODE(&s, "\x48\x8b\x40\x10");
	fault_diagnose(&s, &v);
	assert_int_equal(v.kind, REPORT_WILD_MEMORY_ACCESS);
	assert_int_equal(v.addr, 0x6b6b6b6b6b6b6b7b);
	assert_int_equal(v.poison, 0x6b);
	assert_int_equal(v.pointer, 0x6b6b6b6b6b6b6b6b);
	/* A check in line faults before the access: movzbl 0x7fff8000(%rax),%edx */
	s.regs[MREG_AX] = 0x6b6b6b6b6b6b6b7b >> 3;
	CODE(&s, "\x0f\xb6\x90\x00\x80\xff\x7f");
	fault_diagnose(&s, &v);
	assert_int_equal(v.addr, 0x6b6b6b6b6b6b6b78);
	assert_int_equal(v.poison, 0x6b);
	s.regs[MREG_AX] = 0x1234567812345678 >> 3;
	fault_diagnose(&s, &v);
	assert_int_equal(v.addr, (0x1234567812345678 >> 3) + 0x7fff8000);
	assert_int_equal(v.poison, 0);
	/* An access through rbp raises another trap and another signal. */
	s.trap = TRAP_STACK;
	s.signo = SIGBUS;
	s.regs[MREG_BP] = 0x6b6b6b6b6b6b6b6b;
	CODE(&s, "\x48\x8b\x45\x00");
	fault_diagnose(&s, &v);
	assert_int_equal(v.poison, 0x6b);
}

static void test_protection(void **state)
{
	struct fault_state s = protection_fault();

	(void)state;
	CODE(&s, "\xf4");
	expect(&s, REPORT_PRIVILEGED, false, 0, ACCESS_UNKNOWN);
	CODE(&s, "\x0f\x22\xd8");
	expect(&s, REPORT_PRIVILEGED, false, 0, ACCESS_UNKNOWN);
	/* movaps %xmm0, 1(%rax) */
	s.regs[MREG_AX] = 0x404000;
	CODE(&s, "\x0f\x29\x40\x01");
	expect(&s, REPORT_MISALIGNED, true, 0x404001, ACCESS_UNKNOWN);
	/* vmovaps %ymm0, 16(%rax) */
	CODE(&s, "\xc5\xfc\x29\x40\x10");
	expect(&s, REPORT_MISALIGNED, true, 0x404010, ACCESS_UNKNOWN);
	/* The same with an aligned operand shows no reason for the fault. */
	CODE(&s, "\x0f\x29\x40\x10");
	expect(&s, REPORT_UNKNOWN_CRASH, false, 0, ACCESS_UNKNOWN);
	/* A privileged instruction is recognized even while a register holds poison. */
	s.regs[MREG_AX] = 0x6b6b6b6b6b6b6b6b;
	CODE(&s, "\xfa");
	expect(&s, REPORT_PRIVILEGED, false, 0, ACCESS_UNKNOWN);
	/* call *%rax */
	CODE(&s, "\xff\xd0");
	expect(&s, REPORT_BAD_JUMP, true, 0x6b6b6b6b6b6b6b6b, ACCESS_EXECUTE);
	/* call *8(%rdi), first without the word that was read there, then with it */
	s.regs[MREG_DI] = 0x7f0000001000;
	CODE(&s, "\xff\x57\x08");
	assert_true(fault_jump_through(&s) == 0x7f0000001008);
	expect(&s, REPORT_UNKNOWN_CRASH, false, 0, ACCESS_UNKNOWN);
	s.jump_word = 0x6b6b6b6b6b6b6b6b;
	s.have_jump_word = true;
	expect(&s, REPORT_BAD_JUMP, true, 0x6b6b6b6b6b6b6b6b, ACCESS_EXECUTE);
	expect_detail(&s, "freed");
	s.jump_word = 0x404000;
	expect(&s, REPORT_UNKNOWN_CRASH, false, 0, ACCESS_UNKNOWN);
	CODE(&s, "\xff\xd0");
	assert_true(fault_jump_through(&s) == 0);
	/* ret */
	CODE(&s, "\xc3");
	s.top_word = 0x4141414141414141;
	s.have_top_word = true;
	expect(&s, REPORT_BAD_JUMP, true, 0x4141414141414141, ACCESS_EXECUTE);
	expect_detail(&s, "return address");
	/* The instruction pointer itself is wild. */
	s.regs[MREG_IP] = 0x4141414141414141;
	s.code_len = 0;
	expect(&s, REPORT_BAD_JUMP, true, 0x4141414141414141, ACCESS_EXECUTE);
}

static void test_jump(void **state)
{
	struct fault_state s = page_fault(0, 0x14);

	(void)state;
	s.regs[MREG_IP] = 0;
	s.code_len = 0;
	expect(&s, REPORT_NULL_PTR_DEREF, true, 0, ACCESS_EXECUTE);
	s.addr = s.regs[MREG_IP] = NOWHERE;
	expect(&s, REPORT_BAD_JUMP, true, NOWHERE, ACCESS_EXECUTE);
	s.error = 0x15;
	mapped(&s.at, NOWHERE, NOWHERE + 4096, "rw-");
	expect(&s, REPORT_BAD_JUMP, true, NOWHERE, ACCESS_EXECUTE);
	expect_detail(&s, "not as code");
}

static void test_stack(void **state)
{
	const uint64_t lo = 0x7f0000100000, hi = 0x7f0000900000;
	struct fault_verdict v;
	struct fault_state s;

	(void)state;
	for (int guard = 0; guard < 2; guard++)
		for (uint64_t frame = 8; frame < 1 << 20; frame *= 4) {
			s = page_fault(lo - 8, 6);
			s.regs[MREG_SP] = lo - frame;
			if (guard)
				mapped(&s.at, lo - 4096, lo, "---");
			mapped(&s.above, lo, hi, "rw-");
			expect(&s, REPORT_STACK_OVERFLOW, true, lo - 8, ACCESS_WRITE);
			fault_diagnose(&s, &v);
			assert_int_equal(v.stack_lo, lo);
			assert_int_equal(v.stack_hi, hi);
			/* the same address, with the stack pointer elsewhere */
			s.regs[MREG_SP] = hi - 1024;
			expect(&s, REPORT_WILD_MEMORY_ACCESS, true, lo - 8, ACCESS_WRITE);
			s.regs[MREG_SP] = 0x7ffd00001000;
			expect(&s, REPORT_WILD_MEMORY_ACCESS, true, lo - 8, ACCESS_WRITE);
		}
	/* The guard is a marker inside the mapping, which therefore seems accessible. */
	s = page_fault(lo + 4096 - 8, 6);
	s.regs[MREG_SP] = lo + 4096 - 8;
	s.stack_top = hi - 512;
	mapped(&s.at, lo, hi, "rw-");
	expect(&s, REPORT_STACK_OVERFLOW, true, lo + 4096 - 8, ACCESS_WRITE);
}

/* A frame is larger than the guard: the stack pointer is far below its thread's stack, in memory without access. */
static void test_stack_past_guard(void **state)
{
	const uint64_t lo = 0x7f0000100000, hi = 0x7f0000900000;
	struct fault_state s = page_fault(lo - (2 << 20) + 64, 6);
	struct fault_verdict v;

	(void)state;
	s.regs[MREG_SP] = lo - (2 << 20);
	s.stack_at = s.stack_top = hi - 512;
	mapped(&s.at, lo - (4 << 20), lo - (1 << 20), "---");
	mapped(&s.above, lo - 4096, lo, "---");
	mapped(&s.stack, lo, hi, "rw-");
	expect(&s, REPORT_STACK_OVERFLOW, true, s.addr, ACCESS_WRITE);
	fault_diagnose(&s, &v);
	assert_true(v.stack_lo == lo && v.stack_hi == s.stack_top);
	/* The word at the stack pointer can be read: the program runs on another stack (a coroutine's). */
	s.have_top_word = true;
	expect(&s, REPORT_WILD_MEMORY_ACCESS, true, s.addr, ACCESS_WRITE);
	/* The frame would be too large for a frame, or the access is not in the frame. */
	s.have_top_word = false;
	s.regs[MREG_SP] = lo - (1025ull << 20);
	expect(&s, REPORT_WILD_MEMORY_ACCESS, true, s.addr, ACCESS_WRITE);
	s.regs[MREG_SP] = s.addr + 4096;
	expect(&s, REPORT_WILD_MEMORY_ACCESS, true, s.addr, ACCESS_WRITE);
}

/* The first thread's stack has grown a little; one frame reaches beyond the limit of that growth. */
static void test_stack_frame_too_large(void **state)
{
	const uint64_t lo = 0x7ffd00000000, hi = lo + (132 << 10), limit = 8 << 20;
	struct fault_state s = page_fault(hi - (9 << 20), 6);
	struct fault_verdict v;

	(void)state;
	s.regs[MREG_SP] = s.addr - 16;
	s.stack_at = hi - 4096;
	s.stack_limit = limit;
	s.at.known = true;
	mapped(&s.above, lo, hi, "rw-");
	mapped(&s.stack, lo, hi, "rw-");
	expect(&s, REPORT_STACK_OVERFLOW, true, s.addr, ACCESS_WRITE);
	expect_detail(&s, "does not fit");
	expect_detail(&s, "8192 KiB");
	expect_detail(&s, "1024 KiB below");
	fault_diagnose(&s, &v);
	assert_true(v.stack_lo == hi - limit && v.stack_hi == hi);
	/* The stack has grown to its limit, and the next frame has an ordinary size. */
	s.addr = hi - limit - 8;
	s.regs[MREG_SP] = s.addr;
	mapped(&s.above, hi - limit, hi, "rw-");
	mapped(&s.stack, hi - limit, hi, "rw-");
	expect(&s, REPORT_STACK_OVERFLOW, true, s.addr, ACCESS_WRITE);
	expect_detail(&s, "is used up");
	/* Without a limit the mapping is the whole stack. */
	s.stack_limit = 0;
	fault_diagnose(&s, &v);
	assert_true(v.stack_lo == hi - limit && v.stack_hi == hi);
}

/* The program gave a stack that lies in its data. The data goes on below the stack, down to read-only memory. */
static void test_stack_given(void **state)
{
	const uint64_t lo = 0x555500010000, hi = lo + 65536;
	struct fault_state s = page_fault(lo - 0x4010, 7);
	struct fault_verdict v;

	(void)state;
	s.regs[MREG_SP] = s.addr;
	s.have_top_word = true;
	s.stack_low = lo;
	s.stack_at = s.stack_top = hi;
	mapped(&s.at, lo - 0x5000, lo - 0x4000, "r--");
	s.at.file = true;
	mapped(&s.above, lo - 0x4000, hi + 4096, "rw-");
	mapped(&s.stack, lo - 0x4000, hi + 4096, "rw-");
	expect(&s, REPORT_STACK_OVERFLOW, true, s.addr, ACCESS_WRITE);
	fault_diagnose(&s, &v);
	assert_true(v.stack_lo == lo && v.stack_hi == hi);
	/* With room on the stack, or far from the stack pointer, a write to read-only memory is no overflow. */
	s.regs[MREG_SP] = lo + 4096;
	expect(&s, REPORT_READ_ONLY, true, s.addr, ACCESS_WRITE);
	s.regs[MREG_SP] = lo - 64;
	expect(&s, REPORT_READ_ONLY, true, s.addr, ACCESS_WRITE);
}

static void test_bus(void **state)
{
	struct fault_state s = page_fault(NOWHERE, 6);

	(void)state;
	s.signo = SIGBUS;
	s.si_code = BUS_ADRERR;
	mapped(&s.at, NOWHERE, NOWHERE + 4096, "rw-");
	s.at.file = true;
	expect(&s, REPORT_PAST_FILE_END, true, NOWHERE, ACCESS_WRITE);
	s.si_code = BUS_MCEERR_AR;
	expect(&s, REPORT_UNKNOWN_CRASH, true, NOWHERE, ACCESS_WRITE);
}

/* Any state, even a random one, leads to a verdict that can be printed. */
static void test_any_state(void **state)
{
	uint64_t seed = 20261121;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		struct fault_state s;
		struct fault_verdict v;
		uint8_t *bytes = (uint8_t *)&s;

		for (size_t i = 0; i < sizeof(s); i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			bytes[i] = (uint8_t)(seed >> 33);
		}
		s.trap = (uint64_t[]){ TRAP_STACK, TRAP_PROTECTION, TRAP_PAGE, TRAP_ALIGNMENT, 6 }[round % 5];
		s.signo = round & 64 ? SIGBUS : SIGSEGV;
		s.code_len %= MACHINE_CODE + 1;
		s.at.known = s.at.mapped = s.at.readable = s.at.writable = s.at.executable = s.at.file = round & 1;
		s.above = s.at;
		s.have_top_word = round & 2;
		fault_diagnose(&s, &v);
		assert_true(v.kind < REPORT_KIND_NR);
		assert_true(memchr(v.detail, 0, sizeof(v.detail)) != NULL);
	}
}

/* ---- the decoder against capstone ------------------------------------------------------------ */

static bool reg_number(csh handle, unsigned reg, int *number)
{
	static const char *const names[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8",
		                             "r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rip" };

	*number = -1;
	if (reg == X86_REG_INVALID || reg == X86_REG_RIZ)
		return true;
	for (int i = 0; i < (int)ARRAY_SIZE(names); i++)
		if (strcmp(names[i], cs_reg_name(handle, reg)) == 0) {
			*number = i;
			return true;
		}
	return false;
}

/* False for instructions whose operands cannot be compared: gathers and scatters, which access many addresses; MPX; and
 * those that only seem to access memory. */
static bool comparable(const cs_insn *insn)
{
	const char *m = insn->mnemonic;

	return strncmp(m, "vgather", 7) && strncmp(m, "vpgather", 8) && strncmp(m, "vscatter", 8) &&
	       strncmp(m, "vpscatter", 9) && strncmp(m, "nop", 3) && strncmp(m, "prefetch", 8) &&
	       strncmp(m, "lea", 3) && strncmp(m, "bnd", 3) && strncmp(m, "xbegin", 6);
}

static void compare(csh handle, const cs_insn *insn, const uint64_t *regs, unsigned long *compared)
{
	struct machine_insn mine;

	machine_decode(insn->bytes, insn->size, regs, 0, &mine);
	for (unsigned i = 0; i < insn->detail->x86.op_count; i++) {
		const cs_x86_op *op = &insn->detail->x86.operands[i];
		int base, index;
		bool found = false;
		uint64_t addr;

		if (op->type != X86_OP_MEM || op->mem.segment == X86_REG_FS || op->mem.segment == X86_REG_GS ||
		    !reg_number(handle, op->mem.base, &base) || !reg_number(handle, op->mem.index, &index))
			continue;
		addr = (base >= 0 ? regs[base] : 0) + (index >= 0 ? regs[index] * (uint64_t)op->mem.scale : 0) +
		       (uint64_t)op->mem.disp;
		if (base == MREG_IP)
			addr += insn->size;
		for (unsigned k = 0; k < mine.nr; k++)
			found |= mine.operand[k].addr == addr;
		if (!found) {
			fprintf(stderr, "%s %s:", insn->mnemonic, insn->op_str);
			for (unsigned k = 0; k < insn->size; k++)
				fprintf(stderr, " %02x", insn->bytes[k]);
			fail_msg(" address 0x%llx not among %u operands (0x%llx)", (unsigned long long)addr, mine.nr,
			         (unsigned long long)mine.operand[0].addr);
		}
		++*compared;
	}
}

/* Decodes code of this program and of libc, as a sample of the code that compilers make. */
static void test_decode_real_code(void **state)
{
	const uint8_t *starts[] = { (const uint8_t *)printf, (const uint8_t *)qsort, (const uint8_t *)machine_decode,
		                    (const uint8_t *)strtod };
	uint64_t regs[MACHINE_REGS];
	unsigned long compared = 0;
	cs_insn *insn;
	csh handle;

	(void)state;
	for (size_t i = 0; i < MACHINE_REGS; i++)
		regs[i] = 0x1111111111111111u * (i + 1) ^ 0x5bd1e9955bd1e995u;
	assert_int_equal(cs_open(CS_ARCH_X86, CS_MODE_64, &handle), CS_ERR_OK);
	cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
	insn = cs_malloc(handle);
	for (size_t k = 0; k < ARRAY_SIZE(starts); k++) {
		const uint8_t *code = starts[k];
		size_t left = k == 2 ? 4000 : 60000;
		uint64_t address = 0;

		while (cs_disasm_iter(handle, &code, &left, &address, insn)) {
			regs[MREG_IP] = 0;
			if (comparable(insn) && insn->size <= MACHINE_CODE)
				compare(handle, insn, regs, &compared);
		}
	}
	cs_free(insn, 1);
	cs_close(&handle);
	assert_true(compared > 5000);
}

/* Instructions that compilers seldom use. */
static void test_decode_rare(void **state)
{
	static const struct {
		const char *bytes;
		unsigned len;
		uint64_t addr;
	} cases[] = {
		{ "\x67\x8b\x00", 3, 0x00002000 },                             /* mov (%eax),%eax */
		{ "\xa1\x00\x90\x78\x56\x34\x12\x00\x00", 9, 0x123456789000 }, /* movabs */
		{ "\xc4\xe2\x79\x18\x40\x04", 6, 0x100002004 },                /* vbroadcastss 4(%rax),%xmm0 */
		{ "\x62\xf1\x7c\x48\x10\x40\x01", 7, 0x100002040 },            /* vmovups 64(%rax),%zmm0 */
		{ "\x41\x8b\x44\x24\x08", 5, 0x100000c008 },                   /* mov 8(%r12),%eax */
		{ "\xf0\x48\x0f\xb1\x08", 5, 0x100002000 },                    /* lock cmpxchg */
		{ "\xff\x30", 2, 0x100002000 },                                /* push (%rax) */
		{ "\x50", 1, 0x7000000000 - 8 },                               /* push %rax */
	};
	uint64_t regs[MACHINE_REGS] = { 0 };

	(void)state;
	regs[MREG_AX] = 0x100002000;
	regs[MREG_12] = 0x100000c000;
	regs[MREG_SP] = 0x7000000000;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct machine_insn insn;
		bool found = false;

		machine_decode((const uint8_t *)cases[i].bytes, cases[i].len, regs, 0, &insn);
		for (unsigned k = 0; k < insn.nr; k++)
			found |= insn.operand[k].addr == cases[i].addr;
		if (!found)
			fail_msg("case %zu: %u operands, first 0x%llx", i, insn.nr,
			         (unsigned long long)insn.operand[0].addr);
		/* A code page may end in the middle of the instruction; operands must stay within their array then. */
		for (unsigned len = 0; len < cases[i].len; len++) {
			machine_decode((const uint8_t *)cases[i].bytes, len, regs, 0, &insn);
			assert_true(insn.class == INSN_UNKNOWN || insn.nr <= 2);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_null),
		cmocka_unit_test(test_wild),
		cmocka_unit_test(test_poison),
		cmocka_unit_test(test_poison_origin_decode),
		cmocka_unit_test(test_protection),
		cmocka_unit_test(test_jump),
		cmocka_unit_test(test_stack),
		cmocka_unit_test(test_stack_past_guard),
		cmocka_unit_test(test_stack_frame_too_large),
		cmocka_unit_test(test_stack_given),
		cmocka_unit_test(test_bus),
		cmocka_unit_test(test_any_state),
		cmocka_unit_test(test_decode_real_code),
		cmocka_unit_test(test_decode_rare),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
