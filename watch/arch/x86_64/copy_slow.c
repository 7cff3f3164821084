/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/arch/x86_64/copy_slow.c - what a check does whose first test failed.
 *
 * copy_thunk saves the general registers and the flags and asks slow_test(), which uses nothing else, whether the
 * access is really bad: the shadow byte of an object's last granule is rarely 0.  Only for a bad access all other state
 * is saved as well (xsave), and the runtime's handler is called. */
#include "shadow/shadow.h"
#include "watch/arch/x86_64/copy_internal.h"

/* Only general registers: the program's vector registers are not saved here. */
#define GENERAL_ONLY __attribute__((target("general-regs-only")))

static copy_bad_access *bad_access;

/* What copy_thunk has pushed. */
struct thunk_frame {
	uint64_t gpr[16]; /* rsp's place is not filled */
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

/* Flags come back by sahf and an addition that sets the overflow flag: popfq takes ten times as long.  It is needed
 * when the direction flag was set. */
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
	        "	mov 128(%rsp),%eax\n"                                                          \
	        "	test $0x400,%eax\n"                                                            \
	        "	jz 3f\n"                                                                       \
	        "	push 128(%rsp)\n"                                                              \
	        "	popfq\n"                                                                       \
	        "	jmp 4f\n"                                                                      \
	        "3:	mov %eax,%ecx\n"                                                             \
	        "	shr $11,%eax\n"                                                                \
	        "	and $1,%eax\n"                                                                 \
	        "	mov %cl,%ah\n"                                                                 \
	        "	add $0x7f,%al\n"                                                               \
	        "	sahf\n"                                                                        \
	        "4:	pop %rax\n"                                                                  \
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

/* The first byte that is not addressable, or 0. */
GENERAL_ONLY static uintptr_t first_bad(struct bytes b)
{
	uintptr_t last = b.first + b.size - 1, g = b.first >> 3;

	if (b.size == 0 || b.first > USER_LAST) /* not a user's address: the access itself will fault */
		return 0;
	if (last < b.first || last > USER_LAST)
		last = USER_LAST;
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

/* From the instruction's address to the unit that holds the bit. */
GENERAL_ONLY static uintptr_t bit_distance(const struct thunk_frame *f, const struct slow *s,
                                           const struct slow_vector *x)
{
	int64_t bit = (int64_t)register_of(f, s, x->indices);

	switch (x->element) {
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
			const struct slow_vector *x = (const struct slow_vector *)&s->members[1];

			b.size = (size_t)x->element * x->nr_elements;
			b.first += x->indices == SLOW_NO_REG ? 0 : bit_distance(f, s, x);
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

/* Where the vector registers are: the lower and the upper half of the first one; NULL: all are 0. */
struct vectors {
	const uint8_t *low, *high;
	size_t step;
};

static bool is_vector(const struct slow *s)
{
	return s->string == SLOW_MASKED || s->string == SLOW_GATHERED;
}

GENERAL_ONLY static uint8_t vector_byte(const struct vectors *v, unsigned reg, unsigned i)
{
	const uint8_t *half = i < 16 ? v->low : v->high;

	return half ? half[reg * v->step + i % 16] : 0;
}

GENERAL_ONLY static int64_t vector_index(const struct vectors *v, const struct slow_vector *x, unsigned i)
{
	uint64_t value = 0;

	for (unsigned k = 0; k < x->index_size; k++)
		value |= (uint64_t)vector_byte(v, x->indices, i * x->index_size + k) << k * 8;
	return x->index_size == 4 ? (int32_t)value : (int64_t)value;
}

/* The bytes of the first chosen element that is bad; size 0: there is none. */
GENERAL_ONLY static struct bytes vector_bad(const struct thunk_frame *f, const struct slow *s, const struct vectors *v)
{
	const struct slow_vector *x = (const struct slow_vector *)&s->members[1];
	struct bytes all = accessed(f, s, &s->members[0], 0);
	unsigned nr = s->string == SLOW_MASKED ? (unsigned)all.size / x->element : x->nr_elements;

	for (unsigned i = 0; i < nr; i++) {
		struct bytes b = { all.first, x->element };

		if (!(vector_byte(v, x->mask, i * x->element + x->element - 1u) & 0x80))
			continue;
		b.first += s->string == SLOW_MASKED ? (uintptr_t)i * x->element
		                                    : (uintptr_t)vector_index(v, x, i) << s->log_scale;
		if (first_bad(b))
			return b;
	}
	return (struct bytes){ 0, 0 };
}

/* The program's vector registers are as they were: only they and general ones are in use here. */
GENERAL_ONLY static bool any_vector_bad(const struct thunk_frame *f, const struct slow *s)
{
	uint8_t all[16 * 32];
	const struct vectors v = { all, all + 16, 32 };

	__asm__ volatile("vmovdqu %%ymm0, (%0)\n"
	                 "vmovdqu %%ymm1, 32(%0)\n"
	                 "vmovdqu %%ymm2, 64(%0)\n"
	                 "vmovdqu %%ymm3, 96(%0)\n"
	                 "vmovdqu %%ymm4, 128(%0)\n"
	                 "vmovdqu %%ymm5, 160(%0)\n"
	                 "vmovdqu %%ymm6, 192(%0)\n"
	                 "vmovdqu %%ymm7, 224(%0)\n"
	                 "vmovdqu %%ymm8, 256(%0)\n"
	                 "vmovdqu %%ymm9, 288(%0)\n"
	                 "vmovdqu %%ymm10, 320(%0)\n"
	                 "vmovdqu %%ymm11, 352(%0)\n"
	                 "vmovdqu %%ymm12, 384(%0)\n"
	                 "vmovdqu %%ymm13, 416(%0)\n"
	                 "vmovdqu %%ymm14, 448(%0)\n"
	                 "vmovdqu %%ymm15, 480(%0)\n"
	                 :
	                 : "r"(all)
	                 : "memory");
	return vector_bad(f, s, &v).size != 0;
}

/* What xsave has stored: the lower halves, a header with a bit for each component that is not 0, and the upper halves.
 * */
#define SAVED_LOW 160
#define SAVED_HEADER 512
#define SAVED_HIGH 576
#define SAVED_SSE 0x2
#define SAVED_AVX 0x4

static struct vectors saved_vectors(const struct thunk_frame *f)
{
	const uint8_t *saved = (const uint8_t *)ALIGN_DOWN((uintptr_t)f, 64) - XSAVE_SIZE;

	return (struct vectors){ saved[SAVED_HEADER] & SAVED_SSE ? saved + SAVED_LOW : NULL,
		                 saved[SAVED_HEADER] & SAVED_AVX ? saved + SAVED_HIGH : NULL, 16 };
}

GENERAL_ONLY bool slow_test(struct thunk_frame *frame)
{
	const struct slow *s = slow_behind_call(frame->back);
	uint64_t count;

	if (!LOAD_ACQUIRE(bad_access))
		return false;
	return is_vector(s) ? any_vector_bad(frame, s) : any_bad(frame, s, &count);
}

/* ---- a bad access ---------------------------------------------------------------------------- */

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
	struct vectors v = saved_vectors(frame);
	struct copy_regs regs;
	uint64_t count = 0;

	registers_before(frame, s, &regs);
	if (!is_vector(s))
		any_bad(frame, s, &count);
	for (unsigned i = 0; i < (is_vector(s) ? 1 : nr_accesses(s)); i++) {
		const struct slow_member *m = &s->members[i];
		struct bytes b = is_vector(s) ? vector_bad(frame, s, &v) : accessed(frame, s, m, count);
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
