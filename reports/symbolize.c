/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/symbolize.c - code addresses to functions and source lines: modules, their files, their ELF symbols.
 * All addresses of a module are collected before its file is opened, and then resolved together, with one pass over
 * the symbol table.  Of the DWARF, only the units that hold one of the addresses are read (symbolize_dwarf.c).  So the
 * time depends on the number of frames and not on the size of the debug information.
 * libdwfl opens the file and finds what belongs to it: the separate debug file by build id or debug link,
 * .gnu_debugdata, dwz files, compressed sections.  Every module has a Dwfl of its own, because records hold modules
 * that were mapped at the same address one after the other.  Addresses are the ELF file's own (bias 0).
 * A file whose build id differs from the loaded module's belongs to another program.  No symbols are better than
 * wrong ones. */
#include "config.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reports/reports_internal.h"

#define SERVER_PATIENCE_NS 1000000000u

struct sym_module {
	char *path;
	uint8_t build_id[BUILD_ID_MAX];
	size_t build_id_len;
	struct lookup **lookups; /* the first nr_sorted are resolved, and sorted by address */
	size_t nr, nr_sorted, room;
	bool opened;
	const char *note;
	Dwfl *dwfl;
	Dwfl_Module *mod;         /* NULL: the file cannot be read */
	struct name_index *names; /* made when a function is first looked up by name */
};

struct symbolizer {
	struct alloc_region region;
	struct deadline deadline;
	struct sym_module *modules;
	size_t nr_modules;
	char *debug_path;
	Dwfl_Callbacks callbacks;
};

/* ---- opening --------------------------------------------------------------------------------- */

/* Looks for debug files on this machine first.  Servers (DEBUGINFOD_URLS) are asked only while they answer quickly:
 * once one was slow, none is asked again for this report. */
static int find_debuginfo(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr base, const char *file,
                          const char *debuglink, GElf_Word crc, char **found)
{
	uint64_t before = deadline_now_ns();
	int fd = dwfl_standard_find_debuginfo(mod, userdata, name, base, file, debuglink, crc, found);

	if (fd < 0 && deadline_now_ns() - before > SERVER_PATIENCE_NS)
		unsetenv("DEBUGINFOD_URLS");
	return fd;
}

struct symbolizer *symbolizer_create(unsigned budget_ms)
{
	struct symbolizer *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	symbolizer_budget(s, budget_ms);
	s->callbacks.find_elf = dwfl_build_id_find_elf;
	s->callbacks.find_debuginfo = find_debuginfo;
	s->callbacks.section_address = dwfl_offline_section_address;
	s->callbacks.debuginfo_path = &s->debug_path;
	setenv("DEBUGINFOD_TIMEOUT", "2", 0);
	setenv("DEBUGINFOD_MAXTIME", "5", 0);
	return s;
}

void symbolizer_budget(struct symbolizer *s, unsigned budget_ms)
{
	deadline_set(&s->deadline, budget_ms);
}

void symbolizer_destroy(struct symbolizer *s)
{
	for (size_t i = 0; i < s->nr_modules; i++) {
		if (s->modules[i].dwfl)
			dwfl_end(s->modules[i].dwfl);
		free(s->modules[i].lookups);
	}
	free(s->modules);
	region_free(&s->region);
	free(s);
}

void symbolizer_debug_path(struct symbolizer *s, const char *path)
{
	s->debug_path = (char *)path;
}

int symbolizer_module(struct symbolizer *s, const char *path, const uint8_t *build_id, size_t build_id_len)
{
	struct sym_module *m, *grown;

	build_id_len = MIN(build_id_len, (size_t)BUILD_ID_MAX);
	build_id = build_id ? build_id : (const uint8_t *)"";
	for (size_t i = 0; i < s->nr_modules; i++) {
		m = &s->modules[i];
		if (strcmp(m->path, path) == 0 && m->build_id_len == build_id_len &&
		    memcmp(m->build_id, build_id, build_id_len) == 0)
			return (int)i;
	}
	grown = realloc(s->modules, (s->nr_modules + 1) * sizeof(*m));
	if (!grown)
		return -1;
	s->modules = grown;
	m = &s->modules[s->nr_modules];
	memset(m, 0, sizeof(*m));
	m->path = region_string(&s->region, path);
	if (!m->path)
		return -1;
	memcpy(m->build_id, build_id, build_id_len);
	m->build_id_len = build_id_len;
	return (int)s->nr_modules++;
}

/* Opens only regular files: a pipe in the file's place could make us wait forever. */
static int open_regular(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool build_id_matches(const struct sym_module *m, Dwfl_Module *mod)
{
	const unsigned char *id;
	GElf_Addr at;
	int len = dwfl_module_build_id(mod, &id, &at);

	return !m->build_id_len || (len == (int)m->build_id_len && memcmp(id, m->build_id, m->build_id_len) == 0);
}

/* Relocatable files (the kernel's modules) are laid out from here on, because nothing may lie at 0. */
#define RELOCATABLE_BASE 0x100000u

static uint64_t layout_base(int fd)
{
	Elf64_Ehdr header;

	return pread(fd, &header, sizeof(header), 0) == sizeof(header) &&
	                       memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_type == ET_REL
	               ? RELOCATABLE_BASE
	               : 0;
}

/* Opens one candidate.  Returns NULL when it is the module's file, else the reason why it is not. */
static const char *open_file(struct symbolizer *s, struct sym_module *m, const char *path)
{
	int fd = open_regular(path);

	if (fd < 0)
		return "the file cannot be opened";
	m->dwfl = dwfl_begin(&s->callbacks);
	dwfl_report_begin(m->dwfl);
	m->mod = m->dwfl ? dwfl_report_elf(m->dwfl, m->path, path, fd, layout_base(fd), true) : NULL;
	if (!m->mod)
		close(fd);
	if (m->mod && dwfl_report_end(m->dwfl, NULL, NULL) == 0 && build_id_matches(m, m->mod))
		return NULL;
	path = m->mod ? "the file has another build id than what was loaded"
	              : "the file is not an ELF file that can be read";
	m->mod = NULL;
	if (m->dwfl)
		dwfl_end(m->dwfl);
	m->dwfl = NULL;
	return path;
}

/* The debug file, found by build id, is enough when the module's file is gone or was replaced by a newer version. */
static bool open_debug_file(struct symbolizer *s, struct sym_module *m, const char *directory, size_t directory_len)
{
	char path[MODULE_PATH_MAX + 128];
	int len;

	if (m->build_id_len < 2 || !directory_len || directory[0] != '/')
		return false;
	len = snprintf(path, sizeof(path) - 3 * BUILD_ID_MAX, "%.*s/.build-id/%02x/", (int)directory_len, directory,
	               m->build_id[0]);
	if (len < 0 || (size_t)len >= sizeof(path) - 3 * BUILD_ID_MAX)
		return false;
	for (size_t i = 1; i < m->build_id_len; i++)
		len += sprintf(path + len, "%02x", m->build_id[i]);
	strcpy(path + len, ".debug");
	return open_file(s, m, path) == NULL;
}

static bool open_debug_files(struct symbolizer *s, struct sym_module *m)
{
	const char *at = s->debug_path ? s->debug_path : "/usr/lib/debug";

	for (;;) {
		size_t len = strcspn(at, ":");
		const char *directory = at + strspn(at, "+-");
		if (open_debug_file(s, m, directory, (size_t)(at + len - directory)))
			return true;
		if (!at[len])
			return false;
		at += len + 1;
	}
}

/* Fetches the debug file from a server, if DEBUGINFOD_URLS names one.  The client library is loaded only then, as in
 * elfutils. */
static bool open_from_server(struct symbolizer *s, struct sym_module *m)
{
	const char *urls = getenv("DEBUGINFOD_URLS");
	void *library, *(*begin)(void), (*end)(void *), *client = NULL;
	int (*find)(void *, const unsigned char *, int, char **), fd = -1;
	uint64_t before = deadline_now_ns();
	char *path = NULL;

	if (!m->build_id_len || !urls || !urls[0] || !(library = dlopen("libdebuginfod.so.1", RTLD_LAZY)))
		return false;
	*(void **)&begin = dlsym(library, "debuginfod_begin");
	*(void **)&end = dlsym(library, "debuginfod_end");
	*(void **)&find = dlsym(library, "debuginfod_find_debuginfo");
	if (begin && end && find && (client = begin()) != NULL) {
		fd = find(client, m->build_id, (int)m->build_id_len, &path);
		end(client);
	}
	if (fd < 0 && deadline_now_ns() - before > SERVER_PATIENCE_NS)
		unsetenv("DEBUGINFOD_URLS");
	if (fd >= 0) {
		close(fd);
		fd = open_file(s, m, path) == NULL ? 0 : -1;
	}
	free(path);
	return fd == 0;
}

static void module_open(struct symbolizer *s, struct sym_module *m)
{
	if (m->opened)
		return;
	if (deadline_passed(&s->deadline)) {
		m->note = "not read: there was no time left";
		return;
	}
	m->opened = true;
	m->note = open_file(s, m, m->path);
	if (m->note && (open_debug_files(s, m) || open_from_server(s, m)))
		m->note = NULL;
}

/* ---- ELF symbols ----------------------------------------------------------------------------- */

/* Rates a symbol that holds an address: one with a size before one without, global before weak before local.  Of
 * equal ones the later start wins. */
static int symbol_rank(const GElf_Sym *sym)
{
	int rank = sym->st_size ? 8 : 0;
	int bind = GELF_ST_BIND(sym->st_info);

	return rank + (bind == STB_GLOBAL ? 2 : bind == STB_WEAK ? 1 : 0);
}

static bool symbol_is_code(const GElf_Sym *sym, const char *name, GElf_Word section)
{
	int type = GELF_ST_TYPE(sym->st_info);

	return name && name[0] && section != SHN_UNDEF &&
	       (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE);
}

/* Index of the first lookup at or behind addr. */
static size_t lookup_from(struct lookup **lookups, size_t n, uint64_t addr)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (lookups[mid]->addr < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void symbol_offer(struct lookup *l, const GElf_Sym *sym, const char *name, uint64_t start)
{
	int rank = symbol_rank(sym);
	bool better = !l->elf_name || rank / 8 > l->elf_rank / 8 ||
	              (rank / 8 == l->elf_rank / 8 &&
	               (start > l->elf_start || (start == l->elf_start && rank > l->elf_rank)));

	if (!better)
		return;
	l->elf_name = name;
	l->elf_start = start;
	l->elf_size = sym->st_size;
	l->elf_rank = rank;
}

/* A symbol without a size ends at the next symbol, at the latest at the end of its section.  It is offered to all
 * addresses up to there; lookups_bound takes it back from those behind another symbol. */
static uint64_t symbol_end(Dwfl_Module *mod, const GElf_Sym *sym, GElf_Word section, uint64_t start)
{
	GElf_Addr bias;
	GElf_Shdr header;
	Elf *elf;
	Elf_Scn *scn;

	if (sym->st_size)
		return start + sym->st_size < start ? UINT64_MAX : start + sym->st_size;
	elf = dwfl_module_getelf(mod, &bias);
	scn = elf && section < SHN_LORESERVE ? elf_getscn(elf, section) : NULL;
	if (!scn || !gelf_getshdr(scn, &header) || start - (header.sh_addr + bias) >= header.sh_size)
		return start;
	return header.sh_addr + bias + header.sh_size;
}

/* An address without a symbol of its own (a static function of a stripped library) does not belong to a function far
 * below that happens to have no size.  Each lookup knows the nearest start since the lookup before. */
static void lookups_bound(struct lookup **lookups, size_t n)
{
	uint64_t nearest = 0;

	for (size_t k = 0; k < n; k++) {
		struct lookup *l = lookups[k];

		if (l->elf_nearest > nearest)
			nearest = l->elf_nearest;
		if (l->elf_name && !l->elf_size && l->elf_start < nearest)
			l->elf_name = NULL;
	}
}

static void resolve_elf(struct symbolizer *s, struct sym_module *m, struct lookup **lookups, size_t n)
{
	int nr = dwfl_module_getsymtab(m->mod);

	for (int i = 1; i < nr; i++) {
		GElf_Sym sym;
		GElf_Addr start;
		GElf_Word section;
		const char *name = dwfl_module_getsym_info(m->mod, i, &sym, &start, &section, NULL, NULL);
		uint64_t end;
		size_t first;

		if (!symbol_is_code(&sym, name, section) || lookups[n - 1]->addr < start)
			continue;
		if (i % 4096 == 0 && deadline_passed(&s->deadline))
			break;
		end = symbol_end(m->mod, &sym, section, start);
		first = lookup_from(lookups, n, start);
		if (start > lookups[first]->elf_nearest)
			lookups[first]->elf_nearest = start;
		for (size_t k = first; k < n && lookups[k]->addr < end; k++)
			symbol_offer(lookups[k], &sym, name, start);
	}
	lookups_bound(lookups, n);
}

/* libc starts the program and each thread, so it has frames in every report, and its compressed debug information
 * takes longer to unpack than all the rest.  Nobody needs the lines of these functions. */
static bool only_starts_program(struct lookup **lookups, size_t n)
{
	static const char *const starters[] = {
		"__libc_start_main",
		"__libc_start_call_main",
		"__libc_start_main_impl",
		"start_thread",
		"clone",
		"__clone",
		"clone3",
		"__clone3",
		"__GI___clone",
		"__GI___clone3",
		"__clone_internal",
	};

	for (size_t i = 0; i < n; i++) {
		const char *name = lookups[i]->elf_name;
		size_t len = name ? strcspn(name, "@") : 0;
		bool known = false;
		for (size_t k = 0; name && k < ARRAY_SIZE(starters); k++)
			known |= strlen(starters[k]) == len && memcmp(name, starters[k], len) == 0;
		if (!known)
			return false;
	}
	return true;
}

/* Fills in what the ELF symbol alone tells. */
static void lookup_finish(struct symbolizer *s, struct lookup *l)
{
	struct report_symbol *symbol;

	l->resolved = true;
	if (l->nr || !l->elf_name)
		return;
	symbol = region_alloc(&s->region, sizeof(*symbol));
	if (!symbol)
		return;
	symbol->function = demangle_symbol(&s->region, l->elf_name);
	symbol->offset = l->addr - l->elf_start;
	symbol->size = l->elf_size;
	l->symbols = symbol;
	l->nr = 1;
}

/* ---- lookups --------------------------------------------------------------------------------- */

static struct lookup *lookup_find(struct lookup **lookups, size_t n, uint64_t addr)
{
	size_t i = lookup_from(lookups, n, addr);

	return i < n && lookups[i]->addr == addr ? lookups[i] : NULL;
}

static int lookup_order(const void *a, const void *b)
{
	const struct lookup *x = *(struct lookup *const *)a, *y = *(struct lookup *const *)b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

void symbolizer_want(struct symbolizer *s, int module, uint64_t addr)
{
	struct sym_module *m;
	struct lookup *l;

	if (module < 0 || (size_t)module >= s->nr_modules)
		return;
	m = &s->modules[module];
	if (lookup_find(m->lookups, m->nr_sorted, addr))
		return;
	if (m->nr == m->room) {
		size_t room = m->room ? m->room * 2 : 64;
		struct lookup **grown = realloc(m->lookups, room * sizeof(*grown));
		if (!grown)
			return;
		m->lookups = grown;
		m->room = room;
	}
	l = region_alloc(&s->region, sizeof(*l));
	if (!l)
		return;
	l->addr = addr;
	m->lookups[m->nr++] = l;
}

/* Sorts the new lookups and drops doubles (which stay in the region). */
static size_t lookups_unique(struct lookup **lookups, size_t n)
{
	size_t kept = 0;

	qsort(lookups, n, sizeof(*lookups), lookup_order);
	for (size_t i = 0; i < n; i++)
		if (!kept || lookups[kept - 1]->addr != lookups[i]->addr)
			lookups[kept++] = lookups[i];
	return kept;
}

static void module_resolve(struct symbolizer *s, struct sym_module *m)
{
	struct lookup **fresh = m->lookups + m->nr_sorted;
	size_t n = lookups_unique(fresh, m->nr - m->nr_sorted);
	Dwarf_Addr bias = 0;
	Dwarf *dwarf;

	module_open(s, m);
	if (m->mod && n) {
		resolve_elf(s, m, fresh, n);
		dwarf = only_starts_program(fresh, n) ? NULL : dwfl_module_getdwarf(m->mod, &bias);
		if (dwarf)
			dwarf_resolve(&s->region, &s->deadline, dwarf, bias, fresh, n);
	}
	for (size_t i = 0; i < n; i++)
		lookup_finish(s, fresh[i]);
	m->nr = m->nr_sorted + n;
	qsort(m->lookups, m->nr, sizeof(*m->lookups), lookup_order);
	m->nr_sorted = m->nr;
}

const struct report_symbol *symbolizer_lookup(struct symbolizer *s, int module, uint64_t addr, size_t *nr)
{
	struct sym_module *m;
	struct lookup *l;

	*nr = 0;
	if (module < 0 || (size_t)module >= s->nr_modules)
		return NULL;
	m = &s->modules[module];
	symbolizer_want(s, module, addr);
	if (m->nr != m->nr_sorted)
		module_resolve(s, m);
	l = lookup_find(m->lookups, m->nr, addr);
	if (!l)
		return NULL;
	*nr = l->nr;
	return l->symbols;
}

bool symbolizer_function(struct symbolizer *s, int module, const char *name, uint64_t size, uint64_t *start)
{
	struct sym_module *m;

	if (module < 0 || (size_t)module >= s->nr_modules)
		return false;
	m = &s->modules[module];
	module_open(s, m);
	if (m->mod && !m->names)
		m->names = names_build(&s->region, m->mod);
	return m->names && names_find(m->names, name, size, start);
}

bool symbolizer_functions(struct symbolizer *s, int module, const char *pattern, struct code_range **ranges, size_t *nr)
{
	struct sym_module *m;

	*ranges = NULL;
	*nr = 0;
	if (module < 0 || (size_t)module >= s->nr_modules)
		return false;
	m = &s->modules[module];
	module_open(s, m);
	return m->mod && functions_search(m->mod, pattern, &s->deadline, ranges, nr);
}

const char *symbolizer_note(struct symbolizer *s, int module)
{
	return module >= 0 && (size_t)module < s->nr_modules ? s->modules[module].note : NULL;
}

/* ---- a whole record -------------------------------------------------------------------------- */

struct attached {
	struct symbolizer *symbolizer;
	int modules[REPORT_MODULES];
	struct report_symbol last[64]; /* what attached_frame returned last */
};

static uint64_t frame_address(const struct report_record *r, const struct report_frame *f)
{
	return f->pc - r->modules[f->module].bias - (f->exact ? 0 : 1);
}

static const struct report_symbol *attached_frame(void *ctx, const struct report_record *r,
                                                  const struct report_frame *f, size_t *nr)
{
	struct attached *a = ctx;
	const struct report_symbol *found;
	size_t n, skip;

	*nr = 0;
	if (f->module >= r->nr_modules)
		return NULL;
	found = symbolizer_lookup(a->symbolizer, a->modules[f->module], frame_address(r, f), &n);
	if (!n)
		return NULL;
	skip = n > ARRAY_SIZE(a->last) ? n - ARRAY_SIZE(a->last) : 0;
	*nr = n - skip;
	memcpy(a->last, found + skip, *nr * sizeof(*found));
	/* the kernel prints the return address, and not the address that was looked up */
	a->last[*nr - 1].offset += f->exact ? 0 : 1;
	return a->last;
}

static const char *attached_note(void *ctx, const struct report_record *r, unsigned module)
{
	struct attached *a = ctx;

	return module < r->nr_modules ? symbolizer_note(a->symbolizer, a->modules[module]) : NULL;
}

bool symbolizer_attach(struct symbolizer *s, const struct report_record *r, struct report_symbols *symbols)
{
	struct attached *a = region_alloc(&s->region, sizeof(*a));

	if (!a)
		return false;
	a->symbolizer = s;
	for (uint32_t i = 0; i < r->nr_modules; i++) {
		const struct report_module *m = &r->modules[i];
		a->modules[i] = symbolizer_module(s, report_str(r, m->path), m->build_id, m->build_id_len);
	}
	for (uint32_t i = 0; i < r->nr_stacks; i++)
		for (uint32_t j = 0; j < r->stacks[i].nr_frames; j++) {
			const struct report_frame *f = &r->stacks[i].frames[j];
			if (f->module < r->nr_modules)
				symbolizer_want(s, a->modules[f->module], frame_address(r, f));
		}
	*symbols = (struct report_symbols){ .ctx = a, .frame = attached_frame, .note = attached_note };
	return true;
}

void symbolizer_name_data(struct symbolizer *s, struct report_record *r)
{
	const struct report_module *m;
	int module;

	if (!r->data_at || r->data_module >= r->nr_modules)
		return;
	m = &r->modules[r->data_module];
	module = symbolizer_module(s, report_str(r, m->path), m->build_id, m->build_id_len);
	if (module < 0)
		return;
	module_open(s, &s->modules[module]);
	if (s->modules[module].mod)
		variable_name(r, s->modules[module].mod, &s->deadline, &s->region);
}
