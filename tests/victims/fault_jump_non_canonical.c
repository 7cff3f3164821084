/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_jump_non_canonical.c - a call through a function pointer with a non-canonical address
 *
 * expect: bad-jump in=main type=execute
 * modes: check production
 * status: 99
 */
static void (*volatile f)(void) = (void (*)(void))0x1234567890001230;

int main(int argc, char **argv)
{
	f(); /* BAD */
	return argc > 5;
}
