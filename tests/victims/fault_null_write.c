/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_null_write.c - a member is written through a null pointer
 *
 * expect: null-ptr-deref in=main type=write access=4
 * modes: check production
 * status: 99
 */
struct s {
	char pad[32];
	int v;
};
static struct s *volatile p;

int main(int argc, char **argv)
{
	p->v = 1; /* BAD */
	return argc > 5;
}
