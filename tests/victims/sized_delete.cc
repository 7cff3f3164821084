/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/sized_delete.cc - an object is deleted through a base class without a virtual destructor
 *
 * expect: sized-delete-mismatch in=main object=64
 * flags: -std=c++17 -fsized-deallocation
 * ways: preload linked
 */
struct base {
	long a;
};
struct derived : base {
	long b[7];
};

int main()
{
	base *volatile p = new derived; /* ALLOC */
	delete p;                       /* BAD */
	return 0;
}
