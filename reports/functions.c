/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/functions.c - finds the code of the functions that a pattern names: by symbol, and where they were inlined.
 *
 *     symbols    each function's own code, with clones and cold parts
 *     DWARF      DW_TAG_inlined_subroutine ──abstract_origin──► whose code it is; looked up once for each origin
 *
 * Only the trees of functions are walked, not types, and a name is demangled only when it holds the pattern's longest
 * word.  So a program with a million functions takes seconds.  It is done once for each module (fence.only,
 * fail.stack).
 */
#include "config.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/reports_internal.h"

#define DEPTH_MAX 256
#define DIES_A_LOOK 4096
#define SCOPED_MAX 4096

struct origin {
	Dwarf_Off offset;
	bool taken, matches;
};

struct search {
	const struct deadline *deadline;
	const char *pattern, *literal;
	size_t literal_len;
	struct code_range *ranges;
	size_t nr, room;
	uint64_t bias;
	size_t dies;
	bool complete;
	struct origin *origins; /* open addressing; a power of two */
	size_t nr_origins, room_origins;
};

static bool range_add(struct search *f, uint64_t start, uint64_t end)
{
	if (f->nr == f->room) {
		size_t room = f->room ? 2 * f->room : 64;
		struct code_range *grown = realloc(f->ranges, room * sizeof(*grown));
		if (!grown) {
			f->complete = false;
			return false;
		}
		f->ranges = grown;
		f->room = room;
	}
	f->ranges[f->nr++] = (struct code_range){ start, end };
	return true;
}

static bool search_over(struct search *f)
{
	if (++f->dies % DIES_A_LOOK == 0 && deadline_passed(f->deadline))
		f->complete = false;
	return !f->complete;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* May the name match?  Cheap, and false is certain. */
static bool may_match(const struct search *f, const char *name)
{
	return !f->literal_len || memmem(name, strlen(name), f->literal, f->literal_len) != NULL;
}

/* Demangles outside the region, which would keep a name for each symbol that was looked at. */
static bool linkage_matches(const struct search *f, const char *name)
{
	struct alloc_region mine = { NULL, 0 };
	size_t len;
	char *base;
	bool matches;

	if (!may_match(f, name))
		return false;
	len = strcspn(name, "@");
	base = strndup(name, len);
	if (!base)
		return false;
	matches = function_symbol_matches(base, f->pattern);
	base[name_without_clones(base)] = 0;
	matches = matches || function_symbol_matches(base, f->pattern) ||
	          function_matches(demangle(&mine, base), f->pattern);
	free(base);
	region_free(&mine);
	return matches;
}

/* ---- symbols --------------------------------------------------------------------------------- */

static void search_symbols(struct search *f, Dwfl_Module *mod)
{
	int nr = dwfl_module_getsymtab(mod);

	for (int i = 1; i < nr; i++) {
		GElf_Sym sym;
		GElf_Addr start;
		GElf_Word section;
		const char *name = dwfl_module_getsym_info(mod, i, &sym, &start, &section, NULL, NULL);
		int type = GELF_ST_TYPE(sym.st_info);

		if (!name || !name[0] || section == SHN_UNDEF || (type != STT_FUNC && type != STT_GNU_IFUNC))
			continue;
		if (i % DIES_A_LOOK == 0 && search_over(f))
			return;
		if (linkage_matches(f, name) && !range_add(f, start, start + MAX(sym.st_size, (GElf_Xword)1)))
			return;
	}
}

/* ---- inlined functions ----------------------------------------------------------------------- */

static const char *attr_string(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attr;

	return dwarf_attr_integrate(die, name, &attr) ? dwarf_formstring(&attr) : NULL;
}

/* Writes "app::Parser::" in front of a name that carries its scopes nowhere else. */
static size_t scopes_put(Dwarf_Die *die, char *to, size_t size)
{
	Dwarf_Attribute attr;
	Dwarf_Die *scopes, declared = *die;
	size_t n = 0;
	int nr;

	if (dwarf_attr(die, DW_AT_specification, &attr) && !dwarf_formref_die(&attr, &declared))
		declared = *die;
	nr = dwarf_getscopes_die(&declared, &scopes);
	for (int i = nr - 1; i > 0; i--) {
		int tag = dwarf_tag(&scopes[i]);
		const char *name = dwarf_diename(&scopes[i]);

		if (tag != DW_TAG_namespace && tag != DW_TAG_class_type && tag != DW_TAG_structure_type &&
		    tag != DW_TAG_union_type)
			continue;
		name = name ? name : "(anonymous namespace)";
		if (n + strlen(name) + 3 > size)
			break;
		n += (size_t)sprintf(to + n, "%s::", name);
	}
	if (nr >= 0)
		free(scopes);
	return n;
}

static bool origin_named(struct search *f, Dwarf_Die *origin)
{
	const char *linkage = attr_string(origin, DW_AT_linkage_name), *plain = attr_string(origin, DW_AT_name);
	char scoped[SCOPED_MAX];
	size_t n;

	if (linkage)
		return linkage_matches(f, linkage);
	if (!plain || !may_match(f, plain))
		return false;
	n = scopes_put(origin, scoped, sizeof(scoped));
	if (n + strlen(plain) + 1 > sizeof(scoped))
		return false;
	strcpy(scoped + n, plain);
	return function_matches(scoped, f->pattern);
}

static struct origin *origin_slot(struct origin *table, size_t room, Dwarf_Off offset)
{
	size_t at = (offset * 0x9e3779b97f4a7c15u) >> 20 & (room - 1);

	while (table[at].taken && table[at].offset != offset)
		at = (at + 1) & (room - 1);
	return &table[at];
}

static bool origins_grow(struct search *f)
{
	size_t room = f->room_origins ? 2 * f->room_origins : 4096;
	struct origin *grown = calloc(room, sizeof(*grown));

	if (!grown)
		return false;
	for (size_t i = 0; i < f->room_origins; i++)
		if (f->origins[i].taken)
			*origin_slot(grown, room, f->origins[i].offset) = f->origins[i];
	free(f->origins);
	f->origins = grown;
	f->room_origins = room;
	return true;
}

static bool origin_matches(struct search *f, Dwarf_Die *inlined)
{
	Dwarf_Attribute attr;
	Dwarf_Die origin;
	struct origin *o;

	if (!dwarf_attr(inlined, DW_AT_abstract_origin, &attr) || !dwarf_formref_die(&attr, &origin))
		return false;
	if (2 * f->nr_origins >= f->room_origins && !origins_grow(f)) {
		f->complete = false;
		return false;
	}
	o = origin_slot(f->origins, f->room_origins, dwarf_dieoffset(&origin));
	if (!o->taken) {
		*o = (struct origin){ dwarf_dieoffset(&origin), true, origin_named(f, &origin) };
		f->nr_origins++;
	}
	return o->matches;
}

static void add_ranges(struct search *f, Dwarf_Die *die)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t at = 0;

	while ((at = dwarf_ranges(die, at, &base, &start, &end)) > 0 && !search_over(f))
		if (start < end && !range_add(f, start + f->bias, end + f->bias))
			return;
}

static bool tag_is_walked(int tag)
{
	switch (tag) {
	case DW_TAG_subprogram:
	case DW_TAG_lexical_block:
	case DW_TAG_inlined_subroutine:
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_try_block:
	case DW_TAG_catch_block:
		return true;
	default:
		return false;
	}
}

static void search_tree(struct search *f, Dwarf_Die *parent, int depth)
{
	Dwarf_Die die;

	if (depth > DEPTH_MAX || dwarf_child(parent, &die) != 0)
		return;
	do {
		int tag = dwarf_tag(&die);

		if (tag == DW_TAG_inlined_subroutine && origin_matches(f, &die))
			add_ranges(f, &die);
		if (tag_is_walked(tag))
			search_tree(f, &die, depth + 1);
	} while (!search_over(f) && dwarf_siblingof(&die, &die) == 0);
}

static void search_dwarf(struct search *f, Dwarf *dwarf)
{
	Dwarf_CU *cu = NULL;
	Dwarf_Half version;
	uint8_t type;
	Dwarf_Die unit, split;

	while (!search_over(f) && dwarf_get_units(dwarf, cu, &cu, &version, &type, &unit, &split) == 0)
		if (type == DW_UT_compile)
			search_tree(f, &unit, 0);
		else if (type == DW_UT_skeleton)
			search_tree(f, split.cu ? &split : &unit, 0);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int range_order(const void *a, const void *b)
{
	const struct code_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Sorts and merges ranges, so that none touches the next. */
static size_t ranges_merge(struct code_range *r, size_t n)
{
	size_t kept = 0;

	if (n)
		qsort(r, n, sizeof(*r), range_order);
	for (size_t i = 0; i < n; i++) {
		if (kept && r[i].start <= r[kept - 1].end)
			r[kept - 1].end = MAX(r[kept - 1].end, r[i].end);
		else
			r[kept++] = r[i];
	}
	return kept;
}

bool functions_search(Dwfl_Module *mod, const char *pattern, const struct deadline *deadline,
                      struct code_range **ranges, size_t *nr)
{
	struct search f = { .deadline = deadline, .pattern = pattern, .complete = true };
	Dwarf_Addr bias = 0;
	Dwarf *dwarf;

	f.literal_len = function_literal(pattern, &f.literal);
	search_symbols(&f, mod);
	dwarf = dwfl_module_getdwarf(mod, &bias);
	f.bias = bias;
	if (dwarf)
		search_dwarf(&f, dwarf);
	free(f.origins);
	*ranges = f.ranges;
	*nr = ranges_merge(f.ranges, f.nr);
	return f.complete;
}
