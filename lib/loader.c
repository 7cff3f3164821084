/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/loader.c - which dynamic loader starts a program, and can this loader load memsan's library?
 *
 * A loader that cannot load a library of LD_PRELOAD has two ways to say so.  glibc's prints an error line and goes on
 * when the file is missing or of another machine, but ends the program when the library needs a newer glibc.  musl's
 * ends the program, because the library's functions are missing.  So the program's file is read before it is started:
 *
 *      e_machine, EI_CLASS    another processor or word size
 *      PT_INTERP              the loader's path; without it the program is static, or is a loader itself
 *      libc.so.6              glibc, beside its loader: the newest version that it defines (.gnu.version_d) …
 *      libmemsan.so           … must not be older than the newest one that memsan needs (.gnu.version_r)
 *      DT_NEEDED, .dynsym     libasan and the like replace malloc too, and end a program that loads memsan first; they
 *                             are libraries, or linked into the program (clang's default, gcc's -static-libasan)
 *
 * The loader that memsan itself was built for needs no look at its libc.
 *
 * Everything in the files is untrusted: all is read with pread, and a broken file is LOADER_UNKNOWN.
 */
#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "lib/lib.h"

#define HEADERS_MAX 1024  /* program or section headers that are looked at */
#define VERSIONS_MAX 4096 /* the same, of version records */
#define SYMBOLS_MAX 8192  /* the same, of symbols that the program does not define */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

static bool read_at(int fd, void *to, size_t size, uint64_t offset)
{
	return os_pread(fd, to, size, offset) == (ssize_t)size;
}

/* The text at this offset, NUL-terminated and perhaps cut. */
static bool read_text(int fd, char *to, size_t size, uint64_t offset)
{
	ssize_t n = os_pread(fd, to, size - 1, offset);

	if (n <= 0)
		return false;
	to[n] = '\0';
	return true;
}

static bool read_header(int fd, Elf64_Ehdr *ehdr)
{
	return read_at(fd, ehdr, sizeof(*ehdr), 0) && mem_compare(ehdr->e_ident, ELFMAG, SELFMAG) == 0;
}

bool loader_script(int fd, char *out, size_t size)
{
	char line[256];
	const char *start = line + 2;
	size_t len = 0;

	if (!read_text(fd, line, sizeof(line), 0) || line[0] != '#' || line[1] != '!')
		return false;
	while (*start == ' ' || *start == '\t')
		start++;
	while (start[len] && start[len] != ' ' && start[len] != '\t' && start[len] != '\n')
		len++;
	if (!len || len >= size)
		return false;
	mem_copy(out, start, len);
	out[len] = '\0';
	return true;
}

/* ---- glibc's versions ------------------------------------------------------------------------ */

/* 36 for "GLIBC_2.36"; 0: the name is none of that kind. */
static unsigned version_minor(const char *name)
{
	static const char prefix[] = "GLIBC_2.";
	uint64_t minor;

	return str_starts(name, prefix) && number_decimal(name + sizeof(prefix) - 1, &minor) && minor < 10000
	               ? (unsigned)minor
	               : 0;
}

static unsigned version_at(int fd, const Elf64_Shdr *strings, uint32_t offset)
{
	char name[16];

	return offset < strings->sh_size && read_text(fd, name, sizeof(name), strings->sh_offset + offset)
	               ? version_minor(name)
	               : 0;
}

static unsigned newest_defined(int fd, const Elf64_Shdr *section, const Elf64_Shdr *strings)
{
	uint64_t at = section->sh_offset;
	unsigned newest = 0;
	Elf64_Verdaux aux;
	Elf64_Verdef def;

	for (int i = 0; i < VERSIONS_MAX && read_at(fd, &def, sizeof(def), at); i++) {
		if (read_at(fd, &aux, sizeof(aux), at + def.vd_aux))
			newest = MAX(newest, version_at(fd, strings, aux.vda_name));
		if (!def.vd_next)
			break;
		at += def.vd_next;
	}
	return newest;
}

static unsigned newest_of_need(int fd, const Elf64_Shdr *strings, uint64_t at, int *left)
{
	unsigned newest = 0;
	Elf64_Vernaux aux;

	while ((*left)-- > 0 && read_at(fd, &aux, sizeof(aux), at)) {
		newest = MAX(newest, version_at(fd, strings, aux.vna_name));
		if (!aux.vna_next)
			break;
		at += aux.vna_next;
	}
	return newest;
}

static unsigned newest_needed(int fd, const Elf64_Shdr *section, const Elf64_Shdr *strings)
{
	uint64_t at = section->sh_offset;
	int left = VERSIONS_MAX;
	unsigned newest = 0;
	Elf64_Verneed need;

	while (left-- > 0 && read_at(fd, &need, sizeof(need), at)) {
		newest = MAX(newest, newest_of_need(fd, strings, at + need.vn_aux, &left));
		if (!need.vn_next)
			break;
		at += need.vn_next;
	}
	return newest;
}

/* The newest version of glibc that the file defines (SHT_GNU_verdef) or needs (SHT_GNU_verneed); 0: none. */
static unsigned newest_version(const char *path, uint32_t type)
{
	int fd = os_open(path, OPEN_FLAGS, 0);
	unsigned newest = 0;
	Elf64_Ehdr ehdr;
	Elf64_Shdr section, strings;

	if (fd < 0)
		return 0;
	if (read_header(fd, &ehdr) && ehdr.e_shentsize == sizeof(section)) {
		for (unsigned i = 0; i < ehdr.e_shnum && i < HEADERS_MAX && !newest; i++) {
			if (!read_at(fd, &section, sizeof(section), ehdr.e_shoff + i * sizeof(section)))
				break;
			if (section.sh_type != type || section.sh_link >= ehdr.e_shnum ||
			    !read_at(fd, &strings, sizeof(strings), ehdr.e_shoff + section.sh_link * sizeof(strings)))
				continue;
			newest = type == SHT_GNU_verdef ? newest_defined(fd, &section, &strings)
			                                : newest_needed(fd, &section, &strings);
		}
	}
	os_close(fd);
	return newest;
}

/* ---- the loader ------------------------------------------------------------------------------ */

static bool same_file(int a, int b)
{
	struct stat x, y;

	return arch_syscall6(SYS_fstat, a, (long)&x, 0, 0, 0, 0) == 0 &&
	       arch_syscall6(SYS_fstat, b, (long)&y, 0, 0, 0, 0) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Is it the loader that this build of memsan uses? */
static bool is_standard(int fd)
{
	int standard = os_open(ARCH_LOADER, OPEN_FLAGS, 0);
	bool same = standard >= 0 && same_file(fd, standard);

	if (standard >= 0)
		os_close(standard);
	return same;
}

/* The name of glibc beside the loader that is open here. */
static bool libc_beside(int fd, char *path, size_t size)
{
	char link[32];
	struct fmt_buf b;
	long n;

	fmt_init(&b, link, sizeof(link));
	fmt_printf(&b, "/proc/self/fd/%d", fd);
	n = arch_syscall6(SYS_readlink, (long)link, (long)path, (long)size - 1, 0, 0, 0);
	while (n > 0 && path[n - 1] != '/')
		n--;
	if (n <= 0)
		return false;
	path[n] = '\0';
	return (size_t)n + str_copy(path + n, "libc.so.6", size - (size_t)n) < size - 1;
}

static enum loader_verdict judge_loader(int fd, const char *library, struct loader_answer *a)
{
	char libc[512];

	if (is_standard(fd))
		return LOADER_LOADS;
	a->has = libc_beside(fd, libc, sizeof(libc)) ? newest_version(libc, SHT_GNU_verdef) : 0;
	if (!a->has)
		return LOADER_OTHER;
	a->needs = newest_version(library, SHT_GNU_verneed);
	return a->has < a->needs ? LOADER_OLD : LOADER_LOADS;
}

/* Where the file has the byte that the loader puts at this address; 0: nowhere. */
static uint64_t file_offset(int fd, const Elf64_Ehdr *ehdr, uint64_t address)
{
	Elf64_Phdr phdr;

	for (unsigned i = 0; i < ehdr->e_phnum && i < HEADERS_MAX; i++) {
		if (!read_at(fd, &phdr, sizeof(phdr), ehdr->e_phoff + i * sizeof(phdr)))
			return 0;
		if (phdr.p_type == PT_LOAD && address - phdr.p_vaddr < phdr.p_filesz)
			return phdr.p_offset + (address - phdr.p_vaddr);
	}
	return 0;
}

/* ---- another sanitizer ----------------------------------------------------------------------- */

/* Where the file has what the dynamic section names; 0: it names none. */
struct dynamic_tables {
	uint64_t strings, symbols, gnu_hash, hash;
};

static void read_tables(int fd, const Elf64_Ehdr *ehdr, const Elf64_Phdr *dynamic, struct dynamic_tables *t)
{
	uint64_t nr = MIN(dynamic->p_filesz / sizeof(Elf64_Dyn), (uint64_t)HEADERS_MAX);
	Elf64_Dyn dyn;

	mem_set(t, 0, sizeof(*t));
	for (uint64_t i = 0; i < nr && read_at(fd, &dyn, sizeof(dyn), dynamic->p_offset + i * sizeof(dyn)); i++) {
		if (dyn.d_tag == DT_NULL)
			break;
		if (dyn.d_tag == DT_STRTAB)
			t->strings = file_offset(fd, ehdr, dyn.d_un.d_ptr);
		else if (dyn.d_tag == DT_SYMTAB)
			t->symbols = file_offset(fd, ehdr, dyn.d_un.d_ptr);
		else if (dyn.d_tag == DT_GNU_HASH)
			t->gnu_hash = file_offset(fd, ehdr, dyn.d_un.d_ptr);
		else if (dyn.d_tag == DT_HASH)
			t->hash = file_offset(fd, ehdr, dyn.d_un.d_ptr);
	}
}

/* Has the symbol of this index that name, and is it defined, or not? */
static bool symbol_is(int fd, const struct dynamic_tables *t, uint32_t index, bool defined, const char *name)
{
	char text[32];
	Elf64_Sym sym;

	return read_at(fd, &sym, sizeof(sym), t->symbols + (uint64_t)index * sizeof(sym)) &&
	       (sym.st_shndx != SHN_UNDEF) == defined && read_text(fd, text, sizeof(text), t->strings + sym.st_name) &&
	       str_equal(text, name);
}

static bool gnu_hash_finds(int fd, const struct dynamic_tables *t, const char *name)
{
	struct {
		uint32_t buckets, first, bloom, shift;
	} head;
	uint32_t h = 5381, index, link;
	uint64_t at;

	for (const char *c = name; *c; c++)
		h = h * 33 + (unsigned char)*c;
	if (!read_at(fd, &head, sizeof(head), t->gnu_hash) || !head.buckets)
		return false;
	at = t->gnu_hash + sizeof(head) + head.bloom * sizeof(uint64_t);
	if (!read_at(fd, &index, sizeof(index), at + h % head.buckets * sizeof(index)) || index < head.first)
		return false;
	at += head.buckets * sizeof(index);
	for (int i = 0; i < HEADERS_MAX; i++, index++) {
		if (!read_at(fd, &link, sizeof(link), at + (uint64_t)(index - head.first) * sizeof(link)))
			return false;
		if ((link | 1) == (h | 1) && symbol_is(fd, t, index, true, name))
			return true;
		if (link & 1)
			return false;
	}
	return false;
}

static bool hash_finds(int fd, const struct dynamic_tables *t, const char *name)
{
	struct {
		uint32_t buckets, chains;
	} head;
	uint32_t h = 0, index;
	uint64_t at = t->hash + sizeof(head);

	for (const char *c = name; *c; c++) {
		h = (h << 4) + (unsigned char)*c;
		h = (h ^ (h >> 24 & 0xf0)) & 0x0fffffff;
	}
	if (!read_at(fd, &head, sizeof(head), t->hash) || !head.buckets ||
	    !read_at(fd, &index, sizeof(index), at + h % head.buckets * sizeof(index)))
		return false;
	for (int i = 0; i < HEADERS_MAX && index; i++) {
		if (symbol_is(fd, t, index, true, name))
			return true;
		if (!read_at(fd, &index, sizeof(index), at + ((uint64_t)head.buckets + index) * sizeof(index)))
			return false;
	}
	return false;
}

static bool is_defined(int fd, const struct dynamic_tables *t, const char *name)
{
	return t->gnu_hash ? gnu_hash_finds(fd, t, name) : hash_finds(fd, t, name);
}

/* Does the program refer to a function that it does not define?  The GNU hash table leaves these out: they come first
 * in the symbol table. */
static bool is_undefined(int fd, const struct dynamic_tables *t, const char *name)
{
	uint32_t head[2] = { 0, 0 };

	if (t->gnu_hash ? !read_at(fd, head, sizeof(head), t->gnu_hash) : !read_at(fd, head, sizeof(head), t->hash))
		return false;
	/* In both tables the second word: the first symbol that is hashed, or the number of all symbols. */
	for (uint32_t i = 1; i < MIN(head[1], (uint32_t)SYMBOLS_MAX); i++)
		if (symbol_is(fd, t, i, false, name))
			return true;
	return false;
}

/* A sanitizer's function in a program that has its own malloc, or NULL.  clang exports all functions of its runtimes.
 * gcc exports those that libraries use, but the hook of the symbolizer, which programs need not define, is named. */
static const char *linked_sanitizer(int fd, const struct dynamic_tables *t)
{
	static const char *const names[] = { "__asan_init", "__tsan_init", "__msan_init", "__hwasan_init",
		                             "__lsan_init" };
	static const char hook[] = "__sanitizer_symbolize_code";

	if (!t->symbols || !t->strings || (!t->gnu_hash && !t->hash) || !is_defined(fd, t, "malloc"))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (is_defined(fd, t, names[i]))
			return names[i];
	return is_undefined(fd, t, hook) ? hook : NULL;
}

/* A program that is linked with libmemsan.a has the runtime's code in a section of its own. */
static bool holds_memsan(int fd, const Elf64_Ehdr *ehdr)
{
	Elf64_Shdr section, names;
	char name[16];

	if (ehdr->e_shentsize != sizeof(section) ||
	    !read_at(fd, &names, sizeof(names), ehdr->e_shoff + ehdr->e_shstrndx * sizeof(names)))
		return false;
	for (unsigned i = 0; i < ehdr->e_shnum && i < HEADERS_MAX; i++)
		if (read_at(fd, &section, sizeof(section), ehdr->e_shoff + i * sizeof(section)) &&
		    read_text(fd, name, sizeof(name), names.sh_offset + section.sh_name) &&
		    str_equal(name, "memsan_text"))
			return true;
	return false;
}

static const char *sanitizer_named(const char *name)
{
	static const char *const libraries[] = { "libasan.so",         "libtsan.so",      "liblsan.so",
		                                 "libhwasan.so",       "libmsan.so",      "libclang_rt.asan",
		                                 "libclang_rt.hwasan", "libclang_rt.tsan" };

	for (size_t i = 0; i < ARRAY_SIZE(libraries); i++)
		if (str_starts(name, libraries[i]))
			return libraries[i];
	return NULL;
}

/* Another sanitizer's library in DT_NEEDED, or NULL. */
static const char *needed_sanitizer(int fd, const Elf64_Phdr *dynamic, uint64_t strings)
{
	uint64_t nr = MIN(dynamic->p_filesz / sizeof(Elf64_Dyn), (uint64_t)HEADERS_MAX);
	const char *found = NULL;
	Elf64_Dyn dyn;
	char name[32];

	for (uint64_t i = 0; i < nr && strings && !found; i++) {
		if (!read_at(fd, &dyn, sizeof(dyn), dynamic->p_offset + i * sizeof(dyn)) || dyn.d_tag == DT_NULL)
			break;
		if (dyn.d_tag == DT_NEEDED && read_text(fd, name, sizeof(name), strings + dyn.d_un.d_val))
			found = sanitizer_named(name);
	}
	return found;
}

static const char *find_sanitizer(int fd, const Elf64_Ehdr *ehdr, const Elf64_Phdr *dynamic)
{
	struct dynamic_tables tables;
	const char *found;

	read_tables(fd, ehdr, dynamic, &tables);
	found = needed_sanitizer(fd, dynamic, tables.strings);
	if (found)
		return found;
	found = linked_sanitizer(fd, &tables);
	return found && !holds_memsan(fd, ehdr) ? found : NULL;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void judge_interpreter(int program, const Elf64_Phdr *interp, const char *library, struct loader_answer *a)
{
	int fd;

	if (!read_text(program, a->loader, MIN(sizeof(a->loader), interp->p_filesz), interp->p_offset))
		return;
	if (str_equal(a->loader, ARCH_LOADER)) {
		a->verdict = LOADER_LOADS;
		return;
	}
	fd = os_open(a->loader, OPEN_FLAGS, 0);
	if (fd < 0)
		return; /* the kernel will say that it is missing */
	a->verdict = judge_loader(fd, library, a);
	os_close(fd);
}

/* A loader is position-independent, has no PT_INTERP, and is not marked as a program (DF_1_PIE) as static-pie is. */
static bool is_loader(int fd, const Elf64_Ehdr *ehdr, const Elf64_Phdr *dynamic)
{
	Elf64_Dyn dyn;

	if (ehdr->e_type != ET_DYN || !dynamic->p_filesz)
		return false;
	for (unsigned i = 0; i < HEADERS_MAX; i++) {
		if (!read_at(fd, &dyn, sizeof(dyn), dynamic->p_offset + i * sizeof(dyn)) || dyn.d_tag == DT_NULL)
			break;
		if (dyn.d_tag == DT_FLAGS_1 && (dyn.d_un.d_val & DF_1_PIE))
			return false;
	}
	return true;
}

/* The 32-bit headers differ in layout, but PT_INTERP is all that is asked. */
static bool foreign_interpreter(int fd, char *out, size_t size)
{
	Elf32_Ehdr ehdr;
	Elf32_Phdr phdr;

	if (!read_at(fd, &ehdr, sizeof(ehdr), 0) || ehdr.e_phentsize != sizeof(phdr))
		return false;
	for (unsigned i = 0; i < ehdr.e_phnum && i < HEADERS_MAX; i++) {
		if (!read_at(fd, &phdr, sizeof(phdr), ehdr.e_phoff + i * sizeof(phdr)))
			return false;
		if (phdr.p_type == PT_INTERP && phdr.p_filesz)
			return read_text(fd, out, MIN(size, phdr.p_filesz), phdr.p_offset);
	}
	return false;
}

/* Finds the two program headers that matter; their p_filesz is 0 where there is none. */
static bool find_headers(int fd, const Elf64_Ehdr *ehdr, Elf64_Phdr *interp, Elf64_Phdr *dynamic)
{
	Elf64_Phdr phdr;

	interp->p_filesz = dynamic->p_filesz = 0;
	if (ehdr->e_phentsize != sizeof(phdr))
		return false;
	for (unsigned i = 0; i < ehdr->e_phnum && i < HEADERS_MAX; i++) {
		if (!read_at(fd, &phdr, sizeof(phdr), ehdr->e_phoff + i * sizeof(phdr)))
			return false;
		if (phdr.p_type == PT_INTERP && !interp->p_filesz)
			*interp = phdr;
		if (phdr.p_type == PT_DYNAMIC)
			*dynamic = phdr;
	}
	return true;
}

/* Another processor or word size. */
static void judge_foreign(int fd, const Elf64_Ehdr *ehdr, struct loader_answer *a)
{
	Elf64_Phdr interp, dynamic;
	bool has_loader = true; /* also where the bytes are in the other order, and are not read here */

	if (ehdr->e_ident[EI_DATA] == ELFDATA2LSB)
		has_loader = ehdr->e_ident[EI_CLASS] == ELFCLASS32
		                     ? foreign_interpreter(fd, a->loader, sizeof(a->loader))
		                     : find_headers(fd, ehdr, &interp, &dynamic) && interp.p_filesz;
	a->verdict = has_loader ? LOADER_MACHINE : LOADER_NONE;
}

void loader_ask(int fd, const char *library, struct loader_answer *a)
{
	Elf64_Phdr interp, dynamic;
	Elf64_Ehdr ehdr;

	mem_set(a, 0, sizeof(*a));
	if (!read_header(fd, &ehdr))
		return;
	if (ehdr.e_machine != ARCH_ELF_MACHINE || ehdr.e_ident[EI_CLASS] != ELFCLASS64) {
		judge_foreign(fd, &ehdr, a);
	} else if (!find_headers(fd, &ehdr, &interp, &dynamic)) {
		return;
	} else if (interp.p_filesz) {
		judge_interpreter(fd, &interp, library, a);
		a->sanitizer = find_sanitizer(fd, &ehdr, &dynamic);
	} else {
		a->is_loader = is_loader(fd, &ehdr, &dynamic);
		a->verdict = a->is_loader ? judge_loader(fd, library, a) : LOADER_NONE;
	}
}
