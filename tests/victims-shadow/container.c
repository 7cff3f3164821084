/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/container.c - a read past the last element of an annotated container
 *
 * expect: container-out-of-bounds type=read access=1
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

#include <sanitizer/common_interface_defs.h>
static int look(volatile char *p, int i)
{
	return p[i]; /* BAD */
}
int main(void)
{
	char *p = calloc(1, 64);
	__sanitizer_annotate_contiguous_container(p, p + 64, p + 64, p + 21);
	if (!__sanitizer_verify_contiguous_container(p, p + 21, p + 64))
		return 3;
	int r = look(p, 20);
	r += look(p, 21);
	__sanitizer_annotate_contiguous_container(p, p + 64, p + 21, p + 64);
	r += look(p, 63);
	free(p);
	return r == 1000;
}
