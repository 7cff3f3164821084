/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/globals.c - the registry of instrumented globals.  Their red zones are poisoned while their module is loaded.
 *
 * Compilers put each global into a slot with a red zone behind it.  A constructor of each object file passes us an
 * array of descriptions, and a destructor passes it again when the module is unloaded.  Only the addresses of the
 * arrays are remembered; the arrays themselves stay in the module.
 *
 * Order of initialization (shadow.init_order): the constructors of one file's globals run between two calls of compiled
 * code.  Meanwhile the globals of other files that have constructors, and whose file's turn has not come, are poisoned:
 *
 *     a.cc: begin   a's marked as constructed   b's poisoned    int a = b + 1;  ← reported     end   b's good again
 *     b.cc: begin   b's marked                  (a's are constructed: good)                    end
 *
 * gcc's kernel form registers a file's globals behind their constructors; globals_ahead.c finds them before.
 * The weakness is ASan's: threads of the program that run meanwhile (at a dlopen) meet the poison too.
 */
#include "shadow/shadow_internal.h"

struct registered {
	struct asan_global *first; /* NULL: the entry is free for another array */
	size_t n;
	size_t nr_dynamic; /* globals that have constructors */
	struct registered *next;
	size_t room;           /* bytes of constructed */
	uint8_t constructed[]; /* for each global, if one of them has a constructor: has its file's turn come? */
};

/* Guards the list.  Entries are never freed, so a report may walk the list without the lock. */
static struct ranked_lock globals_lock = RANKED_LOCK_INIT(LOCK_RANK_LEAF);
static struct registered *all;

/* A file whose turn has come: gcc's kernel form registers its globals only afterwards.  Only a hash of its name is
 * kept, because its module may be unloaded.  Never freed; under the lock. */
struct begun {
	uint64_t hash;
	struct begun *next;
};
static struct begun *all_begun;

static uint64_t name_hash(const char *name)
{
	return hash_bytes(HASH_START, name, name ? str_length(name) : 0);
}

static bool has_begun(uint64_t hash)
{
	const struct begun *b;

	for (b = all_begun; b && b->hash != hash; b = b->next)
		;
	return b != NULL;
}

static void remember(struct asan_global *g, size_t n)
{
	size_t nr_dynamic = 0, room;
	struct registered *e, *fresh;

	for (size_t i = 0; i < n; i++)
		nr_dynamic += g[i].has_dynamic_init != 0;
	room = nr_dynamic ? n : 0;
	fresh = meta_alloc(sizeof(*fresh) + room, COST_SHADOW);
	lock_acquire(&globals_lock);
	for (e = all; e && (e->first || e->room < room); e = e->next)
		;
	if (!e && fresh) {
		e = fresh;
		e->room = room;
		e->next = all;
		__atomic_store_n(&all, e, __ATOMIC_RELEASE);
	}
	if (e) {
		e->n = n;
		e->nr_dynamic = nr_dynamic;
		for (size_t i = 0; i < room; i++)
			e->constructed[i] = all_begun && options.init_order != INIT_ORDER_STRICT &&
			                    g[i].has_dynamic_init && has_begun(name_hash(g[i].module));
		__atomic_store_n(&e->first, g, __ATOMIC_RELEASE);
	}
	lock_release(&globals_lock);
}

static bool forget(const struct asan_global *g)
{
	struct registered *e;
	lock_acquire(&globals_lock);
	for (e = all; e && e->first != g; e = e->next)
		;
	if (e)
		__atomic_store_n(&e->first, NULL, __ATOMIC_RELEASE);
	lock_release(&globals_lock);
	return e != NULL;
}

static bool is_registered(const struct asan_global *g)
{
	struct registered *e;

	lock_acquire(&globals_lock);
	for (e = all; e && e->first != g; e = e->next)
		;
	lock_release(&globals_lock);
	return e != NULL;
}

static void poison_one(const struct asan_global *g)
{
	uintptr_t end = g->beg + g->size, granule = ALIGN_DOWN(end, SHADOW_GRANULE),
		  stop = g->beg + g->size_with_redzone;
	if (g->beg & GRANULE_MASK || stop < end || !map_has_shadow(g->beg) || !map_has_shadow(stop))
		return;
	if (granule < end) {
		shadow_set(granule, (uint8_t)(end - granule));
		granule += SHADOW_GRANULE;
	}
	if (stop > granule)
		shadow_poison(granule, stop - granule, SHADOW_GLOBAL_REDZONE);
}

static bool has_shadow(const struct asan_global *g)
{
	return !(g->beg & GRANULE_MASK) && map_has_shadow(g->beg);
}

static void unpoison_one(const struct asan_global *g)
{
	if (has_shadow(g))
		shadow_unpoison(g->beg, ALIGN_UP(g->size_with_redzone, SHADOW_GRANULE));
}

static void poison_whole(const struct asan_global *g)
{
	if (has_shadow(g))
		shadow_poison(g->beg, ALIGN_UP(g->size, SHADOW_GRANULE), SHADOW_INIT_ORDER);
}

static bool descriptions_have_shadow(const struct asan_global *g, size_t n)
{
	return !((uintptr_t)g & GRANULE_MASK) && map_has_shadow((uintptr_t)g) && map_has_shadow((uintptr_t)(g + n) - 1);
}

/* ---- one variable that two modules define (odr.c) --------------------------------------------- */
#define ODR_PRIVATE UINTPTR_MAX /* clang's indicator of a variable that no other module can see */

/* A module that was unmapped without unregistering leaves an array that cannot be read, so os_safe_read copies the
 * description. */
static bool read_description(struct asan_global *g, const struct registered *e, size_t i)
{
	struct asan_global *first = __atomic_load_n(&e->first, __ATOMIC_ACQUIRE);

	return first && i < e->n && os_safe_read(g, &first[i], sizeof(*g)) == sizeof(*g);
}

/* The first registered global that the function accepts; *found is a copy.  Takes no lock. */
static bool find_by(bool (*accept)(const struct asan_global *g, const void *ctx), const void *ctx,
                    struct asan_global *found)
{
	for (struct registered *e = __atomic_load_n(&all, __ATOMIC_ACQUIRE); e; e = e->next)
		for (size_t i = 0; read_description(found, e, i); i++)
			if (accept(found, ctx))
				return true;
	return false;
}

static bool has_indicator(const struct asan_global *g)
{
	return g->odr_indicator && g->odr_indicator != ODR_PRIVATE;
}

static void mark(const struct asan_global *g, bool registered)
{
	if (has_indicator(g))
		*(uint8_t *)g->odr_indicator = registered;
}

struct span {
	uintptr_t start, end;
};

/* The module that holds the description; all memory if that is not known. */
static struct span module_of(const struct asan_global *g)
{
	struct module_info m;

	return module_find((uintptr_t)g, 0, &m) ? (struct span){ m.start, m.end } : (struct span){ 0, UINTPTR_MAX };
}

/* Cheap: nearly all globals are described once. A module that describes memory of another one has a twin there, whose
 * red zone lies behind this one's if it is the larger of the two. */
static bool may_have_twin(const struct asan_global *g, const struct span *module)
{
	if (has_indicator(g))
		return *(const uint8_t *)g->odr_indicator != 0;
	return g->odr_indicator != ODR_PRIVATE && (g->beg - module->start >= module->end - module->start ||
	                                           shadow_find_bad((const void *)g->beg, g->size_with_redzone) != 0);
}

static bool same_variable(const struct asan_global *g, const void *ctx)
{
	const struct asan_global *other = ctx;

	return has_indicator(other) ? g->odr_indicator == other->odr_indicator : g->beg == other->beg;
}

static bool find_twin(const struct asan_global *g, const struct span *module, struct asan_global *twin)
{
	return may_have_twin(g, module) && find_by(same_variable, g, twin);
}

/* Two modules describe the same memory: the red zone is that of the larger variable. */
static void poison_twin(const struct asan_global *g, const struct asan_global *twin)
{
	if (twin->beg != g->beg) {
		poison_one(g);
	} else if (g->size > twin->size) {
		unpoison_one(twin);
		poison_one(g);
	}
}

void globals_register(struct asan_global *g, size_t n, globals_twin_fn tell_twin, const struct unwind_regs *regs)
{
	struct asan_global twin;
	struct span module;

	if (!n)
		return;
	map_require_full();
	if (map_state != MAP_FULL || is_registered(g))
		return;
	module = module_of(g);
	for (size_t i = 0; i < n; i++) {
		if (unlikely(find_twin(&g[i], &module, &twin))) {
			poison_twin(&g[i], &twin);
			if (tell_twin)
				tell_twin(&g[i], &twin, regs);
		} else {
			poison_one(&g[i]);
		}
		mark(&g[i], true);
	}
	/* The first global behind the descriptions has no red zone to its left; the descriptions are its red zone. */
	if (descriptions_have_shadow(g, n))
		shadow_poison((uintptr_t)g, n * sizeof(*g), SHADOW_GLOBAL_REDZONE);
	remember(g, n);
}

void globals_unregister(struct asan_global *g, size_t n)
{
	if (!n || !forget(g))
		return;
	for (size_t i = 0; i < n; i++) {
		unpoison_one(&g[i]);
		mark(&g[i], false);
	}
	if (descriptions_have_shadow(g, n))
		shadow_unpoison((uintptr_t)g, n * sizeof(*g));
}

/* ---- order of initialization ----------------------------------------------------------------- */

static bool same_file(const char *a, const char *b)
{
	return a == b || (a && b && str_equal(a, b));
}

static void init_begin(struct registered *e, const char *module)
{
	const struct asan_global *g = e->first;

	for (size_t i = 0; i < e->n; i++) {
		if (!g[i].has_dynamic_init || e->constructed[i])
			continue;
		if (!same_file(g[i].module, module))
			poison_whole(&g[i]);
		else if (options.init_order != INIT_ORDER_STRICT)
			e->constructed[i] = 1;
	}
}

bool globals_know_file(const char *module)
{
	bool known = false;

	lock_acquire(&globals_lock);
	for (struct registered *e = all; e && !known; e = e->next)
		known = e->first && e->n && same_file(e->first->module, module);
	lock_release(&globals_lock);
	return known;
}

void globals_init_begin(const char *module)
{
	struct begun *fresh = meta_alloc(sizeof(*fresh), COST_SHADOW);
	uint64_t hash = name_hash(module);

	lock_acquire(&globals_lock);
	if (fresh && !has_begun(hash)) {
		fresh->hash = hash;
		fresh->next = all_begun;
		all_begun = fresh;
	}
	for (struct registered *e = all; e; e = e->next)
		if (e->first && e->nr_dynamic)
			init_begin(e, module);
	lock_release(&globals_lock);
}

void globals_init_end(void)
{
	lock_acquire(&globals_lock);
	for (struct registered *e = all; e; e = e->next)
		for (size_t i = 0; e->first && e->nr_dynamic && i < e->n; i++)
			if (e->first[i].has_dynamic_init && !e->constructed[i]) {
				unpoison_one(&e->first[i]);
				poison_one(&e->first[i]);
			}
	lock_release(&globals_lock);
}

static size_t distance(const struct asan_global *g, uintptr_t addr)
{
	if (addr < g->beg)
		return g->beg - addr;
	return addr - g->beg < g->size_with_redzone ? 0 : addr - g->beg - g->size_with_redzone + 1;
}

static bool find_within(uintptr_t addr, size_t limit, struct asan_global *found)
{
	struct asan_global g;
	bool any = false;

	for (struct registered *e = __atomic_load_n(&all, __ATOMIC_ACQUIRE); e; e = e->next)
		for (size_t i = 0; read_description(&g, e, i); i++) {
			if (distance(&g, addr) > limit)
				continue;
			*found = g;
			any = true;
			if (distance(&g, addr) == 0)
				return true;
			limit = distance(&g, addr) - 1;
		}
	return any;
}

bool globals_find(uintptr_t addr, struct asan_global *found)
{
	return find_within(addr, 0, found);
}

#define NEAR (4ul << 10)
bool globals_find_near(uintptr_t addr, struct asan_global *found)
{
	return find_within(addr, NEAR, found);
}
