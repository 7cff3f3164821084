/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/harden/attacks.cc - single attacks on the heap, to see which of them an allocator stops.
 *
 * Usage: attacks NAME SIZE. Prints "unnoticed" if nothing stopped the attack. Without arguments: prints the names;
 * those after "once" do not depend on the size. The kinds are those of the security tests in mimalloc-bench, which
 * tries each at 8, 4096 and 262144 bytes: linear overflows of 1, 32 and about a million bytes to both sides, by a store
 * before a free and by memcpy without one; double frees, at once, with others between, late, and after the memory was
 * given out again; pointers that malloc did not return; stores to freed memory; objects of 0 bytes; memory that is
 * given out again at once, or with its old bytes; in C++ the wrong form of delete. */
#include <alloca.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

/* Volatile, so that the compiler sees neither what is called nor that it is wrong. */
static void *(*volatile get)(size_t) = malloc;
static void (*volatile put)(void *) = free;
static void *(*volatile resize)(void *, size_t) = realloc;
static void *(*volatile copy)(void *, const void *, size_t) = memcpy;

enum { MEGABYTE = 1 << 20, ROUNDS = 5000 };
static size_t size;
static char source[2 * MEGABYTE];

static char *take()
{
	return (char *)get(size);
}

static void churn(int rounds)
{
	while (rounds--)
		put(get(size));
}

/* The byte changes, whatever it is. The attack is complete with the free. */
static bool flip(long at)
{
	char *p = take();

	((volatile char *)p)[at] ^= 'A';
	put(p);
	return true;
}

static bool copy_to(long at, size_t n)
{
	char *p = take();

	copy(p + at, source, n);
	return true;
}

static bool free_inside(size_t at)
{
	put(take() + at);
	return true;
}

static bool has_bytes(const char *p)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (((const volatile char *)p)[i])
			return true;
	return false;
}

static bool free_twice(bool one_between, int rounds_between, int rounds_after)
{
	char *p = take(), *q = one_between ? take() : nullptr;

	put(p);
	if (q)
		put(q);
	churn(rounds_between);
	put(p);
	churn(rounds_after);
	return true;
}

static bool store_after_free(int rounds)
{
	char *p = take();

	put(p);
	memset(p, 'A', size);
	churn(rounds);
	return true;
}

static bool no_bytes(bool store, bool release)
{
	volatile char *p = (char *)get(0);

	if (store)
		*p = 'A';
	else
		putchar(*p);
	if (release)
		put((void *)p);
	return true;
}

static bool free_stack()
{
	char block[64];

	put(block);
	return true;
}

static bool given_out_at_once(size_t next)
{
	char *p = take();

	put(p);
	return get(next) == p;
}

static bool old_bytes_after_free()
{
	char *p = take();

	memset(p, 'A', size);
	put(p);
	return has_bytes(p);
}

static bool code()
{
	static const unsigned char ret[] = { 0xc3 };
	char *p = take();

	memcpy(p, ret, sizeof(ret));
	((void (*)(void))p)();
	return true;
}

/* true: the attack succeeded, if the process still lives */
struct attack {
	const char *name;
	bool (*run)();
};

static const attack attacks[] = {
	{ "overflow-1", [] { return flip((long)size); } },
	{ "overflow-32", [] { return flip((long)size + 31); } },
	{ "overflow-1m", [] { return flip((long)size + MEGABYTE - 1); } },
	{ "underflow-1", [] { return flip(-1); } },
	{ "underflow-32", [] { return flip(-32); } },
	{ "underflow-1m", [] { return flip(-MEGABYTE); } },
	{ "memcpy-overflow-1", [] { return copy_to(0, size + 1); } },
	{ "memcpy-overflow-32", [] { return copy_to(0, size + 32); } },
	{ "memcpy-overflow-1m", [] { return copy_to(0, size + MEGABYTE); } },
	{ "memcpy-underflow-1", [] { return copy_to(-1, size); } },
	{ "memcpy-underflow-32", [] { return copy_to(-32, size); } },
	{ "memcpy-underflow-1m", [] { return copy_to(-MEGABYTE, size); } },
	{ "double-free", [] { return free_twice(false, 0, 0); } },
	{ "double-free-other-between", [] { return free_twice(true, 0, 0); } },
	{ "double-free-late", [] { return free_twice(false, 1000, 0); } },
	{ "double-free-then-used", [] { return free_twice(false, 0, ROUNDS); } },
	{ "free-inside-1", [] { return free_inside(1); } },
	{ "free-inside-8", [] { return free_inside(8); } },
	{ "free-4096-behind", [] { return free_inside(4096); } },
	{ "free-1g-behind", [] { return free_inside((size_t)1 << 30); } },
	{ "free-alloca",
	  [] {
		  put(alloca(size));
		  return true;
	  } },
	{ "store-after-free", [] { return store_after_free(0); } },
	{ "store-after-free-then-used", [] { return store_after_free(ROUNDS); } },
	{ "given-out-at-once", [] { return given_out_at_once(size); } },
	{ "given-out-at-once-smaller", [] { return given_out_at_once(size / 2); } },
	{ "old-bytes-after-free", old_bytes_after_free },
	{ "old-bytes-when-given-out", [] { return has_bytes(take()); } },
	{ "once", nullptr },
	{ "code-on-the-heap", code },
	{ "impossible-size", [] { return get((size_t)-2) != nullptr; } },
	{ "free-1",
	  [] {
		  put((void *)1);
		  return true;
	  } },
	{ "free-stack", free_stack },
	{ "realloc-in-place-of-8",
	  [] {
		  void *p = get(8);
		  return resize(p, 1024) == p;
	  } },
	{ "read-0-bytes", [] { return no_bytes(false, false); } },
	{ "read-0-bytes-free", [] { return no_bytes(false, true); } },
	{ "write-0-bytes", [] { return no_bytes(true, false); } },
	{ "write-0-bytes-free", [] { return no_bytes(true, true); } },
	{ "delete-smaller-type",
	  [] {
		  delete (long(*)[9])(void *)new char;
		  return true;
	  } },
	{ "new-delete-array",
	  [] {
		  delete[] new char;
		  return true;
	  } },
	{ "new-array-delete",
	  [] {
		  delete new char[size];
		  return true;
	  } },
	{ "new-string-delete-array",
	  [] {
		  delete[] new std::string;
		  return true;
	  } },
	{ "new-strings-delete",
	  [] {
		  delete new std::string[3];
		  return true;
	  } },
};

int main(int argc, char **argv)
{
	for (const attack &a : attacks) {
		if (argc < 3) {
			puts(a.name);
		} else if (a.run && !strcmp(a.name, argv[1])) {
			size = strtoul(argv[2], nullptr, 0);
			if (a.run())
				puts("unnoticed");
			return 0;
		}
	}
	return argc < 3 ? 0 : 2;
}
