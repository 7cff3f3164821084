/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_non_canonical.c - a read at a non-canonical address: the processor reports no address, so memsan
 * takes it from the instruction
 *
 * expect: wild-memory-access in=main type=read access=4
 * modes: check production
 * status: 99
 */
static int *volatile p = (int *)0x1234567890001230;

static volatile int sink;
int main(int argc, char **argv)
{
	sink = p[argc]; /* BAD */
	return argc > 5;
}
