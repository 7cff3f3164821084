/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/handles.c - libc's own malloc leads to ours, by whatever way a program comes to its name.
 *
 * Symbols are looked up through the global scope, in which we stand before libc.  Two ways go past it, and both end in
 * libc's symbol table:
 *
 *   dlopen(…, RTLD_DEEPBIND)         the module's own dependencies come first: php's extensions, Apache's modules
 *   dlsym(dlopen("libc.so.6"), …)    one library is asked: Python's ctypes, foreign functions of Java, Mono, Lisp
 *
 * A free that is found so would get an object of ours and crash in libc, for strdup in the same libc has called our
 * malloc.  No wrapper of dlopen or dlsym can help: the scope of a deep binding is ld.so's own.  So the table itself is
 * changed, in this process's copy of its pages, before any other constructor runs: the symbol "free" of libc.so.6 gets
 * the address of our free, relative to libc (ld.so adds the bias modulo 2^64).  What was bound before, libc's code and
 * what debuggers read from the file stay as they are.
 *
 *   libc.so.6        .dynsym: free   0x999f0 ──▶ ours - bias      the malloc family; what libc.def names, when libc's own is behind ours
 *   libstdc++.so.6   .dynsym: _Znwm  0xa9d80 ──▶ ours - bias      the operators
 *
 * Weaknesses accepted: functions that are neither allocators nor in libc.def (signals, waits) are libc's own for such
 * callers; a libstdc++ that comes with a deep binding only keeps its operators, which call malloc, ours; symbols of old
 * versions (memcpy@GLIBC_2.2.5) are left.  The table is not changed when it lies beside code (ld -z noseparate-code),
 * or when libc comes before us: then its malloc is in use.
 */
#include "preload/unseen/unseen.h"

#include <dlfcn.h>
#include <elf.h>
#include <gnu/libc-version.h>
#include <link.h>

/* The allocator: preload/malloc.c. */
static const char *const allocator_names[] = {
	"malloc",
	"free",
	"calloc",
	"realloc",
	"reallocarray",
	"posix_memalign",
	"aligned_alloc",
	"memalign",
	"valloc",
	"pvalloc",
	"free_sized",
	"free_aligned_sized",
	"malloc_usable_size",
	"malloc_trim",
	"mallopt",
	"mallinfo",
	"mallinfo2",
	"malloc_stats",
	"malloc_info",
	"__libc_malloc",
	"__libc_free",
	"__libc_calloc",
	"__libc_realloc",
	"__libc_memalign",
	"__libc_valloc",
	"__libc_pvalloc",
};

/* Without the nothrow forms of new: they call the others, and ours ask for libstdc++'s when they need C++. */
static const struct {
	const char *name;
	unsigned index;
} operators[] = {
#define OPERATOR(name, base) { #name, OPERATOR_##name },
#define OPERATOR_NOTHROW(name, base)
#include "preload/operators.def"
#undef OPERATOR
#undef OPERATOR_NOTHROW
};

static const char *const intercepted_names[] = {
#define LIBC(name) #name,
#include "preload/intercept/libc.def"
#undef LIBC
};

/* A symbol table in memory: the module's pages that hold it. */
struct symbol_table {
	const struct link_map *module;
	struct module_symbols symbols;
	uintptr_t start, end;
};
/* The library that the symbols are to lead to. */
struct symbol_target {
	const struct link_map *module;
	struct module_symbols symbols;
};

/* How far the table goes is written nowhere; in every file that ld and its kin make, the strings follow it.  False: it
 * may not be changed, as it is not of a segment that is only read. */
static bool table_find(struct symbol_table *t, const struct link_map *m, uintptr_t base)
{
	const ElfW(Ehdr) *elf = (const void *)base;
	const ElfW(Phdr) *segments = (const void *)(base + elf->e_phoff);
	uintptr_t symbols, strings;

	symbols_find(&t->symbols, m);
	symbols = (uintptr_t)t->symbols.symbols;
	strings = (uintptr_t)t->symbols.strings;
	if (!t->symbols.table || strings <= symbols)
		return false;
	t->module = m;
	t->start = ALIGN_DOWN(symbols, PAGE_SIZE);
	t->end = ALIGN_UP(strings, PAGE_SIZE);
	for (unsigned i = 0; i < elf->e_phnum; i++) {
		uintptr_t start = m->l_addr + segments[i].p_vaddr;
		if (segments[i].p_type == PT_LOAD && start <= symbols && strings < start + segments[i].p_filesz)
			return segments[i].p_flags == PF_R;
	}
	return false;
}

/* The symbol `name` of the table becomes ours.  Other threads may look it up meanwhile: a word at a time, and ordinary
 * functions have but one. */
static void table_redirect(const struct symbol_table *t, const struct symbol_target *self, const char *name)
{
	ElfW(Sym) *theirs = (ElfW(Sym) *)(uintptr_t)symbols_look_up(&t->symbols, name);
	const ElfW(Sym) *ours = symbols_look_up(&self->symbols, name);

	if (!theirs || !ours || !theirs->st_value || !ours->st_value || (uintptr_t)(theirs + 1) > t->end)
		return;
	if (ELF64_ST_TYPE(theirs->st_info) == STT_GNU_IFUNC)
		theirs->st_info = ELF64_ST_INFO(ELF64_ST_BIND(theirs->st_info), STT_FUNC);
	__atomic_store_n(&theirs->st_value, self->module->l_addr + ours->st_value - t->module->l_addr,
	                 __ATOMIC_RELEASE);
}

/* Does `later` stand behind `m` in the order in which ld.so looks through modules? */
static bool is_behind(const struct link_map *m, const struct link_map *later)
{
	while (m && m != later)
		m = m->l_next;
	return m;
}

bool module_is_cxx_runtime(const struct link_map *m)
{
	const char *file = str_last(m->l_name, '/');
	file = file ? file + 1 : m->l_name;
	return str_starts(file, "libstdc++.so") || str_starts(file, "libc++.so") || str_starts(file, "libc++abi.so");
}

static void redirect_libc(const struct symbol_table *t, const struct symbol_target *self)
{
	for (unsigned i = 0; i < ARRAY_SIZE(allocator_names); i++)
		table_redirect(t, self, allocator_names[i]);
	/* Where another library's function is behind ours, that one may look for libc's, and would find itself. */
	for (unsigned i = 0; i < LIBC_NR; i++)
		if (!libc_replaced[i])
			table_redirect(t, self, intercepted_names[i]);
}

static void redirect_operators(const struct symbol_table *t, const struct symbol_target *self)
{
	for (unsigned i = 0; i < ARRAY_SIZE(operators); i++)
		if (!operator_forward[operators[i].index])
			table_redirect(t, self, operators[i].name);
}

static void redirect(const struct link_map *m, uintptr_t base, const struct symbol_target *self,
                     void (*change)(const struct symbol_table *t, const struct symbol_target *self))
{
	struct symbol_table t;

	if (!table_find(&t, m, base) || !os_unprotect((void *)t.start, t.end - t.start))
		return;
	change(&t, self);
	os_protect_read((void *)t.start, t.end - t.start);
}

void handles_redirect(void)
{
	struct dl_find_object self, libc, found;
	struct symbol_target target;

	if (_dl_find_object((void *)(uintptr_t)handles_redirect, &self) != 0 ||
	    _dl_find_object((void *)gnu_get_libc_version, &libc) != 0 ||
	    !is_behind(self.dlfo_link_map, libc.dlfo_link_map))
		return;
	target.module = self.dlfo_link_map;
	symbols_find(&target.symbols, target.module);
	redirect(libc.dlfo_link_map, (uintptr_t)libc.dlfo_map_start, &target, redirect_libc);
	for (const struct link_map *m = self.dlfo_link_map; m; m = m->l_next)
		if (module_is_cxx_runtime(m) && _dl_find_object((void *)m->l_ld, &found) == 0)
			redirect(m, (uintptr_t)found.dlfo_map_start, &target, redirect_operators);
}
