/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_null_call.c - a null function pointer is called; the report shows the call
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
