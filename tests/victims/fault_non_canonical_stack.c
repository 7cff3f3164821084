/* SPDX-License-Identifier: BSD-2-Clause */
/* Through the stack pointer a non-canonical address is a SIGBUS.
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
