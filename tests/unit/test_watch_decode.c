/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_watch_decode.c - the decoder of watch/: one instruction of each kind, and the order of its table.
 * tests/watch/run compares it with another decoder over whole libraries. */
#include "config.h"

#include <string.h>
#include <sys/mman.h>

#include "tests/unit/unit.h"

#include "watch/arch/x86_64/opcodes.h"

#define PC 0x401000u
#define NONE INSN_NO_REG
#define BIT(reg) (1u << INSN_##reg)

/* Decodes `bytes`, which must be one instruction. */
static struct insn decoded(const char *bytes, size_t n)
{
	struct insn x;

	assert_true(x86_decode(&x, (const uint8_t *)bytes, n, PC));
	assert_int_equal(x.length, n);
	return x;
}

static bool known(const char *bytes, size_t n)
{
	struct insn x;

	return x86_decode(&x, (const uint8_t *)bytes, n, PC);
}

/* clang-format would take "(a) - 1" for a cast. */
/* clang-format off */
#define DECODED(bytes) decoded(bytes, sizeof(bytes) - 1)
#define KNOWN(bytes) known(bytes, sizeof(bytes) - 1)
/* clang-format on */

static void expect_mem(const struct insn_mem *m, unsigned base, unsigned index, unsigned scale, int64_t disp,
                       unsigned size, unsigned access)
{
	assert_int_equal(m->base, base);
	assert_int_equal(m->index, index);
	assert_int_equal(m->scale, scale);
	assert_int_equal(m->disp, disp);
	assert_int_equal(m->size, size);
	assert_int_equal(m->access, access);
}

static void expect_regs(const struct insn *x, unsigned reads, unsigned writes, unsigned kills)
{
	assert_int_equal(x->reads, reads);
	assert_int_equal(x->writes, writes);
	assert_int_equal(x->kills, kills);
}

static void test_moves(void **state)
{
	struct insn x = DECODED("\x48\x8b\x44\xcb\x10"); /* mov 16(%rbx,%rcx,8), %rax */

	(void)state;
	assert_int_equal(x.nr_mem, 1);
	expect_mem(&x.mem[0], INSN_RBX, INSN_RCX, 8, 16, 8, INSN_READ);
	expect_regs(&x, BIT(RBX) | BIT(RCX), BIT(RAX), BIT(RAX));
	assert_int_equal(x.disp_offset, 4);
	assert_int_equal(x.disp_size, 1);
	assert_int_equal(x.flags_written, 0);
	assert_true(x.movable);

	x = DECODED("\x45\x88\x65\x00"); /* mov %r12b, 0(%r13) */
	expect_mem(&x.mem[0], INSN_R13, NONE, 1, 0, 1, INSN_WRITE);
	expect_regs(&x, BIT(R12) | BIT(R13), 0, 0);

	x = DECODED("\x88\x30"); /* mov %dh, (%rax): not %rsi */
	expect_regs(&x, BIT(RAX) | BIT(RDX), 0, 0);
	x = DECODED("\x40\x88\x30"); /* mov %sil, (%rax) */
	expect_regs(&x, BIT(RAX) | BIT(RSI), 0, 0);

	x = DECODED("\x66\xb8\x34\x12"); /* mov $0x1234, %ax: the rest of %rax stays */
	expect_regs(&x, 0, BIT(RAX), 0);
	assert_int_equal(x.imm, 0x1234);
	x = DECODED("\x48\xb8\x88\x77\x66\x55\x44\x33\x22\x11"); /* movabs */
	expect_regs(&x, 0, BIT(RAX), BIT(RAX));
	assert_int_equal(x.imm, 0x1122334455667788);
	assert_int_equal(x.imm_size, 8);

	x = DECODED("\x48\x8d\x05\x00\x01\x00\x00"); /* lea 0x100(%rip), %rax */
	expect_mem(&x.mem[0], INSN_RIP, NONE, 1, 0x100, 0, INSN_NO_ACCESS);
	assert_int_equal(x.disp_offset, 3);
	assert_false(x.movable);

	x = DECODED("\x64\x48\x8b\x04\x25\x28\x00\x00\x00"); /* mov %fs:40, %rax */
	expect_mem(&x.mem[0], NONE, NONE, 1, 40, 8, INSN_READ);
	assert_true(x.mem[0].fs);
	x = DECODED("\x67\x8b\x00"); /* mov (%eax), %eax */
	assert_true(x.mem[0].address32);
}

static void test_arithmetic(void **state)
{
	struct insn x = DECODED("\x01\x03"); /* add %eax, (%rbx) */

	(void)state;
	expect_mem(&x.mem[0], INSN_RBX, NONE, 1, 0, 4, INSN_READ_WRITE);
	assert_int_equal(x.flags_killed, INSN_ARITHMETIC);
	x = DECODED("\x39\x03"); /* cmp %eax, (%rbx) */
	expect_mem(&x.mem[0], INSN_RBX, NONE, 1, 0, 4, INSN_READ);
	x = DECODED("\x31\xc0"); /* xor %eax, %eax */
	expect_regs(&x, 0, BIT(RAX), BIT(RAX));
	x = DECODED("\x30\xc0"); /* xor %al, %al: the rest of %rax stays */
	assert_int_equal(x.kills, 0);
	x = DECODED("\x48\x0f\x44\xc3"); /* cmove %rbx, %rax */
	assert_int_equal(x.flags_read, INSN_ZF);
	assert_int_equal(x.reads, BIT(RAX) | BIT(RBX));
	x = DECODED("\x48\xff\xc0"); /* inc %rax */
	assert_int_equal(x.flags_killed, INSN_ARITHMETIC & ~INSN_CF);
	assert_int_equal(x.flags_written, INSN_ARITHMETIC & ~INSN_CF);
	x = DECODED("\x48\xf7\xe1"); /* mul %rcx */
	expect_regs(&x, BIT(RAX) | BIT(RCX), BIT(RAX) | BIT(RDX), BIT(RAX) | BIT(RDX));
	assert_int_equal(x.flags_undefined, INSN_SF | INSN_ZF | INSN_AF | INSN_PF);
	x = DECODED("\x48\xd3\xe0"); /* shl %cl, %rax: with 0 no flag changes */
	assert_int_equal(x.flags_killed, 0);
	assert_int_equal(x.flags_written, INSN_ARITHMETIC);
	x = DECODED("\x48\xc1\xe0\x40"); /* shl $64, %rax: of 6 bits nothing is left */
	assert_int_equal(x.flags_written, 0);
	x = DECODED("\x48\xc1\xe0\x03"); /* shl $3, %rax */
	assert_int_equal(x.flags_killed, INSN_CF | INSN_PF | INSN_ZF | INSN_SF);
	x = DECODED("\x48\xd1\xe0"); /* shl %rax */
	assert_int_equal(x.flags_killed, INSN_ARITHMETIC & ~INSN_AF);
	x = DECODED("\xc0\xe0\x09"); /* shl $9, %al */
	assert_int_equal(x.flags_killed & INSN_CF, 0);
	x = DECODED("\x48\x0f\xbc\xc1"); /* bsf %rcx, %rax: %rax stays when %rcx is 0 */
	expect_regs(&x, BIT(RCX), BIT(RAX), 0);
	x = DECODED("\xc4\xe2\xf8\xf2\xd9"); /* andn %rcx, %rax, %rbx */
	expect_regs(&x, BIT(RAX) | BIT(RCX), BIT(RBX), BIT(RBX));
	x = DECODED("\xc4\xe2\xc3\xf6\xc1"); /* mulx %rcx, %rdi, %rax */
	expect_regs(&x, BIT(RDX) | BIT(RCX), BIT(RDI) | BIT(RAX), BIT(RDI) | BIT(RAX));
}

static void test_stack(void **state)
{
	struct insn x = DECODED("\x41\x54"); /* push %r12 */

	(void)state;
	assert_true(x.stack);
	assert_int_equal(x.nr_mem, 0);
	expect_regs(&x, BIT(R12) | BIT(RSP), BIT(RSP), 0);
	x = DECODED("\xff\x73\x08"); /* push 8(%rbx) */
	assert_true(x.stack);
	expect_mem(&x.mem[0], INSN_RBX, NONE, 1, 8, 8, INSN_READ);
	x = DECODED("\x8f\x00"); /* pop (%rax) */
	assert_true(x.stack);
	expect_mem(&x.mem[0], INSN_RAX, NONE, 1, 0, 8, INSN_WRITE);
	x = DECODED("\x9c");
	assert_int_equal(x.flags_read, INSN_ALL_FLAGS);
	x = DECODED("\xc9");
	assert_true(x.stack);
	assert_int_equal(x.writes, BIT(RSP) | BIT(RBP));
}

static void test_flow(void **state)
{
	struct insn x = DECODED("\x74\xfe"); /* je to itself */

	(void)state;
	assert_int_equal(x.flow, INSN_JCC);
	assert_int_equal(x.target, PC);
	assert_int_equal(x.flags_read, INSN_ZF);
	assert_false(x.movable);
	x = DECODED("\x0f\x8e\x00\x01\x00\x00");
	assert_int_equal(x.flow, INSN_JCC);
	assert_int_equal(x.target, PC + 6 + 0x100);
	assert_int_equal(x.flags_read, INSN_ZF | INSN_SF | INSN_OF);
	x = DECODED("\xe8\xfb\xff\xff\xff");
	assert_int_equal(x.flow, INSN_CALL);
	assert_int_equal(x.target, PC);
	assert_true(x.stack);
	x = DECODED("\xff\xe0");
	assert_int_equal(x.flow, INSN_JMP_REG);
	assert_int_equal(x.reads, BIT(RAX));
	x = DECODED("\x3e\xff\x24\xc5\x00\x20\x40\x00"); /* notrack jmp *0x402000(,%rax,8) */
	assert_int_equal(x.flow, INSN_JMP_MEM);
	expect_mem(&x.mem[0], NONE, INSN_RAX, 8, 0x402000, 8, INSN_READ);
	x = DECODED("\xff\x50\x18");
	assert_int_equal(x.flow, INSN_CALL_MEM);
	expect_mem(&x.mem[0], INSN_RAX, NONE, 1, 24, 8, INSN_READ);
	assert_int_equal(DECODED("\xf3\xc3").flow, INSN_RET);
	assert_int_equal(DECODED("\xe2\x00").flow, INSN_LOOP);
	assert_int_equal(DECODED("\xe3\x00").flow, INSN_LOOP);
	assert_int_equal(DECODED("\x0f\x0b").flow, INSN_STOP);
	assert_int_equal(DECODED("\x0f\x05").flow, INSN_SYSCALL);
	assert_int_equal(DECODED("\xc7\xf8\x10\x00\x00\x00").flow, INSN_XBEGIN);
	assert_true(DECODED("\xf3\x0f\x1e\xfa").endbr);
}

static void test_strings(void **state)
{
	struct insn x = DECODED("\xf3\x48\xa5"); /* rep movsq */

	(void)state;
	assert_true(x.string && x.rep && !x.repne);
	assert_int_equal(x.nr_mem, 2);
	expect_mem(&x.mem[0], INSN_RDI, NONE, 1, 0, 8, INSN_WRITE);
	expect_mem(&x.mem[1], INSN_RSI, NONE, 1, 0, 8, INSN_READ);
	assert_int_equal(x.writes, BIT(RCX) | BIT(RSI) | BIT(RDI));
	assert_int_equal(x.flags_read, INSN_DF);
	x = DECODED("\xf2\xae"); /* repne scasb */
	assert_true(x.string && x.repne);
	expect_mem(&x.mem[0], INSN_RDI, NONE, 1, 0, 1, INSN_READ);
	assert_int_equal(x.flags_killed, 0); /* with rcx = 0 they stay */
	x = DECODED("\xaa");                 /* stosb */
	assert_true(x.string && !x.rep);
	expect_regs(&x, BIT(RAX) | BIT(RDI), BIT(RDI), 0);
	x = DECODED("\xa6"); /* cmpsb */
	assert_int_equal(x.mem[0].access | x.mem[1].access, INSN_READ);
	assert_int_equal(x.flags_killed, INSN_ARITHMETIC);
}

static void test_atomics(void **state)
{
	struct insn x = DECODED("\xf0\x48\x0f\xb1\x0b"); /* lock cmpxchg %rcx, (%rbx) */

	(void)state;
	assert_true(x.lock);
	expect_mem(&x.mem[0], INSN_RBX, NONE, 1, 0, 8, INSN_READ_WRITE);
	expect_regs(&x, BIT(RAX) | BIT(RBX) | BIT(RCX), BIT(RAX), 0);
	x = DECODED("\xf0\x48\x0f\xc7\x0f"); /* lock cmpxchg16b (%rdi) */
	expect_mem(&x.mem[0], INSN_RDI, NONE, 1, 0, 16, INSN_READ_WRITE);
	assert_int_equal(x.flags_written, INSN_ZF);
	x = DECODED("\xf0\x0f\xab\x03"); /* lock bts %eax, (%rbx) */
	assert_int_equal(x.mem[0].extent, INSN_BITS);
	x = DECODED("\x0f\xba\x23\x05"); /* bt $5, (%rbx) */
	assert_int_equal(x.mem[0].extent, INSN_EXACT);
	assert_int_equal(x.mem[0].access, INSN_READ);
	assert_false(KNOWN("\xf0\x01\xc3")); /* lock add %eax, %ebx */
	assert_false(KNOWN("\xf0\x8b\x03")); /* lock mov */
}

static void test_vectors(void **state)
{
	struct insn x = DECODED("\xf3\x0f\x6f\x07"); /* movdqu (%rdi), %xmm0 */

	(void)state;
	expect_mem(&x.mem[0], INSN_RDI, NONE, 1, 0, 16, INSN_READ);
	x = DECODED("\xf2\x0f\x11\x07"); /* movsd %xmm0, (%rdi) */
	expect_mem(&x.mem[0], INSN_RDI, NONE, 1, 0, 8, INSN_WRITE);
	x = DECODED("\xc5\xfe\x7f\x07"); /* vmovdqu %ymm0, (%rdi) */
	expect_mem(&x.mem[0], INSN_RDI, NONE, 1, 0, 32, INSN_WRITE);
	x = DECODED("\x62\xf1\xfe\x48\x6f\x47\x01"); /* vmovdqu64 64(%rdi), %zmm0 */
	expect_mem(&x.mem[0], INSN_RDI, NONE, 1, 64, 64, INSN_READ);
	assert_int_equal(x.disp_size, 1);
	x = DECODED("\x62\xf1\x7d\x58\xfe\x47\x01"); /* vpaddd 4(%rdi){1to16}, %zmm0, %zmm0 */
	expect_mem(&x.mem[0], INSN_RDI, NONE, 1, 4, 4, INSN_READ);
	x = DECODED("\x62\xf1\x7e\x49\x7f\x07"); /* vmovdqu32 %zmm0, (%rdi){%k1} */
	assert_int_equal(x.mem[0].extent, INSN_MASKED);
	x = DECODED("\xc4\xe2\x71\x2e\x07"); /* vmaskmovps %xmm0, %xmm1, (%rdi) */
	assert_int_equal(x.mem[0].extent, INSN_MASKED);
	x = DECODED("\xc4\xe2\x69\x90\x04\x8f"); /* vpgatherdd %xmm2, (%rdi,%xmm1,4), %xmm0 */
	assert_int_equal(x.mem[0].extent, INSN_SPREAD);
	expect_regs(&x, BIT(RDI), 0, 0);
	x = DECODED("\x0f\xae\x07"); /* fxsave (%rdi) */
	expect_mem(&x.mem[0], INSN_RDI, NONE, 1, 0, 512, INSN_WRITE);
	x = DECODED("\x0f\xc7\x27"); /* xsavec (%rdi) */
	assert_int_equal(x.mem[0].extent, INSN_VARIES);
	x = DECODED("\x66\x0f\xf7\xc1"); /* maskmovdqu %xmm1, %xmm0 */
	expect_mem(&x.mem[0], INSN_RDI, NONE, 1, 0, 16, INSN_WRITE);
	x = DECODED("\xdb\x28"); /* fldt (%rax) */
	expect_mem(&x.mem[0], INSN_RAX, NONE, 1, 0, 10, INSN_READ);
	x = DECODED("\x66\x0f\x2e\xc1"); /* ucomisd */
	assert_int_equal(x.flags_killed, INSN_ARITHMETIC);
	x = DECODED("\x66\x48\x0f\x7e\xc0"); /* movq %xmm0, %rax */
	expect_regs(&x, 0, BIT(RAX), BIT(RAX));
}

static void test_unknown(void **state)
{
	(void)state;
	assert_false(KNOWN("\x06"));                     /* no instruction */
	assert_false(KNOWN("\x8f\xe8\x78\xc2\xec\x0e")); /* XOP */
	assert_false(KNOWN("\xec"));                     /* in */
	assert_false(KNOWN("\x66\xe9\x00\x00\x00\x00")); /* processors differ */
	assert_false(KNOWN("\x66\x63\x0e"));
	assert_false(KNOWN("\x64\x65\x8b\x00"));         /* two segments */
	assert_false(KNOWN("\x66\xc5\xfe\x7f\x07"));     /* a prefix before VEX */
	assert_false(KNOWN("\xc5\xf6\x7f\x07"));         /* vvvv without a use */
	assert_false(KNOWN("\x62\xf1\xfe\x68\x6f\x07")); /* no such length of vectors */
	/* A REX that is not the last prefix means nothing. */
	assert_int_equal(DECODED("\x48\x66\x8b\x03").mem[0].size, 2);
	/* Longer than any instruction may be. */
	assert_false(KNOWN("\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90"));
}

/* Without its last byte no instruction is known, and no byte behind the end is read. */
static void test_cut_off(void **state)
{
	static const char *const whole[] = {
		"\x48\x8b\x84\xcb\x10\x20\x30\x40",
		"\x48\xb8\x88\x77\x66\x55\x44\x33\x22\x11",
		"\xc4\xe2\x69\x90\x04\x8f",
		"\x62\xf1\x7d\x58\xfe\x47\x01",
		"\x0f\x8e\x11\x01\x10\x10",
		"\x66\x0f\x3a\x0f\xda\x0f",
		"\xc8\x10\x10\x01",
		"\x81\x7c\x24\x08\x11\x22\x33\x44",
	};
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(pages, MAP_FAILED);
	assert_int_equal(mprotect(pages + 4096, 4096, PROT_NONE), 0);
	for (size_t i = 0; i < ARRAY_SIZE(whole); i++)
		for (size_t n = 0, length = strlen(whole[i]); n <= length; n++) {
			char *start = pages + 4096 - n;

			memcpy(start, whole[i], n);
			assert_int_equal(known(start, n), n == length);
		}
	munmap(pages, 8192);
}

/* find_row searches: rows are in order, and rows of different opcodes do not overlap. */
static void test_table_in_order(void **state)
{
	(void)state;
	for (size_t i = 0; i + 1 < nr_opcode_rows; i++) {
		const struct opcode_row *a = &opcode_rows[i], *b = &opcode_rows[i + 1];

		if (a->map == b->map && a->first == b->first && a->last == b->last)
			continue;
		if (a->map > b->map || (a->map == b->map && a->last >= b->first))
			fail_msg("row %zu (map %u, opcode %02x) is not before opcode %02x", i, a->map, a->first,
			         b->first);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moves),   cmocka_unit_test(test_arithmetic),
		cmocka_unit_test(test_stack),   cmocka_unit_test(test_flow),
		cmocka_unit_test(test_strings), cmocka_unit_test(test_atomics),
		cmocka_unit_test(test_vectors), cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_cut_off), cmocka_unit_test(test_table_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
