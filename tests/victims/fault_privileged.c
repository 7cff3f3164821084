/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_privileged.c - the program executes an instruction that only the kernel may execute
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
