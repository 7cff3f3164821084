/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_libc_page_end.c - string functions that stop at a character before the end of a readable page;
 * the next page cannot be read, and the string has no terminator;
 * and calls with 0 bytes, which read none
 *
 * expect: none
 * modes: check production
 * ways: preload linked
 * flags: -fno-builtin
 * output: ok
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <wchar.h>

#define PAGE 4096

static char *map;

/* n bytes that end at the end of a readable page. */
static char *at_page_end(size_t n)
{
	return map + 3 * PAGE - n;
}

static void expect(const char *what, size_t n, int holds)
{
	if (holds)
		return;
	printf("%s, %zu bytes\n", what, n);
	exit(1);
}

static void narrow(size_t n)
{
	char *s = at_page_end(n), *end, *save = NULL, copy[9000];
	size_t last = n - 1;

	memset(s, 'a', n);
	s[last] = 'z';
	expect("strchr", n, strchr(s, 'z') == s + last);
	expect("strchrnul", n, strchrnul(s, 'z') == s + last);
	expect("index", n, index(s, 'z') == s + last);
	expect("rawmemchr", n, rawmemchr(s, 'z') == s + last);
	expect("memchr", n, memchr(s, 'z', 100000) == s + last);
	expect("memccpy", n, memccpy(copy, s, 'z', sizeof(copy)) == copy + n);
	expect("strspn", n, strspn(s, "abc") == last);
	expect("strcspn", n, strcspn(s, "xyz") == last);
	expect("strpbrk", n, strpbrk(s, "xyz") == s + last);
	expect("strncmp", n, strncmp(s, "b", 100000) != 0);
	expect("strcmp", n, strcmp(s, "b") != 0);
	expect("strcasecmp", n, strcasecmp(s, "B") != 0);
	expect("strnlen", n, strnlen(s, n) == n);
	memset(copy, 'a', n);
	copy[last] = 0;
	expect("strcmp to the end", n, strcmp(s, copy) > 0);
	expect("strcasecmp to the end", n, strcasecmp(s, copy) > 0);
	if (n >= 3) {
		s[last - 1] = 'y';
		expect("strstr", n, strstr(s, "yz") == s + last - 1);
	}
	memset(s, '0', n);
	s[last] = 'z';
	expect("strtol", n, strtol(s, &end, 10) == 0 && end == s + last);
	expect("strtoull", n, strtoull(s, &end, 10) == 0 && end == s + last);
	expect("strtod", n, strtod(s, &end) == 0 && end == s + last);
	expect("atoi", n, atoi(s) == 0);
	expect("atof", n, atof(s) == 0);
	memset(s, 'a', n);
	s[last] = ',';
	end = s;
	expect("strsep", n, strsep(&end, ",") == s && s[last] == 0);
	s[last] = 0;
	expect("strtok_r", n, n == 1 || strtok_r(s, ",", &save) == s);
}

static void wide(size_t n)
{
	wchar_t *s = (wchar_t *)at_page_end(n * sizeof(*s));
	size_t last = n - 1;

	wmemset(s, L'a', n);
	s[last] = L'z';
	expect("wcschr", n, wcschr(s, L'z') == s + last);
	expect("wcschrnul", n, wcschrnul(s, L'z') == s + last);
	expect("wmemchr", n, wmemchr(s, L'z', 100000) == s + last);
	expect("wcsspn", n, wcsspn(s, L"abc") == last);
	expect("wcscspn", n, wcscspn(s, L"xyz") == last);
	expect("wcspbrk", n, wcspbrk(s, L"xyz") == s + last);
	expect("wcscmp", n, wcscmp(s, L"b") != 0);
	expect("wcsncmp", n, wcsncmp(s, L"b", 100000) != 0);
}

/* Calls that may read no byte. */
static void nothing(void)
{
	char *s = at_page_end(0), copy[64] = "", *duplicate = strndup(s, 0);
	wchar_t *w = (wchar_t *)s, wide_copy[4] = L"";

	expect("strndup", 0, duplicate && !*duplicate);
	free(duplicate);
	expect("strnlen", 0, strnlen(s, 0) == 0);
	expect("strncpy", 0, strncpy(copy, s, 0) == copy);
	expect("stpncpy", 0, stpncpy(copy, s, 0) == copy);
	expect("strncat", 0, strncat(copy, s, 0) == copy && !*copy);
	expect("snprintf", 0, snprintf(copy, sizeof(copy), "%.0s.%.*s.%.0ls", s, 0, s, w) == 2);
	expect("strncmp", 0, strncmp(s, "a", 0) == 0 && strncmp("a", s, 0) == 0);
	expect("strncasecmp", 0, strncasecmp(s, "a", 0) == 0);
	expect("memcmp", 0, memcmp(s, "a", 0) == 0);
	expect("memchr", 0, !memchr(s, 'a', 0) && !memrchr(s, 'a', 0) && !memmem(s, 0, "a", 1));
	expect("memccpy", 0, !memccpy(copy, s, 'a', 0));
	expect("wcsnlen", 0, wcsnlen(w, 0) == 0 && wcsncmp(w, L"a", 0) == 0 && !wmemchr(w, L'a', 0));
	expect("wcsncpy", 0, wcsncpy(wide_copy, w, 0) == wide_copy && wcsncat(wide_copy, w, 0) == wide_copy);
}

int main(void)
{
	static const size_t sizes[] = { 1, 2, 7, 8, 9, 63, 64, 65, 200, 1000, 4095, 4096, 4097, 8000 };

	for (int heap = 0; heap < 2; heap++) {
		map = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (heap && posix_memalign((void **)&map, PAGE, 4 * PAGE))
			return 2;
		mprotect(map + 3 * PAGE, PAGE, PROT_NONE);
		nothing();
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			narrow(sizes[i]);
			if (sizes[i] <= 3000)
				wide(sizes[i]);
		}
		mprotect(map + 3 * PAGE, PAGE, PROT_READ | PROT_WRITE);
		if (heap)
			free(map);
	}
	puts("ok");
	return 0;
}
