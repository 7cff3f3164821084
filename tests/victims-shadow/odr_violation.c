/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/odr_violation.c - the program and a library define a variable of one name with different sizes.
 * Another has the same size, a third is the library's own: nothing is said of them, nor of accesses to the larger one
 *
 * expect: odr-violation place=shared_table
 * only-form: gcc-asan gcc-asan-recover clang-asan clang-asan-recover clang-kernel-inline clang-kernel-calls
 * module: module_odr.c
 * link-module: yes
 * ways: linked
 */
char shared_table[100], same_table[10], own_table[70];
int module_sum(void);

int main(void)
{
	volatile char *p = shared_table;

	for (int i = 0; i < 100; i++)
		p[i] = 0;
	p = own_table;
	p[69] = 0;
	return module_sum();
}
