/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/module_helper.c - a library to load and unload; it calls back, so that it is on the stack. */
int module_helper_call(int (*fn)(void *), void *arg);

int module_helper_call(int (*fn)(void *), void *arg)
{
	volatile char pad[64];

	pad[0] = 1;
	return fn(arg) + pad[0] - 1;
}
