/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/globals_ahead.c - globals that gcc's kernel form registers too late are found before their file's constructors
 * run.
 *
 * With -fsanitize=address all globals of a module are registered before its constructors run.  In gcc's kernel form a
 * file's globals are registered by a constructor that stands behind the file's own:
 *
 *     .init_array   │ a.cc's constructors │ a.cc's globals │ b.cc's constructors │ b.cc's globals │
 *
 * So an overflow in a constructor would meet no red zone, and the order of initialization could not be checked.  But
 * the array can be read before ld.so runs it.  A constructor that registers globals has always the same few
 * instructions (arch/…/code.h), which give the address of the descriptions and their number.  What lies there must
 * then look like descriptions of globals of this module, each of them; else it is left alone.
 *
 * Weakness accepted: with -flto gcc makes one function of all constructors, which tells nothing.
 */
#include "shadow/shadow_internal.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include "shadow/arch/x86_64/code.h"

#define CODE_MAX 96
#define GLOBALS_MAX (1u << 20) /* of one file */

/* Where a module's code and data are. */
struct module_range {
	uintptr_t start, end;
};

static bool inside(const struct module_range *m, uintptr_t addr, size_t n)
{
	return addr >= m->start && addr < m->end && n <= m->end - addr;
}

static bool is_description(const struct module_range *m, const struct asan_global *g)
{
	return !(g->beg & GRANULE_MASK) && g->size && g->size < g->size_with_redzone &&
	       !(g->size_with_redzone & GRANULE_MASK) && inside(m, g->beg, g->size_with_redzone) &&
	       inside(m, (uintptr_t)g->name, 1) && inside(m, (uintptr_t)g->module, 1) && g->has_dynamic_init <= 1 &&
	       (!g->location || inside(m, (uintptr_t)g->location, sizeof(*g->location)));
}

static void constructor_ahead(const struct module_range *m, uintptr_t pc)
{
	struct asan_global *g;
	uintptr_t array;
	uint32_t n;

	if (!inside(m, pc, CODE_MAX) || !arch_registers_globals((const uint8_t *)pc, CODE_MAX, &array, &n))
		return;
	g = (struct asan_global *)array;
	if ((array & GRANULE_MASK) || n > GLOBALS_MAX || !inside(m, array, n * sizeof(*g)))
		return;
	for (uint32_t i = 0; i < n; i++)
		if (!is_description(m, &g[i]))
			return;
	globals_register(g, n, NULL, NULL);
}

static void array_ahead(const uintptr_t *array, size_t n, const struct module_range *m)
{
	for (size_t i = 0; i < n; i++)
		constructor_ahead(m, array[i]);
}

static void module_ahead(const struct link_map *l)
{
	struct dl_find_object found;
	struct module_range m;
	const uintptr_t *array = NULL;
	size_t size = 0;

	for (const Elf64_Dyn *d = l->l_ld; d && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_INIT_ARRAY)
			array = (const uintptr_t *)(l->l_addr + d->d_un.d_ptr);
		else if (d->d_tag == DT_INIT_ARRAYSZ)
			size = d->d_un.d_val;
	}
	if (!array || _dl_find_object((void *)array, &found) != 0)
		return;
	m.start = (uintptr_t)found.dlfo_map_start;
	m.end = (uintptr_t)found.dlfo_map_end;
	array_ahead(array, size / sizeof(*array), &m);
}

/* Linkers define these in a program, hidden: so only a static program has them for memsan. */
extern const uintptr_t __init_array_start[] __attribute__((weak));
extern const uintptr_t __init_array_end[] __attribute__((weak));
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((weak, visibility("hidden")));

void shadow_globals_ahead(void)
{
	struct dl_find_object own;
	const struct link_map *l;

	if (map_state != MAP_FULL)
		return;
	if (__init_array_start) {
		const struct module_range program = { (uintptr_t)__ehdr_start, (uintptr_t)_end };

		array_ahead(__init_array_start, (size_t)(__init_array_end - __init_array_start), &program);
		return;
	}
	if (!map_instrumented || _dl_find_object((void *)shadow_globals_ahead, &own) != 0)
		return;
	for (l = own.dlfo_link_map; l && l->l_prev; l = l->l_prev)
		;
	for (; l; l = l->l_next)
		if (l != own.dlfo_link_map && scan_module(l).result == SCAN_INSTRUMENTED)
			module_ahead(l);
}

void globals_ahead_of(uintptr_t pc)
{
	struct dl_find_object m;

	if (!__init_array_start && _dl_find_object((void *)pc, &m) == 0 && m.dlfo_link_map)
		module_ahead(m.dlfo_link_map);
}
