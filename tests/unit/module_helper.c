/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/module_helper.c - a library that test_modules loads and unloads. It calls back, so that a stack contains
 * one of its frames. */
int module_helper_call(int (*fn)(void *), void *arg);

int module_helper_call(int (*fn)(void *), void *arg)
{
	volatile char pad[64];

	pad[0] = 1;
	return fn(arg) + pad[0] - 1;
}
