/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/variable.c - which variable of a module is at an address: its ELF symbol, and the line that defines it.
 * Instrumented programs register their variables, and the runtime names those.  This is for all other modules. */
#include "config.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdlib.h>
#include <string.h>

#include "reports/reports_internal.h"

#define DIES_MAX 400000u /* as many are looked at for a line */
#define DEPTH_MAX 32     /* blocks and namespaces inside each other */

struct variable {
	const char *name; /* NULL: none is there */
	const char *section;
	uint64_t start, size;
	bool is_code;
	int rank;
	const char *file;
	int line;
};

/* ---- the symbol ------------------------------------------------------------------------------ */

static bool is_wanted(const GElf_Sym *sym, const char *name, GElf_Word section)
{
	int type = GELF_ST_TYPE(sym->st_info);

	return name && name[0] && section != SHN_UNDEF && (type == STT_OBJECT || type == STT_FUNC);
}

/* The smallest that holds the address: a symbol may stand for a table that has others inside.  Of equal ones a global
 * one. */
static void offer(struct variable *v, const GElf_Sym *sym, const char *name, uint64_t start)
{
	int rank = GELF_ST_BIND(sym->st_info) == STB_GLOBAL ? 2 : GELF_ST_BIND(sym->st_info) == STB_WEAK;

	if (v->name && (sym->st_size > v->size || (sym->st_size == v->size && rank <= v->rank)))
		return;
	v->name = name;
	v->start = start;
	v->size = sym->st_size;
	v->is_code = GELF_ST_TYPE(sym->st_info) == STT_FUNC;
	v->rank = rank;
}

static void find_symbol(Dwfl_Module *mod, const struct deadline *deadline, uint64_t addr, struct variable *v)
{
	int nr = dwfl_module_getsymtab(mod);

	for (int i = 1; i < nr; i++) {
		GElf_Sym sym;
		GElf_Addr start;
		GElf_Word section;
		const char *name = dwfl_module_getsym_info(mod, i, &sym, &start, &section, NULL, NULL);

		if (i % 4096 == 0 && deadline_passed(deadline))
			return;
		if (is_wanted(&sym, name, section) && addr - start < sym.st_size)
			offer(v, &sym, name, start);
	}
}

static void find_section(Dwfl_Module *mod, uint64_t addr, struct variable *v)
{
	GElf_Addr bias;
	Elf *elf = dwfl_module_getelf(mod, &bias);
	size_t names;
	GElf_Shdr sh;

	if (!elf || elf_getshdrstrndx(elf, &names) != 0)
		return;
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(elf, scn)) != NULL;)
		if (gelf_getshdr(scn, &sh) && sh.sh_flags & SHF_ALLOC && !(sh.sh_flags & SHF_TLS) &&
		    addr - (sh.sh_addr + bias) < sh.sh_size)
			v->section = elf_strptr(elf, names, sh.sh_name);
}

/* ---- the line -------------------------------------------------------------------------------- */

struct search {
	struct variable *variable;
	const struct deadline *deadline;
	uint64_t addr; /* as the DWARF counts addresses */
	unsigned dies;
};

static bool is_at(Dwarf_Die *die, uint64_t addr)
{
	Dwarf_Attribute attr, spot;
	Dwarf_Op *ops;
	size_t n;

	if (!dwarf_attr(die, DW_AT_location, &attr) || dwarf_getlocation(&attr, &ops, &n) != 0 || n != 1)
		return false;
	if (ops[0].atom == DW_OP_addr)
		return ops[0].number == addr;
	return ops[0].atom == DW_OP_addrx && dwarf_getlocation_attr(&attr, &ops[0], &spot) == 0 &&
	       dwarf_formaddr(&spot, &ops[0].number) == 0 && ops[0].number == addr;
}

static bool holds_variables(int tag)
{
	return tag == DW_TAG_subprogram || tag == DW_TAG_lexical_block || tag == DW_TAG_namespace ||
	       tag == DW_TAG_module;
}

/* True: the search is over. */
static bool find_line(struct search *s, Dwarf_Die *parent, int depth)
{
	Dwarf_Die die;

	if (depth > DEPTH_MAX || dwarf_child(parent, &die) != 0)
		return false;
	do {
		int tag = dwarf_tag(&die);

		if (++s->dies > DIES_MAX || (s->dies % 1024 == 0 && deadline_passed(s->deadline)))
			return true;
		if (tag == DW_TAG_variable && is_at(&die, s->addr)) {
			s->variable->file = dwarf_decl_file(&die);
			if (dwarf_decl_line(&die, &s->variable->line) != 0)
				s->variable->line = 0;
			return true;
		}
		if (holds_variables(tag) && find_line(s, &die, depth + 1))
			return true;
	} while (dwarf_siblingof(&die, &die) == 0);
	return false;
}

static void find_definition(Dwfl_Module *mod, const struct deadline *deadline, struct variable *v)
{
	Dwarf_Addr bias = 0;
	Dwarf *dwarf = dwfl_module_getdwarf(mod, &bias);
	struct search s = { .variable = v, .deadline = deadline, .addr = v->start - bias };
	Dwarf_CU *cu = NULL;
	Dwarf_Die die, split;
	Dwarf_Half version;
	uint8_t type;

	while (dwarf && dwarf_get_units(dwarf, cu, &cu, &version, &type, &die, &split) == 0)
		if (find_line(&s, type == DW_UT_skeleton && split.cu ? &split : &die, 0))
			return;
}

/* ---- the record ------------------------------------------------------------------------------ */

static void set_place(struct report_record *r, const char *text)
{
	size_t len = strlen(text) + 1;

	if (len > REPORT_STRINGS - r->strings_len)
		return;
	r->place = r->strings_len;
	memcpy(r->strings + r->place, text, len);
	r->strings_len += (uint32_t)len;
}

/* C compilers number the static variables of functions: "table.0". */
static int length_without_number(const char *name)
{
	size_t len = strlen(name), digits = len;

	while (digits && name[digits - 1] >= '0' && name[digits - 1] <= '9')
		digits--;
	return (int)(digits > 1 && digits < len && name[digits - 1] == '.' ? digits - 1 : len);
}

static void put_variable(struct fmt_buf *b, struct alloc_region *region, const struct variable *v, uint64_t at)
{
	char name[200];
	struct fmt_buf n;

	fmt_init(&n, name, sizeof(name));
	report_put_short_name(&n, demangle_symbol(region, v->name));
	fmt_printf(b, "The buggy address belongs to the %s:\n %.*s+0x%lx/0x%lx", v->is_code ? "function" : "variable",
	           length_without_number(name), name, (unsigned long)at, (unsigned long)v->size);
}

void variable_name(struct report_record *r, Dwfl_Module *mod, const struct deadline *deadline,
                   struct alloc_region *region)
{
	const struct report_module *m = &r->modules[r->data_module];
	uint64_t addr = r->data_at - m->bias;
	struct variable v = { .name = NULL };
	char text[1600];
	struct fmt_buf b;

	find_symbol(mod, deadline, addr, &v);
	fmt_init(&b, text, sizeof(text));
	if (!v.name) {
		find_section(mod, addr, &v);
		if (!v.section)
			return;
		fmt_printf(&b, "The buggy address belongs to the section %.100s of %.400s, at 0x%lx\n", v.section,
		           report_str(r, m->path), (unsigned long)addr);
		set_place(r, text);
		return;
	}
	put_variable(&b, region, &v, addr - v.start);
	if (!v.is_code)
		find_definition(mod, deadline, &v);
	if (v.file && v.line)
		fmt_printf(&b, " defined at %.400s:%d\n", v.file, v.line);
	else
		fmt_printf(&b, " defined in %.400s\n", report_str(r, m->path));
	if (!v.is_code)
		fmt_printf(&b, "which has the %lu bytes [0x%lx, 0x%lx)\n", (unsigned long)v.size,
		           (unsigned long)(v.start + m->bias), (unsigned long)(v.start + m->bias + v.size));
	set_place(r, text);
}
