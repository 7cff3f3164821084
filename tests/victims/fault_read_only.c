/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_read_only.c - a string literal is written
 *
 * expect: write-to-read-only in=main type=write access=1
 * modes: check production
 * status: 99
 */
static char *volatile p = "literal";

int main(int argc, char **argv)
{
	*p = 1; /* BAD */
	return argc > 5;
}
