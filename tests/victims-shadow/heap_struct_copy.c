/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/heap_struct_copy.c - a copy of a structure that is larger than the object
 *
 * expect: slab-out-of-bounds type=read object=60 offset=60
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

struct big {
	char bytes[64];
	int more[5];
};
static void copy(struct big *to, const struct big *from)
{
	*to = *from; /* BAD */
}
int main(void)
{
	struct big *to = malloc(sizeof(struct big)), *from = malloc(60);
	copy(to, from);
	free(to);
	free(from);
	return 0;
}
