/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/watch/forms.h - an instruction of any row of opcodes.def, and registers and memory for it to run with. */
#ifndef MEMSAN_TESTS_WATCH_FORMS_H
#define MEMSAN_TESTS_WATCH_FORMS_H

#include "tests/watch/processor.h"
#include "watch/arch/x86_64/opcodes.h"

/* Below 4 GB, so that each form of address reaches it. */
#define FORM_CODE 0x30000000u /* the instruction, then int3; code may be before it as well */
#define FORM_DATA 0x30100000u /* memory for operands; no memory lies around it */
#define FORM_DATA_SIZE 0x1000u
#define FORM_READ_ONLY 0x30200000u /* the same memory, that may not be written here */
#define FORM_STACK 0x30300000u
#define FORM_STACK_SIZE 0x1000u
#define FORM_STACK_BELOW 0x10000u /* more stack below it, of which nobody looks at the bytes */
#define FORM_RSP (FORM_STACK + FORM_STACK_SIZE / 2)
/* Where a ret or an indirect jump leads: int3.  As flags, the address means nothing special. */
#define FORM_PAD 0x30400200u

struct form {
	uint8_t code[16];
	struct insn insn;
	const struct opcode_row *row;
};

bool form_set_up(void);
uint64_t form_random(void);
void form_seed(uint64_t seed);
/* Makes a random instruction of the row, that runs at FORM_CODE.  False: no luck this time. */
bool form_make(const struct opcode_row *row, struct form *form);
/* Is what it does the same each time, and harmless? */
bool form_repeats(const struct form *form);
bool form_harmless(const struct form *form);
/* Random registers and memory (data and stack, which have these bytes). */
void form_registers(struct state *state);
void form_memory(void);
/* Sets the registers, or the displacement, so that the first operand in memory is at `address`.  False: impossible. */
bool form_aim(struct form *form, struct state *state, uintptr_t address);
/* All of that, for a run that does something useful where it can: the operand is in the middle of the data, and jumps
 * by memory or register lead to the pad.  False: not this time. */
bool form_prepare(struct form *form, struct state *state);
/* Writes the code. */
void form_place(const struct form *form);
/* All memory that a form may change. */
#define FORM_MEMORY_SIZE (FORM_DATA_SIZE + FORM_STACK_SIZE)
void form_save_memory(uint8_t *to);
void form_restore_memory(const uint8_t *from);
/* The processor notes where the last x87 instruction and its operand were; that is no result. */
void form_forget_places(struct state *state);

#endif
