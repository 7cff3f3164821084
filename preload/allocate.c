/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/allocate.c - the one ladder of every allocation, and the way back of every free.
 *
 *     runtime started ─► leak request served ─► failslab ─► fence ─► slab ─► annotated while leak_disabled
 *
 * malloc.c, new.c and caches.c decode what their callers ask for; every allocation and free comes through here, except
 * on production's inline paths (slab/fast.h).  Those paths are tried first, and refuse whenever a rung may have
 * something to do: fence and leak_disabled use up the ticks, and failslab keeps the bins empty.  A leak request waits
 * for the next allocation that comes through here.
 *
 * vmalloc and pages skip the fence: a slot does not fit their sizes and alignment, and they have their own guards.
 */
#include "preload/preload.h"

#include <errno.h>

/* ---- requests that nothing can serve --------------------------------------------------------- */

/* The call fails afterwards, with ENOMEM or bad_alloc, as it would without memsan. In production nothing is said: there
 * a program that asks for too much and handles the failure is left alone. */
static __cold_path void report_request(const char *detail, const struct unwind_regs *regs)
{
	const struct finding f = {
		.kind = REPORT_IMPOSSIBLE_SIZE,
		.component = "slab",
		.access = ACCESS_UNKNOWN,
		.detail = detail,
		.regs = regs,
	};

	report_finding(&f);
}

static __cold_path void report_impossible(const char *detail, const struct unwind_regs *regs)
{
	if (options.impossible_size && options.mode == MODE_CHECK)
		report_request(detail, regs);
}

__cold_path void *allocate_impossible(size_t size, size_t align, const struct unwind_regs *regs)
{
	char detail[96];
	struct fmt_buf b;

	fmt_init(&b, detail, sizeof(detail));
	if (size > PTRDIFF_MAX)
		fmt_printf(&b, "size %zu (0x%zx), as a signed number %ld", size, size, (long)size);
	else
		fmt_printf(&b, "alignment %zu (0x%zx)", align, align);
	report_impossible(detail, regs);
	return NULL;
}

__cold_path void allocate_misaligned(size_t align, bool undefined, const struct unwind_regs *regs)
{
	char detail[96];
	struct fmt_buf b;

	fmt_init(&b, detail, sizeof(detail));
	if (IS_POW2(align))
		fmt_printf(&b, "alignment %zu is no multiple of %zu", align, sizeof(void *));
	else
		fmt_printf(&b, "alignment %zu (0x%zx) is no power of two", align, align);
	runtime_ensure();
	if ((undefined ? options.impossible_size : options.bad_alignment) && options.mode == MODE_CHECK &&
	    !slab_is_inside())
		report_request(detail, regs);
}

__cold_path void *allocate_overflow(size_t n, size_t size, const struct unwind_regs *regs)
{
	char detail[96];
	struct fmt_buf b;

	fmt_init(&b, detail, sizeof(detail));
	fmt_printf(&b, "%zu times %zu bytes", n, size);
	runtime_ensure();
	if (!slab_is_inside())
		report_impossible(detail, regs);
	errno = ENOMEM;
	return NULL;
}

/* ---- the rungs ------------------------------------------------------------------------------- */

/* False: this is a signal handler that interrupted the runtime (interrupted.c). */
__inline_hot bool ladder_start(void)
{
	if (unlikely(!runtime_enter()))
		return false;
	if (unlikely(leak_control_pending()))
		leak_control_serve();
	return true;
}

__inline_hot void *ladder_fence_or_slab(size_t size, size_t align, enum slab_api api, bool zero,
                                        const struct unwind_regs *regs)
{
	void *p = NULL;

	if (unlikely(size > PTRDIFF_MAX))
		return allocate_impossible(size, align, regs);
	if (unlikely(fence_wanted()))
		p = fence_alloc(size, align, api, regs);
	if (likely(!p))
		p = slab_malloc(size, align, api, zero, regs);
	return p;
}

static __cold_path void *ladder_failed(void)
{
	errno = ENOMEM;
	return NULL;
}

/* The object was allocated while leak_disabled, so scans take it as in use.  The next allocation must come through here
 * too. */
static __cold_path void *ladder_annotated(void *p)
{
	leak_annotate(p, LEAK_NOTE_NOT_LEAK);
	slab_slow_next();
	return p;
}

__inline_hot void *ladder_end(void *p)
{
	if (unlikely(!p))
		return ladder_failed();
	return unlikely(leak_disabled) ? ladder_annotated(p) : p;
}

/* ---- what is rare: failures on purpose, the program's hooks, harden=full -------------------- */

static bool allocate_rare;
static enum { RELEASE_PLAIN, RELEASE_FULL, RELEASE_HOOKS } release_way;

static const struct allocate_hooks *allocate_hooks;

void allocate_choose_ways(const struct allocate_hooks *hooks)
{
	allocate_hooks = hooks;
	allocate_rare = failslab_on || hooks;
	release_way = hooks ? RELEASE_HOOKS : harden_full ? RELEASE_FULL : RELEASE_PLAIN;
}

static __cold_path void *allocate_rarely(size_t size, size_t align, enum slab_api api, bool zero,
                                         const struct unwind_regs *regs)
{
	void *p;

	if (failslab_on && failslab_should(slab_name_for(size, align), size, regs))
		p = ladder_failed();
	else
		p = ladder_end(ladder_fence_or_slab(size, align, api, zero, regs));
	runtime_leave();
	if (p && allocate_hooks)
		allocate_hooks->allocated(p, size);
	return p;
}

/* ---- malloc's memory, also operator new's ---------------------------------------------------- */

void *allocate_object(size_t size, size_t align, enum slab_api api, bool zero, const struct unwind_regs *regs)
{
	void *p;

	if (unlikely(!ladder_start()))
		return interrupted_alloc(size, align, zero, regs);
	if (unlikely(allocate_rare))
		return allocate_rarely(size, align, api, zero, regs);
	p = ladder_end(ladder_fence_or_slab(size, align, api, zero, regs));
	runtime_leave();
	return p;
}

/* True: p is freed. */
static __cold_path bool release_rarely(void *p, size_t size_given)
{
	if (release_way == RELEASE_FULL)
		return slab_free_full(p, size_given);
	allocate_hooks->freed(p);
	return false;
}

void release_object(void *p, enum slab_api api, size_t size_given, const struct unwind_regs *regs)
{
	if (unlikely(release_way != RELEASE_PLAIN) && release_rarely(p, size_given))
		return;
	if (unlikely(!runtime_enter())) {
		interrupted_free(p, api, size_given, 0, regs);
		return;
	}
	if (unlikely(fence_contains(p)))
		fence_free(p, api, size_given, regs);
	else
		slab_free(p, api, size_given, regs);
	runtime_leave();
}

/* Does what the free tells not fit the object? */
static bool told_wrong(const struct free_told *told, const struct slab_object *o, struct finding *f)
{
	size_t align = slab_object_align(o);
	bool new_plain = align <= MIN_ALIGN && o->api != SLAB_API_MEMALIGN && told->align > MIN_ALIGN;
	bool size = told->size != SIZE_MAX && told->size != o->size;

	if (o->api != told->api || new_plain) {
		f->kind = REPORT_ALLOC_DEALLOC_MISMATCH;
		f->align_given = told->align;
		return true;
	}
	f->kind = REPORT_SIZED_DELETE_MISMATCH;
	if (!size && told->align && align && MAX(told->align, (size_t)MIN_ALIGN) != align)
		f->align_given = told->align;
	return size || f->align_given;
}

void release_told(void *p, const struct free_told *told, const struct unwind_regs *regs)
{
	enum slab_api api = told->api;
	struct slab_object o;
	struct finding f = {
		.component = fence_contains(p) ? "fence" : "slab",
		.addr = (uintptr_t)p,
		.access = ACCESS_FREE,
		.entry = told->entry,
		.api_used = told->api,
		.size_given = told->size,
		.regs = regs,
		.object = &o,
	};

	if (options.mode == MODE_CHECK && slab_find_object((uintptr_t)p, &o) && o.tracked && o.state == SLAB_OBJ_LIVE &&
	    o.addr == (uintptr_t)p && o.api < SLAB_API_CACHE) {
		api = SLAB_API_CHECKED;
		if (told_wrong(told, &o, &f) && !slab_is_inside())
			report_finding(&f);
	}
	release_object(p, api, SIZE_MAX, regs);
}

/* The family of a moved object.  Objects of malloc and new keep theirs, so only a wrong delete is reported later.
 * Memory of another family becomes malloc's, and the free of the old object reports the mismatch. */
static enum slab_api family_moved(enum slab_api api)
{
	return api < SLAB_API_CACHE && api != SLAB_API_MEMALIGN ? api : SLAB_API_MALLOC;
}

/* A fenced object always moves: the pointers that the program forgot to update then meet a guard. */
static __cold_path void *move_from_fence(void *p, size_t size, const struct unwind_regs *regs)
{
	enum slab_api api = SLAB_API_MALLOC;
	size_t old = fence_usable_size(p, &api);
	void *q;

	if (old == SIZE_MAX) {
		fence_report_bad_pointer(p, "realloc", regs);
		return NULL;
	}
	api = family_moved(api);
	q = ladder_fence_or_slab(size, MIN_ALIGN, api, false, regs);
	if (q) {
		fence_verify_moving(p, regs);
		mem_copy(q, p, MIN(old, size));
		fence_free(p, api, SIZE_MAX, regs);
	}
	return q;
}

/* The gate is open for this realloc.  NULL: the object stays in slab, and slab also reports a bad pointer. */
static __cold_path void *move_to_fence(void *p, size_t size, const struct unwind_regs *regs)
{
	struct slab_object o;
	enum slab_api api;
	void *q;

	if (!slab_find_object((uintptr_t)p, &o) || o.state != SLAB_OBJ_LIVE || o.addr != (uintptr_t)p ||
	    o.api == SLAB_API_POOL)
		return NULL;
	api = family_moved(o.api);
	q = fence_alloc(size, MIN_ALIGN, api, regs);
	if (q) {
		slab_verify_moving(p, regs);
		mem_copy(q, p, MIN(slab_usable_size(p, regs), size));
		slab_free(p, api, SIZE_MAX, regs);
	}
	return q;
}

__inline_hot void *reallocate_inside(void *p, size_t size, const struct unwind_regs *regs)
{
	void *q = NULL;
	bool bad;

	if (unlikely(fence_contains(p)))
		return ladder_end(move_from_fence(p, size, regs));
	if (unlikely(fence_wanted()))
		q = move_to_fence(p, size, regs);
	if (unlikely(!q && size > PTRDIFF_MAX))
		q = allocate_impossible(size, MIN_ALIGN, regs);
	else if (likely(!q))
		q = slab_realloc(p, size, regs, &bad);
	return ladder_end(q);
}

/* The hooks see a new object and the end of the old one.  NULL: there is no memory (*failed), or the pointer is bad. */
static void *reallocate_for_hooks(void *p, size_t size, const struct unwind_regs *regs, bool *failed)
{
	enum slab_api api;
	struct slab_object o;
	void *q;

	if (!slab_find_object((uintptr_t)p, &o) || o.state != SLAB_OBJ_LIVE || o.addr != (uintptr_t)p ||
	    o.api == SLAB_API_POOL)
		return NULL;
	api = family_moved(o.api);
	q = allocate_object(size, MIN_ALIGN, api, false, regs);
	*failed = !q;
	if (q) {
		mem_copy(q, p, MIN(o.size, size));
		release_object(p, api, SIZE_MAX, regs);
	}
	return q;
}

static __cold_path void *reallocate_rarely(void *p, size_t size, const struct unwind_regs *regs)
{
	bool failed = false;
	void *q = NULL;

	if (allocate_hooks) {
		runtime_leave();
		q = reallocate_for_hooks(p, size, regs, &failed);
		if (q || failed)
			return q;
		if (!runtime_enter())
			return NULL;
	}
	if (failslab_on && failslab_should(NULL, size, regs))
		q = ladder_failed();
	else
		q = reallocate_inside(p, size, regs);
	runtime_leave();
	return q;
}

void *reallocate_object(void *p, size_t size, const struct unwind_regs *regs)
{
	void *q;

	if (!p)
		return allocate_object(size, MIN_ALIGN, SLAB_API_MALLOC, false, regs);
	if (size == 0) { /* as glibc does, which programs rely on */
		release_object(p, SLAB_API_MALLOC, SIZE_MAX, regs);
		return NULL;
	}
	if (unlikely(!ladder_start()))
		return interrupted_realloc(p, size, regs);
	if (unlikely(allocate_rare))
		return reallocate_rarely(p, size, regs);
	q = reallocate_inside(p, size, regs);
	runtime_leave();
	return q;
}

/* ---- the program's caches -------------------------------------------------------------------- */

static void *cached_inside(struct slab_cache *c, bool zero, const struct unwind_regs *regs)
{
	void *p = NULL;

	if (unlikely(!slab_custom_check(c, regs))) {
		errno = EINVAL;
		return NULL;
	}
	if (unlikely(failslab_on) && failslab_should(slab_custom_name(c), slab_custom_size(c), regs))
		return ladder_failed();
	/* Memory of a type-safe cache must always hold objects of that cache, and a slot's memory does not. */
	if (unlikely(fence_wanted()) && !slab_custom_is_typesafe(c)) {
		p = fence_alloc(slab_custom_size(c), slab_custom_align(c), SLAB_API_CACHE, regs);
		if (p) {
			fence_set_owner(p, slab_custom_id(c));
			slab_custom_construct(c, p);
		}
	}
	if (likely(!p))
		p = slab_custom_alloc(c, zero, regs);
	return ladder_end(p);
}

static __cold_path void *cached_interrupted(struct slab_cache *c, bool zero, const struct unwind_regs *regs)
{
	void *p = interrupted_alloc(slab_custom_size(c), slab_custom_align(c), zero, regs);

	if (p)
		slab_custom_construct(c, p);
	return p;
}

void *allocate_cached(struct slab_cache *c, bool zero, const struct unwind_regs *regs)
{
	void *p;

	if (unlikely(!ladder_start()))
		return cached_interrupted(c, zero, regs);
	p = cached_inside(c, zero, regs);
	runtime_leave();
	return p;
}

static __cold_path void release_cached_fenced(struct slab_cache *c, void *p, const struct unwind_regs *regs)
{
	uint32_t owner;

	if (!slab_custom_check(c, regs))
		return;
	owner = fence_owner(p);
	if (owner && owner != slab_custom_id(c))
		slab_custom_report_wrong(c, owner, p, regs);
	fence_free(p, SLAB_API_CACHE, SIZE_MAX, regs);
}

void release_cached(struct slab_cache *c, void *p, const struct unwind_regs *regs)
{
	if (unlikely(!runtime_enter())) {
		interrupted_free(p, SLAB_API_CACHE, SIZE_MAX, 0, regs);
		return;
	}
	if (likely(!fence_contains(p)))
		slab_custom_free(c, p, regs);
	else
		release_cached_fenced(c, p, regs);
	runtime_leave();
}

/* ---- vmalloc, pages -------------------------------------------------------------------------- */

void *allocate_vmalloc(size_t size, bool zero, const struct unwind_regs *regs)
{
	void *p;

	if (unlikely(!ladder_start()))
		return interrupted_alloc(size, PAGE_SIZE, zero, regs);
	if (unlikely(failslab_on) && failslab_should("vmalloc", size, regs))
		p = ladder_failed();
	else
		p = ladder_end(size <= PTRDIFF_MAX ? slab_vmalloc(size, zero, regs) : NULL);
	runtime_leave();
	return p;
}

void release_vmalloc(void *p, const struct unwind_regs *regs)
{
	if (unlikely(!runtime_enter())) {
		interrupted_free(p, SLAB_API_VMALLOC, SIZE_MAX, 0, regs);
		return;
	}
	if (unlikely(fence_contains(p)))
		fence_free(p, SLAB_API_VMALLOC, SIZE_MAX, regs);
	else
		slab_release(p, SLAB_API_VMALLOC, regs);
	runtime_leave();
}

void *allocate_pages(unsigned order, bool zero, const struct unwind_regs *regs)
{
	void *p;

	if (unlikely(!ladder_start()))
		return order < 40 ? interrupted_alloc(PAGE_SIZE << order, PAGE_SIZE, zero, regs) : ladder_failed();
	if (unlikely(failslab_on) && failslab_should("pages", PAGE_SIZE << order, regs))
		p = ladder_failed();
	else
		p = ladder_end(slab_pages_alloc(order, zero, regs));
	runtime_leave();
	return p;
}

void release_pages(void *p, unsigned order, const struct unwind_regs *regs)
{
	if (unlikely(!runtime_enter())) {
		interrupted_free(p, SLAB_API_PAGES, SIZE_MAX, order, regs);
		return;
	}
	if (unlikely(fence_contains(p)))
		fence_free(p, SLAB_API_PAGES, SIZE_MAX, regs);
	else if (likely(!interrupted_took_back(p)))
		slab_pages_free(p, order, regs);
	runtime_leave();
}
