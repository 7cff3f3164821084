/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/symbolize_dwarf.c - functions, inlined functions and lines out of DWARF; reads as little of it as it can.
 *
 *   1  unit of each address      .debug_aranges; units that it does not cover (clang writes none) by their own ranges,
 *                                which costs a header and one DIE for each unit
 *   2  function of each address  one walk over the unit's outer DIEs for all its addresses: namespaces and types are
 *                                entered, function bodies skipped (DW_AT_sibling, where the compiler gives it)
 *   3  inlined functions         down the one function, along the blocks that hold the address
 *   4  lines                     the unit's line program, run once
 *
 * dwarf_getscopes would do 2 and 3 for one address, but it does not enter namespaces, where clang and rustc keep their
 * functions, and it starts over for each frame.
 *
 * Split DWARF: the skeleton has ranges and lines, and libdw finds the .dwo file for the rest.  Without that file, the
 * ELF symbol is the function.
 */
#include "config.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdlib.h>
#include <string.h>

#include "reports/reports_internal.h"

#define INLINE_MAX 63
#define DIE_DEPTH_MAX 64 /* depth of namespaces and types inside each other */
#define SCOPED_MAX 1024
#define SCOPES_MAX 8     /* functions in each other */
#define DIES_A_LOOK 4096 /* so many are walked between two looks at the clock */

struct place {
	struct lookup *lookup;
	uint64_t addr;  /* as the DWARF counts addresses */
	Dwarf_Off unit; /* offset of the unit DIE; 0: not found */
	Dwarf_Die function;
	bool have_function;
};

struct walk {
	struct alloc_region *region;
	const struct deadline *deadline;
	Dwarf *dwarf;
	struct place *places; /* sorted by address */
	size_t n;
	size_t dies; /* walked so far */
	/* the current unit */
	Dwarf_Die unit; /* has the lines */
	Dwarf_Die tree; /* has the functions: the unit, or the split unit that it stands for */
	Dwarf_Off offset;
	bool into_functions; /* the second walk looks for functions inside functions (GNU C, Pascal, Ada, D) */
	size_t missing;      /* places of this unit that have no function yet */
};

static bool walk_stop(struct walk *w)
{
	return ++w->dies % DIES_A_LOOK == 0 && deadline_passed(w->deadline);
}

/* ---- ranges ---------------------------------------------------------------------------------- */

typedef void (*range_fn)(struct walk *w, uint64_t start, uint64_t end, void *ctx);

/* Calls fn for every range of a DIE's code. */
static void each_range(struct walk *w, Dwarf_Die *die, range_fn fn, void *ctx)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t at = 0;

	while ((at = dwarf_ranges(die, at, &base, &start, &end)) > 0) {
		if (start < end)
			fn(w, start, end, ctx);
		if (walk_stop(w))
			return;
	}
}

/* Index of the first place at or behind addr. */
static size_t place_from(const struct walk *w, uint64_t addr)
{
	size_t lo = 0, hi = w->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (w->places[mid].addr < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* ---- 1: units -------------------------------------------------------------------------------- */

static int offset_order(const void *a, const void *b)
{
	Dwarf_Off x = *(const Dwarf_Off *)a, y = *(const Dwarf_Off *)b;

	return x < y ? -1 : x > y;
}

/* Finds units by .debug_aranges. *covered gets the sorted offsets of the units that it covers. */
static size_t units_by_aranges(struct walk *w, Dwarf_Off **covered)
{
	Dwarf_Aranges *aranges;
	size_t n, kept = 0;
	Dwarf_Off *offsets;

	*covered = NULL;
	if (dwarf_getaranges(w->dwarf, &aranges, &n) != 0 || n == 0)
		return 0;
	for (size_t i = 0; i < w->n; i++) {
		Dwarf_Arange *a = dwarf_getarange_addr(aranges, w->places[i].addr);
		if (a && dwarf_getarangeinfo(a, NULL, NULL, &w->places[i].unit) != 0)
			w->places[i].unit = 0;
	}
	offsets = calloc(n, sizeof(*offsets));
	for (size_t i = 0; offsets && i < n; i++)
		if (dwarf_getarangeinfo(dwarf_onearange(aranges, i), NULL, NULL, &offsets[kept]) == 0 &&
		    (!kept || offsets[kept] != offsets[kept - 1]))
			kept++;
	if (offsets)
		qsort(offsets, kept, sizeof(*offsets), offset_order);
	*covered = offsets;
	return kept;
}

static void unit_range(struct walk *w, uint64_t start, uint64_t end, void *ctx)
{
	for (size_t i = place_from(w, start); i < w->n && w->places[i].addr < end; i++)
		if (!w->places[i].unit)
			w->places[i].unit = *(Dwarf_Off *)ctx;
}

/* Finds the other units by the ranges of their own DIEs. */
static void units_by_scan(struct walk *w, const Dwarf_Off *covered, size_t nr_covered)
{
	Dwarf_CU *cu = NULL;
	Dwarf_Half version;
	uint8_t type;
	Dwarf_Die die;

	while (dwarf_get_units(w->dwarf, cu, &cu, &version, &type, &die, NULL) == 0) {
		Dwarf_Off offset = dwarf_dieoffset(&die);
		if (walk_stop(w))
			return;
		if ((type == DW_UT_compile || type == DW_UT_skeleton) &&
		    !(covered && bsearch(&offset, covered, nr_covered, sizeof(*covered), offset_order)))
			each_range(w, &die, unit_range, &offset);
	}
}

static void find_units(struct walk *w)
{
	Dwarf_Off *covered;
	size_t nr = units_by_aranges(w, &covered);

	for (size_t i = 0; i < w->n; i++)
		if (!w->places[i].unit) {
			units_by_scan(w, covered, nr);
			break;
		}
	free(covered);
}

/* ---- 2: functions ---------------------------------------------------------------------------- */

/* In the second walk, an inner function replaces the outer one. */
static void function_range(struct walk *w, uint64_t start, uint64_t end, void *ctx)
{
	for (size_t i = place_from(w, start); i < w->n && w->places[i].addr < end; i++) {
		struct place *p = &w->places[i];
		if (p->unit != w->offset || (p->have_function && !w->into_functions))
			continue;
		w->missing -= !p->have_function;
		p->have_function = true;
		p->function = *(Dwarf_Die *)ctx;
	}
}

static bool die_holds_functions(int tag)
{
	switch (tag) {
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
	case DW_TAG_interface_type:
	case DW_TAG_enumeration_type: /* rustc: methods of an enum */
	case DW_TAG_variant_part:
		return true;
	default:
		return false;
	}
}

static void find_functions(struct walk *w, Dwarf_Die *parent, int depth)
{
	Dwarf_Die die;

	if (depth > DIE_DEPTH_MAX || dwarf_child(parent, &die) != 0)
		return;
	do {
		int tag = dwarf_tag(&die);
		if (tag == DW_TAG_subprogram)
			each_range(w, &die, function_range, &die);
		if (die_holds_functions(tag) ||
		    (w->into_functions && (tag == DW_TAG_subprogram || tag == DW_TAG_lexical_block)))
			find_functions(w, &die, depth + 1);
	} while (w->missing && !walk_stop(w) && dwarf_siblingof(&die, &die) == 0);
}

/* ---- 3: inlined functions -------------------------------------------------------------------- */

/* The chain of inlined calls that hold addr, outermost first. */
static size_t find_inlined(struct walk *w, Dwarf_Die *function, uint64_t addr, Dwarf_Die *chain)
{
	Dwarf_Die at = *function, die;
	size_t n = 0;
	bool found = true;

	for (int depth = 0; found && n < INLINE_MAX && depth < 4 * DIE_DEPTH_MAX; depth++) {
		found = false;
		if (dwarf_child(&at, &die) != 0)
			break;
		do {
			int tag = dwarf_tag(&die);
			if ((tag == DW_TAG_lexical_block || tag == DW_TAG_inlined_subroutine) &&
			    dwarf_haspc(&die, addr) == 1) {
				found = true;
				break;
			}
		} while (!walk_stop(w) && dwarf_siblingof(&die, &die) == 0);
		if (found) {
			at = die;
			if (dwarf_tag(&die) == DW_TAG_inlined_subroutine)
				chain[n++] = die;
		}
	}
	return n;
}

/* ---- 4: names and lines ---------------------------------------------------------------------- */

/* The linker's name, or NULL. */
static const char *linkage_name(Dwarf_Die *die)
{
	Dwarf_Attribute attr;

	if (dwarf_attr_integrate(die, DW_AT_linkage_name, &attr) ||
	    dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attr))
		return dwarf_formstring(&attr);
	return NULL;
}

static const char *source_name(Dwarf_Die *die)
{
	Dwarf_Attribute attr;

	return dwarf_attr_integrate(die, DW_AT_name, &attr) ? dwarf_formstring(&attr) : NULL;
}

/* C has no scopes, so its units are not searched for them. */
static bool unit_is_c(struct walk *w)
{
	Dwarf_Attribute attr;
	Dwarf_Word language = 0;

	return !dwarf_attr(&w->tree, DW_AT_language, &attr) || dwarf_formudata(&attr, &language) != 0 ||
	       language == DW_LANG_C || language == DW_LANG_C89 || language == DW_LANG_C99 || language == DW_LANG_C11;
}

/* The part of a name that a namespace, a type or an outer function gives; NULL: none. gcc calls the type of a lambda
 * "<lambda(int)>"; in mangled names, it is "{lambda(int)#1}". */
static const char *scope_name(Dwarf_Die *die)
{
	switch (dwarf_tag(die)) {
	case DW_TAG_namespace:
		return dwarf_diename(die) ? dwarf_diename(die) : "(anonymous namespace)";
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
		return dwarf_diename(die) ? dwarf_diename(die) : "";
	case DW_TAG_union_type:
	case DW_TAG_subprogram:
		return source_name(die);
	default:
		return NULL;
	}
}

/* The name with its scopes, for a function that has no mangled one: gcc gives none to static functions, those of
 * unnamed namespaces and lambdas. */
static const char *scoped_name(struct walk *w, Dwarf_Die *die, const char *name, int depth)
{
	Dwarf_Die at = *die, *scopes = NULL;
	Dwarf_Attribute attr;
	struct fmt_buf b;
	char *text;
	int n;

	if (unit_is_c(w) || depth == SCOPES_MAX || deadline_passed(w->deadline))
		return name;
	for (int i = 0;
	     i < 4 && (dwarf_attr(&at, DW_AT_abstract_origin, &attr) || dwarf_attr(&at, DW_AT_specification, &attr));
	     i++)
		if (!dwarf_formref_die(&attr, &at))
			return name;
	n = dwarf_getscopes_die(&at, &scopes);
	text = n > 1 ? region_alloc(w->region, SCOPED_MAX) : NULL;
	if (!text) {
		free(scopes);
		return name;
	}
	fmt_init(&b, text, SCOPED_MAX);
	for (int i = n; i-- > 1;) {
		const char *part = scope_name(&scopes[i]);
		bool lambda;

		if (part && !*part)
			part = strcmp(name, "operator()") == 0 ? "<lambda>" : "<unnamed>";
		lambda = part && (strncmp(part, "<lambda", 7) == 0 || strcmp(part, "<unnamed>") == 0);

		if (part && dwarf_tag(&scopes[i]) == DW_TAG_subprogram) {
			/* It stands outside of its namespace, and refers to its declaration there. */
			fmt_init(&b, text, SCOPED_MAX);
			part = scoped_name(w, &scopes[i], part, depth + 1);
		}
		if (lambda)
			fmt_printf(&b, "{%.*s}::", (int)strlen(part) - 2, part + 1);
		else if (part)
			fmt_printf(&b, "%s::", part);
	}
	fmt_printf(&b, "%s", name);
	free(scopes);
	return b.truncated ? name : text;
}

/* A mangled name says more (scope, parameters) than the short one of the source. */
static const char *function_name(struct walk *w, Dwarf_Die *die)
{
	const char *linkage = linkage_name(die), *plain = linkage ? demangle(w->region, linkage) : NULL;

	if (plain && plain != linkage)
		return plain;
	plain = source_name(die);
	return !plain ? linkage : linkage ? plain : scoped_name(w, die, plain, 0);
}

/* An absolute path, if the unit names its directory. */
static const char *file_name(struct walk *w, const char *name)
{
	Dwarf_Attribute attr;
	const char *directory;
	char *joined;
	size_t len;

	if (!name || name[0] == '/')
		return name;
	directory = dwarf_attr(&w->unit, DW_AT_comp_dir, &attr) ? dwarf_formstring(&attr) : NULL;
	if (!directory || !directory[0])
		return name;
	while (strncmp(name, "./", 2) == 0)
		name += 2;
	len = strlen(directory);
	joined = region_alloc(w->region, len + strlen(name) + 2);
	if (!joined)
		return name;
	memcpy(joined, directory, len);
	if (joined[len - 1] != '/')
		joined[len++] = '/';
	strcpy(joined + len, name);
	return joined;
}

static void set_line(struct walk *w, uint64_t addr, struct report_symbol *s)
{
	Dwarf_Line *line = dwarf_getsrc_die(&w->unit, addr);
	int number = 0, column = 0;

	if (!line)
		return;
	s->file = file_name(w, dwarf_linesrc(line, NULL, NULL));
	if (dwarf_lineno(line, &number) == 0 && number > 0)
		s->line = (uint32_t)number;
	if (dwarf_linecol(line, &column) == 0 && column > 0)
		s->column = (uint32_t)column;
}

static uint32_t die_number(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attr;
	Dwarf_Word value = 0;

	if (!dwarf_attr(die, name, &attr) || dwarf_formudata(&attr, &value) != 0 || value > UINT32_MAX)
		return 0;
	return (uint32_t)value;
}

/* Sets the place that called an inlined function. */
static void set_call_site(struct walk *w, Dwarf_Die *inlined, struct report_symbol *s)
{
	Dwarf_Files *files;
	Dwarf_Attribute attr;
	size_t nr;

	if (dwarf_attr(inlined, DW_AT_call_file, &attr) && dwarf_getsrcfiles(&w->tree, &files, &nr) == 0) {
		uint32_t file = die_number(inlined, DW_AT_call_file);
		s->file = file < nr ? file_name(w, dwarf_filesrc(files, file, NULL, NULL)) : NULL;
	}
	s->line = die_number(inlined, DW_AT_call_line);
	s->column = die_number(inlined, DW_AT_call_column);
}

struct extent {
	uint64_t addr, start, size;
};

static void extent_range(struct walk *w, uint64_t start, uint64_t end, void *ctx)
{
	struct extent *e = ctx;

	(void)w;
	if (e->addr - start < end - start) {
		e->start = start;
		e->size = end - start;
	}
}

/* A static function of C++ has its mangled name in the symbol table only. */
static bool has_mangled_symbol(const struct lookup *l, const char *name)
{
	return name && strncmp(l->elf_name, "_Z", 2) == 0 && strstr(l->elf_name, name);
}

/* Sets the function that exists in the file: its ELF symbol tells where it starts, and has the better name for a
 * part of it ("parse.cold", "parse.constprop.0"). */
static void set_function(struct walk *w, struct place *p, struct report_symbol *s)
{
	const struct lookup *l = p->lookup;
	struct extent e = { .addr = p->addr, .start = p->addr, .size = 0 };
	const char *raw = linkage_name(&p->function);

	s->function = function_name(w, &p->function);
	if (!l->elf_name || !l->elf_size) {
		each_range(w, &p->function, extent_range, &e);
		s->offset = p->addr - e.start;
		s->size = e.size;
		return;
	}
	s->offset = l->addr - l->elf_start;
	s->size = l->elf_size;
	if (!raw && has_mangled_symbol(l, source_name(&p->function))) {
		s->function = demangle_symbol(w->region, l->elf_name);
		return;
	}
	if (!raw)
		raw = source_name(&p->function);
	if (!raw || (strncmp(l->elf_name, raw, strlen(raw)) == 0 && l->elf_name[strlen(raw)] == '.'))
		s->function = demangle_symbol(w->region, l->elf_name);
}

static void place_finish(struct walk *w, struct place *p)
{
	Dwarf_Die chain[INLINE_MAX];
	size_t n = p->have_function ? find_inlined(w, &p->function, p->addr, chain) : 0;
	struct report_symbol *symbols = region_alloc(w->region, (n + 1) * sizeof(*symbols));

	if (!symbols)
		return;
	set_line(w, p->addr, &symbols[0]);
	for (size_t i = 0; i < n; i++) {
		Dwarf_Die *inlined = &chain[n - 1 - i];
		symbols[i].function = function_name(w, inlined);
		symbols[i].inlined = true;
		set_call_site(w, inlined, &symbols[i + 1]);
	}
	if (p->have_function) {
		set_function(w, p, &symbols[n]);
	} else if (p->lookup->elf_name) { /* assembler code, or a .dwo file that is missing */
		symbols[n].function = demangle_symbol(w->region, p->lookup->elf_name);
		symbols[n].offset = p->lookup->addr - p->lookup->elf_start;
		symbols[n].size = p->lookup->elf_size;
	}
	p->lookup->symbols = symbols;
	p->lookup->nr = n + 1;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static bool unit_open(struct walk *w, Dwarf_Off offset)
{
	Dwarf_Half version;
	uint8_t type;
	Dwarf_Die split;

	w->offset = offset;
	if (!dwarf_offdie(w->dwarf, offset, &w->unit))
		return false;
	w->tree = w->unit;
	if (dwarf_cu_info(w->unit.cu, &version, &type, NULL, &split, NULL, NULL, NULL) == 0 && type == DW_UT_skeleton &&
	    split.cu)
		w->tree = split;
	return true;
}

static void unit_resolve(struct walk *w, Dwarf_Off offset)
{
	w->missing = 0;
	for (size_t i = 0; i < w->n; i++)
		w->missing += w->places[i].unit == offset;
	if (!unit_open(w, offset))
		return;
	w->into_functions = false;
	find_functions(w, &w->tree, 0);
	if (w->missing) {
		w->into_functions = true;
		find_functions(w, &w->tree, 0);
	}
	for (size_t i = 0; i < w->n; i++)
		if (w->places[i].unit == offset)
			place_finish(w, &w->places[i]);
}

void dwarf_resolve(struct alloc_region *region, const struct deadline *deadline, Dwarf *dwarf, uint64_t bias,
                   struct lookup **lookups, size_t n)
{
	struct walk w = { .region = region, .deadline = deadline, .dwarf = dwarf, .n = n };

	w.places = calloc(n, sizeof(*w.places));
	if (!w.places)
		return;
	for (size_t i = 0; i < n; i++) {
		w.places[i].lookup = lookups[i];
		w.places[i].addr = lookups[i]->addr - bias;
	}
	find_units(&w);
	for (size_t i = 0; i < n && !deadline_passed(deadline); i++) {
		bool seen = false;
		for (size_t k = 0; k < i; k++)
			seen |= w.places[k].unit == w.places[i].unit;
		if (!seen && w.places[i].unit)
			unit_resolve(&w, w.places[i].unit);
	}
	free(w.places);
}
