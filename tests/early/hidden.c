/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/early/hidden.c - an instrumented IFUNC resolver that runs while its library is relocated, even with lazy
 * binding, because its function is static. */
static int table[4];
static int seen;

static int implementation(int i)
{
	return 26 + table[i & 3] + seen * 0;
}

static int (*choose(void))(int)
{
	volatile int k = 1;
	char local[40];
	volatile char *p = local;
	p[k] = 3;
	seen = p[k] + table[k & 3];
	return implementation;
}

static int chosen(int) __attribute__((ifunc("choose")));

int library_value(int i)
{
	return chosen(i);
}
