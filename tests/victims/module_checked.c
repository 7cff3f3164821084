/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/module_checked.c - the code that a compiler makes of a one-byte load in instrumented code, by hand;
 * for dlopen_checked.c */
void __asan_report_load1_noabort(unsigned long addr);

char module_load(const char *p)
{
	unsigned long addr = (unsigned long)p;
	signed char shadow = *(const volatile signed char *)((addr >> 3) + 0x7fff8000);

	if (shadow && (signed char)(addr & 7) >= shadow)
		__asan_report_load1_noabort(addr);
	return *p;
}
