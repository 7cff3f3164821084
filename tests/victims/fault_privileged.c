/* SPDX-License-Identifier: BSD-2-Clause */
/* An instruction of the kernel.
 *
 * expect: privileged-instruction in=main
 * modes: check production
 * status: 99
 */

int main(int argc, char **argv)
{
	__asm__ volatile("hlt"); /* BAD */
	return argc > 5;
}
