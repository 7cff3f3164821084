/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_misaligned.c - a vector store that needs an aligned address gets another one
 *
 * expect: misaligned-access in=main type=write access=16
 * modes: check production
 * status: 99
 */
static char buffer[64] __attribute__((aligned(16)));

int main(int argc, char **argv)
{
	__asm__ volatile("movaps %%xmm0, 1(%0)" : : "r"(buffer) : "memory"); /* BAD */
	return argc > 5;
}
