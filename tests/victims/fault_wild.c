/* SPDX-License-Identifier: BSD-2-Clause */
/* An address is read where nothing is mapped.
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
