/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/libc_real.c - libc's own functions behind the interceptors, and the gate that lets foreign memory pass to them.
 *
 * They are looked up all at once by the library's constructor, which -z initfirst puts before every other constructor and .preinit_array
 * (about 200 dlsym calls, some 50 µs): a lookup takes the loader's lock, so it must not happen later, in a signal handler or in the
 * child of a fork.  Earlier calls can only come from ifunc resolvers, or from constructors when another library has claimed initfirst:
 *
 *   not relocated yet    our pointers and dlsym's are empty: a few functions that a resolver may use have stand-ins here
 *   relocated            looked up on the spot; there is one thread
 *   constructor has run  the table is complete, the gate open
 */
#include "preload/preload_internal.h"

#include <dlfcn.h>
#include <gnu/libc-version.h>

struct libc_table libc_real;
bool libc_replaced[LIBC_NR];
struct libc_gate libc_gate;

_Static_assert(sizeof(struct libc_table) == LIBC_NR * sizeof(void *), "the table is an array of pointers");

/* One string, so that it needs no relocation. */
static const char libc_names[] =
#define LIBC(name) #name "\0"
#include "preload/libc.def"
#undef LIBC
	;

/* Holds a relative relocation: NULL until ld.so has been here. */
static void *volatile relocated_witness = &libc_real;

/* Same object as a function that is surely libc's? */
static bool is_libc(void *p, const struct dl_find_object *libc)
{
	struct dl_find_object found;
	return _dl_find_object(p, &found) == 0 && found.dlfo_link_map == libc->dlfo_link_map;
}

static void libc_lookup(void)
{
	struct dl_find_object libc;
	bool known = _dl_find_object((void *)gnu_get_libc_version, &libc) == 0;
	const char *name = libc_names;
	void **slot = (void **)&libc_real;
	for (unsigned i = 0; i < LIBC_NR; i++, name += str_length(name) + 1) {
		void *p = dlsym(RTLD_NEXT, name);
		libc_replaced[i] = p && known && !is_libc(p, &libc);
		__atomic_store_n(&slot[i], p, __ATOMIC_RELEASE);
	}
}

static void gate_update(void)
{
	uintptr_t end = arena_base + arena_size;
	uintptr_t span = shadow_everywhere ? 0 : shadow_on ? 0 - arena_size : UINTPTR_MAX;
	/* Closed while it changes: a reader that sees only one of the words must not take our memory for foreign. */
	__atomic_store_n(&libc_gate.span, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&libc_gate.end, end, __ATOMIC_RELEASE);
	__atomic_store_n(&libc_gate.span, span, __ATOMIC_RELEASE);
}

__attribute__((constructor)) static void libc_constructor(void)
{
	runtime_ensure();
	libc_lookup();
	gate_update();
	shadow_changed_hook = gate_update;
}

/* ---- stand-ins before relocation ----------------------------------------------------------------------------------------- */

static void *early_memchr(const void *s, int c, size_t n)
{
	const unsigned char *p = s;
	for (; n; n--, p++)
		if (*p == (unsigned char)c)
			return (void *)p;
	return NULL;
}

static size_t early_strnlen(const char *s, size_t n)
{
	size_t len = 0;
	while (len < n && s[len])
		len++;
	return len;
}

static int early_strncmp(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a[i] != b[i] || !a[i])
			return (unsigned char)a[i] - (unsigned char)b[i];
	return 0;
}

static int early_strcmp(const char *a, const char *b)
{
	return early_strncmp(a, b, SIZE_MAX);
}

static char *early_strcpy(char *dst, const char *src)
{
	return mem_copy(dst, src, str_length(src) + 1);
}

static char *early_strstr(const char *s, const char *what)
{
	size_t n = str_length(what);
	for (; early_strncmp(s, what, n); s++)
		if (!*s)
			return NULL;
	return (char *)s;
}

static void *early_mempcpy(void *dst, const void *src, size_t n)
{
	return (char *)mem_copy(dst, src, n) + n;
}

static ssize_t early_read(int fd, void *buf, size_t n)
{
	return os_read(fd, buf, n);
}

static void *early_stand_in(enum libc_index index)
{
	switch ((int)index) {
	case LIBC_memcpy:
	case LIBC_memmove:  return (void *)mem_move;
	case LIBC_mempcpy:
	case LIBC___mempcpy: return (void *)early_mempcpy;
	case LIBC_memset:   return (void *)mem_set;
	case LIBC_memcmp:
	case LIBC_bcmp:
	case LIBC___memcmpeq: return (void *)mem_compare;
	case LIBC_memchr:   return (void *)early_memchr;
	case LIBC_strlen:   return (void *)str_length;
	case LIBC_strnlen:  return (void *)early_strnlen;
	case LIBC_strcmp:   return (void *)early_strcmp;
	case LIBC_strncmp:  return (void *)early_strncmp;
	case LIBC_strchr:   return (void *)str_char;
	case LIBC_strrchr:  return (void *)str_last;
	case LIBC_strcpy:   return (void *)early_strcpy;
	case LIBC_strstr:   return (void *)early_strstr;
	case LIBC_read:     return (void *)early_read;
	}
	return NULL;
}

__cold_path void *libc_early(enum libc_index index)
{
	if (relocated_witness) {
		libc_lookup();
		return ((void **)&libc_real)[index];
	}
	void *p = early_stand_in(index);
	if (!p) {
		static const char text[] = "memsan: an ifunc resolver called a libc function that is not there yet\n";
		os_write_all(2, text, sizeof(text) - 1);
		os_abort();
	}
	return p;
}
