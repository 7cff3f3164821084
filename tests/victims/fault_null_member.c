/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_null_member.c - a member is read through a null pointer
 *
 * ways: preload linked static
 * expect: null-ptr-deref in=main type=read access=8
 * modes: check production
 * status: 99
 * status-linked: -11
 * status-static: -11
 */
#include <stdlib.h>

#include <stddef.h>

struct s {
	char pad[24];
	struct s *next;
};
static struct s *volatile p;

int main(int argc, char **argv)
{
	free(malloc(1)); /* makes the linker take memsan */
	p = p->next;     /* BAD */
	return argc > 5;
}
