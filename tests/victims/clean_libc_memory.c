/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_libc_memory.c - mem* and str* at the exact bounds of heap objects of odd sizes: no report, and
 * the same results as from libc's own functions
 *
 * expect: none
 * libs: -ldl
 * ways: preload linked
 * modes: check production
 * output: ok
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

void *__mempcpy(void *, const void *, size_t);
void *__rawmemchr(const void *, int);
int __memcmpeq(const void *, const void *, size_t);
char *__stpcpy(char *, const char *);
char *__strdup(const char *);
char *__strndup(const char *, size_t);
void *__memcpy_chk(void *, const void *, size_t, size_t);
void *__memmove_chk(void *, const void *, size_t, size_t);
void *__mempcpy_chk(void *, const void *, size_t, size_t);
void *__memset_chk(void *, int, size_t, size_t);
char *__strcpy_chk(char *, const char *, size_t);
char *__stpcpy_chk(char *, const char *, size_t);
char *__strncpy_chk(char *, const char *, size_t, size_t);
char *__stpncpy_chk(char *, const char *, size_t, size_t);
char *__strcat_chk(char *, const char *, size_t);
char *__strncat_chk(char *, const char *, size_t, size_t);

#define ROUNDS 400
#define LARGEST 9000

static unsigned seed = 20240611;
static unsigned random_below(unsigned n)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 8) % n;
}
static size_t random_size(void)
{
	return 1 + random_below(random_below(8) ? 130 : LARGEST);
}

static void fail(const char *what, unsigned long a, unsigned long b)
{
	printf("%s: %ld, libc: %ld (seed %u)\n", what, a, b, seed);
	exit(1);
}

/* A second libc, whose functions memsan does not intercept. */
static void *libc_handle;
static void *own(const char *name)
{
	void *p = dlsym(libc_handle, name);
	if (!p)
		fail(name, 0, 1);
	return p;
}
#define OWN(name) ((__typeof__(name) *)own(#name))

/* Everything exists twice: at the end of a heap object for memsan's functions, in unchecked memory for libc's. */
struct pair {
	char *ours, *model;
	size_t n;
	char *object;
};
static char model_space[8][LARGEST * 2 + 64];
static unsigned model_next;

static struct pair pair_bytes(size_t n, unsigned letters)
{
	unsigned shift = random_below(3) ? 0 : random_below(16);
	char *object = malloc(shift + n);
	struct pair p = { object + shift, model_space[model_next++ % 8] + shift, n, object };
	for (size_t i = 0; i < n; i++)
		p.ours[i] = p.model[i] = letters ? 'a' + random_below(letters) : random_below(256);
	return p;
}
static struct pair pair_string(size_t len, unsigned letters)
{
	struct pair p = pair_bytes(len + 1, letters);
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

static int sign(int x)
{
	return (x > 0) - (x < 0);
}
/* A pointer result as an offset into its object. */
static long at(const void *result, const void *base)
{
	return result ? (const char *)result - (const char *)base : -1;
}

#define SAME(name, a, b)                            \
	do {                                        \
		long left_ = (a), right_ = (b);     \
		if (left_ != right_)                \
			fail(#name, left_, right_); \
	} while (0)
/* The same call on both copies, d and s in its arguments; the result is an offset into `base`. */
#define CALL(name, base, ...)                                        \
	do {                                                         \
		char *d = D.ours, *s = S.ours;                       \
		long ours_ = at(name(__VA_ARGS__), base);            \
		d = D.model, s = S.model;                            \
		SAME(name, ours_, at(OWN(name)(__VA_ARGS__), base)); \
	} while (0)
#define CALL_INT(name, ...)                                      \
	do {                                                     \
		char *d = D.ours, *s = S.ours;                   \
		long ours_ = (name)(__VA_ARGS__);                \
		d = D.model, s = S.model;                        \
		SAME(name, ours_, (long)OWN(name)(__VA_ARGS__)); \
	} while (0)
#define CALL_SIGN(name, ...)                                     \
	do {                                                     \
		char *d = D.ours, *s = S.ours;                   \
		long ours_ = sign((name)(__VA_ARGS__));          \
		d = D.model, s = S.model;                        \
		SAME(name, ours_, sign(OWN(name)(__VA_ARGS__))); \
	} while (0)
#define CALL_VOID(name, ...)                   \
	do {                                   \
		char *d = D.ours, *s = S.ours; \
		name(__VA_ARGS__);             \
		d = D.model, s = S.model;      \
		OWN(name)(__VA_ARGS__);        \
	} while (0)

static void copies(void)
{
	size_t n = random_size();
	struct pair D = pair_bytes(n, 0), S = pair_bytes(n, 0);
	CALL(memcpy, d, d, s, n);
	CALL(memcpy, d, d, d, n); /* to itself: compilers make this of a struct assignment */
	CALL(mempcpy, d, d, s, n);
	CALL(__mempcpy, d, d, s, n);
	CALL(__memcpy_chk, d, d, s, n, n);
	CALL(__mempcpy_chk, d, d, s, n, n);
	CALL(memmove, d, d, s, n);
	CALL_VOID(bcopy, s, d, n);
	CALL_VOID(swab, s, d, n);
	/* Any overlap inside one object, both ways. */
	size_t from = random_below(n), to = random_below(n), len = random_below(n - (from > to ? from : to) + 1);
	CALL(memmove, d, d + to, d + from, len);
	CALL(__memmove_chk, d, d + to, d + from, len, n - to);
	int c = random_below(256);
	CALL(memccpy, d, d, s, c, n);
	CALL(memset, d, d + from, c, n - from);
	CALL(__memset_chk, d, d + from, c, n - from, n - from);
	CALL_VOID(bzero, d + to, n - to);
	CALL_VOID(explicit_bzero, d + to, n - to);
	/* Zero bytes may lie anywhere. */
	CALL(memcpy, d, d + n, s + n, 0);
	CALL(memset, d, d + n, c, 0);
	pair_check("copies", D);
	pair_check("copies' source", S);
}

static void memory_scans(void)
{
	size_t n = random_size();
	struct pair D = pair_bytes(n, 1 + random_below(4)), S = pair_bytes(n, 1 + random_below(4));
	size_t k = random_below(n);
	if (random_below(2))
		for (size_t i = 0; i < k; i++)
			D.ours[i] = D.model[i] = S.ours[i] = S.model[i];
	CALL_SIGN(memcmp, d, s, n);
	CALL_SIGN(bcmp, d, s, k);
	SAME(__memcmpeq, !!__memcmpeq(D.ours, S.ours, n), !!OWN(__memcmpeq)(D.model, S.model, n));
	/* A size past the end is no error when the difference comes before the end. */
	D.ours[k] = D.model[k] = 'x';
	CALL_SIGN(memcmp, d, s, n + 50);
	CALL(memchr, d, d, 'a', n);
	CALL(memchr, d, d, 'x', SIZE_MAX);
	CALL(memrchr, d, d, 'a', n);
	CALL(memrchr, d, d + k, 'x', n - k);
	CALL(rawmemchr, d, d, 'x');
	CALL(__rawmemchr, d, d, 'x');
	CALL(memmem, d, d, n, s, 1 + k % 3 % n);
	CALL(memmem, d, d, n, d + k, n - k);
	pair_check("memory_scans", D);
	pair_check("memory_scans", S);
}

static void string_copies(void)
{
	size_t len = random_size() - 1, n = len + 1, more = random_below(40), k = random_below(n + 1);
	struct pair S = pair_string(len, 26), D = pair_bytes(n, 26);
	CALL(strcpy, d, d, s);
	CALL(stpcpy, d, d, s);
	CALL(__stpcpy, d, d, s);
	CALL(__strcpy_chk, d, d, s, n);
	CALL(__stpcpy_chk, d, d, s, n);
	CALL(strncpy, d, d, s, n);
	CALL(strncpy, d, d, s, k);
	CALL(stpncpy, d, d, s, n);
	CALL(__strncpy_chk, d, d, s, k, n);
	CALL(__stpncpy_chk, d, d, s, n, n);
	pair_check("string_copies", D);
	/* Without a terminator, n says where to stop. */
	struct pair U = pair_bytes(n, 26);
	D = pair_bytes(n + more, 26);
	{
		struct pair S = U;
		CALL(strncpy, d, d, s, n);
		CALL(stpncpy, d, d, s, n);
		D.ours[0] = D.model[0] = 0;
		CALL(strncat, d, d, s, n + more - 1 < n ? n + more - 1 : n - 1);
		char *a = strndup(U.ours, n);
		if (strlen(a) != n)
			fail("strndup", strlen(a), n);
		free(a);
		CALL_INT(strnlen, s, n);
	}
	pair_check("string_copies bounded", D);
	pair_check("string_copies unterminated", U);
	/* Appending up to the last byte. */
	D = pair_string(len + more, 26);
	D.ours[more] = D.model[more] = 0;
	CALL(strcat, d, d, s);
	/* An empty string is appended to the string that it ends: nothing is copied. */
	CALL(strcat, d, d, d + strlen(d));
	CALL(strncat, d, d, d + strlen(d), 3);
	D.ours[more] = D.model[more] = 0;
	CALL(strncat, d, d, s, len);
	D.ours[more] = D.model[more] = 0;
	CALL(strncat, d, d, s, SIZE_MAX);
	D.ours[more] = D.model[more] = 0;
	CALL(__strcat_chk, d, d, s, len + more + 1);
	D.ours[more] = D.model[more] = 0;
	CALL(__strncat_chk, d, d, s, k, len + more + 1);
	pair_check("strcat", D);
	char *copy[3] = { strdup(S.ours), __strdup(S.ours), __strndup(S.ours, k) };
	for (int i = 0; i < 3; i++) {
		if (strncmp(copy[i], S.model, i == 2 ? k : SIZE_MAX))
			fail("strdup", i, 0);
		free(copy[i]);
	}
	pair_check("string_copies' source", S);
}

static void string_scans(void)
{
	unsigned letters = 1 + random_below(4);
	size_t len = random_size() - 1, other = random_below(2) ? len : random_size() - 1;
	struct pair D = pair_string(len, letters), S = pair_string(other, letters);
	size_t shared = random_below((len < other ? len : other) + 1);
	for (size_t i = 0; i < shared; i++)
		D.ours[i] = D.model[i] = S.ours[i] = S.model[i];
	for (size_t i = 0; i < len; i++)
		if (!random_below(5))
			D.ours[i] -= 32, D.model[i] -= 32;
	int c = 'a' + random_below(6);
	size_t limit = random_below(2 * len + 10);
	CALL_INT(strlen, d);
	CALL_INT(strnlen, d, limit);
	CALL_INT(strnlen, d, SIZE_MAX);
	CALL_SIGN(strcmp, d, s);
	CALL_SIGN(strcmp, s, s);
	CALL_SIGN(strncmp, d, s, limit);
	CALL_SIGN(strncmp, d, s, SIZE_MAX);
	CALL_SIGN(strcasecmp, d, s);
	CALL_SIGN(strncasecmp, d, s, limit);
	CALL_SIGN(strcoll, d, s);
	CALL(strchr, d, d, c);
	CALL(strchr, d, d, 0);
	CALL(index, d, d, c);
	CALL(strchrnul, d, d, c);
	CALL(strrchr, d, d, c);
	CALL(strrchr, d, d, 0);
	CALL(rindex, d, d, c);
	CALL_INT(strspn, d, "abA");
	CALL_INT(strcspn, d, "cd");
	CALL_INT(strspn, s, d);
	CALL(strpbrk, d, d, "dC");
	CALL(strstr, d, d, s);
	CALL(strcasestr, d, d, s);
	CALL(strstr, d, d, d + len / 2);
	CALL(strcasestr, s, s, d + len / 2);
	CALL(strstr, d, d, "ab");
	CALL(strcasestr, d, d, "abc");
	pair_check("string_scans", D);
	pair_check("string_scans", S);
}

/* Objects without a terminator, when the answer lies inside them. */
static void open_ended(void)
{
	size_t n = random_size(), k = random_below(n);
	struct pair D = pair_bytes(n, 3), S = pair_string(n, 3);
	D.ours[k] = D.model[k] = 'x';
	CALL(strchr, d, d, 'x');
	CALL(strchrnul, d, d, 'x');
	CALL_INT(strspn, d, "abc");
	CALL_INT(strcspn, d, "xyz");
	CALL(strpbrk, d, d, "x");
	CALL(strstr, d, d, "x");
	CALL(strcasestr, d, d, "X");
	CALL_SIGN(strcmp, d, s);
	CALL_SIGN(strcasecmp, d, s);
	CALL_SIGN(strncmp, d, s, n);
	pair_check("open_ended", D);
	pair_check("open_ended", S);
	/* The last byte of the object ends the number. */
	char *digits = malloc(4);
	memcpy(digits, "123;", 4);
	char *end;
	SAME(strtol, strtol(digits, &end, 10), 123);
	SAME(strtol, end - digits, 3);
	SAME(strtoul, strtoul(digits, NULL, 0), 123);
	SAME(atoi, atoi(digits), 123);
	SAME(strtod, (long)strtod(digits, &end), 123);
	SAME(atof, (long)atof(digits), 123);
	free(digits);
}

static void tokens(void)
{
	static const char text[] = ";;ab;c,,d;";
	char *t = malloc(sizeof(text)), *save, *p = t;
	int count = 0;
	strcpy(t, text);
	for (char *w = strtok_r(t, ";,", &save); w; w = strtok_r(NULL, ";,", &save))
		count++;
	SAME(strtok_r, count, 3);
	strcpy(t, text);
	for (char *w = strtok(t, ";,"); w; w = strtok(NULL, ";,"))
		count++;
	SAME(strtok, count, 6);
	strcpy(t, text);
	while (strsep(&p, ";,"))
		count++;
	SAME(strsep, count, 13);
	free(t);
}

int main(void)
{
	libc_handle = dlmopen(LM_ID_NEWLM, "libc.so.6", RTLD_NOW);
	for (int i = 0; i < ROUNDS; i++) {
		copies();
		memory_scans();
		string_copies();
		string_scans();
		open_ended();
	}
	tokens();
	puts("ok");
	return 0;
}
