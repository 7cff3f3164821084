/* SPDX-License-Identifier: BSD-2-Clause */
/* fence/filter.c - fence.only and fail.stack: does an allocation's stack contain a function or module of that name?
 *
 * The filter is asked for every allocation, so answers are kept.  For each module: does its name match, or else the
 * code ranges of the functions that match.  For each stack, by handle: the answer, in a table that overwrites old
 * entries.
 *
 *     module seen first ──► symbolizer helper: symbols, demangled names, code that was inlined ──► ranges, in order
 *                           none to be had: the symbol table of the file, read here
 *
 * Without the helper a function is found by its symbol.  Clones and parts that compilers make of a function match too.
 * A C++ name is searched for inside of the mangled name, in the form that the mangling writes ("Parser::parse" is
 * 6Parser, then 5parse), without its parameters.  Inlined functions are not found.
 */
#include "config.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "fence/fence_internal.h"

#define MODULES 1024u
#define SYMBOLS 1024u /* most matches in one file, without the helper */
#define ANSWERS 16384u
#define DEPTH 1024u
#define NAME_SIZE 1024u

struct filter_module {
	uintptr_t start, end, bias;
	uintptr_t pc;      /* an address in the module */
	uint64_t identity; /* of the build id */
	bool whole;
	uint32_t nr;
	const struct code_range *ranges;
};

/* Guards all variables below except the answers.  Files are read under this lock. */
static struct ranked_lock filter_lock = RANKED_LOCK_INIT(LOCK_RANK_FENCE);
static struct module_info info;
static __large_bss struct code_range scratch[SYMBOLS];
static __large_bss uintptr_t scratch_pcs[DEPTH];

/* Shared with children of fork: a match in any of them counts as a match. */
struct filter_shared {
	uint32_t matched;
};

struct stack_filter {
	struct filter_shared *shared; /* NULL: the filter is not in use */
	struct filter_module modules[MODULES];
	unsigned nr_modules;
	bool known; /* a module or function of that name was seen */
	bool told_incomplete;
	uint64_t answers[ANSWERS]; /* by handle: handle << 2 | 2 | answer; 0: empty.  Atomic words */
};
static __large_bss struct stack_filter fence_filter, fail_filter; /* options fence.only, fail.stack */
static pid_t first_process;

/* "": everything matches. */
static const char *wanted(const struct stack_filter *f)
{
	return f == &fence_filter ? options.fence_only : options.fail_stack;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* Finds "6Parser" in the mangled name and returns the position behind it, or NULL.  A digit in front of it would make
 * another length, except the 1 at the end of an unnamed namespace. */
static const char *part_in_mangled(const char *name, const char *part, size_t len)
{
	static const char unnamed[] = "_GLOBAL__N_1";
	char text[NAME_SIZE];
	struct fmt_buf b;

	fmt_init(&b, text, sizeof(text));
	fmt_printf(&b, "%zu%.*s", len, (int)len, part);
	for (const char *at = name + 2; !b.truncated && *at; at++) {
		bool digit = at[-1] >= '0' && at[-1] <= '9',
		     after_unnamed = at - name >= (ptrdiff_t)sizeof(unnamed) &&
		                     mem_compare(at - (sizeof(unnamed) - 1), unnamed, sizeof(unnamed) - 1) == 0;

		if (str_starts(at, text) && (!digit || after_unnamed))
			return at + b.len;
	}
	return NULL;
}

/* Are the parts of "app::Parser::parse(int)" in the mangled name, in this order? */
static bool name_in_mangled(const char *name, const char *wanted)
{
	const char *end = str_char(wanted, '(');
	size_t len = end ? (size_t)(end - wanted) : str_length(wanted), n;

	for (size_t i = 0; i < len; i += n) {
		for (; i < len && wanted[i] == ':'; i++)
			;
		for (n = 0; i + n < len && wanted[i + n] != ':'; n++)
			;
		if (n)
			name = part_in_mangled(name, wanted + i, n);
		if (!name)
			return false;
		name -= 2;
	}
	return len != 0;
}

/* `name` is shortened. */
static bool name_matches(char *name, const char *wanted)
{
	if (str_equal(name, wanted) || (name_is_glob(wanted) && name_glob(wanted, name)))
		return true;
	name[name_without_clones(name)] = 0;
	return str_equal(name, wanted) || (str_starts(name, "_Z") && name_in_mangled(name, wanted));
}

/* libc.so.6, libc without what follows, lib*, or all of the path. */
static bool path_matches(const char *path, const char *wanted)
{
	const char *base = path_base(path);

	return str_equal(base, wanted) || str_equal(path, wanted) ||
	       (str_starts(base, wanted) && base[str_length(wanted)] == '.') ||
	       (name_is_glob(wanted) && !str_equal(wanted, "*") &&
	        name_glob(wanted, str_char(wanted, '/') ? path : base));
}

/* ---- symbols of a file, in small pieces ------------------------------------------------------ */

/* Keeps the ranges sorted, because this table is searched often. */
static void symbol_add(size_t *nr, const Elf64_Sym *sym)
{
	struct code_range r = { sym->st_value, sym->st_value + MAX(sym->st_size, 1u) };
	size_t at = *nr;

	if (*nr == SYMBOLS)
		return;
	while (at && scratch[at - 1].start > r.start) {
		scratch[at] = scratch[at - 1];
		at--;
	}
	scratch[at] = r;
	++*nr;
}

static void search_table(size_t *nr, int fd, const Elf64_Shdr *table, const Elf64_Shdr *strings, const char *wanted)
{
	static Elf64_Sym syms[64]; /* under filter_lock */
	static char name[NAME_SIZE];
	uint64_t n = table->sh_size / sizeof(Elf64_Sym);

	for (uint64_t i = 0; i < n; i += ARRAY_SIZE(syms)) {
		ssize_t got = os_pread(fd, syms, sizeof(syms), table->sh_offset + i * sizeof(Elf64_Sym));

		for (size_t k = 0; got > 0 && k < (size_t)got / sizeof(Elf64_Sym) && i + k < n; k++) {
			ssize_t len;

			if (ELF64_ST_TYPE(syms[k].st_info) != STT_FUNC || syms[k].st_shndx == SHN_UNDEF ||
			    syms[k].st_name >= strings->sh_size)
				continue;
			len = os_pread(fd, name, sizeof(name) - 1, strings->sh_offset + syms[k].st_name);
			if (len <= 0)
				continue;
			name[len] = 0;
			if (name_matches(name, wanted))
				symbol_add(nr, &syms[k]);
		}
		if (got < (ssize_t)sizeof(Elf64_Sym))
			break;
	}
}

static bool section_read(int fd, const Elf64_Ehdr *eh, unsigned i, Elf64_Shdr *sh)
{
	return i < eh->e_shnum &&
	       os_pread(fd, sh, sizeof(*sh), eh->e_shoff + (uint64_t)i * sizeof(*sh)) == (ssize_t)sizeof(*sh);
}

static bool search_sections(size_t *nr, int fd, const Elf64_Ehdr *eh, uint32_t type, const char *wanted)
{
	Elf64_Shdr table, strings;

	for (unsigned i = 0; section_read(fd, eh, i, &table); i++)
		if (table.sh_type == type && section_read(fd, eh, table.sh_link, &strings)) {
			search_table(nr, fd, &table, &strings, wanted);
			return true;
		}
	return false;
}

/* Returns how many ranges are in scratch. */
static size_t search_file(const char *path, const char *wanted)
{
	Elf64_Ehdr eh;
	int fd = os_filter_set() ? -1 : os_open(path, O_RDONLY | O_CLOEXEC, 0);
	size_t nr = 0;

	if (fd < 0)
		return 0;
	if (os_pread(fd, &eh, sizeof(eh), 0) == (ssize_t)sizeof(eh) && mem_compare(eh.e_ident, ELFMAG, SELFMAG) == 0 &&
	    eh.e_ident[EI_CLASS] == ELFCLASS64 && eh.e_shentsize == sizeof(Elf64_Shdr) &&
	    !search_sections(&nr, fd, &eh, SHT_SYMTAB, wanted))
		search_sections(&nr, fd, &eh, SHT_DYNSYM, wanted);
	os_close(fd);
	return nr;
}

/* ---- modules --------------------------------------------------------------------------------- */

struct taking {
	struct stack_filter *f;
	struct filter_module *m;
};

static void ranges_take(void *ctx, const struct code_range *ranges, size_t nr)
{
	const struct taking *t = ctx;
	struct code_range *kept = nr ? meta_alloc(nr * sizeof(*kept), COST_FENCE) : NULL;

	if (!kept)
		return;
	mem_copy(kept, ranges, nr * sizeof(*kept));
	t->m->ranges = kept;
	t->m->nr = (uint32_t)nr;
	t->f->known = true;
}

static void module_search(struct stack_filter *f, struct filter_module *m)
{
	struct taking t = { f, m };
	bool complete = true;

	if (!report_find_functions(&info, wanted(f), ranges_take, &t, &complete))
		ranges_take(&t, scratch, search_file(info.path, wanted(f)));
	else if (!complete && !f->told_incomplete) {
		f->told_incomplete = true;
		report_line("%s: not everything in %.300s could be looked at (symbolizer.timeout); functions inlined "
		            "there may be missing",
		            f == &fence_filter ? "fence.only" : "fail.stack", info.path);
	}
}

static uint64_t identity_of(const struct module_info *m)
{
	uint64_t id;

	_Static_assert(sizeof(m->build_id) >= sizeof(id), "a part of the build id identifies the module");
	mem_copy(&id, m->build_id, sizeof(id));
	return id;
}

static bool module_is_there(const struct filter_module *m)
{
	return module_find(m->pc, 0, &info) && !info.unloaded && info.start == m->start && info.bias == m->bias &&
	       identity_of(&info) == m->identity;
}

/* Under filter_lock. */
static const struct filter_module *module_of(struct stack_filter *f, uintptr_t pc)
{
	struct filter_module *m;

	for (unsigned i = 0; i < f->nr_modules; i++)
		if (pc - f->modules[i].start < f->modules[i].end - f->modules[i].start)
			return &f->modules[i];
	if (f->nr_modules == MODULES || !module_find(pc, 0, &info))
		return NULL;
	m = &f->modules[f->nr_modules++];
	*m = (struct filter_module){ .start = info.start,
		                     .end = info.end,
		                     .bias = info.bias,
		                     .pc = pc,
		                     .identity = identity_of(&info),
		                     .whole = path_matches(info.path, wanted(f)) };
	f->known |= m->whole;
	if (!m->whole && info.path[0])
		module_search(f, m);
	return m;
}

/* ---- stacks ---------------------------------------------------------------------------------- */

static bool frame_matches(struct stack_filter *f, uintptr_t pc)
{
	const struct filter_module *m = module_of(f, pc);
	uint32_t lo = 0, hi = m ? m->nr : 0;

	if (m && m->whole)
		return true;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (pc - m->bias >= m->ranges[mid].end)
			lo = mid + 1;
		else
			hi = mid;
	}
	return m && lo < m->nr && pc - m->bias >= m->ranges[lo].start;
}

static bool stack_matches(struct stack_filter *f, stack_handle stack)
{
	bool matches = false;
	size_t n;

	lock_acquire(&filter_lock);
	n = MIN(depot_fetch(stack, scratch_pcs, DEPTH), (size_t)DEPTH);
	for (size_t i = 0; i < n && !matches; i++)
		matches = frame_matches(f, scratch_pcs[i] - 1);
	lock_release(&filter_lock);
	return matches;
}

static bool filter_matches(struct stack_filter *f, stack_handle stack)
{
	uint64_t *answer = &f->answers[(stack * 0x9e3779b1u) >> 18], known, key = (uint64_t)stack << 2 | 2;

	if (!wanted(f)[0])
		return true;
	known = __atomic_load_n(answer, __ATOMIC_RELAXED);
	if ((known & ~1ull) == key)
		return known & 1;
	known = key | stack_matches(f, stack);
	__atomic_store_n(answer, known, __ATOMIC_RELAXED);
	if ((known & 1) && f->shared)
		__atomic_store_n(&f->shared->matched, 1, __ATOMIC_RELAXED);
	return known & 1;
}
_Static_assert(ANSWERS == 1u << (32 - 18), "the upper bits of the hash number the answers");

bool filter_matches_only(stack_handle stack)
{
	return filter_matches(&fence_filter, stack);
}

bool fence_fail_matches(stack_handle stack)
{
	return filter_matches(&fail_filter, stack);
}

/* Modules were unloaded, and others may be at their addresses now. */
static void filter_forget(struct stack_filter *f)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < f->nr_modules; i++)
		if (module_is_there(&f->modules[i]))
			f->modules[kept++] = f->modules[i];
	if (kept == f->nr_modules)
		return;
	f->nr_modules = kept;
	for (unsigned i = 0; i < ANSWERS; i++)
		__atomic_store_n(&f->answers[i], 0, __ATOMIC_RELAXED);
}

void fence_after_dlclose(void)
{
	struct stack_filter *const filters[] = { &fence_filter, &fail_filter };

	for (unsigned i = 0; i < ARRAY_SIZE(filters); i++)
		if (wanted(filters[i])[0]) {
			lock_acquire(&filter_lock);
			filter_forget(filters[i]);
			lock_release(&filter_lock);
		}
}

/* ---- start and end --------------------------------------------------------------------------- */

void filter_init(void)
{
	long p;

	lock_register_for_fork(&filter_lock);
	if (!wanted(&fence_filter)[0])
		return;
	first_process = os_getpid();
	p = arch_syscall6(SYS_mmap, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	fence_filter.shared = p > 0 ? (struct filter_shared *)p : NULL;
}

/* Each program that a script runs prints its own summary.  Children of fork print none: they are the same program as
 * their parent. */
void fence_only_summary(void)
{
	const struct stack_filter *f = &fence_filter;
	char path[256];
	const char *base;
	long n;

	if (!options.fence_only[0] || !f->shared || os_getpid() != first_process ||
	    __atomic_load_n(&f->shared->matched, __ATOMIC_RELAXED))
		return;
	n = arch_syscall6(SYS_readlink, (long)"/proc/self/exe", (long)path, sizeof(path) - 1, 0, 0, 0);
	path[MAX(n, 0)] = 0;
	base = str_last(path, '/');
	report_line("fence.only=%.300s matched no allocation of %s: %s", wanted(f), base ? base + 1 : "the program",
	            f->known ? "there is such a function or module, but it made none that could be fenced"
	                     : "no module on their stacks is called so or has a function of that name");
}
