/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/handles.c - libc's own malloc leads to memsan's, by whatever way a program looks its name up.
 *
 * Symbols are looked up through the global scope, in which memsan stands before libc. Two ways bypass the global scope,
 * and both end in libc's symbol table:
 *
 *   dlopen(…, RTLD_DEEPBIND)         the module's own dependencies come first: php's extensions, Apache's modules
 *   dlsym(dlopen("libc.so.6"), …)    one library is asked: Python's ctypes, foreign functions of Java, Mono, Lisp
 *
 * A program that found libc's free in this way would pass it one of memsan's objects and crash: strdup in the same
 * libc has called memsan's malloc. Wrappers of dlopen and dlsym cannot replace what is found, since ld.so itself has
 * the scope of a deep binding. So memsan changes the symbol table, in this process's copy of its pages: the symbol
 * "free" of libc.so.6 gets the address of memsan's free, relative to libc (ld.so adds the bias modulo 2^64). Earlier
 * bindings, libc's code and the file that debuggers read stay unchanged.
 *
 *   libc.so.6        .dynsym: free   0x999f0 ──▶ memsan's - bias   the malloc family; functions of libc.def, if libc's
 *                                                                  own is behind memsan's
 *   libstdc++.so.6   .dynsym: _Znwm  0xa9d80 ──▶ memsan's - bias   the operators
 *
 * The change costs some 20 pages, and most programs take neither way. So it is made by the first call of dlopen,
 * dlmopen, dlsym or dlvsym (modules.c), and before the program sets a filter of system calls (sandbox.c), which may
 * forbid what the change needs. Several threads may make it at once, and a signal handler may interrupt it: all write
 * the same words.
 *
 * Weaknesses accepted: such callers get libc's own functions for all that is neither an allocator nor in libc.def
 * (signals, waits). A libstdc++ that comes only with a deep binding keeps its own operators, which call memsan's
 * malloc. A program that reads libc's symbol table by itself finds libc's malloc until the change is made. Symbols of
 * old versions (memcpy@GLIBC_2.2.5) are left. The table is not changed when it lies beside code
 * (ld -z noseparate-code), or when libc comes before memsan: then libc's malloc is in use.
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

/* Without the nothrow forms of new: libstdc++'s call the other forms, and memsan's look libstdc++'s up when they need
 * C++. */
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

/* The interceptors, as offsets from the table, since ld.so would have to relocate addresses at each start. */
ARCH_OFFSET_TABLE(handles_intercepted);
#define LIBC(name) ARCH_OFFSET(handles_intercepted, name);
#define CALL(type, name, ...) LIBC(name)
#define CALL_VOID(name, ...) LIBC(name)
#include "preload/intercept/libc.def"
#undef LIBC
#undef CALL
#undef CALL_VOID
extern const int32_t handles_intercepted[LIBC_NR];

static bool allowed, redirected;
static unsigned at_work; /* threads and handlers that change symbols, or are about to */
#define REDIRECTED_MAX 8
static struct {
	uintptr_t start, end;
} changed[REDIRECTED_MAX]; /* pages that become read-only again; beyond the table they stay writable */
static unsigned nr_changed;

/* A symbol table in memory: the module's pages that hold it. */
struct symbol_table {
	const struct link_map *module;
	struct module_symbols symbols;
	uintptr_t start, end;
};
/* The library that the symbols will lead to: memsan. */
struct symbol_target {
	const struct link_map *module;
	struct module_symbols symbols;
};

/* Finds the pages of the table. No field tells where the table ends; in all files of ld, gold, lld and mold the strings
 * follow it. False: the table must not be changed, since its segment is not read-only data. */
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

/* Makes a symbol of the table lead to a function; NULL: there is none. Other threads may look it up meanwhile, so each
 * word is written at once; for an ordinary function only one word changes. */
static void table_lead(const struct symbol_table *t, const ElfW(Sym) *symbol, uintptr_t function)
{
	ElfW(Sym) *theirs = (ElfW(Sym) *)(uintptr_t)symbol;

	if (!theirs || !theirs->st_value || (uintptr_t)(theirs + 1) > t->end)
		return;
	if (ELF64_ST_TYPE(theirs->st_info) == STT_GNU_IFUNC)
		theirs->st_info = ELF64_ST_INFO(ELF64_ST_BIND(theirs->st_info), STT_FUNC);
	__atomic_store_n(&theirs->st_value, function - t->module->l_addr, __ATOMIC_RELEASE);
}

/* The same with memsan's function of that name, if memsan has one. */
static void table_redirect(const struct symbol_table *t, const struct symbol_target *self, const char *name)
{
	const ElfW(Sym) *ours = symbols_look_up(&self->symbols, name);

	if (ours && ours->st_value)
		table_lead(t, symbols_look_up(&t->symbols, name), self->module->l_addr + ours->st_value);
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
	static const char *const names[] = { "libstdc++.so", "libc++.so", "libc++abi.so" };

	return str_starts_any(path_base(m->l_name), names, ARRAY_SIZE(names));
}

static void redirect_libc(const struct symbol_table *t, const struct symbol_target *self)
{
	for (unsigned i = 0; i < ARRAY_SIZE(allocator_names); i++)
		table_redirect(t, self, allocator_names[i]);
	/* A function of another library behind memsan's may look libc's up, and would find itself. */
	for (unsigned i = 0; i < LIBC_NR; i++) {
		const ElfW(Sym) *symbol = t->symbols.symbols + libc_symbols[i];

		if (!libc_symbols[i])
			symbol = symbols_look_up(&t->symbols, libc_name(i));
		if (!libc_replaced[i])
			table_lead(t, symbol, (uintptr_t)handles_intercepted + (uintptr_t)handles_intercepted[i]);
	}
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
	unsigned i;

	if (!table_find(&t, m, base) || !os_unprotect((void *)t.start, t.end - t.start))
		return;
	change(&t, self);
	i = __atomic_fetch_add(&nr_changed, 1, __ATOMIC_RELAXED);
	if (i < REDIRECTED_MAX) {
		changed[i].start = t.start;
		__atomic_store_n(&changed[i].end, t.end, __ATOMIC_RELEASE);
	}
}

static void redirect_all(void)
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

void handles_allow(void)
{
	allowed = true;
}

void handles_redirect(void)
{
	if (likely(__atomic_load_n(&redirected, __ATOMIC_ACQUIRE)) || !allowed)
		return;
	__atomic_fetch_add(&at_work, 1, __ATOMIC_ACQ_REL);
	if (!__atomic_load_n(&redirected, __ATOMIC_ACQUIRE)) {
		redirect_all();
		__atomic_store_n(&redirected, true, __ATOMIC_RELEASE);
	}
	/* The last one makes the pages read-only. Whoever begins after this sees that the work is done. In the child of
	 * a fork that interrupted another thread's work nobody is the last one, and the pages stay writable. */
	if (__atomic_sub_fetch(&at_work, 1, __ATOMIC_ACQ_REL) == 0)
		for (unsigned i = 0; i < REDIRECTED_MAX; i++) {
			uintptr_t end = __atomic_load_n(&changed[i].end, __ATOMIC_ACQUIRE);

			if (end)
				os_protect_read((void *)changed[i].start, end - changed[i].start);
		}
}
