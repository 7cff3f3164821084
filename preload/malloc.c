/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/malloc.c - the malloc family: the rules of C, POSIX and glibc's manual about sizes, alignments and errno.
 * slab/ does the rest.
 *
 * Each exported function records its own registers, so a stack starts at its caller.  In production the fast paths of
 * slab/fast.h come first and nothing else is touched.
 */
#include "preload/preload.h"

#include <errno.h>
#include <gnu/libc-version.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

MEMSAN_EXPORT void free_sized(void *p, size_t size);
MEMSAN_EXPORT void free_aligned_sized(void *p, size_t align, size_t size);

MEMSAN_EXPORT void *malloc(size_t size)
{
	void *p = slab_malloc_fast(size);
	struct unwind_regs regs;

	if (likely(p))
		return p;
	UNWIND_HERE(&regs);
	return allocate_object(size, MIN_ALIGN, SLAB_API_MALLOC, false, &regs);
}

MEMSAN_EXPORT void free(void *p)
{
	struct unwind_regs regs;

	if (likely(slab_free_fast(p)))
		return;
	if (!p && likely(!READ_ONCE(process_key_is_gone)))
		return;
	UNWIND_HERE(&regs);
	if (p)
		release_object(p, SLAB_API_MALLOC, SIZE_MAX, &regs);
	else
		process_freed_nothing(&regs);
}

MEMSAN_EXPORT void *calloc(size_t n, size_t size)
{
	size_t bytes;
	void *p;
	struct unwind_regs regs;

	if (unlikely(__builtin_mul_overflow(n, size, &bytes))) {
		UNWIND_HERE(&regs);
		return allocate_overflow(n, size, &regs);
	}
	p = slab_malloc_fast(bytes);
	if (likely(p))
		return mem_set(p, 0, bytes);
	UNWIND_HERE(&regs);
	return allocate_object(bytes, MIN_ALIGN, SLAB_API_MALLOC, true, &regs);
}

MEMSAN_EXPORT void *realloc(void *p, size_t size)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	return reallocate_object(p, size, &regs);
}

void *(*malloc_programs_realloc)(void *p, size_t size);

MEMSAN_EXPORT void *reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;
	struct unwind_regs regs;

	if (unlikely(__builtin_mul_overflow(n, size, &bytes))) {
		UNWIND_HERE(&regs);
		return allocate_overflow(n, size, &regs);
	}
	if (unlikely(malloc_programs_realloc))
		return malloc_programs_realloc(p, bytes);
	UNWIND_HERE(&regs);
	return reallocate_object(p, bytes, &regs);
}

/* No address but 0 is a multiple of this in user space. */
#define ALIGN_IMPOSSIBLE ((size_t)1 << 47)

static inline void *allocate_aligned(size_t size, size_t align, const struct unwind_regs *regs)
{
	void *p = allocate_object(size, align, SLAB_API_MEMALIGN, false, regs);

	if (unlikely(!p) && align >= ALIGN_IMPOSSIBLE && size <= PTRDIFF_MAX && !slab_is_inside())
		allocate_impossible(size, align, regs);
	return p;
}

MEMSAN_EXPORT int posix_memalign(void **out, size_t align, size_t size)
{
	struct unwind_regs regs;
	uintptr_t bad;
	int saved;
	void *p;

	UNWIND_HERE(&regs);
	saved = errno;
	if (unlikely(!IS_POW2(align) || align % sizeof(void *) != 0)) {
		allocate_misaligned(align, false, &regs);
		errno = saved;
		return EINVAL;
	}
	p = allocate_aligned(size, MAX(align, (size_t)MIN_ALIGN), &regs);
	errno = saved;
	if (!p)
		return ENOMEM;
	bad = shadow_find_bad(out, sizeof(*out));
	if (unlikely(bad))
		shadow_report_range(out, sizeof(*out), bad, ACCESS_WRITE, "posix_memalign", &regs);
	*out = p;
	return 0;
}

/* Any alignment rounded up to a power of two; 0: there is none. */
static size_t round_alignment(size_t align)
{
	size_t rounded = MIN_ALIGN;

	if (align > SIZE_MAX / 2 + 1)
		return 0;
	while (rounded < align)
		rounded <<= 1;
	return rounded;
}

/* Since 2.38, aligned_alloc of glibc wants a power of two, as C does.  Before, it was memalign by another name. */
static bool aligned_alloc_rounds(void)
{
	uint64_t minor;

	return number_decimal(gnu_get_libc_version() + 2, &minor) && minor < 38;
}

MEMSAN_EXPORT void *aligned_alloc(size_t align, size_t size)
{
	size_t rounded = IS_POW2(align) || aligned_alloc_rounds() ? round_alignment(align) : 0;
	struct unwind_regs regs;

	UNWIND_HERE(&regs);
	if (unlikely(!IS_POW2(align)))
		allocate_misaligned(align, false, &regs);
	if (!rounded) {
		errno = EINVAL;
		return NULL;
	}
	return allocate_aligned(size, rounded, &regs);
}

/* memalign predates POSIX: glibc rounds any alignment up to a power of two, and programs built for it may count on
 * that. */
MEMSAN_EXPORT void *memalign(size_t align, size_t size)
{
	size_t rounded = round_alignment(align);
	struct unwind_regs regs;

	if (!rounded) {
		errno = EINVAL;
		return NULL;
	}
	UNWIND_HERE(&regs);
	return allocate_aligned(size, rounded, &regs);
}

MEMSAN_EXPORT void *valloc(size_t size)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	return allocate_object(size, PAGE_SIZE, SLAB_API_MEMALIGN, false, &regs);
}

MEMSAN_EXPORT void *pvalloc(size_t size)
{
	size_t rounded;
	struct unwind_regs regs;

	if (__builtin_add_overflow(size, PAGE_SIZE - 1, &rounded)) {
		UNWIND_HERE(&regs);
		return allocate_object(size, PAGE_SIZE, SLAB_API_MEMALIGN, false, &regs);
	}
	rounded = ALIGN_DOWN(rounded, PAGE_SIZE);
	UNWIND_HERE(&regs);
	return allocate_object(rounded ? rounded : PAGE_SIZE, PAGE_SIZE, SLAB_API_MEMALIGN, false, &regs);
}

/* C23: the size must be the allocation's, and so must the alignment. Only what aligned_alloc returned has one; memory
 * of posix_memalign and its like is taken for aligned_alloc's. */
MEMSAN_EXPORT void free_sized(void *p, size_t size)
{
	const struct free_told told = { SLAB_API_MALLOC, "free_sized", size, 0 };
	struct unwind_regs regs;

	if (likely(slab_free_fast(p)) || !p)
		return;
	UNWIND_HERE(&regs);
	release_told(p, &told, &regs);
}

MEMSAN_EXPORT void free_aligned_sized(void *p, size_t align, size_t size)
{
	struct free_told told = { SLAB_API_MEMALIGN, "free_aligned_sized", size, 0 };
	struct unwind_regs regs;

	if (likely(slab_free_fast(p)) || !p)
		return;
	UNWIND_HERE(&regs);
	told.align = MAX(round_alignment(align), (size_t)1);
	release_told(p, &told, &regs);
}

MEMSAN_EXPORT size_t malloc_usable_size(void *p)
{
	struct unwind_regs regs;

	if (!p)
		return 0;
	UNWIND_HERE(&regs);
	runtime_ensure();
	if (unlikely(slab_is_inside()) || unlikely(runtime_is_off()))
		return interrupted_size(p);
	if (unlikely(fence_contains(p))) {
		size_t size = fence_usable_size(p, NULL);

		if (size != SIZE_MAX)
			return size;
		fence_report_bad_size_query(p, &regs);
		return 0;
	}
	return slab_usable_size(p, &regs);
}

/* ---- glibc's tuning and statistics ----------------------------------------------------------- */

MEMSAN_EXPORT int malloc_trim(size_t pad)
{
	int given;

	if (!runtime_enter())
		return runtime_is_off() && skipped_next->malloc_trim ? skipped_next->malloc_trim(pad) : 0;
	slab_shrink_all();
	given = slab_trim(pad);
	runtime_leave();
	return given;
}

/* No parameter of glibc's allocator has a counterpart here.  Each is accepted and ignored; callers of mallopt do not
 * depend on its effect. */
MEMSAN_EXPORT int mallopt(int parameter, int value)
{
	runtime_ensure();
	if (runtime_is_off() && skipped_next->mallopt)
		return skipped_next->mallopt(parameter, value);
	return 1;
}

static void count_fenced(void *stats, uintptr_t addr, size_t size)
{
	struct slab_stats *s = stats;

	(void)addr;
	s->live_objects++;
	s->live_bytes += size;
}

void malloc_get_stats(struct slab_stats *s)
{
	slab_get_stats(s);
	fence_for_each_live(count_fenced, s);
}

MEMSAN_EXPORT struct mallinfo2 mallinfo2(void)
{
	struct slab_stats s;

	if (!runtime_enter())
		return runtime_is_off() && skipped_next->mallinfo2 ? skipped_next->mallinfo2()
		                                                   : (struct mallinfo2){ 0 };
	malloc_get_stats(&s);
	runtime_leave();
	return (struct mallinfo2){
		.arena = s.arena_mapped - s.large_bytes,
		.ordblks = s.live_objects,
		.hblks = s.large_areas,
		.hblkhd = s.large_bytes,
		.fsmblks = s.quarantine_bytes,
		.uordblks = s.live_bytes,
		.fordblks = s.free_bytes,
		.keepcost = s.free_bytes,
	};
}

/* The old structure has int members, which wrap as glibc's do. */
MEMSAN_EXPORT struct mallinfo mallinfo(void)
{
	struct mallinfo2 m = mallinfo2();
	struct mallinfo info = {
		.arena = (int)m.arena,
		.ordblks = (int)m.ordblks,
		.hblks = (int)m.hblks,
		.hblkhd = (int)m.hblkhd,
		.fsmblks = (int)m.fsmblks,
		.uordblks = (int)m.uordblks,
		.fordblks = (int)m.fordblks,
		.keepcost = (int)m.keepcost,
	};
	return info;
}

static void stats_line(void *ctx, const char *text)
{
	(void)ctx;
	os_write_all(2, text, str_length(text));
	os_write_all(2, "\n", 1);
}

/* glibc prints its own form to standard error.  This prints memsan's form, and memsan's own memory by cost centre. */
MEMSAN_EXPORT void malloc_stats(void)
{
	struct slab_stats s;
	char text[256];
	struct fmt_buf b;

	if (!runtime_enter()) {
		if (runtime_is_off() && skipped_next->malloc_stats)
			skipped_next->malloc_stats();
		return;
	}
	malloc_get_stats(&s);
	runtime_leave();
	fmt_init(&b, text, sizeof(text));
	fmt_printf(&b, "memsan: %llu bytes in %llu live objects, %llu in quarantine, %llu of the arena usable",
	           (unsigned long long)s.live_bytes, (unsigned long long)s.live_objects,
	           (unsigned long long)s.quarantine_bytes, (unsigned long long)s.arena_mapped);
	stats_line(NULL, text);
	for (unsigned c = 0; c < COST_NR; c++) {
		if (!meta_bytes(c))
			continue;
		fmt_init(&b, text, sizeof(text));
		fmt_printf(&b, "memsan: metadata %-12s %llu bytes", meta_name(c), (unsigned long long)meta_bytes(c));
		stats_line(NULL, text);
	}
	slab_print_slabinfo(stats_line, NULL);
}

/* XML as malloc_info(3) promises, with the totals that glibc's schema and ours share.  stdio belongs to the caller
 * here: the stream is an argument. */
MEMSAN_EXPORT int malloc_info(int flags, FILE *stream)
{
	struct slab_stats s;
	int n;

	runtime_ensure();
	if (runtime_is_off() && skipped_next->malloc_info)
		return skipped_next->malloc_info(flags, stream);
	if (flags != 0)
		return EINVAL; /* as glibc does: no -1, no errno */
	if (!runtime_enter())
		return -1;
	malloc_get_stats(&s);
	runtime_leave();
	n = fprintf(stream,
	            "<malloc version=\"memsan-1\">\n<heap nr=\"0\">\n"
	            "<total type=\"live\" count=\"%llu\" size=\"%llu\"/>\n"
	            "<total type=\"quarantine\" count=\"%llu\" size=\"%llu\"/>\n"
	            "<total type=\"mmap\" count=\"%llu\" size=\"%llu\"/>\n"
	            "<system type=\"current\" size=\"%llu\"/>\n</heap>\n</malloc>\n",
	            (unsigned long long)s.live_objects, (unsigned long long)s.live_bytes,
	            (unsigned long long)s.quarantine_objects, (unsigned long long)s.quarantine_bytes,
	            (unsigned long long)s.large_areas, (unsigned long long)s.large_bytes,
	            (unsigned long long)s.arena_mapped);
	return n < 0 ? -1 : 0;
}

/* glibc's internal names.  Some programs with a malloc of their own call these to reach libc's. */
#define LIBC_NAME(ret, name, params, args)      \
	MEMSAN_EXPORT ret __libc_##name params; \
	MEMSAN_EXPORT ret __libc_##name params  \
	{                                       \
		return name args;               \
	}
LIBC_NAME(void *, malloc, (size_t size), (size))
LIBC_NAME(void, free, (void *p), (p))
LIBC_NAME(void *, calloc, (size_t n, size_t size), (n, size))
LIBC_NAME(void *, realloc, (void *p, size_t size), (p, size))
LIBC_NAME(void *, memalign, (size_t align, size_t size), (align, size))
LIBC_NAME(void *, valloc, (size_t size), (size))
LIBC_NAME(void *, pvalloc, (size_t size), (size))
