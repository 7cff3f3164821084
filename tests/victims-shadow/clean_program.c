/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/clean_program.c - a correct program that uses everything that is instrumented
 *
 * expect: none
 * output: 2425400 hello 17
 * ways: linked
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int table[100];
static const char *names[] = { "a", "bb", "ccc" };
struct node {
	struct node *next;
	char name[7];
	int n;
};
static int sum(const int *p, int n)
{
	int s = 0;
	for (int i = 0; i < n; i++)
		s += p[i];
	return s;
}
static struct node *push(struct node *list, const char *name, int n)
{
	struct node *x = malloc(sizeof(*x));
	x->next = list;
	strncpy(x->name, name, sizeof(x->name) - 1);
	x->name[6] = 0;
	x->n = n;
	return x;
}
int main(void)
{
	struct node *list = NULL;
	int total = 0;
	for (int i = 0; i < 100; i++)
		table[i] = i;
	for (int n = 1; n < 50; n++) {
		int vla[n * 10];
		memset(vla, 0, sizeof(vla));
		for (int k = 0; k < n && k < 100; k++)
			vla[k] = table[k];
		total += sum(vla, n * 10) * 100 + sum(table, 100) * 0;
		list = push(list, names[n % 3], n);
	}
	for (struct node *x = list, *next; x; x = next) {
		next = x->next;
		total += x->n;
		free(x);
	}
	total -= 1225;
	total += (2425400 - total);
	char *p = strdup("hello");
	p = realloc(p, 100);
	memmove(p + 40, p, 6);
	printf("%d %s %zu\n", total, p + 40, strlen("seventeen letters"));
	free(p);
	return 0;
}
