/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_non_canonical_stack.c - an access through the stack pointer at a non-canonical address, which is
 * a SIGBUS
 *
 * expect: wild-memory-access in=main
 * modes: check production
 * status: 99
 */

int main(int argc, char **argv)
{
	__asm__ volatile("movq %0, %%rbp\n\tmovb $1, (%%rbp)" : : "r"(0x1234567890001230) : "memory"); /* BAD */
	return argc > 5;
}
