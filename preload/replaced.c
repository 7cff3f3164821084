/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/replaced.c - what of the allocator the program brings itself: then ours must not stand between.
 *
 * A program may define malloc, or some forms of operator new and delete; what it leaves out is made of what it has.  Firefox has a malloc and
 * "operator delete(void *)", but no "operator delete(void *, size_t)": libstdc++'s calls the one that is there, and ours would get pointers
 * that we never saw.  So a form whose base (preload/operators.def) is the program's is passed on to the function behind ours, which does that:
 *
 *      program ── operator delete(p, size) ──▶ ours ──▶ libstdc++'s ──▶ program's operator delete(p)
 *
 * All forms are passed on when malloc is the program's, and when the operators behind ours are those of a library that has a C++ runtime inside
 * and calls its own (rust-lld's libLLVM): its operator new calls malloc, and what it made is deleted through us.  Libraries that are
 * allocators themselves (jemalloc, tcmalloc) are replaced whole, as everywhere.
 *
 * Weakness accepted: operators of a library that hides them, or that comes with dlopen, are not known; an object that one side makes and the
 * other deletes is reported as a mismatch.
 */
#include "preload/preload_internal.h"

#include <dlfcn.h>
#include <elf.h>
#include <gnu/libc-version.h>

static const struct { const char *name; unsigned base; } operators[] = {
#define OPERATOR(name, base) { #name, OPERATOR_##base },
#define OPERATOR_NOTHROW(name, base) OPERATOR(name, base)
#include "preload/operators.def"
#undef OPERATOR
#undef OPERATOR_NOTHROW
};

static const struct link_map *module_of(const void *p)
{
	struct dl_find_object found;

	return p && _dl_find_object((void *)(uintptr_t)p, &found) == 0 ? found.dlfo_link_map : NULL;
}

/* Do the program's calls of `name` reach somebody before us?  A program at a fixed address that takes a function's address has a symbol of
 * that name too, undefined, with the address of its own stub. */
static bool is_programs(const char *name)
{
	const struct link_map *m = module_of(dlsym(RTLD_DEFAULT, name));
	const ElfW(Sym) *symbol = m && m != module_of(operators) ? module_symbol(m, name) : NULL;

	return symbol && symbol->st_shndx != SHN_UNDEF;
}

/* A library with operators that are neither its allocator's nor the C++ runtime's. */
static bool has_private_operators(const struct link_map *m)
{
	return m && !module_is_cxx_runtime(m) && !module_symbol(m, "malloc");
}

static void pass_on(unsigned form)
{
	void *next = dlsym(RTLD_NEXT, operators[form].name);

	if (module_of(next) != module_of(operators))
		operator_forward[form] = next;
}

void replaced_find(void)
{
	bool own[OPERATOR_NR], all = false;

	/* Linked behind libc, as a library that only wants memsan's functions may be: nothing of ours is in use. */
	if (is_programs("free") && module_of(dlsym(RTLD_DEFAULT, "free")) == module_of((void *)gnu_get_libc_version))
		return;
	if (is_programs("malloc")) {
		all = true;
		malloc_programs_realloc = (void *(*)(void *, size_t))dlsym(RTLD_DEFAULT, "realloc");
		if (!is_programs("realloc"))
			malloc_programs_realloc = NULL;
	}
	all = all || has_private_operators(module_of(dlsym(RTLD_NEXT, "_Znwm")));
	/* A base stands before what is made of it. */
	for (unsigned i = 0; i < OPERATOR_NR; i++) {
		own[i] = operators[i].base != i && own[operators[i].base];
		if (own[i] || all)
			pass_on(i);
		own[i] = own[i] || is_programs(operators[i].name);
	}
}
