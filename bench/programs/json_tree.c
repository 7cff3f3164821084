/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/programs/json_tree.c - builds JSON-like trees, prints them, parses the text again and frees all.  It allocates
 * small nodes of mixed sizes with short and long lives, strings, and two buffers that grow by realloc.  It is
 * deterministic and prints a checksum.  Usage: json_tree [ROUNDS] */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { NUMBER, STRING, LIST, MAP };

struct node {
	enum kind kind;
	struct node *next; /* in the list or map that holds it */
	char *key;         /* in a map */
	union {
		double number;
		char *string;
		struct node *first;
	} u;
};

struct text {
	char *data;
	size_t len, size;
};

static uint64_t seed;

static uint32_t chance(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % n);
}

static void *need(void *p)
{
	if (!p)
		abort();
	return p;
}

static char *random_word(void)
{
	size_t n = 2 + chance(6) + (chance(10) ? 0 : chance(100));
	char *s = need(malloc(n + 1));

	for (size_t i = 0; i < n; i++)
		s[i] = (char)('a' + chance(26));
	s[n] = '\0';
	return s;
}

static struct node *node_new(enum kind kind)
{
	struct node *n = need(calloc(1, sizeof(*n)));

	n->kind = kind;
	return n;
}

static struct node *grow(int depth)
{
	struct node *n = node_new(depth > 0 ? (enum kind)chance(4) : (enum kind)chance(2));

	if (n->kind == NUMBER) {
		n->u.number = chance(1000000);
	} else if (n->kind == STRING) {
		n->u.string = random_word();
	} else {
		for (uint32_t i = 2 + chance(7); i; i--) {
			struct node *child = grow(depth - 1);

			child->key = n->kind == MAP ? random_word() : NULL;
			child->next = n->u.first;
			n->u.first = child;
		}
	}
	return n;
}

static void put(struct text *t, const char *s, size_t n)
{
	if (t->len + n + 1 > t->size) {
		t->size = (t->len + n + 1) * 3 / 2;
		t->data = need(realloc(t->data, t->size));
	}
	memcpy(t->data + t->len, s, n);
	t->len += n;
	t->data[t->len] = '\0';
}

static void put_quoted(struct text *t, const char *s)
{
	put(t, "\"", 1);
	put(t, s, strlen(s));
	put(t, "\"", 1);
}

static void print(struct text *t, const struct node *n)
{
	char number[32];

	if (n->key) {
		put_quoted(t, n->key);
		put(t, ":", 1);
	}
	if (n->kind == NUMBER) {
		put(t, number, (size_t)snprintf(number, sizeof(number), "%.0f", n->u.number));
	} else if (n->kind == STRING) {
		put_quoted(t, n->u.string);
	} else {
		put(t, n->kind == LIST ? "[" : "{", 1);
		for (const struct node *c = n->u.first; c; c = c->next) {
			print(t, c);
			if (c->next)
				put(t, ",", 1);
		}
		put(t, n->kind == LIST ? "]" : "}", 1);
	}
}

static char *parse_string(const char **p)
{
	const char *end = strchr(*p + 1, '"');
	size_t n = (size_t)(end - *p - 1);
	char *s = need(malloc(n + 1));

	memcpy(s, *p + 1, n);
	s[n] = '\0';
	*p = end + 1;
	return s;
}

static struct node *parse(const char **p)
{
	struct node *n = node_new(**p == '"'   ? STRING
	                          : **p == '[' ? LIST
	                          : **p == '{' ? MAP
	                                       : NUMBER),
		    **tail = &n->u.first;

	if (n->kind == STRING) {
		n->u.string = parse_string(p);
		return n;
	}
	if (n->kind == NUMBER) {
		n->u.number = strtod(*p, (char **)p);
		return n;
	}
	for ((*p)++; **p != ']' && **p != '}'; tail = &(*tail)->next) {
		char *key = NULL;

		if (**p == ',')
			(*p)++;
		if (n->kind == MAP) {
			key = parse_string(p);
			(*p)++;
		}
		*tail = parse(p);
		(*tail)->key = key;
	}
	(*p)++;
	return n;
}

static void drop(struct node *n)
{
	if (n->kind == STRING)
		free(n->u.string);
	if (n->kind == LIST || n->kind == MAP) {
		for (struct node *c = n->u.first, *next; c; c = next) {
			next = c->next;
			drop(c);
		}
	}
	free(n->key);
	free(n);
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? atol(argv[1]) : 260;
	uint64_t sum = 0;

	for (long i = 0; i < rounds; i++) {
		struct text first = { 0 }, second = { 0 };
		struct node *tree, *again;
		const char *p;

		seed = (uint64_t)i % 7;
		tree = grow(9);
		print(&first, tree);
		p = first.data;
		again = parse(&p);
		print(&second, again);
		if (first.len != second.len || memcmp(first.data, second.data, first.len) != 0)
			abort();
		sum = sum * 31 + first.len;
		drop(tree);
		drop(again);
		free(first.data);
		free(second.data);
	}
	printf("%llu\n", (unsigned long long)sum);
	return 0;
}
