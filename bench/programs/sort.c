/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/programs/sort.c - sorts lists and arrays of records, by recursion, through pointers and through callbacks.
 *
 * sort N: sorts N records on the heap as a linked list, by quicksort over pointers, and by qsort. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rec {
	struct rec *next;
	uint32_t key, serial;
	char tag[12];
};

static struct rec *merge(struct rec *a, struct rec *b)
{
	struct rec head, *tail = &head;

	while (a && b) {
		struct rec **less = b->key < a->key ? &b : &a;
		tail = tail->next = *less;
		*less = (*less)->next;
	}
	tail->next = a ? a : b;
	return head.next;
}

static struct rec *sort_list(struct rec *list)
{
	struct rec *slow = list, *fast;

	if (!list || !list->next)
		return list;
	for (fast = list->next; fast && fast->next; fast = fast->next->next)
		slow = slow->next;
	struct rec *half = slow->next;
	slow->next = NULL;
	return merge(sort_list(list), sort_list(half));
}

static void sort_pointers(struct rec **a, long n)
{
	while (n > 12) {
		uint32_t pivot = a[n / 2]->serial * 2654435761u;
		long i = 0, j = n - 1;
		while (i <= j) {
			while (a[i]->serial * 2654435761u < pivot)
				i++;
			while (a[j]->serial * 2654435761u > pivot)
				j--;
			if (i <= j) {
				struct rec *t = a[i];
				a[i++] = a[j];
				a[j--] = t;
			}
		}
		sort_pointers(a, j + 1);
		a += i;
		n -= i;
	}
	for (long i = 1; i < n; i++)
		for (long k = i; k > 0 && a[k]->serial * 2654435761u < a[k - 1]->serial * 2654435761u; k--) {
			struct rec *t = a[k];
			a[k] = a[k - 1];
			a[k - 1] = t;
		}
}

static int by_tag(const void *a, const void *b)
{
	return strcmp((*(struct rec *const *)a)->tag, (*(struct rec *const *)b)->tag);
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? strtol(argv[1], NULL, 10) : 200000;
	struct rec *list = NULL, **all = malloc((size_t)n * sizeof(*all));
	uint32_t seed = 12345, sum = 0;
	long i = 0;

	for (i = 0; i < n; i++) {
		struct rec *r = malloc(sizeof(*r));
		seed = seed * 1664525u + 1013904223u;
		r->key = seed >> 3;
		r->serial = (uint32_t)i;
		snprintf(r->tag, sizeof(r->tag), "%x", seed * 40503u);
		r->next = list;
		list = r;
	}
	list = sort_list(list);
	i = 0;
	for (struct rec *r = list; r; r = r->next) {
		sum = sum * 31 + r->serial;
		all[i++] = r;
	}
	sort_pointers(all, n);
	sum = sum * 31 + all[n / 3]->key;
	qsort(all, (size_t)n, sizeof(*all), by_tag);
	sum = sum * 31 + all[n / 2]->key;
	printf("%u\n", sum);
	for (i = 0; i < n; i++)
		free(all[i]);
	free(all);
	return 0;
}
