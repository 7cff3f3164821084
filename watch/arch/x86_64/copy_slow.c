/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/arch/x86_64/copy_slow.c - what a check does whose first test failed.
 *
 * copy_thunk saves the general registers and the flags and asks slow_test(), which uses nothing else, whether the
 * access is really bad: the shadow byte of an object's last granule is rarely 0.  Only for a bad access all other state
 * is saved as well (xsave), and the runtime's handler is called. */
#include "shadow/shadow.h"
#include "watch/arch/x86_64/copy_internal.h"
#include "watch/arch/x86_64/stub.h"

/* Only general registers: the program's vector registers are not saved here. */
#define GENERAL_ONLY __attribute__((target("general-regs-only")))

static copy_bad_access *bad_access;

/* What copy_thunk has pushed. */
struct thunk_frame {
	uint64_t gpr[16]; /* rsp's place gets the address of a vector's first bad element */
	uint64_t flags;
	uint64_t back; /* the return address, in the slow path */
	uint64_t stack[];
};

/* Components that are saved: x87, SSE, AVX, AVX-512. */
#define XSAVE_MASK 0xe7
#define XSAVE_SIZE 2752 /* in the standard format these end at 2688 */

bool slow_has_xsave __attribute__((visibility("hidden"))); /* read by copy_thunk */
bool slow_test(struct thunk_frame *frame) __attribute__((visibility("hidden")));
void slow_report(struct thunk_frame *frame) __attribute__((visibility("hidden")));

#define THUNK(name, leave)                                                                       \
	__asm__(".text\n"                                                                        \
	        ".globl " #name "\n"                                                             \
	        ".hidden " #name "\n"                                                            \
	        ".type " #name ",@function\n" #name ":\n"                                        \
	        "	pushfq\n"                                                                      \
	        "	push %r15\n"                                                                   \
	        "	push %r14\n"                                                                   \
	        "	push %r13\n"                                                                   \
	        "	push %r12\n"                                                                   \
	        "	push %r11\n"                                                                   \
	        "	push %r10\n"                                                                   \
	        "	push %r9\n"                                                                    \
	        "	push %r8\n"                                                                    \
	        "	push %rdi\n"                                                                   \
	        "	push %rsi\n"                                                                   \
	        "	push %rbp\n"                                                                   \
	        "	push %rsp\n"                                                                   \
	        "	push %rbx\n"                                                                   \
	        "	push %rdx\n"                                                                   \
	        "	push %rcx\n"                                                                   \
	        "	push %rax\n"                                                                   \
	        "	cld\n"                                                                         \
	        "	mov %rsp,%rbx\n"                                                               \
	        "	mov %rsp,%rdi\n"                                                               \
	        "	and $-64,%rsp\n"                                                               \
	        "	call slow_test\n"                                                              \
	        "	test %al,%al\n"                                                                \
	        "	jz 2f\n"                                                                       \
	        "	sub $2752,%rsp\n"                                                              \
	        "	cmpb $0,slow_has_xsave(%rip)\n"                                                \
	        "	je 1f\n"                                                                       \
	        "	xor %eax,%eax\n"                                                               \
	        "	mov $8,%ecx\n" /* the header, 64 bytes at 512, must be 0 before xsave */ \
	        "	lea 512(%rsp),%rdi\n"                                                          \
	        "	rep stosq\n"                                                                   \
	        "	mov $0xe7,%eax\n"                                                              \
	        "	xor %edx,%edx\n"                                                               \
	        "	xsave64 (%rsp)\n"                                                              \
	        "	mov %rbx,%rdi\n"                                                               \
	        "	call slow_report\n"                                                            \
	        "	mov $0xe7,%eax\n"                                                              \
	        "	xor %edx,%edx\n"                                                               \
	        "	xrstor64 (%rsp)\n"                                                             \
	        "	jmp 2f\n"                                                                      \
	        "1:	fxsave64 (%rsp)\n"                                                           \
	        "	mov %rbx,%rdi\n"                                                               \
	        "	call slow_report\n"                                                            \
	        "	fxrstor64 (%rsp)\n"                                                            \
	        "2:	mov %rbx,%rsp\n"                                                             \
	        "	mov 128(%rsp),%eax\n" STUB_FLAGS_BACK "	pop %rax\n"                      \
	        "	pop %rcx\n"                                                                    \
	        "	pop %rdx\n"                                                                    \
	        "	pop %rbx\n"                                                                    \
	        "	lea 8(%rsp),%rsp\n"                                                            \
	        "	pop %rbp\n"                                                                    \
	        "	pop %rsi\n"                                                                    \
	        "	pop %rdi\n"                                                                    \
	        "	pop %r8\n"                                                                     \
	        "	pop %r9\n"                                                                     \
	        "	pop %r10\n"                                                                    \
	        "	pop %r11\n"                                                                    \
	        "	pop %r12\n"                                                                    \
	        "	pop %r13\n"                                                                    \
	        "	pop %r14\n"                                                                    \
	        "	pop %r15\n"                                                                    \
	        "	lea 8(%rsp),%rsp\n"                                                            \
	        "	" leave "\n"                                                             \
	        ".size " #name ",.-" #name "\n"                                                  \
	        ".previous\n")

THUNK(copy_thunk, "ret");
THUNK(copy_thunk_red, "ret $128");

void copy_set_bad_access(copy_bad_access *handler)
{
	unsigned a = 1, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	slow_has_xsave = c & 1u << 27; /* OSXSAVE: the kernel uses it */
	STORE_RELEASE(bad_access, handler);
}

/* jmp *0(%rip), and the address */
static void write_jump(uint8_t *code, void (*to)(void))
{
	uintptr_t address = (uintptr_t)to;

	code[0] = 0xff;
	code[1] = 0x25;
	mem_set(code + 2, 0, 4);
	mem_copy(code + 6, &address, sizeof(address));
}

void copy_write_thunk(uint8_t *code)
{
	write_jump(code, copy_thunk);
	write_jump(code + THUNK_RED, copy_thunk_red);
}

/* ---- which bytes the access touches ---------------------------------------------------------- */

/* The registers before the check. */
GENERAL_ONLY static uint64_t register_of(const struct thunk_frame *f, const struct slow *s, unsigned reg)
{
	unsigned scratch_slot = 0;
	unsigned rax_slot = s->shape & SHAPE_REG_PUSHED ? 1 : 0;

	if (reg == INSN_RSP)
		return (uintptr_t)(f->stack + (s->shape & SHAPE_RAX_PUSHED ? 1 : 0) +
		                   (s->shape & SHAPE_REG_PUSHED ? 1 : 0)) +
		       ((s->shape & SHAPE_MOVED) || slow_moves(s->shape) ? RED_ZONE : 0);
	if (reg == s->scratch && (s->shape & SHAPE_REG_PUSHED))
		return f->stack[scratch_slot];
	if (reg == INSN_RAX && (s->shape & SHAPE_RAX_PUSHED))
		return f->stack[rax_slot];
	return f->gpr[reg];
}

static bool is_string(const struct slow *s)
{
	return s->string >= SLOW_STRING && s->string <= SLOW_COMPARE_REPNE;
}

/* Members that are accesses. */
GENERAL_ONLY static unsigned nr_accesses(const struct slow *s)
{
	return s->string == SLOW_FAR ? 1 : s->nr_members;
}

struct bytes {
	uintptr_t first;
	size_t size;
};

#define USER_LAST (((uintptr_t)1 << 47) - 1)

typedef uint64_t shadow_word __attribute__((aligned(1), may_alias));

/* Are all bytes addressable? [g, last >> 3] are their granules. */
GENERAL_ONLY static bool all_good(uintptr_t g, uintptr_t last)
{
	uintptr_t end = last >> 3;
	int8_t at_end = *(const volatile int8_t *)(end + SHADOW_OFFSET);

	for (; end - g >= 8; g += 8)
		if (*(const volatile shadow_word *)(g + SHADOW_OFFSET))
			return false;
	for (; g < end; g++)
		if (*(const volatile int8_t *)(g + SHADOW_OFFSET))
			return false;
	return at_end == 0 || (int)(last & 7) < at_end;
}

/* The first byte that is not addressable, or 0. */
GENERAL_ONLY static uintptr_t first_bad(struct bytes b)
{
	uintptr_t last = b.first + b.size - 1, g = b.first >> 3;

	if (b.size == 0 || b.first > USER_LAST) /* not a user's address: the access itself will fault */
		return 0;
	if (last < b.first || last > USER_LAST)
		last = USER_LAST;
	if (all_good(g, last))
		return 0;
	while (g <= last >> 3) {
		const volatile int8_t *shadow = (const volatile int8_t *)(g + SHADOW_OFFSET);
		uintptr_t from = MAX(g << 3, b.first), end = MIN(g << 3 | 7, last);

		if ((g & 7) == 0 && last >> 3 >= g + 7 && *(const volatile uint64_t *)shadow == 0) {
			g += 8;
			continue;
		}
		if (*shadow < 0)
			return from;
		if (*shadow && (int)(end & 7) >= *shadow)
			return MAX(from, (g << 3) + (uintptr_t)*shadow);
		g++;
	}
	return 0;
}

GENERAL_ONLY static uint64_t element(uintptr_t at, unsigned size)
{
	switch (size) {
	case 1:
		return *(const volatile uint8_t *)at;
	case 2:
		return *(const volatile uint16_t *)at;
	case 4:
		return *(const volatile uint32_t *)at;
	}
	return *(const volatile uint64_t *)at;
}

/* How many elements does a repeated comparison (scas, cmps) access?  It looks at them as the instruction will, up to
 * the first one that is not addressable; that one counts. */
GENERAL_ONLY static uint64_t compared(const struct thunk_frame *f, const struct slow *s)
{
	unsigned size = s->members[0].size;
	int64_t step = f->flags & INSN_DF ? -(int64_t)size : (int64_t)size;
	uint64_t mask = size == 8 ? ~0ul : (1ul << (size * 8)) - 1;
	uint64_t n;

	for (n = 0; n < f->gpr[INSN_RCX]; n++) {
		uint64_t other = f->gpr[INSN_RAX] & mask;
		bool equal;

		for (unsigned i = 0; i < s->nr_members; i++)
			if (first_bad((struct bytes){ f->gpr[s->members[i].disp] + (uint64_t)step * n, size }))
				return n + 1;
		if (s->nr_members == 2)
			other = element(f->gpr[s->members[1].disp] + (uint64_t)step * n, size);
		equal = element(f->gpr[s->members[0].disp] + (uint64_t)step * n, size) == other;
		if (equal == (s->string == SLOW_COMPARE_REPNE))
			return n + 1;
	}
	return n;
}

/* From the instruction's address to the unit that holds the bit, or to xlat's byte. */
GENERAL_ONLY static uintptr_t far_distance(const struct thunk_frame *f, const struct slow *s, const struct slow_far *x)
{
	int64_t bit = (int64_t)register_of(f, s, x->distance);

	switch (x->unit) {
	case 1:
		return (uint8_t)bit;
	case 2:
		return (uintptr_t)(((int64_t)(int16_t)bit >> 4) * 2);
	case 4:
		return (uintptr_t)(((int64_t)(int32_t)bit >> 5) * 4);
	}
	return (uintptr_t)((bit >> 6) * 8);
}

/* The bytes of one access; `count` elements of a repeated string instruction. */
GENERAL_ONLY static struct bytes accessed(const struct thunk_frame *f, const struct slow *s,
                                          const struct slow_member *m, uint64_t count)
{
	struct bytes b = { (uintptr_t)(int64_t)m->disp, m->size };

	if (!is_string(s)) {
		if (s->base != SLOW_NO_REG)
			b.first += register_of(f, s, s->base);
		if (s->index != SLOW_NO_REG)
			b.first += register_of(f, s, s->index) << s->log_scale;
		if (s->string == SLOW_FAR) {
			const struct slow_far *x = (const struct slow_far *)&s->members[1];

			b.size = (size_t)x->unit * x->nr_units;
			b.first += x->distance == SLOW_NO_REG ? 0 : far_distance(f, s, x);
		}
		return b;
	}
	b.first = f->gpr[m->disp];
	if (s->string == SLOW_STRING)
		return b;
	b.size = count * m->size;
	if ((f->flags & INSN_DF) && b.size)
		b.first -= b.size - m->size;
	return b;
}

/* Is the access bad?  Hand-written code reads whole vectors at aligned addresses, over an object's end and its start:
 * such a load stays in one page, and the code ignores what it should not know (liblzma's CRC, string functions).  As
 * Valgrind does, it may be made when some of its bytes are addressable. */
GENERAL_ONLY static bool is_bad(const struct thunk_frame *f, const struct slow *s, const struct slow_member *m,
                                uint64_t count)
{
	struct bytes b = accessed(f, s, m, count);

	if (!m->access || !first_bad(b))
		return false;
	if (!m->aligned || b.first % b.size)
		return true;
	for (size_t i = 0; i < b.size; i++)
		if (!first_bad((struct bytes){ b.first + i, 1 }))
			return false;
	return true;
}

/* Is there a bad access?  `count` gets how many elements a repeated instruction accesses. */
GENERAL_ONLY static bool any_bad(const struct thunk_frame *f, const struct slow *s, uint64_t *count)
{
	bool bad = false;

	*count = f->gpr[INSN_RCX];
	for (unsigned i = 0; i < nr_accesses(s) && !bad; i++)
		bad = is_bad(f, s, &s->members[i], *count);
	if (bad && s->string >= SLOW_COMPARE_REPE && s->string <= SLOW_COMPARE_REPNE)
		*count = compared(f, s);
	else
		return bad;
	for (unsigned i = 0; i < nr_accesses(s); i++)
		if (is_bad(f, s, &s->members[i], *count))
			return true;
	return false;
}

/* ---- vectors of which not all elements are accessed, or at several addresses ------------------ */

static bool is_vector(const struct slow *s)
{
	return s->string == SLOW_MASKED || s->string == SLOW_GATHERED;
}

#define VECTOR_MAX 64

GENERAL_ONLY static const struct insn_elements *elements_of(const struct slow *s)
{
	const struct slow_vector *second = (const struct slow_vector *)&s->members[1];

	return &second->elements;
}

/* mem_copy may use vector registers. */
GENERAL_ONLY static void copy_words(uint8_t *to, const uint8_t *from, size_t size)
{
	for (size_t i = 0; i < size; i += 8)
		*(volatile uint64_t *)(to + i) = *(const volatile uint64_t *)(from + i);
}

/* Stores the registers NAME0 to NAME7, or NAME8 to NAME15 and so on, `step` bytes apart.  They are as the program left
 * them: only general registers are in use here. */
#define STORE(insn, name, n, at) #insn " %%" #name #n ", " #at "(%0)\n"
/* clang-format off */
#define STORE_8(insn, name, a, b, c, d, e, f, g, h, step) \
	STORE(insn, name, a, 0) \
	STORE(insn, name, b, step) \
	STORE(insn, name, c, 2 * step) \
	STORE(insn, name, d, 3 * step) \
	STORE(insn, name, e, 4 * step) \
	STORE(insn, name, f, 5 * step) \
	STORE(insn, name, g, 6 * step) \
	STORE(insn, name, h, 7 * step)
/* clang-format on */
#define STORE_LOW(insn, name, step) STORE_8(insn, name, 0, 1, 2, 3, 4, 5, 6, 7, step)
#define STORE_HIGH(insn, name, step) STORE_8(insn, name, 8, 9, 10, 11, 12, 13, 14, 15, step)

/* The first 16, 32 or 64 bytes of a vector register; more than 16 are read by instructions that need AVX, and 64 or a
 * register from 16 on by those that need AVX-512. */
GENERAL_ONLY static void read_vector(uint8_t *to, unsigned reg, size_t size)
{
	uint8_t all[8 * VECTOR_MAX] __attribute__((aligned(8)));
	size_t step = reg >= 16 ? 64 : size;

	if (reg >= 24)
		__asm__ volatile(STORE_8(vmovdqu64, zmm, 24, 25, 26, 27, 28, 29, 30, 31, 64) : : "r"(all) : "memory");
	else if (reg >= 16)
		__asm__ volatile(STORE_8(vmovdqu64, zmm, 16, 17, 18, 19, 20, 21, 22, 23, 64) : : "r"(all) : "memory");
	else if (reg >= 8 && size == 64)
		__asm__ volatile(STORE_HIGH(vmovdqu64, zmm, 64) : : "r"(all) : "memory");
	else if (size == 64)
		__asm__ volatile(STORE_LOW(vmovdqu64, zmm, 64) : : "r"(all) : "memory");
	else if (reg >= 8 && size == 32)
		__asm__ volatile(STORE_HIGH(vmovdqu, ymm, 32) : : "r"(all) : "memory");
	else if (size == 32)
		__asm__ volatile(STORE_LOW(vmovdqu, ymm, 32) : : "r"(all) : "memory");
	else if (reg >= 8)
		__asm__ volatile(STORE_HIGH(movups, xmm, 16) : : "r"(all) : "memory");
	else
		__asm__ volatile(STORE_LOW(movups, xmm, 16) : : "r"(all) : "memory");
	copy_words(to, all + (reg & 7) * step, size);
}

/* An mmx register, without switching the processor to them: they lie under the numbers of x87, which are stored from
 * the top of their stack on. */
GENERAL_ONLY static void read_mmx(uint8_t *to, unsigned reg)
{
	uint8_t area[512] __attribute__((aligned(16)));
	unsigned top;

	__asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
	top = area[3] >> 3 & 7;
	copy_words(to, area + 32 + (size_t)16 * ((reg - top) & 7), 8);
}

/* A mask that has more than 16 bits is one of AVX512BW. */
GENERAL_ONLY static uint64_t read_mask(const struct insn_elements *e)
{
	uint64_t all[8]; /* kmovw fills the lower 16 bits */

	if (e->bits > 16)
		__asm__ volatile(STORE_LOW(kmovq, k, 8) : : "r"(all) : "memory");
	else
		__asm__ volatile(STORE_LOW(kmovw, k, 8) : : "r"(all) : "memory");
	return all[e->mask] & (e->bits == 64 ? ~0ul : (1ul << e->bits) - 1);
}

/* By bit: the elements in memory that the instruction accesses. */
GENERAL_ONLY static uint64_t chosen_elements(const struct insn_elements *e)
{
	uint64_t mask, chosen = 0;
	uint8_t signs[VECTOR_MAX] __attribute__((aligned(8)));

	if (e->choice == INSN_BY_BITS || e->choice == INSN_PACKED) {
		mask = read_mask(e);
		for (unsigned i = 0; mask; i++, mask = e->choice == INSN_PACKED ? mask & (mask - 1) : mask >> 1)
			if (e->choice == INSN_PACKED || mask & 1)
				chosen |= 1ul << i % e->nr;
		return chosen;
	}
	if (e->choice == INSN_BY_MMX)
		read_mmx(signs, e->mask);
	else
		read_vector(signs, e->mask, (size_t)e->nr * e->size > 16 ? 32 : 16);
	for (unsigned i = 0; i < e->nr; i++)
		chosen |= (uint64_t)(signs[i * e->size + e->size - 1u] >> 7) << i;
	return chosen;
}

GENERAL_ONLY static void read_indices(uint8_t *to, const struct insn_elements *e)
{
	size_t size = (size_t)e->nr * e->index_size;

	read_vector(to, e->index, size > 32 ? 64 : size > 16 ? 32 : 16);
}

GENERAL_ONLY static int64_t index_of(const uint8_t *indices, const struct insn_elements *e, unsigned i)
{
	uint64_t value = element((uintptr_t)indices + (uintptr_t)i * e->index_size, e->index_size);

	return e->index_size == 4 ? (int32_t)value : (int64_t)value;
}

/* The address of the first chosen element that is bad, or 0. */
GENERAL_ONLY static uintptr_t vector_bad(const struct thunk_frame *f, const struct slow *s)
{
	const struct insn_elements *e = elements_of(s);
	uintptr_t first = accessed(f, s, &s->members[0], 0).first;
	uint64_t chosen = chosen_elements(e);
	uint8_t indices[VECTOR_MAX] __attribute__((aligned(8)));

	if (s->string == SLOW_GATHERED)
		read_indices(indices, e);
	for (unsigned i = 0; i < e->nr; i++) {
		struct bytes b = { first + (uintptr_t)i * e->size, e->size };

		if (!(chosen >> i & 1))
			continue;
		if (s->string == SLOW_GATHERED)
			b.first = first + ((uintptr_t)index_of(indices, e, i) << s->log_scale);
		if (first_bad(b))
			return b.first;
	}
	return 0;
}

/* rep stos and rep movs upwards, to good memory: compilers make them for small structures. */
GENERAL_ONLY static bool is_good_rep(const struct thunk_frame *f, const struct slow *s)
{
	uint64_t count = f->gpr[INSN_RCX];

	if (s->string != SLOW_REP || (f->flags & INSN_DF) || count - 1 > USER_LAST / 8)
		return false;
	for (unsigned i = 0; i < s->nr_members; i++) {
		const struct slow_member *m = &s->members[i];
		uintptr_t first = f->gpr[m->disp], last = first + count * m->size - 1;

		if (m->access && (first > USER_LAST || last > USER_LAST || !all_good(first >> 3, last)))
			return false;
	}
	return true;
}

GENERAL_ONLY bool slow_test(struct thunk_frame *frame)
{
	const struct slow *s = slow_behind_call(frame->back);
	uint64_t count;

	if (!LOAD_ACQUIRE(bad_access) || is_good_rep(frame, s))
		return false;
	if (!is_vector(s))
		return any_bad(frame, s, &count);
	frame->gpr[INSN_RSP] = vector_bad(frame, s);
	return frame->gpr[INSN_RSP] != 0;
}

/* ---- a bad access ---------------------------------------------------------------------------- */

/* What slow_test has found. */
static struct bytes found_element(const struct thunk_frame *f, const struct slow *s)
{
	return (struct bytes){ f->gpr[INSN_RSP], elements_of(s)->size };
}

static void registers_before(const struct thunk_frame *f, const struct slow *s, struct copy_regs *regs)
{
	uint64_t rax = f->gpr[INSN_RAX];

	for (unsigned i = 0; i < 16; i++)
		regs->gpr[i] = register_of(f, s, i);
	regs->flags = f->flags;
	if (s->shape & SHAPE_FLAGS)
		regs->flags = (regs->flags & ~(uint64_t)INSN_ARITHMETIC) | ((rax >> 8) & (INSN_ARITHMETIC & ~INSN_OF)) |
		              (rax & 1 ? INSN_OF : 0);
}

/* By bit: what the check has overwritten without keeping it. */
static uint32_t registers_lost(const struct slow *s)
{
	uint32_t lost = 0;

	if (is_string(s) || s->string == SLOW_GATHERED || s->string == SLOW_FAR)
		return 0;
	if (s->scratch != SLOW_NO_REG && !(s->shape & SHAPE_REG_PUSHED))
		lost |= 1u << s->scratch;
	if (!(s->shape & SHAPE_FLAGS))
		lost |= COPY_LOST_FLAGS;
	else if (!(s->shape & SHAPE_RAX_PUSHED))
		lost |= 1u << INSN_RAX;
	return lost;
}

void slow_report(struct thunk_frame *frame)
{
	const struct slow *s = slow_behind_call(frame->back);
	uintptr_t function = (uintptr_t)s + (uintptr_t)(intptr_t)s->function;
	copy_bad_access *handler = LOAD_ACQUIRE(bad_access);
	struct copy_regs regs;
	uint64_t count = 0;

	registers_before(frame, s, &regs);
	if (!is_vector(s))
		any_bad(frame, s, &count);
	for (unsigned i = 0; i < (is_vector(s) ? 1 : nr_accesses(s)); i++) {
		const struct slow_member *m = &s->members[i];
		struct bytes b = is_vector(s) ? found_element(frame, s) : accessed(frame, s, m, count);
		struct copy_access access = {
			.pc = function + m->offset,
			.address = b.first,
			.size = b.size,
			.write = m->access & INSN_WRITE,
			.checked_pc = function + s->members[0].offset,
			.regs = &regs,
			.lost = registers_lost(s),
		};

		if (!handler || !b.size || (!is_vector(s) && !is_bad(frame, s, m, count)))
			continue;
		regs.rip = access.pc;
		handler(&access);
	}
}
