/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/new.c - C++ operator new and delete, every form of [new.delete], under their mangled names (Itanium C++ ABI).
 *
 * The library is C and must not pull libstdc++ into C programs.  The failing path needs the new-handler, and a way to
 * throw std::bad_alloc; both are weak references.  The shared library looks them up again, in case dlopen loaded a C++
 * library after us.
 */
#include "preload/preload.h"

typedef void (*new_handler_fn)(void);
__attribute__((weak)) extern new_handler_fn _ZSt15get_new_handlerv(void); /* std::get_new_handler() */
__attribute__((weak)) extern void _ZSt17__throw_bad_allocv(void);         /* std::__throw_bad_alloc() */
__attribute__((weak)) extern void *__cxa_allocate_exception(size_t size);
__attribute__((weak)) extern void __cxa_throw(void *exception, void *type, void (*destroy)(void *));
__attribute__((weak)) extern const char _ZTISt9bad_alloc;          /* typeinfo for std::bad_alloc */
__attribute__((weak)) extern void *const _ZTVSt9bad_alloc[];       /* vtable for std::bad_alloc */
__attribute__((weak)) extern void _ZNSt9bad_allocD1Ev(void *self); /* std::bad_alloc::~bad_alloc() */
/* Set by unseen/modules.c, which a static program does not have. */
void *(*new_find_in_libstdcxx)(const char *name);

static void *find_in_libstdcxx(const char *name)
{
	return new_find_in_libstdcxx ? new_find_in_libstdcxx(name) : NULL;
}

static new_handler_fn current_new_handler(void)
{
	new_handler_fn (*get)(void);

	if (&_ZSt15get_new_handlerv)
		return _ZSt15get_new_handlerv();
	get = (new_handler_fn(*)(void))find_in_libstdcxx("_ZSt15get_new_handlerv");
	return get ? get() : NULL;
}

/* A static program has std::__throw_bad_alloc() only when something else uses it.  But wherever bad_alloc can be caught
 * by its name, its parts are there: an object of a class without members is its vtable pointer (Itanium C++ ABI, 2.5.2
 * and EH 2.4). */
static __cold_path void throw_by_parts(void)
{
	void **exception;

	if (!&__cxa_allocate_exception || !&__cxa_throw || !&_ZTISt9bad_alloc || !&_ZTVSt9bad_alloc ||
	    !&_ZNSt9bad_allocD1Ev)
		return;
	exception = __cxa_allocate_exception(sizeof(void *));
	*exception = (void *)&_ZTVSt9bad_alloc[2];
	__cxa_throw(exception, (void *)&_ZTISt9bad_alloc, _ZNSt9bad_allocD1Ev);
}

static __cold_path void throw_bad_alloc(void)
{
	void (*throw)(void);

	if (&_ZSt17__throw_bad_allocv)
		_ZSt17__throw_bad_allocv();
	throw_by_parts();
	throw = (void (*)(void))find_in_libstdcxx("_ZSt17__throw_bad_allocv");
	if (throw)
		throw();
	report_line("operator new: out of memory, and no C++ runtime to throw std::bad_alloc with");
	os_abort();
}

/* The nothrow forms must catch an exception of the new-handler, and C cannot do that.  libstdc++'s own nothrow forms
 * can: they call the throwing forms, which are ours, and catch.  (A static program gets libstdc++'s nothrow forms from
 * the start: preload/local.mk.) */
static __cold_path void *new_by_libstdcxx(size_t size, size_t align, enum slab_api api)
{
	bool array = api == SLAB_API_NEW_ARRAY;
	void *(*aligned)(size_t, size_t, const void *);
	void *(*plain)(size_t, const void *);

	if (!current_new_handler())
		return NULL;
	if (align > MIN_ALIGN) {
		aligned = (void *(*)(size_t, size_t, const void *))find_in_libstdcxx(
			array ? "_ZnamSt11align_val_tRKSt9nothrow_t" : "_ZnwmSt11align_val_tRKSt9nothrow_t");
		return aligned ? aligned(size, align, NULL) : NULL;
	}
	plain = (void *(*)(size_t, const void *))find_in_libstdcxx(array ? "_ZnamRKSt9nothrow_t"
	                                                                 : "_ZnwmRKSt9nothrow_t");
	return plain ? plain(size, NULL) : NULL;
}

/* A request, with the registers of the operator's caller. */
struct new_request {
	struct unwind_regs regs;
	size_t size, align;
};

/* There is no memory, or r->align is no power of two.  The loop of [new.delete.single]: call the new-handler until
 * memory is found or there is no handler.  A handler cannot help against a bad alignment; libstdc++ does not call it
 * then either. */
static __cold_path void *new_failed(const struct new_request *r, enum slab_api api, bool nothrow)
{
	bool possible = IS_POW2(r->align);
	new_handler_fn handler;
	void *p = NULL;

	if (nothrow)
		return possible ? new_by_libstdcxx(r->size, r->align, api) : NULL;
	while (!p) {
		handler = possible ? current_new_handler() : NULL;
		if (handler)
			handler();
		else
			throw_bad_alloc();
		p = allocate_object(r->size, MAX(r->align, (size_t)MIN_ALIGN), api, false, &r->regs);
	}
	return p;
}

static __attribute__((noinline)) void *new_object(const struct new_request *r, enum slab_api api, bool nothrow)
{
	void *p = NULL;

	if (likely(IS_POW2(r->align)))
		p = allocate_object(r->size, MAX(r->align, (size_t)MIN_ALIGN), api, false, &r->regs);
	else
		allocate_misaligned(r->align, true, &r->regs);
	return likely(p) ? p : new_failed(r, api, nothrow);
}

void *operator_forward[OPERATOR_NR];

/* nothrow_t and align_val_t are passed as a reference and an integer. */
#define DEFINE_NEW(name, params, args, alignment, api, nothrow)                             \
	MEMSAN_EXPORT void *name params;                                                    \
	MEMSAN_EXPORT void *name params                                                     \
	{                                                                                   \
		struct new_request r;                                                       \
		void *fast;                                                                 \
		if (unlikely(operator_forward[OPERATOR_##name]))                            \
			return ((__typeof__(name) *)operator_forward[OPERATOR_##name])args; \
		fast = (alignment) == 0 ? slab_malloc_fast(size) : NULL;                    \
		if (likely(fast))                                                           \
			return fast;                                                        \
		UNWIND_HERE(&r.regs);                                                       \
		r.size = size;                                                              \
		r.align = (alignment) ? (alignment) : MIN_ALIGN;                            \
		return new_object(&r, api, nothrow);                                        \
	}

#define NOTHROW const void *tag
DEFINE_NEW(_Znwm, (size_t size), (size), 0, SLAB_API_NEW, false)
DEFINE_NEW(_Znam, (size_t size), (size), 0, SLAB_API_NEW_ARRAY, false)
DEFINE_NEW(_ZnwmRKSt9nothrow_t, (size_t size, NOTHROW), (size, tag), 0, SLAB_API_NEW, true)
DEFINE_NEW(_ZnamRKSt9nothrow_t, (size_t size, NOTHROW), (size, tag), 0, SLAB_API_NEW_ARRAY, true)
DEFINE_NEW(_ZnwmSt11align_val_t, (size_t size, size_t align), (size, align), align, SLAB_API_NEW, false)
DEFINE_NEW(_ZnamSt11align_val_t, (size_t size, size_t align), (size, align), align, SLAB_API_NEW_ARRAY, false)
DEFINE_NEW(_ZnwmSt11align_val_tRKSt9nothrow_t, (size_t size, size_t align, NOTHROW), (size, align, tag), align,
           SLAB_API_NEW, true)
DEFINE_NEW(_ZnamSt11align_val_tRKSt9nothrow_t, (size_t size, size_t align, NOTHROW), (size, align, tag), align,
           SLAB_API_NEW_ARRAY, true)

#define DEFINE_FREE(name, params, args, release)                                      \
	MEMSAN_EXPORT void name params;                                               \
	MEMSAN_EXPORT void name params                                                \
	{                                                                             \
		struct unwind_regs regs;                                              \
		if (unlikely(operator_forward[OPERATOR_##name])) {                    \
			((__typeof__(name) *)operator_forward[OPERATOR_##name]) args; \
			return;                                                       \
		}                                                                     \
		if (likely(slab_free_fast(p)) || !p)                                  \
			return;                                                       \
		UNWIND_HERE(&regs);                                                   \
		release;                                                              \
	}

#define DEFINE_DELETE(name, params, args, size_given, api) \
	DEFINE_FREE(name, params, args, release_object(p, api, size_given, &regs))

DEFINE_DELETE(_ZdlPv, (void *p), (p), SIZE_MAX, SLAB_API_NEW)
DEFINE_DELETE(_ZdaPv, (void *p), (p), SIZE_MAX, SLAB_API_NEW_ARRAY)
DEFINE_DELETE(_ZdlPvm, (void *p, size_t size), (p, size), size, SLAB_API_NEW)
DEFINE_DELETE(_ZdaPvm, (void *p, size_t size), (p, size), size, SLAB_API_NEW_ARRAY)
DEFINE_DELETE(_ZdlPvRKSt9nothrow_t, (void *p, NOTHROW), (p, tag), SIZE_MAX, SLAB_API_NEW)
DEFINE_DELETE(_ZdaPvRKSt9nothrow_t, (void *p, NOTHROW), (p, tag), SIZE_MAX, SLAB_API_NEW_ARRAY)
/* 0 is no alignment; it is compared as 1. */
#define DEFINE_ALIGNED_DELETE(name, params, args, size_given, family) \
	DEFINE_FREE(name, params, args,                               \
	            release_told(p, &(struct free_told){ family, NULL, size_given, MAX(align, (size_t)1) }, &regs))

DEFINE_ALIGNED_DELETE(_ZdlPvSt11align_val_t, (void *p, size_t align), (p, align), SIZE_MAX, SLAB_API_NEW)
DEFINE_ALIGNED_DELETE(_ZdaPvSt11align_val_t, (void *p, size_t align), (p, align), SIZE_MAX, SLAB_API_NEW_ARRAY)
DEFINE_ALIGNED_DELETE(_ZdlPvmSt11align_val_t, (void *p, size_t size, size_t align), (p, size, align), size,
                      SLAB_API_NEW)
DEFINE_ALIGNED_DELETE(_ZdaPvmSt11align_val_t, (void *p, size_t size, size_t align), (p, size, align), size,
                      SLAB_API_NEW_ARRAY)
DEFINE_ALIGNED_DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, (void *p, size_t align, NOTHROW), (p, align, tag), SIZE_MAX,
                      SLAB_API_NEW)
DEFINE_ALIGNED_DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, (void *p, size_t align, NOTHROW), (p, align, tag), SIZE_MAX,
                      SLAB_API_NEW_ARRAY)
