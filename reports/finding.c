/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/finding.c - makes a report of what a detector found: the one path for slab, fence, shadow and the libc
 * checks. */
#include "config.h"

#include "reports/reports_internal.h"

static const char *entry_of(const struct finding *f)
{
	if (f->entry)
		return f->entry;
	return f->access == ACCESS_FREE ? report_api_names[f->api_used].free : NULL;
}

/* The forms of operator new and delete that take an alignment. */
static const char *form(enum slab_api api, bool aligned)
{
	return aligned && (api == SLAB_API_NEW || api == SLAB_API_NEW_ARRAY) ? "(std::align_val_t)" : "";
}

static void put_detail(struct report_record *r, const struct finding *f)
{
	const char *free_name = f->access == ACCESS_FREE && f->entry ? f->entry : report_api_names[f->api_used].free;
	char text[160];
	struct fmt_buf b;

	r->detail = report_string(r, f->detail);
	if (!f->object)
		return;
	fmt_init(&b, text, sizeof(text));
	if (f->kind == REPORT_ALLOC_DEALLOC_MISMATCH)
		fmt_printf(&b, "allocated with %s%s, freed with %s%s", report_api_names[f->object->api].alloc,
		           form(f->object->api, slab_object_align(f->object) > 16), free_name,
		           form(f->api_used, f->align_given != 0));
	else if (f->kind == REPORT_SIZED_DELETE_MISMATCH && f->align_given)
		fmt_printf(&b, "alignment given to %s: %zu; allocated: %zu", free_name, f->align_given,
		           slab_object_align(f->object));
	else if (f->kind == REPORT_SIZED_DELETE_MISMATCH)
		fmt_printf(&b, "size given to %s: %zu; allocated: %zu", free_name, f->size_given, f->object->size);
	if (b.len)
		r->detail = report_string(r, text);
}

struct told_finding {
	const struct finding *finding;
	enum report_outcome outcome;
};

static void finding_deep(void *arg)
{
	struct told_finding *t = arg;
	const struct finding *f = t->finding;
	struct report_record *r = report_begin(f->kind, f->component);

	if (!r)
		return;
	report_set_access(r, f->addr, f->size, f->access);
	r->bad_addr = f->bad;
	r->found_at = report_string(r, f->found_at);
	r->entry = report_string(r, entry_of(f));
	r->expected = f->expected;
	r->found = f->found;
	if (f->regs)
		report_add_regs(r, f->found_at ? STACK_NOTICED : STACK_ACCESS, f->regs, false);
	if (f->fill)
		f->fill(r, f);
	if (f->object)
		report_set_object(r, f->object);
	put_detail(r, f);
	if (f->memory_lo < f->memory_hi)
		report_set_memory(r, f->bad ? f->bad : f->addr, f->memory_lo, f->memory_hi);
	t->outcome = report_end(r);
}

enum report_outcome report_finding(const struct finding *f)
{
	struct told_finding t = { f, REPORT_NONE };

	deep_run(finding_deep, &t);
	return t.outcome;
}

/* A function of libc is given an argument that cannot be right: [p, p+n), and `detail` says why. */
static void report_argument(enum report_kind kind, const void *p, size_t n, enum report_access access,
                            const char *entry, const char *detail, const struct unwind_regs *regs,
                            void (*fill)(struct report_record *r, const struct finding *f))
{
	bool in_arena = arena_contains(p);
	struct slab_object object;
	const struct finding f = {
		.kind = kind,
		.component = "libc",
		.addr = (uintptr_t)p,
		.size = n,
		.access = access,
		.entry = entry,
		.detail = detail,
		.regs = regs,
		.fill = fill,
		.object = slab_find_object((uintptr_t)p, &object) ? &object : NULL,
		.memory_lo = in_arena ? arena_base : 0,
		.memory_hi = in_arena ? arena_base + arena_size : 0,
	};

	report_finding(&f);
}

void report_negative(const void *p, size_t n, enum report_access access, const char *entry,
                     const struct unwind_regs *regs, void (*fill)(struct report_record *r, const struct finding *f))
{
	char detail[80];
	struct fmt_buf b;

	fmt_init(&b, detail, sizeof(detail));
	fmt_printf(&b, "size %ld (0x%zx)", (long)n, n);
	report_argument(REPORT_NEGATIVE_SIZE, p, n, access, entry, detail, regs, fill);
}

void report_overlap(const void *dst, size_t dst_size, const void *src, size_t src_size, const char *entry,
                    const struct unwind_regs *regs, void (*fill)(struct report_record *r, const struct finding *f))
{
	uintptr_t from = MAX((uintptr_t)dst, (uintptr_t)src),
		  to = MIN((uintptr_t)dst + dst_size, (uintptr_t)src + src_size);
	char detail[200];
	struct fmt_buf b;

	fmt_init(&b, detail, sizeof(detail));
	fmt_printf(&b, "destination [%p, %p) and source [%p, %p) have %zu bytes in common", dst,
	           (const void *)((const char *)dst + dst_size), src, (const void *)((const char *)src + src_size),
	           (size_t)(to - from));
	report_argument(REPORT_PARAM_OVERLAP, dst, dst_size, ACCESS_WRITE, entry, detail, regs, fill);
}
