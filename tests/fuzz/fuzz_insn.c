/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/fuzz/fuzz_insn.c - any bytes as machine code, for watch/'s decoder. */
#include "tests/fuzz/fuzz.h"

#include "watch/arch/x86_64/decode.c"

#define PC 0x400000u

static void check(const struct insn *x, const uint8_t *code, size_t size)
{
	struct insn again;

	MUST(x->length >= 1 && x->length <= size && x->length <= LONGEST);
	MUST(x->nr_mem <= ARRAY_SIZE(x->mem));
	MUST(!(x->kills & ~x->writes) && !(x->flags_killed & ~x->flags_written));
	MUST(!(x->flags_undefined & (x->flags_killed | ~x->flags_written)));
	MUST(x->disp_offset + x->disp_size <= x->length && x->imm_offset + x->imm_size <= x->length);
	for (unsigned i = 0; i < x->nr_mem; i++) {
		MUST(!x->mem[i].access == !x->mem[i].size);
		MUST(x->mem[i].base <= INSN_RIP || x->mem[i].base == INSN_NO_REG);
	}
	/* Only the bytes of the instruction count, and all of them. */
	MUST(x86_decode(&again, code, x->length, PC) && memcmp(x, &again, sizeof(again)) == 0);
	MUST(!x86_decode(&again, code, x->length - 1u, PC) && again.length == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct insn x;

	for (size_t at = 0; at < size;) {
		/* A copy of its own: the sanitizer sees a read behind its end. */
		size_t n = size - at < 2 * LONGEST ? size - at : 2 * LONGEST;
		uint8_t *code = malloc(n);

		MUST(code);
		memcpy(code, data + at, n);
		if (x86_decode(&x, code, n, PC)) {
			check(&x, code, n);
			at += x.length;
		} else {
			MUST(x.length == 0);
			at++;
		}
		free(code);
	}
	return 0;
}

#include "watch/arch/x86_64/elements.c"
#include "watch/arch/x86_64/opcodes.c" /* last, for its short macros */
