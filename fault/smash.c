/* SPDX-License-Identifier: BSD-2-Clause */
/* fault/smash.c - a function returned to an address that it did not come from: what does the stack still tell of its
 * frame?
 *
 *     low                                                    high
 *     … | return address of its last call | locals, overwritten | slot | caller's frame …
 *          └─ leads into the function                             └─ held its return address; sp is right behind it
 *
 * Nothing has written below the stack pointer since, because memsan's handler has a stack of its own. So the nearest
 * word below that follows a call instruction tells which function it was; and the first such word above, from which the
 * stack is walked on, who its callers were. Both may be stale words of earlier calls: the report says "probably". */
#include "config.h"

#include "fault/fault_internal.h"

#define BELOW_MAX 4096u /* bytes that are searched for the last call */
#define ABOVE_MAX 4096u

/* Is there a call instruction right before this address of code? */
static bool follows_call(uint64_t pc)
{
	static const uint8_t lengths[] = { 2, 3, 6, 7 }; /* of calls through a register or memory */
	struct module_info info;
	uint8_t code[7];

	if (pc < 4096 || !machine_canonical(pc) || module_is_self(pc - 1) ||
	    os_safe_read(code, (void *)(pc - sizeof(code)), sizeof(code)) != sizeof(code))
		return false;
	if (code[2] != 0xe8) {
		bool through = false;

		for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++)
			through |= code[7 - lengths[i]] == 0xff && (code[8 - lengths[i]] & 0x38) == 0x10;
		if (!through)
			return false;
	}
	return module_find(pc - 1, 0, &info);
}

static bool read_word(uint64_t at, uint64_t *word)
{
	return os_safe_read(word, (void *)at, sizeof(*word)) == sizeof(*word);
}

/* The slot of the return address that led to `target`; 0: the program did not come there by a return. A call through a
 * bad pointer leaves its return address on top of the stack; what lies below says nothing then. */
static uint64_t slot_of_return(const struct fault_state *s, uint64_t target)
{
	uint64_t sp = s->regs[MREG_SP], word;

	if (s->regs[MREG_IP] == target && s->have_top_word && follows_call(s->top_word))
		return 0;
	if (s->regs[MREG_IP] == target)
		return read_word(sp - sizeof(word), &word) && word == target ? sp - sizeof(word) : 0;
	/* A return to an address that cannot exist faults at the instruction itself. */
	return s->code_len && (s->code[0] == 0xc3 || s->code[0] == 0xc2) && s->have_top_word && s->top_word == target
	               ? sp
	               : 0;
}

bool smash_find(const struct fault_state *s, const struct fault_verdict *v, struct smash *m)
{
	uint64_t word;

	mem_set(m, 0, sizeof(*m));
	if ((v->kind != REPORT_BAD_JUMP && v->kind != REPORT_NULL_PTR_DEREF) || v->access != ACCESS_EXECUTE)
		return false;
	m->slot = slot_of_return(s, v->addr);
	if (!m->slot)
		return false;
	if (s->regs[MREG_IP] != v->addr)
		m->pcs[m->nr++] = s->regs[MREG_IP] + 1; /* this one is certain */
	for (uint64_t at = m->slot - 8; !m->nr && m->slot - at < BELOW_MAX && read_word(at, &word); at -= 8)
		if (follows_call(word))
			m->pcs[m->nr++] = word;
	for (uint64_t at = m->slot + 8; at - m->slot < ABOVE_MAX && read_word(at, &word); at += 8)
		if (follows_call(word)) {
			struct unwind_regs regs = { .pc = word, .sp = at + 8, .fp = s->regs[MREG_BP] };

			m->nr += unwind_walk(&regs, m->pcs + m->nr, SMASH_FRAMES - m->nr);
			break;
		}
	return true;
}

void smash_fill(struct report_record *r, const struct fault_verdict *v, const struct smash *m)
{
	char text[400];
	struct fmt_buf b;

	fmt_init(&b, text, sizeof(text));
	fmt_printf(&b, "A function returned to 0x%llx: its return address, at 0x%llx on the stack, was overwritten.%s",
	           (unsigned long long)v->addr, (unsigned long long)m->slot,
	           m->nr ? " The call trace is what the stack still tells: probably this function and its callers."
	                 : " The stack tells no more of it.");
	r->detail = report_string(r, text);
	if (m->nr)
		report_add_pcs(r, STACK_ACCESS, m->pcs, m->nr);
	report_set_memory(r, m->slot, m->slot - 64, m->slot + 64);
}
