/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/watch/processor.h - runs a few instructions on this processor, with any registers, and takes what they did. */
#ifndef MEMSAN_TESTS_WATCH_PROCESSOR_H
#define MEMSAN_TESTS_WATCH_PROCESSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VECTORS_MAX 16384
#define FLAGS_FIXED 0x202u /* always 1; interrupts on */

/* All registers.  gpr: by number in the encoding.  vectors: as xsave writes them. */
struct state {
	uint64_t gpr[16], rip, flags;
	_Alignas(64) uint8_t vectors[VECTORS_MAX];
};

/* How the run ended: by a signal, usually SIGTRAP at an int3. */
struct ending {
	int signo;
	uintptr_t fault_address; /* of SIGSEGV */
};

/* Makes everything ready; false: this system cannot do it. */
bool processor_set_up(void);
/* The registers of this thread, as a start for others. */
extern struct state processor_host;
extern size_t processor_vectors_size;
/* Runs from state->rip on until a signal; then state is how the registers were. */
struct ending processor_run(struct state *state);
/* Where the parts of struct state's vectors lie; 0: the processor has none. */
extern size_t processor_ymm, processor_k, processor_zmm_high, processor_zmm16;

#endif
