/* SPDX-License-Identifier: BSD-2-Clause */
/* A null function pointer is called; the call shows.
 *
 * expect: null-ptr-deref in=main type=execute
 * modes: check production
 * status: 99
 */
static void (*volatile f)(void);

int main(int argc, char **argv)
{
	f(); /* BAD */
	return argc > 5;
}
