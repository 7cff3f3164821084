/* SPDX-License-Identifier: BSD-2-Clause */
/* fault/diagnose.c - the meaning of a fault: registers, trap number, code bytes and mappings in; kind and explanation
 * out. Pure.
 *
 *     SIGBUS ── page fault ──────────► past the end of a mapped file, or broken memory
 *     page fault ┬─ of the fetch ────► a jump to an address without code
 *                ├─ below the stack ─► stack overflow
 *                ├─ first pages ─────► null pointer, with the member's offset
 *                ├─ write, readable ─► read-only memory
 *                └─ else ────────────► wild access; if the register holds poison: the object that it was read from
 *     #GP, #SS: no address ── from the instruction: privileged │ misaligned vector │ non-canonical operand, as above
 */
#include "config.h"

#include "fault/fault_internal.h"

/* mmap_min_addr is 64 KiB, so nothing can be mapped below it. */
#define NULL_PAGES ((uint64_t)65536)
/* Null pointers minus the offset of a member (container_of) or an index. */
#define NULL_BELOW ((uint64_t)65536)
/* The largest frame that still counts as the overflow of a stack. */
#define FRAME_MAX ((uint64_t)1 << 30)
/* The size of usual frames. A stack pointer further below the stack means that one frame was too large. */
#define FRAME_USUAL ((uint64_t)64 << 10)
#define NEAR_BOTTOM ((uint64_t)256 << 10)
/* How far a pointer may be from the poison that it was made of: a member's offset. */
#define POISON_SPAN ((int64_t)1 << 20)

static void say(struct fault_verdict *v, const char *format, ...) __printf_like(2, 3);
static void say(struct fault_verdict *v, const char *format, ...)
{
	struct fmt_buf b;
	va_list args;

	fmt_init(&b, v->detail, sizeof(v->detail));
	va_start(args, format);
	fmt_vprintf(&b, format, args);
	va_end(args);
}

/* ---- poison ---------------------------------------------------------------------------------- */

uint8_t fault_poison_byte(uint64_t value)
{
	static const uint8_t bytes[] = { POISON_FREE, SLUB_RED_ACTIVE, POISON_END };

	for (unsigned i = 0; i < ARRAY_SIZE(bytes); i++) {
		uint64_t word = bytes[i] * 0x0101010101010101u;
		int64_t off = (int64_t)(value - word),
			off_end = (int64_t)(value - ((word & ~(0xffull << 56)) | (uint64_t)POISON_END << 56));

		if ((off > -POISON_SPAN && off < POISON_SPAN) ||
		    (bytes[i] == POISON_FREE && off_end > -POISON_SPAN && off_end < POISON_SPAN))
			return bytes[i];
		/* An int that was read from poisoned memory. */
		if (value == (uint32_t)word || value == (uint64_t)(int64_t)(int32_t)word)
			return bytes[i];
	}
	return 0;
}

static const char *poison_meaning(uint8_t byte)
{
	switch (byte) {
	case POISON_FREE:
		return "memory that was freed, or never written since it was allocated";
	case SLUB_RED_ACTIVE:
		return "the red zone beside an object";
	default:
		return "the end of memory that was freed";
	}
}

static bool poison_in(const struct fault_state *s, const struct machine_operand *o, struct fault_verdict *v)
{
	const int regs[] = { o->base, o->index };

	for (unsigned i = 0; i < ARRAY_SIZE(regs); i++) {
		uint8_t byte = regs[i] >= 0 && regs[i] != MREG_IP && regs[i] != MREG_SP
		                       ? fault_poison_byte(s->regs[regs[i]])
		                       : 0;

		if (!byte)
			continue;
		v->kind = REPORT_WILD_MEMORY_ACCESS; /* until an object is found */
		v->pointer = s->regs[regs[i]];
		v->pointer_reg = regs[i];
		v->poison = byte;
		say(v, "The pointer 0x%llx is made of 0x%02x, memsan's filling of %s.", (unsigned long long)v->pointer,
		    byte, poison_meaning(byte));
		return true;
	}
	return false;
}

/* Where code that is compiled with checks in line finds the shadow byte of address a: at (a >> 3) + CHECK_OFFSET. It is
 * part of the ABI of -fsanitize=address (shadow/shadow.h has the same number). */
#define CHECK_OFFSET 0x7fff8000ul
#define CHECK_SCALE 3

/* The check before an access faults, if the program's pointer is made of poison: its shadow byte has no address. */
static bool poison_checked(const struct machine_operand *o, struct fault_verdict *v)
{
	uint64_t addr = (o->addr - CHECK_OFFSET) << CHECK_SCALE;
	uint8_t byte = machine_canonical(addr) ? 0 : fault_poison_byte(addr);

	if (!byte)
		return false;
	v->addr = addr;
	v->pointer = addr;
	v->pointer_reg = -1;
	v->poison = byte;
	say(v, "The pointer, 0x%llx up to its last 3 bits, is made of 0x%02x, memsan's filling of %s.",
	    (unsigned long long)addr, byte, poison_meaning(byte));
	return true;
}

/* ---- the first and the last pages ------------------------------------------------------------ */

static bool is_null(uint64_t addr)
{
	return addr < NULL_PAGES || addr >= (uint64_t)0 - NULL_BELOW;
}

static void diagnose_null(const struct fault_state *s, const struct machine_insn *insn, struct fault_verdict *v)
{
	int64_t offset = (int64_t)v->addr;
	const struct machine_operand *o = NULL;

	v->kind = REPORT_NULL_PTR_DEREF;
	for (unsigned i = 0; i < insn->nr; i++)
		if (insn->operand[i].addr == v->addr)
			o = &insn->operand[i];
	if (o && o->index >= 0 && s->regs[o->index] && (o->base < 0 || s->regs[o->base] == 0))
		say(v, "A null pointer was indexed: element %lld of size %u, member offset %lld.",
		    (long long)s->regs[o->index], o->scale, (long long)o->disp);
	else if (offset == 0)
		say(v, "A null pointer was dereferenced.");
	else if (o && o->base >= 0 && s->regs[o->base] == 0)
		say(v,
		    "A null pointer was dereferenced: the member at offset %lld (0x%llx) of what it should point to.",
		    (long long)o->disp, (unsigned long long)o->disp);
	else if (offset > 0)
		say(v, "Most likely the member or element at offset %lld (0x%llx) of a null pointer.",
		    (long long)offset, (unsigned long long)offset);
	else
		say(v, "Most likely %lld bytes before a null pointer, as container_of makes.", (long long)-offset);
}

/* ---- stacks ---------------------------------------------------------------------------------- */

static uint64_t stack_end(const struct fault_state *s, uint64_t mapping_end)
{
	return s->stack_top ? s->stack_top : mapping_end;
}

/* A stack that the program supplied has no guard page: an overflow overwrites what is mapped below, up to memory that
 * is not writable. */
static bool is_below_given(const struct fault_state *s, struct fault_verdict *v)
{
	uint64_t sp = s->regs[MREG_SP], lo = s->stack_low;

	if (!lo || sp >= lo || lo - sp > FRAME_MAX || v->addr >= lo)
		return false;
	v->stack_lo = lo;
	v->stack_hi = s->stack_top;
	return true;
}

/* A frame larger than the guard below a thread's stack: the stack pointer is outside the stack, at most a frame below
 * it. */
static bool is_past_guard(const struct fault_state *s, struct fault_verdict *v)
{
	uint64_t sp = s->regs[MREG_SP], lo = s->stack.start;

	if (s->have_top_word || !s->stack.mapped || sp >= lo || lo - sp > FRAME_MAX || v->addr >= lo)
		return false;
	v->stack_lo = lo;
	v->stack_hi = stack_end(s, s->stack.end);
	return true;
}

/* The access is at most a frame below the end of the stack, and the stack pointer is there too. A guard region
 * (MADV_GUARD_INSTALL) is part of the mapping, so it looks mapped. */
static bool is_stack_overflow(const struct fault_state *s, struct fault_verdict *v)
{
	uint64_t sp = s->regs[MREG_SP], lo = s->above.start;

	if (s->error & PAGE_ERROR_EXEC || !s->at.known)
		return false;
	if (v->addr + 256 < sp || v->addr - MIN(v->addr, sp) > FRAME_MAX)
		return false;
	if (is_below_given(s, v) || is_past_guard(s, v))
		return true;
	if (s->at.mapped && s->at.writable) {
		if (s->error & PAGE_ERROR_PRESENT ||
		    ALIGN_DOWN(sp, PAGE_SIZE) > ALIGN_DOWN(v->addr, PAGE_SIZE) + PAGE_SIZE)
			return false;
		v->stack_lo = ALIGN_DOWN(v->addr, PAGE_SIZE) + PAGE_SIZE;
		v->stack_hi = s->stack_top;
		return s->stack_top > v->addr && s->stack_top - v->addr < s->at.end - s->at.start;
	}
	if (s->at.mapped && s->at.readable)
		return false;
	if (!s->above.mapped || !s->above.writable || lo <= v->addr || lo - v->addr > FRAME_MAX ||
	    sp > lo + NEAR_BOTTOM)
		return false;
	v->stack_lo = lo;
	v->stack_hi = s->above.end;
	if (s->stack_top > lo && s->stack_top < v->stack_hi)
		v->stack_hi = s->stack_top;
	return true;
}

/* The mapping of the first thread's stack covers only the part used so far; the stack may grow to its limit. */
static void stack_to_limit(const struct fault_state *s, struct fault_verdict *v)
{
	uint64_t limit = ALIGN_UP(s->stack_limit, PAGE_SIZE);

	if (limit && s->stack.mapped && v->stack_lo == s->stack.start && v->stack_hi - v->stack_lo < limit &&
	    v->stack_hi > limit)
		v->stack_lo = v->stack_hi - limit;
}

static void diagnose_overflow(const struct fault_state *s, struct fault_verdict *v)
{
	uint64_t sp = s->regs[MREG_SP], below;

	v->kind = REPORT_STACK_OVERFLOW;
	stack_to_limit(s, v);
	below = v->stack_lo > sp ? v->stack_lo - sp : 0;
	if (v->stack_hi <= v->stack_lo)
		say(v, "The stack is used up down to 0x%llx; the stack pointer is at 0x%llx.",
		    (unsigned long long)v->stack_lo, (unsigned long long)sp);
	else if (below > FRAME_USUAL)
		say(v,
		    "A frame (a local array, alloca) does not fit: the stack is [0x%llx, 0x%llx), %llu KiB, and the "
		    "stack pointer %llu KiB below it, at 0x%llx.",
		    (unsigned long long)v->stack_lo, (unsigned long long)v->stack_hi,
		    (unsigned long long)((v->stack_hi - v->stack_lo) >> 10), (unsigned long long)(below >> 10),
		    (unsigned long long)sp);
	else
		say(v, "The stack [0x%llx, 0x%llx), %llu KiB, is used up; the stack pointer is at 0x%llx.",
		    (unsigned long long)v->stack_lo, (unsigned long long)v->stack_hi,
		    (unsigned long long)((v->stack_hi - v->stack_lo) >> 10), (unsigned long long)sp);
}

/* ---- jumps ----------------------------------------------------------------------------------- */

static void diagnose_jump(const struct fault_state *s, uint64_t target, struct fault_verdict *v)
{
	uint8_t poison = fault_poison_byte(target);

	v->addr = target;
	v->have_addr = true;
	v->access = ACCESS_EXECUTE;
	v->kind = target < NULL_PAGES ? REPORT_NULL_PTR_DEREF : REPORT_BAD_JUMP;
	if (target == 0)
		say(v, "A null function pointer was called.");
	else if (target < NULL_PAGES)
		say(v,
		    "The program jumped to 0x%llx: a function pointer read through a null pointer, or an overwritten "
		    "return address.",
		    (unsigned long long)target);
	else if (poison) {
		v->pointer = target;
		v->poison = poison;
		say(v, "The program jumped to 0x%llx, made of 0x%02x, memsan's filling of %s.",
		    (unsigned long long)target, poison, poison_meaning(poison));
	} else if (!machine_canonical(target))
		say(v, "The program jumped to 0x%llx, which is no address on this machine.",
		    (unsigned long long)target);
	else if (s->at.known && s->at.mapped && !s->at.executable)
		say(v, "The program jumped to 0x%llx, which is mapped, but not as code.", (unsigned long long)target);
	else
		say(v, "The program jumped to 0x%llx, where nothing is mapped.", (unsigned long long)target);
}

/* ---- page faults ----------------------------------------------------------------------------- */

static void diagnose_mapping(const struct fault_state *s, struct fault_verdict *v)
{
	if (s->error & PAGE_ERROR_KEY) {
		say(v, "A memory protection key forbids the access.");
	} else if (v->access == ACCESS_WRITE && s->at.known && s->at.mapped && s->at.readable && !s->at.writable) {
		v->kind = REPORT_READ_ONLY;
		say(v, "The page is mapped read-only%s.", s->at.file ? ", from a file" : "");
	} else if (s->at.known && s->at.mapped) {
		say(v, "The page is mapped [0x%llx, 0x%llx), but %s.", (unsigned long long)s->at.start,
		    (unsigned long long)s->at.end, s->at.readable ? "not for this" : "may not be read");
	} else if (!machine_canonical(v->addr) || (int64_t)v->addr < 0) {
		say(v, "The address is the kernel's, not the program's.");
	} else if (s->at.known) {
		say(v, "Nothing is mapped there.");
	}
}

static void diagnose_page(const struct fault_state *s, const struct machine_insn *insn, struct fault_verdict *v)
{
	v->addr = s->addr;
	v->have_addr = true;
	v->access = s->error & PAGE_ERROR_WRITE ? ACCESS_WRITE : ACCESS_READ;
	v->kind = REPORT_WILD_MEMORY_ACCESS;
	if (s->error & PAGE_ERROR_EXEC || s->addr == s->regs[MREG_IP]) {
		v->bad_pc = true;
		diagnose_jump(s, s->regs[MREG_IP], v);
		return;
	}
	if (is_stack_overflow(s, v)) {
		diagnose_overflow(s, v);
		return;
	}
	if (is_null(s->addr)) {
		diagnose_null(s, insn, v);
		return;
	}
	for (unsigned i = 0; i < insn->nr; i++)
		if (insn->operand[i].addr == s->addr && poison_in(s, &insn->operand[i], v))
			return;
	diagnose_mapping(s, v);
}

/* ---- no address from the processor ----------------------------------------------------------- */

static bool diagnose_operands(const struct fault_state *s, const struct machine_insn *insn, struct fault_verdict *v)
{
	for (unsigned i = 0; i < insn->nr; i++) {
		const struct machine_operand *o = &insn->operand[i];

		if (machine_canonical(o->addr))
			continue;
		v->addr = o->addr;
		v->have_addr = true;
		v->kind = REPORT_WILD_MEMORY_ACCESS;
		if (!poison_in(s, o, v) && !poison_checked(o, v))
			say(v, "The address is non-canonical: its upper bits are not a copy of bit 47.");
		return true;
	}
	return false;
}

static void diagnose_protection(const struct fault_state *s, const struct machine_insn *insn, struct fault_verdict *v)
{
	v->access = ACCESS_UNKNOWN;
	v->kind = REPORT_UNKNOWN_CRASH;
	if (!machine_canonical(s->regs[MREG_IP]) || !s->code_len) {
		v->bad_pc = true;
		diagnose_jump(s, s->regs[MREG_IP], v);
	} else if (insn->class == INSN_PRIVILEGED) {
		v->kind = REPORT_PRIVILEGED;
		say(v,
		    "The instruction is the kernel's alone; the program ran into data, or off the end of a function.");
	} else if (diagnose_operands(s, insn, v)) {
		return;
	} else if (insn->class == INSN_JUMP && insn->have_target && !machine_canonical(insn->target)) {
		diagnose_jump(s, insn->target, v);
	} else if (insn->class == INSN_JUMP && s->have_jump_word && !machine_canonical(s->jump_word)) {
		diagnose_jump(s, s->jump_word, v);
	} else if (insn->class == INSN_RETURN && s->have_top_word && !machine_canonical(s->top_word)) {
		diagnose_jump(s, s->top_word, v);
		say(v, "The return address on the stack is 0x%llx: the stack was overwritten.",
		    (unsigned long long)s->top_word);
	} else if (insn->class == INSN_ALIGNED && insn->operand[0].addr % insn->align) {
		v->kind = REPORT_MISALIGNED;
		v->addr = insn->operand[0].addr;
		v->have_addr = true;
		say(v, "The instruction wants an address that is a multiple of %u.", insn->align);
	} else {
		say(v, "General protection fault, error code 0x%llx: the processor gives no reason.",
		    (unsigned long long)s->error);
	}
}

static void diagnose_bus(const struct fault_state *s, struct fault_verdict *v)
{
	v->addr = s->addr;
	v->have_addr = true;
	v->access = s->error & PAGE_ERROR_WRITE ? ACCESS_WRITE : ACCESS_READ;
	v->kind = REPORT_PAST_FILE_END;
	if (s->si_code == BUS_MCEERR_AR || s->si_code == BUS_MCEERR_AO) {
		v->kind = REPORT_UNKNOWN_CRASH;
		say(v, "The machine reports that this memory is broken.");
	} else if (s->at.known && s->at.mapped && !s->at.file) {
		say(v,
		    "No page could be had for the mapping (huge pages, or shared memory whose file system is full).");
	} else {
		say(v, "The mapping is longer than the file is now.");
	}
}

uint64_t fault_jump_through(const struct fault_state *s)
{
	struct machine_insn insn;

	machine_decode(s->code, s->code_len, s->regs, s->tls_base, &insn);
	return insn.class == INSN_JUMP && !insn.have_target && insn.nr ? insn.operand[0].addr : 0;
}

void fault_diagnose(const struct fault_state *s, struct fault_verdict *v)
{
	struct machine_insn insn;

	mem_set(v, 0, sizeof(*v));
	v->access = ACCESS_UNKNOWN;
	v->pointer_reg = -1;
	machine_decode(s->code, s->code_len, s->regs, s->tls_base, &insn);
	if (s->trap == TRAP_ALIGNMENT) {
		v->kind = REPORT_MISALIGNED;
		v->addr = insn.nr ? insn.operand[0].addr : 0;
		v->have_addr = insn.nr != 0;
		say(v, "The program has asked for alignment checks (flag AC).");
	} else if (s->trap == TRAP_PROTECTION || s->trap == TRAP_STACK) {
		diagnose_protection(s, &insn, v);
	} else if (s->signo == SIGBUS) {
		diagnose_bus(s, v);
	} else {
		diagnose_page(s, &insn, v);
	}
}
