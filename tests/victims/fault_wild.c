/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_wild.c - a read of unmapped memory
 *
 * expect: wild-memory-access in=main type=read access=4
 * modes: check production
 * status: 99
 */
static int *volatile p = (int *)0x123456789000;

static volatile int sink;
int main(int argc, char **argv)
{
	sink = *p; /* BAD */
	return argc > 5;
}
