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

/* The constructor that compilers make for a file's globals: the number of descriptions goes to %esi and their address
 * to %rdi, then a function is called, and nothing else is done.  Reads at most n bytes.  False: the constructor is
 * another one. */
static inline bool arch_registers_globals(const uint8_t *code, size_t n, uintptr_t *array, uint32_t *count)
{
	/* Instructions that say nothing, by their first bytes: endbr64, the frame, mov %rax, %rdi; the stack
	 * protector's load, store, comparison and jump, to its call or over it. */
	static const struct {
		uint8_t size, known, code[5];
	} plain[] = {
		{ 4, 4, { 0xf3, 0x0f, 0x1e, 0xfa } },
		{ 1, 1, { 0x50 } },
		{ 1, 1, { 0x55 } },
		{ 3, 3, { 0x48, 0x89, 0xe5 } },
		{ 4, 3, { 0x48, 0x83, 0xec } },
		{ 4, 3, { 0x48, 0x83, 0xc4 } },
		{ 3, 3, { 0x48, 0x89, 0xc7 } },
		{ 9, 5, { 0x64, 0x48, 0x8b, 0x04, 0x25 } },
		{ 9, 5, { 0x64, 0x48, 0x2b, 0x04, 0x25 } },
		{ 5, 4, { 0x48, 0x89, 0x44, 0x24 } },
		{ 5, 4, { 0x48, 0x8b, 0x44, 0x24 } },
		{ 4, 3, { 0x48, 0x89, 0x45 } },
		{ 4, 3, { 0x48, 0x8b, 0x45 } },
		{ 2, 2, { 0x31, 0xc0 } },
		{ 2, 1, { 0x75 } },
		{ 7, 3, { 0x74, 0x05, 0xe8 } },
	};
	int32_t word, pushed = 0;
	size_t at = 0;

	*array = 0;
	*count = 0;
	while (at + 10 <= n) {
		const uint8_t *c = code + at;
		size_t skip = 0;

		for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
			if (mem_compare(c, plain[i].code, plain[i].known) == 0)
				skip = plain[i].size;
		if (skip) {
			at += skip;
			continue;
		}
		if (c[0] == 0xe8 || c[0] == 0xe9 || (c[0] == 0xf2 && c[1] == 0xe9) ||
		    (c[0] == 0xff && (c[1] == 0x15 || c[1] == 0x25)))
			return *array && *count;
		if (c[0] == 0x48 && c[1] == 0x8d && (c[2] == 0x3d || c[2] == 0x05)) {
			__builtin_memcpy(&word, c + 3, sizeof(word));
			at += 7;
			*array = (uintptr_t)code + at + (uintptr_t)(intptr_t)word;
		} else if (c[0] == 0x48 && c[1] == 0xbf) {
			__builtin_memcpy(array, c + 2, sizeof(*array));
			at += 10;
		} else if (c[0] == 0xbe || c[0] == 0xbf || c[0] == 0xb8) {
			__builtin_memcpy(&word, c + 1, sizeof(word));
			at += 5;
			if (c[0] == 0xbe)
				*count = (uint32_t)word;
			else
				*array = (uint32_t)word;
		} else if (c[0] == 0x6a) {
			pushed = c[1];
			at += 2;
		} else if (c[0] == 0x5e) {
			*count = (uint32_t)pushed;
			at++;
		} else {
			return false;
		}
	}
	return false;
}

#endif
