/* SPDX-License-Identifier: BSD-2-Clause */
/* A recursion without end.
 * expect: stack-overflow type=write
 * modes: check production
 * status: 99
 */
static int deep(int n)
{
	volatile char a[200];
	a[0] = (char)n;
	return n ? deep(n + 1) + a[0] : 0;
}

int main(int argc, char **argv)
{
	return deep(argc);
	return argc > 5;
}
