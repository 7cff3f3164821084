/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/intercept/libc_real.c - libc's own functions behind the interceptors, and the gate that lets foreign memory
 * pass to them.
 *
 * The library's constructor looks all functions up at once (about 600 dlsym calls). -z initfirst puts the
 * constructor before every other one and before .preinit_array. A lookup takes the loader's lock, so it must not happen
 * later, in a signal handler or in the child of a fork. Earlier calls can only come from ifunc resolvers, or from
 * constructors when another library has claimed initfirst:
 *
 *   not relocated yet    memsan's pointers and dlsym's are empty: libc's symbol table is read for each call
 *   relocated            looked up on the spot; there is one thread
 *   constructor has run  the table is complete, the gate open
 */
#include "preload/intercept/intercept.h"

#include <dlfcn.h>
#include <elf.h>
#include <gnu/libc-version.h>
#include <link.h>
#include <stddef.h>

struct libc_table libc_real;
bool libc_replaced[LIBC_NR];
uint32_t libc_symbols[LIBC_NR];
struct libc_gate libc_gate;
void (*libc_wrap)(void **real);
static bool looked_up; /* by the constructor: what is missing then, this libc does not have */

_Static_assert(sizeof(struct libc_table) == LIBC_NR * sizeof(void *), "the table is an array of pointers");

/* The names one after another, and where each begins. So the table needs no relocation. */
#define LIBC(name) char name_##name[sizeof(#name)];
#define CALL(type, name, ...) LIBC(name)
#define CALL_VOID(name, ...) LIBC(name)
struct libc_names {
#include "preload/intercept/libc.def"
};
#undef LIBC
#define LIBC(name) #name,
static const struct libc_names libc_names = {
#include "preload/intercept/libc.def"
};
#undef LIBC
#define LIBC(name) offsetof(struct libc_names, name_##name),
static const uint16_t name_starts[] = {
#include "preload/intercept/libc.def"
};
#undef LIBC
#undef CALL
#undef CALL_VOID
_Static_assert(sizeof(libc_names) <= UINT16_MAX, "an offset has 16 bits");

const char *libc_name(unsigned index)
{
	return (const char *)&libc_names + name_starts[index];
}

/* Has a relative relocation: it holds the right address only after ld.so has relocated memsan. */
static void *volatile relocated_witness = &libc_real;

/* Is p in libc, or in a library of the C library that has the same function (frexp) or had it before (pthread's), or in
 * the kernel's vdso, where libc's time leads? */
static bool is_libc(void *p, const struct dl_find_object *libc)
{
	struct dl_find_object found;
	const char *file;

	if (likely((uintptr_t)p - (uintptr_t)libc->dlfo_map_start <
	           (uintptr_t)libc->dlfo_map_end - (uintptr_t)libc->dlfo_map_start))
		return true;
	if (_dl_find_object(p, &found) != 0)
		return true; /* the vdso */
	if (likely(found.dlfo_link_map == libc->dlfo_link_map))
		return true;
	file = str_last(found.dlfo_link_map->l_name, '/');
	file = file ? file + 1 : found.dlfo_link_map->l_name;
	return str_equal(file, "libm.so.6") || str_equal(file, "libpthread.so.0") || str_equal(file, "librt.so.1") ||
	       str_starts(file, "linux-vdso.so.");
}

static bool looking_up; /* libc_look_up is at work, before the program has a second thread */

/* Does a module behind memsan have the name? dlsym would put its error's text into memory that it takes from malloc,
 * and the program's constructors may not have made its own malloc ready. */
static bool defined_next(const char *name)
{
	struct dl_find_object self;
	struct module_symbols symbols;

	if (_dl_find_object(&libc_real, &self) != 0)
		return true;
	for (const struct link_map *m = self.dlfo_link_map->l_next; m; m = m->l_next) {
		symbols_find(&symbols, m);
		if (!symbols.table || symbols_have(&symbols, name))
			return true;
	}
	return false;
}

/* The modules behind memsan, in the order in which ld.so looks through them. dlsym would find the same, in four times
 * as many instructions. */
#define BEHIND_MAX 32
struct modules_behind {
	const struct link_map *map[BEHIND_MAX];
	struct module_symbols symbols[BEHIND_MAX];
	unsigned count; /* up to libc; 0: not known, so dlsym is asked */
	unsigned all;   /* with those behind libc; 0: not known */
};

static void modules_behind(struct modules_behind *b, const struct link_map *libc)
{
	struct dl_find_object self;

	b->count = b->all = 0;
	if (_dl_find_object(&libc_real, &self) != 0)
		return;
	for (const struct link_map *m = self.dlfo_link_map->l_next; m && b->count < BEHIND_MAX; m = m->l_next) {
		symbols_find(&b->symbols[b->count], m);
		b->map[b->count] = m;
		if (!b->symbols[b->count++].table || m == libc)
			break;
	}
	if (!b->count || b->map[b->count - 1] != libc) {
		b->count = 0;
		return;
	}
	b->all = b->count;
	for (const struct link_map *m = libc->l_next; m; m = m->l_next) {
		if (b->all == BEHIND_MAX) {
			b->all = 0;
			return;
		}
		symbols_find(&b->symbols[b->all], m);
		if (!b->symbols[b->all++].table) {
			b->all = 0;
			return;
		}
	}
}

#define LOOK_AHEAD 16

/* Has none of the modules the name, in any version? Then dlsym need not be asked. */
static bool nowhere_behind(const struct modules_behind *b, const char *name, uint32_t hash)
{
	for (unsigned i = 0; i < b->all; i++)
		if (symbols_have_hash(&b->symbols[i], name, hash))
			return false;
	return b->all != 0;
}

/* ---- functions of which libc has several, and chooses one by the processor ---- */

/* dlsym would run the function that chooses, which takes a page of 64 KiB of libc's code for some that few programs
 * call. Only on x86_64 that function has no parameters. */
#ifdef __x86_64__
typedef void *(*choose_fn)(void);

/* Until the first call the table has one of these. They keep what chooses: handles.c changes libc's symbols. */
#define CHOSEN_LATER(type, name, params, args)                                              \
	static choose_fn choose_##name;                                                     \
	static type later_##name params                                                     \
	{                                                                                   \
		type(*real) params = (type(*) params)choose_##name();                       \
                                                                                            \
		__atomic_store_n((void **)&libc_real.name, (void *)real, __ATOMIC_RELEASE); \
		return real args;                                                           \
	}
CHOSEN_LATER(void *, __memcpy_chk, (void *to, const void *from, size_t n, size_t room), (to, from, n, room))
CHOSEN_LATER(void *, __memmove_chk, (void *to, const void *from, size_t n, size_t room), (to, from, n, room))
CHOSEN_LATER(void *, __mempcpy_chk, (void *to, const void *from, size_t n, size_t room), (to, from, n, room))
CHOSEN_LATER(void *, __memset_chk, (void *to, int c, size_t n, size_t room), (to, c, n, room))
CHOSEN_LATER(void *, __wmemset_chk, (void *to, wchar_t c, size_t n, size_t room), (to, c, n, room))
CHOSEN_LATER(int, gettimeofday, (struct timeval * to, void *zone), (to, zone))
CHOSEN_LATER(time_t, time, (time_t * to), (to))

static void *chosen(unsigned index, choose_fn choose)
{
#define CHOSEN(name)                    \
	case LIBC_##name:               \
		choose_##name = choose; \
		return later_##name
	switch (index) {
		CHOSEN(__memcpy_chk);
		CHOSEN(__memmove_chk);
		CHOSEN(__mempcpy_chk);
		CHOSEN(__memset_chk);
		CHOSEN(__wmemset_chk);
		CHOSEN(gettimeofday);
		CHOSEN(time);
	default:
		return choose();
	}
#undef CHOSEN
}
#endif

/* The default version of a function in the first module that has the name. NULL: dlsym must be asked. Notes the
 * symbol's place, if that module is libc, which is the last. */
static void *find_behind(const struct modules_behind *b, unsigned index, uint32_t hash)
{
	const char *name = libc_name(index);

	for (unsigned i = 0; i < b->count; i++) {
		const ElfW(Sym) *symbol = symbols_look_up_hash(&b->symbols[i], name, hash);

		if (symbol && i == b->count - 1)
			libc_symbols[index] = (uint32_t)(symbol - b->symbols[i].symbols);
#ifdef __x86_64__
		if (symbol && i == b->count - 1 && ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC && symbol->st_value)
			return chosen(index, (choose_fn)(b->map[i]->l_addr + symbol->st_value));
#endif
		if (symbol && ELF64_ST_TYPE(symbol->st_info) == STT_FUNC && symbol->st_value)
			return (void *)(b->map[i]->l_addr + symbol->st_value);
		if (symbol)
			return NULL;
	}
	return NULL;
}

static __attribute__((noinline)) void look_up_all(void)
{
	struct modules_behind behind = { .count = 0 };
	struct dl_find_object libc;
	bool known = _dl_find_object((void *)gnu_get_libc_version, &libc) == 0;
	struct module_symbols own = { 0 };
	void **slot = (void **)&libc_real;
	uint32_t hashes[LOOK_AHEAD] = { 0 };

	if (known) {
		symbols_find(&own, libc.dlfo_link_map);
		modules_behind(&behind, libc.dlfo_link_map);
	}
	for (unsigned ahead = 0; ahead < LIBC_NR + LOOK_AHEAD; ahead++) {
		unsigned i = ahead - LOOK_AHEAD;
		uint32_t hash = hashes[ahead % LOOK_AHEAD];
		const char *name;
		void *p;

		/* A name's words are scattered over libc's tables: they are fetched while others are looked up. */
		if (ahead < LIBC_NR) {
			hashes[ahead % LOOK_AHEAD] = symbols_hash(libc_name(ahead));
			symbols_expect_bucket(&own, hashes[ahead % LOOK_AHEAD]);
		}
		if (ahead >= LOOK_AHEAD / 2 && ahead - LOOK_AHEAD / 2 < LIBC_NR)
			symbols_expect_symbol(&own, hashes[(ahead - LOOK_AHEAD / 2) % LOOK_AHEAD]);
		if (ahead < LOOK_AHEAD)
			continue;
		name = libc_name(i);
		p = find_behind(&behind, i, hash);
		if (!p && !nowhere_behind(&behind, name, hash) && (symbols_have(&own, name) || defined_next(name)))
			p = dlsym(RTLD_NEXT, name);
		libc_replaced[i] = p && known && !libc_symbols[i] && !is_libc(p, &libc);
		__atomic_store_n(&slot[i], p, __ATOMIC_RELEASE);
	}
	if (libc_wrap)
		libc_wrap(slot);
}

/* Compilers clear and copy structures by calls of memset and memcpy, which are among what is looked up here. So the
 * flag is set before a function with structures begins. */
void libc_look_up(void)
{
	looking_up = true;
	look_up_all();
	looking_up = false;
}

/* The arena, if it has shadow, and the fence's pool are checked. Memory between the two is not foreign either, because
 * telling it apart is not worth a second compare. */
static void gate_update(void)
{
	uintptr_t start = shadow_on ? arena_base : fence_base,
		  end = shadow_on ? arena_base + arena_size : fence_base + fence_size;
	uintptr_t span;

	if (shadow_on && fence_size) {
		start = MIN(start, fence_base);
		end = MAX(end, fence_base + fence_size);
	}
	span = shadow_everywhere ? 0 : start == end ? UINTPTR_MAX : start - end;
	/* The gate is closed while it changes: a thread that reads one old and one new word must not take memsan's
	 * memory for foreign. */
	__atomic_store_n(&libc_gate.span, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&libc_gate.end, end, __ATOMIC_RELEASE);
	__atomic_store_n(&libc_gate.span, span, __ATOMIC_RELEASE);
}

void libc_gate_open(void)
{
	looked_up = true;
	gate_update();
	shadow_changed_hook = gate_update;
}

/* ---- before relocation: libc found through the program's own headers, with nothing that needs a relocation ---- */

/* What must be added to the addresses in these headers. ld.so, when a user starts it by its name, has no PT_PHDR. */
static uintptr_t headers_bias(const ElfW(Phdr) *headers, uintptr_t count)
{
	for (uintptr_t i = 0; i < count; i++)
		if (headers[i].p_type == PT_PHDR)
			return (uintptr_t)headers - headers[i].p_vaddr;
	for (uintptr_t i = 0; i < count; i++)
		if (headers[i].p_type == PT_LOAD && headers[i].p_offset == 0)
			return (uintptr_t)headers - sizeof(ElfW(Ehdr)) - headers[i].p_vaddr;
	return 0;
}

/* ld.so's list of modules, found as debuggers find it: by the program's DT_DEBUG, or, if the system has started ld.so,
 * by ld.so's own symbol. */
const struct link_map *symbols_modules(void)
{
	const ElfW(Phdr) *headers = (const void *)(uintptr_t)os_auxiliary(AT_PHDR);
	uintptr_t count = headers ? os_auxiliary(AT_PHNUM) : 0;
	struct link_map started = { .l_addr = headers_bias(headers, count) };
	const ElfW(Sym) *symbol;

	for (uintptr_t i = 0; i < count; i++)
		if (headers[i].p_type == PT_DYNAMIC)
			started.l_ld = (ElfW(Dyn) *)(started.l_addr + headers[i].p_vaddr);
	for (const ElfW(Dyn) *d = started.l_ld; d && d->d_tag != DT_NULL; d++)
		if (d->d_tag == DT_DEBUG && d->d_un.d_ptr)
			return ((const struct r_debug *)d->d_un.d_ptr)->r_map;
	symbol = started.l_ld ? module_symbol(&started, "_r_debug") : NULL;
	return symbol && symbol->st_value ? ((const struct r_debug *)(started.l_addr + symbol->st_value))->r_map : NULL;
}

static void *lookup_before_relocation(const char *name)
{
	for (const struct link_map *m = symbols_modules(); m; m = m->l_next) {
		const char *file = str_last(m->l_name, '/');
		const ElfW(Sym) *symbol;
		void *p;

		if (!str_equal(file ? file + 1 : m->l_name, "libc.so.6"))
			continue;
		symbol = module_symbol(m, name);
		if (!symbol || !symbol->st_value)
			return NULL;
		p = (void *)(m->l_addr + symbol->st_value);
		return ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC ? ((void *(*)(void))p)() : p;
	}
	return NULL;
}

__cold_path void *libc_early(enum libc_index index)
{
	void *p;

	/* For the lookup itself: dlsym may call memcpy, and so may memsan, where a compiler copies a structure so. */
	if (relocated_witness == &libc_real && !looked_up && !looking_up) {
		libc_look_up();
		return ((void **)&libc_real)[index];
	}
	p = looked_up ? NULL : lookup_before_relocation(libc_name(index));
	if (!p) {
		static const char text[] = "memsan: a libc function was called that cannot be found\n";
		os_write_all(2, text, sizeof(text) - 1);
		os_abort();
	}
	return p;
}
