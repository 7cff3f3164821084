/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/intercept/libc_library.c - interceptors of functions in libraries beside libc: libm, libcrypt, libresolv,
 * libtirpc. Their rows are in calls_library.def.
 *
 * A library that exports "xdr_int" would make each configure script believe that no -ltirpc is needed, and linkers
 * would leave libm out of programs that need it. So these functions have the versions of the symbols that they stand
 * for, and none is its symbol's default version (preload/memsan.map). Linkers and dlsym pass such symbols over. ld.so
 * takes them for programs that were linked with the real library, which ask for the version:
 *
 *      program ──▶ sincos@GLIBC_2.2.5 ──▶ libmemsan.so   sincos@GLIBC_2.2.5    checks ──┐
 *                                         libm.so.6      sincos@@GLIBC_2.2.5   ◀────────┘
 *
 * The version also tells what the function's contract is: libc_replaced has no counterpart here.
 *
 * The real function is looked up at the first call, since its library may be loaded by dlopen, and in the modules that
 * are loaded now, since dlsym does not see what dlopen has loaded for one module only. Until then, the table entry
 * leads to a function that looks up. dlclose makes all entries lead there again, because it may have unloaded the
 * library.
 */
#include "preload/intercept/calls.h"

#include <dlfcn.h>
#include <elf.h>

/* ---- the real functions ---------------------------------------------------------------------- */

/* XDR_BYTES and its like come with the rows. */
#define CALL_OF(from, type, name, ...) void *from##_##name;
#define CALL_OF_VOID(from, name, ...) void *from##_##name;
static struct {
#include "preload/intercept/calls_library.def"
} library_real;
#undef CALL_OF
#undef CALL_OF_VOID

struct library_search {
	const char *name, *version;
	void *found;
};

static int look_in_module(struct dl_phdr_info *info, size_t size, void *p)
{
	struct library_search *search = p;
	struct link_map m = { .l_addr = info->dlpi_addr };
	struct module_symbols symbols;
	const ElfW(Sym) *symbol;
	struct dl_find_object self;

	(void)size;
	for (unsigned i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			m.l_ld = (ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	if (_dl_find_object(&library_real, &self) == 0 && self.dlfo_link_map->l_ld == m.l_ld)
		return 0;
	symbols_find(&symbols, &m);
	symbol = symbols_look_up_version(&symbols, search->name, search->version);
	if (!symbol || !symbol->st_value)
		return 0;
	search->found = (void *)(info->dlpi_addr + symbol->st_value);
	if (ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC)
		search->found = ((void *(*)(void))search->found)();
	return 1;
}

/* The real function, which is put into the table. dl_iterate_phdr waits for no constructor, as dlsym would. A linker
 * that does take memsan's symbol for the library's may have left the library out of the program (gold). */
static __cold_path void *library_find(void **real, const char *name, const char *version, const char *file)
{
	struct library_search search = { name, version, NULL };

	if (!dl_iterate_phdr(look_in_module, &search) && dlopen(file, RTLD_LAZY))
		dl_iterate_phdr(look_in_module, &search);
	if (!search.found) {
		char line[160];
		struct fmt_buf b;

		fmt_init(&b, line, sizeof(line));
		fmt_printf(&b, "memsan: %s, which the program calls, is not in %s\n", name, file);
		os_write_all(2, line, b.len);
		os_abort();
	}
	__atomic_store_n(real, search.found, __ATOMIC_RELEASE);
	return search.found;
}

/* ---- Sun RPC --------------------------------------------------------------------------------- */

/* How libtirpc and glibc before 2.32 describe a stream. For one in memory `at` and `left` move; for others `at` points
 * to the stream's own data, and stays. */
struct xdr {
	int way;
	const void *calls;
	char *of_user;
	char *at;
	char *base;
	unsigned left;
};
_Static_assert(offsetof(struct xdr, left) + sizeof(unsigned) == XDR_BYTES, "as in the rows");

static bool xdr_encodes(const struct xdr *x)
{
	return x->way == XDR_ENCODE;
}

static bool xdr_decodes(const struct xdr *x)
{
	return x->way == XDR_DECODE;
}

/* What is encoded: the memory that a pointer in memory points to. */
static char *xdr_encoded(const struct xdr *x, char *const *p)
{
	return xdr_encodes(x) && call_has(p) ? *p : NULL;
}

static void xdr_moved(const struct xdr *x, char *at, unsigned left, const char *entry)
{
	size_t n = (size_t)(x->at - at);

	if (n && n == left - x->left)
		check_range(at, n, xdr_encodes(x) ? ACCESS_WRITE : ACCESS_READ, entry);
}

#define GATE_XDR(x) &&libc_foreign(x) && libc_foreign(((const struct xdr *)(x))->at)
#define DECLARE_XDR(x)   \
	char *at = NULL; \
	unsigned left = 0;
#define BEFORE_XDR(x)                       \
	call_reads(x, XDR_BYTES, entry);    \
	at = ((const struct xdr *)(x))->at; \
	left = ((const struct xdr *)(x))->left;
#define AFTER_XDR(x) xdr_moved(x, at, left, entry);

/* ---- the functions --------------------------------------------------------------------------- */

#define LIBRARY_TYPE(from, name) __typeof__(&from##_##name)
#define LIBRARY_REAL(from, name)                                                            \
	((LIBRARY_TYPE(from, name))(library_real.from##_##name ? library_real.from##_##name \
	                                                       : (void *)late_##from##_##name))

/* The exported function ends in a jump, as those of calls.h do. */
#define LIBRARY_GATES(from, type, name, params, args, effects)                                                 \
	__asm__(".symver " #from "_" #name "," #name "@" VERSION_##from);                                      \
	MEMSAN_EXPORT type from##_##name params;                                                               \
	static type late_##from##_##name params                                                                \
	{                                                                                                      \
		void **real = &library_real.from##_##name;                                                     \
                                                                                                               \
		return ((LIBRARY_TYPE(from, name))library_find(real, #name, VERSION_##from, FILE_##from))args; \
	}                                                                                                      \
	static __attribute__((noinline)) type checked_##from##_##name params;                                  \
	type from##_##name params                                                                              \
	{                                                                                                      \
		if (likely(GATE(effects)))                                                                     \
			return ((LIBRARY_TYPE(from, name))library_real.from##_##name)args;                     \
		return checked_##from##_##name args;                                                           \
	}                                                                                                      \
	static type checked_##from##_##name params

#define CALL_OF(from, type, name, params, args, effects, ...)  \
	LIBRARY_GATES(from, type, name, params, args, effects) \
	{                                                      \
		static const char entry[] = #name;             \
		type ret;                                      \
		DECLARE(effects)                               \
                                                               \
		BEFORE(effects)                                \
		ret = LIBRARY_REAL(from, name) args;           \
		AFTER(effects)                                 \
		return ret;                                    \
	}
#define CALL_OF_VOID(from, name, params, args, effects, ...)   \
	LIBRARY_GATES(from, void, name, params, args, effects) \
	{                                                      \
		static const char entry[] = #name;             \
		DECLARE(effects)                               \
                                                               \
		BEFORE(effects)                                \
		LIBRARY_REAL(from, name) args;                 \
		AFTER(effects)                                 \
	}
#include "preload/intercept/calls_library.def"
#undef CALL_OF
#undef CALL_OF_VOID

/* Code instead of a table of addresses, which ld.so would have to relocate at each start. */
void library_look_up_later(void)
{
#define CALL_OF(from, type, name, ...) \
	__atomic_store_n(&library_real.from##_##name, late_##from##_##name, __ATOMIC_RELEASE);
#define CALL_OF_VOID(from, name, ...) CALL_OF(from, void, name)
#include "preload/intercept/calls_library.def"
}
