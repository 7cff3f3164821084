/* SPDX-License-Identifier: BSD-2-Clause */
/* fence/only.c - fence.only and fail.stack: is a name among the functions or modules of an allocation's stack?
 *
 * Asked for every allocation, so answers are kept: one for each module (its name matches, or where in it the function is), and one for each
 * stack, by handle, in a small table that forgets.
 *
 * A function is looked for in the module's own file, .symtab first, since most functions of a program are in no dynamic table.  Its name
 * is the one in the table: C++ names are mangled there, so a name that occurs inside the mangled one, with its length before it as the mangling
 * writes it, matches too ("parse" finds _ZN6Parser5parseEv).
 */
#include "config.h"

#include <elf.h>
#include <fcntl.h>

#include "fence/fence_internal.h"

#define MODULES 64u
#define RANGES 64u
#define ANSWERS 1024u

struct only_module { uintptr_t start, end; bool whole; };
struct only_range { uintptr_t start, end; };

/* Guards all below but the answers; files are read under it. */
static struct ranked_lock only_lock = RANKED_LOCK_INIT(LOCK_RANK_FENCE);
static struct module_info info;

struct only_filter {
	const char *wanted;      /* the option; "": everything matches */
	struct only_module modules[MODULES];
	struct only_range found[RANGES];
	unsigned nr_modules, nr_found;
	uint64_t answers[ANSWERS]; /* by handle: handle << 2 | 2 | answer; 0: empty.  Atomic words */
};
static struct only_filter fence_filter = { .wanted = options.fence_only }, fail_filter = { .wanted = options.fail_stack };

/* ---- names ----------------------------------------------------------------------------------------------------------------- */

static bool name_in_mangled(const char *name, size_t len, const char *wanted, size_t wanted_len)
{
	char digits[16];
	struct fmt_buf b;

	fmt_init(&b, digits, sizeof(digits));
	fmt_printf(&b, "%zu", wanted_len);
	for (size_t i = 2; i + b.len + wanted_len <= len; i++)
		if (mem_compare(name + i, digits, b.len) == 0 && !(name[i - 1] >= '0' && name[i - 1] <= '9') &&
		    mem_compare(name + i + b.len, wanted, wanted_len) == 0)
			return true;
	return false;
}

static bool name_matches(const char *name, const char *wanted)
{
	size_t len = str_length(name);

	return str_equal(name, wanted) || (str_starts(name, "_Z") && name_in_mangled(name, len, wanted, str_length(wanted)));
}

/* libc.so.6, or libc without what follows. */
static bool path_matches(const char *path, const char *wanted)
{
	const char *slash = str_last(path, '/'), *base = slash ? slash + 1 : path;

	return str_equal(base, wanted) || (str_starts(base, wanted) && base[str_length(wanted)] == '.');
}

/* ---- symbols of a file, in small pieces ---------------------------------------------------------------------------------------- */

static void symbol_add(struct only_filter *f, const Elf64_Sym *sym, uintptr_t bias)
{
	struct only_range *r = &f->found[f->nr_found];

	if (f->nr_found == RANGES)
		return;
	r->start = bias + sym->st_value;
	r->end = bias + sym->st_value + MAX(sym->st_size, 1u);
	f->nr_found++;
}

static void search_table(struct only_filter *f, int fd, const Elf64_Shdr *table, const Elf64_Shdr *strings, uintptr_t bias)
{
	static Elf64_Sym syms[64]; /* under only_lock */
	uint64_t n = table->sh_size / sizeof(Elf64_Sym);

	for (uint64_t i = 0; i < n; i += ARRAY_SIZE(syms)) {
		ssize_t got = os_pread(fd, syms, sizeof(syms), table->sh_offset + i * sizeof(Elf64_Sym));

		for (size_t k = 0; got > 0 && k < (size_t)got / sizeof(Elf64_Sym) && i + k < n; k++) {
			char name[256];
			ssize_t len;

			if (ELF64_ST_TYPE(syms[k].st_info) != STT_FUNC || syms[k].st_shndx == SHN_UNDEF || syms[k].st_name >= strings->sh_size)
				continue;
			len = os_pread(fd, name, sizeof(name) - 1, strings->sh_offset + syms[k].st_name);
			if (len <= 0)
				continue;
			name[len] = 0;
			if (name_matches(name, f->wanted))
				symbol_add(f, &syms[k], bias);
		}
		if (got < (ssize_t)sizeof(Elf64_Sym))
			break;
	}
}

static bool section_read(int fd, const Elf64_Ehdr *eh, unsigned i, Elf64_Shdr *sh)
{
	return i < eh->e_shnum && os_pread(fd, sh, sizeof(*sh), eh->e_shoff + (uint64_t)i * sizeof(*sh)) == (ssize_t)sizeof(*sh);
}

static bool search_sections(struct only_filter *f, int fd, const Elf64_Ehdr *eh, uint32_t type, uintptr_t bias)
{
	Elf64_Shdr table, strings;

	for (unsigned i = 0; section_read(fd, eh, i, &table); i++)
		if (table.sh_type == type && section_read(fd, eh, table.sh_link, &strings)) {
			search_table(f, fd, &table, &strings, bias);
			return true;
		}
	return false;
}

static void search_file(struct only_filter *f, const char *path, uintptr_t bias)
{
	Elf64_Ehdr eh;
	int fd = os_open(path, O_RDONLY | O_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (os_pread(fd, &eh, sizeof(eh), 0) == (ssize_t)sizeof(eh) && mem_compare(eh.e_ident, ELFMAG, SELFMAG) == 0 &&
	    eh.e_ident[EI_CLASS] == ELFCLASS64 && eh.e_shentsize == sizeof(Elf64_Shdr) &&
	    !search_sections(f, fd, &eh, SHT_SYMTAB, bias))
		search_sections(f, fd, &eh, SHT_DYNSYM, bias);
	os_close(fd);
}

/* ---- stacks -------------------------------------------------------------------------------------------------------------------- */

/* Under only_lock. */
static const struct only_module *module_of(struct only_filter *f, uintptr_t pc)
{
	struct only_module *m;

	for (unsigned i = 0; i < f->nr_modules; i++)
		if (pc - f->modules[i].start < f->modules[i].end - f->modules[i].start)
			return &f->modules[i];
	if (f->nr_modules == MODULES || !module_find(pc, 0, &info))
		return NULL;
	m = &f->modules[f->nr_modules++];
	m->start = info.start;
	m->end = info.end;
	m->whole = path_matches(info.path, f->wanted);
	if (!m->whole)
		search_file(f, info.path, info.bias);
	return m;
}

static bool frame_matches(struct only_filter *f, uintptr_t pc)
{
	const struct only_module *m = module_of(f, pc - 1);

	if (m && m->whole)
		return true;
	for (unsigned i = 0; m && i < f->nr_found; i++)
		if (pc - 1 - f->found[i].start < f->found[i].end - f->found[i].start)
			return true;
	return false;
}

static bool stack_matches(struct only_filter *f, stack_handle stack)
{
	uintptr_t pcs[64];
	size_t n = MIN(depot_fetch(stack, pcs, ARRAY_SIZE(pcs)), ARRAY_SIZE(pcs));
	bool matches = false;

	lock_acquire(&only_lock);
	for (size_t i = 0; i < n && !matches; i++)
		matches = frame_matches(f, pcs[i]);
	lock_release(&only_lock);
	return matches;
}

static bool filter_matches(struct only_filter *f, stack_handle stack)
{
	uint64_t *answer = &f->answers[(stack * 0x9e3779b1u) >> 22], known, key = (uint64_t)stack << 2 | 2;

	if (!f->wanted[0])
		return true;
	known = __atomic_load_n(answer, __ATOMIC_RELAXED);
	if ((known & ~1ull) == key)
		return known & 1;
	known = key | stack_matches(f, stack);
	__atomic_store_n(answer, known, __ATOMIC_RELAXED);
	return known & 1;
}

bool only_matches(stack_handle stack)
{
	return filter_matches(&fence_filter, stack);
}

bool fence_fail_matches(stack_handle stack)
{
	return filter_matches(&fail_filter, stack);
}

void only_init(void)
{
	lock_register_for_fork(&only_lock);
}
