/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/global_read_left.c - a read far before the first global of .bss: the compiler's descriptions of
 * the globals lie there, at the end of .data, and the program has no business with them
 *
 * expect: global-out-of-bounds type=read access=1 place=left
 * needs: compiler
 * ways: linked
 */
int table[10] = { 1 };
char text[5]; /* alone in .bss */
static long words[3] = { 1 };

static int look(volatile char *p, int i)
{
	return p[i]; /* BAD */
}

int main(void)
{
	return look((char *)words, 0) + look((char *)table, 0) + look(text, -60) == 1000;
}
