/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/watch_samples.c - ordinary functions that read and write memory in every way; each in a section of its
 * own, so that the test knows where it ends.  Compiled once for each LEVEL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/watch_samples.h"

#define PASTE_(a, b) a##_##b
#define PASTE(a, b) PASTE_(a, b)
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define SAMPLE(name)                                                                                            \
	__attribute__((section("watch_" TEXT(LEVEL) "_" #name), noinline)) static uint64_t name(uint8_t *arena, \
	                                                                                        uint64_t x)

SAMPLE(sum_ints)
{
	int *v = (int *)arena, sum = (int)x;

	for (int i = 0; i < 200; i++) {
		sum = sum * 3 + v[i];
		if (sum & 1)
			v[i] ^= sum;
	}
	for (int i = 0; i < 100; i++)
		v[300 + i] = v[i] + v[i + 7];
	return (uint64_t)sum;
}

SAMPLE(scan_string)
{
	char *s = (char *)arena + (x & 63), *to = (char *)arena + 2048;
	uint64_t hash = 5381;

	s[300] = 0;
	for (; *s; s++) {
		hash = hash * 33 + (unsigned char)*s;
		if (*s >= 'a' && *s <= 'z')
			*to++ = (char)(*s - 32);
		else if (*s == '%')
			*to++ = '_', *to++ = '_';
	}
	*to = 0;
	return hash + strlen((char *)arena + 2048);
}

SAMPLE(switch_table)
{
	uint64_t r = x;

	for (int i = 0; i < 256; i++) {
		switch (arena[i] & 15) {
		case 0:
			r += arena[i + 1];
			break;
		case 1:
			r ^= *(uint16_t *)(arena + i + 3);
			break;
		case 2:
			arena[i + 1000] = (uint8_t)r;
			break;
		case 3:
			r = r << 3 | r >> 61;
			/* fall through */
		case 4:
			r -= *(uint32_t *)(arena + (r & 1023));
			break;
		case 5:
			continue;
		case 6:
			*(uint64_t *)(arena + 2000 + (r & 255)) += r;
			break;
		case 7:
			r = ~r;
			break;
		case 9:
			r += 9;
			break;
		case 11:
			i += 2;
			break;
		case 13:
			r *= 0x9e3779b97f4a7c15;
			break;
		default:
			r++;
		}
	}
	return r;
}

struct item {
	struct item *next, *previous;
	uint32_t key;
	uint8_t flag;
	uint64_t value[3];
};

SAMPLE(walk_list)
{
	struct item *items = (struct item *)arena, *head = NULL, *p;
	uint64_t r = 0;

	for (unsigned i = 0; i < 40; i++) {
		struct item *n = &items[(i * 7 + x) % 40];

		n->next = head;
		n->previous = NULL;
		if (head)
			head->previous = n;
		n->key = i * 11;
		n->flag = i & 1;
		n->value[i % 3] = r += n->key;
		head = n;
	}
	for (p = head; p; p = p->next) {
		if (p->flag && p->next)
			p->value[2] += p->next->key;
		r = r * 31 + p->value[0] + p->value[1] * 3 + p->value[2] * 5;
	}
	for (p = head; p->next; p = p->next)
		;
	for (; p; p = p->previous)
		r ^= p->key;
	for (p = head; p; p = p->next) /* addresses differ between runs */
		p->next = NULL, p->previous = NULL;
	return 1;
}

SAMPLE(recurse)
{
	uint64_t *memo = (uint64_t *)arena;

	if (x > 40)
		x %= 40;
	if (x < 2)
		return x + arena[x];
	memo[100 + x] = recurse(arena, x - 1) + memo[x % 5];
	return memo[100 + x] + (x & 1 ? recurse(arena, x / 2) : 0);
}

struct big {
	uint64_t a[9];
	char b[40];
};

SAMPLE(copy_structs)
{
	struct big *v = (struct big *)arena, t = v[x & 3];

	v[5] = v[6];
	v[x & 3] = v[7];
	v[7] = t;
	memset(v[8].b, (int)x, sizeof(v[8].b));
	memcpy(arena + 2000 + (x & 7), arena + 3, 24);
	memmove(arena + 2100, arena + 2101, 57);
	return t.a[4] + v[6].a[1];
}

SAMPLE(matrix)
{
	double *a = (double *)(arena + 8), *c = a + 200, sum = 0;
	float *f = (float *)(arena + 3000);

	for (int i = 0; i < 100; i++)
		a[i] = (double)(i * (int)(x & 7)) / 3;
	for (int i = 0; i < 10; i++)
		for (int j = 0; j < 10; j++) {
			double s = 0;

			for (int k = 0; k < 10; k++)
				s += a[i * 10 + k] * a[k * 10 + j];
			c[i * 10 + j] = s;
		}
	for (int i = 0; i < 64; i++)
		f[i] = (float)c[i] * 0.5f + (float)i;
	for (int i = 0; i < 64; i++)
		sum += f[i] > 3 ? (double)f[i] : c[i];
	return (uint64_t)(int64_t)sum;
}

__attribute__((noinline)) static uint64_t plus(uint64_t a, uint64_t b)
{
	return a + b;
}

__attribute__((noinline)) static uint64_t times(uint64_t a, uint64_t b)
{
	return a * (b | 1);
}

struct operations {
	uint64_t (*f[2])(uint64_t, uint64_t);
	uint64_t n;
};

SAMPLE(call_pointers)
{
	struct operations *o = (struct operations *)(arena + 512);
	uint64_t r = x;

	o->f[0] = plus;
	o->f[1] = times;
	for (o->n = 0; o->n < 20; o->n++) {
		r = o->f[r & 1](r, arena[o->n]);
		r ^= plus(o->n, times(r, 3));
		plus(1, 2);
		times(3, 4);
	}
	o->f[0] = o->f[1] = NULL;
	return r;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

SAMPLE(sort_array)
{
	uint32_t *v = (uint32_t *)arena;
	uint64_t r = 0;

	for (unsigned i = 1; i < 50; i++)
		for (unsigned j = i; j > 0 && v[j - 1] > v[j]; j--) {
			uint32_t t = v[j];

			v[j] = v[j - 1];
			v[j - 1] = t;
		}
	qsort(v + 100, 60, sizeof(*v), compare);
	for (unsigned i = 0; i < 200; i++)
		r = r * 5 + v[i] + x;
	return r;
}

SAMPLE(atomics)
{
	uint64_t *v = (uint64_t *)arena, expected = v[1], r;

	r = __atomic_fetch_add(&v[0], x, __ATOMIC_SEQ_CST);
	r ^= __atomic_exchange_n(&v[2], r, __ATOMIC_SEQ_CST);
	r += __atomic_compare_exchange_n(&v[1], &expected, r, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	r += __atomic_fetch_or((uint8_t *)&v[3], (uint8_t)x, __ATOMIC_SEQ_CST);
	__atomic_and_fetch((uint32_t *)&v[4], 0xff00ff, __ATOMIC_SEQ_CST);
	r += __sync_lock_test_and_set((uint16_t *)&v[5], 7);
	__atomic_store_n(&v[6], r, __ATOMIC_SEQ_CST);
	__asm__ volatile("lock cmpxchg16b %0"
	                 : "+m"(*(__int128 *)(arena + 128))
	                 : "a"(1L), "d"(2L), "b"(3L), "c"(4L)
	                 : "cc");
	__asm__ volatile("lock btsl $5,%0" : "+m"(v[9])::"cc");
	return r;
}

SAMPLE(computed_goto)
{
	static const void *const table[] = { &&add, &&load, &&store, &&twist, &&skip, &&end };
	uint8_t *code = arena + 1024;
	uint64_t r = x;

	for (int i = 0; i < 200; i++)
		code[i] %= 5;
	code[200] = code[201] = code[202] = 5;
	goto *table[*code++];
add:
	r += *code;
	goto *table[*code++];
load:
	r ^= *(uint64_t *)(arena + (r & 511));
	goto *table[*code++];
store:
	*(uint32_t *)(arena + (r & 511)) = (uint32_t)r;
	goto *table[*code++];
twist:
	r = r * 31 + 7;
	if (r & 64)
		goto *table[*code++];
	goto *table[*code++];
skip:
	code++;
	goto *table[*code++];
end:
	return r;
}

SAMPLE(long_doubles)
{
	long double *v = (long double *)arena, sum = 0;

	memset(arena, 0, 16L * 20);
	for (int i = 0; i < 20; i++)
		v[i] = (long double)i / 7 + (long double)(x & 3);
	for (int i = 1; i < 20; i++)
		sum += v[i] * v[i - 1];
	return (uint64_t)(sum * 1000);
}

SAMPLE(tail_call)
{
	arena[x & 255]++;
	if (arena[0] & 1)
		return plus(arena[1], x);
	return times(x, *(uint64_t *)(arena + 8));
}

SAMPLE(strings_rep)
{
	void *to = arena + 1500, *from = arena + 100;
	size_t n = 70, left = 0;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n)::"memory");
	n = 9;
	__asm__ volatile("rep stosq" : "+D"(to), "+c"(n) : "a"(x) : "memory");
	n = 0;
	__asm__ volatile("rep stosl" : "+D"(to), "+c"(n) : "a"(x) : "memory");
	to = arena + 1000;
	arena[1040] = 0x5a;
	n = 100;
	__asm__ volatile("repne scasb" : "+D"(to), "+c"(n) : "a"(0x5a) : "memory", "cc");
	left += n;
	to = arena + 1500;
	from = arena + 100;
	n = 80;
	__asm__ volatile("repe cmpsb" : "+D"(to), "+S"(from), "+c"(n)::"memory", "cc");
	left = left * 100 + n;
	__asm__ volatile("movsl\n\tlodsw\n\tstosb" : "+D"(to), "+S"(from)::"memory", "rax");
	to = arena + 3000;
	from = arena + 2900;
	n = 20;
	__asm__ volatile("std\n\trep movsw\n\tcld" : "+D"(to), "+S"(from), "+c"(n)::"memory");
	return left + (size_t)((uint8_t *)to - arena);
}

__attribute__((noinline)) static uint64_t sum_list(uint64_t n, ...)
{
	va_list list;
	uint64_t r = 0;

	va_start(list, n);
	while (n-- > 0)
		r = r * 3 + va_arg(list, uint64_t);
	va_end(list);
	return r;
}

SAMPLE(variadic)
{
	char text[64];

	snprintf(text, sizeof(text), "%d %s %.3f", (int)x, "text", (double)arena[5] / 3);
	memcpy(arena + 700, text, strlen(text));
	return sum_list(8, x, (uint64_t)arena[1], 3ul, (uint64_t)arena[2], 5ul, 6ul, *(uint64_t *)(arena + 16), 8ul);
}

SAMPLE(wide_math)
{
	unsigned __int128 *v = (unsigned __int128 *)(arena + 32), sum = x;
	uint64_t *w = (uint64_t *)arena;

	for (int i = 0; i < 12; i++)
		v[20 + i] = sum += v[i] * (i + 3);
	for (int i = 0; i < 12; i++) {
		uint64_t d = w[i] | 1;

		w[100 + i] = (uint64_t)sum / d + (uint64_t)sum % (d >> 3 | 1);
		w[120 + i] = (uint64_t)((int64_t)w[i] >> (x & 31)) + (uint64_t)__builtin_popcountl(w[i + 1]);
	}
	return (uint64_t)(sum >> 64) ^ (uint64_t)sum;
}

/* Flags live over loads and stores. */
SAMPLE(flags_live)
{
	uint64_t *v = (uint64_t *)arena, r = 0, t;
	uint32_t carry = 0;

	__asm__ volatile("add 8(%[v]),%[x]\n\t"
	                 "mov 16(%[v]),%[t]\n\t"
	                 "adc 24(%[v]),%[t]\n\t"
	                 "mov %[t],32(%[v])\n\t"
	                 "adc $0,%k[c]\n\t"
	                 "sub %[t],%[x]\n\t"
	                 "mov %[x],40(%[v])\n\t"
	                 "seto %b[c]\n\t"
	                 "cmp $3,%[x]\n\t"
	                 "mov 48(%[v]),%[r]\n\t"
	                 "lahf\n\t"
	                 "mov %%ah,56(%[v])\n\t"
	                 "jp 1f\n\t"
	                 "lea 1(%[r]),%[r]\n"
	                 "1:\tcmovs 64(%[v]),%[r]\n\t"
	                 "std\n\t"
	                 "mov %[r],72(%[v])\n\t"
	                 "pushfq\n\t"
	                 "cld\n\t"
	                 "pop %[t]\n\t"
	                 "and $0xcd5,%k[t]\n\t"
	                 "mov %[t],80(%[v])\n\t"
	                 : [x] "+r"(x), [t] "=&r"(t), [c] "+q"(carry), [r] "+r"(r)
	                 : [v] "r"(v)
	                 : "memory", "cc", "rax");
	return r + carry * 3 + x;
}

/* push and pop of memory, calls through memory; rax as a base while flags are live. */
SAMPLE(stack_operands)
{
	uint64_t *v = (uint64_t *)arena, r = x;

	__asm__ volatile("sub $128,%%rsp\n\t"
	                 "mov %[v],%%rax\n\t"
	                 "push 8(%%rax)\n\t"
	                 "push (%%rax)\n\t"
	                 "pop 16(%%rax)\n\t"
	                 "cmp %[r],%%rax\n\t"
	                 "mov 24(%%rax),%%rcx\n\t"
	                 "setb (%%rax)\n\t"
	                 "mov $8,%%ecx\n\t"
	                 "mov (%%rax,%%rcx,8),%[r]\n\t"
	                 "pop 32(%%rax)\n\t"
	                 "add $128,%%rsp\n\t"
	                 "xor %%eax,%%eax\n\t"
	                 "mov 40(%[v],%%rax,8),%%rax\n\t"
	                 "test %%al,%%al\n\t"
	                 "mov 48(%[v]),%%ah\n\t"
	                 "jz 1f\n\t"
	                 "add %%rax,%[r]\n"
	                 "1:\n\t"
	                 : [r] "+r"(r)
	                 : [v] "r"(v)
	                 : "memory", "cc", "rax", "rcx");
	return r + v[2];
}

/* loop, jrcxz, jecxz, a jump over nops. */
SAMPLE(odd_branches)
{
	uint64_t r = x, n = 17;

	__asm__ volatile("1:\tadd (%[a],%%rcx),%[r]\n\t"
	                 "loop 1b\n\t"
	                 "jrcxz 2f\n\t"
	                 "add $1000,%[r]\n"
	                 "2:\tmov $5,%%ecx\n"
	                 "3:\tcmpb $7,(%[a],%%rcx)\n\t"
	                 "loopne 3b\n\t"
	                 "jecxz 4f\n\t"
	                 "xor 16(%[a]),%[r]\n\t"
	                 "jmp 5f\n\t"
	                 ".balign 32\n"
	                 "4:\tnot %[r]\n"
	                 "5:\n\t"
	                 : [r] "+r"(r), "+c"(n)
	                 : [a] "r"(arena)
	                 : "memory", "cc");
	return r + n;
}

static jmp_buf buffer;

__attribute__((noinline)) static void leave(int x)
{
	if (x & 1)
		longjmp(buffer, x);
}

SAMPLE(jump_back)
{
	volatile uint32_t *count = (uint32_t *)arena;
	int v;

	*count = 0;
	v = setjmp(buffer);
	if (v < 9) {
		++*count;
		leave(v + 1);
		leave(v + 2);
	}
	return *count + (uint64_t)v + x;
}

SAMPLE(bytes_and_bits)
{
	struct {
		uint32_t a : 3, b : 11, c : 18;
		int8_t d;
		int16_t e;
	} *v = (void *)arena;
	uint64_t r = x;

	for (int i = 0; i < 60; i++) {
		v[i].b += v[i].a;
		v[i].c ^= (uint32_t)r;
		r += (uint64_t)(int64_t)v[i].d * (uint64_t)(int64_t)v[i].e;
		v[i].e = (int16_t)(v[i].e >> (v[i].a & 7));
		if (arena[i * 3] & 0x10)
			arena[i * 3] = (uint8_t)(arena[i * 3] << 1 | (r & 1));
		r = (r << (v[i].d & 63)) | (r >> (-v[i].d & 63));
	}
	return r;
}

/* More values than registers. */
SAMPLE(many_locals)
{
	uint64_t *v = (uint64_t *)arena, a = v[0], b = v[1], c = v[2], d = v[3], e = v[4], f = v[5], g = v[6], h = v[7],
		 i = v[8], j = v[9], k = v[10], l = v[11], m = v[12], n = v[13], o = v[14], p = v[15];

	for (unsigned t = 0; t < 30; t++) {
		a += b ^ v[t];
		b -= c + v[t + 1];
		c ^= d * v[t + 2];
		d += e;
		e = e << 5 | e >> 59;
		f ^= g + v[t + 20];
		g -= h;
		h += i ^ x;
		i *= 3;
		j ^= k;
		k += l + v[t + 30];
		l -= m;
		m ^= n;
		n += o;
		o -= p ^ v[t + 40];
		p += a;
		v[t + 60] = a ^ f ^ k ^ p;
	}
	return a + b + c + d + e + f + g + h + i + j + k + l + m + n + o + p;
}

#define BOUNDS(name)                                                     \
	extern const uint8_t PASTE(PASTE(__start_watch, LEVEL), name)[]; \
	extern const uint8_t PASTE(PASTE(__stop_watch, LEVEL), name)[];
NAMES(BOUNDS)

extern const struct sample PASTE(samples, LEVEL)[];
const struct sample PASTE(samples, LEVEL)[] = {
#define ENTRY(name) \
	{ #name, TEXT(LEVEL), name, PASTE(PASTE(__start_watch, LEVEL), name), PASTE(PASTE(__stop_watch, LEVEL), name) },
	NAMES(ENTRY){ NULL, NULL, NULL, NULL, NULL }
};
