/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_jump.c - a call through a function pointer to unmapped memory
 *
 * expect: bad-jump in=main type=execute
 * modes: check production
 * status: 99
 */
static void (*volatile f)(void) = (void (*)(void))0x123456789000;

int main(int argc, char **argv)
{
	f(); /* BAD */
	return argc > 5;
}
