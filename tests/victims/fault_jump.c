/* SPDX-License-Identifier: BSD-2-Clause */
/* A function pointer leads to where nothing is.
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
