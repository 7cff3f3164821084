/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/programs/bignum.c - arithmetic on numbers that live on the heap: each result is a new small block, and lives
 * for a moment.  Allocations come from a few functions near main, so stacks are short.  It factors numbers by Pollard's
 * rho.  Argument: how many numbers. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct number {
	unsigned refs, len; /* limbs of 16 bits, the lowest first */
	uint16_t limb[];
};

static struct number *number_new(unsigned len)
{
	struct number *n = malloc(sizeof(*n) + len * sizeof(n->limb[0]));
	if (!n)
		exit(1);
	n->refs = 1;
	n->len = len;
	memset(n->limb, 0, len * sizeof(n->limb[0]));
	return n;
}

static void put(struct number *n)
{
	if (--n->refs == 0)
		free(n);
}

static struct number *trim(struct number *n)
{
	while (n->len && !n->limb[n->len - 1])
		n->len--;
	return n;
}

static __attribute__((noinline)) struct number *from_word(uint64_t word)
{
	struct number *n = number_new(4);
	for (unsigned i = 0; i < 4; i++)
		n->limb[i] = (uint16_t)(word >> 16 * i);
	return trim(n);
}

static int compare(const struct number *a, const struct number *b)
{
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	for (unsigned i = a->len; i-- > 0;)
		if (a->limb[i] != b->limb[i])
			return a->limb[i] < b->limb[i] ? -1 : 1;
	return 0;
}

static __attribute__((noinline)) struct number *multiply(const struct number *a, const struct number *b)
{
	struct number *n = number_new(a->len + b->len);
	for (unsigned i = 0; i < a->len; i++) {
		uint32_t carry = 0;
		for (unsigned k = 0; k < b->len; k++) {
			carry += (uint32_t)a->limb[i] * b->limb[k] + n->limb[i + k];
			n->limb[i + k] = (uint16_t)carry;
			carry >>= 16;
		}
		n->limb[i + b->len] = (uint16_t)carry;
	}
	return trim(n);
}

static __attribute__((noinline)) struct number *subtract(const struct number *a, const struct number *b)
{
	struct number *n = number_new(a->len);
	int32_t borrow = 0;
	for (unsigned i = 0; i < a->len; i++) {
		borrow += (int32_t)a->limb[i] - (i < b->len ? b->limb[i] : 0);
		n->limb[i] = (uint16_t)borrow;
		borrow >>= 16;
	}
	return trim(n);
}

static __attribute__((noinline)) struct number *shift_add(const struct number *a, unsigned low)
{
	struct number *n = number_new(a->len + 1);
	memcpy(n->limb + 1, a->limb, a->len * sizeof(a->limb[0]));
	n->limb[0] = (uint16_t)low;
	return trim(n);
}

static __attribute__((noinline)) struct number *scale(const struct number *a, uint32_t by)
{
	struct number *n = number_new(a->len + 1);
	uint32_t carry = 0;
	for (unsigned i = 0; i < a->len; i++) {
		carry += a->limb[i] * by;
		n->limb[i] = (uint16_t)carry;
		carry >>= 16;
	}
	n->limb[a->len] = (uint16_t)carry;
	return trim(n);
}

/* The rest of a by m, by long division with limbs as digits. */
static __attribute__((noinline)) struct number *rest(const struct number *a, const struct number *m)
{
	struct number *r = number_new(0);
	for (unsigned i = a->len; i-- > 0;) {
		struct number *next = shift_add(r, a->limb[i]);
		put(r);
		r = next;
		while (compare(r, m) >= 0) {
			uint64_t top = (uint64_t)r->limb[r->len - 1] << 16 | (r->len > 1 ? r->limb[r->len - 2] : 0);
			uint64_t by = r->len > m->len ? top / (m->limb[m->len - 1] + 1u)
			                              : (top >> 16) / (m->limb[m->len - 1] + 1u);
			struct number *part = scale(m, by ? (uint32_t)(by > 0xffff ? 0xffff : by) : 1);
			next = subtract(r, part);
			put(part);
			put(r);
			r = next;
		}
	}
	return r;
}

static struct number *step(const struct number *x, const struct number *c, const struct number *m)
{
	struct number *square = multiply(x, x), *sum = number_new(square->len + 1), *r;
	uint32_t carry = 0;
	for (unsigned i = 0; i < sum->len; i++) {
		carry += (i < square->len ? square->limb[i] : 0u) + (i < c->len ? c->limb[i] : 0u);
		sum->limb[i] = (uint16_t)carry;
		carry >>= 16;
	}
	r = rest(trim(sum), m);
	put(square);
	put(sum);
	return r;
}

static struct number *gcd(struct number *a, struct number *b)
{
	a->refs++;
	b->refs++;
	while (b->len) {
		struct number *r = rest(a, b);
		put(a);
		a = b;
		b = r;
	}
	put(b);
	return a;
}

static unsigned long factor(uint64_t word)
{
	struct number *m = from_word(word), *c = from_word(1), *slow = from_word(2), *fast = from_word(2), *next;
	unsigned long steps = 0;
	for (int found = 0; !found && steps < 4000; steps++) {
		next = step(slow, c, m);
		put(slow);
		slow = next;
		for (int twice = 0; twice < 2; twice++) {
			next = step(fast, c, m);
			put(fast);
			fast = next;
		}
		struct number *distance = compare(slow, fast) > 0 ? subtract(slow, fast) : subtract(fast, slow);
		struct number *g = gcd(distance, m);
		found = g->len > 1 || (g->len == 1 && g->limb[0] > 1);
		put(g);
		put(distance);
	}
	put(m);
	put(c);
	put(slow);
	put(fast);
	return steps;
}

int main(int argc, char **argv)
{
	unsigned long steps = 0;
	uint64_t p = 1000003;
	for (int i = argc > 1 ? atoi(argv[1]) : 10; i > 0; i--, p += 2 * (uint64_t)i)
		steps += factor(p * 1000033);
	printf("%lu steps\n", steps);
	return 0;
}
