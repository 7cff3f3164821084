// SPDX-License-Identifier: BSD-2-Clause
/* tests/victims/clean_private_operators.cc - the program deletes objects from a library's own operator new, and the
 * other way round
 *
 * expect: none
 * ways: preload
 * modes: check production
 * module: module_runtime.cc
 * module-libs: -Wl,-Bsymbolic
 * link-module: yes
 * output: ok
 */
#include <cstdio>

extern "C" int *module_new();
extern "C" void module_delete(int *p);

int main()
{
	int *p = module_new();
	if (*p != 5)
		return 1;
	delete p;
	module_delete(new int);
	puts("ok");
	return 0;
}
