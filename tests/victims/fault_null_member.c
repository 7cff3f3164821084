/* SPDX-License-Identifier: BSD-2-Clause */
/* A member is read through a null pointer.
 * expect: null-ptr-deref in=main type=read access=8
 * modes: check production
 * status: 99
 */
#include <stddef.h>

struct s { char pad[24]; struct s *next; };
static struct s *volatile p;

int main(int argc, char **argv)
{
	p = p->next; /* BAD */
	return argc > 5;
}
