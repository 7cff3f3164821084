/* SPDX-License-Identifier: BSD-2-Clause */
/* A vector store wants an aligned address.
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
