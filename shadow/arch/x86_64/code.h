/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/arch/x86_64/code.h - what compilers write into instrumented code: the shadow's offset, as a displacement of 32
 * bits. */
#ifndef MEMSAN_SHADOW_ARCH_X86_64_CODE_H
#define MEMSAN_SHADOW_ARCH_X86_64_CODE_H

/* Does the code of a function use the shadow's offset?  The first red zone of a frame is written at the offset itself,
 * and so is a check of one granule. */
static inline bool arch_code_uses_shadow(const uint8_t *code, size_t n)
{
	uint32_t word;

	for (size_t i = 0; i + sizeof(word) <= n; i++) {
		__builtin_memcpy(&word, code + i, sizeof(word));
		if (word == SHADOW_OFFSET)
			return true;
	}
	return false;
}

/* The target of a direct call whose bytes are `call` and that returns to `ret`, or 0. */
#define ARCH_CALL_SIZE 5
static inline uintptr_t arch_call_target(const uint8_t *call, uintptr_t ret)
{
	int32_t distance;

	if (call[0] != 0xe8)
		return 0;
	__builtin_memcpy(&distance, call + 1, sizeof(distance));
	return ret + (uintptr_t)(intptr_t)distance;
}

#endif
