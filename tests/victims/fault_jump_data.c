/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_jump_data.c - a call through a function pointer into data
 *
 * expect: bad-jump in=main type=execute
 * modes: check production
 * status: 99
 */
static char data[16];
static void *volatile f = data;

int main(int argc, char **argv)
{
	((void (*)(void))f)(); /* BAD */
	return argc > 5;
}
