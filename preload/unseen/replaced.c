/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/replaced.c - parts of the allocator that the program brings itself: ours must not stand between them.
 *
 * A program may define malloc, or some forms of operator new and delete; the forms that it leaves out call those that
 * it has.
 * Firefox has a malloc and "operator delete(void *)", but no "operator delete(void *, size_t)": libstdc++'s calls the
 * one that is there, and ours would get pointers that we never saw.  So a form whose base (preload/operators.def) is
 * the program's is passed on to the function behind ours, which does that:
 *
 *      program ── operator delete(p, size) ──▶ ours ──▶ libstdc++'s ──▶ program's operator delete(p)
 *
 * All forms are passed on when malloc is the program's, and when the operators behind ours are those of a library that
 * has a C++ runtime inside and calls its own (rust-lld's libLLVM): its operator new calls malloc, and its objects are
 * deleted through us.  Libraries that are allocators themselves (jemalloc, tcmalloc) are replaced whole, as everywhere.
 *
 * Weakness accepted: operators of a library that hides them, or that comes with dlopen, are not known; an object that
 * one side makes and the other deletes is reported as a mismatch.
 */
#include "preload/unseen/unseen.h"

#include <dlfcn.h>
#include <elf.h>
#include <gnu/libc-version.h>

static const struct {
	const char *name;
	unsigned base;
} operators[] = {
#define OPERATOR(name, base) { #name, OPERATOR_##base },
#define OPERATOR_NOTHROW(name, base) OPERATOR(name, base)
#include "preload/operators.def"
#undef OPERATOR
#undef OPERATOR_NOTHROW
};

/* The first module from m on that defines `name`. Not by dlsym: when there is none it allocates an error message, by
 * the program's own malloc, which may not work before the program's constructors have run. */
static const struct link_map *definer(const struct link_map *m, const char *name)
{
	for (; m; m = m->l_next) {
		const ElfW(Sym) *symbol = module_symbol(m, name);
		/* A program at a fixed address that takes a function's address has an undefined symbol of that name,
		 * for its stub. */
		if (symbol && symbol->st_shndx != SHN_UNDEF && symbol->st_value)
			return m;
	}
	return NULL;
}

/* Has this library operators without being an allocator or the C++ runtime? */
static bool has_private_operators(const struct link_map *m)
{
	return m && !module_is_cxx_runtime(m) && !module_symbol(m, "malloc");
}

/* The function `name` of m, which is no IFUNC: no allocator has those. */
static void *function_of(const struct link_map *m, const char *name)
{
	return m ? (void *)(m->l_addr + module_symbol(m, name)->st_value) : NULL;
}

void replaced_find(void)
{
	struct dl_find_object self, libc;
	bool own[OPERATOR_NR], all = false;
	const struct link_map *us, *first, *m;

	if (_dl_find_object((void *)(uintptr_t)operators, &self) != 0 ||
	    _dl_find_object((void *)gnu_get_libc_version, &libc) != 0)
		return;
	us = self.dlfo_link_map;
	first = us;
	while (first->l_prev)
		first = first->l_prev;
	m = definer(first, "malloc");
	/* memsan was loaded late and stands behind libc: nothing uses its functions. */
	if (m == libc.dlfo_link_map)
		return;
	if (m != us) {
		all = true;
		if ((m = definer(first, "realloc")) != us)
			malloc_programs_realloc = (void *(*)(void *, size_t))function_of(m, "realloc");
	}
	all = all || has_private_operators(definer(us->l_next, "_Znwm"));
	/* A base stands before the forms that are made of it. */
	for (unsigned i = 0; i < OPERATOR_NR; i++) {
		const char *name = operators[i].name;
		own[i] = operators[i].base != i && own[operators[i].base];
		if (own[i] || all)
			operator_forward[i] = function_of(definer(us->l_next, name), name);
		own[i] = own[i] || definer(first, name) != us;
	}
}
