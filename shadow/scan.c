/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/scan.c - which of the loaded modules are instrumented, found before anything of libmemsan is relocated.
 *
 * This runs inside ld.so's relocation pass.  It can use raw system calls, our own code, and statics that are reached
 * relative to the pc.  It can also read the list that ld.so has already published for debuggers: the executable's
 * DT_DEBUG leads to struct r_debug, and from there to the list of modules, each with its dynamic section.
 *
 *     auxiliary vector ─ AT_PHDR ─► PT_DYNAMIC ─ DT_DEBUG ─► r_debug ─ r_map ─► link_map ─► link_map …
 *                                                                                │ l_ld
 *                                                                                ▼ DT_RELA, DT_JMPREL ─► symbol names
 *
 * A module is instrumented when one of its relocations asks for a symbol called __asan_*: code with checks always has
 * at least one, for the report functions.  (Code with instrumented frames and no checks has none.  Its first access to
 * the shadow faults, and map.c recognizes it by that.)  Relocations are read because undefined symbols are not in the
 * hash table, and the size of the symbol table is not recorded anywhere.  DT_RELACOUNT tells how many relative
 * relocations to skip, which are nearly all.
 *
 * Weakness accepted: where the list cannot be found (static programs, ld.so run as a command, no /proc and an old
 * kernel), the answer is "unknown".  The caller then maps the shadow if it can, and goes on without it otherwise.
 */
#include "shadow/shadow_internal.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/syscall.h>

#ifndef PR_GET_AUXV
#define PR_GET_AUXV 0x41555856
#endif

#define AUXV_WORDS 128

static size_t read_auxv(uint64_t *words)
{
	/* A filter of system calls that was inherited may kill for prctl, but lets ld.so open files. */
	long fd = arch_syscall6(SYS_openat, AT_FDCWD, (long)"/proc/self/auxv", O_RDONLY | O_CLOEXEC, 0, 0, 0), n = 0;

	if (fd >= 0) {
		n = arch_syscall6(SYS_read, fd, (long)words, AUXV_WORDS * sizeof(*words), 0, 0, 0);
		arch_syscall6(SYS_close, fd, 0, 0, 0, 0, 0);
	}
	if (n <= 0)
		n = arch_syscall6(SYS_prctl, PR_GET_AUXV, (long)words, AUXV_WORDS * sizeof(*words), 0, 0, 0);
	if (n <= 0)
		return 0;
	return MIN((size_t)n / sizeof(*words), (size_t)AUXV_WORDS);
}

static const struct r_debug *find_r_debug(void)
{
	uint64_t words[AUXV_WORDS];
	size_t n = read_auxv(words), phnum = 0;
	const Elf64_Phdr *phdr = NULL;
	uintptr_t bias;
	const Elf64_Phdr *dynamic, *self;

	for (size_t i = 0; i + 1 < n && words[i] != AT_NULL; i += 2) {
		if (words[i] == AT_PHDR)
			phdr = (const Elf64_Phdr *)words[i + 1];
		else if (words[i] == AT_PHNUM)
			phnum = words[i + 1];
	}
	if (!phdr)
		return NULL;
	dynamic = NULL;
	self = NULL;
	for (size_t i = 0; i < phnum; i++) {
		if (phdr[i].p_type == PT_PHDR)
			self = &phdr[i];
		else if (phdr[i].p_type == PT_DYNAMIC)
			dynamic = &phdr[i];
	}
	/* A static program has no such header, and no ld.so that publishes a list. */
	if (!dynamic || !self)
		return NULL;
	bias = (uintptr_t)phdr - self->p_vaddr;
	for (const Elf64_Dyn *d = (const Elf64_Dyn *)(bias + dynamic->p_vaddr); d->d_tag != DT_NULL; d++)
		if (d->d_tag == DT_DEBUG)
			return (const struct r_debug *)d->d_un.d_ptr;
	return NULL;
}

struct module_tables {
	const char *strtab;
	const Elf64_Sym *symtab;
	const Elf64_Rela *rela, *jmprel;
	size_t rela_size, jmprel_size, relative;
	const uint32_t *gnu_hash;
};

static void read_tables(const struct link_map *l, struct module_tables *t)
{
	/* ld.so has made the addresses in most dynamic sections absolute, but not in a read-only one (the vdso's). */
	uintptr_t value;
	mem_set(t, 0, sizeof(*t));
	for (const Elf64_Dyn *d = l->l_ld; d && d->d_tag != DT_NULL; d++) {
		value = d->d_un.d_ptr < l->l_addr ? d->d_un.d_ptr + l->l_addr : d->d_un.d_ptr;
		if (d->d_tag == DT_STRTAB)
			t->strtab = (const char *)value;
		else if (d->d_tag == DT_SYMTAB)
			t->symtab = (const Elf64_Sym *)value;
		else if (d->d_tag == DT_RELA)
			t->rela = (const Elf64_Rela *)value;
		else if (d->d_tag == DT_RELASZ)
			t->rela_size = d->d_un.d_val;
		else if (d->d_tag == DT_RELACOUNT)
			t->relative = d->d_un.d_val;
		else if (d->d_tag == DT_JMPREL)
			t->jmprel = (const Elf64_Rela *)value;
		else if (d->d_tag == DT_PLTRELSZ)
			t->jmprel_size = d->d_un.d_val;
		else if (d->d_tag == DT_GNU_HASH)
			t->gnu_hash = (const uint32_t *)value;
	}
}

static bool name_is_any(const char *name)
{
	return name[0] == '_' && name[1] == '_' && str_starts(name, "__asan_");
}

/* Compilers call such functions for the code that they instrument.  A program calls others of __asan_* by itself. */
static bool name_is_compilers(const char *name)
{
	static const char *const starts[] = { "__asan_init",
		                              "__asan_load",
		                              "__asan_store",
		                              "__asan_report_",
		                              "__asan_exp_",
		                              "__asan_register_",
		                              "__asan_handle_no_return",
		                              "__asan_stack_malloc",
		                              "__asan_version" };

	return name_is_any(name) && str_starts_any(name, starts, ARRAY_SIZE(starts));
}

static bool asks_for(const struct module_tables *t, const Elf64_Rela *r, size_t n, bool (*wanted)(const char *name))
{
	for (size_t i = 0; i < n; i++) {
		uint32_t symbol = (uint32_t)ELF64_R_SYM(r[i].r_info);
		const char *name;

		if (!symbol)
			continue;
		name = t->strtab + t->symtab[symbol].st_name;
		if (wanted(name))
			return true;
	}
	return false;
}

static bool module_asks_for(const struct module_tables *t, bool (*wanted)(const char *name))
{
	size_t n;

	if (!t->strtab || !t->symtab)
		return false;
	n = t->rela_size / sizeof(Elf64_Rela);
	return (t->jmprel && asks_for(t, t->jmprel, t->jmprel_size / sizeof(Elf64_Rela), wanted)) ||
	       (t->rela && n > t->relative && asks_for(t, t->rela + t->relative, n - t->relative, wanted));
}

static bool module_is_instrumented(const struct module_tables *t)
{
	return module_asks_for(t, name_is_any);
}

/* Lookup in the GNU hash table, as ld.so does it, without the Bloom filter. */
static bool module_defines(const struct module_tables *t, const char *name)
{
	uint32_t hash, nr_buckets, first, bloom;
	const uint32_t *buckets, *chain;
	uint32_t i;

	if (!t->gnu_hash || !t->symtab || !t->strtab)
		return false;
	hash = 5381;
	nr_buckets = t->gnu_hash[0];
	first = t->gnu_hash[1];
	bloom = t->gnu_hash[2];
	for (const unsigned char *c = (const unsigned char *)name; *c; c++)
		hash = hash * 33 + *c;
	buckets = t->gnu_hash + 4 + 2 * (size_t)bloom;
	chain = buckets + nr_buckets;
	i = nr_buckets ? buckets[hash % nr_buckets] : 0;
	if (i < first)
		return false;
	for (;; i++) {
		if ((chain[i - first] | 1) == (hash | 1) && str_equal(t->strtab + t->symtab[i].st_name, name))
			return t->symtab[i].st_shndx != SHN_UNDEF;
		if (chain[i - first] & 1)
			return false;
	}
}

struct scan scan_module(const struct link_map *l)
{
	struct scan s = { SCAN_PLAIN, false };
	struct module_tables t;
	read_tables(l, &t);
	if (module_defines(&t, "memsan_check_all"))
		return s;
	if (module_is_instrumented(&t))
		s.result = SCAN_INSTRUMENTED;
	s.other_runtime = module_defines(&t, "__asan_init");
	return s;
}

bool shadow_is_instrumented(uintptr_t bias, const void *dynamic)
{
	const struct link_map l = { .l_addr = bias, .l_ld = (Elf64_Dyn *)dynamic };

	struct module_tables t;

	read_tables(&l, &t);
	return module_asks_for(&t, name_is_compilers);
}

extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));

/* libmemsan, or the program that the static archive is linked into, refers to memsan's own names. */
static bool module_is_ours(const struct link_map *l, const struct r_debug *debug)
{
	return l->l_addr == (uintptr_t)&__ehdr_start ||
	       (l->l_addr == 0 && l == debug->r_map && &__ehdr_start == (void *)0x400000);
}

static bool name_is_of_frames(const char *name)
{
	return name_is_any(name) && str_starts(name, "__asan_stack_malloc");
}

bool scan_for_frames(void)
{
	const struct r_debug *debug = find_r_debug();

	/* A static program's own code and memsan's are one module. */
	if (!debug || !debug->r_map || module_is_ours(debug->r_map, debug))
		return true;
	for (const struct link_map *l = debug->r_map; l; l = l->l_next) {
		struct module_tables t;

		read_tables(l, &t);
		if (!module_is_ours(l, debug) && module_asks_for(&t, name_is_of_frames))
			return true;
	}
	return false;
}

struct scan scan_modules(void)
{
	struct scan s = { SCAN_UNKNOWN, false };
	const struct r_debug *debug = find_r_debug();
	if (!debug || !debug->r_map)
		return s;
	s.result = SCAN_PLAIN;
	for (const struct link_map *l = debug->r_map; l; l = l->l_next) {
		struct module_tables t;

		if (module_is_ours(l, debug))
			continue;
		read_tables(l, &t);
		if (module_is_instrumented(&t))
			s.result = SCAN_INSTRUMENTED;
		if (module_defines(&t, "__asan_init"))
			s.other_runtime = true;
	}
	return s;
}
