/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_libc_wide.c - wide character functions at the exact bounds of heap objects: no report, and the
 * same results as from libc's own functions
 *
 * expect: none
 * libs: -ldl
 * modes: check production
 * output: ok
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define ROUNDS 300
#define LARGEST 1500

static unsigned seed = 4711;
static unsigned random_below(unsigned n)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 8) % n;
}

static void fail(const char *what, long a, long b)
{
	printf("%s: %ld, libc: %ld (seed %u)\n", what, a, b, seed);
	exit(1);
}

/* A second libc, whose functions memsan does not intercept. */
static void *libc_handle;
#define OWN(name) ((__typeof__(name) *)dlsym(libc_handle, #name))

/* The same characters at the end of a heap object and in unchecked memory. */
struct pair {
	wchar_t *ours, *model;
	size_t n;
	wchar_t *object;
};
static wchar_t model_space[4][LARGEST * 3];
static unsigned model_next;

static struct pair pair_string(size_t len, unsigned letters, int terminated)
{
	size_t n = len + terminated;
	unsigned shift = random_below(4);
	wchar_t *object = malloc((shift + n) * sizeof(wchar_t));
	struct pair p = { object + shift, model_space[model_next++ % 4], n, object };
	for (size_t i = 0; i < len; i++)
		p.ours[i] = p.model[i] = L'a' + random_below(letters);
	if (terminated)
		p.ours[len] = p.model[len] = 0;
	return p;
}
static void pair_check(const char *what, struct pair p)
{
	for (size_t i = 0; i < p.n; i++)
		if (p.ours[i] != p.model[i])
			fail(what, i, p.n);
	free(p.object);
}

static int sign(long x)
{
	return (x > 0) - (x < 0);
}
static long at(const wchar_t *result, const wchar_t *base)
{
	return result ? result - base : -1;
}

#define SAME(name, convert, ...)                              \
	do {                                                  \
		wchar_t *d = D.ours, *s = S.ours;             \
		(void)s;                                      \
		long ours_ = convert(name(__VA_ARGS__));      \
		d = D.model, s = S.model;                     \
		long libc_ = convert(OWN(name)(__VA_ARGS__)); \
		if (ours_ != libc_)                           \
			fail(#name, ours_, libc_);            \
	} while (0)
#define AT(result) at(result, d)
#define VALUE(result) (long)(result)

static void copies(void)
{
	size_t n = 1 + random_below(LARGEST), k = random_below(n);
	struct pair D = pair_string(n, 26, 0), S = pair_string(n, 26, 0);
	SAME(wmemcpy, AT, d, s, n);
	SAME(wmempcpy, AT, d, s, n);
	SAME(wmemmove, AT, d, d + k, n - k);
	SAME(wmemmove, AT, d + k, d, n - k);
	SAME(wmemset, AT, d + k, L'z', n - k);
	SAME(wmemcmp, sign, d, s, n);
	SAME(wmemchr, AT, d, L'z', SIZE_MAX / 4);
	SAME(wmemchr, AT, d, L'!', n);
	SAME(wcsncpy, AT, d, s, n);
	SAME(wcpncpy, AT, d, s, k);
	SAME(wcsnlen, VALUE, s, n);
	pair_check("copies", D);
	pair_check("copies' source", S);
}

static void strings(void)
{
	size_t len = random_below(LARGEST), more = random_below(20), k = random_below(len + 2);
	struct pair D = pair_string(len + more, 3, 1), S = pair_string(len, 3, 1);
	SAME(wcscpy, AT, d, s);
	SAME(wcpcpy, AT, d, s);
	SAME(wcsncpy, AT, d, s, len + more + 1);
	SAME(wcpncpy, AT, d, s, k);
	D.ours[more] = D.model[more] = 0;
	SAME(wcscat, AT, d, s);
	D.ours[more] = D.model[more] = 0;
	SAME(wcsncat, AT, d, s, k);
	SAME(wcslen, VALUE, d);
	SAME(wcsnlen, VALUE, d, k);
	SAME(wcscmp, sign, d, s);
	SAME(wcsncmp, sign, d, s, k);
	SAME(wcscasecmp, sign, d, s);
	SAME(wcsncasecmp, sign, d, s, k);
	SAME(wcschr, AT, d, L'c');
	SAME(wcschr, AT, d, 0);
	SAME(wcschrnul, AT, d, L'!');
	SAME(wcsrchr, AT, d, L'a');
	SAME(wcsstr, AT, d, L"abc");
	SAME(wcsspn, VALUE, d, L"ab");
	SAME(wcscspn, VALUE, d, L"c");
	SAME(wcspbrk, AT, d, L"bc");
	wchar_t *copy = wcsdup(S.ours);
	if (wcscmp(copy, S.ours))
		fail("wcsdup", 1, 0);
	free(copy);
	/* To and from bytes, with room for everything, for everything but the terminator, and for less. */
	char *bytes = malloc(len + 1), model[LARGEST + 1];
	for (size_t room = len + 1; room + 2 > len && room > 0; room--) {
		char *tight = malloc(room);
		if (wcstombs(tight, S.ours, room) != OWN(wcstombs)(model, S.model, room) || memcmp(tight, model, room))
			fail("wcstombs", room, len);
		free(tight);
	}
	wcstombs(bytes, S.ours, len + 1);
	for (size_t room = len + 1; room + 2 > len && room > 0; room--) {
		wchar_t *tight = malloc(room * sizeof(wchar_t));
		const char *from = bytes;
		mbstate_t state = { 0 };
		if (mbstowcs(tight, bytes, room) != (room > len ? len : room) || wmemcmp(tight, S.model, room))
			fail("mbstowcs", room, len);
		if (mbsrtowcs(tight, &from, room, &state) != (room > len ? len : room))
			fail("mbsrtowcs", room, len);
		free(tight);
	}
	free(bytes);
	pair_check("strings", D);
	pair_check("strings' source", S);
}

int main(void)
{
	libc_handle = dlmopen(LM_ID_NEWLM, "libc.so.6", RTLD_NOW);
	for (int i = 0; i < ROUNDS; i++) {
		copies();
		strings();
	}
	puts("ok");
	return 0;
}
