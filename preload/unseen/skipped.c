/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/skipped.c - a program that run.only or run.skip leaves out runs as if memsan were not there: what it
 * allocates comes from the allocator behind memsan, libc's or that of a library, and nothing else of memsan is started.
 *
 *     run.skip ─► init.c ─► RUNTIME_OFF: no heap, no handlers, no checks, no reports
 *     malloc ─► allocate.c ─► process_enter: this thread is none of memsan's ─► interrupted.c ─► here ─► libc
 *
 * The library stays loaded, since the programs that this one starts are judged again, each by itself: its interceptors
 * pass everything on, and exec.c still takes the library out of the environment of programs that cannot load it.
 *
 * A program that is linked with memsan, or instrumented, needs memsan's functions.  There memsan goes on without a
 * word (reports_mute).  Only in the shared library. */
#include "preload/unseen/unseen.h"

#include <dlfcn.h>
#include <elf.h>
#include <malloc.h>

/* Written before the state becomes RUNTIME_OFF. */
static struct skipped_next next;
const struct skipped_next *const skipped_next = &next;

/* Does a module need memsan's library by name?  Then the loader did not load it for the sake of LD_PRELOAD alone. */
static bool needs_us(const struct link_map *m)
{
	struct module_symbols symbols;

	symbols_find(&symbols, m);
	for (const ElfW(Dyn) *d = m->l_ld; symbols.strings && d && d->d_tag != DT_NULL; d++)
		if (d->d_tag == DT_NEEDED && str_starts(symbols.strings + d->d_un.d_val, "libmemsan.so"))
			return true;
	return false;
}

/* The function of the first module in [from, to) that has one. */
static void *function_among(const struct link_map *from, const struct link_map *to, const char *name)
{
	for (const struct link_map *m = from; m != to; m = m->l_next) {
		const ElfW(Sym) *symbol = module_symbol(m, name);

		if (symbol && symbol->st_shndx != SHN_UNDEF && symbol->st_value &&
		    ELF64_ST_TYPE(symbol->st_info) == STT_FUNC)
			return (void *)(m->l_addr + symbol->st_value);
	}
	return NULL;
}

/* The function that the program would call if memsan's were not there. Where only a library of the program's is linked
 * with memsan, libc is in front of memsan. */
static void *function_behind(const struct link_map *us, const char *name)
{
	const struct link_map *first = us;
	void *p = function_among(us->l_next, NULL, name);

	while (!p && first->l_prev)
		first = first->l_prev;
	return p ? p : function_among(first, us, name);
}

void *function_behind_memsan(const char *name)
{
	struct dl_find_object self;

	return _dl_find_object((void *)&next, &self) == 0 ? function_behind(self.dlfo_link_map, name) : NULL;
}

bool libc_before_memsan(void)
{
	struct dl_find_object self;
	const struct link_map *m;

	if (_dl_find_object((void *)&next, &self) != 0)
		return false;
	for (m = self.dlfo_link_map->l_prev; m; m = m->l_prev) {
		if (str_starts(path_base(m->l_name), "libc.so.6"))
			return true;
	}
	return false;
}

bool skipped_stand_aside(void)
{
	struct dl_find_object self;
	const struct link_map *us, *m;

	if (_dl_find_object((void *)&next, &self) != 0)
		return false;
	us = self.dlfo_link_map;
	for (m = us; m->l_prev; m = m->l_prev)
		;
	for (; m; m = m->l_next)
		if (needs_us(m))
			return false;
#define FIND(name) (next.name = (__typeof__(next.name))function_behind(us, #name))
	FIND(malloc_usable_size);
	FIND(malloc_trim);
	FIND(mallopt);
	FIND(mallinfo);
	FIND(mallinfo2);
	FIND(malloc_stats);
	FIND(malloc_info);
	return FIND(malloc) && FIND(calloc) && FIND(realloc) && FIND(memalign) && FIND(free);
#undef FIND
}

void *skipped_alloc(size_t size, size_t align, bool zero)
{
	if (align > MIN_ALIGN)
		return next.memalign(align, size);
	return zero ? next.calloc(1, size) : next.malloc(size);
}
