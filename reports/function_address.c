/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/function_address.c - from "func+0x1d/0x40" back to an address: the functions of one file by name.
 * The kernel prints the distance to the next symbol as a function's size, so that distance is compared, or the ELF
 * symbol's own size.  When several functions have one name (static ones of different files), the size decides.  When
 * it does not, there is no answer: no line is better than a wrong one. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "reports/reports_internal.h"

struct named {
	const char *name;
	uint64_t start, size, distance;
	GElf_Word section;
};
struct name_index {
	struct named *by_name;
	size_t nr;
};

static int by_start(const void *a, const void *b)
{
	const struct named *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start ? 1 : strcmp(x->name, y->name);
}

static int by_name(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : x->start < y->start ? -1 : x->start > y->start;
}

static void set_distances(struct named *n, size_t nr)
{
	qsort(n, nr, sizeof(*n), by_start);
	for (size_t i = 0; i < nr; i++) {
		size_t next = i + 1;
		while (next < nr && n[next].start == n[i].start)
			next++;
		n[i].distance = next < nr && n[next].section == n[i].section ? n[next].start - n[i].start : 0;
	}
}

struct name_index *names_build(struct alloc_region *region, Dwfl_Module *mod)
{
	struct name_index *index = region_alloc(region, sizeof(*index));
	int nr = dwfl_module_getsymtab(mod);

	if (!index || nr <= 0 || !(index->by_name = region_alloc(region, (size_t)nr * sizeof(*index->by_name))))
		return index;
	for (int i = 1; i < nr; i++) {
		struct named *n = &index->by_name[index->nr];
		GElf_Sym sym;
		GElf_Addr start;
		int type;
		const char *name = dwfl_module_getsym_info(mod, i, &sym, &start, &n->section, NULL, NULL);
		if (!name || !name[0] || n->section == SHN_UNDEF || n->section == SHN_ABS)
			continue;
		type = GELF_ST_TYPE(sym.st_info);
		if (type != STT_FUNC && type != STT_NOTYPE && type != STT_GNU_IFUNC)
			continue;
		n->name = name;
		n->start = start;
		n->size = sym.st_size;
		index->nr++;
	}
	set_distances(index->by_name, index->nr);
	qsort(index->by_name, index->nr, sizeof(*index->by_name), by_name);
	return index;
}

static size_t names_first(const struct name_index *index, const char *name)
{
	size_t lo = 0, hi = index->nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (strcmp(index->by_name[mid].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The kernel says how far it is from a function to the next.  Behind the last function of a module's section, it counts
 * the rest of the page. */
static bool size_fits(const struct named *n, uint64_t size)
{
	if (!size || size == n->distance || size == n->size)
		return true;
	return n->distance ? n->distance > size && n->size <= size : size > n->size && size - n->size < 4096;
}

bool names_find(const struct name_index *index, const char *name, uint64_t size, uint64_t *start)
{
	size_t found = 0;

	for (size_t i = names_first(index, name); i < index->nr && strcmp(index->by_name[i].name, name) == 0; i++) {
		const struct named *n = &index->by_name[i];
		if (!size_fits(n, size))
			continue;
		if (found && n->start == *start)
			continue;
		*start = n->start;
		found++;
	}
	return found == 1;
}
