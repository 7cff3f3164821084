/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/module_odr.c - the module of odr_violation.c */
char shared_table[10], same_table[10];
static char own_table[20];

int module_sum(void);
int module_sum(void)
{
	return shared_table[9] + same_table[9] + own_table[19];
}
