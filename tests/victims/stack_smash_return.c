/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/stack_smash_return.c - a function overwrites its return address and returns: the report names the
 * function and its callers, as far as the stack still tells.
 * expect: bad-jump in=smash type=execute
 * flags: -fno-stack-protector -fcf-protection=none
 * modes: check production
 * status: 99
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static uint64_t filler[8];

__attribute__((noinline)) static void smash(size_t words)
{
	uint64_t buffer[2];

	memcpy(buffer, filler, words * sizeof(filler[0]));
	__asm__ volatile("" : : "r"(buffer) : "memory");
}

__attribute__((noinline)) static void caller(size_t words)
{
	smash(words);
	__asm__ volatile("");
}

int main(void)
{
	for (unsigned i = 0; i < 8; i++)
		filler[i] = 0x0000414141414141;
	caller(6);
	return 0;
}
