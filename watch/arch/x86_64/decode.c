/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/arch/x86_64/decode.c - from bytes to a struct insn. */
#include "config.h"

#include "watch/arch/x86_64/insn.h"

bool x86_decode(struct insn *x, const uint8_t *code, size_t size, uintptr_t pc)
{
	(void)code;
	(void)size;
	(void)pc;
	x->length = 0;
	return false;
}
